/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_REPORT_H
#define SMEW_BENCH_REPORT_H

/* What came out: as a table for people, as JSON for machines. */

#include <stdio.h>

#include "bench/row.h"

enum { BENCH_AMOUNT_SIZE = 64 };

/* Three digits and a unit: "12.5 M/s", or "38 us" of nanoseconds. */
const char *bench_amount(double value, bool time_ns, char text[BENCH_AMOUNT_SIZE]);

/*
 * Whatever was asked of a row says its verdict; of the others only the figures are printed.
 * `others`: the share of the processors that other programs had meanwhile (load.h).
 */
void bench_report_text(FILE *out, const struct bench_row *rows, size_t count, double others);

/*
 * {
 *   "version": "0.1.0",
 *   "machine": {"processor": …, "kernel": …, "cores": 2, "others": 0.01, "build":
 * "RelWithDebInfo"}, "rows": [{ "name": …, "verdict": "goal"|"floor"|"below"|"figure"|"none",
 *     "floor": …, "goal": …, "far_floor": …, "better": "higher"|"lower",
 *     "subject": {"peer": …, "size": 64, "producers": 1, "placement": …, "wait": …, "trip": false,
 *                 "ring_bytes": …, "in_place": false, "read_once": false, "metric": …, "count": …,
 *                 "median": …, "min": …, "max": …},
 *     "opponent": the same, or null,
 *     "near": {"samples": 9, "median": …, "min": …, "max": …}, or null; "far", "same": the same,
 *     "samples": [{"distance": "near", "probe_ns": …, "subject": …, "opponent": …}],
 *     "dropped": 0, "failed": 0, "error": … or null
 *   }]
 * }
 * near, far and same are ratios, subject by opponent.  False without memory or when out is broken.
 */
bool bench_report_json(FILE *out, const struct bench_row *rows, size_t count, double others);

#endif
