/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_ARENA_H
#define SMEW_CHART_ARENA_H

/*
 * Memory that lives as long as its chart: names, literals, events.  It only grows and is given
 * back at once, so nothing in it needs an owner of its own.
 */

#include <stddef.h>

struct smew__arena_block;

struct smew__arena {
    struct smew__arena_block *blocks; /* the newest first */
};

void smew__arena_init(struct smew__arena *arena);
void smew__arena_fini(struct smew__arena *arena);
/* Zeroed and aligned for anything; NULL when out of memory. */
void *smew__arena_alloc(struct smew__arena *arena, size_t size);
/* A terminated copy. */
char *smew__arena_text(struct smew__arena *arena, const char *text, size_t size);

#endif
