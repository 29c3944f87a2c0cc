/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_SYNC_BIASED_H
#define SMEW_BASE_SYNC_BIASED_H

/*
 * A lock that nearly always one thread takes, its *owner*, for whom it costs two stores and two
 * loads; everybody else is a *visitor*, and pays with a system call (fence.h).  For state that a
 * busy thread uses for each message, and a service thread now and then.  (Biased locking as in
 * Java's monitors; the revocation is that of Dice, Huang and Yang, "Asymmetric Dekker
 * synchronization".)
 *
 *     owner:    inside = 1, light fence, visited == 0?  in.  Else inside = 0, and waits for the
 *               mutex, with which inside = 1.
 *               inside = 0, light fence, visited != 0?  wakes.
 *     visitor:  the mutex, visited = 1, heavy fence, sleeps while inside == 1.
 *               visited = 0, mutex given back.
 *
 * A visitor has the mutex before it says that it is there: so an owner that sees it sleeps until it
 * was in, and does not run into the mutex and out again, time after time, before the visitor gets
 * it.
 *
 * Invariant: the owner is in only with `inside` 1, and a visitor only with the mutex and `inside`
 * seen as 0 after its fence.  By the fences an owner that did not see the visitor is seen by it;
 * and one that comes later sees it, and waits for the mutex.
 *
 * Who is the owner may change, as long as there is one at a time and something else orders the
 * change.  Neither side may enter twice.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/os/thread.h"
#include "base/sync/fence.h"

struct smew__biased {
    _Atomic uint32_t inside;  /* the owner is; a futex */
    _Atomic uint32_t visited; /* by who has the mutex: waits, or is in */
    struct smew__mutex mutex;
};

enum smew_status smew__biased_init(struct smew__biased *biased); /* as smew__mutex_init() */
void smew__biased_fini(struct smew__biased *biased);

/* A visitor's. */
void smew__biased_lock(struct smew__biased *biased);
bool smew__biased_try(struct smew__biased *biased); /* false: somebody is in */
void smew__biased_unlock(struct smew__biased *biased);

/* There are visitors: waits for them, and is in. */
void smew__biased_enter_behind(struct smew__biased *biased);
/* There may be visitors that sleep. */
void smew__biased_wake(struct smew__biased *biased);

/* The owner's. */
static inline bool smew__biased_try_enter(struct smew__biased *biased)
{
    atomic_store_explicit(&biased->inside, 1, memory_order_relaxed);
    smew__fence_light(); /* pairs with the heavy one of lock */
    /* Acquire pairs with the release of unlock: who sees no visitor sees what the last one did. */
    if (atomic_load_explicit(&biased->visited, memory_order_acquire) == 0)
        return true;
    smew__biased_wake(biased);
    return false;
}

static inline void smew__biased_enter(struct smew__biased *biased)
{
    if (!smew__biased_try_enter(biased))
        smew__biased_enter_behind(biased);
}

static inline void smew__biased_leave(struct smew__biased *biased)
{
    /* Release pairs with the acquire of lock: a visitor sees what the owner did. */
    atomic_store_explicit(&biased->inside, 0, memory_order_release);
    smew__fence_light(); /* pairs with the heavy one of lock: it sees 0, or we see it */
    if (atomic_load_explicit(&biased->visited, memory_order_relaxed) != 0)
        smew__biased_wake(biased);
}

/* Does a visitor want it?  The owner's, while it is in. */
static inline bool smew__biased_is_wanted(const struct smew__biased *biased)
{
    return atomic_load_explicit(&biased->visited, memory_order_relaxed) != 0;
}

#endif
