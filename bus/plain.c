/* SPDX-License-Identifier: MIT */
/*
 * The fast path of a send.  Nothing in here allocates, waits, or takes the node's lock; the
 * producer's own is its thread's but for the service thread's short visits.
 */

#include "bus/plain.h"

#include <string.h>

#include "base/clock.h"
#include "bus/direct.h"
#include "bus/handler.h"
#include "bus/speaker.h"
#include "bus/trail.h"
#include "serialization/record_plain.h"

/* Once with options and once without: the compiler leaves out what is not there. */
#define INLINE static inline __attribute__((always_inline))

enum { TOGETHER = 16 }; /* records that are committed at once: nobody waits long for the first */

/* Room is asked for only by who does not find it, and then it waits as the options say. */
static bool is_plain(const struct smew_send_options *options)
{
    return !options ||
           (options->size == sizeof(*options) && !options->expires_ms &&
            options->level == SMEW_LEVEL_ACCEPTED && !options->traceparent &&
            options->header_count == 0 && options->on_full <= SMEW_ON_FULL_KEEP_OLDEST &&
            options->content <= SMEW_CONTENT_PROTOBUF);
}

INLINE struct smew__trail *trail_of(struct smew__producer *producer, const char *target)
{
    struct smew__trail *trail = producer->latest;

    if (trail && strcmp(trail->target, target) == 0)
        return trail;
    trail = smew__trail_find(producer, (struct smew__text){target, strlen(target)});
    producer->latest = trail;
    return trail;
}

/* The names' numbers, which the receiver knows; false: it may not know one of them. */
INLINE bool find_numbers(struct smew__trail *trail, const char *event)
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
        return true;
    trail->named_for = NULL; /* looked up again when they may be known */
    return false;
}

/* Has this thread a lane for such messages?  Its producer, or NULL. */
INLINE struct smew__producer *producer_of(struct smew_bus *bus,
                                          const struct smew_send_options *options)
{
    if (!smew__bus_ours(bus) || !(bus->transport->flags & SMEW_TRANSPORT_LANES) ||
        !is_plain(options) ||
        !smew__speaker_may(bus, smew__handler_current(), options && options->source))
        return NULL;
    return smew__producer_find(bus);
}

static bool is_complete(const struct smew_bus *bus, const struct smew_outgoing *message)
{
    return message->target && message->event && (!message->size_bytes || message->payload) &&
           message->size_bytes <= bus->options.payload_max;
}

/*
 * Writes a message, and seals it: the lane, or NULL when it is not plain after all.  With the
 * producer's lock held.
 */
INLINE struct smew__lane_out *put(struct smew__producer *producer,
                                  const struct smew_outgoing *message,
                                  const struct smew__record_plain *common)
{
    struct smew__trail *trail = trail_of(producer, message->target);
    struct smew__record_plain plain = *common;
    uint64_t body_size;
    uint32_t body_crc;
    uint8_t *record;

    plain.payload = message->payload;
    plain.payload_size = message->size_bytes;
    body_size = smew__record_plain_size(&plain);
    if (!trail || !smew__trail_is_ready(producer->bus, trail) || trail->alone ||
        !find_numbers(trail, message->event) ||
        smew__lane_writer_reserve(&trail->lane->writer, body_size, &record))
        return NULL;
    plain.target = (uint16_t)trail->target_name->number;
    plain.event = (uint16_t)trail->event_name->number;
    body_crc = smew__record_plain_write(&plain, record + sizeof(struct smew__record_header));
    smew__trail_note(producer, trail, plain.payload_size,
                     smew__lane_writer_seal_words(&trail->lane->writer,
                                                  smew__record_plain_words(&plain), body_crc,
                                                  sizeof(struct smew__record_header) + body_size));
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

/* What all messages of a call have in common; no tick: they are not plain.  With the producer's
 * lock held. */
INLINE struct smew__record_plain common_of(struct smew__producer *producer,
                                           const struct smew_send_options *options)
{
    struct smew__record_plain plain = {
        .content = options ? options->content : SMEW_CONTENT_RAW,
        .tick = smew__record_tick_ms(smew__clock_wall_coarse_ms()),
    };

    if (options && options->source) {
        struct smew__text source;

        if (!find_source(producer, options->source, &source))
            plain.tick = 0;
        plain.source = source;
    }
    return plain;
}

INLINE bool send_one(struct smew__producer *producer, const struct smew_outgoing *message,
                     const struct smew_send_options *options)
{
    struct smew__lane_out *lane = NULL;
    struct smew__record_plain common;

    if (!is_complete(producer->bus, message))
        return false;
    smew__biased_enter(&producer->lock);
    common = common_of(producer, options);
    if (common.tick)
        lane = put(producer, message, &common);
    if (lane)
        smew__direct_sent(producer, lane);
    smew__biased_leave(&producer->lock);
    return lane;
}

bool smew__plain_send(struct smew_bus *bus, const struct smew_outgoing *message,
                      const struct smew_send_options *options)
{
    struct smew__producer *producer = producer_of(bus, options);

    if (!producer)
        return false;
    return options ? send_one(producer, message, options) : send_one(producer, message, NULL);
}

size_t smew__plain_send_many(struct smew_bus *bus, const struct smew_outgoing *messages,
                             size_t count, const struct smew_send_options *options)
{
    struct smew__producer *producer = producer_of(bus, options);
    struct smew__lane_out *before = NULL;
    struct smew__record_plain common;
    size_t sent = 0;

    if (!producer)
        return 0;
    smew__biased_enter(&producer->lock);
    common = common_of(producer, options);
    if (!common.tick)
        count = 0;
    for (; sent < count && is_complete(bus, &messages[sent]); sent++) {
        struct smew__lane_out *lane = put(producer, &messages[sent], &common);

        if (before && (lane != before || sent % TOGETHER == 0))
            smew__direct_sent(producer, before);
        before = lane;
        if (!lane)
            break;
    }
    if (before)
        smew__direct_sent(producer, before);
    smew__biased_leave(&producer->lock);
    return sent;
}
