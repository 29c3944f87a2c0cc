/* SPDX-License-Identifier: MIT */
/*
 * The producer's side of a lane, writer.h: publishing, and what is still in flight.
 *
 * Happy path: room, the body in place, commit (in line, writer.h); now and then a look at how far
 * the consumer is (writer_answer.c).
 *
 * Failure modes: no room; a consumer that has left, or lies; and damage to what is in flight, which
 * shows when that is to be sent again.
 */
#include "bus/shm/writer.h"

#include "base/alloc.h"
#include "base/crc32c/crc32c.h"
#include "base/sync/fence.h"
#include "bus/shm/ring.h"

/* A ring weighs as much as so many records without one: what their fences cost. */
enum { RING = 64, SLEEPY = 4 * RING };

enum { HEADER = sizeof(struct smew__record_header) };

enum smew_status smew__lane_writer_init(struct smew__lane_writer *writer,
                                        struct smew__lane_memory *memory)
{
    struct smew__flight *flights = smew__calloc((size_t)memory->window, sizeof *flights);
    bool unfenced;

    if (flights == NULL)
        return SMEW_NO_MEMORY;
    /* Relaxed: it has been there since before we had the memory. */
    unfenced = atomic_load_explicit(&memory->cursors->reaches, memory_order_relaxed) == 1 &&
               smew__fence_reaches_processes();
    /* Relaxed: the fence orders it, as in weigh(). */
    atomic_store_explicit(&memory->header->unfenced, unfenced, memory_order_relaxed);
    smew__fence_full();
    *writer = (struct smew__lane_writer){
        .unfenced = unfenced,
        .reached = unfenced,
        .memory = memory,
        .flights = flights,
        .head_number = memory->first_number,
        .head_position = memory->first_position,
        .sealed_number = memory->first_number,
        .sealed_position = memory->first_position,
        .tail_number = memory->first_number,
        .tail_position = memory->first_position,
    };
    return SMEW_OK;
}

void smew__lane_writer_fini(struct smew__lane_writer *writer)
{
    smew__free(writer->flights);
    writer->flights = NULL;
}

/* ---- publishing ---------------------------------------------------------------------- */

void smew__lane_writer_publish_all(struct smew__lane_writer *writer)
{
    while (writer->head_number != writer->sealed_number)
        smew__lane_writer_publish_next(writer, smew__lane_flight_end(writer, writer->head_number));
}

uint64_t smew__lane_writer_seal(struct smew__lane_writer *writer,
                                const struct smew__record_header *header)
{
    return smew__lane_writer_seal_words(writer, smew__record_words_of(header), header->body_crc,
                                        smew__record_size(header));
}

void smew__lane_writer_withhold(struct smew__lane_writer *writer)
{
    for (; writer->head_number != writer->sealed_number; writer->head_number++)
        smew__lane_flight(writer, writer->head_number)->withheld = true;
    writer->head_position = writer->sealed_position;
}

uint64_t smew__lane_writer_commit(struct smew__lane_writer *writer,
                                  const struct smew__record_header *header)
{
    uint64_t number = smew__lane_writer_seal(writer, header);

    smew__lane_writer_publish(writer);
    return number;
}

void smew__lane_writer_refresh(struct smew__lane_writer *writer)
{
    if (writer->head_number == writer->tail_number)
        return;
    /* Release, as in publish: it is the same word. */
    atomic_store_explicit(&writer->memory->header->head,
                          smew__head_pack(writer->head_number, writer->head_position),
                          memory_order_release);
}

void smew__lane_writer_abort(struct smew__lane_writer *writer)
{
    writer->reserved = 0;
}

/* Who is to fence from now on; writer.h says how. */
static void weigh(struct smew__lane_writer *writer, bool rings)
{
    _Atomic uint32_t *unfenced = &writer->memory->header->unfenced;

    if (rings)
        writer->sleepy = writer->sleepy < SLEEPY - RING ? writer->sleepy + RING : SLEEPY;
    else if (writer->sleepy > 0)
        writer->sleepy--;
    if (writer->unfenced && writer->sleepy == SLEEPY) {
        writer->unfenced = false;
        atomic_store_explicit(unfenced, 0, memory_order_release);
    } else if (!writer->unfenced && writer->reached && writer->sleepy == 0) {
        writer->unfenced = true;
        atomic_store_explicit(unfenced, 1, memory_order_relaxed);
        smew__fence_full();
    }
}

/* It sleeps until its word is rung. */
static void ring(_Atomic uint32_t *rings)
{
    /* Release pairs with reader_say: who sees this ring sees what was committed before it. */
    atomic_store_explicit(rings, atomic_load_explicit(rings, memory_order_relaxed) + 1,
                          memory_order_release);
    smew__futex_wake(rings);
}

bool smew__lane_writer_look_up(struct smew__lane_writer *writer, uint32_t armed)
{
    bool rings = armed != 0 && armed != writer->rung;

    if (writer->reached)
        weigh(writer, rings);
    if (!rings)
        return false;
    writer->rung = armed;
    if (armed & SMEW__ALARM_WORD)
        ring(&writer->memory->header->rings);
    return !(armed & SMEW__ALARM_WORD);
}

void smew__lane_writer_end(struct smew__lane_writer *writer)
{
    struct smew__ring_header *header = writer->memory->header;

    writer->reserved = 0;
    writer->ended = true;
    /* Once more, in case somebody damaged it: no publish will put it right. */
    atomic_store_explicit(&header->head,
                          smew__head_pack(writer->head_number, writer->head_position),
                          memory_order_release);
    /* Release pairs with reader_next 3: who sees the end sees all that was committed. */
    atomic_store_explicit(&header->ended, 1, memory_order_release);
}

/* ---- in flight ----------------------------------------------------------------------- */

static bool is_in_flight(const struct smew__lane_writer *writer, uint64_t number)
{
    return number - writer->tail_number < writer->head_number - writer->tail_number;
}

bool smew__lane_writer_settled(const struct smew__lane_writer *writer, uint64_t number)
{
    if (is_in_flight(writer, number))
        return smew__lane_flight(writer, number)->answered;
    return (int64_t)(number - writer->tail_number) < 0;
}

bool smew__lane_writer_idle(const struct smew__lane_writer *writer)
{
    return writer->sealed_number == writer->tail_number;
}

enum smew_status smew__lane_writer_read(const struct smew__lane_writer *writer, uint64_t number,
                                        struct smew__record_header *header, const uint8_t **body)
{
    const struct smew__lane_memory *memory = writer->memory;
    uint64_t commit = smew__record_commit(number, memory->salt);
    struct smew__record_header copy;
    uint64_t position;
    uint64_t size;

    if (!is_in_flight(writer, number))
        return SMEW_NOT_FOUND;
    position = smew__lane_flight(writer, number)->position;
    size = smew__lane_flight_end(writer, number) - position;
    /* Relaxed: this side stored it. */
    if ((!smew__lane_flight(writer, number)->withheld &&
         atomic_load_explicit(smew__ring_word(memory, position), memory_order_relaxed) != commit) ||
        !smew__ring_header(memory, position, commit, &copy) || smew__record_size(&copy) != size)
        return SMEW_CORRUPT;
    *body = smew__ring_at(memory, position) + HEADER;
    if (smew__crc32c(0, *body, (size_t)(size - HEADER)) != copy.body_crc)
        return SMEW_CORRUPT;
    *header = copy;
    return SMEW_OK;
}

enum smew_status smew__lane_writer_unanswered(const struct smew__lane_writer *writer,
                                              uint64_t *number, struct smew__record_header *header,
                                              const uint8_t **body)
{
    if (!is_in_flight(writer, *number) && *number != writer->head_number)
        *number = writer->tail_number; /* what was before has its answer */
    while (*number != writer->head_number && (smew__lane_flight(writer, *number)->answered ||
                                              smew__lane_writer_done(writer, *number)))
        ++*number;
    return smew__lane_writer_read(writer, *number, header, body);
}
