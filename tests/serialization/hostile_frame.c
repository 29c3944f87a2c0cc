/* SPDX-License-Identifier: MIT */
/* Protobuf that somebody wrote by hand: other versions, broken rules, and greed for memory. */
#include "tests/support/support.h"

#include <string.h>

#include <smew/transport.h>

#include "base/alloc.h"
#include "serialization/item.h"
#include "tests/serialization/kit.h"

static enum smew_status decode(const struct smew__buffer *bytes, struct smew__item *item)
{
    enum smew_status status;

    *item = (struct smew__item){0};
    assert_false(bytes->failed);
    status = smew__codec_frame.decode(bytes->data, bytes->size, item);
    if (status != SMEW_OK)
        assert_null(item->memory);
    return status;
}

/* What decoding these hexadecimal digits answers. */
static enum smew_status decode_hex(const char *hex)
{
    struct smew__buffer bytes;
    struct smew__item item;
    enum smew_status status;

    smew__buffer_init(&bytes);
    kit_from_hex(hex, &bytes);
    status = decode(&bytes, &item);
    smew__item_fini(&item);
    smew__buffer_fini(&bytes);
    return status;
}

static void test_other_versions(void **state)
{
    (void)state;
    assert_int_equal(decode_hex("2200"), SMEW_OK);                /* an empty ACK */
    assert_int_equal(decode_hex("2a00"), SMEW_VERSION);           /* item 5 */
    assert_int_equal(decode_hex("fa0100"), SMEW_VERSION);         /* item 31 */
    assert_int_equal(decode_hex("2203a00601"), SMEW_OK);          /* an ACK with a field 100 */
    assert_int_equal(decode_hex("0a051201700801"), SMEW_VERSION); /* HELLO, feature bit 0 */
    assert_int_equal(decode_hex("1202083f"), SMEW_VERSION);       /* REFUSE with status -32 */
    assert_int_equal(decode_hex("12020802"), SMEW_CORRUPT);       /* REFUSE with status 1 */
    /* An envelope of kind 6, and of kind 1 with flag 8 and with content type 4. */
    assert_int_equal(decode_hex("1a0b20063a01614201624a0163"), SMEW_VERSION);
    assert_int_equal(decode_hex("1a0d200128083a01614201624a0163"), SMEW_VERSION);
    assert_int_equal(decode_hex("1a0d200130043a01614201624a0163"), SMEW_VERSION);
    assert_int_equal(decode_hex("1a0b20013a01614201624a0163"), SMEW_OK);
}

static void test_not_protobuf(void **state)
{
    (void)state;
    assert_int_equal(decode_hex("7b7d"), SMEW_CORRUPT);
    assert_int_equal(decode_hex("00"), SMEW_CORRUPT);
    assert_int_equal(decode_hex("22"), SMEW_CORRUPT);
    assert_int_equal(decode_hex("2280"), SMEW_CORRUPT);
    assert_int_equal(decode_hex("22ffffffff0f"), SMEW_CORRUPT);
    assert_int_equal(decode_hex("22ffffffffffffffffff01"), SMEW_CORRUPT);
    assert_int_equal(decode_hex("2001"), SMEW_CORRUPT); /* ACK as a number */
}

static void test_broken_rules(void **state)
{
    (void)state;
    assert_int_equal(decode_hex("1a00"), SMEW_VERSION);                 /* kind 0 */
    assert_int_equal(decode_hex("1a0820013a01614a0163"), SMEW_CORRUPT); /* no target */
    assert_int_equal(decode_hex("1a0b20013a01004201624a0163"), SMEW_CORRUPT);
    assert_int_equal(decode_hex("1a0b20013a01614201ff4a0163"), SMEW_CORRUPT);
    assert_int_equal(decode_hex("0a00"), SMEW_CORRUPT);           /* HELLO to no bus */
    assert_int_equal(decode_hex("220408011002"), SMEW_CORRUPT);   /* completed > received */
    assert_int_equal(decode_hex("220508011a0101"), SMEW_CORRUPT); /* position without status */
    assert_int_equal(decode_hex("220808011a010122010000"), SMEW_CORRUPT);
    assert_int_equal(decode_hex("220808011a0101220100"), SMEW_OK);
    assert_int_equal(decode_hex("220808011a0100220100"), SMEW_CORRUPT); /* position 0 */
}

/* Protobuf says that the last of several counts, and that lists need not be packed. */
static void test_protobuf_freedoms(void **state)
{
    struct smew__buffer bytes;
    struct smew__item item;

    (void)state;
    smew__buffer_init(&bytes);
    kit_from_hex("1a0e20013a01614201624201644a0163", &bytes);
    assert_int_equal(decode(&bytes, &item), SMEW_OK);
    assert_string_equal(item.envelope.target.data, "d");
    smew__item_fini(&item);
    smew__buffer_clear(&bytes);
    kit_from_hex("220a08091801180220002009", &bytes);
    assert_int_equal(decode(&bytes, &item), SMEW_OK);
    assert_int_equal(item.ack.result_count, 2);
    assert_int_equal(item.ack.results[1].position, 2);
    assert_int_equal(item.ack.results[1].status, SMEW_NO_MACHINE);
    smew__item_fini(&item);
    smew__buffer_fini(&bytes);
}

static void put_varint(struct smew__buffer *out, size_t value)
{
    uint8_t byte;

    for (; value >= 0x80; value >>= 7) {
        byte = (uint8_t)(value | 0x80);
        smew__buffer_append(out, &byte, 1);
    }
    byte = (uint8_t)value;
    smew__buffer_append(out, &byte, 1);
}

/* An item that consists of one field again and again, as large as a frame may be. */
static void fill_frame(struct smew__buffer *out, uint8_t item_tag, const char *field_hex)
{
    struct smew__buffer field;
    size_t size;

    smew__buffer_clear(out);
    smew__buffer_init(&field);
    kit_from_hex(field_hex, &field);
    size = (SMEW_FRAME_MAX - 8) / field.size * field.size;
    smew__buffer_append(out, &item_tag, 1);
    put_varint(out, size);
    while (size > 0) {
        smew__buffer_append(out, field.data, field.size);
        size -= field.size;
    }
    smew__buffer_fini(&field);
}

/* One allocation of this much and no more would do; many small ones must not do either. */
static void test_greed(void **state)
{
    static const struct {
        uint8_t item_tag;
        const char *field_hex;
    } greedy[] = {
        {0x22, "1801"},   /* positions, not packed: 8 bytes for 2, and 40 to note each */
        {0x22, "a00601"}, /* unknown fields, kept by protobuf-c */
        {0x1a, "8a0100"}, /* headers */
        {0x1a, "4200"},   /* targets, each replacing the one before */
        {0x22, "1a0101"}, /* packed lists of one */
        {0x0a, "120161"},
    };
    struct smew__buffer bytes;
    struct smew__item item;

    (void)state;
    smew__buffer_init(&bytes);
    for (size_t i = 0; i < sizeof greedy / sizeof greedy[0]; i++) {
        uint64_t before = smew__alloc_count();

        fill_frame(&bytes, greedy[i].item_tag, greedy[i].field_hex);
        assert_int_equal(decode(&bytes, &item), SMEW_CORRUPT);
        assert_true(smew__alloc_count() - before < 20000);
    }
    smew__buffer_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_other_versions), SUPPORT_TEST(test_not_protobuf),
        SUPPORT_TEST(test_broken_rules),   SUPPORT_TEST(test_protobuf_freedoms),
        SUPPORT_TEST(test_greed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
