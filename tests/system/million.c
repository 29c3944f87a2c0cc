/* SPDX-License-Identifier: MIT */
/*
 * Numbered messages from one and from four producer processes to one receiving process.  Each
 * message's bytes follow from its producer and number, so that one that is lost, repeated, out of
 * order or damaged is seen at once; a digest for each producer is compared at the end.  Half-way
 * the receiver stops polling until every producer has filled its window or lane and waits.
 *
 * Arguments: the scheme, and how many messages in all (the default suite sends fewer than the long
 * one).
 */

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <smew/smew.h>

#include "tests/support/support.h"

enum { PRODUCERS_MOST = 4, BODY_MOST = 200, STILL_MS = 100, DEADLINE_MS = 110000 };

static char url[64];
static uint64_t total;

/* What the processes tell each other. */
struct board {
    uint32_t producers;
    uint64_t each;
    atomic_bool hosting;
    atomic_bool paused;
    _Atomic uint64_t accepted[PRODUCERS_MOST];
    _Atomic uint64_t handled[PRODUCERS_MOST];
    _Atomic uint64_t sent_digest[PRODUCERS_MOST];
    _Atomic uint64_t got_digest[PRODUCERS_MOST];
    _Atomic uint64_t wrong; /* lost, repeated or out of order */
    _Atomic uint64_t damaged;
    _Atomic uint64_t redelivered;
};
static struct board *board;

/* How many were accepted, and since when none is. */
struct still {
    uint64_t accepted;
    uint64_t since_ns;
};

struct parcel {
    uint64_t producer;
    uint64_t number;
    uint8_t body[BODY_MOST];
};

/* The message of a producer and a number, and its size: the same on both sides. */
static size_t make_parcel(uint64_t producer, uint64_t number, struct parcel *parcel)
{
    struct support_random random = {producer << 48 ^ number};
    size_t size = support_random_next(&random) % BODY_MOST;

    parcel->producer = producer;
    parcel->number = number;
    support_random_fill(&random, parcel->body, size);
    return offsetof(struct parcel, body) + size;
}

/* FNV-1a over everything a producer sent, in order. */
static uint64_t digest(uint64_t so_far, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++)
        so_far = (so_far ^ bytes[i]) * UINT64_C(1099511628211);
    return so_far;
}

static void on_message(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    const size_t size = smew_message_payload_size(message);
    struct parcel got, expected;

    (void)bus;
    (void)user;
    if (size < offsetof(struct parcel, body) || size > sizeof(got)) {
        board->damaged++;
        return;
    }
    memcpy(&got, smew_message_payload(message), size);
    if (got.producer >= board->producers) {
        board->damaged++;
        return;
    }
    board->redelivered += smew_message_redelivered(message);
    board->wrong += got.number != board->handled[got.producer] + 1;
    board->damaged += make_parcel(got.producer, got.number, &expected) != size ||
                      memcmp(&got, &expected, size) != 0;
    board->handled[got.producer] = got.number;
    board->got_digest[got.producer] = digest(board->got_digest[got.producer], &got, size);
}

static uint64_t accepted(void)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < board->producers; i++)
        sum += board->accepted[i];
    return sum;
}

/* A producer that is done, or has more accepted than handled. */
static bool is_ahead(uint32_t producer)
{
    return board->accepted[producer] == board->each ||
           board->accepted[producer] > board->handled[producer];
}

/*
 * Every producer is done, or has filled its window or its lane and waits: nothing was accepted for
 * a while.  `still` begins anew with each message that was.
 */
static bool all_wait(void *argument)
{
    struct still *still = argument;

    if (accepted() != still->accepted)
        *still = (struct still){accepted(), smew_now_ns()};
    for (uint32_t i = 0; i < board->producers; i++) {
        if (!is_ahead(i))
            return false;
    }
    return smew_now_ns() - still->since_ns > STILL_MS * UINT64_C(1000000);
}

static uint64_t handled(void)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < board->producers; i++)
        sum += board->handled[i];
    return sum;
}

static int receive(void *unused)
{
    const uint64_t expected = board->each * board->producers;
    const uint64_t deadline_ns = smew_now_ns() + DEADLINE_MS * UINT64_C(1000000);
    struct smew_bus *bus;

    (void)unused;
    if (smew_bus_open(url, NULL, &bus, NULL) ||
        smew_bus_register(bus, "sink", on_message, NULL, NULL, NULL))
        return 1;
    board->hosting = true;
    while (handled() < expected && smew_now_ns() < deadline_ns) {
        if (!board->paused && handled() > expected / 2) {
            board->paused = true;
            if (!support_wait_until(all_wait, &(struct still){0}, 20000))
                return 2;
        }
        if (smew_bus_poll(bus, 100, 256) == SMEW_BUSY)
            return 3;
    }
    smew_bus_close(bus, 2000, NULL);
    return handled() == expected ? 0 : 4;
}

static int produce(void *argument)
{
    const uint64_t producer = (uint64_t)(uintptr_t)argument;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_left left = {0};
    uint64_t sum = 0;
    struct smew_bus *bus;
    bool flushed;

    options.timeout_ms = DEADLINE_MS;
    options.wait_ms = 5000;
    if (smew_bus_open(url, NULL, &bus, NULL))
        return 1;
    for (uint64_t number = 1; number <= board->each; number++) {
        struct parcel parcel;
        const size_t size = make_parcel(producer, number, &parcel);

        if (smew_bus_send(bus, "sink", "N", &parcel, size, &options))
            return 2;
        sum = digest(sum, &parcel, size);
        board->accepted[producer] = number;
    }
    board->sent_digest[producer] = sum;
    flushed = smew_bus_flush(bus, 30000) == SMEW_OK;
    smew_bus_close(bus, 1000, &left);
    return flushed && left.unsent == 0 ? 0 : 3;
}

static void run(uint32_t producers)
{
    pid_t senders[PRODUCERS_MOST];
    pid_t receiver;
    uint64_t begun_ns;

    memset(board, 0, sizeof(*board));
    board->producers = producers;
    board->each = total / producers;
    begun_ns = smew_now_ns();
    receiver = support_fork(receive, NULL);
    for (uint32_t i = 0; i < producers; i++)
        senders[i] = support_fork(produce, (void *)(uintptr_t)i);
    for (uint32_t i = 0; i < producers; i++)
        assert_int_equal(support_reap(senders[i], DEADLINE_MS), 0);
    assert_int_equal(support_reap(receiver, 10000), 0);
    print_message("%u producers: %" PRIu64 " messages, %.0f a second\n", producers,
                  board->each * producers,
                  (double)(board->each * producers) * 1e9 / (double)(smew_now_ns() - begun_ns));
    assert_int_equal(board->wrong, 0);
    assert_int_equal(board->damaged, 0);
    assert_int_equal(board->redelivered, 0);
    assert_true(board->paused);
    for (uint32_t i = 0; i < producers; i++) {
        assert_int_equal(board->handled[i], board->each);
        assert_int_equal(board->got_digest[i], board->sent_digest[i]);
    }
}

static void one_producer(void **state)
{
    (void)state;
    run(1);
}

static void four_producers(void **state)
{
    (void)state;
    run(4);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(one_producer),
        SUPPORT_TEST(four_producers),
    };

    (void)snprintf(url, sizeof(url), "%s://million", count > 1 ? arguments[1] : "pipe");
    total = count > 2 ? strtoull(arguments[2], NULL, 10) : 50000;
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
