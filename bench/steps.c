/* SPDX-License-Identifier: MIT */
/*
 * The rows of `smew-bench steps`, one after the other, each with fresh processes, and what is
 * printed of them.  The median is what a message costs.  The most is what one of them cost that had
 * more to do: the last of a run of the poller's, one that found a heartbeat's traces.  The mean
 * holds both.
 */
#include "bench/json.h"
#include "bench/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <jansson.h>
#include <smew/version.h>

#include "bench/choose.h"
#include "bench/peer.h"
#include "bench/scratch.h"
#include "bench/stats.h"
#include "bench/steps_side.h"

enum {
    SIZE = 64,
    COUNT = 256, /* messages of a row */
    COUNT_MOST = 65536,
    GROUP = 64, /* of which so many are counted between two rests */
    FEWER = 16, /* calls of many messages than of one */
    CALLS_MOST = COUNT_MOST + GROUP,
    USAGE = 2,
};

static const struct row {
    const char *name;
    enum bench_steps_way way;
} rows[] = {
    {"send, names said each time", BENCH_STEPS_SEND},
    {"send, prepared", BENCH_STEPS_PREPARED},
    {"send, 64 with one call", BENCH_STEPS_MANY},
    {"delivery, records ahead", BENCH_STEPS_DELIVERY},
    {"trip, the asker's side", BENCH_STEPS_TRIP},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

struct result {
    const struct row *row;
    struct bench_spread steps; /* of a message */
    double mean;
    char error[BENCH_ERROR_SIZE];
};

static void count_row(const struct bench_plan *plan, size_t size, double *counts,
                      struct result *result)
{
    const bool many = result->row->way == BENCH_STEPS_MANY;
    const unsigned fewer = many ? FEWER : 1;
    const unsigned calls = ((plan->count > 0 ? (unsigned)plan->count : COUNT) + fewer - 1) / fewer;
    const unsigned group = calls < GROUP / fewer ? calls : GROUP / fewer;
    const struct bench_steps_what what = {
        .way = result->row->way,
        .size = size,
        .groups = (calls + group - 1) / group,
        .group = group,
        .directory = plan->directory,
        .board = bench_share(sizeof(*what.board)),
    };
    size_t count = 0;

    if (what.board == NULL) {
        (void)snprintf(result->error, sizeof(result->error), "no memory");
        return;
    }
    (void)bench_steps_count(&what, plan->stop, counts, &count, result->error);
    for (size_t i = 0; i < count; i++) {
        counts[i] /= many ? BENCH_STEPS_TOGETHER : 1;
        result->mean += counts[i] / (double)count;
    }
    result->steps = bench_spread(counts, count);
    (void)munmap(what.board, sizeof(*what.board));
}

/* ---- what is printed ---- */

static void print_row(const struct result *result)
{
    const struct bench_spread *steps = &result->steps;

    if (steps->count == 0)
        (void)printf("%-40s       -", result->row->name);
    else
        (void)printf("%-40s %7.0f %7.0f %7.0f %7.0f %7zu", result->row->name, steps->median,
                     steps->min, steps->max, result->mean, steps->count);
    (void)printf("%s%s\n", result->error[0] != 0 ? "   " : "", result->error);
}

static json_t *row_json(const struct result *result)
{
    const struct bench_spread *steps = &result->steps;

    return json_pack("{s:s, s:o, s:s?}", "name", result->row->name, "instructions",
                     steps->count == 0
                         ? json_null()
                         : json_pack("{s:I, s:f, s:f, s:f, s:f}", "samples",
                                     (json_int_t)steps->count, "median", steps->median, "min",
                                     steps->min, "max", steps->max, "mean", result->mean),
                     "error", result->error[0] != 0 ? result->error : NULL);
}

static bool print(const struct result *results, size_t count, size_t size, bool json)
{
    json_t *array, *report;
    char title[64];

    if (!json) {
        (void)snprintf(title, sizeof(title), "instructions a message of %zu B", size);
        (void)printf("%-40s  median   least    most    mean samples\n", title);
        for (size_t i = 0; i < count; i++)
            print_row(&results[i]);
        return fflush(stdout) == 0;
    }
    array = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, row_json(&results[i]));
    report = json_pack("{s:s, s:I, s:o}", "version", smew_version(), "size", (json_int_t)size,
                       "rows", array);
    return bench_json_print(report, stdout);
}

/* ---- the whole ---- */

static const char *name_of(size_t row)
{
    return rows[row].name;
}

static int refuse(const char *why, int code)
{
    (void)fprintf(stderr, "smew-bench: steps: %s\n", why);
    return code;
}

/* In a directory of its own.  True when every row was counted. */
static bool count_all(struct bench_plan plan, size_t size, struct result *results, size_t count)
{
    char directory[BENCH_SCRATCH_SIZE];
    double *counts = calloc(CALLS_MOST, sizeof(*counts));
    bool fine = counts != NULL && bench_scratch_make(directory);

    if (!fine) {
        free(counts);
        (void)refuse("no memory, or no directory in /tmp", 1);
        return false;
    }
    plan.directory = directory;
    for (size_t i = 0; i < count; i++) {
        count_row(&plan, size, counts, &results[i]);
        fine = fine && results[i].error[0] == 0;
    }
    bench_scratch_remove(directory);
    free(counts);
    return fine;
}

int bench_steps(const struct bench_plan *plan, const struct bench_steps_options *options)
{
    const struct bench_choice choice = {
        .table = "steps", .only = options->only, .list = options->list};
    const size_t size = options->size > 0 ? options->size : SIZE;
    struct result results[ROWS] = {0};
    char why[BENCH_ERROR_SIZE];
    size_t numbers[ROWS];
    size_t count;
    int code;
    bool fine;

    if (!bench_choose(&choice, name_of, ROWS, numbers, &count, &code))
        return code;
    if (size > BENCH_STEPS_SIZE_MOST || plan->count > COUNT_MOST)
        return refuse("at most 16384 bytes and 65536 messages", USAGE);
    if (!bench_steps_possible(why))
        return refuse(why, 1);
    for (size_t i = 0; i < count; i++)
        results[i].row = &rows[numbers[i]];
    fine = count_all(*plan, size, results, count);
    return print(results, count, size, options->json) && fine ? 0 : 1;
}
