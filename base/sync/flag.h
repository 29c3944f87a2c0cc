/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_SYNC_FLAG_H
#define SMEW_BASE_SYNC_FLAG_H

/*
 * An atomic flag: one bit that threads tell each other something by.  Each operation is one atomic
 * instruction; none waits, none fails.  Any thread, a signal handler too.
 *
 * Orderings: what a thread wrote before it set, cleared, swapped or changed the flag is seen by
 * whoever then finds the flag as that left it, by get, swap or a change.  Between two flags
 * there is no order: where each of two threads sets its own and looks at the other's, this is the
 * wrong header.
 *
 * Zeros are one that is clear.
 */

#include <stdatomic.h>
#include <stdbool.h>

struct smew__flag {
    atomic_bool on;
};

static inline void smew__flag_set(struct smew__flag *flag)
{
    /* pairs with smew__flag_get, smew__flag_swap, smew__flag_change */
    atomic_store_explicit(&flag->on, true, memory_order_release);
}

static inline void smew__flag_clear(struct smew__flag *flag)
{
    /* pairs with smew__flag_get, smew__flag_swap, smew__flag_change */
    atomic_store_explicit(&flag->on, false, memory_order_release);
}

static inline bool smew__flag_get(const struct smew__flag *flag)
{
    /* pairs with smew__flag_set, smew__flag_clear, smew__flag_swap, smew__flag_change */
    return atomic_load_explicit(&flag->on, memory_order_acquire);
}

/* Makes it `on`; answers what it was.  Of several that swap at once one alone sees the old state.
 */
static inline bool smew__flag_swap(struct smew__flag *flag, bool on)
{
    /* pairs with itself and all the others: what was there is seen, what is left is shown */
    return atomic_exchange_explicit(&flag->on, on, memory_order_acq_rel);
}

/* Makes it `to` if it is `from`; false, and nothing changed, if it is not. */
static inline bool smew__flag_change(struct smew__flag *flag, bool from, bool to)
{
    /* pairs as smew__flag_swap does; when it is refused, as smew__flag_get */
    return atomic_compare_exchange_strong_explicit(&flag->on, &from, to, memory_order_acq_rel,
                                                   memory_order_acquire);
}

#endif
