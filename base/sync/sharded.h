/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_SYNC_SHARDED_H
#define SMEW_BASE_SYNC_SHARDED_H

/*
 * A sharded mutex: for a collection whose entries are found by a key and have nothing to do with
 * each other.  It is cut into a power of two of shards; each has a mutex of its own, on a cache
 * line with the data that it guards, and a key says which one:
 *
 *     static struct family {
 *         alignas(64) struct smew__shard lock;
 *         struct smew__list nodes;
 *     } families[16];
 *     struct family *family = &families[smew__shard_index(key, 16)];
 *
 * So threads wait for each other only when their keys share a shard.  What concerns the whole
 * collection takes one shard after the other, each given back before the next: never two at once.
 *
 * A shard is a futex word (0 free, 1 held, 2 held and somebody may sleep; after Drepper, "Futexes
 * are tricky"): no system call when nobody waits, a short look before a sleep.  Not recursive, not
 * fair, and only for threads of one process; a child of fork() that goes on with it fills it with
 * zeros first.
 *
 * Orderings: smew__shard_unlock() releases, taking acquires.
 *
 * Zeros are one that is free; nothing to give back.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smew__shard {
    _Atomic uint32_t state;
};

/* Which of `count` shards, a power of two up to 2^16, has this key. */
static inline size_t smew__shard_index(uint64_t key, size_t count)
{
    /* The upper bits of a product with 2^64 over the golden ratio depend on all of the key's. */
    return (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 48) & (count - 1);
}

/* False when the deadline passed; SMEW_NEVER_NS for what is held as shortly as it should be. */
bool smew__shard_lock_until(struct smew__shard *shard, uint64_t deadline_ns);
void smew__shard_lock(struct smew__shard *shard);
void smew__shard_unlock(struct smew__shard *shard);

#endif
