/* SPDX-License-Identifier: MIT */
/*
 * The consumer's side of a lane, reader.h: what it tells the producer.  All of it is stores into
 * memory that only this side writes; nothing can fail.
 */
#include "bus/shm/reader.h"

#include <assert.h>

#include "base/sync/fence.h"
#include "bus/shm/ring.h"

static uint8_t *done_of(const struct smew__lane_reader *reader, uint64_t number)
{
    return &reader->done[number & (reader->memory->window - 1)];
}

static void answer(struct smew__lane_reader *reader, uint64_t number, enum smew_status status)
{
    uint64_t word = number << 8 | (uint8_t)status;

    /* Relaxed: made visible by the next line. */
    atomic_store_explicit(smew__ring_answer(reader->memory, number), word, memory_order_relaxed);
    reader->specials++;
    /* Release pairs with collect 2: who sees the count sees the answers. */
    atomic_store_explicit(&reader->memory->cursors->specials, reader->specials,
                          memory_order_release);
}

/* Known before everything older is complete, so that it need not be sent again. */
static void answer_done(struct smew__lane_reader *reader, uint64_t number)
{
    /* Release pairs with writer_done: who sees it sees what was done. */
    atomic_store_explicit(smew__ring_answer(reader->memory, number),
                          number << 8 | SMEW__ANSWER_DONE, memory_order_release);
}

/* The completed prefix ends where the first is that is not. */
static void go_on(struct smew__lane_reader *reader)
{
    while (reader->completed != reader->taken && *done_of(reader, reader->completed) != 0) {
        *done_of(reader, reader->completed) = 0;
        reader->completed++;
    }
}

void smew__lane_reader_complete(struct smew__lane_reader *reader, uint64_t number,
                                enum smew_status status)
{
    bool in_flight = number - reader->completed < reader->taken - reader->completed;

    assert(in_flight);
    assert(*done_of(reader, number) == 0);
    if (!in_flight || *done_of(reader, number) != 0)
        return;
    if (status != SMEW_OK)
        answer(reader, number, status);
    else if (number != reader->completed)
        answer_done(reader, number);
    *done_of(reader, number) = 1;
    go_on(reader);
}

void smew__lane_reader_complete_all(struct smew__lane_reader *reader, uint64_t number,
                                    uint64_t count)
{
    assert(number - reader->completed + count <= reader->taken - reader->completed);
    if (number == reader->completed) {
        reader->completed += count;
        go_on(reader);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        smew__lane_reader_complete(reader, number + i, SMEW_OK);
}

/* Whoever sleeps until there is room looks again, when it sees this turn. */
static void turn(struct smew__lane_reader *reader)
{
    reader->turn++;
    /* Release pairs with writer_turn: who sees the turn sees what came before it. */
    atomic_store_explicit(&reader->memory->cursors->turn, reader->turn, memory_order_release);
}

bool smew__lane_reader_publish(struct smew__lane_reader *reader)
{
    struct smew__cursors *cursors = reader->memory->cursors;
    bool special = reader->specials != reader->told;
    uint32_t waiting;

    if (reader->completed == reader->published && !special)
        return false;
    reader->published = reader->completed;
    reader->told = reader->specials;
    /* Relaxed: for people, and nothing follows from it. */
    atomic_store_explicit(&cursors->received, reader->taken, memory_order_relaxed);
    /* Release pairs with collect 1: what these records lay in is not read any more, and who sees
       this sees their answers counted. */
    atomic_store_explicit(&cursors->completed, reader->completed, memory_order_release);
    turn(reader);
    /* Pairs with the fences of writer_wait and writer_watch: one of both sides sees the other. */
    atomic_thread_fence(memory_order_seq_cst);
    waiting = atomic_load_explicit(&reader->memory->header->waiting, memory_order_relaxed);
    if (waiting >= SMEW__WAITING_THREAD)
        smew__futex_wake(&cursors->turn);
    return special || (waiting & SMEW__WAITING_BELL) != 0;
}

bool smew__lane_reader_fences(const struct smew__lane_reader *reader)
{
    /* Acquire pairs with weigh: who sees that a producer fences sees what it had not fenced. */
    return atomic_load_explicit(&reader->memory->header->unfenced, memory_order_acquire) != 0;
}

/* For both sides, when the producer leaves it to us. */
static void fence(const struct smew__lane_reader *reader)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (smew__lane_reader_fences(reader))
        smew__fence_processes();
}

uint32_t smew__lane_reader_say(struct smew__lane_reader *reader, enum smew__lane_alarm alarm)
{
    /* Acquire pairs with must_ring: a ring that is not slept for any more is of what is seen. */
    uint32_t rings = atomic_load_explicit(&reader->memory->header->rings, memory_order_acquire);

    reader->sleeps += 2;
    if (reader->sleeps == 0) /* 0 says that it is awake */
        reader->sleeps = 2;
    /* Relaxed: the fence orders it before the look, and pairs with the fence of must_ring. */
    atomic_store_explicit(&reader->memory->cursors->armed, reader->sleeps | (uint32_t)alarm,
                          memory_order_relaxed);
    return rings;
}

bool smew__lane_reader_arm(struct smew__lane_reader *reader)
{
    (void)smew__lane_reader_say(reader, SMEW__ALARM_BELL);
    fence(reader);
    return smew__lane_reader_ready(reader);
}

void smew__lane_reader_disarm(struct smew__lane_reader *reader)
{
    /* Relaxed: seen late, it costs a bell. */
    atomic_store_explicit(&reader->memory->cursors->armed, 0, memory_order_relaxed);
}

void smew__lane_reader_leave(struct smew__lane_reader *reader)
{
    /* Relaxed: the fence orders it before the last looks, and pairs with that of must_ring. */
    atomic_store_explicit(&reader->memory->cursors->state, SMEW__LANE_CLOSED, memory_order_relaxed);
    fence(reader);
}

void smew__lane_reader_close(struct smew__lane_reader *reader, enum smew__lane_state state)
{
    struct smew__cursors *cursors = reader->memory->cursors;

    reader->quarantined = true;
    /* Relaxed: made visible by the turn, to who waits; seen late by others, it costs a record that
       is sent again. */
    atomic_store_explicit(&cursors->state, state, memory_order_relaxed);
    turn(reader);
    smew__futex_wake(&cursors->turn);
}
