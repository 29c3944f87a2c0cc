/* SPDX-License-Identifier: MIT */
/*
 * Names by number, and envelopes in and out of a lane.  Out of memory for a name the sender goes on
 * with text alone; the receiver gives the record back.
 */
#include "bus/lane_record.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "serialization/record_plain.h"

/* ---- names --------------------------------------------------------------------------- */

void smew__lane_names_fini(struct smew__lane_names *names)
{
    for (uint32_t i = 1; i < names->room; i++)
        smew__free(names->by_number[i]);
    smew__free(names->by_number);
    smew__table_fini(&names->by_text);
    *names = (struct smew__lane_names){0};
}

const struct smew__lane_name *smew__lane_name_known(const struct smew__lane_names *names,
                                                    const char *text, size_t size)
{
    const struct smew__lane_name *name = smew__table_get(&names->by_text, text, size);

    return name && name->known ? name : NULL;
}

/* Room for this number; false when out of memory. */
static bool make_room(struct smew__lane_names *names, uint32_t number)
{
    struct smew__lane_name **bigger;
    uint32_t room = names->room ? names->room : 16;

    while (room <= number)
        room *= 2;
    if (room == names->room)
        return true;
    bigger = smew__realloc(names->by_number, room * sizeof(struct smew__lane_name *));
    if (!bigger)
        return false;
    memset(bigger + names->room, 0, (room - names->room) * sizeof(struct smew__lane_name *));
    names->by_number = bigger;
    names->room = room;
    return true;
}

static struct smew__lane_name *make_name(uint32_t number, struct smew__text text)
{
    struct smew__lane_name *name = smew__calloc(1, sizeof(*name) + text.size + 1);

    if (!name)
        return NULL;
    memcpy(name->text, text.data, text.size);
    name->size = (uint32_t)text.size;
    name->number = number;
    return name;
}

/* The name of a text, with a new number when it has none.  NULL: it goes as text alone. */
static struct smew__lane_name *number_for(struct smew__lane_names *names, struct smew__text text)
{
    struct smew__lane_name *name = smew__table_get(&names->by_text, text.data, text.size);
    uint32_t number = names->count + 1;

    if (name || text.size == 0)
        return name;
    if (number > SMEW__LANE_NAMES_MOST || !make_room(names, number))
        return NULL;
    name = make_name(number, text);
    if (!name)
        return NULL;
    if (!smew__table_put(&names->by_text, name->text, name->size, name)) {
        smew__free(name);
        return NULL;
    }
    names->by_number[number] = name;
    names->count++;
    return name;
}

static void undefine(struct smew__lane_names *names, uint64_t number)
{
    for (uint32_t i = 1; i <= names->count; i++) {
        struct smew__lane_name *name = names->by_number[i];

        if (name->told && name->told_at == number)
            name->told = name->known = false;
    }
}

void smew__lane_undefine(const struct smew__lane_meaning *meaning, uint64_t number)
{
    undefine(meaning->targets, number);
    undefine(meaning->events, number);
}

/* ---- writing ------------------------------------------------------------------------- */

/* The name's number for this record, and whether its text goes along. */
static uint16_t use_number(struct smew__lane_name *name, const struct smew__lane_writer *writer,
                           enum smew__envelope_names which, uint8_t *defines)
{
    if (!name)
        return 0;
    if (name->told && !name->known)
        name->known = smew__lane_writer_settled(writer, name->told_at);
    if (!name->known)
        *defines |= (uint8_t)which;
    return (uint16_t)name->number; /* SMEW__LANE_NAMES_MOST */
}

static void note_told(struct smew__lane_name *name, uint64_t number)
{
    if (!name || name->told)
        return;
    name->told = true;
    name->told_at = number;
}

static struct smew__record_implied implied_of(const struct smew__lane_meaning *meaning,
                                              uint64_t number)
{
    return (struct smew__record_implied){.id = {meaning->node, meaning->stream, number},
                                         .source = meaning->source};
}

/* How the record is laid out, its payload there or, when that is too large, in the pool. */
static enum smew_status measure(const struct smew__lane_writer *writer,
                                const struct smew__envelope *envelope,
                                const struct smew__record_implied *implied,
                                struct smew__lane_draft *draft, struct smew__record_shape *shape)
{
    struct smew__envelope pooled = *envelope;
    enum smew_status status = smew__record_measure(envelope, implied, &draft->numbers, shape);

    if (status || shape->body_size <= smew__lane_writer_body_max(writer) ||
        envelope->payload_size <= sizeof(struct smew__pool_handle))
        return status;
    pooled.payload_size = sizeof(struct smew__pool_handle);
    status = smew__record_measure(&pooled, implied, &draft->numbers, shape);
    draft->poolable = !status && shape->body_size <= smew__lane_writer_body_max(writer);
    return status;
}

/* Room for the record in the lane, and for its payload there or in the pool. */
static enum smew_status reserve(struct smew__lane_writer *writer,
                                const struct smew__lane_meaning *meaning,
                                const struct smew__envelope *envelope,
                                const struct smew__record_implied *implied,
                                struct smew__lane_draft *draft)
{
    struct smew__record_shape shape;
    enum smew_status status = measure(writer, envelope, implied, draft, &shape);
    uint8_t *record;

    if (!status && draft->poolable && !meaning->pool)
        status = SMEW_TOO_BIG;
    if (!status)
        status = smew__lane_writer_reserve(writer, shape.body_size, &record);
    if (status)
        return status;
    draft->pooled = draft->poolable;
    if (draft->pooled)
        status = smew__pool_claim(meaning->pool, envelope->payload_size, &draft->claim);
    if (status) {
        smew__lane_writer_abort(writer);
        return status;
    }
    draft->body = record + sizeof(struct smew__record_header);
    draft->payload = draft->pooled
                         ? draft->claim.payload
                         : draft->body + (size_t)shape.extension_words * SMEW__RECORD_WORD;
    return SMEW_OK;
}

enum smew_status smew__lane_begin(struct smew__lane_writer *writer,
                                  const struct smew__lane_meaning *meaning,
                                  struct smew__envelope *envelope, struct smew__lane_draft *draft)
{
    struct smew__record_implied implied = implied_of(meaning, writer->sealed_number);

    *draft = (struct smew__lane_draft){
        .target = number_for(meaning->targets, envelope->target),
        .event = number_for(meaning->events, envelope->event),
    };
    draft->numbers.target =
        use_number(draft->target, writer, SMEW__ENVELOPE_TARGET, &draft->numbers.defines);
    draft->numbers.event =
        use_number(draft->event, writer, SMEW__ENVELOPE_EVENT, &draft->numbers.defines);
    envelope->id = implied.id;
    return reserve(writer, meaning, envelope, &implied, draft);
}

static void release_claim(const struct smew__lane_meaning *meaning,
                          const struct smew__lane_draft *draft)
{
    (void)smew__pool_release(meaning->pool, draft->claim.offset, draft->claim.generation);
}

void smew__lane_fill(struct smew__lane_writer *writer, const struct smew__lane_meaning *meaning,
                     const struct smew__envelope *stated, struct smew__lane_draft *draft)
{
    enum smew_status status;

    if (!draft->pooled || draft->sealed || stated->payload_size == 0)
        return;
    status = smew__pool_seal(meaning->pool, &draft->claim, stated->payload, stated->payload_size,
                             meaning->stream, writer->sealed_number, &draft->handle);
    assert(!status); /* it was claimed, and is no larger */
    (void)status;
    draft->sealed = true;
}

uint64_t smew__lane_finish(struct smew__lane_writer *writer,
                           const struct smew__lane_meaning *meaning,
                           const struct smew__envelope *stated, struct smew__lane_draft *draft)
{
    struct smew__record_implied implied = implied_of(meaning, writer->sealed_number);
    struct smew__envelope envelope = *stated;
    struct smew__record_header header;
    struct smew__record_shape shape;
    enum smew_status status;
    uint64_t number;

    if (draft->pooled && envelope.payload_size == 0) {
        release_claim(meaning, draft);
        draft->pooled = false;
    }
    smew__lane_fill(writer, meaning, stated, draft);
    if (draft->pooled) {
        envelope.payload = &draft->handle;
        envelope.payload_size = sizeof(draft->handle);
    }
    envelope.id = implied.id;
    status = smew__record_measure(&envelope, &implied, &draft->numbers, &shape);

    /* It was measured before, with the same names and a payload that was no smaller. */
    assert(!status);
    (void)status;
    smew__record_write(&envelope, &shape, draft->body, &header);
    if (draft->pooled)
        header.kind |= SMEW__RECORD_POOLED;
    number = smew__lane_writer_seal(writer, &header);
    note_told(draft->target, number);
    note_told(draft->event, number);
    return number;
}

void smew__lane_cancel(struct smew__lane_writer *writer, const struct smew__lane_meaning *meaning,
                       const struct smew__lane_draft *draft)
{
    if (draft->pooled)
        release_claim(meaning, draft);
    smew__lane_writer_abort(writer);
}

/* ---- reading ------------------------------------------------------------------------- */

static bool name_of(const struct smew__lane_names *names, uint32_t number, struct smew__text *text)
{
    const struct smew__lane_name *name = smew__lane_name_numbered(names, number);

    if (name)
        *text = (struct smew__text){name->text, name->size};
    return name;
}

static bool resolve(void *owner, enum smew__envelope_names which, uint32_t number,
                    struct smew__text *text)
{
    const struct smew__lane_meaning *meaning = owner;
    const struct smew__lane_names *names = meaning->events;

    if (which == SMEW__ENVELOPE_TARGET)
        names = meaning->targets;
    else if (which != SMEW__ENVELOPE_EVENT)
        return false;
    return name_of(names, number, text);
}

/* The receiving side: a number is defined again with the same text, or it is a lie. */
static enum smew_status learn_name(struct smew__lane_names *names, uint32_t number,
                                   struct smew__text text)
{
    struct smew__lane_name *name;

    if (number > SMEW__LANE_NAMES_MOST)
        return SMEW_CORRUPT;
    if (!make_room(names, number))
        return SMEW_NO_MEMORY;
    name = names->by_number[number];
    if (name)
        return name->size == text.size && memcmp(name->text, text.data, text.size) == 0
                   ? SMEW_OK
                   : SMEW_CORRUPT;
    names->by_number[number] = make_name(number, text);
    return names->by_number[number] ? SMEW_OK : SMEW_NO_MEMORY;
}

static struct smew__text put_text(char **at, struct smew__text text)
{
    struct smew__text copy = {*at, text.size};

    memcpy(*at, text.data, text.size + 1); /* terminated, as it is */
    *at += text.size + 1;
    return copy;
}

/* Behind the body, one byte further on, are the texts. */
static void fill_plain(struct smew_message *message, const struct smew__record_plain *plain,
                       char *at, const struct smew__envelope *names)
{
    ((char *)(uintptr_t)plain->payload)[plain->payload_size] = '\0';
    message->envelope = (struct smew__envelope){
        .id = names->id,
        .kind = SMEW_KIND_EVENT,
        .content = plain->content,
        .payload = plain->payload,
        .payload_size = plain->payload_size,
        .sent_ns = names->sent_ns,
    };
    message->envelope.source = put_text(&at, plain->source.size ? plain->source : names->source);
    message->envelope.target = put_text(&at, names->target);
    message->envelope.event = put_text(&at, names->event);
    message->envelope.traceparent = (struct smew__text){at - 1, 0};
}

enum smew_status smew__lane_take_plain(const struct smew__lane_meaning *meaning,
                                       const struct smew__lane_record *record,
                                       struct smew__message_stock *stock,
                                       struct smew_message **message)
{
    const struct smew__record_header *header = &record->header;
    struct smew__envelope names = {.id = {meaning->node, meaning->stream, record->number},
                                   .sent_ns = smew__record_sent_ns(header),
                                   .source = meaning->source};
    size_t size = (size_t)record->body_size + 1;
    size_t extension = (size_t)header->extension_words * SMEW__RECORD_WORD; /* has a source */
    struct smew__record_plain plain;
    uint8_t *body;

    if (!smew__record_may_be_plain(header) ||
        !name_of(meaning->targets, header->target, &names.target) ||
        !name_of(meaning->events, header->event, &names.event))
        return SMEW_NO_MACHINE;
    *message = smew__message_stock_take(stock, size + extension + names.source.size +
                                                   names.target.size + names.event.size + 3);
    if (!*message)
        return SMEW_NO_MACHINE;
    body = (uint8_t *)(*message)->bytes;
    if (smew__lane_record_check(record, body)) {
        smew__message_stock_unref(stock, *message);
        return SMEW_CORRUPT;
    }
    if (!smew__record_plain_read(header, body, names.source, &plain)) {
        smew__message_stock_unref(stock, *message);
        return SMEW_NO_MACHINE;
    }
    fill_plain(*message, &plain, (char *)body + size, &names);
    return SMEW_OK;
}

enum smew_status smew__lane_take(const struct smew__lane_meaning *meaning, uint64_t number,
                                 const struct smew__record_header *header, const uint8_t *body,
                                 bool learn, struct smew__item *item)
{
    struct smew__record_lane lane = {
        .implied = {.id = {meaning->node, meaning->stream, number}, .source = meaning->source},
        .resolve = resolve,
        .owner = (void *)(uintptr_t)meaning,
    };
    struct smew__record_header stated = *header;
    unsigned defines = 0;
    enum smew_status status;

    stated.kind &= (uint8_t)~SMEW__RECORD_POOLED;
    status = smew__record_read(&stated, body, &lane, &defines, item);

    if (!status && learn && (defines & SMEW__ENVELOPE_TARGET))
        status = learn_name(meaning->targets, header->target, item->envelope.target);
    if (!status && learn && (defines & SMEW__ENVELOPE_EVENT))
        status = learn_name(meaning->events, header->event, item->envelope.event);
    if (status)
        smew__item_fini(item);
    return status;
}
