/* SPDX-License-Identifier: MIT */
/*
 * Records in a lane: names by number, what the lane implies, and the words that tell one record
 * from another.
 */
#include "tests/support/support.h"

#include <string.h>

#include "base/alloc.h"
#include "serialization/record.h"
#include "tests/serialization/kit.h"

enum { WAYS = 3, HEADER = sizeof(struct smew__record_header) };

/* How a name is said. */
enum way { BY_TEXT, BY_NUMBER, BY_BOTH };

static const struct smew_message_id lane_id = {0x1122334455667788, 3, 8};

/* What a reader knows: the names of one envelope, as numbers 1 and 3. */
static bool resolve(void *owner, enum smew__envelope_names name, uint32_t number,
                    struct smew__text *text)
{
    const struct smew__envelope *envelope = owner;

    switch (name) {
    case SMEW__ENVELOPE_TARGET:
        *text = envelope->target;
        return number == 1;
    case SMEW__ENVELOPE_EVENT:
        *text = envelope->event;
        return number == 3;
    default:
        return false;
    }
}

static struct smew__record_numbers numbers_of(enum way target, enum way event)
{
    unsigned defines = (target == BY_BOTH ? SMEW__ENVELOPE_TARGET : 0u) |
                       (event == BY_BOTH ? SMEW__ENVELOPE_EVENT : 0u);

    return (struct smew__record_numbers){.target = target == BY_TEXT ? 0 : 1,
                                         .event = event == BY_TEXT ? 0 : 3,
                                         .defines = (uint8_t)defines};
}

/* The kit's texts are not terminated; what a resolver answers is. */
static struct smew__text terminated(struct smew__text text)
{
    char *copy = smew__calloc(1, text.size + 1);

    assert_non_null(copy);
    if (text.size > 0) /* else there may be no data at all */
        memcpy(copy, text.data, text.size);
    return (struct smew__text){copy, text.size};
}

/* Writes and reads one; into memory of exactly its size, for a sanitizer to watch. */
static void check_round_trip(const struct smew__item *item, const struct smew__record_lane *lane,
                             const struct smew__record_numbers *numbers)
{
    const struct smew__envelope *envelope = &item->envelope;
    struct smew__record_header header;
    struct smew__record_shape shape;
    struct smew__item again = {0};
    unsigned defines = 99;
    uint8_t *body;

    assert_int_equal(smew__record_measure(envelope, &lane->implied, numbers, &shape), SMEW_OK);
    assert_int_equal(shape.body_size % SMEW__RECORD_ALIGNMENT, 0);
    body = smew__alloc((size_t)shape.body_size + 1);
    assert_non_null(body);
    memset(body, 0xA5, (size_t)shape.body_size + 1);
    smew__record_write(envelope, &shape, body, &header);
    assert_int_equal(body[shape.body_size], 0xA5);
    assert_true(smew__record_size(&header) == HEADER + shape.body_size);
    assert_int_equal(smew__record_read(&header, body, lane, &defines, &again), SMEW_OK);
    assert_int_equal(defines, numbers->defines);
    assert_true(kit_equal(&again, item));
    assert_true(kit_is_terminated(&again));
    smew__item_fini(&again);
    smew__free(body);
}

static void check_every_way(const struct smew__item *item, const struct smew__record_lane *lane)
{
    for (int ways = 0; ways < WAYS * WAYS; ways++) {
        enum way event = (enum way)(ways / WAYS);
        struct smew__record_numbers numbers;

        if (item->envelope.event.size == 0)
            event = BY_TEXT;
        numbers = numbers_of((enum way)(ways % WAYS), event);
        check_round_trip(item, lane, &numbers);
    }
}

static void check_item(const struct smew__item *item)
{
    struct smew__item copy = *item;
    struct smew__envelope *envelope = &copy.envelope;
    struct smew__record_lane lane = {
        .implied = {.id = lane_id}, .resolve = resolve, .owner = envelope};

    envelope->target = terminated(item->envelope.target);
    envelope->source = terminated(item->envelope.source);
    envelope->event = terminated(item->envelope.event);
    check_every_way(&copy, &lane);
    lane.implied.source = envelope->source;
    check_every_way(&copy, &lane);
    lane.implied.id = envelope->id;
    check_every_way(&copy, &lane);
    smew__free((void *)(uintptr_t)envelope->target.data);
    smew__free((void *)(uintptr_t)envelope->source.data);
    smew__free((void *)(uintptr_t)envelope->event.data);
}

static void test_round_trips(void **state)
{
    size_t count;
    const struct kit_item *items = kit_items(&count);
    unsigned done = 0;

    (void)state;
    for (size_t i = 0; i < count; i++)
        if (items[i].item.type == SMEW__ITEM_ENVELOPE &&
            items[i].item.envelope.kind != SMEW_KIND_CONTROL) {
            check_item(&items[i].item);
            done++;
        }
    assert_true(done >= 7);
}

/* ---- bytes, computed apart from the code --------------------------------------------- */

struct golden {
    const char *item;
    uint64_t number;
    struct smew__record_numbers numbers;
    bool foreign; /* neither its id nor its source are the lane's */
    const char *hex;
};

static const uint64_t salt = 0x0123456789abcdef;

static const struct golden goldens[] = {
    {"bare",
     7,
     {5, 6, 0},
     false,
     "265dc07762e157f50800000005000600000000000000010016defbad45906acf"
     "7b226279223a317d000000000000000000000000000000000000000000000000"},
    {"event",
     7,
     {5, 6, SMEW__ENVELOPE_TARGET | SMEW__ENVELOPE_EVENT},
     false,
     "265dc07762e157f5080000000500060000807e711c010103b1dcb3a6f5e11d25"
     "000000000700040076616c76652d33004f50454e000000007b226279223a317d"},
    {"request",
     UINT64_MAX,
     {0, 6, 0},
     true,
     "318ea3074005b8fc00000000000006000000000000000208d8f650f797d473e8"
     "1300010007050000010000000000000003000000000000000200000000000000"
     "630000000000000015cd5b070000000076616c76652d330040332e3137000000"},
};

static struct smew__envelope golden_envelope(const struct golden *golden)
{
    struct smew__envelope envelope = kit_item("event")->envelope;

    if (strcmp(golden->item, "bare") == 0) {
        envelope.sent_ns = 0;
        envelope.content = SMEW_CONTENT_RAW;
    } else if (strcmp(golden->item, "request") == 0) {
        envelope = kit_item("request")->envelope;
        envelope.content = SMEW_CONTENT_RAW;
        envelope.target = kit_item("event")->envelope.target;
    }
    return envelope;
}

static void test_golden(void **state)
{
    (void)state;
    if (*(const uint8_t *)&(const uint16_t){1} != 1)
        skip();
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
        const struct golden *golden = &goldens[i];
        struct smew__envelope envelope = golden_envelope(golden);
        struct smew__record_implied implied = {envelope.id, envelope.source};
        struct smew__record_header header;
        struct smew__record_shape shape;
        struct smew__buffer bytes;
        uint8_t body[128];

        if (golden->foreign) {
            implied.id.sequence++;
            implied.source = KIT_TEXT("@1.1");
        }
        smew__buffer_init(&bytes);
        kit_from_hex(golden->hex, &bytes);
        assert_int_equal(smew__record_measure(&envelope, &implied, &golden->numbers, &shape),
                         SMEW_OK);
        assert_int_equal(HEADER + shape.body_size, bytes.size);
        smew__record_write(&envelope, &shape, body, &header);
        header.commit = smew__record_commit(golden->number, salt);
        header.header_crc = smew__record_header_crc(&header);
        assert_memory_equal(&header, bytes.data, HEADER);
        assert_memory_equal(body, bytes.data + HEADER, bytes.size - HEADER);
        smew__buffer_fini(&bytes);
    }
}

/* ---- what a sender may leave out ----------------------------------------------------- */

/* A name by number, and an implied source, are not even looked at; all else is checked. */
static void test_known_names_are_not_needed(void **state)
{
    const struct smew__record_numbers numbers = {1, 3, 0};
    const struct smew__record_implied implied = {.id = lane_id};
    struct smew__envelope envelope = {.kind = SMEW_KIND_EVENT, .id = lane_id};
    struct smew__record_shape shape;

    (void)state;
    assert_int_equal(smew__record_measure(&envelope, &implied, &numbers, &shape), SMEW_OK);
    assert_int_equal(shape.extension_words, 0);
    assert_int_equal(shape.body_size, 0);
    assert_int_equal(smew__record_measure(&envelope, NULL, &numbers, &shape), SMEW_INVALID);
    assert_int_equal(smew__record_measure(&envelope, &implied, NULL, &shape), SMEW_INVALID);
    envelope.source = KIT_TEXT("a\nb");
    assert_int_equal(smew__record_measure(&envelope, &implied, &numbers, &shape), SMEW_INVALID);
}

static void test_measure_refuses(void **state)
{
    const struct smew__record_implied implied = {.id = lane_id};
    struct smew__record_numbers numbers = {1, 3, SMEW__ENVELOPE_EVENT};
    struct smew__envelope envelope = kit_item("reply")->envelope;
    struct smew__record_shape shape;

    (void)state;
    assert_int_equal(smew__record_measure(&envelope, &implied, &numbers, &shape), SMEW_INVALID);
    envelope = kit_item("control")->envelope;
    assert_int_equal(smew__record_measure(&envelope, &implied, NULL, &shape), SMEW_INVALID);
    envelope = kit_item("event")->envelope;
    envelope.payload_size = SIZE_MAX;
    assert_int_equal(smew__record_measure(&envelope, &implied, NULL, &shape), SMEW_TOO_BIG);
    envelope = kit_item("event")->envelope;
    envelope.kind = SMEW_KIND_CONTROL + 1;
    assert_int_equal(smew__record_measure(&envelope, &implied, NULL, &shape), SMEW_INVALID);
    envelope = kit_item("event")->envelope;
    envelope.target = (struct smew__text){"", 0};
    numbers = (struct smew__record_numbers){.target = 1, .defines = SMEW__ENVELOPE_TARGET};
    assert_int_equal(smew__record_measure(&envelope, &implied, &numbers, &shape), SMEW_INVALID);
}

/* Claimed, written where it belongs, and committed shorter. */
static void test_payload_in_place(void **state)
{
    const struct smew__record_numbers numbers = {1, 3, 0};
    struct smew__item item = *kit_item("event");
    struct smew__envelope *envelope = &item.envelope;
    const struct smew__record_lane lane = {{.id = lane_id}, resolve, envelope};
    struct smew__record_header header;
    struct smew__record_shape shape;
    struct smew__item again;
    unsigned defines;
    uint8_t body[256];

    (void)state;
    envelope->payload = NULL;
    envelope->payload_size = 100;
    assert_int_equal(smew__record_measure(envelope, &lane.implied, &numbers, &shape), SMEW_OK);
    assert_true(shape.body_size <= sizeof body);
    memset(body, 0xA5, sizeof body);
    envelope->payload = body + shape.extension_words * SMEW__RECORD_WORD;
    memcpy(body + shape.extension_words * SMEW__RECORD_WORD, "in place", 8);
    envelope->payload_size = 8;
    assert_int_equal(smew__record_measure(envelope, &lane.implied, &numbers, &shape), SMEW_OK);
    smew__record_write(envelope, &shape, body, &header);
    assert_int_equal(smew__record_read(&header, body, &lane, &defines, &again), SMEW_OK);
    assert_true(kit_equal(&item, &again));
    assert_memory_equal(again.envelope.payload, "in place", 8);
}

/* ---- words --------------------------------------------------------------------------- */

static void check_commit(uint64_t number, uint64_t with)
{
    uint64_t word = smew__record_commit(number, with);

    assert_true(smew__record_is_commit(word));
    assert_true(smew__record_number(word, with) == (number & SMEW__RECORD_NUMBER_MASK));
    assert_true(__builtin_popcountll(word) >= 4);
}

static void test_commit_words_can_be_read(void **state)
{
    const uint64_t edges[] = {0, UINT32_MAX, SMEW__RECORD_NUMBER_MASK, UINT64_MAX,
                              UINT64_C(1) << 63};
    struct support_random random = support_random_seeded();

    (void)state;
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        for (uint64_t more = 0; more < 100; more++) {
            check_commit(edges[i] + more - 50, 0);
            check_commit(edges[i] + more - 50, edges[i]);
        }
    for (int i = 0; i < 100000; i++)
        check_commit(support_random_next(&random), support_random_next(&random));
    assert_false(smew__record_is_commit(0));
    assert_false(smew__record_is_commit(SMEW__RECORD_NUMBER_MASK));
}

/* Numbers that follow each other have words that do not: on average half of the bits differ. */
static void test_commit_words_are_mixed(void **state)
{
    enum { MANY = 100000 };
    uint64_t different = 0;

    (void)state;
    for (uint64_t number = 0; number < MANY; number++) {
        uint64_t change = smew__record_commit(number, salt) ^ smew__record_commit(number + 1, salt);

        assert_true(__builtin_popcountll(change) >= 4);
        different += (unsigned)__builtin_popcountll(change);
    }
    assert_in_range(different / MANY, 29, 30);
}

/* A header is right for its own number in its own lane only. */
static void test_header_crc_knows_its_record(void **state)
{
    struct smew__record_header header = {.payload_size = 8, .kind = SMEW_KIND_EVENT};
    uint32_t crc;

    (void)state;
    header.commit = smew__record_commit(7, salt);
    crc = smew__record_header_crc(&header);
    header.commit = smew__record_commit(7 + 64, salt);
    assert_int_not_equal(smew__record_header_crc(&header), crc);
    header.commit = smew__record_commit(7, salt + 1);
    assert_int_not_equal(smew__record_header_crc(&header), crc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_round_trips),
        SUPPORT_TEST(test_golden),
        SUPPORT_TEST(test_known_names_are_not_needed),
        SUPPORT_TEST(test_measure_refuses),
        SUPPORT_TEST(test_payload_in_place),
        SUPPORT_TEST(test_commit_words_can_be_read),
        SUPPORT_TEST(test_commit_words_are_mixed),
        SUPPORT_TEST(test_header_crc_knows_its_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
