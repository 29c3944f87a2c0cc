/* SPDX-License-Identifier: MIT */
/*
 * The contract, fifth part: a receiver that is behind, and threads that wait for each other.  The
 * window is bounded; FULL means that nothing was accepted; a wait that could never end is refused.
 */
#include "tests/bus/contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct smew_bus *open_window(uint32_t window)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    options.window = window;
    return kit_open(&options);
}

/* Sends numbers from `first` until FULL; how many were accepted. */
static size_t stuff(struct smew_bus *bus, const char *target, uint64_t first)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    enum smew_status status = SMEW_OK;
    size_t count = 0;

    options.timeout_ms = SMEW_NOW;
    while (status == SMEW_OK && count < 100000) {
        status = kit_send_number(bus, target, first + count, &options);
        count += status == SMEW_OK;
    }
    assert_int_equal(status, SMEW_FULL);
    return count;
}

static void a_paused_receiver_fills_the_window(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = open_window(8);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    assert_int_equal(stuff(sender, "m", 0), 8);
    assert_int_equal(kit_stats(sender).refused, 1);
    assert_int_equal(kit_stats(sender).in_flight, 8);
    assert_int_equal(stuff(sender, "m", 99), 0);
    kit_poll_until(host, &log, 8);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(stuff(sender, "m", 8), 8); /* recovered */
    kit_poll_until(host, &log, 16);
    kit_expect_run(&log, "m", 0, 16);
    kit_close(sender);
    kit_close(host);
}

static void a_window_towards_oneself_is_bounded_too(void **state)
{
    struct smew_bus *bus = open_window(8);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(bus, "m", kit_note, &log);
    for (uint64_t round = 0; round < 3; round++) {
        assert_int_equal(stuff(bus, "m", 8 * round), 8);
        kit_poll_all(bus);
    }
    kit_expect_run(&log, "m", 0, 24);
    kit_close(bus);
}

static void payload_is_bounded_in_bytes(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    char *payload = calloc(1, 1024 * 1024);
    static struct kit_log log;
    size_t count = 0;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    options.timeout_ms = SMEW_NOW;
    while (count < 100 &&
           smew_bus_send(sender, "m", "E", payload, 1024 * 1024, &options) == SMEW_OK)
        count++;
    assert_in_range(count, 2, 64); /* far below the window's 1024 messages */
    kit_poll_until(host, &log, count);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(smew_bus_send(sender, "m", "E", payload, 1024 * 1024, &options), SMEW_OK);
    kit_poll_until(host, &log, count + 1);
    free(payload);
    kit_close(sender);
    kit_close(host);
}

static void one_slow_node_does_not_stop_another(void **state)
{
    struct smew_bus *slow = kit_open(NULL);
    struct smew_bus *quick = kit_open(NULL);
    struct smew_bus *sender = open_window(8);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(slow, "slow", kit_note, &log);
    kit_register(quick, "quick", kit_note, &log);
    assert_int_equal(stuff(sender, "slow", 0), 8);
    for (uint64_t i = 0; i < 100; i++) {
        kit_send(sender, "quick", i);
        kit_poll_until(quick, &log, i + 1);
    }
    kit_expect_run(&log, "quick", 0, 100);
    kit_poll_until(slow, &log, 108);
    kit_expect_run(&log, "slow", 0, 8);
    kit_close(sender);
    kit_close(slow);
    kit_close(quick);
}

static void a_send_waits_for_room_until_its_deadline(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = open_window(4);
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct kit_poller poller;
    static struct kit_log log;
    uint64_t begin_ns;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    assert_int_equal(stuff(sender, "m", 0), 4);
    options.timeout_ms = 30;
    begin_ns = smew_now_ns();
    assert_int_equal(kit_send_number(sender, "m", 4, &options), SMEW_FULL);
    assert_true(smew_now_ns() - begin_ns >= UINT64_C(30000000));
    kit_poller_start(&poller, host);
    for (uint64_t i = 4; i < 2000; i++)
        kit_send(sender, "m", i);
    kit_wait_until(&log, 2000);
    kit_poller_stop(&poller);
    kit_expect_run(&log, "m", 0, 2000);
    kit_close(sender);
    kit_close(host);
}

/* ---- many threads -------------------------------------------------------------------- */

enum { THREADS = 4, EACH = 1500 };

struct producer {
    struct smew_bus *bus;
    unsigned number;
    enum smew_status status;
    pthread_t thread;
};

static void *produce(void *argument)
{
    struct producer *producer = argument;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    char source[16];

    (void)snprintf(source, sizeof(source), "source-%u", producer->number);
    options.source = source;
    options.timeout_ms = KIT_WAIT_MS;
    for (uint64_t i = 0; i < EACH && producer->status == SMEW_OK; i++)
        producer->status = kit_send_number(producer->bus, "m", i, &options);
    return NULL;
}

static void threads_keep_their_order(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = open_window(64);
    struct producer producers[THREADS];
    uint64_t next[THREADS] = {0};
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    for (unsigned i = 0; i < THREADS; i++) {
        producers[i] = (struct producer){.bus = i % 2 == 0 ? sender : host, .number = i};
        assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
    }
    kit_poll_until(host, &log, (size_t)THREADS * EACH);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(producers[i].thread, NULL), 0);
        assert_int_equal(producers[i].status, SMEW_OK);
    }
    for (size_t i = 0; i < log.count; i++) {
        unsigned number = (unsigned)strtoul(log.seen[i].source + 7, NULL, 10);

        assert_true(number < THREADS);
        assert_int_equal(log.seen[i].number, next[number]++);
    }
    kit_close(sender);
    kit_close(host);
}

/* ---- waiting for oneself ------------------------------------------------------------- */

static void a_thread_does_not_wait_for_itself(void **state)
{
    struct smew_bus *one = kit_open(NULL);
    struct smew_bus *two = kit_open(NULL);
    struct smew_send_options options = kit_level(SMEW_LEVEL_PROCESSED);
    struct smew_message *reply = NULL;
    struct kit_poller poller;

    (void)state;
    kit_register(one, "m", kit_echo, NULL);
    kit_register(one, "p:*", kit_echo, NULL);
    kit_poll_all(one); /* from now on this thread polls `one` */
    assert_int_equal(kit_send_number(one, "m", 1, &options), SMEW_WOULD_DEADLOCK);
    assert_int_equal(kit_send_number(two, "m", 1, &options), SMEW_WOULD_DEADLOCK);
    assert_int_equal(kit_send_number(two, "p:1", 1, &options), SMEW_WOULD_DEADLOCK);
    assert_int_equal(smew_bus_request(two, "m", "E", NULL, 0, &options, &reply),
                     SMEW_WOULD_DEADLOCK);
    assert_int_equal(kit_stats(one).sent + kit_stats(two).sent, 0); /* nothing was accepted */
    /* Where another thread polls, there is somebody to wait for. */
    kit_poller_start(&poller, one);
    options.timeout_ms = KIT_WAIT_MS;
    while (kit_send_number(two, "m", 1, &options) == SMEW_WOULD_DEADLOCK)
        ; /* until that thread has begun */
    assert_int_equal(kit_send_number(two, "m", 1, &options), SMEW_OK);
    assert_int_equal(smew_bus_request(one, "p:1", "E", NULL, 0, &options, &reply), SMEW_OK);
    smew_message_free(reply);
    kit_poller_stop(&poller);
    kit_close(two);
    kit_close(one);
}

static void an_unknown_machine_is_no_deadlock(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    struct smew_send_options options = kit_level(SMEW_LEVEL_PROCESSED);

    (void)state;
    kit_poll_all(bus);
    assert_int_equal(kit_send_number(bus, "nobody", 1, &options), SMEW_NO_MACHINE);
    kit_close(bus);
}

BUS_CONTRACT_PART(bus_contract_pressure, SUPPORT_TEST(a_paused_receiver_fills_the_window),
                  SUPPORT_TEST(a_window_towards_oneself_is_bounded_too),
                  SUPPORT_TEST(payload_is_bounded_in_bytes),
                  SUPPORT_TEST(one_slow_node_does_not_stop_another),
                  SUPPORT_TEST(a_send_waits_for_room_until_its_deadline),
                  SUPPORT_TEST(threads_keep_their_order),
                  SUPPORT_TEST(a_thread_does_not_wait_for_itself),
                  SUPPORT_TEST(an_unknown_machine_is_no_deadlock));
