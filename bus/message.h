/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_MESSAGE_H
#define SMEW_BUS_MESSAGE_H

/*
 * A message in memory: the envelope with all its bytes in one block, counted by those who hold it
 * (a sender's window, a receiver's intake, a caller with a reply).  A message that a node sends to
 * itself is one object on both sides.
 *
 * `delivery` is what the receiving node knows of it, from intake to completion; intake.h draws
 * its life.  It is guarded by the lock of `delivery.bus`, but for `unsettled`.
 */

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

#include <smew/bus.h>

#include "base/list.h"
#include "serialization/item.h"

enum {
    SMEW__MESSAGE_STOCK = 128,
    SMEW__MESSAGE_STOCK_BYTES = 512, /* of a block, behind the struct */
};

struct smew__registration;
struct smew__sender;
struct smew__lane_in;
struct smew__parcel;

/* Something for smew_bus_poll() to run; embedded in what it is about. */
struct smew__due {
    struct smew__list link;
    /* Called without the lock.  `bus` NULL: the bus is closing; only give back what is held. */
    void (*run)(struct smew_bus *bus, struct smew__due *due);
};

struct smew__delivery {
    struct smew_bus *bus;                    /* NULL: was not received here, or the bus is gone */
    struct smew__registration *registration; /* NULL: a request to the node itself */
    struct smew__due due;
    struct smew__list link;      /* in bus->deliveries until completed */
    struct smew__sender *sender; /* who sent it, when it came over a channel */
    uint32_t entry;              /* its place in the sender's record of ids */
    struct smew__lane_in *lane;  /* when it came over a lane, */
    uint64_t number;             /* its record's number there */
    struct smew__parcel *parcel; /* the sending side, when this node sent it to itself */
    /* One for the handler, one for who holds the message, one for each send of the handler that
       was not accepted yet: the message is complete when it reaches 0. */
    atomic_uint unsettled;
    enum smew_status result;
    void *sunk_for; /* a sink's own note */
    bool queued;    /* in bus->due, no handler has seen it */
    bool held;
    bool replied;
};

struct smew_message {
    atomic_uint references;
    bool stocked;         /* its block may go into a stock */
    bool summed;          /* payload_sum is the CRC-32C of the payload, begun with 0 */
    uint32_t payload_sum; /* made as it was copied, for who writes it to a stream */
    struct smew__envelope envelope;
    struct smew__delivery delivery;
    uint64_t missed;           /* for the subscriber that is being called */
    struct smew__parcel *room; /* for a parcel, in this block; NULL: there is none, or it is used */
    alignas(max_align_t) char bytes[];
};

/*
 * Copies the envelope and everything it points to.  Without a payload there is room for one of
 * payload_size bytes, to be written.  One reference; NULL when out of memory.
 */
struct smew_message *smew__message_create(const struct smew__envelope *envelope);
/*
 * The same with room for the parcel that it is going to be sent in: smew__parcel_create() takes
 * that before it asks for memory, and cannot fail then.  `sums`: it goes to a stream, so a large
 * payload is summed while it is copied.
 */
struct smew_message *smew__message_create_to_send(const struct smew__envelope *envelope, bool sums);
/* The same of a plain event, without an envelope of it: no headers, no trace context. */
struct smew_message *smew__message_create_event(struct smew__text source, struct smew__text target,
                                                struct smew__text event, const void *payload,
                                                size_t payload_size);
/* Sums its payload, if that is large: for whoever just wrote it, and sends it to a stream. */
void smew__message_sum(struct smew_message *message);
/* As smew__message_create(), but for the payload, which stays where it is and has to outlive the
 * message's use. */
struct smew_message *smew__message_create_view(const struct smew__envelope *envelope);
void smew__message_ref(struct smew_message *message);
/* So many references, by somebody who has one: the only holder needs no atomic addition. */
void smew__message_refs(struct smew_message *message, unsigned count);
void smew__message_unref(struct smew_message *message); /* NULL is fine */

/*
 * Blocks of small messages that are used again and again, so that the thread that reads does not
 * ask the heap for each.  Whoever has the stock serialises its use.
 */
struct smew__message_stock {
    struct smew_message *blocks[SMEW__MESSAGE_STOCK];
    unsigned count;
};
/* A block for so many bytes behind the struct, one reference, all else 0; NULL: out of memory. */
struct smew_message *smew__message_stock_take(struct smew__message_stock *stock, size_t bytes);
/* As smew__message_unref(): the last reference puts the block back, if there is room. */
void smew__message_stock_unref(struct smew__message_stock *stock, struct smew_message *message);
void smew__message_stock_fini(struct smew__message_stock *stock);

#endif
