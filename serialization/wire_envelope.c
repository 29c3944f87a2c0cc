/* SPDX-License-Identifier: MIT */
/*
 * Envelopes by hand.
 *
 * Writing: the fields go where they belong at once, but the length in front of them is known last.
 * So what is before the payload begins PREFIX_MAX bytes into its room, and is moved down when the
 * length is written: some dozens of bytes.
 *
 * Reading: one walk over tags of one byte, which must grow; a tag that is not one of wire.proto's
 * ends it, and so does one of two bytes, which is what a trace context, headers and a sender that
 * waits have.
 */
#include "serialization/wire_envelope.h"

#include <string.h>

#include "base/bytes.h"

enum wire_type { VARINT = 0, FIXED64 = 1, LENGTH = 2 };

#define TAG(field, type) ((field) << 3 | (type))

/* wire.proto's, as they stand in the bytes. */
enum tag {
    FRAME_ENVELOPE = TAG(SMEW__ITEM_ENVELOPE, LENGTH),
    NODE = TAG(1, FIXED64),
    STREAM = TAG(2, VARINT),
    SEQUENCE = TAG(3, VARINT),
    KIND = TAG(4, VARINT),
    FLAGS = TAG(5, VARINT),
    CONTENT = TAG(6, VARINT),
    SOURCE = TAG(7, LENGTH),
    TARGET = TAG(8, LENGTH),
    EVENT = TAG(9, LENGTH),
    PAYLOAD = TAG(10, LENGTH),
    CORRELATION = TAG(11, VARINT),
    RESULT = TAG(12, VARINT),
    SENT = TAG(13, FIXED64),
    DEADLINE = TAG(14, FIXED64),
    MISSED = TAG(15, VARINT),
    TRACEPARENT = TAG(16, LENGTH),
    WAITS = TAG(18, VARINT),
};

enum {
    VARINT_MAX = 10,
    PREFIX_MAX = 1 + 5,                 /* a frame's size fits into 32 bits */
    FIELDS_MAX = 17 * (2 + VARINT_MAX), /* all but texts' bytes: a tag has two at most */
};

/* ---- writing ------------------------------------------------------------------------- */

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

/* A field that is 0 is not written, nor is an empty one below. */
static uint8_t *put_number(uint8_t *at, enum tag tag, uint64_t value)
{
    return value != 0 ? put_varint(put_varint(at, tag), value) : at;
}

static uint8_t *put_fixed(uint8_t *at, enum tag tag, uint64_t value)
{
    if (value == 0)
        return at;
    *at++ = (uint8_t)tag;
    smew__put_le64(at, value);
    return at + sizeof(value);
}

static uint8_t *put_text(uint8_t *at, enum tag tag, struct smew__text text)
{
    if (text.size == 0)
        return at;
    at = put_varint(put_varint(at, tag), text.size);
    memcpy(at, text.data, text.size);
    return at + text.size;
}

/* protobuf's zigzag: small negative numbers stay small. */
static uint32_t zigzag(int32_t value)
{
    return (uint32_t)value << 1 ^ (value < 0 ? UINT32_MAX : 0);
}

/* The fields before the payload's bytes, with its own tag and length. */
static uint8_t *put_before(uint8_t *at, const struct smew__envelope *envelope)
{
    at = put_fixed(at, NODE, envelope->id.node);
    at = put_number(at, STREAM, envelope->id.stream);
    at = put_number(at, SEQUENCE, envelope->id.sequence);
    at = put_number(at, KIND, (uint32_t)envelope->kind);
    at = put_number(at, FLAGS, envelope->flags);
    at = put_number(at, CONTENT, (uint32_t)envelope->content);
    at = put_text(at, SOURCE, envelope->source);
    at = put_text(at, TARGET, envelope->target);
    at = put_text(at, EVENT, envelope->event);
    return put_number(at, PAYLOAD, envelope->payload_size);
}

static uint8_t *put_after(uint8_t *at, const struct smew__envelope *envelope)
{
    at = put_number(at, CORRELATION, envelope->correlation);
    at = put_number(at, RESULT, zigzag(envelope->result));
    at = put_fixed(at, SENT, envelope->sent_ns);
    at = put_fixed(at, DEADLINE, envelope->deadline_ns);
    at = put_number(at, MISSED, envelope->missed);
    at = put_text(at, TRACEPARENT, envelope->traceparent);
    return put_number(at, WAITS, envelope->waits);
}

enum smew_status smew__wire_envelope_write(const struct smew__envelope *envelope,
                                           struct smew__buffer *out, size_t *before)
{
    size_t texts = envelope->source.size + envelope->target.size + envelope->event.size +
                   envelope->traceparent.size;
    uint8_t *room = smew__buffer_reserve(out, 2 * PREFIX_MAX + FIELDS_MAX + texts);
    uint8_t *fields, *middle, *end, *start;
    size_t size;

    if (room == NULL)
        return SMEW_NO_MEMORY;
    fields = room + PREFIX_MAX;
    middle = put_before(fields, envelope);
    end = put_after(middle, envelope);
    size = (size_t)(end - fields) + envelope->payload_size;
    if (size > SMEW_FRAME_MAX - PREFIX_MAX)
        return SMEW_TOO_BIG;
    start = put_varint(put_varint(room, FRAME_ENVELOPE), size);
    memmove(start, fields, (size_t)(end - fields));
    *before = (size_t)(start - room) + (size_t)(middle - fields);
    out->size += (size_t)(start - room) + (size_t)(end - fields);
    return SMEW_OK;
}

/* ---- reading ------------------------------------------------------------------------- */

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

static size_t left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static bool take_varint(struct reader *reader, uint64_t *value)
{
    uint64_t sum = 0;

    for (unsigned shift = 0; shift < 63 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;

        sum |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = sum;
            return true;
        }
    }
    if (reader->at == reader->end || *reader->at > 1)
        return false; /* cut off, or the tenth byte has more than the last bit */
    *value = sum | (uint64_t)*reader->at++ << 63;
    return true;
}

static bool take_number(struct reader *reader, uint32_t *value)
{
    uint64_t number;

    if (!take_varint(reader, &number) || number > UINT32_MAX)
        return false;
    *value = (uint32_t)number;
    return true;
}

static bool take_fixed(struct reader *reader, uint64_t *value)
{
    if (left(reader) < sizeof(*value))
        return false;
    *value = smew__get_le64(reader->at);
    reader->at += sizeof(*value);
    return true;
}

static bool take_bytes(struct reader *reader, const void **data, size_t *size)
{
    uint64_t length;

    if (!take_varint(reader, &length) || length > left(reader))
        return false;
    *data = length ? (const void *)reader->at : "";
    *size = (size_t)length;
    reader->at += length;
    return true;
}

static bool take_text(struct reader *reader, struct smew__text *text)
{
    const void *data;

    if (!take_bytes(reader, &data, &text->size))
        return false;
    text->data = data;
    return true;
}

/* Codes that no version knows stay what they are: the rules of item.c refuse them. */
static bool take_code(struct reader *reader, struct smew__envelope *envelope, uint8_t tag)
{
    uint32_t code;

    if (!take_number(reader, &code))
        return false;
    if (tag == KIND)
        envelope->kind = (enum smew_kind)code;
    else if (tag == CONTENT)
        envelope->content = (enum smew_content)code;
    else
        envelope->result = (int32_t)(code >> 1 ^ (code & 1 ? UINT32_MAX : 0));
    return true;
}

static bool take_field(struct reader *reader, struct smew__envelope *envelope, uint8_t tag)
{
    switch (tag) {
    case NODE:
        return take_fixed(reader, &envelope->id.node);
    case STREAM:
        return take_number(reader, &envelope->id.stream);
    case SEQUENCE:
        return take_varint(reader, &envelope->id.sequence);
    case KIND:
    case CONTENT:
    case RESULT:
        return take_code(reader, envelope, tag);
    case FLAGS:
        return take_number(reader, &envelope->flags);
    case SOURCE:
        return take_text(reader, &envelope->source);
    case TARGET:
        return take_text(reader, &envelope->target);
    case EVENT:
        return take_text(reader, &envelope->event);
    case PAYLOAD:
        return take_bytes(reader, &envelope->payload, &envelope->payload_size);
    case CORRELATION:
        return take_varint(reader, &envelope->correlation);
    case SENT:
        return take_fixed(reader, &envelope->sent_ns);
    case DEADLINE:
        return take_fixed(reader, &envelope->deadline_ns);
    case MISSED:
        return take_varint(reader, &envelope->missed);
    default:
        return false;
    }
}

bool smew__wire_envelope_read(const void *data, size_t size, struct smew__envelope *envelope)
{
    const uint8_t *bytes = data;
    struct reader reader = {bytes, bytes + size};
    struct smew__envelope read = {.source = {"", 0},
                                  .target = {"", 0},
                                  .event = {"", 0},
                                  .traceparent = {"", 0},
                                  .payload = ""};
    uint64_t length;
    uint8_t last = 0;

    if (size == 0 || *reader.at++ != FRAME_ENVELOPE || !take_varint(&reader, &length) ||
        length != left(&reader))
        return false;
    while (reader.at < reader.end) {
        uint8_t tag = *reader.at++;

        if (tag <= last || !take_field(&reader, &read, tag))
            return false;
        last = tag;
    }
    *envelope = read;
    return true;
}
