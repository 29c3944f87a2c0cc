/* SPDX-License-Identifier: MIT */
/*
 * Preambles and frames of a byte stream; stream.h has the format.
 *
 * Nothing here keeps state or allocates: the bytes are the transport's, and a frame is checked in
 * one pass over them when it is whole.  Until then parse() only looks at the length, so a frame
 * that trickles in does not cost its square.
 *
 * Fails with TOO_BIG as soon as the length is there, before anybody makes room for the body.
 */
#include "serialization/stream.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c/combine.h"
#include "base/crc32c/crc32c.h"

static const uint8_t magic[4] = {'S', 'M', 'E', 'W'};

enum { NEWEST_AT = 4, OLDEST_AT = 5, FEATURES_AT = 6 };

void smew__stream_preamble(uint8_t preamble[SMEW__STREAM_PREAMBLE_SIZE])
{
    memcpy(preamble, magic, sizeof magic);
    preamble[NEWEST_AT] = SMEW__STREAM_VERSION_NEWEST;
    preamble[OLDEST_AT] = SMEW__STREAM_VERSION_OLDEST;
    memset(preamble + FEATURES_AT, 0, 2);
}

enum smew_status smew__stream_preamble_check(const uint8_t preamble[SMEW__STREAM_PREAMBLE_SIZE],
                                             uint8_t *version)
{
    uint8_t newest = preamble[NEWEST_AT];
    uint8_t oldest = preamble[OLDEST_AT];

    if (memcmp(preamble, magic, sizeof magic) != 0 || oldest == 0 || oldest > newest)
        return SMEW_CORRUPT;
    if (oldest > SMEW__STREAM_VERSION_NEWEST || newest < SMEW__STREAM_VERSION_OLDEST)
        return SMEW_VERSION;
    *version = newest < SMEW__STREAM_VERSION_NEWEST ? newest : SMEW__STREAM_VERSION_NEWEST;
    return SMEW_OK;
}

void smew__stream_refusal(const uint8_t preamble[SMEW__STREAM_PREAMBLE_SIZE], char *text,
                          size_t size)
{
    uint8_t version;

    if (smew__stream_preamble_check(preamble, &version) == SMEW_CORRUPT)
        (void)snprintf(text, size, "the peer does not speak smew");
    else
        (void)snprintf(text, size,
                       "the peer speaks smew wire versions %d to %d, this library %d to %d",
                       preamble[OLDEST_AT], preamble[NEWEST_AT], SMEW__STREAM_VERSION_OLDEST,
                       SMEW__STREAM_VERSION_NEWEST);
}

void smew__stream_head(uint32_t size, uint8_t head[SMEW__STREAM_HEAD_SIZE])
{
    smew__put_be32(head, size);
}

void smew__stream_tail(const uint8_t head[SMEW__STREAM_HEAD_SIZE], const struct smew_bytes *parts,
                       size_t count, uint8_t tail[SMEW__STREAM_TAIL_SIZE])
{
    smew__stream_tail_known(head, parts, count, NULL, tail);
}

void smew__stream_tail_known(const uint8_t head[SMEW__STREAM_HEAD_SIZE],
                             const struct smew_bytes *parts, size_t count,
                             const struct smew__stream_sum *known,
                             uint8_t tail[SMEW__STREAM_TAIL_SIZE])
{
    uint32_t crc = smew__crc32c(0, head, SMEW__STREAM_HEAD_SIZE);

    for (size_t i = 0; i < count; i++) {
        if (known != NULL && known->part == i)
            crc = smew__crc32c_combine(crc, known->crc, (uint32_t)parts[i].size);
        else
            crc = smew__crc32c(crc, parts[i].data, parts[i].size);
    }
    smew__put_be32(tail, crc);
}

enum smew_status smew__stream_parse(const uint8_t *data, size_t size, uint32_t frame_max,
                                    struct smew_bytes *frame, size_t *used)
{
    uint32_t length;
    size_t checked;

    if (size < SMEW__STREAM_HEAD_SIZE)
        return SMEW_AGAIN;
    length = smew__get_be32(data);
    if (length > frame_max)
        return SMEW_TOO_BIG;
    checked = SMEW__STREAM_HEAD_SIZE + (size_t)length;
    if (size < checked + SMEW__STREAM_TAIL_SIZE)
        return SMEW_AGAIN;
    if (smew__crc32c(0, data, checked) != smew__get_be32(data + checked))
        return SMEW_CORRUPT;
    *frame = (struct smew_bytes){data + SMEW__STREAM_HEAD_SIZE, length};
    *used = checked + SMEW__STREAM_TAIL_SIZE;
    return SMEW_OK;
}

size_t smew__stream_frame_size(const uint8_t *data, size_t size)
{
    if (size < SMEW__STREAM_HEAD_SIZE)
        return 0;
    return SMEW__STREAM_HEAD_SIZE + (size_t)smew__get_be32(data) + SMEW__STREAM_TAIL_SIZE;
}
