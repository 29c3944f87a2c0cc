/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_EXCHANGE_H
#define SMEW_SAMPLES_DPKG_EXCHANGE_H

/*
 * Requests with a bounded number of them on their way, in the order in which they were asked.
 *
 *     asked                       3   4   5   6   7
 *     answered                    ✓       ✓
 *     completed = 4, asked = 8: the window counts from the oldest without an answer
 *
 * The first that fails ends the exchange: what came before it is whole, and known by `completed`.
 */

#include <smew/bus.h>

#include "samples/dpkg/latency.h"
#include "samples/dpkg/reply.h"

/* Called inside feeder_exchange_ask() and _drain(), once for each request that was answered. */
typedef void (*feeder_answer_fn)(void *user, uint64_t subject, struct feeder_piece json);

struct feeder_exchange_options {
    uint32_t window;     /* requests on their way */
    uint32_t wait_ms;    /* for a host to appear */
    uint32_t timeout_ms; /* for an answer */
    bool absent;         /* a machine that is not there answers too: with no text */
    bool stoppable;      /* a signal ends the asking, not the waiting for answers */
    feeder_answer_fn answer;
    void *user;
};

struct feeder_flight;

struct feeder_exchange {
    struct smew_bus *bus;
    struct feeder_exchange_options options;
    struct feeder_flight *flights; /* a ring of `window` */
    uint64_t asked;
    uint64_t completed; /* answered without a gap */
    struct feeder_latency latency;
    uint64_t slowest;        /* subject of the slowest answer */
    enum smew_status status; /* OK, or why the exchange ended */
    uint64_t failed;         /* subject of the request that ended it */
};

/* False when out of memory. */
bool feeder_exchange_init(struct feeder_exchange *exchange, struct smew_bus *bus,
                          const struct feeder_exchange_options *options);

/* Only when nothing is on its way any more: after _drain() answered true, or the bus was closed. */
void feeder_exchange_fini(struct feeder_exchange *exchange);

/*
 * Asks as soon as the window has room; `subject` comes back with the answer.  False when the
 * exchange has ended (status) or, if it heeds that, the program was told to stop.
 */
bool feeder_exchange_ask(struct feeder_exchange *exchange, const char *target, const char *event,
                         uint64_t subject);

/* Waits for what is on its way, bounded by its timeouts.  False when the exchange has ended. */
bool feeder_exchange_drain(struct feeder_exchange *exchange);

#endif
