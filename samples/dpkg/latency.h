/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_LATENCY_H
#define SMEW_SAMPLES_DPKG_LATENCY_H

/*
 * How long things took: counted in buckets that are at most 1/32 wide, so that a feeder may run
 * for years in the same few kilobytes.
 */

#include <stdint.h>

enum { FEEDER_LATENCY_BUCKETS = 32 * 60 };

struct feeder_latency {
    uint64_t count;
    uint64_t max_ns;
    uint64_t buckets[FEEDER_LATENCY_BUCKETS];
};

void feeder_latency_record(struct feeder_latency *latency, uint64_t ns);

/* What the given share of all did not exceed, 0.99 say, rounded up to a bucket; 0 of none. */
uint64_t feeder_latency_quantile(const struct feeder_latency *latency, double share);

#endif
