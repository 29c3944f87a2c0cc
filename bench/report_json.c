/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <jansson.h>
#include <smew/version.h>

#include "bench/json.h"
#include "bench/report.h"
#include "bench/tables.h"

static const char *const metrics[] = {
    [BENCH_RATE] = "messages_per_second", [BENCH_P50] = "p50_ns", [BENCH_P99] = "p99_ns"};
static const char *const distances[] = {
    [BENCH_NEAR] = "near", [BENCH_FAR] = "far", [BENCH_SAME] = "same"};
static const char *const verdicts[] = {
    [BENCH_NOTHING] = "none", [BENCH_FIGURE] = "figure", [BENCH_BELOW] = "below",
    [BENCH_FLOOR] = "floor",  [BENCH_GOAL] = "goal",
};

/* "model name : …" of the first processor. */
static void processor_name(char name[128])
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];

    (void)snprintf(name, 128, "unknown");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strstr(line, ": ");

        if (strncmp(line, "model name", strlen("model name")) != 0 || colon == NULL)
            continue;
        (void)snprintf(name, 128, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file != NULL)
        (void)fclose(file);
}

static json_t *machine(double others)
{
    struct utsname system = {0};
    char name[128];

    processor_name(name);
    (void)uname(&system);
    return json_pack("{s:s, s:s, s:i, s:f, s:s}", "processor", name, "kernel", system.release,
                     "cores", (int)sysconf(_SC_NPROCESSORS_ONLN), "others", others, "build",
                     BENCH_BUILD_TYPE);
}

static json_t *spread(struct bench_spread spread)
{
    if (spread.count == 0)
        return json_null();
    return json_pack("{s:I, s:f, s:f, s:f}", "samples", (json_int_t)spread.count, "median",
                     spread.median, "min", spread.min, "max", spread.max);
}

static json_t *side(const struct bench_row *row, bool of_opponent)
{
    const struct bench_side *side = of_opponent ? &row->opponent : &row->subject;
    const struct bench_case *what = &side->what;

    if (side->peer == NULL)
        return json_null();
    return json_pack(
        "{s:s, s:I, s:i, s:s, s:s, s:b, s:I, s:b, s:b, s:s, s:I, s:o}", "peer", side->peer->name,
        "size", (json_int_t)what->size, "producers", (int)what->producers, "placement",
        bench_placement_text(what->placement), "wait", what->wait == BENCH_SPIN ? "spin" : "block",
        "trip", what->trip, "ring_bytes", (json_int_t)what->ring_bytes, "in_place", what->in_place,
        "read_once", what->read_once, "metric", metrics[side->metric], "count",
        (json_int_t)side->count, "figures", spread(bench_row_figures(row, of_opponent)));
}

static json_t *samples(const struct bench_row *row)
{
    json_t *array = json_array();

    for (size_t i = 0; i < row->count; i++) {
        const struct bench_taken *taken = &row->taken[i];

        (void)json_array_append_new(array, json_pack("{s:s, s:f, s:f, s:f}", "distance",
                                                     distances[taken->distance], "probe_ns",
                                                     taken->probe_ns, "subject", taken->subject,
                                                     "opponent", taken->opponent));
    }
    return array;
}

static json_t *row_json(const struct bench_row *row)
{
    const bool asked = row->floor > 0;

    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:s?}",
                     "name", row->name, "verdict", verdicts[bench_row_verdict(row)], "floor",
                     asked ? json_real(row->floor) : json_null(), "goal",
                     asked ? json_real(row->goal) : json_null(), "far_floor",
                     row->far_floor > 0 ? json_real(row->far_floor) : json_null(), "better",
                     row->lower ? "lower" : "higher", "subject", side(row, false), "opponent",
                     side(row, true), "near", spread(bench_row_ratios(row, BENCH_NEAR)), "far",
                     spread(bench_row_ratios(row, BENCH_FAR)), "same",
                     spread(bench_row_ratios(row, BENCH_SAME)), "samples", samples(row), "dropped",
                     (json_int_t)row->dropped, "failed", (json_int_t)row->failed, "error",
                     row->error[0] != 0 ? row->error : NULL);
}

bool bench_report_json(FILE *out, const struct bench_row *rows, size_t count, double others)
{
    json_t *array = json_array();
    json_t *report;

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, row_json(&rows[i]));
    report = json_pack("{s:s, s:o, s:o}", "version", smew_version(), "machine", machine(others),
                       "rows", array);
    return bench_json_print(report, out);
}
