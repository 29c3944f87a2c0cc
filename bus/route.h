/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_ROUTE_H
#define SMEW_BUS_ROUTE_H

/*
 * Routes: target id → the node that hosts it, remembered with the directory's epoch, so that a
 * send costs one relaxed load as long as no claim changed.
 *
 * Order (G5).  When the host of a target changes, parcels for it may still lie in the old host's
 * window (`accepted` is more than `at_peer`).  New sends wait until those are completed there, or,
 * when that node is dead, until they were moved to the new host's window, in order and before
 * anything new.
 *
 * Limbo.  A parcel whose host died, or that was refused because its machine moved, waits here,
 * in order, for the directory to name a new host; after linger_ms in here it becomes a dead letter.
 * What it waits at a host does not count, so that nothing is lost where machines move and hosts are
 * slow; that it is refused again and again by a host that is none comes to an end all the same. The
 * parcels of a route leave together, once none of them is with the old host any more.
 *
 * All with the node's lock held.
 */

#include "bus/window.h"

struct smew__route {
    struct smew__peer *peer; /* NULL: look it up */
    uint64_t epoch;
    uint32_t users;    /* parcels and callers that point here: it may not be dropped */
    uint32_t coming;   /* sends that are on their way to be accepted, not into a lane (speaker.h) */
    uint32_t accepted; /* parcels accepted and not completed, wherever they are */
    uint32_t at_peer;  /* those of them that lie in peer's window */
    uint64_t placed;   /* the youngest that was put into a window */
    uint32_t limbo;    /* those of them that are in limbo */
    uint64_t stuck;    /* the last pass over limbo in which an older parcel had to stay */
    uint64_t leaving;  /* the last pass over limbo in which its parcels went to a host */
    const struct smew__peer *leaving_to; /* and to which host they left in it */
    uint32_t outbox;                     /* parcels in the outbox: a direct send goes behind them */
    struct smew__registration *taker;    /* of this node's, as long as `registered` is the node's */
    uint64_t registered;
    uint32_t size;
    char target[];
};

/* The route of a target, made when there is none.  NULL when out of memory. */
struct smew__route *smew__route_get(struct smew_bus *bus, const char *target, size_t size);

/* Makes sure that route->peer is who hosts the target now.  NO_MACHINE, NO_MEMORY. */
enum smew_status smew__route_resolve(struct smew_bus *bus, struct smew__route *route);

/* True when a new parcel may go into peer's window without overtaking an older one. */
bool smew__route_clear(const struct smew__route *route);

/* No route leads to this peer any more. */
void smew__route_forget_peer(struct smew_bus *bus, const struct smew__peer *peer);

/* Drops the table's routes; for closing. */
void smew__route_fini(struct smew_bus *bus);

/* Has a parcel been in limbo for as long as it may? */
bool smew__limbo_is_over(const struct smew_bus *bus, uint64_t lingered_ns);
/* Moves a parcel from its window into limbo. */
void smew__limbo_put(struct smew_bus *bus, struct smew__parcel *parcel);
/* Moves what has a host again into its window; what waited too long becomes a dead letter. */
void smew__limbo_run(struct smew_bus *bus);
/* Closing: each of its parcels ends. */
void smew__limbo_drop(struct smew_bus *bus);

#endif
