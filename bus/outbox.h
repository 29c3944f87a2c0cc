/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_OUTBOX_H
#define SMEW_BUS_OUTBOX_H

/*
 * Sends inside handlers.  They are collected by the thread, committed when the handler returns,
 * and accepted in order as windows have room; the message whose handler made them completes only
 * then; where memory is shared, only when the receiver's memory has them, so that nothing is lost
 * with us between the two.  Order of a pair: a direct send waits while its route has parcels in
 * here.
 *
 * The outbox is bounded.  A full one pauses the intake, for at most outbox_wait_ms; after that
 * the intake resumes and sends inside handlers answer FULL, until there is room again:
 *
 *     ROOM --full--> PAUSED --outbox_wait_ms--> FULL
 *       ▲               │ room                    │ room
 *       └───────────────┴─────────────────────────┘
 *
 * Nor may an input wait for its sends for ever: where two nodes handle each other's windows, each
 * waits for room that the other makes only by completing.  After outbox_wait_ms an input completes
 * though its sends are still in here; they keep their place, and their order.
 *
 * Overflow: a send with SMEW_ON_FULL_KEEP_* that finds no room is kept here too, counted apart and
 * bounded by an option of its own.  It is no handler's, so nothing waits for it and it pauses
 * nothing.
 *
 * With the node's lock held, if nothing else is said.
 */

#include "bus/window.h"

struct smew__handler_context;

/*
 * Counts a parcel in, and notes whose handler sent it; it goes into the thread's list.  FULL,
 * NO_MEMORY.
 */
enum smew_status smew__outbox_reserve(struct smew_bus *bus, struct smew__parcel *parcel,
                                      struct smew__handler_context *context);
/* A handler returned: its parcels follow those that are in the outbox. */
void smew__outbox_commit(struct smew_bus *bus, struct smew__list *sends);
/* Accepts what has room. */
void smew__outbox_pump(struct smew_bus *bus);
/*
 * Keeps a parcel for which there is no room.  QUEUED; FULL, for KEEP_OLDEST when as many are kept
 * as may be.
 */
enum smew_status smew__overflow_put(struct smew_bus *bus, struct smew__parcel *parcel,
                                    enum smew_on_full on_full);
/* Closing: what is left becomes dead letters.  How many. */
size_t smew__outbox_drop(struct smew_bus *bus);

/* The message waits for this send of its handler. */
void smew__outbox_attach(struct smew__parcel *parcel, struct smew_message *cause);
/* The message whose handler sent this has one send less to wait for. */
void smew__outbox_settle(struct smew_bus *bus, struct smew__parcel *parcel);

/* Should the intake rest?  Until when. */
bool smew__outbox_pauses(struct smew_bus *bus);
uint64_t smew__outbox_resumes_ns(const struct smew_bus *bus);

/* Ends what has waited too long; with each heartbeat. */
void smew__outbox_look(struct smew_bus *bus);

/* Tells causes on other nodes that their sends were accepted.  Without any lock. */
void smew__outbox_tell(struct smew_bus *bus);

#endif
