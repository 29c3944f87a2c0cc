/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_BARRIER_H
#define SMEW_BUS_BARRIER_H

/*
 * Refusals keep the order of a pair too (G5).  When a message is refused because its machine is not
 * here, younger ones for the same target may already be on their way.  Were the machine here again
 * by the time that they are read (it was registered anew, or a handover was called off), they would
 * overtake the refused one.  So a refusal raises a barrier: what follows for that target from that
 * sender, on this channel or a later one, is refused as well, until the sender, who has then
 * gathered all of them again, sends one that it marks ALONE: nothing older for its target is on
 * its way.
 *
 * A barrier that nobody comes to is forgotten after a window of other messages, when there are
 * many.
 *
 * With the node's lock held.
 */

#include "base/table.h"
#include "serialization/item.h"

struct smew__barriers {
    struct smew__table targets;
    uint32_t span;  /* at least the sender's window */
    uint64_t clock; /* counts the sender's messages */
};

void smew__barriers_init(struct smew__barriers *barriers, uint32_t span);
void smew__barriers_fini(struct smew__barriers *barriers);

/* A message for this target was refused.  False when out of memory. */
bool smew__barrier_raise(struct smew__barriers *barriers, struct smew__text target);

/* Is this message to be refused?  One that is ALONE takes its target's barrier away. */
bool smew__barrier_stops(struct smew__barriers *barriers, const struct smew__envelope *envelope);

#endif
