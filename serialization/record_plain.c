/* SPDX-License-Identifier: MIT */
/* Plain records, record_plain.h.  Neither direction can fail but by saying no. */
#include "serialization/record_plain.h"

#include <string.h>

#include "base/crc32c/crc32c.h"

enum { CHUNK = 16 * 1024 };

static const uint8_t zeros[SMEW__RECORD_ALIGNMENT];

static struct smew__record_fixed fixed_of(enum smew_content content, size_t source_size)
{
    return (struct smew__record_fixed){.values = SMEW__RECORD_SENT,
                                       .content = (uint8_t)content,
                                       .source_size = (uint8_t)source_size};
}

/*
 * Copies a payload, and goes on with the CRC: of the source, since what was just stored is not back
 * from memory that others read yet; in pieces that the nearest cache still has for the second.
 */
static uint32_t copy_in(uint8_t *to, const uint8_t *from, size_t size, uint32_t crc)
{
    for (; size > CHUNK; size -= CHUNK, to += CHUNK, from += CHUNK) {
        crc = smew__crc32c(crc, from, CHUNK);
        memcpy(to, from, CHUNK);
    }
    if (size == 0)
        return crc;
    crc = smew__crc32c(crc, from, size);
    memcpy(to, from, size);
    return crc;
}

/* How long it is. */
static size_t write_extension(const struct smew__record_plain *plain, uint8_t *extension)
{
    const struct smew__record_fixed fixed = fixed_of(plain->content, plain->source.size);
    const size_t size = smew__record_plain_extension(plain);
    uint8_t *text = extension + SMEW__RECORD_PLAIN_EXTENSION;

    memcpy(extension, &fixed, sizeof fixed);
    memcpy(extension + sizeof fixed, &plain->sent_ns, sizeof plain->sent_ns);
    if (plain->source.size != 0) {
        memset(extension + size - SMEW__RECORD_WORD, 0, SMEW__RECORD_WORD);
        memcpy(text, plain->source.data, plain->source.size);
    }
    return size;
}

void smew__record_plain_write(const struct smew__record_plain *plain, uint8_t *body,
                              struct smew__record_header *header)
{
    uint8_t extension[SMEW__RECORD_PLAIN_EXTENSION_MAX];
    const size_t extension_size = write_extension(plain, extension);
    const size_t used = extension_size + plain->payload_size;
    const size_t padding = (size_t)smew__record_plain_size(plain) - used;
    uint32_t crc = smew__crc32c(0, extension, extension_size);

    memcpy(body, extension, extension_size);
    crc = copy_in(body + extension_size, plain->payload, plain->payload_size, crc);
    memcpy(body + used, zeros, padding);
    *header = (struct smew__record_header){
        .payload_size = (uint32_t)plain->payload_size,
        .target = plain->target,
        .event = plain->event,
        .kind = SMEW_KIND_EVENT,
        .extension_words = (uint8_t)(extension_size / SMEW__RECORD_WORD),
        .body_crc = smew__crc32c(crc, zeros, padding),
    };
}

/* So many zeros up to the next multiple of `unit`. */
static bool is_padded(const uint8_t *body, size_t used, size_t unit)
{
    return memcmp(body + used, zeros, -used % unit) == 0;
}

/* The source's text, and that it is one which has to be said. */
static bool read_source(const uint8_t *text, size_t size, struct smew__text implied,
                        struct smew__text *source)
{
    *source = (struct smew__text){(const char *)text, size};
    if (size == 0)
        return true;
    return text[size] == 0 && is_padded(text, size + 1, SMEW__RECORD_WORD) &&
           smew__text_is_name(source->data, size) &&
           !(size == implied.size && memcmp(text, implied.data, size) == 0);
}

bool smew__record_plain_read(const struct smew__record_header *header, const uint8_t *body,
                             struct smew__text implied, struct smew__record_plain *plain)
{
    struct smew__record_fixed fixed, expected;
    size_t extension_size;

    if (!smew__record_may_be_plain(header))
        return false;
    memcpy(&fixed, body, sizeof fixed);
    expected = fixed_of((enum smew_content)fixed.content, fixed.source_size);
    if (memcmp(&fixed, &expected, sizeof fixed) != 0 || fixed.content > SMEW_CONTENT_PROTOBUF)
        return false;
    *plain = (struct smew__record_plain){
        .target = header->target,
        .event = header->event,
        .content = (enum smew_content)fixed.content,
        .source.size = fixed.source_size,
        .payload_size = header->payload_size,
    };
    extension_size = smew__record_plain_extension(plain);
    if (extension_size != (size_t)header->extension_words * SMEW__RECORD_WORD ||
        !read_source(body + SMEW__RECORD_PLAIN_EXTENSION, fixed.source_size, implied,
                     &plain->source))
        return false;
    plain->payload = body + extension_size;
    memcpy(&plain->sent_ns, body + sizeof fixed, sizeof plain->sent_ns);
    return plain->sent_ns != 0 &&
           is_padded(body, extension_size + plain->payload_size, SMEW__RECORD_ALIGNMENT);
}
