/* SPDX-License-Identifier: MIT */
/*
 * Byte streams of the kernel: Unix sockets and pipes, with one write a message or with as many
 * messages as fit 64 KiB a write, with or without a CRC-32C a message.  The reader takes up to 64
 * KiB at a time.  A message larger than a chunk is written and read in several.
 *
 *   plain      body
 *   with CRC   CRC-32C of the body (4), 0 (4), body
 *
 * Each producer has a stream of its own; a receiver of several asks poll().
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/crc32c/crc32c.h"
#include "bench/peer.h"

enum { CHUNK = 64 * 1024, CRC_SIZE = 8 };

enum kind {
    UNIX_EACH,
    UNIX_BATCH,
    UNIX_BATCH_CRC,
    PIPE_EACH,
};

/* Both ways of a producer's connection, [0] to read from and [1] to write to. */
struct connection {
    int there[2];
    int back[2];
};

struct streams {
    enum kind kind;
    struct connection connections[BENCH_PRODUCERS_MOST];
};

/* What came over one stream and is not taken yet. */
struct input {
    int fd;
    uint8_t *bytes;
    size_t from;
    size_t to;
};

struct end {
    enum kind kind;
    size_t frame; /* a message with its CRC */
    size_t room;  /* of inputs and output */
    struct input inputs[BENCH_PRODUCERS_MOST];
    unsigned count;
    int out;
    uint8_t *output;
    size_t filled;
};

static bool with_crc(enum kind kind)
{
    return kind == UNIX_BATCH_CRC;
}

/* ---- making ---- */

static bool connect_ends(struct bench_run *run, enum kind kind)
{
    struct streams *streams = calloc(1, sizeof(*streams));
    bool fine = streams != NULL;

    for (unsigned i = 0; i < run->what->producers && fine; i++) {
        struct connection *made = &streams->connections[i];

        if (kind == PIPE_EACH) {
            fine = pipe2(made->there, O_CLOEXEC) == 0 && pipe2(made->back, O_CLOEXEC) == 0;
        } else {
            int pair[2];

            fine = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0;
            made->there[0] = made->back[1] = pair[0];
            made->there[1] = made->back[0] = pair[1];
        }
    }
    if (!fine) {
        free(streams);
        return bench_fail_errno(run, "the connections");
    }
    streams->kind = kind;
    run->shared = streams;
    return true;
}

static bool prepare_each(struct bench_run *run)
{
    return connect_ends(run, UNIX_EACH);
}

static bool prepare_batch(struct bench_run *run)
{
    return connect_ends(run, UNIX_BATCH);
}

static bool prepare_batch_crc(struct bench_run *run)
{
    return connect_ends(run, UNIX_BATCH_CRC);
}

static bool prepare_pipe(struct bench_run *run)
{
    return connect_ends(run, PIPE_EACH);
}

static struct end *make_end(struct bench_run *run, unsigned inputs)
{
    const struct streams *streams = run->shared;
    struct end *end = calloc(1, sizeof(*end));

    if (end == NULL)
        return NULL;
    end->kind = streams->kind;
    end->frame = run->what->size + (with_crc(end->kind) ? CRC_SIZE : 0);
    end->room = end->frame + CHUNK;
    end->count = inputs;
    end->output = calloc(1, end->room);
    for (unsigned i = 0; i < inputs; i++)
        end->inputs[i].bytes = calloc(1, end->room);
    return end;
}

static bool open_receiver(struct bench_run *run, void **opened)
{
    const struct streams *streams = run->shared;
    struct end *end = make_end(run, run->what->producers);

    if (end == NULL)
        return bench_fail(run, "no memory");
    for (unsigned i = 0; i < end->count; i++)
        end->inputs[i].fd = streams->connections[i].there[0];
    end->out = streams->connections[0].back[1];
    *opened = end;
    return true;
}

static bool open_sender(struct bench_run *run, unsigned index, void **opened)
{
    const struct streams *streams = run->shared;
    struct end *end = make_end(run, 1);

    if (end == NULL)
        return bench_fail(run, "no memory");
    end->inputs[0].fd = streams->connections[index].back[0];
    end->out = streams->connections[index].there[1];
    *opened = end;
    return true;
}

/* ---- writing ---- */

static bool write_out(struct bench_run *run, struct end *end)
{
    size_t written = 0;

    while (written < end->filled) {
        const size_t left = end->filled - written;
        const ssize_t more = write(end->out, end->output + written, left < CHUNK ? left : CHUNK);

        if (more <= 0)
            return bench_fail_errno(run, "write");
        written += (size_t)more;
    }
    end->filled = 0;
    return true;
}

/* A body is made where it is written from, with the sequence number in front; then its CRC. */
static void put_message(struct bench_run *run, struct end *end, uint64_t number)
{
    uint8_t *frame = end->output + end->filled;
    uint8_t *body = with_crc(end->kind) ? frame + CRC_SIZE : frame;

    memcpy(body, &number, sizeof(number));
    if (with_crc(end->kind)) {
        const uint32_t crc = smew__crc32c(0, body, run->what->size);

        memcpy(frame, &crc, sizeof(crc));
    }
    end->filled += end->frame;
}

static bool send_all(struct bench_run *run, void *end, uint64_t count)
{
    struct end *mine = end;
    const bool each = mine->kind == UNIX_EACH || mine->kind == PIPE_EACH;

    for (uint64_t i = 0; i < count; i++) {
        put_message(run, mine, i);
        if ((each || mine->filled + mine->frame > CHUNK) && !write_out(run, mine))
            return false;
    }
    return write_out(run, mine);
}

/* ---- reading ---- */

/* Reads what there is; waits for it when there is only this stream. */
static bool read_in(struct bench_run *run, struct end *end, struct input *input)
{
    ssize_t more;

    if (input->from > 0) {
        memmove(input->bytes, input->bytes + input->from, input->to - input->from);
        input->to -= input->from;
        input->from = 0;
    }
    more = read(input->fd, input->bytes + input->to,
                end->room - input->to < CHUNK ? end->room - input->to : CHUNK);
    if (more <= 0)
        return bench_fail_errno(run, "read");
    input->to += (size_t)more;
    return true;
}

/* Takes whole messages out of what was read, at most so many. */
static bool take_messages(struct bench_run *run, struct end *end, struct input *input,
                          uint64_t *count, uint64_t *sum)
{
    while (*count > 0 && input->to - input->from >= end->frame) {
        const uint8_t *frame = input->bytes + input->from;
        const uint8_t *body = with_crc(end->kind) ? frame + CRC_SIZE : frame;
        uint64_t number;
        uint32_t crc;

        memcpy(&number, body, sizeof(number));
        memcpy(&crc, frame, sizeof(crc));
        if (with_crc(end->kind) && smew__crc32c(0, body, run->what->size) != crc)
            return bench_fail(run, "a message is damaged");
        *sum += number;
        input->from += end->frame;
        --*count;
    }
    return true;
}

static bool receive_one_stream(struct bench_run *run, struct end *end, uint64_t count,
                               uint64_t *sum)
{
    while (count > 0)
        if (!read_in(run, end, &end->inputs[0]) ||
            !take_messages(run, end, &end->inputs[0], &count, sum))
            return false;
    return true;
}

static bool receive(struct bench_run *run, void *opened, uint64_t count, uint64_t *sum)
{
    struct pollfd fds[BENCH_PRODUCERS_MOST];
    struct end *end = opened;

    if (end->count == 1)
        return receive_one_stream(run, end, count, sum);
    for (unsigned i = 0; i < end->count; i++)
        fds[i] = (struct pollfd){end->inputs[i].fd, POLLIN, 0};
    while (count > 0) {
        if (poll(fds, end->count, -1) < 0)
            return bench_fail_errno(run, "poll");
        for (unsigned i = 0; i < end->count; i++)
            if (fds[i].revents != 0 && (!read_in(run, end, &end->inputs[i]) ||
                                        !take_messages(run, end, &end->inputs[i], &count, sum)))
                return false;
    }
    return true;
}

/* ---- round trips ---- */

static bool take_one(struct bench_run *run, struct end *end)
{
    uint64_t sum = 0;

    return receive_one_stream(run, end, 1, &sum);
}

static bool put_one(struct bench_run *run, struct end *end)
{
    put_message(run, end, 0);
    return write_out(run, end);
}

static bool trip(struct bench_run *run, void *end)
{
    return put_one(run, end) && take_one(run, end);
}

static bool echo(struct bench_run *run, void *end, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (!take_one(run, end) || !put_one(run, end))
            return false;
    return true;
}

#define STREAM_PEER(NAME, WHAT, PREPARE)                                                  \
    {                                                                                     \
        .name = (NAME), .what = (WHAT),                                                   \
        .can = BENCH_CAN_STREAM | BENCH_CAN_TRIP | BENCH_CAN_MANY | BENCH_BLOCKS,         \
        .prepare = (PREPARE), .open_receiver = open_receiver, .open_sender = open_sender, \
        .send = send_all, .receive = receive, .trip = trip, .echo = echo,                 \
    }

const struct bench_peer bench_unix_each =
    STREAM_PEER("unix", "a Unix stream socket, one write a message", prepare_each);
const struct bench_peer bench_unix_batch =
    STREAM_PEER("unix-64k", "a Unix stream socket, 64 KiB a write", prepare_batch);
const struct bench_peer bench_unix_batch_crc = STREAM_PEER(
    "unix-64k-crc", "a Unix stream socket, 64 KiB a write, CRC-32C a message", prepare_batch_crc);
const struct bench_peer bench_pipe =
    STREAM_PEER("pipe", "pipe(2), one write a message", prepare_pipe);
