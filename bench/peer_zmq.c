/* SPDX-License-Identifier: MIT */
/*
 * libzmq: PUSH and PULL one way, PAIR for round trips, between processes (ipc) and between threads
 * (inproc, which shares the context).  High-water marks are raised from 1000, but keep what waits
 * below 64 MiB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "bench/peer.h"

enum { WAITING_BYTES = 64 * 1024 * 1024, WAITING_MOST = 100000, WAITING_LEAST = 8, URL_SIZE = 160 };

struct end {
    void *context;
    void *socket;
    uint8_t *message;
};

static bool fail(struct bench_run *run, const char *call)
{
    return bench_fail(run, "%s: %s", call, zmq_strerror(zmq_errno()));
}

static void make_url(const struct bench_run *run, char url[URL_SIZE])
{
    char path[URL_SIZE - 16];

    bench_path(run, "zmq", path, sizeof(path));
    (void)snprintf(url, URL_SIZE, "%s://%s", run->shared != NULL ? "inproc" : "ipc", path);
}

static bool prepare_inproc(struct bench_run *run)
{
    run->shared = zmq_ctx_new();
    return run->shared != NULL || fail(run, "zmq_ctx_new");
}

/* How many messages may wait on a side. */
static int high_water(size_t size)
{
    const size_t fit = WAITING_BYTES / size;

    return fit > WAITING_MOST ? WAITING_MOST : fit < WAITING_LEAST ? WAITING_LEAST : (int)fit;
}

static void free_end(struct bench_run *run, struct end *end)
{
    if (end->socket != NULL)
        (void)zmq_close(end->socket);
    if (run->shared == NULL)
        (void)zmq_ctx_term(end->context);
    free(end->message);
    free(end);
}

/* A socket with its marks, not connected yet; NULL when it said why. */
static struct end *open_end(struct bench_run *run, int type)
{
    const int mark = high_water(run->what->size);
    struct end *end = calloc(1, sizeof(*end));

    if (end == NULL) {
        (void)bench_fail(run, "no memory");
        return NULL;
    }
    end->message = calloc(1, run->what->size);
    end->context = run->shared != NULL ? run->shared : zmq_ctx_new();
    end->socket = zmq_socket(end->context, run->what->trip ? ZMQ_PAIR : type);
    if (end->message != NULL && end->socket != NULL &&
        zmq_setsockopt(end->socket, ZMQ_SNDHWM, &mark, sizeof(mark)) == 0 &&
        zmq_setsockopt(end->socket, ZMQ_RCVHWM, &mark, sizeof(mark)) == 0)
        return end;
    (void)fail(run, "zmq_socket");
    free_end(run, end);
    return NULL;
}

static bool open_receiver(struct bench_run *run, void **opened)
{
    struct end *end;
    char url[URL_SIZE];

    make_url(run, url);
    end = open_end(run, ZMQ_PULL);
    if (end == NULL)
        return false;
    *opened = end;
    return zmq_bind(end->socket, url) == 0 || fail(run, "zmq_bind");
}

static bool open_sender(struct bench_run *run, unsigned index, void **opened)
{
    struct end *end;
    char url[URL_SIZE];

    (void)index;
    make_url(run, url);
    end = open_end(run, ZMQ_PUSH);
    if (end == NULL)
        return false;
    *opened = end;
    return zmq_connect(end->socket, url) == 0 || fail(run, "zmq_connect");
}

static bool put_one(struct bench_run *run, struct end *end)
{
    return zmq_send(end->socket, end->message, run->what->size, 0) >= 0 || fail(run, "zmq_send");
}

static bool take_one(struct bench_run *run, struct end *end, uint64_t *sum)
{
    zmq_msg_t message;
    uint64_t number;
    bool fine;

    (void)zmq_msg_init(&message);
    fine = zmq_msg_recv(&message, end->socket, 0) == (int)run->what->size;
    if (fine) {
        memcpy(&number, zmq_msg_data(&message), sizeof(number));
        *sum += number;
    }
    (void)zmq_msg_close(&message);
    return fine || fail(run, "zmq_msg_recv");
}

static bool send_all(struct bench_run *run, void *opened, uint64_t count)
{
    struct end *end = opened;

    for (uint64_t i = 0; i < count; i++) {
        memcpy(end->message, &i, sizeof(i));
        if (!put_one(run, end))
            return false;
    }
    return true;
}

static bool receive(struct bench_run *run, void *end, uint64_t count, uint64_t *sum)
{
    for (uint64_t i = 0; i < count; i++)
        if (!take_one(run, end, sum))
            return false;
    return true;
}

static bool trip(struct bench_run *run, void *end)
{
    uint64_t sum = 0;

    return put_one(run, end) && take_one(run, end, &sum);
}

static bool echo(struct bench_run *run, void *end, uint64_t count)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++)
        if (!take_one(run, end, &sum) || !put_one(run, end))
            return false;
    return true;
}

static void close_end(struct bench_run *run, void *end)
{
    free_end(run, end);
}

#define ZMQ_PEER(NAME, WHAT, PREPARE, MORE)                                                   \
    {                                                                                         \
        .name = (NAME), .what = (WHAT),                                                       \
        .can = BENCH_CAN_STREAM | BENCH_CAN_TRIP | BENCH_CAN_MANY | BENCH_BLOCKS | (MORE),    \
        .prepare = (PREPARE), .open_receiver = open_receiver, .open_sender = open_sender,     \
        .send = send_all, .receive = receive, .trip = trip, .echo = echo, .close = close_end, \
    }

const struct bench_peer bench_zmq_ipc = ZMQ_PEER("zmq-ipc", "libzmq over ipc://", NULL, 0);
const struct bench_peer bench_zmq_inproc =
    ZMQ_PEER("zmq-inproc", "libzmq over inproc://, threads", prepare_inproc, BENCH_ONE_PROCESS);
