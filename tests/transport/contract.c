/* SPDX-License-Identifier: MIT */
/* The suite's frame: which parts there are, and what they share. */
#include "tests/transport/contract.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct smew_transport_ops *transport;

int contract_run(const char *scheme)
{
    const struct contract_part *parts[] = {
        &contract_flow, &contract_pressure, &contract_life, &contract_interest, &contract_fault,
    };
    struct CMUnitTest tests[64];
    size_t count = 0;

    transport = smew_transport_find(scheme);
    if (transport == NULL) {
        fprintf(stderr, "there is no transport %s\n", scheme);
        return 1;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (count + parts[i]->count > sizeof tests / sizeof tests[0])
            return 1;
        memcpy(tests + count, parts[i]->tests, parts[i]->count * sizeof tests[0]);
        count += parts[i]->count;
    }
    return _cmocka_run_group_tests(scheme, tests, count, NULL, NULL);
}

const struct smew_transport_ops *contract_transport(void)
{
    return transport;
}

struct smew_endpoint contract_at(const char *place, uint32_t frame_max)
{
    bool in_process = (transport->flags & SMEW_TRANSPORT_IN_PROCESS) != 0;

    return (struct smew_endpoint){
        .directory = in_process ? NULL : support_runtime_dir(),
        .place = place,
        .frame_max = frame_max,
    };
}

static struct smew_listener *listen_with(const char *place, uint32_t frame_max)
{
    struct smew_endpoint endpoint = contract_at(place, frame_max);
    struct smew_listener *listener = NULL;
    struct smew_error error;
    enum smew_status status = transport->listen(&endpoint, &listener, &error);

    if (status != SMEW_OK)
        fail_msg("cannot listen: %s", error.text);
    return listener;
}

static struct smew_channel *dial_with(const char *place, uint32_t frame_max)
{
    struct smew_endpoint endpoint = contract_at(place, frame_max);
    struct smew_channel *channel = NULL;
    struct smew_error error;
    enum smew_status status = transport->dial(&endpoint, &channel, &error);

    if (status != SMEW_OK)
        fail_msg("cannot dial: %s", error.text);
    return channel;
}

struct smew_listener *contract_listen(const char *place)
{
    return listen_with(place, 0);
}

struct smew_channel *contract_dial(const char *place)
{
    return dial_with(place, 0);
}

static bool wait_ready(struct smew_interest interest, int timeout_ms)
{
    struct pollfd entry = {.fd = interest.fd, .events = interest.events};

    return poll(&entry, 1, timeout_ms) == 1;
}

struct smew_channel *contract_accept(struct smew_listener *listener)
{
    struct smew_channel *channel = NULL;

    assert_true(wait_ready(listener->ops->interest(listener), CONTRACT_WAIT_MS));
    assert_int_equal(listener->ops->try_accept(listener, &channel), SMEW_OK);
    return channel;
}

struct contract_link contract_connect(uint32_t frame_max)
{
    struct contract_link link;

    link.listener = listen_with("bus/1.1", frame_max);
    link.dialled = dial_with("bus/1.1", frame_max);
    link.accepted = contract_accept(link.listener);
    return link;
}

void contract_disconnect(struct contract_link *link)
{
    smew_channel_close(link->dialled);
    smew_channel_close(link->accepted);
    if (link->listener != NULL)
        link->listener->ops->close(link->listener);
    *link = (struct contract_link){0};
}

bool contract_ready(struct smew_interest interest)
{
    return wait_ready(interest, 0);
}

bool contract_becomes_ready(const struct smew_channel *channel)
{
    return wait_ready(channel->ops->interest(channel), CONTRACT_WAIT_MS);
}

static uint8_t byte_at(uint64_t number, size_t i)
{
    return (uint8_t)((number * 31 + i * 7 + (i >> 8)) & 0xFF);
}

void contract_fill(uint64_t number, void *data, size_t size)
{
    uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(number, i);
    memcpy(bytes, &number, size < sizeof number ? size : sizeof number);
}

bool contract_is_filled(uint64_t number, struct smew_bytes frame)
{
    const uint8_t *bytes = frame.data;
    size_t named = frame.size < sizeof number ? frame.size : sizeof number;

    if (named > 0 && memcmp(bytes, &number, named) != 0)
        return false;
    for (size_t i = named; i < frame.size; i++)
        if (bytes[i] != byte_at(number, i))
            return false;
    return true;
}

/* A filled frame on the heap, so that the sanitizer sees a byte too far. */
static struct smew_bytes make_frame(uint64_t number, size_t size)
{
    void *data = malloc(size > 0 ? size : 1);

    assert_non_null(data);
    contract_fill(number, data, size);
    return (struct smew_bytes){data, size};
}

static enum smew_status try_send_filled(struct smew_channel *channel, uint64_t number, size_t size)
{
    struct smew_bytes frame = make_frame(number, size);
    enum smew_status status = channel->ops->try_send(channel, &frame, 1);

    free((void *)frame.data);
    return status;
}

void contract_send(struct smew_channel *channel, uint64_t number, size_t size)
{
    enum smew_status flushed;

    assert_int_equal(try_send_filled(channel, number, size), SMEW_OK);
    flushed = channel->ops->flush(channel);
    assert_true(flushed == SMEW_OK || flushed == SMEW_AGAIN);
}

static void check_frame(uint64_t number, size_t size, struct smew_bytes frame)
{
    assert_int_equal(frame.size, size);
    if (!contract_is_filled(number, frame))
        fail_msg("frame %llu is not what was sent", (unsigned long long)number);
}

void contract_expect(struct smew_channel *channel, uint64_t number, size_t size)
{
    struct smew_bytes frame;

    assert_int_equal(smew_channel_receive(channel, &frame, CONTRACT_WAIT_MS), SMEW_OK);
    check_frame(number, size, frame);
}

void contract_expect_status(struct smew_channel *channel, enum smew_status status)
{
    struct smew_bytes frame;

    assert_int_equal(smew_channel_receive(channel, &frame, CONTRACT_WAIT_MS), status);
}

void contract_expect_alive(const struct contract_link *link)
{
    contract_send(link->dialled, 7, 100);
    contract_expect(link->accepted, 7, 100);
    contract_send(link->accepted, 8, 200);
    contract_expect(link->dialled, 8, 200);
}

uint64_t contract_stuff(struct smew_channel *channel, uint64_t first, size_t size)
{
    uint64_t number = first;
    enum smew_status status;

    while ((status = try_send_filled(channel, number, size)) == SMEW_OK) {
        number++;
        assert_in_range((number - first) * (size + 64), 0, UINT64_C(1) << 26); /* it has an end */
    }
    assert_int_equal(status, SMEW_AGAIN);
    return number - first;
}

uint64_t contract_drain(struct smew_channel *channel, struct smew_channel *sender, uint64_t first,
                        size_t size)
{
    uint64_t number = first;
    struct smew_bytes frame;
    enum smew_status status;
    bool pushed = false; /* everything had left the sender before the last AGAIN */

    for (;;) {
        status = channel->ops->try_receive(channel, &frame);
        if (status == SMEW_OK) {
            check_frame(number, size, frame);
            number++;
            continue;
        }
        if (status == SMEW_RESET || pushed)
            break;
        pushed = sender == NULL || sender->ops->flush(sender) != SMEW_AGAIN;
    }
    assert_true(status == SMEW_AGAIN || status == SMEW_RESET);
    return number - first;
}
