/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_BUFFER_H
#define SMEW_BASE_BUFFER_H

/*
 * A growing run of bytes.  A failed allocation is remembered (`failed`), so that a writer may
 * append many parts and ask once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smew/export.h>

struct smew__buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool failed;
};

void smew__buffer_init(struct smew__buffer *buffer);
void smew__buffer_fini(struct smew__buffer *buffer);
void smew__buffer_clear(struct smew__buffer *buffer); /* keeps the memory, forgets `failed` */
/* Room for `more` bytes behind size: a pointer to it, or NULL.  size does not change. */
void *smew__buffer_reserve(struct smew__buffer *buffer, size_t more);
void smew__buffer_append(struct smew__buffer *buffer, const void *data, size_t size);
void smew__buffer_text(struct smew__buffer *buffer, const char *text);
void smew__buffer_printf(struct smew__buffer *buffer, const char *format, ...) SMEW_PRINTF(2, 3);
/* Drops the first `size` bytes. */
void smew__buffer_consume(struct smew__buffer *buffer, size_t size);
/* Appends a JSON string literal, quotes included; invalid UTF-8 becomes U+FFFD. */
void smew__buffer_json_string(struct smew__buffer *buffer, const char *text, size_t size);

#endif
