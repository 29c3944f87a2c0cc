/* SPDX-License-Identifier: MIT */
/*
 * The contract, third part: machines that move.  An id inside another node's pattern is handed
 * over when that node has let go of it; what is queued moves along, in order, and nothing is lost
 * or handled twice, while senders go on sending.
 */
#include "tests/bus/contract.h"

#include <stdio.h>
#include <string.h>

static void queued_messages_move_along(void **state)
{
    struct smew_bus *one = kit_open(NULL);
    struct smew_bus *two = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    static struct kit_log before;
    static struct kit_log after;

    (void)state;
    kit_log_init(&before);
    kit_log_init(&after);
    kit_register(one, "p:*", kit_note, &before);
    for (uint64_t i = 0; i < 100; i++) {
        kit_send(sender, "p:1", i);
        kit_send(sender, "p:2", i);
        kit_send(one, "p:1", 1000 + i); /* from the host itself */
    }
    while (before.count < 30)
        (void)!smew_bus_poll(one, 10, 1);
    kit_register(two, "p:1", kit_note, &after);
    kit_poll_until(two, &after, 200 - kit_log_matching(&before, "p:1", NULL));
    kit_poll_until(one, &before, kit_log_matching(&before, "p:1", NULL) + 100);
    kit_expect_run(&before, "p:2", 0, 100);
    for (size_t i = 0, next = 0, own = 1000; i < before.count + after.count; i++) {
        const struct kit_seen *seen =
            i < before.count ? &before.seen[i] : &after.seen[i - before.count];

        if (strcmp(seen->target, "p:1") == 0)
            assert_int_equal(seen->number, seen->number >= 1000 ? own++ : next++);
        assert_false(seen->redelivered);
    }
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(smew_bus_flush(one, KIT_WAIT_MS), SMEW_OK);
    kit_close(sender);
    kit_close(two);
    kit_close(one);
}

/* ---- what runs is waited for --------------------------------------------------------- */

static void hold(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    *(struct smew_message **)user = smew_message_hold(message);
}

static void a_held_message_delays_the_handover(void **state)
{
    struct smew_bus *one = kit_open(NULL);
    struct smew_bus *two = kit_open(NULL);
    struct smew_register_options options = SMEW_REGISTER_OPTIONS_INIT;
    struct smew_message *held = NULL;
    struct smew_error error = {0};
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(one, "p:*", hold, &held);
    kit_send(two, "p:1", 1);
    assert_int_equal(smew_bus_poll(one, KIT_WAIT_MS, 0), SMEW_OK);
    assert_non_null(held);
    options.timeout_ms = 20;
    assert_int_equal(smew_bus_register(two, "p:1", kit_note, &log, &options, &error), SMEW_TIMEOUT);
    assert_non_null(strstr(error.text, smew_bus_address(one)));
    smew_message_complete(held, SMEW_OK);
    held = NULL;
    options.timeout_ms = KIT_WAIT_MS;
    assert_int_equal(smew_bus_register(two, "p:1", kit_note, &log, &options, NULL), SMEW_OK);
    kit_send(one, "p:1", 2);
    kit_poll_until(two, &log, 1);
    kit_close(two);
    kit_close(one);
}

/* A machine is given back while it works: its next host waits for it all the same. */
static void what_is_held_is_not_overtaken_elsewhere(void **state)
{
    struct smew_bus *one = kit_open(NULL);
    struct smew_bus *two = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct smew_message *held = NULL;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(one, "m", hold, &held);
    kit_send(sender, "m", 0);
    while (held == NULL)
        (void)!smew_bus_poll(one, 10, 0);
    for (uint64_t i = 1; i < 10; i++)
        kit_send(sender, "m", i);
    kit_wait_delivered(one, 10);
    assert_int_equal(smew_bus_unregister(one, "m"), SMEW_OK);
    kit_register(two, "m", kit_note, &log);
    for (int i = 0; i < 10; i++) /* long enough for the refused ones to come here */
        assert_int_equal(smew_bus_poll(two, 5, 0), SMEW_TIMEOUT);
    smew_message_complete(held, SMEW_OK);
    kit_poll_until(two, &log, 9);
    kit_expect_run(&log, "m", 1, 9);
    kit_close(sender);
    kit_close(two);
    kit_close(one);
}

/*
 * linger_ms is for the time between two hosts.  A message that waits longer than that at one of
 * them, and is refused because the machine moves on, waits for the next one with a time of its own.
 */
static void waiting_at_a_host_is_not_lingering(void **state)
{
    enum { LINGER_MS = 500 };
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *one = kit_open(NULL);
    struct smew_bus *two = kit_open(NULL);
    struct smew_bus *sender;
    static struct kit_log letters;
    static struct kit_log log;
    uint64_t moved_ns;

    (void)state;
    kit_log_init(&letters);
    kit_log_init(&log);
    options.linger_ms = LINGER_MS;
    options.on_dead_letter = kit_note_letter;
    options.user = &letters;
    sender = kit_open(&options);
    kit_register(one, "p:*", kit_note, &log);
    for (uint64_t i = 0; i < 10; i++)
        kit_send(sender, "p:1", i);
    kit_wait_delivered(one, 10);
    kit_register(two, "p:1", kit_ignore, NULL);
    kit_wait_delivered(two, 10);
    moved_ns = smew_now_ns();
    while (smew_now_ns() - moved_ns < LINGER_MS * UINT64_C(1000000))
        assert_int_equal(smew_bus_poll(sender, 10, 0), SMEW_TIMEOUT);
    assert_int_equal(smew_bus_unregister(two, "p:1"), SMEW_OK);
    kit_poll_until(one, &log, 10);
    kit_expect_run(&log, "p:1", 0, 10);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_poll_all(sender);
    assert_int_equal(letters.count, 0);
    kit_close(sender);
    kit_close(two);
    kit_close(one);
}

struct released {
    unsigned count;
    char machine[64];
};

static void on_notice(struct smew_bus *bus, const struct smew_notice *notice, void *user)
{
    struct released *released = user;

    (void)bus;
    if (notice->type != SMEW_NOTICE_MACHINE_RELEASED)
        return;
    released->count++;
    (void)snprintf(released->machine, sizeof(released->machine), "%s", notice->machine);
}

/* The id comes back to the pattern when its claim ends, and may go away again. */
static void an_id_goes_and_comes_back(void **state)
{
    struct released released = {0};
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *one;
    struct smew_bus *two = kit_open(NULL);
    static struct kit_log logs[2];

    (void)state;
    options.on_notice = on_notice;
    options.user = &released;
    one = kit_open(&options);
    kit_log_init(&logs[0]);
    kit_log_init(&logs[1]);
    kit_register(one, "p:*", kit_note, &logs[0]);
    for (unsigned i = 1; i <= 3; i++) {
        kit_send(two, "p:1", i);
        kit_poll_until(one, &logs[0], i);
        kit_register(two, "p:1", kit_note, &logs[1]);
        kit_poll_all(one);
        assert_int_equal(released.count, i);
        assert_string_equal(released.machine, "p:1");
        kit_send(one, "p:1", i);
        kit_poll_until(two, &logs[1], i);
        assert_int_equal(smew_bus_unregister(two, "p:1"), SMEW_OK);
    }
    kit_close(two);
    kit_close(one);
}

/* ---- under way ----------------------------------------------------------------------- */

enum { NUMBERS = 6000, MOVES = 12 };

struct traffic {
    struct smew_bus *bus;
    enum smew_status status;
    unsigned next_move;
    atomic_uint sent;
    atomic_bool over;
};

static void *send_numbers(void *argument)
{
    struct traffic *traffic = argument;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    for (uint64_t i = 0; i < NUMBERS && traffic->status == SMEW_OK; i++) {
        traffic->status = kit_send_number(traffic->bus, "p:1", i, &options);
        atomic_fetch_add(&traffic->sent, 1);
    }
    atomic_store(&traffic->over, true);
    return NULL;
}

static bool has_sent(void *argument)
{
    struct traffic *traffic = argument;

    return atomic_load(&traffic->sent) >= traffic->next_move || atomic_load(&traffic->over);
}

static void a_machine_moves_under_load(void **state)
{
    struct smew_bus *one = kit_open(NULL);
    struct smew_bus *two = kit_open(NULL);
    struct traffic traffic = {.bus = kit_open(NULL)};
    struct kit_poller pollers[2];
    static struct kit_log log;
    pthread_t thread;

    (void)state;
    kit_log_init(&log); /* one record of both hosts: the order of the pair shows in it */
    kit_register(one, "p:*", kit_note, &log);
    kit_poller_start(&pollers[0], one);
    kit_poller_start(&pollers[1], two);
    assert_int_equal(pthread_create(&thread, NULL, send_numbers, &traffic), 0);
    for (int i = 0; i < MOVES; i++) {
        traffic.next_move = (unsigned)i * NUMBERS / MOVES;
        (void)support_wait_until(has_sent, &traffic, KIT_WAIT_MS);
        if (i % 2 == 0)
            kit_register(two, "p:1", kit_note, &log);
        else
            assert_int_equal(smew_bus_unregister(two, "p:1"), SMEW_OK);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(traffic.status, SMEW_OK);
    kit_wait_until(&log, NUMBERS);
    assert_int_equal(smew_bus_flush(traffic.bus, KIT_WAIT_MS), SMEW_OK);
    kit_expect_run(&log, "p:1", 0, NUMBERS);
    kit_poller_stop(&pollers[0]);
    kit_poller_stop(&pollers[1]);
    kit_close(traffic.bus);
    kit_close(two);
    kit_close(one);
}

/* The claimant goes before it has the id: the pattern's node serves it again. */
static void a_claimant_that_goes_leaves_the_id(void **state)
{
    struct smew_bus *one = kit_open(NULL);
    struct smew_bus *two = kit_open(NULL);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(one, "p:*", kit_note, &log);
    kit_register(two, "p:1", kit_ignore, NULL);
    kit_send(one, "p:1", 0);
    smew_bus_close(two, 0, NULL);
    for (uint64_t i = 1; i < 50; i++)
        kit_send(one, "p:1", i);
    kit_poll_until(one, &log, 50);
    kit_expect_run(&log, "p:1", 0, 50);
    kit_close(one);
}

/* The pattern's node goes while it is asked. */
static void a_closed_pattern_is_in_nobodys_way(void **state)
{
    struct smew_bus *one = kit_open(NULL);
    struct smew_bus *two = kit_open(NULL);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(one, "p:*", kit_ignore, NULL);
    smew_bus_close(one, 0, NULL);
    kit_register(two, "p:1", kit_note, &log);
    kit_register(two, "p:*", kit_note, &log);
    kit_register(two, "p:2", kit_note, &log); /* inside one's own pattern: at once */
    kit_send(two, "p:1", 0);
    kit_send(two, "p:2", 0);
    kit_send(two, "p:3", 0);
    kit_poll_until(two, &log, 3);
    kit_close(two);
}

BUS_CONTRACT_PART(bus_contract_handover, SUPPORT_TEST(queued_messages_move_along),
                  SUPPORT_TEST(a_held_message_delays_the_handover),
                  SUPPORT_TEST(what_is_held_is_not_overtaken_elsewhere),
                  SUPPORT_TEST(waiting_at_a_host_is_not_lingering),
                  SUPPORT_TEST(an_id_goes_and_comes_back), SUPPORT_TEST(a_machine_moves_under_load),
                  SUPPORT_TEST(a_claimant_that_goes_leaves_the_id),
                  SUPPORT_TEST(a_closed_pattern_is_in_nobodys_way));
