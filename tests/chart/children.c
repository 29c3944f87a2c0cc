/* SPDX-License-Identifier: MIT */

/*
 * Children: what a parent, its machines and its services see of each other, and in what order.
 * The breadth is in the conformance cases; here is what those cannot show: the C side.
 */

#include "tests/chart/kit.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static uint64_t tokens[8]; /* of services, in the order in which they were started */
static size_t started;

static void start_work(const struct smew_service *service)
{
    char input[64];

    (void)smew_value_json(service->input, input, sizeof input);
    kit_write(service->user, "work+%s%s", service->id, service->input ? input : "");
    tokens[started++ % 8] = service->token;
}

static void stop_work(const struct smew_service *service)
{
    kit_write(service->user, "work-%s", service->id);
}

/* Settles before start has returned. */
static void start_quick(const struct smew_service *service)
{
    kit_write(service->user, "quick");
    assert_int_equal(smew_machine_settle(service->machine, service->token, true, "1", 0, NULL),
                     SMEW_OK);
    assert_int_equal(smew_machine_settle(service->machine, service->token, true, "1", 0, NULL),
                     SMEW_NOT_FOUND);
}

static const struct smew_named_service services[] = {
    {"work", start_work, stop_work}, {"quick", start_quick, NULL}, {"idle", NULL, NULL}};

/* What a machine that others invoke may be. */
static const char child_text[] =
    "{'initial':'a','entry':{'type':'mark','params':{'id':'+child'}},'output':{'sum':7},'states':{"
    "'a':{'on':{'PING':{'actions':[{'type':'mark','params':{'id':'ping'}},"
    "{'type':'@xstate.sendTo','to':'#_parent','event':{'type':'PONG','n':1}}]},'END':'end',"
    "'FAIL':{'actions':{'type':'@xstate.sendTo','to':'#_nobody','event':{'type':'X'}}}},"
    "'after':{'50':'late'},'invoke':{'src':'work','id':'inner'}},'late':{},"
    "'end':{'type':'final'}}}";

static struct smew_chart *load(const char *text, struct smew_chart *child)
{
    struct smew_named_chart charts[] = {{"child", child}};
    struct smew_behavior behavior = *kit_behavior();
    struct smew_chart *chart = NULL;
    struct smew_error error;
    char *json = strdup(text);

    for (char *at = json; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    behavior.services = services;
    behavior.service_count = sizeof services / sizeof *services;
    behavior.charts = charts;
    behavior.chart_count = child ? 1 : 0;
    if (smew_chart_load_json(json, strlen(json), "test", &behavior, &chart, &error) != SMEW_OK)
        fail_msg("%s", error.text);
    free(json);
    return chart;
}

static struct smew_chart *load_family(const char *text)
{
    struct smew_chart *child = load(child_text, NULL);
    struct smew_chart *chart = load(text, child);

    smew_chart_unref(child); /* the parent's chart holds it */
    return chart;
}

static struct smew_machine *start(const char *text, struct kit_log *log)
{
    struct smew_chart *chart = load_family(text);
    struct smew_machine_host host = kit_host(log);
    struct smew_machine *machine;

    started = 0;
    log->text[0] = '\0';
    assert_int_equal(smew_machine_create(chart, "root", &host, &machine), SMEW_OK);
    smew_chart_unref(chart);
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
    return machine;
}

static void expect(const struct smew_machine *machine, struct kit_log *log, const char *state,
                   const char *text)
{
    char buffer[256];

    (void)smew_machine_state(machine, buffer, sizeof buffer);
    assert_string_equal(buffer, state);
    assert_string_equal(log->text, text);
    log->text[0] = '\0';
}

/* ---- services ------------------------------------------------------------------------ */

static const char service_text[] =
    "{'initial':'a','states':{'a':{'invoke':{'src':'work','id':'w','input':{'n':1},"
    "'onDone':{'target':'b','actions':'note'},'onError':{'target':'c','actions':'note'}},"
    "'on':{'GO':'d'}},'b':{},'c':{},'d':{'on':{'BACK':'a'}}}}";

static void test_service_settles(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = start(service_text, &log);
    struct smew_child child;
    struct smew_step step;

    (void)state;
    expect(machine, &log, "a", "work+w{\"n\":1}");
    assert_true(smew_machine_child(machine, "w", &child));
    assert_int_equal(child.life, SMEW_LIFE_ACTIVE);
    assert_string_equal(child.source, "work");
    assert_true(child.token == tokens[0] && !child.machine);
    assert_false(smew_machine_child(machine, "x", &child));
    assert_int_equal(smew_machine_settle(machine, 99, true, NULL, 0, NULL), SMEW_NOT_FOUND);
    assert_int_equal(smew_machine_settle(machine, tokens[0], true, "\xff", 0, NULL), SMEW_INVALID);
    assert_int_equal(smew_machine_settle(machine, tokens[0], true, "[2]", 5, &step), SMEW_OK);
    assert_true(step.handled && step.changed && !step.done);
    expect(machine, &log, "b", "xstate.done.actor.w{\"output\":[2]}");
    assert_int_equal(smew_machine_child_count(machine), 0);
    smew_machine_destroy(machine);
}

static void test_service_fails_or_is_stopped(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = start(service_text, &log);

    (void)state;
    assert_int_equal(kit_send(machine, "GO", NULL, NULL), SMEW_OK);
    expect(machine, &log, "d", "work+w{\"n\":1} work-w");
    assert_int_equal(smew_machine_settle(machine, tokens[0], true, NULL, 0, NULL), SMEW_NOT_FOUND);
    assert_int_equal(kit_send(machine, "BACK", NULL, NULL), SMEW_OK);
    assert_true(tokens[1] != tokens[0]);
    assert_int_equal(smew_machine_settle(machine, tokens[0], true, NULL, 0, NULL), SMEW_NOT_FOUND);
    assert_int_equal(smew_machine_settle(machine, tokens[1], false, "\"no\"", 0, NULL), SMEW_OK);
    expect(machine, &log, "c", "work+w{\"n\":1} xstate.error.actor.w{\"error\":\"no\"}");
    smew_machine_destroy(machine);
}

static void test_destroy_stops_services(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = start(service_text, &log);

    (void)state;
    smew_machine_destroy(machine);
    assert_string_equal(log.text, "work+w{\"n\":1} work-w");
}

static void test_service_settles_at_once(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = start(
        "{'initial':'a','states':{'a':{'invoke':{'src':'quick','onDone':{'target':'b','actions':"
        "'note'}}},'b':{'invoke':{'src':'idle'}}}}",
        &log);

    (void)state;
    expect(machine, &log, "b", "quick xstate.done.actor.0.(machine).a{\"output\":1}");
    smew_machine_destroy(machine);
}

static void test_unhandled_error_stops_the_machine(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = start("{'invoke':{'src':'work','id':'w'}}", &log);

    (void)state;
    assert_int_equal(smew_machine_settle(machine, tokens[0], false, "{\"code\":3}", 0, NULL),
                     SMEW_REJECTED);
    assert_int_equal(smew_machine_life(machine), SMEW_LIFE_FAILED);
    assert_string_equal(smew_machine_error(machine), "{\"code\":3}");
    assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_STOPPED);
    smew_machine_destroy(machine);
}

/* ---- machines ------------------------------------------------------------------------ */

static const char family_text[] =
    "{'initial':'p','states':{'p':{'invoke':{'src':'child','id':'kid',"
    "'onDone':{'target':'q','actions':'note'},'onError':{'target':'r','actions':'note'}},"
    "'on':{'PING':{'actions':{'type':'@xstate.sendTo','to':'kid','event':{'type':'PING'}}},"
    "'END':{'actions':{'type':'@xstate.sendTo','to':'#_kid','event':{'type':'END'}}},"
    "'FAIL':{'actions':{'type':'@xstate.sendTo','to':'kid','event':{'type':'FAIL'}}},"
    "'PONG':{'actions':'note'},'GO':'q'}},'q':{},'r':{}}}";

static void test_child_machine(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = start(family_text, &log);
    struct smew_child child;
    struct smew_child inner;

    (void)state;
    expect(machine, &log, "p", "+child work+inner");
    assert_int_equal(kit_send(machine, "PING", NULL, NULL), SMEW_OK);
    expect(machine, &log, "p", "ping PONG{\"n\":1}");
    assert_true(smew_machine_child_at(machine, 0, &child));
    assert_false(smew_machine_child_at(machine, 1, &inner));
    assert_string_equal(smew_machine_id(child.machine), "kid");
    assert_ptr_equal(smew_machine_parent(child.machine), machine);
    assert_true(smew_machine_child(child.machine, "inner", &inner));
    assert_int_equal(kit_send(child.machine, "PING", NULL, NULL), SMEW_OK);
    expect(machine, &log, "p", "ping PONG{\"n\":1}");
    assert_int_equal(smew_machine_due_ns(machine), 50000000);
    assert_int_equal(smew_machine_advance(machine, 50000000, NULL), SMEW_OK);
    assert_true(smew_machine_in(child.machine, "late"));
    expect(machine, &log, "p", "work-inner");
    smew_machine_destroy(child.machine); /* its parent's to destroy: nothing happens */
    assert_int_equal(kit_send(machine, "GO", NULL, NULL), SMEW_OK);
    expect(machine, &log, "q", "");
    smew_machine_destroy(machine);
}

static void test_child_ends(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = start(family_text, &log);

    (void)state;
    log.text[0] = '\0';
    assert_int_equal(kit_send(machine, "END", NULL, NULL), SMEW_OK);
    expect(machine, &log, "q", "work-inner xstate.done.actor.kid{\"output\":{\"sum\":7}}");
    assert_int_equal(smew_machine_due_ns(machine), UINT64_MAX);
    smew_machine_destroy(machine);
}

static void test_child_fails(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = start(family_text, &log);

    (void)state;
    log.text[0] = '\0';
    assert_int_equal(kit_send(machine, "FAIL", NULL, NULL), SMEW_OK);
    expect(machine, &log, "r",
           "xstate.error.actor.kid{\"error\":{\"status\":\"NO_MACHINE\"}} work-inner");
    smew_machine_destroy(machine);
}

static void test_parent_stops_its_child(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = start(family_text, &log);

    (void)state;
    log.text[0] = '\0';
    assert_int_equal(kit_send(machine, "GO", NULL, NULL), SMEW_OK);
    expect(machine, &log, "q", "work-inner");
    assert_int_equal(smew_machine_advance(machine, 100000000, NULL), SMEW_OK);
    expect(machine, &log, "q", "");
    smew_machine_destroy(machine);
}

/* Events to a child and back, once everything has been used. */
static void test_warm_family_allocates_nothing(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = start(family_text, &log);
    uint64_t before = 0;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        if (i == 10)
            before = smew__alloc_count();
        log.text[0] = '\0';
        assert_int_equal(kit_send(machine, "PING", NULL, NULL), SMEW_OK);
        assert_string_equal(log.text, "ping PONG{\"n\":1}");
    }
    assert_int_equal(smew__alloc_count() - before, 0);
    smew_machine_destroy(machine);
}

/* ---- limits -------------------------------------------------------------------------- */

static void test_generations_are_bounded(void **state)
{
    struct smew_chart *chart = load(child_text, NULL);
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    enum smew_status status = SMEW_OK;
    unsigned height = 0;

    (void)state;
    while (status == SMEW_OK && height < 100) {
        const char text[] = "{\"invoke\":{\"src\":\"below\"}}";
        struct smew_named_chart charts[] = {{"below", chart}};
        struct smew_chart *above = NULL;

        behavior.charts = charts;
        behavior.chart_count = 1;
        status = smew_chart_load_json(text, sizeof text - 1, "tower", &behavior, &above, NULL);
        if (status == SMEW_OK) {
            smew_chart_unref(chart);
            chart = above;
            height++;
        }
    }
    assert_int_equal(status, SMEW_LIMIT);
    assert_int_equal(height, 16);
    struct smew_machine *machine;
    assert_int_equal(smew_machine_create(chart, "m", NULL, &machine), SMEW_OK);
    smew_chart_unref(chart);
    smew_machine_destroy(machine);
}

/* A state that never rests spawns no child more often than a limit allows. */
static void test_ping_pong_comes_to_a_limit(void **state)
{
    struct kit_log log;
    struct smew_machine *machine =
        start("{'invoke':{'src':'child','id':'kid'},'on':{'*':{'actions':"
              "{'type':'@xstate.sendTo','to':'kid','event':{'type':'PING'}}}}}",
              &log);

    (void)state;
    assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_LIMIT);
    assert_int_equal(smew_machine_life(machine), SMEW_LIFE_FAILED);
    smew_machine_destroy(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_service_settles),
        SUPPORT_TEST(test_service_fails_or_is_stopped),
        SUPPORT_TEST(test_destroy_stops_services),
        SUPPORT_TEST(test_service_settles_at_once),
        SUPPORT_TEST(test_unhandled_error_stops_the_machine),
        SUPPORT_TEST(test_child_machine),
        SUPPORT_TEST(test_child_ends),
        SUPPORT_TEST(test_child_fails),
        SUPPORT_TEST(test_parent_stops_its_child),
        SUPPORT_TEST(test_warm_family_allocates_nothing),
        SUPPORT_TEST(test_generations_are_bounded),
        SUPPORT_TEST(test_ping_pong_comes_to_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
