/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_WINDOW_H
#define SMEW_BUS_WINDOW_H

/*
 * Parcels, and the window of them towards one node.
 *
 * A *parcel* is an accepted message on the sending side.  It lives from acceptance until the
 * receiver completed it, whatever happens to channels and receivers in between:
 *
 *            accept             transmit              completed OK
 *   (outbox) ------> QUEUED ----------------> SENT ----------------> DONE ──► popped at the head
 *                     ▲ ▲     channel lost      │                      ▲
 *                     │ └───────────────────────┤  refused, expired    │ dead letter
 *                     │ route found again       ├──────────────────────┘
 *                   LIMBO ◄─────────────────────┘ node dead, or NO_MACHINE
 *
 * A window is the parcels towards one node in the order of acceptance.  Invariants:
 *  1. At most `window` parcels are accepted by callers; re-routed ones may exceed it.
 *  2. DONE parcels stay until everything before them is DONE; only the first `window` parcels
 *     are ever transmitted.  So what the receiver may see again after a reconnection lies within
 *     the last `window` ids it got from us, which is exactly what it remembers (sender.h).
 *  3. The head is never DONE; SENT parcels come before all QUEUED ones.  Positions are given in
 * this order and start anew with each channel.
 */

#include "bus/behind.h"
#include "bus/node.h"

enum smew__parcel_state {
    SMEW__PARCEL_OUTBOX,
    SMEW__PARCEL_QUEUED,
    SMEW__PARCEL_SENT,
    SMEW__PARCEL_DONE,
    SMEW__PARCEL_LIMBO,
};

/* A thread that waits until a parcel reaches a level; lives on its stack. */
struct smew__wait {
    enum smew_level level;
    bool over;
    enum smew_status status;
};

struct smew__route;
struct smew__peer;
struct smew__settled;

struct smew__parcel {
    struct smew__list link; /* window, limbo or outbox */
    bool within;            /* its memory is its message's block */
    struct smew_message *message;
    struct smew__route *route; /* NULL: addressed to a node, not to a machine */
    struct smew__peer *peer;   /* NULL in limbo and outbox */
    uint64_t position;         /* on the present channel */
    uint64_t limbo_ns;         /* since when it is, or last was, in limbo; 0: never was */
    uint64_t lingered_ns;      /* how long it was there before */
    enum smew__parcel_state state;
    uint64_t order;             /* among all parcels of the node, as they were accepted */
    bool alone;                 /* when it was placed, its route had nothing older in the window */
    bool doubtful;              /* a channel was lost with it: perhaps it was handled */
    struct smew__wait *wait;    /* or NULL */
    struct smew_message *cause; /* in the outbox: the message whose handler sent it, or NULL */
    uint64_t waited_ns;         /* in the outbox: since when */
    struct smew__settled *settled; /* for a cause on another node, see outbox.c; or NULL */
    struct smew__node_ref node;    /* where there is no route */
    bool overflow;                 /* in the outbox, sent by no handler: outbox.h */
    struct smew__behind behind;    /* in limbo and outbox: what has to be answered before */
};

struct smew__window {
    struct smew__list parcels;
    uint32_t limit;
    uint32_t count;                    /* all of them */
    size_t bytes;                      /* payload of those that are not DONE */
    struct smew__list *next;           /* the first QUEUED one, or the head */
    uint32_t begun;                    /* SENT and DONE ones */
    uint64_t positions;                /* given on the present channel */
    struct smew__parcel **by_position; /* a ring of `limit` rounded up to a power of two */
    uint32_t mask;
    uint64_t completed; /* the last ACK's */
    uint64_t received;
};

enum smew_status smew__window_init(struct smew__window *window, uint32_t limit);
void smew__window_fini(struct smew__window *window); /* empty by then */

/* Room for a caller's parcel of this payload? */
bool smew__window_room(const struct smew__window *window, size_t bytes);
/*
 * Would one more make it more than caches hold, and there are two already, one for each side?  Who
 * may wait does better to let the receiver come first: its blocks are used again while they are
 * warm, on both sides.
 */
bool smew__window_crowded(const struct smew__window *window, size_t bytes);
void smew__window_append(struct smew__window *window, struct smew__parcel *parcel);
/* The next parcel to transmit, or NULL. */
struct smew__parcel *smew__window_next(const struct smew__window *window);
/* Marks the next parcel SENT and gives it its position. */
void smew__window_sent(struct smew__window *window, struct smew__parcel *parcel);
/* A channel was lost: what was SENT is QUEUED again. */
void smew__window_rewind(struct smew__window *window);
/* The SENT parcel at a position; NULL for nonsense. */
struct smew__parcel *smew__window_at(const struct smew__window *window, uint64_t position);
/* Marks a parcel DONE, and pops what is DONE at the head into `popped`. */
void smew__window_done(struct smew__window *window, struct smew__parcel *parcel,
                       struct smew__list *popped);
/* Takes a parcel that is not DONE out of it, and pops likewise. */
void smew__window_take(struct smew__window *window, struct smew__parcel *parcel,
                       struct smew__list *popped);

#endif
