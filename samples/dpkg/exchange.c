/* SPDX-License-Identifier: MIT */
/*
 * Happy path: a request takes the next place of the ring, its callback runs in one of our polls,
 * and `completed` moves over every answer without a gap.  Each request bounds its own wait, so
 * draining ends too.  Failure modes: the first request that could not be sent, or got no answer,
 * is remembered and nothing is asked after it; a bus without room is polled until it has some.
 */
#include "samples/dpkg/exchange.h"

#include <stdlib.h>
#include <string.h>

#include <smew/transport.h>

#include "samples/dpkg/stop.h"

enum {
    TURN_MS = 50, /* how soon a signal is noticed */
    ROOM_MS = 1,  /* between two looks for room in the bus */
};

/* One request on its way. */
struct feeder_flight {
    struct feeder_exchange *exchange;
    uint64_t subject;
    uint64_t asked_ns;
    bool answered;
};

bool feeder_exchange_init(struct feeder_exchange *exchange, struct smew_bus *bus,
                          const struct feeder_exchange_options *options)
{
    memset(exchange, 0, sizeof(*exchange));
    exchange->bus = bus;
    exchange->options = *options;
    exchange->flights = calloc(options->window, sizeof(*exchange->flights));
    return exchange->flights != NULL;
}

void feeder_exchange_fini(struct feeder_exchange *exchange)
{
    free(exchange->flights);
    exchange->flights = NULL;
}

static struct feeder_flight *flight_of(struct feeder_exchange *exchange, uint64_t number)
{
    return &exchange->flights[number % exchange->options.window];
}

static void fail(struct feeder_exchange *exchange, enum smew_status status, uint64_t subject)
{
    if (exchange->status != SMEW_OK)
        return;
    exchange->status = status;
    exchange->failed = subject;
}

/* The bus calls it in smew_bus_poll(). */
static void on_reply(struct smew_bus *bus, enum smew_status status,
                     const struct smew_message *reply, void *user)
{
    struct feeder_flight *flight = user;
    struct feeder_exchange *exchange = flight->exchange;
    uint64_t took_ns = smew_now_ns() - flight->asked_ns;

    struct feeder_piece json = {NULL, 0};

    (void)bus;
    if (status != SMEW_OK && !(status == SMEW_NOT_FOUND && exchange->options.absent)) {
        fail(exchange, status, flight->subject);
        return;
    }
    if (took_ns > exchange->latency.max_ns)
        exchange->slowest = flight->subject;
    feeder_latency_record(&exchange->latency, took_ns);
    if (reply != NULL)
        json = (struct feeder_piece){smew_message_payload(reply), smew_message_payload_size(reply)};
    exchange->options.answer(exchange->options.user, flight->subject, json);
    flight->answered = true;
    while (exchange->completed < exchange->asked &&
           flight_of(exchange, exchange->completed)->answered)
        exchange->completed++;
}

/* Runs what is due; false when the bus cannot go on. */
static bool poll_bus(struct feeder_exchange *exchange, uint32_t timeout_ms)
{
    enum smew_status status = smew_bus_poll(exchange->bus, timeout_ms, 0);

    if (status != SMEW_OK && status != SMEW_TIMEOUT)
        fail(exchange, status, exchange->completed);
    return exchange->status == SMEW_OK;
}

static bool goes_on(const struct feeder_exchange *exchange)
{
    return exchange->status == SMEW_OK && !(exchange->options.stoppable && feeder_stopped());
}

static bool wait_for_room(struct feeder_exchange *exchange)
{
    uint32_t window = exchange->options.window;

    /* Answers are taken on the way too, or the last of a window would look slow. */
    if (window > 1 && exchange->asked % (window / 2 + 1) == 0 && !poll_bus(exchange, 0))
        return false;
    while (goes_on(exchange) && exchange->asked - exchange->completed == window)
        (void)poll_bus(exchange, TURN_MS);
    return goes_on(exchange);
}

bool feeder_exchange_ask(struct feeder_exchange *exchange, const char *target, const char *event,
                         uint64_t subject)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct feeder_flight *flight = flight_of(exchange, exchange->asked);
    enum smew_status status;
    uint64_t started_ns;

    if (!wait_for_room(exchange))
        return false;
    started_ns = smew_now_ns();
    *flight = (struct feeder_flight){exchange, subject, started_ns, false};
    options.wait_ms = exchange->options.wait_ms;
    options.timeout_ms = exchange->options.timeout_ms;
    for (;;) {
        status = smew_bus_request_async(exchange->bus, target, event, NULL, 0, &options, on_reply,
                                        flight);
        if (status != SMEW_FULL || !goes_on(exchange) ||
            smew_now_ns() - started_ns > options.timeout_ms * UINT64_C(1000000) ||
            !poll_bus(exchange, ROOM_MS))
            break;
    }
    if (status != SMEW_OK) {
        fail(exchange, status, subject);
        return false;
    }
    exchange->asked++;
    return true;
}

bool feeder_exchange_drain(struct feeder_exchange *exchange)
{
    while (exchange->status == SMEW_OK && exchange->completed < exchange->asked)
        (void)poll_bus(exchange, TURN_MS);
    return exchange->status == SMEW_OK;
}
