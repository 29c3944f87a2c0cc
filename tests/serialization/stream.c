/* SPDX-License-Identifier: MIT */
/* Preambles that are refused, and frames that come in pieces. */
#include "tests/support/support.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc32c/crc32c.h"
#include "serialization/stream.h"

enum { LIMIT = 1000, TWO_FRAMES = 8 + 3 + 8 };

static void check_preamble(const char bytes[SMEW__STREAM_PREAMBLE_SIZE], enum smew_status expected,
                           const char *sentence)
{
    const uint8_t *preamble = (const uint8_t *)bytes;
    char text[SMEW_ERROR_TEXT_SIZE];
    uint8_t version = 77;

    assert_int_equal(smew__stream_preamble_check(preamble, &version), expected);
    assert_int_equal(version, expected == SMEW_OK ? 1 : 77);
    if (sentence == NULL)
        return;
    smew__stream_refusal(preamble, text, sizeof text);
    assert_string_equal(text, sentence);
    smew__stream_refusal(preamble, text, 9); /* cut, and terminated */
    assert_memory_equal(text, sentence, 8);
    assert_int_equal(text[8], 0);
}

static void test_preambles(void **state)
{
    (void)state;
    check_preamble("SMEW\1\1\0\0", SMEW_OK, NULL);
    check_preamble("SMEW\3\1\0\0", SMEW_OK, NULL);   /* it speaks ours too */
    check_preamble("SMEW\1\1\x80\1", SMEW_OK, NULL); /* features that nobody knows yet */
    check_preamble("SMEW\3\2\0\0", SMEW_VERSION,
                   "the peer speaks smew wire versions 2 to 3, this library 1 to 1");
    check_preamble("SMEW\xFF\xFF\0\0", SMEW_VERSION,
                   "the peer speaks smew wire versions 255 to 255, this library 1 to 1");
    check_preamble("SMEW\1\2\0\0", SMEW_CORRUPT, "the peer does not speak smew");
    check_preamble("SMEW\1\0\0\0", SMEW_CORRUPT, "the peer does not speak smew");
    check_preamble("SMEW\0\0\0\0", SMEW_CORRUPT, "the peer does not speak smew");
    check_preamble("SMEX\1\1\0\0", SMEW_CORRUPT, "the peer does not speak smew");
    check_preamble("{\"jsonrp", SMEW_CORRUPT, "the peer does not speak smew");
    check_preamble("GET / HT", SMEW_CORRUPT, "the peer does not speak smew");
}

static size_t put_frame(uint8_t *at, const void *body, uint32_t size)
{
    const struct smew_bytes part = {body, size};

    smew__stream_head(size, at);
    memcpy(at + SMEW__STREAM_HEAD_SIZE, body, size);
    smew__stream_tail(at, &part, 1, at + SMEW__STREAM_HEAD_SIZE + size);
    return SMEW__STREAM_HEAD_SIZE + size + SMEW__STREAM_TAIL_SIZE;
}

/* A frame of three bytes and an empty one behind it, arriving byte by byte. */
static void test_pieces(void **state)
{
    uint8_t bytes[TWO_FRAMES];
    size_t first = put_frame(bytes, "abc", 3);
    struct smew_bytes frame = {NULL, 99};
    size_t used = 99;

    (void)state;
    assert_int_equal(first + put_frame(bytes + first, "", 0), TWO_FRAMES);
    for (size_t size = 0; size < first; size++) {
        assert_int_equal(smew__stream_parse(bytes, size, LIMIT, &frame, &used), SMEW_AGAIN);
        assert_int_equal(smew__stream_frame_size(bytes, size), size < 4 ? 0 : first);
    }
    assert_int_equal(used, 99); /* written only on success */
    assert_int_equal(frame.size, 99);
    for (size_t size = first; size <= TWO_FRAMES; size++) {
        assert_int_equal(smew__stream_parse(bytes, size, LIMIT, &frame, &used), SMEW_OK);
        assert_int_equal(used, first);
        assert_int_equal(frame.size, 3);
        assert_ptr_equal(frame.data, bytes + SMEW__STREAM_HEAD_SIZE);
    }
    assert_int_equal(smew__stream_parse(bytes + used, 8, LIMIT, &frame, &used), SMEW_OK);
    assert_int_equal(frame.size, 0);
    assert_int_equal(used, 8);
}

static void test_limit(void **state)
{
    uint8_t bytes[LIMIT + 8];
    uint8_t body[LIMIT] = {0};
    size_t size = put_frame(bytes, body, LIMIT);
    struct smew_bytes frame;
    size_t used;

    (void)state;
    assert_int_equal(smew__stream_parse(bytes, size, LIMIT, &frame, &used), SMEW_OK);
    assert_int_equal(frame.size, LIMIT);
    /* Refused as soon as the length is there. */
    assert_int_equal(smew__stream_parse(bytes, 4, LIMIT - 1, &frame, &used), SMEW_TOO_BIG);
    assert_int_equal(smew__stream_parse(bytes, size, LIMIT - 1, &frame, &used), SMEW_TOO_BIG);
    smew__put_be32(bytes, UINT32_MAX);
    assert_int_equal(smew__stream_parse(bytes, size, LIMIT, &frame, &used), SMEW_TOO_BIG);
    assert_int_equal(smew__stream_parse(bytes, size, UINT32_MAX, &frame, &used), SMEW_AGAIN);
    assert_true(smew__stream_frame_size(bytes, size) == (size_t)UINT32_MAX + 8);
}

/* In pieces or whole, the CRC of a frame is the same. */
static void test_gathered(void **state)
{
    const struct smew_bytes whole = {"one two three", 13};
    const struct smew_bytes parts[] = {{"one ", 4}, {"two ", 4}, {NULL, 0}, {"three", 5}};
    uint8_t head[SMEW__STREAM_HEAD_SIZE];
    uint8_t from_whole[SMEW__STREAM_TAIL_SIZE];
    uint8_t from_parts[SMEW__STREAM_TAIL_SIZE];

    (void)state;
    smew__stream_head(13, head);
    smew__stream_tail(head, &whole, 1, from_whole);
    smew__stream_tail(head, parts, 4, from_parts);
    assert_memory_equal(from_whole, from_parts, sizeof from_whole);
}

/* Whichever part was summed before. */
static void test_known(void **state)
{
    const struct smew_bytes parts[] = {{"one ", 4}, {"two ", 4}, {NULL, 0}, {"three", 5}};
    uint8_t head[SMEW__STREAM_HEAD_SIZE];
    uint8_t all_read[SMEW__STREAM_TAIL_SIZE];
    uint8_t one_known[SMEW__STREAM_TAIL_SIZE];

    (void)state;
    smew__stream_head(13, head);
    smew__stream_tail(head, parts, 4, all_read);
    for (size_t i = 0; i < 4; i++) {
        struct smew__stream_sum known = {i, smew__crc32c(0, parts[i].data, parts[i].size)};

        smew__stream_tail_known(head, parts, 4, &known, one_known);
        assert_memory_equal(one_known, all_read, sizeof one_known);
        known.crc ^= 1;
        smew__stream_tail_known(head, parts, 4, &known, one_known);
        assert_memory_not_equal(one_known, all_read, sizeof one_known);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_preambles), SUPPORT_TEST(test_pieces), SUPPORT_TEST(test_limit),
        SUPPORT_TEST(test_gathered),  SUPPORT_TEST(test_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
