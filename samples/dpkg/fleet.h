/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_FLEET_H
#define SMEW_SAMPLES_DPKG_FLEET_H

/*
 * The machines: one for each package, and for each round on the log again.  Machine number
 * round * packages + package; its id is pkg:NAME:ARCH, or pkg:NAME:ARCH~TAG.ROUND where rounds need
 * ids that nobody used before.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "samples/dpkg/history.h"

enum { FEEDER_ID_ROOM = 256 };

struct feeder_machine {
    uint8_t said; /* enum feeder_status: what the log said last, of what was sent */
    uint8_t is;   /* what the machine is in; FEEDER_UNKNOWN before it was asked */
    uint8_t now;  /* what its last answer said that it is in; FEEDER_UNKNOWN before */
};

struct feeder_fleet {
    struct feeder_machine *machines;
    size_t count;
    size_t room;
    unsigned tag; /* 0: none */
};

void feeder_fleet_fini(struct feeder_fleet *fleet); /* zeroed is fine */

/* The machine with this number, made when there is none yet.  NULL when out of memory. */
struct feeder_machine *feeder_fleet_at(struct feeder_fleet *fleet, size_t number);

/* The number of the machine that the index-th event of endless rounds goes to. */
size_t feeder_fleet_number(const struct feeder_history *history, uint64_t index);

void feeder_fleet_id(const struct feeder_fleet *fleet, const struct feeder_history *history,
                     size_t number, char id[FEEDER_ID_ROOM]);

#endif
