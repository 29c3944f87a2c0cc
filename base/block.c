/* SPDX-License-Identifier: MIT */
/*
 * Kept blocks: a stack for each class of sizes, four to a doubling from 256 bytes to 2 MiB, so that
 * a block is at most a quarter larger than what was asked for; larger ones are not kept.  Each
 * block begins with its class, or while it is kept with the next one's address.
 *
 * `low` is how few a stack had since the last trim: so many were not needed.
 */
#include "base/block.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"

enum {
    LEAST_BITS = 8, /* the smallest class, and the largest */
    MOST_BITS = 21,
    STEP_BITS = 2,
    CLASSES = ((MOST_BITS - LEAST_BITS) << STEP_BITS) + 1,
    NO_CLASS = CLASSES,
    TRIM_PART = 4, /* one of so many that were not needed goes: 16 MiB are gone after 2 s */
};

#ifdef __SANITIZE_ADDRESS__
enum { KEPT_BYTES = 0 }; /* it is to see what is used after it was given back */
#else
enum { KEPT_BYTES = 16 * 1024 * 1024 };
#endif

struct block {
    alignas(max_align_t) union {
        struct block *next;
        size_t size_class;
    };
};

static_assert(sizeof(struct block) % alignof(max_align_t) == 0, "what follows is for any type");

struct stack {
    struct block *first;
    size_t count;
    size_t low;
};

static struct {
    atomic_flag taken; /* tried, never waited for; guards the rest */
    size_t bytes;
    struct stack stacks[CLASSES];
} kept = {.taken = ATOMIC_FLAG_INIT};

static bool try_enter(void)
{
    return !atomic_flag_test_and_set_explicit(&kept.taken, memory_order_acquire);
}

static void leave(void)
{
    atomic_flag_clear_explicit(&kept.taken, memory_order_release);
}

static size_t class_of(size_t size)
{
    size_t bits, step;

    if (size <= (size_t)1 << LEAST_BITS)
        return 0;
    if (size > (size_t)1 << MOST_BITS)
        return NO_CLASS;
    bits = 63 - (size_t)__builtin_clzll(size - 1);
    step = (size - 1) >> (bits - STEP_BITS) & ((1 << STEP_BITS) - 1);
    return ((bits - LEAST_BITS) << STEP_BITS) + step + 1;
}

/* The largest size of a class. */
static size_t size_of(size_t size_class)
{
    size_t bits, step;

    if (size_class == 0)
        return (size_t)1 << LEAST_BITS;
    bits = LEAST_BITS + ((size_class - 1) >> STEP_BITS);
    step = (size_class - 1) & ((1 << STEP_BITS) - 1);
    return (step + (1 << STEP_BITS) + 1) << (bits - STEP_BITS);
}

/* One that is kept, counted as given out; NULL: there is none, or another thread is at it. */
static struct block *take(size_t size_class)
{
    struct stack *stack = &kept.stacks[size_class];
    struct block *block;

    if (!try_enter())
        return NULL;
    block = stack->first;
    if (block != NULL) {
        stack->first = block->next;
        kept.bytes -= size_of(size_class);
        if (--stack->count < stack->low)
            stack->low = stack->count;
        smew__alloc_counts_locked(true);
    }
    leave();
    return block;
}

/* True: it is kept, and counted as given back. */
static bool keep(struct block *block, size_t size_class)
{
    struct stack *stack = &kept.stacks[size_class];
    bool room;

    if (!try_enter())
        return false;
    room = kept.bytes + size_of(size_class) <= KEPT_BYTES;
    if (room) {
        block->next = stack->first;
        stack->first = block;
        stack->count++;
        kept.bytes += size_of(size_class);
        smew__alloc_counts_locked(false);
    }
    leave();
    return room;
}

void *smew__block_alloc(size_t size)
{
    struct block *block = NULL;
    size_t size_class;

    if (size > PTRDIFF_MAX - sizeof(*block) || smew__alloc_refuses(size))
        return NULL;
    size += sizeof(*block);
    size_class = class_of(size);
    if (size_class != NO_CLASS) {
        size = size_of(size_class);
        block = take(size_class);
    }
    if (block == NULL) {
        block = malloc(size);
        if (block == NULL)
            return NULL;
        smew__alloc_counts(true);
    }
    block->size_class = size_class;
    return block + 1;
}

void smew__block_free(void *memory)
{
    struct block *block;
    size_t size_class;

    if (memory == NULL)
        return;
    block = (struct block *)memory - 1;
    size_class = block->size_class;
    if (size_class == NO_CLASS || !keep(block, size_class)) {
        smew__alloc_counts(false);
        free(block);
    }
}

/* Takes a part of what was not needed off a stack. */
static struct block *cut(size_t size_class)
{
    struct stack *stack = &kept.stacks[size_class];
    struct block *rest = NULL;

    for (size_t left = (stack->low + TRIM_PART - 1) / TRIM_PART; left > 0; left--) {
        struct block *block = stack->first;

        stack->first = block->next;
        block->next = rest;
        rest = block;
        stack->count--;
        kept.bytes -= size_of(size_class);
    }
    stack->low = stack->count;
    return rest;
}

void smew__blocks_trim(void)
{
    for (size_t i = 0; i < CLASSES; i++) {
        struct block *rest, *next;

        if (!try_enter())
            return; /* the next heartbeat does it */
        rest = cut(i);
        leave();
        for (; rest != NULL; rest = next) {
            next = rest->next;
            free(rest);
        }
    }
}
