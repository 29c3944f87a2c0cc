/* SPDX-License-Identifier: MIT */
/*
 * Prepared sends.
 *
 * Happy path: what was found out of the names at an earlier send still holds, and the message is a
 * plain one (plain.h): all that is left is to write it.
 *
 * Failure modes: whatever is not as usual is left to smew_bus_send(), as if nothing was prepared.
 */
#include <string.h>

#include "base/alloc.h"
#include "bus/direct.h"
#include "bus/options.h"
#include "bus/plain.h"
#include "bus/plain_record.h"

struct smew_prepared {
    struct smew_bus *bus;
    bool plain; /* its messages may be */
    /*
     * What was found out, believed for as long as the producer's stamp is the same and the trail is
     * ready on that lane; stamp 0: nothing.
     */
    uint64_t stamp;
    struct smew__trail *trail;
    const struct smew__lane_out *lane;
    const struct smew__lane_name *target_name, *event_name;
    uint64_t names;           /* of a record's header */
    uint64_t manner;          /* the same */
    struct smew__text source; /* that has to be said; size 0: none */
    struct smew_send_options options;
    const char *target;
    const char *event;
    char texts[]; /* target, event, source */
};

/* ---- sending -------------------------------------------------------------------------- */

/* Slower: finds out what is to be known.  False: it is not known. */
static bool learn(struct smew__producer *producer, struct smew_prepared *prepared)
{
    struct smew__trail *trail;

    prepared->stamp = 0;
    if (!smew__plain_find(producer, prepared->target, prepared->event, &trail))
        return false;
    prepared->stamp = producer->stamp;
    prepared->trail = trail;
    prepared->lane = trail->lane;
    prepared->target_name = trail->target_name;
    prepared->event_name = trail->event_name;
    prepared->names =
        smew__record_plain_names(trail->target_name->number, trail->event_name->number);
    return true;
}

/* With the producer's lock held. */
static inline bool knows(const struct smew__producer *producer,
                         const struct smew_prepared *prepared)
{
    const struct smew__trail *trail = prepared->trail;

    return prepared->stamp == producer->stamp && trail->lane == prepared->lane &&
           smew__plain_is_ready(producer, trail) && prepared->target_name->known &&
           prepared->event_name->known;
}

/* With the producer's lock held.  False: nothing was done. */
static inline bool write_record(struct smew__producer *producer, struct smew_prepared *prepared,
                                const void *payload, size_t payload_size)
{
    const struct smew__record_plain plain = {
        .source = prepared->source, .payload = payload, .payload_size = payload_size};
    const uint64_t time = smew__plain_time();

    if (!time || (!knows(producer, prepared) && !learn(producer, prepared)))
        return false;
    return smew__plain_write(producer, prepared->trail, prepared->names, prepared->manner | time,
                             &plain);
}

/* False: it is no plain message, and nothing was done. */
static inline bool send_plain(struct smew_prepared *prepared, const void *payload,
                              size_t payload_size)
{
    struct smew_bus *bus = prepared->bus;
    const struct smew__handler_context *context = smew__handler_current();
    struct smew__producer *producer;
    bool written;

    if (!prepared->plain || !smew__bus_ours(bus) ||
        !smew__speaker_may(bus, context, prepared->options.source) ||
        payload_size > bus->options.payload_max || (payload_size && !payload))
        return false;
    producer = smew__producer_find(bus);
    if (!producer)
        return false;
    smew__biased_enter(&producer->lock);
    written = write_record(producer, prepared, payload, payload_size);
    if (written)
        smew__direct_sent(producer, prepared->trail->lane, context);
    smew__biased_leave(&producer->lock);
    return written;
}

enum smew_status smew_prepared_send(struct smew_prepared *prepared, const void *payload,
                                    size_t size_bytes)
{
    if (!prepared)
        return SMEW_INVALID;
    if (send_plain(prepared, payload, size_bytes))
        return SMEW_OK;
    return smew_bus_send(prepared->bus, prepared->target, prepared->event, payload, size_bytes,
                         &prepared->options);
}

/* ---- preparing ------------------------------------------------------------------------ */

static struct smew_prepared *create(const char *target, const char *event, const char *source)
{
    const size_t target_size = strlen(target) + 1;
    const size_t event_size = strlen(event) + 1;
    const size_t source_size = source ? strlen(source) + 1 : 0;
    struct smew_prepared *prepared =
        smew__calloc(1, sizeof(*prepared) + target_size + event_size + source_size);

    if (!prepared)
        return NULL;
    memcpy(prepared->texts, target, target_size);
    memcpy(prepared->texts + target_size, event, event_size);
    prepared->target = prepared->texts;
    prepared->event = prepared->texts + target_size;
    if (source)
        prepared->options.source =
            memcpy(prepared->texts + target_size + event_size, source, source_size);
    return prepared;
}

enum smew_status smew_bus_prepare(struct smew_bus *bus, const char *target, const char *event,
                                  const struct smew_send_options *options,
                                  struct smew_prepared **out)
{
    struct smew__post post = {.kind = SMEW_KIND_EVENT, .target = target, .event = event};
    struct smew__record_plain plain = {0};
    struct smew_send_options own;
    struct smew_prepared *prepared;
    enum smew_status status = smew__send_prepare(bus, options, &own, &post);

    if (!status && (!out || own.header_count || own.traceparent))
        status = SMEW_INVALID;
    if (!status)
        status = smew__send_check(bus, &post, &own);
    if (status)
        return status;
    prepared = create(target, event, own.source);
    if (!prepared)
        return SMEW_NO_MEMORY;
    own.size = sizeof(own);
    own.source = prepared->options.source;
    prepared->options = own;
    prepared->bus = bus;
    prepared->plain = smew__plain_may(bus, &prepared->options);
    plain.content = own.content;
    if (own.source && strcmp(own.source, bus->address) != 0)
        plain.source = (struct smew__text){own.source, strlen(own.source)};
    prepared->source = plain.source;
    prepared->manner = smew__record_plain_manner(&plain);
    *out = prepared;
    return SMEW_OK;
}

void smew_prepared_free(struct smew_prepared *prepared)
{
    smew__free(prepared);
}
