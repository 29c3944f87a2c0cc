/* SPDX-License-Identifier: MIT */
/*
 * The contract, second part: a receiver that is behind.  A full channel says AGAIN, a deadline
 * ends in TIMEOUT with nothing sent, room comes back when the receiver reads, and nothing is lost,
 * doubled or waited for with a busy processor.
 */
#include "tests/transport/contract.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

enum { BLOCK_MS = 100 };

static uint64_t cpu_ns(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return (uint64_t)now.tv_sec * SMEW_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Sends a frame that finds no room: TIMEOUT, after the time and without burning it. */
static void expect_blocked(struct smew_channel *channel, uint64_t number, size_t size)
{
    void *data = malloc(size);
    uint64_t began_ns;
    uint64_t burned_ns;

    assert_non_null(data);
    contract_fill(number, data, size);
    began_ns = smew_now_ns();
    burned_ns = cpu_ns();
    assert_int_equal(smew_channel_send(channel, data, size, BLOCK_MS), SMEW_TIMEOUT);
    free(data);
    assert_in_range(smew_now_ns() - began_ns, BLOCK_MS * SMEW_NS_PER_MS,
                    CONTRACT_WAIT_MS * SMEW_NS_PER_MS);
    assert_in_range(cpu_ns() - burned_ns, 0, BLOCK_MS * SMEW_NS_PER_MS / 2);
}

/* Waits for a frame that does not come, likewise. */
static void expect_silence(struct smew_channel *channel)
{
    uint64_t burned_ns = cpu_ns();
    uint64_t began_ns = smew_now_ns();
    struct smew_bytes frame;

    assert_int_equal(smew_channel_receive(channel, &frame, BLOCK_MS), SMEW_TIMEOUT);
    assert_in_range(smew_now_ns() - began_ns, BLOCK_MS * SMEW_NS_PER_MS,
                    CONTRACT_WAIT_MS * SMEW_NS_PER_MS);
    assert_in_range(cpu_ns() - burned_ns, 0, BLOCK_MS * SMEW_NS_PER_MS / 2);
}

static void press(size_t size)
{
    struct contract_link link = contract_connect(0);
    uint64_t sent = contract_stuff(link.dialled, 0, size);
    uint64_t more;

    assert_in_range(sent, 1, UINT64_MAX);
    expect_blocked(link.dialled, sent, size);
    expect_blocked(link.dialled, sent, size);
    assert_int_equal(contract_drain(link.accepted, link.dialled, 0, size), sent);
    assert_true(contract_becomes_ready(link.dialled));
    more = contract_stuff(link.dialled, sent, size);
    assert_in_range(more, 1, UINT64_MAX);
    assert_int_equal(contract_drain(link.accepted, link.dialled, sent, size), more);
    contract_expect_alive(&link);
    contract_disconnect(&link);
}

static void a_full_channel_blocks_until_the_deadline(void **state)
{
    (void)state;
    press(0);
    press(1000);
    press(100000);
    press(3000000);
}

static void no_time_means_no_waiting(void **state)
{
    struct contract_link link = contract_connect(0);
    uint64_t sent = contract_stuff(link.dialled, 0, 5000);
    uint64_t began_ns = smew_now_ns();
    uint8_t data[5000] = {0};
    struct smew_bytes frame;

    (void)state;
    assert_int_equal(smew_channel_send(link.dialled, data, sizeof data, 0), SMEW_TIMEOUT);
    assert_int_equal(smew_channel_receive(link.dialled, &frame, 0), SMEW_TIMEOUT);
    assert_in_range(smew_now_ns() - began_ns, 0, SMEW_NS_PER_S);
    assert_int_equal(contract_drain(link.accepted, link.dialled, 0, 5000), sent);
    contract_disconnect(&link);
}

static void both_directions_may_be_full(void **state)
{
    struct contract_link link = contract_connect(0);
    uint64_t there = contract_stuff(link.dialled, 0, 2000);
    uint64_t back = contract_stuff(link.accepted, 0, 3000);

    (void)state;
    assert_int_equal(contract_drain(link.accepted, link.dialled, 0, 2000), there);
    assert_int_equal(contract_drain(link.dialled, link.accepted, 0, 3000), back);
    contract_expect_alive(&link);
    contract_disconnect(&link);
}

/* The one fd of a channel is ready because of the frame that came, while there is no room. */
static void blocked_with_unread_frames_does_not_spin(void **state)
{
    struct contract_link link = contract_connect(0);
    uint64_t sent;

    (void)state;
    contract_send(link.accepted, 5, 50);
    sent = contract_stuff(link.dialled, 0, 5000);
    expect_blocked(link.dialled, sent, 5000);
    contract_expect(link.dialled, 5, 50);
    assert_int_equal(contract_drain(link.accepted, link.dialled, 0, 5000), sent);
    contract_disconnect(&link);
}

/* The fd is ready because there is room again, while nothing comes. */
static void waiting_with_room_to_send_does_not_spin(void **state)
{
    struct contract_link link = contract_connect(0);
    uint64_t sent = contract_stuff(link.dialled, 0, 5000);

    (void)state;
    expect_blocked(link.dialled, sent, 5000);
    assert_int_equal(contract_drain(link.accepted, link.dialled, 0, 5000), sent);
    expect_silence(link.dialled);
    contract_expect_alive(&link);
    contract_disconnect(&link);
}

struct blocked {
    struct smew_channel *channel;
    enum smew_status status;
};

static void *send_blocked(void *argument)
{
    struct blocked *blocked = argument;

    blocked->status = smew_channel_send(blocked->channel, "last", 4, CONTRACT_WAIT_MS);
    if (blocked->status == SMEW_OK)
        blocked->status = smew_channel_flush(blocked->channel, CONTRACT_WAIT_MS);
    return NULL;
}

static pthread_t start_blocked(struct blocked *blocked, struct smew_channel *channel)
{
    pthread_t thread;

    blocked->channel = channel;
    assert_int_equal(pthread_create(&thread, NULL, send_blocked, blocked), 0);
    return thread;
}

static void room_wakes_a_blocked_sender(void **state)
{
    struct contract_link link = contract_connect(0);
    uint64_t sent = contract_stuff(link.dialled, 0, 5000);
    struct smew_bytes frame;
    struct blocked blocked;
    pthread_t thread = start_blocked(&blocked, link.dialled);

    (void)state;
    for (uint64_t i = 0; i < sent; i++)
        contract_expect(link.accepted, i, 5000);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(blocked.status, SMEW_OK);
    assert_int_equal(smew_channel_receive(link.accepted, &frame, CONTRACT_WAIT_MS), SMEW_OK);
    assert_int_equal(frame.size, 4);
    assert_memory_equal(frame.data, "last", 4);
    contract_disconnect(&link);
}

static void a_closing_peer_wakes_a_blocked_sender(void **state)
{
    struct contract_link link = contract_connect(0);
    struct blocked blocked;
    pthread_t thread;

    (void)state;
    (void)contract_stuff(link.dialled, 0, 5000);
    thread = start_blocked(&blocked, link.dialled);
    smew_channel_close(link.accepted);
    link.accepted = NULL;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(blocked.status, SMEW_RESET);
    contract_disconnect(&link);
}

CONTRACT_PART(contract_pressure, SUPPORT_TEST(a_full_channel_blocks_until_the_deadline),
              SUPPORT_TEST(no_time_means_no_waiting), SUPPORT_TEST(both_directions_may_be_full),
              SUPPORT_TEST(blocked_with_unread_frames_does_not_spin),
              SUPPORT_TEST(waiting_with_room_to_send_does_not_spin),
              SUPPORT_TEST(room_wakes_a_blocked_sender),
              SUPPORT_TEST(a_closing_peer_wakes_a_blocked_sender));
