/* SPDX-License-Identifier: MIT */
/*
 * What keeps messages apart in the kernel: Unix sockets of packets, and POSIX message queues.  One
 * system call a message on both sides, and a limit on a message's size that the kernel sets.
 *
 * Producers share the queue; each has a socket pair of its own, and a receiver of several asks
 * poll().  A queue's name is removed as soon as both ends have it open.
 */
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/peer.h"

enum { QUEUE_DEPTH = 10, PACKET_MOST = 128 * 1024, NAME_SIZE = 64 };

/* Each is read at [0] and written at [1]; both the same fd for a queue. */
struct channels {
    bool queue;
    int there[BENCH_PRODUCERS_MOST][2];
    int back[2];
};

struct end {
    bool queue;
    int in[BENCH_PRODUCERS_MOST];
    unsigned count;
    int out;
    size_t size;
    uint8_t *message;
};

/* ---- making ---- */

static bool packet_fits(const struct bench_case *what)
{
    return what->size <= PACKET_MOST;
}

static bool queue_fits(const struct bench_case *what)
{
    FILE *file = fopen("/proc/sys/fs/mqueue/msgsize_max", "re");
    char line[32] = "";

    if (file == NULL)
        return false;
    if (fgets(line, sizeof(line), file) == NULL)
        line[0] = 0;
    (void)fclose(file);
    return what->size <= strtoul(line, NULL, 10);
}

static bool prepare_packet(struct bench_run *run)
{
    struct channels *channels = calloc(1, sizeof(*channels));
    bool fine = channels != NULL;

    for (unsigned i = 0; i < run->what->producers && fine; i++)
        fine = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channels->there[i]) == 0;
    if (!fine) {
        free(channels);
        return bench_fail_errno(run, "socketpair");
    }
    channels->back[0] = channels->there[0][1];
    channels->back[1] = channels->there[0][0];
    run->shared = channels;
    return true;
}

static int make_queue(const struct bench_run *run, const char *name)
{
    struct mq_attr attributes = {.mq_maxmsg = QUEUE_DEPTH, .mq_msgsize = (long)run->what->size};
    char path[NAME_SIZE];
    int queue;

    (void)snprintf(path, sizeof(path), "/smew-bench-%d-%s", (int)getpid(), name);
    queue = mq_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
    if (queue >= 0)
        (void)mq_unlink(path);
    return queue;
}

static bool prepare_queue(struct bench_run *run)
{
    struct channels *channels = calloc(1, sizeof(*channels));

    if (channels == NULL)
        return bench_fail(run, "no memory");
    channels->queue = true;
    channels->there[0][0] = make_queue(run, "there");
    channels->back[0] = channels->back[1] = make_queue(run, "back");
    for (unsigned i = 0; i < BENCH_PRODUCERS_MOST; i++)
        channels->there[i][0] = channels->there[i][1] = channels->there[0][0];
    if (channels->there[0][0] < 0 || channels->back[0] < 0) {
        free(channels);
        return bench_fail_errno(run, "mq_open");
    }
    run->shared = channels;
    return true;
}

static struct end *make_end(struct bench_run *run, unsigned inputs)
{
    const struct channels *channels = run->shared;
    struct end *end = calloc(1, sizeof(*end));

    if (end == NULL || (end->message = calloc(1, run->what->size)) == NULL) {
        free(end);
        return NULL;
    }
    end->queue = channels->queue;
    end->size = run->what->size;
    end->count = channels->queue ? 1 : inputs;
    return end;
}

static bool open_receiver(struct bench_run *run, void **opened)
{
    const struct channels *channels = run->shared;
    struct end *end = make_end(run, run->what->producers);

    if (end == NULL)
        return bench_fail(run, "no memory");
    for (unsigned i = 0; i < end->count; i++)
        end->in[i] = channels->there[i][0];
    end->out = channels->back[1];
    *opened = end;
    return true;
}

static bool open_sender(struct bench_run *run, unsigned index, void **opened)
{
    const struct channels *channels = run->shared;
    struct end *end = make_end(run, 1);

    if (end == NULL)
        return bench_fail(run, "no memory");
    end->in[0] = channels->back[0];
    end->out = channels->there[index][1];
    *opened = end;
    return true;
}

/* ---- one message ---- */

static bool put_one(struct bench_run *run, struct end *end)
{
    const void *message = end->message;
    const bool fine = end->queue ? mq_send(end->out, message, end->size, 0) == 0
                                 : send(end->out, message, end->size, 0) == (ssize_t)end->size;

    return fine || bench_fail_errno(run, "send");
}

static bool take_one(struct bench_run *run, struct end *end, int in)
{
    const ssize_t size = end->queue ? mq_receive(in, (char *)end->message, end->size, NULL)
                                    : recv(in, end->message, end->size, 0);

    return size == (ssize_t)end->size || bench_fail_errno(run, "receive");
}

/* ---- laps ---- */

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

static bool take_number(struct bench_run *run, struct end *end, int in, uint64_t *sum)
{
    uint64_t number;

    if (!take_one(run, end, in))
        return false;
    memcpy(&number, end->message, sizeof(number));
    *sum += number;
    return true;
}

static bool receive(struct bench_run *run, void *opened, uint64_t count, uint64_t *sum)
{
    struct pollfd fds[BENCH_PRODUCERS_MOST];
    struct end *end = opened;

    for (unsigned i = 0; i < end->count; i++)
        fds[i] = (struct pollfd){end->in[i], POLLIN, 0};
    while (count > 0) {
        if (end->count > 1 && poll(fds, end->count, -1) < 0)
            return bench_fail_errno(run, "poll");
        for (unsigned i = 0; i < end->count; i++) {
            if (end->count > 1 && fds[i].revents == 0)
                continue;
            if (!take_number(run, end, end->in[i], sum))
                return false;
            count--;
        }
    }
    return true;
}

static bool trip(struct bench_run *run, void *opened)
{
    struct end *end = opened;

    return put_one(run, end) && take_one(run, end, end->in[0]);
}

static bool echo(struct bench_run *run, void *opened, uint64_t count)
{
    struct end *end = opened;

    for (uint64_t i = 0; i < count; i++)
        if (!take_one(run, end, end->in[0]) || !put_one(run, end))
            return false;
    return true;
}

#define PACKET_PEER(NAME, WHAT, FITS, PREPARE)                                                    \
    {                                                                                             \
        .name = (NAME), .what = (WHAT),                                                           \
        .can = BENCH_CAN_STREAM | BENCH_CAN_TRIP | BENCH_CAN_MANY | BENCH_BLOCKS, .fits = (FITS), \
        .prepare = (PREPARE), .open_receiver = open_receiver, .open_sender = open_sender,         \
        .send = send_all, .receive = receive, .trip = trip, .echo = echo,                         \
    }

const struct bench_peer bench_seqpacket = PACKET_PEER(
    "seqpacket", "a Unix socket of packets, up to 128 KiB", packet_fits, prepare_packet);
const struct bench_peer bench_mq =
    PACKET_PEER("mq", "a POSIX message queue of 10", queue_fits, prepare_queue);
