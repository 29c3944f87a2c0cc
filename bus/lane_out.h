/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_LANE_OUT_H
#define SMEW_BUS_LANE_OUT_H

/*
 * A lane of one thread of ours into another node's memory (bus/shm/writer.h), and its *producer*:
 * that thread, with all its lanes and what it remembers of its targets.
 *
 *   send (the thread) ──► trail of the target ──► lane ══ shared memory ══► lane_in of the receiver
 *                                                  │
 *        service thread: grants, answers, loss  ◄──┘
 *
 *             thread            service thread: asked          granted
 *    (none) ---------> WANTED ------------------------> ASKED ---------> GRANTED
 *                      │    ▲                           │   │ channel      │ channel lost,
 *         channel lost │    └── after a while ── DENIED ◄┘   │ lost         │ lane given up
 *                      └────────────────► LOST ◄────────────┴──────────────┘
 *                                          └─► its records are parcels again; freed
 *
 * A committed record is accepted: it lies in the receiver's memory until it is answered, and needs
 * nothing else of ours.  Only when something is not as usual does it become a parcel again
 * (parcel.h), the way of everything that is re-sent, moved, refused or buried:
 *   - answered NO_MACHINE: its machine moved; the parcel goes to limbo and follows it
 *   - answered anything else but OK: the parcel ends, with a dead letter or a failed request
 *   - the lane is lost: each record without an answer becomes a parcel flagged as doubtful
 * Parcels made of a lane's records are made in the order of their numbers.
 *
 * Order (G5), for a pair of this thread and a target: the *trail* knows the last record that went
 * over a lane, and whether something of the pair went the common way (`detour`: window, limbo or
 * outbox).  A send takes the lane when nothing of the pair is on the common way, and the common
 * way when nothing of the pair is without an answer on a lane (`struct smew__behind`).  The first
 * record after a detour is flagged ALONE, see barrier.h; the receiver has barriers for each lane,
 * which one that takes over shares.  Its refusals become parcels behind those of the lanes before.
 *
 * Locks: the producer's, then the node's.  The thread holds the producer's while it writes; the
 * service thread takes it for grants, answers and losses.  `state` changes under both and may be
 * read under either; `peer` and `at_peer` are the node's; what is without a lock says so.
 */

#include <stdatomic.h>

#include "base/inline.h"
#include "base/sync/biased.h"
#include "bus/behind.h"
#include "bus/lane_record.h"
#include "bus/node.h"
#include "bus/peer.h"
#include "bus/shm/writer.h"
#include "bus/transport/shm/lanes.h"

struct smew__trail; /* trail.h */

enum smew__lane_out_state {
    SMEW__LANE_WANTED,
    SMEW__LANE_ASKED,
    SMEW__LANE_GRANTED,
    SMEW__LANE_DENIED,
    SMEW__LANE_LOST,
};

struct smew__lane_out {
    atomic_uint references; /* producer->lanes, and each smew__behind */
    struct smew__producer *producer;
    struct smew__peer *peer; /* NULL: no longer */
    struct smew__list link;  /* in producer->lanes */
    struct smew__list at_peer;
    struct smew__list sealed; /* in producer->sealed */
    enum smew__lane_out_state state;
    bool any_answered;    /* among those in flight: `ahead` may not be 0 */
    bool sleeping;        /* its thread, without the lock, on the futex */
    bool lent;            /* the program writes a record in place: keeps its memory */
    bool outgrown;        /* it ends when the handler that sends on it has returned */
    bool ended;           /* nothing is written any more; it goes when all is answered */
    bool failed;          /* the receiver gave it up, or lied: the service thread loses it */
    uint64_t denied_ns;   /* since when it is DENIED */
    uint64_t patience_ns; /* until when sends wait for its grant */
    uint32_t stream;      /* its number on the channel, and in the ids of its records */
    struct smew__lane_out *after;  /* whose place it takes, and which is read before; NULL: none */
    struct smew__lane_out *larger; /* or with a pool: that was asked for to take over; NULL: none */
    uint32_t ring_bytes;
    uint32_t pool_bytes; /* for payloads above half a lane; 0: it has no pool */

    struct smew__lane_memory memory;
    struct smew__lane_writer writer;
    struct smew__pool_memory pool_memory;
    struct smew__pool pool;
    struct smew__trail **trails;  /* of the records in flight, by number */
    struct smew_channel *channel; /* for its bell; while it is granted */
    struct smew__lane_names targets;
    struct smew__lane_names events;

    /* Without a lock: numbers of records.  Everything before `settled` was answered and dealt with;
       `committed` is how many there are. */
    atomic_uint_fast64_t settled;
    atomic_uint_fast64_t committed;
    atomic_uint ahead;    /* of those between them, answered other than OK */
    atomic_uint watchers; /* who waits for `settled` under the node's lock */
};

struct smew__producer {
    struct smew_bus *bus;
    struct smew__list link; /* in bus->producers */
    uint64_t thread;
    uint64_t stamp; /* of no other producer, and another one when a trail or a lane of it goes */
    struct smew__biased lock;   /* its thread is the owner */
    struct smew__list lanes;    /* in the order in which they were wanted */
    struct smew__table trails;  /* by target */
    struct smew__trail *latest; /* of a plain message, or NULL */
    size_t source_size;
    char source[SMEW_ID_MAX + 1]; /* that plain messages named last */
    size_t trails_most;           /* when idle ones are dropped next; 0: never were */
    struct smew__list sealed;     /* lanes with what a handler sent that has not returned yet */
    unsigned visitors;            /* who keeps it from going; with the node's lock */
    bool orphan;                  /* its thread has ended; with the node's lock */
    struct smew__spin spin;       /* of its waits for room; its thread's alone */
    uint64_t asked_ms;            /* what the clock said last, and how often in a row: tick.h */
    uint32_t asked;
    /* without a lock, for the statistics; written by the thread */
    atomic_uint_fast64_t sent;
    atomic_uint_fast64_t bytes;
    atomic_uint_fast64_t pooled;
    atomic_uint_fast64_t refused;
};

/*
 * A lane to a node, made and WANTED when the producer has none.  NULL when out of memory.  With
 * both locks held.
 */
struct smew__lane_out *smew__lane_out_to(struct smew__producer *producer, struct smew__peer *peer);
/* A new one, to be read after another one of the same thread (or NULL).  With both locks held. */
struct smew__lane_out *smew__lane_out_create(struct smew__producer *producer,
                                             struct smew__peer *peer, uint32_t ring_bytes,
                                             uint32_t pool_bytes, struct smew__lane_out *after);
/* What its records imply. */
struct smew__lane_meaning smew__lane_out_meaning(struct smew__lane_out *lane);
/* What is sealed in a lane that was lost meanwhile is sent again, and nobody reads it there. */
void smew__lane_out_commit_lost(struct smew__lane_out *lane);
/* Nothing follows in it.  With the producer's lock held. */
void smew__lane_out_end(struct smew__lane_out *lane);
/* Whatever is in it; for closing, when nothing runs any more. */
void smew__lane_out_free(struct smew__lane_out *lane);
/* Its peer goes: it is lost, and buried with the next heartbeat.  With the node's lock held. */
void smew__lane_out_abandon(struct smew__lane_out *lane);
/*
 * Every record without an answer becomes a parcel, and the lane goes; unless there is no memory, or
 * the thread still sleeps on it, writes in place, or is in a handler that sent something on it:
 * then it is tried again.  With the producer's lock held.
 */
void smew__lane_out_bury(struct smew__lane_out *lane);

/* Looks at the answers.  With the producer's lock held; takes the node's when there are some. */
void smew__lane_out_collect(struct smew__lane_out *lane);

/*
 * The service thread, without a lock: asks for wanted lanes, takes grants, collects.  Called when
 * the peer's channel is open and something may have happened.
 */
enum smew_status smew__lanes_service(struct smew__peer *peer);
/* The channel is about to be closed: every lane is lost, and its records become parcels. */
void smew__lanes_lose(struct smew__peer *peer);
/* Lanes whose records found no memory to become parcels, and threads that ended.  Now and then. */
void smew__lanes_look(struct smew_bus *bus);

/* Records in flight on all lanes.  With the node's lock held. */
uint64_t smew__lanes_in_flight(const struct smew_bus *bus);
/* That the node's threads sent on lanes, ever.  With the node's lock held. */
uint64_t smew__lanes_sent(const struct smew_bus *bus);
/* Has the service thread collect whatever completes, as long as somebody waits for quiet. */
void smew__lanes_watch(struct smew_bus *bus);
/* Adds what lanes did to the statistics.  With the node's lock held. */
void smew__lanes_stats(const struct smew_bus *bus, struct smew_bus_stats *stats);

/* Commits what is sealed in it, and rings.  With the producer's lock held. */
SMEW__INLINE void smew__lane_out_commit(struct smew__lane_out *lane)
{
    struct smew__lane_writer *writer = &lane->writer;
    atomic_uint_fast64_t *sent = &lane->producer->sent;

    /* Relaxed: only its thread writes it. */
    atomic_store_explicit(sent,
                          atomic_load_explicit(sent, memory_order_relaxed) + writer->sealed_number -
                              writer->head_number,
                          memory_order_relaxed);
    if (lane->state != SMEW__LANE_GRANTED) {
        smew__lane_out_commit_lost(lane);
        return;
    }
    smew__lane_writer_publish(writer);
    atomic_store_explicit(&lane->committed, writer->head_number, memory_order_release);
    if (smew__lane_writer_must_ring(writer))
        smew__channel_ring(lane->channel);
    if (!smew__lane_writer_is_read(writer))
        lane->failed = true; /* the service thread sends it again */
}

/* The calling thread's producers, one a node that it sends through. */
struct smew__own_producer {
    uint64_t node; /* 0: free */
    struct smew_bus *bus;
    struct smew__producer *producer;
};
enum { SMEW__PRODUCERS_MOST = 16 };
extern _Thread_local struct smew__own_producer smew__own_producers[SMEW__PRODUCERS_MOST];

/* The calling thread's producer on this node, or NULL: none yet (or out of memory). */
static inline struct smew__producer *smew__producer_find(const struct smew_bus *bus)
{
    for (unsigned i = 0; i < SMEW__PRODUCERS_MOST; i++) {
        if (smew__own_producers[i].node == bus->incarnation)
            return smew__own_producers[i].producer;
    }
    return NULL;
}
struct smew__producer *smew__producer_get(struct smew_bus *bus);
/* What is remembered of its trails and lanes elsewhere is over.  With its lock held. */
void smew__producer_renew(struct smew__producer *producer);
/* Its lock, whoever asks. */
void smew__producer_lock(struct smew__producer *producer);
void smew__producer_unlock(struct smew__producer *producer);
/* For closing the bus: nothing runs any more. */
void smew__producers_free(struct smew_bus *bus);

#endif
