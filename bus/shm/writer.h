/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SHM_WRITER_H
#define SMEW_BUS_SHM_WRITER_H

/*
 * The producer's side of a lane.
 *
 *          tail              head          sealed
 *   ... ----+-----------------+-------------+---------> position
 *    free   | in flight       | written     | next record   free
 *           | answers arrive  | for nobody  |
 *                               to see yet
 *
 * A record is written, then *sealed*: it has its number and its place, and nothing is in its way
 * any more.  Publishing commits all that are sealed, in order; so those of a handler are committed
 * together when it returns.
 *
 * publish, the stores in their order (record n at position p, which takes s bytes):
 *   1  body at p + 32, header at p + 8                plain
 *   2  commit word at p + s    = empty                relaxed: made visible by 3
 *   3  commit word at p        = commit(n, salt)      release; pairs with reader_next
 *   4  head                    = (n + 1, p + s)       release; pairs with the reader's look at a
 *                                                     word that it did not expect
 *   5  fence, load armed; when it changed             seq_cst; pairs with reader_arm; none where
 *                                                     the consumer's reaches us (base/sync/fence.h)
 *      BELL: the caller rings;
 *      WORD: rings + 1, and wake                      release; pairs with reader_say
 *
 * Invariants:
 *   W1  The commit word at `head` is empty whenever no publish is between 2 and 4, and what lies
 *       behind it belongs to the writer up to `tail` + ring.
 *   W2  sealed + s + 32 - tail <= ring before a record is written: neither a record in flight nor
 *       the word that says "nothing follows" is ever overwritten.
 *   W3  At most `window` records are in flight or sealed, so the answer's place of n is free for
 * n's answer. W4  `tail` moves only over records whose answer this side has seen.
 *
 * What holds when the producer dies before the store of line
 *   1, 2, 3  record n does not exist; everything before it is as it was.
 *   4        record n exists: the reader believes commit words; head only tells it where damage
 *            ends
 *   5        record n exists; its consumer finds it when it wakes up by itself (sleeps are
 *            bounded), or when the closed socket wakes it: a dead producer's lane is drained.
 * What holds when the consumer dies at any point: `completed` and the answers are a prefix of what
 * it did.  Everything from `tail` on that has no answer is still here, in order, to be sent again.
 *
 * collect, the loads in their order:
 *   1  completed                            acquire; pairs with reader_publish 3
 *   2  specials                             acquire; pairs with reader_complete 2: not fewer than
 *                                           were given before that `completed` was stored
 *   3  answers of what is in flight         relaxed, made visible by 2; when 2 has changed
 *
 * Who fences (5)?  Behind a fence of its own a commit costs some ns more; where there is none the
 * consumer asks the kernel for one before each sleep, which costs 1 us and more.  So a producer
 * that rings for many of its records fences, and one that hardly ever does leaves it to the
 * consumer.
 * to fence from now on:
 *   1  unfenced = 0                         release; pairs with reader_arm's load behind its fence:
 *                                           who sees it sees what was committed before, and what
 *                                           follows is fenced
 * to fence no more:
 *   1  unfenced = 1                         relaxed
 *   2  fence                                seq_cst: a reader that armed and did not see 1 yet is
 *                                           seen by the next look at `armed`
 *
 * wait, for room:
 *   1  turn                                 acquire; pairs with reader_publish 4
 *   2  collect: still no room
 *   3  waiting + THREAD, fence              seq_cst; pairs with reader_publish 5
 *   4  sleep while turn is what 1 said; waiting - THREAD
 * Every publish moves turn, so one that collect has not seen ends 4 at once; one that is still to
 * come sees `waiting`, and wakes.  Each thread counts for itself, so none clears what another set.
 *
 * One thread at a time: who owns the lane holds its lock (bus/lane_out.h).
 */

#include <assert.h>
#include <string.h>

#include "base/inline.h"
#include "base/sync/fence.h"
#include "bus/shm/ring.h"
#include "bus/shm/segment.h"
#include "serialization/record.h"

/* What the writer knows of a record in flight; private memory, never shared. */
struct smew__flight {
    uint64_t position;
    uint64_t commit; /* its commit word */
    bool withheld;   /* never committed: only this side knows of it */
    bool answered;   /* its answer was seen, before everything older had one */
};

struct smew__lane_writer {
    struct smew__lane_memory *memory;
    struct smew__flight *flights; /* by number, a ring of `window` */
    uint64_t head_number;
    uint64_t head_position;
    uint64_t sealed_number; /* head, when nothing is sealed */
    uint64_t sealed_position;
    uint64_t tail_number;
    uint64_t tail_position;
    uint64_t specials; /* as many as were handled */
    uint64_t answers;  /* other than OK, that were seen; some may not count as specials yet */
    uint32_t rung;     /* the value of `armed` for which the bell was rung */
    uint64_t reserved; /* bytes of the record that is being written in place; 0: none */
    bool unfenced;     /* at present the consumer's fences do for both sides */
    bool reached;      /* they may */
    uint16_t sleepy;   /* how often it was rung for lately */
    bool ended;        /* nothing follows */
    bool broken;       /* the consumer claimed the impossible */
};

/* Starts at the lane's first record.  The memory stays the caller's.  NO_MEMORY. */
enum smew_status smew__lane_writer_init(struct smew__lane_writer *writer,
                                        struct smew__lane_memory *memory);
void smew__lane_writer_fini(struct smew__lane_writer *writer);

/* ---- publishing, in line: it is what each message does -------------------------------- */

static inline struct smew__flight *smew__lane_flight(const struct smew__lane_writer *writer,
                                                     uint64_t number)
{
    return &writer->flights[number & (writer->memory->window - 1)];
}

/* Where a record in flight, or a sealed one, ends. */
static inline uint64_t smew__lane_flight_end(const struct smew__lane_writer *writer,
                                             uint64_t number)
{
    return number + 1 == writer->sealed_number ? writer->sealed_position
                                               : smew__lane_flight(writer, number + 1)->position;
}

/* The largest body (extension and payload) that a record of this lane may have. */
static inline uint64_t smew__lane_writer_body_max(const struct smew__lane_writer *writer)
{
    return smew__ring_record_max(writer->memory) - sizeof(struct smew__record_header);
}

/* May anything be written?  Seen late, that it may not costs a record that is sent again. */
static inline bool smew__lane_writer_is_open(const struct smew__lane_writer *writer)
{
    return !writer->broken && !writer->ended &&
           atomic_load_explicit(&writer->memory->cursors->state, memory_order_relaxed) ==
               SMEW__LANE_OPEN;
}

/* W2 and W3. */
static inline bool smew__lane_writer_fits(const struct smew__lane_writer *writer, uint64_t size)
{
    return writer->sealed_number - writer->tail_number < writer->memory->window &&
           writer->sealed_position + size + sizeof(struct smew__record_header) -
                   writer->tail_position <=
               writer->memory->ring_bytes;
}

/*
 * Room for a record with this body, to be written in place: *record is where its header goes, the
 * body follows; the first 8 bytes of that place are not the caller's.  TOO_BIG (more than half a
 * lane), FULL (look at the answers, then wait), BUSY (another record is being written), CLOSED (the
 * consumer has left, has put the lane in quarantine, or is broken; or the end was said).
 */
SMEW__INLINE enum smew_status smew__lane_writer_reserve(struct smew__lane_writer *writer,
                                                        uint64_t body_size, uint8_t **record)
{
    const uint64_t size = sizeof(struct smew__record_header) + smew__ring_padded(body_size);

    if (!smew__lane_writer_is_open(writer))
        return SMEW_CLOSED;
    if (writer->reserved != 0)
        return SMEW_BUSY;
    if (body_size > smew__lane_writer_body_max(writer))
        return SMEW_TOO_BIG;
    if (!smew__lane_writer_fits(writer, size))
        return SMEW_FULL;
    writer->reserved = size;
    *record = smew__ring_at(writer->memory, writer->sealed_position);
    return SMEW_OK;
}

/*
 * Seals what was written, publish 1; it may be shorter than what was reserved.  The caller has
 * written the body, zeros up to a multiple of 32 behind it.  `size` is the record's, as its words
 * say.  Returns the record's number.
 */
SMEW__INLINE uint64_t smew__lane_writer_seal_words(struct smew__lane_writer *writer,
                                                   struct smew__record_words words,
                                                   uint32_t body_crc, uint64_t size)
{
    const struct smew__lane_memory memory = *writer->memory; /* no store changes it */
    const uint64_t number = writer->sealed_number;
    const uint64_t position = writer->sealed_position;
    const uint64_t commit = smew__record_commit(number, memory.salt);
    uint8_t *record = smew__ring_at(&memory, position);
    struct smew__flight *flight = smew__lane_flight(writer, number);
    const uint32_t header_crc = smew__record_words_crc(words, body_crc, commit);

    assert(size <= writer->reserved);
    memcpy(record + offsetof(struct smew__record_header, payload_size), &words, sizeof words);
    memcpy(record + offsetof(struct smew__record_header, body_crc), &body_crc, sizeof body_crc);
    memcpy(record + offsetof(struct smew__record_header, header_crc), &header_crc,
           sizeof header_crc);
    flight->position = position;
    flight->commit = commit;
    flight->withheld = flight->answered = false;
    writer->reserved = 0;
    writer->sealed_number = number + 1;
    writer->sealed_position = position + size;
    return number;
}

/* Commits the next record that is sealed, which ends there: publish 2 to 4. */
SMEW__INLINE void smew__lane_writer_publish_next(struct smew__lane_writer *writer, uint64_t end)
{
    const struct smew__lane_memory memory = *writer->memory; /* no store changes it */
    const uint64_t number = writer->head_number;
    const uint64_t commit = smew__lane_flight(writer, number)->commit;

    /* Relaxed: made visible by the next line. */
    atomic_store_explicit(smew__ring_word(&memory, end), 0, memory_order_relaxed);
    /* Release pairs with reader_next 1: who sees the word sees the record, and the empty word. */
    atomic_store_explicit(smew__ring_word(&memory, writer->head_position), commit,
                          memory_order_release);
    writer->head_number = number + 1;
    writer->head_position = end;
    /* Release pairs with reader_next 3: who sees the head sees the commit words before it. */
    atomic_store_explicit(&memory.header->head, smew__head_pack(number + 1, end),
                          memory_order_release);
}

/* Commits all that is sealed; out of line, or one in line. */
void smew__lane_writer_publish_all(struct smew__lane_writer *writer);
SMEW__INLINE void smew__lane_writer_publish(struct smew__lane_writer *writer)
{
    if (writer->sealed_number - writer->head_number == 1)
        smew__lane_writer_publish_next(writer, writer->sealed_position);
    else
        smew__lane_writer_publish_all(writer);
}

/* What must_ring has to do when somebody sleeps, or did a moment ago; `armed` as it was seen. */
bool smew__lane_writer_look_up(struct smew__lane_writer *writer, uint32_t armed);

/*
 * After a commit: when the consumer sleeps, and nobody has rung for this sleep of its yet, it is
 * rung for: here, when it sleeps on the lane's own word; true: it is the caller who rings (a
 * datagram on the connection's socket).  One system call either way.
 */
static inline bool smew__lane_writer_must_ring(struct smew__lane_writer *writer)
{
    uint32_t armed;

    /* Pairs with the fence of reader_arm: one of both sides sees the other. */
    if (writer->unfenced)
        atomic_signal_fence(memory_order_seq_cst);
    else
        smew__fence_full();
    armed = atomic_load_explicit(&writer->memory->cursors->armed, memory_order_relaxed);
    if (armed == 0 && writer->sleepy == 0 && writer->unfenced == writer->reached)
        return false;
    return smew__lane_writer_look_up(writer, armed);
}

/* Behind that: does the consumer still read?  When it does not, what was committed is to be sent
 * again. */
static inline bool smew__lane_writer_is_read(const struct smew__lane_writer *writer)
{
    /* Relaxed: the fence of must_ring orders it behind the commit. */
    return atomic_load_explicit(&writer->memory->cursors->state, memory_order_relaxed) ==
           SMEW__LANE_OPEN;
}

/* ---- the rest ------------------------------------------------------------------------- */

/*
 * As smew__lane_writer_seal_words(), for a header in which everything is but commit and header_crc.
 */
uint64_t smew__lane_writer_seal(struct smew__lane_writer *writer,
                                const struct smew__record_header *header);
/*
 * The lane is lost: what is sealed is in flight, to be sent again, and nobody else sees it.
 */
void smew__lane_writer_withhold(struct smew__lane_writer *writer);
/* Both: one record, committed at once. */
uint64_t smew__lane_writer_commit(struct smew__lane_writer *writer,
                                  const struct smew__record_header *header);
/* Is there something that is sealed and not committed? */
static inline bool smew__lane_writer_holds_sealed(const struct smew__lane_writer *writer)
{
    return writer->sealed_number != writer->head_number;
}
/*
 * Stores the head once more, where something is in flight: were it damaged, and a record too, the
 * consumer would wait for the next publish, and a producer whose lane is full for the consumer.
 * Now and then, and before a sleep for room.
 */
void smew__lane_writer_refresh(struct smew__lane_writer *writer);
/* Gives the reserved room back; nothing was ever visible. */
void smew__lane_writer_abort(struct smew__lane_writer *writer);

/*
 * Looks at what the consumer answered and moves `tail`.  `on_answer` is called once for each record
 * whose answer is not OK, in the order of numbers; its bytes are still in place.  When it answers
 * false (out of memory, say) that record keeps its answer and is given again by the next call;
 * nothing behind it is given before.  CORRUPT when the consumer claims what cannot be: the lane is
 * broken, and everything in flight is to be re-sent.
 */
typedef bool (*smew__answer_fn)(void *owner, uint64_t number, enum smew_status status);
enum smew_status smew__lane_writer_collect(struct smew__lane_writer *writer,
                                           smew__answer_fn on_answer, void *owner);
/* Is there an answer other than OK that was not collected?  One load. */
bool smew__lane_writer_has_answers(const struct smew__lane_writer *writer);

/* Is this record in flight, though it ended OK?  What is older did not yet.  Any thread. */
bool smew__lane_writer_done(const struct smew__lane_writer *writer, uint64_t number);
/* Is this record complete, whatever its answer, and collected? */
bool smew__lane_writer_settled(const struct smew__lane_writer *writer, uint64_t number);
/* Nothing in flight, and nothing sealed. */
bool smew__lane_writer_idle(const struct smew__lane_writer *writer);

/*
 * Sleeps until the consumer has completed more, or the deadline; the caller then collects.  OK also
 * when it woke for nothing.  `seen` is what smew__lane_writer_turn() said before the caller last
 * found no room.  Without the lane's lock.
 */
uint32_t smew__lane_writer_turn(struct smew__lane_writer *writer);
enum smew_status smew__lane_writer_wait(struct smew__lane_writer *writer, uint32_t seen,
                                        uint64_t deadline_ns);
/*
 * Asks for a bell whenever something is completed, or no more: for a service thread that cannot
 * sleep on the futex.  After switching it on, collect once more, or a completion may be missed.
 * Any thread.
 */
void smew__lane_writer_watch(struct smew__lane_writer *writer, bool on);
/* Wakes threads of this process that wait here; one that is about to goes to sleep nevertheless. */
void smew__lane_writer_wake(struct smew__lane_writer *writer);

/* Says that nothing follows; nothing is sealed.  Records in flight stay until they are answered. */
void smew__lane_writer_end(struct smew__lane_writer *writer);

/*
 * The records in flight that have no answer, oldest first, for sending them again: *header is a
 * checked private copy, *body points into the ring.  `number` is where to begin (tail_number at
 * first) and where the record was found.  NOT_FOUND at the end; CORRUPT for a record that somebody
 * damaged: it is lost, go on with number + 1.
 */
enum smew_status smew__lane_writer_unanswered(const struct smew__lane_writer *writer,
                                              uint64_t *number, struct smew__record_header *header,
                                              const uint8_t **body);
/* One record in flight by its number, the same way. */
enum smew_status smew__lane_writer_read(const struct smew__lane_writer *writer, uint64_t number,
                                        struct smew__record_header *header, const uint8_t **body);

#endif
