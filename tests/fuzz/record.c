/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a record: as they are, and again with a commit word and CRCs that fit, or else
 * nothing behind those would ever be reached.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/crc32c/crc32c.h"
#include "serialization/record.h"
#include "tests/fuzz/codec.h"
#include "tests/fuzz/fuzz.h"

static void seal(uint8_t *record, size_t size)
{
    struct smew__record_header header;

    memcpy(&header, record, sizeof header);
    header.commit = smew__record_commit(0, 0);
    header.body_crc = smew__crc32c(0, record + sizeof header, size - sizeof header);
    header.header_crc = smew__record_header_crc(&header, 0);
    memcpy(record, &header, sizeof header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *sealed;

    fuzz_decode(&smew__codec_record, data, size, true);
    if (size < sizeof(struct smew__record_header))
        return 0;
    sealed = smew__memdup(data, size);
    FUZZ_CHECK(sealed != NULL);
    seal(sealed, size);
    fuzz_decode(&smew__codec_record, sealed, size, true);
    smew__free(sealed);
    return 0;
}
