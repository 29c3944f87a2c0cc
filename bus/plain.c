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

/* Room is asked for only by who does not find it, and then it waits as the options say. */
static bool is_plain(const struct smew_send_options *options)
{
    return !options ||
           (options->size == sizeof(*options) && !options->source && !options->expires_ms &&
            options->level == SMEW_LEVEL_ACCEPTED && !options->traceparent &&
            options->header_count == 0 && options->on_full <= SMEW_ON_FULL_KEEP_OLDEST &&
            options->content <= SMEW_CONTENT_PROTOBUF);
}

static struct smew__trail *trail_of(struct smew__producer *producer, const char *target)
{
    struct smew__trail *trail = producer->latest;

    if (trail && strcmp(trail->target, target) == 0)
        return trail;
    trail = smew__trail_find(producer, (struct smew__text){target, strlen(target)});
    producer->latest = trail;
    return trail;
}

/* The names' numbers, which the receiver knows; false: it may not know one of them. */
static bool find_numbers(struct smew__trail *trail, const char *event)
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

/* With the producer's lock held. */
static bool write_plain(struct smew__producer *producer, struct smew__trail *trail,
                        const struct smew__record_plain *plain)
{
    struct smew__lane_writer *writer = &trail->lane->writer;
    struct smew__record_header header;
    uint8_t *record;

    if (smew__lane_writer_reserve(writer, smew__record_plain_size(plain->payload_size), &record))
        return false;
    smew__record_plain_write(plain, record + sizeof(header), &header);
    smew__direct_sent(producer, trail, plain->payload_size,
                      smew__lane_writer_seal(writer, &header));
    return true;
}

bool smew__plain_send(struct smew_bus *bus, const char *target, const char *event,
                      const void *payload, size_t size, const struct smew_send_options *options)
{
    struct smew__record_plain plain = {.payload = payload, .payload_size = size};
    struct smew__producer *producer;
    struct smew__trail *trail;
    bool sent = false;

    if (!(bus->transport->flags & SMEW_TRANSPORT_LANES) || !smew__bus_ours(bus) ||
        !smew__speaker_may(bus, smew__handler_current(), false) || !target || !event ||
        (size && !payload) || size > bus->options.payload_max || !is_plain(options))
        return false;
    producer = smew__producer_find(bus);
    if (!producer)
        return false;
    smew__biased_enter(&producer->lock);
    trail = trail_of(producer, target);
    if (trail && smew__direct_is_ready(bus, trail) && !trail->alone && find_numbers(trail, event)) {
        plain.target = trail->target_name->number;
        plain.event = (uint16_t)trail->event_name->number;
        plain.content = options ? options->content : SMEW_CONTENT_RAW;
        plain.sent_ns = smew__clock_wall_coarse_ns();
        sent = write_plain(producer, trail, &plain);
    }
    smew__biased_leave(&producer->lock);
    return sent;
}
