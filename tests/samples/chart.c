/* SPDX-License-Identifier: MIT */
/*
 * The chart of a package's life: exactly these transitions and no others, every line of a real
 * log, many refusals in a shuffled one.  ARGUMENTS: the chart, a log, and "every" when that log
 * must have every transition in it.  The log of this computer is read too, where it has one.
 */
#include "tests/support/support.h"

#include <smew/chart.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples/dpkg/history.h"
#include "samples/dpkg/log.h"

enum { STATES = FEEDER_UNKNOWN + 1 };

static const char *chart_path;
static const char *sample_path;
static bool every_transition;
static struct smew_chart *chart;

/* Transitions that the logs took. */
static bool seen[STATES][FEEDER_UNKNOWN];

/* What dpkg writes after what: rows are states, FEEDER_UNKNOWN is joining. */
static const char *const allowed[STATES] = {
    [FEEDER_NOT_INSTALLED] = "half-installed unpacked",
    [FEEDER_CONFIG_FILES] = "config-files half-installed not-installed",
    [FEEDER_HALF_INSTALLED] = "half-installed unpacked config-files not-installed installed "
                              "triggers-awaited",
    [FEEDER_UNPACKED] = "unpacked half-configured half-installed installed triggers-awaited "
                        "not-installed",
    [FEEDER_HALF_CONFIGURED] = "half-configured installed triggers-awaited unpacked "
                               "half-installed not-installed",
    [FEEDER_TRIGGERS_AWAITED] = "triggers-awaited installed triggers-pending half-configured "
                                "not-installed",
    [FEEDER_TRIGGERS_PENDING] = "triggers-pending half-configured triggers-awaited not-installed",
    [FEEDER_INSTALLED] = "installed half-configured triggers-pending triggers-awaited "
                         "not-installed",
    [FEEDER_UNKNOWN] = "not-installed config-files half-installed unpacked half-configured "
                       "triggers-awaited triggers-pending installed",
};

static bool is_allowed(int from, const char *event)
{
    char words[256];
    char word[64];

    snprintf(words, sizeof(words), " %s ", allowed[from]);
    snprintf(word, sizeof(word), " %s ", event);
    return strstr(words, word) != NULL;
}

static struct smew_machine *new_machine(void)
{
    struct smew_machine *machine;

    assert_int_equal(smew_machine_create(chart, "pkg:test", NULL, &machine), SMEW_OK);
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
    return machine;
}

/* True when the machine had a transition. */
static bool send(struct smew_machine *machine, enum feeder_status status)
{
    struct smew_event event = {.type = feeder_status_name(status), .payload = ""};
    struct smew_step step;

    assert_int_equal(smew_machine_send(machine, &event, 0, &step), SMEW_OK);
    return step.handled;
}

static void assert_state(const struct smew_machine *machine, const char *state)
{
    char text[64];

    smew_machine_state(machine, text, sizeof(text));
    assert_string_equal(text, state);
}

static enum feeder_status state_of(const struct smew_machine *machine)
{
    char text[64];

    return feeder_status_of(text, smew_machine_state(machine, text, sizeof(text)));
}

static int load(void **state)
{
    struct smew_error error;

    (void)state;
    if (smew_chart_load_file(chart_path, NULL, &chart, &error) == SMEW_OK)
        return 0;
    print_error("%s\n", error.text);
    return -1;
}

static int unload(void **state)
{
    (void)state;
    smew_chart_unref(chart);
    return 0;
}

static void test_exactly_these_transitions(void **state)
{
    (void)state;
    for (int from = 0; from < STATES; from++) {
        for (int to = 0; to < FEEDER_UNKNOWN; to++) {
            const char *event = feeder_status_name((enum feeder_status)to);
            struct smew_machine *machine = new_machine();
            bool expected = is_allowed(from, event);

            if (from != FEEDER_UNKNOWN)
                assert_true(send(machine, (enum feeder_status)from));
            if (send(machine, (enum feeder_status)to) != expected)
                fail_msg("%s after %s is %s", event, feeder_status_name((enum feeder_status)from),
                         expected ? "refused" : "taken");
            assert_state(machine, expected ? event : feeder_status_name((enum feeder_status)from));
            smew_machine_destroy(machine);
        }
    }
}

static void test_no_other_event_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; smew_chart_event(chart, i) != NULL; i++) {
        const char *event = smew_chart_event(chart, i);

        assert_int_not_equal(feeder_status_of(event, strlen(event)), FEEDER_UNKNOWN);
    }
    assert_int_equal(smew_chart_info(chart).events, FEEDER_UNKNOWN);
}

/* The whole log; `whole` means that every line must make sense. */
static void read_history(const char *path, bool whole, struct feeder_history *history)
{
    static struct feeder_log source;

    assert_true(feeder_log_open(&source, path));
    memset(history, 0, sizeof(*history));
    while (feeder_log_next(&source, false) == FEEDER_READ_LINE) {
        struct feeder_line line = feeder_line_parse(source.text, source.length);

        if (whole && line.kind == FEEDER_LINE_MALFORMED)
            fail_msg("%s:%llu: %s", path, (unsigned long long)source.number, line.fault);
        if (line.kind == FEEDER_LINE_EVENT)
            assert_true(feeder_history_add(history, &line, source.number));
    }
    feeder_log_close(&source);
}

/* Runs all lives; how many events had no transition. */
static size_t run(const struct feeder_history *history, bool tell)
{
    struct smew_machine **machines = calloc(history->package_count, sizeof(*machines));
    size_t refused = 0;

    assert_non_null(machines);
    for (uint32_t i = 0; i < history->package_count; i++)
        machines[i] = new_machine();
    for (size_t i = 0; i < history->count; i++) {
        const struct feeder_event *event = &history->events[i];
        enum feeder_status before = state_of(machines[event->package]);

        if (send(machines[event->package], event->status)) {
            seen[before][event->status] = true;
            continue;
        }
        refused++;
        if (tell)
            print_error("line %llu: no transition\n", (unsigned long long)event->line);
    }
    for (uint32_t i = 0; i < history->package_count; i++)
        smew_machine_destroy(machines[i]);
    free(machines);
    return refused;
}

static void test_a_log(const char *path, bool whole)
{
    struct feeder_history history;

    read_history(path, whole, &history);
    assert_int_equal(run(&history, true), 0);
    feeder_history_fini(&history);
}

static void test_the_sample_log(void **state)
{
    (void)state;
    memset(seen, 0, sizeof(seen));
    test_a_log(sample_path, true);
    for (int from = 0; every_transition && from < FEEDER_UNKNOWN; from++) {
        for (int to = 0; to < FEEDER_UNKNOWN; to++) {
            const char *event = feeder_status_name((enum feeder_status)to);

            if (is_allowed(from, event) && !seen[from][to])
                fail_msg("dpkg never wrote %s after %s", event,
                         feeder_status_name((enum feeder_status)from));
        }
    }
}

static void test_the_log_of_this_computer(void **state)
{
    FILE *file = fopen("/var/log/dpkg.log", "r");

    (void)state;
    if (file == NULL)
        skip();
    (void)fclose(file);
    test_a_log("/var/log/dpkg.log", false);
}

static void test_shuffled_lines_are_refused(void **state)
{
    struct feeder_history history;
    size_t refused;

    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        read_history(sample_path, true, &history);
        feeder_history_shuffle(&history, seed);
        refused = run(&history, false);
        print_message("seed %llu: %zu of %zu lines refused\n", (unsigned long long)seed, refused,
                      history.count);
        assert_true(refused > history.count / 20);
        feeder_history_fini(&history);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exactly_these_transitions),
        cmocka_unit_test(test_no_other_event_is_known),
        cmocka_unit_test(test_the_sample_log),
        cmocka_unit_test(test_the_log_of_this_computer),
        cmocka_unit_test(test_shuffled_lines_are_refused),
    };

    if (argc < 3)
        return 2;
    chart_path = argv[1];
    sample_path = argv[2];
    every_transition = argc > 3;
    return cmocka_run_group_tests(tests, load, unload);
}
