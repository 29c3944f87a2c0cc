/* SPDX-License-Identifier: MIT */

/*
 * What scripts leave behind: the variables that the context learns of, and the words that an error
 * leaves.
 */

#include "tests/chart/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "chart/script.h"

#define HEAD "<scxml xmlns='http://www.w3.org/2005/07/scxml' datamodel='ecmascript'>"

static struct smew_machine *start_scxml(const char *text, struct kit_log *log)
{
    return kit_begin(kit_load_scripted(text), log);
}

static struct smew_machine *start_json(const char *text, struct kit_log *log)
{
    if (!smew__script_engine())
        skip();
    return kit_start(text, log);
}

static const char *context_of(const struct smew_machine *machine)
{
    static char text[500];

    (void)smew_value_json(smew_machine_context(machine), text, sizeof text);
    return text;
}

/* ---- variables ----------------------------------------------------------------------- */

/* One that JSON has no word for is null in the context, and those behind it are as they are. */
static void test_variables_without_a_word(void **state)
{
    static const char *const scripts[] = {
        "a = {}; a.a = a",
        "a = { toJSON: function() { throw 1 } }",
        "a = { get b() { throw 1 } }",
        "a = null; Object.defineProperty(this, 'c', { get: thrower, enumerable: true })",
        "a = 'nul \\u0000 inside'",
        "a = ['nul \\u0000 inside']",
        "a = NaN",
        "for (var i = 0; i &lt; 300; i++) a = [a]",
        "a = 'x'; while (a.length &lt; 1100000) a += a",
    };

    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct kit_log log;
        char text[1000];
        struct smew_machine *machine;

        (void)snprintf(text, sizeof text,
                       HEAD "<script>var a = 1; var b = 1; function thrower() { throw 1 "
                            "}</script><state id='s'><transition "
                            "event='X'><script>%s; b = 2</script></transition></state></scxml>",
                       scripts[i]);
        machine = start_scxml(text, &log);
        assert_string_equal(context_of(machine), "{\"a\":1,\"b\":1}");
        assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_OK);
        if (smew_value_number(smew_value_get(smew_machine_context(machine), "b"), 0) != 2)
            fail_msg("%s: %s", scripts[i], context_of(machine));
        (void)smew_value_json(smew_value_get(smew_machine_context(machine), "a"), text,
                              sizeof text);
        if (strcmp(text, "null") != 0)
            fail_msg("%s: a is %s", scripts[i], text);
        kit_stop(machine);
    }
}

/* Steps that are used up are an error of the script; what it had done by then is kept. */
static void test_variables_after_the_last_step(void **state)
{
    struct kit_log log;
    struct smew_machine *machine =
        start_scxml(HEAD "<datamodel><data id='n' expr='1'/></datamodel><state id='a'><transition "
                         "event='X' target='b'><assign location='n' expr='2'/><script>for (;;);"
                         "</script></transition></state><state id='b'/></scxml>",
                    &log);

    (void)state;
    assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_OK);
    assert_true(smew_machine_in(machine, "b"));
    assert_string_equal(context_of(machine), "{\"n\":2}");
    kit_stop(machine);
}

/* Getters that take all steps there are: the machine stops, with what it had before. */
static void test_variables_that_take_for_ever(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = start_scxml(
        HEAD "<script>var n = 1; var o = {};</script><state id='a'><transition event='X'><script>"
             "n = 2; o.toJSON = function() { for (;;); }</script></transition></state></scxml>",
        &log);

    (void)state;
    assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_LIMIT);
    assert_int_equal(smew_machine_life(machine), SMEW_LIFE_FAILED);
    assert_string_equal(context_of(machine), "{\"n\":1,\"o\":{}}");
    assert_true(strlen(smew_machine_error(machine)) > 10);
    kit_stop(machine);
}

/* ---- errors -------------------------------------------------------------------------- */

#define DEEP "(function() { var v = 1; for (var i = 0; i < 300; i++) v = [v]; return v })()"

static const struct {
    const char *actions;
    enum smew_status status;
    const char *words;
} json_errors[] = {
    {"{'type':'@xstate.assign','context':{'x':{'@expr':'" DEEP "'}}}", SMEW_LIMIT, "nests deeper"},
    {"{'type':'@xstate.log','args':[{'@expr':'" DEEP "'}]}", SMEW_LIMIT, "nests deeper"},
    {"{'type':'@xstate.raise','event':{'@expr':'({n: 1})'}}", SMEW_REJECTED, "type"},
    {"{'type':'@xstate.raise','event':{'@expr':'7'}}", SMEW_REJECTED, "type"},
    {"{'type':'@xstate.raise','event':{'@expr':'({type: 1})'}}", SMEW_REJECTED, "type"},
    {"{'type':'@xstate.raise','event':{'type':'E'},'delay':{'@expr':'-1'}}", SMEW_REJECTED,
     "delay"},
    {"{'type':'@xstate.raise','event':{'type':'E'},'delay':{'@expr':'({})'}}", SMEW_REJECTED,
     "delay"},
};

static void test_json_errors_have_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof json_errors / sizeof *json_errors; i++) {
        struct kit_log log;
        char text[1000];
        struct smew_machine *machine;

        (void)snprintf(text, sizeof text, "{'on':{'X':{'actions':%s}}}", json_errors[i].actions);
        machine = start_json(text, &log);
        enum smew_status status = kit_send(machine, "X", NULL, NULL);
        const char *error = smew_machine_error(machine);
        if (status != json_errors[i].status || !error || !strstr(error, json_errors[i].words))
            fail_msg("%s: %s, %s", text, smew_status_name(status), error ? error : "no words");
        kit_stop(machine);
    }
}

/* The guard's error is the first one, and the child's is not kept beside it. */
static void test_error_in_the_guard_of_an_error(void **state)
{
    struct kit_log log;
    struct smew_machine *machine =
        start_json("{'on':{'xstate.error.actor.w':{'guard':{'@expr':'no.where'}}}}", &log);

    (void)state;
    assert_int_equal(kit_send(machine, "xstate.error.actor.w", "{\"error\":7}", NULL),
                     SMEW_REJECTED);
    assert_non_null(strstr(smew_machine_error(machine), "ReferenceError"));
    kit_stop(machine);
}

/* W3C's: what an invoke gives its child nests too deep for a document. */
static void test_deep_input(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = start_scxml(
        HEAD "<state id='a'><invoke id='k'><param name='p' expr='(function() { var v = 1; for (var "
             "i = 0; i &lt; 300; i++) v = [v]; return v })()'/><content><scxml "
             "xmlns='http://www.w3.org/2005/07/scxml'><state id='x'/></scxml></content></invoke>"
             "<transition event='error.execution' target='b'/></state><state id='b'/></scxml>",
        &log);

    (void)state;
    assert_int_equal(smew_machine_life(machine), SMEW_LIFE_ACTIVE);
    assert_true(smew_machine_in(machine, "b"));
    kit_stop(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_variables_without_a_word),
        SUPPORT_TEST(test_variables_after_the_last_step),
        SUPPORT_TEST(test_variables_that_take_for_ever),
        SUPPORT_TEST(test_json_errors_have_words),
        SUPPORT_TEST(test_error_in_the_guard_of_an_error),
        SUPPORT_TEST(test_deep_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
