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

static inline uint64_t smew__event_mix(uint64_t hash, const char *eight)
{
    uint64_t word;

    memcpy(&word, eight, sizeof word);
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15); /* Knuth, TAOCP 6.4 */
    return hash ^ hash >> 32;
}

/* Of an event's name, eight bytes at a time; the last eight may overlap those before. */
static inline uint32_t smew__event_hash(const char *name, size_t size)
{
    char few[8] = {0};
    uint64_t hash = size;
    size_t at = 0;

    if (size < sizeof few) {
        for (; at < size; at++)
            few[at] = name[at];
        return (uint32_t)smew__event_mix(hash, few);
    }
    for (; at + sizeof few < size; at += sizeof few)
        hash = smew__event_mix(hash, name + at);
    return (uint32_t)smew__event_mix(hash, name + size - sizeof few);
}

#endif
