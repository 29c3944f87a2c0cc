/* SPDX-License-Identifier: MIT */
/*
 * The schemes `loop` and `flaky`.
 *
 * A listener is an entry of a list, found by its place; dialling makes a pair of channels and
 * leaves one end there.  A channel lends the end of the pair its own habits: a try_send that finds
 * no room (`loop`), a try_receive that finds the connection gone (`flaky`).
 */
#include "tests/bus/loop.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/support/support.h"

enum { BACKLOG = 64 };

struct loop_channel {
    struct smew_channel base;
    struct smew_channel *inner;
    bool flaky;
    unsigned refused; /* so often try_send was answered AGAIN for no reason, in a row */
    bool broken;
    unsigned received;
    unsigned limit;
};

struct loop_listener {
    struct smew_listener base;
    struct loop_listener *next;
    char place[128];
    bool flaky;
    int fd; /* a semaphore eventfd: its count is that of `waiting` */
    struct smew_channel *waiting[BACKLOG];
    size_t count;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct loop_listener *listeners;
static atomic_uint break_after;
static atomic_uint broken;

void loop_break_after(unsigned frames)
{
    atomic_store(&break_after, frames);
    atomic_store(&broken, 0);
}

unsigned loop_broken(void)
{
    return atomic_load(&broken);
}

/* ---- channels ------------------------------------------------------------------------ */

static struct loop_channel *loop_of(const struct smew_channel *channel)
{
    return (struct loop_channel *)(uintptr_t)channel;
}

static enum smew_status try_send(struct smew_channel *channel, const struct smew_bytes *parts,
                                 size_t count)
{
    struct loop_channel *loop = loop_of(channel);

    if (loop->broken)
        return SMEW_RESET;
    loop->refused = loop->flaky ? 0 : (loop->refused + 1) % 3;
    return loop->refused ? SMEW_AGAIN : loop->inner->ops->try_send(loop->inner, parts, count);
}

static enum smew_status flush(struct smew_channel *channel)
{
    struct loop_channel *loop = loop_of(channel);

    return loop->broken ? SMEW_RESET : loop->inner->ops->flush(loop->inner);
}

/* Numbers that are the same in each run, though not for the same connection. */
static unsigned random_limit(unsigned average)
{
    static _Atomic uint64_t state;
    struct support_random random = {.state = atomic_fetch_add(&state, 1)};

    return 2 + (unsigned)support_random_below(&random, 2 * average - 3);
}

static enum smew_status try_receive(struct smew_channel *channel, struct smew_bytes *frame)
{
    struct loop_channel *loop = loop_of(channel);
    unsigned average = atomic_load(&break_after);
    enum smew_status status = SMEW_RESET;

    if (!loop->broken)
        status = loop->inner->ops->try_receive(loop->inner, frame);
    if (loop->limit == 0 && average != 0)
        loop->limit = random_limit(average);
    if (status == SMEW_OK && loop->flaky && average != 0 && ++loop->received >= loop->limit) {
        loop->broken = true;
        atomic_fetch_add(&broken, 1);
        return SMEW_RESET;
    }
    return status;
}

static struct smew_interest interest(const struct smew_channel *channel)
{
    const struct loop_channel *loop = loop_of(channel);
    struct smew_interest wanted = loop->inner->ops->interest(loop->inner);

    if (loop->refused)
        wanted.events |= POLLOUT;
    return wanted;
}

static struct smew_peer_credentials credentials(const struct smew_channel *channel)
{
    (void)channel;
    return (struct smew_peer_credentials){-1, -1};
}

static void close_channel(struct smew_channel *channel)
{
    smew_channel_close(loop_of(channel)->inner);
    free(loop_of(channel));
}

static const struct smew_channel_ops channel_ops = {
    .try_send = try_send,
    .flush = flush,
    .try_receive = try_receive,
    .interest = interest,
    .credentials = credentials,
    .close = close_channel,
};

/* Both ends of a connection, or neither. */
static enum smew_status make_ends(bool flaky, struct smew_channel *ends[2])
{
    struct loop_channel *outer[2] = {calloc(1, sizeof(*outer[0])), calloc(1, sizeof(*outer[1]))};
    struct smew_channel *inner[2];
    enum smew_status status = SMEW_NO_MEMORY;

    if (outer[0] != NULL && outer[1] != NULL)
        status = smew_channel_pair(inner, NULL);
    for (int i = 0; i < 2; i++) {
        if (status != SMEW_OK) {
            free(outer[i]);
            continue;
        }
        *outer[i] = (struct loop_channel){
            .base = {&channel_ops, inner[i]->frame_max}, .inner = inner[i], .flaky = flaky};
        ends[i] = &outer[i]->base;
    }
    return status;
}

/* ---- listeners ----------------------------------------------------------------------- */

static enum smew_status try_accept(struct smew_listener *base, struct smew_channel **channel)
{
    struct loop_listener *listener = (struct loop_listener *)(void *)base;
    enum smew_status status = SMEW_AGAIN;
    eventfd_t one;

    pthread_mutex_lock(&mutex);
    if (listener->count > 0) {
        *channel = listener->waiting[0];
        listener->count--;
        memmove(listener->waiting, listener->waiting + 1, listener->count * sizeof(*channel));
        (void)eventfd_read(listener->fd, &one);
        status = SMEW_OK;
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

static struct smew_interest listener_interest(const struct smew_listener *base)
{
    const struct loop_listener *listener = (const struct loop_listener *)(const void *)base;

    return (struct smew_interest){listener->fd, POLLIN};
}

static void close_listener(struct smew_listener *base)
{
    struct loop_listener *listener = (struct loop_listener *)(void *)base;
    struct loop_listener **at = &listeners;

    pthread_mutex_lock(&mutex);
    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    pthread_mutex_unlock(&mutex);
    for (size_t i = 0; i < listener->count; i++)
        smew_channel_close(listener->waiting[i]);
    (void)close(listener->fd);
    free(listener);
}

static const struct smew_listener_ops listener_ops = {
    .try_accept = try_accept,
    .interest = listener_interest,
    .close = close_listener,
};

static enum smew_status fail_with(struct smew_error *error, enum smew_status status)
{
    if (error != NULL) {
        error->status = status;
        (void)snprintf(error->text, sizeof(error->text), "loop: %s", smew_status_text(status));
    }
    return status;
}

static enum smew_status listen_at(const struct smew_endpoint *endpoint, bool flaky,
                                  struct smew_listener **listener, struct smew_error *error)
{
    struct loop_listener *made = calloc(1, sizeof(*made));

    if (made == NULL)
        return fail_with(error, SMEW_NO_MEMORY);
    made->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE);
    if (made->fd < 0) {
        free(made);
        return fail_with(error, SMEW_NO_FDS);
    }
    made->base.ops = &listener_ops;
    made->flaky = flaky;
    (void)snprintf(made->place, sizeof(made->place), "%s", endpoint->place);
    pthread_mutex_lock(&mutex);
    made->next = listeners;
    listeners = made;
    pthread_mutex_unlock(&mutex);
    *listener = &made->base;
    return SMEW_OK;
}

static enum smew_status loop_listen(const struct smew_endpoint *endpoint,
                                    struct smew_listener **listener, struct smew_error *error)
{
    return listen_at(endpoint, false, listener, error);
}

static enum smew_status flaky_listen(const struct smew_endpoint *endpoint,
                                     struct smew_listener **listener, struct smew_error *error)
{
    return listen_at(endpoint, true, listener, error);
}

/* With the mutex held. */
static enum smew_status dial_locked(const char *place, struct smew_channel **channel)
{
    struct loop_listener *listener = listeners;
    struct smew_channel *ends[2];
    enum smew_status status;

    while (listener != NULL && strcmp(listener->place, place) != 0)
        listener = listener->next;
    if (listener == NULL)
        return SMEW_NOT_FOUND;
    if (listener->count == BACKLOG)
        return SMEW_AGAIN;
    status = make_ends(listener->flaky, ends);
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
    enum smew_status status;

    pthread_mutex_lock(&mutex);
    status = dial_locked(endpoint->place, channel);
    pthread_mutex_unlock(&mutex);
    return status == SMEW_OK ? SMEW_OK : fail_with(error, status);
}

int loop_register(void)
{
    static const struct smew_transport_ops loop = {
        .scheme = "loop", .listen = loop_listen, .dial = loop_dial};
    static const struct smew_transport_ops flaky = {
        .scheme = "flaky", .listen = flaky_listen, .dial = loop_dial};
    struct smew_error error;

    if (smew_transport_register(&loop, &error) == SMEW_OK &&
        smew_transport_register(&flaky, &error) == SMEW_OK)
        return 0;
    fprintf(stderr, "%s\n", error.text);
    return 1;
}
