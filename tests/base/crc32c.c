/* SPDX-License-Identifier: MIT */
/* CRC-32C: the published values, and both ways against each other and against one bit at a time. */
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc32c/combine.h"
#include "base/crc32c/crc32c.h"

typedef uint32_t (*crc_fn)(uint32_t crc, const void *data, size_t size);

static void check_published(crc_fn crc)
{
    /* RFC 3720, B.4: an iSCSI SCSI Read (10) command PDU. */
    static const uint8_t command[48] = {0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0, 0,
                                        0x14, 0,    0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
                                        0x28, 0,    0, 0, 0, 0, 0, 0, 2, 0, 0, 0,    0, 0, 0, 0};
    uint8_t bytes[32];

    assert_int_equal(crc(0, "123456789", 9), 0xE3069283u);
    assert_int_equal(crc(0, "", 0), 0);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc(0, bytes, sizeof bytes), 0x8A9136AAu);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(crc(0, bytes, sizeof bytes), 0x62A8AB43u);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(crc(0, bytes, sizeof bytes), 0x46DD794Eu);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(crc(0, bytes, sizeof bytes), 0x113FDB5Cu);
    assert_int_equal(crc(0, command, sizeof command), 0xD9963A56u);
}

static void test_published_values(void **state)
{
    (void)state;
    check_published(smew__crc32c);
    check_published(smew__crc32c_portable);
    if (smew__crc32c_has_hardware())
        check_published(smew__crc32c_hardware);
}

static uint32_t one_bit_at_a_time(const uint8_t *data, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
    }
    return ~crc;
}

static void test_ways_agree(void **state)
{
    struct support_random random = support_random_seeded();
    static uint8_t bytes[16384 + 16];

    static const uint64_t limits[] = {64, 64, 64, 512, 64, 4096, 64, 16384};

    (void)state;
    support_random_fill(&random, bytes, sizeof bytes);
    for (int round = 0; round < 3000; round++) {
        size_t offset = (size_t)support_random_below(&random, 16);
        size_t size = (size_t)support_random_below(&random, limits[round % 8]);
        size_t cut = size == 0 ? 0 : (size_t)support_random_below(&random, size);
        const uint8_t *data = bytes + offset;
        uint32_t expected = one_bit_at_a_time(data, size);

        assert_int_equal(smew__crc32c_portable(0, data, size), expected);
        assert_int_equal(smew__crc32c(0, data, size), expected);
        if (smew__crc32c_has_hardware())
            assert_int_equal(smew__crc32c_hardware(0, data, size), expected);
        /* In two parts, one by each way. */
        assert_int_equal(smew__crc32c(smew__crc32c_portable(0, data, cut), data + cut, size - cut),
                         expected);
    }
}

static void check_copy(size_t offset, size_t size, const uint8_t *data)
{
    static uint8_t copy[65536 + 32];
    const uint32_t before = 0xA5A5A5A5u;
    const uint32_t expected = smew__crc32c_portable(before, data, size);

    memset(copy, 0x5A, sizeof copy);
    assert_int_equal(smew__crc32c_copy(before, copy + offset, data, size), expected);
    assert_int_equal(memcmp(copy + offset, data, size), 0);
    assert_int_equal(copy[offset + size], 0x5A);
    assert_int_equal(smew__crc32c_copy_large(before, copy + offset, data, size), expected);
    assert_int_equal(smew__crc32c_take_large(before, copy + offset, data, size), expected);
    if (smew__crc32c_has_hardware())
        assert_int_equal(smew__crc32c_copy_hardware(before, copy + offset, data, size), expected);
    if (size % SMEW__CRC32C_LINE != 0)
        return;
    memset(copy, 0x5A, sizeof copy);
    assert_int_equal(smew__crc32c_take(before, copy + offset, data, size), expected);
    assert_int_equal(memcmp(copy + offset, data, size), 0);
    assert_int_equal(copy[offset + size], 0x5A);
}

static void test_copies(void **state)
{
    struct support_random random = support_random_seeded();
    static uint8_t bytes[65536 + 16];

    (void)state;
    support_random_fill(&random, bytes, sizeof bytes);
    for (size_t size = 0; size < 600; size++)
        check_copy(size % 7, size, bytes + size % 5);
    for (int i = 0; i < 200; i++)
        check_copy((size_t)support_random_below(&random, 16),
                   (size_t)support_random_below(&random, 65536), bytes + i % 16);
    assert_int_equal(smew__crc32c_copy(7, NULL, NULL, 0), 7);
}

static void test_words(void **state)
{
    struct support_random random = support_random_seeded();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        const uint64_t words[] = {support_random_next(&random), support_random_next(&random)};
        const uint32_t half = (uint32_t)support_random_next(&random);
        const uint32_t before = (uint32_t)support_random_next(&random);
        uint8_t bytes[20];
        uint32_t expected;

        memcpy(bytes, words, sizeof words);
        memcpy(bytes + sizeof words, &half, sizeof half);
        expected = smew__crc32c_portable(before, bytes, sizeof bytes);
        assert_int_equal(smew__crc32c_words(before, words[0], words[1], half), expected);
        assert_int_equal(smew__crc32c_words_any(before, words[0], words[1], half), expected);
        assert_int_equal(smew__crc32c_words_portable(before, words[0], words[1], half), expected);
    }
}

static void test_remainders(void **state)
{
    struct support_random random = support_random_seeded();

    (void)state;
    assert_int_equal(smew__crc32c_remainder(0), 0);
    for (int i = 0; i < 1000; i++) {
        const uint64_t word = support_random_next(&random);
        const uint64_t other = support_random_next(&random);

        assert_int_equal(smew__crc32c_remainder(word),
                         ~smew__crc32c_portable(UINT32_MAX, &word, sizeof word));
        assert_int_equal(smew__crc32c_remainder_any(word), smew__crc32c_remainder(word));
        assert_int_equal(smew__crc32c_remainder(word ^ other),
                         smew__crc32c_remainder(word) ^ smew__crc32c_remainder(other));
    }
}

static void check_combined(const uint8_t *data, size_t before, size_t size)
{
    const uint32_t first = smew__crc32c(0, data, before);
    const uint32_t piece = smew__crc32c(0, data + before, size);

    assert_int_equal(smew__crc32c_combine(first, piece, (uint32_t)size),
                     smew__crc32c(0, data, before + size));
}

/* Of two pieces, from one byte to some MiB: each power of two is asked for. */
static void test_combined(void **state)
{
    enum { LARGEST = 4 * 1024 * 1024 };
    struct support_random random = support_random_seeded();
    uint8_t *bytes = malloc(64 + LARGEST);

    (void)state;
    assert_non_null(bytes);
    support_random_fill(&random, bytes, 64 + LARGEST);
    for (size_t size = 1; size <= LARGEST; size *= 2)
        check_combined(bytes, size % 61, size);
    for (int i = 0; i < 300; i++)
        check_combined(bytes, (size_t)support_random_below(&random, 64),
                       (size_t)support_random_below(&random, 100000));
    assert_int_equal(smew__crc32c_combine(7, 0, 0), 7);
    assert_int_equal(smew__crc32c_combine(0, 7, 1000), 7); /* nothing before it */
    free(bytes);
}

/* Zero bytes alone, as many as 32 bits can say: what is multiplied by is right at every power. */
static void test_combined_zeroes(void **state)
{
    uint32_t twice;

    (void)state;
    for (uint32_t size = 1; size < 1u << 31; size *= 2) {
        twice = smew__crc32c_combine(smew__crc32c_combine(1, 0, size), 0, size);
        assert_int_equal(smew__crc32c_combine(1, 0, 2 * size), twice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_values), cmocka_unit_test(test_ways_agree),
        cmocka_unit_test(test_copies),           cmocka_unit_test(test_words),
        cmocka_unit_test(test_remainders),       cmocka_unit_test(test_combined),
        cmocka_unit_test(test_combined_zeroes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
