/* SPDX-License-Identifier: MIT */
/* UTF-8: every code point is taken, and nothing else: counted over all short sequences. */
#include "tests/support/support.h"

#include <string.h>

#include "base/utf8.h"

static size_t encode(uint32_t point, uint8_t out[4])
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xC0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xE0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (point & 0x3F));
    return 4;
}

static void test_every_code_point(void **state)
{
    uint8_t bytes[4];
    bool valid;

    (void)state;
    for (uint32_t point = 0; point < 0x110400; point++) {
        size_t size = encode(point, bytes);
        bool scalar = point < 0x110000 && (point < 0xD800 || point > 0xDFFF);

        if (scalar && smew__utf8_next(bytes, size, &valid) != size)
            fail_msg("U+%04X has the wrong length", point);
        if (smew__utf8_valid(bytes, size) != scalar)
            fail_msg("U+%04X is taken for %s", point, scalar ? "invalid" : "valid");
        if (size > 1 && smew__utf8_valid(bytes, size - 1))
            fail_msg("U+%04X is valid though cut", point);
    }
}

/* 128 of one byte, 1920 of two, 61440 of three: were an overlong form taken, there would be more.
 */
static void test_no_other_sequence(void **state)
{
    unsigned counts[4] = {0};
    bool valid;

    (void)state;
    for (uint32_t i = 0; i < 1u << 24; i++) {
        const uint8_t bytes[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        size_t size = smew__utf8_next(bytes, 3, &valid);

        if (valid && (i & ((1u << 8 * (3 - size)) - 1)) == 0)
            counts[size]++;
    }
    assert_int_equal(counts[1], 128);
    assert_int_equal(counts[2], 1920);
    assert_int_equal(counts[3], 61440);
}

/* Of four bytes there are 16 planes' worth, whatever the first two bytes are. */
static void test_no_other_sequence_of_four(void **state)
{
    unsigned count = 0;
    bool valid;

    (void)state;
    for (uint32_t i = 0; i < 8u << 18; i++) {
        const uint8_t bytes[4] = {(uint8_t)(0xF0 | i >> 18), (uint8_t)(0x80 | (i >> 12 & 0x3F)),
                                  (uint8_t)(0x80 | (i >> 6 & 0x3F)), (uint8_t)(0x80 | (i & 0x3F))};

        count += smew__utf8_next(bytes, 4, &valid) == 4 && valid;
    }
    assert_int_equal(count, 16 << 16);
}

static void test_lengths_to_replace(void **state)
{
    static const struct {
        const char *bytes;
        size_t replaced;
    } cases[] = {
        {"\x80", 1},          {"\xFF", 1},         {"\xC3", 1},         {"\xC3(", 1},
        {"\xE2\x82", 2},      {"\xE2\x82z", 2},    {"\xE0\x80\x80", 1}, {"\xF0\x9F\x98", 3},
        {"\xF0\x9F\x98z", 3}, {"\xF4\x90\x80", 1}, {"\xF5\x80", 1},     {"\xED\xA0\x80", 1},
    };
    bool valid;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(smew__utf8_next(cases[i].bytes, strlen(cases[i].bytes), &valid),
                         cases[i].replaced);
        assert_false(valid);
    }
    assert_true(smew__utf8_valid("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_no_other_sequence),
        cmocka_unit_test(test_no_other_sequence_of_four),
        cmocka_unit_test(test_lengths_to_replace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
