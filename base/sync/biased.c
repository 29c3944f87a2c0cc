/* SPDX-License-Identifier: MIT */
/* Biased locks: the ways of those who find somebody.  Failure modes: none once it is made. */
#include "base/sync/biased.h"

#include "base/clock.h"
#include "base/os/memory.h"

enum { LOOK_MS = 1000 }; /* a sleeper looks again, though it is always woken */

enum smew_status smew__biased_init(struct smew__biased *biased)
{
    smew__fence_prepare();
    atomic_init(&biased->inside, 0);
    atomic_init(&biased->visited, 0);
    return smew__mutex_init(&biased->mutex);
}

void smew__biased_fini(struct smew__biased *biased)
{
    smew__mutex_fini(&biased->mutex);
}

void smew__biased_lock(struct smew__biased *biased)
{
    smew__mutex_lock(&biased->mutex);
    /* Relaxed: the heavy fence orders it. */
    atomic_store_explicit(&biased->visited, 1, memory_order_relaxed);
    smew__fence_heavy();
    /* Acquire pairs with the release of leave. */
    while (atomic_load_explicit(&biased->inside, memory_order_acquire) != 0)
        (void)smew__futex_wait(&biased->inside, 1, smew__deadline_ns(LOOK_MS));
}

bool smew__biased_try(struct smew__biased *biased)
{
    if (!smew__mutex_try(&biased->mutex))
        return false;
    /* Relaxed: the heavy fence orders it. */
    atomic_store_explicit(&biased->visited, 1, memory_order_relaxed);
    smew__fence_heavy();
    /* Acquire pairs with the release of leave. */
    if (atomic_load_explicit(&biased->inside, memory_order_acquire) == 0)
        return true;
    smew__biased_unlock(biased);
    return false;
}

void smew__biased_unlock(struct smew__biased *biased)
{
    /* Release pairs with the acquire of try_enter. */
    atomic_store_explicit(&biased->visited, 0, memory_order_release);
    smew__mutex_unlock(&biased->mutex);
}

void smew__biased_wake(struct smew__biased *biased)
{
    /* Release: the owner leaves, or never came in. */
    atomic_store_explicit(&biased->inside, 0, memory_order_release);
    smew__futex_wake(&biased->inside);
}

void smew__biased_enter_behind(struct smew__biased *biased)
{
    smew__mutex_lock(&biased->mutex);
    /* Relaxed: the next visitor sees it behind the mutex. */
    atomic_store_explicit(&biased->inside, 1, memory_order_relaxed);
    smew__mutex_unlock(&biased->mutex);
}
