/* SPDX-License-Identifier: MIT */
/*
 * Prepared sends.
 *
 * Happy path: what was found out of the names at the last send still holds, and the message is a
 * plain one (plain.h).
 *
 * Failure modes: whatever is not as usual is left to smew_bus_send(), as if nothing was prepared.
 */
#include <string.h>

#include "base/alloc.h"
#include "bus/node.h"
#include "bus/options.h"
#include "bus/plain.h"
#include "bus/send.h"

struct smew_prepared {
    struct smew_bus *bus;
    struct smew_send_options options;
    bool plain; /* its messages may be */
    struct smew__plain_known known;
    char texts[]; /* target, event, source */
};

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
    prepared->known.target = prepared->texts;
    prepared->known.event_text = prepared->texts + target_size;
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
    *out = prepared;
    return SMEW_OK;
}

enum smew_status smew_prepared_send(struct smew_prepared *prepared, const void *payload,
                                    size_t size_bytes)
{
    if (!prepared)
        return SMEW_INVALID;
    if (prepared->plain && smew__plain_send_known(prepared->bus, &prepared->known, payload,
                                                  size_bytes, &prepared->options))
        return SMEW_OK;
    return smew_bus_send(prepared->bus, prepared->known.target, prepared->known.event_text, payload,
                         size_bytes, &prepared->options);
}

void smew_prepared_free(struct smew_prepared *prepared)
{
    smew__free(prepared);
}
