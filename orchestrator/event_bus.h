/* SPDX-License-Identifier: MIT */
#ifndef SMEW_ORCHESTRATOR_EVENT_BUS_H
#define SMEW_ORCHESTRATOR_EVENT_BUS_H

/*
 * An event bus: one thread, one mailbox, and the actors whose ids hash to it.
 *
 *     node's intake ──deliver──► mailbox ──► actor ──► reply, publish, complete
 *                                   ▲          │
 *              start, stop, release ┘          └─ send ──► the node's outbox
 *
 * A machine always runs on the same event bus, in the order of the mailbox; so nothing of it
 * needs a lock.  The mailbox has one, which is the last in the lock order: it is taken under the
 * node's lock, for a few stores, and nothing is called under it: so it is a spin lock, and who
 * posts never sleeps for it.  How much a mailbox can hold is bounded by the windows of the senders.
 */

#include <stdatomic.h>

#include "base/os/thread.h"
#include "base/sync/spin.h"
#include "base/sync/spinlock.h"
#include "base/table.h"
#include "bus/message.h"
#include "bus/sink.h"
#include "orchestrator/actor.h"

struct smew__event_bus;
struct smew__host;

/* Something other than a message for an event bus to do. */
struct smew__task {
    struct smew__due due; /* due.run tells it from a message */
    void (*run)(struct smew__event_bus *event_bus, struct smew__task *task);
};

/* Counters that others read at any time. */
struct smew__event_bus_counters {
    atomic_uint_fast64_t events;
    atomic_uint_fast64_t transitions;
    atomic_uint_fast64_t unhandled;
    atomic_uint_fast64_t started;
    atomic_uint_fast64_t failed;
};

struct smew__event_bus {
    struct smew_orchestrator *orchestrator;
    struct smew_bus *bus;
    struct smew__thread thread;
    struct smew__runner runner;

    struct smew__spinlock lock; /* guards the next four */
    struct smew__list mailbox;
    atomic_bool filled; /* something is in it; may be read without the lock */
    bool sleeping;
    bool stopping;
    _Atomic uint32_t wakes; /* a futex word; moves for each post that found it sleeping */

    struct smew__spin spin;         /* of the thread's waits */
    bool untold;                    /* completions gather, and somebody is still to tell them */
    atomic_uint_fast64_t refuse_ns; /* from when on messages are given back unseen */
    struct smew__table actors;      /* by id */
    struct smew__heap timers;
    struct smew__event_bus_counters counters;
};

enum smew_status smew__event_bus_start(struct smew__event_bus *event_bus,
                                       struct smew_orchestrator *orchestrator,
                                       struct smew_bus *bus);
/* From this time on messages in the mailbox go back to where they came from.  Any thread. */
void smew__event_bus_refuse(struct smew__event_bus *event_bus, uint64_t from_ns);
/* Finishes the mailbox, ends the thread, destroys the actors.  One that never started is fine. */
void smew__event_bus_stop(struct smew__event_bus *event_bus);

/* Puts a message for a host, or a task, into the mailbox.  Any thread; never waits. */
void smew__event_bus_post(struct smew__event_bus *event_bus, struct smew_message *message,
                          struct smew__host *host);
void smew__event_bus_post_task(struct smew__event_bus *event_bus, struct smew__task *task,
                               void (*run)(struct smew__event_bus *event_bus,
                                           struct smew__task *task));

/* The actor of an id, made and started when there is none.  On its thread, inside a handler. */
enum smew_status smew__event_bus_actor(struct smew__event_bus *event_bus, struct smew__host *host,
                                       const char *id, struct smew__actor **actor);
/* Stops a host's machine of this id, or those of a pattern.  On the event bus's thread. */
void smew__event_bus_remove(struct smew__event_bus *event_bus, const struct smew__host *host,
                            const char *id);

#endif
