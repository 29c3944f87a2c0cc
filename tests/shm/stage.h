/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_SHM_STAGE_H
#define SMEW_TESTS_SHM_STAGE_H

/*
 * A lane with both its ends in one process, each with mappings of its own, and records whose
 * content follows from their number.
 */

#include "bus/shm/reader.h"
#include "bus/shm/writer.h"
#include "tests/shm/image.h"
#include "tests/support/support.h"

enum { STAGE_BODY_MAX = 8 * 1024 };

struct stage {
    struct smew__lane_memory consumer;
    struct smew__lane_memory producer;
    struct smew__lane_reader reader;
    struct smew__lane_writer writer;
    uint64_t first_number;
    const uint32_t *sizes; /* payload of the n-th record, again and again */
    size_t size_count;
};

/* What a lane looks like when a walk over it begins. */
struct stage_scene {
    const uint32_t *sizes;
    size_t size_count;
    uint32_t ring_bytes; /* 0: the least */
    uint32_t window;     /* 0: 8 */
    uint64_t number;     /* of the first record that is not committed yet */
    uint64_t position;   /* where that begins, a multiple of 32; its place in the ring follows */
    unsigned laps;       /* records that were answered before: the ring is full of old ones */
    unsigned ahead;      /* records behind those, committed and without an answer */
    unsigned taken;      /* how many of these the consumer has read */
    bool unattached;     /* the producer's mapping is still to be made: nothing was sent yet */
};

/* Makes the lane and plays it to where the scene begins.  Fails the test when that cannot be. */
void stage_open(struct stage *stage, const struct stage_scene *scene);
void stage_close(struct stage *stage);

/* Fails the test when a new lane cannot be made and used. */
void stage_expect_another(void);

/* ---- records ------------------------------------------------------------------------- */

/* The header of a record with this number, both CRCs of the lane's making aside, and its body. */
struct stage_record {
    struct smew__record_header header;
    uint64_t body_size; /* padding included */
    uint8_t body[STAGE_BODY_MAX];
};
void stage_make(const struct stage *stage, uint64_t number, struct stage_record *record);
/* How many bytes it takes in the ring. */
uint64_t stage_record_bytes(const struct stage *stage, uint64_t number);
/* Is this what stage_make makes?  Commit word and header CRC are the lane's and not looked at. */
bool stage_is_intact(const struct stage *stage, uint64_t number,
                     const struct smew__record_header *header, const uint8_t *body);

/* Reserves, copies, commits the next record, which was made; what reserve says. */
enum smew_status stage_put(struct stage *stage, const struct stage_record *made);
/* The same, but written in place word by word, into twice the room. */
enum smew_status stage_put_in_place(struct stage *stage, const struct stage_record *made);
/* Makes and commits so many; fails the test when there is no room. */
void stage_put_many(struct stage *stage, unsigned count);

/* The next record, checked; what next says, or check. */
enum smew_status stage_take(struct stage *stage, bool in_place, struct smew__lane_record *record);

/* Both segments, and what the two ends keep for themselves. */
void stage_describe(struct stage *stage, struct image_parts *parts);

#endif
