/* SPDX-License-Identifier: MIT */
/*
 * The segment of a pool: made by its consumer, attached by its producer, settled.
 *
 * Happy path: the consumer allocates it and writes the prefix; the producer looks at a private copy
 * of that prefix, and by attaching seals the memory against further writers; the consumer sees the
 * seal before it resolves the first handle.
 *
 * Failure modes: no memory, no fds (nothing is left); a segment that is none, or of another version
 * (refused before anything but the prefix is read); a producer that made holes before it sealed.
 */
#include "bus/shm/pool.h"

#include <string.h>

#include "base/hash.h"

static uint64_t round_up(uint64_t size, uint64_t unit)
{
    return (size + unit - 1) / unit * unit;
}

/* What the tables of pool.h and this machine are like: other ones give another number. */
static uint64_t fingerprint(void)
{
    const uint32_t layout[] = {
        0x01020304, /* hashed as it lies in memory: the byte order */
        (uint32_t)smew__memory_page(),
        sizeof(struct smew__pool_block),
        offsetof(struct smew__pool_block, generation),
        offsetof(struct smew__pool_block, size),
        offsetof(struct smew__pool_block, lane),
        offsetof(struct smew__pool_block, number),
        offsetof(struct smew__pool_block, crc),
        sizeof(struct smew__pool_handle),
        offsetof(struct smew__pool_handle, offset),
        offsetof(struct smew__pool_handle, size),
        offsetof(struct smew__pool_handle, generation),
        offsetof(struct smew__pool_handle, crc),
        offsetof(struct smew__pool_handle, pool),
    };

    return smew__hash(layout, sizeof layout);
}

/* Takes over the mapping, whose prefix was written or checked. */
static struct smew__pool_memory describe(const struct smew__memory *memory,
                                         const struct smew__segment_prefix *prefix)
{
    return (struct smew__pool_memory){
        .memory = *memory,
        .pool = prefix->lane,
        .salt = prefix->salt,
        .data = prefix->data,
        .unit = prefix->window,
        .units = (memory->size - prefix->data) / prefix->window,
    };
}

uint64_t smew__pool_memory_bytes(const struct smew__pool_spec *spec)
{
    return smew__memory_page() + round_up(spec->bytes, smew__memory_page());
}

enum smew_status smew__pool_memory_create(const struct smew__pool_spec *spec,
                                          struct smew__pool_memory *memory)
{
    const uint32_t page = (uint32_t)smew__memory_page();
    struct smew__segment_prefix prefix = {
        .magic = SMEW__SEGMENT_MAGIC,
        .version = SMEW__SEGMENT_VERSION,
        .kind = SMEW__SEGMENT_POOL,
        .fingerprint = fingerprint(),
        .lane = spec->pool,
        .salt = spec->salt,
        .data = page,
        .window = page,
    };
    struct smew__memory made;
    enum smew_status status;

    if (spec->bytes < SMEW__POOL_BYTES_MIN)
        return SMEW_INVALID;
    if (spec->bytes > SMEW__POOL_BYTES_MAX)
        return SMEW_TOO_BIG;
    prefix.size = smew__pool_memory_bytes(spec);
    status = smew__memory_create("smew-pool", (size_t)prefix.size, 0, &made);
    if (status != SMEW_OK)
        return status;
    memcpy(made.data, &prefix, sizeof prefix);
    *memory = describe(&made, &prefix);
    return SMEW_OK;
}

/* `prefix` is a private copy of what a consumer wrote. */
static enum smew_status check_prefix(const struct smew__segment_prefix *prefix, uint64_t size)
{
    const uint32_t page = (uint32_t)smew__memory_page();

    if (prefix->magic != SMEW__SEGMENT_MAGIC)
        return SMEW_CORRUPT;
    if (prefix->version != SMEW__SEGMENT_VERSION)
        return SMEW_VERSION;
    if (prefix->kind != SMEW__SEGMENT_POOL || prefix->size != size)
        return SMEW_CORRUPT;
    if (prefix->fingerprint != fingerprint())
        return SMEW_VERSION;
    if (prefix->data != page || prefix->window != page || prefix->first_number != 0 ||
        prefix->first_position != 0)
        return SMEW_CORRUPT;
    return SMEW_OK;
}

enum smew_status smew__pool_memory_attach(int fd, struct smew__pool_memory *memory)
{
    const size_t page = smew__memory_page();
    struct smew__segment_prefix prefix;
    struct smew__memory made;
    enum smew_status status =
        smew__memory_attach(fd, true, page + SMEW__POOL_BYTES_MIN,
                            page + round_up(SMEW__POOL_BYTES_MAX, page), 0, &made);

    if (status != SMEW_OK)
        return status;
    memcpy(&prefix, made.data, sizeof prefix);
    status = check_prefix(&prefix, made.size);
    if (status != SMEW_OK) {
        smew__memory_fini(&made);
        return status;
    }
    smew__memory_close_fd(&made);
    *memory = describe(&made, &prefix);
    memory->settled = true; /* attaching is what settles it */
    return SMEW_OK;
}

enum smew_status smew__pool_memory_settle(struct smew__pool_memory *memory)
{
    enum smew_status status;

    if (memory->settled)
        return SMEW_OK;
    status = smew__memory_settled(&memory->memory);
    if (status != SMEW_OK)
        return status;
    smew__memory_close_fd(&memory->memory);
    memory->settled = true;
    return SMEW_OK;
}

void smew__pool_memory_fini(struct smew__pool_memory *memory)
{
    smew__memory_fini(&memory->memory);
    memory->settled = false;
}
