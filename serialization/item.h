/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SERIALIZATION_ITEM_H
#define SMEW_SERIALIZATION_ITEM_H

/*
 * What two nodes say to each other, independent of how it is written down.
 *
 * An item is HELLO (once, first, in both directions of a channel), REFUSE (instead of a HELLO, or
 * before closing), ENVELOPE (a message), or ACK.  Two codecs write items as one frame of a
 * channel: `frame` (protobuf, for streams between processes) and `record` (flat, for memory).
 *
 * Positions: the sender of a channel counts the envelopes that it puts on it, 1, 2, 3 …; the
 * count starts anew with each channel.  An ACK speaks of positions:
 *   received   every envelope up to here has reached the node
 *   completed  every envelope up to here has been completed
 *   results    envelopes beyond `completed` that are complete, and each that did not end OK
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smew/message.h>
#include <smew/transport.h>

#include "base/buffer.h"

/* What an item may hold at most, beside SMEW_ID_MAX, SMEW_HEADERS_MAX and SMEW_FRAME_MAX. */
enum {
    SMEW__HEADER_VALUE_MAX = 4096,
    SMEW__TRACEPARENT_MAX = 255,
    SMEW__REFUSE_TEXT_MAX = 1024,
    SMEW__ACK_RESULTS_MAX = 4096,
};

/* Text that need not be terminated.  Decoded text is valid UTF-8, and not NULL. */
struct smew__text {
    const char *data;
    size_t size;
};

enum smew__envelope_flags {
    SMEW__ENVELOPE_REDELIVERED = 1u << 0,
    SMEW__ENVELOPE_LOSSY = 1u << 1, /* published: has no position, is never acknowledged */
    SMEW__ENVELOPE_ALONE = 1u << 2, /* nothing older for its target is on its way: bus/barrier.h */
};

struct smew__envelope_header {
    struct smew__text name;
    struct smew__text value;
};

struct smew__envelope {
    struct smew_message_id id;
    enum smew_kind kind;
    uint32_t flags; /* enum smew__envelope_flags */
    enum smew_content content;
    struct smew__text source;
    struct smew__text target;
    struct smew__text event; /* of a reply it may be empty */
    const void *payload;
    size_t payload_size;
    uint64_t correlation;          /* of a request and its reply; 0: none */
    int32_t result;                /* of a reply: enum smew_status */
    uint64_t sent_ns;              /* wall clock */
    uint64_t deadline_ns;          /* CLOCK_MONOTONIC of this machine; 0: none */
    uint64_t missed;               /* published messages lost before this one */
    struct smew__text traceparent; /* size 0: none */
    const struct smew__envelope_header *headers;
    size_t header_count;
    uint32_t waits; /* enum smew_level that the sender waits for; 0: no ACK is urgent.  A frame
                       only, a record does not say. */
};

struct smew__hello {
    uint32_t features; /* bits that both must know; 0 so far */
    struct smew__text bus;
    struct smew__text name; /* for people; may be empty */
    uint64_t node;          /* incarnation */
    uint32_t slot;
    uint32_t generation;
    uint32_t window; /* envelopes in flight that the sender of this hello may cause */
    int64_t pid;
};

struct smew__refuse {
    enum smew_status status;
    struct smew__text text;
};

struct smew__ack_result {
    uint64_t position;
    enum smew_status status;
};

struct smew__ack {
    uint64_t received;
    uint64_t completed;
    const struct smew__ack_result *results;
    size_t result_count;
};

enum smew__item_type {
    SMEW__ITEM_HELLO = 1,
    SMEW__ITEM_REFUSE = 2,
    SMEW__ITEM_ENVELOPE = 3,
    SMEW__ITEM_ACK = 4,
};

struct smew__item {
    enum smew__item_type type;
    union {
        struct smew__hello hello;
        struct smew__refuse refuse;
        struct smew__envelope envelope;
        struct smew__ack ack;
    };
    void *memory; /* what decoding allocated; smew__item_fini() */
};

struct smew__codec {
    const char *name;
    /* Appends one frame's bytes; on failure `out` is as it was.  TOO_BIG, INVALID, NO_MEMORY. */
    enum smew_status (*encode)(const struct smew__item *item, struct smew__buffer *out);
    /*
     * The same, but an envelope's payload may stay where it is: then *payload is not empty, and
     * belongs behind the first *before bytes of what was appended.
     */
    enum smew_status (*encode_around)(const struct smew__item *item, struct smew__buffer *out,
                                      struct smew_bytes *payload, size_t *before);
    /*
     * Reads one frame's bytes, hostile ones too.  Texts and payload point into `data` or into
     * item->memory and live until smew__item_fini() and as long as `data`.  CORRUPT, VERSION
     * (a type or format that this version does not know), NO_MEMORY.
     */
    enum smew_status (*decode)(const void *data, size_t size, struct smew__item *item);
};

extern const struct smew__codec smew__codec_frame;
extern const struct smew__codec smew__codec_record;

void smew__item_fini(struct smew__item *item); /* a zeroed one is fine */

/*
 * What both codecs hold an item to, before writing and after reading: INVALID (not well formed),
 * TOO_BIG (a limit above), VERSION (a code that this version does not know).
 */
enum smew_status smew__item_check(const struct smew__item *item);

/* The names of an envelope, one bit each. */
enum smew__envelope_names {
    SMEW__ENVELOPE_TARGET = 1u << 0,
    SMEW__ENVELOPE_SOURCE = 1u << 1,
    SMEW__ENVELOPE_EVENT = 1u << 2,
};

/* The same for an envelope of which some names are not looked at: they were checked before. */
enum smew_status smew__envelope_check(const struct smew__envelope *envelope, unsigned known);

/* Ids, patterns and event names: 1 to SMEW_ID_MAX bytes of valid UTF-8 without control bytes. */
bool smew__text_is_name(const char *data, size_t size);

#endif
