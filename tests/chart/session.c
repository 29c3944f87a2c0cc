/* SPDX-License-Identifier: MIT */

/*
 * The script engine behind its interface: what it answers, and what no text can do to its host.
 */

#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chart/script.h"

struct world {
    const struct smew__script_engine *engine;
    struct smew__script_session *session;
    int64_t steps;
    uint64_t now_ns;
    struct smew__script_result result;
};

static bool in(void *owner, const char *state)
{
    (void)owner;
    return strcmp(state, "on") == 0;
}

static void open(struct world *world)
{
    struct smew__script_host host = {.in = in,
                                     .steps = &world->steps,
                                     .now_ns = &world->now_ns,
                                     .seed = 7,
                                     .memory_bytes = SMEW__SCRIPT_MEMORY_BYTES};

    *world = (struct world){
        .engine = smew__script_engine(), .steps = SMEW__SCRIPT_STEPS, .now_ns = UINT64_C(5000000)};
    smew__buffer_init(&world->result.text);
    if (world->engine)
        assert_int_equal(world->engine->create(&host, &world->session), SMEW_OK);
    else
        skip();
}

static void close(struct world *world)
{
    world->engine->destroy(world->session);
    smew__buffer_fini(&world->result.text);
}

static struct smew__code code(const char *text)
{
    return (struct smew__code){text, SMEW__CODE_NONE};
}

/* An expression's value as text: a string bare, anything else as JSON. */
static const char *value(struct world *world, const char *text)
{
    static char number[32];
    enum smew_status status = world->engine->value(world->session, code(text), &world->result);

    if (status != SMEW_OK)
        return world->engine->reason(world->session);
    switch (world->result.type) {
    case SMEW__SCRIPT_NOTHING:
        return "undefined";
    case SMEW__SCRIPT_BOOL:
        return world->result.truth ? "true" : "false";
    case SMEW__SCRIPT_NUMBER:
        (void)snprintf(number, sizeof number, "%g", world->result.number);
        return number;
    default:
        return (const char *)world->result.text.data;
    }
}

static enum smew_status run(struct world *world, const char *text)
{
    world->steps = SMEW__SCRIPT_STEPS;
    return world->engine->run(world->session, code(text));
}

/* ---- what it answers ----------------------------------------------------------------- */

static void test_values(void **state)
{
    static const char *const pairs[][2] = {
        {"1 + 1", "2"},
        {"'a' + 1 // a comment", "a1"},
        {"[1,{a:null}]", "[1,{\"a\":null}]"},
        {"undefined", "undefined"},
        {"function () {}", "undefined"},
        {"0/0", "null"},
        {"!0", "true"},
        {"'\\ud83d\\ude00' + '\\ud83d'", "\xF0\x9F\x98\x80\xEF\xBF\xBD"},
        {"'\xF0\x9F\x98\x80'.length", "2"},
        {"In('on')", "true"},
        {"In('off')", "false"},
        {"Date.now()", "5"},
        {"typeof Duktape", "undefined"},
        {"nothing.at.all", "ReferenceError: identifier 'nothing' undefined"},
    };
    struct world world;

    (void)state;
    open(&world);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(value(&world, pairs[i][0]), pairs[i][1]);
    close(&world);
}

static void test_variables(void **state)
{
    struct world world;
    uint32_t count;

    (void)state;
    open(&world);
    const struct smew__script_engine *engine = world.engine;
    assert_int_equal(engine->set(world.session, "x", "{\"a\":[1,2]}", 11, false), SMEW_OK);
    assert_int_equal(engine->set(world.session, "_event", "{\"name\":\"e\"}", 12, true), SMEW_OK);
    assert_int_equal(engine->assign(world.session, "x.b", code("x.a.length")), SMEW_OK);
    assert_string_equal(value(&world, "x"), "{\"a\":[1,2],\"b\":2}");
    assert_int_equal(engine->assign(world.session, "y", code("1")), SMEW_REJECTED);
    assert_int_equal(engine->assign(world.session, "_event", code("1")), SMEW_REJECTED);
    assert_int_equal(engine->assign(world.session, "_event.name", code("1")), SMEW_REJECTED);
    assert_int_equal(engine->set(world.session, "_event", "{\"name\":\"f\"}", 12, true), SMEW_OK);
    assert_string_equal(value(&world, "_event.name"), "f");
    assert_int_equal(engine->each(world.session, code("x.a"), "item", "at", 0, &count), SMEW_OK);
    assert_int_equal(count, 2);
    assert_int_equal(engine->next(world.session, "item", "at", 0, 1), SMEW_OK);
    assert_string_equal(value(&world, "item + at"), "3");
    assert_int_equal(engine->each(world.session, code("7"), "item", NULL, 0, &count),
                     SMEW_REJECTED);
    assert_int_equal(engine->each(world.session, code("x.a"), "'no'", NULL, 0, &count),
                     SMEW_REJECTED);
    assert_int_equal(run(&world, "function f() { return z } var z = 9"), SMEW_OK);
    assert_string_equal(value(&world, "f()"), "9");
    close(&world);
}

static enum smew_status collect(void *user, const char *name,
                                const struct smew__script_result *result)
{
    char *text = user;

    strcat(text, name);
    strcat(text, result->type == SMEW__SCRIPT_NOTHING ? "- " : "+ ");
    return SMEW_OK;
}

static void test_list(void **state)
{
    char names[100] = "";
    struct world world;

    (void)state;
    open(&world);
    assert_int_equal(run(&world, "var b = 1, a = {}, u; a.a = a; function f() {} var c = 's'"),
                     SMEW_OK);
    assert_int_equal(world.engine->list(world.session, collect, names), SMEW_OK);
    assert_non_null(strstr(names, "b+ a- u- "));
    assert_int_equal(run(&world, "a = 2"), SMEW_OK);
    names[0] = '\0';
    assert_int_equal(world.engine->list(world.session, collect, names), SMEW_OK);
    assert_non_null(strstr(names, "b+ a+ u- "));
    assert_null(strstr(names, "In"));
    close(&world);
}

/* The same text takes the same steps, and finds the same chance. */
static void test_same_again(void **state)
{
    static const char text[] = "var s = 0; for (var i = 0; i < 1000; i++) s += Math.random()";
    int64_t steps[2];
    double sums[2];
    struct world world;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open(&world);
        assert_int_equal(run(&world, text), SMEW_OK);
        steps[i] = world.steps;
        assert_string_not_equal(value(&world, "s"), "");
        sums[i] = world.result.number;
        close(&world);
    }
    assert_true(steps[0] < SMEW__SCRIPT_STEPS);
    assert_int_equal(steps[0], steps[1]);
    assert_true(sums[0] == sums[1]);
}

/* ---- what no text can do ------------------------------------------------------------- */

static const char *const attacks[] = {
    "for (;;);",
    "for (;;) try { for (;;); } catch (e) {} finally { for (;;); }",
    "function f() { f() } f()",
    "function f() { try { f() } catch (e) { f() } } f()",
    "function f() { return [1].map(f) } f()",
    "function f() { new Function('f()')() } f()",
    "var o = { toString: function () { return '' + o } }; '' + o",
    "var s = 'x'; for (;;) s += s",
    "var s = 'x'; for (;;) try { s += s } catch (e) { s = 'x' }",
    "'x'.repeat(1e9)",
    "new Array(1e9).join('x')",
    "var a = []; for (;;) a.push(a.slice())",
    "new Uint8Array(1e9)",
    "/^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab')",
    "for (;;) /^(a|a|a)*$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab')",
    "new RegExp(new Array(100000).join('('))",
    "/(?:a?){9999}/.test('b')",
    "Array.prototype.indexOf.call({ length: 4294967295 }, 1)",
    "Array.prototype.reverse.call({ length: 4294967295 })",
    "new Array(4294967295).sort()",
    "Array.prototype.splice.call({ length: 4294967295 }, 0, 1)",
    "var a = 'x'.repeat(1e6); a.indexOf(a.slice(0, 5e5) + 'y')",
    "var o = {}; for (var i = 0; i < 1e5; i++) o = { o: o }; JSON.stringify(o)",
    "JSON.parse(new Array(100000).join('['))",
    "eval(new Array(100000).join('['))",
    "eval(new Array(100000).join('-'))",
    "var p = {}; for (var i = 0; i < 1e5; i++) p = Object.create(p); p.x",
    "var p = new Proxy({}, { get: function (t, k, r) { return r[k] } }); p.x",
    "var x = [1]; for (var i = 0; i < 40; i++) x = [x, x]; JSON.stringify(x)",
    "'' + new Array(1e6)",
    "(function () {}).apply(null, { length: 4294967295 })",
    "String.fromCharCode.apply(null, new Array(1e6))",
    "while (true) new Function('return ' + Math.random())",
    "throw { toString: function () { for (;;); } }",
    "Object.defineProperty(this, 'x', { get: function () { for (;;); }, enumerable: true }); x",
};

/*
 * Whatever it tries: the call comes back, and the session goes on or says that it is dead.  How
 * each one ends depends on the build's stack frames, and on nothing else.
 */
static void test_attacks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        struct world world;
        enum smew_status status;

        open(&world);
        status = run(&world, attacks[i]);
        printf("%-9s %9lld steps  %s\n", smew_status_name(status),
               (long long)(SMEW__SCRIPT_STEPS - world.steps), attacks[i]);
        assert_true(status == SMEW_REJECTED || status == SMEW_LIMIT || status == SMEW_STOPPED);
        world.steps = SMEW__SCRIPT_STEPS;
        if (status == SMEW_STOPPED)
            assert_int_equal(run(&world, "1"), SMEW_STOPPED);
        else if (strcmp(value(&world, "6 * 7"), "42") != 0) /* it may have left no room */
            assert_non_null(strstr(world.engine->reason(world.session), "alloc failed"));
        close(&world);
    }
}

/* One that has nothing left gets no further than the reserve. */
static void test_nothing_left(void **state)
{
    struct world world;

    (void)state;
    open(&world);
    world.steps = 0;
    assert_int_equal(world.engine->run(world.session, code("for (;;);")), SMEW_LIMIT);
    world.steps = SMEW__SCRIPT_STEPS;
    assert_string_equal(value(&world, "1"), "1");
    close(&world);
}

static void live_once(void *argument)
{
    struct smew__script_engine const *engine = smew__script_engine();
    struct smew__script_session *session = NULL;
    struct smew__script_result result;
    int64_t steps = SMEW__SCRIPT_STEPS;
    struct smew__script_host host = {.steps = &steps, .memory_bytes = SMEW__SCRIPT_MEMORY_BYTES};
    enum smew_status status = engine->create(&host, &session);

    (void)argument;
    smew__buffer_init(&result.text);
    if (status == SMEW_OK)
        status = engine->run(session, (struct smew__code){"var a = [1,'x']", 0});
    if (status == SMEW_OK)
        status = engine->value(session, code("a"), &result);
    if (status != SMEW_OK && status != SMEW_NO_MEMORY && status != SMEW_STOPPED)
        fail_msg("%s", smew_status_name(status));
    smew__buffer_fini(&result.text);
    engine->destroy(session);
}

static void test_no_memory(void **state)
{
    (void)state;
    if (!smew__script_engine())
        skip();
    assert_true(support_walk_allocations(live_once, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_values),    SUPPORT_TEST(test_variables),
        SUPPORT_TEST(test_list),      SUPPORT_TEST(test_same_again),
        SUPPORT_TEST(test_attacks),   SUPPORT_TEST(test_nothing_left),
        SUPPORT_TEST(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
