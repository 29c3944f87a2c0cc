/* SPDX-License-Identifier: MIT */

/*
 * Every allocation fails once, in a load, in a run, in a snapshot's restore, in scripts: nothing
 * crashes, nothing leaks, and a status says so.
 */

#include "tests/chart/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chart/script.h"

static const char chart_text[] =
    "{\"id\":\"m\",\"initial\":\"a\",\"context\":{\"n\":0,\"l\":[1,{\"x\":\"y\"}]},\"states\":{"
    "\"a\":{\"tags\":\"t\",\"meta\":{\"z\":null},\"entry\":[\"mark\",{\"type\":\"@xstate.assign\","
    "\"context\":{\"q\":\"text\"}}],\"after\":{\"10\":\"p\",\"soon\":[{\"guard\":\"no\"},\"p\"]},"
    "\"on\":{\"GO\":{\"target\":\"p\",\"guard\":{\"type\":\"@xstate.and\",\"guards\":[\"yes\","
    "{\"type\":\"@xstate.not\",\"guard\":{\"type\":\"@xstate.stateIn\",\"state\":{\"p\":{\"r\":"
    "\"f\""
    "}}}}]},\"actions\":[\"add\",{\"type\":\"@xstate.raise\",\"event\":{\"type\":\"R\",\"v\":1}},"
    "{\"type\":\"@xstate.sendTo\",\"to\":\"#_self\",\"event\":{\"type\":\"S\"}},"
    "{\"type\":\"@xstate.sendTo\",\"to\":\"nobody\",\"event\":{\"type\":\"S\"}},"
    "{\"type\":\"@xstate.raise\",\"event\":{\"type\":\"T\"},\"delay\":5,\"id\":\"t\"}]},\"x.*\":"
    "null}},"
    "\"p\":{\"type\":\"parallel\",\"states\":{\"r\":{\"initial\":\"f\",\"states\":{\"f\":{\"type\":"
    "\"final\",\"output\":[1]},\"h\":{\"type\":\"history\"}}},\"s\":{\"on\":{\"*\":{\"actions\":"
    "\"add\"}}}},\"on\":{\"BACK\":\"a\"}}}}";

static void load_once(void *argument)
{
    struct smew_chart *chart = NULL;
    struct smew_error error = {.status = SMEW_OK};
    enum smew_status status = smew_chart_load_json(chart_text, strlen(chart_text), "test",
                                                   kit_behavior(), &chart, &error);

    (void)argument;
    if (status != SMEW_OK && (status != SMEW_NO_MEMORY || error.status != status || chart))
        fail_msg("%s: %s", smew_status_name(status), error.text);
    smew_chart_unref(chart);
}

static void test_load(void **state)
{
    (void)state;
    assert_true(support_walk_allocations(load_once, NULL) > 50);
}

static void run_once(void *argument)
{
    static const char *const types[] = {"GO", "OTHER", "BACK", "GO", "BACK"};
    struct kit_log log = {""};
    struct smew_machine_host host = kit_host(&log);
    struct smew_machine *machine = NULL;
    enum smew_status status = smew_machine_create(argument, "self", &host, &machine);

    if (status == SMEW_OK)
        status = smew_machine_start(machine, 0, NULL);
    for (size_t i = 0; status == SMEW_OK && i < sizeof types / sizeof *types; i++) {
        struct smew_event event = {.type = types[i]};

        status = smew_machine_send(machine, &event, i * 100000000, NULL);
        if (status == SMEW_OK)
            status = smew_machine_advance(machine, i * 100000000 + 50000000, NULL);
    }
    if (status != SMEW_OK && status != SMEW_NO_MEMORY)
        fail_msg("%s", smew_status_name(status));
    smew_machine_destroy(machine);
}

static void test_run(void **state)
{
    struct smew_chart *chart = NULL;

    (void)state;
    assert_int_equal(
        smew_chart_load_json(chart_text, strlen(chart_text), "test", kit_behavior(), &chart, NULL),
        SMEW_OK);
    assert_true(support_walk_allocations(run_once, chart) > 5);
    smew_chart_unref(chart);
}

/* ---- a whole life -------------------------------------------------------------------- */

/* A family with all that allocates: children, services, timers, payloads, contexts, snapshots. */
static const char kid_text[] =
    "{\"id\":\"kid\",\"initial\":\"a\",\"context\":{\"n\":7},\"states\":{\"a\":{\"entry\":{"
    "\"type\":\"@xstate.sendTo\",\"to\":\"#_parent\",\"event\":{\"type\":\"HELLO\",\"n\":1}},"
    "\"invoke\":{\"src\":\"work\",\"id\":\"v\"},\"after\":{\"20\":\"b\"},\"on\":{\"GO\":\"b\"}},"
    "\"b\":{\"type\":\"final\"}},\"output\":{\"o\":[1]}}";
static const char family_text[] =
    "{\"id\":\"m\",\"initial\":\"a\",\"context\":{\"n\":0},\"states\":{\"a\":{\"invoke\":[{\"src\":"
    "\"kid\",\"id\":\"k\",\"onDone\":\"b\"},{\"src\":\"work\",\"id\":\"w\",\"input\":{\"i\":[1]},"
    "\"onDone\":{\"actions\":\"keep\"},\"onError\":\"b\"}],\"on\":{\"HELLO\":{\"actions\":\"keep\"}"
    ","
    "\"GO\":{\"actions\":[{\"type\":\"@xstate.sendTo\",\"to\":\"k\",\"event\":{\"type\":\"GO\"}},{"
    "\"type\":\"@xstate.spawnChild\",\"src\":\"kid\",\"id\":\"s\"},{\"type\":\"@xstate.raise\","
    "\"event\":"
    "{\"type\":\"L\"},\"delay\":5,\"id\":\"l\"}]}}},\"b\":{\"entry\":{\"type\":\"@xstate."
    "stopChild\",\"id\":"
    "\"s\"},\"on\":{\"BACK\":\"a\"}}}}";

static uint64_t token; /* of the last service that was started */

static void start_work(const struct smew_service *service)
{
    token = service->token;
}

/* Keeps a piece of the payload, and raises an event that the chart does not know. */
static void keep(const struct smew_call *call)
{
    const struct smew_value *payload = smew_call_payload(call);
    char text[64];

    (void)smew_value_json(payload, text, sizeof text);
    if (smew_machine_set_json(call->machine, "kept", text) != SMEW_OK ||
        smew_machine_set_string(call->machine, "text", text) != SMEW_OK ||
        smew_machine_raise(call->machine, "stranger") != SMEW_OK)
        return; /* an action may go on without */
}

static bool read_own(void *context, const struct smew_value *from)
{
    *(double *)context = smew_value_number(smew_value_get(from, "n"), 0);
    return true;
}

static size_t write_own(const void *context, char *buffer, size_t size_bytes)
{
    return (size_t)snprintf(buffer, size_bytes, "{\"n\":%g}", *(const double *)context);
}

static enum smew_status load_one(const char *text, const char *name, struct smew_chart *kid,
                                 struct smew_chart **chart)
{
    static const struct smew_named_service services[] = {{"work", start_work, NULL}};
    static const struct smew_named_action actions[] = {{"keep", keep}};
    const struct smew_named_chart charts[] = {{"kid", kid}};
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;

    behavior.actions = actions;
    behavior.action_count = 1;
    behavior.services = services;
    behavior.service_count = 1;
    behavior.charts = charts;
    behavior.chart_count = kid ? 1 : 0;
    behavior.context_bytes = sizeof(double);
    behavior.read_context = read_own;
    behavior.write_context = write_own;
    if (text[0] == '<')
        return smew_chart_load_scxml(text, strlen(text), name, &behavior, chart, NULL);
    return smew_chart_load_json(text, strlen(text), name, &behavior, chart, NULL);
}

static enum smew_status send(struct smew_machine *machine, const char *type)
{
    struct smew_event event = {
        .type = type, .payload = "{\"p\":[2]}", .payload_size = 9, .content = SMEW_CONTENT_JSON};

    return smew_machine_send(machine, &event, 0, NULL);
}

/* The same machine, from its snapshot; NULL: no memory for it. */
static struct smew_machine *again(struct smew_machine *machine, struct smew_chart *chart,
                                  const struct smew_machine_host *host)
{
    static char text[8192];
    size_t size = smew_machine_snapshot(machine, text, sizeof text);
    struct smew_machine *restored = NULL;
    struct smew_error error;
    enum smew_status status;

    assert_true(size > 0 && size < sizeof text);
    smew_machine_destroy(machine);
    status = smew_machine_restore(chart, "self", host, text, size, 0, &restored, &error);
    if (status != SMEW_OK && (status != SMEW_NO_MEMORY || restored))
        fail_msg("%s", error.text);
    return restored;
}

static void live(struct smew_chart *chart, const char *const *types)
{
    struct smew_machine_host host = SMEW_MACHINE_HOST_INIT;
    struct smew_machine *machine = NULL;
    enum smew_status status;

    if (smew_machine_create(chart, "self", &host, &machine) != SMEW_OK)
        return;
    status = smew_machine_start(machine, 0, NULL);
    for (; machine && *types; types++) {
        if (status == SMEW_OK)
            status = send(machine, *types);
        if (status == SMEW_OK)
            status = smew_machine_settle(machine, token, true, "{\"s\":[3]}", 0, NULL);
        if (status == SMEW_NOT_FOUND)
            status = SMEW_OK;
        if (status == SMEW_OK)
            status = smew_machine_advance(machine, 0, NULL);
        machine = again(machine, chart, &host);
    }
    /* A child without memory fails too, and its parent of that. */
    if (status != SMEW_OK && status != SMEW_NO_MEMORY && status != SMEW_REJECTED &&
        status != SMEW_STOPPED)
        fail_msg("%s", smew_status_name(status));
    smew_machine_destroy(machine);
}

static void live_once(void *argument)
{
    static const char *const types[] = {"GO", "BACK", "GO", NULL};
    struct smew_chart *kid = NULL;
    struct smew_chart *chart = NULL;

    (void)argument;
    if (load_one(kid_text, "kid", NULL, &kid) == SMEW_OK &&
        load_one(family_text, "family", kid, &chart) == SMEW_OK)
        live(chart, types);
    smew_chart_unref(chart);
    smew_chart_unref(kid);
}

static void test_family(void **state)
{
    (void)state;
    assert_true(support_walk_allocations(live_once, NULL) > 100);
}

/* ---- a life with scripts ------------------------------------------------------------- */

static const char script_text[] =
    "<scxml xmlns='http://www.w3.org/2005/07/scxml' datamodel='ecmascript'><datamodel>"
    "<data id='d'/></datamodel><state id='a'><invoke id='k' autoforward='true'><param name='x' "
    "expr='[1]'/><content><scxml xmlns='http://www.w3.org/2005/07/scxml'><final id='f'/></scxml>"
    "</content><finalize><assign location='d' expr='1'/></finalize></invoke><transition "
    "event='done.invoke.k'><assign location='d' expr='[_event.data]'/><log expr='d'/><send "
    "event='L' delayexpr=\"'1s'\" idlocation='d'><param name='p' expr='2'/></send></transition>"
    "<transition event='GO' cond='_event.data.p[0] == 2' target='b'/></state><state id='b'>"
    "<onentry><foreach array='[1,2]' item='i'><raise event='R'/></foreach><cancel "
    "sendidexpr='d'/><assign location='no.where' expr='1'/></onentry></state></scxml>";

static void script_once(void *argument)
{
    static const char *const types[] = {"GO", NULL};
    struct smew_chart *chart = NULL;

    (void)argument;
    if (load_one(script_text, "script", NULL, &chart) == SMEW_OK)
        live(chart, types);
    smew_chart_unref(chart);
}

static void test_scripts(void **state)
{
    (void)state;
    if (!smew__script_engine())
        skip();
    assert_true(support_walk_allocations(script_once, NULL) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {SUPPORT_TEST(test_load), SUPPORT_TEST(test_run),
                                       SUPPORT_TEST(test_family), SUPPORT_TEST(test_scripts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
