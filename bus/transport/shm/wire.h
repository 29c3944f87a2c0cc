/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_TRANSPORT_SHM_WIRE_H
#define SMEW_BUS_TRANSPORT_SHM_WIRE_H

/*
 * What the two ends of an shm connection say to each other on their seqpacket socket: what shared
 * memory cannot carry (fds), what must not wait for it (the first frames), and that there is
 * something to look at.
 *
 * Each end sends HELLO at once, without waiting for the other's, and nothing before it.  FRAMEs
 * come before the first record in the lane of the other's HELLO, and never after it.
 *
 *     offset  size  every datagram
 *          0     1  type
 *          1     3  zeros
 *
 *     offset  size  type
 *                   1 HELLO, 16 bytes, 2 fds: the ring and the cursors of the lane on which its
 *                   sender receives frames; that lane's number is 0
 *          4     4  "SMEW"
 *          8     1  newest version that the sender speaks
 *          9     1  oldest version that it speaks, 1 to newest
 *         10     2  features that it offers; none so far
 *         12     4  frame_max: the largest frame that it takes, 1 to SMEW_FRAME_MAX
 *
 *                   2 FRAME, 4 + n bytes: a frame of n bytes, for which there was no lane yet
 *          4     n  0 to SMEW__SHM_EARLY_MAX bytes
 *
 *                   3 BELL, 4 bytes: look at what you share with me
 *
 *                   4 LARGE, 12 bytes, 1 fd: a frozen memory (base/os/frozen.h) that is the frame
 *                   of a record which says so, see below
 *          4     8  number: 0, 1, 2 … of this sender
 *
 *                   5 ASK, 32 bytes: give me a lane in which I may send
 *          4     8  lane: its number, of the asking side's choice, not 0 and never used before
 *         12     4  size of its ring in bytes
 *         16     4  window: records in flight
 *         20     8  after: the lane that is read to its end before this one is begun; 0: none
 *         28     4  size of its payload pool in bytes; 0: it needs none
 *
 *                   6 GRANT, 12 bytes, 2 or 3 fds: the ring and the cursors of a lane that was
 *                   asked for, and its pool
 *          4     8  lane
 *
 *                   7 DENY, 16 bytes
 *          4     8  lane
 *         12     4  why: enum smew_status, two's complement, not OK
 *
 *                   8 NAMES, 40 bytes: the HELLO of `shm-posix`, whose lane is found by its names
 *                   (base/os/posix.h); its first 16 bytes are those of HELLO
 *         16     8  pid         \
 *         24     8  start ticks  > of who made the names
 *         32     8  number      /
 *
 * Integers are big-endian.  A frame in the lane is a record (serialization/record.h) of kind
 * CONTROL without extension, target and source, whose event number says what its payload is:
 *
 *     event  payload
 *         0  the frame
 *         1  number of the LARGE that was sent before (8 bytes) and the size of the frame (8)
 *
 * Valid: exactly these sizes, counts of fds and zeros; the scheme's HELLO first and once.  Anything
 * else ends the connection, since whoever sends it is not this library. Versions: the connection
 * speaks the newest version that both speak.  The first 12 bytes of HELLO stay as they are in all
 * of them, and a HELLO of no common version is refused with VERSION and a sentence, whatever else
 * is in it.  Features are used when both offer them; unknown ones are ignored.
 */

#include <stddef.h>
#include <stdint.h>

#include <smew/status.h>

enum {
    SMEW__SHM_VERSION_NEWEST = 1,
    SMEW__SHM_VERSION_OLDEST = 1,
    SMEW__SHM_HEAD_SIZE = 4,
    SMEW__SHM_EARLY_MAX = 4096,
    SMEW__SHM_DATAGRAM_MAX = SMEW__SHM_HEAD_SIZE + SMEW__SHM_EARLY_MAX,
    SMEW__SHM_LARGE_SIZE = 16, /* the payload of a record that stands for a large frame */
};

enum smew__shm_type {
    SMEW__SHM_HELLO = 1,
    SMEW__SHM_FRAME = 2,
    SMEW__SHM_BELL = 3,
    SMEW__SHM_LARGE = 4,
    SMEW__SHM_ASK = 5,
    SMEW__SHM_GRANT = 6,
    SMEW__SHM_DENY = 7,
    SMEW__SHM_NAMES = 8,
};

/* The event numbers of a lane's records. */
enum smew__shm_record {
    SMEW__SHM_RECORD_FRAME = 0,
    SMEW__SHM_RECORD_LARGE = 1,
};

struct smew__shm_datagram {
    enum smew__shm_type type;
    uint32_t frame_max;      /* HELLO, NAMES */
    int64_t pid;             /* NAMES */
    uint64_t start_ticks;    /* NAMES */
    uint64_t number;         /* LARGE, NAMES */
    uint64_t lane;           /* ASK, GRANT, DENY */
    uint32_t ring_bytes;     /* ASK */
    uint32_t window;         /* ASK */
    uint64_t after;          /* ASK */
    uint32_t pool_bytes;     /* ASK */
    size_t fd_count;         /* GRANT, when parsed */
    enum smew_status status; /* DENY */
    const uint8_t *frame;    /* FRAME, when parsed: points into the bytes */
    size_t frame_size;
};

/* Writes it and answers its size.  Of a FRAME only the head: the frame goes behind it. */
size_t smew__shm_encode(const struct smew__shm_datagram *datagram,
                        uint8_t bytes[SMEW__SHM_DATAGRAM_MAX]);

/* Reads what came, hostile or not: OK, CORRUPT, VERSION (a HELLO of no common version). */
SMEW_MUST_USE enum smew_status smew__shm_parse(const uint8_t *bytes, size_t size, size_t fd_count,
                                               struct smew__shm_datagram *datagram);

/*
 * The sentence for a first datagram that was refused: "the peer speaks versions 2 to 3 of smew's
 * shared memory, this library 1 to 1", or that it is not smew.  Always terminated.
 */
void smew__shm_refusal(const uint8_t *bytes, size_t size, char *text, size_t text_size);

/* The payload of a record that stands for a large frame. */
struct smew__shm_large {
    uint64_t number;
    uint64_t size;
};
void smew__shm_put_large(const struct smew__shm_large *large, uint8_t bytes[SMEW__SHM_LARGE_SIZE]);
struct smew__shm_large smew__shm_get_large(const uint8_t bytes[SMEW__SHM_LARGE_SIZE]);

#endif
