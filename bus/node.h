/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_NODE_H
#define SMEW_BUS_NODE_H

/*
 * The node: what `struct smew_bus` is made of, who touches it, and how a message goes through.
 *
 *   send ──► route ──► peer ──(channel)──► inbound ──► sender ──► intake ──► due ──► handler
 *    any      table     window              positions    ids       registr.   list     poller
 *   thread                └── service thread of A ──┘└─ service thread of B ─┘
 *
 *                       ◄── ACK: received, completed, results ◄── completion
 *
 *   lane     shared memory, past window and channel (lane_out.h, lane_in.h)
 *   route    target id → peer, with the directory's epoch; keeps a pair's order when it moves
 *   peer     another node (or this one) as we send to it: channel, window of parcels (peer.h)
 *   parcel   an accepted message on the sending side, until it is completed (window.h)
 *   inbound  a channel that somebody dialled to us (inbound.h)
 *   sender   another node as it sends to us, over all its channels: which ids we saw (sender.h)
 *   intake   which handler a message is for; completion (intake.h)
 *   outbox   sends inside handlers that are not accepted yet (outbox.h)
 *   due      what smew_bus_poll() has to run: deliveries, replies, dead letters, notices
 *
 * One lock a node guards all of it.  The service thread owns the uv loop and all channels, but
 * where a busy poller has its turn (loop_turn.h), and takes the lock only for short stretches; a
 * channel's system calls are made without it, but for the last flush when the bus closes.  Blocking
 * calls wait on `changed`, always with a deadline. Lock order: a family of siblings, whose turn it
 * is to read lanes (lane_turn.h), a node's lock, a mailbox of a sink; never two nodes' locks.
 *
 * Death: nothing here is shared between processes but the directory and channels, so a killed
 * process leaves no state of ours half-written.
 */

#include <stdatomic.h>

#include <uv.h>

#include <smew/bus.h>
#include <smew/transport.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/os/memory.h"
#include "base/os/thread.h"
#include "base/sync/biased.h"
#include "base/sync/spin.h"
#include "base/sync/spinlock.h"
#include "base/table.h"
#include "bus/directory/directory.h"
#include "bus/message.h"
#include "serialization/item.h"

enum {
    SMEW__URL_NAME_MAX = 64,
    SMEW__ADDRESS_SIZE = 32,
    SMEW__NODE_NAME_SIZE = 64, /* as the directory keeps it */
    SMEW__WINDOW_BYTES =
        16 * 1024 * 1024, /* of payload towards one node; one message always fits */
    SMEW__WINDOW_CROWDED = 2 * 1024 * 1024, /* of them, smew__window_crowded() */
};

/* A deadline that the service thread keeps. */
struct smew__timer {
    struct smew__heap_link link;
    void (*run)(struct smew_bus *bus, struct smew__timer *timer); /* with the lock held */
};

/* What time it is for those who send a lot: tick.h. */
struct smew__tick {
    atomic_uint_fast64_t now_ms; /* 0: OFF; without a lock */
    uint64_t sent;               /* when the timer ran last */
    struct smew__timer timer;
};

/* Who reads the lanes of others in our memory: lane_turn.h. */
struct smew__lane_turns {
    struct smew__biased reading; /* the poller is its owner */
    bool taken;                  /* by the poller; changes with the node's lock held, too */
    bool cut_short;              /* the last look was, by what it ran */
    bool ignored;                /* the service thread was rung meanwhile, and did not look */
    bool asleep;                 /* the poller sleeps on `words`; changes as `taken` does */
    bool guarded;                /* it sleeps while the guard is set, which tells it when to time */
    bool wordless;               /* it cannot: the poller's own */
    uint64_t sleeps;             /* number of the present sleep on them, or the last one */
    uint64_t sleeps_seen;        /* by the guard */
    size_t word_count;           /* of this sleep; the first word is the node's own */
    struct smew__futex_word words[SMEW__FUTEX_WORDS];
    struct smew__list untold; /* lanes with completions that are told later: lane_in.c */
    uint64_t looks;           /* of the poller */
    uint64_t looks_seen;      /* by the guard */
    uint32_t recent;          /* looks and records since `recent_ns` */
    uint64_t recent_ns;
    struct smew__timer guard;
    atomic_bool wanted;   /* by a poller that found the service thread reading */
    atomic_bool own_loop; /* the program waits on the fd itself */
};

/* Messages that the poller runs where it reads them: lane_run.h. */
struct smew__lane_run {
    struct smew__lane_in *lane;   /* NULL: nothing is run; changes with the node's lock held */
    bool working;                 /* a handler is, on the record `next` */
    bool asked_for;               /* somebody waits for what is run, with the node's lock */
    uint64_t settled;             /* what is before was completed; with the node's lock */
    uint64_t next;                /* what is before was handled */
    uint64_t most;                /* that may be in flight */
    uint64_t bytes;               /* of payload, not settled */
    uint64_t in_place;            /* payloads of them */
    struct smew_message *message; /* what handlers see, again and again */
    struct smew_message *current; /* the delivery that it became */
    uint8_t *copy;                /* of a record's body */
    size_t copy_size;
    size_t source_size;
    char source[SMEW__ADDRESS_SIZE]; /* that the lane implies */
};

/* Published messages: who wants what, seen from this node (topic.h). */
struct smew__topics {
    struct smew__list subscriptions; /* our own */
    struct smew__list remotes;       /* (peer, topic) of other nodes, from the directory */
    atomic_uint_fast64_t epoch;      /* of the directory when `remotes` was made */
    atomic_uint wanted;              /* subscriptions + remotes: 0 makes publishing free */
    uint64_t publications;
};

/* What sinks are done with, and nobody was told of yet: done.h. */
struct smew__done {
    struct smew__spinlock lock; /* guards the rest; as a mailbox's in the lock order */
    struct smew__list messages; /* by their `due` */
    uint32_t count;
    bool wanted; /* somebody waits: they are told at once */
};

/* Whose turn it is to run the service's loop: loop_turn.h. */
struct smew__loop_turn {
    int whose;
    uint64_t runner;   /* the thread whose turn it is; 0: nobody's */
    uint64_t promised; /* a sender that will do what it makes due */
    bool polls;        /* the runner is in smew_bus_poll() */
    bool asked;        /* by the poller */
    bool wanted;       /* by a poller that found a sender at it */
    bool called;       /* the service thread is, to take it */
    bool deep;         /* the guard sleeps until it is called */
    bool changed;      /* what the loop waits for, since it was last set to false */
    bool over;         /* its handles are closed */
    bool waking;       /* it waits for bus->wake_fd, too; of who runs it */
    atomic_bool owed;  /* something was made due by who promised */
    uint64_t looks;    /* of the poller, in the loop */
    uint32_t recent;   /* sleeps of the poller that paid, since `recent_ns` */
    uint64_t recent_ns;
    struct smew__condition guard; /* the service thread waits */
    uv_poll_t wake;
    uv_timer_t rest; /* the poller's deadline */
    uv_prepare_t prepare;
};

struct smew__lane_name;
struct smew__peer;
struct smew__producer;
struct smew__route;

struct smew_bus {
    uint64_t process_token; /* differs after fork() from what is */
    const _Atomic uint64_t *process_token_now;
    struct smew_bus_options options;
    char *node_name;
    char name[SMEW__URL_NAME_MAX + 1];
    char address[SMEW__ADDRESS_SIZE];
    struct smew__node_ref self;
    uint64_t incarnation;
    uint64_t opened_ns;
    const struct smew_transport_ops *transport;
    const struct smew__codec *codec;
    struct smew__directory *directory;
    const _Atomic uint64_t *epoch; /* smew__directory_epoch() */
    struct smew__tick tick;
    struct smew__list siblings; /* nodes of this process, see siblings.c */

    struct smew__mutex lock;
    struct smew__condition changed;
    bool waited; /* somebody waits for `changed`, and was not told since */
    bool closing;
    int wake_fd; /* eventfd: see poll.c */

    /* sending */
    struct smew__table peers;   /* by node reference */
    struct smew__table routes;  /* by target */
    size_t routes_most;         /* when idle ones are dropped next; 0: never were */
    struct smew__peer *own;     /* this node as its own peer; NULL: it never sent to itself */
    struct smew__route *latest; /* that local.c used; NULL: look it up */
    atomic_bool sends_locally;  /* a hint: local.h */
    struct smew__list limbo;    /* parcels without a peer, in order: route.h */
    struct smew__timer limbo_timer;
    uint64_t limbo_pass;
    struct smew__list outbox; /* parcels sent inside handlers, in order: outbox.h */
    uint32_t outbox_count;
    atomic_bool outbox_full; /* may be read without the lock */
    uint64_t outbox_full_ns; /* since when it is full; 0: it is not */
    struct smew__timer outbox_timer;
    struct smew__list settled;   /* causes on other nodes whose sends were accepted here */
    atomic_uint streams;         /* given out */
    struct smew__list producers; /* threads that send straight into lanes: lane_out.h */
    struct smew__producer *_Atomic speaker; /* speaker.h; changes with the lock held */
    bool lost_grew;                         /* something was committed to one of these */
    struct smew__list lanes_lost;           /* whose records are not all parcels yet */
    uint64_t revived;                       /* records that became parcels, or were lost */
    uint64_t lanes_sent;                    /* by producers that are gone */
    uint64_t orders;                        /* of parcels, given out */
    atomic_uint quiet_waiters;              /* who waits until nothing is in flight */
    struct smew__table requests;            /* by correlation: request.h */
    uint64_t correlations;
    uint32_t in_flight; /* parcels accepted and not completed */

    /* receiving */
    struct smew__table registrations; /* by id or pattern: intake.h */
    atomic_uint_fast64_t registered;  /* changes with what they are, and with what is handed over */
    uint32_t pattern_lengths[SMEW_ID_MAX + 1];
    struct smew__table senders; /* by incarnation */
    struct smew__message_stock stock;
    struct smew__list inbounds; /* changes with `turns.reading` held, too */
    struct smew__lane_turns turns;
    struct smew__lane_run run;
    uint64_t lane_bytes;          /* of shared memory that was made for others to write in */
    struct smew__list deliveries; /* received and not completed */
    struct smew__done done;       /* of them, by sinks */
    atomic_uint held;             /* of them, by the program */
    struct smew__table services;  /* requests to the node itself: serve.c */
    struct smew__topics topics;

    /* polling */
    struct smew__list due;
    uint32_t letters;      /* dead letters in it */
    atomic_bool any_due;   /* it is not empty; may be read without the lock */
    _Atomic uint32_t rung; /* is the fd readable, or the poller asleep without it?  poll.c */
    bool gathering;        /* the poller looks at `due` next: nobody needs to ring, whoever posts */
    bool running;          /* the poller is at it, and may defer what lanes are told */
    struct smew__spin spin;
    atomic_bool polling;
    atomic_uint_fast64_t poller; /* the thread that polled last */
    atomic_bool woken;

    /* the service thread */
    struct smew__thread service;
    struct smew__loop_turn turn;
    uv_loop_t loop;
    uv_async_t kick;
    uv_timer_t clock;     /* the earliest timer */
    uv_timer_t heartbeat; /* every heartbeat_ms */
    uv_poll_t listener_poll;
    struct smew_listener *listener;
    struct smew__heap timers;
    struct smew__list peers_due;    /* peers that the service thread should look at */
    struct smew__list inbounds_due; /* inbound channels with an ACK to send */
    bool kicked;
    bool stopping;

    /* Work that follows from what was done under the lock; done before it is given back, so that
       no function has to call back into one that is still running. */
    unsigned follow_up; /* enum smew__follow_up */

    struct smew_bus_stats stats;
};

enum smew__follow_up {
    SMEW__FOLLOW_LIMBO = 1u << 0,  /* parcels wait for a host: look again */
    SMEW__FOLLOW_SELF = 1u << 1,   /* parcels to this node itself: deliver */
    SMEW__FOLLOW_OUTBOX = 1u << 2, /* there may be room for what handlers sent */
};

void smew__bus_lock(struct smew_bus *bus);
/* Does the follow-up work first. */
void smew__bus_unlock(struct smew_bus *bus);
/* Waits for `changed` with the follow-up work done; false when the deadline passed. */
bool smew__bus_wait(struct smew_bus *bus, uint64_t deadline_ns);
/* Something changed: whoever waits looks again.  Next to nothing when nobody does. */
void smew__bus_tell(struct smew_bus *bus);

/* True in the process that opened the bus. */
static inline bool smew__bus_ours(const struct smew_bus *bus)
{
    /* Relaxed: a fork is before everything that its child does. */
    return bus &&
           atomic_load_explicit(bus->process_token_now, memory_order_relaxed) == bus->process_token;
}

/* The directory's epoch.  Without the lock. */
static inline uint64_t smew__bus_epoch(const struct smew_bus *bus)
{
    /* Acquire: as smew__directory_epoch() says; as cheap as relaxed on x86. */
    return atomic_load_explicit(bus->epoch, memory_order_acquire);
}

/* A number for a thread's stream.  Any thread, without the lock. */
uint32_t smew__bus_next_stream(const struct smew_bus *bus);

/* An id, or a prefix with a trailing '*' (alone: every id). */
bool smew__pattern_valid(const char *pattern);

#endif
