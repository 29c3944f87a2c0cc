/* SPDX-License-Identifier: MIT */
/*
 * The mutex of a shard.
 *
 * Happy path: 0 -> 1 and back.  Whoever has to wait looks for a moment, then says so with a 2 and
 * sleeps; who takes the mutex after a wait leaves the 2 there, since others may sleep too, which
 * costs a wake for nobody at worst.  A deadline that passes leaves a 2 in the same way.
 */
#include "base/sync/sharded.h"

#include "base/clock.h"
#include "base/os/memory.h"
#include "base/sync/patience.h"

enum { FREE, HELD, AWAITED };

static bool try(struct smew__shard *shard)
{
    uint32_t seen = FREE;

    /* Acquire pairs with smew__shard_unlock. */
    return atomic_compare_exchange_strong_explicit(&shard->state, &seen, HELD, memory_order_acquire,
                                                   memory_order_relaxed);
}

bool smew__shard_lock_until(struct smew__shard *shard, uint64_t deadline_ns)
{
    for (unsigned looks = 0; looks < SMEW__LOOKS; looks++) {
        if (atomic_load_explicit(&shard->state, memory_order_relaxed) == FREE && try(shard))
            return true;
        smew__patience(looks);
    }
    /* Acquire pairs with smew__shard_unlock. */
    while (atomic_exchange_explicit(&shard->state, AWAITED, memory_order_acquire) != FREE)
        if (smew__futex_wait(&shard->state, AWAITED, deadline_ns) != SMEW_OK)
            return false;
    return true;
}

void smew__shard_lock(struct smew__shard *shard)
{
    (void)smew__shard_lock_until(shard, SMEW_NEVER_NS);
}

void smew__shard_unlock(struct smew__shard *shard)
{
    /* pairs with try and with the exchange behind it */
    if (atomic_exchange_explicit(&shard->state, FREE, memory_order_release) == AWAITED)
        smew__futex_wake_one(&shard->state);
}
