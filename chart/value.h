/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_VALUE_H
#define SMEW_CHART_VALUE_H

/*
 * Documents, from the inside.
 *
 * A value belongs either to a chart (`owners` is 0: it lies in the chart's arena, is shared by
 * every machine in every thread, and is never written again) or to one machine (`owners` is 1;
 * see chart/context.h).
 */

#include <stdint.h>

#include <smew/value.h>

#include "chart/arena.h"
#include "chart/text.h"

struct smew__member {
    const char *key; /* NULL in arrays */
    struct smew_value *value;
    bool key_owned; /* the machine's copy, not a name of the chart */
};

struct smew_value {
    enum smew_value_type type;
    uint32_t owners;
    uint32_t count;
    uint32_t capacity; /* of a machine's object */
    union {
        bool truth;
        double number;
        const char *text;
        struct smew__member *members;
    } as;
};

/* In the chart's arena; NULL when out of memory. */
struct smew_value *smew__value_null(struct smew__arena *arena);
struct smew_value *smew__value_of_bool(struct smew__arena *arena, bool truth);
struct smew_value *smew__value_of_number(struct smew__arena *arena, double number);
struct smew_value *smew__value_of_text(struct smew__arena *arena, const char *text);
/* An array or object with room for `count` members, which the caller then sets. */
struct smew_value *smew__value_of_members(struct smew__arena *arena, enum smew_value_type type,
                                          uint32_t count);

/* The member of that name; NULL when there is none. */
struct smew__member *smew__value_member(const struct smew_value *value, const char *key);

/* A number as JavaScript writes it: the shortest text that reads back as the same double. */
enum { SMEW__NUMBER_TEXT = 64 };
void smew__number_text(double number, char text[SMEW__NUMBER_TEXT]);
/*
 * Reads "12", ".5", "1.5e3", whatever the locale has for a point (strtod() asks it); `end` is
 * behind it, or `text` where there is none.  Exact where the digits make less than 2^53.
 */
double smew__number_read(const char *text, const char **end);

void smew__value_write(const struct smew_value *value, struct smew__text *out);

#endif
