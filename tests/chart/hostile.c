/* SPDX-License-Identifier: MIT */

/*
 * Charts from nowhere: valid ones with bytes and whole tokens changed, cut, doubled and spliced.
 * Whatever still loads is run for a while with random events.  Nothing may crash, hang, read out
 * of bounds (the sanitizer presets watch) or leak.  And a very large chart loads fast enough.
 */

#include "tests/chart/kit.h"
#include "tests/chart/mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chart/chart.h"

static const char *const seeds[] = {
    "{'initial':'a','states':{'a':{'on':{'X':'b','Y':['.c',{'target':'b'}]},'initial':'c','states':"
    "{'c':{'always':{'guard':'no','target':'d'}},'d':{'type':'final'}}},'b':{'after':{'10':'a'}}}}",
    "{'type':'parallel','states':{'p':{'initial':'q','states':{'q':{'on':{'X':'r'}},'r':{'type':"
    "'final'},'h':{'type':'history','history':'deep'}}},'s':{'on':{'X':'#(machine).p.h','*':"
    "{'target':'p','reenter':true}}}},'onDone':{'actions':'mark'}}",
    "{'context':{'n':1},'entry':[{'type':'@xstate.raise','event':{'type':'E','v':[1]},'delay':'"
    "soon',"
    "'id':'i'},{'type':'@xstate.assign','context':{'n':2}}],'on':{'E':{'actions':[{'type':"
    "'@xstate.sendTo','to':'#_self','event':{'type':'X'}},{'type':'@xstate.cancel','id':'i'}]},"
    "'X':{'guard':{'type':'@xstate.or','guards':['no',{'type':'at','params':{'key':'n'}}]}}}}",
};

static void run_for_a_while(struct support_random *random, struct smew_chart *chart)
{
    static const char *const types[] = {"X", "Y", "E", "a.b", "b"};
    struct kit_log log = {""};
    struct smew_machine_host host = kit_host(&log);
    struct smew_machine *machine;
    uint64_t now_ns = 0;

    chart->iterations_max = 50;
    assert_int_equal(smew_machine_create(chart, "m", &host, &machine), SMEW_OK);
    enum smew_status status = smew_machine_start(machine, 0, NULL);
    for (unsigned i = 0; i < 8 && status == SMEW_OK; i++) {
        struct smew_event event = {.type = types[support_random_below(random, 5)]};
        char text[64];

        log.text[0] = '\0';
        status = smew_machine_send(machine, &event, now_ns, NULL);
        (void)smew_machine_state(machine, text, sizeof text);
        (void)smew_machine_state_json(machine, text, sizeof text);
        (void)smew_machine_can(machine, &event);
        now_ns += 5000000;
        if (status == SMEW_OK)
            status = smew_machine_advance(machine, now_ns, NULL);
    }
    if (status != SMEW_OK && status != SMEW_LIMIT && status != SMEW_STOPPED &&
        status != SMEW_NO_MACHINE && status != SMEW_REJECTED)
        fail_msg("%s", smew_status_name(status));
    smew_machine_destroy(machine);
}

static void test_mutations(void **state)
{
    struct support_random random = support_random_seeded();
    unsigned loaded = 0;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        const char *seed = seeds[support_random_below(&random, sizeof seeds / sizeof *seeds)];
        size_t capacity = 2000;
        char *text = calloc(1, capacity);
        size_t size = (size_t)snprintf(text, capacity, "%s", seed);
        struct smew_chart *chart = NULL;
        struct smew_error error;

        for (uint64_t i = support_random_below(&random, 5) + 1; i > 0; i--)
            size = mutate(&random, text, size, capacity);
        for (size_t i = 0; i < size; i++)
            text[i] = text[i] == '\'' ? '"' : text[i];
        text = realloc(text, size ? size : 1); /* exactly as long, for the sanitizer */
        if (smew_chart_load_json(text, size, "hostile", kit_behavior(), &chart, &error) ==
            SMEW_OK) {
            loaded++;
            run_for_a_while(&random, chart);
        }
        smew_chart_unref(chart);
        free(text);
    }
    print_message("%u of 20000 loaded\n", loaded);
    assert_true(loaded > 500); /* else it only tests the parser */
}

/* A chain of siblings, each with a transition to the next one, and actions. */
static char *large_chart(unsigned count)
{
    char *text = malloc((size_t)count * 200 + 100);
    char *at = text + sprintf(text, "{\"initial\":\"s0\",\"states\":{");

    for (unsigned i = 0; i < count; i++)
        at += sprintf(at,
                      "%s\"s%u\":{\"entry\":\"mark\",\"on\":{\"NEXT\":\"s%u\",\"E%u\":{\"target\":"
                      "\"#(machine).s%u\",\"actions\":\"add\"}}}",
                      i ? "," : "", i, (i + 1) % count, i, i / 2);
    (void)sprintf(at, "}}");
    return text;
}

static void test_large(void **state)
{
    char *text = large_chart(10000);
    struct smew_chart *chart;
    struct smew_machine *machine;
    struct smew_event event = {.type = "NEXT"};
    struct smew_machine_host host = SMEW_MACHINE_HOST_INIT;
    struct kit_log log = {""};
    struct timespec begin, end;

    (void)state;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    assert_int_equal(
        smew_chart_load_json(text, strlen(text), "large", kit_behavior(), &chart, NULL), SMEW_OK);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double seconds =
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    print_message("10000 states load in %.3f s of CPU\n", seconds);
    assert_true(seconds < 5); /* quadratic would be more, even under a sanitizer */
    host.user = &log;
    assert_int_equal(smew_machine_create(chart, "m", &host, &machine), SMEW_OK);
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(smew_machine_send(machine, &event, 0, NULL), SMEW_OK);
    assert_true(smew_machine_in(machine, "s100"));
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {SUPPORT_TEST(test_mutations), SUPPORT_TEST(test_large)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
