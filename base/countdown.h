/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_COUNTDOWN_H
#define SMEW_BASE_COUNTDOWN_H

/*
 * "The n-th one from now fails": the hook behind the fault walks, for allocations and for system
 * calls.  When nothing is set, asking costs one relaxed load.  Setting it belongs to one thread
 * (a test); any thread may ask.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct smew__countdown {
    _Atomic uint64_t left; /* 1: the next one fails; 0: none */
    _Atomic bool for_good; /* and each one after it */
    _Atomic uint64_t tripped;
};

static inline void smew__countdown_set(struct smew__countdown *countdown, uint64_t n, bool for_good)
{
    atomic_store_explicit(&countdown->left, 0, memory_order_relaxed);
    atomic_store_explicit(&countdown->for_good, for_good, memory_order_relaxed);
    atomic_store_explicit(&countdown->tripped, 0, memory_order_relaxed);
    /* pairs with the exchange in smew__countdown_trips */
    atomic_store_explicit(&countdown->left, n, memory_order_release);
}

/* Counts one; true when this is one that fails. */
static inline bool smew__countdown_trips(struct smew__countdown *countdown)
{
    uint64_t left = atomic_load_explicit(&countdown->left, memory_order_relaxed);
    uint64_t next;

    do {
        if (left == 0)
            return false;
        next = left - 1;
        if (left == 1 && atomic_load_explicit(&countdown->for_good, memory_order_relaxed))
            next = 1;
    } while (!atomic_compare_exchange_weak_explicit(&countdown->left, &left, next,
                                                    memory_order_acq_rel, memory_order_acquire));
    if (left == 1)
        atomic_fetch_add_explicit(&countdown->tripped, 1, memory_order_relaxed);
    return left == 1;
}

#endif
