/* SPDX-License-Identifier: MIT */
/*
 * An array heap of pointers: the children of place p are 2p and 2p+1.  Every link knows its own
 * place, so that a timer can be cancelled without a search.
 */

#include "base/heap.h"

#include "base/alloc.h"

void smew__heap_init(struct smew__heap *heap)
{
    *heap = (struct smew__heap){0};
}

void smew__heap_fini(struct smew__heap *heap)
{
    smew__free(heap->links);
    *heap = (struct smew__heap){0};
}

void smew__heap_link_init(struct smew__heap_link *link)
{
    *link = (struct smew__heap_link){0};
}

static bool before(const struct smew__heap_link *a, const struct smew__heap_link *b)
{
    return a->key != b->key ? a->key < b->key : a->sequence < b->sequence;
}

static void set(struct smew__heap *heap, size_t place, struct smew__heap_link *link)
{
    heap->links[place - 1] = link;
    link->place = place;
}

static void rise(struct smew__heap *heap, struct smew__heap_link *link)
{
    size_t place = link->place;

    while (place > 1 && before(link, heap->links[place / 2 - 1])) {
        set(heap, place, heap->links[place / 2 - 1]);
        place /= 2;
    }
    set(heap, place, link);
}

static void sink(struct smew__heap *heap, struct smew__heap_link *link)
{
    size_t place = link->place;

    for (size_t child = 2 * place; child <= heap->count; child = 2 * place) {
        if (child < heap->count && before(heap->links[child], heap->links[child - 1]))
            child++;
        if (!before(heap->links[child - 1], link))
            break;
        set(heap, place, heap->links[child - 1]);
        place = child;
    }
    set(heap, place, link);
}

static bool grow(struct smew__heap *heap)
{
    size_t capacity = heap->capacity ? 2 * heap->capacity : 16;
    struct smew__heap_link **links = smew__realloc(heap->links, capacity * sizeof(*links));

    if (!links)
        return false;
    heap->links = links;
    heap->capacity = capacity;
    return true;
}

bool smew__heap_put(struct smew__heap *heap, struct smew__heap_link *link, uint64_t key)
{
    if (link->place == 0 && heap->count == heap->capacity && !grow(heap))
        return false;
    smew__heap_remove(heap, link);
    link->key = key;
    link->sequence = ++heap->sequence;
    heap->count++;
    set(heap, heap->count, link);
    rise(heap, link);
    return true;
}

void smew__heap_remove(struct smew__heap *heap, struct smew__heap_link *link)
{
    struct smew__heap_link *last;
    size_t place = link->place;

    if (place == 0)
        return;
    last = heap->links[--heap->count];
    link->place = 0;
    if (last == link)
        return;
    set(heap, place, last);
    rise(heap, last);
    sink(heap, last);
}

struct smew__heap_link *smew__heap_first(const struct smew__heap *heap)
{
    return heap->count ? heap->links[0] : NULL;
}
