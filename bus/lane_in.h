/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_LANE_IN_H
#define SMEW_BUS_LANE_IN_H

/*
 * A lane that we gave to a thread of another node: its records are read, checked on a private copy,
 * admitted like envelopes of a channel, and answered one by one (bus/shm/reader.h).
 *
 *            given            all read, `ended`          everything answered
 *    (asked) -----> SERVED ──────────────────┐   ┌────────────────────────────► freed
 *                     │                       ▼   │
 *                     └── channel lost ──► RETIRED ┘── the sender is gone ────► freed
 *
 * When its channel is lost a lane is first read to its end: what a dead producer committed is
 * delivered.  A producer that lives will send again what had no answer, or had none yet when it
 * noticed the loss.  So a lane that is over is kept for a while without its memory: ids are found
 * here (smew__lane_in_find), by number, and what becomes of them is told on the sender's new
 * channel.
 *
 * `after`: a lane that takes another one's place (a larger one, or one with a pool) is begun when
 * that has been read to its end.  A lane that is given up takes those behind it along.
 *
 * Records are copied before they are checked, so that nobody can change what was checked; with the
 * option in_place_bytes large payloads are checked and read where they lie, and stay there until
 * the record is completed: a handler may hold as many as the lane's window has.  The same holds for
 * payloads in the lane's pool.
 *
 * Locks: who has its turn reads (lane_turn.h), with `reading` held; everything else is under the
 * node's lock, and what both touch under both.
 */

#include "bus/barrier.h"
#include "bus/lane_record.h"
#include "bus/sender.h"
#include "bus/shm/pool.h"
#include "bus/shm/reader.h"
#include "bus/transport/shm/lanes.h"

/* The handler of a target's number, as long as `registered` is the node's: lane_run.h. */
struct smew__lane_taker {
    uint64_t registered;
    uint32_t number;         /* 0: none */
    smew_handler_fn handler; /* NULL: it is not one that may be run at once */
    void *user;
};
enum { SMEW__LANE_TAKERS = 64 };

/* What lanes of one thread share that take each other's place: they are one row of records. */
struct smew__lane_chain {
    struct smew__barriers barriers;
    uint32_t lanes;
};

struct smew__lane_in {
    struct smew_bus *bus;
    struct smew__sender *sender;
    struct smew__inbound *inbound; /* NULL: retired */
    struct smew__list link;        /* in sender->lanes, in the order of being given */
    struct smew__list untold;      /* in turns.untold: completed, and not published */
    uint64_t told_position;        /* that was read when it was published last */
    uint32_t stream;
    uint64_t after; /* the stream of the lane before it, as long as that is read; 0: none */
    bool ended;     /* by its producer, and read_out */
    bool settled;   /* its memory may be touched */
    uint64_t slept; /* the last of the poller's sleeps (lane_turn.h) that it is to end */
    bool read_out;  /* to its end */
    uint32_t in_flight;
    uint64_t bytes; /* of shared memory, its pool's too, as the quota counts them */

    struct smew__lane_memory memory;
    struct smew__pool_memory pool; /* no data: it has none */
    struct smew__lane_reader reader;
    uint64_t window;
    uint64_t over_ns;               /* since when its memory is gone */
    struct smew__entry *entries;    /* by number, a ring of the window */
    struct smew__lane_chain *chain; /* NULL: its memory is gone */
    struct smew__lane_names targets;
    struct smew__lane_names events;
    struct smew__lane_taker takers[SMEW__LANE_TAKERS]; /* by the number's lowest bits */
    uint8_t *copy;                                     /* of a record's body */
    uint32_t *pooled;      /* by number: bytes in the pool, of those in flight; NULL: no pool */
    uint64_t pooled_bytes; /* all of them: more than the pool has is a lie */
};

/* Its memory goes: nothing is read or answered in it any more; ids stay.  With the lock held. */
void smew__lane_in_release(struct smew__lane_in *lane);
void smew__lane_in_free(struct smew__lane_in *lane); /* with the lock held */

/* Answers the channel's questions for lanes.  The service thread, with `reading` held alone. */
enum smew_status smew__lanes_give(struct smew__inbound *inbound);

/* What somebody who has his turn reads. */
struct smew__lane_pass {
    unsigned most;  /* records of each lane */
    bool arms;      /* lanes that it leaves empty */
    bool polls;     /* the poller's own: nobody has to be woken for what is due then */
    bool hasty;     /* passes over lanes that show no next record: ends and damage do not show */
    bool takes;     /* runs nothing where it reads it */
    size_t runs;    /* as many may be run where they are read (lane_run.h); 0: no bound */
    bool more;      /* out: there is more in some lane */
    uint32_t count; /* out: records, added up */
    size_t ran;     /* out: those that were run */
};
/*
 * Reads the lanes of a channel, once each.  With `reading` held.  False: it was given back
 * meanwhile, and the channel may be gone.
 */
bool smew__lanes_read(struct smew__inbound *inbound, struct smew__lane_pass *pass);

/* Reads what there is, up to a budget; true when there is more.  The service thread, as above. */
bool smew__lanes_serve(struct smew__inbound *inbound);

/* The next lane of a channel, the first one behind NULL; NULL at the end.  With `reading` held. */
struct smew__lane_in *smew__lane_in_next(struct smew__inbound *inbound, struct smew__lane_in *lane);

/*
 * A lane was read to its end: true when it was not, after all.  Its next record rings for whoever
 * has no other way to know of it: the poller, as long as that sleeps on the lane's word, or the
 * service thread.  With `reading` and the lock held.
 */
bool smew__lane_in_arm(struct smew__lane_in *lane);
/*
 * Each of its lanes is to be rung for from now on, by an alarm; the words of those that are to end
 * the sleep `turns.sleeps` are added to `turns.words`.  False: there is no place for them all. With
 * `reading` and the lock held.
 */
bool smew__lanes_arm(struct smew__inbound *inbound, enum smew__lane_alarm alarm);
/* Behind a full fence: has one of them a producer that leaves fences to us?  As above. */
bool smew__lanes_fence(struct smew__inbound *inbound);
/* Has something come?  As above. */
bool smew__lanes_ready(struct smew__inbound *inbound);

/*
 * The channel is about to close: reads every lane out, and retires it.  The service thread, with
 * `reading` held.
 */
void smew__lanes_retire(struct smew__inbound *inbound);

/* The node's answer to a record.  With the lock held. */
void smew__lane_in_complete(struct smew__lane_in *lane, uint64_t number, struct smew__text target,
                            enum smew_status status);

/* For lane_run.c, with the lock held: so many records were handled, from a number on, all OK. */
void smew__lane_in_ran(struct smew__lane_in *lane, uint64_t number, uint64_t count);
/* One is in flight. */
void smew__lane_in_admitted(struct smew__lane_in *lane, uint64_t number);
/* Only where the program trusts whoever may be on its bus. */
static inline bool smew__lane_in_reads_in_place(const struct smew_bus *bus, uint64_t payload_size)
{
    return bus->options.in_place_bytes && payload_size >= bus->options.in_place_bytes;
}

/* Publishes what was left for later, of one or of all.  With the lock held. */
void smew__lane_in_tell(struct smew__lane_in *lane);
void smew__lanes_tell(struct smew_bus *bus);

/* The entry of an id that came over one of a sender's lanes, or NULL.  With the lock held. */
struct smew__entry *smew__lane_in_find(struct smew__sender *sender, struct smew_message_id id);

/* The sender dialled anew: no record has a place on its new channel yet.  With the lock held. */
void smew__lanes_in_forget_channel(struct smew__sender *sender);

/* Frees lanes that were read out and answered.  The service thread, with both locks held. */
void smew__lanes_in_sweep(struct smew__sender *sender);
/* Those of a sender that is gone.  With the lock held. */
void smew__lanes_in_free(struct smew__sender *sender);

#endif
