/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_TICK_H
#define SMEW_BUS_TICK_H

/*
 * The time that plain messages say (plain.h): the kernel's coarse clock, in ms, which moves every
 * few of them.  Who sends millions of messages a second asks it in vain nearly always, and that is
 * 4 to 8 ns of some 30 a message.  So while threads of a node send that much, its service thread
 * asks for them, and says the time in a word.
 *
 *    OFF    the word is 0: who sends asks the clock.  One that sent BUSY messages within one tick
 * of the clock switches it on ON     the word is the time; the service thread puts it right every
 * PERIOD_MS, until fewer than BUSY messages were sent in such a time
 *
 * So a time that a message says is older than the coarse clock's by at most what the service thread
 * takes to come, and BUSY messages a period.  What a thread's plain messages say never goes back
 * but with the clock: both are the same one, and a word that is older than what the thread asked
 * itself (who switched it on was held up between asking and saying) is not believed.  Other
 * messages, which take the word as it is, may then say that much less than the one before.
 */

#include "bus/lane_out.h"

/* The time of what is sent on the node now, in ms.  Without a lock. */
uint64_t smew__tick_ms(const struct smew_bus *bus);

/*
 * The same, while the word is 0 or comes late, for one more plain message.  With the producer's
 * lock held; takes the node's to switch it on.
 */
uint64_t smew__tick_ask(struct smew__producer *producer);
/* For one more plain message, whatever the word is.  The same. */
static inline uint64_t smew__tick_next_ms(struct smew__producer *producer)
{
    /* Relaxed: it tells of nothing else. */
    const uint64_t tick_ms =
        atomic_load_explicit(&producer->bus->tick.now_ms, memory_order_relaxed);

    return tick_ms && tick_ms >= producer->asked_ms ? tick_ms : smew__tick_ask(producer);
}

#endif
