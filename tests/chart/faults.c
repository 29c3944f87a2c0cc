/* SPDX-License-Identifier: MIT */

/*
 * Every allocation fails once, in a load and in a run: nothing crashes, nothing leaks, and a
 * status says so.
 */

#include "tests/chart/kit.h"

#include <stdlib.h>
#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {SUPPORT_TEST(test_load), SUPPORT_TEST(test_run)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
