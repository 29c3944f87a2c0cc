/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SERIALIZATION_RECORD_H
#define SMEW_SERIALIZATION_RECORD_H

/*
 * The flat record: an envelope as it lies in memory that two nodes share.
 *
 * A record begins with a header of 32 bytes, which alone says where the record ends; it goes on
 * with a body, and fills up to a multiple of 32 with zeros.  A lane (bus/shm/) is a row of records.
 * A record that stands alone, which is what smew__codec_record writes, is record number 0 of a lane
 * with salt 0 that implies nothing: every name is inline and the id explicit.
 *
 *      0        8        12   14   16       21   22   23   24       28       32
 *      +--------+--------+----+----+--------+----+----+----+--------+--------+
 *      | commit | payload|tar-|eve-| sent   |con-|kind|ext.| body   | header |   header
 *      |  word  | size   |get |nt  |        |tent|    |size| CRC    | CRC    |
 *      +--------+--------+----+----+--------+----+----+----+--------+--------+
 *      | extension: fixed word, values, texts      (ext. size words of 8)    |   body
 *      | payload: the user's bytes, then the user headers, if any            |
 *      | zeros up to a multiple of 32                                        |
 *      +---------------------------------------------------------------------+
 *
 *     offset  size  header
 *          0     8  commit word: smew__record_commit(number of the record, salt); 0 when empty
 *          8     4  payload size in bytes, user headers included, padding not
 *         12     2  target \ numbers of names; 0: it has none
 *         14     2  event  /
 *         16     5  sent: milliseconds since the beginning of 2020 UTC, the lower 32 bits first;
 *                   0: it is not known, or a value of the extension since it is not one of those
 *         21     1  content type: enum smew_content
 *         22     1  kind: enum smew_kind
 *         23     1  extension size in words of 8 bytes; 0: everything is implied by the lane
 *         24     4  CRC-32C of the body, from offset 32 to the record's end, padding included
 *         28     4  CRC-32C of the bytes 8 to 27, begun with the two halves of the commit word,
 *                   one xor the other: a header is right in its own lane, lap and number only
 *
 *     offset  size  extension, its fixed word
 *          0     2  which values follow: enum smew__record_value, one bit each
 *          2     1  flags: enum smew__envelope_flags
 *          3     1  0
 *          4     1  size of the target    \
 *          5     1  size of the source     > 0: it is known by number (a source: implied), or none
 *          6     1  size of the event     /
 *          7     1  size of the traceparent; 0: none
 *     then, in this order, the values whose bit is set; and the texts whose size is not 0, each
 *     with a zero byte behind it; and zeros up to a multiple of 8.
 *
 *     words  bit  value (of 8 bytes; what is shorter has zeros above it)
 *         3    0  id: node, sequence, stream (4 bytes)
 *         1    1  correlation
 *         1    2  result (4 bytes)
 *         1    3  sent_ns
 *         1    4  deadline_ns
 *         1    5  missed
 *         1    6  user headers: how many they are << 32 | how many bytes they take
 *     A value whose bit is not set is 0, but for the id, which the lane implies.
 *
 *     offset  size  user header; one behind the other, without padding
 *          0     2  size of the value, v
 *          2     1  size of the name, n
 *          3     n  name, and a zero byte
 *      4 + n     v  value, and a zero byte
 *
 * Integers are in the machine's own order: a record does not leave its machine.
 *
 * Names.  A name is said by its text; by its number; or by both, and then this record *defines* the
 * number.  The sender may use the number alone once a record that defines it was completed with any
 * answer but CORRUPT: so a damaged record never takes others with it.  Targets and events have
 * numbers of their own.  A number is defined again if need be, with the same text.  A source has no
 * number: when its text is not there, the lane says who it is.  An event that is said by neither is
 * empty.
 *
 * A record of kind CONTROL stands alone, and has no extension, numbers, time or content type; its
 * payload is a frame of smew__codec_frame: HELLO, REFUSE, ACK, or an envelope whose own kind is
 * CONTROL.
 *
 * Valid is a record whose commit word is the expected one; whose header CRC is right; whose sizes
 * stay within what the reader has; whose body CRC is right; whose extension is exactly as long as
 * its parts; and whose item passes smew__item_check().  An envelope has exactly one valid record
 * for given numbers: what is 0, what the lane implies and what a number says is left out; when that
 * leaves nothing, so is the extension; and everything unused is 0.
 *
 * Writer: make the commit word behind the record empty; write body, then header, both CRCs; store
 * the commit word last, with release.  A reader that sees it sees everything before it.
 * Reader: load the commit word with acquire; when it is the expected one, copy the header once,
 * check its CRC and its size, and never read it again; check the body's CRC on the bytes that are
 * then used.  A wrong body costs this record; a wrong header makes the reader look for the next
 * valid one, at a multiple of 32.
 * Versions: a record has none of its own.  The segment's first page says the version of this
 * table, and a reader refuses a segment of another; a kind, value, flag or content type that is
 * not listed here is VERSION.
 */

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <smew/status.h>

#include "base/crc32c/crc32c.h"
#include "serialization/item.h"

enum {
    SMEW__RECORD_ALIGNMENT = 32,
    SMEW__RECORD_WORD = 8,
    SMEW__RECORD_EXTENSION_MAX = 255 * SMEW__RECORD_WORD,
};

struct smew__record_header {
    uint64_t commit;
    uint32_t payload_size;
    uint16_t target;
    uint16_t event;
    uint32_t sent;
    uint8_t sent_high;
    uint8_t content;
    uint8_t kind;
    uint8_t extension_words;
    uint32_t body_crc;
    uint32_t header_crc;
};

static_assert(sizeof(struct smew__record_header) == SMEW__RECORD_ALIGNMENT, "one header a line");
static_assert(offsetof(struct smew__record_header, commit) == 0, "commit");
static_assert(offsetof(struct smew__record_header, payload_size) == 8, "payload_size");
static_assert(offsetof(struct smew__record_header, target) == 12, "target");
static_assert(offsetof(struct smew__record_header, event) == 14, "event");
static_assert(offsetof(struct smew__record_header, sent) == 16, "sent");
static_assert(offsetof(struct smew__record_header, sent_high) == 20, "sent_high");
static_assert(offsetof(struct smew__record_header, content) == 21, "content");
static_assert(offsetof(struct smew__record_header, kind) == 22, "kind");
static_assert(offsetof(struct smew__record_header, extension_words) == 23, "extension_words");
static_assert(offsetof(struct smew__record_header, body_crc) == 24, "body_crc");
static_assert(offsetof(struct smew__record_header, header_crc) == 28, "header_crc");

/*
 * What is between commit word and CRCs, as two words for registers.  Who stores the parts of a
 * header, and then loads it in larger pieces to copy it, waits until all that was stored before is
 * in the cache; behind what others are reading that is the longest part of a send.
 */
struct smew__record_words {
    uint64_t sizes;   /* bytes 8 to 15 */
    uint64_t meaning; /* bytes 16 to 23 */
};

struct smew__record_fixed {
    uint16_t values; /* enum smew__record_value */
    uint8_t flags;
    uint8_t unused;
    uint8_t target_size;
    uint8_t source_size;
    uint8_t event_size;
    uint8_t traceparent_size;
};

static_assert(sizeof(struct smew__record_fixed) == SMEW__RECORD_WORD, "one word");
static_assert(offsetof(struct smew__record_fixed, values) == 0, "values");
static_assert(offsetof(struct smew__record_fixed, flags) == 2, "flags");
static_assert(offsetof(struct smew__record_fixed, unused) == 3, "unused");
static_assert(offsetof(struct smew__record_fixed, target_size) == 4, "target_size");
static_assert(offsetof(struct smew__record_fixed, source_size) == 5, "source_size");
static_assert(offsetof(struct smew__record_fixed, event_size) == 6, "event_size");
static_assert(offsetof(struct smew__record_fixed, traceparent_size) == 7, "traceparent_size");

enum smew__record_value {
    SMEW__RECORD_ID = 1u << 0,
    SMEW__RECORD_CORRELATION = 1u << 1,
    SMEW__RECORD_RESULT = 1u << 2,
    SMEW__RECORD_SENT = 1u << 3,
    SMEW__RECORD_DEADLINE = 1u << 4,
    SMEW__RECORD_MISSED = 1u << 5,
    SMEW__RECORD_HEADERS = 1u << 6,
    SMEW__RECORD_VALUES = (1u << 7) - 1, /* all that are known */
};

/*
 * The commit word of a lane's n-th record, n mod 2^60: never closer than four bits to the empty
 * word 0, and as unlike the lane's other commit words, or anything a payload may leave behind, as
 * 60 well mixed bits can be.  No two numbers have the same one, so that who looks for a record can
 * tell which one a word belongs to.
 *
 * Each step can be undone: an odd factor has an inverse mod 2^60, and a shift by half of the bits
 * or more, taken in by xor, is its own.  The factors are SplitMix64's (Steele, Lea, Flood, 2014).
 */
enum { SMEW__RECORD_NUMBER_BITS = 60 };
#define SMEW__RECORD_NUMBER_MASK ((UINT64_C(1) << SMEW__RECORD_NUMBER_BITS) - 1)
static inline uint64_t smew__record_commit(uint64_t number, uint64_t salt)
{
    uint64_t mixed =
        (salt + (number + 1) * UINT64_C(0x9E3779B97F4A7C15)) & SMEW__RECORD_NUMBER_MASK;

    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9) & SMEW__RECORD_NUMBER_MASK;
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0x94D049BB133111EB) & SMEW__RECORD_NUMBER_MASK;
    return (mixed ^ mixed >> 31) | ~SMEW__RECORD_NUMBER_MASK;
}

/* Is it a commit word of any number? */
static inline bool smew__record_is_commit(uint64_t word)
{
    return word >> SMEW__RECORD_NUMBER_BITS == 0xF;
}
/* The number that it belongs to, mod 2^60. */
uint64_t smew__record_number(uint64_t commit, uint64_t salt);

/*
 * A time as the header says it, or 0 when it cannot: it is no whole number of milliseconds, or not
 * within the 34 years behind the beginning of 2020.
 */
uint64_t smew__record_tick(uint64_t sent_ns);
enum { SMEW__RECORD_TICK_BITS = 40 };
#define SMEW__RECORD_FIRST_MS UINT64_C(1577836800000) /* the beginning of 2020, UTC */
static inline uint64_t smew__record_tick_ms(uint64_t sent_ms)
{
    uint64_t tick = sent_ms - SMEW__RECORD_FIRST_MS;

    return tick >> SMEW__RECORD_TICK_BITS == 0 ? tick : 0;
}
static inline void smew__record_set_tick(struct smew__record_header *header, uint64_t tick)
{
    header->sent = (uint32_t)tick;
    header->sent_high = (uint8_t)(tick >> 32);
}
/* The time that a header says; 0: none. */
uint64_t smew__record_sent_ns(const struct smew__record_header *header);

static inline struct smew__record_words
smew__record_words_of(const struct smew__record_header *header)
{
    struct smew__record_words words;

    memcpy(&words, (const uint8_t *)header + sizeof header->commit, sizeof words);
    return words;
}

/* With its commit word. */
static inline uint32_t smew__record_words_crc(struct smew__record_words words, uint32_t body_crc,
                                              uint64_t commit)
{
    return smew__crc32c_words((uint32_t)(commit ^ commit >> 32), words.sizes, words.meaning,
                              body_crc);
}
/* Of a header with its commit word. */
static inline uint32_t smew__record_header_crc(const struct smew__record_header *header)
{
    return smew__record_words_crc(smew__record_words_of(header), header->body_crc, header->commit);
}

/* The whole record's size, header and padding included; for a header whose CRC was right. */
static inline uint64_t smew__record_size(const struct smew__record_header *header)
{
    uint64_t size = sizeof *header + header->extension_words * (uint64_t)SMEW__RECORD_WORD +
                    header->payload_size;

    return (size + SMEW__RECORD_ALIGNMENT - 1) / SMEW__RECORD_ALIGNMENT * SMEW__RECORD_ALIGNMENT;
}

/* ---- writing ------------------------------------------------------------------------- */

/* What a lane says of a record that says nothing else. */
struct smew__record_implied {
    struct smew_message_id id;
    struct smew__text source; /* size 0: whoever reads it knows better */
};

/* Numbers of an envelope's names; 0: it has none, or none is wanted. */
struct smew__record_numbers {
    uint16_t target;
    uint16_t event;
    uint8_t defines; /* enum smew__envelope_names: those whose text goes along */
};

/* An envelope as a record: what there is to write, and how much. */
struct smew__record_shape {
    struct smew__record_numbers numbers;
    uint16_t values; /* enum smew__record_value */
    uint8_t inlined; /* enum smew__envelope_names */
    uint8_t extension_words;
    uint32_t headers_size;
    uint32_t payload_size; /* with the user headers */
    uint64_t body_size;    /* with the padding */
};

/*
 * Measures an envelope for a lane that implies this (NULL: nothing; it stands alone), with numbers
 * or without (NULL).  A name that has a number which it does not define need not be there at all,
 * nor need a source that is implied.  INVALID (also for kind CONTROL), TOO_BIG.
 */
enum smew_status smew__record_measure(const struct smew__envelope *envelope,
                                      const struct smew__record_implied *implied,
                                      const struct smew__record_numbers *numbers,
                                      struct smew__record_shape *shape);
/* The same for an envelope that is known to keep the rules. */
struct smew__record_shape smew__record_lay_out(const struct smew__envelope *envelope,
                                               const struct smew__record_implied *implied,
                                               const struct smew__record_numbers *numbers);
/*
 * Writes the body: shape->body_size bytes, padding included; and the header, all but its commit
 * word and CRC.  A payload that lies in its place already (behind the extension) is left alone.
 */
void smew__record_write(const struct smew__envelope *envelope,
                        const struct smew__record_shape *shape, uint8_t *body,
                        struct smew__record_header *header);

/* ---- reading ------------------------------------------------------------------------- */

/* A lane, as the reader of a record needs it. */
struct smew__record_lane {
    struct smew__record_implied implied;
    /* The text of a number, for one of enum smew__envelope_names; false when there is none.  It has
       to live as long as the item. */
    bool (*resolve)(void *owner, enum smew__envelope_names name, uint32_t number,
                    struct smew__text *text);
    void *owner;
};

/*
 * Reads a record whose header (a private copy) and body were checked; `lane` NULL: one that stands
 * alone.  Texts and payload point into `body` or are the lane's; smew__item_fini().  *defines: the
 * names (enum smew__envelope_names) that it defines a number for.  CORRUPT, VERSION; NO_MEMORY only
 * with user headers.
 */
enum smew_status smew__record_read(const struct smew__record_header *header, const uint8_t *body,
                                   const struct smew__record_lane *lane, unsigned *defines,
                                   struct smew__item *item);

#endif
