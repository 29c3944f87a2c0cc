/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what a peer sends: a preamble, then frames, each with an item in it.  CRCs are put
 * right before they are looked at, in every frame but one in eight, so that the fuzzer gets on.
 */
#include <string.h>

#include "base/alloc.h"
#include "serialization/stream.h"
#include "tests/fuzz/codec.h"
#include "tests/fuzz/fuzz.h"

enum { LIMIT = 1 << 16 };

static void check_preamble(const uint8_t *preamble)
{
    uint8_t version = 0;
    char text[128];
    enum smew_status status = smew__stream_preamble_check(preamble, &version);

    FUZZ_CHECK(status == SMEW_OK || status == SMEW_CORRUPT || status == SMEW_VERSION);
    FUZZ_CHECK((status == SMEW_OK) == (version == SMEW__STREAM_VERSION_NEWEST));
    smew__stream_refusal(preamble, text, sizeof text);
    FUZZ_CHECK(strlen(text) > 0);
}

/* Makes the first frame's CRC right, if it is whole. */
static void repair(uint8_t *bytes, size_t size)
{
    size_t frame_size = smew__stream_frame_size(bytes, size);
    struct smew_bytes body;

    if (frame_size == 0 || frame_size > size || frame_size % 8 == 7)
        return;
    body = (struct smew_bytes){bytes + SMEW__STREAM_HEAD_SIZE,
                               frame_size - SMEW__STREAM_HEAD_SIZE - SMEW__STREAM_TAIL_SIZE};
    smew__stream_tail(bytes, &body, 1, bytes + frame_size - SMEW__STREAM_TAIL_SIZE);
}

/* Answers how many bytes the first frame used up; 0 when that is the end. */
static size_t read_frame(const uint8_t *bytes, size_t size)
{
    struct smew_bytes frame;
    size_t used = 0;
    enum smew_status status = smew__stream_parse(bytes, size, LIMIT, &frame, &used);

    FUZZ_CHECK(status == SMEW_OK || status == SMEW_AGAIN || status == SMEW_TOO_BIG ||
               status == SMEW_CORRUPT);
    if (status != SMEW_OK)
        return 0;
    FUZZ_CHECK(used <= size && used == smew__stream_frame_size(bytes, size));
    FUZZ_CHECK(frame.data == bytes + SMEW__STREAM_HEAD_SIZE);
    FUZZ_CHECK(frame.size + SMEW__STREAM_HEAD_SIZE + SMEW__STREAM_TAIL_SIZE == used);
    FUZZ_CHECK(smew__stream_parse(bytes, used - 1, LIMIT, &frame, &used) == SMEW_AGAIN);
    fuzz_decode(&smew__codec_frame, frame.data, frame.size, false);
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes;
    size_t at = SMEW__STREAM_PREAMBLE_SIZE;
    size_t used = 0;

    if (size < SMEW__STREAM_PREAMBLE_SIZE)
        return 0;
    bytes = smew__memdup(data, size);
    FUZZ_CHECK(bytes != NULL);
    check_preamble(bytes);
    do {
        repair(bytes + at, size - at);
        used = read_frame(bytes + at, size - at);
        at += used;
    } while (used != 0);
    smew__free(bytes);
    return 0;
}
