/* SPDX-License-Identifier: MIT */
/*
 * The contract, fourth part: interest() tells the truth.  What poll says is ready has something to
 * do, what has something to do is ready, and the fd stays the same for life.
 */
#include "tests/transport/contract.h"

static bool ready(const struct smew_channel *channel)
{
    return contract_ready(channel->ops->interest(channel));
}

static bool listener_ready(const struct smew_listener *listener)
{
    return contract_ready(listener->ops->interest(listener));
}

/* Nothing to receive: AGAIN, after which the fd speaks. */
static void expect_nothing(struct smew_channel *channel)
{
    struct smew_bytes frame;

    assert_int_equal(channel->ops->try_receive(channel, &frame), SMEW_AGAIN);
}

static void an_idle_channel_is_not_ready(void **state)
{
    struct contract_link link = contract_connect(0);

    (void)state;
    expect_nothing(link.dialled);
    expect_nothing(link.accepted);
    assert_false(ready(link.dialled));
    assert_false(ready(link.accepted));
    contract_expect_alive(&link);
    expect_nothing(link.dialled);
    expect_nothing(link.accepted);
    assert_false(ready(link.dialled));
    assert_false(ready(link.accepted));
    contract_disconnect(&link);
}

static void a_frame_makes_it_ready(void **state)
{
    struct contract_link link = contract_connect(0);
    int fd = link.accepted->ops->interest(link.accepted).fd;

    (void)state;
    expect_nothing(link.accepted);
    for (uint64_t i = 0; i < 20; i++) {
        assert_false(ready(link.accepted));
        contract_send(link.dialled, i, 100 * i);
        contract_send(link.dialled, i, 100 * i);
        assert_true(contract_becomes_ready(link.accepted));
        assert_true(ready(link.accepted)); /* level triggered: looking does not take it away */
        contract_expect(link.accepted, i, 100 * i);
        contract_expect(link.accepted, i, 100 * i);
        expect_nothing(link.accepted);
        assert_int_equal(link.accepted->ops->interest(link.accepted).fd, fd);
    }
    contract_disconnect(&link);
}

static void room_makes_it_ready(void **state)
{
    struct contract_link link = contract_connect(0);
    uint64_t sent = contract_stuff(link.dialled, 0, 4000);

    (void)state;
    expect_nothing(link.dialled);
    assert_false(ready(link.dialled));
    assert_int_equal(contract_drain(link.accepted, link.dialled, 0, 4000), sent);
    assert_true(contract_becomes_ready(link.dialled));
    contract_send(link.dialled, 1, 10);
    contract_expect(link.accepted, 1, 10);
    expect_nothing(link.dialled);
    assert_false(ready(link.dialled));
    contract_disconnect(&link);
}

enum { LEFT = 50 };

/* A receiver that takes turns stops early, and must hear of what it left. */
static void what_is_left_keeps_it_ready(void **state)
{
    struct contract_link link = contract_connect(0);

    (void)state;
    for (uint64_t i = 0; i < LEFT; i++)
        contract_send(link.dialled, i, 50);
    for (uint64_t i = 0; i < LEFT; i++) {
        assert_true(contract_becomes_ready(link.accepted));
        contract_expect(link.accepted, i, 50);
    }
    expect_nothing(link.accepted);
    assert_false(ready(link.accepted));
    contract_disconnect(&link);
}

/* A send that found room ends the watch for it, whatever is flushed afterwards. */
static void a_send_fulfils_the_wish(void **state)
{
    struct contract_link link = contract_connect(0);
    uint64_t sent = contract_stuff(link.dialled, 0, 4000);
    uint64_t arrived = contract_drain(link.accepted, NULL, 0, 4000);

    (void)state;
    contract_send(link.dialled, sent, 4000);
    arrived += contract_drain(link.accepted, link.dialled, arrived, 4000);
    assert_int_equal(arrived, sent + 1);
    expect_nothing(link.dialled);
    assert_false(ready(link.dialled));
    contract_disconnect(&link);
}

/* The race of an event loop: it flushes after AGAIN, and room came meanwhile. */
static void a_flush_does_not_forget_the_wish(void **state)
{
    struct contract_link link = contract_connect(0);
    uint64_t sent = contract_stuff(link.dialled, 0, 4000);

    (void)state;
    assert_int_equal(contract_drain(link.accepted, link.dialled, 0, 4000), sent);
    assert_true(contract_becomes_ready(link.dialled));
    contract_disconnect(&link);
}

static void a_sender_may_give_up(void **state)
{
    struct contract_link link = contract_connect(0);
    uint64_t sent = contract_stuff(link.dialled, 0, 4000);

    (void)state;
    assert_int_equal(contract_drain(link.accepted, link.dialled, 0, 4000), sent);
    assert_int_equal(smew_channel_flush(link.dialled, CONTRACT_WAIT_MS), SMEW_OK);
    assert_int_equal(smew_channel_flush(link.dialled, CONTRACT_WAIT_MS), SMEW_OK);
    expect_nothing(link.dialled);
    assert_false(ready(link.dialled));
    contract_expect_alive(&link);
    contract_disconnect(&link);
}

static void a_peer_that_left_makes_it_ready_for_ever(void **state)
{
    struct contract_link link = contract_connect(0);

    (void)state;
    expect_nothing(link.accepted);
    assert_false(ready(link.accepted));
    smew_channel_close(link.dialled);
    link.dialled = NULL;
    assert_true(contract_becomes_ready(link.accepted));
    contract_expect_status(link.accepted, SMEW_RESET);
    assert_true(ready(link.accepted));
    contract_disconnect(&link);
}

static void a_listener_is_ready_while_somebody_waits(void **state)
{
    struct contract_link link = {.listener = contract_listen("bus/1.1")};
    struct smew_channel *second;
    struct smew_channel *none = NULL;

    (void)state;
    assert_false(listener_ready(link.listener));
    assert_int_equal(link.listener->ops->try_accept(link.listener, &none), SMEW_AGAIN);
    link.dialled = contract_dial("bus/1.1");
    second = contract_dial("bus/1.1");
    link.accepted = contract_accept(link.listener);
    assert_true(listener_ready(link.listener));
    smew_channel_close(contract_accept(link.listener));
    assert_false(listener_ready(link.listener));
    assert_int_equal(link.listener->ops->try_accept(link.listener, &none), SMEW_AGAIN);
    assert_null(none);
    contract_expect_status(second, SMEW_RESET);
    smew_channel_close(second);
    contract_expect_alive(&link);
    contract_disconnect(&link);
}

CONTRACT_PART(contract_interest, SUPPORT_TEST(an_idle_channel_is_not_ready),
              SUPPORT_TEST(a_frame_makes_it_ready), SUPPORT_TEST(room_makes_it_ready),
              SUPPORT_TEST(what_is_left_keeps_it_ready), SUPPORT_TEST(a_send_fulfils_the_wish),
              SUPPORT_TEST(a_flush_does_not_forget_the_wish), SUPPORT_TEST(a_sender_may_give_up),
              SUPPORT_TEST(a_peer_that_left_makes_it_ready_for_ever),
              SUPPORT_TEST(a_listener_is_ready_while_somebody_waits));
