/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SHM_SEGMENT_H
#define SMEW_BUS_SHM_SEGMENT_H

/*
 * The memory of a lane: one producer, one consumer, two segments.
 *
 *   ring segment        made by the consumer, written by the producer
 *   +--------------+-----------------------------------+
 *   | header page  | ring: records, serialization/record.h
 *   | head, rings  |   ..done | in flight | free ..    |
 *   +--------------+-----------------------------------+
 *                  ^ mapped twice in a row: a record never wraps
 *
 *   cursor segment      made and written by the consumer, read by the producer
 *   +--------------+-----------------------------------+
 *   | completed .. | answers: one word for each record in flight
 *   +--------------+-----------------------------------+
 *
 * Each memory has one writer.  Both are memfds of the consumer, allocated before they are mapped
 * (no hole, no SIGBUS) and sealed against shrinking and growing; the cursor segment, once the
 * consumer has mapped it, also against every later writable mapping.  So a peer can neither
 * truncate what we have mapped nor write where only we write.  Everything read from the other
 * side's memory is a claim: it is loaded once, checked, and at worst costs this lane.
 *
 * Every segment begins with
 *
 *     offset  size  prefix, written by the creator before anybody else has the segment
 *          0     4  magic: 0x584D4950 ("XMIP")
 *          4     2  version of this table and of the records: 4
 *          6     2  what it is: enum smew__segment_kind
 *          8     8  size of the segment in bytes
 *         16     8  fingerprint: a hash of the offsets below, of the record header, of the byte
 *                   order and the size of a page
 *         24     8  lane: a number that the connection knows it by
 *         32     8  salt of the commit words and header checks
 *         40     8  number of the first record   \  0, but for tests of wrap-around
 *         48     8  position of the first record /
 *         56     4  data: offset of ring, answers or blocks
 *         60     4  window: how many records may be in flight, a power of two
 *
 *     offset  size  ring segment, the producer's words
 *         64     8  head: what was committed so far (smew__head_pack, head.h)
 *        128     4  waiting: enum smew__lane_waiting; looked at by the consumer now and then, and
 *                   so not in the line of the head
 *        132     4  ended: 1 when nothing follows
 *        136     4  unfenced: 1 while the producer looks at `armed` without a fence behind its
 *                   commits; loaded by the consumer behind its own fence
 *        140     4  rings: a futex, one more with each ring of a consumer that sleeps on it
 *       page     .  ring; its size is a power of two, 4 KiB to 16 MiB
 *
 *     offset  size  cursor segment, the consumer's words
 *         64     8  completed: number of the first record that is not complete
 *         72     8  received: number of the first record that was not read
 *         80     8  specials: how many answers other than OK were given so far
 *         88     4  turn: a futex, changes with each publish of answers
 *        128     4  armed: changes each time the consumer goes to sleep; 0: it is awake.  Its
 * lowest bit says how it is woken: enum smew__lane_alarm 132     4  state: enum smew__lane_state;
 * looked at for each record, as is armed, and so not in the line of what each publish changes 136
 * 4  reaches: 1 when the consumer's fences reach every process that asked for it
 *                   (base/sync/fence.h), as far as it knows; never changes
 *        256     8  answers, one for each place of the window: number << 8 | status & 0xff, for a
 *                   status other than OK; number << 8 | SMEW__ANSWER_DONE for one that ended OK
 *                   before everything older did
 *
 * A position counts bytes and a number counts records; both only grow, wrap at 2^64, and are
 * compared by difference.  Integers are in the machine's own order.
 *
 * Version rule: a segment whose prefix differs in any of magic, version, kind, size or fingerprint
 * is refused with VERSION or CORRUPT before anything else in it is read.
 */

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smew/status.h>

#include "base/os/memory.h"

enum {
    SMEW__SEGMENT_MAGIC = 0x584D4950,
    SMEW__SEGMENT_VERSION = 4,
    SMEW__LANE_BYTES_MIN = 4 * 1024,
    SMEW__LANE_BYTES_DEFAULT = 64 * 1024,
    SMEW__LANE_BYTES_MAX = 16 * 1024 * 1024,
    SMEW__LANE_WINDOW_MAX = 65536,
};

enum smew__segment_kind {
    SMEW__SEGMENT_RING = 1,
    SMEW__SEGMENT_CURSORS = 2,
    SMEW__SEGMENT_POOL = 3,
};

enum smew__lane_state {
    SMEW__LANE_OPEN = 0,
    SMEW__LANE_QUARANTINED = 1, /* too much damage: the consumer reads no further */
    SMEW__LANE_CLOSED = 2,      /* the consumer has left */
};

/* How a consumer that sleeps wants to be woken. */
enum smew__lane_alarm {
    SMEW__ALARM_BELL = 0, /* with a bell on the connection: somebody sleeps on its socket */
    SMEW__ALARM_WORD = 1, /* `rings` changes and is woken: somebody sleeps on it */
};

enum { SMEW__ANSWER_DONE = 1 }; /* no status: those are 0 and below */

/* Who of the producer wants to know of completions; changed only by its process. */
enum smew__lane_waiting {
    SMEW__WAITING_BELL = 1u << 0,   /* one bit: the service thread wants a bell */
    SMEW__WAITING_THREAD = 1u << 1, /* so much for each thread that sleeps on `turn` */
};

struct smew__segment_prefix {
    uint32_t magic;
    uint16_t version;
    uint16_t kind;
    uint64_t size;
    uint64_t fingerprint;
    uint64_t lane;
    uint64_t salt;
    uint64_t first_number;
    uint64_t first_position;
    uint32_t data;
    uint32_t window;
};

struct smew__ring_header {
    struct smew__segment_prefix prefix;
    alignas(64) _Atomic uint64_t head;
    alignas(128) _Atomic uint32_t waiting;
    _Atomic uint32_t ended;
    _Atomic uint32_t unfenced;
    _Atomic uint32_t rings;
};

struct smew__cursors {
    struct smew__segment_prefix prefix;
    alignas(64) _Atomic uint64_t completed;
    _Atomic uint64_t received;
    _Atomic uint64_t specials;
    _Atomic uint32_t turn;
    alignas(128) _Atomic uint32_t armed;
    _Atomic uint32_t state;
    _Atomic uint32_t reaches;
    alignas(256) _Atomic uint64_t answers[];
};

static_assert(sizeof(struct smew__segment_prefix) == 64, "prefix");
static_assert(offsetof(struct smew__segment_prefix, magic) == 0, "magic");
static_assert(offsetof(struct smew__segment_prefix, version) == 4, "version");
static_assert(offsetof(struct smew__segment_prefix, kind) == 6, "kind");
static_assert(offsetof(struct smew__segment_prefix, size) == 8, "size");
static_assert(offsetof(struct smew__segment_prefix, fingerprint) == 16, "fingerprint");
static_assert(offsetof(struct smew__segment_prefix, lane) == 24, "lane");
static_assert(offsetof(struct smew__segment_prefix, salt) == 32, "salt");
static_assert(offsetof(struct smew__segment_prefix, first_number) == 40, "first_number");
static_assert(offsetof(struct smew__segment_prefix, first_position) == 48, "first_position");
static_assert(offsetof(struct smew__segment_prefix, data) == 56, "data");
static_assert(offsetof(struct smew__segment_prefix, window) == 60, "window");
static_assert(offsetof(struct smew__ring_header, head) == 64, "head");
static_assert(offsetof(struct smew__ring_header, waiting) == 128, "waiting");
static_assert(offsetof(struct smew__ring_header, ended) == 132, "ended");
static_assert(offsetof(struct smew__ring_header, unfenced) == 136, "unfenced");
static_assert(offsetof(struct smew__ring_header, rings) == 140, "rings");
static_assert(offsetof(struct smew__cursors, completed) == 64, "completed");
static_assert(offsetof(struct smew__cursors, received) == 72, "received");
static_assert(offsetof(struct smew__cursors, specials) == 80, "specials");
static_assert(offsetof(struct smew__cursors, turn) == 88, "turn");
static_assert(offsetof(struct smew__cursors, armed) == 128, "armed");
static_assert(offsetof(struct smew__cursors, state) == 132, "state");
static_assert(offsetof(struct smew__cursors, reaches) == 136, "reaches");
static_assert(offsetof(struct smew__cursors, answers) == 256, "answers");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "lock-free everywhere");

/* A lane's two segments, as one side has them mapped. */
struct smew__lane_memory {
    struct smew__memory ring_memory;
    struct smew__memory cursor_memory;
    struct smew__ring_header *header; /* the ring segment's first page */
    uint8_t *ring;                    /* 2 * ring_bytes, the second half is the first again */
    struct smew__cursors *cursors;    /* read-only for the producer */
    uint64_t ring_bytes;
    uint64_t window;
    uint64_t salt;
    uint64_t first_number;
    uint64_t first_position;
    uint64_t lane;
};

struct smew__lane_spec {
    uint64_t lane;
    uint64_t ring_bytes; /* rounded up to a power of two and a page; TOO_BIG, beyond the most */
    uint32_t window;     /* rounded up to a power of two, at least 1; TOO_BIG, beyond the most */
    uint64_t first_number;
    uint64_t first_position; /* a multiple of 32 */
};

/*
 * Makes both segments and maps them, both fds kept for passing.  The consumer.  On failure nothing
 * is left: NO_MEMORY, NO_FDS, NO_SPACE (allocation refused, RLIMIT_FSIZE), INVALID, IO.
 */
enum smew_status smew__lane_memory_create(const struct smew__lane_spec *spec,
                                          struct smew__lane_memory *memory);
/*
 * The same over memory that comes from elsewhere (base/os/posix.h) and is zero: takes over both
 * mappings when it is OK.  How large they must be, the ring repeated from *page on, says sizes.
 * INVALID, TOO_BIG.
 */
struct smew__lane_sizes {
    size_t ring;
    size_t cursors;
    size_t page;
};
enum smew_status smew__lane_memory_sizes(const struct smew__lane_spec *spec,
                                         struct smew__lane_sizes *sizes);
enum smew_status smew__lane_memory_lay_out(const struct smew__lane_spec *spec,
                                           const struct smew__memory *ring,
                                           const struct smew__memory *cursors,
                                           struct smew__lane_memory *memory);
/* What lay_out made, as the producer has it mapped; takes over both when it is OK. */
enum smew_status smew__lane_memory_adopt(const struct smew__memory *ring,
                                         const struct smew__memory *cursors,
                                         struct smew__lane_memory *memory);
/*
 * Checks and maps what a consumer passed.  The producer.  Takes over both fds, whatever the
 * result, and closes them once mapped.  CORRUPT, VERSION, PERMISSION (not sealed as said above, or
 * attached by somebody before), NO_MEMORY.
 */
enum smew_status smew__lane_memory_attach(int ring_fd, int cursor_fd,
                                          struct smew__lane_memory *memory);
/*
 * The consumer, before it reads the first record: nobody can take memory away any more
 * (base/os/memory.h).  Closes the fds.  AGAIN: the producer has not attached it yet (so a record is
 * a lie); CORRUPT: it made holes before.
 */
enum smew_status smew__lane_memory_settle(struct smew__lane_memory *memory);
/* How many bytes of memory a lane takes, before it is made: for quotas. */
uint64_t smew__lane_memory_bytes(const struct smew__lane_spec *spec);
void smew__lane_memory_close_fds(struct smew__lane_memory *memory); /* once passed */
void smew__lane_memory_fini(struct smew__lane_memory *memory);      /* a zeroed one is fine */

#endif
