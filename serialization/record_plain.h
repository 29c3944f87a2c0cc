/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SERIALIZATION_RECORD_PLAIN_H
#define SMEW_SERIALIZATION_RECORD_PLAIN_H

/*
 * Plain records: those of most messages, in one stretch.  Nothing of a format of its own: each is
 * the one valid record (record.h) of an event whose id the lane implies, whose target and event are
 * said by their numbers alone, whose time is in the header, whose source is said by its text or
 * implied, and which has a content type, a payload, and nothing else.
 */

#include "base/bytes.h"
#include "base/crc32c/crc32c.h"
#include "base/inline.h"
#include "serialization/record.h"

enum {
    SMEW__RECORD_PLAIN_EXTENSION_MAX = SMEW__RECORD_WORD + (SMEW_ID_MAX + SMEW__RECORD_WORD) /
                                                               SMEW__RECORD_WORD *
                                                               SMEW__RECORD_WORD,
};

struct smew__record_plain {
    uint32_t target; /* numbers of names, of 16 bits and not 0 */
    uint32_t event;
    enum smew_content content;
    uint64_t tick; /* smew__record_tick(), not 0 */
    /* Size 0: implied; else a name, terminated, and not the implied one. */
    struct smew__text source;
    const void *payload;
    size_t payload_size;
};

/* Of its extension. */
static inline size_t smew__record_plain_extension(const struct smew__record_plain *plain)
{
    return plain->source.size ? SMEW__RECORD_WORD + (plain->source.size + SMEW__RECORD_WORD) /
                                                        SMEW__RECORD_WORD * SMEW__RECORD_WORD
                              : 0;
}

/* Of its body. */
static inline uint64_t smew__record_plain_size(const struct smew__record_plain *plain)
{
    return (smew__record_plain_extension(plain) + (uint64_t)plain->payload_size +
            SMEW__RECORD_ALIGNMENT - 1) /
           SMEW__RECORD_ALIGNMENT * SMEW__RECORD_ALIGNMENT;
}

/* A part of a word that begins at a byte of the header, moved to where it is in the word. */
static inline uint64_t smew__record_part(uint64_t value, unsigned offset, unsigned size)
{
    const unsigned place = offset % SMEW__RECORD_WORD;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    (void)size;
    return value << 8 * place;
#else
    return value << 8 * (SMEW__RECORD_WORD - place - size);
#endif
}
#define SMEW__RECORD_PART(value, part)                                   \
    smew__record_part(value, offsetof(struct smew__record_header, part), \
                      sizeof((struct smew__record_header){0}.part))

/* The parts of its header's second word: the time, and what it says besides. */
static inline uint64_t smew__record_plain_time(uint64_t tick)
{
    return SMEW__RECORD_PART(tick & UINT32_MAX, sent) | SMEW__RECORD_PART(tick >> 32, sent_high);
}

static inline uint64_t smew__record_plain_manner(const struct smew__record_plain *plain)
{
    const uint64_t extension_words = smew__record_plain_extension(plain) / SMEW__RECORD_WORD;

    return SMEW__RECORD_PART((uint64_t)plain->content, content) |
           SMEW__RECORD_PART((uint64_t)SMEW_KIND_EVENT, kind) |
           SMEW__RECORD_PART(extension_words, extension_words);
}

static inline uint64_t smew__record_plain_meaning(const struct smew__record_plain *plain)
{
    return smew__record_plain_manner(plain) | smew__record_plain_time(plain->tick);
}

/* Those of the first one: the names, and the payload's size. */
static inline uint64_t smew__record_plain_names(uint32_t target, uint32_t event)
{
    return SMEW__RECORD_PART((uint64_t)target, target) | SMEW__RECORD_PART((uint64_t)event, event);
}

static inline uint64_t smew__record_plain_payload(size_t payload_size)
{
    return SMEW__RECORD_PART((uint64_t)payload_size, payload_size);
}

static inline uint64_t smew__record_plain_sizes(const struct smew__record_plain *plain)
{
    return smew__record_plain_names(plain->target, plain->event) |
           smew__record_plain_payload(plain->payload_size);
}

/* Writes an extension that is a source: its CRC.  The text is terminated. */
uint32_t smew__record_plain_write_source(struct smew__text source, uint8_t *extension);

/* Writes the body, padding included: its CRC. */
SMEW__INLINE uint32_t smew__record_plain_write(const struct smew__record_plain *plain,
                                               uint8_t *body)
{
    static const uint8_t zeros[SMEW__RECORD_ALIGNMENT];
    const size_t extension_size = smew__record_plain_extension(plain);
    const size_t used = extension_size + plain->payload_size;
    const size_t padding = -used % SMEW__RECORD_ALIGNMENT;
    uint32_t crc = extension_size ? smew__record_plain_write_source(plain->source, body) : 0;

    crc = smew__crc32c_copy(crc, body + extension_size, plain->payload, plain->payload_size);
    return padding ? smew__crc32c_copy(crc, body + used, zeros, padding) : crc;
}

/* Does the header alone allow it? */
static inline bool smew__record_may_be_plain(const struct smew__record_header *header)
{
    return header->kind == SMEW_KIND_EVENT && header->target != 0 && header->event != 0 &&
           (header->sent | header->sent_high) != 0 && header->content <= SMEW_CONTENT_PROTOBUF &&
           header->extension_words <= SMEW__RECORD_PLAIN_EXTENSION_MAX / SMEW__RECORD_WORD;
}

/*
 * From here up to the next multiple of `unit`, which is one of SMEW__RECORD_WORD, there are zeros.
 * Each byte is loaded once.
 */
static inline bool smew__record_is_padded(const uint8_t *body, size_t used, size_t unit)
{
    const size_t first = used / SMEW__RECORD_WORD * SMEW__RECORD_WORD;
    const size_t end = used + -used % unit;
    uint64_t found;

    if (used == end)
        return true;
    found = smew__get_le64(body + first) >> 8 * (used - first);
    for (size_t at = first + SMEW__RECORD_WORD; at != end; at += SMEW__RECORD_WORD)
        found |= smew__get_le64(body + at);
    return found == 0;
}

/* An extension that is a source's text, which has to be said, and nothing else. */
bool smew__record_plain_read_source(const uint8_t *extension, size_t extension_size,
                                    struct smew__text implied, struct smew__text *source);

/*
 * Reads a record whose body was checked; source and payload point into it.  `implied` is the source
 * that the lane implies.  False: it is none of these, or not valid; smew__record_read() says which.
 */
static inline bool smew__record_plain_read(const struct smew__record_header *header,
                                           const uint8_t *body, struct smew__text implied,
                                           struct smew__record_plain *plain)
{
    const size_t extension_size = (size_t)header->extension_words * SMEW__RECORD_WORD;

    if (!smew__record_may_be_plain(header))
        return false;
    *plain = (struct smew__record_plain){
        .target = header->target,
        .event = header->event,
        .content = (enum smew_content)header->content,
        .tick = (uint64_t)header->sent_high << 32 | header->sent,
        .payload = body + extension_size,
        .payload_size = header->payload_size,
    };
    return (extension_size == 0 ||
            smew__record_plain_read_source(body, extension_size, implied, &plain->source)) &&
           smew__record_is_padded(body, extension_size + plain->payload_size,
                                  SMEW__RECORD_ALIGNMENT);
}

#endif
