/* SPDX-License-Identifier: MIT */
/*
 * The histogram.  Values below 16 have a bucket each; above, the highest set bit chooses the group
 * of 16, and the next four bits the bucket in it:
 *
 *     value  0..15   16..31   32..63   64..127   ...   2^63..2^64-1
 *     width    1        1        2        4                2^59
 *     group    0        1        2        3                 60
 *
 * A bucket is at most 1/16 as wide as its lower edge, so an answer is at most 6.25 % too high.
 */
#include "diagnostics/histogram.h"

#include <assert.h>

enum { GROUP = 16, GROUP_BITS = 4 };

static_assert(SMEW_HISTOGRAM_BUCKETS == GROUP * (64 - GROUP_BITS + 1), "every uint64_t has one");

static unsigned bucket_of(uint64_t value)
{
    unsigned shift;

    if (value < GROUP)
        return (unsigned)value;
    shift = 63u - (unsigned)__builtin_clzll(value) - GROUP_BITS;
    return (shift + 1) * GROUP + (unsigned)(value >> shift & (GROUP - 1));
}

static uint64_t upper_edge(unsigned bucket)
{
    unsigned shift;

    if (bucket < GROUP)
        return bucket;
    shift = bucket / GROUP - 1;
    return ((uint64_t)(GROUP + bucket % GROUP) << shift) + ((UINT64_C(1) << shift) - 1);
}

void smew__histogram_init(struct smew__histogram *histogram)
{
    *histogram = (struct smew__histogram){0};
}

void smew__histogram_add(struct smew__histogram *histogram, uint64_t value)
{
    if (histogram->count == 0 || value < histogram->least)
        histogram->least = value;
    if (value > histogram->most)
        histogram->most = value;
    histogram->count++;
    histogram->buckets[bucket_of(value)]++;
}

/* Which of the sorted values the fraction means, 1 to count: the nearest rank, rounded up. */
static uint64_t rank_of(uint64_t count, double fraction)
{
    double exact = fraction * (double)count;
    uint64_t rank;

    if (!(exact > 1)) /* not a number included */
        return 1;
    if (exact >= (double)count)
        return count;
    rank = (uint64_t)exact;
    return (double)rank < exact ? rank + 1 : rank;
}

uint64_t smew__histogram_at(const struct smew__histogram *histogram, double fraction)
{
    uint64_t left;

    if (histogram->count == 0)
        return 0;
    left = rank_of(histogram->count, fraction);
    for (unsigned i = 0; i < SMEW_HISTOGRAM_BUCKETS; i++) {
        if (histogram->buckets[i] >= left) {
            uint64_t edge = upper_edge(i);

            return edge < histogram->most ? edge : histogram->most;
        }
        left -= histogram->buckets[i];
    }
    return histogram->most;
}

void smew__histogram_merge(struct smew__histogram *into, const struct smew__histogram *from)
{
    if (from->count == 0)
        return;
    if (into->count == 0 || from->least < into->least)
        into->least = from->least;
    if (from->most > into->most)
        into->most = from->most;
    into->count += from->count;
    for (unsigned i = 0; i < SMEW_HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}
