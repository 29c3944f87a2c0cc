/* SPDX-License-Identifier: MIT */
/* Any bytes as a protobuf frame; what is read by hand is what the generated code reads. */
#include "tests/fuzz/codec.h"
#include "tests/fuzz/fuzz.h"

#include "serialization/frame.h"
#include "serialization/wire_envelope.h"
#include "tests/serialization/kit.h"

static void check_agreement(const uint8_t *data, size_t size)
{
    struct smew__item item = {.type = SMEW__ITEM_ENVELOPE};
    struct smew__item expected = {0};

    if (!smew__wire_envelope_read(data, size, &item.envelope))
        return;
    FUZZ_CHECK(smew__frame_decode_generated(data, size, &expected) == SMEW_OK);
    FUZZ_CHECK(kit_equal(&item, &expected));
    smew__item_fini(&expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_agreement(data, size);
    fuzz_decode(&smew__codec_frame, data, size, false);
    return 0;
}
