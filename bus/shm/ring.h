/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SHM_RING_H
#define SMEW_BUS_SHM_RING_H

/* Where the bytes of a position are, for the writer and the reader of a lane. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus/shm/segment.h"
#include "serialization/record.h"

/* The bytes from here on lie in one piece for half a ring and more: it is mapped twice in a row. */
static inline uint8_t *smew__ring_at(const struct smew__lane_memory *memory, uint64_t position)
{
    return memory->ring + (position & (memory->ring_bytes - 1));
}

/* The commit word at a position. */
static inline _Atomic uint64_t *smew__ring_word(const struct smew__lane_memory *memory,
                                                uint64_t position)
{
    return (_Atomic uint64_t *)(void *)smew__ring_at(memory, position);
}

/* The answer's place of a number. */
static inline _Atomic uint64_t *smew__ring_answer(const struct smew__lane_memory *memory,
                                                  uint64_t number)
{
    return &memory->cursors->answers[number & (memory->window - 1)];
}

/* A body padded to whole lines. */
static inline uint64_t smew__ring_padded(uint64_t size)
{
    return (size + SMEW__RECORD_ALIGNMENT - 1) & ~(uint64_t)(SMEW__RECORD_ALIGNMENT - 1);
}

/* The largest record: half of the ring. */
static inline uint64_t smew__ring_record_max(const struct smew__lane_memory *memory)
{
    return memory->ring_bytes / 2;
}

/*
 * Copies the header of the record that has this commit word, once, whatever the word in the ring
 * is; true when its CRC is right and its size possible.
 */
bool smew__ring_header(const struct smew__lane_memory *memory, uint64_t position, uint64_t commit,
                       struct smew__record_header *header);

#endif
