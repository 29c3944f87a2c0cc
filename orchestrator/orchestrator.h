/* SPDX-License-Identifier: MIT */
#ifndef SMEW_ORCHESTRATOR_ORCHESTRATOR_H
#define SMEW_ORCHESTRATOR_ORCHESTRATOR_H

/*
 * The orchestrator: event buses, and the hosts that are on them (host.h).
 *
 * Lock order: a node's lock, then a mailbox's; `lock` is taken with none of them held and nothing
 * is called under it.
 */

#include <smew/orchestrator.h>

#include "orchestrator/event_bus.h"
#include "orchestrator/host.h"

struct smew_orchestrator {
    struct smew_bus *bus;
    uint64_t process_token; /* differs after fork() */
    struct smew__event_bus *event_buses;
    uint32_t count;
    bool serves; /* list.h */

    uint64_t machines_max;
    atomic_uint_fast64_t machines; /* alive, on all event buses */

    struct smew__mutex lock;  /* guards the next one, and the hosts' waiters */
    struct smew__table hosts; /* by id, from hosting to the beginning of their end */
};

/* The event bus of an id: always the same. */
struct smew__event_bus *smew__orchestrator_event_bus(struct smew_orchestrator *orchestrator,
                                                     const char *id, size_t size);

/* OK, or why a caller may not come in: INVALID, FORKED, WOULD_DEADLOCK. */
enum smew_status smew__orchestrator_enter(const struct smew_orchestrator *orchestrator);

/* Counts a machine in; false when there are as many as may be. */
bool smew__orchestrator_admit(struct smew_orchestrator *orchestrator);
void smew__orchestrator_dismiss(struct smew_orchestrator *orchestrator);

/* The counters of all event buses.  Any thread. */
struct smew_orchestrator_stats smew__orchestrator_count(struct smew_orchestrator *orchestrator);

#endif
