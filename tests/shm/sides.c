/* SPDX-License-Identifier: MIT */
/* A pool with both its sides in one process. */
#include "tests/shm/sides.h"

#include <fcntl.h>

#include "base/alloc.h"

uint64_t sides_page(void)
{
    return smew__memory_page();
}

int sides_passed(const struct smew__pool_memory *memory)
{
    int fd = fcntl(memory->memory.fd, F_DUPFD_CLOEXEC, 0);

    assert_true(fd >= 0);
    return fd;
}

struct smew__pool_memory sides_create(uint64_t units)
{
    const struct smew__pool_spec spec = {
        .pool = SIDES_POOL, .bytes = units * sides_page(), .salt = SIDES_SALT};
    struct smew__pool_memory memory;

    assert_int_equal(smew__pool_memory_create(&spec, &memory), SMEW_OK);
    return memory;
}

void sides_open(struct sides *sides, uint64_t units)
{
    sides->consumer = sides_create(units);
    assert_int_equal(smew__pool_memory_settle(&sides->consumer), SMEW_AGAIN);
    assert_int_equal(smew__pool_memory_attach(sides_passed(&sides->consumer), &sides->producer),
                     SMEW_OK);
    assert_int_equal(smew__pool_memory_settle(&sides->consumer), SMEW_OK);
    assert_int_equal(sides->consumer.memory.fd, -1); /* neither costs an fd any more */
    assert_int_equal(sides->producer.memory.fd, -1);
    assert_int_equal(smew__pool_init(&sides->pool, &sides->producer), SMEW_OK);
}

void sides_close(struct sides *sides)
{
    smew__pool_fini(&sides->pool);
    smew__pool_memory_fini(&sides->producer);
    smew__pool_memory_fini(&sides->consumer);
}

void sides_fill(uint8_t *data, uint64_t size, uint64_t number)
{
    struct support_random random = {.state = number};

    support_random_fill(&random, data, (size_t)size);
}

uint8_t *sides_make(uint64_t size, uint64_t number)
{
    uint8_t *data = smew__alloc((size_t)size);

    assert_non_null(data);
    sides_fill(data, size, number);
    return data;
}

enum smew_status sides_send(struct smew__pool *pool, const void *data, uint64_t size,
                            uint64_t number, struct smew__pool_handle *handle)
{
    struct smew__pool_claim claim;
    enum smew_status status = smew__pool_claim(pool, size, &claim);

    if (status == SMEW_OK)
        status = smew__pool_seal(pool, &claim, data, size, SIDES_LANE, number, handle);
    return status;
}

enum smew_status sides_put(struct sides *sides, uint64_t size, uint64_t number,
                           struct smew__pool_handle *handle)
{
    uint8_t *data = sides_make(size, number);
    enum smew_status status = sides_send(&sides->pool, data, size, number, handle);

    smew__free(data);
    return status;
}

void sides_check(const struct smew__pool_memory *memory, const struct smew__pool_handle *handle,
                 uint64_t number)
{
    uint8_t *expected = sides_make(handle->size, number);
    uint8_t *copy = smew__alloc((size_t)handle->size);
    const uint8_t *payload = NULL;

    assert_non_null(copy);
    assert_int_equal(smew__pool_resolve(memory, handle, SIDES_LANE, number, &payload), SMEW_OK);
    assert_int_equal((uintptr_t)payload % 64, 0);
    assert_int_equal(smew__pool_check(handle, payload, NULL), SMEW_OK);
    assert_memory_equal(payload, expected, (size_t)handle->size);
    assert_int_equal(smew__pool_check(handle, payload, copy), SMEW_OK);
    assert_memory_equal(copy, expected, (size_t)handle->size);
    smew__free(copy);
    smew__free(expected);
}

enum smew_status sides_resolve(const struct sides *sides, const struct smew__pool_handle *handle,
                               uint64_t number)
{
    const uint8_t *payload;

    return smew__pool_resolve(&sides->consumer, handle, SIDES_LANE, number, &payload);
}
