/* SPDX-License-Identifier: MIT */
/*
 * Sending.
 *
 * Happy path: check, copy into a message outside the lock, then under it: route (one relaxed load
 * when nothing changed), room in the window, accept.
 *
 * Failure modes: no machine (now, or until wait_ms), no room until the deadline, a machine that
 * is moving (the send waits behind what was sent before).  Inside a handler nothing waits: the
 * parcel goes to the outbox.
 */

#include "bus/send.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bus/direct.h"
#include "bus/done.h"
#include "bus/handler.h"
#include "bus/letter.h"
#include "bus/local.h"
#include "bus/loop_turn.h"
#include "bus/options.h"
#include "bus/outbox.h"
#include "bus/parcel.h"
#include "bus/peer.h"
#include "bus/plain.h"
#include "bus/service.h"
#include "bus/speaker.h"
#include "bus/tick.h"

enum {
    TIMEOUT_MS = 1000,  /* where the caller gives none */
    COMMIT_MS = 200,    /* a request, whose reply tells more, waits no longer for memory */
    APPEAR_TICK_MS = 2, /* how soon a machine that appears is noticed */
    PATIENCE_MS = 2,    /* of who may wait, for a receiver that is behind; it is not one for long */
    STREAM_CACHE = 8,   /* nodes that one thread sends through in turns */
    TRACEPARENT_MOST = 255,
    HEADER_VALUE_MOST = 4096,
};

/* ---- stamps -------------------------------------------------------------------------- */

struct stream {
    uint64_t node;
    uint32_t number;
    uint64_t sequence;
};

/* The calling thread's stream on a node: its own numbers, so that no two threads share one. */
static struct stream *stream_of(const struct smew_bus *bus)
{
    static _Thread_local struct stream streams[STREAM_CACHE];
    static _Thread_local unsigned next;
    struct stream *stream;

    for (unsigned i = 0; i < STREAM_CACHE; i++) {
        if (streams[i].node == bus->incarnation)
            return &streams[i];
    }
    stream = &streams[next++ % STREAM_CACHE];
    stream->node = bus->incarnation;
    stream->number = smew__bus_next_stream(bus);
    stream->sequence = 0;
    return stream;
}

void smew__send_stamp(const struct smew_bus *bus, struct smew__envelope *envelope)
{
    struct stream *stream = stream_of(bus);

    envelope->id = (struct smew_message_id){bus->incarnation, stream->number, ++stream->sequence};
    if (!envelope->sent_ns) /* a send has asked the clock when it began */
        envelope->sent_ns = smew__tick_ms(bus) * SMEW_NS_PER_MS;
}

bool smew__address_parse(const char *text, struct smew__node_ref *ref)
{
    char *end;
    unsigned long slot, generation;

    if (text[0] != '@' || text[1] < '0' || text[1] > '9')
        return false;
    slot = strtoul(text + 1, &end, 10);
    if (*end != '.' || end[1] < '0' || end[1] > '9' || slot >= SMEW__DIRECTORY_NODES)
        return false;
    generation = strtoul(end + 1, &end, 10);
    if (*end || generation == 0 || generation > UINT32_MAX)
        return false;
    *ref = (struct smew__node_ref){(uint32_t)slot, (uint32_t)generation};
    return true;
}

/* ---- checking and copying ------------------------------------------------------------ */

static struct smew__text text_of(const char *text)
{
    return (struct smew__text){text, text ? strlen(text) : 0};
}

static bool is_name(const char *text)
{
    return text && smew__text_is_name(text, strlen(text));
}

/* An id, and no pattern. */
static bool is_target(const char *text)
{
    return is_name(text) && !strchr(text, '*');
}

static enum smew_status check_headers(const struct smew_send_options *options,
                                      struct smew__envelope_header *headers)
{
    if (options->header_count > SMEW_HEADERS_MAX)
        return SMEW_LIMIT;
    for (size_t i = 0; i < options->header_count; i++) {
        const struct smew_header *header = &options->headers[i];

        if (!is_name(header->name) || !header->value)
            return SMEW_INVALID;
        if (strlen(header->value) > HEADER_VALUE_MOST)
            return SMEW_TOO_BIG;
        headers[i].name = text_of(header->name);
        headers[i].value = text_of(header->value);
    }
    return SMEW_OK;
}

enum smew_status smew__send_check(const struct smew_bus *bus, const struct smew__post *post,
                                  const struct smew_send_options *options)
{
    if (!is_target(post->target) || !is_name(post->event) || (post->payload_size && !post->payload))
        return SMEW_INVALID;
    if (post->payload_size > bus->options.payload_max)
        return SMEW_TOO_BIG;
    if (options->level > SMEW_LEVEL_PROCESSED || options->content > SMEW_CONTENT_PROTOBUF ||
        (options->source && !is_name(options->source)))
        return SMEW_INVALID;
    if (options->traceparent && strlen(options->traceparent) > TRACEPARENT_MOST)
        return SMEW_TOO_BIG;
    return SMEW_OK;
}

enum smew_status smew__send_envelope(struct smew_bus *bus, const struct smew__post *post,
                                     const struct smew_send_options *options,
                                     struct smew__envelope_header *headers,
                                     struct smew__envelope *envelope)
{
    enum smew_status status = smew__send_check(bus, post, options);

    if (status)
        return status;
    *envelope = (struct smew__envelope){
        .kind = post->kind,
        .content = options->content,
        .source = text_of(options->source ? options->source : bus->address),
        .target = text_of(post->target),
        .event = text_of(post->event),
        .payload = post->payload,
        .payload_size = post->payload_size,
        .correlation = post->correlation,
        .sent_ns = smew__tick_ms(bus) * SMEW_NS_PER_MS,
        .deadline_ns = options->expires_ms ? smew__deadline_ns(options->expires_ms) : 0,
        .traceparent = text_of(options->traceparent),
        .headers = headers,
        .header_count = options->header_count,
    };
    return check_headers(options, headers);
}

/* ---- accepting ----------------------------------------------------------------------- */

/* A send on its way, with the lock held. */
struct attempt {
    struct smew_bus *bus;
    struct smew__route *route; /* NULL: to a node */
    struct smew__node_ref node;
    struct smew__peer *peer;
    size_t bytes;
    struct smew__behind *behind; /* what has to be answered before, on a lane */
    uint32_t timeout_ms;
    uint64_t deadline_ns; /* 0: nothing has waited yet */
    uint64_t patience_ns; /* until when it waits though there is room; 0: nothing has yet */
    bool asks;            /* its reply tells what became of it */
};

/* Only who waits asks the clock, which takes a good part of what a send does. */
static uint64_t deadline_of(struct attempt *attempt)
{
    if (!attempt->deadline_ns)
        attempt->deadline_ns = smew__deadline_ns(attempt->timeout_ms);
    return attempt->deadline_ns;
}

/* Where it would go: OK, NO_MACHINE, NO_MEMORY. */
static enum smew_status aim(struct attempt *attempt)
{
    enum smew_status status;

    if (!attempt->route) {
        status = smew__peer_get(attempt->bus, attempt->node, &attempt->peer);
        return status == SMEW_PEER_DEAD ? SMEW_NO_MACHINE : status;
    }
    status = smew__route_resolve(attempt->bus, attempt->route);
    attempt->peer = attempt->route->peer;
    return status;
}

static bool has_room(const struct attempt *attempt)
{
    const struct smew__route *route = attempt->route;

    return (!route || (smew__route_clear(route) && !route->outbox)) &&
           smew__behind_clear(attempt->behind) &&
           smew__window_room(&attempt->peer->window, attempt->bytes);
}

/*
 * There is room, but it is better not to take it yet.  Only between processes: in one the receiver
 * may be the caller's own next step, and in a lane the memory is what it is.
 */
static bool is_patient(struct attempt *attempt)
{
    if (attempt->bus->codec != &smew__codec_frame || attempt->peer->is_self ||
        !smew__window_crowded(&attempt->peer->window, attempt->bytes))
        return false;
    if (!attempt->patience_ns) {
        attempt->patience_ns = smew__deadline_ns(PATIENCE_MS);
        if (attempt->patience_ns > deadline_of(attempt))
            attempt->patience_ns = deadline_of(attempt);
    }
    return smew_now_ns() < attempt->patience_ns;
}

/* Waits for the machine, and with `waits` for room.  OK: accept now. */
static enum smew_status wait_for_room(struct attempt *attempt, bool waits, uint32_t wait_ms)
{
    struct smew_bus *bus = attempt->bus;
    uint64_t appear_ns = 0; /* asked for when there is no machine: most sends find it */

    for (;;) {
        enum smew_status status = bus->closing ? SMEW_CLOSED : aim(attempt);
        uint64_t until_ns;

        if (!status && has_room(attempt)) {
            if (!waits || !is_patient(attempt))
                return SMEW_OK;
            (void)smew__bus_wait(bus, attempt->patience_ns);
            continue;
        }
        if (!status && smew__done_take(bus))
            continue; /* there may be room, or nothing before it, any more */
        if (status == SMEW_NO_MACHINE && wait_ms && !appear_ns)
            appear_ns = smew__deadline_ns(wait_ms);
        if (status && (status != SMEW_NO_MACHINE || smew_now_ns() >= appear_ns))
            return status;
        if (status) {
            until_ns = smew__deadline_ns(APPEAR_TICK_MS);
            until_ns = until_ns < appear_ns ? until_ns : appear_ns;
        } else {
            until_ns = waits ? deadline_of(attempt) : 0;
            if (smew_now_ns() >= until_ns)
                return SMEW_FULL;
        }
        (void)smew__bus_wait(bus, until_ns);
    }
}

/*
 * Where memory is shared, accepted means that it lies there, and survives us.  Who does not wait
 * has it in the window, as on a socket.
 */
static bool waits_for_commit(const struct attempt *attempt, const struct smew_send_options *options)
{
    return smew__parcel_is_committed_later(attempt->peer) && !smew__send_keeps(options) &&
           attempt->timeout_ms > 0;
}

/*
 * The deadline has come before the receiver's memory: as if there had been no room, unless it is
 * with the channel, or was, and may arrive yet.  False: then it stays accepted.
 */
static bool retract(struct smew_bus *bus, struct smew__parcel *parcel)
{
    struct smew__route *route = parcel->route;

    if (parcel->state == SMEW__PARCEL_SENT || parcel->doubtful)
        return false;
    if (parcel->state == SMEW__PARCEL_LIMBO) {
        smew__list_remove(&parcel->link);
        route->limbo--;
    }
    smew__parcel_withdraw(parcel);
    if (route)
        route->accepted--;
    bus->in_flight--;
    bus->stats.sent--;
    bus->stats.bytes_sent -= parcel->message->envelope.payload_size;
    bus->stats.refused++;
    smew__parcel_discard(bus, parcel);
    smew__condition_broadcast(&bus->changed);
    bus->follow_up |= SMEW__FOLLOW_OUTBOX;
    return true;
}

/* What a send that waited for the receiver's memory answers.  With the lock held. */
static enum smew_status commit_answer(struct attempt *attempt, struct smew__parcel *parcel,
                                      bool committed)
{
    if (committed || attempt->asks)
        return SMEW_OK;
    return retract(attempt->bus, parcel) ? SMEW_FULL : SMEW_TIMEOUT;
}

/* Accepts, and waits for the level.  With the lock held. */
static enum smew_status accept_direct(struct attempt *attempt, struct smew__parcel *parcel,
                                      const struct smew_send_options *options)
{
    struct smew__wait wait = {.level = options->level};
    uint64_t deadline_ns;

    if (options->level != SMEW_LEVEL_ACCEPTED || waits_for_commit(attempt, options))
        parcel->wait = &wait;
    smew__local_note(attempt->bus, attempt->peer->is_self);
    smew__parcel_accept(attempt->bus, parcel, attempt->peer);
    if (!parcel->wait)
        return SMEW_OK;
    deadline_ns = deadline_of(attempt);
    if (options->level == SMEW_LEVEL_ACCEPTED && attempt->asks) {
        uint64_t commit_ns = smew__deadline_ns(COMMIT_MS);

        if (deadline_ns > commit_ns)
            deadline_ns = commit_ns;
    }
    while (!wait.over && smew__bus_wait(attempt->bus, deadline_ns))
        ;
    if (!wait.over)
        parcel->wait = NULL; /* it still lives: its end would have set `over` */
    if (options->level == SMEW_LEVEL_ACCEPTED)
        return commit_answer(attempt, parcel, wait.over);
    return wait.over ? wait.status : SMEW_TIMEOUT;
}

bool smew__send_keeps(const struct smew_send_options *options)
{
    return options->on_full == SMEW_ON_FULL_KEEP_NEWEST ||
           options->on_full == SMEW_ON_FULL_KEEP_OLDEST;
}

/* No room, and the sender does not want to wait.  With the lock held. */
static enum smew_status keep(struct attempt *attempt, struct smew__parcel *parcel,
                             enum smew_on_full on_full)
{
    enum smew_status status = smew__overflow_put(attempt->bus, parcel, on_full);

    if (status == SMEW_QUEUED) {
        parcel->behind = *attempt->behind;
        *attempt->behind = (struct smew__behind){0};
    }
    return status;
}

/* Inside a handler: into the outbox.  With the lock held. */
static enum smew_status accept_later(struct attempt *attempt, struct smew__parcel *parcel,
                                     struct smew__handler_context *context)
{
    struct smew_bus *bus = attempt->bus;
    enum smew_status status = bus->closing ? SMEW_CLOSED : aim(attempt);

    if (!status)
        status = smew__outbox_reserve(bus, parcel, context);
    if (status)
        return status;
    parcel->behind = *attempt->behind;
    *attempt->behind = (struct smew__behind){0};
    if (parcel->route)
        parcel->route->outbox++;
    if (context->bus == bus) {
        smew__list_append(&context->sends, &parcel->link);
    } else {
        smew__list_append(&bus->outbox, &parcel->link);
        bus->follow_up |= SMEW__FOLLOW_OUTBOX;
    }
    return SMEW_OK;
}

/* With the lock held.  Takes over the message on OK and TIMEOUT. */
static enum smew_status accept_message(struct smew_bus *bus, const struct smew__post *post,
                                       const struct smew_send_options *options,
                                       struct smew_message *message, struct smew__behind *behind,
                                       bool *taken)
{
    struct smew__handler_context *context = smew__handler_current();
    struct attempt attempt = {.bus = bus,
                              .bytes = post->payload_size,
                              .behind = behind,
                              .timeout_ms = post->timeout_ms,
                              .deadline_ns = post->deadline_ns,
                              .asks = post->kind == SMEW_KIND_REQUEST};
    struct smew__parcel *parcel = NULL;
    enum smew_status status = SMEW_NO_MEMORY;
    uint32_t wait_ms = smew__options_timeout(options->wait_ms, 0);

    if (!smew__address_parse(post->target, &attempt.node))
        attempt.route = smew__route_get(bus, post->target, strlen(post->target));
    if (attempt.route || post->target[0] == '@')
        parcel = smew__parcel_create(bus, message, attempt.route, attempt.node);
    if (!parcel)
        return SMEW_NO_MEMORY;
    *taken = true;
    status = SMEW_OK;
    smew__behind_watch(behind);
    if (!context)
        status = wait_for_room(&attempt, !smew__send_keeps(options), wait_ms);
    if (status == SMEW_FULL && smew__send_keeps(options))
        status = keep(&attempt, parcel, options->on_full);
    if (status == SMEW_QUEUED)
        return status;
    if (status == SMEW_FULL)
        bus->stats.refused++;
    if (!status && post->request_timer &&
        !smew__timer_set(bus, post->request_timer, post->deadline_ns))
        status = SMEW_NO_MEMORY;
    if (!status && context)
        status = accept_later(&attempt, parcel, context);
    if (status) {
        if (post->request_timer) /* under the same lock, or it might end what never began */
            smew__timer_cancel(bus, post->request_timer);
        if (context && context->sunk)
            smew__letter_post(bus, message, status);
        smew__parcel_discard(bus, parcel);
        return status;
    }
    return context ? SMEW_OK : accept_direct(&attempt, parcel, options);
}

enum smew_status smew__send_message(struct smew_bus *bus, const struct smew__post *post,
                                    const struct smew_send_options *options,
                                    struct smew_message *message, struct smew__behind *behind)
{
    struct smew__handler_context *context = smew__handler_current();
    enum smew_status status;
    bool taken = false, promised;

    if (context && !smew__handler_keep(context)) {
        smew__message_unref(message);
        return SMEW_NO_MEMORY;
    }
    smew__send_stamp(bus, &message->envelope);
    smew__bus_lock(bus);
    promised = smew__loop_promise(bus);
    status = accept_message(bus, post, options, message, behind, &taken);
    smew__bus_unlock(bus);
    if (promised)
        smew__loop_keep(bus);
    if (!taken)
        smew__message_unref(message);
    return status;
}

bool smew__send_is_direct(struct smew_bus *bus, const struct smew__post *post,
                          const struct smew_send_options *options)
{
    return (bus->transport->flags & SMEW_TRANSPORT_LANES) &&
           options->level == SMEW_LEVEL_ACCEPTED && post->target[0] != '@' &&
           smew__speaker_may(bus, smew__handler_current(), options->source);
}

struct smew__route *smew__send_leave(struct smew_bus *bus, const char *target,
                                     const struct smew_send_options *options,
                                     struct smew__behind *behind)
{
    const struct smew__handler_context *context = smew__handler_current();
    struct smew__producer *producer;

    if (!(bus->transport->flags & SMEW_TRANSPORT_LANES))
        return NULL;
    if ((context && !context->sunk) || (!context && options->source))
        return smew__speaker_leave(bus, target, behind);
    producer = smew__producer_find(bus);
    if (producer)
        smew__direct_leave(producer, target, behind);
    return NULL;
}

enum smew_status smew__send(struct smew_bus *bus, const struct smew__post *post,
                            const struct smew_send_options *options)
{
    struct smew__envelope_header headers[SMEW_HEADERS_MAX];
    struct smew__behind behind = {0};
    struct smew__route *route = NULL;
    struct smew__envelope envelope;
    struct smew_message *message;
    enum smew_status status = smew__send_envelope(bus, post, options, headers, &envelope);
    bool passed = true;

    if (status)
        return status;
    if (smew__send_is_direct(bus, post, options))
        status = smew__direct_send(bus, post, options, &envelope, &passed, &behind);
    else
        route = smew__send_leave(bus, post->target, options, &behind);
    if (passed) {
        message = smew__message_create_to_send(&envelope, bus->codec == &smew__codec_frame);
        status =
            message ? smew__send_message(bus, post, options, message, &behind) : SMEW_NO_MEMORY;
    }
    smew__speaker_arrived(bus, route);
    smew__behind_drop(&behind);
    return status;
}

enum smew_status smew__send_prepare(struct smew_bus *bus, const struct smew_send_options *options,
                                    struct smew_send_options *own, struct smew__post *post)
{
    *own = (struct smew_send_options){0};
    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    if (smew__options_copy(own, sizeof(*own), options))
        return SMEW_INVALID;
    if (own->on_full > SMEW_ON_FULL_KEEP_OLDEST)
        return SMEW_INVALID;
    if (own->on_full == SMEW_ON_FULL_DEFAULT)
        own->on_full = bus->options.on_full;
    post->timeout_ms = smew__options_timeout(own->timeout_ms, TIMEOUT_MS);
    return SMEW_OK;
}

/* Whatever it is. */
static enum smew_status send_any(struct smew_bus *bus, const struct smew_outgoing *message,
                                 const struct smew_send_options *options)
{
    struct smew__post post = {.kind = SMEW_KIND_EVENT,
                              .target = message->target,
                              .event = message->event,
                              .payload = message->payload,
                              .payload_size = message->size_bytes};
    struct smew_send_options own;
    enum smew_status status = smew__send_prepare(bus, options, &own, &post);

    if (status)
        return status;
    if (own.level != SMEW_LEVEL_ACCEPTED &&
        (smew__handler_current() ||
         (message->target && smew__send_would_deadlock(bus, message->target))))
        return SMEW_WOULD_DEADLOCK;
    if (bus->transport->flags & SMEW_TRANSPORT_LANES)
        post.deadline_ns = smew__deadline_ns(post.timeout_ms);
    return smew__send(bus, &post, &own);
}

enum smew_status smew_bus_send(struct smew_bus *bus, const char *target, const char *event,
                               const void *payload, size_t size_bytes,
                               const struct smew_send_options *options)
{
    const struct smew_outgoing message = {target, event, payload, size_bytes};

    if (smew__plain_send(bus, &message, options) || smew__local_send(bus, &message, options))
        return SMEW_OK;
    return send_any(bus, &message, options);
}

enum smew_status smew_bus_send_many(struct smew_bus *bus, const struct smew_outgoing *messages,
                                    size_t count, const struct smew_send_options *options,
                                    size_t *sent)
{
    enum smew_status status = messages || count == 0 ? SMEW_OK : SMEW_INVALID;
    enum smew_status kept = SMEW_OK;
    size_t done = 0;

    while (!status && done < count) {
        const struct smew_outgoing *message;

        done += smew__plain_send_many(bus, messages + done, count - done, options);
        if (done == count)
            break;
        message = &messages[done];
        status = send_any(bus, message, options);
        if (status == SMEW_QUEUED) {
            kept = status;
            status = SMEW_OK;
        }
        done += !status || status == SMEW_TIMEOUT;
    }
    if (sent)
        *sent = done;
    return status ? status : kept;
}
