/* SPDX-License-Identifier: MIT */
/*
 * The contract, first part: frames arrive whole, once, in order, whatever their size, from one
 * part or many, in both directions, singly and by the hundred thousand.
 */
#include "tests/transport/contract.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crc32c/crc32c.h"

static void frames_arrive_in_order(void **state)
{
    struct contract_link link = contract_connect(0);

    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        contract_send(link.dialled, i, i);
        contract_send(link.accepted, 1000 + i, 3 * i);
    }
    for (uint64_t i = 0; i < 100; i++) {
        contract_expect(link.accepted, i, i);
        contract_expect(link.dialled, 1000 + i, 3 * i);
    }
    contract_disconnect(&link);
}

static void small_frames_wait_for_flush_at_most(void **state)
{
    struct contract_link link = contract_connect(0);
    struct smew_bytes part = {"tick", 4};
    struct smew_bytes frame;

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(link.dialled->ops->try_send(link.dialled, &part, 1), SMEW_OK);
    assert_int_equal(smew_channel_flush(link.dialled, CONTRACT_WAIT_MS), SMEW_OK);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(link.accepted->ops->try_receive(link.accepted, &frame), SMEW_OK);
        assert_int_equal(frame.size, 4);
        assert_memory_equal(frame.data, "tick", 4);
    }
    contract_expect_alive(&link);
    contract_disconnect(&link);
}

/* Sends a filled frame of `size` in `count` parts, the last one with what is left over. */
static void send_in_parts(struct smew_channel *channel, uint64_t number, size_t size, size_t count)
{
    struct smew_bytes *parts = calloc(count + 2, sizeof *parts);
    uint8_t *data = malloc(size);

    assert_non_null(parts);
    assert_non_null(data);
    contract_fill(number, data, size);
    for (size_t i = 0; i < count; i++) {
        size_t from = i * (size / count);

        parts[i + 1] = (struct smew_bytes){data + from, i + 1 < count ? size / count : size - from};
    }
    /* An empty part needs no bytes behind it: the first and the last are such. */
    assert_int_equal(channel->ops->try_send(channel, parts, count + 2), SMEW_OK);
    (void)channel->ops->flush(channel);
    free(data);
    free(parts);
}

static void parts_are_gathered(void **state)
{
    static const size_t sizes[] = {9, 1000, 50000, 130000};
    static const size_t counts[] = {1, 2, 3, 9, 14, 15, 16, 17, 40};
    struct contract_link link = contract_connect(0);
    uint64_t number = 0;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t j = 0; j < sizeof counts / sizeof counts[0]; j++) {
            if (counts[j] > sizes[i])
                continue;
            send_in_parts(link.dialled, ++number, sizes[i], counts[j]);
            contract_expect(link.accepted, number, sizes[i]);
        }
    /* No part at all is an empty frame. */
    assert_int_equal(link.dialled->ops->try_send(link.dialled, NULL, 0), SMEW_OK);
    assert_int_equal(smew_channel_flush(link.dialled, CONTRACT_WAIT_MS), SMEW_OK);
    contract_expect(link.accepted, 0, 0);
    contract_disconnect(&link);
}

/* One frame through the channel, the sender pushing while the receiver reads. */
static void pass(struct contract_link *link, uint64_t number, size_t size)
{
    uint64_t arrived = 0;

    contract_send(link->dialled, number, size);
    for (int turn = 0; turn < 100000 && arrived == 0; turn++)
        arrived = contract_drain(link->accepted, link->dialled, number, size);
    assert_int_equal(arrived, 1);
}

static void every_size_passes(void **state)
{
    static const size_t sizes[] = {0,
                                   1,
                                   2,
                                   3,
                                   7,
                                   8,
                                   63,
                                   64,
                                   4088,
                                   4096,
                                   32759,
                                   32760,
                                   32768,
                                   65527,
                                   65528,
                                   65536,
                                   65537,
                                   131072,
                                   262136,
                                   262144,
                                   262145,
                                   1048576,
                                   SMEW_FRAME_MAX - 1,
                                   SMEW_FRAME_MAX};
    struct contract_link link = contract_connect(0);

    (void)state;
    assert_int_equal(link.dialled->frame_max, SMEW_FRAME_MAX);
    assert_int_equal(link.accepted->frame_max, SMEW_FRAME_MAX);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        pass(&link, i, sizes[i]);
        pass(&link, 500 + i, 10); /* and the next one begins where it should */
    }
    contract_disconnect(&link);
}

static void expect_too_big(struct smew_channel *channel, const struct smew_bytes *parts,
                           size_t count)
{
    assert_int_equal(channel->ops->try_send(channel, parts, count), SMEW_TOO_BIG);
}

static void beyond_the_limit_is_too_big(void **state)
{
    struct contract_link link = contract_connect(0);
    uint8_t *data = calloc(1, (size_t)SMEW_FRAME_MAX + 1);
    struct smew_bytes whole = {data, (size_t)SMEW_FRAME_MAX + 1};
    struct smew_bytes halves[] = {{data, SMEW_FRAME_MAX}, {data, 1}};
    struct smew_bytes wrapping[] = {{data, 8}, {data, SIZE_MAX - 3}, {data, 8}};

    (void)state;
    assert_non_null(data);
    expect_too_big(link.dialled, &whole, 1);
    expect_too_big(link.dialled, halves, 2);
    expect_too_big(link.dialled, wrapping, 3);
    assert_int_equal(smew_channel_send(link.dialled, data, whole.size, 10), SMEW_TOO_BIG);
    free(data);
    contract_expect_alive(&link);
    contract_disconnect(&link);
}

static void a_lower_limit_holds(void **state)
{
    struct contract_link link = contract_connect(100);
    struct smew_endpoint endpoint = contract_at("bus/1.1", 0);
    struct smew_channel *channel = NULL;
    uint8_t data[101] = {0};
    struct smew_bytes part = {data, sizeof data};

    (void)state;
    endpoint.frame_max = 200;
    assert_int_equal(contract_transport()->dial(&endpoint, &channel, NULL), SMEW_OK);
    smew_channel_close(channel);
    endpoint.frame_max = (uint32_t)SMEW_FRAME_MAX + 1;
    assert_int_equal(contract_transport()->dial(&endpoint, &channel, NULL), SMEW_INVALID);
    assert_int_equal(link.dialled->frame_max, 100);
    assert_int_equal(link.accepted->frame_max, 100);
    expect_too_big(link.dialled, &part, 1);
    expect_too_big(link.accepted, &part, 1);
    pass(&link, 1, 100);
    pass(&link, 2, 0);
    contract_disconnect(&link);
}

/* What a thread sends, and the digest of it. */
struct producer {
    struct smew_channel *channel;
    uint64_t count;
    uint32_t digest;
    enum smew_status status;
};

enum { FLOOD_SIZE_MAX = 300 };

static size_t flood_size(uint64_t number)
{
    return (size_t)(number * 17 % FLOOD_SIZE_MAX);
}

static void *produce(void *argument)
{
    struct producer *producer = argument;
    uint8_t data[FLOOD_SIZE_MAX];

    for (uint64_t i = 0; i < producer->count && producer->status == SMEW_OK; i++) {
        contract_fill(i, data, flood_size(i));
        producer->digest = smew__crc32c(producer->digest, data, flood_size(i));
        producer->status =
            smew_channel_send(producer->channel, data, flood_size(i), CONTRACT_WAIT_MS);
    }
    if (producer->status == SMEW_OK)
        producer->status = smew_channel_flush(producer->channel, CONTRACT_WAIT_MS);
    return NULL;
}

static void a_hundred_thousand_frames(void **state)
{
    struct contract_link link = contract_connect(0);
    struct producer producer = {.channel = link.dialled, .count = 100000};
    uint32_t digest = 0;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, produce, &producer), 0);
    for (uint64_t i = 0; i < producer.count; i++) {
        struct smew_bytes frame;

        assert_int_equal(smew_channel_receive(link.accepted, &frame, CONTRACT_WAIT_MS), SMEW_OK);
        assert_int_equal(frame.size, flood_size(i));
        digest = smew__crc32c(digest, frame.data, frame.size);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(producer.status, SMEW_OK);
    assert_int_equal(digest, producer.digest);
    contract_disconnect(&link);
}

/* One end that sends and receives at the same time, as a node's event loop does. */
struct duplex {
    struct smew_channel *channel;
    uint64_t count;
    uint64_t sent;
    uint64_t received;
    enum smew_status status;
};

static enum smew_status duplex_turn(struct duplex *end)
{
    const struct smew_channel_ops *ops = end->channel->ops;
    enum smew_status status = SMEW_OK;
    uint8_t data[FLOOD_SIZE_MAX];
    struct smew_bytes frame;

    while (end->sent < end->count && status == SMEW_OK) {
        struct smew_bytes part = {data, flood_size(end->sent)};

        contract_fill(end->sent, data, part.size);
        status = ops->try_send(end->channel, &part, 1);
        end->sent += status == SMEW_OK;
    }
    if (status == SMEW_OK || status == SMEW_AGAIN)
        status = ops->flush(end->channel);
    while ((status == SMEW_OK || status == SMEW_AGAIN) &&
           ops->try_receive(end->channel, &frame) == SMEW_OK) {
        if (frame.size != flood_size(end->received) || !contract_is_filled(end->received, frame))
            status = SMEW_CORRUPT;
        end->received++;
    }
    return status;
}

static void *run_duplex(void *argument)
{
    struct duplex *end = argument;

    while (end->sent < end->count || end->received < end->count || end->status == SMEW_AGAIN) {
        end->status = duplex_turn(end);
        if (end->status != SMEW_OK && end->status != SMEW_AGAIN)
            break;
        if ((end->sent < end->count || end->received < end->count) &&
            !contract_becomes_ready(end->channel)) {
            end->status = SMEW_TIMEOUT;
            break;
        }
    }
    return NULL;
}

static void both_directions_at_once(void **state)
{
    struct contract_link link = contract_connect(0);
    struct duplex ends[2] = {{.channel = link.dialled, .count = 50000},
                             {.channel = link.accepted, .count = 50000}};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, run_duplex, &ends[1]), 0);
    (void)run_duplex(&ends[0]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ends[i].status, SMEW_OK);
        assert_int_equal(ends[i].sent, ends[i].count);
        assert_int_equal(ends[i].received, ends[i].count);
    }
    contract_disconnect(&link);
}

static void credentials_tell_the_truth(void **state)
{
    struct contract_link link = contract_connect(0);
    struct smew_channel *ends[] = {link.dialled, link.accepted};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct smew_peer_credentials peer = ends[i]->ops->credentials(ends[i]);

        assert_true(peer.pid == -1 || peer.pid == getpid());
        assert_true(peer.uid == -1 || peer.uid == geteuid());
    }
    contract_disconnect(&link);
}

CONTRACT_PART(contract_flow, SUPPORT_TEST(frames_arrive_in_order),
              SUPPORT_TEST(small_frames_wait_for_flush_at_most), SUPPORT_TEST(parts_are_gathered),
              SUPPORT_TEST(every_size_passes), SUPPORT_TEST(beyond_the_limit_is_too_big),
              SUPPORT_TEST(a_lower_limit_holds), SUPPORT_TEST(a_hundred_thousand_frames),
              SUPPORT_TEST(both_directions_at_once), SUPPORT_TEST(credentials_tell_the_truth));
