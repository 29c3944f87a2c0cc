/* SPDX-License-Identifier: MIT */

/*
 * Blocks of memory in a list; the newest one is filled from its beginning.  A request larger than
 * a block gets a block of its own.  Only a failed allocation can go wrong: then NULL, and what
 * was handed out before stays valid.
 */

#include "chart/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

enum { BLOCK_BYTES = 4096 - 64 };

struct smew__arena_block {
    struct smew__arena_block *next;
    size_t used;
    size_t capacity;
    alignas(max_align_t) unsigned char data[];
};

void smew__arena_init(struct smew__arena *arena)
{
    arena->blocks = NULL;
}

void smew__arena_fini(struct smew__arena *arena)
{
    while (arena->blocks) {
        struct smew__arena_block *block = arena->blocks;

        arena->blocks = block->next;
        smew__free(block);
    }
}

static struct smew__arena_block *add_block(struct smew__arena *arena, size_t least)
{
    size_t capacity = least > BLOCK_BYTES ? least : BLOCK_BYTES;

    if (capacity > SIZE_MAX - sizeof(struct smew__arena_block))
        return NULL;
    struct smew__arena_block *block = smew__alloc(sizeof *block + capacity);
    if (!block)
        return NULL;
    block->next = arena->blocks;
    block->used = 0;
    block->capacity = capacity;
    arena->blocks = block;
    return block;
}

void *smew__arena_alloc(struct smew__arena *arena, size_t size)
{
    struct smew__arena_block *block = arena->blocks;
    size_t step = alignof(max_align_t);

    if (size > SIZE_MAX - step)
        return NULL;
    size_t rounded = (size + step - 1) / step * step;
    if (!block || block->capacity - block->used < rounded)
        block = add_block(arena, rounded);
    if (!block)
        return NULL;
    void *memory = block->data + block->used;
    block->used += rounded;
    return memset(memory, 0, size);
}

char *smew__arena_text(struct smew__arena *arena, const char *text, size_t size)
{
    char *copy = smew__arena_alloc(arena, size + 1);

    if (copy)
        memcpy(copy, text, size);
    return copy;
}
