/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_POLL_H
#define SMEW_BUS_POLL_H

/* What smew_bus_poll() has to do: posted by any thread, run by the polling one. */

#include "bus/node.h"

/* Posts something to run, and makes the fd readable.  With the lock held. */
void smew__due_post(struct smew_bus *bus, struct smew__due *due,
                    void (*run)(struct smew_bus *bus, struct smew__due *due));

/* The intake goes on: deliveries that rested may run.  With the lock held. */
void smew__poll_again(struct smew_bus *bus);

/*
 * The poller that sleeps on words is to keep its deadline itself from now on.  False: it does not
 * sleep, or not yet.  Any thread.
 */
bool smew__poll_times_itself(struct smew_bus *bus);

/* May there be something to run, or the fd to be drained?  The polling thread; no lock. */
bool smew__poll_may_be_due(struct smew_bus *bus);

/* The fd was found readable. */
void smew__poll_rung(struct smew_bus *bus);

/* Runs what is due once more, when the bus closes. */
void smew__poll_rest(struct smew_bus *bus);

/* Runs everything with bus NULL, so that it gives back its memory; for closing. */
void smew__due_drop(struct smew_bus *bus);

/* Does the calling thread poll this node?  Then it must not wait for its own handlers. */
bool smew__poll_is_mine(struct smew_bus *bus);

#endif
