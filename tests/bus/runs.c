/* SPDX-License-Identifier: MIT */
/*
 * Messages that are run where they are read, bus/lane_run.h: whatever a handler may do with its
 * message it may do there too, and nobody waits for a slow one but who waits for its message.
 */
#include "tests/bus/kit.h"

#include <string.h>

#include "bus/node.h"

enum { BATCH = 20, BATCHES_MOST = 1000, LAST = 10 };

static struct kit_log notes, letters;

struct host {
    struct smew_bus *bus;
    struct smew_bus *sender;
    uint64_t next; /* number that is expected */
    unsigned runs; /* handlers that ran where their message was read */
    bool wrong;
    struct smew_message *held[BATCH];
    atomic_bool at_work;
    atomic_bool go_on;
};

static void open_both(struct host *host, smew_handler_fn handler)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    kit_log_init(&notes);
    kit_log_init(&letters);
    options.on_dead_letter = kit_note_letter;
    options.user = &letters;
    *host = (struct host){.bus = kit_open(NULL), .sender = kit_open(&options)};
    kit_warm_up(host->sender, host->bus);
    kit_register(host->bus, "m", handler, host);
    kit_send(host->sender, "m", 0); /* defines the name: it is a delivery */
    while (host->next == 0)
        (void)!smew_bus_poll(host->bus, 10, 0);
    while (smew_bus_flush(host->sender, 1) != SMEW_OK)
        (void)!smew_bus_poll(host->bus, 1, 0);
}

static void close_both(struct host *host)
{
    assert_false(host->wrong);
    while (smew_bus_flush(host->sender, 1) != SMEW_OK) {
        (void)!smew_bus_poll(host->bus, 1, 0);
        (void)!smew_bus_poll(host->sender, 0, 0);
    }
    kit_close(host->sender);
    kit_close(host->bus);
}

static void note(struct host *host, const struct smew_message *message)
{
    host->wrong |=
        kit_number(message) != host->next || strcmp(smew_message_target(message), "m") != 0;
    host->runs += host->bus->run.working;
    host->next++;
}

static void send_some(struct host *host, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        kit_send(host->sender, "m", host->next + i);
}

/* Who reads a batch is not known before: the poller, which runs it, or the service thread. */
static void handle_batch(struct host *host)
{
    uint64_t end = host->next + BATCH;

    send_some(host, BATCH);
    while (host->next < end)
        (void)!smew_bus_poll(host->bus, 0, 0);
}

/* So there are batches until all of one was run, each followed by `check`. */
static void handle_batches(struct host *host, void (*check)(struct host *host))
{
    for (unsigned i = 0; host->runs < BATCH; i++) {
        assert_in_range(i, 0, BATCHES_MOST);
        host->runs = 0;
        handle_batch(host);
        check(host);
    }
}

static void on_number(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    note(user, message);
}

static void expect_all(struct host *host)
{
    assert_int_equal(kit_stats(host->bus).delivered, kit_stats(host->sender).sent);
}

static void they_are_run(void **state)
{
    struct host host;
    uint64_t next;

    (void)state;
    open_both(&host, on_number);
    handle_batches(&host, expect_all);
    next = host.next;
    send_some(&host, 3); /* no more than it was asked for */
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(smew_bus_poll(host.bus, KIT_WAIT_MS, 1), SMEW_OK);
        assert_int_equal(host.next, next + i);
    }
    close_both(&host);
}

static void on_held(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct host *host = user;
    uint64_t place = (kit_number(message) - 1) % BATCH;

    (void)bus;
    note(host, message);
    if (kit_number(message) == 0)
        return;
    host->held[place] = smew_message_hold(message);
    host->wrong |= !host->held[place] || smew_message_hold(message);
}

static void complete_held(struct host *host)
{
    assert_int_equal(smew_bus_flush(host->sender, 1), SMEW_TIMEOUT);
    for (unsigned i = BATCH; i > 0; i--) {
        assert_int_equal(kit_number(host->held[i - 1]), host->next - BATCH + i - 1);
        assert_string_equal(smew_message_target(host->held[i - 1]), "m");
        smew_message_complete(host->held[i - 1], SMEW_OK);
    }
    assert_int_equal(smew_bus_flush(host->sender, KIT_WAIT_MS), SMEW_OK);
}

/* The first of a run ends it, so that of each batch only some are run. */
static void they_can_be_held(void **state)
{
    struct host host;

    (void)state;
    open_both(&host, on_held);
    for (unsigned i = 0; host.runs < BATCH; i++) {
        assert_in_range(i, 0, BATCHES_MOST);
        handle_batch(&host);
        complete_held(&host);
    }
    assert_int_equal(kit_log_count(&letters), 0);
    close_both(&host);
}

static void on_refused(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    note(user, message);
    if (kit_number(message) % 3 == 1)
        smew_message_reject(message);
}

static void they_can_be_rejected(void **state)
{
    struct host host;
    unsigned count = 0;

    (void)state;
    open_both(&host, on_refused);
    for (unsigned i = 0; host.runs < BATCH; i++) {
        assert_in_range(i, 0, BATCHES_MOST);
        handle_batch(&host);
    }
    for (uint64_t number = 1; number < host.next; number += 3, count++) {
        kit_poll_until(host.sender, &letters, count + 1);
        assert_int_equal(letters.seen[count].number, number);
        assert_int_equal(letters.seen[count].status, SMEW_REJECTED);
    }
    close_both(&host);
    assert_int_equal(kit_log_count(&letters), count);
}

/* To a machine of its own node, which goes through the outbox. */
static void on_passed_on(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    note(user, message);
    if (kit_number(message) && kit_send_number(bus, "own", kit_number(message), NULL) != SMEW_OK)
        ((struct host *)user)->wrong = true;
}

static void expect_passed_on(struct host *host)
{
    kit_poll_until(host->bus, &notes, host->next - 1);
    kit_expect_run(&notes, "own", 1, host->next - 1);
}

static void they_can_wait_for_their_sends(void **state)
{
    struct host host;

    (void)state;
    open_both(&host, on_passed_on);
    kit_register(host.bus, "own", kit_note, &notes);
    for (unsigned i = 0; host.runs < BATCH; i++) {
        assert_in_range(i, 0, BATCHES_MOST);
        handle_batch(&host);
        expect_passed_on(&host);
    }
    close_both(&host);
}

static void on_last(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    note(user, message);
    if (kit_number(message) == LAST && smew_bus_unregister(bus, "m") != SMEW_OK)
        ((struct host *)user)->wrong = true;
}

/* What its own handler ends is not called again, and what was on its way follows the machine. */
static void a_machine_can_end_itself(void **state)
{
    struct host host;

    (void)state;
    open_both(&host, on_last);
    send_some(&host, 2 * LAST);
    while (host.next <= LAST)
        (void)!smew_bus_poll(host.bus, 0, 0);
    kit_poll_all(host.bus);
    assert_int_equal(host.next, LAST + 1);
    kit_register(host.bus, "m", kit_note, &notes);
    kit_poll_until(host.bus, &notes, LAST);
    kit_expect_run(&notes, "m", LAST + 1, LAST);
    close_both(&host);
}

static void on_slow(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct host *host = user;

    (void)bus;
    note(host, message);
    if (kit_number(message) != LAST)
        return;
    host->at_work = true;
    while (!host->go_on)
        ;
}

static bool all_but_one_is_told(void *user)
{
    struct host *host = user;

    (void)!smew_bus_flush(host->sender, 1);
    return kit_stats(host->sender).in_flight == 1;
}

static bool is_at_work(void *user)
{
    return ((struct host *)user)->at_work;
}

/* While a handler is at work others connect, have their lanes, and are told of what was handled. */
static void nobody_waits_for_a_slow_one(void **state)
{
    struct kit_poller poller;
    struct smew_bus *other;
    struct host host;

    (void)state;
    open_both(&host, on_slow);
    send_some(&host, LAST);
    kit_poller_start(&poller, host.bus);
    assert_true(support_wait_until(is_at_work, &host, KIT_WAIT_MS));
    assert_true(support_wait_until(all_but_one_is_told, &host, KIT_WAIT_MS));
    other = kit_open(NULL);
    for (unsigned i = 0; i < 100; i++)
        kit_send(other, "m", LAST + 1 + i);
    host.go_on = true;
    assert_int_equal(smew_bus_flush(other, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(smew_bus_flush(host.sender, KIT_WAIT_MS), SMEW_OK);
    kit_poller_stop(&poller);
    assert_int_equal(host.next, LAST + 101);
    kit_close(other);
    close_both(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(they_are_run),
        SUPPORT_TEST(they_can_be_held),
        SUPPORT_TEST(they_can_be_rejected),
        SUPPORT_TEST(they_can_wait_for_their_sends),
        SUPPORT_TEST(a_machine_can_end_itself),
        SUPPORT_TEST(nobody_waits_for_a_slow_one),
    };

    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
