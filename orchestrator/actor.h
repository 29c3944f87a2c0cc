/* SPDX-License-Identifier: MIT */
#ifndef SMEW_ORCHESTRATOR_ACTOR_H
#define SMEW_ORCHESTRATOR_ACTOR_H

/*
 * An actor: one machine with what its runner must know of it.  The orchestrator's event buses and
 * the test harness both run machines through this, so that a test sees what production does.
 *
 * An actor belongs to one thread.  It reads no clock and sends nothing itself: time is an
 * argument, and what the machine sends goes to the runner's `send`.
 */

#include <smew/chart.h>

#include "base/buffer.h"
#include "base/heap.h"

/* "smew.transition:" and the id are one string: the topic, and behind its prefix the id. */
#define SMEW__TRANSITION_TOPIC "smew.transition:"

struct smew__actor;

/* What an actor needs of whoever runs it. */
struct smew__runner {
    enum smew_status (*send)(struct smew__actor *from, const char *target,
                             const struct smew_event *event, void *context);
    void *context;
};

struct smew__actor {
    struct smew_machine *machine;
    const struct smew__runner *runner;
    void *host;                   /* the runner's: whom it belongs to */
    struct smew__heap_link timer; /* in the runner's heap, under its next deadline */
    uint64_t started_ns;
    uint64_t events;
    uint64_t transitions;
    uint64_t unhandled;
    bool failed;
    char topic[];
};

static inline const char *smew__actor_id(const struct smew__actor *actor)
{
    return actor->topic + sizeof(SMEW__TRANSITION_TOPIC) - 1;
}

/*
 * Makes and starts a machine.  NO_MEMORY: there is none.  One that never came to rest is made and
 * has failed.
 */
enum smew_status smew__actor_create(struct smew_chart *chart, const char *id, void *user,
                                    const struct smew__runner *runner, void *host, uint64_t now_ns,
                                    struct smew__actor **out);
void smew__actor_destroy(struct smew__actor *actor);

/*
 * Runs one event to completion and counts it.  STOPPED: done, or failed before.  LIMIT, NO_MEMORY:
 * it has failed now.  REJECTED: a name that no event of a chart has.
 */
enum smew_status smew__actor_handle(struct smew__actor *actor, const struct smew_event *event,
                                    uint64_t now_ns, struct smew_step *step);
/* Runs what is due.  Statuses as handle. */
enum smew_status smew__actor_advance(struct smew__actor *actor, uint64_t now_ns,
                                     struct smew_step *step);

/* Moves the actor's link in a heap to its next deadline, or out of it.  NO_MEMORY: it has failed.
 */
enum smew_status smew__actor_schedule(struct smew__actor *actor, struct smew__heap *heap);

#endif
