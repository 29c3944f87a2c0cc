/* SPDX-License-Identifier: MIT */
/*
 * The fast path of a send.  Nothing in here allocates, waits, or takes the node's lock, but when
 * the time is switched on (tick.h); the producer's own is its thread's but for the service thread's
 * short visits.
 */

#include "bus/plain.h"

#include <string.h>

#include "base/inline.h"
#include "bus/direct.h"
#include "bus/options.h"
#include "bus/plain_record.h"

enum { TOGETHER = 16 }; /* records that are committed at once: nobody waits long for the first */

SMEW__INLINE struct smew__trail *trail_of(struct smew__producer *producer, const char *target)
{
    struct smew__trail *trail = producer->latest;

    if (trail && strcmp(trail->target, target) == 0)
        return trail;
    trail = smew__trail_find(producer, (struct smew__text){target, strlen(target)});
    producer->latest = trail;
    return trail;
}

/* The names' numbers, which the receiver knows; 0: it may not know one of them. */
SMEW__INLINE uint64_t find_names(struct smew__trail *trail, const char *event)
{
    struct smew__lane_out *lane = trail->lane;

    if (trail->named_for != lane) {
        trail->target_name = smew__lane_name_known(&lane->targets, trail->target, trail->size);
        trail->event_name = NULL;
        trail->named_for = lane;
    }
    if (!trail->event_name || strcmp(trail->event_name->text, event) != 0)
        trail->event_name = smew__lane_name_known(&lane->events, event, strlen(event));
    /* A number is unknown again when the record that defined it is found to be damaged. */
    if (trail->target_name && trail->target_name->known && trail->event_name &&
        trail->event_name->known)
        return smew__record_plain_names(trail->target_name->number, trail->event_name->number);
    trail->named_for = NULL; /* looked up again when they may be known */
    return 0;
}

bool smew__plain_find(struct smew__producer *producer, const char *target, const char *event,
                      struct smew__trail **trail)
{
    *trail = smew__trail_find(producer, (struct smew__text){target, strlen(target)});
    return *trail && smew__plain_is_ready(producer, *trail) && find_names(*trail, event);
}

bool smew__plain_may(const struct smew_bus *bus, const struct smew_send_options *options)
{
    return (bus->transport->flags & SMEW_TRANSPORT_LANES) && smew__options_are_plain(options);
}

/* Has this thread a lane for such messages?  Its producer, or NULL. */
SMEW__INLINE struct smew__producer *producer_of(struct smew_bus *bus,
                                                const struct smew_send_options *options)
{
    if (!smew__bus_ours(bus) || !smew__plain_may(bus, options) ||
        !smew__speaker_may(bus, smew__handler_current(), options && options->source))
        return NULL;
    return smew__producer_find(bus);
}

static bool is_complete(const struct smew_bus *bus, const struct smew_outgoing *message)
{
    return message->target && message->event && (!message->size_bytes || message->payload) &&
           message->size_bytes <= bus->options.payload_max;
}

/* What all messages of a call have in common. */
struct common {
    uint64_t meaning; /* of their headers; 0: they are not plain */
    struct smew__text source;
};

/* The numbers of its names, and *trail; 0: it is not plain after all. */
SMEW__INLINE uint64_t find(struct smew__producer *producer, const struct smew_outgoing *message,
                           struct smew__trail **trail)
{
    *trail = trail_of(producer, message->target);
    if (!*trail || !smew__plain_is_ready(producer, *trail))
        return 0;
    return find_names(*trail, message->event);
}

/* Writes a message: its lane, or NULL when there is no room. */
SMEW__INLINE struct smew__lane_out *put(struct smew__producer *producer,
                                        const struct smew_outgoing *message,
                                        struct smew__trail *trail, uint64_t names,
                                        const struct common *common)
{
    const struct smew__record_plain plain = {
        .source = common->source, .payload = message->payload, .payload_size = message->size_bytes};

    if (!smew__plain_write(producer, trail, names, common->meaning, &plain))
        return NULL;
    return trail->lane;
}

/* A source that has to be said, and may be: names are checked once.  False: it may not. */
static bool find_source(struct smew__producer *producer, const char *source,
                        struct smew__text *text)
{
    const struct smew_bus *bus = producer->bus;

    *text = (struct smew__text){0};
    if (strcmp(source, bus->address) == 0)
        return true;
    if (strcmp(source, producer->source) != 0) {
        producer->source_size = strnlen(source, SMEW_ID_MAX + 1);
        if (!smew__text_is_name(source, producer->source_size))
            return false;
        memcpy(producer->source, source, producer->source_size + 1);
    }
    *text = (struct smew__text){producer->source, producer->source_size};
    return true;
}

/* With the producer's lock held. */
SMEW__INLINE struct common common_of(struct smew__producer *producer,
                                     const struct smew_send_options *options)
{
    struct smew__record_plain plain = {.content = options ? options->content : SMEW_CONTENT_RAW};
    const uint64_t time = smew__plain_time(producer);

    if (!time ||
        (options && options->source && !find_source(producer, options->source, &plain.source)))
        return (struct common){0};
    return (struct common){.meaning = smew__record_plain_manner(&plain) | time,
                           .source = plain.source};
}

SMEW__INLINE bool send_one(struct smew__producer *producer, const struct smew_outgoing *message,
                           const struct smew_send_options *options)
{
    struct smew__lane_out *lane = NULL;
    struct smew__trail *trail;
    struct common common;
    uint64_t names;

    if (!is_complete(producer->bus, message))
        return false;
    smew__biased_enter(&producer->lock);
    common = common_of(producer, options);
    names = common.meaning ? find(producer, message, &trail) : 0;
    if (names)
        lane = put(producer, message, trail, names, &common);
    if (lane)
        smew__direct_sent(producer, lane, smew__handler_current());
    smew__biased_leave(&producer->lock);
    return lane;
}

bool smew__plain_send(struct smew_bus *bus, const struct smew_outgoing *message,
                      const struct smew_send_options *options)
{
    struct smew__producer *producer = producer_of(bus, options);

    if (!producer)
        return false;
    return send_one(producer, message, options);
}

/* The same pointers, within one call, are the same texts: what was found of them still holds. */
static inline bool is_alike(const struct smew_outgoing *message, const struct smew_outgoing *before)
{
    return message->target == before->target && message->event == before->event;
}

size_t smew__plain_send_many(struct smew_bus *bus, const struct smew_outgoing *messages,
                             size_t count, const struct smew_send_options *options)
{
    struct smew__producer *producer = producer_of(bus, options);
    struct smew__lane_out *before = NULL;
    struct smew__trail *trail = NULL;
    struct common common;
    uint64_t names = 0;
    size_t sent = 0;

    if (!producer)
        return 0;
    smew__biased_enter(&producer->lock);
    common = common_of(producer, options);
    if (!common.meaning)
        count = 0;
    for (; sent < count && is_complete(bus, &messages[sent]); sent++) {
        const struct smew_outgoing *message = &messages[sent];
        struct smew__lane_out *lane = NULL;

        if (sent == 0 || !is_alike(message, message - 1) || !smew__plain_is_ready(producer, trail))
            names = find(producer, message, &trail);
        if (names)
            lane = put(producer, message, trail, names, &common);
        if (before && (lane != before || sent % TOGETHER == 0))
            smew__direct_sent(producer, before, smew__handler_current());
        before = lane;
        if (!lane)
            break;
    }
    if (before)
        smew__direct_sent(producer, before, smew__handler_current());
    smew__biased_leave(&producer->lock);
    return sent;
}
