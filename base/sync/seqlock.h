/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_SYNC_SEQLOCK_H
#define SMEW_BASE_SYNC_SEQLOCK_H

/*
 * A sequence lock: a few words that belong together, read often and written seldom.  Readers write
 * nothing, so any number of them costs the others nothing; one who was overtaken by a writer reads
 * again.  A number is odd while a writer is at it, and another one afterwards:
 *
 *     writer   even -> odd (one writer wins)   words ...   -> next even
 *     reader   even?   copies the words   still the same?  else once more
 *
 * Orderings, without a fence (ThreadSanitizer knows none; after Boehm, "Can seqlocks get along with
 * programming language memory models?", 2012):
 *   - the end of a write releases the even number, and a reader that begins with it acquires: it
 *     sees that write whole, or something later;
 *   - each word is stored with release after the odd number, and loaded with acquire before the
 *     second look: a reader that got a word of a write in progress finds the number changed;
 *   - the change to odd acquires what the writer before released.
 * On x86-64 all of these are plain loads and stores but for the writer's one exchange.
 *
 * A writer that loses its processor in the middle keeps readers and writers waiting, which look,
 * yield, then sleep (patience.h), and give up at their deadline.  So not for memory that processes
 * share; and a child of fork() may inherit one in the middle, for good.
 *
 * The number has 64 bits and does not come round.  Zeros are one at rest.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smew__seqlock {
    _Atomic uint64_t sequence; /* odd: somebody writes */
};

/*
 * One attempt.  False: a writer was there, or came by, and `copy` has words of different writes.
 */
static inline bool smew__seqlock_try_read(const struct smew__seqlock *lock,
                                          const _Atomic uint64_t *words, uint64_t *copy,
                                          size_t count)
{
    /* pairs with the end of smew__seqlock_write */
    uint64_t begun = atomic_load_explicit(&lock->sequence, memory_order_acquire);

    if (begun % 2 != 0)
        return false;
    for (size_t i = 0; i < count; i++) /* each pairs with the same word's in smew__seqlock_write */
        copy[i] = atomic_load_explicit(&words[i], memory_order_acquire);
    /* Relaxed: the words' acquires keep it behind them. */
    return atomic_load_explicit(&lock->sequence, memory_order_relaxed) == begun;
}

/* Again and again; see smew__seqlock_read. */
bool smew__seqlock_read_on(const struct smew__seqlock *lock, const _Atomic uint64_t *words,
                           uint64_t *copy, size_t count, uint64_t deadline_ns);

/*
 * Copies `count` words as one write left them.  False when the deadline passed first, and `copy`
 * means nothing; no clock is read when nobody writes.
 */
static inline bool smew__seqlock_read(const struct smew__seqlock *lock,
                                      const _Atomic uint64_t *words, uint64_t *copy, size_t count,
                                      uint64_t deadline_ns)
{
    return smew__seqlock_try_read(lock, words, copy, count) ||
           smew__seqlock_read_on(lock, words, copy, count, deadline_ns);
}

/*
 * Makes the words these, for all readers at once; writers go one after the other.  False when the
 * deadline passed with another writer still there: nothing was written.
 */
bool smew__seqlock_write(struct smew__seqlock *lock, _Atomic uint64_t *words,
                         const uint64_t *values, size_t count, uint64_t deadline_ns);

#endif
