/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_LANE_TURN_H
#define SMEW_BUS_LANE_TURN_H

/*
 * Whose turn it is to read the lanes that others have in our memory: the service thread's, or that
 * of the thread in smew_bus_poll(), to whom most of it goes.  A message that the poller reads
 * itself needs no other thread of ours, and none of the system calls that wake one.
 *
 *              64 looks and records within BUSY_NS, or more than a budget at once
 *    SHARED ───────────────────────────────────────────────────────────────────────► TAKEN
 *      ▲                                                                               │
 *      └── the poller is about to sleep; or looked fewer than BUSY times in GUARD_MS ──┘
 *
 * SHARED: whoever finds a lane empty arms it, so that its next record rings, and the service thread
 * comes.  A poller looks too, and takes what it finds.
 * TAKEN: nothing is armed, and nobody rings.  The poller promises to come back; the guard, a timer
 * of the service thread, sees when it does not, and lets the service thread read and arm.
 *
 * Invariants, whenever nobody holds `reading`:
 *   1  SHARED: each lane is armed, or its inbound channel is due on the service thread.
 *   2  TAKEN: the guard's timer is set.
 * So nothing that is committed waits longer than two periods of the guard for somebody to read it,
 * whatever the program does.  A program with a loop of its own (smew_bus_fd) leaves lanes SHARED
 * and unread: its fd tells only of what the service thread has read.
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
 * lanes ring for the service thread; wait on the bus's fd.  ON_WORDS: the lanes are ASLEEP, whatever
 * else happens: sleep, or do not, and then smew__lanes_wake().
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
