/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_PARCEL_H
#define SMEW_BUS_PARCEL_H

/*
 * What happens to parcels between windows, limbo and outbox: the arrows of window.h's drawing.
 * All with the node's lock held.
 */

#include "bus/route.h"
#include "bus/window.h"

/*
 * A parcel for a message, to a machine (route) or to a node (route NULL).  Takes over the
 * caller's reference of the message; NULL when out of memory, the message is then still the
 * caller's.
 */
struct smew__parcel *smew__parcel_create(struct smew_bus *bus, struct smew_message *message,
                                         struct smew__route *route, struct smew__node_ref node);

/* Frees a parcel that was never accepted. */
void smew__parcel_discard(struct smew_bus *bus, struct smew__parcel *parcel);

/* Accepts a new parcel, in the peer's window; NULL: its end follows at once. */
void smew__parcel_accept(struct smew_bus *bus, struct smew__parcel *parcel,
                         struct smew__peer *peer);

/* A parcel for what was accepted, and counted, when it was committed to a lane. */
void smew__parcel_revive(struct smew_bus *bus, struct smew__parcel *parcel);

/* Puts an accepted parcel from limbo into a peer's window, flagged when it may have been handled.
 */
void smew__parcel_place(struct smew_bus *bus, struct smew__parcel *parcel, struct smew__peer *peer);

/* Takes a parcel out of its window, if it is in one. */
void smew__parcel_withdraw(struct smew__parcel *parcel);

/*
 * The end of an accepted parcel: who waits is told, what is not OK becomes a dead letter (or
 * the failure of its request), and the memory goes when its window lets go.
 */
void smew__parcel_finish(struct smew_bus *bus, struct smew__parcel *parcel,
                         enum smew_status status);

/* The receiver answered: finishes the parcel, or routes it anew when its machine has moved. */
void smew__parcel_answered(struct smew_bus *bus, struct smew__parcel *parcel,
                           enum smew_status status);

/* Is what goes into its window accepted only when the receiver's memory has it? */
bool smew__parcel_is_committed_later(const struct smew__peer *peer);
/* It lies in the receiver's memory: who waits to have it accepted is told. */
void smew__parcel_committed(struct smew_bus *bus, struct smew__parcel *parcel);

/* The receiving node has it. */
void smew__parcel_received(struct smew_bus *bus, struct smew__parcel *parcel);

#endif
