/* SPDX-License-Identifier: MIT */
/*
 * Messages: one block of memory that holds the envelope, the headers, the payload (aligned for any
 * type, and terminated too) and the texts (terminated, so that accessors give C strings).
 */

#include "bus/message.h"

#include <string.h>

#include "base/block.h"
#include "base/crc32c/crc32c.h"
#include "bus/window.h"

enum {
    SUM_LEAST = 16 * 1024, /* of a payload; to put the sum of less into a frame's is not worth it */
};

static size_t text_space(struct smew__text text)
{
    return text.size + 1;
}

static size_t space(const struct smew__envelope *envelope)
{
    size_t size = text_space(envelope->source) + text_space(envelope->target) +
                  text_space(envelope->event) + text_space(envelope->traceparent) +
                  envelope->payload_size + 1;

    for (size_t i = 0; i < envelope->header_count; i++)
        size += text_space(envelope->headers[i].name) + text_space(envelope->headers[i].value);
    return size;
}

/* Copies a text to *at, terminates it, and moves *at behind it. */
static struct smew__text put_text(char **at, struct smew__text text)
{
    struct smew__text copy = {*at, text.size};

    if (text.size)
        memcpy(*at, text.data, text.size);
    (*at)[text.size] = '\0';
    *at += text.size + 1;
    return copy;
}

/* An empty one with so many bytes behind it. */
static struct smew_message *begin(struct smew_message *message)
{
    if (!message)
        return NULL;
    memset(message, 0, sizeof(*message));
    atomic_init(&message->references, 1);
    atomic_init(&message->delivery.unsettled, 0);
    smew__list_init(&message->delivery.link);
    smew__list_init(&message->delivery.due.link);
    return message;
}

/* The payload, and its sum where that is wanted. */
static void put_payload(struct smew_message *message, char *at,
                        const struct smew__envelope *envelope, bool sums)
{
    message->envelope.payload = at;
    if (envelope->payload && sums && envelope->payload_size >= SUM_LEAST) {
        message->payload_sum = smew__crc32c_copy(0, at, envelope->payload, envelope->payload_size);
        message->summed = true;
    } else if (envelope->payload && envelope->payload_size) {
        memcpy(at, envelope->payload, envelope->payload_size);
    }
    at[envelope->payload_size] = '\0';
}

/* Copies the envelope behind the struct, into a block with room for it. */
static struct smew_message *fill(struct smew_message *message,
                                 const struct smew__envelope *envelope, bool sums)
{
    size_t table = envelope->header_count * sizeof(struct smew__envelope_header);
    struct smew__envelope_header *headers;
    char *at;

    if (!begin(message))
        return NULL;
    headers = (struct smew__envelope_header *)(void *)message->bytes;
    at = message->bytes + table;
    message->envelope = *envelope;
    put_payload(message, at, envelope, sums); /* first, for its alignment */
    at += envelope->payload_size + 1;
    for (size_t i = 0; i < envelope->header_count; i++) {
        headers[i].name = put_text(&at, envelope->headers[i].name);
        headers[i].value = put_text(&at, envelope->headers[i].value);
    }
    message->envelope.headers = headers;
    message->envelope.source = put_text(&at, envelope->source);
    message->envelope.target = put_text(&at, envelope->target);
    message->envelope.event = put_text(&at, envelope->event);
    message->envelope.traceparent = put_text(&at, envelope->traceparent);
    return message;
}

/* What it takes behind the struct. */
static size_t size_of(const struct smew__envelope *envelope)
{
    return envelope->header_count * sizeof(struct smew__envelope_header) + space(envelope);
}

struct smew_message *smew__message_create(const struct smew__envelope *envelope)
{
    return fill(smew__block_alloc(sizeof(struct smew_message) + size_of(envelope)), envelope,
                false);
}

/* Where a parcel goes behind so many bytes. */
static size_t parcel_at(size_t bytes)
{
    const size_t align = alignof(max_align_t);

    return (sizeof(struct smew_message) + bytes + align - 1) / align * align;
}

static void set_room(struct smew_message *message, size_t at)
{
    message->room = (struct smew__parcel *)(void *)((char *)message + at);
}

struct smew_message *smew__message_create_to_send(const struct smew__envelope *envelope, bool sums)
{
    size_t at = parcel_at(size_of(envelope));
    struct smew_message *message =
        fill(smew__block_alloc(at + sizeof(struct smew__parcel)), envelope, sums);

    if (message)
        set_room(message, at);
    return message;
}

void smew__message_sum(struct smew_message *message)
{
    const struct smew__envelope *envelope = &message->envelope;

    if (envelope->payload_size < SUM_LEAST)
        return;
    message->payload_sum = smew__crc32c(0, envelope->payload, envelope->payload_size);
    message->summed = true;
}

struct smew_message *smew__message_create_event(struct smew__text source, struct smew__text target,
                                                struct smew__text event, const void *payload,
                                                size_t payload_size)
{
    size_t at =
        parcel_at(payload_size + 1 + text_space(source) + text_space(target) + text_space(event));
    struct smew_message *message = begin(smew__block_alloc(at + sizeof(struct smew__parcel)));
    char *text;

    if (!message)
        return NULL;
    text = message->bytes + payload_size;
    *text++ = '\0';
    if (payload_size)
        memcpy(message->bytes, payload, payload_size);
    message->envelope.kind = SMEW_KIND_EVENT;
    message->envelope.payload = message->bytes;
    message->envelope.payload_size = payload_size;
    message->envelope.source = put_text(&text, source);
    message->envelope.target = put_text(&text, target);
    message->envelope.event = put_text(&text, event);
    message->envelope.traceparent.data = text - 1; /* empty, as any accessor shows it */
    set_room(message, at);
    return message;
}

struct smew_message *smew__message_create_view(const struct smew__envelope *envelope)
{
    struct smew__envelope names = *envelope;
    struct smew_message *message;

    names.payload = NULL;
    names.payload_size = 0;
    message = smew__message_create(&names);
    if (!message)
        return NULL;
    message->envelope.payload = envelope->payload;
    message->envelope.payload_size = envelope->payload_size;
    return message;
}

void smew__message_ref(struct smew_message *message)
{
    atomic_fetch_add_explicit(&message->references, 1, memory_order_relaxed);
}

void smew__message_refs(struct smew_message *message, unsigned count)
{
    if (atomic_load_explicit(&message->references, memory_order_relaxed) == 1)
        atomic_store_explicit(&message->references, 1 + count, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&message->references, count, memory_order_relaxed);
}

void smew__message_unref(struct smew_message *message)
{
    if (!message)
        return;
    /* Release orders this holder's reads before the free; acquire pairs with the others'.  The last
       holder sees that it is: nobody else is left to make it more or less. */
    if (atomic_load_explicit(&message->references, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&message->references, 1, memory_order_acq_rel) == 1)
        smew__block_free(message);
}

#ifdef __SANITIZE_ADDRESS__
static const bool keeps = false; /* it is to see what is used after it was given back */
#else
static const bool keeps = true;
#endif

struct smew_message *smew__message_stock_take(struct smew__message_stock *stock, size_t bytes)
{
    struct smew_message *message;

    if (bytes > SMEW__MESSAGE_STOCK_BYTES)
        return begin(smew__block_alloc(sizeof(*message) + bytes));
    if (stock->count)
        message = begin(stock->blocks[--stock->count]);
    else
        message = begin(smew__block_alloc(sizeof(*message) + SMEW__MESSAGE_STOCK_BYTES));
    if (message)
        message->stocked = keeps;
    return message;
}

void smew__message_stock_unref(struct smew__message_stock *stock, struct smew_message *message)
{
    /* Acquire pairs with the release of those who had it before. */
    if (message->stocked && stock->count < SMEW__MESSAGE_STOCK &&
        atomic_load_explicit(&message->references, memory_order_acquire) == 1)
        stock->blocks[stock->count++] = message;
    else
        smew__message_unref(message);
}

void smew__message_stock_fini(struct smew__message_stock *stock)
{
    while (stock->count)
        smew__block_free(stock->blocks[--stock->count]);
}

struct smew_message_id smew_message_id(const struct smew_message *message)
{
    return message->envelope.id;
}

enum smew_kind smew_message_kind(const struct smew_message *message)
{
    return message->envelope.kind;
}

const char *smew_message_source(const struct smew_message *message)
{
    return message->envelope.source.data;
}

const char *smew_message_target(const struct smew_message *message)
{
    return message->envelope.target.data;
}

const char *smew_message_event(const struct smew_message *message)
{
    return message->envelope.event.data;
}

const void *smew_message_payload(const struct smew_message *message)
{
    return message->envelope.payload;
}

size_t smew_message_payload_size(const struct smew_message *message)
{
    return message->envelope.payload_size;
}

enum smew_content smew_message_content(const struct smew_message *message)
{
    return message->envelope.content;
}

uint64_t smew_message_sent_ns(const struct smew_message *message)
{
    return message->envelope.sent_ns;
}

bool smew_message_redelivered(const struct smew_message *message)
{
    return message->envelope.flags & SMEW__ENVELOPE_REDELIVERED;
}

uint64_t smew_message_missed(const struct smew_message *message)
{
    return message->missed;
}

const char *smew_message_traceparent(const struct smew_message *message)
{
    return message->envelope.traceparent.size ? message->envelope.traceparent.data : NULL;
}

const char *smew_message_header(const struct smew_message *message, const char *name)
{
    for (size_t i = 0; i < message->envelope.header_count; i++) {
        if (strcmp(message->envelope.headers[i].name.data, name) == 0)
            return message->envelope.headers[i].value.data;
    }
    return NULL;
}

void smew_message_free(struct smew_message *message)
{
    smew__message_unref(message);
}
