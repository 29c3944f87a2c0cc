/* SPDX-License-Identifier: MIT */
/* Any bytes as a protobuf frame. */
#include "tests/fuzz/codec.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_decode(&smew__codec_frame, data, size, false);
    return 0;
}
