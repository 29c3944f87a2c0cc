/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_DIRECT_H
#define SMEW_BUS_DIRECT_H

/*
 * Sending straight into a lane of the calling thread: the way of events and requests of programs
 * on a transport with lanes, and of what machines say (speaker.h).  What needs more than a commit
 * (a level, messages to this node itself, a lane or a pool that was denied) goes the common way,
 * and so does what may not overtake something that went that way.
 */

#include "base/inline.h"
#include "bus/handler.h"
#include "bus/lane_out.h"
#include "bus/send.h"
#include "bus/speaker.h"

/*
 * Without a lock; inside handlers it never waits.  *passed: the message is to go the common way,
 * not before *behind is clear; the status says nothing then.  Otherwise statuses as of
 * smew_bus_send().
 */
enum smew_status smew__direct_send(struct smew_bus *bus, const struct smew__post *post,
                                   const struct smew_send_options *options,
                                   const struct smew__envelope *envelope, bool *passed,
                                   struct smew__behind *behind);

/* A record of a lane that the program writes in place: loan.c. */
struct smew__direct_loan {
    struct smew__producer *producer;
    struct smew__lane_out *lane; /* its memory stays for as long as it is lent */
    struct smew__lane_draft draft;
    bool alone;
};

/* As smew__direct_send(), but that the record is begun and not committed.  BUSY: one is already. */
enum smew_status smew__direct_lend(struct smew_bus *bus, const struct smew__post *post,
                                   const struct smew_send_options *options,
                                   const struct smew__envelope *envelope, bool *passed,
                                   struct smew__behind *behind, struct smew__direct_loan *loan);
/*
 * Commits it; false when it has to go the common way, not before *behind is clear: the payload is
 * then still there, until smew__direct_release().
 */
bool smew__direct_return(struct smew__direct_loan *loan, struct smew__envelope *envelope,
                         struct smew__behind *behind);
/* Gives a record back that was not committed. */
void smew__direct_release(struct smew__direct_loan *loan);

/*
 * What is sealed in the lane is sent: committed at once, or when the calling thread's handler
 * returns.  `context` is the thread's, or NULL.  With the producer's lock held.
 */
SMEW__INLINE void smew__direct_sent(struct smew__producer *producer, struct smew__lane_out *lane,
                                    const struct smew__handler_context *context)
{
    if (context && context->bus == producer->bus)
        smew__speaker_sealed(producer, lane);
    else
        smew__lane_out_commit(lane);
}

/*
 * The producer's next message for a target goes the common way: not before *behind is clear, where
 * that is free.  Without a lock.
 */
void smew__direct_leave(struct smew__producer *producer, const char *target,
                        struct smew__behind *behind);

#endif
