/* SPDX-License-Identifier: MIT */
/*
 * Requests and replies.  A blocking request waits on the node's condition and keeps its own
 * deadline; one with a callback has a timer.  A reply goes to the node that asked, not to the
 * machine that it asked for, and needs no room in a window: its request kept the place free.
 */

#include "bus/request.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bus/handler.h"
#include "bus/outbox.h"
#include "bus/parcel.h"
#include "bus/peer.h"
#include "bus/poll.h"
#include "bus/send.h"
#include "bus/sender.h"
#include "bus/service.h"

struct smew__request {
    uint64_t correlation; /* the key in bus->requests */
    struct smew__timer timer;
    struct smew__due due;
    smew_reply_fn callback; /* NULL: a thread waits */
    void *user;
    bool over;
    enum smew_status status;
    struct smew_message *reply;
};

static void run_callback(struct smew_bus *bus, struct smew__due *due)
{
    struct smew__request *request = SMEW_CONTAINER(due, struct smew__request, due);

    if (bus) {
        smew__handler_enter(bus, NULL);
        request->callback(bus, request->status, request->reply, request->user);
        smew__handler_leave(bus);
    }
    smew__message_unref(request->reply);
    smew__free(request);
}

static void end(struct smew_bus *bus, struct smew__request *request, enum smew_status status,
                struct smew_message *reply)
{
    smew__table_remove(&bus->requests, &request->correlation, sizeof(request->correlation));
    smew__timer_cancel(bus, &request->timer);
    request->over = true;
    request->status = status;
    request->reply = reply;
    if (request->callback)
        smew__due_post(bus, &request->due, run_callback);
    else
        smew__condition_broadcast(&bus->changed);
}

static struct smew__request *find(struct smew_bus *bus, uint64_t correlation)
{
    return smew__table_get(&bus->requests, &correlation, sizeof(correlation));
}

void smew__request_answer(struct smew_bus *bus, const struct smew__envelope *reply)
{
    struct smew__request *request = find(bus, reply->correlation);
    struct smew_message *message;

    if (!request) {
        bus->stats.late_replies++;
        return;
    }
    message = smew__message_create(reply);
    end(bus, request, message ? SMEW_OK : SMEW_NO_MEMORY, message);
}

void smew__request_fail(struct smew_bus *bus, uint64_t correlation, enum smew_status status)
{
    struct smew__request *request = find(bus, correlation);

    if (request)
        end(bus, request, status, NULL);
}

size_t smew__request_close_all(struct smew_bus *bus)
{
    size_t count = 0;
    size_t cursor = 0;
    struct smew__request *request;

    while ((request = smew__table_next(&bus->requests, &cursor)) != NULL) {
        end(bus, request, SMEW_CLOSED, NULL);
        cursor--;
        count++;
    }
    return count;
}

static void on_timeout(struct smew_bus *bus, struct smew__timer *timer)
{
    end(bus, SMEW_CONTAINER(timer, struct smew__request, timer), SMEW_TIMEOUT, NULL);
}

/* Notes a request, so that a reply that comes at once finds it. */
static struct smew__request *note(struct smew_bus *bus, smew_reply_fn callback, void *user)
{
    struct smew__request *request = smew__calloc(1, sizeof(*request));
    bool noted;

    if (!request)
        return NULL;
    request->callback = callback;
    request->user = user;
    request->timer.run = on_timeout;
    smew__bus_lock(bus);
    request->correlation = ++bus->correlations;
    noted = smew__table_put(&bus->requests, &request->correlation, sizeof(request->correlation),
                            request);
    smew__bus_unlock(bus);
    if (noted)
        return request;
    smew__free(request);
    return NULL;
}

/* The request was never accepted: nobody will hear of it. */
static void forget(struct smew_bus *bus, struct smew__request *request)
{
    smew__bus_lock(bus);
    if (!request->over) {
        smew__table_remove(&bus->requests, &request->correlation, sizeof(request->correlation));
        smew__timer_cancel(bus, &request->timer);
    }
    smew__bus_unlock(bus);
    smew__message_unref(request->reply);
    smew__free(request);
}

static struct smew__post post_of(const char *target, const char *event, const void *payload,
                                 size_t size_bytes)
{
    return (struct smew__post){.kind = SMEW_KIND_REQUEST,
                               .target = target,
                               .event = event,
                               .payload = payload,
                               .payload_size = size_bytes};
}

/* Its reply says more than a level, and one that is kept would be told of twice. */
static void as_request(struct smew_send_options *own)
{
    own->level = SMEW_LEVEL_ACCEPTED;
    if (own->on_full != SMEW_ON_FULL_GROW)
        own->on_full = SMEW_ON_FULL_WAIT;
}

enum smew_status smew_bus_request(struct smew_bus *bus, const char *target, const char *event,
                                  const void *payload, size_t size_bytes,
                                  const struct smew_send_options *options,
                                  struct smew_message **reply)
{
    struct smew__post post = post_of(target, event, payload, size_bytes);
    struct smew_send_options own;
    struct smew__request *request;
    enum smew_status status = smew__send_prepare(bus, options, &own, &post);

    if (status || !reply)
        return status ? status : SMEW_INVALID;
    post.deadline_ns = smew__deadline_ns(post.timeout_ms);
    if (smew__handler_current() || (target && smew__send_would_deadlock(bus, target)))
        return SMEW_WOULD_DEADLOCK;
    request = note(bus, NULL, NULL);
    if (!request)
        return SMEW_NO_MEMORY;
    post.correlation = request->correlation;
    as_request(&own);
    status = smew__send(bus, &post, &own);
    if (!status) {
        smew__bus_lock(bus);
        while (!request->over && smew__bus_wait(bus, post.deadline_ns))
            ;
        status = request->over ? request->status : SMEW_TIMEOUT;
        smew__bus_unlock(bus);
    }
    if (!status) {
        *reply = request->reply;
        request->reply = NULL;
    }
    forget(bus, request);
    return status;
}

enum smew_status smew_bus_request_async(struct smew_bus *bus, const char *target, const char *event,
                                        const void *payload, size_t size_bytes,
                                        const struct smew_send_options *options,
                                        smew_reply_fn callback, void *user)
{
    struct smew__post post = post_of(target, event, payload, size_bytes);
    struct smew_send_options own;
    struct smew__request *request;
    enum smew_status status = smew__send_prepare(bus, options, &own, &post);

    if (status || !callback)
        return status ? status : SMEW_INVALID;
    post.deadline_ns = smew__deadline_ns(post.timeout_ms);
    request = note(bus, callback, user);
    if (!request)
        return SMEW_NO_MEMORY;
    post.correlation = request->correlation;
    post.request_timer = &request->timer;
    as_request(&own);
    status = smew__send(bus, &post, &own);
    if (status)
        forget(bus, request);
    return status;
}

/* ---- replies ------------------------------------------------------------------------- */

enum smew_status smew__reply(struct smew_bus *bus, struct smew_message *request,
                             const void *payload, size_t size_bytes, enum smew_content content)
{
    struct smew__node_ref to = request->delivery.sender ? request->delivery.sender->ref : bus->self;
    char address[SMEW__ADDRESS_SIZE];
    struct smew__envelope envelope = {.kind = SMEW_KIND_REPLY,
                                      .content = content,
                                      .source = request->envelope.target,
                                      .event = request->envelope.event,
                                      .payload = payload,
                                      .payload_size = size_bytes,
                                      .correlation = request->envelope.correlation};
    struct smew__parcel *parcel;
    struct smew_message *message;
    struct smew__peer *peer;
    enum smew_status status;

    snprintf(address, sizeof(address), "@%u.%u", to.slot, to.generation);
    envelope.target = (struct smew__text){address, strlen(address)};
    smew__send_stamp(bus, &envelope);
    status = smew__peer_get(bus, to, &peer);
    if (status)
        return status;
    message = smew__message_create_to_send(&envelope, bus->codec == &smew__codec_frame);
    parcel = message ? smew__parcel_create(bus, message, NULL, to) : NULL;
    if (!parcel) {
        smew__message_unref(message);
        return SMEW_NO_MEMORY;
    }
    request->delivery.replied = true;
    if (smew__parcel_is_committed_later(peer))
        smew__outbox_attach(parcel, request);
    smew__parcel_accept(bus, parcel, peer);
    return SMEW_OK;
}

enum smew_status smew_bus_reply(struct smew_bus *bus, const struct smew_message *request,
                                const void *payload, size_t size_bytes, enum smew_content content)
{
    /* The message is the library's own object; the handler only sees it as read-only. */
    struct smew_message *own = (struct smew_message *)(uintptr_t)request;
    enum smew_status status;

    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    if (!request || request->envelope.kind != SMEW_KIND_REQUEST || (size_bytes && !payload))
        return SMEW_INVALID;
    if (size_bytes > bus->options.payload_max)
        return SMEW_TOO_BIG;
    smew__bus_lock(bus);
    if (own->delivery.bus != bus)
        status = SMEW_INVALID;
    else if (own->delivery.replied)
        status = SMEW_EXISTS;
    else
        status = smew__reply(bus, own, payload, size_bytes, content);
    smew__bus_unlock(bus);
    return status;
}
