/* SPDX-License-Identifier: MIT */
/*
 * Envelopes as records, record.h: measured first, then laid out in memory that the caller has.
 *
 * Failure modes are all of measuring: an envelope that breaks a rule of item.h.  Writing cannot
 * fail.
 */
#include "serialization/record.h"

#include <string.h>

#include "base/crc32c/crc32c.h"

enum {
    USER_HEADER_SIZES = 3, /* what is in front of a user header's name */
    VALUE_WORDS_MAX = 3 + 6,
    TEXTS_MAX = 3 * (SMEW_ID_MAX + 1) + SMEW__TRACEPARENT_MAX + 1,
};

static_assert((1 + VALUE_WORDS_MAX) * SMEW__RECORD_WORD + TEXTS_MAX <= SMEW__RECORD_EXTENSION_MAX,
              "an extension holds the largest values and texts");
static_assert(SMEW__HEADER_VALUE_MAX <= UINT16_MAX, "a user header's value has two bytes of size");

static bool is_implied_id(const struct smew_message_id *id,
                          const struct smew__record_implied *implied)
{
    return implied != NULL && id->node == implied->id.node && id->stream == implied->id.stream &&
           id->sequence == implied->id.sequence;
}

static bool is_implied_source(const struct smew__text *source,
                              const struct smew__record_implied *implied)
{
    if (implied == NULL)
        return false;
    return source->size == 0 || (source->size == implied->source.size &&
                                 memcmp(source->data, implied->source.data, source->size) == 0);
}

static uint16_t values_of(const struct smew__envelope *envelope,
                          const struct smew__record_implied *implied)
{
    unsigned values = is_implied_id(&envelope->id, implied) ? 0 : SMEW__RECORD_ID;

    values |= envelope->correlation != 0 ? SMEW__RECORD_CORRELATION : 0;
    values |= envelope->result != 0 ? SMEW__RECORD_RESULT : 0;
    values |=
        envelope->sent_ns != 0 && smew__record_tick(envelope->sent_ns) == 0 ? SMEW__RECORD_SENT : 0;
    values |= envelope->deadline_ns != 0 ? SMEW__RECORD_DEADLINE : 0;
    values |= envelope->missed != 0 ? SMEW__RECORD_MISSED : 0;
    values |= envelope->header_count != 0 ? SMEW__RECORD_HEADERS : 0;
    return (uint16_t)values;
}

/* The names that have a number. */
static unsigned numbered_of(const struct smew__record_numbers *numbers)
{
    return (numbers->target != 0 ? SMEW__ENVELOPE_TARGET : 0u) |
           (numbers->event != 0 ? SMEW__ENVELOPE_EVENT : 0u);
}

/* The names that say nothing by themselves: by their number alone, or because of the lane. */
static unsigned silent_of(const struct smew__envelope *envelope,
                          const struct smew__record_implied *implied,
                          const struct smew__record_numbers *numbers)
{
    unsigned numbered = numbered_of(numbers);
    unsigned silent = numbered & ~(unsigned)numbers->defines;

    if (is_implied_source(&envelope->source, implied))
        silent |= SMEW__ENVELOPE_SOURCE;
    return silent;
}

static uint8_t inlined_of(const struct smew__envelope *envelope, unsigned silent)
{
    unsigned inlined = SMEW__ENVELOPE_TARGET | SMEW__ENVELOPE_SOURCE;

    inlined |= envelope->event.size != 0 ? SMEW__ENVELOPE_EVENT : 0;
    return (uint8_t)(inlined & ~silent);
}

static size_t text_room(struct smew__text text, bool inlined)
{
    return inlined && text.size != 0 ? text.size + 1 : 0;
}

static uint8_t extension_words_of(const struct smew__envelope *envelope,
                                  const struct smew__record_shape *shape)
{
    size_t texts = text_room(envelope->target, shape->inlined & SMEW__ENVELOPE_TARGET) +
                   text_room(envelope->source, shape->inlined & SMEW__ENVELOPE_SOURCE) +
                   text_room(envelope->event, shape->inlined & SMEW__ENVELOPE_EVENT) +
                   text_room(envelope->traceparent, true);
    size_t words = (texts + SMEW__RECORD_WORD - 1) / SMEW__RECORD_WORD;

    words += (shape->values & SMEW__RECORD_ID) != 0 ? 3 : 0;
    for (unsigned bit = SMEW__RECORD_ID << 1; bit <= SMEW__RECORD_VALUES; bit <<= 1)
        words += (shape->values & bit) != 0;
    if (words == 0 && envelope->flags == 0)
        return 0;
    return (uint8_t)(1 + words); /* the fixed word */
}

static uint32_t headers_size_of(const struct smew__envelope *envelope)
{
    size_t size = 0;

    for (size_t i = 0; i < envelope->header_count; i++)
        size += USER_HEADER_SIZES + envelope->headers[i].name.size + 1 +
                envelope->headers[i].value.size + 1;
    return (uint32_t)size;
}

struct smew__record_shape smew__record_lay_out(const struct smew__envelope *envelope,
                                               const struct smew__record_implied *implied,
                                               const struct smew__record_numbers *numbers)
{
    struct smew__record_shape shape = {.values = values_of(envelope, implied)};
    uint64_t size;

    if (numbers != NULL)
        shape.numbers = *numbers;
    shape.inlined = inlined_of(envelope, silent_of(envelope, implied, &shape.numbers));
    shape.extension_words = extension_words_of(envelope, &shape);
    shape.headers_size = headers_size_of(envelope);
    shape.payload_size = (uint32_t)envelope->payload_size + shape.headers_size;
    size = shape.extension_words * (uint64_t)SMEW__RECORD_WORD + shape.payload_size;
    shape.body_size =
        (size + SMEW__RECORD_ALIGNMENT - 1) / SMEW__RECORD_ALIGNMENT * SMEW__RECORD_ALIGNMENT;
    return shape;
}

enum smew_status smew__record_measure(const struct smew__envelope *envelope,
                                      const struct smew__record_implied *implied,
                                      const struct smew__record_numbers *numbers,
                                      struct smew__record_shape *shape)
{
    const struct smew__record_numbers none = {0};
    unsigned silent = silent_of(envelope, implied, numbers != NULL ? numbers : &none);
    enum smew_status status = smew__envelope_check(envelope, silent);

    if (numbers != NULL && numbers->event != 0 && (silent & SMEW__ENVELOPE_EVENT) == 0 &&
        envelope->event.size == 0) /* no text that the number could be defined for */
        return SMEW_INVALID;
    if (status == SMEW_VERSION || (status == SMEW_OK && envelope->kind == SMEW_KIND_CONTROL))
        return SMEW_INVALID;
    if (status == SMEW_OK)
        *shape = smew__record_lay_out(envelope, implied, numbers);
    return status;
}

static uint8_t *put(uint8_t *at, const void *data, size_t size)
{
    if (size != 0 && at != data)
        memcpy(at, data, size);
    return at + size;
}

static uint8_t *put_word(uint8_t *at, uint64_t word)
{
    return put(at, &word, sizeof word);
}

static uint8_t *put_value(uint8_t *at, uint64_t value)
{
    return value == 0 ? at : put_word(at, value);
}

static uint8_t *put_terminated(uint8_t *at, struct smew__text text)
{
    at = put(at, text.data, text.size);
    *at = 0;
    return at + 1;
}

static uint8_t *put_text(uint8_t *at, struct smew__text text, bool inlined)
{
    return inlined && text.size != 0 ? put_terminated(at, text) : at;
}

static uint8_t *put_zeros(uint8_t *at, const uint8_t *end)
{
    memset(at, 0, (size_t)(end - at));
    return at + (end - at);
}

static uint8_t text_size(struct smew__text text, bool inlined)
{
    return inlined ? (uint8_t)text.size : 0;
}

static uint8_t *put_fixed(uint8_t *at, const struct smew__envelope *envelope,
                          const struct smew__record_shape *shape)
{
    const struct smew__record_fixed fixed = {
        .values = shape->values,
        .flags = (uint8_t)envelope->flags,
        .target_size = text_size(envelope->target, shape->inlined & SMEW__ENVELOPE_TARGET),
        .source_size = text_size(envelope->source, shape->inlined & SMEW__ENVELOPE_SOURCE),
        .event_size = text_size(envelope->event, shape->inlined & SMEW__ENVELOPE_EVENT),
        .traceparent_size = (uint8_t)envelope->traceparent.size,
    };

    return put(at, &fixed, sizeof fixed);
}

static uint8_t *put_extension(uint8_t *at, const struct smew__envelope *envelope,
                              const struct smew__record_shape *shape)
{
    const uint8_t *end = at + shape->extension_words * SMEW__RECORD_WORD;

    if (at == end)
        return at;
    at = put_fixed(at, envelope, shape);
    if ((shape->values & SMEW__RECORD_ID) != 0) {
        at = put_word(at, envelope->id.node);
        at = put_word(at, envelope->id.sequence);
        at = put_word(at, envelope->id.stream);
    }
    at = put_value(at, envelope->correlation);
    at = put_value(at, (uint32_t)envelope->result);
    if ((shape->values & SMEW__RECORD_SENT) != 0)
        at = put_word(at, envelope->sent_ns);
    at = put_value(at, envelope->deadline_ns);
    at = put_value(at, envelope->missed);
    at = put_value(at, (uint64_t)envelope->header_count << 32 | shape->headers_size);
    at = put_text(at, envelope->target, shape->inlined & SMEW__ENVELOPE_TARGET);
    at = put_text(at, envelope->source, shape->inlined & SMEW__ENVELOPE_SOURCE);
    at = put_text(at, envelope->event, shape->inlined & SMEW__ENVELOPE_EVENT);
    at = put_text(at, envelope->traceparent, true);
    return put_zeros(at, end);
}

static uint8_t *put_headers(uint8_t *at, const struct smew__envelope *envelope)
{
    for (size_t i = 0; i < envelope->header_count; i++) {
        const struct smew__envelope_header *header = &envelope->headers[i];
        uint16_t value_size = (uint16_t)header->value.size;
        uint8_t name_size = (uint8_t)header->name.size;

        at = put(at, &value_size, sizeof value_size);
        *at++ = name_size;
        at = put_terminated(at, header->name);
        at = put_terminated(at, header->value);
    }
    return at;
}

void smew__record_write(const struct smew__envelope *envelope,
                        const struct smew__record_shape *shape, uint8_t *body,
                        struct smew__record_header *header)
{
    uint8_t *at = put_extension(body, envelope, shape);

    at = put(at, envelope->payload, envelope->payload_size);
    at = put_headers(at, envelope);
    put_zeros(at, body + shape->body_size);
    *header = (struct smew__record_header){
        .payload_size = shape->payload_size,
        .target = shape->numbers.target,
        .event = shape->numbers.event,
        .content = (uint8_t)envelope->content,
        .kind = (uint8_t)envelope->kind,
        .extension_words = shape->extension_words,
        .body_crc = smew__crc32c(0, body, (size_t)shape->body_size),
    };
    smew__record_set_tick(header, smew__record_tick(envelope->sent_ns));
}
