/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_LOCAL_H
#define SMEW_BUS_LOCAL_H

/*
 * The short way of a plain event to a machine of the same node, on a transport without lanes:
 * straight into the message and the window, without envelope, copied options or a wait.
 *
 * It takes what the common way (send.h) would accept at once, and in the same order; whatever is
 * not so is left to that, which then says what is wrong or waits.
 */

#include "bus/node.h"

/*
 * True: it is accepted.  False: nothing has happened, send it the common way.  Without the lock;
 * never waits for room.
 */
bool smew__local_send(struct smew_bus *bus, const struct smew_outgoing *message,
                      const struct smew_send_options *options);

/* A send went the common way: is it worth trying the short one?  With the lock held. */
static inline void smew__local_note(struct smew_bus *bus, bool is_self)
{
    /* Relaxed: a hint. */
    if (atomic_load_explicit(&bus->sends_locally, memory_order_relaxed) != is_self)
        atomic_store_explicit(&bus->sends_locally, is_self, memory_order_relaxed);
}

#endif
