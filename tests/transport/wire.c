/* SPDX-License-Identifier: MIT */
/*
 * What only a byte stream can get wrong: a peer that does not speak smew, or another version, or
 * sends half a frame, a damaged one, one that is too long, or one byte at a time, or is killed.
 */
#include "tests/transport/raw.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <smew/log.h>

#include "bus/transport/stream.h"
#include "serialization/stream.h"

enum { OVERHEAD = SMEW__STREAM_HEAD_SIZE + SMEW__STREAM_TAIL_SIZE, BODY_MOST = 256 };

/* A listener, somebody who writes by hand, and the channel that hears him. */
struct wire {
    struct smew_listener *listener;
    struct smew_channel *channel;
    int fd;
};

static struct wire wire_open(void)
{
    struct wire wire = {.listener = raw_listen()};

    wire.fd = raw_connect();
    wire.channel = raw_accept(wire.listener);
    return wire;
}

static void hang_up(struct wire *wire)
{
    if (wire->fd >= 0)
        assert_int_equal(close(wire->fd), 0);
    wire->fd = -1;
}

static void wire_close(struct wire *wire)
{
    hang_up(wire);
    smew_channel_close(wire->channel);
    wire->listener->ops->close(wire->listener);
}

static void greet(const struct wire *wire)
{
    uint8_t preamble[SMEW__STREAM_PREAMBLE_SIZE];

    smew__stream_preamble(preamble);
    raw_write(wire->fd, preamble, sizeof preamble);
}

/* The bytes of a frame; how many there are. */
static size_t make_frame(const char *body, uint8_t bytes[BODY_MOST + OVERHEAD])
{
    struct smew_bytes part = {body, strlen(body)};

    assert_in_range(part.size, 0, BODY_MOST);
    smew__stream_head((uint32_t)part.size, bytes);
    memcpy(bytes + SMEW__STREAM_HEAD_SIZE, body, part.size);
    smew__stream_tail(bytes, &part, 1, bytes + SMEW__STREAM_HEAD_SIZE + part.size);
    return part.size + OVERHEAD;
}

static void write_frame(const struct wire *wire, const char *body)
{
    uint8_t bytes[BODY_MOST + OVERHEAD];

    raw_write(wire->fd, bytes, make_frame(body, bytes));
}

static void expect_frame(const struct wire *wire, const char *body)
{
    struct smew_bytes frame;

    assert_int_equal(smew_channel_receive(wire->channel, &frame, RAW_WAIT_MS), SMEW_OK);
    assert_int_equal(frame.size, strlen(body));
    assert_memory_equal(frame.data, body, frame.size);
}

/* The status stays, and nothing can be sent any more. */
static void expect_end(const struct wire *wire, enum smew_status status)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(raw_receive(wire->channel), status);
    assert_int_equal(smew_channel_send(wire->channel, "x", 1, RAW_WAIT_MS), SMEW_RESET);
    assert_int_equal(smew_channel_flush(wire->channel, RAW_WAIT_MS), SMEW_RESET);
}

static char logged[1024];

static void keep_line(enum smew_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == SMEW_LOG_WARN)
        (void)snprintf(logged, sizeof logged, "%s", text);
}

/* What these bytes end in, and what the log says about it. */
static void expect_refusal(const void *bytes, size_t size, enum smew_status status,
                           const char *word)
{
    struct wire wire = wire_open();

    logged[0] = '\0';
    smew_log_set_sink(keep_line, NULL, SMEW_LOG_WARN);
    raw_write(wire.fd, bytes, size);
    expect_end(&wire, status);
    smew_log_set_sink(NULL, NULL, SMEW_LOG_WARN);
    if (strstr(logged, word) == NULL)
        fail_msg("the log says \"%s\", not \"%s\"", logged, word);
    wire_close(&wire);
}

static void strangers_are_refused(void **state)
{
    (void)state;
    expect_refusal("GET / HTTP/1.1\r\n", 16, SMEW_CORRUPT, "smew");
    expect_refusal("{\"id\":1}", 8, SMEW_CORRUPT, "smew");
    expect_refusal("SMEX\1\1\0\0", 8, SMEW_CORRUPT, "smew");
    expect_refusal("SMEW\1\2\0\0", 8, SMEW_CORRUPT, "smew"); /* oldest above newest */
    expect_refusal("SMEW\0\0\0\0", 8, SMEW_CORRUPT, "smew");
}

static void another_version_is_refused_with_a_sentence(void **state)
{
    (void)state;
    expect_refusal("SMEW\3\2\0\0", 8, SMEW_VERSION, "wire versions 2 to 3");
    expect_refusal("SMEW\377\377\0\0", 8, SMEW_VERSION, "255");
}

static void a_version_in_common_is_enough(void **state)
{
    struct wire wire = wire_open();

    (void)state;
    raw_write(wire.fd, "SMEW\7\1\377\377", 8);
    write_frame(&wire, "from the future");
    expect_frame(&wire, "from the future");
    wire_close(&wire);
}

static void half_a_preamble_is_a_reset(void **state)
{
    (void)state;
    for (size_t size = 0; size < SMEW__STREAM_PREAMBLE_SIZE; size++) {
        struct wire wire = wire_open();

        if (size > 0)
            raw_write(wire.fd, "SMEW\1\1\0\0", size);
        hang_up(&wire);
        expect_end(&wire, SMEW_RESET);
        wire_close(&wire);
    }
}

static void half_a_frame_is_a_reset(void **state)
{
    uint8_t bytes[BODY_MOST + OVERHEAD];
    size_t size = make_frame("cut short", bytes);

    (void)state;
    for (size_t cut = 1; cut < size; cut++) {
        struct wire wire = wire_open();

        greet(&wire);
        write_frame(&wire, "whole");
        raw_write(wire.fd, bytes, cut);
        hang_up(&wire);
        expect_frame(&wire, "whole");
        expect_end(&wire, SMEW_RESET);
        wire_close(&wire);
    }
}

/* A longer length waits for bytes that never come; any other flip is found. */
static void a_flipped_bit_is_found(void **state)
{
    uint8_t bytes[BODY_MOST + OVERHEAD];
    size_t size = make_frame("one bit", bytes);
    size_t corrupt = 0;

    (void)state;
    for (size_t bit = 0; bit < size * 8; bit++) {
        struct wire wire = wire_open();
        enum smew_status status;

        greet(&wire);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        raw_write(wire.fd, bytes, size);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        hang_up(&wire);
        status = raw_receive(wire.channel);
        assert_true(status == SMEW_CORRUPT || (status == SMEW_RESET && bit < 32));
        corrupt += status == SMEW_CORRUPT;
        expect_end(&wire, status);
        wire_close(&wire);
    }
    assert_in_range(corrupt, size * 8 - 32, size * 8 - 1);
}

static void a_length_beyond_the_limit_is_corrupt(void **state)
{
    uint8_t bytes[SMEW__STREAM_PREAMBLE_SIZE + SMEW__STREAM_HEAD_SIZE];

    (void)state;
    smew__stream_preamble(bytes);
    smew__stream_head((uint32_t)SMEW_FRAME_MAX + 1, bytes + SMEW__STREAM_PREAMBLE_SIZE);
    expect_refusal(bytes, sizeof bytes, SMEW_CORRUPT, "larger than the limit");
    smew__stream_head(UINT32_MAX, bytes + SMEW__STREAM_PREAMBLE_SIZE);
    expect_refusal(bytes, sizeof bytes, SMEW_CORRUPT, "larger than the limit");
}

enum { KEPT_MOST = 1024 * 1024 };

/* Bytes that malloc has given away; the sanitizers' always says 0, and then nothing is tested. */
static size_t memory_used(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void a_claim_costs_no_memory(void **state)
{
    struct wire wire = wire_open();
    size_t before = memory_used();
    uint8_t head[SMEW__STREAM_HEAD_SIZE];
    struct smew_bytes frame;

    (void)state;
    greet(&wire);
    smew__stream_head(SMEW_FRAME_MAX, head);
    raw_write(wire.fd, head, sizeof head);
    raw_write(wire.fd, "little", 6);
    assert_int_equal(smew_channel_receive(wire.channel, &frame, 0), SMEW_TIMEOUT);
    assert_in_range(memory_used(), 0, before + KEPT_MOST);
    wire_close(&wire);
}

static void a_large_frame_leaves_no_memory_behind(void **state)
{
    struct smew_channel *ends[2];
    struct smew_bytes frame;
    enum smew_status status;
    size_t before;
    void *data = calloc(1, SMEW_FRAME_MAX);

    (void)state;
    assert_non_null(data);
    assert_int_equal(smew_channel_pair(ends, NULL), SMEW_OK);
    before = memory_used();
    assert_int_equal(smew_channel_send(ends[0], data, SMEW_FRAME_MAX, 0), SMEW_OK);
    while ((status = ends[1]->ops->try_receive(ends[1], &frame)) == SMEW_AGAIN)
        (void)ends[0]->ops->flush(ends[0]);
    assert_int_equal(status, SMEW_OK);
    assert_int_equal(frame.size, SMEW_FRAME_MAX);
    assert_int_equal(smew_channel_flush(ends[0], RAW_WAIT_MS), SMEW_OK);
    assert_int_equal(ends[1]->ops->try_receive(ends[1], &frame), SMEW_AGAIN);
    assert_in_range(memory_used(), 0, before + KEPT_MOST);
    smew_channel_close(ends[0]);
    smew_channel_close(ends[1]);
    free(data);
}

static void one_byte_at_a_time(void **state)
{
    struct wire wire = wire_open();
    uint8_t bytes[BODY_MOST + OVERHEAD];
    struct smew_bytes frame;

    (void)state;
    greet(&wire);
    for (int round = 0; round < 3; round++) {
        size_t size = make_frame("drip", bytes);

        for (size_t i = 0; i < size; i++) {
            assert_int_equal(wire.channel->ops->try_receive(wire.channel, &frame), SMEW_AGAIN);
            raw_write(wire.fd, bytes + i, 1);
        }
        expect_frame(&wire, "drip");
    }
    wire_close(&wire);
}

static void what_it_writes(void **state)
{
    static const uint8_t expected[] = {'S', 'M', 'E', 'W', 1,   1,   0,   0,   0,   0,  0,
                                       9,   '1', '2', '3', '4', '5', '6', '7', '8', '9'};
    struct wire wire = wire_open();
    const struct smew_bytes parts[] = {{"1234", 4}, {"56789", 5}};
    uint8_t bytes[sizeof expected + SMEW__STREAM_TAIL_SIZE];
    uint8_t whole[BODY_MOST + OVERHEAD];

    (void)state;
    assert_int_equal(wire.channel->ops->try_send(wire.channel, parts, 2), SMEW_OK);
    assert_int_equal(smew_channel_flush(wire.channel, RAW_WAIT_MS), SMEW_OK);
    assert_int_equal(recv(wire.fd, bytes, sizeof bytes, MSG_WAITALL), sizeof bytes);
    assert_memory_equal(bytes, expected, sizeof expected);
    assert_int_equal(make_frame("123456789", whole), sizeof bytes - SMEW__STREAM_PREAMBLE_SIZE);
    assert_memory_equal(bytes + SMEW__STREAM_PREAMBLE_SIZE, whole,
                        sizeof bytes - SMEW__STREAM_PREAMBLE_SIZE);
    wire_close(&wire);
}

/* Random bytes behind a preamble that is right: whatever they are, it ends in a status. */
static void noise_ends_in_a_status(void **state)
{
    struct support_random random = support_random_seeded();
    uint8_t bytes[512];

    (void)state;
    for (int round = 0; round < 500; round++) {
        struct wire wire = wire_open();
        size_t size = 1 + (size_t)support_random_below(&random, sizeof bytes);
        enum smew_status status;

        support_random_fill(&random, bytes, size);
        /* Without this, nearly every length would be refused at once. */
        memset(bytes, 0, size < 3 ? size : 3);
        greet(&wire);
        raw_write(wire.fd, bytes, size);
        hang_up(&wire);
        status = raw_receive(wire.channel);
        assert_true(status == SMEW_CORRUPT || status == SMEW_RESET);
        expect_end(&wire, status);
        wire_close(&wire);
    }
}

static void a_stranger_harms_nobody_else(void **state)
{
    struct wire wire = wire_open();
    struct wire other = {.listener = wire.listener};

    (void)state;
    other.fd = raw_connect();
    other.channel = raw_accept(wire.listener);
    greet(&other);
    raw_write(wire.fd, "noise noise", 11);
    expect_end(&wire, SMEW_CORRUPT);
    write_frame(&other, "still here");
    expect_frame(&other, "still here");
    hang_up(&other);
    smew_channel_close(other.channel);
    wire_close(&wire);
}

/* A child that sends numbers for ever; `ready` tells how far it has certainly come. */
struct victim {
    int ready;
    uint64_t announce_at;
};

static int send_for_ever(void *argument)
{
    const struct victim *victim = argument;
    struct smew_endpoint endpoint = raw_endpoint();
    struct smew_channel *channel;

    if (smew_transport_find("pipe")->dial(&endpoint, &channel, NULL) != SMEW_OK)
        return 1;
    for (uint64_t number = 0;; number++) {
        if (number == victim->announce_at && write(victim->ready, "", 1) != 1)
            return 2;
        if (smew_channel_send(channel, &number, sizeof number, RAW_WAIT_MS) != SMEW_OK)
            return 3;
    }
}

static void a_killed_sender_loses_nothing_that_it_sent(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 20; round++) {
        struct smew_listener *listener = raw_listen();
        struct victim victim = {.announce_at = round * 10};
        struct smew_channel *channel;
        struct smew_bytes frame;
        enum smew_status status;
        uint64_t arrived = 0;
        int ends[2];
        pid_t child;
        char byte;

        assert_int_equal(pipe(ends), 0);
        victim.ready = ends[1];
        child = support_fork(send_for_ever, &victim);
        channel = raw_accept(listener);
        assert_int_equal(read(ends[0], &byte, 1), 1);
        support_kill(child);
        while ((status = smew_channel_receive(channel, &frame, RAW_WAIT_MS)) == SMEW_OK) {
            assert_int_equal(frame.size, sizeof arrived);
            assert_memory_equal(frame.data, &arrived, sizeof arrived);
            arrived++;
        }
        assert_int_equal(status, SMEW_RESET);
        assert_in_range(arrived, victim.announce_at, UINT64_MAX);
        smew_channel_close(channel);
        listener->ops->close(listener);
        close(ends[0]);
        close(ends[1]);
    }
}

static int connect_and_hold(void *argument)
{
    struct smew_endpoint endpoint = raw_endpoint();
    struct smew_channel *channel;

    (void)argument;
    if (smew_transport_find("pipe")->dial(&endpoint, &channel, NULL) != SMEW_OK)
        return 1;
    for (;;)
        (void)pause(); /* and reads nothing */
}

static void a_killed_receiver_is_noticed(void **state)
{
    struct smew_listener *listener = raw_listen();
    pid_t child = support_fork(connect_and_hold, NULL);
    struct smew_channel *channel = raw_accept(listener);
    enum smew_status status;

    (void)state;
    do {
        status = smew_channel_send(channel, "into the void", 13, 0);
    } while (status == SMEW_OK);
    assert_int_equal(status, SMEW_TIMEOUT);
    support_kill(child);
    assert_int_equal(smew_channel_send(channel, "x", 1, RAW_WAIT_MS), SMEW_RESET);
    assert_int_equal(raw_receive(channel), SMEW_RESET);
    smew_channel_close(channel);
    listener->ops->close(listener);
}

static void a_pair_is_two_channels(void **state)
{
    struct smew_channel *ends[2];
    struct smew_bytes frame;

    (void)state;
    assert_int_equal(smew_channel_pair(NULL, NULL), SMEW_INVALID);
    assert_int_equal(smew_channel_pair(ends, NULL), SMEW_OK);
    assert_int_equal(smew_channel_send(ends[0], "ping", 4, RAW_WAIT_MS), SMEW_OK);
    assert_int_equal(smew_channel_receive(ends[1], &frame, RAW_WAIT_MS), SMEW_OK);
    assert_memory_equal(frame.data, "ping", 4);
    assert_int_equal(smew_channel_send(ends[1], "pong", 4, RAW_WAIT_MS), SMEW_OK);
    assert_int_equal(smew_channel_receive(ends[0], &frame, RAW_WAIT_MS), SMEW_OK);
    assert_memory_equal(frame.data, "pong", 4);
    assert_int_equal(smew_channel_send(NULL, "x", 1, 0), SMEW_INVALID);
    assert_int_equal(smew_channel_send(ends[0], NULL, 1, 0), SMEW_INVALID);
    assert_int_equal(smew_channel_receive(ends[0], NULL, 0), SMEW_INVALID);
    assert_int_equal(smew_channel_receive(NULL, &frame, 0), SMEW_INVALID);
    assert_int_equal(smew_channel_flush(NULL, 0), SMEW_INVALID);
    smew_channel_close(ends[0]);
    assert_int_equal(raw_receive(ends[1]), SMEW_RESET);
    smew_channel_close(ends[1]);
}

static void expect_now(const struct wire *wire, const char *body)
{
    struct smew_bytes frame;

    assert_int_equal(wire->channel->ops->try_receive(wire->channel, &frame), SMEW_OK);
    assert_int_equal(frame.size, strlen(body));
    assert_memory_equal(frame.data, body, frame.size);
}

static void expect_nothing_now(const struct wire *wire)
{
    struct smew_bytes frame;

    assert_int_equal(wire->channel->ops->try_receive(wire->channel, &frame), SMEW_AGAIN);
}

static bool is_ready(const struct wire *wire)
{
    struct pollfd entry = {.fd = wire->channel->ops->interest(wire->channel).fd, .events = POLLIN};

    return poll(&entry, 1, 0) == 1;
}

/* One read a turn: what it took is given, and the fd knows of everything else. */
static void reading_ahead_goes_in_turns(void **state)
{
    struct wire wire = wire_open();
    uint8_t third[BODY_MOST + OVERHEAD];
    size_t size = make_frame("third", third);

    (void)state;
    greet(&wire);
    smew__stream_read_ahead(wire.channel, true);
    write_frame(&wire, "first");
    write_frame(&wire, "second");
    raw_write(wire.fd, third, size / 2);
    expect_now(&wire, "first");
    assert_true(smew__stream_in_turn(wire.channel));
    assert_false(is_ready(&wire));
    raw_write(wire.fd, third + size / 2, size - size / 2);
    expect_now(&wire, "second");
    expect_nothing_now(&wire);
    assert_false(smew__stream_in_turn(wire.channel));
    assert_true(is_ready(&wire));
    expect_now(&wire, "third");
    expect_nothing_now(&wire);
    assert_false(is_ready(&wire));
    expect_nothing_now(&wire);
    hang_up(&wire);
    assert_int_equal(raw_receive(wire.channel), SMEW_RESET);
    assert_false(smew__stream_in_turn(wire.channel));
    wire_close(&wire);
}

/* Whoever wants all that a peer said before it went reads no longer in turns. */
static void reading_ahead_can_be_given_up(void **state)
{
    struct wire wire = wire_open();

    (void)state;
    greet(&wire);
    smew__stream_read_ahead(wire.channel, true);
    write_frame(&wire, "first");
    write_frame(&wire, "second");
    expect_now(&wire, "first");
    write_frame(&wire, "third");
    hang_up(&wire);
    smew__stream_read_ahead(wire.channel, false);
    assert_false(smew__stream_in_turn(wire.channel));
    expect_now(&wire, "second");
    expect_now(&wire, "third");
    assert_int_equal(raw_receive(wire.channel), SMEW_RESET);
    wire_close(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(strangers_are_refused),
        SUPPORT_TEST(another_version_is_refused_with_a_sentence),
        SUPPORT_TEST(a_version_in_common_is_enough),
        SUPPORT_TEST(half_a_preamble_is_a_reset),
        SUPPORT_TEST(half_a_frame_is_a_reset),
        SUPPORT_TEST(a_flipped_bit_is_found),
        SUPPORT_TEST(a_length_beyond_the_limit_is_corrupt),
        SUPPORT_TEST(a_claim_costs_no_memory),
        SUPPORT_TEST(a_large_frame_leaves_no_memory_behind),
        SUPPORT_TEST(one_byte_at_a_time),
        SUPPORT_TEST(what_it_writes),
        SUPPORT_TEST(noise_ends_in_a_status),
        SUPPORT_TEST(a_stranger_harms_nobody_else),
        SUPPORT_TEST(a_killed_sender_loses_nothing_that_it_sent),
        SUPPORT_TEST(a_killed_receiver_is_noticed),
        SUPPORT_TEST(a_pair_is_two_channels),
        SUPPORT_TEST(reading_ahead_goes_in_turns),
        SUPPORT_TEST(reading_ahead_can_be_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
