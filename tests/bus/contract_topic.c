/* SPDX-License-Identifier: MIT */
/*
 * The contract, eighth part: publishing.  Each subscriber gets what it asked for at most once, in
 * order, and one that fell behind is told how many it missed.
 */
#include "tests/bus/contract.h"

#include <stdio.h>
#include <string.h>

struct interest {
    struct smew_bus *bus;
    const char *topic;
    bool wanted;
};

static bool is_known(void *argument)
{
    const struct interest *interest = argument;

    return smew_bus_has_subscribers(interest->bus, interest->topic) == interest->wanted;
}

/* Within a heartbeat the publisher knows. */
static void expect_subscribers(struct smew_bus *bus, const char *topic, bool wanted)
{
    struct interest interest = {bus, topic, wanted};

    if (!support_wait_until(is_known, &interest, KIT_WAIT_MS))
        fail_msg("%s: has_subscribers stays %d", topic, !wanted);
}

static struct smew_subscription *subscribe(struct smew_bus *bus, const char *topic,
                                           smew_handler_fn handler, void *user)
{
    struct smew_subscription *subscription = NULL;

    assert_int_equal(smew_bus_subscribe(bus, topic, handler, user, &subscription), SMEW_OK);
    assert_non_null(subscription);
    return subscription;
}

static void publish(struct smew_bus *bus, const char *topic, uint64_t number)
{
    assert_int_equal(
        smew_bus_publish(bus, topic, "NUMBER", &number, sizeof(number), SMEW_CONTENT_RAW), SMEW_OK);
}

static void a_subscriber_gets_what_it_asked_for(void **state)
{
    struct smew_bus *publisher = kit_open(NULL);
    struct smew_bus *other = kit_open(NULL);
    static struct kit_log logs[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        kit_log_init(&logs[i]);
    (void)subscribe(other, "plant:1", kit_note, &logs[0]);
    (void)subscribe(other, "plant:*", kit_note, &logs[1]);
    (void)subscribe(publisher, "*", kit_note, &logs[2]);
    (void)subscribe(other, "nothing", kit_note, &logs[3]);
    expect_subscribers(publisher, "plant:1", true);
    for (uint64_t i = 0; i < 100; i++) {
        publish(publisher, "plant:1", i);
        publish(publisher, "plant:2", i);
        publish(publisher, "plant", i);
    }
    kit_poll_until(other, &logs[1], 200);
    kit_poll_until(other, &logs[0], 100);
    kit_poll_until(publisher, &logs[2], 300);
    kit_expect_run(&logs[0], "plant:1", 0, 100);
    kit_expect_run(&logs[1], "plant:1", 0, 100);
    kit_expect_run(&logs[1], "plant:2", 0, 100);
    kit_expect_run(&logs[2], "plant", 0, 100);
    assert_int_equal(logs[0].count, 100);
    assert_int_equal(logs[1].count, 200);
    assert_int_equal(logs[3].count, 0);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(logs[0].seen[i].missed, 0);
        assert_int_equal(logs[0].seen[i].kind, SMEW_KIND_PUBLISH);
        assert_string_equal(logs[0].seen[i].source, smew_bus_address(publisher));
    }
    assert_int_equal(kit_stats(publisher).published, 300);
    kit_close(publisher);
    kit_close(other);
}

static void nobody_costs_nothing(void **state)
{
    struct smew_bus *publisher = kit_open(NULL);
    struct smew_bus *other = kit_open(NULL);
    struct smew_subscription *subscription;

    (void)state;
    assert_false(smew_bus_has_subscribers(publisher, "t"));
    publish(publisher, "t", 1);
    assert_int_equal(kit_stats(publisher).published, 0);
    subscription = subscribe(other, "t", kit_ignore, NULL);
    expect_subscribers(publisher, "t", true);
    expect_subscribers(publisher, "u", false);
    expect_subscribers(other, "t", true);
    smew_bus_unsubscribe(other, subscription);
    expect_subscribers(publisher, "t", false);
    (void)subscribe(other, "t*", kit_ignore, NULL);
    expect_subscribers(publisher, "t", true);
    kit_close(other); /* takes its wishes along */
    expect_subscribers(publisher, "t", false);
    assert_false(smew_bus_has_subscribers(publisher, NULL));
    kit_close(publisher);
}

static void what_is_not_valid_is_refused(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    struct smew_subscription *subscription = NULL;

    (void)state;
    assert_int_equal(smew_bus_subscribe(bus, NULL, kit_note, NULL, &subscription), SMEW_INVALID);
    assert_int_equal(smew_bus_subscribe(bus, "a*b", kit_note, NULL, &subscription), SMEW_INVALID);
    assert_int_equal(smew_bus_subscribe(bus, "t", NULL, NULL, &subscription), SMEW_INVALID);
    assert_int_equal(smew_bus_subscribe(bus, "t", kit_note, NULL, NULL), SMEW_INVALID);
    assert_int_equal(smew_bus_publish(bus, NULL, "E", NULL, 0, SMEW_CONTENT_RAW), SMEW_INVALID);
    assert_int_equal(smew_bus_publish(bus, "t*", "E", NULL, 0, SMEW_CONTENT_RAW), SMEW_INVALID);
    assert_int_equal(smew_bus_publish(bus, "t", NULL, NULL, 0, SMEW_CONTENT_RAW), SMEW_INVALID);
    assert_int_equal(smew_bus_publish(bus, "t", "E", NULL, 1, SMEW_CONTENT_RAW), SMEW_INVALID);
    smew_bus_unsubscribe(bus, NULL);
    kit_close(bus);
}

/* ---- falling behind ------------------------------------------------------------------ */

/* Published, and then either handled or counted as missed: nothing in silence. */
static uint64_t accounted_for(struct kit_log *log)
{
    uint64_t next = 0;

    for (size_t i = 0; i < log->count; i++) {
        next += log->seen[i].missed;
        if (log->seen[i].kind == SMEW_KIND_PUBLISH)
            assert_int_equal(log->seen[i].number, next++);
        else
            assert_string_equal(log->seen[i].event, "smew.missed");
    }
    return next;
}

static void slow(bool same_node)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    uint64_t deadline_ns = smew_now_ns() + KIT_WAIT_MS * UINT64_C(1000000);
    struct smew_bus *publisher;
    struct smew_bus *subscriber;
    static struct kit_log log;

    kit_log_init(&log);
    options.publish_queue = 4;
    publisher = kit_open(&options);
    subscriber = same_node ? publisher : kit_open(&options);
    (void)subscribe(subscriber, "t", kit_note, &log);
    expect_subscribers(publisher, "t", true);
    for (uint64_t i = 0; i < 200; i++)
        publish(publisher, "t", i);
    while (accounted_for(&log) < 200 && smew_now_ns() < deadline_ns)
        (void)!smew_bus_poll(subscriber, 10, 0);
    assert_int_equal(accounted_for(&log), 200); /* though nothing was published after them */
    assert_true(log.count < 200);
    publish(publisher, "t", 200);
    while (accounted_for(&log) < 201 && smew_now_ns() < deadline_ns)
        (void)!smew_bus_poll(subscriber, 10, 0);
    assert_int_equal(log.seen[log.count - 1].missed, 0); /* and caught up */
    assert_true(kit_stats(publisher).publish_missed > 0);
    if (!same_node)
        kit_close(subscriber);
    kit_close(publisher);
}

static void a_slow_subscriber_is_told(void **state)
{
    (void)state;
    slow(true);
}

static void a_slow_subscriber_elsewhere_is_told(void **state)
{
    (void)state;
    slow(false);
}

/* ---- ending -------------------------------------------------------------------------- */

struct ender {
    struct smew_subscription *own;
    struct smew_subscription *other;
    struct kit_log log;
};

static void end_both(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct ender *ender = user;

    kit_log_add(&ender->log, message, SMEW_OK);
    smew_bus_unsubscribe(bus, ender->own);
    smew_bus_unsubscribe(bus, ender->other);
}

static void a_subscription_may_end_in_its_handler(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    static struct ender ender;

    (void)state;
    kit_log_init(&ender.log);
    ender.own = subscribe(bus, "t", end_both, &ender);
    ender.other = subscribe(bus, "t", kit_note, &ender.log);
    publish(bus, "t", 1); /* queued for both */
    publish(bus, "t", 2);
    kit_poll_all(bus);
    assert_int_equal(ender.log.count, 1);
    assert_false(smew_bus_has_subscribers(bus, "t"));
    (void)subscribe(bus, "t", kit_note, &ender.log); /* the same topic again */
    publish(bus, "t", 3);
    kit_poll_until(bus, &ender.log, 2);
    assert_int_equal(ender.log.seen[1].number, 3);
    kit_close(bus);
}

static void close_runs_no_handler_of_a_subscription(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    (void)subscribe(bus, "t", kit_note, &log);
    publish(bus, "t", 1);
    kit_close(bus);
    assert_int_equal(log.count, 0);
}

static void publish_again(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    uint64_t number = kit_number(message);

    number++;
    if (number < 100)
        (void)!smew_bus_publish(bus, "t", "NUMBER", &number, sizeof(number), SMEW_CONTENT_RAW);
    kit_note(bus, message, user);
}

static void a_handler_may_publish(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    struct smew_bus *other = kit_open(NULL);
    static struct kit_log logs[2];

    (void)state;
    kit_log_init(&logs[0]);
    kit_log_init(&logs[1]);
    (void)subscribe(bus, "t", publish_again, &logs[0]);
    (void)subscribe(other, "t", kit_note, &logs[1]);
    expect_subscribers(bus, "t", true);
    publish(bus, "t", 0);
    kit_poll_until(bus, &logs[0], 100);
    kit_poll_until(other, &logs[1], 100);
    kit_expect_run(&logs[0], "t", 0, 100);
    kit_expect_run(&logs[1], "t", 0, 100);
    kit_close(other);
    kit_close(bus);
}

BUS_CONTRACT_PART(bus_contract_topic, SUPPORT_TEST(a_subscriber_gets_what_it_asked_for),
                  SUPPORT_TEST(nobody_costs_nothing), SUPPORT_TEST(what_is_not_valid_is_refused),
                  SUPPORT_TEST(a_slow_subscriber_is_told),
                  SUPPORT_TEST(a_slow_subscriber_elsewhere_is_told),
                  SUPPORT_TEST(a_subscription_may_end_in_its_handler),
                  SUPPORT_TEST(close_runs_no_handler_of_a_subscription),
                  SUPPORT_TEST(a_handler_may_publish));
