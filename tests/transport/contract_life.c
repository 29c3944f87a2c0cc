/* SPDX-License-Identifier: MIT */
/*
 * The contract, third part: coming and going.  What arrived is given before RESET, and RESET is
 * for ever; listeners close and come back; connections wait in a backlog that has an end.
 */
#include "tests/transport/contract.h"

#include <pthread.h>
#include <string.h>

static void close_dialled(struct contract_link *link)
{
    smew_channel_close(link->dialled);
    link->dialled = NULL;
}

static void close_listener(struct contract_link *link)
{
    link->listener->ops->close(link->listener);
    link->listener = NULL;
}

/* Sends until the channel says that nobody is there. */
static void expect_send_reset(struct smew_channel *channel)
{
    enum smew_status status = SMEW_OK;
    struct smew_bytes part = {"x", 1};

    for (int i = 0; i < 1000 && (status == SMEW_OK || status == SMEW_AGAIN); i++) {
        status = channel->ops->try_send(channel, &part, 1);
        if (status == SMEW_OK)
            status = channel->ops->flush(channel);
    }
    assert_int_equal(status, SMEW_RESET);
    assert_int_equal(channel->ops->try_send(channel, &part, 1), SMEW_RESET);
    assert_int_equal(smew_channel_send(channel, "x", 1, CONTRACT_WAIT_MS), SMEW_RESET);
    assert_int_equal(smew_channel_flush(channel, CONTRACT_WAIT_MS), SMEW_RESET);
}

static void what_arrived_comes_before_reset(void **state)
{
    struct contract_link link = contract_connect(0);

    (void)state;
    for (uint64_t i = 0; i < 50; i++)
        contract_send(link.dialled, i, 1000);
    close_dialled(&link);
    for (uint64_t i = 0; i < 50; i++)
        contract_expect(link.accepted, i, 1000);
    for (int i = 0; i < 3; i++)
        contract_expect_status(link.accepted, SMEW_RESET);
    expect_send_reset(link.accepted);
    contract_expect_status(link.accepted, SMEW_RESET);
    contract_disconnect(&link);
}

static void sending_into_the_void_loses_nothing_that_arrived(void **state)
{
    struct contract_link link = contract_connect(0);

    (void)state;
    for (uint64_t i = 0; i < 50; i++)
        contract_send(link.dialled, i, 1000);
    contract_send(link.accepted, 1, 10); /* never read: the kernel makes that a hard reset */
    close_dialled(&link);
    expect_send_reset(link.accepted);
    for (uint64_t i = 0; i < 50; i++)
        contract_expect(link.accepted, i, 1000);
    contract_expect_status(link.accepted, SMEW_RESET);
    contract_disconnect(&link);
}

static void close_with_work_pending(void **state)
{
    struct contract_link link = contract_connect(0);
    uint64_t sent = contract_stuff(link.dialled, 0, 7000);
    uint64_t arrived;

    (void)state;
    close_dialled(&link);
    arrived = contract_drain(link.accepted, NULL, 0, 7000);
    assert_in_range(arrived, 1, sent);
    contract_expect_status(link.accepted, SMEW_RESET);
    contract_disconnect(&link);
}

static void close_right_after_open(void **state)
{
    struct contract_link link = contract_connect(0);

    (void)state;
    close_dialled(&link);
    contract_expect_status(link.accepted, SMEW_RESET);
    contract_disconnect(&link);
    smew_channel_close(NULL);
}

static void nobody_listens(void **state)
{
    struct smew_endpoint endpoint = contract_at("bus/9.9", 0);
    struct smew_channel *channel = NULL;
    struct smew_error error = {0};
    enum smew_status status = contract_transport()->dial(&endpoint, &channel, &error);

    (void)state;
    assert_true(status == SMEW_NOT_FOUND || status == SMEW_RESET);
    assert_int_equal(error.status, status);
    assert_true(strlen(error.text) > 0);
    assert_null(channel);
}

static void a_place_is_needed(void **state)
{
    struct smew_endpoint endpoint = contract_at("", 0);
    struct smew_listener *listener = NULL;
    struct smew_error error = {0};

    (void)state;
    assert_int_equal(contract_transport()->listen(&endpoint, &listener, &error), SMEW_INVALID);
    assert_true(strlen(error.text) > 0);
    endpoint.place = NULL;
    assert_int_equal(contract_transport()->listen(&endpoint, &listener, NULL), SMEW_INVALID);
    assert_null(listener);
}

static void a_place_is_taken_once(void **state)
{
    struct contract_link link = contract_connect(0);
    struct smew_endpoint endpoint = contract_at("bus/1.1", 0);
    struct smew_listener *listener = NULL;
    struct smew_error error = {0};

    (void)state;
    assert_int_equal(contract_transport()->listen(&endpoint, &listener, &error), SMEW_EXISTS);
    assert_int_equal(error.status, SMEW_EXISTS);
    assert_null(listener);
    /* The refused attempt may have knocked; whoever did is gone. */
    smew_channel_close(link.dialled);
    smew_channel_close(link.accepted);
    do {
        link.dialled = NULL;
        if (link.listener->ops->try_accept(link.listener, &link.dialled) == SMEW_OK)
            smew_channel_close(link.dialled);
    } while (link.dialled != NULL);
    link.dialled = contract_dial("bus/1.1");
    link.accepted = contract_accept(link.listener);
    contract_expect_alive(&link);
    contract_disconnect(&link);
}

static void a_listener_comes_back(void **state)
{
    struct contract_link link = contract_connect(0);
    struct contract_link again;

    (void)state;
    close_listener(&link);
    nobody_listens(NULL);
    contract_expect_alive(&link); /* what was accepted has a life of its own */
    again = contract_connect(0);
    contract_expect_alive(&again);
    contract_expect_alive(&link);
    contract_disconnect(&link);
    contract_disconnect(&again);
}

static void a_peer_restarts_at_a_new_place(void **state)
{
    struct contract_link link = contract_connect(0);

    (void)state;
    contract_send(link.accepted, 3, 30);
    smew_channel_close(link.accepted);
    close_listener(&link);
    link.listener = contract_listen("bus/1.2");
    contract_expect(link.dialled, 3, 30);
    contract_expect_status(link.dialled, SMEW_RESET);
    close_dialled(&link);
    link.dialled = contract_dial("bus/1.2");
    link.accepted = contract_accept(link.listener);
    contract_expect_alive(&link);
    contract_disconnect(&link);
}

static void frames_may_precede_the_accept(void **state)
{
    struct contract_link link = {.listener = contract_listen("bus/1.1")};

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        link.dialled = contract_dial("bus/1.1");
        contract_send(link.dialled, i, 100);
        close_dialled(&link);
    }
    for (uint64_t i = 0; i < 3; i++) {
        link.accepted = contract_accept(link.listener);
        contract_expect(link.accepted, i, 100);
        contract_expect_status(link.accepted, SMEW_RESET);
        smew_channel_close(link.accepted);
    }
    assert_int_equal(link.listener->ops->try_accept(link.listener, &link.accepted), SMEW_AGAIN);
    link.accepted = NULL;
    contract_disconnect(&link);
}

static void a_listener_closes_on_those_who_wait(void **state)
{
    struct contract_link link = {.listener = contract_listen("bus/1.1")};
    struct smew_channel *other;

    (void)state;
    link.dialled = contract_dial("bus/1.1");
    other = contract_dial("bus/1.1");
    contract_send(other, 1, 10);
    close_listener(&link);
    assert_true(contract_becomes_ready(link.dialled));
    contract_expect_status(link.dialled, SMEW_RESET);
    contract_expect_status(other, SMEW_RESET);
    expect_send_reset(other);
    smew_channel_close(other);
    contract_disconnect(&link);
}

enum { BACKLOG_MOST = 300, CHANNELS = 100 };

static void the_backlog_has_an_end(void **state)
{
    struct smew_listener *listener = contract_listen("bus/1.1");
    struct smew_endpoint endpoint = contract_at("bus/1.1", 0);
    struct smew_channel *dialled[BACKLOG_MOST];
    struct smew_channel *accepted;
    enum smew_status status = SMEW_OK;
    struct smew_error error = {0};
    uint64_t count = 0;

    (void)state;
    while (count < BACKLOG_MOST) {
        status = contract_transport()->dial(&endpoint, &dialled[count], &error);
        if (status != SMEW_OK)
            break;
        contract_send(dialled[count], count, 20);
        count++;
    }
    assert_int_equal(status, SMEW_AGAIN);
    assert_int_equal(error.status, SMEW_AGAIN);
    assert_in_range(count, 1, BACKLOG_MOST - 1);
    for (uint64_t i = 0; i < count; i++) {
        accepted = contract_accept(listener);
        contract_expect(accepted, i, 20); /* who came first is accepted first */
        smew_channel_close(accepted);
        smew_channel_close(dialled[i]);
        if (i == 0) /* there is room for one more */
            smew_channel_close(contract_dial("bus/1.1"));
    }
    listener->ops->close(listener);
}

static void a_hundred_channels(void **state)
{
    struct contract_link links[CHANNELS];
    struct smew_listener *listener = contract_listen("bus/1.1");

    (void)state;
    for (int i = 0; i < CHANNELS; i++) {
        links[i] = (struct contract_link){.dialled = contract_dial("bus/1.1")};
        links[i].accepted = contract_accept(listener);
    }
    for (int i = 0; i < CHANNELS; i++)
        contract_send(links[i].dialled, (uint64_t)i, 1000);
    for (int i = CHANNELS - 1; i >= 0; i--)
        contract_expect(links[i].accepted, (uint64_t)i, 1000);
    for (int i = 0; i < CHANNELS; i++) {
        contract_expect_alive(&links[i]);
        if (i % 2 == 0) /* closing one leaves the others alone */
            contract_disconnect(&links[i]);
    }
    for (int i = 1; i < CHANNELS; i += 2) {
        contract_expect_alive(&links[i]);
        contract_disconnect(&links[i]);
    }
    listener->ops->close(listener);
}

/* Both ends close at the same moment, which only two threads can do. */
static void *close_end(void *argument)
{
    smew_channel_close(argument);
    return NULL;
}

static void both_ends_may_close_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct contract_link link = contract_connect(0);
        pthread_t thread;

        contract_send(link.dialled, 1, 10);
        contract_send(link.accepted, 2, 10);
        assert_int_equal(pthread_create(&thread, NULL, close_end, link.accepted), 0);
        close_dialled(&link);
        assert_int_equal(pthread_join(thread, NULL), 0);
        link.accepted = NULL;
        contract_disconnect(&link);
    }
}

CONTRACT_PART(contract_life, SUPPORT_TEST(what_arrived_comes_before_reset),
              SUPPORT_TEST(sending_into_the_void_loses_nothing_that_arrived),
              SUPPORT_TEST(close_with_work_pending), SUPPORT_TEST(close_right_after_open),
              SUPPORT_TEST(nobody_listens), SUPPORT_TEST(a_place_is_needed),
              SUPPORT_TEST(a_place_is_taken_once), SUPPORT_TEST(a_listener_comes_back),
              SUPPORT_TEST(a_peer_restarts_at_a_new_place),
              SUPPORT_TEST(frames_may_precede_the_accept),
              SUPPORT_TEST(a_listener_closes_on_those_who_wait),
              SUPPORT_TEST(the_backlog_has_an_end), SUPPORT_TEST(a_hundred_channels),
              SUPPORT_TEST(both_ends_may_close_at_once));
