/* SPDX-License-Identifier: MIT */
/*
 * Records whose CRCs are right and whose contents are not: what a writer with bad intent, or of
 * another version, can put in front of us.  Each case takes a good record, changes it, and seals
 * it again.
 */
#include "tests/support/support.h"

#include <string.h>

#include "base/crc32c/crc32c.h"
#include "serialization/item.h"
#include "serialization/record.h"
#include "tests/serialization/kit.h"

enum { HEADER = sizeof(struct smew__record_header), MOST = 4096 };

/* A record taken apart; reseal() puts it together. */
struct forgery {
    struct smew__record_header header;
    struct smew__record_fixed fixed; /* of an envelope */
    uint8_t bytes[MOST];
    size_t size;
};

static void begin_with(struct forgery *forgery, const struct smew__item *item)
{
    struct smew__buffer bytes;

    smew__buffer_init(&bytes);
    assert_int_equal(smew__codec_record.encode(item, &bytes), SMEW_OK);
    assert_true(bytes.size <= sizeof forgery->bytes);
    forgery->size = bytes.size;
    memcpy(forgery->bytes, bytes.data, bytes.size);
    memcpy(&forgery->header, bytes.data, HEADER);
    memcpy(&forgery->fixed, bytes.data + HEADER, sizeof forgery->fixed);
    smew__buffer_fini(&bytes);
}

static void begin(struct forgery *forgery, const char *item)
{
    begin_with(forgery, kit_item(item));
}

static void reseal(struct forgery *forgery)
{
    if (forgery->header.extension_words != 0)
        memcpy(forgery->bytes + HEADER, &forgery->fixed, sizeof forgery->fixed);
    forgery->header.body_crc = smew__crc32c(0, forgery->bytes + HEADER, forgery->size - HEADER);
    forgery->header.header_crc = smew__record_header_crc(&forgery->header);
    memcpy(forgery->bytes, &forgery->header, HEADER);
}

static void expect(struct forgery *forgery, enum smew_status expected)
{
    struct smew__item item = {0};
    enum smew_status status;

    reseal(forgery);
    status = smew__codec_record.decode(forgery->bytes, forgery->size, &item);
    assert_int_equal(status, expected);
    smew__item_fini(&item);
}

/* Where a word of the extension begins. */
static uint8_t *word_at(struct forgery *forgery, size_t word)
{
    return forgery->bytes + HEADER + word * SMEW__RECORD_WORD;
}

static void test_unchanged(void **state)
{
    struct forgery forgery;

    (void)state;
    begin(&forgery, "event");
    expect(&forgery, SMEW_OK);
    begin(&forgery, "ack");
    expect(&forgery, SMEW_OK);
}

static void test_other_versions(void **state)
{
    struct forgery forgery;

    (void)state;
    begin(&forgery, "event");
    forgery.header.kind = SMEW_KIND_CONTROL + 1;
    expect(&forgery, SMEW_VERSION);
    forgery.header.kind = 0;
    expect(&forgery, SMEW_VERSION);
    begin(&forgery, "event");
    forgery.fixed.values |= 1u << 7;
    expect(&forgery, SMEW_VERSION);
    begin(&forgery, "event");
    forgery.fixed.flags = 1u << 3;
    expect(&forgery, SMEW_VERSION);
    begin(&forgery, "event");
    forgery.fixed.unused = 1;
    expect(&forgery, SMEW_VERSION);
    begin(&forgery, "event");
    forgery.header.content = SMEW_CONTENT_PROTOBUF + 1;
    expect(&forgery, SMEW_VERSION);
    begin(&forgery, "ack");
    forgery.bytes[HEADER] = 0x2a; /* item 5 in the frame */
    expect(&forgery, SMEW_VERSION);
}

static void test_header(void **state)
{
    struct forgery forgery;

    (void)state;
    begin(&forgery, "event");
    forgery.header.commit = 0;
    expect(&forgery, SMEW_CORRUPT);
    forgery.header.commit = smew__record_commit(1, 0);
    expect(&forgery, SMEW_CORRUPT);
    /* A number means nothing without a lane, and neither does what it would imply. */
    begin(&forgery, "event");
    forgery.header.target = 1;
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event");
    forgery.header.event = 1;
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event");
    forgery.header.extension_words = 0;
    forgery.header.payload_size = 8;
    expect(&forgery, SMEW_CORRUPT);
}

static void test_sizes(void **state)
{
    struct forgery forgery;
    uint8_t words;

    (void)state;
    begin(&forgery, "event");
    words = forgery.header.extension_words;
    for (unsigned other = 0; other <= UINT8_MAX; other++)
        if (other != words) {
            forgery.header.extension_words = (uint8_t)other;
            expect(&forgery, SMEW_CORRUPT);
        }
    begin(&forgery, "event");
    forgery.header.payload_size = UINT32_MAX;
    expect(&forgery, SMEW_CORRUPT);
    forgery.header.payload_size = 0; /* the payload is where the padding should be */
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event-headers");
    forgery.bytes[forgery.size - 1] = 1;
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event");
    memset(forgery.bytes + forgery.size, 0, SMEW__RECORD_ALIGNMENT); /* too much of it */
    forgery.size += SMEW__RECORD_ALIGNMENT;
    expect(&forgery, SMEW_CORRUPT);
}

/* Each size byte of the fixed word, with every value that it can have. */
static void test_text_sizes(void **state)
{
    struct forgery forgery;

    (void)state;
    for (int which = 0; which < 4; which++) {
        begin(&forgery, "event-headers");
        for (unsigned size = 0; size <= UINT8_MAX; size++) {
            struct smew__record_fixed good = forgery.fixed;
            uint8_t *sizes[] = {&forgery.fixed.target_size, &forgery.fixed.source_size,
                                &forgery.fixed.event_size, &forgery.fixed.traceparent_size};

            if (*sizes[which] == size)
                continue;
            *sizes[which] = (uint8_t)size;
            expect(&forgery, SMEW_CORRUPT);
            forgery.fixed = good;
        }
    }
}

/* An envelope has one form: what is 0 is left out, and what is unused is 0. */
static void test_one_form(void **state)
{
    struct forgery forgery;

    (void)state;
    begin(&forgery, "event");    /* fixed, id, texts */
    word_at(&forgery, 3)[4] = 1; /* a stream beyond 32 bits */
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event");
    forgery.fixed.values &= (uint16_t)~SMEW__RECORD_ID;
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event");
    word_at(&forgery, forgery.header.extension_words)[-1] = 1; /* behind the texts */
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event");
    word_at(&forgery, 4)[7] = 'x'; /* the target is not terminated */
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event");
    word_at(&forgery, 4)[0] = '\n'; /* and no name */
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "reply");
    word_at(&forgery, 5)[4] = 1; /* a result beyond 32 bits */
    expect(&forgery, SMEW_CORRUPT);
}

/* A time that is no whole number of milliseconds: fixed, id, sent, texts. */
static void test_one_time(void **state)
{
    struct smew__item item = *kit_item("event");
    const uint64_t whole = item.envelope.sent_ns;
    struct forgery forgery;

    (void)state;
    item.envelope.sent_ns++;
    begin_with(&forgery, &item);
    assert_int_equal(forgery.header.sent, 0);
    expect(&forgery, SMEW_OK);
    memset(word_at(&forgery, 4), 0, SMEW__RECORD_WORD);
    expect(&forgery, SMEW_CORRUPT);
    memcpy(word_at(&forgery, 4), &whole, SMEW__RECORD_WORD); /* one that the header can say */
    expect(&forgery, SMEW_CORRUPT);
    begin_with(&forgery, &item);
    forgery.header.sent_high = 1; /* said twice */
    expect(&forgery, SMEW_CORRUPT);
}

static void test_user_headers(void **state)
{
    const uint64_t good = (uint64_t)2 << 32 | 22;
    const uint64_t bad[] = {
        0,
        22,
        (uint64_t)1 << 32 | 22,
        (uint64_t)3 << 32 | 22,
        (uint64_t)33 << 32 | 22,
        (uint64_t)UINT32_MAX << 32 | 22,
        (uint64_t)2 << 32 | 21,
        (uint64_t)2 << 32 | 23,
        (uint64_t)2 << 32 | 26, /* larger than payload and headers */
        (uint64_t)2 << 32 | UINT32_MAX,
        (uint64_t)2 << 32,
    };
    struct forgery forgery;
    uint64_t word;

    (void)state;
    begin(&forgery, "event-headers");
    memcpy(&word, word_at(&forgery, 4), sizeof word);
    assert_true(word == good);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memcpy(word_at(&forgery, 4), &bad[i], sizeof bad[i]);
        expect(&forgery, SMEW_CORRUPT);
    }
    memcpy(word_at(&forgery, 4), &good, sizeof good);
    expect(&forgery, SMEW_OK);
    /* Every other value of every byte of the sizes. */
    for (unsigned value = 0; value <= UINT8_MAX; value++)
        for (size_t at = 3; at < 6; at++) {
            uint8_t *byte = word_at(&forgery, forgery.header.extension_words) + at;
            uint8_t before = *byte;

            *byte = (uint8_t)value;
            expect(&forgery, value == before ? SMEW_OK : SMEW_CORRUPT);
            *byte = before;
        }
}

/* A CONTROL record holds what has no record of its own. */
static void test_control(void **state)
{
    struct forgery forgery;
    struct smew__buffer frame;

    (void)state;
    smew__buffer_init(&frame);
    assert_int_equal(smew__codec_frame.encode(kit_item("event"), &frame), SMEW_OK);
    begin(&forgery, "event");
    memset(forgery.bytes + HEADER, 0, MOST - HEADER);
    memcpy(forgery.bytes + HEADER, frame.data, frame.size);
    forgery.header.kind = SMEW_KIND_CONTROL;
    forgery.header.extension_words = 0;
    forgery.header.payload_size = (uint32_t)frame.size;
    forgery.size = (size_t)smew__record_size(&forgery.header);
    expect(&forgery, SMEW_CORRUPT);
    smew__buffer_fini(&frame);
    begin(&forgery, "control");
    forgery.header.kind = SMEW_KIND_EVENT;
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "ack");
    forgery.header.payload_size--;
    expect(&forgery, SMEW_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_unchanged),  SUPPORT_TEST(test_other_versions),
        SUPPORT_TEST(test_header),     SUPPORT_TEST(test_sizes),
        SUPPORT_TEST(test_text_sizes), SUPPORT_TEST(test_one_form),
        SUPPORT_TEST(test_one_time),   SUPPORT_TEST(test_user_headers),
        SUPPORT_TEST(test_control),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
