/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_CONTEXT_H
#define SMEW_CHART_CONTEXT_H

/*
 * A machine's context: an object that starts as the chart's own, shared by all its machines.
 *
 * The first write makes a copy of its top level for this machine.  Numbers and truths of the
 * machine's own are then written in place, so that counting allocates nothing.  What a call
 * writes can be undone until the call ends: an event that never comes to rest leaves the context
 * as it found it.
 */

#include <smew/status.h>

#include "chart/value.h"

struct smew__undo {
    uint32_t member;
    struct smew_value *value; /* what was there; NULL: only its content changed */
    union {
        double number;
        bool truth;
    } was;
};

struct smew__context {
    struct smew_value *object; /* the chart's until the first write; NULL: empty */
    struct smew__undo *undo;   /* the first change of each member in the present call */
    uint32_t undo_count;
    uint32_t undo_capacity;
    uint32_t kept; /* members when the present call began */
};

void smew__context_init(struct smew__context *context, const struct smew_value *object);
void smew__context_fini(struct smew__context *context);

/*
 * Values of a machine: made, filled and given to a context (or to another value); released by
 * whoever has them, a chart's and NULL too.
 */
struct smew_value *smew__value_new(enum smew_value_type type); /* NULL: no memory */
void smew__value_release(struct smew_value *value);
/* A member of a machine's object (key copied) or array (NULL); it is null.  NULL: no memory. */
struct smew__member *smew__value_add(struct smew_value *object, const char *key);

/* A JSON text as a machine's value, at most SMEW__DEPTH_MAX deep.  SYNTAX, NO_MEMORY. */
enum smew_status smew__value_of_json(const char *text, size_t size, struct smew_value **value);
/* The same of what jansson has read. */
struct json_t;
enum smew_status smew__value_of_jansson(const struct json_t *json, struct smew_value **value);

/* A call begins; it ends with one of the other two. */
void smew__context_begin(struct smew__context *context);
void smew__context_commit(struct smew__context *context);
void smew__context_undo(struct smew__context *context);

/* Writes.  NO_MEMORY leaves everything as it was. */
enum smew_status smew__context_set(struct smew__context *context, const char *key,
                                   struct smew_value *value); /* a chart's, or given away */
enum smew_status smew__context_set_number(struct smew__context *context, const char *key,
                                          double number);
enum smew_status smew__context_set_text(struct smew__context *context, const char *key,
                                        const char *text);
enum smew_status smew__context_set_bool(struct smew__context *context, const char *key, bool truth);

#endif
