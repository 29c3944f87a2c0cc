/* SPDX-License-Identifier: MIT */
/*
 * Records of a lane whose CRCs are right and whose contents are not.  Each case says a good record
 * otherwise than its one form, or says what cannot be.
 */
#include "tests/support/support.h"

#include <string.h>

#include "base/alloc.h"
#include "serialization/record.h"
#include "tests/serialization/kit.h"

enum { MOST = 512 };

static const struct smew_message_id lane_id = {0x1122334455667788, 3, 8};

static bool resolve(void *owner, enum smew__envelope_names name, uint32_t number,
                    struct smew__text *text)
{
    (void)owner;
    (void)name;
    *text = (struct smew__text){"known", 5};
    return number == 1;
}

static const struct smew__record_lane lane = {
    {{0x1122334455667788, 3, 8}, {"@3.17", 5}}, resolve, NULL};

/* A record taken apart. */
struct forgery {
    struct smew__envelope envelope;
    struct smew__record_numbers numbers;
    struct smew__record_header header;
    struct smew__record_fixed fixed;
    uint8_t body[MOST];
};

static void write_it(struct forgery *forgery)
{
    struct smew__record_shape shape;

    assert_int_equal(
        smew__record_measure(&forgery->envelope, &lane.implied, &forgery->numbers, &shape),
        SMEW_OK);
    assert_true(shape.body_size <= sizeof forgery->body);
    memset(forgery->body, 0, sizeof forgery->body);
    smew__record_write(&forgery->envelope, &shape, forgery->body, &forgery->header);
    memcpy(&forgery->fixed, forgery->body, sizeof forgery->fixed);
}

static void begin(struct forgery *forgery, const char *item)
{
    *forgery = (struct forgery){.envelope = kit_item(item)->envelope, .numbers = {1, 1, 0}};
    write_it(forgery);
}

/* A copy of exactly the body's size is read, for a sanitizer to watch. */
static enum smew_status read_it(const struct forgery *forgery)
{
    size_t size = (size_t)smew__record_size(&forgery->header) - sizeof forgery->header;
    uint8_t *copy = smew__alloc(size + 1);
    struct smew__item item = {0};
    unsigned defines;
    enum smew_status status;

    assert_non_null(copy);
    assert_true(size <= sizeof forgery->body);
    memcpy(copy, forgery->body, size);
    copy[size] = 'x';
    status = smew__record_read(&forgery->header, copy, &lane, &defines, &item);
    assert_null(status == SMEW_OK ? NULL : item.memory);
    smew__item_fini(&item);
    smew__free(copy);
    return status;
}

static void expect(struct forgery *forgery, enum smew_status expected)
{
    memcpy(forgery->body, &forgery->fixed, sizeof forgery->fixed);
    assert_int_equal(read_it(forgery), expected);
}

static void test_unchanged(void **state)
{
    struct forgery forgery;

    (void)state;
    begin(&forgery, "event");
    expect(&forgery, SMEW_OK);
    begin(&forgery, "event-headers");
    expect(&forgery, SMEW_OK);
}

static void test_numbers_nobody_defined(void **state)
{
    struct forgery forgery;

    (void)state;
    begin(&forgery, "event");
    forgery.header.target = 2;
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event");
    forgery.header.event = 2;
    expect(&forgery, SMEW_CORRUPT);
}

static void test_names_that_are_nowhere(void **state)
{
    struct forgery forgery;

    (void)state;
    begin(&forgery, "event");
    forgery.header.target = 0;
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event");
    forgery.header.event = 0;
    expect(&forgery, SMEW_CORRUPT);
}

/* A record says itself what its lane would have implied. */
static void test_said_twice(void **state)
{
    struct forgery forgery;

    (void)state;
    begin(&forgery, "event");
    forgery.envelope.id = lane_id;
    forgery.envelope.id.sequence++;
    write_it(&forgery);
    expect(&forgery, SMEW_OK);
    memcpy(forgery.body + 2 * SMEW__RECORD_WORD, &lane_id.sequence, SMEW__RECORD_WORD);
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event");
    forgery.envelope.source = KIT_TEXT("@3.18");
    write_it(&forgery);
    expect(&forgery, SMEW_OK);
    *(uint8_t *)memchr(forgery.body, '8', sizeof forgery.body) = '7';
    expect(&forgery, SMEW_CORRUPT);
    /* The same where the extension has the same size with it and without. */
    begin(&forgery, "event");
    forgery.numbers.target = 0;
    forgery.envelope.target = KIT_TEXT("valve-03");
    forgery.envelope.source = KIT_TEXT("@3.18");
    write_it(&forgery);
    expect(&forgery, SMEW_OK);
    *(uint8_t *)memchr(forgery.body, '8', sizeof forgery.body) = '7';
    expect(&forgery, SMEW_CORRUPT);
}

/* Nothing is left to say, and yet there is an extension. */
static void test_empty_extension(void **state)
{
    struct forgery forgery;

    (void)state;
    begin(&forgery, "event");
    forgery.envelope.id = lane_id;
    forgery.envelope.sent_ns = 0;
    forgery.envelope.flags = SMEW__ENVELOPE_REDELIVERED;
    write_it(&forgery);
    assert_int_equal(forgery.header.extension_words, 1);
    expect(&forgery, SMEW_OK);
    forgery.fixed.flags = 0;
    expect(&forgery, SMEW_CORRUPT);
}

static void test_texts_that_define(void **state)
{
    struct forgery forgery;

    (void)state;
    begin(&forgery, "event");
    forgery.numbers.defines = SMEW__ENVELOPE_TARGET;
    write_it(&forgery);
    expect(&forgery, SMEW_OK);
    forgery.header.target = 77; /* a new number, of this text */
    expect(&forgery, SMEW_OK);
    *(uint8_t *)memchr(forgery.body, 'v', sizeof forgery.body) = '\n';
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event");
    forgery.fixed.target_size = 7; /* a text that is not there */
    expect(&forgery, SMEW_CORRUPT);
}

static void test_rest_is_as_strict(void **state)
{
    struct forgery forgery;

    (void)state;
    begin(&forgery, "event");
    forgery.header.kind = SMEW_KIND_CONTROL;
    expect(&forgery, SMEW_CORRUPT);
    forgery.header.kind = SMEW_KIND_CONTROL + 1;
    expect(&forgery, SMEW_VERSION);
    begin(&forgery, "event");
    forgery.fixed.flags = 1u << 3;
    expect(&forgery, SMEW_VERSION);
    begin(&forgery, "event");
    forgery.fixed.values |= 1u << 7;
    expect(&forgery, SMEW_VERSION);
    begin(&forgery, "event");
    forgery.body[smew__record_size(&forgery.header) - sizeof forgery.header - 1] = 1;
    expect(&forgery, SMEW_CORRUPT);
    begin(&forgery, "event");
    forgery.header.payload_size--;
    expect(&forgery, SMEW_CORRUPT);
}

/* Every size of the extension that is not the right one; with none at all it were payload. */
static void test_extension_sizes(void **state)
{
    struct forgery forgery;

    (void)state;
    begin(&forgery, "event-headers");
    for (unsigned words = 1; words < 40; words++) {
        const unsigned right = forgery.header.extension_words;

        if (words == right)
            continue;
        forgery.header.extension_words = (uint8_t)words;
        expect(&forgery, SMEW_CORRUPT);
        forgery.header.extension_words = (uint8_t)right;
    }
    expect(&forgery, SMEW_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_unchanged),
        SUPPORT_TEST(test_numbers_nobody_defined),
        SUPPORT_TEST(test_names_that_are_nowhere),
        SUPPORT_TEST(test_said_twice),
        SUPPORT_TEST(test_empty_extension),
        SUPPORT_TEST(test_texts_that_define),
        SUPPORT_TEST(test_rest_is_as_strict),
        SUPPORT_TEST(test_extension_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
