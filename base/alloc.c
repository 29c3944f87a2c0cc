/* SPDX-License-Identifier: MIT */
/*
 * Allocation with counters and a fault hook.
 *
 * The counters are always on, so that the leak checks see the same code that users run.  They are
 * striped over a few cache lines, each thread adding to the one it drew: threads that allocate at
 * the same time do not fight over one line.  Reading them sums the stripes, and is exact once the
 * other threads are quiet.
 *
 * Fails with NULL when the C library does, when a size is beyond any object's (checked here, since
 * sanitizers abort on it), or when a test asked for it; nothing is counted then.
 */
#include "base/alloc.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/countdown.h"

enum { STRIPES = 16, CACHE_LINE = 64 };

struct stripe {
    alignas(CACHE_LINE) _Atomic uint64_t allocations;
    _Atomic int64_t live; /* negative where a thread frees what others made */
};

static struct stripe stripes[STRIPES + 1]; /* the last one: of block.h, under its lock */
static struct smew__countdown faults;

static struct stripe *own_stripe(void)
{
    static _Atomic unsigned drawn;
    static _Thread_local struct stripe *own;

    if (own == NULL)
        own = &stripes[atomic_fetch_add_explicit(&drawn, 1, memory_order_relaxed) % STRIPES];
    return own;
}

void smew__alloc_counts(bool more)
{
    struct stripe *stripe = own_stripe();

    if (more)
        atomic_fetch_add_explicit(&stripe->allocations, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&stripe->live, more ? 1 : -1, memory_order_relaxed);
}

void smew__alloc_counts_locked(bool more)
{
    struct stripe *stripe = &stripes[STRIPES];
    uint64_t allocations = atomic_load_explicit(&stripe->allocations, memory_order_relaxed);
    int64_t live = atomic_load_explicit(&stripe->live, memory_order_relaxed);

    /* One writer at a time, so a load and a store lose nothing. */
    if (more)
        atomic_store_explicit(&stripe->allocations, allocations + 1, memory_order_relaxed);
    atomic_store_explicit(&stripe->live, live + (more ? 1 : -1), memory_order_relaxed);
}

static void *counted(void *memory)
{
    if (memory != NULL)
        smew__alloc_counts(true);
    return memory;
}

bool smew__alloc_refuses(size_t size)
{
    return smew__countdown_trips(&faults) || size > PTRDIFF_MAX;
}

void *smew__alloc(size_t size)
{
    return smew__alloc_refuses(size) ? NULL : counted(malloc(size));
}

void *smew__calloc(size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes) || smew__alloc_refuses(bytes))
        return NULL;
    return counted(calloc(count, size));
}

void *smew__realloc(void *memory, size_t size)
{
    void *moved;

    if (memory == NULL)
        return smew__alloc(size);
    if (smew__alloc_refuses(size))
        return NULL;
    moved = realloc(memory, size);
    if (moved != NULL)
        atomic_fetch_add_explicit(&own_stripe()->allocations, 1, memory_order_relaxed);
    return moved;
}

char *smew__strdup(const char *text)
{
    return smew__memdup(text, strlen(text) + 1);
}

void *smew__memdup(const void *data, size_t size)
{
    void *copy = smew__alloc(size);

    return copy == NULL ? NULL : memcpy(copy, data, size);
}

void smew__free(void *memory)
{
    if (memory == NULL)
        return;
    smew__alloc_counts(false);
    free(memory);
}

void smew__alloc_fail_at(uint64_t n, int for_good)
{
    smew__countdown_set(&faults, n, for_good != 0);
}

uint64_t smew__alloc_failed(void)
{
    return atomic_load_explicit(&faults.tripped, memory_order_relaxed);
}

uint64_t smew__alloc_count(void)
{
    uint64_t sum = 0;

    for (int i = 0; i <= STRIPES; i++)
        sum += atomic_load_explicit(&stripes[i].allocations, memory_order_relaxed);
    return sum;
}

int64_t smew__alloc_live(void)
{
    int64_t sum = 0;

    for (int i = 0; i <= STRIPES; i++)
        sum += atomic_load_explicit(&stripes[i].live, memory_order_relaxed);
    return sum;
}
