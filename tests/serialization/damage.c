/* SPDX-License-Identifier: MIT */
/*
 * Damage: every length that is too short, and every single bit that is wrong, in every item of the
 * table that is small enough.  Where a CRC covers the bytes all of it is found; a bare protobuf
 * frame has none, and must only never be misread beyond its bytes.
 */
#include "tests/support/support.h"

#include <string.h>

#include "base/alloc.h"
#include "serialization/item.h"
#include "serialization/stream.h"
#include "tests/serialization/kit.h"

enum { LARGEST = 2048 };

/* A copy of exactly its size on the heap, for a sanitizer to watch. */
static uint8_t *copy_of(const void *data, size_t size)
{
    uint8_t *copy = smew__memdup(data, size);

    assert_non_null(copy);
    return copy;
}

typedef void (*damage_fn)(const struct smew__buffer *bytes);

/* Answers how many items took part. */
static unsigned for_each_small(const struct smew__codec *codec, damage_fn check)
{
    size_t count;
    const struct kit_item *items = kit_items(&count);
    unsigned done = 0;

    for (size_t i = 0; i < count; i++) {
        struct smew__buffer bytes;

        smew__buffer_init(&bytes);
        assert_int_equal(codec->encode(&items[i].item, &bytes), SMEW_OK);
        if (bytes.size <= LARGEST) {
            check(&bytes);
            done++;
        }
        smew__buffer_fini(&bytes);
    }
    return done;
}

static void expect_record(const uint8_t *bytes, size_t size, enum smew_status expected)
{
    struct smew__item item = {0};

    assert_int_equal(smew__codec_record.decode(bytes, size, &item), expected);
    smew__item_fini(&item);
}

static void check_record(const struct smew__buffer *bytes)
{
    uint8_t *copy = copy_of(bytes->data, bytes->size);

    for (size_t bit = 0; bit < bytes->size * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        expect_record(copy, bytes->size, SMEW_CORRUPT);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    expect_record(copy, bytes->size, SMEW_OK);
    smew__free(copy);
    for (size_t size = 0; size < bytes->size; size++) {
        copy = copy_of(bytes->data, size + 1);
        expect_record(copy, size, SMEW_CORRUPT);
        smew__free(copy);
    }
}

static void test_records(void **state)
{
    (void)state;
    assert_true(for_each_small(&smew__codec_record, check_record) >= 14);
}

/* A wrong bit in the length may also ask for more than has come, or than is allowed. */
static void expect_refused(const uint8_t *bytes, size_t size, size_t bit)
{
    struct smew_bytes frame;
    size_t used;
    enum smew_status status = smew__stream_parse(bytes, size, LARGEST, &frame, &used);

    if (bit / 8 < SMEW__STREAM_HEAD_SIZE)
        assert_true(status == SMEW_CORRUPT || status == SMEW_AGAIN || status == SMEW_TOO_BIG);
    else
        assert_int_equal(status, SMEW_CORRUPT);
}

static void check_stream(const struct smew__buffer *body)
{
    const struct smew_bytes part = {body->data, body->size};
    size_t size = SMEW__STREAM_HEAD_SIZE + body->size + SMEW__STREAM_TAIL_SIZE;
    uint8_t *bytes = smew__alloc(size);
    struct smew_bytes frame;
    size_t used;

    assert_non_null(bytes);
    smew__stream_head((uint32_t)body->size, bytes);
    memcpy(bytes + SMEW__STREAM_HEAD_SIZE, body->data, body->size);
    smew__stream_tail(bytes, &part, 1, bytes + size - SMEW__STREAM_TAIL_SIZE);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        expect_refused(bytes, size, bit);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(smew__stream_parse(bytes, size, LARGEST, &frame, &used), SMEW_OK);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(smew__stream_parse(bytes, cut, LARGEST, &frame, &used), SMEW_AGAIN);
    smew__free(bytes);
}

static void test_stream_frames(void **state)
{
    (void)state;
    assert_true(for_each_small(&smew__codec_frame, check_stream) >= 14);
}

/* Refused with a status that the contract knows, or an item that obeys every rule. */
static void read_frame(const uint8_t *bytes, size_t size)
{
    struct smew__item item = {0};
    enum smew_status status = smew__codec_frame.decode(bytes, size, &item);

    if (status == SMEW_OK) {
        assert_int_equal(smew__item_check(&item), SMEW_OK);
        assert_true(kit_is_complete(&item));
    } else {
        assert_true(status == SMEW_CORRUPT || status == SMEW_VERSION);
        assert_null(item.memory);
    }
    smew__item_fini(&item);
}

static void check_frame(const struct smew__buffer *bytes)
{
    uint8_t *copy = copy_of(bytes->data, bytes->size);

    for (size_t bit = 0; bit < bytes->size * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        read_frame(copy, bytes->size);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    smew__free(copy);
    for (size_t size = 1; size < bytes->size; size++) {
        struct smew__item item;

        copy = copy_of(bytes->data, size);
        assert_int_equal(smew__codec_frame.decode(copy, size, &item), SMEW_CORRUPT);
        smew__free(copy);
    }
}

static void test_bare_frames(void **state)
{
    (void)state;
    assert_true(for_each_small(&smew__codec_frame, check_frame) >= 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_records),
        SUPPORT_TEST(test_stream_frames),
        SUPPORT_TEST(test_bare_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
