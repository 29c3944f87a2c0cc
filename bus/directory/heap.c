/* SPDX-License-Identifier: MIT */
/*
 * A directory in memory, for a bus of one process.
 *
 * Happy path: the first node of a (scheme, name) makes the board and puts it into the process's
 * list; later ones find it there; the last one takes it out and frees it.
 *
 * Announcements belong to the bus and not to the node: a thread may still be reading one whose
 * node has closed.  So blocks stay until the bus goes, and the slot's next owner uses them again.
 *
 * After a fork the child must not meet its parent's nodes, so the key holds the process's token;
 * what the child inherited is unreachable in it and ends with it.
 */
#include "bus/directory/storage.h"

#include <string.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/os/process.h"
#include "base/os/thread.h"
#include "base/status.h"
#include "base/sync/flag.h"

typedef _Atomic(_Atomic uint64_t *) heap_block;

struct heap_announcement {
    heap_block blocks[SMEW__BLOCKS];
};

struct heap_bus {
    struct smew__list link; /* in `buses`; that and `nodes` under its lock */
    size_t nodes;
    uint64_t token;
    char *scheme;
    char *name;
    void *memory; /* in which the board is aligned */
    struct smew__board *board;
    struct smew__flag locked[SMEW__DIRECTORY_NODES];
    _Atomic(struct heap_announcement *) names[SMEW__DIRECTORY_NODES];
};

struct heap_storage {
    struct smew__storage base;
    struct heap_bus *bus;
    uint32_t slot;
};

static struct smew__mutex buses_lock = {PTHREAD_MUTEX_INITIALIZER};
static struct smew__list buses = {&buses, &buses};

static struct heap_storage *self_of(struct smew__storage *storage)
{
    return SMEW_CONTAINER(storage, struct heap_storage, base);
}

/* ---- slots --------------------------------------------------------------------------- */

static bool heap_slot_lock(struct smew__storage *storage, uint32_t slot)
{
    return !smew__flag_swap(&self_of(storage)->bus->locked[slot], true);
}

static void heap_slot_unlock(struct smew__storage *storage, uint32_t slot)
{
    smew__flag_clear(&self_of(storage)->bus->locked[slot]);
}

static bool heap_slot_held(struct smew__storage *storage, uint32_t slot,
                           const struct smew__process *process)
{
    (void)process; /* it is this one */
    return smew__flag_get(&self_of(storage)->bus->locked[slot]);
}

static void heap_slot_reap(struct smew__storage *storage, uint32_t slot)
{
    (void)storage; /* the blocks are used again */
    (void)slot;
}

/* ---- announcements ------------------------------------------------------------------- */

static enum smew_status heap_names_grow(struct smew__storage *storage, uint32_t blocks)
{
    struct heap_storage *heap = self_of(storage);
    struct heap_announcement *names =
        atomic_load_explicit(&heap->bus->names[heap->slot], memory_order_relaxed);

    for (uint32_t i = 0; i < blocks; i++) {
        void *block;

        if (atomic_load_explicit(&names->blocks[i], memory_order_relaxed) != NULL)
            continue;
        block = smew__calloc(1, SMEW__BLOCK_SIZE);
        if (block == NULL)
            return SMEW_NO_MEMORY;
        /* pairs with heap_names_block */
        atomic_store_explicit(&names->blocks[i], block, memory_order_release);
    }
    return SMEW_OK;
}

static enum smew_status heap_names_begin(struct smew__storage *storage, struct smew__node_ref self,
                                         struct smew_error *error)
{
    struct heap_storage *heap = self_of(storage);
    struct heap_announcement *names =
        atomic_load_explicit(&heap->bus->names[self.slot], memory_order_relaxed);
    enum smew_status status = SMEW_NO_MEMORY;

    heap->slot = self.slot;
    if (names == NULL) {
        names = smew__calloc(1, sizeof *names);
        /* pairs with heap_names_block */
        atomic_store_explicit(&heap->bus->names[self.slot], names, memory_order_release);
    }
    if (names != NULL)
        status = heap_names_grow(storage, 1);
    if (status != SMEW_OK)
        return smew__fail(error, status, "no memory for the names of a node");
    return SMEW_OK;
}

static void heap_names_end(struct smew__storage *storage, struct smew__node_ref self)
{
    (void)storage; /* the blocks are the bus's */
    (void)self;
}

static enum smew_status heap_names_block(struct smew__storage *storage, struct smew__node_ref node,
                                         uint32_t block, _Atomic uint64_t **words)
{
    /* pairs with heap_names_begin */
    struct heap_announcement *names =
        atomic_load_explicit(&self_of(storage)->bus->names[node.slot], memory_order_acquire);

    if (names == NULL)
        return SMEW_NOT_FOUND;
    /* pairs with heap_names_grow */
    *words = atomic_load_explicit(&names->blocks[block], memory_order_acquire);
    return *words == NULL ? SMEW_NOT_FOUND : SMEW_OK;
}

/* ---- the bus ------------------------------------------------------------------------- */

static void bus_free(struct heap_bus *bus)
{
    for (size_t slot = 0; slot < SMEW__DIRECTORY_NODES; slot++) {
        struct heap_announcement *names =
            atomic_load_explicit(&bus->names[slot], memory_order_relaxed);

        for (size_t i = 0; names != NULL && i < SMEW__BLOCKS; i++)
            smew__free((void *)atomic_load_explicit(&names->blocks[i], memory_order_relaxed));
        smew__free(names);
    }
    smew__free(bus->memory);
    smew__free(bus->scheme);
    smew__free(bus->name);
    smew__free(bus);
}

static struct heap_bus *bus_create(const struct smew__directory_options *options, uint64_t token)
{
    const size_t alignment = alignof(struct smew__board);
    struct heap_bus *bus = smew__calloc(1, sizeof *bus);

    if (bus == NULL)
        return NULL;
    bus->token = token;
    bus->scheme = smew__strdup(options->scheme);
    bus->name = smew__strdup(options->bus);
    bus->memory = smew__calloc(1, sizeof *bus->board + alignment);
    if (bus->scheme == NULL || bus->name == NULL || bus->memory == NULL) {
        bus_free(bus);
        return NULL;
    }
    bus->board = (void *)((char *)bus->memory + (alignment - (uintptr_t)bus->memory % alignment));
    (void)smew__board_repair(bus->board);
    return bus;
}

/* Under the lock. */
static struct heap_bus *bus_find(const struct smew__directory_options *options, uint64_t token)
{
    SMEW_LIST_EACH (link, &buses) {
        struct heap_bus *bus = SMEW_CONTAINER(link, struct heap_bus, link);

        if (bus->token == token && strcmp(bus->scheme, options->scheme) == 0 &&
            strcmp(bus->name, options->bus) == 0)
            return bus;
    }
    return NULL;
}

static void heap_leave(struct smew__storage *storage)
{
    struct heap_storage *heap = self_of(storage);
    struct heap_bus *bus = heap->bus;
    bool last;

    smew__mutex_lock(&buses_lock);
    last = --bus->nodes == 0;
    if (last)
        smew__list_remove(&bus->link);
    smew__mutex_unlock(&buses_lock);
    if (last)
        bus_free(bus);
    smew__free(heap);
}

static const struct smew__storage_ops heap_ops = {
    .slot_lock = heap_slot_lock,
    .slot_unlock = heap_slot_unlock,
    .slot_held = heap_slot_held,
    .slot_reap = heap_slot_reap,
    .names_begin = heap_names_begin,
    .names_end = heap_names_end,
    .names_grow = heap_names_grow,
    .names_block = heap_names_block,
    .leave = heap_leave,
};

enum smew_status smew__storage_open_heap(const struct smew__directory_options *options,
                                         struct smew__storage **storage, struct smew_error *error)
{
    uint64_t token = smew__process_token();
    struct heap_storage *heap = smew__calloc(1, sizeof *heap);
    struct heap_bus *bus;

    if (heap == NULL || token == 0) {
        smew__free(heap);
        return smew__fail(error, SMEW_NO_MEMORY, "no memory for a bus of one process");
    }
    smew__mutex_lock(&buses_lock);
    bus = bus_find(options, token);
    if (bus == NULL) {
        bus = bus_create(options, token);
        if (bus != NULL)
            smew__list_append(&buses, &bus->link);
    }
    if (bus != NULL)
        bus->nodes++;
    smew__mutex_unlock(&buses_lock);
    if (bus == NULL) {
        smew__free(heap);
        return smew__fail(error, SMEW_NO_MEMORY, "no memory for the directory of a bus: %zu bytes",
                          sizeof *bus->board);
    }
    heap->bus = bus;
    heap->base = (struct smew__storage){.ops = &heap_ops, .board = bus->board};
    *storage = &heap->base;
    return SMEW_OK;
}
