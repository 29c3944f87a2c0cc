/* SPDX-License-Identifier: MIT */
/*
 * Lanes that take another one's place, and lanes that go, at the moments in which that is hard:
 * while records are unanswered in the former, and while the program writes in them.
 *
 * To hold the sender's service thread at such a moment a timer of its node is used, which is no
 * part of the public API.
 */
#include "tests/bus/inside.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bus/lane_out.h"
#include "bus/node.h"

enum { LARGE = 200000, OLDER = 3 };

/* ---- order --------------------------------------------------------------------------- */

/* A lane with a pool takes the place of the one that there is, whose messages nobody handles. */
static unsigned take_over(struct smew_bus *sender)
{
    static const char payload[LARGE];
    unsigned count = 0;
    char target[8];

    while (kit_stats(sender).pooled == 0) {
        assert_true(count < 100);
        (void)snprintf(target, sizeof(target), "q%u", count++);
        assert_int_equal(smew_bus_send(sender, target, "LARGE", payload, LARGE, NULL), SMEW_OK);
    }
    return count;
}

/* They were refused in the former lane, and their sender does not know yet when it goes on. */
static void what_was_refused_goes_first(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    static struct kit_log log;
    struct inside_gate gate;
    uint64_t received;

    (void)state;
    kit_log_init(&log);
    kit_warm_up(sender, host);
    kit_register(host, "m", kit_note, &log);
    kit_register(host, "q*", kit_ignore, NULL);
    received = kit_stats(host).bytes_received;
    for (uint64_t number = 0; number < OLDER; number++)
        kit_send(sender, "m", number);
    received += OLDER * sizeof(uint64_t) + (uint64_t)take_over(sender) * LARGE;
    for (uint64_t until_ns = smew__deadline_ns(KIT_WAIT_MS);
         kit_stats(host).bytes_received < received;)
        assert_true(smew_now_ns() < until_ns);
    inside_gate_shut(&gate, sender);
    assert_int_equal(smew_bus_unregister(host, "m"), SMEW_OK);
    kit_register(host, "m", kit_note, &log);
    kit_send(sender, "m", OLDER);
    gate.open = true;
    kit_poll_until(host, &log, OLDER + 1);
    kit_expect_run(&log, "m", 0, OLDER + 1);
    kit_poll_all(host);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_close(sender);
    kit_close(host);
}

/* ---- a larger lane that nobody used ------------------------------------------------------ */

/* A thread with a small lane of its own. */
struct filler {
    struct smew_bus *bus;
    uint64_t sent;
    atomic_bool full;
    atomic_bool go_on;
    enum smew_status status;
};

/* Fills its lane until a larger one is asked for, and sends one more later on. */
static void *fill_and_end(void *argument)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct filler *filler = argument;

    do { /* the common way until it has a lane */
        filler->status = kit_send_number(filler->bus, "m", filler->sent++, NULL);
    } while (filler->status == SMEW_OK && kit_stats(filler->bus).lanes_sent == 0);
    options.on_full = SMEW_ON_FULL_GROW;
    options.timeout_ms = SMEW_NOW;
    while ((filler->status = kit_send_number(filler->bus, "m", filler->sent, &options)) == SMEW_OK)
        filler->sent++;
    filler->full = true;
    if (support_wait_until(inside_is_set, &filler->go_on, KIT_WAIT_MS))
        filler->status = kit_send_number(filler->bus, "m", filler->sent++, NULL);
    return NULL;
}

static bool has_two_lanes(void *bus)
{
    return kit_stats(bus).lanes_in == 2;
}

static bool has_lost_one(void *bus)
{
    return kit_stats(bus).lanes_out <= 1;
}

/*
 * It goes with its thread, and what the small one holds is not lost: the receiver, which has not
 * read it yet, would handle it twice.
 */
static void an_unused_lane_takes_nothing_along(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *host = kit_open(NULL);
    struct filler filler = {0};
    static struct kit_log log;
    struct inside_gate gate;
    pthread_t thread;

    (void)state;
    options.lane_bytes = 4096;
    options.heartbeat_ms = 20;
    filler.bus = kit_open(&options);
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    assert_int_equal(pthread_create(&thread, NULL, fill_and_end, &filler), 0);
    assert_true(support_wait_until(inside_is_set, &filler.full, KIT_WAIT_MS));
    assert_int_equal(filler.status, SMEW_FULL);
    assert_true(support_wait_until(has_two_lanes, host, KIT_WAIT_MS));
    kit_poll_until(host, &log, filler.sent);
    inside_gate_shut(&gate, host);
    filler.go_on = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(filler.status, SMEW_OK);
    assert_true(support_wait_until(has_lost_one, filler.bus, KIT_WAIT_MS));
    gate.open = true;
    kit_poll_until(host, &log, filler.sent);
    while (smew_bus_flush(filler.bus, 0) != SMEW_OK)
        kit_poll_all(host);
    kit_poll_all(host);
    assert_int_equal(log.count, filler.sent);
    kit_expect_run(&log, "m", 0, filler.sent);
    assert_int_equal(kit_stats(filler.bus).redelivered, 0);
    kit_close(filler.bus);
    kit_close(host);
}

/* ---- a lane that only its sender gives up -------------------------------------------------- */

static bool was_sent_again(void *bus)
{
    return kit_stats(bus).duplicates == 1;
}

/* What comes again on the channel while it is in hand is answered there. */
static void what_comes_again_is_answered_where_it_came(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct smew_message *held[1];
    struct smew_message **next = held;
    struct smew__producer *producer;

    (void)state;
    kit_warm_up(sender, host);
    kit_register(host, "m", kit_hold, &next);
    kit_send(sender, "m", 1);
    while (next == held)
        (void)!smew_bus_poll(host, 10, 0);
    producer = SMEW_CONTAINER(sender->producers.next, struct smew__producer, link);
    smew__producer_lock(producer);
    SMEW_LIST_EACH (link, &producer->lanes)
        SMEW_CONTAINER(link, struct smew__lane_out, link)->failed = true;
    smew__producer_unlock(producer);
    smew__bus_lock(sender);
    smew__lanes_watch(sender);
    smew__bus_unlock(sender);
    assert_true(support_wait_until(was_sent_again, host, KIT_WAIT_MS));
    smew_message_complete(held[0], SMEW_OK);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_poll_all(host);
    assert_ptr_equal(next, held + 1);
    kit_close(sender);
    kit_close(host);
}

/* ---- loans --------------------------------------------------------------------------- */

static bool has_one_connection(void *bus)
{
    return kit_stats(bus).connections == 1;
}

/* Two are out, to two nodes, and one of those goes. */
static void what_is_lent_stays(void **state)
{
    struct smew_bus *first = kit_open(NULL);
    struct smew_bus *second = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct smew_loan *loans[2];
    void *payloads[2];
    static struct kit_log log;
    enum smew_status status;

    (void)state;
    kit_log_init(&log);
    kit_warm_up(sender, first);
    kit_warm_up(sender, second);
    kit_register(first, "m0", kit_note, &log);
    kit_register(second, "m1", kit_note, &log);
    assert_int_equal(smew_bus_loan(sender, "m0", "N", 8000, NULL, &loans[0], &payloads[0]),
                     SMEW_OK);
    assert_int_equal(smew_bus_loan(sender, "m1", "N", 8000, NULL, &loans[1], &payloads[1]),
                     SMEW_OK);
    kit_close(first);
    assert_true(support_wait_until(has_one_connection, sender, KIT_WAIT_MS));
    memset(payloads[0], 1, 8000);
    memset(payloads[1], 1, 8000);
    status = smew_loan_send(loans[0], 8000);
    assert_true(status == SMEW_NO_MACHINE || status == SMEW_OK); /* or it lingers */
    assert_int_equal(smew_loan_send(loans[1], 8000), SMEW_OK);
    kit_poll_until(second, &log, 1);
    assert_string_equal(log.seen[0].target, "m1");
    smew_bus_close(sender, KIT_WAIT_MS, NULL);
    kit_close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(what_was_refused_goes_first),
        SUPPORT_TEST(an_unused_lane_takes_nothing_along),
        SUPPORT_TEST(what_comes_again_is_answered_where_it_came),
        SUPPORT_TEST(what_is_lent_stays),
    };

    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
