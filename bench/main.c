/* SPDX-License-Identifier: MIT */
/*
 * smew-bench: measures smew against the reference ring and against what else there is, on this
 * computer.  The options are read here, the rows made by cells.c, survey.c, place.c or waits.c,
 * sampled by schedule.c and printed by report.c; `sync`,
 * `chart` and `steps` do all of it by themselves, in sync.c, chart.c and steps.c.
 *
 * Ctrl-C ends the sampling; what was sampled until then is still printed.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/chart.h"
#include "bench/load.h"
#include "bench/report.h"
#include "bench/schedule.h"
#include "bench/scratch.h"
#include "bench/steps.h"
#include "bench/sync.h"
#include "bench/tables.h"

enum { ROUNDS = 9, SAMPLE_MS = 40, USAGE = 2 };

struct settings {
    size_t (*make_rows)(const struct bench_filter *filter, struct bench_row **rows);
    bool json;
    bool list;
    bool sync;  /* no rows of peers: sync.c */
    bool chart; /* neither: chart.c */
    bool steps; /* nor here: steps.c */
    const char *xstate;
    struct bench_filter filter;
    struct bench_plan plan;
};

static atomic_bool stop;

static void on_signal(int number)
{
    (void)number;
    atomic_store_explicit(&stop, true, memory_order_relaxed);
}

static void usage(FILE *out)
{
    (void)fputs(
        "smew-bench [cells | peers | place | waits | sync | chart | steps]\n"
        "           [OPTION...]\n"
        "\n"
        "  cells                what smew has to reach, as ratios of paired samples (the default)\n"
        "  peers                absolute figures of every peer of this build\n"
        "  place                smew's payloads read in place against private copies, by size\n"
        "  waits                smew's adaptive waiting against spinning and sleeping\n"
        "  sync                 locks and flags of base/sync/ against the C library's; takes "
        "--only,\n"
        "                       --rounds, --sample-ms, --count (operations), --json, --list\n"
        "  chart                the chart engine and a mailbox against XState; takes the same\n"
        "                       (--count is of events) and --xstate\n"
        "  steps                instructions of smew's side a message over shm, counted one by\n"
        "                       one; takes --only, --size, --count (of messages a row), --json, "
        "--list\n"
        "\n"
        "  --scheme NAME        smew only over this scheme: shm, pipe, inproc\n"
        "  --only TEXT          only rows with this text in their names\n"
        "  --peer NAME          peers: only this one\n"
        "  --size BYTES         only messages of this size\n"
        "  --producers N        peers: only so many, 1, 4 or 8\n"
        "  --place PLACE        peers: only this placement, pair, one or free; place: there\n"
        "  --spin               peers: those that can wait by looking\n"
        "  --trips              peers: round trips only\n"
        "  --rounds N           samples of each row; default 9, at most 64\n"
        "  --sample-ms MS       how long a sample should last; default 40\n"
        "  --count N            messages of each producer, instead\n"
        "  --xstate FOLDER      chart: whose node_modules has xstate\n"
        "  --no-probe           does not ask how far apart the cores are, and takes every sample\n"
        "  --json               a document instead of a table\n"
        "  --list               the rows and no sample\n"
        "  --help               this text\n",
        out);
}

static int complain(const char *what, const char *value)
{
    (void)fprintf(stderr, "smew-bench: %s: %s\n", what, value);
    return USAGE;
}

/* A whole number from 1 to `most`; 0 when it is none. */
static uint64_t number(const char *text, uint64_t most)
{
    char *end;
    const unsigned long long value = strtoull(text, &end, 10);

    return *text >= '0' && *text <= '9' && *end == 0 && value <= most ? value : 0;
}

static bool read_place(const char *text, struct bench_filter *filter)
{
    static const char *const names[] = {
        [BENCH_PAIR] = "pair", [BENCH_ONE] = "one", [BENCH_FREE] = "free"};

    filter->placed = true;
    for (int i = 0; i <= BENCH_FREE; i++)
        if (strcmp(text, names[i]) == 0) {
            filter->placement = (enum bench_placement)i;
            return true;
        }
    return false;
}

/* False when the option's argument is not valid. */
static bool read_option(int option, const char *argument, struct settings *settings)
{
    struct bench_filter *filter = &settings->filter;
    struct bench_plan *plan = &settings->plan;

    switch (option) {
    case 's':
        filter->scheme = argument;
        return true;
    case 'o':
        filter->only = argument;
        return true;
    case 'p':
        filter->peer = argument;
        return bench_peer_named(argument) != NULL;
    case 'S':
        return (filter->size = number(argument, SIZE_MAX)) != 0;
    case 'P':
        return (filter->producers = (unsigned)number(argument, BENCH_PRODUCERS_MOST)) != 0;
    case 'l':
        return read_place(argument, filter);
    case 'w':
        filter->waits = true;
        filter->wait = BENCH_SPIN;
        return true;
    case 't':
        filter->trips_only = true;
        return true;
    case 'r':
        return (plan->rounds = (unsigned)number(argument, BENCH_SAMPLES_MOST)) != 0;
    case 'm':
        return (plan->sample_ms = (unsigned)number(argument, 10000)) != 0;
    case 'c':
        return (plan->count = number(argument, 1000000000)) != 0;
    case 'n':
        return plan->no_probe = true;
    case 'x':
        settings->xstate = argument;
        return true;
    case 'j':
        return settings->json = true;
    default:
        return settings->list = true;
    }
}

static bool read_table(const char *name, struct settings *settings)
{
    if (strcmp(name, "cells") == 0)
        settings->make_rows = bench_cells;
    else if (strcmp(name, "peers") == 0)
        settings->make_rows = bench_survey;
    else if (strcmp(name, "place") == 0)
        settings->make_rows = bench_place;
    else if (strcmp(name, "waits") == 0)
        settings->make_rows = bench_waits;
    else if (strcmp(name, "sync") == 0)
        settings->sync = true;
    else if (strcmp(name, "chart") == 0)
        settings->chart = true;
    else if (strcmp(name, "steps") == 0)
        settings->steps = true;
    else
        return false;
    return true;
}

/* 0 to go on, or -1 with the exit code in *code. */
static int read_arguments(int count, char **arguments, struct settings *settings, int *code)
{
    static const struct option options[] = {
        {"scheme", required_argument, NULL, 's'},
        {"only", required_argument, NULL, 'o'},
        {"peer", required_argument, NULL, 'p'},
        {"size", required_argument, NULL, 'S'},
        {"producers", required_argument, NULL, 'P'},
        {"place", required_argument, NULL, 'l'},
        {"spin", no_argument, NULL, 'w'},
        {"trips", no_argument, NULL, 't'},
        {"rounds", required_argument, NULL, 'r'},
        {"sample-ms", required_argument, NULL, 'm'},
        {"count", required_argument, NULL, 'c'},
        {"xstate", required_argument, NULL, 'x'},
        {"json", no_argument, NULL, 'j'},
        {"no-probe", no_argument, NULL, 'n'},
        {"list", no_argument, NULL, 'L'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option, index = 0;

    while ((option = getopt_long(count, arguments, "h", options, &index)) != -1) {
        if (option == 'h' || option == '?') {
            usage(option == 'h' ? stdout : stderr);
            *code = option == 'h' ? 0 : USAGE;
            return -1;
        }
        if (!read_option(option, optarg, settings)) {
            *code = complain(options[index].name, optarg);
            return -1;
        }
    }
    if (optind < count && !read_table(arguments[optind], settings)) {
        *code = complain("no such table", arguments[optind]);
        return -1;
    }
    return 0;
}

static void list(const struct bench_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)puts(rows[i].name);
}

/* Samples in a directory of its own. */
static int measure(struct settings *settings, struct bench_row *rows, size_t count)
{
    char directory[BENCH_SCRATCH_SIZE];
    struct bench_load load;
    double others;
    bool fine = true;

    if (!bench_scratch_make(directory)) {
        (void)complain("cannot be made", directory);
        return 1;
    }
    settings->plan.directory = directory;
    bench_load_begin(&load);
    bench_schedule(&settings->plan, rows, count);
    others = bench_load_others(&load);
    bench_scratch_remove(directory);
    settings->plan.directory = NULL;
    if (settings->json)
        fine = bench_report_json(stdout, rows, count, others);
    else
        bench_report_text(stdout, rows, count, others);
    return fine && !atomic_load_explicit(&stop, memory_order_relaxed) ? 0 : 1;
}

static int run_without_peers(const struct settings *settings)
{
    const struct bench_filter *filter = &settings->filter;

    if (filter->scheme != NULL || filter->peer != NULL || (filter->size > 0 && !settings->steps) ||
        filter->producers > 0 || filter->placed || filter->waits || filter->trips_only)
        return complain("this table has no peers to choose by", "see --help");
    if (settings->steps)
        return bench_steps(&settings->plan, &(struct bench_steps_options){.only = filter->only,
                                                                          .size = filter->size,
                                                                          .list = settings->list,
                                                                          .json = settings->json});
    if (settings->chart)
        return bench_chart(&settings->plan, &(struct bench_chart_what){.only = filter->only,
                                                                       .xstate = settings->xstate,
                                                                       .list = settings->list,
                                                                       .json = settings->json});
    return bench_sync(&settings->plan, &(struct bench_sync_what){.only = filter->only,
                                                                 .list = settings->list,
                                                                 .json = settings->json});
}

int main(int argument_count, char **arguments)
{
    const struct sigaction action = {.sa_handler = on_signal};
    struct settings settings = {
        .make_rows = bench_cells,
        .plan = {.rounds = ROUNDS, .sample_ms = SAMPLE_MS, .stop = &stop},
    };
    struct bench_row *rows = NULL;
    size_t count;
    int code = 0;

    if (read_arguments(argument_count, arguments, &settings, &code) != 0)
        return code;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    if (settings.sync || settings.chart || settings.steps)
        return run_without_peers(&settings);
    settings.plan.progress = isatty(STDERR_FILENO) != 0;
    count = settings.make_rows(&settings.filter, &rows);
    if (count == 0) {
        free(rows);
        return complain("there is no such row", "see --list");
    }
    if (settings.list)
        list(rows, count);
    else
        code = measure(&settings, rows, count);
    free(rows);
    return code;
}
