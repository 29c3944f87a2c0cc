/* SPDX-License-Identifier: MIT */
#ifndef SMEW_DIAGNOSTICS_HISTOGRAM_H
#define SMEW_DIAGNOSTICS_HISTOGRAM_H

/*
 * A histogram of durations: log-linear buckets (16 to each power of two, so at most 6.25 % off),
 * fixed size, no allocation.  One writer at a time.  After HdrHistogram (Gil Tene).
 */

#include <stdint.h>

enum { SMEW_HISTOGRAM_BUCKETS = 16 * 61 };

struct smew__histogram {
    uint64_t count;
    uint64_t least;
    uint64_t most;
    uint64_t buckets[SMEW_HISTOGRAM_BUCKETS];
};

void smew__histogram_init(struct smew__histogram *histogram);
void smew__histogram_add(struct smew__histogram *histogram, uint64_t value);
/* The upper edge of the bucket in which the fraction (0 to 1) lies; 0 when empty. */
uint64_t smew__histogram_at(const struct smew__histogram *histogram, double fraction);
void smew__histogram_merge(struct smew__histogram *into, const struct smew__histogram *from);

#endif
