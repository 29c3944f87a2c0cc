/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_JSON_H
#define SMEW_CHART_JSON_H

/*
 * JSON with positions: a cursor is jansson's value and the mark of the same value in the text.
 *
 * jansson keeps an object's members in the order of the text, and refuses an object that names a
 * member twice; so the n-th member is the n-th mark, and the two are walked in step.
 */

#include <jansson.h>

#include "chart/position.h"

struct smew__json {
    const json_t *value; /* NULL: there is no such value */
    uint32_t mark;
    bool at_key; /* where a sentence is about the member's key and not its value */
};

static inline struct smew__json smew__key(struct smew__json json)
{
    json.at_key = true;
    return json;
}

struct smew__json_member {
    const char *key; /* NULL in arrays */
    struct smew__json json;
    uint64_t order; /* the JavaScript order, see smew__json_members */
};

/* The member of that name; `value` is NULL where there is none (or `json` is no object). */
struct smew__json smew__json_get(const struct smew__marks *marks, struct smew__json json,
                                 const char *key);

/*
 * The members of an object in the order in which JavaScript lists them (whole numbers first,
 * ascending, then as written), or the elements of an array.  The caller frees *members with
 * smew__free(); it is NULL for none.  False when out of memory.
 */
bool smew__json_members(const struct smew__marks *marks, struct smew__json json,
                        struct smew__json_member **members, size_t *count);

/* "a string", "an object" …: for sentences. */
const char *smew__json_kind(const json_t *value);

#endif
