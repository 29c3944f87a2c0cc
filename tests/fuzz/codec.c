/* SPDX-License-Identifier: MIT */
/* The properties of a codec, for the fuzzers of frames, records and streams. */
#include "tests/fuzz/codec.h"

#include <string.h>

#include "base/alloc.h"
#include "tests/fuzz/fuzz.h"
#include "tests/serialization/kit.h"

static void check_again(const struct smew__codec *codec, const struct smew__item *item,
                        const struct smew__buffer *bytes)
{
    struct smew__item again = {0};

    FUZZ_CHECK(codec->decode(bytes->data, bytes->size, &again) == SMEW_OK);
    FUZZ_CHECK(kit_equal(item, &again));
    smew__item_fini(&again);
}

static void check_item(const struct smew__codec *codec, const struct smew__item *item,
                       const void *data, size_t size, bool one_form)
{
    struct smew__buffer bytes;

    FUZZ_CHECK(smew__item_check(item) == SMEW_OK);
    FUZZ_CHECK(kit_is_complete(item));
    smew__buffer_init(&bytes);
    FUZZ_CHECK(codec->encode(item, &bytes) == SMEW_OK);
    check_again(codec, item, &bytes);
    if (one_form && item->type == SMEW__ITEM_ENVELOPE && item->envelope.kind != SMEW_KIND_CONTROL)
        FUZZ_CHECK(bytes.size == size && memcmp(bytes.data, data, size) == 0);
    smew__buffer_fini(&bytes);
}

void fuzz_decode(const struct smew__codec *codec, const void *data, size_t size, bool one_form)
{
    int64_t live = smew__alloc_live();
    struct smew__item item = {0};
    enum smew_status status = codec->decode(data, size, &item);

    if (status == SMEW_OK)
        check_item(codec, &item, data, size, one_form);
    else
        FUZZ_CHECK(status == SMEW_CORRUPT || status == SMEW_VERSION);
    smew__item_fini(&item);
    FUZZ_CHECK(smew__alloc_live() == live);
}
