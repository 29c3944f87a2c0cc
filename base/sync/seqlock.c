/* SPDX-License-Identifier: MIT */
/*
 * The sequence lock's writer, and a reader that met one.
 *
 * Failure mode: the deadline, which is looked at only once there was nothing to do but yield.
 */
#include "base/sync/seqlock.h"

#include <smew/transport.h>

#include "base/clock.h"
#include "base/sync/patience.h"

/* After a look in vain; false when the deadline has passed. */
static bool goes_on(unsigned looks, uint64_t deadline_ns)
{
    if (looks >= SMEW__LOOKS && smew_now_ns() >= deadline_ns)
        return false;
    smew__patience(looks);
    return true;
}

bool smew__seqlock_read_on(const struct smew__seqlock *lock, const _Atomic uint64_t *words,
                           uint64_t *copy, size_t count, uint64_t deadline_ns)
{
    for (unsigned looks = 0; goes_on(looks, deadline_ns); looks++)
        if (smew__seqlock_try_read(lock, words, copy, count))
            return true;
    return false;
}

/* Makes the number odd; answers the even one that it was, or an odd one at the deadline. */
static uint64_t enter(struct smew__seqlock *lock, uint64_t deadline_ns)
{
    uint64_t seen = atomic_load_explicit(&lock->sequence, memory_order_relaxed);

    for (unsigned looks = 0;; looks++) {
        /* Acquire pairs with the end of the write before. */
        if (seen % 2 == 0 &&
            atomic_compare_exchange_weak_explicit(&lock->sequence, &seen, seen + 1,
                                                  memory_order_acquire, memory_order_relaxed))
            return seen;
        if (!goes_on(looks, deadline_ns))
            return 1;
        seen = atomic_load_explicit(&lock->sequence, memory_order_relaxed);
    }
}

bool smew__seqlock_write(struct smew__seqlock *lock, _Atomic uint64_t *words,
                         const uint64_t *values, size_t count, uint64_t deadline_ns)
{
    uint64_t begun = enter(lock, deadline_ns);

    if (begun % 2 != 0)
        return false;
    for (size_t i = 0; i < count; i++)
        /* pairs with smew__seqlock_try_read: who sees it sees the odd number, or a later one */
        atomic_store_explicit(&words[i], values[i], memory_order_release);
    /* pairs with smew__seqlock_try_read and with enter: who begins with it sees these words */
    atomic_store_explicit(&lock->sequence, begun + 2, memory_order_release);
    return true;
}
