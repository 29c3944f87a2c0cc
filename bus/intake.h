/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_INTAKE_H
#define SMEW_BUS_INTAKE_H

/*
 * From a received envelope to its handler, and back to its completion.
 *
 *   admit ──► QUEUED (in bus->due) ──poll──► RUNNING ──returns──► settled ──► complete
 *     │                                         └─ hold ─► HELD ─complete()─┘    ▲
 *     └─────► in a sink ───────────────────────────────────complete()─┘          │
 *                                          sends of the handler accepted ────────┘
 *
 * A message is complete when its handler has returned (or what it held was completed) and each
 * send of the handler was accepted: `unsettled` counts these.  An id that is not registered here,
 * or that is being handed over, is refused with NO_MACHINE, and its sender looks again.
 *
 * All with the node's lock held, if nothing else is said.
 */

#include "bus/node.h"
#include "bus/sender.h"
#include "bus/sink.h"

/* A claim of this node: an id, or a prefix (pattern). */
struct smew__registration {
    char *id; /* as registered, with the '*': the key in bus->registrations */
    size_t size;
    bool pattern;
    bool sunk; /* has a sink instead of a handler */
    bool ending;
    uint32_t references; /* the table, and each delivery */
    smew_handler_fn handler;
    void *user;
    struct smew__sink sink;
    struct smew__table released; /* handed over from a pattern: struct smew__release by id */
    uint32_t released_patterns;  /* how many of them are patterns */
};

struct smew__registration *smew__registration_create(const char *id, bool pattern);
void smew__registration_unref(struct smew__registration *registration);
/* The registration that an id belongs to, or NULL. */
struct smew__registration *smew__registration_find(struct smew_bus *bus, struct smew__text id);
bool smew__registration_add(struct smew_bus *bus, struct smew__registration *registration);
/* Takes it out; what it has queued is refused with NO_MACHINE.  How many that were. */
size_t smew__registration_remove(struct smew_bus *bus, struct smew__registration *registration);

/* Who takes which id has changed. */
void smew__intake_changed(struct smew_bus *bus);

/*
 * Admits an envelope that a channel brought.  On OK its entry of the sender is in flight; any
 * other status is the answer.  NO_MACHINE, EXPIRED, NO_MEMORY, CORRUPT (more than the window).
 */
enum smew_status smew__intake_admit(struct smew_bus *bus, struct smew__sender *sender,
                                    const struct smew__envelope *envelope, uint64_t position);
/*
 * The same for a record of a lane; it is in flight there whatever the result.  The message is taken
 * over when it is OK.
 */
enum smew_status smew__intake_admit_lane(struct smew__lane_in *lane, uint64_t number,
                                         struct smew_message *message);
/* One of a lane that is handled already (lane_run.h): only its end is to come. */
void smew__intake_adopt(struct smew__lane_in *lane, uint64_t number, struct smew_message *message);
/* Who handles an id, by a function and at once; NULL: nobody. */
void smew__intake_find_handler(struct smew_bus *bus, struct smew__text target,
                               smew_handler_fn *handler, void **user);
/* Admits a parcel that this node sent to itself. */
enum smew_status smew__intake_admit_own(struct smew_bus *bus, struct smew__parcel *parcel);

/* One of the things that `unsettled` counts is done. */
void smew__intake_settle(struct smew_message *message);

/* The message is refused or done, whatever was still unsettled. */
void smew__intake_complete(struct smew_message *message, enum smew_status status);

/*
 * Is a delivery of this registration for an id, or for one of a pattern, queued, running, held?
 * Yes, too, while messages are run where they are read: smew__handovers_check() follows then.
 */
bool smew__intake_busy(struct smew_bus *bus, const struct smew__registration *registration,
                       struct smew__text id);
/* Refuses those that are queued and no handler has seen. */
void smew__intake_refuse(struct smew_bus *bus, const struct smew__registration *registration,
                         struct smew__text id);

#endif
