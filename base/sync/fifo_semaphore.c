/* SPDX-License-Identifier: MIT */
/*
 * The queue of a semaphore.
 *
 * Happy path: a place is free.  Else the thread hangs a waiter of its own stack into the queue,
 * looks for a moment, and sleeps on the waiter's word until that says GIVEN.  A release takes the
 * first waiter out and says GIVEN, both under the lock, and wakes it if it sleeps.
 *
 * From GIVEN on the waiter's memory is its thread's again; the wake that follows uses its address
 * alone.  A sleeper on whatever is there then wakes for nothing, which every futex wait has to
 * expect.
 *
 * Failure mode: the deadline passes.  Under the lock it is seen whether a release came first; then
 * the place is taken after all, since it would be lost otherwise.
 */
#include "base/sync/fifo_semaphore.h"

#include "base/os/memory.h"
#include "base/sync/patience.h"

enum { LOOKS, SLEEPS, GIVEN };

struct waiter {
    struct smew__list link;
    _Atomic uint32_t state;
};

void smew__fifo_semaphore_init(struct smew__fifo_semaphore *semaphore, uint32_t places)
{
    semaphore->lock = (struct smew__spinlock){false};
    semaphore->places = places;
    smew__list_init(&semaphore->waiting);
}

/* Takes a free place, or gets in line. */
static bool take(struct smew__fifo_semaphore *semaphore, struct waiter *waiter, bool waits)
{
    bool taken;

    smew__spinlock_lock(&semaphore->lock);
    taken = semaphore->places > 0;
    if (taken)
        semaphore->places--;
    else if (waits)
        smew__list_append(&semaphore->waiting, &waiter->link);
    smew__spinlock_unlock(&semaphore->lock);
    return taken;
}

static bool is_given(const struct waiter *waiter)
{
    /* pairs with smew__fifo_semaphore_release */
    return atomic_load_explicit(&waiter->state, memory_order_acquire) == GIVEN;
}

/* Out of the queue; true when a place was handed over before that. */
static bool leave(struct smew__fifo_semaphore *semaphore, struct waiter *waiter)
{
    bool given;

    smew__spinlock_lock(&semaphore->lock);
    given = is_given(waiter);
    if (!given)
        smew__list_remove(&waiter->link);
    smew__spinlock_unlock(&semaphore->lock);
    return given;
}

bool smew__fifo_semaphore_acquire(struct smew__fifo_semaphore *semaphore, uint64_t deadline_ns)
{
    struct waiter waiter;
    uint32_t looks = LOOKS;

    atomic_init(&waiter.state, LOOKS);
    if (take(semaphore, &waiter, deadline_ns > 0))
        return true;
    if (deadline_ns == 0)
        return false;
    for (unsigned i = 0; i < SMEW__LOOKS && !is_given(&waiter); i++)
        smew__patience(i);
    /* Relaxed: it only asks for a wake.  When it is refused, is_given pairs with the release. */
    (void)atomic_compare_exchange_strong_explicit(&waiter.state, &looks, SLEEPS,
                                                  memory_order_relaxed, memory_order_relaxed);
    while (!is_given(&waiter))
        if (smew__futex_wait(&waiter.state, SLEEPS, deadline_ns) != SMEW_OK)
            return leave(semaphore, &waiter);
    return true;
}

void smew__fifo_semaphore_release(struct smew__fifo_semaphore *semaphore)
{
    struct smew__list *first;
    struct waiter *waiter = NULL;
    bool wake = false;

    smew__spinlock_lock(&semaphore->lock);
    first = smew__list_take(&semaphore->waiting);
    if (first == NULL) {
        semaphore->places++;
    } else {
        waiter = SMEW_CONTAINER(first, struct waiter, link);
        /* pairs with is_given; from here on the waiter may be gone */
        wake = atomic_exchange_explicit(&waiter->state, GIVEN, memory_order_release) == SLEEPS;
    }
    smew__spinlock_unlock(&semaphore->lock);
    if (wake)
        smew__futex_wake_one(&waiter->state);
}
