/* SPDX-License-Identifier: MIT */
/*
 * Happy path: both sides of a row are opened, how many events make a sample is found out, and each
 * round takes one pair of samples of every row, in turns the one or the other side first.  Before
 * what is measured goes a lap that nobody counts; before XState's first one 200 ms of it, so that
 * the compiler has done its work.  A lap counts the actions it ran: one with another number than
 * the chart demands is an error, not a sample.
 *
 * Memory is weighed once: 10,000 machines that have started and wait, divided.
 *
 * Failure modes: without node or xstate smew's figures stand alone, and the reason is printed.
 */
#include "bench/chart.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <smew/version.h>

#include "bench/chart_side.h"
#include "bench/choose.h"
#include "bench/json.h"
#include "bench/load.h"
#include "bench/report.h"

enum { IT, OTHER, SIDES, FIRST_WARM_MS = 200, WARM_MS = 5, WARM_SHARE = 8, FIRST_COUNT = 64 };

/* ---- rows ---------------------------------------------------------------------------- */

#define LEAF(name, next) \
    "\"" name "\":{\"entry\":\"count\",\"exit\":\"count\",\"on\":{\"TOGGLE\":\"" next "\"}}"
#define TOGGLE "\"initial\":\"off\",\"states\":{" LEAF("off", "on") "," LEAF("on", "off") "}"
#define REGION(name) "\"" name "\":{" TOGGLE "}"
#define AROUND(name, what)                         \
    "\"initial\":\"" name "\",\"states\":{\"" name \
    "\":{\"entry\":\"count\",\"exit\":\"count\"" what "}}"
#define BRANCH(name, next)                                                            \
    "\"" name "\":{\"entry\":\"count\",\"exit\":\"count\",\"on\":{\"TOGGLE\":\"" next \
    "\"}," AROUND("a", "," AROUND("b", "," AROUND("c", ""))) "}"

static const struct bench_chart_case toggle = {
    .chart = "{\"id\":\"toggle\"," TOGGLE "}", .event = "TOGGLE", .actions = 2};

/* The event is found three levels above the leaf, and leads from one leaf of depth 4 to another. */
static const struct bench_chart_case deep = {
    .chart = "{\"id\":\"deep\",\"initial\":\"left\",\"states\":{" BRANCH(
        "left", "right") "," BRANCH("right", "left") "}}",
    .event = "TOGGLE",
    .actions = 8};

static const struct bench_chart_case parallel = {
    .chart = "{\"id\":\"three\",\"type\":\"parallel\",\"states\":{" REGION("x") "," REGION(
        "y") "," REGION("z") "}}",
    .event = "TOGGLE",
    .actions = 6};

/* Another state would take it, so that nobody can know it for a stranger by its name. */
static const struct bench_chart_case unhandled = {
    .chart =
        "{\"id\":\"deaf\",\"initial\":\"off\",\"states\":{\"off\":{\"entry\":\"count\",\"exit\":"
        "\"count\",\"on\":{\"TOGGLE\":\"on\"}},\"on\":{\"on\":{\"RESET\":\"off\"}}}}",
    .event = "RESET",
    .actions = 0};

struct row {
    const char *name;
    const struct bench_chart_case *what;
    enum bench_way way;
    bool memory;
    double floor;
    double goal;

    struct bench_engine *engine;
    struct bench_xstate *xstate;
    bool warm;
    uint64_t count[SIDES];                     /* events of a lap */
    double figures[SIDES][BENCH_SAMPLES_MOST]; /* events a second, or bytes */
    size_t samples[SIDES];
    char error[BENCH_ERROR_SIZE];
};

static struct row rows[] = {
    {"flat toggle, entry and exit actions", &toggle, BENCH_ENGINE, .floor = 40, .goal = 100},
    {"depth 4", &deep, BENCH_ENGINE, .floor = 30, .goal = 80},
    {"three parallel regions, all reacting", &parallel, BENCH_ENGINE, .floor = 25, .goal = 60},
    {"unhandled", &unhandled, BENCH_ENGINE, .floor = 25, .goal = 60},
    {"mailbox to transition, one core", &toggle, BENCH_MAILBOX_ONE, .floor = 11, .goal = 30},
    {"mailbox to transition, any core", &toggle, BENCH_MAILBOX_FREE, .floor = 11, .goal = 30},
    {"an idle machine", &toggle, BENCH_ENGINE, .memory = true, .floor = 512, .goal = 256},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* ---- opening ------------------------------------------------------------------------- */

static int first_core(void)
{
    int cores[2];

    (void)bench_two_cores(cores);
    return cores[0];
}

static void open_row(struct row *row, const struct bench_chart_what *what)
{
    const int core = first_core();

    if (what->xstate != NULL)
        row->xstate = bench_xstate_open(row->what, what->xstate, core, row->error);
    if (!row->memory)
        row->engine = bench_engine_open(row->what, row->way, core, row->error);
}

static void close_row(struct row *row)
{
    bench_engine_close(row->engine);
    bench_xstate_close(row->xstate);
}

/* ---- samples ------------------------------------------------------------------------- */

static bool stopped(const struct bench_plan *plan)
{
    return atomic_load_explicit(plan->stop, memory_order_relaxed);
}

static bool is_there(const struct row *row, int side)
{
    return side == IT ? row->engine != NULL : row->xstate != NULL;
}

static bool take_lap(struct row *row, int side, unsigned warm_ms, struct bench_lap *lap)
{
    const uint64_t count = row->count[side];
    const bool fine = side == IT ? bench_engine_lap(row->engine, count, lap, row->error)
                                 : bench_xstate_lap(row->xstate, count, warm_ms, lap, row->error);

    if (!fine || lap->actions == count * row->what->actions)
        return fine;
    (void)snprintf(row->error, sizeof(row->error), "%s ran %llu actions instead of %llu",
                   side == IT ? "smew" : "XState", (unsigned long long)lap->actions,
                   (unsigned long long)count * row->what->actions);
    return false;
}

/* Before what is measured: XState's driver does its own. */
static bool warm_up(struct row *row, int side)
{
    const uint64_t count = row->count[side];
    struct bench_lap lap;
    bool fine;

    if (side == OTHER)
        return true;
    row->count[side] = count / WARM_SHARE;
    fine = take_lap(row, side, 0, &lap);
    row->count[side] = count;
    return fine;
}

/* So many events that a sample lasts about as long as it should. */
static bool find_count(const struct bench_plan *plan, struct row *row, int side)
{
    const uint64_t wanted_ns = plan->sample_ms * UINT64_C(1000000);
    struct bench_lap lap = {0};

    row->count[side] = plan->count > 0 ? plan->count : FIRST_COUNT;
    if (plan->count > 0)
        return true;
    for (;; row->count[side] *= 2) {
        if (!take_lap(row, side, row->warm ? 0 : FIRST_WARM_MS, &lap))
            return false;
        row->warm = row->warm || side == OTHER;
        if (lap.ns >= wanted_ns / 4)
            break;
    }
    row->count[side] =
        (uint64_t)((double)row->count[side] * (double)wanted_ns / (double)lap.ns) + 1;
    return true;
}

static void take_pair(const struct bench_plan *plan, struct row *row, int first)
{
    double figures[SIDES] = {0};

    for (int i = 0; i < SIDES; i++) {
        const int side = (first + i) % SIDES;
        struct bench_lap lap;

        if (!is_there(row, side))
            continue;
        if ((row->count[side] == 0 && !find_count(plan, row, side)) || !warm_up(row, side) ||
            !take_lap(row, side, plan->count > 0 ? 0 : WARM_MS, &lap))
            return;
        figures[side] = (double)row->count[side] * 1e9 / (double)lap.ns;
    }
    for (int side = 0; side < SIDES; side++)
        if (figures[side] > 0)
            row->figures[side][row->samples[side]++] = figures[side];
}

static void weigh(struct row *row)
{
    row->figures[IT][0] = bench_engine_bytes(row->what);
    row->samples[IT] = row->figures[IT][0] > 0;
    if (row->xstate == NULL)
        return;
    row->figures[OTHER][0] = bench_xstate_bytes(row->xstate);
    row->samples[OTHER] = row->figures[OTHER][0] > 0;
}

static void sample(const struct bench_plan *plan, struct row *const *chosen, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (chosen[i]->memory)
            weigh(chosen[i]);
    for (unsigned round = 0; round < plan->rounds; round++)
        for (size_t i = 0; i < count && !stopped(plan); i++)
            if (!chosen[i]->memory && chosen[i]->engine != NULL && chosen[i]->error[0] == 0)
                take_pair(plan, chosen[i], (int)(round % SIDES));
}

/* ---- what came out ------------------------------------------------------------------- */

static struct bench_spread figures(const struct row *row, int side)
{
    double values[BENCH_SAMPLES_MOST];

    memcpy(values, row->figures[side], row->samples[side] * sizeof(values[0]));
    return bench_spread(values, row->samples[side]);
}

static struct bench_spread ratios(const struct row *row)
{
    double values[BENCH_SAMPLES_MOST];
    const size_t count =
        row->samples[OTHER] < row->samples[IT] ? row->samples[OTHER] : row->samples[IT];

    for (size_t i = 0; i < count; i++)
        values[i] = row->figures[IT][i] / row->figures[OTHER][i];
    return bench_spread(values, count);
}

/* Bytes are judged for themselves, rates beside XState's. */
static enum bench_verdict verdict(const struct row *row)
{
    const struct bench_spread spread = row->memory ? figures(row, IT) : ratios(row);
    const double value = row->memory ? -spread.median : spread.median;
    const double sign = row->memory ? -1 : 1;

    if (spread.count == 0)
        return BENCH_NOTHING;
    if (value >= sign * row->goal)
        return BENCH_GOAL;
    return value >= sign * row->floor ? BENCH_FLOOR : BENCH_BELOW;
}

static const char *figure_text(const struct row *row, int side, char text[BENCH_AMOUNT_SIZE])
{
    const struct bench_spread spread = figures(row, side);

    if (spread.count == 0)
        return "-";
    if (!row->memory)
        return bench_amount(spread.median, false, text);
    (void)snprintf(text, BENCH_AMOUNT_SIZE, "%.0f B", spread.median);
    return text;
}

static void print_row(const struct row *row)
{
    const struct bench_spread ratio = ratios(row);
    const char *unit = row->memory ? " B" : "x";
    char it[BENCH_AMOUNT_SIZE], other[BENCH_AMOUNT_SIZE], text[BENCH_ERROR_SIZE] = "-";
    char floor[BENCH_AMOUNT_SIZE], goal[BENCH_AMOUNT_SIZE];

    if (ratio.count > 0)
        (void)snprintf(text, sizeof(text), "%.3g (%.3g..%.3g) %zu", ratio.median, ratio.min,
                       ratio.max, ratio.count);
    (void)snprintf(floor, sizeof(floor), "%.0f%s", row->floor, unit);
    (void)snprintf(goal, sizeof(goal), "%.0f%s", row->goal, unit);
    (void)printf("%-38s %7s %7s  %-24s %10s %10s  %s%s%s\n", row->name, floor, goal, text,
                 figure_text(row, IT, it), figure_text(row, OTHER, other),
                 bench_verdict_text(verdict(row)), row->error[0] != 0 ? ": " : "", row->error);
}

static const char *version_of(struct row *const *chosen, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (chosen[i]->xstate != NULL)
            return bench_xstate_version(chosen[i]->xstate);
    return NULL;
}

static bool print(struct row *const *chosen, size_t count, double others)
{
    const char *version = version_of(chosen, count);

    (void)printf("%-38s %7s %7s  %-24s %10s %10s  verdict\n", "events a second, one core", "floor",
                 "goal", "it / XState (least..most)", "it", "XState");
    for (size_t i = 0; i < count; i++)
        print_row(chosen[i]);
    if (version == NULL)
        (void)printf("\nXState was not measured; ./dev bench chart fetches it by npm\n");
    else
        (void)printf("\nXState %s; others had %.0f %% of the processors meanwhile\n", version,
                     others * 100);
    return fflush(stdout) == 0;
}

static json_t *spread_json(struct bench_spread spread)
{
    if (spread.count == 0)
        return json_null();
    return json_pack("{s:I, s:f, s:f, s:f}", "samples", (json_int_t)spread.count, "median",
                     spread.median, "min", spread.min, "max", spread.max);
}

static json_t *row_json(const struct row *row)
{
    return json_pack("{s:s, s:s, s:f, s:f, s:s, s:o, s:o, s:o, s:o}", "name", row->name, "unit",
                     row->memory ? "bytes" : "events_per_second", "floor", row->floor, "goal",
                     row->goal, "verdict", bench_verdict_text(verdict(row)), "it",
                     spread_json(figures(row, IT)), "xstate", spread_json(figures(row, OTHER)),
                     "ratio", spread_json(ratios(row)), "error",
                     row->error[0] != 0 ? json_string(row->error) : json_null());
}

static bool print_json(struct row *const *chosen, size_t count, double others)
{
    const char *version = version_of(chosen, count);
    json_t *array = json_array();
    json_t *report;

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, row_json(chosen[i]));
    report = json_pack("{s:s, s:o, s:f, s:o}", "version", smew_version(), "xstate",
                       version != NULL ? json_string(version) : json_null(), "others", others,
                       "rows", array);
    return bench_json_print(report, stdout);
}

/* ---- the whole ----------------------------------------------------------------------- */

static bool measure(const struct bench_plan *plan, const struct bench_chart_what *what,
                    struct row *const *chosen, size_t count)
{
    struct bench_load load;
    double others;
    bool fine = true;

    (void)bench_pin(first_core());
    for (size_t i = 0; i < count; i++)
        open_row(chosen[i], what);
    bench_load_begin(&load);
    sample(plan, chosen, count);
    others = bench_load_others(&load);
    fine = what->json ? print_json(chosen, count, others) : print(chosen, count, others);
    for (size_t i = 0; i < count; i++) {
        fine = fine && chosen[i]->error[0] == 0;
        close_row(chosen[i]);
    }
    return fine;
}

static const char *name_of(size_t row)
{
    return rows[row].name;
}

int bench_chart(const struct bench_plan *plan, const struct bench_chart_what *what)
{
    const struct bench_choice choice = {.table = "chart", .only = what->only, .list = what->list};
    struct row *chosen[ROWS];
    size_t numbers[ROWS];
    size_t count;
    int code;

    if (!bench_choose(&choice, name_of, ROWS, numbers, &count, &code))
        return code;
    for (size_t i = 0; i < count; i++)
        chosen[i] = &rows[numbers[i]];
    return measure(plan, what, chosen, count) && !stopped(plan) ? 0 : 1;
}
