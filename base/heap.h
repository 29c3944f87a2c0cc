/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_HEAP_H
#define SMEW_BASE_HEAP_H

/*
 * A binary min-heap of links that live in the program's own entries: timers, mostly.  Equal keys
 * leave in the order in which they came (a sequence number breaks ties).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smew__heap_link {
    uint64_t key;
    uint64_t sequence;
    size_t place; /* 1-based position in the heap; 0: not in it */
};

struct smew__heap {
    struct smew__heap_link **links;
    size_t count;
    size_t capacity;
    uint64_t sequence;
};

void smew__heap_init(struct smew__heap *heap);
void smew__heap_fini(struct smew__heap *heap); /* entries are the owner's */
void smew__heap_link_init(struct smew__heap_link *link);
/* Puts the link in under a key, or moves it there.  False when out of memory. */
bool smew__heap_put(struct smew__heap *heap, struct smew__heap_link *link, uint64_t key);
void smew__heap_remove(struct smew__heap *heap, struct smew__heap_link *link); /* absent is fine */
struct smew__heap_link *smew__heap_first(const struct smew__heap *heap);       /* NULL when empty */

#endif
