/* SPDX-License-Identifier: MIT */
#include "bench/stats.h"

#include <stdlib.h>

static int compare_doubles(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;

    return (left > right) - (left < right);
}

static int compare_integers(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

struct bench_spread bench_spread(double *values, size_t count)
{
    if (count == 0)
        return (struct bench_spread){0};
    qsort(values, count, sizeof(*values), compare_doubles);
    return (struct bench_spread){
        .count = count,
        .median = (values[(count - 1) / 2] + values[count / 2]) / 2,
        .min = values[0],
        .max = values[count - 1],
    };
}

uint64_t bench_percentile(uint64_t *values, size_t count, double share)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), compare_integers);
    return values[(size_t)((double)(count - 1) * share)];
}
