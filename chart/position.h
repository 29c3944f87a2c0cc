/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_POSITION_H
#define SMEW_CHART_POSITION_H

/*
 * Where in a JSON text each value begins.
 *
 * jansson tells positions of syntax errors only.  So the text, once jansson has accepted it, is
 * scanned a second time for the places of its values, in the order in which they stand: an array
 * of marks in which a value's children are the marks behind it.  The loader walks both in step
 * (chart/json.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smew__mark {
    uint32_t offset;     /* of the value's first byte */
    uint32_t key_offset; /* of a member's key, its opening quote; otherwise the same as offset */
    uint32_t next;       /* the mark behind the value and all in it */
};

struct smew__marks {
    struct smew__mark *marks;
    uint32_t count;
};

/*
 * Marks every value of a text that is valid JSON, at most 2048 deep (jansson's own limit) and
 * below 4 GiB.  False when out of memory.
 */
bool smew__marks_scan(struct smew__marks *marks, const char *text, size_t size);
void smew__marks_fini(struct smew__marks *marks);

/* Line and column of a byte, both from 1; columns count characters. */
struct smew__position {
    unsigned line;
    unsigned column;
};
struct smew__position smew__position_of(const char *text, size_t size, size_t offset);

/* Where the token that ends just before `end` begins: for jansson's errors, which tell its end. */
size_t smew__token_start(const char *text, size_t end);

#endif
