/* SPDX-License-Identifier: MIT */
/*
 * The transport `inproc`: nodes of one process.
 *
 * Listeners stand in one process-wide list, found by their place.  A dial makes both ends of a
 * connection (link.c), keeps one and leaves the other in the listener's backlog, whose eventfd is
 * readable while something waits there.
 *
 * A child of fork() begins with an empty list: its parent's listeners and connections are not
 * its own and answer FORKED.  The list's mutex is held across fork(), so that the child does not
 * inherit it locked by a thread that it does not have.
 *
 * Failures: EXISTS for a place that is taken, NOT_FOUND where nobody listens, AGAIN for a full
 * backlog, NO_FDS, NO_MEMORY.
 */

#include "bus/transport/builtin.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/os/fd.h"
#include "base/os/process.h"
#include "base/os/thread.h"
#include "base/status.h"
#include "bus/transport/inproc/link.h"
#include "bus/transport/owner.h"

enum { BACKLOG = 128 };

/* Everything from `waiting` on is under the mutex of the places. */
struct listener {
    struct smew_listener listener;
    struct smew__list link; /* in places */
    char *place;
    uint64_t token; /* of the process that may use it */
    uint32_t frame_max;
    int event_fd;
    struct smew_channel *waiting[BACKLOG]; /* a ring of ends that were dialled */
    size_t first;
    size_t count;
};

static struct smew__mutex mutex = {PTHREAD_MUTEX_INITIALIZER};
static struct smew__list places = {&places, &places};

static void before_fork(void)
{
    smew__mutex_lock(&mutex);
}

static void after_fork_in_parent(void)
{
    smew__mutex_unlock(&mutex);
}

static void after_fork_in_child(void)
{
    smew__list_init(&places);
    smew__mutex_unlock(&mutex);
}

static bool fork_is_handled;

static void handle_fork(void)
{
    fork_is_handled = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}

static enum smew_status prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, handle_fork);
    return fork_is_handled ? SMEW_OK : SMEW_NO_MEMORY;
}

static struct listener *listener_of(struct smew_listener *listener)
{
    return (struct listener *)(void *)listener;
}

/* With the mutex held. */
static struct listener *find(const char *place)
{
    SMEW_LIST_EACH (link, &places) {
        struct listener *listener = SMEW_CONTAINER(link, struct listener, link);

        if (strcmp(listener->place, place) == 0)
            return listener;
    }
    return NULL;
}

/* The end that waited longest, or NULL.  With the mutex held. */
static struct smew_channel *take_waiting(struct listener *listener)
{
    struct smew_channel *channel;

    if (listener->count == 0)
        return NULL;
    channel = listener->waiting[listener->first];
    listener->first = (listener->first + 1) % BACKLOG;
    listener->count--;
    if (listener->count == 0)
        smew__eventfd_drain(listener->event_fd);
    return channel;
}

static enum smew_status inproc_try_accept(struct smew_listener *base, struct smew_channel **channel)
{
    struct listener *listener = listener_of(base);
    struct smew_channel *taken;

    if (!smew__token_is_ours(listener->token))
        return SMEW_FORKED;
    smew__mutex_lock(&mutex);
    taken = take_waiting(listener);
    smew__mutex_unlock(&mutex);
    if (taken == NULL)
        return SMEW_AGAIN;
    *channel = taken;
    return SMEW_OK;
}

static struct smew_interest inproc_interest(const struct smew_listener *base)
{
    const struct listener *listener = (const struct listener *)(const void *)base;

    return (struct smew_interest){listener->event_fd, POLLIN};
}

static void listener_free(struct listener *listener)
{
    smew__fd_close(&listener->event_fd);
    smew__free(listener->place);
    smew__free(listener);
}

/* Whoever waits in the backlog finds its other end closed. */
static void inproc_close(struct smew_listener *base)
{
    struct listener *listener = listener_of(base);
    struct smew_channel *channel;

    if (smew__token_is_ours(listener->token)) {
        smew__mutex_lock(&mutex);
        smew__list_remove(&listener->link);
        smew__mutex_unlock(&mutex);
        while ((channel = take_waiting(listener)) != NULL)
            smew_channel_close(channel);
    }
    listener_free(listener);
}

static const struct smew_listener_ops listener_ops = {
    .try_accept = inproc_try_accept,
    .interest = inproc_interest,
    .close = inproc_close,
};

static enum smew_status listener_create(const struct smew_endpoint *endpoint,
                                        struct listener **created)
{
    struct listener *listener = smew__calloc(1, sizeof(*listener));
    enum smew_status status = SMEW_NO_MEMORY;

    if (listener == NULL)
        return SMEW_NO_MEMORY;
    listener->listener.ops = &listener_ops;
    smew__list_init(&listener->link);
    listener->token = smew__process_token();
    listener->frame_max = smew__endpoint_frame_max(endpoint);
    listener->event_fd = -1;
    listener->place = smew__strdup(endpoint->place);
    if (listener->place != NULL)
        status = smew__eventfd_open(&listener->event_fd);
    if (status == SMEW_OK)
        *created = listener;
    else
        listener_free(listener);
    return status;
}

static enum smew_status inproc_listen(const struct smew_endpoint *endpoint,
                                      struct smew_listener **listener, struct smew_error *error)
{
    struct listener *created = NULL;
    enum smew_status status = smew__endpoint_check(endpoint, error);
    bool taken;

    if (status != SMEW_OK)
        return status;
    status = prepare();
    if (status == SMEW_OK)
        status = listener_create(endpoint, &created);
    if (status != SMEW_OK)
        return smew__fail(error, status, "cannot listen at inproc %s: %s", endpoint->place,
                          smew_status_text(status));
    smew__mutex_lock(&mutex);
    taken = find(endpoint->place) != NULL;
    if (!taken)
        smew__list_append(&places, &created->link);
    smew__mutex_unlock(&mutex);
    if (taken) {
        listener_free(created);
        return smew__fail(error, SMEW_EXISTS, "somebody listens at inproc %s already",
                          endpoint->place);
    }
    *listener = &created->listener;
    return SMEW_OK;
}

/* Both ends obey the lower limit.  With the mutex held. */
static enum smew_status connect_to(struct listener *listener, uint32_t frame_max,
                                   struct smew_channel **channel)
{
    struct smew_channel *ends[2];
    enum smew_status status;

    if (listener->count == BACKLOG)
        return SMEW_AGAIN;
    if (frame_max > listener->frame_max)
        frame_max = listener->frame_max;
    status = smew__link_open(frame_max, ends);
    if (status != SMEW_OK)
        return status;
    listener->waiting[(listener->first + listener->count) % BACKLOG] = ends[1];
    if (listener->count++ == 0)
        smew__eventfd_signal(listener->event_fd);
    *channel = ends[0];
    return SMEW_OK;
}

static enum smew_status inproc_dial(const struct smew_endpoint *endpoint,
                                    struct smew_channel **channel, struct smew_error *error)
{
    struct listener *listener;
    enum smew_status status = smew__endpoint_check(endpoint, error);

    if (status != SMEW_OK)
        return status;
    status = prepare();
    if (status == SMEW_OK) {
        smew__mutex_lock(&mutex);
        listener = find(endpoint->place);
        status = listener == NULL
                     ? SMEW_NOT_FOUND
                     : connect_to(listener, smew__endpoint_frame_max(endpoint), channel);
        smew__mutex_unlock(&mutex);
    }
    if (status == SMEW_NOT_FOUND)
        return smew__fail(error, status, "nobody listens at inproc %s", endpoint->place);
    if (status != SMEW_OK)
        return smew__fail(error, status, "cannot reach inproc %s: %s", endpoint->place,
                          smew_status_text(status));
    return SMEW_OK;
}

const struct smew_transport_ops smew__transport_inproc = {
    .scheme = "inproc",
    .flags = SMEW_TRANSPORT_IN_PROCESS,
    .listen = inproc_listen,
    .dial = inproc_dial,
};
