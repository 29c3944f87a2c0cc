/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SERVICE_H
#define SMEW_BUS_SERVICE_H

/*
 * The service thread: a uv loop that accepts, dials, transmits, reads, acknowledges, beats and
 * keeps time.  Everything that touches a channel or a uv handle runs on it, or on a thread that has
 * its turn (loop_turn.h).
 */

#include "bus/node.h"

/* Starts listening and the thread.  On failure nothing is left. */
enum smew_status smew__service_start(struct smew_bus *bus, struct smew_error *error);
/* Ends the thread and closes its handles and channels.  Without the lock. */
void smew__service_stop(struct smew_bus *bus);

/* Does what is due, with the loop in hand and without the lock. */
void smew__service_work(struct smew_bus *bus);

/* Makes the service thread look at what is due.  With the lock held, any thread. */
void smew__service_kick(struct smew_bus *bus);

/*
 * Sets or moves a timer.  False when out of memory: requests are refused then, and what else waits
 * for a timer is looked at with each heartbeat.  With the lock held.
 */
bool smew__timer_set(struct smew_bus *bus, struct smew__timer *timer, uint64_t due_ns);
void smew__timer_cancel(struct smew_bus *bus, struct smew__timer *timer);

/*
 * A channel's fd in the loop.  `ready` runs on whoever has the loop; the watch's memory is the
 * owner's until `closed` runs, exactly once, after smew__watch_stop().
 */
struct smew__watch {
    uv_poll_t poll;
    struct smew_bus *bus;
    void (*ready)(struct smew__watch *watch);
    void (*closed)(struct smew__watch *watch);
    short events;
    bool started;
};
enum smew_status smew__watch_start(struct smew__watch *watch, struct smew_bus *bus,
                                   struct smew_interest interest);
/* Takes over changed interest; paused: nothing is waited for. */
void smew__watch_update(struct smew__watch *watch, struct smew_interest interest, bool paused);
void smew__watch_stop(struct smew__watch *watch);

#endif
