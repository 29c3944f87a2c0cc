/* SPDX-License-Identifier: MIT */
/*
 * Frames of a caller who repeats what it was refused, smew__stream_send(): large ones go out from
 * where they lie, whole, once and in order with small ones, whether their sum is known or not.
 */
#include "tests/support/support.h"

#include <poll.h>
#include <stdlib.h>

#include <smew/transport.h>

#include "base/crc32c/crc32c.h"
#include "bus/transport/stream.h"

enum { LARGE = 1024 * 1024, ROUNDS = 6, SMALL = 10 };

static uint8_t *body;
static struct smew_channel *ends[2];

static void open_ends(void)
{
    body = malloc(LARGE + ROUNDS);
    assert_non_null(body);
    for (size_t i = 0; i < LARGE + ROUNDS; i++)
        body[i] = (uint8_t)(i * 13 + i / 255);
    assert_int_equal(smew_channel_pair(ends, NULL), SMEW_OK);
}

static void close_ends(void)
{
    smew_channel_close(ends[0]);
    smew_channel_close(ends[1]);
    free(body);
}

/* Takes what there is: the frame that is expected, or nothing yet. */
static bool take(const uint8_t *expected, size_t size)
{
    struct smew_bytes frame;
    enum smew_status status = ends[1]->ops->try_receive(ends[1], &frame);

    if (status == SMEW_AGAIN)
        return false;
    assert_int_equal(status, SMEW_OK);
    assert_int_equal(frame.size, size);
    assert_memory_equal(frame.data, expected, size);
    return true;
}

static bool watches_for_room(void)
{
    return ends[0]->ops->interest(ends[0]).events & POLLOUT;
}

/* The round's large frame, in parts of which the second may be summed; true: it was refused. */
static bool send_large(size_t round, bool known, bool *small_taken)
{
    const struct smew_bytes parts[] = {
        {body, round}, {body + round, LARGE - 2 * round}, {body + LARGE - round, round}};
    const struct smew__stream_sum sum = {1, smew__crc32c(0, parts[1].data, parts[1].size)};
    const struct smew_bytes other = {"no", 2};
    bool refused = false;

    while (smew__stream_send(ends[0], parts, 3, known ? &sum : NULL) == SMEW_AGAIN) {
        refused = true;
        assert_true(watches_for_room());
        assert_int_not_equal(ends[0]->ops->flush(ends[0]), SMEW_RESET);
        assert_true(watches_for_room());
        assert_int_equal(ends[0]->ops->try_send(ends[0], &other, 1), SMEW_AGAIN);
        if (!*small_taken)
            *small_taken = take(body + round, SMALL);
        else
            assert_false(take(body, LARGE)); /* it is not whole */
    }
    return refused;
}

static void what_is_repeated_arrives_once(void **state)
{
    bool refused = false;

    (void)state;
    open_ends();
    for (size_t round = 0; round < ROUNDS; round++) {
        const struct smew_bytes small = {body + round, SMALL};
        bool small_taken = false;

        assert_int_equal(smew__stream_send(ends[0], &small, 1, NULL), SMEW_OK);
        refused |= send_large(round, round % 2 != 0, &small_taken);
        assert_int_equal(ends[0]->ops->flush(ends[0]), SMEW_OK);
        assert_false(watches_for_room());
        while (!small_taken)
            small_taken = take(small.data, small.size);
        while (!take(body, LARGE))
            ;
    }
    assert_true(refused);
    close_ends();
}

/* What is said to be known is believed, and found out by who reads. */
static void a_wrong_sum_is_found(void **state)
{
    const struct smew__stream_sum wrong = {0, 1};
    struct smew_bytes part;
    struct smew_bytes frame;
    enum smew_status status = SMEW_AGAIN;

    (void)state;
    open_ends();
    part = (struct smew_bytes){body, LARGE};
    while (smew__stream_send(ends[0], &part, 1, &wrong) == SMEW_AGAIN && status == SMEW_AGAIN)
        status = ends[1]->ops->try_receive(ends[1], &frame);
    while (status == SMEW_AGAIN)
        status = ends[1]->ops->try_receive(ends[1], &frame);
    assert_int_equal(status, SMEW_CORRUPT);
    close_ends();
}

/* The other end goes in the midst of a frame: RESET, now and for ever. */
static void half_a_frame_ends_with_the_connection(void **state)
{
    struct smew_bytes part;

    (void)state;
    open_ends();
    part = (struct smew_bytes){body, LARGE};
    assert_int_equal(smew__stream_send(ends[0], &part, 1, NULL), SMEW_AGAIN);
    smew_channel_close(ends[1]);
    ends[1] = NULL;
    assert_int_equal(smew__stream_send(ends[0], &part, 1, NULL), SMEW_RESET);
    assert_int_equal(smew__stream_send(ends[0], &part, 1, NULL), SMEW_RESET);
    assert_int_equal(ends[0]->ops->flush(ends[0]), SMEW_RESET);
    close_ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(what_is_repeated_arrives_once),
        SUPPORT_TEST(a_wrong_sum_is_found),
        SUPPORT_TEST(half_a_frame_ends_with_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
