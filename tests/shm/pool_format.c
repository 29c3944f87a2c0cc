/* SPDX-License-Identifier: MIT */
/* The bytes of a pool: as they are documented, and refused when they are not. */
#include "tests/shm/sides.h"

#include <string.h>

#include <fcntl.h>

static void check_bytes(const uint8_t *data, const uint8_t *golden, size_t size, const char *what)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != golden[i])
            fail_msg("%s: byte %zu is %02x, not %02x", what, i, data[i], golden[i]);
}

/* As they are on little-endian machines with pages of 4 KiB; "XMIP" reads backwards there. */
static void test_golden_bytes(void **state)
{
    static const uint8_t prefix[] = {
        0x50, 0x49, 0x4d, 0x58, 0x04, 0x00, 0x03, 0x00, 0x00, 0x10, 0x04, 0x00, 0x00,
        0x00, 0x00, 0x00, 0,    0,    0,    0,    0,    0,    0,    0,    0x03, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22,
        0x11, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00,
    };
    static const uint8_t block[SIDES_BLOCK + 9] = {
        0x89, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x0a, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x83, 0x92, 0x06, 0xe3, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, '1',  '2',  '3',  '4',  '5',  '6',  '7',  '8',  '9',
    };
    static const uint8_t handle_bytes[] = {
        0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x09, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x89, 0x77, 0x66, 0x55, 0x44, 0x33,
        0x22, 0x11, 0x83, 0x92, 0x06, 0xe3, 0x03, 0x00, 0x00, 0x00,
    };
    static const uint32_t order = 1;
    struct smew__pool_handle handle;
    uint8_t got[sizeof prefix];
    struct sides sides;

    (void)state;
    if (sides_page() != 4096 || *(const uint8_t *)&order != 1)
        skip();
    sides_open(&sides, SIDES_UNITS);
    memcpy(got, sides.consumer.memory.data, sizeof got);
    memset(got + 16, 0, 8); /* the fingerprint is below */
    check_bytes(got, prefix, sizeof prefix, "prefix");
    assert_int_equal(sides_send(&sides.pool, "123456789", 9, 0xa0b, &handle), SMEW_OK);
    check_bytes(sides.consumer.memory.data + sides_page(), block, sizeof block, "block");
    check_bytes((const uint8_t *)&handle, handle_bytes, sizeof handle_bytes, "handle");
    sides_close(&sides);
}

/* Whoever changes the tables changes it, and with it SMEW__SEGMENT_VERSION when that is not new. */
static void test_golden_fingerprint(void **state)
{
    static const uint32_t order = 1;
    struct smew__segment_prefix prefix;
    struct smew__pool_memory memory = sides_create(SIDES_UNITS);

    (void)state;
    if (sides_page() == 4096 && *(const uint8_t *)&order == 1) {
        memcpy(&prefix, memory.memory.data, sizeof prefix);
        assert_true(prefix.fingerprint == UINT64_C(0xd93f212d5362b7d8));
    }
    smew__pool_memory_fini(&memory);
}

static void test_create_checks_sizes(void **state)
{
    struct smew__pool_spec spec = {.pool = SIDES_POOL, .bytes = SMEW__POOL_BYTES_MIN - 1};
    struct smew__pool_memory memory;

    (void)state;
    assert_int_equal(smew__pool_memory_create(&spec, &memory), SMEW_INVALID);
    spec.bytes = (uint64_t)SMEW__POOL_BYTES_MAX + 1;
    assert_int_equal(smew__pool_memory_create(&spec, &memory), SMEW_TOO_BIG);
    spec.bytes = UINT64_MAX;
    assert_int_equal(smew__pool_memory_create(&spec, &memory), SMEW_TOO_BIG);
    spec.bytes = SMEW__POOL_BYTES_MIN + 1;
    assert_int_equal(smew__pool_memory_create(&spec, &memory), SMEW_OK);
    assert_int_equal(memory.memory.size, smew__pool_memory_bytes(&spec));
    assert_int_equal(memory.units * sides_page(), SMEW__POOL_BYTES_MIN + sides_page());
    smew__pool_memory_fini(&memory);
}

/* A segment that a lying consumer made: this prefix, on memory that is sealed as it should be. */
static enum smew_status attach_with(const struct smew__segment_prefix *prefix, size_t size)
{
    struct smew__memory lie;
    struct smew__pool_memory memory;
    enum smew_status status;
    int fd;

    assert_int_equal(smew__memory_create("smew-lie", size, 0, &lie), SMEW_OK);
    memcpy(lie.data, prefix, sizeof *prefix);
    fd = fcntl(lie.fd, F_DUPFD_CLOEXEC, 0);
    status = smew__pool_memory_attach(fd, &memory);
    if (status == SMEW_OK)
        smew__pool_memory_fini(&memory);
    smew__memory_fini(&lie);
    return status;
}

static void test_attach_refuses_lies(void **state)
{
    struct smew__pool_memory honest = sides_create(SIDES_UNITS);
    const size_t size = honest.memory.size;
    struct smew__segment_prefix prefix;
    struct smew__segment_prefix lie;

    (void)state;
    memcpy(&prefix, honest.memory.data, sizeof prefix);
    smew__pool_memory_fini(&honest);
    assert_int_equal(attach_with(&prefix, size), SMEW_OK);
    assert_int_equal(attach_with(&prefix, size + sides_page()), SMEW_CORRUPT);
    assert_int_equal(attach_with(&prefix, sides_page()), SMEW_CORRUPT);
    for (size_t bit = 0; bit < 8 * sizeof lie; bit++) {
        const size_t byte = bit / 8;
        /* Number and salt may be anything. */
        const bool free = byte >= 24 && byte < 40;

        lie = prefix;
        ((uint8_t *)&lie)[byte] ^= (uint8_t)(1u << bit % 8);
        if (free)
            assert_int_equal(attach_with(&lie, size), SMEW_OK);
        else if ((byte >= 4 && byte < 6) || (byte >= 16 && byte < 24))
            assert_int_equal(attach_with(&lie, size), SMEW_VERSION);
        else
            assert_int_equal(attach_with(&lie, size), SMEW_CORRUPT);
    }
}

/* Holes that were made before the pool was sealed: the consumer touches nothing of it. */
static void test_holes_are_not_touched(void **state)
{
    const struct smew__pool_handle handle = {
        .offset = sides_page(), .size = 1, .generation = 1, .pool = SIDES_POOL};
    struct smew__pool_memory memory = sides_create(SIDES_UNITS);
    const uint8_t *payload;

    (void)state;
    assert_int_equal(fallocate(memory.memory.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                               (off_t)memory.memory.size),
                     0);
    assert_int_equal(fcntl(memory.memory.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL), 0);
    assert_int_equal(smew__pool_memory_settle(&memory), SMEW_CORRUPT);
    assert_int_equal(smew__pool_resolve(&memory, &handle, 0, 0, &payload), SMEW_CORRUPT);
    smew__pool_memory_fini(&memory);
}

/* Whatever a handle says: before the consumer knows that it may touch the pool, it does not. */
static void test_nothing_is_resolved_before_settling(void **state)
{
    struct sides sides = {.consumer = sides_create(SIDES_UNITS)};
    struct smew__pool_handle handle;

    (void)state;
    assert_int_equal(smew__pool_memory_attach(sides_passed(&sides.consumer), &sides.producer),
                     SMEW_OK);
    assert_int_equal(smew__pool_init(&sides.pool, &sides.producer), SMEW_OK);
    assert_int_equal(sides_put(&sides, 100, 1, &handle), SMEW_OK);
    assert_int_equal(sides_resolve(&sides, &handle, 1), SMEW_CORRUPT);
    assert_int_equal(smew__pool_memory_settle(&sides.consumer), SMEW_OK);
    assert_int_equal(smew__pool_memory_settle(&sides.consumer), SMEW_OK);
    sides_check(&sides.consumer, &handle, 1);
    sides_close(&sides);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_golden_bytes),
        SUPPORT_TEST(test_golden_fingerprint),
        SUPPORT_TEST(test_create_checks_sizes),
        SUPPORT_TEST(test_attach_refuses_lies),
        SUPPORT_TEST(test_holes_are_not_touched),
        SUPPORT_TEST(test_nothing_is_resolved_before_settling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
