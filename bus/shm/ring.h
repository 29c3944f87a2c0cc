/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SHM_RING_H
#define SMEW_BUS_SHM_RING_H

/* Where the bytes of a position are, for the writer and the reader of a lane. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bus/shm/head.h"
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

/* A header, but for its commit word. */
struct smew__ring_line {
    struct smew__record_words words;
    uint32_t body_crc;
    uint32_t header_crc;
};

/*
 * Copies the header of the record that is here and has this commit word, once, whatever the word in
 * the ring is; true when its CRC is right.
 */
static inline bool smew__ring_line(const uint8_t *record, uint64_t commit,
                                   struct smew__ring_line *line)
{
    const _Atomic uint64_t *ring = (const _Atomic uint64_t *)(const void *)record;
    /* Relaxed: ordered by who looked at the commit word or the head before.  Atomic, so that each
       word is loaded once, whoever writes there meanwhile. */
    const struct smew__record_words words = {
        .sizes = atomic_load_explicit(&ring[1], memory_order_relaxed),
        .meaning = atomic_load_explicit(&ring[2], memory_order_relaxed),
    };
    const uint64_t both = atomic_load_explicit(&ring[3], memory_order_relaxed);
    uint32_t crcs[2]; /* of the body and the header */

    memcpy(crcs, &both, sizeof crcs);
    line->words = words;
    line->body_crc = crcs[0];
    line->header_crc = crcs[1];
    return crcs[1] == smew__record_words_crc(words, crcs[0], commit);
}

/* What these words say, as a header without commit word and CRCs; true when its size is possible.
 */
static inline bool smew__ring_words(const struct smew__lane_memory *memory,
                                    struct smew__record_words words,
                                    struct smew__record_header *header)
{
    *header = (struct smew__record_header){0};
    memcpy((uint8_t *)header + sizeof header->commit, &words, sizeof words);
    return smew__record_size(header) <= smew__ring_record_max(memory);
}

/* Both, and the whole header: true when it is right, and its size possible. */
static inline bool smew__ring_header(const struct smew__lane_memory *memory, uint64_t position,
                                     uint64_t commit, struct smew__record_header *header)
{
    struct smew__ring_line line;

    if (!smew__ring_line(smew__ring_at(memory, position), commit, &line) ||
        !smew__ring_words(memory, line.words, header))
        return false;
    header->commit = commit;
    header->body_crc = line.body_crc;
    header->header_crc = line.header_crc;
    return true;
}

#endif
