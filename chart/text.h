/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_TEXT_H
#define SMEW_CHART_TEXT_H

/*
 * Writing text into a caller's buffer as snprintf does: cut to what fits, always terminated, and
 * the length that the whole would have is counted.  Nothing allocates, so nothing fails.
 */

#include <stddef.h>

struct smew__text {
    char *buffer;
    size_t capacity; /* 0: only count */
    size_t length;   /* of the whole */
};

static inline struct smew__text smew__text_into(char *buffer, size_t capacity)
{
    if (capacity > 0)
        buffer[0] = '\0';
    return (struct smew__text){.buffer = buffer, .capacity = capacity, .length = 0};
}

void smew__text_bytes(struct smew__text *text, const char *bytes, size_t size);
void smew__text_string(struct smew__text *text, const char *string);
/* A JSON string literal, quotes included. */
void smew__text_json(struct smew__text *text, const char *string);
/* The same for bytes, none of which is 0. */
void smew__text_json_bytes(struct smew__text *text, const char *bytes, size_t size);

#endif
