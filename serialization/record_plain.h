/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SERIALIZATION_RECORD_PLAIN_H
#define SMEW_SERIALIZATION_RECORD_PLAIN_H

/*
 * Plain records: those of most messages, in one stretch.  Nothing of a format of its own: each is
 * the one valid record (record.h) of an event whose id the lane implies, whose target and event are
 * said by their numbers alone, whose source is said by its text or implied, and which has a time
 * stamp, a content type, a payload, and nothing else.
 */

#include "serialization/record.h"

enum {
    SMEW__RECORD_PLAIN_EXTENSION = 2 * SMEW__RECORD_WORD, /* without a source */
    SMEW__RECORD_PLAIN_EXTENSION_MAX =
        SMEW__RECORD_PLAIN_EXTENSION +
        (SMEW_ID_MAX + SMEW__RECORD_WORD) / SMEW__RECORD_WORD * SMEW__RECORD_WORD,
};

struct smew__record_plain {
    uint32_t target; /* numbers of names, not 0 */
    uint16_t event;
    enum smew_content content;
    uint64_t sent_ns; /* not 0 */
    struct smew__text
        source; /* size 0: implied; else a name, terminated, and not the implied one */
    const void *payload;
    size_t payload_size;
};

/* Of its extension. */
static inline size_t smew__record_plain_extension(const struct smew__record_plain *plain)
{
    return SMEW__RECORD_PLAIN_EXTENSION +
           (plain->source.size
                ? (plain->source.size + SMEW__RECORD_WORD) / SMEW__RECORD_WORD * SMEW__RECORD_WORD
                : 0);
}

/* Of its body. */
static inline uint64_t smew__record_plain_size(const struct smew__record_plain *plain)
{
    return (smew__record_plain_extension(plain) + (uint64_t)plain->payload_size +
            SMEW__RECORD_ALIGNMENT - 1) /
           SMEW__RECORD_ALIGNMENT * SMEW__RECORD_ALIGNMENT;
}

/* As smew__record_write(). */
void smew__record_plain_write(const struct smew__record_plain *plain, uint8_t *body,
                              struct smew__record_header *header);

/* Does the header alone allow it? */
static inline bool smew__record_may_be_plain(const struct smew__record_header *header)
{
    return header->kind == SMEW_KIND_EVENT && header->source == 0 && header->target != 0 &&
           header->event != 0 &&
           header->extension_words >= SMEW__RECORD_PLAIN_EXTENSION / SMEW__RECORD_WORD &&
           header->extension_words <= SMEW__RECORD_PLAIN_EXTENSION_MAX / SMEW__RECORD_WORD;
}

/*
 * Reads a record whose body was checked; source and payload point into it.  `implied` is the source
 * that the lane implies.  False: it is none of these, or not valid; smew__record_read() says which.
 */
bool smew__record_plain_read(const struct smew__record_header *header, const uint8_t *body,
                             struct smew__text implied, struct smew__record_plain *plain);

#endif
