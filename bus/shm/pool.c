/* SPDX-License-Identifier: MIT */
/*
 * The payload pool.
 *
 * A block, as the producer sees it; the consumer sees those that a committed record names.
 *
 *            claim              seal              (the lane's commit)
 *     FREE ---------> WRITING --------> SEALED - - - - - - - - - - - -> IN FLIGHT
 *      ^                 |  release        |  release                      |
 *      +-----------------+-----------------+-------------------------------+
 *                                                    reclaim: it is complete and collected
 *
 * That a sealed block is in flight is the lane's knowledge: its tail is where collect has come to.
 * So the pool keeps no state of its own about it, and cannot disagree.
 *
 * Invariants:
 *   P1  Blocks in use do not overlap, lie within the segment, and are in `used` in the order of
 *       their place.  What is in shared memory is never asked: the allocator is private, and a
 *       consumer that scribbles changes at most what it reads itself.
 *   P2  A generation is used once.  A block's header has generation 0 from the claim until all of
 *       the rest, payload included, is written.
 *   P3  A block is freed by its record's completion, by the end of its lane, or because its record
 *       was never committed; never while a reader may hold it.  So what a reader resolved stays as
 *       it is until that reader completes the record.
 *
 * Who dies when:
 *   producer, WRITING or SEALED    No record names the block.  The consumer reads the lane to its
 *                                  end, then unmaps the pool; the kernel takes it.
 *   producer, IN FLIGHT            The segment is the consumer's own memory: it goes on reading,
 *                                  also what it resolved before.  It unmaps when what it holds is
 *                                  complete.
 *   consumer, anything             The producer has the segment mapped, and what is in flight
 *                                  unharmed: it reads it back, sends it again to whoever hosts the
 *                                  target now (or makes it a dead letter), ends the lane, reclaims
 *                                  all, unmaps; then the kernel takes it.
 *   consumer, after completing     The cursors say so: the producer reclaims the block as if the
 *                                  consumer lived.
 *   both                           The kernel takes it.
 *
 * Failure modes: no place (FULL; TOO_BIG when it could never have one), a handle or a payload that
 * is not valid (CORRUPT: that record is lost).
 */
#include "bus/shm/pool.h"

#include <string.h>

#include "base/alloc.h"
#include "base/crc32c/crc32c.h"

enum {
    BLOCK_SIZE = sizeof(struct smew__pool_block),
    STEP = 16 * 1024, /* copied, then summed while it is in the nearest cache */
};

/* The CRC of the payload; with `copy`, of what was copied there. */
static uint32_t copy_and_sum(const uint8_t *payload, uint64_t size, uint8_t *copy)
{
    uint32_t crc = 0;

    if (copy == NULL)
        return smew__crc32c(0, payload, (size_t)size);
    for (uint64_t at = 0; at < size; at += STEP) {
        size_t step = size - at < STEP ? (size_t)(size - at) : STEP;

        memcpy(copy + at, payload + at, step);
        crc = smew__crc32c(crc, copy + at, step);
    }
    return crc;
}

static struct smew__pool_block *block_at(const struct smew__pool_memory *memory, uint64_t offset)
{
    return (struct smew__pool_block *)(void *)(memory->memory.data + offset);
}

/* ---- the producer's side ---- */

static uint64_t offset_of(const struct smew__pool *pool, const struct smew__pool_used *used)
{
    return pool->memory->data + used->first * pool->memory->unit;
}

static uint64_t units_of(const struct smew__pool *pool, uint64_t size)
{
    return (BLOCK_SIZE + size + pool->memory->unit - 1) / pool->memory->unit;
}

/* The block with this place and generation, or NULL. */
static struct smew__pool_used *find_used(const struct smew__pool *pool, uint64_t offset,
                                         uint64_t generation)
{
    for (size_t i = 0; i < pool->count; i++)
        if (pool->used[i].generation == generation && offset_of(pool, &pool->used[i]) == offset)
            return &pool->used[i];
    return NULL;
}

/* The first gap of so many units: where, and in front of which block.  False: there is none. */
static bool find_gap(const struct smew__pool *pool, uint64_t units, uint64_t *first, size_t *before)
{
    uint64_t end = 0; /* of the blocks so far */

    for (size_t i = 0; i < pool->count; i++) {
        if (pool->used[i].first - end >= units) {
            *first = end;
            *before = i;
            return true;
        }
        end = pool->used[i].first + pool->used[i].units;
    }
    *first = end;
    *before = pool->count;
    return pool->memory->units - end >= units;
}

static void set_header(const struct smew__pool *pool, const struct smew__pool_used *used)
{
    struct smew__pool_block *block = block_at(pool->memory, offset_of(pool, used));

    /* Relaxed: the lane's commit publishes all of it (bus/shm/writer.h, publish 3). */
    atomic_store_explicit(&block->size, used->size, memory_order_relaxed);
    atomic_store_explicit(&block->lane, used->lane, memory_order_relaxed);
    atomic_store_explicit(&block->number, used->number, memory_order_relaxed);
    atomic_store_explicit(&block->crc, used->crc, memory_order_relaxed);
    memset(block->zero, 0, sizeof block->zero);
    atomic_store_explicit(&block->generation, used->generation, memory_order_relaxed);
}

static void clear_header(const struct smew__pool *pool, const struct smew__pool_used *used)
{
    atomic_store_explicit(&block_at(pool->memory, offset_of(pool, used))->generation, 0,
                          memory_order_relaxed);
}

static struct smew__pool_handle handle_of(const struct smew__pool *pool,
                                          const struct smew__pool_used *used)
{
    return (struct smew__pool_handle){
        .offset = offset_of(pool, used),
        .size = used->size,
        .generation = used->generation,
        .crc = used->crc,
        .pool = (uint32_t)pool->memory->pool,
    };
}

enum smew_status smew__pool_init(struct smew__pool *pool, struct smew__pool_memory *memory)
{
    size_t limit =
        memory->units < SMEW__POOL_BLOCKS_MAX ? (size_t)memory->units : SMEW__POOL_BLOCKS_MAX;
    struct smew__pool_used *used = smew__calloc(limit, sizeof *used);

    if (used == NULL)
        return SMEW_NO_MEMORY;
    *pool = (struct smew__pool){
        .memory = memory, .used = used, .limit = limit, .generation = memory->salt};
    return SMEW_OK;
}

void smew__pool_fini(struct smew__pool *pool)
{
    smew__free(pool->used);
    *pool = (struct smew__pool){.memory = NULL};
}

uint64_t smew__pool_payload_max(const struct smew__pool *pool)
{
    return pool->memory->units * pool->memory->unit - BLOCK_SIZE;
}

enum smew_status smew__pool_claim(struct smew__pool *pool, uint64_t size,
                                  struct smew__pool_claim *claim)
{
    struct smew__pool_used *used;
    uint64_t first;
    uint64_t units;
    size_t at;

    if (size == 0)
        return SMEW_INVALID;
    if (size > smew__pool_payload_max(pool))
        return SMEW_TOO_BIG;
    units = units_of(pool, size);
    if (pool->count == pool->limit || !find_gap(pool, units, &first, &at))
        return SMEW_FULL;
    used = &pool->used[at];
    memmove(used + 1, used, (pool->count - at) * sizeof *used);
    pool->count++;
    pool->generation += pool->generation == UINT64_MAX ? 2 : 1; /* 0 says that there is none */
    *used = (struct smew__pool_used){
        .first = first, .units = units, .generation = pool->generation, .size = size};
    clear_header(pool, used);
    claim->offset = offset_of(pool, used);
    claim->generation = used->generation;
    claim->payload = pool->memory->memory.data + claim->offset + BLOCK_SIZE;
    claim->size = size;
    return SMEW_OK;
}

enum smew_status smew__pool_seal(struct smew__pool *pool, const struct smew__pool_claim *claim,
                                 const void *data, uint64_t size, uint64_t lane, uint64_t number,
                                 struct smew__pool_handle *handle)
{
    struct smew__pool_used *used = find_used(pool, claim->offset, claim->generation);
    const uint8_t *from = data != NULL ? data : claim->payload;

    if (used == NULL || used->sealed || size == 0 || size > used->size)
        return SMEW_INVALID;
    used->size = size;
    used->units = units_of(pool, size);
    used->crc = copy_and_sum(from, size, from != claim->payload ? claim->payload : NULL);
    used->lane = lane;
    used->number = number;
    used->sealed = true;
    set_header(pool, used);
    *handle = handle_of(pool, used);
    return SMEW_OK;
}

enum smew_status smew__pool_release(struct smew__pool *pool, uint64_t offset, uint64_t generation)
{
    struct smew__pool_used *used = find_used(pool, offset, generation);

    if (used == NULL)
        return SMEW_INVALID;
    clear_header(pool, used);
    pool->count--;
    memmove(used, used + 1, (size_t)(pool->used + pool->count - used) * sizeof *used);
    return SMEW_OK;
}

size_t smew__pool_reclaim(struct smew__pool *pool, uint64_t lane, smew__pool_settled_fn settled,
                          void *owner)
{
    size_t kept = 0;
    size_t freed;

    for (size_t i = 0; i < pool->count; i++) {
        const struct smew__pool_used *used = &pool->used[i];

        if (used->sealed && used->lane == lane && (settled == NULL || settled(owner, used->number)))
            clear_header(pool, used);
        else
            pool->used[kept++] = *used;
    }
    freed = pool->count - kept;
    pool->count = kept;
    return freed;
}

enum smew_status smew__pool_find(const struct smew__pool *pool, uint64_t lane, uint64_t number,
                                 struct smew__pool_handle *handle)
{
    for (size_t i = 0; i < pool->count; i++) {
        const struct smew__pool_used *used = &pool->used[i];

        if (used->sealed && used->lane == lane && used->number == number) {
            *handle = handle_of(pool, used);
            return SMEW_OK;
        }
    }
    return SMEW_NOT_FOUND;
}

enum smew_status smew__pool_read(const struct smew__pool *pool,
                                 const struct smew__pool_handle *handle, uint8_t *copy)
{
    const struct smew__pool_used *used = find_used(pool, handle->offset, handle->generation);

    if (used == NULL || !used->sealed || used->size != handle->size)
        return SMEW_CORRUPT;
    if (copy_and_sum(pool->memory->memory.data + handle->offset + BLOCK_SIZE, used->size, copy) !=
        used->crc)
        return SMEW_CORRUPT;
    return SMEW_OK;
}

/* ---- the consumer's side ---- */

enum smew_status smew__pool_handle_take(const uint8_t *payload, uint64_t size,
                                        struct smew__pool_handle *handle)
{
    if (size != sizeof *handle)
        return SMEW_CORRUPT;
    memcpy(handle, payload, sizeof *handle);
    return SMEW_OK;
}

/* Is there a block's place, with so much payload behind it? */
static bool is_within(const struct smew__pool_memory *memory,
                      const struct smew__pool_handle *handle)
{
    const uint64_t end = memory->data + memory->units * memory->unit;

    if (handle->offset < memory->data || handle->offset >= end ||
        (handle->offset - memory->data) % memory->unit != 0)
        return false;
    return handle->size >= 1 && handle->size <= end - handle->offset - BLOCK_SIZE;
}

enum smew_status smew__pool_resolve(const struct smew__pool_memory *memory,
                                    const struct smew__pool_handle *handle, uint64_t lane,
                                    uint64_t number, const uint8_t **payload)
{
    struct smew__pool_block *block;

    if (!memory->settled || handle->pool != (uint32_t)memory->pool || handle->generation == 0 ||
        !is_within(memory, handle))
        return SMEW_CORRUPT;
    block = block_at(memory, handle->offset);
    /* Each loaded once; relaxed, since the lane's commit word was acquired. */
    if (atomic_load_explicit(&block->generation, memory_order_relaxed) != handle->generation ||
        atomic_load_explicit(&block->size, memory_order_relaxed) != handle->size ||
        atomic_load_explicit(&block->lane, memory_order_relaxed) != lane ||
        atomic_load_explicit(&block->number, memory_order_relaxed) != number ||
        atomic_load_explicit(&block->crc, memory_order_relaxed) != handle->crc)
        return SMEW_CORRUPT;
    *payload = memory->memory.data + handle->offset + BLOCK_SIZE;
    return SMEW_OK;
}

enum smew_status smew__pool_check(const struct smew__pool_handle *handle, const uint8_t *payload,
                                  uint8_t *copy)
{
    return copy_and_sum(payload, handle->size, copy) == handle->crc ? SMEW_OK : SMEW_CORRUPT;
}
