/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_SHM_SIDES_H
#define SMEW_TESTS_SHM_SIDES_H

/* A payload pool with both its sides in one process, each with a mapping of its own. */

#include "bus/shm/pool.h"
#include "tests/support/support.h"

enum { SIDES_LANE = 7, SIDES_POOL = 3, SIDES_UNITS = 64 };
enum { SIDES_BLOCK = sizeof(struct smew__pool_block) };

#define SIDES_SALT UINT64_C(0x1122334455667788)

struct sides {
    struct smew__pool_memory consumer;
    struct smew__pool_memory producer;
    struct smew__pool pool;
};

uint64_t sides_page(void);
/* The consumer's, with so many units. */
struct smew__pool_memory sides_create(uint64_t units);
/* Its fd, as if it had come over a socket. */
int sides_passed(const struct smew__pool_memory *memory);
void sides_open(struct sides *sides, uint64_t units);
void sides_close(struct sides *sides);

/* Bytes that follow from the record's number; the second gives them in memory of their own. */
void sides_fill(uint8_t *data, uint64_t size, uint64_t number);
uint8_t *sides_make(uint64_t size, uint64_t number);

/* Claims, copies, seals: what these two say. */
enum smew_status sides_send(struct smew__pool *pool, const void *data, uint64_t size,
                            uint64_t number, struct smew__pool_handle *handle);
/* Such bytes for the record with this number. */
enum smew_status sides_put(struct sides *sides, uint64_t size, uint64_t number,
                           struct smew__pool_handle *handle);
/* What a consumer does with a handle: resolve, check in place, check a copy, compare. */
void sides_check(const struct smew__pool_memory *memory, const struct smew__pool_handle *handle,
                 uint64_t number);
/* Only the first of it. */
enum smew_status sides_resolve(const struct sides *sides, const struct smew__pool_handle *handle,
                               uint64_t number);

#endif
