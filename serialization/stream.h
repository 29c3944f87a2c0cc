/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SERIALIZATION_STREAM_H
#define SMEW_SERIALIZATION_STREAM_H

/*
 * How frames travel on a byte stream: a Unix socket, a pipe, later TCP.
 *
 * Both ends send the preamble at once, without waiting for the other's, and nothing else before
 * it.  Who cannot speak any version that the other names says so in a sentence and closes.
 *
 *     preamble, 8 bytes                        frame, 8 + n bytes
 *     +-------------+------+------+--------+   +-----------+---------------+-----------+
 *     | S  M  E  W  | new- | old- | fea-   |   | n, length | n bytes       | CRC-32C   |
 *     |             | est  | est  | tures  |   | of body   | body          | of both   |
 *     +-------------+------+------+--------+   +-----------+---------------+-----------+
 *
 *     offset  size  field
 *     preamble
 *          0     4  "SMEW"; its first byte is never '{', so that NDJSON may share a socket
 *          4     1  newest version that the sender speaks
 *          5     1  oldest version that it speaks, 1 to newest
 *          6     2  features that it offers, big-endian; none so far
 *     frame
 *          0     4  n, big-endian; 0 to the channel's frame_max
 *          4     n  body: one item of a codec
 *      4 + n     4  CRC-32C of the 4 + n bytes before, big-endian
 *
 * Valid: a preamble that begins with the magic and names a range that is one; a frame whose length
 * is within the limit and whose CRC is right.  Anything else ends the connection, because after a
 * wrong length nobody knows where the next frame begins.
 * Writer: preamble(); then for each frame head(), the parts of the body, tail().
 * Reader: 8 bytes, preamble_check(); then parse() on what has arrived, as often as it says OK.
 * Versions: the connection speaks the newest that both speak, which is the lower of the two
 * "newest".  A change that an older reader would misread is a new version; a feature is used when
 * both offer it, and bits that nobody knows yet are ignored.
 */

#include <stddef.h>
#include <stdint.h>

#include <smew/transport.h>

enum {
    SMEW__STREAM_VERSION_NEWEST = 1,
    SMEW__STREAM_VERSION_OLDEST = 1,
    SMEW__STREAM_PREAMBLE_SIZE = 8,
    SMEW__STREAM_HEAD_SIZE = 4,
    SMEW__STREAM_TAIL_SIZE = 4,
};

void smew__stream_preamble(uint8_t preamble[SMEW__STREAM_PREAMBLE_SIZE]);

/*
 * What the other end sent: OK with the version that the connection speaks, CORRUPT when it is not
 * smew that speaks, VERSION when no version is common.
 */
SMEW_MUST_USE enum smew_status
smew__stream_preamble_check(const uint8_t preamble[SMEW__STREAM_PREAMBLE_SIZE], uint8_t *version);

/*
 * The sentence for a refused preamble: "the peer speaks smew wire versions 2 to 3, this library
 * 1 to 1", or that it is not smew.  Always terminated.
 */
void smew__stream_refusal(const uint8_t preamble[SMEW__STREAM_PREAMBLE_SIZE], char *text,
                          size_t size);

/* What goes before and behind a body of `size` bytes that is gathered from parts. */
void smew__stream_head(uint32_t size, uint8_t head[SMEW__STREAM_HEAD_SIZE]);
void smew__stream_tail(const uint8_t head[SMEW__STREAM_HEAD_SIZE], const struct smew_bytes *parts,
                       size_t count, uint8_t tail[SMEW__STREAM_TAIL_SIZE]);
/* What is known of a part: its CRC-32C, begun with 0. */
struct smew__stream_sum {
    size_t part; /* its index */
    uint32_t crc;
};
/* The same, but that part is not read; with NULL all are. */
void smew__stream_tail_known(const uint8_t head[SMEW__STREAM_HEAD_SIZE],
                             const struct smew_bytes *parts, size_t count,
                             const struct smew__stream_sum *known,
                             uint8_t tail[SMEW__STREAM_TAIL_SIZE]);

/*
 * The first frame of the bytes that have arrived: its body, which points into `data`, and how many
 * bytes it used up in all.  AGAIN when it is not whole yet (nothing was looked at but the length),
 * TOO_BIG, CORRUPT.
 */
SMEW_MUST_USE enum smew_status smew__stream_parse(const uint8_t *data, size_t size,
                                                  uint32_t frame_max, struct smew_bytes *frame,
                                                  size_t *used);

/*
 * How many bytes the first frame takes in all, for a reader that sizes its buffer: 0 while the
 * length itself has not arrived.  Not checked against any limit; parse() does that.
 */
size_t smew__stream_frame_size(const uint8_t *data, size_t size);

#endif
