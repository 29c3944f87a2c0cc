/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SHM_HEAD_H
#define SMEW_BUS_SHM_HEAD_H

#include <stdint.h>

#include <smew/status.h>

#include "base/crc32c/crc32c.h"
#include "serialization/record.h"

/*
 * The head in one word, so that it is stored and loaded whole.
 *
 *      63           40 39           20 19            0
 *     +---------------+---------------+---------------+
 *     | number        | units         | check         |
 *     +---------------+---------------+---------------+
 *
 *     number  of the next record; its lower 24 bits
 *     units   where that begins, in units of 32 bytes; its lower 20 bits, twice round the largest
 *             ring
 *     check   the lower 20 bits of what both, in their places, leave behind of CRC-32C: any one,
 * two or three wrong bits of the word are found (tests/shm/segment.c flips each)
 *
 * A damaged head costs nothing: it is taken for one that says nothing new, and the next publish
 * puts it right.
 */
enum { SMEW__HEAD_NUMBER_BITS = 24, SMEW__HEAD_UNIT_BITS = 20, SMEW__HEAD_CHECK_BITS = 20 };

/* The check of a word whose own is 0. */
static inline uint64_t smew__head_check(uint64_t word)
{
    return smew__crc32c_remainder(word) & ((UINT64_C(1) << SMEW__HEAD_CHECK_BITS) - 1);
}

static inline uint64_t smew__head_pack(uint64_t number, uint64_t position)
{
    const uint64_t low = number & ((UINT64_C(1) << SMEW__HEAD_NUMBER_BITS) - 1);
    const uint64_t units =
        position / SMEW__RECORD_ALIGNMENT & ((UINT64_C(1) << SMEW__HEAD_UNIT_BITS) - 1);

    const uint64_t word =
        low << (SMEW__HEAD_UNIT_BITS + SMEW__HEAD_CHECK_BITS) | units << SMEW__HEAD_CHECK_BITS;

    return word | smew__head_check(word);
}

/*
 * *number and *position are a record's before, and the head's after.  AGAIN: it is before that
 * record.  CORRUPT: damaged.  INVALID: it is further ahead than `most` records or a ring, or its
 * records would be smaller than records are.
 */
static inline enum smew_status smew__head_unpack(uint64_t word, uint64_t most, uint64_t ring_bytes,
                                                 uint64_t *number, uint64_t *position)
{
    const uint64_t number_mask = (UINT64_C(1) << SMEW__HEAD_NUMBER_BITS) - 1;
    const uint64_t unit_mask = (UINT64_C(1) << SMEW__HEAD_UNIT_BITS) - 1;
    const uint64_t check_mask = (UINT64_C(1) << SMEW__HEAD_CHECK_BITS) - 1;
    const uint64_t low = word >> (SMEW__HEAD_UNIT_BITS + SMEW__HEAD_CHECK_BITS);
    const uint64_t units = word >> SMEW__HEAD_CHECK_BITS & unit_mask;
    const uint64_t records = (low - *number) & number_mask;
    const uint64_t bytes =
        ((units - *position / SMEW__RECORD_ALIGNMENT) & unit_mask) * SMEW__RECORD_ALIGNMENT;

    if ((word & check_mask) != smew__head_check(word & ~check_mask))
        return SMEW_CORRUPT;
    if (records > number_mask / 2)
        return SMEW_AGAIN;
    if (records > most || bytes > ring_bytes || bytes < records * SMEW__RECORD_ALIGNMENT)
        return SMEW_INVALID;
    *number += records;
    *position += bytes;
    return SMEW_OK;
}

#endif
