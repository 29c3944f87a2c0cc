/* SPDX-License-Identifier: MIT */
/*
 * What XStateNet set itself as targets (goals.md, X13), as behaviour: so many round trips, each
 * with its own answer; so many messages from one program to another; ten programs that send to ten
 * machines each.  Nothing is lost, repeated, out of order or mixed up; how long it took is printed
 * and not judged.
 *
 * Arguments: the scheme, and how many round trips; ten times as many messages.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <smew/smew.h>

#include "tests/support/support.h"

enum { PRODUCERS = 10, CONSUMERS = 10, DEADLINE_MS = 300000 };

static const char *scheme;
static uint64_t trips;

/* What the processes tell each other. */
struct board {
    _Atomic uint64_t handled;
    _Atomic uint64_t wrong; /* lost, repeated, out of order or for somebody else */
};
static struct board *board;

/* A message: the `number`th, from 1, of a producer to a consumer. */
struct parcel {
    uint32_t producer;
    uint32_t consumer;
    uint64_t number;
};

static struct smew_bus *join(const char *name)
{
    struct smew_bus *bus;
    char url[64];

    (void)snprintf(url, sizeof(url), "%s://%s", scheme, name);
    return smew_bus_open(url, NULL, &bus, NULL) == SMEW_OK ? bus : NULL;
}

static struct smew_send_options patient(void)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = DEADLINE_MS;
    options.wait_ms = 10000;
    return options;
}

/* ---- round trips ---- */

static void on_question(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)user;
    if (smew_bus_reply(bus, message, smew_message_payload(message),
                       smew_message_payload_size(message), SMEW_CONTENT_RAW) != SMEW_OK)
        board->wrong++;
    board->handled++;
}

static int answer(void *unused)
{
    const uint64_t deadline_ns = smew_now_ns() + DEADLINE_MS * UINT64_C(1000000);
    struct smew_bus *bus = join("trips");

    (void)unused;
    if (bus == NULL || smew_bus_register(bus, "echo", on_question, NULL, NULL, NULL) != SMEW_OK)
        return 1;
    while (board->handled < trips && smew_now_ns() < deadline_ns)
        if (smew_bus_poll(bus, 100, 0) == SMEW_BUSY)
            return 2;
    smew_bus_close(bus, 5000, NULL);
    return 0;
}

static int compare(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

/* Asks once; the answer is the question. */
static void ask(struct smew_bus *bus, uint64_t number)
{
    const struct smew_send_options options = patient();
    struct smew_message *reply;
    uint64_t answered;

    assert_int_equal(
        smew_bus_request(bus, "echo", "ASK", &number, sizeof(number), &options, &reply), SMEW_OK);
    assert_int_equal(smew_message_payload_size(reply), sizeof(answered));
    memcpy(&answered, smew_message_payload(reply), sizeof(answered));
    assert_int_equal(answered, number);
    smew_message_free(reply);
}

static void every_question_has_its_answer(void **state)
{
    uint32_t *times_us = calloc(trips, sizeof(*times_us));
    struct smew_bus *bus;
    pid_t echo;

    (void)state;
    assert_non_null(times_us);
    echo = support_fork(answer, NULL);
    bus = join("trips");
    assert_non_null(bus);
    for (uint64_t i = 0; i < trips; i++) {
        const uint64_t begun_ns = smew_now_ns();

        ask(bus, i);
        times_us[i] = (uint32_t)((smew_now_ns() - begun_ns) / 1000);
    }
    smew_bus_close(bus, 5000, NULL);
    assert_int_equal(support_reap(echo, 20000), 0);
    assert_int_equal(board->wrong, 0);
    qsort(times_us, trips, sizeof(*times_us), compare);
    print_message("%s: %" PRIu64 " round trips, p50 %u us, p99 %u us\n", scheme, trips,
                  times_us[trips / 2], times_us[trips - 1 - trips / 100]);
    free(times_us);
}

/* ---- one way: every producer sends to every consumer ---- */

struct shape {
    uint32_t producers;
    uint32_t consumers;
    uint64_t each; /* of a producer to a consumer */
};
static struct shape shape;

/* A consumer's own: what came last of each producer. */
struct consumer {
    uint32_t index;
    uint64_t last[PRODUCERS];
};

static void on_parcel(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct consumer *consumer = user;
    struct parcel parcel;

    (void)bus;
    board->handled++;
    if (smew_message_payload_size(message) != sizeof(parcel)) {
        board->wrong++;
        return;
    }
    memcpy(&parcel, smew_message_payload(message), sizeof(parcel));
    if (parcel.producer >= shape.producers || parcel.consumer != consumer->index ||
        parcel.number != consumer->last[parcel.producer] + 1) {
        board->wrong++;
        return;
    }
    consumer->last[parcel.producer] = parcel.number;
}

static int consume(void *argument)
{
    const uint64_t deadline_ns = smew_now_ns() + DEADLINE_MS * UINT64_C(1000000);
    const uint64_t all = shape.each * shape.producers * shape.consumers;
    struct consumer consumer = {.index = (uint32_t)(uintptr_t)argument};
    struct smew_bus *bus = join("crowd");
    char id[32];

    (void)snprintf(id, sizeof(id), "sink-%u", consumer.index);
    if (bus == NULL || smew_bus_register(bus, id, on_parcel, &consumer, NULL, NULL) != SMEW_OK)
        return 1;
    while (board->handled < all && smew_now_ns() < deadline_ns)
        if (smew_bus_poll(bus, 20, 0) == SMEW_BUSY)
            return 2;
    smew_bus_close(bus, 5000, NULL);
    return 0;
}

static int produce(void *argument)
{
    struct parcel parcel = {.producer = (uint32_t)(uintptr_t)argument};
    const struct smew_send_options options = patient();
    struct smew_bus *bus = join("crowd");
    bool done;

    if (bus == NULL)
        return 1;
    for (parcel.number = 1; parcel.number <= shape.each; parcel.number++)
        for (parcel.consumer = 0; parcel.consumer < shape.consumers; parcel.consumer++) {
            char id[32];

            (void)snprintf(id, sizeof(id), "sink-%u", parcel.consumer);
            if (smew_bus_send(bus, id, "N", &parcel, sizeof(parcel), &options) != SMEW_OK)
                return 2;
        }
    done = smew_bus_flush(bus, DEADLINE_MS) == SMEW_OK;
    smew_bus_close(bus, 5000, NULL);
    return done ? 0 : 3;
}

static void run(uint32_t producers, uint32_t consumers, uint64_t total)
{
    pid_t senders[PRODUCERS], receivers[CONSUMERS];
    uint64_t begun_ns, all;
    double seconds;

    shape = (struct shape){producers, consumers, total / producers / consumers};
    all = shape.each * producers * consumers;
    memset(board, 0, sizeof(*board));
    begun_ns = smew_now_ns();
    for (uint32_t i = 0; i < consumers; i++)
        receivers[i] = support_fork(consume, (void *)(uintptr_t)i);
    for (uint32_t i = 0; i < producers; i++)
        senders[i] = support_fork(produce, (void *)(uintptr_t)i);
    for (uint32_t i = 0; i < producers; i++)
        assert_int_equal(support_reap(senders[i], DEADLINE_MS), 0);
    for (uint32_t i = 0; i < consumers; i++)
        assert_int_equal(support_reap(receivers[i], 20000), 0);
    seconds = (double)(smew_now_ns() - begun_ns) / 1e9;
    print_message("%s: %" PRIu64 " messages, %u to %u, %.0f a second\n", scheme, all, producers,
                  consumers, (double)all / seconds);
    assert_int_equal(board->wrong, 0);
    assert_int_equal(board->handled, all);
}

static void one_to_one(void **state)
{
    (void)state;
    run(1, 1, trips * 10);
}

static void ten_to_ten(void **state)
{
    (void)state;
    run(PRODUCERS, CONSUMERS, trips * 2);
}

/* libuv keeps two descriptors from its first loop on: no leak of any test. */
static int first_loop(void **state)
{
    struct smew_bus *bus;

    (void)state;
    if (smew_bus_open("inproc://first", NULL, &bus, NULL) != SMEW_OK)
        return 1;
    smew_bus_close(bus, 0, NULL);
    return 0;
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(every_question_has_its_answer),
        SUPPORT_TEST(one_to_one),
        SUPPORT_TEST(ten_to_ten),
    };

    if (count != 3)
        return 1;
    scheme = arguments[1];
    trips = strtoull(arguments[2], NULL, 10);
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED || trips < 100)
        return 1;
    return cmocka_run_group_tests(tests, first_loop, NULL);
}
