/* SPDX-License-Identifier: MIT */
/*
 * Connections that break, between nodes that live: what is re-sent is found by the receiver, so
 * every message is handled once, in order, and every request is answered once (G1, G2, G5).  The
 * scheme `flaky` loses each connection after a number of frames, in whatever direction.
 */
#include "tests/bus/kit.h"
#include "tests/bus/loop.h"

#include <stdio.h>
#include <string.h>

enum { NUMBERS = 6000, REQUESTS = 400 };

static struct smew_bus *open_window(uint32_t window)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    options.window = window;
    options.heartbeat_ms = 20;
    return kit_open(&options);
}

/* Connections that break after few frames, and such that live for a while. */
static void each_message_is_handled_once(void **state)
{
    static const unsigned limits[] = {25, 60, 333};

    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct smew_bus *host = open_window(32);
        struct smew_bus *sender = open_window(32);
        uint64_t count = limits[i] < 30 ? 1000 : NUMBERS;
        static struct kit_log log;
        struct kit_poller poller;

        kit_log_init(&log);
        kit_register(host, "m", kit_note, &log);
        kit_poller_start(&poller, host);
        loop_break_after(limits[i]);
        for (uint64_t number = 0; number < count; number++)
            kit_send(sender, "m", number);
        assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
        loop_break_after(0);
        kit_poller_stop(&poller);
        kit_expect_run(&log, "m", 0, count);
        assert_int_equal(log.count, count);
        assert_true(kit_stats(sender).reconnects > 0);
        assert_int_equal(kit_stats(sender).dead_letters, 0);
        assert_int_equal(kit_stats(sender).processed, count);
        assert_int_equal(kit_stats(host).delivered, count);
        kit_close(sender);
        kit_close(host);
    }
}

static void what_comes_again_is_found(void **state)
{
    struct smew_bus *host = open_window(32);
    struct smew_bus *sender = open_window(32);
    static struct kit_log log;
    uint64_t number = 0;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    loop_break_after(40);
    while (kit_stats(host).duplicates == 0 || kit_stats(sender).redelivered == 0) {
        for (int i = 0; i < 20; i++)
            kit_send(sender, "m", number++);
        kit_poll_until(host, &log, number);
        assert_true(number < 5000);
    }
    loop_break_after(0);
    kit_expect_run(&log, "m", 0, number);
    kit_close(sender);
    kit_close(host);
}

static void each_request_is_answered_once(void **state)
{
    struct smew_send_options options = kit_level(SMEW_LEVEL_ACCEPTED);
    struct smew_bus *host = open_window(32);
    struct smew_bus *asker = open_window(32);
    struct kit_poller poller;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_echo, NULL);
    kit_poller_start(&poller, host);
    loop_break_after(30);
    for (uint64_t i = 0; i < REQUESTS; i++)
        assert_int_equal(smew_bus_request_async(asker, "m", "GET", &i, sizeof(i), &options,
                                                kit_note_reply, &log),
                         SMEW_OK);
    kit_poll_until(asker, &log, REQUESTS);
    loop_break_after(0);
    kit_poll_all(asker);
    kit_poller_stop(&poller);
    assert_int_equal(log.count, REQUESTS);
    for (size_t i = 0; i < log.count; i++)
        assert_int_equal(log.seen[i].status, SMEW_OK);
    kit_expect_run(&log, NULL, 0, REQUESTS);
    kit_close(asker);
    kit_close(host);
}

static void a_level_survives_a_broken_connection(void **state)
{
    struct smew_send_options options = kit_level(SMEW_LEVEL_PROCESSED);
    struct smew_bus *host = open_window(32);
    struct smew_bus *sender = open_window(32);
    struct kit_poller poller;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    kit_poller_start(&poller, host);
    loop_break_after(5);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(kit_send_number(sender, "m", i, &options), SMEW_OK);
    loop_break_after(0);
    kit_poller_stop(&poller);
    kit_expect_run(&log, "m", 0, 100);
    kit_close(sender);
    kit_close(host);
}

/* ---- chains -------------------------------------------------------------------------- */

static void forward(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    uint64_t number = kit_number(message);

    kit_log_add(user, message, kit_send_number(bus, "sink", number, NULL));
}

static void a_handler_forwards_each_once(void **state)
{
    struct smew_bus *middle = open_window(16);
    struct smew_bus *host = open_window(16);
    struct smew_bus *sender = open_window(16);
    struct kit_poller pollers[2];
    static struct kit_log forwarded;
    static struct kit_log log;

    (void)state;
    kit_log_init(&forwarded);
    kit_log_init(&log);
    kit_register(middle, "middle", forward, &forwarded);
    kit_register(host, "sink", kit_note, &log);
    kit_poller_start(&pollers[0], middle);
    kit_poller_start(&pollers[1], host);
    loop_break_after(40);
    for (uint64_t i = 0; i < 1500; i++)
        kit_send(sender, "middle", i);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(smew_bus_flush(middle, KIT_WAIT_MS), SMEW_OK);
    loop_break_after(0);
    kit_poller_stop(&pollers[0]);
    kit_poller_stop(&pollers[1]);
    kit_expect_run(&log, "sink", 0, 1500);
    kit_close(sender);
    kit_close(middle);
    kit_close(host);
}

/* ---- moves --------------------------------------------------------------------------- */

struct traffic {
    struct smew_bus *bus;
    enum smew_status status;
    atomic_uint sent;
    atomic_bool over;
    unsigned next_move;
    pthread_t thread;
};

static void *send_numbers(void *argument)
{
    struct traffic *traffic = argument;
    struct smew_send_options options = kit_level(SMEW_LEVEL_ACCEPTED);

    for (uint64_t i = 0; i < NUMBERS && traffic->status == SMEW_OK; i++) {
        options.wait_ms = KIT_WAIT_MS;
        traffic->status = kit_send_number(traffic->bus, "p:1", i, &options);
        atomic_fetch_add(&traffic->sent, 1);
    }
    atomic_store(&traffic->over, true);
    return NULL;
}

static bool may_move(void *argument)
{
    struct traffic *traffic = argument;

    return atomic_load(&traffic->sent) >= traffic->next_move || atomic_load(&traffic->over);
}

/* Moves a machine again and again; both hosts live, so nothing is handled twice. */
static void move_around(struct smew_bus *one, struct smew_bus *two, bool pattern)
{
    enum { MOVES = 20 };
    struct traffic traffic = {.bus = open_window(128)};
    struct kit_poller pollers[2];
    static struct kit_log log;

    kit_log_init(&log);
    kit_register(one, pattern ? "p:*" : "p:1", kit_note, &log);
    kit_poller_start(&pollers[0], one);
    if (two != one)
        kit_poller_start(&pollers[1], two);
    assert_int_equal(pthread_create(&traffic.thread, NULL, send_numbers, &traffic), 0);
    for (unsigned i = 0; i < MOVES; i++) {
        struct smew_bus *from = i % 2 == 0 ? one : two;
        struct smew_bus *to = i % 2 == 0 ? two : one;

        traffic.next_move = i * NUMBERS / MOVES;
        assert_true(support_wait_until(may_move, &traffic, KIT_WAIT_MS));
        if (from == two || !pattern)
            assert_int_equal(smew_bus_unregister(from, "p:1"), SMEW_OK);
        if (to == two || !pattern)
            kit_register(to, "p:1", kit_note, &log);
    }
    assert_int_equal(pthread_join(traffic.thread, NULL), 0);
    assert_int_equal(traffic.status, SMEW_OK);
    assert_int_equal(smew_bus_flush(traffic.bus, KIT_WAIT_MS), SMEW_OK);
    loop_break_after(0);
    kit_poller_stop(&pollers[0]);
    if (two != one)
        kit_poller_stop(&pollers[1]);
    kit_expect_run(&log, "p:1", 0, NUMBERS);
    kit_close(traffic.bus);
}

static void machines_move_over_broken_connections(void **state)
{
    struct smew_bus *one = open_window(128);
    struct smew_bus *two = open_window(128);

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct smew_bus *other = i % 2 == 0 ? two : one; /* the last one: to itself and back */

        loop_break_after(i < 2 ? 100 : 0);
        move_around(one, other, i % 2 == 0);
        (void)!smew_bus_unregister(one, "p:*");
        (void)!smew_bus_unregister(one, "p:1");
        (void)!smew_bus_unregister(two, "p:1");
    }
    kit_close(two);
    kit_close(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(each_message_is_handled_once),
        SUPPORT_TEST(what_comes_again_is_found),
        SUPPORT_TEST(each_request_is_answered_once),
        SUPPORT_TEST(a_level_survives_a_broken_connection),
        SUPPORT_TEST(a_handler_forwards_each_once),
        SUPPORT_TEST(machines_move_over_broken_connections),
    };

    if (loop_register())
        return 1;
    kit_use("flaky");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
