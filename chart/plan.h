/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_PLAN_H
#define SMEW_CHART_PLAN_H

/*
 * What is found out once about a loaded chart, so that machines need not find it out for each
 * event: chart/plan.c has the story.
 */

#include <string.h>

#include "chart/chart.h"

/* The loaders' last step, when all else is in its place.  False: no memory. */
bool smew__plan(struct smew_chart *chart);

static inline uint64_t smew__eight_bytes(const char *from)
{
    uint64_t word;

    memcpy(&word, from, sizeof word);
    return word;
}

/* Up to eight of them as one word: other bytes give another word, if there are as many. */
static inline uint64_t smew__few_bytes(const char *from, size_t size)
{
    uint32_t first, last;

    if (size == 8)
        return smew__eight_bytes(from);
    if (size < 4)
        return size == 0 ? 0
                         : (uint64_t)(uint8_t)from[0] << 16 |
                               (uint64_t)(uint8_t)from[size / 2] << 8 | (uint8_t)from[size - 1];
    memcpy(&first, from, sizeof first); /* they overlap */
    memcpy(&last, from + size - sizeof last, sizeof last);
    return (uint64_t)first << 32 | last;
}

static inline uint64_t smew__event_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15); /* Knuth, TAOCP 6.4 */
    return hash ^ hash >> 32;
}

/* Of an event's name, eight bytes at a time; the last eight may overlap those before. */
static inline uint32_t smew__event_hash(const char *name, size_t size)
{
    uint64_t hash = size;

    if (size <= 8)
        return (uint32_t)smew__event_mix(hash, smew__few_bytes(name, size));
    for (size_t at = 0; at + 8 < size; at += 8)
        hash = smew__event_mix(hash, smew__eight_bytes(name + at));
    return (uint32_t)smew__event_mix(hash, smew__eight_bytes(name + size - 8));
}

static inline bool smew__same_name(const char *a, const char *b, size_t size)
{
    if (size <= 8)
        return smew__few_bytes(a, size) == smew__few_bytes(b, size);
    return memcmp(a, b, size) == 0;
}

#endif
