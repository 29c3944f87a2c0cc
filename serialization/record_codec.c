/* SPDX-License-Identifier: MIT */
/*
 * The codec of memory: items as records that stand alone, record.h.
 *
 * Encoding measures, reserves that size, writes body and then header into place.  Decoding copies
 * the header once and believes its sizes only when its CRC is right.
 *
 * Failure modes of decoding: CORRUPT for a check that fails, VERSION for what record.h and item.h
 * do not list; NO_MEMORY only for an envelope with user headers, and for CONTROL records.
 */
#include "serialization/record.h"

#include <string.h>

#include <smew/transport.h>

#include "base/crc32c/crc32c.h"

enum { HEADER_SIZE = sizeof(struct smew__record_header) };

/* Fills in commit word and CRC, and writes the header in front of its body. */
static void seal(struct smew__record_header *header, uint8_t *record)
{
    header->commit = smew__record_commit(0, 0);
    header->header_crc = smew__record_header_crc(header);
    memcpy(record, header, HEADER_SIZE);
}

static enum smew_status encode_envelope(const struct smew__envelope *envelope,
                                        struct smew__buffer *out)
{
    struct smew__record_header header;
    struct smew__record_shape shape;
    enum smew_status status = smew__record_measure(envelope, NULL, NULL, &shape);
    uint8_t *record;

    if (status == SMEW_OK && HEADER_SIZE + shape.body_size > SMEW_FRAME_MAX)
        status = SMEW_TOO_BIG;
    if (status != SMEW_OK)
        return status;
    record = smew__buffer_reserve(out, HEADER_SIZE + (size_t)shape.body_size);
    if (record == NULL)
        return SMEW_NO_MEMORY;
    smew__record_write(envelope, &shape, record + HEADER_SIZE, &header);
    seal(&header, record);
    out->size += HEADER_SIZE + (size_t)shape.body_size;
    return SMEW_OK;
}

static enum smew_status encode_control(const struct smew__item *item, struct smew__buffer *out)
{
    static const uint8_t zeros[SMEW__RECORD_ALIGNMENT];
    struct smew__record_header header = {.kind = SMEW_KIND_CONTROL};
    size_t start = out->size;
    enum smew_status status;

    smew__buffer_append(out, zeros, HEADER_SIZE);
    status = out->failed ? SMEW_NO_MEMORY : smew__codec_frame.encode(item, out);
    if (status != SMEW_OK)
        return status;
    header.payload_size = (uint32_t)(out->size - start - HEADER_SIZE);
    if (smew__record_size(&header) > SMEW_FRAME_MAX)
        return SMEW_TOO_BIG;
    smew__buffer_append(out, zeros, start + (size_t)smew__record_size(&header) - out->size);
    if (out->failed)
        return SMEW_NO_MEMORY;
    header.body_crc = smew__crc32c(0, out->data + start + HEADER_SIZE,
                                   (size_t)smew__record_size(&header) - HEADER_SIZE);
    seal(&header, out->data + start);
    return SMEW_OK;
}

static bool is_plain(const struct smew__item *item)
{
    return item->type == SMEW__ITEM_ENVELOPE && item->envelope.kind != SMEW_KIND_CONTROL;
}

static enum smew_status encode(const struct smew__item *item, struct smew__buffer *out)
{
    size_t size = out->size;
    bool failed = out->failed;
    enum smew_status status;

    status = is_plain(item) ? encode_envelope(&item->envelope, out) : encode_control(item, out);
    if (status != SMEW_OK) {
        out->size = size;
        out->failed = failed;
    }
    return status;
}

/* The payload is a frame, which fills what the header says but for zeros. */
static enum smew_status decode_control(const struct smew__record_header *header,
                                       const uint8_t *body, struct smew__item *item)
{
    size_t body_size = (size_t)smew__record_size(header) - HEADER_SIZE;
    struct smew__item made = {0};
    enum smew_status status;

    if (header->extension_words != 0 || header->target != 0 || header->event != 0 ||
        header->content != 0 || header->sent != 0 || header->sent_high != 0)
        return SMEW_CORRUPT;
    for (size_t i = header->payload_size; i < body_size; i++)
        if (body[i] != 0)
            return SMEW_CORRUPT;
    status = smew__codec_frame.decode(body, header->payload_size, &made);
    if (status == SMEW_OK && is_plain(&made)) {
        smew__item_fini(&made);
        return SMEW_CORRUPT;
    }
    if (status == SMEW_OK)
        *item = made;
    return status;
}

/* Commit word, CRCs and sizes: after this the header's sizes can be relied on. */
static bool is_whole(const struct smew__record_header *header, const uint8_t *data, size_t size)
{
    return header->commit == smew__record_commit(0, 0) &&
           header->header_crc == smew__record_header_crc(header) &&
           smew__record_size(header) == size &&
           header->body_crc == smew__crc32c(0, data + HEADER_SIZE, size - HEADER_SIZE);
}

static enum smew_status decode(const void *data, size_t size, struct smew__item *item)
{
    const uint8_t *bytes = data;
    struct smew__record_header header;
    unsigned defines;

    if (size < HEADER_SIZE || size > SMEW_FRAME_MAX)
        return SMEW_CORRUPT;
    memcpy(&header, bytes, HEADER_SIZE);
    if (!is_whole(&header, bytes, size))
        return SMEW_CORRUPT;
    if (header.kind == SMEW_KIND_CONTROL)
        return decode_control(&header, bytes + HEADER_SIZE, item);
    return smew__record_read(&header, bytes + HEADER_SIZE, NULL, &defines, item);
}

/* A record's checksums are over all of it, so nothing stays outside. */
static enum smew_status encode_around(const struct smew__item *item, struct smew__buffer *out,
                                      struct smew_bytes *payload, size_t *before)
{
    size_t size = out->size;
    enum smew_status status = encode(item, out);

    if (status != SMEW_OK)
        return status;
    *payload = (struct smew_bytes){NULL, 0};
    *before = out->size - size;
    return SMEW_OK;
}

const struct smew__codec smew__codec_record = {"record", encode, encode_around, decode};
