/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_LANE_RECORD_H
#define SMEW_BUS_LANE_RECORD_H

/*
 * Envelopes as records of a lane (serialization/record.h): what the lane implies, and its names by
 * number.
 *
 * The sender gives a name its number in the first record that has it, together with the text; once
 * that record was answered with anything but CORRUPT the receiver knows the number, and records
 * carry it alone.  Until then each carries number and text, so that a damaged record never takes
 * others with it.
 *
 * A payload that is too large for a record goes into the lane's pool, if there is one, and a handle
 * into the record (bus/shm/pool.h); everything else of it is in the record as ever.
 */

#include "base/table.h"
#include "bus/message.h"
#include "bus/shm/pool.h"
#include "bus/shm/reader.h"
#include "bus/shm/writer.h"
#include "serialization/item.h"

enum { SMEW__LANE_NAMES_MOST = 4095 }; /* of targets, and of events; further ones go as text */

struct smew__lane_name {
    uint32_t number; /* from 1 on */
    bool told;       /* a record with number and text was committed: `told_at` */
    bool known;      /* and it was answered */
    uint64_t told_at;
    uint32_t size;
    char text[];
};

struct smew__lane_names {
    struct smew__table by_text;         /* the sending side */
    struct smew__lane_name **by_number; /* both sides; [0] is not used */
    uint32_t room;                      /* of by_number */
    uint32_t count;
};

void smew__lane_names_fini(struct smew__lane_names *names); /* a zeroed one is fine */

/* The receiving side's: the name of a number, or NULL. */
static inline struct smew__lane_name *smew__lane_name_numbered(const struct smew__lane_names *names,
                                                               uint32_t number)
{
    return number < names->room ? names->by_number[number] : NULL;
}

/* The sending side's: a name whose number the receiver knows, or NULL. */
const struct smew__lane_name *smew__lane_name_known(const struct smew__lane_names *names,
                                                    const char *text, size_t size);

/* The lane as its records imply it: ids are node, stream and a record's own number. */
struct smew__lane_meaning {
    uint64_t node;
    uint32_t stream;
    struct smew__text source; /* the sending node's address */
    struct smew__lane_names *targets;
    struct smew__lane_names *events;
    struct smew__pool *pool; /* the sending side's, or NULL */
};

/* A record that is being written. */
struct smew__lane_draft {
    struct smew__record_numbers numbers;
    struct smew__lane_name *target; /* NULL: goes as text alone */
    struct smew__lane_name *event;
    uint8_t *body;
    uint8_t *payload; /* in its place */
    bool poolable;    /* it needs a pool, and with one it fits */
    bool pooled;      /* it is in the pool: */
    bool sealed;      /* and written */
    struct smew__pool_claim claim;
    struct smew__pool_handle handle;
};

/*
 * Reserves a record for an envelope, whose payload_size says how much room it needs and whose
 * payload is not looked at; it gets its id.  TOO_BIG (for a record, and there is no pool, or for
 * that too; draft->poolable tells), FULL (the lane or the pool), BUSY, CLOSED as
 * smew__lane_writer_reserve(), INVALID.
 */
enum smew_status smew__lane_begin(struct smew__lane_writer *writer,
                                  const struct smew__lane_meaning *meaning,
                                  struct smew__envelope *envelope, struct smew__lane_draft *draft);
/*
 * Writes a payload into the pool, if that is where it goes; for who has to finish under a lock. No
 * need to otherwise.
 */
void smew__lane_fill(struct smew__lane_writer *writer, const struct smew__lane_meaning *meaning,
                     const struct smew__envelope *stated, struct smew__lane_draft *draft);
/*
 * Writes what is not in its place yet, and seals: the envelope as it began, with a payload that may
 * be smaller.  The record's number; it is committed with smew__lane_writer_publish().
 */
uint64_t smew__lane_finish(struct smew__lane_writer *writer,
                           const struct smew__lane_meaning *meaning,
                           const struct smew__envelope *stated, struct smew__lane_draft *draft);
/* Gives a record back that was begun. */
void smew__lane_cancel(struct smew__lane_writer *writer, const struct smew__lane_meaning *meaning,
                       const struct smew__lane_draft *draft);

/* A record was answered CORRUPT: what it was to define is not known. */
void smew__lane_undefine(const struct smew__lane_meaning *meaning, uint64_t number);

/*
 * Reads a record whose body was checked; texts and payload point into `body`, or into the names;
 * the payload of a record of the kind SMEW__RECORD_POOLED is the handle.
 * With `learn` the record's definitions are kept (the receiving side).  CORRUPT, VERSION,
 * NO_MEMORY: the record is to be answered CORRUPT, so that its sender does not believe that they
 * are known.
 */
enum smew_status smew__lane_take(const struct smew__lane_meaning *meaning, uint64_t number,
                                 const struct smew__record_header *header, const uint8_t *body,
                                 bool learn, struct smew__item *item);

/*
 * The same for a plain record (serialization/record_plain.h) whose names are known: a message of
 * the stock, with the body copied into it and checked there.  NO_MACHINE: it is another one, or
 * there is no memory, and nothing was done.  CORRUPT: its body is damaged.
 */
enum smew_status smew__lane_take_plain(const struct smew__lane_meaning *meaning,
                                       const struct smew__lane_record *record,
                                       struct smew__message_stock *stock,
                                       struct smew_message **message);

#endif
