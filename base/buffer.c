/* SPDX-License-Identifier: MIT */
/*
 * The growing buffer.  It doubles, so that n appends cost O(n); a growth that finds no memory, or
 * a size that would overflow, sets `failed`, and from then on appends do nothing.
 */
#include "base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"

enum { FIRST_CAPACITY = 64 };

void smew__buffer_init(struct smew__buffer *buffer)
{
    *buffer = (struct smew__buffer){0};
}

void smew__buffer_fini(struct smew__buffer *buffer)
{
    smew__free(buffer->data);
    smew__buffer_init(buffer);
}

void smew__buffer_clear(struct smew__buffer *buffer)
{
    buffer->size = 0;
    buffer->failed = false;
}

static bool grow(struct smew__buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : buffer->capacity;
    uint8_t *data;

    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    data = smew__realloc(buffer->data, capacity);
    if (data == NULL)
        return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void *smew__buffer_reserve(struct smew__buffer *buffer, size_t more)
{
    if (buffer->failed)
        return NULL;
    if (more > SIZE_MAX - buffer->size) {
        buffer->failed = true;
        return NULL;
    }
    /* Also when nothing more is asked for: NULL means failure, so there must be memory. */
    if (buffer->data == NULL || buffer->size + more > buffer->capacity)
        buffer->failed = !grow(buffer, buffer->size + more);
    return buffer->failed ? NULL : buffer->data + buffer->size;
}

void smew__buffer_append(struct smew__buffer *buffer, const void *data, size_t size)
{
    void *room;

    if (size == 0)
        return;
    room = smew__buffer_reserve(buffer, size);
    if (room == NULL)
        return;
    memcpy(room, data, size);
    buffer->size += size;
}

void smew__buffer_text(struct smew__buffer *buffer, const char *text)
{
    smew__buffer_append(buffer, text, strlen(text));
}

void smew__buffer_printf(struct smew__buffer *buffer, const char *format, ...)
{
    va_list arguments;
    char *room;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buffer->failed = true;
        return;
    }
    room = smew__buffer_reserve(buffer, (size_t)length + 1); /* vsnprintf terminates */
    if (room == NULL)
        return;
    va_start(arguments, format);
    (void)vsnprintf(room, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)length;
}

void smew__buffer_consume(struct smew__buffer *buffer, size_t size)
{
    assert(size <= buffer->size);
    buffer->size -= size;
    if (size != 0 && buffer->size != 0)
        memmove(buffer->data, buffer->data + size, buffer->size);
}

static void append_escaped(struct smew__buffer *buffer, char byte)
{
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: byte, letter */

    for (size_t i = 0; i + 1 < sizeof named; i += 2)
        if (named[i] == byte) {
            smew__buffer_append(buffer, (char[]){'\\', named[i + 1]}, 2);
            return;
        }
    smew__buffer_printf(buffer, "\\u%04x", (unsigned)(unsigned char)byte);
}

static bool needs_escape(char byte)
{
    return (unsigned char)byte < 0x20 || byte == '"' || byte == '\\';
}

void smew__buffer_json_string(struct smew__buffer *buffer, const char *text, size_t size)
{
    size_t plain = 0; /* where the run of bytes begins that go out as they are */
    size_t length;
    bool valid;

    smew__buffer_text(buffer, "\"");
    for (size_t i = 0; i < size; i += length) {
        length = smew__utf8_next(text + i, size - i, &valid);
        if (valid && !needs_escape(text[i]))
            continue;
        smew__buffer_append(buffer, text + plain, i - plain);
        if (valid)
            append_escaped(buffer, text[i]);
        else
            smew__buffer_text(buffer, "\xEF\xBF\xBD");
        plain = i + length;
    }
    if (size > plain)
        smew__buffer_append(buffer, text + plain, size - plain);
    smew__buffer_text(buffer, "\"");
}
