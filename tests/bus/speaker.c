/* SPDX-License-Identifier: MIT */
/*
 * What a node's machines say, bus/speaker.h: sends inside handlers, and sends that name a source.
 * They go into lanes, nobody sees them before the handler returns, and each of them arrives once
 * and in its order.  speaker_lost.c has what may happen to lanes and threads meanwhile.
 */
#include "tests/bus/script.h"

#include <string.h>

enum {
    ROUNDS = 3000,
    LANE_BYTES = 4096,
    WINDOW = 64,
    MANY = 500, /* more than such a lane or window has room for */
};

/* ---- the way --------------------------------------------------------------------------- */

static void handlers_take_lanes(void **state)
{
    struct script script;
    uint64_t before;

    (void)state;
    script_open(&script, NULL);
    before = kit_stats(script.bus).lanes_sent;
    script_run(&script, script_say_some);
    assert_int_equal(kit_stats(script.bus).lanes_sent, before + BEFORE);
    script.source = "machine";
    script_run(&script, script_say_some);
    assert_int_equal(kit_stats(script.bus).lanes_sent, before + 2 * BEFORE);
    script_expect_all(&script);
    assert_string_equal(script_log.seen[BEFORE].source, "machine");
    script_close(&script);
}

/* Outside of handlers, on the thread that polled. */
static void a_named_source_takes_lanes(void **state)
{
    struct script script;
    uint64_t before;

    (void)state;
    script_open(&script, NULL);
    kit_poll_all(script.bus);
    script.source = "machine";
    before = kit_stats(script.bus).lanes_sent;
    script_say_some(&script);
    assert_int_equal(script.status, SMEW_OK);
    assert_int_equal(kit_stats(script.bus).lanes_sent, before + BEFORE);
    script_close(&script);
}

/* ---- nothing before it returns --------------------------------------------------------- */

/* The receiver looks while the handler is still at work. */
static void say_and_be_looked_for(struct script *script)
{
    uint64_t received = kit_stats(script->host).bytes_received;
    size_t seen = kit_log_count(&script_log);
    pthread_t thread;

    script_say(script, BEFORE);
    if (pthread_create(&thread, NULL, script_look_often, script->host) ||
        pthread_join(thread, NULL))
        script_note(script, SMEW_NO_MEMORY);
    if (kit_log_count(&script_log) != seen || kit_stats(script->host).bytes_received != received)
        script_note(script, SMEW_REJECTED);
}

static void nothing_is_seen_before_the_handler_returns(void **state)
{
    struct script script;
    uint64_t before;

    (void)state;
    script_open(&script, NULL);
    for (int i = 0; i < 3; i++) {
        before = kit_stats(script.bus).lanes_sent;
        script_run(&script, say_and_be_looked_for);
        assert_int_equal(kit_stats(script.bus).lanes_sent, before + BEFORE);
        script_expect_all(&script);
    }
    script_close(&script);
}

/* ---- order ----------------------------------------------------------------------------- */

/* A thread that names the same source, in turns with the handlers. */
struct other {
    struct script *script;
    atomic_bool its_turn;
    atomic_bool stop;
    _Atomic enum smew_status status;
};

static void *speak_in_turns(void *argument)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct other *other = argument;

    options.source = other->script->source;
    options.timeout_ms = KIT_WAIT_MS;
    while (!other->stop) {
        if (!other->its_turn)
            continue;
        for (uint64_t i = other->script->next % 3; i > 0 && !other->status; i--)
            other->status =
                kit_send_number(other->script->bus, "m", other->script->next++, &options);
        other->its_turn = false;
    }
    return NULL;
}

static void say_one_or_two(struct script *script)
{
    script_say(script, 1 + script->runs % 2);
}

static bool has_spoken(void *other)
{
    return !((struct other *)other)->its_turn;
}

static void two_threads_keep_the_order_of_a_source(void **state)
{
    struct kit_poller poller;
    struct script script;
    struct other other = {.script = &script};
    pthread_t thread;

    (void)state;
    script_open(&script, NULL);
    script.source = "machine";
    kit_poller_start(&poller, script.host);
    assert_int_equal(pthread_create(&thread, NULL, speak_in_turns, &other), 0);
    for (unsigned round = 0; round < ROUNDS && !other.status; round++) {
        script_run(&script, say_one_or_two);
        other.its_turn = true;
        while (other.its_turn && !other.status)
            ;
        if (round % 16 == 0) /* so that the handlers have their lane again */
            assert_int_equal(smew_bus_flush(script.bus, KIT_WAIT_MS), SMEW_OK);
    }
    assert_true(support_wait_until(has_spoken, &other, KIT_WAIT_MS));
    other.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(other.status, SMEW_OK);
    kit_wait_until(&script_log, script.next);
    kit_poller_stop(&poller);
    script_close(&script);
}

/* Or it polls, in turns with the first. */
static void *poll_in_turns(void *argument)
{
    struct other *other = argument;

    while (!other->stop) {
        unsigned before;

        if (!other->its_turn)
            continue;
        before = other->script->runs;
        while (other->script->runs == before)
            (void)!smew_bus_poll(other->script->bus, 10, 1);
        other->its_turn = false;
    }
    return NULL;
}

static void two_threads_poll_in_turns(void **state)
{
    struct kit_poller poller;
    struct script script;
    struct other other = {.script = &script};
    pthread_t thread;

    (void)state;
    script_open(&script, NULL);
    kit_poller_start(&poller, script.host);
    assert_int_equal(pthread_create(&thread, NULL, poll_in_turns, &other), 0);
    for (unsigned round = 0; round < ROUNDS / 2; round++) {
        script_run(&script, say_one_or_two);
        script_ask(&script, say_one_or_two);
        other.its_turn = true;
        while (other.its_turn)
            ;
        assert_int_equal(script.status, SMEW_OK);
        if (round % 16 == 0)
            assert_int_equal(smew_bus_flush(script.bus, KIT_WAIT_MS), SMEW_OK);
    }
    other.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    kit_wait_until(&script_log, script.next);
    kit_poller_stop(&poller);
    script_close(&script);
}

/* The thread of the handlers sends outside of them, too: all of it is one lane. */
static void inside_and_outside_keep_their_order(void **state)
{
    struct kit_poller poller;
    struct script script;

    (void)state;
    script_open(&script, NULL);
    kit_poller_start(&poller, script.host);
    for (unsigned round = 0; round < ROUNDS; round++) {
        script_run(&script, say_one_or_two);
        kit_send(script.bus, "m", script.next++);
    }
    kit_wait_until(&script_log, script.next);
    kit_poller_stop(&poller);
    script_close(&script);
}

/* ---- more than there is room for ------------------------------------------------------- */

static void say_many(struct script *script)
{
    script_say(script, MANY);
}

static void overfill(enum smew_on_full on_full, uint32_t window, uint64_t least)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct script script;
    uint64_t before;

    options.lane_bytes = LANE_BYTES;
    options.window = window;
    script_open(&script, &options);
    script.on_full = on_full;
    before = kit_stats(script.bus).lanes_sent;
    script_run(&script, say_many);
    assert_in_range(kit_stats(script.bus).lanes_sent - before, least, MANY - 1);
    script_run(&script, script_say_some);
    script_expect_all(&script);
    script_run(&script, script_say_some); /* all is well again */
    script_close(&script);
}

static void the_rest_goes_through_the_outbox(void **state)
{
    (void)state;
    overfill(SMEW_ON_FULL_WAIT, MANY * 2, LANE_BYTES / 128); /* the lane is full */
    overfill(SMEW_ON_FULL_WAIT, WINDOW / 2, WINDOW / 2);     /* its window is */
}

static void a_handler_does_not_wait_for_a_larger_lane(void **state)
{
    (void)state;
    overfill(SMEW_ON_FULL_GROW, MANY * 2, LANE_BYTES / 128);
}

/* Nothing but large ones: the first goes the common way, and a pool is asked for. */
static bool says_pooled(void *argument)
{
    struct script *script = argument;

    script_run(script, script_say_large);
    kit_poll_until(script->host, &script_log, script->next);
    return kit_stats(script->bus).pooled > 0;
}

static void large_ones_get_a_pool(void **state)
{
    struct script script;

    (void)state;
    script_open(&script, NULL);
    assert_true(support_wait_until(says_pooled, &script, KIT_WAIT_MS));
    script_run(&script, script_say_large);
    script_run(&script, script_say_some);
    script_expect_all(&script);
    assert_int_equal(script_log.seen[0].size, SCRIPT_LARGE);
    script_close(&script);
}

/* ---- loans ----------------------------------------------------------------------------- */

/* One is begun before a number and given back behind it, which is refused; one is sent. */
static void lend_and_send(struct script *script)
{
    struct smew_loan *loan = NULL;
    void *payload = NULL;

    script_say(script, 1);
    script_note(script,
                smew_bus_loan(script->bus, "m", "N", SCRIPT_LARGE / 100, NULL, &loan, &payload));
    if (kit_send_number(script->bus, "m", UINT64_MAX, NULL) != SMEW_BUSY)
        script_note(script, SMEW_REJECTED);
    memset(payload, 0xa5, SCRIPT_LARGE / 100);
    smew_loan_cancel(loan);
    script_note(script,
                smew_bus_loan(script->bus, "m", "N", SCRIPT_LARGE / 100, NULL, &loan, &payload));
    memcpy(payload, &script->next, sizeof(script->next));
    script_note(script, smew_loan_send(loan, sizeof(script->next)));
    script->next++;
    script_say(script, 1);
}

static void lend_and_be_looked_for(struct script *script)
{
    lend_and_send(script);
    say_and_be_looked_for(script);
}

static void a_loan_is_sent_inside_a_handler(void **state)
{
    struct script script;
    uint64_t before;

    (void)state;
    script_open(&script, NULL);
    before = kit_stats(script.bus).lanes_sent;
    script_run(&script, lend_and_send);
    assert_int_equal(kit_stats(script.bus).lanes_sent, before + 3);
    script_expect_all(&script);
    script_run(&script, lend_and_be_looked_for);
    assert_int_equal(kit_stats(script.bus).lanes_sent, before + 6 + BEFORE);
    script_close(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(handlers_take_lanes),
        SUPPORT_TEST(a_named_source_takes_lanes),
        SUPPORT_TEST(nothing_is_seen_before_the_handler_returns),
        SUPPORT_TEST(two_threads_keep_the_order_of_a_source),
        SUPPORT_TEST(two_threads_poll_in_turns),
        SUPPORT_TEST(inside_and_outside_keep_their_order),
        SUPPORT_TEST(the_rest_goes_through_the_outbox),
        SUPPORT_TEST(a_handler_does_not_wait_for_a_larger_lane),
        SUPPORT_TEST(large_ones_get_a_pool),
        SUPPORT_TEST(a_loan_is_sent_inside_a_handler),
    };

    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
