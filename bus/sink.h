/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SINK_H
#define SMEW_BUS_SINK_H

/*
 * The side door for the orchestrator: messages go straight from the node's intake to the event
 * buses, without smew_bus_poll().
 *
 * A sink's `deliver` is called with the node's lock held, on the service thread, on the one that
 * polls, or on a sending thread of this process: it queues the message, calls nothing of the bus,
 * and never waits.  The message is held; the sink's owner completes it with smew_message_complete()
 * or smew__sink_complete() from a thread of its own, answering a request first with
 * smew_bus_reply().  How many messages may lie in a sink is bounded by the windows of their
 * senders.
 */

#include <smew/bus.h>

struct smew__release; /* a claim that another node waits for; see `release` */

struct smew__sink {
    void (*deliver)(struct smew_message *message, void *user);
    /*
     * Another node claims `id`, or a longer pattern, inside our pattern: finish what is queued
     * for it, stop its machines, then smew__release_done(ticket), from any thread.  Ticket and id
     * live until then.  False when out of memory: the claimant is told.  Called like deliver.
     */
    bool (*release)(const char *id, struct smew__release *ticket, void *user);
    void *user;
};

/* As smew_bus_register(), with a sink.  The sink is copied.  [outside] */
SMEW_MUST_USE enum smew_status smew__bus_register_sink(struct smew_bus *bus, const char *id,
                                                       const struct smew__sink *sink,
                                                       const struct smew_register_options *options,
                                                       struct smew_error *error);

void smew__release_done(struct smew__release *ticket);

/*
 * As smew_message_complete() of a message of this node's, that gathers with others (done.h) while
 * nobody waits for any.  False: it, or one before it, is still to be told, by a call of
 * smew__sink_tell() before the caller sleeps, and before anything that has to be after it.  Without
 * the lock; not inside a handler.
 */
bool smew__sink_complete(struct smew_bus *bus, struct smew_message *message,
                         enum smew_status result);
void smew__sink_tell(struct smew_bus *bus);

/* May a thread of a sink's owner look for a while before it sleeps?  As the node's options say. */
bool smew__bus_may_spin(const struct smew_bus *bus);

/*
 * Marks the calling thread as running a handler of this node for `message` (NULL: for a timer), so
 * that its sends go to the outbox and the message completes only after they were accepted; one
 * that is refused becomes a dead letter.  The message is still to be completed after leaving.  Not
 * nested.
 */
void smew__bus_enter(struct smew_bus *bus, struct smew_message *message);
void smew__bus_leave(struct smew_bus *bus);
/* Is the calling thread inside a handler, of whatever node? */
bool smew__bus_inside(void);

/*
 * Requests to a node itself: the target is its address ("@3.17"), the event begins with "smew.".
 * The bus answers "smew.stat" and "smew.release"; whoever is above may serve others.  `serve`
 * is called like deliver, and refuses the request by the status that it answers, if that is not
 * OK.  One for each event; EXISTS.  FORKED.
 */
SMEW_MUST_USE enum smew_status
smew__bus_serve(struct smew_bus *bus, const char *event,
                enum smew_status (*serve)(struct smew_message *message, void *user), void *user);
void smew__bus_unserve(struct smew_bus *bus, const char *event);

#endif
