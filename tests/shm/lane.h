/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_SHM_LANE_H
#define SMEW_TESTS_SHM_LANE_H

/*
 * A lane with both its ends over one mapping, where ThreadSanitizer sees what they do, and records
 * whose bytes follow from their number and size.
 */

#include "bus/shm/reader.h"
#include "bus/shm/ring.h"
#include "bus/shm/writer.h"
#include "tests/support/support.h"

struct lane {
    struct smew__lane_memory memory;
    struct smew__lane_reader reader;
    struct smew__lane_writer writer;
};

/* Fails the test when it cannot be made. */
void lane_open(struct lane *lane, uint64_t ring_bytes, uint32_t window);
void lane_open_at(struct lane *lane, const struct smew__lane_spec *spec);
void lane_close(struct lane *lane);

/* ---- the producer -------------------------------------------------------------------- */

/* How many bytes a record with this payload takes in the ring. */
uint64_t lane_record_bytes(uint64_t payload_size);
/* Room for a record with such a body; fails the test when there is none. */
uint8_t *lane_reserve(struct lane *lane, uint64_t body_size);
/* Writes the next record's body in place, and its header; what reserve says. */
enum smew_status lane_write(struct lane *lane, uint32_t payload_size,
                            struct smew__record_header *header);
/* The same, and seals it: nobody sees it before the next one is committed, or all are published. */
enum smew_status lane_seal(struct lane *lane, uint32_t payload_size);
/* The same, and commits it. */
enum smew_status lane_put(struct lane *lane, uint32_t payload_size);
/* The same for several of one size; fails the test when there is no room. */
void lane_put_many(struct lane *lane, unsigned count, uint32_t payload_size);

/* What was answered, other than OK. */
enum { LANE_ANSWERS = 256 };
struct lane_answers {
    unsigned count;
    uint64_t numbers[LANE_ANSWERS];
    enum smew_status statuses[LANE_ANSWERS];
    unsigned refuse; /* so many answers are not taken; then all are */
};
/* Fails the test when there are too many. */
bool lane_on_answer(void *answers, uint64_t number, enum smew_status status);
/* Collects; fails the test when anything but OK was answered. */
void lane_collect(struct lane *lane);

/* ---- the consumer -------------------------------------------------------------------- */

/* Are these the bytes that were written for this number?  `body` is the record's or a copy. */
bool lane_is_intact(const struct smew__lane_record *record, const uint8_t *body);
/* next and check in place; a failed check is a loss. */
enum smew_status lane_take(struct lane *lane, struct smew__lane_record *record);
/* Takes one that must be there and whole; answers it OK when `complete`. */
uint64_t lane_expect(struct lane *lane, bool complete);
/* The same for all that are there; then publishes.  Answers how many. */
unsigned lane_drain(struct lane *lane);

#endif
