/* SPDX-License-Identifier: MIT */
/*
 * Items as flat records, record.h: the codec of memory, here for records that stand alone.
 *
 * Encoding lays an envelope out, reserves its exact size, writes body and then header into place.
 * Decoding copies the header once, believes its sizes only when its CRC is right, and reads the
 * body through a cursor that cannot leave it; texts and payload are used where they lie.  That the
 * record is the one valid form of its envelope is checked by laying the result out again.
 *
 * Failure modes of decoding: CORRUPT for a check that fails, VERSION for what record.h and item.h
 * do not list; NO_MEMORY only for an envelope with user headers, and for CONTROL records.
 */
#include "serialization/record.h"

#include <string.h>

#include <smew/transport.h>

#include "base/crc32c/crc32c.h"
#include "serialization/arena.h"
#include "serialization/item.h"

enum {
    HEADER_SIZE = sizeof(struct smew__record_header),
    USER_HEADER_SIZES = 3, /* what is in front of a user header's name */
    VALUE_WORDS_MAX = 3 + 6,
    TEXTS_MAX = 3 * (SMEW_ID_MAX + 1) + SMEW__TRACEPARENT_MAX + 1,
};

static_assert((1 + VALUE_WORDS_MAX) * SMEW__RECORD_WORD + TEXTS_MAX <= SMEW__RECORD_EXTENSION_MAX,
              "an extension holds the largest values and texts");
static_assert(SMEW__HEADER_VALUE_MAX <= UINT16_MAX, "a user header's value has two bytes of size");

uint64_t smew__record_commit(uint64_t number, uint64_t salt)
{
    const uint64_t never_empty = UINT64_C(0xF) << 60;
    uint64_t mixed = salt + (number + 1) * UINT64_C(0x9E3779B97F4A7C15);

    /* SplitMix64's output function (Steele, Lea, Flood, 2014). */
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return (mixed ^ mixed >> 31) | never_empty;
}

uint32_t smew__record_header_crc(const struct smew__record_header *header, uint64_t salt)
{
    const size_t from = offsetof(struct smew__record_header, payload_size);
    const size_t to = offsetof(struct smew__record_header, header_crc);

    return smew__crc32c((uint32_t)salt, (const uint8_t *)header + from, to - from);
}

uint64_t smew__record_size(const struct smew__record_header *header)
{
    uint64_t size =
        HEADER_SIZE + header->extension_words * (uint64_t)SMEW__RECORD_WORD + header->payload_size;

    return (size + SMEW__RECORD_ALIGNMENT - 1) / SMEW__RECORD_ALIGNMENT * SMEW__RECORD_ALIGNMENT;
}

/* Where the parts of an envelope's record go. */
struct layout {
    uint16_t values; /* enum smew__record_value */
    size_t extension_words;
    uint64_t headers_size;
    uint64_t payload_size; /* with the user headers */
};

static uint16_t values_of(const struct smew__envelope *envelope)
{
    unsigned values = SMEW__RECORD_ID;

    values |= envelope->correlation != 0 ? SMEW__RECORD_CORRELATION : 0;
    values |= envelope->result != 0 ? SMEW__RECORD_RESULT : 0;
    values |= envelope->sent_ns != 0 ? SMEW__RECORD_SENT : 0;
    values |= envelope->deadline_ns != 0 ? SMEW__RECORD_DEADLINE : 0;
    values |= envelope->missed != 0 ? SMEW__RECORD_MISSED : 0;
    values |= envelope->header_count != 0 ? SMEW__RECORD_HEADERS : 0;
    return (uint16_t)values;
}

static size_t text_room(size_t size)
{
    return size == 0 ? 0 : size + 1;
}

static struct layout lay_out(const struct smew__envelope *envelope)
{
    struct layout layout = {.values = values_of(envelope)};
    size_t texts = text_room(envelope->target.size) + text_room(envelope->source.size) +
                   text_room(envelope->event.size) + text_room(envelope->traceparent.size);
    size_t words = 1 + 3; /* the fixed word, the id */

    for (unsigned bit = SMEW__RECORD_ID << 1; bit <= SMEW__RECORD_VALUES; bit <<= 1)
        words += (layout.values & bit) != 0;
    layout.extension_words = words + (texts + SMEW__RECORD_WORD - 1) / SMEW__RECORD_WORD;
    for (size_t i = 0; i < envelope->header_count; i++)
        layout.headers_size += USER_HEADER_SIZES + envelope->headers[i].name.size + 1 +
                               envelope->headers[i].value.size + 1;
    layout.payload_size = envelope->payload_size + layout.headers_size;
    return layout;
}

static uint8_t *put(uint8_t *at, const void *data, size_t size)
{
    if (size != 0)
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

static uint8_t *put_text(uint8_t *at, struct smew__text text)
{
    return text.size == 0 ? at : put_terminated(at, text);
}

static uint8_t *put_zeros(uint8_t *at, const uint8_t *end)
{
    memset(at, 0, (size_t)(end - at));
    return at + (end - at);
}

static uint8_t *put_extension(uint8_t *at, const struct smew__envelope *envelope,
                              const struct layout *layout)
{
    const uint8_t *end = at + layout->extension_words * SMEW__RECORD_WORD;
    struct smew__record_fixed fixed = {
        .values = layout->values,
        .flags = (uint8_t)envelope->flags,
        .content = (uint8_t)envelope->content,
        .target_size = (uint8_t)envelope->target.size,
        .source_size = (uint8_t)envelope->source.size,
        .event_size = (uint8_t)envelope->event.size,
        .traceparent_size = (uint8_t)envelope->traceparent.size,
    };

    at = put(at, &fixed, sizeof fixed);
    at = put_word(at, envelope->id.node);
    at = put_word(at, envelope->id.sequence);
    at = put_word(at, envelope->id.stream);
    at = put_value(at, envelope->correlation);
    at = put_value(at, (uint32_t)envelope->result);
    at = put_value(at, envelope->sent_ns);
    at = put_value(at, envelope->deadline_ns);
    at = put_value(at, envelope->missed);
    at = put_value(at, (uint64_t)envelope->header_count << 32 | layout->headers_size);
    at = put_text(at, envelope->target);
    at = put_text(at, envelope->source);
    at = put_text(at, envelope->event);
    at = put_text(at, envelope->traceparent);
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

/* Fills in both CRCs and the commit word, and writes the header in front of its body. */
static void seal(struct smew__record_header *header, uint8_t *record)
{
    size_t size = (size_t)smew__record_size(header);

    header->commit = smew__record_commit(0, 0);
    header->body_crc = smew__crc32c(0, record + HEADER_SIZE, size - HEADER_SIZE);
    header->header_crc = smew__record_header_crc(header, 0);
    memcpy(record, header, HEADER_SIZE);
}

static enum smew_status encode_envelope(const struct smew__envelope *envelope,
                                        struct smew__buffer *out)
{
    struct layout layout = lay_out(envelope);
    struct smew__record_header header = {0};
    uint8_t *record;
    uint8_t *at;
    size_t size;

    header.kind = (uint8_t)envelope->kind;
    header.extension_words = (uint8_t)layout.extension_words;
    header.payload_size = (uint32_t)layout.payload_size;
    size = (size_t)smew__record_size(&header);
    if (size > SMEW_FRAME_MAX)
        return SMEW_TOO_BIG;
    record = smew__buffer_reserve(out, size);
    if (record == NULL)
        return SMEW_NO_MEMORY;
    at = put_extension(record + HEADER_SIZE, envelope, &layout);
    at = put(at, envelope->payload, envelope->payload_size);
    at = put_headers(at, envelope);
    put_zeros(at, record + size);
    seal(&header, record);
    out->size += size;
    return SMEW_OK;
}

static enum smew_status encode_control(const struct smew__item *item, struct smew__buffer *out)
{
    static const uint8_t zeros[SMEW__RECORD_ALIGNMENT];
    struct smew__record_header header = {.kind = SMEW_KIND_CONTROL};
    size_t start = out->size;
    enum smew_status status;

    smew__buffer_append(out, zeros, HEADER_SIZE);
    status = out->failed ? SMEW_NO_MEMORY : smew__codec_frame.encode(item, out);
    if (status != SMEW_OK)
        return status;
    header.payload_size = (uint32_t)(out->size - start - HEADER_SIZE);
    if (smew__record_size(&header) > SMEW_FRAME_MAX)
        return SMEW_TOO_BIG;
    smew__buffer_append(out, zeros, start + (size_t)smew__record_size(&header) - out->size);
    if (out->failed)
        return SMEW_NO_MEMORY;
    seal(&header, out->data + start);
    return SMEW_OK;
}

static bool is_plain(const struct smew__item *item)
{
    return item->type == SMEW__ITEM_ENVELOPE && item->envelope.kind != SMEW_KIND_CONTROL;
}

static enum smew_status encode(const struct smew__item *item, struct smew__buffer *out)
{
    enum smew_status status = smew__item_check(item);
    size_t size = out->size;
    bool failed = out->failed;

    if (status != SMEW_OK)
        return status == SMEW_VERSION ? SMEW_INVALID : status;
    status = is_plain(item) ? encode_envelope(&item->envelope, out) : encode_control(item, out);
    if (status != SMEW_OK) {
        out->size = size;
        out->failed = failed;
    }
    return status;
}

/* What is left of a part of the record.  Taking more than that is remembered as `bad`. */
struct cursor {
    const uint8_t *at;
    size_t left;
    bool bad;
};

/* The next `size` bytes, or NULL. */
static const uint8_t *take(struct cursor *cursor, size_t size)
{
    const uint8_t *at = cursor->at;

    if (cursor->bad || size > cursor->left) {
        cursor->bad = true;
        return NULL;
    }
    cursor->at += size;
    cursor->left -= size;
    return at;
}

static uint64_t take_word(struct cursor *cursor)
{
    const uint8_t *at = take(cursor, SMEW__RECORD_WORD);
    uint64_t word = 0;

    if (at != NULL)
        memcpy(&word, at, sizeof word);
    return word;
}

static uint32_t take_half_word(struct cursor *cursor)
{
    uint64_t word = take_word(cursor);

    cursor->bad |= word > UINT32_MAX;
    return (uint32_t)word;
}

static uint64_t take_value(struct cursor *cursor, unsigned values, unsigned bit)
{
    return (values & bit) != 0 ? take_word(cursor) : 0;
}

static struct smew__text take_terminated(struct cursor *cursor, size_t size)
{
    const uint8_t *at = take(cursor, size + 1);

    if (at == NULL || at[size] != 0) {
        cursor->bad = true;
        return (struct smew__text){"", 0};
    }
    return (struct smew__text){(const char *)at, size};
}

static struct smew__text take_text(struct cursor *cursor, size_t size)
{
    return size == 0 ? (struct smew__text){"", 0} : take_terminated(cursor, size);
}

/* The rest of a part is padding. */
static void take_zeros(struct cursor *cursor)
{
    for (size_t i = 0; i < cursor->left; i++)
        cursor->bad |= cursor->at[i] != 0;
}

static void take_header(struct cursor *cursor, struct smew__envelope_header *header)
{
    const uint8_t *sizes = take(cursor, USER_HEADER_SIZES);
    uint16_t value_size;

    if (sizes == NULL)
        return;
    memcpy(&value_size, sizes, sizeof value_size);
    header->name = take_terminated(cursor, sizes[2]);
    header->value = take_terminated(cursor, value_size);
}

/* User headers lie behind the payload proper, which is cut off in front of them. */
static enum smew_status take_headers(uint64_t word, struct smew__wire_arena *arena,
                                     struct smew__envelope *envelope)
{
    uint32_t size = (uint32_t)word;
    size_t count = word >> 32;
    struct smew__envelope_header *headers;
    struct cursor cursor;

    if (count > SMEW_HEADERS_MAX || size > envelope->payload_size)
        return SMEW_CORRUPT;
    headers = smew__wire_arena_alloc(arena, count * sizeof *headers);
    if (headers == NULL)
        return SMEW_NO_MEMORY;
    envelope->payload_size -= size;
    cursor = (struct cursor){(const uint8_t *)envelope->payload + envelope->payload_size, size, 0};
    for (size_t i = 0; i < count; i++)
        take_header(&cursor, &headers[i]);
    envelope->headers = headers;
    envelope->header_count = count;
    return cursor.bad || cursor.left != 0 ? SMEW_CORRUPT : SMEW_OK;
}

static void take_values(struct cursor *cursor, unsigned values, struct smew__envelope *envelope)
{
    envelope->id.node = take_word(cursor);
    envelope->id.sequence = take_word(cursor);
    envelope->id.stream = take_half_word(cursor);
    envelope->correlation = take_value(cursor, values, SMEW__RECORD_CORRELATION);
    if ((values & SMEW__RECORD_RESULT) != 0)
        envelope->result = (int32_t)take_half_word(cursor);
    envelope->sent_ns = take_value(cursor, values, SMEW__RECORD_SENT);
    envelope->deadline_ns = take_value(cursor, values, SMEW__RECORD_DEADLINE);
    envelope->missed = take_value(cursor, values, SMEW__RECORD_MISSED);
}

static void take_texts(struct cursor *cursor, const struct smew__record_fixed *fixed,
                       struct smew__envelope *envelope)
{
    envelope->target = take_text(cursor, fixed->target_size);
    envelope->source = take_text(cursor, fixed->source_size);
    envelope->event = take_text(cursor, fixed->event_size);
    envelope->traceparent = take_text(cursor, fixed->traceparent_size);
    take_zeros(cursor);
}

/* An extension that its cursor holds from end to end, and the user headers that it speaks of. */
static enum smew_status take_extension(struct cursor *cursor,
                                       const struct smew__record_fixed *fixed,
                                       struct smew__wire_arena *arena,
                                       struct smew__envelope *envelope)
{
    uint64_t headers;

    if ((fixed->values & ~(unsigned)SMEW__RECORD_VALUES) != 0)
        return SMEW_VERSION;
    if ((fixed->values & SMEW__RECORD_ID) == 0)
        return SMEW_CORRUPT;
    envelope->flags = fixed->flags;
    envelope->content = (enum smew_content)fixed->content;
    take_values(cursor, fixed->values, envelope);
    headers = take_value(cursor, fixed->values, SMEW__RECORD_HEADERS);
    take_texts(cursor, fixed, envelope);
    if (cursor->bad)
        return SMEW_CORRUPT;
    return headers == 0 ? SMEW_OK : take_headers(headers, arena, envelope);
}

static enum smew_status decode_envelope(const struct smew__record_header *header,
                                        const uint8_t *body, struct smew__wire_arena *arena,
                                        struct smew__item *item)
{
    struct smew__envelope *envelope = &item->envelope;
    size_t extension_size = header->extension_words * (size_t)SMEW__RECORD_WORD;
    struct cursor cursor = {body, extension_size, false};
    const uint8_t *at = take(&cursor, sizeof(struct smew__record_fixed));
    struct smew__record_fixed fixed;
    struct layout layout;
    enum smew_status status;

    if (at == NULL)
        return SMEW_CORRUPT;
    memcpy(&fixed, at, sizeof fixed);
    item->type = SMEW__ITEM_ENVELOPE;
    envelope->kind = (enum smew_kind)header->kind;
    envelope->payload = body + extension_size;
    envelope->payload_size = header->payload_size;
    status = take_extension(&cursor, &fixed, arena, envelope);
    if (status == SMEW_OK)
        status = smew__item_check(item);
    if (status != SMEW_OK)
        return status;
    layout = lay_out(envelope);
    if (layout.values != fixed.values || layout.extension_words != header->extension_words)
        return SMEW_CORRUPT;
    return SMEW_OK;
}

static enum smew_status decode_control(const struct smew__record_header *header,
                                       const uint8_t *body, struct smew__item *item)
{
    enum smew_status status;

    if (header->extension_words != 0)
        return SMEW_CORRUPT;
    status = smew__codec_frame.decode(body, header->payload_size, item);
    if (status == SMEW_OK && is_plain(item))
        return SMEW_CORRUPT;
    return status;
}

/* Commit word, CRCs, sizes and padding: after this the header's sizes can be relied on. */
static bool is_whole(const struct smew__record_header *header, const uint8_t *data, size_t size)
{
    size_t used = HEADER_SIZE + header->extension_words * (size_t)SMEW__RECORD_WORD;
    struct cursor padding;

    if (header->commit != smew__record_commit(0, 0) ||
        header->header_crc != smew__record_header_crc(header, 0) ||
        smew__record_size(header) != size ||
        header->body_crc != smew__crc32c(0, data + HEADER_SIZE, size - HEADER_SIZE))
        return false;
    used += header->payload_size;
    padding = (struct cursor){data + used, size - used, false};
    take_zeros(&padding);
    return !padding.bad;
}

static enum smew_status decode(const void *data, size_t size, struct smew__item *item)
{
    const uint8_t *bytes = data;
    struct smew__record_header header;
    struct smew__item decoded = {0};
    struct smew__wire_arena arena;
    enum smew_status status;

    if (size < HEADER_SIZE || size > SMEW_FRAME_MAX)
        return SMEW_CORRUPT;
    memcpy(&header, bytes, HEADER_SIZE);
    if (!is_whole(&header, bytes, size) || header.target != 0 || header.source != 0 ||
        header.event != 0) /* numbers mean something in a lane only */
        return SMEW_CORRUPT;
    smew__wire_arena_init(&arena, 2 * sizeof(struct smew__envelope_header[SMEW_HEADERS_MAX]));
    if (header.kind == SMEW_KIND_CONTROL)
        status = decode_control(&header, bytes + HEADER_SIZE, &decoded);
    else
        status = decode_envelope(&header, bytes + HEADER_SIZE, &arena, &decoded);
    if (decoded.memory == NULL)
        decoded.memory = smew__wire_arena_release(&arena);
    if (status != SMEW_OK)
        smew__item_fini(&decoded);
    else
        *item = decoded;
    return status == SMEW_INVALID || status == SMEW_TOO_BIG ? SMEW_CORRUPT : status;
}

const struct smew__codec smew__codec_record = {"record", encode, decode};
