/* SPDX-License-Identifier: MIT */
/*
 * The contract, held by a scheme from outside: `loop` is written against <smew/transport.h> alone,
 * as a program would do it.  It lends the ends of smew_channel_pair() a limit of its own and finds
 * listeners by place in a table.
 */
#include <smew/transport.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/transport/contract.h"

enum { LOOP_LISTENERS = 8, LOOP_BACKLOG = 20 };

struct loop_channel {
    struct smew_channel base;
    struct smew_channel *inner;
};

struct loop_listener {
    struct smew_listener base;
    char place[64]; /* empty: free */
    pid_t owner;
    uint32_t frame_max;
    int fd; /* a semaphore eventfd: its count is that of `waiting` */
    struct smew_channel *waiting[LOOP_BACKLOG];
    size_t count;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct loop_listener listeners[LOOP_LISTENERS];

static enum smew_status fail_with(struct smew_error *error, enum smew_status status)
{
    if (error != NULL) {
        error->status = status;
        (void)snprintf(error->text, sizeof error->text, "loop: %s", smew_status_text(status));
    }
    return status;
}

static struct smew_channel *inner_of(const struct smew_channel *channel)
{
    return ((const struct loop_channel *)(const void *)channel)->inner;
}

static enum smew_status loop_try_send(struct smew_channel *channel, const struct smew_bytes *parts,
                                      size_t count)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > channel->frame_max - sum)
            return SMEW_TOO_BIG;
        sum += parts[i].size;
    }
    return inner_of(channel)->ops->try_send(inner_of(channel), parts, count);
}

static enum smew_status loop_flush(struct smew_channel *channel)
{
    return inner_of(channel)->ops->flush(inner_of(channel));
}

static enum smew_status loop_try_receive(struct smew_channel *channel, struct smew_bytes *frame)
{
    return inner_of(channel)->ops->try_receive(inner_of(channel), frame);
}

static struct smew_interest loop_interest(const struct smew_channel *channel)
{
    return inner_of(channel)->ops->interest(inner_of(channel));
}

static struct smew_peer_credentials loop_credentials(const struct smew_channel *channel)
{
    return inner_of(channel)->ops->credentials(inner_of(channel));
}

static void loop_close(struct smew_channel *channel)
{
    smew_channel_close(inner_of(channel));
    free(channel);
}

static const struct smew_channel_ops channel_ops = {
    .try_send = loop_try_send,
    .flush = loop_flush,
    .try_receive = loop_try_receive,
    .interest = loop_interest,
    .credentials = loop_credentials,
    .close = loop_close,
};

/* Both ends of a connection, or neither. */
static enum smew_status make_ends(uint32_t frame_max, struct smew_channel *ends[2])
{
    struct loop_channel *outer[2] = {malloc(sizeof *outer[0]), malloc(sizeof *outer[1])};
    struct smew_channel *inner[2];
    enum smew_status status = SMEW_NO_MEMORY;

    if (outer[0] != NULL && outer[1] != NULL)
        status = smew_channel_pair(inner, NULL);
    for (int i = 0; i < 2; i++) {
        if (status == SMEW_OK) {
            *outer[i] = (struct loop_channel){{&channel_ops, frame_max}, inner[i]};
            ends[i] = &outer[i]->base;
        } else {
            free(outer[i]);
        }
    }
    return status;
}

static struct loop_listener *find_free(void)
{
    for (int i = 0; i < LOOP_LISTENERS; i++)
        if (listeners[i].place[0] == '\0')
            return &listeners[i];
    return NULL;
}

static struct loop_listener *find(const char *place)
{
    for (int i = 0; i < LOOP_LISTENERS; i++)
        if (strcmp(listeners[i].place, place) == 0 && listeners[i].owner == getpid())
            return &listeners[i];
    return NULL;
}

static struct smew_channel *take_waiting(struct loop_listener *listener)
{
    struct smew_channel *first = listener->waiting[0];
    eventfd_t count;

    if (listener->count == 0)
        return NULL;
    listener->count--;
    memmove(listener->waiting, listener->waiting + 1, listener->count * sizeof(void *));
    (void)eventfd_read(listener->fd, &count);
    return first;
}

static enum smew_status loop_try_accept(struct smew_listener *base, struct smew_channel **channel)
{
    struct loop_listener *listener = (struct loop_listener *)(void *)base;
    struct smew_channel *taken;

    if (listener->owner != getpid())
        return SMEW_FORKED;
    pthread_mutex_lock(&mutex);
    taken = take_waiting(listener);
    pthread_mutex_unlock(&mutex);
    if (taken == NULL)
        return SMEW_AGAIN;
    *channel = taken;
    return SMEW_OK;
}

static struct smew_interest loop_listener_interest(const struct smew_listener *base)
{
    const struct loop_listener *listener = (const struct loop_listener *)(const void *)base;

    return (struct smew_interest){listener->fd, POLLIN};
}

static void loop_listener_close(struct smew_listener *base)
{
    struct loop_listener *listener = (struct loop_listener *)(void *)base;
    struct smew_channel *channel;

    pthread_mutex_lock(&mutex);
    while (listener->owner == getpid() && (channel = take_waiting(listener)) != NULL)
        smew_channel_close(channel);
    (void)close(listener->fd);
    listener->place[0] = '\0';
    pthread_mutex_unlock(&mutex);
}

static const struct smew_listener_ops listener_ops = {
    .try_accept = loop_try_accept,
    .interest = loop_listener_interest,
    .close = loop_listener_close,
};

static bool is_valid(const struct smew_endpoint *endpoint)
{
    return endpoint->place != NULL && endpoint->place[0] != '\0' &&
           strlen(endpoint->place) < sizeof listeners[0].place &&
           endpoint->frame_max <= SMEW_FRAME_MAX;
}

static uint32_t limit_of(const struct smew_endpoint *endpoint)
{
    return endpoint->frame_max == 0 ? (uint32_t)SMEW_FRAME_MAX : endpoint->frame_max;
}

static enum smew_status listen_locked(const struct smew_endpoint *endpoint,
                                      struct smew_listener **listener)
{
    struct loop_listener *made = find_free();
    int fd;

    if (find(endpoint->place) != NULL)
        return SMEW_EXISTS;
    if (made == NULL)
        return SMEW_LIMIT;
    fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE);
    if (fd < 0)
        return SMEW_NO_FDS;
    *made = (struct loop_listener){
        .base = {&listener_ops}, .owner = getpid(), .frame_max = limit_of(endpoint), .fd = fd};
    (void)snprintf(made->place, sizeof made->place, "%s", endpoint->place);
    *listener = &made->base;
    return SMEW_OK;
}

static enum smew_status loop_listen(const struct smew_endpoint *endpoint,
                                    struct smew_listener **listener, struct smew_error *error)
{
    enum smew_status status = SMEW_INVALID;

    if (is_valid(endpoint)) {
        pthread_mutex_lock(&mutex);
        status = listen_locked(endpoint, listener);
        pthread_mutex_unlock(&mutex);
    }
    return status == SMEW_OK ? SMEW_OK : fail_with(error, status);
}

static enum smew_status dial_locked(const struct smew_endpoint *endpoint,
                                    struct smew_channel **channel)
{
    struct loop_listener *listener = find(endpoint->place);
    struct smew_channel *ends[2];
    uint32_t frame_max = limit_of(endpoint);
    enum smew_status status;

    if (listener == NULL)
        return SMEW_NOT_FOUND;
    if (listener->count == LOOP_BACKLOG)
        return SMEW_AGAIN;
    status = make_ends(frame_max < listener->frame_max ? frame_max : listener->frame_max, ends);
    if (status != SMEW_OK)
        return status;
    listener->waiting[listener->count++] = ends[1];
    (void)eventfd_write(listener->fd, 1);
    *channel = ends[0];
    return SMEW_OK;
}

static enum smew_status loop_dial(const struct smew_endpoint *endpoint,
                                  struct smew_channel **channel, struct smew_error *error)
{
    enum smew_status status = SMEW_INVALID;

    if (is_valid(endpoint)) {
        pthread_mutex_lock(&mutex);
        status = dial_locked(endpoint, channel);
        pthread_mutex_unlock(&mutex);
    }
    return status == SMEW_OK ? SMEW_OK : fail_with(error, status);
}

static const struct smew_transport_ops loop = {
    .scheme = "loop",
    .flags = SMEW_TRANSPORT_IN_PROCESS,
    .listen = loop_listen,
    .dial = loop_dial,
};

int main(void)
{
    struct smew_error error;

    if (smew_transport_register(&loop, &error) != SMEW_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return contract_run("loop");
}
