/* SPDX-License-Identifier: MIT */
/* Segments of lanes: made, attached, refused, measured; their bytes; and the head's word. */
#include "bus/shm/head.h"
#include "bus/shm/segment.h"

#include <stdio.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>

#include "base/bytes.h"
#include "serialization/record.h"
#include "tests/support/support.h"

static const struct smew__lane_spec spec = {
    .lane = 0x0102030405060708,
    .ring_bytes = 5000,
    .window = 100,
    .first_number = 0x1112131415161718,
    .first_position = 0x2122232425262720,
};

/* As if it had come over a socket. */
static int passed(const struct smew__memory *memory)
{
    int fd = fcntl(memory->fd, F_DUPFD_CLOEXEC, 0);

    assert_true(fd >= 0);
    return fd;
}

static enum smew_status attach(const struct smew__lane_memory *consumer,
                               struct smew__lane_memory *producer)
{
    return smew__lane_memory_attach(passed(&consumer->ring_memory),
                                    passed(&consumer->cursor_memory), producer);
}

static void test_both_sides(void **state)
{
    struct smew__lane_memory consumer;
    struct smew__lane_memory producer;

    (void)state;
    assert_int_equal(smew__lane_memory_create(&spec, &consumer), SMEW_OK);
    assert_int_equal(attach(&consumer, &producer), SMEW_OK);
    assert_int_equal(producer.ring_bytes, 8192);
    assert_int_equal(producer.window, 128);
    assert_true(producer.lane == spec.lane && producer.salt == consumer.salt);
    assert_true(producer.first_number == spec.first_number);
    assert_true(producer.first_position == spec.first_position);
    assert_int_equal(producer.ring_memory.fd, -1);
    assert_int_equal(producer.cursor_memory.fd, -1);
    assert_true(atomic_load(&producer.cursors->completed) == spec.first_number);
    assert_true(atomic_load(&producer.header->head) ==
                smew__head_pack(spec.first_number, spec.first_position));
    producer.ring[8191] = 1; /* seen by the other side, and behind the first half */
    assert_int_equal(consumer.ring[8191], 1);
    assert_int_equal(consumer.ring[2 * 8192 - 1], 1);
    atomic_store(&consumer.cursors->answers[127], 7);
    assert_int_equal(atomic_load(&producer.cursors->answers[127]), 7);
    smew__lane_memory_fini(&producer);
    smew__lane_memory_fini(&consumer);
    smew__lane_memory_fini(&consumer); /* a second time does no harm */
}

static void test_salts_differ(void **state)
{
    struct smew__lane_memory one;
    struct smew__lane_memory two;

    (void)state;
    assert_int_equal(smew__lane_memory_create(&spec, &one), SMEW_OK);
    assert_int_equal(smew__lane_memory_create(&spec, &two), SMEW_OK);
    assert_true(one.salt != two.salt);
    smew__lane_memory_fini(&one);
    smew__lane_memory_fini(&two);
}

static void test_sizes(void **state)
{
    struct smew__lane_spec sizes = {0};
    struct smew__lane_memory memory;

    (void)state;
    for (uint64_t bytes = 0; bytes <= SMEW__LANE_BYTES_MAX; bytes = bytes * 3 + 1) {
        sizes = (struct smew__lane_spec){.ring_bytes = bytes, .window = (uint32_t)(bytes / 256)};
        assert_int_equal(smew__lane_memory_create(&sizes, &memory), SMEW_OK);
        assert_true(memory.ring_bytes >= bytes && memory.ring_bytes >= SMEW__LANE_BYTES_MIN);
        assert_true((memory.ring_bytes & (memory.ring_bytes - 1)) == 0);
        assert_true(memory.window >= 1 && memory.window >= sizes.window);
        assert_true((memory.window & (memory.window - 1)) == 0);
        assert_int_equal(smew__lane_memory_bytes(&sizes),
                         memory.ring_memory.size + memory.cursor_memory.size);
        smew__lane_memory_fini(&memory);
    }
    sizes = (struct smew__lane_spec){.ring_bytes = SMEW__LANE_BYTES_MAX + 1};
    assert_int_equal(smew__lane_memory_create(&sizes, &memory), SMEW_TOO_BIG);
    sizes = (struct smew__lane_spec){.window = SMEW__LANE_WINDOW_MAX + 1};
    assert_int_equal(smew__lane_memory_create(&sizes, &memory), SMEW_TOO_BIG);
    sizes = (struct smew__lane_spec){.first_position = 16};
    assert_int_equal(smew__lane_memory_create(&sizes, &memory), SMEW_INVALID);
}

/* ---- bytes, computed apart from the code --------------------------------------------- */

static void expect_hex(const uint8_t *bytes, size_t size, const char *hex)
{
    char found[2 * 64 + 1];

    assert_int_equal(size, 64);
    for (size_t i = 0; i < size; i++)
        (void)snprintf(found + 2 * i, 3, "%02x", bytes[i]);
    assert_string_equal(found, hex);
}

static void test_golden_prefixes(void **state)
{
    struct smew__segment_prefix prefix;
    struct smew__lane_memory memory;

    (void)state;
    if (*(const uint8_t *)&(const uint16_t){1} != 1 || smew__memory_page() != 4096)
        skip();
    assert_int_equal(smew__lane_memory_create(&spec, &memory), SMEW_OK);
    memcpy(&prefix, memory.ring_memory.data, sizeof prefix);
    assert_true(prefix.salt == memory.salt);
    prefix.salt = 0;
    expect_hex((const uint8_t *)&prefix, sizeof prefix,
               "50494d5804000100003000000000000096425ab251c129430807060504030201"
               "0000000000000000181716151413121120272625242322210010000080000000");
    memcpy(&prefix, memory.cursor_memory.data, sizeof prefix);
    assert_true(prefix.salt == memory.salt);
    prefix.salt = 0;
    expect_hex((const uint8_t *)&prefix, sizeof prefix,
               "50494d5804000200001000000000000096425ab251c129430807060504030201"
               "0000000000000000181716151413121120272625242322210001000080000000");
    smew__lane_memory_fini(&memory);
}

/* ---- refused ------------------------------------------------------------------------- */

/* A byte of one of the prefixes is another one. */
static void expect_refused(size_t at, bool cursors, enum smew_status expected)
{
    struct smew__lane_memory consumer;
    struct smew__lane_memory producer;
    uint8_t *data;

    assert_int_equal(smew__lane_memory_create(&spec, &consumer), SMEW_OK);
    data = cursors ? consumer.cursor_memory.data : consumer.ring_memory.data;
    data[at] ^= 0x41;
    assert_int_equal(attach(&consumer, &producer), expected);
    smew__lane_memory_fini(&consumer);
}

static void test_prefixes_are_checked(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof(struct smew__segment_prefix); at++) {
        enum smew_status expected =
            (at >= 4 && at < 6) || (at >= 16 && at < 24) ? SMEW_VERSION : SMEW_CORRUPT;

        expect_refused(at, true, expected);
        /* What only names the lane is wrong because the other segment says something else. */
        expect_refused(at, false, expected);
    }
}

/* Sizes that are nowhere near, in both segments alike. */
static void test_sizes_are_checked(void **state)
{
    static const uint32_t windows[] = {0, 3, 64, 256, 127, SMEW__LANE_WINDOW_MAX * 2, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        struct smew__lane_spec large = {.ring_bytes = 8192, .window = 1024};
        struct smew__lane_memory consumer;
        struct smew__lane_memory producer;

        assert_int_equal(smew__lane_memory_create(&large, &consumer), SMEW_OK);
        consumer.header->prefix.window = windows[i];
        consumer.cursors->prefix.window = windows[i];
        assert_int_equal(attach(&consumer, &producer), SMEW_CORRUPT);
        smew__lane_memory_fini(&consumer);
    }
}

static void test_other_fds(void **state)
{
    struct smew__lane_memory consumer;
    struct smew__lane_memory producer;
    struct smew__memory unsealed;

    (void)state;
    assert_int_equal(smew__lane_memory_create(&spec, &consumer), SMEW_OK);
    /* The one for the other: the cursors are too small to be a ring. */
    assert_int_equal(smew__lane_memory_attach(passed(&consumer.cursor_memory),
                                              passed(&consumer.ring_memory), &producer),
                     SMEW_CORRUPT);
    assert_int_equal(smew__lane_memory_attach(-1, passed(&consumer.cursor_memory), &producer),
                     SMEW_IO);
    /* Cursors that others can still write. */
    assert_int_equal(smew__memory_create("test", 4096, 0, &unsealed), SMEW_OK);
    memcpy(unsealed.data, consumer.cursor_memory.data, 4096);
    assert_int_equal(
        smew__lane_memory_attach(passed(&consumer.ring_memory), passed(&unsealed), &producer),
        SMEW_PERMISSION);
    smew__memory_fini(&unsealed);
    smew__lane_memory_fini(&consumer);
    /* A ring that somebody has. */
    assert_int_equal(smew__lane_memory_create(&spec, &consumer), SMEW_OK);
    assert_int_equal(attach(&consumer, &producer), SMEW_OK);
    smew__lane_memory_fini(&producer);
    assert_int_equal(attach(&consumer, &producer), SMEW_PERMISSION);
    smew__lane_memory_fini(&consumer);
}

static void test_settling(void **state)
{
    struct smew__lane_memory consumer;
    struct smew__lane_memory producer;

    (void)state;
    assert_int_equal(smew__lane_memory_create(&spec, &consumer), SMEW_OK);
    assert_int_equal(smew__lane_memory_settle(&consumer), SMEW_AGAIN);
    assert_int_equal(attach(&consumer, &producer), SMEW_OK);
    assert_int_equal(smew__lane_memory_settle(&consumer), SMEW_OK);
    assert_int_equal(consumer.ring_memory.fd, -1);
    assert_int_equal(smew__lane_memory_settle(&consumer), SMEW_OK);
    smew__lane_memory_fini(&producer);
    smew__lane_memory_fini(&consumer);
}

/* ---- every call may fail ------------------------------------------------------------- */

static void attempt_create(void *argument)
{
    struct smew__lane_memory memory;
    enum smew_status status = smew__lane_memory_create(&spec, &memory);

    (void)argument;
    if (status == SMEW_OK)
        smew__lane_memory_fini(&memory);
    else
        assert_true(status == SMEW_NO_MEMORY || status == SMEW_NO_FDS || status == SMEW_NO_SPACE);
}

static void attempt_attach(void *argument)
{
    struct smew__lane_memory producer;
    struct smew__lane_memory *consumer = argument;
    enum smew_status status = attach(consumer, &producer);

    if (status != SMEW_OK)
        return;
    smew__lane_memory_fini(&producer);
}

static void test_every_call_may_fail(void **state)
{
    static const int errors[] = {ENOMEM, EMFILE, ENOSPC};
    struct smew__lane_memory consumer;

    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        assert_true(support_walk_calls(errors[i], attempt_create, NULL) > 8);
        assert_int_equal(smew__lane_memory_create(&spec, &consumer), SMEW_OK);
        assert_true(support_walk_calls(errors[i], attempt_attach, &consumer) > 8);
        smew__lane_memory_fini(&consumer);
    }
}

/* ---- the head ------------------------------------------------------------------------ */

enum { RING = 8192, WINDOW = 128, LINE = SMEW__RECORD_ALIGNMENT };

/* The head as seen from a record so many records and bytes before it. */
static enum smew_status see(uint64_t number, uint64_t position, uint64_t records, uint64_t bytes)
{
    uint64_t seen_number = number - records;
    uint64_t seen_position = position - bytes;
    enum smew_status status = smew__head_unpack(smew__head_pack(number, position), WINDOW, RING,
                                                &seen_number, &seen_position);

    if (status == SMEW_OK)
        assert_true(seen_number == number && seen_position == position);
    else
        assert_true(seen_number == number - records && seen_position == position - bytes);
    return status;
}

static void check_head(uint64_t number, uint64_t position)
{
    for (uint64_t records = 0; records <= WINDOW; records++) {
        assert_int_equal(see(number, position, records, records * LINE), SMEW_OK);
        assert_int_equal(see(number, position, records, RING), SMEW_OK);
        assert_int_equal(see(number, position, records, RING + LINE), SMEW_INVALID);
        if (records > 0)
            assert_int_equal(see(number, position, records, (records - 1) * LINE), SMEW_INVALID);
    }
    assert_int_equal(see(number, position, WINDOW + 1, RING), SMEW_INVALID);
    assert_int_equal(see(number, position, UINT64_C(1) << 22, RING), SMEW_INVALID);
    assert_int_equal(see(number, position, (uint64_t)-1, (uint64_t)-LINE), SMEW_AGAIN);
    assert_int_equal(see(number, position, (uint64_t)-WINDOW, (uint64_t)-RING), SMEW_AGAIN);
}

static void test_golden_heads(void **state)
{
    (void)state;
    assert_true(smew__head_pack(0, 0) == 0);
    assert_true(smew__head_pack(1, 96) == UINT64_C(0x1000039b4cd));
    assert_true(smew__head_pack(UINT64_C(0x123456789abcdef0), UINT64_C(0x0fedcba987654320)) ==
                UINT64_C(0xbcdef0b2a19154ac));
}

static void test_head(void **state)
{
    static const unsigned bits[] = {0, 20, 24, 25, 32, 44, 60, 63};

    (void)state;
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        for (uint64_t more = 0; more < 8; more++) {
            check_head((UINT64_C(1) << bits[i]) + more - 4, more * LINE);
            check_head(more, (UINT64_C(1) << bits[i]) / LINE * LINE + more * LINE - 4 * LINE);
            check_head(more - 4, (more - 4) * LINE); /* over 2^64 */
        }
}

static void expect_damaged(uint64_t word)
{
    uint64_t number = 0;
    uint64_t position = 0;

    assert_int_equal(smew__head_unpack(word, WINDOW, RING, &number, &position), SMEW_CORRUPT);
}

/* One, two and three wrong bits, wherever they are. */
static void test_head_damage_is_found(void **state)
{
    struct support_random random = support_random_seeded();

    (void)state;
    for (int i = 0; i < 20; i++) {
        uint64_t word =
            smew__head_pack(support_random_next(&random), support_random_next(&random) * LINE);

        for (unsigned a = 0; a < 64; a++)
            for (unsigned b = a; b < 64; b++)
                for (unsigned c = b; c < 64; c++) {
                    uint64_t wrong = word ^ UINT64_C(1) << a;

                    wrong ^= b != a ? UINT64_C(1) << b : 0;
                    wrong ^= c != b ? UINT64_C(1) << c : 0;
                    expect_damaged(wrong);
                }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_both_sides),
        SUPPORT_TEST(test_salts_differ),
        SUPPORT_TEST(test_sizes),
        SUPPORT_TEST(test_golden_prefixes),
        SUPPORT_TEST(test_golden_heads),
        SUPPORT_TEST(test_prefixes_are_checked),
        SUPPORT_TEST(test_sizes_are_checked),
        SUPPORT_TEST(test_other_fds),
        SUPPORT_TEST(test_settling),
        SUPPORT_TEST(test_every_call_may_fail),
        SUPPORT_TEST(test_head),
        SUPPORT_TEST(test_head_damage_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
