/* SPDX-License-Identifier: MIT */
/*
 * smew-bench from outside: every peer of this build and every cell, with counts that measure
 * nothing.  What is checked is that messages arrive (a lap that lost one fails) and that the
 * document has what report.h says; never a time.
 *
 * Argument: the program.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/support/step.h"
#include "tests/support/support.h"

enum { WORDS_MOST = 24, LINE_SIZE = 256, TIMEOUT_MS = 100000 };

static const char *program;

/* What a child becomes: the program with these words, its output going to `out`. */
struct command {
    char line[LINE_SIZE];
    int out;
};

static int become(void *argument)
{
    struct command *command = argument;
    char name[] = "smew-bench";
    char *words[WORDS_MOST] = {name};
    char *rest = command->line;
    int count = 1;

    while (count < WORDS_MOST - 1 && (words[count] = strtok_r(NULL, " ", &rest)) != NULL)
        count++;
    (void)dup2(command->out, STDOUT_FILENO);
    execv(program, words);
    return 127;
}

/* Starts it with a line of arguments. */
static pid_t start(const char *arguments, int out)
{
    struct command command = {.out = out};

    (void)snprintf(command.line, sizeof(command.line), "%s", arguments);
    return support_fork(become, &command);
}

/* Runs it and answers its document, which the caller gives back. */
static json_t *bench(const char *arguments)
{
    json_error_t error;
    json_t *report;
    int ends[2];
    pid_t child;
    FILE *out;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    child = start(arguments, ends[1]);
    (void)close(ends[1]);
    out = fdopen(ends[0], "r");
    assert_non_null(out);
    report = json_loadf(out, 0, &error);
    (void)fclose(out);
    assert_int_equal(support_reap(child, TIMEOUT_MS), 0);
    if (report == NULL)
        fail_msg("%s: %s", arguments, error.text);
    return report;
}

/* A peer whose package is not here, or one core: no fault of the row's. */
static bool excused(const json_t *row)
{
    const char *error = json_string_value(json_object_get(row, "error"));

    return error != NULL && (strstr(error, "was not there when this was built") != NULL ||
                             strstr(error, "there are not two cores") != NULL);
}

static void check_spread(const json_t *spread)
{
    double median, min, max;
    json_int_t samples;

    assert_int_equal(json_unpack((json_t *)spread, "{s:I, s:F, s:F, s:F}", "samples", &samples,
                                 "median", &median, "min", &min, "max", &max),
                     0);
    assert_true(samples > 0 && min > 0 && min <= median && median <= max);
}

static void check_side(const json_t *side)
{
    json_int_t size, ring_bytes, count;
    const char *peer, *placement, *wait, *metric;
    int producers, trip, in_place, read_once;
    json_t *figures;

    assert_int_equal(json_unpack((json_t *)side,
                                 "{s:s, s:I, s:i, s:s, s:s, s:b, s:I, s:b, s:b, s:s, s:I, s:o}",
                                 "peer", &peer, "size", &size, "producers", &producers, "placement",
                                 &placement, "wait", &wait, "trip", &trip, "ring_bytes",
                                 &ring_bytes, "in_place", &in_place, "read_once", &read_once,
                                 "metric", &metric, "count", &count, "figures", &figures),
                     0);
    assert_true(size >= 8 && producers >= 1);
    assert_true((strcmp(metric, "messages_per_second") != 0) == (trip != 0));
    check_spread(figures);
}

/* Checks a row; says which when it has no sample. */
static void check_row(const json_t *row)
{
    const char *name, *verdict, *better;
    json_int_t dropped, failed;
    json_t *opponent, *samples;

    assert_int_equal(json_unpack((json_t *)row, "{s:s, s:s, s:s, s:o, s:o, s:I, s:I}", "name",
                                 &name, "verdict", &verdict, "better", &better, "opponent",
                                 &opponent, "samples", &samples, "dropped", &dropped, "failed",
                                 &failed),
                     0);
    if (strcmp(verdict, "none") == 0 && excused(row))
        return;
    if (failed != 0 || json_array_size(samples) != 1)
        fail_msg("%s: %s", name, json_string_value(json_object_get(row, "error")));
    check_side(json_object_get(row, "subject"));
    if (!json_is_null(opponent))
        check_side(opponent);
    check_spread(json_object_get(row, "same"));
    assert_true(json_is_null(json_object_get(row, "near")));
    assert_true(json_is_null(json_object_get(row, "far")));
}

static size_t check_report(const char *arguments)
{
    json_t *report = bench(arguments);
    const json_t *rows = json_object_get(report, "rows");
    const size_t count = json_array_size(rows);
    const char *version, *processor;
    double others;

    assert_int_equal(json_unpack(report, "{s:s, s:{s:s, s:F}}", "version", &version, "machine",
                                 "processor", &processor, "others", &others),
                     0);
    assert_true(others >= 0 && others <= 1);
    for (size_t i = 0; i < count; i++)
        check_row(json_array_get(rows, i));
    json_decref(report);
    return count;
}

static void every_cell(void **state)
{
    (void)state;
    assert_true(check_report("cells --count 20 --rounds 1 --no-probe --json") >= 30);
}

static void every_peer_both_ways(void **state)
{
    (void)state;
    assert_true(check_report("peers --size 64 --producers 1 --place pair --count 20 --rounds 1 "
                             "--no-probe --json") >= 20);
}

static void every_peer_with_four_producers_on_one_core(void **state)
{
    (void)state;
    assert_true(check_report("peers --size 4096 --producers 4 --place one --count 20 --rounds 1 "
                             "--no-probe --json") >= 8);
}

static void ten_mebibytes(void **state)
{
    (void)state;
    assert_true(check_report("peers --size 10485760 --producers 1 --place free --count 2 "
                             "--rounds 1 --no-probe --json") >= 8);
}

/* A row is one case twice, in place and not; half of the rows read all. */
static void in_place_against_copies(void **state)
{
    json_t *report = bench("place --count 20 --rounds 1 --no-probe --json");
    json_t *row;
    size_t index, read_once = 0;

    (void)state;
    json_array_foreach(json_object_get(report, "rows"), index, row)
    {
        int here, there, reads, reads_too;
        json_int_t size, size_too;

        check_row(row);
        assert_int_equal(json_unpack(row, "{s:{s:b, s:b, s:I}, s:{s:b, s:b, s:I}}", "subject",
                                     "in_place", &here, "read_once", &reads, "size", &size,
                                     "opponent", "in_place", &there, "read_once", &reads_too,
                                     "size", &size_too),
                         0);
        assert_true(here && !there && reads == reads_too && size == size_too);
        read_once += reads != 0;
    }
    assert_true(index >= 16 && read_once * 2 == index);
    json_decref(report);
    assert_int_equal(check_report("place --size 4096 --place one --count 20 --rounds 1 "
                                  "--no-probe --json"),
                     4);
}

/* With probes: whether a sample is kept is the computer's matter, but every one is accounted for.
 */
static void probes_keep_or_drop(void **state)
{
    json_t *report = bench("peers --peer ref-ring --size 64 --producers 1 --place pair --trips "
                           "--count 100 --rounds 2 --json");
    json_t *row = json_array_get(json_object_get(report, "rows"), 0);
    const size_t kept = json_array_size(json_object_get(row, "samples"));
    const json_int_t dropped = json_integer_value(json_object_get(row, "dropped"));

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(row, "failed")), 0);
    assert_true(kept <= 2 && (excused(row) || kept + (size_t)dropped >= 2));
    for (size_t i = 0; i < kept; i++) {
        const json_t *sample = json_array_get(json_object_get(row, "samples"), i);
        const double probe_ns = json_real_value(json_object_get(sample, "probe_ns"));
        const char *distance = json_string_value(json_object_get(sample, "distance"));

        assert_true(probe_ns > 0);
        assert_true(strcmp(distance, "near") == 0 || strcmp(distance, "far") == 0);
    }
    json_decref(report);
}

/* Every row of the primitives, its figures positive numbers. */
static void primitives(void **state)
{
    json_t *report = bench("sync --count 50 --rounds 2 --json");
    json_t *row;
    size_t index;

    (void)state;
    assert_true(json_array_size(json_object_get(report, "rows")) >= 10);
    json_array_foreach(json_object_get(report, "rows"), index, row)
    {
        double it, other, median, min, max;
        const char *name;
        int threads, samples;

        assert_int_equal(json_unpack(row, "{s:s, s:i, s:i, s:F, s:F, s:{s:F, s:F, s:F}}", "name",
                                     &name, "threads", &threads, "samples", &samples, "it_ns", &it,
                                     "other_ns", &other, "ratio", "median", &median, "min", &min,
                                     "max", &max),
                         0);
        assert_true(threads == 1 || threads == 2);
        assert_int_equal(samples, 2);
        assert_true(it > 0 && other > 0 && min > 0 && min <= median && median <= max);
    }
    json_decref(report);
}

/* A figure of each row; beside XState's only when there is one. */
static size_t check_charts(const char *arguments, bool beside)
{
    json_t *report = bench(arguments);
    const json_t *rows = json_object_get(report, "rows");
    const size_t count = json_array_size(rows);

    assert_int_equal(json_is_string(json_object_get(report, "xstate")), beside);
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(rows, i);
        const bool bytes = strcmp(json_string_value(json_object_get(row, "unit")), "bytes") == 0;
        const bool measured = !json_is_null(json_object_get(row, "it"));

        assert_true(json_is_null(json_object_get(row, "error")));
        if (!bytes || measured) /* a sanitizer has its own heap */
            check_spread(json_object_get(row, "it"));
        assert_int_equal(json_is_null(json_object_get(row, "xstate")), !beside);
        assert_int_equal(strcmp(json_string_value(json_object_get(row, "verdict")), "no sample") !=
                             0,
                         measured && (beside || bytes));
    }
    json_decref(report);
    return count;
}

static void charts(void **state)
{
    (void)state;
    assert_int_equal(check_charts("chart --count 50 --rounds 2 --json", false), 7);
}

static int stand(void *argument)
{
    (void)argument;
    support_step_stop();
    return 0;
}

/* Skips where smew-bench says that it cannot, and where instructions are a sanitizer's. */
static void need_steps(void)
{
    cpu_set_t cores;

#if !defined(__x86_64__) && !defined(__aarch64__)
    print_message("no stepping on this processor\n");
    skip(); /* ptrace steps elsewhere, too, but nobody has written how the counter is read */
#endif
    if (SUPPORT_SANITIZED) {
        print_message("the instructions would be the sanitizer's\n");
        skip(); /* it would count them, and stop its threads in the midst of its locks */
    }
    CPU_ZERO(&cores);
    if (sched_getaffinity(0, sizeof(cores), &cores) != 0 || CPU_COUNT(&cores) < 2) {
        print_message("there are not two cores\n");
        skip(); /* the other side runs while this one stands: smew-bench refuses it, too */
    }
    print_message("where ptrace is refused this is skipped\n");
    support_step_kill(support_step_start(stand, NULL));
}

/* Every row has a spread of as many messages as were asked for, or a sixteenth of them. */
static void instructions(void **state)
{
    json_t *report, *row;
    size_t index;

    (void)state;
    need_steps();
    report = bench("steps --count 16 --size 128 --json");
    assert_int_equal(json_integer_value(json_object_get(report, "size")), 128);
    assert_int_equal(json_array_size(json_object_get(report, "rows")), 5);
    json_array_foreach(json_object_get(report, "rows"), index, row)
    {
        const json_t *steps = json_object_get(row, "instructions");
        const json_int_t samples = json_integer_value(json_object_get(steps, "samples"));
        const double mean = json_real_value(json_object_get(steps, "mean"));
        const char *name = json_string_value(json_object_get(row, "name"));

        assert_non_null(name);
        assert_true(json_is_null(json_object_get(row, "error")));
        assert_int_equal(samples, strstr(name, "one call") != NULL ? 1 : 16);
        check_spread(steps);
        assert_true(mean > 0);
    }
    json_decref(report);
}

static int exit_code(const char *arguments)
{
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const pid_t child = start(arguments, nowhere);

    (void)close(nowhere);
    return support_reap(child, TIMEOUT_MS);
}

/*
 * What the bench says to node and makes of its answers, with a node of our own: it takes two
 * actions an event, so that a chart which runs six is no sample.
 */
static void charts_beside_another_engine(void **state)
{
    static const char script[] = "#!/bin/sh\n"
                                 "while read -r line; do\n"
                                 "    case $line in\n"
                                 "    *'\"chart\"'*) echo '{\"version\":\"0.0\"}' ;;\n"
                                 "    *'\"machines\"'*) echo '{\"bytes\":1000}' ;;\n"
                                 "    *) echo '{\"ns\":1000,\"actions\":100}' ;;\n"
                                 "    esac\n"
                                 "done\n";
    const char *const path = getenv("PATH");
    char folder[] = "/tmp/smew-bench-node-XXXXXX";
    char node[64], both[4096];
    FILE *file;

    (void)state;
    assert_non_null(path);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(node, sizeof(node), "%s/node", folder);
    (void)snprintf(both, sizeof(both), "%s:%s", folder, path);
    file = fopen(node, "w");
    assert_non_null(file);
    assert_true(fputs(script, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(node, 0700), 0);
    assert_int_equal(setenv("PATH", both, 1), 0);
    assert_int_equal(
        check_charts("chart --only flat --count 50 --rounds 2 --json --xstate /tmp", true), 1);
    assert_int_equal(
        check_charts("chart --only idle --count 50 --rounds 2 --json --xstate /tmp", true), 1);
    assert_int_equal(exit_code("chart --only three --count 50 --rounds 1 --xstate /tmp"), 1);
    assert_int_equal(setenv("PATH", strchr(both, ':') + 1, 1), 0);
    assert_int_equal(unlink(node), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    assert_int_equal(exit_code("--help"), 0);
    assert_int_equal(exit_code("--list"), 0);
    assert_int_equal(exit_code("place --list"), 0);
    assert_int_equal(exit_code("sync --list"), 0);
    assert_int_equal(exit_code("sync --count 50 --rounds 1 --only spin"), 0);
    assert_int_equal(exit_code("sync --only nothing-of-the-kind"), 2);
    assert_int_equal(exit_code("sync --scheme pipe"), 2);
    assert_int_equal(exit_code("charts"), 2);
    assert_int_equal(exit_code("chart --list"), 0);
    assert_int_equal(exit_code("chart --only nothing-of-the-kind"), 2);
    assert_int_equal(exit_code("chart --peer smew-shm"), 2);
    assert_int_equal(exit_code("chart --count 50 --rounds 1 --xstate /nowhere"), 1);
    assert_int_equal(exit_code("steps --list"), 0);
    assert_int_equal(exit_code("steps --only nothing-of-the-kind"), 2);
    assert_int_equal(exit_code("steps --scheme pipe"), 2);
    assert_int_equal(exit_code("steps --size 65536"), 2);
    assert_int_equal(exit_code("steps --count 100000"), 2);
    assert_int_equal(exit_code("place --scheme pipe"), 2);
    assert_int_equal(exit_code("place --size 48"), 2);
    assert_int_equal(exit_code("--unheard-of"), 2);
    assert_int_equal(exit_code("--rounds 0"), 2);
    assert_int_equal(exit_code("--rounds x"), 2);
    assert_int_equal(exit_code("peers --peer nobody"), 2);
    assert_int_equal(exit_code("peers --place nowhere"), 2);
    assert_int_equal(exit_code("--only nothing-of-the-kind"), 2);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(every_cell),
        SUPPORT_TEST(every_peer_both_ways),
        SUPPORT_TEST(every_peer_with_four_producers_on_one_core),
        SUPPORT_TEST(ten_mebibytes),
        SUPPORT_TEST(in_place_against_copies),
        SUPPORT_TEST(probes_keep_or_drop),
        SUPPORT_TEST(primitives),
        SUPPORT_TEST(instructions),
        SUPPORT_TEST(charts),
        SUPPORT_TEST(charts_beside_another_engine),
        SUPPORT_TEST(wrong_arguments_are_refused),
    };

    if (count != 2)
        return 1;
    program = arguments[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
