/* SPDX-License-Identifier: MIT */

/*
 * One chart, machines in several threads: under ThreadSanitizer this shows that a chart is only
 * read, its references apart.
 */

#include "tests/chart/kit.h"

#include "base/os/thread.h"

enum { THREADS = 4, MACHINES = 50, EVENTS = 200 };

static const char chart_text[] =
    "{'initial':'a','context':{'n':0},'states':{'a':{'on':{'GO':{'target':'b','actions':'add'}},"
    "'after':{'5':'b'}},'b':{'on':{'GO':{'target':'a','guard':'yes','actions':[{'type':"
    "'@xstate.raise','event':{'type':'R'}},{'type':'@xstate.assign','context':{'m':1}}]},"
    "'x.*':{}}}}}";

static void run_machines(void *argument)
{
    struct smew_chart *chart = argument;
    struct kit_log log = {""};
    struct smew_machine_host host = kit_host(&log);

    for (unsigned i = 0; i < MACHINES; i++) {
        struct smew_event event = {.type = "GO"};
        struct smew_machine *machine;

        assert_int_equal(smew_machine_create(chart, "m", &host, &machine), SMEW_OK);
        assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
        for (unsigned j = 0; j < EVENTS; j++)
            assert_int_equal(smew_machine_send(machine, &event, j, NULL), SMEW_OK);
        assert_true(smew_machine_in(machine, "a"));
        smew_machine_destroy(machine);
    }
    smew_chart_unref(chart);
}

static void test_threads(void **state)
{
    struct smew_chart *chart = kit_load(chart_text);
    struct smew__thread threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(
            smew__thread_start(&threads[i], "chart", run_machines, smew_chart_ref(chart)), SMEW_OK);
    smew_chart_unref(chart); /* the last thread frees it */
    for (unsigned i = 0; i < THREADS; i++)
        smew__thread_join(&threads[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {SUPPORT_TEST(test_threads)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
