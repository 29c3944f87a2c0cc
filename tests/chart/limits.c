/* SPDX-License-Identifier: MIT */

/*
 * Hostile charts: each is refused at load, or stopped with a status, and quickly.  And the time
 * that a load takes grows with the chart, not with its square.
 */

#include "tests/chart/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double cpu_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* `before` and `after` so many times around what is in the middle. */
static char *nested(const char *before, const char *middle, const char *after, size_t times)
{
    size_t size = (strlen(before) + strlen(after)) * times + strlen(middle) + 1;
    char *text = malloc(size);
    char *at = text;

    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, before);
    at = stpcpy(at, middle);
    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, after);
    for (at = text; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    return text;
}

/* Frees the text. */
static void expect_refused(char *text, enum smew_status expected)
{
    struct smew_chart *chart = NULL;
    struct smew_error error;
    enum smew_status status =
        smew_chart_load_json(text, strlen(text), "hostile", kit_behavior(), &chart, &error);

    assert_int_equal(status, expected);
    assert_true(strncmp(error.text, "hostile:1:", 10) == 0);
    assert_null(chart);
    free(text);
}

static void test_depth(void **state)
{
    (void)state;
    expect_refused(nested("{'initial':'a','states':{'a':", "{}", "}}", 100000), SMEW_SYNTAX);
    expect_refused(nested("{'initial':'a','states':{'a':", "{}", "}}", 600), SMEW_LIMIT);
    expect_refused(nested("[", "", "]", 100000), SMEW_SYNTAX);
    char *guards = nested("{'type':'@xstate.not','guard':", "'yes'", "}", 1000);
    expect_refused(nested("{'on':{'X':{'guard':", guards, "}}}", 1), SMEW_LIMIT);
    free(guards);
    char *value = nested("[", "1", "]", 1000);
    expect_refused(nested("{'context':{'x':", value, "}}", 1), SMEW_LIMIT);
    free(value);
}

static void test_names(void **state)
{
    char *name = nested("n", "", "", 1000000);

    (void)state;
    expect_refused(nested("{'id':'", name, "'}", 1), SMEW_LIMIT);
    expect_refused(nested("{'on':{'", name, "':{}}}", 1), SMEW_LIMIT);
    expect_refused(nested("{'entry':'", name, "'}", 1), SMEW_LIMIT);
    expect_refused(nested("{'initial':'a','states':{'a':{},'", name, "':{}}}", 1), SMEW_LIMIT);
    free(name);
    name = nested("n", "", "", 900); /* its paths are too long when they nest */
    char *states = nested("{'initial':'a','states':{'a':{'initial':'b','states':{'b':{},'", name,
                          "':{}}},'c':{}}}", 1);
    struct smew_chart *chart = kit_load(states);
    smew_chart_unref(chart);
    free(states);
    free(name);
}

static void test_histories(void **state)
{
    size_t count = 20000;
    char *text = malloc(count * 32 + 100);
    char *at = text + sprintf(text, "{\"type\":\"parallel\",\"states\":{\"a\":{}");

    (void)state;
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, ",\"h%zu\":{\"history\":true}", i);
    (void)sprintf(at, "}}");
    expect_refused(text, SMEW_LIMIT);
}

/* ---- what never rests ---------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *chart;
} endless[] = {
    {"a circle of always",
     "{'initial':'i','states':{'i':{'on':{'X':'a'}},'a':{'always':'b'},'b':{'always':'a'}}}"},
    {"one that raises itself", "{'on':{'X':{'actions':{'type':'@xstate.raise','event':{'type':"
                               "'X'}}}}}"},
    {"one that doubles itself",
     "{'on':{'X':{'actions':[{'type':'@xstate.raise','event':{'type':'X'}},{'type':"
     "'@xstate.raise','event':{'type':'X'}}]}}}"},
    {"one that sends to itself twice",
     "{'on':{'X':{'actions':[{'type':'@xstate.sendTo','to':'#_self','event':{'type':'X'}},{'type':"
     "'@xstate.sendTo','to':'#_self','event':{'type':'X'}}]}}}"},
    {"effects without end",
     "{'on':{'X':{'actions':[{'type':'@xstate.emit','event':{'type':'E'}},{'type':"
     "'@xstate.raise','event':{'type':'X'}}]}}}"},
    {"timers without end",
     "{'on':{'X':{'actions':[{'type':'@xstate.raise','event':{'type':'E'},'delay':5},{'type':"
     "'@xstate.raise','event':{'type':'X'}}]}}}"},
};

static void test_endless(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        struct kit_log log = {""};
        struct smew_machine *machine = kit_start(endless[i].chart, &log);
        double begin = cpu_seconds();

        if (kit_send(machine, "X", NULL, NULL) != SMEW_LIMIT)
            fail_msg("%s was not stopped", endless[i].name);
        assert_int_equal(smew_machine_life(machine), SMEW_LIFE_FAILED);
        assert_int_equal(smew_machine_due_ns(machine), UINT64_MAX); /* no effect has happened */
        assert_string_equal(log.text, "");
        assert_true(cpu_seconds() - begin < 5);
        kit_stop(machine);
    }
}

/* ---- time ---------------------------------------------------------------------------- */

/* As many states, events, ids and targets, in a tree of ten branches. */
static double load_seconds(unsigned count)
{
    char *text = malloc((size_t)count * 160 + 2000);
    char *at = text + sprintf(text, "{\"initial\":\"b0\",\"states\":{");
    struct smew_chart *chart;

    for (unsigned i = 0; i < count; i++) {
        unsigned per_branch = count / 10;

        if (i % per_branch == 0)
            at += sprintf(at, "%s\"b%u\":{\"initial\":\"s%u\",\"states\":{", i ? "}}," : "",
                          i / per_branch, i);
        at += sprintf(at,
                      "%s\"s%u\":{\"id\":\"i%u\",\"entry\":\"mark\",\"after\":{\"%u\":\"#i0\"},"
                      "\"on\":{\"E%u\":\"#i%u\"}}",
                      i % per_branch ? "," : "", i, i, i + 1, i, (i * 7) % count);
    }
    (void)sprintf(at, "}}}}");
    double begin = cpu_seconds();
    assert_int_equal(
        smew_chart_load_json(text, strlen(text), "large", kit_behavior(), &chart, NULL), SMEW_OK);
    double seconds = cpu_seconds() - begin;
    assert_int_equal(smew_chart_info(chart).states, count + 11);
    smew_chart_unref(chart);
    free(text);
    return seconds;
}

static void test_time_is_linear(void **state)
{
    double many = load_seconds(40000);
    double few = load_seconds(10000);
    double again = load_seconds(10000);

    (void)state;
    few = again > few ? again : few; /* others use the cores too: the slower one is the fairer */
    print_message("10,000 states load in %.3f s, 40,000 in %.3f s\n", few, many);
    assert_true(few < 5);         /* a second without a sanitizer */
    assert_true(many < few * 12); /* 4 is linear, 16 is quadratic */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_depth),   SUPPORT_TEST(test_names),          SUPPORT_TEST(test_histories),
        SUPPORT_TEST(test_endless), SUPPORT_TEST(test_time_is_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
