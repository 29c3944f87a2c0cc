/* SPDX-License-Identifier: MIT */
#ifndef SMEW_ORCHESTRATOR_HOST_H
#define SMEW_ORCHESTRATOR_HOST_H

/*
 * A host: a chart under an id or a pattern, from its claim until the last of its machines ended.
 *
 *     register ──► start (an id's machine) ──► in the table ──► unregister ──► sweep ──► freed
 *                     └──────────── failed ─────────────────────────▲
 *
 * Messages, tasks and releases point to their host without counting.  They may, since the sweep
 * comes last: nothing new arrives once the claim was given back, and a sweep passes through every
 * mailbox behind what was there before.
 */

#include "base/sync/fifo_semaphore.h"
#include "orchestrator/event_bus.h"

/* Stops a host's machines: an id's, or those of a pattern, on one event bus after the other. */
struct smew__sweep {
    struct smew__task task;
    struct smew__host *host;
    const char *id; /* the host's own, or one inside its pattern; lives until `done` */
    void (*done)(struct smew__sweep *sweep); /* on an event bus */
    uint32_t visited;
};

/* Somebody who waits for one of a host's tasks; guarded by the orchestrator's lock. */
struct smew__host_waiter {
    struct smew__fifo_semaphore told; /* of no places: one comes when it is over */
    const struct smew__task *task;
    enum smew_status status;
    bool over;
};

struct smew__host {
    struct smew_orchestrator *orchestrator;
    struct smew_chart *chart;
    void *user;
    struct smew__task starting;
    struct smew__sweep ending;
    struct smew__host_waiter *waiter;
    bool pattern;
    bool timed;                        /* its machines are to be told what time it is */
    struct smew__event_bus *event_bus; /* of an id, which is always on the same one */
    struct smew__actor *actor;         /* of an id, while there is one; the event bus's thread's */
    char id[];                         /* as given, with the '*' */
};

/* Gives all claims back, so that nothing new comes.  For destroying the orchestrator. */
void smew__hosts_withdraw(struct smew_orchestrator *orchestrator);
/* Frees the hosts, once the event buses have ended. */
void smew__hosts_free(struct smew_orchestrator *orchestrator);

#endif
