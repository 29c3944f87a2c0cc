/* SPDX-License-Identifier: MIT */
/*
 * The bytes themselves, written down: whoever changes them by accident finds out here, and whoever
 * changes them on purpose raises a version.  They were computed apart from the code, with a script
 * that knows protobuf's and our tables and nothing of this library.
 */
#include "tests/support/support.h"

#include "base/bytes.h"
#include "base/crc32c/crc32c.h"
#include "serialization/record.h"
#include "serialization/stream.h"
#include "tests/serialization/kit.h"

struct golden {
    const char *item;
    const char *hex;
};

static const struct golden frames[] = {
    {"hello", "0a221205706c616e741a06666565646572218877665544332211280330113880"
              "0840e724"},
    {"event", "1a3a09887766554433221110021803200130013a0540332e3137420776616c76"
              "652d334a044f50454e52087b226279223a317d6900002a36fe9c9717"},
    {"event-headers", "1a6f0901000000000000001002180320013a01614201624a0163520300010282"
                      "013730302d346266393266333537376233346461366133636539323964306530"
                      "65343733362d303066303637616130626139303262372d30318a010b0a04756e"
                      "69741203c2b0438a01070a05656d707479"},
    {"reply", "1a2b0901000000000000001002180420033a0f706b673a6c696263363a616d64"
              "3634420540332e31375863603b"},
    {"ack", "222008ffffffffffffffffff0110041a0c0507ffffffffffffffffff01220300"
            "093b"},
};

static const struct golden records[] = {
    {"event", "0f6ac33841b651fe080000000000000000807e711c01010734880473876c7c71"
              "0100000007050400887766554433221103000000000000000200000000000000"
              "76616c76652d330040332e3137004f50454e0000000000007b226279223a317d"},
    {"event-headers", "0f6ac33841b651fe1900000000000000000000000000010d6508770e61a0fb52"
                      "4100000001010137010000000000000003000000000000000200000000000000"
                      "160000000200000062006100630030302d346266393266333537376233346461"
                      "36613363653932396430653065343733362d3030663036376161306261393032"
                      "62372d3031000000000102030004756e697400c2b04300000005656d70747900"
                      "0000000000000000000000000000000000000000000000000000000000000000"},
    {"reply", "0f6ac33841b651fe00000000000000000000000000000309bebe56ba26365bcd"
              "07000000050f0000010000000000000004000000000000000200000000000000"
              "6300000000000000e2ffffff0000000040332e313700706b673a6c696263363a"
              "616d643634000000000000000000000000000000000000000000000000000000"},
    {"ack", "0f6ac33841b651fe22000000000000000000000000000500775e6093f8ae4bcd"
            "222008ffffffffffffffffff0110041a0c0507ffffffffffffffffff01220300"
            "093b000000000000000000000000000000000000000000000000000000000000"},
};

static const char refuse_hex[] = "1206081b12026e6f";

/* The frame of "reply" in a stream. */
static const char stream_hex[] = "0000002d1a2b0901000000000000001002180420033a0f706b673a6c69626336"
                                 "3a616d643634420540332e31375863603b80ea350b";

static void check_golden(const struct smew__codec *codec, const struct smew__item *item,
                         const char *hex)
{
    struct smew__item decoded = {0};
    struct smew__buffer golden;
    struct smew__buffer bytes;

    smew__buffer_init(&golden);
    smew__buffer_init(&bytes);
    kit_from_hex(hex, &golden);
    assert_int_equal(codec->encode(item, &bytes), SMEW_OK);
    assert_int_equal(bytes.size, golden.size);
    assert_memory_equal(bytes.data, golden.data, golden.size);
    assert_int_equal(codec->decode(golden.data, golden.size, &decoded), SMEW_OK);
    assert_true(kit_equal(&decoded, item));
    smew__item_fini(&decoded);
    smew__buffer_fini(&bytes);
    smew__buffer_fini(&golden);
}

static void test_frames(void **state)
{
    const struct smew__item refuse = {.type = SMEW__ITEM_REFUSE,
                                      .refuse = {SMEW_VERSION, KIT_TEXT("no")}};

    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        check_golden(&smew__codec_frame, kit_item(frames[i].item), frames[i].hex);
    check_golden(&smew__codec_frame, &refuse, refuse_hex);
}

/* Records are in the machine's own order; these are of little-endian ones. */
static void test_records(void **state)
{
    (void)state;
    if (*(const uint8_t *)&(const uint16_t){1} != 1)
        skip();
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++)
        check_golden(&smew__codec_record, kit_item(records[i].item), records[i].hex);
}

static void test_commit_words(void **state)
{
    (void)state;
    assert_true(smew__record_commit(0, 0) == 0xfe51b64138c36a0f);
    assert_true(smew__record_commit(1, 0) == 0xf51e07f0bf1a6710);
    assert_true(smew__record_commit(0, 1) == 0xf511b592e2b7c4f2);
    assert_true(smew__record_commit(UINT64_MAX, 5) == 0xf21ccf769ccd8579);
    assert_true(smew__record_commit(7, 0x0123456789abcdef) == 0xf557e16277c05d26);
}

static void test_preamble(void **state)
{
    static const uint8_t golden[] = {'S', 'M', 'E', 'W', 1, 1, 0, 0};
    uint8_t preamble[SMEW__STREAM_PREAMBLE_SIZE];

    (void)state;
    smew__stream_preamble(preamble);
    assert_int_equal(sizeof golden, sizeof preamble);
    assert_memory_equal(preamble, golden, sizeof golden);
}

static void test_stream_frame(void **state)
{
    struct smew__buffer golden;
    struct smew__buffer body;
    struct smew__buffer bytes;
    uint8_t head[SMEW__STREAM_HEAD_SIZE];
    uint8_t tail[SMEW__STREAM_TAIL_SIZE];

    (void)state;
    smew__buffer_init(&golden);
    smew__buffer_init(&body);
    smew__buffer_init(&bytes);
    kit_from_hex(stream_hex, &golden);
    assert_int_equal(smew__codec_frame.encode(kit_item("reply"), &body), SMEW_OK);
    smew__stream_head((uint32_t)body.size, head);
    smew__stream_tail(head, &(struct smew_bytes){body.data, body.size}, 1, tail);
    smew__buffer_append(&bytes, head, sizeof head);
    smew__buffer_append(&bytes, body.data, body.size);
    smew__buffer_append(&bytes, tail, sizeof tail);
    assert_int_equal(bytes.size, golden.size);
    assert_memory_equal(bytes.data, golden.data, golden.size);
    smew__buffer_fini(&bytes);
    smew__buffer_fini(&body);
    smew__buffer_fini(&golden);
}

/* The check value that goes with the polynomial, and the CRC of a frame of nothing. */
static void test_crc_check_value(void **state)
{
    uint8_t head[SMEW__STREAM_HEAD_SIZE];
    uint8_t tail[SMEW__STREAM_TAIL_SIZE];
    const struct smew_bytes parts[] = {{"123", 3}, {"", 0}, {"456789", 6}};

    (void)state;
    assert_int_equal(smew__crc32c(0, "123456789", 9), 0xE3069283u);
    smew__stream_head(9, head);
    smew__stream_tail(head, parts, 3, tail);
    assert_int_equal(smew__get_be32(tail), smew__crc32c(0,
                                                        "\0\0\0\x09"
                                                        "123456789",
                                                        13));
    smew__stream_head(0, head);
    smew__stream_tail(head, NULL, 0, tail);
    assert_int_equal(smew__get_be32(tail), 0x48674BC7u); /* of four zero bytes */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_frames),       SUPPORT_TEST(test_records),
        SUPPORT_TEST(test_commit_words), SUPPORT_TEST(test_preamble),
        SUPPORT_TEST(test_stream_frame), SUPPORT_TEST(test_crc_check_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
