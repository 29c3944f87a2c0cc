/* SPDX-License-Identifier: MIT */
/* What holds for both codecs alike: one suite, run over each. */
#include "tests/support/support.h"

#include <string.h>

#include <smew/transport.h>

#include "base/alloc.h"
#include "serialization/item.h"
#include "tests/serialization/kit.h"

static const struct smew__codec *const codecs[] = {&smew__codec_frame, &smew__codec_record};

enum { CODECS = sizeof codecs / sizeof codecs[0] };

/* Decodes a copy of exactly its size, so that a sanitizer sees any byte read beyond it. */
static void check_decoded(const struct smew__codec *codec, const struct smew__buffer *bytes,
                          const struct kit_item *expected)
{
    void *copy = smew__memdup(bytes->data, bytes->size);
    struct smew__item decoded = {0};

    assert_non_null(copy);
    assert_int_equal(codec->decode(copy, bytes->size, &decoded), SMEW_OK);
    if (!kit_equal(&decoded, &expected->item) || !kit_is_complete(&decoded))
        fail_msg("%s came back different from %s", expected->name, codec->name);
    smew__item_fini(&decoded);
    assert_null(decoded.memory);
    smew__item_fini(&decoded); /* a second time does no harm */
    smew__free(copy);
}

static void test_round_trips(void **state)
{
    size_t count;
    const struct kit_item *items = kit_items(&count);

    (void)state;
    for (size_t c = 0; c < CODECS; c++)
        for (size_t i = 0; i < count; i++) {
            struct smew__buffer bytes;

            smew__buffer_init(&bytes);
            assert_int_equal(codecs[c]->encode(&items[i].item, &bytes), SMEW_OK);
            check_decoded(codecs[c], &bytes, &items[i]);
            smew__buffer_fini(&bytes);
        }
}

/* Frames are appended: what the buffer held before stays, and the bytes do not depend on it. */
static void test_appends(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        struct smew__buffer alone;
        struct smew__buffer behind;

        smew__buffer_init(&alone);
        smew__buffer_init(&behind);
        smew__buffer_text(&behind, "odd");
        assert_int_equal(codecs[c]->encode(kit_item("event"), &alone), SMEW_OK);
        assert_int_equal(codecs[c]->encode(kit_item("event"), &behind), SMEW_OK);
        assert_int_equal(behind.size, 3 + alone.size);
        assert_memory_equal(behind.data, "odd", 3);
        assert_memory_equal(behind.data + 3, alone.data, alone.size);
        smew__buffer_fini(&alone);
        smew__buffer_fini(&behind);
    }
}

/* Encoding refuses with this status, and leaves the buffer as it was. */
static void refuses(const struct smew__item *item, enum smew_status status)
{
    for (size_t c = 0; c < CODECS; c++) {
        struct smew__buffer bytes;

        smew__buffer_init(&bytes);
        smew__buffer_text(&bytes, "odd");
        assert_int_equal(codecs[c]->encode(item, &bytes), status);
        assert_int_equal(bytes.size, 3);
        assert_false(bytes.failed);
        smew__buffer_fini(&bytes);
    }
}

static char too_long[SMEW__HEADER_VALUE_MAX + 1];

static struct smew__text text_of(size_t size)
{
    memset(too_long, 'x', sizeof too_long);
    return (struct smew__text){too_long, size};
}

static void test_names_are_checked(void **state)
{
    static const struct smew__text bad[] = {{"", 0},     {"a\nb", 3},     {"a\0b", 3},
                                            {"\x7F", 1}, {"\xC0\x80", 2}, {"\xED\xA0\x80", 3},
                                            {"\xFF", 1}, {"a\xC3", 2}};
    const struct smew__item good = *kit_item("event");

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct smew__item item = good;

        item.envelope.source = bad[i];
        refuses(&item, SMEW_INVALID);
        item = good;
        item.envelope.target = bad[i];
        refuses(&item, SMEW_INVALID);
        item = good;
        item.envelope.event = bad[i];
        refuses(&item, SMEW_INVALID);
        item = *kit_item("hello");
        item.hello.bus = bad[i];
        refuses(&item, SMEW_INVALID);
        assert_false(smew__text_is_name(bad[i].data, bad[i].size));
    }
    assert_true(smew__text_is_name("pkg:*", 5));
    assert_true(smew__text_is_name("\xF0\x9F\x90\xA6", 4));
    assert_true(smew__text_is_name(text_of(SMEW_ID_MAX).data, SMEW_ID_MAX));
    assert_false(smew__text_is_name(text_of(SMEW_ID_MAX + 1).data, SMEW_ID_MAX + 1));
}

static void test_lengths_are_limited(void **state)
{
    struct smew__envelope_header header = {KIT_TEXT("h"), text_of(SMEW__HEADER_VALUE_MAX + 1)};
    struct smew__item item = *kit_item("event");

    (void)state;
    item.envelope.target = text_of(SMEW_ID_MAX + 1);
    refuses(&item, SMEW_TOO_BIG);
    item = *kit_item("event");
    item.envelope.traceparent = text_of(SMEW__TRACEPARENT_MAX + 1);
    refuses(&item, SMEW_TOO_BIG);
    item = *kit_item("event");
    item.envelope.headers = &header;
    item.envelope.header_count = 1;
    refuses(&item, SMEW_TOO_BIG);
    header = (struct smew__envelope_header){text_of(SMEW_ID_MAX + 1), KIT_TEXT("v")};
    refuses(&item, SMEW_TOO_BIG);
    item = *kit_item("envelope-most");
    item.envelope.header_count = SMEW_HEADERS_MAX + 1;
    refuses(&item, SMEW_TOO_BIG);
    item = *kit_item("refuse");
    item.refuse.text = text_of(SMEW__REFUSE_TEXT_MAX + 1);
    refuses(&item, SMEW_TOO_BIG);
    item = *kit_item("ack-most");
    item.ack.result_count = SMEW__ACK_RESULTS_MAX + 1;
    refuses(&item, SMEW_TOO_BIG);
}

static void test_header_texts_are_checked(void **state)
{
    struct smew__envelope_header header = {KIT_TEXT("h"), KIT_TEXT("two\nlines\t\x01")};
    struct smew__item item = *kit_item("event");
    struct smew__buffer bytes;

    (void)state;
    item.envelope.headers = &header;
    item.envelope.header_count = 1;
    smew__buffer_init(&bytes);
    for (size_t c = 0; c < CODECS; c++)
        assert_int_equal(codecs[c]->encode(&item, &bytes), SMEW_OK);
    smew__buffer_fini(&bytes);
    header.value = KIT_TEXT("a\0b");
    refuses(&item, SMEW_INVALID);
    header.value = KIT_TEXT("\xFF");
    refuses(&item, SMEW_INVALID);
    header = (struct smew__envelope_header){KIT_TEXT(""), KIT_TEXT("v")};
    refuses(&item, SMEW_INVALID);
}

static void test_codes_are_checked(void **state)
{
    struct smew__item item = *kit_item("event");

    (void)state;
    item.envelope.kind = 0;
    refuses(&item, SMEW_INVALID);
    item.envelope.kind = SMEW_KIND_CONTROL + 1;
    refuses(&item, SMEW_INVALID);
    item = *kit_item("event");
    item.envelope.content = SMEW_CONTENT_PROTOBUF + 1;
    refuses(&item, SMEW_INVALID);
    item = *kit_item("event");
    item.envelope.flags = 1u << 3;
    refuses(&item, SMEW_INVALID);
    item.envelope.flags = 1u << 31;
    refuses(&item, SMEW_INVALID);
    item = *kit_item("reply");
    item.envelope.result = 1;
    refuses(&item, SMEW_INVALID);
    item.envelope.result = -1000;
    refuses(&item, SMEW_INVALID);
    item = *kit_item("hello");
    item.hello.features = 1;
    refuses(&item, SMEW_INVALID);
    item.type = 0;
    refuses(&item, SMEW_INVALID);
    item.type = 5;
    refuses(&item, SMEW_INVALID);
}

static void test_acks_are_checked(void **state)
{
    struct smew__ack_result result = {.position = 0, .status = SMEW_OK};
    struct smew__item item = {.type = SMEW__ITEM_ACK, .ack = {9, 9, &result, 1}};

    (void)state;
    refuses(&item, SMEW_INVALID);
    result.position = 10; /* beyond what was received */
    refuses(&item, SMEW_INVALID);
    result = (struct smew__ack_result){9, (enum smew_status)1};
    refuses(&item, SMEW_INVALID);
    item = (struct smew__item){.type = SMEW__ITEM_ACK, .ack = {.received = 9, .completed = 10}};
    refuses(&item, SMEW_INVALID);
}

/* The largest payload that fits goes through; SMEW_FRAME_MAX itself cannot. */
static void test_frame_is_limited(void **state)
{
    struct smew__item item = *kit_item("event");
    void *payload = smew__calloc(1, SMEW_FRAME_MAX);

    (void)state;
    assert_non_null(payload);
    item.envelope.payload = payload;
    item.envelope.payload_size = SMEW_FRAME_MAX;
    refuses(&item, SMEW_TOO_BIG);
    item.envelope.payload_size = SIZE_MAX;
    refuses(&item, SMEW_TOO_BIG);
    item.envelope.payload_size = SMEW_FRAME_MAX - 256;
    for (size_t c = 0; c < CODECS; c++) {
        const struct kit_item large = {"large", item};
        struct smew__buffer bytes;

        smew__buffer_init(&bytes);
        assert_int_equal(codecs[c]->encode(&item, &bytes), SMEW_OK);
        assert_true(bytes.size <= SMEW_FRAME_MAX);
        check_decoded(codecs[c], &bytes, &large);
        smew__buffer_fini(&bytes);
    }
    smew__free(payload);
}

static void test_oversize_is_refused_unread(void **state)
{
    uint8_t *bytes = smew__calloc(1, SMEW_FRAME_MAX + 1);
    struct smew__item item;

    (void)state;
    assert_non_null(bytes);
    for (size_t c = 0; c < CODECS; c++) {
        uint64_t allocations = smew__alloc_count();

        assert_int_equal(codecs[c]->decode(bytes, SMEW_FRAME_MAX + 1, &item), SMEW_CORRUPT);
        assert_int_equal(codecs[c]->decode(bytes, 0, &item), SMEW_CORRUPT);
        assert_int_equal(smew__alloc_count(), allocations);
    }
    smew__free(bytes);
}

struct attempt {
    const struct smew__codec *codec;
    const struct smew__item *item;
    bool finished;
};

/* Encodes and decodes; every allocation that fails is NO_MEMORY, and the item is not touched. */
static void attempt_round_trip(void *argument)
{
    struct attempt *attempt = argument;
    struct smew__item decoded = {.type = SMEW__ITEM_ACK};
    struct smew__buffer bytes;
    enum smew_status status;

    smew__buffer_init(&bytes);
    status = attempt->codec->encode(attempt->item, &bytes);
    if (status == SMEW_OK)
        status = attempt->codec->decode(bytes.data, bytes.size, &decoded);
    else
        assert_int_equal(bytes.size, 0);
    if (status == SMEW_OK)
        assert_true(kit_equal(&decoded, attempt->item));
    else
        assert_int_equal(status, SMEW_NO_MEMORY);
    assert_false(status != SMEW_OK && decoded.memory != NULL);
    attempt->finished = status == SMEW_OK;
    smew__item_fini(&decoded);
    smew__buffer_fini(&bytes);
}

static void test_every_allocation_may_fail(void **state)
{
    size_t count;
    const struct kit_item *items = kit_items(&count);

    (void)state;
    for (size_t c = 0; c < CODECS; c++)
        for (size_t i = 0; i < count; i++) {
            struct attempt attempt = {codecs[c], &items[i].item, false};

            assert_true(support_walk_allocations(attempt_round_trip, &attempt) > 0);
            assert_true(attempt.finished);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_round_trips),
        SUPPORT_TEST(test_appends),
        SUPPORT_TEST(test_names_are_checked),
        SUPPORT_TEST(test_lengths_are_limited),
        SUPPORT_TEST(test_header_texts_are_checked),
        SUPPORT_TEST(test_codes_are_checked),
        SUPPORT_TEST(test_acks_are_checked),
        SUPPORT_TEST(test_frame_is_limited),
        SUPPORT_TEST(test_oversize_is_refused_unread),
        SUPPORT_TEST(test_every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
