/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SERIALIZATION_RECORD_H
#define SMEW_SERIALIZATION_RECORD_H

/*
 * The flat record: an envelope as it lies in memory that two nodes share.
 *
 * A record begins with a header of 32 bytes, which alone says where the record ends; it goes on
 * with a body, and fills up to a multiple of 32 with zeros.  A lane is a row of records.  A record
 * that stands alone, which is what smew__codec_record writes, is record number 0 of a lane with
 * salt 0 that implies nothing: every name is inline and the id explicit.
 *
 *      0        8        12       16       20    22   23   24       28       32
 *      +--------+--------+--------+--------+-----+----+----+--------+--------+
 *      | commit | payload| target | source |event|kind|ext.| body   | header |   header
 *      |  word  | size   | number | number | no. |    |size| CRC    | CRC    |
 *      +--------+--------+--------+--------+-----+----+----+--------+--------+
 *      | extension: fixed word, values, texts      (ext. size words of 8)    |   body
 *      | payload: the user's bytes, then the user headers, if any            |
 *      | zeros up to a multiple of 32                                        |
 *      +---------------------------------------------------------------------+
 *
 *     offset  size  header
 *          0     8  commit word: smew__record_commit(number of the record, salt); 0 when empty
 *          8     4  payload size in bytes, user headers included, padding not
 *         12     4  target  \
 *         16     4  source   > numbers of names that the receiver has confirmed; 0: inline
 *         20     2  event   /
 *         22     1  kind: enum smew_kind
 *         23     1  extension size in words of 8 bytes; 0: everything is implied by the lane
 *         24     4  CRC-32C of the body, from offset 32 to the record's end, padding included
 *         28     4  CRC-32C of the bytes 8 to 27, begun with the low half of the lane's salt
 *
 *     offset  size  extension, its fixed word
 *          0     2  which values follow: enum smew__record_value, one bit each
 *          2     1  flags: enum smew__envelope_flags
 *          3     1  content type: enum smew_content
 *          4     1  size of the target    \
 *          5     1  size of the source     > 0: it has a number, or there is none
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
 * In a lane an envelope without a source (no number, no text) is from the node whose lane it is;
 * a number with its text defines the number, again if need be: the last definition counts.
 *
 * Integers are in the machine's own order: a record does not leave its machine.
 *
 * A record of kind CONTROL has no extension and no numbers; its payload is a frame of
 * smew__codec_frame: HELLO, REFUSE, ACK, or an envelope whose own kind is CONTROL.
 *
 * Valid is a record whose commit word is the expected one; whose header CRC is right; whose sizes
 * stay within what the reader has; whose body CRC is right; whose extension is exactly as long as
 * its parts; and whose item passes smew__item_check().  An envelope has exactly one valid record:
 * bits are set for values that are not 0 (the id's always), and everything unused is 0.
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

enum {
    SMEW__RECORD_ALIGNMENT = 32,
    SMEW__RECORD_WORD = 8,
    SMEW__RECORD_EXTENSION_MAX = 255 * SMEW__RECORD_WORD,
};

struct smew__record_header {
    uint64_t commit;
    uint32_t payload_size;
    uint32_t target;
    uint32_t source;
    uint16_t event;
    uint8_t kind;
    uint8_t extension_words;
    uint32_t body_crc;
    uint32_t header_crc;
};

static_assert(sizeof(struct smew__record_header) == SMEW__RECORD_ALIGNMENT, "one header a line");
static_assert(offsetof(struct smew__record_header, commit) == 0, "commit");
static_assert(offsetof(struct smew__record_header, payload_size) == 8, "payload_size");
static_assert(offsetof(struct smew__record_header, target) == 12, "target");
static_assert(offsetof(struct smew__record_header, source) == 16, "source");
static_assert(offsetof(struct smew__record_header, event) == 20, "event");
static_assert(offsetof(struct smew__record_header, kind) == 22, "kind");
static_assert(offsetof(struct smew__record_header, extension_words) == 23, "extension_words");
static_assert(offsetof(struct smew__record_header, body_crc) == 24, "body_crc");
static_assert(offsetof(struct smew__record_header, header_crc) == 28, "header_crc");

struct smew__record_fixed {
    uint16_t values; /* enum smew__record_value */
    uint8_t flags;
    uint8_t content;
    uint8_t target_size;
    uint8_t source_size;
    uint8_t event_size;
    uint8_t traceparent_size;
};

static_assert(sizeof(struct smew__record_fixed) == SMEW__RECORD_WORD, "one word");
static_assert(offsetof(struct smew__record_fixed, values) == 0, "values");
static_assert(offsetof(struct smew__record_fixed, flags) == 2, "flags");
static_assert(offsetof(struct smew__record_fixed, content) == 3, "content");
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
 * The commit word of a lane's n-th record, from 0 on: never closer than four bits to the empty
 * word 0, and as unlike the lane's other commit words, or anything a payload may leave behind, as
 * 60 well mixed bits can be.
 */
uint64_t smew__record_commit(uint64_t number, uint64_t salt);

uint32_t smew__record_header_crc(const struct smew__record_header *header, uint64_t salt);

/* The whole record's size, header and padding included; for a header whose CRC was right. */
uint64_t smew__record_size(const struct smew__record_header *header);

#endif
