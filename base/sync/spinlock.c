/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a spin lock: reads until it looks free, and only then writes, so that those who wait
 * share its cache line and do not take it from the holder (test and test-and-set).
 */
#include "base/sync/spinlock.h"

#include "base/sync/patience.h"

void smew__spinlock_wait(struct smew__spinlock *lock)
{
    unsigned looks = 0;

    do {
        /* Relaxed: nothing is believed of it; smew__spinlock_try pairs with the unlock. */
        while (atomic_load_explicit(&lock->held, memory_order_relaxed))
            smew__patience(looks++);
    } while (!smew__spinlock_try(lock));
}
