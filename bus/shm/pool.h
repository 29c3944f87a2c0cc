/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SHM_POOL_H
#define SMEW_BUS_SHM_POOL_H

/*
 * A pool of payloads: memory for what is too large for a lane.  The payload is written once, into a
 * block of the pool; the record in the lane carries a handle instead of it.
 *
 * A pool is made by a consumer (and counts against its quota) and belongs to a lane: it is written
 * by that lane's producer, given with it and gone with it:
 *
 *     producer                          shared                         consumer
 *     claim ----------------------> [ block | payload          ]
 *     write in place                       ^
 *     seal: CRC, header, handle            | offset, generation ...
 *     commit the record --------> lane: [header|handle] ---------> next: it is a handle
 *                                                                  resolve, check, read
 *     collect: it is complete <-- cursors: completed <------------ complete
 *     reclaim: the block is free
 *
 *   +--------------+----------------------+-----------+-----------------+--
 *   | prefix page  | block | payload ...  |   free    | block | payload | free ..
 *   +--------------+----------------------+-----------+-----------------+--
 *                  ^ blocks begin at units (pages), in any order; nothing lies between units
 *
 *     offset  size  pool segment: the prefix of segment.h, kind SMEW__SEGMENT_POOL, where
 *         24     8  lane: the pool's number, which is its lane's
 *         32     8  salt: generations count from it on
 *         40    16  first number, first position: 0
 *         56     4  data: offset of the first unit, a page
 *         60     4  window: bytes of a unit, a page
 *       page     .  units
 *
 *     offset  size  block, in front of its payload; written by the producer
 *          0     8  generation; 0: there is no payload
 *          8     8  size of the payload in bytes, from 1 on
 *         16     8  lane       \  of the record that
 *         24     8  number     /  carries the handle
 *         32     4  CRC-32C of the payload
 *         36    28  zeros
 *
 *     offset  size  handle: the payload of a record whose kind has the bit SMEW__RECORD_POOLED
 *          0     8  offset of the block in the segment
 *          8     8  size of the payload in bytes
 *         16     8  generation of the block
 *         24     4  CRC-32C of the payload
 *         28     4  pool: the lower half of its number
 *
 * Such a record is in every other way what the rest of its kind says: names, values and user
 * headers are in the lane; the handle stands for the payload alone.
 *
 * Valid is a handle that came in a valid record of the lane and with the number that the block
 * names; whose pool is this one; whose offset is that of a unit; whose payload ends within the
 * segment; whose size, generation and CRC are those of the block; and whose payload has that CRC.
 * The block's header is loaded once.  The consumer checks the payload on a private copy, or in
 * place where it trusts the producer.  What is not valid costs that record and nothing else: it is
 * answered CORRUPT, and so its block becomes free.
 * Writer: makes the generation 0 before it writes the payload, sets it when all is written, makes
 * it 0 again when the block is free.  It is never used twice in a pool, so a handle that is older
 * than what is in its place is found out.
 * Versions: as in segment.h.  The fingerprint is one of the tables above.
 *
 * Everything in here is one thread's at a time; but resolving and checking change nothing, and may
 * be done by several.
 */

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smew/message.h>
#include <smew/status.h>

#include "base/os/memory.h"
#include "bus/shm/segment.h"

enum {
    SMEW__RECORD_POOLED = 0x80, /* a bit of a record's kind: its payload is a handle */
    SMEW__POOL_BYTES_MIN = 64 * 1024,
    SMEW__POOL_BYTES_MAX = 256 * 1024 * 1024,
    SMEW__POOL_BLOCKS_MAX = 4096,
};

struct smew__pool_block {
    _Atomic uint64_t generation;
    _Atomic uint64_t size;
    _Atomic uint64_t lane;
    _Atomic uint64_t number;
    _Atomic uint32_t crc;
    uint32_t zero[7];
};

struct smew__pool_handle {
    uint64_t offset;
    uint64_t size;
    uint64_t generation;
    uint32_t crc;
    uint32_t pool;
};

static_assert((SMEW_KIND_CONTROL & SMEW__RECORD_POOLED) == 0, "the bit is no kind's");
static_assert(sizeof(struct smew__pool_block) == 64, "a payload begins at a cache line");
static_assert(offsetof(struct smew__pool_block, generation) == 0, "generation");
static_assert(offsetof(struct smew__pool_block, size) == 8, "size");
static_assert(offsetof(struct smew__pool_block, lane) == 16, "lane");
static_assert(offsetof(struct smew__pool_block, number) == 24, "number");
static_assert(offsetof(struct smew__pool_block, crc) == 32, "crc");
static_assert(offsetof(struct smew__pool_block, zero) == 36, "zero");
static_assert(sizeof(struct smew__pool_handle) == 32, "one line of a lane");
static_assert(offsetof(struct smew__pool_handle, offset) == 0, "offset");
static_assert(offsetof(struct smew__pool_handle, size) == 8, "size");
static_assert(offsetof(struct smew__pool_handle, generation) == 16, "generation");
static_assert(offsetof(struct smew__pool_handle, crc) == 24, "crc");
static_assert(offsetof(struct smew__pool_handle, pool) == 28, "pool");

/* ---- the segment, as one side has it mapped ---- */

struct smew__pool_memory {
    struct smew__memory memory;
    uint64_t pool; /* its number */
    uint64_t salt;
    uint64_t data;  /* offset of the first unit */
    uint64_t unit;  /* bytes */
    uint64_t units; /* how many */
    bool settled;   /* what is in it can be touched: smew__pool_memory_settle */
};

struct smew__pool_spec {
    uint64_t pool;  /* its lane's number */
    uint64_t bytes; /* of blocks, rounded up to a page; within MIN and MAX, else INVALID, TOO_BIG */
    uint64_t salt;  /* anything */
};

/* How many bytes of memory a pool takes, before it is made: for quotas. */
uint64_t smew__pool_memory_bytes(const struct smew__pool_spec *spec);
/* The consumer.  NO_MEMORY, NO_FDS, NO_SPACE, INVALID, TOO_BIG, IO; nothing is left then. */
enum smew_status smew__pool_memory_create(const struct smew__pool_spec *spec,
                                          struct smew__pool_memory *memory);
/*
 * The producer: checks and maps what a consumer passed.  Takes the fd over whatever the result, and
 * closes it.  VERSION, CORRUPT, PERMISSION (base/os/memory.h), NO_MEMORY.
 */
enum smew_status smew__pool_memory_attach(int fd, struct smew__pool_memory *memory);
/*
 * The consumer, before it resolves the first handle: nobody can take memory away any more.  Closes
 * the fd.  AGAIN: the producer has not attached it yet (so a handle is a lie); CORRUPT: it made
 * holes before.
 */
enum smew_status smew__pool_memory_settle(struct smew__pool_memory *memory);
void smew__pool_memory_fini(struct smew__pool_memory *memory); /* a zeroed one is fine */

/* ---- the producer's side ---- */

/* What the producer knows of a block in use: private memory, never shared. */
struct smew__pool_used {
    uint64_t first; /* unit */
    uint64_t units;
    uint64_t generation;
    uint64_t lane;
    uint64_t number;
    uint64_t size; /* of the payload; as claimed, until it is sealed */
    uint32_t crc;
    bool sealed;
};

struct smew__pool {
    struct smew__pool_memory *memory;
    struct smew__pool_used *used; /* by first unit */
    size_t count;
    size_t limit;
    uint64_t generation; /* of the latest block */
};

/* A block that is being written. */
struct smew__pool_claim {
    uint64_t offset;
    uint64_t generation;
    uint8_t *payload; /* 64-byte aligned; its bytes are whatever they were */
    uint64_t size;
};

/* The memory stays the caller's.  NO_MEMORY. */
enum smew_status smew__pool_init(struct smew__pool *pool, struct smew__pool_memory *memory);
void smew__pool_fini(struct smew__pool *pool); /* a zeroed one is fine */

/* The largest payload of an empty pool. */
uint64_t smew__pool_payload_max(const struct smew__pool *pool);

/* INVALID (no bytes), TOO_BIG (for an empty pool), FULL (try again when something was reclaimed).
 */
enum smew_status smew__pool_claim(struct smew__pool *pool, uint64_t size,
                                  struct smew__pool_claim *claim);
/*
 * The payload is `size` bytes long (not more than was claimed; the rest is given back), and either
 * copied from `data` or, with that NULL or the claim's own payload, written already.  *handle is
 * for the record with this number of this lane, which the caller commits next, or releases the
 * block.  INVALID: no such claim, or more than it.
 */
enum smew_status smew__pool_seal(struct smew__pool *pool, const struct smew__pool_claim *claim,
                                 const void *data, uint64_t size, uint64_t lane, uint64_t number,
                                 struct smew__pool_handle *handle);
/* A block whose record was never committed.  INVALID: there is none, or none any more. */
enum smew_status smew__pool_release(struct smew__pool *pool, uint64_t offset, uint64_t generation);

/* Is the record with this number complete, and its answer collected?  Not, when not committed. */
typedef bool (*smew__pool_settled_fn)(void *owner, uint64_t number);
/*
 * After a collect: frees the blocks of this lane's settled records, and says how many.  With
 * `settled` NULL all of the lane's, which is gone: its consumer is dead or has closed it, and its
 * records were sent again elsewhere.
 */
size_t smew__pool_reclaim(struct smew__pool *pool, uint64_t lane, smew__pool_settled_fn settled,
                          void *owner);

/*
 * For sending again: the handle that this record carries, from what this side knows, since what
 * lies in the consumer's memory may have been changed.  NOT_FOUND.
 */
enum smew_status smew__pool_find(const struct smew__pool *pool, uint64_t lane, uint64_t number,
                                 struct smew__pool_handle *handle);
/* Its payload, `handle->size` bytes, into a private copy.  CORRUPT: somebody changed it. */
enum smew_status smew__pool_read(const struct smew__pool *pool,
                                 const struct smew__pool_handle *handle, uint8_t *copy);

/* ---- the consumer's side ---- */

/* The handle that is a record's payload.  CORRUPT: it has another size. */
enum smew_status smew__pool_handle_take(const uint8_t *payload, uint64_t size,
                                        struct smew__pool_handle *handle);
/*
 * Where the payload is, by a handle that came in this record.  CORRUPT: it is not valid.  The
 * payload's CRC is not looked at yet.
 */
enum smew_status smew__pool_resolve(const struct smew__pool_memory *memory,
                                    const struct smew__pool_handle *handle, uint64_t lane,
                                    uint64_t number, const uint8_t **payload);
/*
 * Copies the payload to `copy` (handle->size bytes) and checks it there; or, with `copy` NULL,
 * checks it in place.  OK or CORRUPT.
 */
enum smew_status smew__pool_check(const struct smew__pool_handle *handle, const uint8_t *payload,
                                  uint8_t *copy);

#endif
