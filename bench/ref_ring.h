/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_REF_RING_H
#define SMEW_BENCH_REF_RING_H

/*
 * The reference ring: one producer, one consumer, a commit word and one CRC-32C a record, and
 * nothing else; no names, no routing, no recovery, no trust issues.  It is the practical limit that
 * smew's lanes are held against, so it is to be made as fast as we can.
 *
 *   ┌──────── cursor page ────────┐┌──────────────── ring ────────────────┬─ the same again ─ ─
 *   │ taken: end of what is free  ││ record │ record │ 0 …                │ (mapped twice, so a
 *   └─────────────────────────────┘└──────────────────────────────────────┴─ record never wraps)
 *
 *   record, at a multiple of REF_RING_ALIGN
 *     offset  size
 *          0     8  commit: the record's position in the stream plus 1; 0: not there yet; stored
 * last 8     4  size of the body 12     4  CRC-32C of the body 16        body
 *
 * The writer makes the commit word behind a record empty before it commits the record, so a record
 * fits when both are free.  The reader looks at the commit word, checks the body's CRC where it
 * lies, and gives the room back an eighth of the ring at a time, or when it finds nothing.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REF_RING_ALIGN = 16, REF_RING_PAGE = 4096 };

struct ref_ring_cursor {
    _Atomic uint64_t taken;
};

/* Made before a fork, so that both processes have it at the same place. */
struct ref_ring {
    struct ref_ring_cursor *cursor;
    uint8_t *bytes;
    uint64_t size; /* a power of two, in whole pages */
};

struct ref_ring_writer {
    uint8_t *bytes;
    uint64_t mask;
    uint64_t position; /* of the next record */
    uint64_t limit;    /* the writer may write below it: what it last saw of the cursor */
    struct ref_ring_cursor *cursor;
};

struct ref_ring_reader {
    uint8_t *bytes;
    uint64_t mask;
    uint64_t position;
    uint64_t given; /* back to the writer */
    uint64_t turn;  /* bytes after which that is done */
    struct ref_ring_cursor *cursor;
};

bool ref_ring_make(struct ref_ring *ring, size_t size);
void ref_ring_writer_init(struct ref_ring_writer *writer, const struct ref_ring *ring);
void ref_ring_reader_init(struct ref_ring_reader *reader, const struct ref_ring *ring);

/* False when there is no room. */
bool ref_ring_write(struct ref_ring_writer *writer, const void *body, size_t size);

enum ref_ring_found { REF_RING_RECORD, REF_RING_NOTHING, REF_RING_DAMAGED };

/* The next record's body, where it lies, good until the next call. */
enum ref_ring_found ref_ring_read(struct ref_ring_reader *reader, const void **body, size_t *size);

#endif
