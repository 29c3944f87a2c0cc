/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_LANE_TURN_H
#define SMEW_BUS_LANE_TURN_H

/*
 * Whose turn it is to read the lanes that others have in our memory: the service thread's, or that
 * of the thread in smew_bus_poll(), to whom most of it goes.  A message that the poller reads
 * itself needs no other thread of ours, and none of the system calls that wake one.
 *
 *    from     to
 *    SHARED   TAKEN    64 looks and records within BUSY_NS, or more than a budget at once
 *    any      ASLEEP   the poller is about to sleep, nothing has come, and it can sleep on words
 *    any      SHARED   the same, and it cannot
 *    any      TAKEN    it is about to sleep, and something has come after all
 *    ASLEEP   TAKEN    it is awake, for whatever reason
 *    TAKEN    SHARED   in GUARD_MS it looked fewer than BUSY times, and did not sleep
 *
 * SHARED: whoever finds a lane empty arms its bell, so that its next record rings, and the service
 * thread comes.  A poller looks too, and takes what it finds.
 * TAKEN: nothing is armed, and nobody rings.  The poller promises to come back; the guard, a timer
 * of the service thread, sees when it does not, and lets the service thread read and arm.
 * ASLEEP: the poller sleeps on one word of each lane (segment.h, rings) and one of the node
 * (poll.c), or is just about to, or awake and not here yet.  A record's sender wakes it, and no
 * other thread. Whatever else happens is the service thread's, as in SHARED: ends, damage, lanes
 * that are new (armed for the bell, since the poller does not know their words), the heartbeat's
 * looks.  What it finds for handlers wakes the poller by the node's word.  A lane that it has read
 * is armed again in the way that it was.
 *
 * A sleep with bells is one step of SHARED; it is for kernels without futex_waitv(2), and for more
 * lanes than that takes.
 *
 * Invariants, whenever nobody holds `reading`:
 *
 *   1  SHARED: each lane is armed for the bell, or its channel is due on the service thread.
 *
 *   2  TAKEN: the guard's timer is set.
 *
 *   3  ASLEEP: each lane is armed for the bell; or it is armed for its word, and the poller goes to
 *      sleep with what that said before; or its word has changed since, and the poller comes.
 *
 * So nothing that is committed waits longer than two periods of the guard for somebody to read it,
 * whatever the program does.  A program with a loop of its own (smew_bus_fd) leaves lanes SHARED
 * and unread: its fd tells only of what the service thread has read.
 *
 * The guard stays set beside a poller that sleeps and is woken often, since setting it wakes the
 * service thread; it ends when it comes twice into the same sleep.  For as long as it is set a
 * sleep whose deadline is far has no timer of its own: the guard's end tells the poller to set one.
 *
 * A producer that is stopped between its commit and its ring, dies there, or lies, keeps its own
 * records waiting until the heartbeat, at most; one that changes its word all the time keeps the
 * poller looking, as one that sends all the time does.
 *
 * A look that ended in the midst of a lane, since a handler was in the way (lane_run.h), is
 * followed by one that takes from each lane in its turn, or the first lane's would be the only
 * ones.
 *
 * Locks: whoever reads lanes, or changes which there are, holds `reading`, whose owner is the
 * poller (base/sync/biased.h); the node's lock is taken after it.  The service thread waits for it,
 * for as long as the poller reads a budget of records, but never for a handler; the poller does not
 * wait for a lane to read: it asks for `reading`, and the service thread leaves the lanes to it
 * after the turn that it is at.
 */

#include "bus/node.h"

enum smew_status smew__lane_turns_init(struct smew__lane_turns *turns);
void smew__lane_turns_fini(struct smew__lane_turns *turns);

/* Everybody else's way to `reading`; ends what the poller runs (lane_run.h). */
void smew__reading_lock(struct smew_bus *bus);
void smew__reading_unlock(struct smew_bus *bus);

/* ---- the poller, without a lock ---- */

/* Does it read at all?  Not where there are no lanes, or the program waits on the fd itself. */
bool smew__lanes_use_poll(const struct smew_bus *bus);
/*
 * Reads what there is, up to a budget, and runs what may be run (lane_run.h), up to `most` (0: no
 * bound): how many records there were, *ran of them.
 */
uint32_t smew__lanes_poll(struct smew_bus *bus, size_t most, size_t *ran);
/*
 * It is about to sleep, and gives the lanes back.  NOT: something has come meanwhile, look.  ON_FD:
 * lanes ring for the service thread; wait on the bus's fd.  ON_WORDS: the lanes are ASLEEP,
 * whatever else happens: sleep, or do not, and then smew__lanes_wake().
 */
enum smew__lanes_rest { SMEW__REST_NOT, SMEW__REST_ON_FD, SMEW__REST_ON_WORDS };
enum smew__lanes_rest smew__lanes_rest(struct smew_bus *bus);
/*
 * Until a lane's word is rung, or `own` is woken or no more what was seen, or the deadline; or for
 * nothing.
 */
void smew__lanes_sleep(struct smew_bus *bus, const _Atomic uint32_t *own, uint32_t seen,
                       uint64_t deadline_ns);
/* It is awake: the lanes are TAKEN. */
void smew__lanes_wake(struct smew_bus *bus);

/* ---- the service thread, with `reading` held ---- */

/* May it read?  Asked before each turn. */
bool smew__lanes_are_mine(struct smew_bus *bus);

#endif
