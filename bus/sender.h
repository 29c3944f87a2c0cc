/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SENDER_H
#define SMEW_BUS_SENDER_H

/*
 * Another node as it sends to us, over all the channels that it dials one after the other: which
 * of its ids we have, so that a re-send after a lost channel is found (G5).
 *
 * What we remember: the ids of the last envelopes that we admitted from it, in a ring, with what
 * became of each.  How many are enough: the sender may re-send only what lies in its window, and
 * its window holds at most `window` parcels from its oldest one that is not completed (window.h,
 * invariant 2), each of which took at most one entry here, in order.  The ring is twice as long,
 * so that entries of refused ones do not count.  An entry in flight is never overwritten.
 *
 * A first sending is never looked up: only envelopes flagged `redelivered` are, in an index that
 * is made when a node that we know dials again.
 *
 * All with the node's lock held.
 */

#include "bus/barrier.h"
#include "bus/node.h"

enum smew__entry_state { SMEW__ENTRY_FREE, SMEW__ENTRY_IN_FLIGHT, SMEW__ENTRY_DONE };

struct smew__entry {
    uint64_t sequence;
    uint32_t stream;
    uint8_t state;     /* enum smew__entry_state */
    int8_t status;     /* of a DONE one: enum smew_status */
    uint64_t position; /* on the present channel; 0: not seen on it */
};

struct smew__inbound;

struct smew__sender {
    uint64_t node; /* incarnation: the key in bus->senders */
    struct smew__node_ref ref;
    char address[SMEW__ADDRESS_SIZE];
    struct smew__inbound *inbound; /* the present channel, or NULL */
    struct smew__list lanes;       /* that we gave to it, retired ones too: lane_in.h */
    struct smew__entry *entries;
    uint32_t mask;
    uint32_t next;
    uint32_t taken;     /* entries in flight */
    uint32_t in_flight; /* those, and records of the lanes */
    bool used;          /* an entry was ever filled */
    struct smew__barriers barriers;
    uint32_t *index; /* open addressing over entries, 1-based; NULL: nothing to look up */
};

/* The sender of a HELLO, made when there is none.  NULL when out of memory. */
struct smew__sender *smew__sender_get(struct smew_bus *bus, const struct smew__hello *hello);

/* A new channel of a known sender: forgets positions, makes the index.  NO_MEMORY. */
enum smew_status smew__sender_resume(struct smew__sender *sender);

/* The entry of an id that was admitted before, or NULL. */
struct smew__entry *smew__sender_find(struct smew__sender *sender, struct smew_message_id id);

/* An entry for a new id, in flight.  NULL: more is in flight than the sender may have. */
struct smew__entry *smew__sender_admit(struct smew__sender *sender, struct smew_message_id id,
                                       uint64_t position);

/* What became of an entry; answers on the present channel if there is one. */
void smew__sender_complete(struct smew__sender *sender, uint32_t index, struct smew__text target,
                           enum smew_status status);

/* Drops senders that have no channel, nothing in flight, and are dead. */
void smew__sender_sweep(struct smew_bus *bus);
void smew__sender_free(struct smew_bus *bus, struct smew__sender *sender);

#endif
