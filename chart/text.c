/* SPDX-License-Identifier: MIT */

/*
 * The cut writer.  A cut may fall inside a UTF-8 sequence; then the whole sequence is left out,
 * so that what is shown stays valid.
 */

#include "chart/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static size_t whole_characters(const char *bytes, size_t room)
{
    while (room > 0 && ((unsigned char)bytes[room] & 0xC0) == 0x80)
        room--;
    return room;
}

void smew__text_bytes(struct smew__text *text, const char *bytes, size_t size)
{
    size_t used = text->length;

    text->length += size;
    if (used + 1 >= text->capacity)
        return;
    size_t room = text->capacity - 1 - used;
    if (size > room) {
        size = whole_characters(bytes, room);
        text->capacity = used + size + 1; /* nothing may follow a cut */
    }
    memcpy(text->buffer + used, bytes, size);
    text->buffer[used + size] = '\0';
}

void smew__text_string(struct smew__text *text, const char *string)
{
    smew__text_bytes(text, string, strlen(string));
}

static void write_escaped(struct smew__text *text, char byte)
{
    char escape[8];

    if (byte == '"' || byte == '\\')
        (void)snprintf(escape, sizeof escape, "\\%c", byte);
    else if (byte == '\n')
        (void)snprintf(escape, sizeof escape, "\\n");
    else if (byte == '\t')
        (void)snprintf(escape, sizeof escape, "\\t");
    else
        (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)byte);
    smew__text_string(text, escape);
}

void smew__text_json_bytes(struct smew__text *text, const char *bytes, size_t size)
{
    const char *run = bytes;

    smew__text_bytes(text, "\"", 1);
    for (const char *at = bytes; at < bytes + size; at++) {
        if (*at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
            continue;
        smew__text_bytes(text, run, (size_t)(at - run));
        write_escaped(text, *at);
        run = at + 1;
    }
    smew__text_bytes(text, run, (size_t)(bytes + size - run));
    smew__text_bytes(text, "\"", 1);
}

void smew__text_json(struct smew__text *text, const char *string)
{
    smew__text_json_bytes(text, string, strlen(string));
}
