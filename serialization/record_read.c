/* SPDX-License-Identifier: MIT */
/*
 * Records as envelopes, record.h.
 *
 * The body is read through a cursor that cannot leave it, each byte that decides something once:
 * texts and payload are used where they lie, and nothing becomes unsafe when they change there.
 * That the record is the one valid form of its envelope is checked by laying the result out again.
 *
 * Failure modes: CORRUPT for a check that fails and a number that nobody defined, VERSION for what
 * record.h and item.h do not list; NO_MEMORY only for an envelope with user headers.
 */
#include "serialization/record.h"

#include <string.h>

#include "serialization/arena.h"

enum { USER_HEADER_SIZES = 3 /* what is in front of a user header's name */ };

/* A record that is being read. */
struct reading {
    const struct smew__record_header *header;
    const struct smew__record_lane *lane; /* NULL: it stands alone */
    struct smew__record_fixed fixed;
    struct smew__record_numbers numbers;
    unsigned silent; /* enum smew__envelope_names that are not in the record */
    struct smew__envelope *envelope;
};

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

static void take_id(struct cursor *cursor, const struct reading *reading)
{
    struct smew_message_id *id = &reading->envelope->id;

    if ((reading->fixed.values & SMEW__RECORD_ID) != 0) {
        id->node = take_word(cursor);
        id->sequence = take_word(cursor);
        id->stream = take_half_word(cursor);
    } else if (reading->lane != NULL) {
        *id = reading->lane->implied.id;
    } else {
        cursor->bad = true;
    }
}

static void take_values(struct cursor *cursor, const struct reading *reading)
{
    struct smew__envelope *envelope = reading->envelope;
    unsigned values = reading->fixed.values;

    take_id(cursor, reading);
    envelope->correlation = take_value(cursor, values, SMEW__RECORD_CORRELATION);
    if ((values & SMEW__RECORD_RESULT) != 0)
        envelope->result = (int32_t)take_half_word(cursor);
    envelope->sent_ns = smew__record_sent_ns(reading->header);
    if ((values & SMEW__RECORD_SENT) != 0) {
        cursor->bad |= envelope->sent_ns != 0; /* said twice */
        envelope->sent_ns = take_word(cursor);
    }
    envelope->deadline_ns = take_value(cursor, values, SMEW__RECORD_DEADLINE);
    envelope->missed = take_value(cursor, values, SMEW__RECORD_MISSED);
}

/* A name's text, if it is here; and what it means that it is here or not. */
static struct smew__text take_name(struct cursor *cursor, struct reading *reading,
                                   enum smew__envelope_names name, size_t size, uint32_t number)
{
    if (number != 0 && size != 0)
        reading->numbers.defines |= (uint8_t)name;
    if (number != 0 && size == 0)
        reading->silent |= name;
    return take_text(cursor, size);
}

static void take_texts(struct cursor *cursor, struct reading *reading)
{
    const struct smew__record_fixed *fixed = &reading->fixed;
    const struct smew__record_numbers *numbers = &reading->numbers;
    struct smew__envelope *envelope = reading->envelope;

    envelope->target =
        take_name(cursor, reading, SMEW__ENVELOPE_TARGET, fixed->target_size, numbers->target);
    envelope->source = take_text(cursor, fixed->source_size);
    envelope->event =
        take_name(cursor, reading, SMEW__ENVELOPE_EVENT, fixed->event_size, numbers->event);
    envelope->traceparent = take_text(cursor, fixed->traceparent_size);
    take_zeros(cursor);
}

/* The extension, which its cursor holds from end to end, and the user headers that it speaks of. */
static enum smew_status take_extension(struct cursor *cursor, struct reading *reading,
                                       struct smew__wire_arena *arena)
{
    struct smew__envelope *envelope = reading->envelope;
    uint64_t headers;

    if ((reading->fixed.values & ~(unsigned)SMEW__RECORD_VALUES) != 0 || reading->fixed.unused != 0)
        return SMEW_VERSION;
    envelope->flags = reading->fixed.flags;
    take_values(cursor, reading);
    headers = take_value(cursor, reading->fixed.values, SMEW__RECORD_HEADERS);
    take_texts(cursor, reading);
    if (cursor->bad)
        return SMEW_CORRUPT;
    return headers == 0 ? SMEW_OK : take_headers(headers, arena, envelope);
}

static bool resolve(const struct reading *reading, enum smew__envelope_names name, uint32_t number,
                    struct smew__text *text)
{
    const struct smew__record_lane *lane = reading->lane;

    if ((reading->silent & name) == 0)
        return true;
    return lane != NULL && lane->resolve(lane->owner, name, number, text);
}

/* The names that are not in the record: by their numbers, or because of the lane. */
static enum smew_status find_names(struct reading *reading)
{
    const struct smew__record_numbers *numbers = &reading->numbers;
    struct smew__envelope *envelope = reading->envelope;

    if (reading->lane == NULL) /* numbers mean something in a lane only */
        return numbers->target != 0 || numbers->event != 0 ? SMEW_CORRUPT : SMEW_OK;
    if (reading->fixed.source_size == 0) {
        reading->silent |= SMEW__ENVELOPE_SOURCE;
        envelope->source = reading->lane->implied.source;
    }
    return resolve(reading, SMEW__ENVELOPE_TARGET, numbers->target, &envelope->target) &&
                   resolve(reading, SMEW__ENVELOPE_EVENT, numbers->event, &envelope->event)
               ? SMEW_OK
               : SMEW_CORRUPT;
}

/* Would this envelope have been written just so? */
static enum smew_status check_form(const struct reading *reading)
{
    const struct smew__record_implied *implied =
        reading->lane != NULL ? &reading->lane->implied : NULL;
    struct smew__record_shape shape =
        smew__record_lay_out(reading->envelope, implied, &reading->numbers);
    unsigned inlined = (reading->fixed.target_size != 0 ? SMEW__ENVELOPE_TARGET : 0u) |
                       (reading->fixed.source_size != 0 ? SMEW__ENVELOPE_SOURCE : 0u) |
                       (reading->fixed.event_size != 0 ? SMEW__ENVELOPE_EVENT : 0u);

    return shape.values == reading->fixed.values && shape.inlined == inlined &&
                   shape.extension_words == reading->header->extension_words
               ? SMEW_OK
               : SMEW_CORRUPT;
}

static enum smew_status read_envelope(struct reading *reading, const uint8_t *body,
                                      struct smew__wire_arena *arena)
{
    const struct smew__record_header *header = reading->header;
    struct smew__envelope *envelope = reading->envelope;
    size_t extension_size = header->extension_words * (size_t)SMEW__RECORD_WORD;
    size_t used = extension_size + header->payload_size;
    struct cursor cursor = {body, extension_size, false};
    struct cursor padding = {body + used, (size_t)smew__record_size(header) - sizeof *header - used,
                             false};
    enum smew_status status;

    take_zeros(&padding);
    if (padding.bad)
        return SMEW_CORRUPT;
    if (extension_size != 0)
        memcpy(&reading->fixed, take(&cursor, sizeof reading->fixed), sizeof reading->fixed);
    envelope->kind = (enum smew_kind)header->kind;
    envelope->content = (enum smew_content)header->content;
    envelope->payload = body + extension_size;
    envelope->payload_size = header->payload_size;
    status = take_extension(&cursor, reading, arena);
    if (status == SMEW_OK)
        status = find_names(reading);
    if (status == SMEW_OK)
        status = smew__envelope_check(envelope, reading->silent);
    return status == SMEW_OK ? check_form(reading) : status;
}

enum smew_status smew__record_read(const struct smew__record_header *header, const uint8_t *body,
                                   const struct smew__record_lane *lane, unsigned *defines,
                                   struct smew__item *item)
{
    struct smew__item made = {.type = SMEW__ITEM_ENVELOPE};
    struct reading reading = {
        .header = header,
        .lane = lane,
        .numbers = {.target = header->target, .event = header->event},
        .envelope = &made.envelope,
    };
    struct smew__wire_arena arena;
    enum smew_status status;

    if (header->kind == SMEW_KIND_CONTROL) /* stands alone, and is no envelope */
        return SMEW_CORRUPT;
    smew__wire_arena_init(&arena, 2 * sizeof(struct smew__envelope_header[SMEW_HEADERS_MAX]));
    status = read_envelope(&reading, body, &arena);
    made.memory = smew__wire_arena_release(&arena);
    if (status != SMEW_OK) {
        smew__item_fini(&made);
        return status == SMEW_INVALID || status == SMEW_TOO_BIG ? SMEW_CORRUPT : status;
    }
    *defines = reading.numbers.defines;
    *item = made;
    return SMEW_OK;
}
