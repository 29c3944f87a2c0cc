/* SPDX-License-Identifier: MIT */
/*
 * smew itself, as a program would use it: the public API and nothing else.  One program registers
 * the machine "sink" (or "echo") and polls, the other sends to it.  A round trip is an event to the
 * machine "echo" and one back to the machine "asker", each from a handler's or a program's send.
 *
 * The scheme is the peer's; everything else is the same for all of them.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <smew/smew.h>

#include "bench/peer.h"

enum {
    WAIT_MS = 10000,
    POLL_MS = 1000,
    EMPTY_POLLS = 128,
    TOGETHER = 64,
    PAYLOAD_MOST = 8 * 1024 * 1024, /* of one message; bus.h */
    LANE_MOST = 16 * 1024 * 1024,
    LANES_BYTES = 512 * 1024 * 1024, /* for eight producers with the largest lanes */
};

struct end {
    struct bench_run *run;
    struct smew_bus *bus;
    struct smew_send_options options;
    uint8_t *message;
    uint64_t taken;
    uint64_t sum;
    bool bad;
};

static bool fits(const struct bench_case *what)
{
    return what->size <= PAYLOAD_MOST;
}

static bool fail(struct bench_run *run, const char *call, enum smew_status status)
{
    return bench_fail(run, "%s: %s", call, smew_status_text(status));
}

static void on_letter(struct smew_bus *bus, const struct smew_message *message,
                      enum smew_status reason, void *user)
{
    struct end *end = user;

    (void)bus;
    (void)message;
    end->bad = !fail(end->run, "dead letter", reason);
}

static struct smew_bus_options bus_options(struct end *end)
{
    const struct bench_case *what = end->run->what;
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    options.runtime_dir = end->run->directory;
    options.lane_bytes = what->ring_bytes < LANE_MOST ? (uint32_t)what->ring_bytes : LANE_MOST;
    options.lanes_max_bytes = LANES_BYTES;
    options.payload_max = what->size > 1024 * 1024 ? (uint32_t)what->size : 0;
    options.waiting = what->waiting;
    options.in_place_bytes = what->in_place ? 1 : 0;
    options.on_dead_letter = on_letter;
    options.user = end;
    return options;
}

/* NULL when it said why. */
static struct end *open_end(struct bench_run *run)
{
    struct end *end = calloc(1, sizeof(*end));
    struct smew_bus_options options;
    struct smew_error error = {SMEW_NO_MEMORY, "no memory"};
    char url[64];

    if (end == NULL) {
        (void)bench_fail(run, "no memory");
        return NULL;
    }
    end->run = run;
    end->message = calloc(1, run->what->size);
    end->options = (struct smew_send_options)SMEW_SEND_OPTIONS_INIT;
    end->options.timeout_ms = WAIT_MS;
    end->options.wait_ms = WAIT_MS;
    options = bus_options(end);
    (void)snprintf(url, sizeof(url), "%s://bench-%u", run->peer->scheme, run->serial);
    if (end->message == NULL || smew_bus_open(url, &options, &end->bus, &error) != SMEW_OK) {
        (void)bench_fail(run, "smew_bus_open: %s", error.text);
        free(end->message);
        free(end);
        return NULL;
    }
    return end;
}

static bool claim(struct end *end, const char *id, smew_handler_fn handler)
{
    struct smew_error error;

    return smew_bus_register(end->bus, id, handler, end, NULL, &error) == SMEW_OK ||
           bench_fail(end->run, "smew_bus_register: %s", error.text);
}

/* ---- one way ---- */

/* The message's number; with read_once as the sum of all its words, of which the others are 0. */
static uint64_t read_number(const struct bench_case *what, const uint8_t *payload)
{
    const size_t end = what->read_once ? what->size : sizeof(uint64_t);
    uint64_t sum = 0;

    for (size_t at = 0; at < end; at += sizeof(sum)) {
        uint64_t word;

        memcpy(&word, payload + at, sizeof(word));
        sum += word;
    }
    return sum;
}

static void on_message(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct end *end = user;
    const struct bench_case *what = end->run->what;

    (void)bus;
    if (smew_message_payload_size(message) == what->size)
        end->sum += read_number(what, smew_message_payload(message));
    else
        end->bad = true;
    end->taken++;
}

/* Answers an event with one of the same size, to whoever sent it. */
static void on_ping(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct end *end = user;

    end->bad =
        smew_bus_send(bus, smew_message_source(message), "PONG", smew_message_payload(message),
                      smew_message_payload_size(message), &end->options) != SMEW_OK ||
        end->bad;
    end->taken++;
}

static bool open_receiver(struct bench_run *run, void **end)
{
    struct end *opened = open_end(run);

    if (opened == NULL)
        return false;
    opened->options.source = run->what->trip ? "echo" : NULL;
    *end = opened;
    return run->what->trip ? claim(opened, "echo", on_ping) : claim(opened, "sink", on_message);
}

static bool open_sender(struct bench_run *run, unsigned index, void **end)
{
    struct end *opened = open_end(run);

    (void)index;
    if (opened == NULL)
        return false;
    opened->options.source = run->what->trip ? "asker" : NULL;
    *end = opened;
    return !run->what->trip || claim(opened, "asker", on_message);
}

/*
 * Polls until so many came in all.  Who spins still gives the core away now and then: the bus has a
 * thread of its own, and that may have to run here for the next message to come.
 */
static bool poll_until(struct end *end, uint64_t taken)
{
    const uint32_t timeout_ms = end->run->what->wait == BENCH_SPIN ? 0 : POLL_MS;

    unsigned empty = 0;

    while (end->taken < taken && !end->bad) {
        const enum smew_status status = smew_bus_poll(end->bus, timeout_ms, 0);

        if (status == SMEW_TIMEOUT && timeout_ms == 0 && ++empty % EMPTY_POLLS == 0)
            (void)sched_yield();
        else if (status == SMEW_TIMEOUT && timeout_ms == 0)
            bench_relax(end->run);
        else if (status != SMEW_OK && status != SMEW_TIMEOUT)
            return fail(end->run, "smew_bus_poll", status);
    }
    return !end->bad || bench_fail(end->run, "a message is not what was sent");
}

static bool receive(struct bench_run *run, void *end, uint64_t count, uint64_t *sum)
{
    struct end *mine = end;

    (void)run;
    mine->sum = 0;
    if (!poll_until(mine, mine->taken + count))
        return false;
    *sum = mine->sum;
    return true;
}

/* So many with one call as lie in a nearby cache. */
static bool send_together(struct bench_run *run, struct end *mine, uint64_t count)
{
    const size_t size = run->what->size;
    struct smew_outgoing outgoing[TOGETHER];
    uint8_t *bytes = calloc(TOGETHER, size);
    enum smew_status status = bytes != NULL ? SMEW_OK : SMEW_NO_MEMORY;

    for (uint64_t done = 0; done < count && status == SMEW_OK; done += TOGETHER) {
        const size_t some = count - done < TOGETHER ? (size_t)(count - done) : TOGETHER;

        for (size_t i = 0; i < some; i++) {
            const uint64_t number = done + i;

            memcpy(bytes + i * size, &number, sizeof(number));
            outgoing[i] = (struct smew_outgoing){"sink", "N", bytes + i * size, size};
        }
        status = smew_bus_send_many(mine->bus, outgoing, some, &mine->options, NULL);
    }
    free(bytes);
    return status == SMEW_OK || fail(run, "smew_bus_send_many", status);
}

static bool send_prepared(struct bench_run *run, struct end *mine, uint64_t count)
{
    struct smew_prepared *prepared = NULL;
    enum smew_status status = smew_bus_prepare(mine->bus, "sink", "N", &mine->options, &prepared);

    for (uint64_t i = 0; i < count && status == SMEW_OK; i++) {
        memcpy(mine->message, &i, sizeof(i));
        status = smew_prepared_send(prepared, mine->message, run->what->size);
    }
    smew_prepared_free(prepared);
    return status == SMEW_OK || fail(run, "smew_prepared_send", status);
}

static bool send_all(struct bench_run *run, void *end, uint64_t count)
{
    struct end *mine = end;

    if (run->what->manner == BENCH_TOGETHER)
        return send_together(run, mine, count);
    if (run->what->manner == BENCH_PREPARED)
        return send_prepared(run, mine, count);
    for (uint64_t i = 0; i < count; i++) {
        enum smew_status status;

        memcpy(mine->message, &i, sizeof(i));
        status =
            smew_bus_send(mine->bus, "sink", "N", mine->message, run->what->size, &mine->options);
        if (status != SMEW_OK)
            return fail(run, "smew_bus_send", status);
    }
    return true;
}

/* ---- round trips ---- */

static bool trip(struct bench_run *run, void *end)
{
    struct end *mine = end;
    enum smew_status status =
        smew_bus_send(mine->bus, "echo", "PING", mine->message, run->what->size, &mine->options);

    return status == SMEW_OK ? poll_until(mine, mine->taken + 1)
                             : fail(run, "smew_bus_send", status);
}

static bool echo(struct bench_run *run, void *end, uint64_t count)
{
    struct end *mine = end;

    (void)run;
    return poll_until(mine, mine->taken + count);
}

static void close_end(struct bench_run *run, void *end)
{
    struct end *mine = end;

    (void)run;
    smew_bus_close(mine->bus, POLL_MS, NULL);
    free(mine->message);
    free(mine);
}

#define SMEW_PEER(SCHEME, WHAT, MORE)                                                            \
    {                                                                                            \
        .name = "smew-" SCHEME, .what = (WHAT),                                                  \
        .can = BENCH_CAN_STREAM | BENCH_CAN_TRIP | BENCH_CAN_MANY | BENCH_SPINS | BENCH_BLOCKS | \
               (MORE),                                                                           \
        .scheme = (SCHEME), .fits = fits, .open_receiver = open_receiver,                        \
        .open_sender = open_sender, .send = send_all, .receive = receive, .trip = trip,          \
        .echo = echo, .close = close_end,                                                        \
    }

const struct bench_peer bench_smew_pipe = SMEW_PEER("pipe", "smew over pipe://", 0);
const struct bench_peer bench_smew_shm = SMEW_PEER("shm", "smew over shm://", 0);
const struct bench_peer bench_smew_inproc =
    SMEW_PEER("inproc", "smew over inproc://, threads", BENCH_ONE_PROCESS);
