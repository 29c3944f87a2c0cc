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
#include "bus/options.h"
#include "bus/speaker.h"
#include "bus/trail.h"
#include "serialization/record_plain.h"

/* Once with options and once without: the compiler leaves out what is not there. */
#define INLINE static inline __attribute__((always_inline))

enum { TOGETHER = 16 }; /* records that are committed at once: nobody waits long for the first */

/* May its next record be a plain one?  With the producer's lock held. */
INLINE bool is_ready(const struct smew__producer *producer, const struct smew__trail *trail)
{
    return smew__trail_is_ready(producer->bus, trail) && !trail->alone;
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

/* Slower: finds out what is to be known.  False: it is not known. */
static bool learn(struct smew__producer *producer, struct smew__plain_known *known)
{
    struct smew__trail *trail =
        smew__trail_find(producer, (struct smew__text){known->target, strlen(known->target)});

    known->stamp = 0;
    if (!trail || !is_ready(producer, trail) || !find_numbers(trail, known->event_text))
        return false;
    *known = (struct smew__plain_known){
        .target = known->target,
        .event_text = known->event_text,
        .stamp = producer->stamp,
        .trail = trail,
        .lane = trail->lane,
        .event = trail->event_name,
    };
    return true;
}

bool smew__plain_may(const struct smew_bus *bus, const struct smew_send_options *options)
{
    return (bus->transport->flags & SMEW_TRANSPORT_LANES) && smew__options_are_plain(options);
}

/* Has this thread a lane for such messages?  Its producer, or NULL. */
INLINE struct smew__producer *producer_of(struct smew_bus *bus,
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

/*
 * Computed here and now.  A compiler that puts it off until after the copy keeps its parts on the
 * stack, and loads more of them than it stored: each message then waits until all that was stored
 * before has reached the cache, the other core's lines too (a third of a send).
 */
INLINE uint64_t whole(uint64_t word)
{
    __asm__("" : "+r"(word));
    return word;
}

/* What all messages of a call have in common. */
struct common {
    uint64_t meaning; /* of their headers; 0: they are not plain */
    struct smew__text source;
};

/*
 * Writes a message, and seals it: the lane, or NULL when it has no room.  With the producer's lock
 * held.
 */
INLINE struct smew__lane_out *write_record(struct smew__producer *producer,
                                           struct smew__trail *trail,
                                           const struct smew__lane_name *event, const void *payload,
                                           size_t payload_size, const struct common *common)
{
    const struct smew__record_plain plain = {
        .target = trail->target_name->number,
        .event = event->number,
        .source = common->source,
        .payload = payload,
        .payload_size = payload_size,
    };
    const struct smew__record_words words = {whole(smew__record_plain_sizes(&plain)),
                                             common->meaning};
    const uint64_t body_size = smew__record_plain_size(&plain);
    struct smew__lane_out *lane = trail->lane;
    uint32_t body_crc;
    uint8_t *record;

    if (smew__lane_writer_reserve(&lane->writer, body_size, &record))
        return NULL;
    body_crc = smew__record_plain_write(&plain, record + sizeof(struct smew__record_header));
    smew__trail_note(producer, trail, payload_size,
                     smew__lane_writer_seal_words(&lane->writer, words, body_crc,
                                                  sizeof(struct smew__record_header) + body_size));
    return lane;
}

/* The same for a message as it was said; NULL too when it is not plain after all. */
INLINE struct smew__lane_out *put(struct smew__producer *producer,
                                  const struct smew_outgoing *message, const struct common *common)
{
    struct smew__trail *trail = trail_of(producer, message->target);

    if (!trail || !is_ready(producer, trail) || !find_numbers(trail, message->event))
        return NULL;
    return write_record(producer, trail, trail->event_name, message->payload, message->size_bytes,
                        common);
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
INLINE struct common common_of(struct smew__producer *producer,
                               const struct smew_send_options *options)
{
    struct smew__record_plain plain = {
        .content = options ? options->content : SMEW_CONTENT_RAW,
        .tick = smew__record_tick_ms(smew__clock_wall_coarse_ms()),
    };

    if (!plain.tick ||
        (options && options->source && !find_source(producer, options->source, &plain.source)))
        return (struct common){0};
    return (struct common){.meaning = whole(smew__record_plain_meaning(&plain)),
                           .source = plain.source};
}

INLINE bool send_one(struct smew__producer *producer, const struct smew_outgoing *message,
                     const struct smew_send_options *options)
{
    struct smew__lane_out *lane = NULL;
    struct common common;

    if (!is_complete(producer->bus, message))
        return false;
    smew__biased_enter(&producer->lock);
    common = common_of(producer, options);
    if (common.meaning)
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

/* What is known of the names, looked up again where anything of it may be over. */
INLINE bool know(struct smew__producer *producer, struct smew__plain_known *known)
{
    struct smew__trail *trail = known->trail;

    if (known->stamp == producer->stamp && is_ready(producer, trail) &&
        trail->named_for == known->lane && trail->lane == known->lane && known->event->known &&
        trail->target_name->known)
        return true;
    return learn(producer, known);
}

bool smew__plain_send_known(struct smew_bus *bus, struct smew__plain_known *known,
                            const void *payload, size_t payload_size,
                            const struct smew_send_options *options)
{
    struct smew__producer *producer =
        smew__bus_ours(bus) && smew__speaker_may(bus, smew__handler_current(), options->source)
            ? smew__producer_find(bus)
            : NULL;
    struct smew__lane_out *lane = NULL;
    struct common common;

    if (!producer || payload_size > bus->options.payload_max || (payload_size && !payload))
        return false;
    smew__biased_enter(&producer->lock);
    if (know(producer, known)) {
        common = common_of(producer, options);
        if (common.meaning)
            lane =
                write_record(producer, known->trail, known->event, payload, payload_size, &common);
    }
    if (lane)
        smew__direct_sent(producer, lane);
    smew__biased_leave(&producer->lock);
    return lane;
}

size_t smew__plain_send_many(struct smew_bus *bus, const struct smew_outgoing *messages,
                             size_t count, const struct smew_send_options *options)
{
    struct smew__producer *producer = producer_of(bus, options);
    struct smew__lane_out *before = NULL;
    struct common common;
    size_t sent = 0;

    if (!producer)
        return 0;
    smew__biased_enter(&producer->lock);
    common = common_of(producer, options);
    if (!common.meaning)
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
