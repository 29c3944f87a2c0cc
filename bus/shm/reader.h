/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SHM_READER_H
#define SMEW_BUS_SHM_READER_H

/*
 * The consumer's side of a lane.
 *
 *       completed        next
 *   ... ----+-------------+----------------> number
 *    gone   | read, some  | not read yet
 *           | complete    |
 *
 * next, the loads in their order (record n expected at position p):
 *   1  commit word at p                     acquire; pairs with publish 3
 *   2  equal to commit(n, salt): the header is copied once, its CRC and sizes are checked; the
 *      body's CRC is for smew__lane_record_check(); nothing is read twice unless the caller reads
 *      in place
 *   3  not equal: ended                     acquire; pairs with writer_end
 *                 head                      acquire; pairs with publish 4
 *      head does not say that n is committed: there is nothing, whatever the word is; and when the
 *      end was said, nothing follows
 *      head says that it is: the word is loaded again; still not equal: damage
 *
 * Head may be one record behind what the commit words say, as long as the writer is between 3 and
 * 4, or dead.  A damaged head (its check is wrong) says nothing, until the next publish puts it
 * right: damage to it costs nothing.
 *
 * Damage at n:
 *   header right, body wrong, or commit word wrong and header right: exactly n is lost, its size is
 *   known, the next is read.
 *   header wrong: where n ends is not known, and the reader is *searching* from then on.  When
 *   head is beyond n, the next valid header is looked for, at every multiple of 32 up to head: its
 *   commit word is that of a number m > n that fits (by how many records would lie before and
 *   behind it), and its CRC, which is seeded with the commit word, is right.  n to m - 1 are lost;
 *   when there is none, everything up to head.  Until that is known n is not complete, so that the
 *   writer does not write over what is searched.
 *   head impossible though its check is right, or SMEW__LANE_LOSSES_MAX losses within
 *   SMEW__LANE_LOSSES_PERIOD records: quarantine.
 * Lost records are complete, with the answer CORRUPT.  Each is reported once.
 *
 * complete, the stores in their order (record n, in any order of n):
 *   1  answer's place of n = (n, status)    relaxed, made visible by 2; when it is not OK
 *   2  specials + 1                         release; pairs with collect
 *   or, OK while something older is at work:
 *   1  answer's place of n = (n, DONE)      release; pairs with writer_done
 * publish, the stores in their order:
 *   3  completed = the first that is not    release; pairs with collect
 *   4  turn + 1                             release; pairs with writer_turn
 *   5  fence, load waiting                  seq_cst; pairs with writer_wait and writer_watch
 *      THREAD: wake; BELL, or a special was given: the caller rings the bell
 *
 * What holds when the consumer dies before the store of line 1 to 3: record n is in flight for its
 * producer, which sends it again, flagged; before 5: a waiting producer sleeps until its bounded
 * sleep ends, or the closed socket tells it.
 * What holds when the producer dies anywhere: committed records stay readable for as long as this
 * side has them mapped.
 *
 * Invariants:
 *   R1  completed <= next <= completed + window: what a reader has in flight is bounded, and by
 *       the writer's W3 the answer's place of n is read before it is used again.
 *   R2  Nothing of the ring is read behind `completed`: its bytes are the writer's.
 *
 * One thread at a time: the node's lock, or who serves the lane.  But look and pass are of who
 * reads alone, while others may complete and publish: they know of what was passed when it is
 * noted.
 */

#include "base/crc32c/crc32c.h"
#include "bus/shm/ring.h"
#include "bus/shm/segment.h"
#include "serialization/record.h"

enum {
    SMEW__LANE_LOSSES_MAX = 64, /* pieces of damage, of one record or of many */
    SMEW__LANE_LOSSES_PERIOD = 1024,
};

struct smew__lane_record {
    uint64_t number;
    struct smew__record_header header; /* a checked private copy */
    const uint8_t *body;               /* in the ring: hostile memory may change under the reader */
    uint64_t body_size;                /* extension, payload and padding */
};

struct smew__lane_losses {
    uint64_t lost;         /* records */
    uint64_t first_number; /* of the last loss that was reported */
    uint64_t count;        /* of the last loss that was reported */
};

struct smew__lane_reader {
    struct smew__lane_memory *memory;
    uint8_t *done; /* by number, a ring of `window` */
    uint64_t next_number;
    uint64_t next_commit; /* its commit word */
    uint64_t next_position;
    const uint8_t *next; /* in the ring, where that is */
    uint64_t taken_position;
    uint64_t taken; /* next_number, but for records that were passed and not noted */
    uint64_t completed;
    uint64_t published; /* as much of it */
    uint64_t specials;
    uint64_t told; /* as many of them when last published */
    uint32_t turn;
    uint32_t sleeps; /* how often it was armed, times 2 */
    struct smew__lane_losses losses;
    uint64_t losses_at;      /* number from which the present count of losses began */
    uint64_t recent_losses;  /* since then */
    bool searching;          /* the next record's header is wrong, so its end is not known */
    atomic_bool quarantined; /* or closed: nothing more is read */
};

/* Before the producer has the memory. */
enum smew_status smew__lane_reader_init(struct smew__lane_reader *reader,
                                        struct smew__lane_memory *memory);
void smew__lane_reader_fini(struct smew__lane_reader *reader);

/*
 * The next record, its header valid and copied; the body's CRC is not looked at yet.  AGAIN: there
 * is none, or a window of records is in flight.  CORRUPT: records were lost, reader->losses says
 * which; they are answered; call again.  CLOSED: in quarantine, or closed.  RESET: the producer
 * said that nothing follows, and everything was read.
 */
enum smew_status smew__lane_reader_next(struct smew__lane_reader *reader,
                                        struct smew__lane_record *record);

/* ---- the happy path of next, in line and in pieces ------------------------------------ */

enum { SMEW__LANE_AHEAD = 256 /* bytes that are fetched before they are asked for */ };

/* Is the next record there, as far as its commit word says?  For the thread that reads, only. */
static inline bool smew__lane_reader_peek(const struct smew__lane_reader *reader)
{
    const _Atomic uint64_t *word = (const _Atomic uint64_t *)(const void *)reader->next;

    /* Acquire pairs with publish 3: header and body are there, and the word behind is empty. */
    return atomic_load_explicit(word, memory_order_acquire) == reader->next_commit;
}

/* Its commit word was seen. */
static inline bool smew__lane_reader_take(const struct smew__lane_reader *reader,
                                          struct smew__lane_record *record)
{
    const struct smew__lane_memory *memory = reader->memory;

    if (!smew__ring_header(memory, reader->next_position, reader->next_commit, &record->header))
        return false;
    record->number = reader->next_number;
    record->body = reader->next + sizeof record->header;
    record->body_size = smew__record_size(&record->header) - sizeof record->header;
    return true;
}

/*
 * The next record's header, if it is there and its CRC is right; false: only next knows why.  Not
 * while it is searched for.
 */
static inline bool smew__lane_reader_look(const struct smew__lane_reader *reader,
                                          struct smew__ring_line *line)
{
    return !reader->quarantined && smew__lane_reader_peek(reader) &&
           smew__ring_line(reader->next, reader->next_commit, line);
}

/* The next record's body, in the ring: hostile memory may change under the reader. */
static inline const uint8_t *smew__lane_reader_body(const struct smew__lane_reader *reader)
{
    return reader->next + sizeof(struct smew__record_header);
}

/* What follows begins here. */
static inline void smew__lane_reader_move(struct smew__lane_reader *reader, uint64_t number,
                                          uint64_t position)
{
    reader->next_number = number;
    reader->next_commit = smew__record_commit(number, reader->memory->salt);
    reader->next_position = position;
    reader->next = smew__ring_at(reader->memory, position);
}

/* It is taken, with a body of this size. */
static inline void smew__lane_reader_pass(struct smew__lane_reader *reader, uint64_t body_size)
{
    smew__lane_reader_move(reader, reader->next_number + 1,
                           reader->next_position + sizeof(struct smew__record_header) + body_size);
    /* The producer's lines take long to come: the next record's are on their way meanwhile. */
    __builtin_prefetch(reader->next);
    __builtin_prefetch(reader->next + SMEW__LANE_AHEAD);
}

/*
 * So many that were passed are in flight, in their order, up to a position; complete is for them
 * from then on.
 */
void smew__lane_reader_note(struct smew__lane_reader *reader, uint64_t count, uint64_t position);
/* How many more records may be in flight. */
uint64_t smew__lane_reader_room(const struct smew__lane_reader *reader);

/*
 * Copies a body to `copy`, which nobody else writes, and checks it there; or, with `copy` NULL,
 * checks it in place.  OK or CORRUPT; touches nothing of a reader, so it may run without the
 * reader's lock.
 */
static inline enum smew_status smew__lane_body_check(const uint8_t *body, size_t size, uint32_t crc,
                                                     uint8_t *copy)
{
    static_assert(SMEW__RECORD_ALIGNMENT % SMEW__CRC32C_LINE == 0, "a body is whole lines");
    uint32_t found =
        copy != NULL ? smew__crc32c_take(0, copy, body, size) : smew__crc32c(0, body, size);

    return found == crc ? SMEW_OK : SMEW_CORRUPT;
}

/* The same with a record's. */
static inline enum smew_status smew__lane_record_check(const struct smew__lane_record *record,
                                                       uint8_t *copy)
{
    return smew__lane_body_check(record->body, (size_t)record->body_size, record->header.body_crc,
                                 copy);
}

/* ---- the rest ------------------------------------------------------------------------- */

/* A record whose check failed is lost: counted, and answered CORRUPT. */
void smew__lane_reader_lose(struct smew__lane_reader *reader,
                            const struct smew__lane_record *record);

/* The record's end.  In any order; a number that is not in flight is a bug of ours. */
void smew__lane_reader_complete(struct smew__lane_reader *reader, uint64_t number,
                                enum smew_status status);
/* So many in a row, all OK. */
void smew__lane_reader_complete_all(struct smew__lane_reader *reader, uint64_t number,
                                    uint64_t count);
/*
 * What was completed since the last call becomes visible, and a sleeping thread is woken.  True:
 * the caller rings the connection's bell.
 */
bool smew__lane_reader_publish(struct smew__lane_reader *reader);

/*
 * Says that this side is about to sleep until a bell, and looks again: true when there is something
 * after all.  Awake again, it disarms, or nobody needs to have rung.
 */
bool smew__lane_reader_arm(struct smew__lane_reader *reader);
/*
 * The same in pieces, for any alarm, and so that many lanes share the fences, which are what it
 * costs.  Each of them says it; then comes a full fence; then, when one of them has a producer that
 * leaves fences to us, smew__fence_processes(); then each of them is asked
 * smew__lane_reader_ready(). Without any of it wakes are lost.  say: what the lane's word was
 * before, with which it is slept on.
 */
uint32_t smew__lane_reader_say(struct smew__lane_reader *reader, enum smew__lane_alarm alarm);
bool smew__lane_reader_fences(const struct smew__lane_reader *reader);
void smew__lane_reader_disarm(struct smew__lane_reader *reader); /* awake: nobody needs to ring */
/*
 * Is there a record, or damage to look at?  Then smew__lane_reader_next() has something to say; or
 * it finds that the head has to say more first, and this is false until it does.  Changes nothing.
 * That nothing follows is no reason: who says so rings.
 */
bool smew__lane_reader_ready(const struct smew__lane_reader *reader);

/*
 * The producer is told that this side leaves, before the last records are read: said afterwards,
 * what is committed behind the last look would be read by nobody.  A producer looks at it behind
 * the fence of must_ring, which pairs with the one in here.
 */
void smew__lane_reader_leave(struct smew__lane_reader *reader);
/* The producer is told that nothing is read any more. */
void smew__lane_reader_close(struct smew__lane_reader *reader, enum smew__lane_state state);

#endif
