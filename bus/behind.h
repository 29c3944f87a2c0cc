/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_BEHIND_H
#define SMEW_BUS_BEHIND_H

/*
 * A record on one of our lanes (lane_out.h) that has to be answered before something else of its
 * pair may go the common way.  `lane` NULL: nothing.
 */

#include <stdbool.h>
#include <stdint.h>

struct smew__lane_out;

struct smew__behind {
    struct smew__lane_out *lane; /* a reference is held */
    uint64_t number;
    bool watched;
};

/* Is the record answered and dealt with?  Any thread, without a lock. */
bool smew__behind_clear(const struct smew__behind *behind);
/* Has `changed` broadcast when it is clear, and the outbox looked at.  With the node's lock. */
void smew__behind_watch(struct smew__behind *behind);
void smew__behind_drop(struct smew__behind *behind); /* gives the reference back */

#endif
