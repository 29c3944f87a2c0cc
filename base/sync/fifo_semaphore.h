/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_SYNC_FIFO_SEMAPHORE_H
#define SMEW_BASE_SYNC_FIFO_SEMAPHORE_H

/*
 * A semaphore that serves in the order of arrival: so many may go in, the others wait in a queue,
 * and a place that is given back is handed to the one that has waited longest.  It is never free
 * while somebody waits, so that nobody who comes later can have it: nobody starves.
 *
 *     places   3 ──acquire──► 0 ──acquire──► waits: A, B, C      release: it is A's
 *
 * With no place at first it is an errand: one thread waits, another one tells it
 * (orchestrator/host.c).
 *
 * The price of the order is that a handed place rests until its new owner runs; under constant
 * contention for few places sem_t, which lets whoever runs take it, is several times as fast
 * (docs/performance.md).
 *
 * Orderings: a release releases, the acquire that got its place acquires, be it free or handed
 * over.
 *
 * Threads of one process.  Whoever destroys it makes sure that nobody is in one of its functions;
 * there is nothing to give back.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/sync/spinlock.h"

struct smew__fifo_semaphore {
    struct smew__spinlock lock; /* guards the rest; held for a few stores */
    uint32_t places;            /* free ones: 0 while somebody waits */
    struct smew__list waiting;  /* longest first */
};

void smew__fifo_semaphore_init(struct smew__fifo_semaphore *semaphore, uint32_t places);

/* Takes a place, or false when the deadline passed; 0 never waits, SMEW_NEVER_NS for ever. */
bool smew__fifo_semaphore_acquire(struct smew__fifo_semaphore *semaphore, uint64_t deadline_ns);

/* Gives a place back, or one more.  Any thread, not only who took it; never waits. */
void smew__fifo_semaphore_release(struct smew__fifo_semaphore *semaphore);

#endif
