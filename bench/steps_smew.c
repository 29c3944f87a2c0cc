/* SPDX-License-Identifier: MIT */
/*
 * Both sides of what is stepped, as programs of the public API.  The receiver registers the machine
 * "sink" (or "echo", which answers to "asker") and polls as SMEW_WAITING_SPIN; a lane holds all
 * that is sent while nobody takes.
 *
 *   stepped program                               the other side
 *   thousands of messages, until all are processed    takes, sends or answers them
 *   a burst; stops itself
 *     mark 1, a message, mark 2, …, mark 0            takes or answers; what is delivered was sent
 *   a burst; stops itself …                           before, as `needs` says
 *
 * When a call fails, or a message is a dead letter, the process says so on the board and exits; who
 * started both kills the other one.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <smew/bus.h>

#include "bench/clock.h"
#include "bench/steps_side.h"

enum {
    WARM = 16384, /* messages before all others */
    BURST = 4096, /* and before each group */
    LANE_BYTES = 4 * 1024 * 1024,
    WINDOW = 65536,
    WAIT_MS = 30000,
    POLL_MS = 1000,
    NAP_US = 100,
    SPARE = 16, /* delivery: messages behind those that are counted */
};

struct end {
    const struct bench_steps_what *what;
    struct bench_steps_board *board;
    struct smew_bus *bus;
    struct smew_send_options options;
    struct smew_prepared *prepared;
    struct smew_outgoing outgoing[BENCH_STEPS_TOGETHER];
    void *payload;
    uint64_t taken;  /* by the handler of the stepped program */
    uint64_t mark;   /* the last one said */
    unsigned counts; /* handlers whose marks are still to be said */
};

__attribute__((format(printf, 2, 3))) static _Noreturn void fail(struct bench_steps_board *board,
                                                                 const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (!atomic_exchange(&board->failed, true))
        (void)vsnprintf(board->error, sizeof(board->error), format, arguments);
    va_end(arguments);
    _exit(1);
}

static void check(struct end *end, const char *call, enum smew_status status)
{
    if (status != SMEW_OK)
        fail(end->board, "%s: %s", call, smew_status_text(status));
}

static void on_letter(struct smew_bus *bus, const struct smew_message *message,
                      enum smew_status reason, void *user)
{
    (void)bus;
    (void)message;
    check(user, "dead letter", reason);
}

static void open_end(struct end *end, const struct bench_steps_what *what)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_error error = {SMEW_NO_MEMORY, "no memory"};
    char url[64];

    *end = (struct end){.what = what, .board = what->board};
    end->options = (struct smew_send_options)SMEW_SEND_OPTIONS_INIT;
    end->options.timeout_ms = WAIT_MS;
    end->options.wait_ms = WAIT_MS;
    end->payload = calloc(1, what->size);
    options.runtime_dir = what->directory;
    options.lane_bytes = LANE_BYTES;
    options.window = WINDOW;
    options.waiting = SMEW_WAITING_SPIN;
    options.on_dead_letter = on_letter;
    options.user = end;
    (void)snprintf(url, sizeof(url), "shm://steps-%d", (int)what->way);
    if (end->payload == NULL || smew_bus_open(url, &options, &end->bus, &error) != SMEW_OK)
        fail(end->board, "smew_bus_open: %s", error.text);
    for (size_t i = 0; i < BENCH_STEPS_TOGETHER; i++)
        end->outgoing[i] = (struct smew_outgoing){"sink", "N", end->payload, what->size};
}

static void claim(struct end *end, const char *id, smew_handler_fn handler)
{
    struct smew_error error;

    if (smew_bus_register(end->bus, id, handler, end, NULL, &error) != SMEW_OK)
        fail(end->board, "smew_bus_register: %s", error.text);
}

static void prepare(struct end *end)
{
    check(end, "smew_bus_prepare",
          smew_bus_prepare(end->bus, "sink", "N", &end->options, &end->prepared));
}

static void poll_once(struct end *end)
{
    const enum smew_status status = smew_bus_poll(end->bus, POLL_MS, 0);

    if (status != SMEW_TIMEOUT)
        check(end, "smew_bus_poll", status);
}

/* ---- the other side ---- */

static void on_taken(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct end *end = user;

    (void)bus;
    (void)message;
    (void)atomic_fetch_add(&end->board->done, 1);
}

static void on_ping(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct end *end = user;

    check(end, "smew_bus_send",
          smew_bus_send(bus, smew_message_source(message), "PONG", smew_message_payload(message),
                        smew_message_payload_size(message), &end->options));
    (void)atomic_fetch_add(&end->board->done, 1);
}

static _Noreturn void send_what_is_needed(struct end *end)
{
    prepare(end);
    for (;;) {
        while (atomic_load(&end->board->done) >= atomic_load(&end->board->needs))
            bench_nap_us(NAP_US);
        check(end, "smew_prepared_send",
              smew_prepared_send(end->prepared, end->payload, end->what->size));
        (void)atomic_fetch_add(&end->board->done, 1);
    }
}

_Noreturn void bench_steps_other(const struct bench_steps_what *what)
{
    struct end end;

    open_end(&end, what);
    if (what->way == BENCH_STEPS_DELIVERY)
        send_what_is_needed(&end);
    end.options.source = what->way == BENCH_STEPS_TRIP ? "echo" : NULL;
    if (what->way == BENCH_STEPS_TRIP)
        claim(&end, "echo", on_ping);
    else
        claim(&end, "sink", on_taken);
    for (;;)
        poll_once(&end);
}

/* ---- the stepped program ---- */

/* What comes next is counted under a number of its own, or (0) not at all. */
static void mark(struct end *end, bool counted)
{
    const uint64_t number = counted ? ++end->mark : 0;

    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&end->board->mark, number, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}

/* Stands still until whoever steps us has stopped our other threads, too. */
static void stand(void)
{
    (void)raise(SIGSTOP);
}

static void on_message(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct end *end = user;

    (void)bus;
    (void)message;
    end->taken++;
    if (end->counts > 0)
        mark(end, --end->counts > 0);
}

static void take_until(struct end *end, uint64_t taken)
{
    while (end->taken < taken)
        poll_once(end);
}

static enum smew_status trip(struct end *end)
{
    const enum smew_status status =
        smew_bus_send(end->bus, "echo", "PING", end->payload, end->what->size, &end->options);

    atomic_store(&end->board->needs, end->taken + 1);
    if (status == SMEW_OK)
        take_until(end, end->taken + 1);
    return status;
}

/* What is counted, once; between the marks is little else. */
static void call(struct end *end)
{
    const size_t size = end->what->size;
    enum smew_status status;

    switch (end->what->way) {
    case BENCH_STEPS_TRIP:
        mark(end, true);
        status = trip(end);
        mark(end, false);
        break;
    case BENCH_STEPS_PREPARED:
        mark(end, true);
        status = smew_prepared_send(end->prepared, end->payload, size);
        mark(end, false);
        break;
    case BENCH_STEPS_MANY:
        mark(end, true);
        status =
            smew_bus_send_many(end->bus, end->outgoing, BENCH_STEPS_TOGETHER, &end->options, NULL);
        mark(end, false);
        break;
    default:
        mark(end, true);
        status = smew_bus_send(end->bus, "sink", "N", end->payload, size, &end->options);
        mark(end, false);
    }
    check(end, "a send", status);
}

static void run(struct end *end, unsigned messages)
{
    const unsigned each = end->what->way == BENCH_STEPS_MANY ? BENCH_STEPS_TOGETHER : 1;

    for (unsigned i = 0; i < messages; i += each)
        call(end);
}

/* Who stands directly after a burst is in the state that a busy node is in. */
static void call_all(struct end *end)
{
    if (end->what->way == BENCH_STEPS_TRIP) {
        end->options.source = "asker";
        claim(end, "asker", on_message);
    } else {
        prepare(end);
    }
    run(end, WARM);
    check(end, "smew_bus_flush", smew_bus_flush(end->bus, WAIT_MS));
    for (unsigned group = 0; group < end->what->groups; group++) {
        run(end, BURST);
        stand();
        for (unsigned i = 0; i < end->what->group; i++)
            call(end);
    }
}

/* So many more, which lie in the lane before the first of them is taken when we are stepped. */
static void take_some(struct end *end, unsigned some)
{
    (void)atomic_fetch_add(&end->board->needs, some);
    take_until(end, end->taken + some);
}

/*
 * While the poller does not come the service thread takes what does: so nothing is sent before both
 * stand, and what is counted begins when the poller reads the lane for sure.
 */
static void take_all(struct end *end)
{
    claim(end, "sink", on_message);
    take_some(end, WARM);
    for (unsigned group = 0; group < end->what->groups; group++) {
        take_some(end, BURST);
        stand();
        take_some(end, SPARE);
        end->counts = end->what->group + 1; /* a message ends where the next one's handler begins */
        take_some(end, end->what->group + SPARE);
    }
}

_Noreturn void bench_steps_stepped(const struct bench_steps_what *what)
{
    struct end end;

    open_end(&end, what);
    if (what->way == BENCH_STEPS_DELIVERY)
        take_all(&end);
    else
        call_all(&end);
    for (;;)
        (void)pause();
}
