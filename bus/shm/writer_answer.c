/* SPDX-License-Identifier: MIT */
/*
 * The producer's side of a lane, writer.h: what the consumer says, and waiting for it to say more.
 *
 * Everything that the consumer says is a claim: a number is one of those in flight, a status one
 * that there is, and as many answers are there as are counted; or else the lane is broken.
 */
#include "bus/shm/writer.h"

#include "bus/shm/ring.h"

static struct smew__flight *flight_of(const struct smew__lane_writer *writer, uint64_t number)
{
    return &writer->flights[number & (writer->memory->window - 1)];
}

/* ---- answers ------------------------------------------------------------------------- */

/* The status of an answer's byte; OK for what is none. */
static enum smew_status status_of(uint8_t byte)
{
    switch (byte) {
#define KNOWN(name, code, text) \
    case (uint8_t)(code):       \
        return SMEW_##name;
        SMEW_STATUS_LIST(KNOWN)
#undef KNOWN
    default:
        return SMEW_OK;
    }
}

/* What was answered to a record in flight: OK for nothing yet.  False: what cannot be. */
static bool look(const struct smew__lane_writer *writer, uint64_t number, enum smew_status *answer)
{
    /* Relaxed: the count of specials was acquired; one that does not count yet may do no harm. */
    uint64_t word =
        atomic_load_explicit(smew__ring_answer(writer->memory, number), memory_order_relaxed);
    uint8_t byte = word & 0xff;

    *answer = SMEW_OK;
    if (word >> 8 != (number & UINT64_MAX >> 8) || byte == 0 || byte == SMEW__ANSWER_DONE)
        return true;
    *answer = status_of(byte);
    return *answer != SMEW_OK;
}

/*
 * Gives the answers of all that is in flight, oldest first; *stop is the first that was not taken,
 * or the head.  INVALID when the consumer lies.
 */
static enum smew_status take_answers(struct smew__lane_writer *writer, uint64_t specials,
                                     smew__answer_fn on_answer, void *owner, uint64_t *stop)
{
    for (; *stop != writer->head_number; ++*stop) {
        struct smew__flight *flight = flight_of(writer, *stop);
        enum smew_status answer;

        if (flight->answered)
            continue;
        if (!look(writer, *stop, &answer))
            return SMEW_INVALID;
        if (answer == SMEW_OK)
            continue;
        if (!on_answer(owner, *stop, answer))
            return SMEW_OK;
        flight->answered = true;
        writer->answers++;
    }
    if ((int64_t)(writer->answers - specials) < 0)
        return SMEW_INVALID;
    writer->specials = specials;
    return SMEW_OK;
}

static void move_tail(struct smew__lane_writer *writer, uint64_t number)
{
    writer->tail_number = number;
    writer->tail_position =
        number == writer->head_number ? writer->head_position : flight_of(writer, number)->position;
}

enum smew_status smew__lane_writer_collect(struct smew__lane_writer *writer,
                                           smew__answer_fn on_answer, void *owner)
{
    const struct smew__cursors *cursors = writer->memory->cursors;
    /* Acquire pairs with reader_publish 3: the places of these records are free, and ... */
    uint64_t completed = atomic_load_explicit(&cursors->completed, memory_order_acquire);
    /* ... acquire pairs with reader_complete 2: their answers are counted, and there. */
    uint64_t specials = atomic_load_explicit(&cursors->specials, memory_order_acquire);
    uint64_t count = completed - writer->tail_number;
    uint64_t stop = writer->tail_number;

    if (count > writer->head_number - writer->tail_number)
        writer->broken = true;
    if (writer->broken)
        return SMEW_CORRUPT;
    if (specials != writer->specials) {
        if (take_answers(writer, specials, on_answer, owner, &stop) != SMEW_OK) {
            writer->broken = true;
            return SMEW_CORRUPT;
        }
        if (stop - writer->tail_number < count)
            completed = stop;
    }
    move_tail(writer, completed);
    return SMEW_OK;
}

bool smew__lane_writer_done(const struct smew__lane_writer *writer, uint64_t number)
{
    /* Acquire pairs with answer_done. */
    return atomic_load_explicit(smew__ring_answer(writer->memory, number), memory_order_acquire) ==
           (number << 8 | SMEW__ANSWER_DONE);
}

bool smew__lane_writer_has_answers(const struct smew__lane_writer *writer)
{
    /* Relaxed: only a hint; collect looks again. */
    return atomic_load_explicit(&writer->memory->cursors->specials, memory_order_relaxed) !=
           writer->specials;
}

/* ---- waiting ------------------------------------------------------------------------- */

uint32_t smew__lane_writer_turn(struct smew__lane_writer *writer)
{
    /* Acquire pairs with reader_publish 4: who sees this turn sees what was completed before. */
    return atomic_load_explicit(&writer->memory->cursors->turn, memory_order_acquire);
}

enum smew_status smew__lane_writer_wait(struct smew__lane_writer *writer, uint32_t seen,
                                        uint64_t deadline_ns)
{
    const struct smew__cursors *cursors = writer->memory->cursors;
    _Atomic uint32_t *waiting = &writer->memory->header->waiting;
    enum smew_status status;

    /* Relaxed: the fence orders it before the kernel's look at the turn, and pairs with the fence
       of reader_publish. */
    atomic_fetch_add_explicit(waiting, SMEW__WAITING_THREAD, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    status = smew__futex_wait(&cursors->turn, seen, deadline_ns);
    atomic_fetch_sub_explicit(waiting, SMEW__WAITING_THREAD, memory_order_relaxed);
    return status;
}

void smew__lane_writer_watch(struct smew__lane_writer *writer, bool on)
{
    _Atomic uint32_t *waiting = &writer->memory->header->waiting;
    /* Relaxed: only this process changes it. */
    uint32_t before = atomic_load_explicit(waiting, memory_order_relaxed);

    if (((before & SMEW__WAITING_BELL) != 0) == on)
        return;
    if (on)
        atomic_fetch_or_explicit(waiting, SMEW__WAITING_BELL, memory_order_relaxed);
    else
        atomic_fetch_and_explicit(waiting, ~(uint32_t)SMEW__WAITING_BELL, memory_order_relaxed);
    /* Pairs with the fence of reader_publish: the collect that follows sees what it published, or
       it sees the bell. */
    atomic_thread_fence(memory_order_seq_cst);
}

void smew__lane_writer_wake(struct smew__lane_writer *writer)
{
    smew__futex_wake(&writer->memory->cursors->turn);
}
