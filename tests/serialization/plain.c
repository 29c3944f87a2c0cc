/* SPDX-License-Identifier: MIT */
/*
 * Plain records are no format of their own: each is what smew__record_write() makes of the same
 * envelope, byte for byte, and whatever smew__record_plain_read() takes, smew__record_read() reads
 * as the same envelope.  What the one does not take the other still may.
 */
#include "tests/support/support.h"

#include <string.h>

#include "base/alloc.h"
#include "serialization/record_plain.h"
#include "tests/serialization/kit.h"

enum { PAYLOAD_MOST = 300, MUTATIONS = 200000, ROOM = 1024 };

static const struct smew_message_id lane_id = {0x1122334455667788, 3, 8};
static const char target[] = "target", event[] = "EVENT", source[] = "@0.1";

/* Its ends are names of every length. */
static char long_name[SMEW_ID_MAX + 1];

static int make_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < SMEW_ID_MAX; i++)
        long_name[i] = (char)('a' + i % 26);
    return 0;
}

static bool resolve(void *owner, enum smew__envelope_names name, uint32_t number,
                    struct smew__text *text)
{
    (void)owner;
    if (name == SMEW__ENVELOPE_SOURCE || number != (name == SMEW__ENVELOPE_TARGET ? 7u : 9u))
        return false;
    *text = name == SMEW__ENVELOPE_TARGET ? KIT_TEXT(target) : KIT_TEXT(event);
    return true;
}

static struct smew__record_implied implied(void)
{
    return (struct smew__record_implied){.id = lane_id, .source = KIT_TEXT(source)};
}

static struct smew__record_plain plain_of(struct support_random *random, uint8_t *payload)
{
    struct smew__record_plain plain = {
        .target = 7,
        .event = 9,
        .content = (enum smew_content)support_random_below(random, SMEW_CONTENT_PROTOBUF + 1),
        .tick = (support_random_next(random) >> (64 - SMEW__RECORD_TICK_BITS)) | 1,
        .payload = payload,
        .payload_size = support_random_below(random, PAYLOAD_MOST + 1),
    };

    support_random_fill(random, payload, plain.payload_size);
    if (support_random_below(random, 2))
        plain.source =
            (struct smew__text){long_name + support_random_below(random, SMEW_ID_MAX), 0};
    plain.source.size = plain.source.data ? strlen(plain.source.data) : 0;
    return plain;
}

static struct smew__envelope envelope_of(const struct smew__record_plain *plain)
{
    return (struct smew__envelope){
        .id = lane_id,
        .kind = SMEW_KIND_EVENT,
        .content = plain->content,
        .source = plain->source.size ? plain->source : KIT_TEXT(source),
        .target = KIT_TEXT(target),
        .event = KIT_TEXT(event),
        .payload = plain->payload,
        .payload_size = plain->payload_size,
        .sent_ns = (SMEW__RECORD_FIRST_MS + plain->tick) * 1000000,
    };
}

static struct smew__record_header write_plain(const struct smew__record_plain *plain, uint8_t *body)
{
    struct smew__record_words words = {smew__record_plain_sizes(plain),
                                       smew__record_plain_meaning(plain)};
    struct smew__record_header header = {.body_crc = smew__record_plain_write(plain, body)};

    memcpy((uint8_t *)&header + SMEW__RECORD_WORD, &words, sizeof words);
    return header;
}

static void test_written_as_by_the_other(void **state)
{
    const struct smew__record_numbers numbers = {.target = 7, .event = 9};
    const struct smew__record_implied lane = implied();
    struct support_random random = support_random_seeded();

    (void)state;
    for (int i = 0; i < 5000; i++) {
        uint8_t payload[PAYLOAD_MOST], one[ROOM], other[ROOM];
        struct smew__record_plain plain = plain_of(&random, payload), again = {0};
        struct smew__envelope envelope = envelope_of(&plain);
        struct smew__record_header header, other_header;
        struct smew__record_shape shape;

        memset(one, 0xA5, sizeof one);
        memset(other, 0x5A, sizeof other);
        assert_int_equal(smew__record_measure(&envelope, &lane, &numbers, &shape), SMEW_OK);
        assert_int_equal(shape.body_size, smew__record_plain_size(&plain));
        smew__record_write(&envelope, &shape, other, &other_header);
        header = write_plain(&plain, one);
        assert_memory_equal(&header, &other_header, sizeof header);
        assert_memory_equal(one, other, (size_t)shape.body_size);
        assert_int_equal(one[shape.body_size], 0xA5);
        assert_true(smew__record_plain_read(&header, one, KIT_TEXT(source), &again));
        assert_ptr_equal(again.payload, one + smew__record_plain_extension(&plain));
        assert_int_equal(again.source.size, plain.source.size);
        assert_memory_equal(again.source.data, plain.source.size ? plain.source.data : "",
                            plain.source.size);
        assert_int_equal(again.payload_size, plain.payload_size);
        assert_int_equal(again.tick, plain.tick);
        assert_int_equal(again.content, plain.content);
        assert_int_equal(again.target, 7);
        assert_int_equal(again.event, 9);
    }
}

/* Of a record that may be anything: what is taken here is read there, with the same result. */
static bool check_agreement(const struct smew__record_header *header, const uint8_t *body)
{
    const struct smew__record_lane lane = {.implied = implied(), .resolve = resolve};
    struct smew__record_plain plain;
    struct smew__item item = {0};
    struct smew__item expected = {.type = SMEW__ITEM_ENVELOPE};
    unsigned defines = 0;
    bool taken = smew__record_plain_read(header, body, KIT_TEXT(source), &plain);

    if (!taken || plain.target != 7 || plain.event != 9)
        return false;
    assert_int_equal(smew__record_read(header, body, &lane, &defines, &item), SMEW_OK);
    expected.envelope = envelope_of(&plain);
    assert_true(kit_equal(&item, &expected));
    assert_int_equal(defines, 0);
    smew__item_fini(&item);
    return true;
}

/* The header's sizes stay as they are: they say how much of the body there is. */
static void test_read_as_by_the_other(void **state)
{
    struct support_random random = support_random_seeded();
    unsigned taken = 0;

    (void)state;
    for (int i = 0; i < MUTATIONS; i++) {
        uint8_t payload[PAYLOAD_MOST], body[ROOM];
        struct smew__record_plain plain = plain_of(&random, payload);
        size_t size = (size_t)smew__record_plain_size(&plain);
        size_t extension = smew__record_plain_extension(&plain);
        struct smew__record_header header;
        unsigned what = (unsigned)support_random_below(&random, 8);

        header = write_plain(&plain, body);
        if (what == 0)
            header.kind = (uint8_t)support_random_next(&random);
        else if (what == 1)
            header.content = (uint8_t)support_random_below(&random, SMEW_CONTENT_PROTOBUF + 3);
        else if (what == 2 && extension != 0)
            body[support_random_below(&random, extension)] ^=
                (uint8_t)(1 << support_random_below(&random, 8));
        else if (what == 3 && size != 0)
            body[size - 1] ^= (uint8_t)support_random_below(&random, 2);
        else if (what == 4)
            smew__record_set_tick(&header, 0);
        else if (size != 0)
            body[support_random_below(&random, size)] ^= 0x10;
        taken += check_agreement(&header, body);
    }
    assert_in_range(taken, MUTATIONS / 10, MUTATIONS - 1); /* neither all nor none */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_written_as_by_the_other),
        SUPPORT_TEST(test_read_as_by_the_other),
    };

    return cmocka_run_group_tests(tests, make_names, NULL);
}
