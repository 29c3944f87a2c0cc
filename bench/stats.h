/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_STATS_H
#define SMEW_BENCH_STATS_H

/* What a few numbers have in common. */

#include <stddef.h>
#include <stdint.h>

struct bench_spread {
    size_t count; /* 0: the others mean nothing */
    double median;
    double min;
    double max;
};

/* Sorts the values. */
struct bench_spread bench_spread(double *values, size_t count);

/* The value below which `share` (0 to 1) of the others lie; sorts them.  0 when there are none. */
uint64_t bench_percentile(uint64_t *values, size_t count, double share);

#endif
