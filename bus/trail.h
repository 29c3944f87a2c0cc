/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_TRAIL_H
#define SMEW_BUS_TRAIL_H

/*
 * What a thread knows of a target: where its next record goes, where its last one lies, and how its
 * names are said.  lane_out.h says what that is for.  A trail whose records are all answered would
 * be made the same again, so idle ones are dropped when there are many.
 *
 * With the producer's lock held, where nothing else is said.
 */

#include "bus/directory/directory.h"
#include "bus/lane_out.h"

struct smew__trail {
    struct smew__lane_out *lane;    /* that its next record takes; NULL: to be chosen */
    struct smew__lane_out *sent_on; /* of its last record; NULL: it has none in a lane */
    /* Of plain messages (plain.h): the lane whose names these are, which its receiver knows. */
    const struct smew__lane_out *named_for;
    const struct smew__lane_name *target_name, *event_name;
    uint64_t last;             /* that record's number */
    uint64_t epoch;            /* of the directory, when the lane was found to lead to its host */
    struct smew__route *route; /* counted as a user */
    uint64_t tried_ns;         /* when it last waited in vain for the common way to be clear */
    bool detour;               /* something of the pair went the common way */
    bool alone;                /* the next record says so */
    uint32_t size;
    char target[];
};

/* May a record for it be written now? */
static inline bool smew__trail_is_ready(const struct smew_bus *bus, const struct smew__trail *trail)
{
    return trail->lane && !trail->detour && trail->lane->state == SMEW__LANE_GRANTED &&
           !trail->lane->failed && !trail->lane->ended && trail->epoch == smew__bus_epoch(bus);
}

/* A record of its lane was sealed for it. */
static inline void smew__trail_note(struct smew__producer *producer, struct smew__trail *trail,
                                    size_t bytes, uint64_t number)
{
    struct smew__lane_out *lane = trail->lane;

    lane->trails[number & (lane->memory.window - 1)] = trail;
    trail->sent_on = lane;
    trail->last = number;
    trail->alone = false;
    /* Relaxed: only its thread writes it. */
    atomic_store_explicit(&producer->bytes,
                          atomic_load_explicit(&producer->bytes, memory_order_relaxed) + bytes,
                          memory_order_relaxed);
}

struct smew__trail *smew__trail_find(struct smew__producer *producer, struct smew__text target);
/* NULL: out of memory.  With both locks held. */
struct smew__trail *smew__trail_make(struct smew__producer *producer, struct smew__text target);
/* All of a producer that goes.  With the node's lock held; nothing refers to it any more. */
void smew__trails_free(struct smew__producer *producer);

#endif
