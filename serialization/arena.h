/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SERIALIZATION_ARENA_H
#define SMEW_SERIALIZATION_ARENA_H

/*
 * The memory of one decoded item: many small pieces, one limit, freed together.
 *
 * Hostile bytes can ask a decoder for far more memory than they are themselves (a protobuf field
 * of two bytes costs forty).  So each decoding says beforehand how much it may take at most, and
 * what asks for more is refused; `failed` tells a machine that is out of memory from that.
 */

#include <stdbool.h>
#include <stddef.h>

struct smew__wire_arena_block;

struct smew__wire_arena {
    struct smew__wire_arena_block *blocks;
    size_t left; /* bytes that it may still ask the system for */
    bool failed; /* the system had no more */
};

void smew__wire_arena_init(struct smew__wire_arena *arena, size_t limit);

/*
 * A piece for any type, or NULL.  One zero byte lies behind its end, so that text which was copied
 * into it is terminated.
 */
void *smew__wire_arena_alloc(struct smew__wire_arena *arena, size_t size);

/* Hands the blocks over, for smew__wire_arena_free(); the arena is empty then. */
void *smew__wire_arena_release(struct smew__wire_arena *arena);
void smew__wire_arena_free(void *blocks); /* NULL is fine */

#endif
