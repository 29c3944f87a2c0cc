/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_PLAIN_RECORD_H
#define SMEW_BUS_PLAIN_RECORD_H

/*
 * Writing the record of a plain message, in line: for plain.c, which finds its names, and
 * prepared.c, which has found them.  With the producer's lock held, on its thread.
 */

#include "base/inline.h"
#include "bus/tick.h"
#include "bus/trail.h"
#include "serialization/record_plain.h"

/* May its next record be a plain one? */
static inline bool smew__plain_is_ready(const struct smew__producer *producer,
                                        const struct smew__trail *trail)
{
    return smew__trail_is_ready(producer->bus, trail) && !trail->alone;
}

/*
 * Computed here and now.  A compiler that puts it off until after the copy keeps its parts on the
 * stack, and loads more of them than it stored: each message then waits until all that was stored
 * before has reached the cache, the other core's lines too (a third of a send).
 */
static inline uint64_t smew__plain_whole(uint64_t word)
{
    __asm__("" : "+r"(word));
    return word;
}

/* The time, in its place of a header's second word; 0: it cannot be said. */
static inline uint64_t smew__plain_time(struct smew__producer *producer)
{
    return smew__record_plain_time(smew__record_tick_ms(smew__tick_next_ms(producer)));
}

/*
 * Writes a record into the trail's lane, and seals it; its header says `names` (the numbers of
 * target and event, smew__record_plain_names()), the payload's size and `meaning`, and so of
 * `plain` only source and payload matter.  False: there is no room.
 */
SMEW__INLINE bool smew__plain_write(struct smew__producer *producer, struct smew__trail *trail,
                                    uint64_t names, uint64_t meaning,
                                    const struct smew__record_plain *plain)
{
    struct smew__lane_writer *writer = &trail->lane->writer;
    const struct smew__record_words words = {
        smew__plain_whole(names | smew__record_plain_payload(plain->payload_size)),
        smew__plain_whole(meaning)};
    const uint64_t body_size = smew__record_plain_size(plain);
    uint32_t body_crc;
    uint8_t *record;

    if (smew__lane_writer_reserve(writer, body_size, &record))
        return false;
    body_crc = smew__record_plain_write(plain, record + sizeof(struct smew__record_header));
    smew__trail_note(producer, trail, plain->payload_size,
                     smew__lane_writer_seal_words(writer, words, body_crc,
                                                  sizeof(struct smew__record_header) + body_size));
    return true;
}

#endif
