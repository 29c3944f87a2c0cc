/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a record: as they are; again with a commit word and CRCs that fit, or else nothing
 * behind those would ever be reached; and so in a lane.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/crc32c/crc32c.h"
#include "serialization/record_plain.h"
#include "tests/fuzz/codec.h"
#include "tests/fuzz/fuzz.h"
#include "tests/serialization/kit.h"

enum { HEADER = sizeof(struct smew__record_header), DEFINED = 16 };

static bool resolve(void *owner, enum smew__envelope_names name, uint32_t number,
                    struct smew__text *text)
{
    (void)owner;
    (void)name;
    *text = (struct smew__text){"known", 5};
    return number < DEFINED;
}

static const struct smew__record_lane lane = {{{1, 2, 3}, {"@3.17", 5}}, resolve, NULL};

static void seal(uint8_t *record, size_t size)
{
    struct smew__record_header header;

    memcpy(&header, record, sizeof header);
    header.commit = smew__record_commit(0, 0);
    header.body_crc = smew__crc32c(0, record + sizeof header, size - sizeof header);
    header.header_crc = smew__record_header_crc(&header);
    memcpy(record, &header, sizeof header);
}

/* What was read is written in the same way again. */
static void check_again(const struct smew__record_header *header, const uint8_t *body,
                        const struct smew__item *item, unsigned defines)
{
    const struct smew__record_numbers numbers = {header->target, header->event, (uint8_t)defines};
    struct smew__record_header again;
    struct smew__record_shape shape;
    uint8_t *copy;

    FUZZ_CHECK(smew__item_check(item) == SMEW_OK);
    FUZZ_CHECK(kit_is_terminated(item));
    FUZZ_CHECK(smew__record_measure(&item->envelope, &lane.implied, &numbers, &shape) == SMEW_OK);
    FUZZ_CHECK(HEADER + shape.body_size == smew__record_size(header));
    copy = smew__alloc((size_t)shape.body_size + 1);
    FUZZ_CHECK(copy != NULL);
    smew__record_write(&item->envelope, &shape, copy, &again);
    again.commit = header->commit;
    again.header_crc = smew__record_header_crc(&again);
    FUZZ_CHECK(memcmp(&again, header, sizeof again) == 0);
    FUZZ_CHECK(memcmp(copy, body, (size_t)shape.body_size) == 0);
    smew__free(copy);
}

/* What is taken for a plain record is one. */
static void check_plain(const struct smew__record_header *header, const uint8_t *body,
                        enum smew_status status, const struct smew__item *item)
{
    struct smew__record_plain plain;

    if (!smew__record_plain_read(header, body, lane.implied.source, &plain) ||
        plain.target >= DEFINED || plain.event >= DEFINED)
        return;
    FUZZ_CHECK(status == SMEW_OK);
    FUZZ_CHECK(item->envelope.payload_size == plain.payload_size);
    FUZZ_CHECK(item->envelope.payload == plain.payload);
    FUZZ_CHECK(smew__record_tick(item->envelope.sent_ns) == plain.tick &&
               item->envelope.content == plain.content);
    if (plain.source.size != 0)
        FUZZ_CHECK(item->envelope.source.size == plain.source.size &&
                   memcmp(item->envelope.source.data, plain.source.data, plain.source.size) == 0);
    FUZZ_CHECK(item->envelope.header_count == 0 && item->envelope.correlation == 0);
}

static void read_in_lane(const uint8_t *record, size_t size)
{
    int64_t live = smew__alloc_live();
    struct smew__record_header header;
    struct smew__item item = {0};
    unsigned defines;
    enum smew_status status;

    memcpy(&header, record, sizeof header);
    if (smew__record_size(&header) != size) /* a lane looks at this itself */
        return;
    status = smew__record_read(&header, record + HEADER, &lane, &defines, &item);
    check_plain(&header, record + HEADER, status, &item);
    if (status == SMEW_OK)
        check_again(&header, record + HEADER, &item, defines);
    else
        FUZZ_CHECK(status == SMEW_CORRUPT || status == SMEW_VERSION);
    smew__item_fini(&item);
    FUZZ_CHECK(smew__alloc_live() == live);
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
    read_in_lane(sealed, size);
    smew__free(sealed);
    return 0;
}
