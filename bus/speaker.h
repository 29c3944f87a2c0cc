/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SPEAKER_H
#define SMEW_BUS_SPEAKER_H

/*
 * Which thread's lanes carry what a node's machines say: sends inside handlers, and sends that name
 * a source.
 *
 * The order of a pair (G5) is that of its source, and a machine's sends may come from more than one
 * thread, whose lanes are read side by side.  So one thread of a node, its *speaker*, sends them
 * straight into its lanes; on every other thread they go the common way, behind what the speaker
 * has in its lanes for that target, and the speaker's next message for it then waits until the
 * common way is clear.  The speaker is the first thread that polled and had something of that kind
 * to send, until it ends.  A sink's threads (sink.h) never are, and their machines are others.
 *
 * What a handler sends is written into the lane at once, and sealed (bus/shm/writer.h): it is there
 * when the handler returns, which commits it, and not at all if the process dies before.
 *
 *   send ──► sealed ──handler returns──► committed = accepted ──► the handler's message completes
 *
 * A lane that is lost meanwhile keeps its memory until then, and what it holds is sent again like
 * everything that was committed there.
 */

#include "bus/handler.h"
#include "bus/lane_out.h"

struct smew__route;

/* Is the calling thread the speaker, or becomes it?  Without a lock. */
bool smew__speaker_is_here(struct smew_bus *bus, const struct smew__handler_context *context);
/* May the calling thread send this straight into its lanes?  Without a lock. */
static inline bool smew__speaker_may(struct smew_bus *bus,
                                     const struct smew__handler_context *context, bool sourced)
{
    return (!context && !sourced) || smew__speaker_is_here(bus, context);
}
/*
 * One that may not goes the common way: not before *behind is clear, which is what the speaker has
 * in its lane for the target or, if that is nothing, what this thread has.  Until it has arrived
 * there (accepted, or not) the speaker does not overtake it.  NULL: out of memory, or nothing to
 * wait for.  Without a lock.
 */
struct smew__route *smew__speaker_leave(struct smew_bus *bus, const char *target,
                                        struct smew__behind *behind);
void smew__speaker_arrived(struct smew_bus *bus, struct smew__route *route);

/* A record was sealed inside a handler.  With the producer's lock held. */
void smew__speaker_sealed(struct smew__producer *producer, struct smew__lane_out *lane);
/* The handler returned: commits them.  Without a lock. */
void smew__speaker_commit(struct smew__producer *producer);

#endif
