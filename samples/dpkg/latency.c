/* SPDX-License-Identifier: MIT */
/*
 * Bucket i below 32 is the value i itself; above, each doubling has 32 buckets: the five bits
 * after the leading one.  2^64 ns would be bucket 32 * 60.
 */
#include "samples/dpkg/latency.h"

static unsigned bucket_of(uint64_t ns)
{
    unsigned doublings;

    if (ns < 32)
        return (unsigned)ns;
    doublings = 63u - (unsigned)__builtin_clzll(ns) - 5u;
    return doublings * 32 + (unsigned)(ns >> doublings);
}

/* The largest value that the bucket holds. */
static uint64_t top_of(unsigned bucket)
{
    unsigned doublings;

    if (bucket < 32)
        return bucket;
    doublings = bucket / 32 - 1;
    return ((UINT64_C(32) + bucket % 32 + 1) << doublings) - 1;
}

void feeder_latency_record(struct feeder_latency *latency, uint64_t ns)
{
    latency->buckets[bucket_of(ns)]++;
    latency->count++;
    if (ns > latency->max_ns)
        latency->max_ns = ns;
}

uint64_t feeder_latency_quantile(const struct feeder_latency *latency, double share)
{
    double wanted = share * (double)latency->count;
    uint64_t seen = 0;

    for (unsigned bucket = 0; bucket < FEEDER_LATENCY_BUCKETS; bucket++) {
        seen += latency->buckets[bucket];
        if ((double)seen >= wanted && seen > 0)
            return top_of(bucket) < latency->max_ns ? top_of(bucket) : latency->max_ns;
    }
    return latency->max_ns;
}
