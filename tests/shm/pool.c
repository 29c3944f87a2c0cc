/* SPDX-License-Identifier: MIT */
/* The payload pool: the way of a payload there and back, and every lie that a handle can tell. */
#include "tests/shm/sides.h"

#include <string.h>

#include "base/alloc.h"

static bool always(void *owner, uint64_t number)
{
    (void)owner;
    (void)number;
    return true;
}

static bool is_below(void *owner, uint64_t number)
{
    return number < *(uint64_t *)owner;
}

static void test_put_resolve_reclaim(void **state)
{
    struct smew__pool_handle handle;
    struct smew__pool_handle taken;
    struct sides sides;
    uint64_t below = 5;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    assert_int_equal(sides_put(&sides, 100000, 5, &handle), SMEW_OK);
    assert_int_equal(smew__pool_handle_take((const uint8_t *)&handle, sizeof handle, &taken),
                     SMEW_OK);
    assert_memory_equal(&taken, &handle, sizeof handle);
    assert_int_equal(smew__pool_handle_take((const uint8_t *)&handle, sizeof handle - 1, &taken),
                     SMEW_CORRUPT);
    assert_int_equal(smew__pool_handle_take((const uint8_t *)&handle, sizeof handle + 1, &taken),
                     SMEW_CORRUPT);
    sides_check(&sides.consumer, &handle, 5);
    /* Another lane's, and not complete yet: it stays. */
    assert_int_equal(smew__pool_reclaim(&sides.pool, SIDES_LANE + 1, always, NULL), 0);
    assert_int_equal(smew__pool_reclaim(&sides.pool, SIDES_LANE, is_below, &below), 0);
    sides_check(&sides.consumer, &handle, 5);
    below = 6;
    assert_int_equal(smew__pool_reclaim(&sides.pool, SIDES_LANE, is_below, &below), 1);
    assert_int_equal(smew__pool_reclaim(&sides.pool, SIDES_LANE, is_below, &below), 0);
    assert_int_equal(sides_resolve(&sides, &handle, 5), SMEW_CORRUPT);
    sides_close(&sides);
    sides_close(&sides); /* twice is fine */
}

static void test_claim_and_seal(void **state)
{
    struct smew__pool_handle handle;
    struct smew__pool_claim claim;
    struct smew__pool_claim other;
    struct sides sides;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    assert_int_equal(smew__pool_claim(&sides.pool, 10 * sides_page(), &claim), SMEW_OK);
    assert_int_equal(claim.size, 10 * sides_page());
    assert_int_equal((uintptr_t)claim.payload % 64, 0);
    sides_fill(claim.payload, 1000, 9);
    /* Nothing is said of it before it is sealed. */
    assert_int_equal(smew__pool_reclaim(&sides.pool, SIDES_LANE, NULL, NULL), 0);
    assert_int_equal(smew__pool_find(&sides.pool, SIDES_LANE, 9, &handle), SMEW_NOT_FOUND);
    assert_int_equal(smew__pool_reclaim(&sides.pool, 0, NULL, NULL), 0);
    assert_int_equal(smew__pool_find(&sides.pool, 0, 0, &handle), SMEW_NOT_FOUND);
    assert_int_equal(smew__pool_seal(&sides.pool, &claim, NULL, 0, SIDES_LANE, 9, &handle),
                     SMEW_INVALID);
    assert_int_equal(
        smew__pool_seal(&sides.pool, &claim, NULL, claim.size + 1, SIDES_LANE, 9, &handle),
        SMEW_INVALID);
    /* Shorter than claimed: the rest is free again. */
    assert_int_equal(smew__pool_seal(&sides.pool, &claim, NULL, 1000, SIDES_LANE, 9, &handle),
                     SMEW_OK);
    assert_int_equal(handle.size, 1000);
    sides_check(&sides.consumer, &handle, 9);
    assert_int_equal(smew__pool_seal(&sides.pool, &claim, NULL, 1000, SIDES_LANE, 9, &handle),
                     SMEW_INVALID);
    assert_int_equal(smew__pool_claim(&sides.pool, 1, &other), SMEW_OK);
    assert_int_equal(other.offset, claim.offset + sides_page());
    sides_close(&sides);
}

static void test_release_once(void **state)
{
    struct smew__pool_handle handle;
    struct smew__pool_claim claim;
    struct sides sides;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    assert_int_equal(smew__pool_claim(&sides.pool, 100, &claim), SMEW_OK);
    assert_int_equal(smew__pool_release(&sides.pool, claim.offset, claim.generation + 1),
                     SMEW_INVALID);
    assert_int_equal(smew__pool_release(&sides.pool, claim.offset + sides_page(), claim.generation),
                     SMEW_INVALID);
    assert_int_equal(smew__pool_release(&sides.pool, claim.offset, claim.generation), SMEW_OK);
    assert_int_equal(smew__pool_release(&sides.pool, claim.offset, claim.generation), SMEW_INVALID);
    assert_int_equal(smew__pool_seal(&sides.pool, &claim, NULL, 100, SIDES_LANE, 1, &handle),
                     SMEW_INVALID);
    /* Sealed, and its record never committed. */
    assert_int_equal(sides_put(&sides, 100, 1, &handle), SMEW_OK);
    assert_int_equal(smew__pool_release(&sides.pool, handle.offset, handle.generation), SMEW_OK);
    assert_int_equal(sides_resolve(&sides, &handle, 1), SMEW_CORRUPT);
    assert_int_equal(smew__pool_reclaim(&sides.pool, SIDES_LANE, always, NULL), 0);
    /* The next one in the same place is not released by the old one's name. */
    assert_int_equal(smew__pool_claim(&sides.pool, 100, &claim), SMEW_OK);
    assert_int_equal(claim.offset, handle.offset);
    assert_int_equal(smew__pool_release(&sides.pool, handle.offset, handle.generation),
                     SMEW_INVALID);
    sides_close(&sides);
}

/* A block's header lies where another one's payload was, and nothing of that shines through. */
static void test_headers_are_written_whole(void **state)
{
    const uint8_t zeros[sizeof((struct smew__pool_block *)NULL)->zero] = {0};
    struct smew__pool_handle handle;
    struct smew__pool_claim claim;
    struct sides sides;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    assert_int_equal(smew__pool_claim(&sides.pool, 2 * sides_page(), &claim), SMEW_OK);
    memset(claim.payload, 0xff, (size_t)claim.size);
    assert_int_equal(smew__pool_release(&sides.pool, claim.offset, claim.generation), SMEW_OK);
    assert_int_equal(sides_put(&sides, 1, 1, &handle), SMEW_OK);
    assert_int_equal(sides_put(&sides, 1, 2, &handle), SMEW_OK);
    assert_int_equal(handle.offset, claim.offset + sides_page());
    assert_memory_equal(sides.consumer.memory.data + handle.offset +
                            offsetof(struct smew__pool_block, zero),
                        zeros, sizeof zeros);
    sides_check(&sides.consumer, &handle, 2);
    sides_close(&sides);
}

static void test_sizes_at_the_edges(void **state)
{
    struct smew__pool_handle handle;
    struct smew__pool_claim claim;
    struct sides sides;
    uint64_t most;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    most = smew__pool_payload_max(&sides.pool);
    assert_int_equal(most, SIDES_UNITS * sides_page() - SIDES_BLOCK);
    assert_int_equal(smew__pool_claim(&sides.pool, 0, &claim), SMEW_INVALID);
    assert_int_equal(smew__pool_claim(&sides.pool, most + 1, &claim), SMEW_TOO_BIG);
    assert_int_equal(smew__pool_claim(&sides.pool, UINT64_MAX, &claim), SMEW_TOO_BIG);
    assert_int_equal(sides_put(&sides, most, 1, &handle), SMEW_OK);
    sides_check(&sides.consumer, &handle, 1);
    assert_int_equal(smew__pool_claim(&sides.pool, 1, &claim), SMEW_FULL);
    assert_int_equal(smew__pool_reclaim(&sides.pool, SIDES_LANE, NULL, NULL), 1);
    /* A payload that fills its units to the last byte, and one that does not. */
    assert_int_equal(sides_put(&sides, sides_page() - SIDES_BLOCK, 2, &handle), SMEW_OK);
    assert_int_equal(smew__pool_claim(&sides.pool, sides_page() - SIDES_BLOCK + 1, &claim),
                     SMEW_OK);
    assert_int_equal(claim.offset, handle.offset + sides_page());
    assert_int_equal(smew__pool_claim(&sides.pool, 1, &claim), SMEW_OK);
    assert_int_equal(claim.offset, handle.offset + 3 * sides_page());
    sides_check(&sides.consumer, &handle, 2);
    sides_close(&sides);
}

/* Every second block is free: half of the pool, and yet no room for two units in a row. */
static void test_fragments(void **state)
{
    struct smew__pool_handle handles[SIDES_UNITS];
    struct smew__pool_handle handle;
    struct smew__pool_claim claim;
    struct sides sides;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    for (uint64_t i = 0; i < SIDES_UNITS; i++)
        assert_int_equal(sides_put(&sides, 1000, i, &handles[i]), SMEW_OK);
    assert_int_equal(sides_put(&sides, 1000, SIDES_UNITS, &handle), SMEW_FULL);
    for (uint64_t i = 0; i < SIDES_UNITS; i += 2)
        assert_int_equal(smew__pool_release(&sides.pool, handles[i].offset, handles[i].generation),
                         SMEW_OK);
    assert_int_equal(smew__pool_claim(&sides.pool, sides_page(), &claim), SMEW_FULL);
    /* One more, and the first gap that is large enough is taken. */
    assert_int_equal(smew__pool_release(&sides.pool, handles[33].offset, handles[33].generation),
                     SMEW_OK);
    assert_int_equal(smew__pool_claim(&sides.pool, sides_page(), &claim), SMEW_OK);
    assert_int_equal(claim.offset, handles[32].offset);
    for (uint64_t i = 1; i < SIDES_UNITS; i += 2)
        if (i != 33)
            sides_check(&sides.consumer, &handles[i], i);
    sides_close(&sides);
}

static void test_blocks_are_bounded(void **state)
{
    struct smew__pool_claim claim;
    struct sides sides;

    (void)state;
    sides_open(&sides, SMEW__POOL_BLOCKS_MAX + 1);
    for (unsigned i = 0; i < SMEW__POOL_BLOCKS_MAX; i++)
        assert_int_equal(smew__pool_claim(&sides.pool, 1, &claim), SMEW_OK);
    assert_int_equal(smew__pool_claim(&sides.pool, 1, &claim), SMEW_FULL);
    assert_int_equal(smew__pool_release(&sides.pool, claim.offset, claim.generation), SMEW_OK);
    assert_int_equal(smew__pool_claim(&sides.pool, 1, &claim), SMEW_OK);
    sides_close(&sides);
}

static void test_generations_skip_zero(void **state)
{
    struct smew__pool_handle handle;
    struct sides sides;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    sides.pool.generation = UINT64_MAX - 1;
    assert_int_equal(sides_put(&sides, 1, 1, &handle), SMEW_OK);
    assert_true(handle.generation == UINT64_MAX);
    assert_int_equal(sides_put(&sides, 1, 2, &handle), SMEW_OK);
    assert_int_equal(handle.generation, 1);
    sides_check(&sides.consumer, &handle, 2);
    sides_close(&sides);
}

static void test_stale_handles(void **state)
{
    struct smew__pool_handle old;
    struct smew__pool_handle young;
    struct sides sides;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    assert_int_equal(sides_put(&sides, 5000, 1, &old), SMEW_OK);
    assert_int_equal(smew__pool_reclaim(&sides.pool, SIDES_LANE, NULL, NULL), 1);
    assert_int_equal(sides_resolve(&sides, &old, 1), SMEW_CORRUPT); /* nothing is in its place */
    assert_int_equal(sides_put(&sides, 5000, 1, &young), SMEW_OK);
    assert_int_equal(young.offset, old.offset);
    assert_int_equal(young.crc, old.crc); /* the same payload, even */
    assert_int_equal(sides_resolve(&sides, &old, 1), SMEW_CORRUPT);
    assert_int_equal(sides_resolve(&sides, &young, 1), SMEW_OK);
    assert_int_equal(smew__pool_read(&sides.pool, &old, NULL), SMEW_CORRUPT);
    sides_close(&sides);
}

/* Each field alone, with every bit of it wrong in turn. */
static void test_every_bit_of_a_handle_counts(void **state)
{
    struct smew__pool_handle handle;
    struct sides sides;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    assert_int_equal(sides_put(&sides, 5000, 1, &handle), SMEW_OK);
    for (size_t bit = 0; bit < 8 * sizeof handle; bit++) {
        struct smew__pool_handle lie = handle;

        ((uint8_t *)&lie)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(sides_resolve(&sides, &lie, 1), SMEW_CORRUPT);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        const uint8_t *payload;

        assert_int_equal(sides_resolve(&sides, &handle, 1 ^ UINT64_C(1) << bit), SMEW_CORRUPT);
        assert_int_equal(smew__pool_resolve(&sides.consumer, &handle,
                                            SIDES_LANE ^ UINT64_C(1) << bit, 1, &payload),
                         SMEW_CORRUPT);
    }
    assert_int_equal(sides_resolve(&sides, &handle, 1), SMEW_OK);
    sides_close(&sides);
}

/* A producer that lies in handle and block alike: bounds are all that is left to find it. */
static enum smew_status resolve_lie(const struct sides *sides, uint64_t offset, uint64_t size)
{
    const uint64_t end = sides->producer.memory.size;
    const struct smew__pool_handle lie = {
        .offset = offset, .size = size, .generation = 77, .crc = 88, .pool = SIDES_POOL};

    if (offset <= end - SIDES_BLOCK && offset % 8 == 0) { /* else it could not write it either */
        struct smew__pool_block *block = (void *)(sides->producer.memory.data + offset);

        atomic_store(&block->generation, 77);
        atomic_store(&block->size, size);
        atomic_store(&block->lane, SIDES_LANE);
        atomic_store(&block->number, 1);
        atomic_store(&block->crc, 88);
    }
    return sides_resolve(sides, &lie, 1);
}

static void test_bounds_hold_against_liars(void **state)
{
    struct sides sides;
    uint64_t end;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    end = sides.consumer.memory.size;
    assert_int_equal(end, (SIDES_UNITS + 1) * sides_page());
    /* What is within the segment may be said; only its CRC is wrong. */
    assert_int_equal(resolve_lie(&sides, sides_page(), SIDES_UNITS * sides_page() - SIDES_BLOCK),
                     SMEW_OK);
    assert_int_equal(resolve_lie(&sides, SIDES_UNITS * sides_page(), sides_page() - SIDES_BLOCK),
                     SMEW_OK);
    assert_int_equal(resolve_lie(&sides, sides_page(), 0), SMEW_CORRUPT);
    assert_int_equal(
        resolve_lie(&sides, sides_page(), SIDES_UNITS * sides_page() - SIDES_BLOCK + 1),
        SMEW_CORRUPT);
    assert_int_equal(
        resolve_lie(&sides, SIDES_UNITS * sides_page(), sides_page() - SIDES_BLOCK + 1),
        SMEW_CORRUPT);
    assert_int_equal(resolve_lie(&sides, sides_page(), UINT64_MAX), SMEW_CORRUPT);
    assert_int_equal(resolve_lie(&sides, sides_page(), UINT64_MAX - sides_page()), SMEW_CORRUPT);
    assert_int_equal(resolve_lie(&sides, sides_page(), UINT64_MAX - sides_page() - SIDES_BLOCK + 1),
                     SMEW_CORRUPT);
    assert_int_equal(resolve_lie(&sides, sides_page() + 64, 64), SMEW_CORRUPT);
    assert_int_equal(resolve_lie(&sides, sides_page() + 1, 64), SMEW_CORRUPT);
    assert_int_equal(resolve_lie(&sides, end, 64), SMEW_CORRUPT);
    assert_int_equal(resolve_lie(&sides, end + sides_page(), 64), SMEW_CORRUPT);
    assert_int_equal(resolve_lie(&sides, UINT64_MAX, 64), SMEW_CORRUPT);
    assert_int_equal(resolve_lie(&sides, UINT64_MAX - sides_page() + 1, 64), SMEW_CORRUPT);
    assert_int_equal(resolve_lie(&sides, 0, 64), SMEW_CORRUPT); /* the prefix is no block */
    sides_close(&sides);
}

/* A block that says so, with generation 0, is as free as can be. */
static void test_generation_zero_is_nothing(void **state)
{
    const struct smew__pool_handle zeros = {.offset = sides_page(), .size = 1, .pool = SIDES_POOL};
    struct smew__pool_block *block;
    struct sides sides;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    block = (void *)(sides.producer.memory.data + sides_page());
    atomic_store(&block->size, 1);
    atomic_store(&block->lane, SIDES_LANE);
    assert_int_equal(sides_resolve(&sides, &zeros, 0), SMEW_CORRUPT);
    sides_close(&sides);
}

static void test_damaged_payload(void **state)
{
    enum { SIZE = 40000 }; /* some steps of copying, and a rest */
    static const uint64_t places[] = {0, 1, 16383, 16384, 32767, SIZE - 1};
    struct smew__pool_handle handle;
    const uint8_t *payload = NULL;
    uint8_t *copy = sides_make(SIZE, 0);
    struct sides sides;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    assert_int_equal(sides_put(&sides, SIZE, 1, &handle), SMEW_OK);
    assert_int_equal(smew__pool_resolve(&sides.consumer, &handle, SIDES_LANE, 1, &payload),
                     SMEW_OK);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        uint8_t *byte = sides.producer.memory.data + handle.offset + SIDES_BLOCK + places[i];

        *byte ^= 0x10;
        assert_int_equal(smew__pool_check(&handle, payload, NULL), SMEW_CORRUPT);
        assert_int_equal(smew__pool_check(&handle, payload, copy), SMEW_CORRUPT);
        assert_int_equal(smew__pool_read(&sides.pool, &handle, copy), SMEW_CORRUPT);
        *byte ^= 0x10;
        assert_int_equal(smew__pool_check(&handle, payload, copy), SMEW_OK);
    }
    /* What comes behind the payload is nobody's. */
    sides.producer.memory.data[handle.offset + SIDES_BLOCK + SIZE] ^= 1;
    assert_int_equal(smew__pool_check(&handle, payload, NULL), SMEW_OK);
    smew__free(copy);
    sides_close(&sides);
}

/* A consumer that scribbles over blocks and prefix moves nothing on the producer's side. */
static void test_the_allocator_is_private(void **state)
{
    struct smew__pool_handle first;
    struct smew__pool_handle second;
    struct smew__pool_handle found;
    uint8_t copy[3000];
    struct sides sides;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    assert_int_equal(sides_put(&sides, 3000, 1, &first), SMEW_OK);
    memset(sides.consumer.memory.data, 0xff, sides_page() + SIDES_BLOCK);
    assert_int_equal(sides_put(&sides, 3000, 2, &second), SMEW_OK);
    assert_int_equal(second.offset, first.offset + sides_page());
    assert_int_equal(smew__pool_find(&sides.pool, SIDES_LANE, 1, &found), SMEW_OK);
    assert_memory_equal(&found, &first, sizeof first);
    assert_int_equal(smew__pool_read(&sides.pool, &found, copy), SMEW_OK);
    assert_int_equal(smew__pool_reclaim(&sides.pool, SIDES_LANE, NULL, NULL), 2);
    sides_close(&sides);
}

/* For sending again: what is in flight is found by its record, and read back. */
static void test_read_back(void **state)
{
    struct smew__pool_handle handles[8];
    struct smew__pool_handle found;
    struct sides sides;

    (void)state;
    sides_open(&sides, SIDES_UNITS);
    for (uint64_t i = 0; i < 8; i++)
        assert_int_equal(sides_put(&sides, 1000 * (i + 1), i, &handles[i]), SMEW_OK);
    for (uint64_t i = 0; i < 8; i++) {
        uint8_t *expected = sides_make(1000 * (i + 1), i);
        uint8_t copy[8000];

        assert_int_equal(smew__pool_find(&sides.pool, SIDES_LANE, i, &found), SMEW_OK);
        assert_memory_equal(&found, &handles[i], sizeof found);
        assert_int_equal(smew__pool_read(&sides.pool, &found, copy), SMEW_OK);
        assert_memory_equal(copy, expected, (size_t)found.size);
        smew__free(expected);
    }
    assert_int_equal(smew__pool_find(&sides.pool, SIDES_LANE, 8, &found), SMEW_NOT_FOUND);
    assert_int_equal(smew__pool_find(&sides.pool, SIDES_LANE + 1, 0, &found), SMEW_NOT_FOUND);
    found.size++;
    assert_int_equal(smew__pool_read(&sides.pool, &found, NULL), SMEW_CORRUPT);
    sides_close(&sides);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_put_resolve_reclaim),
        SUPPORT_TEST(test_claim_and_seal),
        SUPPORT_TEST(test_release_once),
        SUPPORT_TEST(test_headers_are_written_whole),
        SUPPORT_TEST(test_sizes_at_the_edges),
        SUPPORT_TEST(test_fragments),
        SUPPORT_TEST(test_blocks_are_bounded),
        SUPPORT_TEST(test_generations_skip_zero),
        SUPPORT_TEST(test_stale_handles),
        SUPPORT_TEST(test_every_bit_of_a_handle_counts),
        SUPPORT_TEST(test_bounds_hold_against_liars),
        SUPPORT_TEST(test_generation_zero_is_nothing),
        SUPPORT_TEST(test_damaged_payload),
        SUPPORT_TEST(test_the_allocator_is_private),
        SUPPORT_TEST(test_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
