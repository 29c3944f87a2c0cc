/* SPDX-License-Identifier: MIT */
/* Plain records, record_plain.h.  Neither direction can fail but by saying no. */
#include "serialization/record_plain.h"

#include <string.h>

#include "base/crc32c/crc32c.h"

enum { CHUNK = 16 * 1024 };

static const uint8_t zeros[SMEW__RECORD_ALIGNMENT];

static struct smew__record_fixed fixed_of(enum smew_content content)
{
    return (struct smew__record_fixed){.values = SMEW__RECORD_SENT, .content = (uint8_t)content};
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

void smew__record_plain_write(const struct smew__record_plain *plain, uint8_t *body,
                              struct smew__record_header *header)
{
    const struct smew__record_fixed fixed = fixed_of(plain->content);
    const size_t used = SMEW__RECORD_PLAIN_EXTENSION + plain->payload_size;
    const size_t padding = (size_t)smew__record_plain_size(plain->payload_size) - used;
    uint8_t extension[SMEW__RECORD_PLAIN_EXTENSION];
    uint32_t crc;

    memcpy(extension, &fixed, sizeof fixed);
    memcpy(extension + sizeof fixed, &plain->sent_ns, sizeof plain->sent_ns);
    memcpy(body, extension, sizeof extension);
    crc = smew__crc32c(0, extension, sizeof extension);
    crc = copy_in(body + sizeof extension, plain->payload, plain->payload_size, crc);
    memcpy(body + used, zeros, padding);
    crc = smew__crc32c(crc, zeros, padding);
    *header = (struct smew__record_header){
        .payload_size = (uint32_t)plain->payload_size,
        .target = plain->target,
        .event = plain->event,
        .kind = SMEW_KIND_EVENT,
        .extension_words = SMEW__RECORD_PLAIN_EXTENSION / SMEW__RECORD_WORD,
        .body_crc = crc,
    };
}

/* Everything behind the payload is zero. */
static bool is_padded(const uint8_t *body, size_t used)
{
    const size_t padding = -used % SMEW__RECORD_ALIGNMENT;

    return memcmp(body + used, zeros, padding) == 0;
}

bool smew__record_plain_read(const struct smew__record_header *header, const uint8_t *body,
                             struct smew__record_plain *plain)
{
    struct smew__record_fixed fixed, expected;

    if (!smew__record_may_be_plain(header))
        return false;
    memcpy(&fixed, body, sizeof fixed);
    expected = fixed_of((enum smew_content)fixed.content);
    if (memcmp(&fixed, &expected, sizeof fixed) != 0 || fixed.content > SMEW_CONTENT_PROTOBUF)
        return false;
    *plain = (struct smew__record_plain){
        .target = header->target,
        .event = header->event,
        .content = (enum smew_content)fixed.content,
        .payload = body + SMEW__RECORD_PLAIN_EXTENSION,
        .payload_size = header->payload_size,
    };
    memcpy(&plain->sent_ns, body + sizeof fixed, sizeof plain->sent_ns);
    return plain->sent_ns != 0 &&
           is_padded(body, SMEW__RECORD_PLAIN_EXTENSION + plain->payload_size);
}
