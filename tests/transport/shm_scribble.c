/* SPDX-License-Identifier: MIT */
/*
 * Whoever shares memory can write into it at any time, and die at any time: a producer that
 * scribbles over its lane, a consumer whose cursors lie, processes that are killed.  What a channel
 * gives is what was sent, or a status.
 */
#include "tests/transport/shm_raw.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <unistd.h>

#include "base/os/fd.h"

enum {
    ROUNDS = 400,
    FRAMES = 20,
    FRAME_MOST = 900,
    CONCURRENT_MS = 700,
    LARGE = 300 * 1024,
};

/* A frame that says what it is: its number, and bytes that follow from it. */
static size_t make_frame(uint64_t number, uint8_t *data)
{
    size_t size = sizeof number + (size_t)(number * 37 % (FRAME_MOST - sizeof number));

    memcpy(data, &number, sizeof number);
    for (size_t i = sizeof number; i < size; i++)
        data[i] = (uint8_t)(number * 31 + i);
    return size;
}

static bool is_frame(struct smew_bytes frame, uint64_t number)
{
    uint8_t expected[FRAME_MOST];
    size_t size = make_frame(number, expected);

    return frame.size == size && memcmp(frame.data, expected, size) == 0;
}

static void commit_frames(struct shm_raw *raw, uint64_t first, uint64_t count)
{
    uint8_t data[FRAME_MOST];

    for (uint64_t i = first; i < first + count; i++)
        shm_raw_frame(raw, data, make_frame(i, data));
}

/* Everything that comes is right and in order; what ends it. */
static enum smew_status receive_all(struct smew_channel *channel, uint64_t *next)
{
    struct smew_bytes frame;
    enum smew_status status;

    while ((status = channel->ops->try_receive(channel, &frame)) == SMEW_OK) {
        if (!is_frame(frame, *next))
            fail_msg("frame %llu is not what was sent", (unsigned long long)*next);
        ++*next;
    }
    return status;
}

/* One to three bits anywhere in the lane: the frames before them come, and no wrong one. */
static void flipped_bits_are_found(void **state)
{
    struct support_random random = support_random_seeded();
    unsigned corrupt = 0;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct shm_raw raw = shm_raw_open();
        uint64_t used;
        uint64_t next = 0;
        enum smew_status status;

        shm_raw_greet(&raw);
        commit_frames(&raw, 0, FRAMES);
        used = raw.writer.head_position;
        for (uint64_t i = 1 + support_random_below(&random, 3); i > 0; i--)
            raw.out.ring[support_random_below(&random, used)] ^=
                (uint8_t)(1u << support_random_below(&random, 8));
        status = receive_all(raw.channel, &next);
        assert_true(status == SMEW_CORRUPT || (status == SMEW_AGAIN && next == FRAMES));
        corrupt += status == SMEW_CORRUPT;
        if (status == SMEW_CORRUPT)
            shm_raw_expect_end(&raw, SMEW_CORRUPT);
        shm_raw_close(&raw);
    }
    assert_in_range(corrupt, ROUNDS * 9 / 10, ROUNDS); /* some hit what was flipped before */
}

/* Whole words, the producer's own among them, while nobody looks. */
static void a_scribbled_lane_ends_in_a_status(void **state)
{
    struct support_random random = support_random_seeded();

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct shm_raw raw = shm_raw_open();
        uint64_t next = 0;
        enum smew_status status;

        shm_raw_greet(&raw);
        commit_frames(&raw, 0, FRAMES);
        for (uint64_t i = support_random_below(&random, 30); i > 0; i--) {
            uint64_t word = support_random_next(&random);
            uint64_t at = support_random_below(&random, 64 * 1024 / 8) * 8;

            memcpy(raw.out.ring + at, &word, sizeof word);
        }
        if (round % 2 == 0)
            atomic_store(&raw.out.header->head, support_random_next(&random));
        if (round % 3 == 0)
            atomic_store(&raw.out.header->ended, (uint32_t)support_random_next(&random));
        if (round % 5 == 0)
            atomic_store(&raw.out.header->waiting, (uint32_t)support_random_next(&random));
        status = receive_all(raw.channel, &next);
        assert_true(status == SMEW_AGAIN || status == SMEW_CORRUPT || status == SMEW_RESET);
        (void)!smew_channel_send(raw.channel, "x", 1, 0);
        shm_raw_close(&raw);
    }
}

struct scribbler {
    struct shm_raw *raw;
    struct support_random random;
    atomic_bool over;
};

static void *scribble(void *argument)
{
    struct scribbler *scribbler = argument;
    struct support_random *random = &scribbler->random;
    struct smew__lane_memory *lane = &scribbler->raw->out;

    while (!atomic_load(&scribbler->over)) {
        uint64_t word = support_random_next(random);

        memcpy(lane->ring + support_random_below(random, lane->ring_bytes / 8) * 8, &word,
               sizeof word);
        if (word % 64 == 0)
            atomic_store(&lane->header->head, support_random_next(random));
        if (word % 64 == 1)
            atomic_store(&lane->header->waiting, (uint32_t)word >> 8);
    }
    return NULL;
}

/* At the same time, for a while, over many connections. */
static void scribbling_while_it_is_read(void **state)
{
    uint64_t deadline_ns = smew_now_ns() + CONCURRENT_MS * UINT64_C(1000000);
    struct support_random seeds = support_random_seeded();

    (void)state;
    while (smew_now_ns() < deadline_ns) {
        struct shm_raw raw = shm_raw_open();
        struct scribbler scribbler = {.raw = &raw, .random = {support_random_next(&seeds)}};
        enum smew_status status = SMEW_AGAIN;
        uint64_t next = 0;
        pthread_t thread;

        shm_raw_greet(&raw);
        commit_frames(&raw, 0, FRAMES);
        assert_int_equal(pthread_create(&thread, NULL, scribble, &scribbler), 0);
        for (int i = 0; i < 1000 && status == SMEW_AGAIN; i++)
            status = receive_all(raw.channel, &next);
        atomic_store(&scribbler.over, true);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(status == SMEW_AGAIN || status == SMEW_CORRUPT || status == SMEW_RESET);
        shm_raw_close(&raw);
    }
}

/* What the channel sends in is the liar's own memory: it believes nothing impossible. */
static void cursors_that_lie_end_the_sending(void **state)
{
    struct support_random random = support_random_seeded();
    unsigned ended = 0;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct shm_raw raw = shm_raw_open();
        struct smew__cursors *cursors;
        uint8_t data[FRAME_MOST];
        enum smew_status status = SMEW_OK;

        shm_raw_greet(&raw);
        cursors = raw.in.cursors;
        for (uint64_t i = 0; i < 1000 && status == SMEW_OK; i++) {
            struct smew_bytes part = {data, make_frame(i, data)};

            if (support_random_below(&random, 20) == 0)
                atomic_store(&cursors->completed,
                             support_random_next(&random) >> support_random_below(&random, 64));
            if (support_random_below(&random, 20) == 0)
                atomic_store(&cursors->specials,
                             support_random_next(&random) >> support_random_below(&random, 64));
            if (support_random_below(&random, 20) == 0)
                atomic_store(&cursors->answers[support_random_below(&random, raw.in.window)],
                             support_random_next(&random));
            if (support_random_below(&random, 20) == 0)
                atomic_store(&cursors->armed, (uint32_t)support_random_next(&random));
            status = raw.channel->ops->try_send(raw.channel, &part, 1);
            if (status == SMEW_OK)
                status = raw.channel->ops->flush(raw.channel);
        }
        assert_true(status == SMEW_OK || status == SMEW_AGAIN || status == SMEW_RESET);
        ended += status == SMEW_RESET;
        shm_raw_close(&raw);
    }
    assert_in_range(ended, 1, ROUNDS);
}

/* ---- death --------------------------------------------------------------------------- */

struct victim {
    int ready; /* a byte comes here when `announce_at` frames were sent */
    uint64_t announce_at;
    bool large;
};

static struct smew_channel *dial(void)
{
    struct smew_endpoint endpoint = shm_raw_endpoint();
    struct smew_channel *channel = NULL;

    return smew_transport_find("shm")->dial(&endpoint, &channel, NULL) == SMEW_OK ? channel : NULL;
}

static int send_for_ever(void *argument)
{
    const struct victim *victim = argument;
    struct smew_channel *channel = dial();
    size_t size = victim->large ? LARGE : sizeof(uint64_t);
    static uint8_t data[LARGE];

    if (channel == NULL)
        return 1;
    for (uint64_t number = 0;; number++) {
        if (number == victim->announce_at && write(victim->ready, "", 1) != 1)
            return 2;
        memcpy(data, &number, sizeof number);
        if (smew_channel_send(channel, data, size, SHM_RAW_WAIT_MS) != SMEW_OK)
            return 3;
    }
}

/* Everything that was sent arrives, however soon the sender is killed after it. */
static void kill_a_sender(uint64_t announce_at, bool large)
{
    struct smew_listener *listener = shm_raw_listen();
    struct victim victim = {.announce_at = announce_at, .large = large};
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
    channel = shm_raw_accept(listener);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    support_kill(child);
    while ((status = smew_channel_receive(channel, &frame, SHM_RAW_WAIT_MS)) == SMEW_OK) {
        assert_int_equal(frame.size, large ? LARGE : sizeof arrived);
        assert_memory_equal(frame.data, &arrived, sizeof arrived);
        arrived++;
    }
    assert_int_equal(status, SMEW_RESET);
    assert_in_range(arrived, announce_at, UINT64_MAX);
    smew_channel_close(channel);
    listener->ops->close(listener);
    close(ends[0]);
    close(ends[1]);
}

static void a_killed_sender_loses_nothing_that_it_sent(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 20; round++) {
        kill_a_sender(round * 10, false);
        kill_a_sender(round % 4, true);
    }
}

static int connect_and_hold(void *argument)
{
    (void)argument;
    if (dial() == NULL)
        return 1;
    for (;;)
        (void)pause(); /* and reads nothing */
}

static void a_killed_receiver_is_noticed(void **state)
{
    struct smew_listener *listener = shm_raw_listen();
    pid_t child = support_fork(connect_and_hold, NULL);
    struct smew_channel *channel = shm_raw_accept(listener);
    enum smew_status status;

    (void)state;
    do {
        status = smew_channel_send(channel, "into the void", 13, 0);
    } while (status == SMEW_OK);
    assert_int_equal(status, SMEW_TIMEOUT);
    support_kill(child);
    assert_int_equal(smew_channel_send(channel, "x", 1, SHM_RAW_WAIT_MS), SMEW_RESET);
    assert_int_equal(smew_channel_receive(channel, &(struct smew_bytes){0}, SHM_RAW_WAIT_MS),
                     SMEW_RESET);
    smew_channel_close(channel);
    listener->ops->close(listener);
}

/* The status of the first send that finds no room. */
static enum smew_status stuff(struct smew_channel *channel)
{
    static const uint8_t data[1000];
    struct smew_bytes part = {data, sizeof data};
    enum smew_status status;

    while ((status = channel->ops->try_send(channel, &part, 1)) == SMEW_OK)
        ;
    (void)channel->ops->flush(channel);
    return status;
}

static bool is_ready(const struct smew_channel *channel)
{
    struct smew_interest interest = channel->ops->interest(channel);

    return smew__fd_wait(interest.fd, interest.events, 0) == SMEW_OK;
}

/* Bells for room are taken away by who sends only, or its event loop would never sleep again. */
static void who_only_sends_can_sleep(void **state)
{
    struct smew_listener *listener = shm_raw_listen();
    struct smew_channel *sender = dial();
    struct smew_channel *receiver = shm_raw_accept(listener);
    struct smew_bytes frame;

    (void)state;
    assert_non_null(sender);
    assert_int_equal(receiver->ops->try_receive(receiver, &frame), SMEW_AGAIN);
    assert_int_equal(sender->ops->try_receive(sender, &frame), SMEW_AGAIN);
    assert_int_equal(smew_channel_send(receiver, "hello", 5, 0), SMEW_OK);
    assert_int_equal(smew_channel_receive(sender, &frame, SHM_RAW_WAIT_MS), SMEW_OK);
    assert_int_equal(sender->ops->try_receive(sender, &frame), SMEW_AGAIN);
    for (int round = 0; round < 10; round++) {
        assert_int_equal(stuff(sender), SMEW_AGAIN);
        assert_false(is_ready(sender));
        for (int i = 0; i < 80; i++) /* more than a quarter */
            assert_int_equal(receiver->ops->try_receive(receiver, &frame), SMEW_OK);
        assert_true(is_ready(sender));
    }
    /* A frame that came meanwhile is not forgotten with the bells. */
    assert_int_equal(smew_channel_send(receiver, "again", 5, 0), SMEW_OK);
    assert_int_equal(stuff(sender), SMEW_AGAIN);
    assert_true(is_ready(sender));
    assert_int_equal(sender->ops->try_receive(sender, &frame), SMEW_OK);
    assert_int_equal(sender->ops->try_receive(sender, &frame), SMEW_AGAIN);
    assert_false(is_ready(sender));
    smew_channel_close(sender);
    smew_channel_close(receiver);
    listener->ops->close(listener);
}

/* One fd for each end, once both have what they share. */
static void a_connection_costs_one_fd_an_end(void **state)
{
    struct smew_listener *listener = shm_raw_listen();
    unsigned before = support_count_fds();
    struct smew_channel *ends[2];
    struct smew_bytes frame;

    (void)state;
    ends[0] = dial();
    assert_non_null(ends[0]);
    ends[1] = shm_raw_accept(listener);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ends[i % 2]->ops->try_receive(ends[i % 2], &frame), SMEW_AGAIN);
    assert_int_equal(support_count_fds(), before + 2);
    for (int i = 0; i < 2; i++)
        smew_channel_close(ends[i]);
    listener->ops->close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(flipped_bits_are_found),
        SUPPORT_TEST(a_scribbled_lane_ends_in_a_status),
        SUPPORT_TEST(scribbling_while_it_is_read),
        SUPPORT_TEST(cursors_that_lie_end_the_sending),
        SUPPORT_TEST(a_killed_sender_loses_nothing_that_it_sent),
        SUPPORT_TEST(a_killed_receiver_is_noticed),
        SUPPORT_TEST(who_only_sends_can_sleep),
        SUPPORT_TEST(a_connection_costs_one_fd_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
