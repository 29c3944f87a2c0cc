/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_SYNC_SPINLOCK_H
#define SMEW_BASE_SYNC_SPINLOCK_H

/*
 * A spin lock, for what is held for nanoseconds: a few loads and stores, no call that could wait,
 * no system call, no allocation.  Whoever finds it held looks again instead of sleeping, and the
 * holder never has anybody to wake.
 *
 * The holder may have lost its processor, maybe to the one who looks: so looking is bounded, and
 * goes over to yielding, then to short sleeps (patience.h).  No deadline, since what is held has to
 * be short; no order among those who wait; the holder may not take it again.
 *
 * Orderings: smew__spinlock_unlock() releases, and whoever takes the lock next acquires, so that a
 * holder sees all that earlier holders did.
 *
 * Threads of one process.  A child of fork() may inherit it held by a thread that it does not have.
 * Zeros are one that is free; nothing to give back.
 */

#include <stdatomic.h>
#include <stdbool.h>

struct smew__spinlock {
    atomic_bool held;
};

void smew__spinlock_wait(struct smew__spinlock *lock); /* takes one that was seen held */

/* False: somebody has it. */
static inline bool smew__spinlock_try(struct smew__spinlock *lock)
{
    /* pairs with smew__spinlock_unlock */
    return !atomic_exchange_explicit(&lock->held, true, memory_order_acquire);
}

static inline void smew__spinlock_lock(struct smew__spinlock *lock)
{
    if (!smew__spinlock_try(lock))
        smew__spinlock_wait(lock);
}

static inline void smew__spinlock_unlock(struct smew__spinlock *lock)
{
    /* pairs with smew__spinlock_try */
    atomic_store_explicit(&lock->held, false, memory_order_release);
}

#endif
