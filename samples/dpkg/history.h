/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_HISTORY_H
#define SMEW_SAMPLES_DPKG_HISTORY_H

/*
 * What a log said, in memory: the events in their order, and each package once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "samples/dpkg/line.h"

/* 16 bytes, so that a log of millions of lines is no matter. */
struct feeder_event {
    uint64_t line;    /* where the log says it */
    uint32_t package; /* index into packages */
    uint8_t status;   /* enum feeder_status */
};

struct feeder_history {
    struct feeder_event *events;
    size_t count;
    size_t events_room;
    char **packages; /* "NAME:ARCH" */
    uint32_t package_count;
    uint32_t packages_room;
    uint32_t *slots; /* open addressing: index + 1, or 0 */
    uint32_t slot_count;
};

enum { FEEDER_NO_PACKAGE = -1 };

/* Zeroed memory is an empty history. */
void feeder_history_fini(struct feeder_history *history);

/* Appends what an event line says.  False when out of memory. */
bool feeder_history_add(struct feeder_history *history, const struct feeder_line *line,
                        uint64_t number);

/* The package's index, or FEEDER_NO_PACKAGE. */
int64_t feeder_history_find(const struct feeder_history *history, const char *package,
                            size_t length);

/* The events in an order that the seed decides. */
void feeder_history_shuffle(struct feeder_history *history, uint64_t seed);

#endif
