/* SPDX-License-Identifier: MIT */
/*
 * What machines say, bus/speaker.h, when a handler has written it and has not returned: the lane is
 * lost, the receiver leaves or is killed, and the speaker's thread ends.  All of it arrives, once
 * and in its order.
 */
#include "tests/bus/inside.h"
#include "tests/bus/script.h"

enum { AFTER = 7, BEAT_MS = 20 };

/* ---- a lane that is lost ----------------------------------------------------------------- */

static void await_loss(struct script *script)
{
    if (!support_wait_until(inside_lost_all, script->bus, KIT_WAIT_MS))
        script_note(script, SMEW_TIMEOUT);
}

/* Connections break while a handler has written in its lanes. */
static void say_and_lose(struct script *script)
{
    script_say(script, BEFORE);
    if (!inside_run(script->bus, inside_break_connections))
        script_note(script, SMEW_NO_MEMORY);
    await_loss(script);
    script_say(script, AFTER);
}

static bool has_sent_again(void *bus)
{
    return kit_stats(bus).redelivered >= BEFORE;
}

static void a_lane_is_lost_in_a_handler(void **state)
{
    struct script script;

    (void)state;
    script_open_beating(&script);
    for (int i = 0; i < 10; i++) {
        script_run(&script, script_say_some); /* perhaps read, perhaps not, when the lane is lost */
        script_run(&script, say_and_lose);
        script_run(&script, script_say_some);
        if (i == 0)
            assert_true(support_wait_until(has_sent_again, script.bus, KIT_WAIT_MS));
        script_expect_all(&script);
        assert_true(support_wait_until(script_says_in_lane, &script, KIT_WAIT_MS));
    }
    script_close(&script);
}

/* The receiver leaves meanwhile, and another node takes "m" over. */
static void *move_host(void *argument)
{
    struct script *script = argument;
    struct smew_bus *other = script->argument;

    smew_bus_close(script->host, 0, NULL);
    script->host = other;
    script_note(script, smew_bus_register(other, "m", kit_note, &script_log, NULL, NULL));
    return NULL;
}

static void say_and_move(struct script *script)
{
    pthread_t thread;

    script_say(script, BEFORE);
    if (pthread_create(&thread, NULL, move_host, script) || pthread_join(thread, NULL))
        script_note(script, SMEW_NO_MEMORY);
    script_say(script, AFTER);
}

static void its_receiver_leaves_in_a_handler(void **state)
{
    struct script script;

    (void)state;
    script_open_beating(&script);
    script.argument = kit_open(NULL);
    script_run(&script, say_and_move);
    script_run(&script, script_say_some);
    script_close(&script);
}

/* Hosts "m" until it is killed, and completes nothing. */
static int host_in_child(void *argument)
{
    struct smew_bus *bus;

    (void)argument;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL) != SMEW_OK ||
        smew_bus_register(bus, "warm", kit_ignore, NULL, NULL, NULL) != SMEW_OK ||
        smew_bus_register(bus, "m", kit_ignore, NULL, NULL, NULL) != SMEW_OK)
        return 1;
    for (;;)
        (void)!smew_bus_poll(bus, 1000, 1);
}

static void say_and_kill(struct script *script)
{
    pthread_t thread;

    script_say(script, BEFORE);
    support_kill(*(pid_t *)script->argument);
    await_loss(script);
    if (pthread_create(&thread, NULL, script_take_over, script) || pthread_join(thread, NULL))
        script_note(script, SMEW_NO_MEMORY);
    script_say(script, AFTER);
}

static void its_receiver_is_killed_in_a_handler(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    pid_t child = support_fork(host_in_child, NULL);
    struct script script = {.argument = &child};

    (void)state;
    options.heartbeat_ms = BEAT_MS;
    options.linger_ms = KIT_WAIT_MS;
    kit_log_init(&script_log);
    script.bus = kit_open(&options);
    script.host = kit_open(NULL);
    kit_register(script.bus, "in", script_handle, &script);
    assert_true(support_wait_until(script_takes_lanes, script.bus, KIT_WAIT_MS));
    assert_int_equal(smew_bus_flush(script.bus, KIT_WAIT_MS), SMEW_OK);
    script_run(&script, say_and_kill);
    script_run(&script, script_say_some);
    script_expect_all(&script);
    assert_true(kit_stats(script.bus).redelivered >= BEFORE);
    script_close(&script);
}

/* ---- speakers that end ------------------------------------------------------------------- */

static void *poll_once(void *argument)
{
    struct script *script = argument;
    unsigned before = script->runs;

    while (script->runs == before)
        (void)!smew_bus_poll(script->bus, 10, 1);
    return NULL;
}

/* Another thread polls while what the first one's handlers said is still on its way. */
static void another_thread_becomes_the_speaker(void **state)
{
    struct script script;
    pthread_t thread;

    (void)state;
    script_open_beating(&script);
    for (int i = 0; i < 3; i++) {
        for (int handlers = 0; handlers < 2; handlers++) {
            script_ask(&script, script_say_some);
            assert_int_equal(pthread_create(&thread, NULL, poll_once, &script), 0);
            assert_int_equal(pthread_join(thread, NULL), 0);
        }
        script_run(&script, script_say_some);
        script_expect_all(&script);
    }
    assert_true(support_wait_until(script_says_in_lane, &script, KIT_WAIT_MS));
    script_close(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(its_receiver_is_killed_in_a_handler), /* forks: before there are threads */
        SUPPORT_TEST(a_lane_is_lost_in_a_handler),
        SUPPORT_TEST(its_receiver_leaves_in_a_handler),
        SUPPORT_TEST(another_thread_becomes_the_speaker),
    };

    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
