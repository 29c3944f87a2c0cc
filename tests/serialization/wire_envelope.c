/* SPDX-License-Identifier: MIT */
/*
 * Envelopes by hand are no format of their own: each is byte for byte what protobuf-c makes of it,
 * and whatever the hand-written reader takes, protobuf-c reads as the same envelope.  What the one
 * does not take the other still may.
 */
#include "serialization/wire_envelope.h"

#include <string.h>

#include "tests/support/support.h"

#include "base/alloc.h"
#include "serialization/frame.h"
#include "tests/serialization/kit.h"

enum { ROUNDS = 20000, DAMAGES = 20, PAYLOAD_MOST = 300, TEXT_MOST = 255 };

/* A number of any length: few of 64 random bits are small. */
static uint64_t any_number(struct support_random *random)
{
    uint64_t bits = support_random_below(random, 65);

    return bits == 0 ? 0 : support_random_next(random) >> (64 - bits);
}

/* Any bytes: what they are is no business of the writer's. */
static struct smew__text any_text(struct support_random *random, char room[TEXT_MOST])
{
    struct smew__text text = {room, support_random_below(random, TEXT_MOST + 1)};

    if (support_random_below(random, 2) == 0)
        text.size = support_random_below(random, 4);
    support_random_fill(random, room, text.size);
    return text;
}

struct sample {
    struct smew__item item;
    char source[TEXT_MOST], target[TEXT_MOST], event[TEXT_MOST], trace[TEXT_MOST];
    uint8_t payload[PAYLOAD_MOST];
};

static void fill(struct sample *sample, struct support_random *random)
{
    struct smew__envelope *envelope = &sample->item.envelope;

    sample->item = (struct smew__item){.type = SMEW__ITEM_ENVELOPE};
    envelope->id = (struct smew_message_id){any_number(random), (uint32_t)any_number(random),
                                            any_number(random)};
    envelope->kind = (enum smew_kind)support_random_below(random, 6);
    envelope->flags = (uint32_t)any_number(random);
    envelope->content = (enum smew_content)support_random_below(random, 4);
    envelope->source = any_text(random, sample->source);
    envelope->target = any_text(random, sample->target);
    envelope->event = any_text(random, sample->event);
    if (support_random_below(random, 4) == 0)
        envelope->traceparent = any_text(random, sample->trace);
    envelope->payload = sample->payload;
    envelope->payload_size = support_random_below(random, PAYLOAD_MOST + 1);
    support_random_fill(random, sample->payload, envelope->payload_size);
    envelope->correlation = any_number(random);
    envelope->result = (int32_t)any_number(random);
    envelope->sent_ns = any_number(random);
    envelope->deadline_ns = any_number(random);
    envelope->missed = any_number(random);
    if (support_random_below(random, 4) == 0)
        envelope->waits = (uint32_t)any_number(random);
}

static void write_by_hand(const struct smew__envelope *envelope, struct smew__buffer *out)
{
    struct smew__buffer around;
    size_t before;

    smew__buffer_init(&around);
    assert_int_equal(smew__wire_envelope_write(envelope, &around, &before), SMEW_OK);
    assert_true(before <= around.size);
    smew__buffer_append(out, around.data, before);
    smew__buffer_append(out, envelope->payload, envelope->payload_size);
    smew__buffer_append(out, around.data + before, around.size - before);
    smew__buffer_fini(&around);
    assert_false(out->failed);
}

/* Bytes that may be anything: what is taken here is read there, with the same result. */
static bool check_agreement(const void *data, size_t size)
{
    void *copy = smew__memdup(data, size); /* so that a sanitizer sees what is read beyond it */
    struct smew__item item = {.type = SMEW__ITEM_ENVELOPE};
    struct smew__item expected = {0};
    bool taken = smew__wire_envelope_read(copy, size, &item.envelope);

    if (taken) {
        assert_int_equal(smew__frame_decode_generated(copy, size, &expected), SMEW_OK);
        assert_true(kit_is_complete(&item));
        assert_true(kit_equal(&item, &expected));
        smew__item_fini(&expected);
    }
    smew__free(copy);
    return taken;
}

/* A few bytes of a frame become others, or it ends too soon. */
static void damage(struct support_random *random, struct smew__buffer *bytes)
{
    uint64_t flips = support_random_below(random, 3);

    for (uint64_t i = 0; i <= flips; i++)
        bytes->data[support_random_below(random, bytes->size)] = (uint8_t)any_number(random);
    if (support_random_below(random, 4) == 0)
        bytes->size = 1 + support_random_below(random, bytes->size);
}

static void test_as_the_generated_code(void **state)
{
    struct support_random random = support_random_seeded();
    struct smew__buffer one, other;
    size_t taken = 0;

    (void)state;
    smew__buffer_init(&one);
    smew__buffer_init(&other);
    for (int i = 0; i < ROUNDS; i++) {
        struct sample sample;

        fill(&sample, &random);
        smew__buffer_clear(&one);
        smew__buffer_clear(&other);
        write_by_hand(&sample.item.envelope, &one);
        assert_int_equal(smew__frame_encode_generated(&sample.item, &other), SMEW_OK);
        assert_int_equal(one.size, other.size);
        assert_memory_equal(one.data, other.data, one.size);
        assert_int_equal(check_agreement(one.data, one.size),
                         sample.item.envelope.traceparent.size == 0 &&
                             sample.item.envelope.waits == 0);
        for (int j = 0; j < DAMAGES; j++) {
            damage(&random, &one);
            taken += check_agreement(one.data, one.size);
        }
    }
    assert_true(taken > 0);
    smew__buffer_fini(&one);
    smew__buffer_fini(&other);
}

static bool takes(const char *hex)
{
    struct smew__buffer bytes;
    bool taken;

    smew__buffer_init(&bytes);
    kit_from_hex(hex, &bytes);
    taken = check_agreement(bytes.data, bytes.size);
    smew__buffer_fini(&bytes);
    return taken;
}

static void test_what_is_left_to_it(void **state)
{
    (void)state;
    assert_true(takes("1a0b20013a01614201624a0163"));
    assert_true(takes("1a00"));
    assert_true(takes("1a0318ff01"));
    assert_true(takes("1a0b18ffffffffffffffffff01"));
    assert_false(takes("1a0b18ffffffffffffffffff02")); /* more than 64 bits */
    assert_false(takes("1a0610ffffffff1f"));           /* more than 32 bits */
    assert_false(takes("1a0218ff"));                   /* cut off */
    assert_false(takes("1a024202"));
    assert_false(takes("1a0309ffff"));
    assert_false(takes("1a01"));             /* a length that lies */
    assert_false(takes("1a0018"));           /* bytes behind it */
    assert_false(takes("1a06420162420164")); /* a field twice */
    assert_false(takes("1a064201623a0161")); /* not in order */
    assert_false(takes("1a021901"));         /* another wire type */
    assert_false(takes("1a03a00601"));       /* a field 100 */
    assert_false(takes("1a058201023030"));   /* a trace context */
    assert_false(takes("1a03900102"));       /* a sender that waits */
    assert_false(takes("2200"));             /* an ACK */
    assert_false(takes("1a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_as_the_generated_code),
        SUPPORT_TEST(test_what_is_left_to_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
