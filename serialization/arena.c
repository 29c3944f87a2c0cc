/* SPDX-License-Identifier: MIT */
/*
 * An arena of a few blocks: small pieces are cut from the first of them, until one does not fit
 * and a new block comes in front; a large piece gets a block of its own.  A frame with a small
 * payload needs one block, with a large payload two.
 */
#include "serialization/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "base/alloc.h"

enum { PIECE_ALIGNMENT = alignof(max_align_t), BLOCK_SIZE = 1024 };

struct smew__wire_arena_block {
    alignas(max_align_t) struct smew__wire_arena_block *next;
    size_t capacity;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

void smew__wire_arena_init(struct smew__wire_arena *arena, size_t limit)
{
    *arena = (struct smew__wire_arena){.left = limit};
}

/* A large piece gets a block of its own, behind the one that is being filled. */
static struct smew__wire_arena_block *add_block(struct smew__wire_arena *arena, size_t needed)
{
    bool large = needed > BLOCK_SIZE && arena->blocks != NULL;
    size_t capacity = needed > BLOCK_SIZE ? needed : BLOCK_SIZE;
    struct smew__wire_arena_block **place = large ? &arena->blocks->next : &arena->blocks;
    struct smew__wire_arena_block *block;

    if (capacity > arena->left)
        return NULL;
    block = smew__alloc(sizeof *block + capacity);
    if (block == NULL) {
        arena->failed = true;
        return NULL;
    }
    *block = (struct smew__wire_arena_block){.next = *place, .capacity = capacity};
    *place = block;
    arena->left -= capacity;
    return block;
}

void *smew__wire_arena_alloc(struct smew__wire_arena *arena, size_t size)
{
    struct smew__wire_arena_block *block = arena->blocks;
    unsigned char *piece;
    size_t needed;

    if (size > SIZE_MAX / 2) /* or the sum below could wrap around */
        return NULL;
    needed = (size + 1 + PIECE_ALIGNMENT - 1) / PIECE_ALIGNMENT * PIECE_ALIGNMENT;
    if (block == NULL || needed > block->capacity - block->used)
        block = add_block(arena, needed);
    if (block == NULL)
        return NULL;
    piece = block->bytes + block->used;
    piece[size] = 0;
    block->used += needed;
    return piece;
}

void *smew__wire_arena_release(struct smew__wire_arena *arena)
{
    struct smew__wire_arena_block *blocks = arena->blocks;

    smew__wire_arena_init(arena, 0);
    return blocks;
}

void smew__wire_arena_free(void *blocks)
{
    for (struct smew__wire_arena_block *block = blocks, *next; block != NULL; block = next) {
        next = block->next;
        smew__free(block);
    }
}
