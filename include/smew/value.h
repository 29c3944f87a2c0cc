/* SPDX-License-Identifier: MIT */
#ifndef SMEW_VALUE_H
#define SMEW_VALUE_H

/*
 * A small immutable document: what a chart's context, literals and params, and an event's payload
 * are made of.
 *
 * Values belong to charts and machines, and a program only looks; what it parsed is its own.
 * Numbers are doubles, as in JSON.  Readers answer a default for a value of another type, so
 * that a guard is one expression.  NULL is a valid value everywhere and reads as null.
 */

#include <smew/status.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum smew_value_type {
    SMEW_VALUE_NULL = 0,
    SMEW_VALUE_BOOL,
    SMEW_VALUE_NUMBER,
    SMEW_VALUE_STRING,
    SMEW_VALUE_ARRAY,
    SMEW_VALUE_OBJECT,
};

struct smew_value;

SMEW_API enum smew_value_type smew_value_type(const struct smew_value *value);
SMEW_API bool smew_value_bool(const struct smew_value *value, bool otherwise);
SMEW_API double smew_value_number(const struct smew_value *value, double otherwise);
SMEW_API const char *smew_value_string(const struct smew_value *value, const char *otherwise);
/* Elements of an array or members of an object; 0 for anything else. */
SMEW_API size_t smew_value_count(const struct smew_value *value);
/* NULL when there is none. */
SMEW_API const struct smew_value *smew_value_at(const struct smew_value *value, size_t index);
SMEW_API const char *smew_value_key(const struct smew_value *value, size_t index);
SMEW_API const struct smew_value *smew_value_get(const struct smew_value *value, const char *key);

/*
 * Writes JSON, terminated and cut to size_bytes; returns the length that the whole would have
 * (as snprintf does).
 */
SMEW_API size_t smew_value_json(const struct smew_value *value, char *buffer, size_t size_bytes);

/*
 * A JSON text as a value of the caller's, who destroys it: what a host's callbacks get as bytes,
 * for instance.  SYNTAX (deeper than 256 levels too), INVALID, NO_MEMORY.  Any thread.
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_value_parse(const char *text, size_t size_bytes,
                                                         struct smew_value **value);
SMEW_API void smew_value_destroy(struct smew_value *value); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
