/* SPDX-License-Identifier: MIT */
/* nng over ipc://: PUSH and PULL one way, PAIR for round trips, with nng's own defaults. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>

#include "bench/peer.h"

enum { URL_SIZE = 160 };

struct end {
    nng_socket socket;
    uint8_t *message;
};

static bool fine(struct bench_run *run, const char *call, int result)
{
    return result == 0 || bench_fail(run, "%s: %s", call, nng_strerror(result));
}

/* NULL when it said why. */
static struct end *open_end(struct bench_run *run, int (*make)(nng_socket *))
{
    struct end *end = calloc(1, sizeof(*end));

    if (end == NULL) {
        (void)bench_fail(run, "no memory");
        return NULL;
    }
    end->message = calloc(1, run->what->size);
    if (end->message != NULL &&
        fine(run, "nng_open",
             run->what->trip ? nng_pair0_open(&end->socket) : make(&end->socket)) &&
        fine(run, "nng_socket_set",
             nng_socket_set_size(end->socket, NNG_OPT_RECVMAXSZ, run->what->size)))
        return end;
    (void)bench_fail(run, "no memory"); /* unless something else was said before */
    free(end->message);
    free(end);
    return NULL;
}

static void make_url(const struct bench_run *run, char url[URL_SIZE])
{
    char path[URL_SIZE - 16];

    bench_path(run, "nng", path, sizeof(path));
    (void)snprintf(url, URL_SIZE, "ipc://%s", path);
}

static bool open_receiver(struct bench_run *run, void **opened)
{
    struct end *end;
    char url[URL_SIZE];

    make_url(run, url);
    end = open_end(run, nng_pull0_open);
    if (end == NULL)
        return false;
    *opened = end;
    return fine(run, "nng_listen", nng_listen(end->socket, url, NULL, 0));
}

static bool open_sender(struct bench_run *run, unsigned index, void **opened)
{
    struct end *end;
    char url[URL_SIZE];

    (void)index;
    make_url(run, url);
    end = open_end(run, nng_push0_open);
    if (end == NULL)
        return false;
    *opened = end;
    return fine(run, "nng_dial", nng_dial(end->socket, url, NULL, 0));
}

static bool put_one(struct bench_run *run, struct end *end)
{
    return fine(run, "nng_send", nng_send(end->socket, end->message, run->what->size, 0));
}

static bool take_one(struct bench_run *run, struct end *end, uint64_t *sum)
{
    nng_msg *message;
    uint64_t number;

    if (!fine(run, "nng_recvmsg", nng_recvmsg(end->socket, &message, 0)))
        return false;
    if (nng_msg_len(message) != run->what->size)
        return bench_fail(run, "a message is not what was sent");
    memcpy(&number, nng_msg_body(message), sizeof(number));
    *sum += number;
    nng_msg_free(message);
    return true;
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

static void close_end(struct bench_run *run, void *opened)
{
    struct end *end = opened;

    (void)run;
    (void)nng_close(end->socket);
    free(end->message);
    free(end);
}

const struct bench_peer bench_nng_ipc = {
    .name = "nng-ipc",
    .what = "nng over ipc://",
    .can = BENCH_CAN_STREAM | BENCH_CAN_TRIP | BENCH_CAN_MANY | BENCH_BLOCKS,
    .open_receiver = open_receiver,
    .open_sender = open_sender,
    .send = send_all,
    .receive = receive,
    .trip = trip,
    .echo = echo,
    .close = close_end,
};
