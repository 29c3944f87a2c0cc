/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_BUS_INSIDE_H
#define SMEW_TESTS_BUS_INSIDE_H

/*
 * What tests do inside of a node, where the public API does not reach: they hold its service
 * thread at a moment that matters, break its connections, and look at its lanes.
 */

#include "bus/lane_out.h"
#include "bus/node.h"
#include "tests/bus/kit.h"

/* ---- the service thread ---- */

/* For support_wait_until(): an atomic_bool. */
bool inside_is_set(void *flag);

/* It stands still while the gate is shut, KIT_WAIT_MS at most: set `open`. */
struct inside_gate {
    struct smew__timer timer;
    atomic_bool shut;
    atomic_bool open;
};
/* Returns when it stands; fails the test when it does not.  The gate outlives the node. */
void inside_gate_shut(struct inside_gate *gate, struct smew_bus *bus);

/* What the service thread runs, with the node's lock held. */
typedef void (*inside_fn)(struct smew_bus *bus);
/* Has it run this, and waits for the end of that; false: it did not.  Asserts nothing. */
bool inside_run(struct smew_bus *bus, inside_fn run);
/* Waits until every peer was served that had something to be served.  The same. */
bool inside_serve(struct smew_bus *bus);
/* To be run: the connections to other nodes break, as sockets do. */
void inside_break_connections(struct smew_bus *bus);

/* ---- lanes ---- */

/* The thread that sent first through this node. */
struct smew__producer *inside_producer(struct smew_bus *bus);
/* One of its lanes, which are in the order in which they were wanted; it exists.  With its lock. */
struct smew__lane_out *inside_lane(struct smew_bus *bus, unsigned index);
/* For support_wait_until(): has it lost all lanes?  The argument is the node. */
bool inside_lost_all(void *bus);

#endif
