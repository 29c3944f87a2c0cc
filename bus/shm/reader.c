/* SPDX-License-Identifier: MIT */
/*
 * The consumer's side of a lane, reader.h: finding the next record, or what became of it.
 *
 * Happy path: the commit word is the expected one, the header is copied and right.
 *
 * Failure modes: damage, which costs the records that it hit (here), and their answers
 * (reader_answer.c); a producer that lies, or goes on being damaged, which costs its lane.
 */
#include "bus/shm/reader.h"

#include <string.h>

#include "base/alloc.h"
#include "base/crc32c/crc32c.h"
#include "base/sync/fence.h"
#include "bus/shm/ring.h"

enum { LINE = SMEW__RECORD_ALIGNMENT };

enum smew_status smew__lane_reader_init(struct smew__lane_reader *reader,
                                        struct smew__lane_memory *memory)
{
    uint8_t *done = smew__calloc((size_t)memory->window, sizeof *done);

    if (done == NULL)
        return SMEW_NO_MEMORY;
    /* Relaxed: the producer does not have it yet. */
    atomic_store_explicit(&memory->cursors->reaches, smew__fence_reaches_processes(),
                          memory_order_relaxed);
    *reader = (struct smew__lane_reader){
        .memory = memory,
        .done = done,
        .next_number = memory->first_number,
        .taken_position = memory->first_position,
        .taken = memory->first_number,
        .completed = memory->first_number,
        .published = memory->first_number,
        .losses_at = memory->first_number,
    };
    smew__lane_reader_move(reader, memory->first_number, memory->first_position);
    return SMEW_OK;
}

void smew__lane_reader_fini(struct smew__lane_reader *reader)
{
    smew__free(reader->done);
    reader->done = NULL;
}

/* R1: how many more records may be in flight. */
static uint64_t room_of(const struct smew__lane_reader *reader)
{
    return reader->memory->window - (reader->next_number - reader->completed);
}

/* ---- losses -------------------------------------------------------------------------- */

/* Damage was found, and its records are answered; too much of it ends the lane. */
static enum smew_status note_loss(struct smew__lane_reader *reader, uint64_t first, uint64_t count)
{
    reader->losses.lost += count;
    reader->losses.first_number = first;
    reader->losses.count = count;
    if (reader->next_number - reader->losses_at >= SMEW__LANE_LOSSES_PERIOD) {
        reader->losses_at = reader->next_number;
        reader->recent_losses = 0;
    }
    if (++reader->recent_losses >= SMEW__LANE_LOSSES_MAX && !reader->quarantined)
        smew__lane_reader_close(reader, SMEW__LANE_QUARANTINED);
    return SMEW_CORRUPT;
}

/* The next records are lost; what follows them begins at `position`. */
static enum smew_status lose(struct smew__lane_reader *reader, uint64_t count, uint64_t position)
{
    uint64_t first = reader->next_number;

    reader->searching = false;
    smew__lane_reader_move(reader, first + count, position);
    reader->taken_position = position;
    reader->taken = reader->next_number;
    for (uint64_t i = 0; i < count; i++)
        smew__lane_reader_complete(reader, first + i, SMEW_CORRUPT);
    return note_loss(reader, first, count);
}

void smew__lane_reader_lose(struct smew__lane_reader *reader,
                            const struct smew__lane_record *record)
{
    smew__lane_reader_complete(reader, record->number, SMEW_CORRUPT);
    (void)note_loss(reader, record->number, 1);
}

/* ---- what the head says -------------------------------------------------------------- */

/* How far the producer is. */
struct head {
    uint64_t number;
    uint64_t position;
};

/* OK: it is beyond the next record.  AGAIN: it is not.  CORRUPT: damaged.  INVALID: a lie. */
static enum smew_status look_ahead(const struct smew__lane_reader *reader, struct head *head)
{
    const struct smew__lane_memory *memory = reader->memory;
    /* Acquire pairs with publish 4: the commit words before it are there. */
    uint64_t word = atomic_load_explicit(&memory->header->head, memory_order_acquire);
    enum smew_status status;

    *head = (struct head){reader->next_number, reader->next_position};
    status = smew__head_unpack(word, room_of(reader), memory->ring_bytes, &head->number,
                               &head->position);
    return status == SMEW_OK && head->number == reader->next_number ? SMEW_AGAIN : status;
}

/* The same, for who acts on it: a status of smew__lane_reader_next(), OK when head is beyond. */
static enum smew_status heed_head(struct smew__lane_reader *reader, struct head *head)
{
    const struct smew__ring_header *header = reader->memory->header;
    /* Acquire pairs with writer_end; before the head, so that what was committed before the end was
       said is seen by who sees the end. */
    bool ended = atomic_load_explicit(&header->ended, memory_order_acquire) == 1;

    switch (look_ahead(reader, head)) {
    case SMEW_OK:
        return SMEW_OK;
    case SMEW_AGAIN:
        return ended ? SMEW_RESET : SMEW_AGAIN;
    case SMEW_CORRUPT:
        if (!ended) /* the next publish, or the end, puts it right */
            return SMEW_AGAIN;
        break;
    default:
        break;
    }
    smew__lane_reader_close(reader, SMEW__LANE_QUARANTINED);
    return SMEW_CLOSED;
}

/* ---- searching ----------------------------------------------------------------------- */

/* Is there a record at this position, between the next one and the head?  And which? */
static bool find_at(const struct smew__lane_reader *reader, uint64_t position,
                    const struct head *head, uint64_t *number)
{
    const struct smew__lane_memory *memory = reader->memory;
    /* Relaxed: it was committed before the head that was acquired. */
    uint64_t word = atomic_load_explicit(smew__ring_word(memory, position), memory_order_relaxed);
    uint64_t ahead =
        (smew__record_number(word, memory->salt) - reader->next_number) & SMEW__RECORD_NUMBER_MASK;
    uint64_t all = head->number - reader->next_number;
    struct smew__record_header header;

    if (!smew__record_is_commit(word) || ahead == 0 || ahead >= all)
        return false;
    if (position - reader->next_position < ahead * LINE ||
        head->position - position < (all - ahead) * LINE)
        return false;
    if (!smew__ring_header(memory, position, word, &header) ||
        smew__record_size(&header) > head->position - position)
        return false;
    *number = reader->next_number + ahead;
    return true;
}

/* The next record is lost, and its length with it. */
static enum smew_status search(struct smew__lane_reader *reader, const struct head *head)
{
    uint64_t position = reader->next_position + LINE;
    uint64_t number = head->number;

    while (position != head->position && !find_at(reader, position, head, &number))
        position += LINE;
    return lose(reader, number - reader->next_number, position);
}

/* ---- the next record ----------------------------------------------------------------- */

/* The next record's header was wrong, now or before. */
static enum smew_status search_on(struct smew__lane_reader *reader)
{
    struct head head;
    enum smew_status status = heed_head(reader, &head);

    reader->searching = true;
    return status == SMEW_OK ? search(reader, &head) : status;
}

uint64_t smew__lane_reader_room(const struct smew__lane_reader *reader)
{
    return room_of(reader);
}

void smew__lane_reader_note(struct smew__lane_reader *reader, uint64_t count, uint64_t position)
{
    reader->taken += count;
    reader->taken_position = position;
}

static enum smew_status take(struct smew__lane_reader *reader, struct smew__lane_record *record)
{
    if (!smew__lane_reader_take(reader, record))
        return search_on(reader);
    smew__lane_reader_pass(reader, record->body_size);
    smew__lane_reader_note(reader, 1, reader->next_position);
    return SMEW_OK;
}

enum smew_status smew__lane_reader_next(struct smew__lane_reader *reader,
                                        struct smew__lane_record *record)
{
    struct smew__record_header header;
    struct head head;
    enum smew_status status;

    if (reader->quarantined)
        return SMEW_CLOSED;
    if (room_of(reader) == 0)
        return SMEW_AGAIN;
    if (reader->searching)
        return search_on(reader);
    if (smew__lane_reader_peek(reader))
        return take(reader, record);
    status = heed_head(reader, &head);
    if (status != SMEW_OK)
        return status;
    if (smew__lane_reader_peek(reader))
        return take(reader, record);
    if (!smew__ring_header(reader->memory, reader->next_position, reader->next_commit, &header))
        return search(reader, &head);
    return lose(reader, 1, reader->next_position + smew__record_size(&header));
}

bool smew__lane_reader_ready(const struct smew__lane_reader *reader)
{
    struct head head;
    enum smew_status status;

    if (reader->quarantined || room_of(reader) == 0)
        return false;
    if (!reader->searching && smew__lane_reader_peek(reader))
        return true;
    status = look_ahead(reader, &head);
    return status == SMEW_OK || status == SMEW_INVALID;
}
