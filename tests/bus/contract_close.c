/* SPDX-License-Identifier: MIT */
/*
 * The contract, tenth part: ends.  Close delivers what it can and reports the rest; what cannot be
 * delivered any more becomes a dead letter with a reason; nothing is dropped in silence.
 */
#include "tests/bus/contract.h"

#include <stdio.h>
#include <string.h>

static struct smew_bus *open_with_letters(struct kit_log *letters, uint32_t linger_ms)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    kit_log_init(letters);
    options.on_dead_letter = kit_note_letter;
    options.user = letters;
    options.linger_ms = linger_ms;
    options.heartbeat_ms = 20;
    return kit_open(&options);
}

static void close_delivers_until_its_deadline(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct kit_poller poller;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    for (uint64_t i = 0; i < 500; i++)
        kit_send(sender, "m", i);
    kit_poller_start(&poller, host);
    kit_close(sender); /* nothing is left */
    assert_int_equal(kit_log_count(&log), 500);
    kit_poller_stop(&poller);
    kit_close(host);
}

static void close_reports_what_was_left(void **state)
{
    struct smew_send_options options = kit_level(SMEW_LEVEL_ACCEPTED);
    static struct kit_log letters;
    static struct kit_log replies;
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = open_with_letters(&letters, 0);
    struct smew_left left = {0};

    (void)state;
    kit_log_init(&replies);
    kit_register(host, "m", kit_ignore, NULL);
    for (uint64_t i = 0; i < 5; i++)
        kit_send(sender, "m", i);
    for (uint64_t i = 0; i < 2; i++)
        assert_int_equal(
            smew_bus_request_async(sender, "m", "GET", NULL, 0, &options, kit_note_reply, &replies),
            SMEW_OK);
    smew_bus_close(sender, 20, &left);
    assert_int_equal(left.unsent, 7);
    assert_int_equal(left.unprocessed, 0);
    assert_int_equal(left.requests, 2);
    assert_int_equal(letters.count, 7);
    assert_int_equal(kit_log_matching(&letters, "m", "NUMBER"), 5);
    for (int i = 0; i < 7; i++)
        assert_int_equal(letters.seen[i].status, SMEW_CLOSED);
    assert_int_equal(replies.count, 2);
    assert_int_equal(replies.seen[0].status, SMEW_CLOSED);
    smew_bus_close(host, 0, &left);
    assert_int_equal(left.unsent + left.requests, 0);
}

static void close_counts_what_was_not_handled(void **state)
{
    struct smew_send_options received = kit_level(SMEW_LEVEL_RECEIVED);
    static struct kit_log letters;
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = open_with_letters(&letters, 50);
    struct smew_left left = {0};

    (void)state;
    kit_register(host, "m", kit_ignore, NULL);
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(kit_send_number(sender, "m", i, &received), SMEW_OK);
    smew_bus_close(host, KIT_WAIT_MS, &left); /* says that it handled none of them, and goes */
    assert_int_equal(left.unprocessed, 5);
    assert_int_equal(left.unsent, 0);
    kit_poll_until(sender, &letters, 5); /* nobody takes the machine over within linger_ms */
    kit_expect_run(&letters, "m", 0, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(letters.seen[i].status, SMEW_NO_MACHINE);
    assert_int_equal(kit_stats(sender).dead_letters, 5);
    kit_close(sender);
}

static void flush_waits_for_the_handlers(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    static struct kit_log log;
    uint64_t begin_ns;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    assert_int_equal(smew_bus_flush(sender, 0), SMEW_OK);
    kit_send(sender, "m", 1);
    assert_int_equal(smew_bus_flush(sender, 0), SMEW_TIMEOUT);
    begin_ns = smew_now_ns();
    assert_int_equal(smew_bus_flush(sender, 20), SMEW_TIMEOUT);
    assert_true(smew_now_ns() - begin_ns >= UINT64_C(20000000));
    kit_poll_until(host, &log, 1);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_close(sender);
    kit_close(host);
}

/* ---- what outlives the bus ----------------------------------------------------------- */

static void hold(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    *(struct smew_message **)user = smew_message_hold(message);
}

static void a_held_message_outlives_its_bus(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct smew_message *held[2] = {NULL, NULL};
    struct smew_left left = {0};

    (void)state;
    kit_register(host, "m", hold, &held[0]);
    kit_register(host, "n", hold, &held[1]);
    kit_send(sender, "m", 7);
    kit_send(host, "n", 8);
    while (held[0] == NULL || held[1] == NULL)
        (void)!smew_bus_poll(host, 10, 0);
    smew_bus_close(host, 0, &left);
    assert_int_equal(left.unprocessed, 2);
    assert_int_equal(left.unsent, 1); /* the one to itself */
    assert_int_equal(kit_number(held[0]), 7);
    assert_int_equal(kit_number(held[1]), 8);
    smew_message_complete(held[0], SMEW_OK);
    smew_message_complete(held[1], SMEW_REJECTED);
    smew_bus_close(sender, 0, NULL);
}

/* Somebody else gets what was held there, and is told that it may have been handled. */
static void what_was_held_is_seen_again(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *next = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct smew_message *held = NULL;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", hold, &held);
    kit_send(sender, "m", 0);
    while (held == NULL)
        (void)!smew_bus_poll(host, 10, 0);
    /* The younger one is refused at once, the older one lost with the host. */
    kit_send(sender, "m", 1);
    kit_wait_delivered(host, 2);
    smew_bus_close(host, 0, NULL);
    smew_message_complete(held, SMEW_OK);
    kit_register(next, "m", kit_note, &log);
    kit_poll_until(next, &log, 2);
    kit_expect_run(&log, "m", 0, 2);
    assert_true(log.seen[0].redelivered);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_close(sender);
    kit_close(next);
}

/* ---- hooks --------------------------------------------------------------------------- */

struct stubborn {
    unsigned letters;
    unsigned closed;
};

/* The hook of a closing bus may call it, and is refused. */
static void send_from_grave(struct smew_bus *bus, const struct smew_message *message,
                            enum smew_status reason, void *user)
{
    struct stubborn *stubborn = user;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    (void)message;
    stubborn->letters += reason == SMEW_CLOSED;
    stubborn->closed += kit_send_number(bus, "m", 1, NULL) == SMEW_CLOSED &&
                        smew_bus_request_async(bus, "m", "E", NULL, 0, &options, kit_note_reply,
                                               NULL) == SMEW_CLOSED &&
                        smew_bus_publish(bus, "t", "E", NULL, 0, SMEW_CONTENT_RAW) == SMEW_CLOSED;
}

static void a_hook_of_a_closing_bus_is_refused(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_subscription *subscription = NULL;
    struct smew_bus *host = kit_open(NULL);
    struct stubborn stubborn = {0};
    struct smew_bus *sender;

    (void)state;
    options.on_dead_letter = send_from_grave;
    options.user = &stubborn;
    sender = kit_open(&options);
    kit_register(host, "m", kit_ignore, NULL);
    assert_int_equal(smew_bus_subscribe(host, "t", kit_ignore, NULL, &subscription), SMEW_OK);
    for (uint64_t i = 0; i < 3; i++)
        kit_send(sender, "m", i);
    smew_bus_close(sender, 0, NULL);
    assert_int_equal(stubborn.letters, 3);
    assert_int_equal(stubborn.closed, 3);
    smew_bus_close(host, 0, NULL);
}

static void send_again(struct smew_bus *bus, const struct smew_message *message,
                       enum smew_status reason, void *user)
{
    kit_log_add(user, message, reason);
    (void)!kit_send_number(bus, "second", 5, NULL);
}

static void a_hook_may_send_elsewhere(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender;
    static struct kit_log letters;
    static struct kit_log log;

    (void)state;
    kit_log_init(&letters);
    kit_log_init(&log);
    options.on_dead_letter = send_again;
    options.user = &letters;
    options.linger_ms = 20;
    sender = kit_open(&options);
    kit_register(host, "first", kit_ignore, NULL);
    kit_register(host, "second", kit_note, &log);
    kit_send(sender, "first", 1);
    assert_int_equal(smew_bus_unregister(host, "first"), SMEW_OK);
    kit_poll_until(sender, &letters, 1);
    kit_poll_until(host, &log, 1);
    assert_int_equal(log.seen[0].number, 5);
    kit_close(sender);
    kit_close(host);
}

static void linger_may_be_none(void **state)
{
    static struct kit_log letters;
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = open_with_letters(&letters, SMEW_NOW);

    (void)state;
    kit_register(host, "m", kit_ignore, NULL);
    kit_send(sender, "m", 1);
    smew_bus_close(host, 0, NULL);
    kit_poll_until(sender, &letters, 1);
    kit_close(sender);
}

BUS_CONTRACT_PART(bus_contract_close, SUPPORT_TEST(close_delivers_until_its_deadline),
                  SUPPORT_TEST(close_reports_what_was_left),
                  SUPPORT_TEST(close_counts_what_was_not_handled),
                  SUPPORT_TEST(flush_waits_for_the_handlers),
                  SUPPORT_TEST(a_held_message_outlives_its_bus),
                  SUPPORT_TEST(what_was_held_is_seen_again),
                  SUPPORT_TEST(a_hook_of_a_closing_bus_is_refused),
                  SUPPORT_TEST(a_hook_may_send_elsewhere), SUPPORT_TEST(linger_may_be_none));
