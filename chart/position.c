/* SPDX-License-Identifier: MIT */

/*
 * The scan for positions: one pass over bytes with a stack of the values that are open.
 *
 * It believes the text, because jansson has parsed it; it still never reads beyond the end, so
 * that a disagreement between the two would give a wrong position and nothing worse.
 */

#include "chart/position.h"

#include <string.h>

#include "base/buffer.h"

enum { OPEN_MAX = 2048 + 1 };

struct scanner {
    const char *text;
    size_t size;
    size_t at;
    struct smew__buffer marks;
    uint32_t open[OPEN_MAX]; /* marks of arrays and objects not closed yet */
    size_t depth;
};

static void skip_blanks(struct scanner *scanner)
{
    while (scanner->at < scanner->size && strchr(" \t\r\n,:", scanner->text[scanner->at]))
        scanner->at++;
}

/* From an opening quote to behind the closing one. */
static void skip_string(struct scanner *scanner)
{
    scanner->at++;
    while (scanner->at < scanner->size && scanner->text[scanner->at] != '"')
        scanner->at += scanner->text[scanner->at] == '\\' ? 2 : 1;
    scanner->at++;
}

static void skip_word(struct scanner *scanner)
{
    while (scanner->at < scanner->size && !strchr(" \t\r\n,:]}", scanner->text[scanner->at]))
        scanner->at++;
}

static struct smew__mark *mark_at(struct scanner *scanner, uint32_t index)
{
    return (struct smew__mark *)(void *)scanner->marks.data + index;
}

static uint32_t mark_count(const struct scanner *scanner)
{
    return (uint32_t)(scanner->marks.size / sizeof(struct smew__mark));
}

static bool in_object(struct scanner *scanner)
{
    if (scanner->depth == 0)
        return false;
    return scanner->text[mark_at(scanner, scanner->open[scanner->depth - 1])->offset] == '{';
}

static void add_mark(struct scanner *scanner, size_t key_offset)
{
    struct smew__mark mark = {.offset = (uint32_t)scanner->at,
                              .key_offset = (uint32_t)key_offset,
                              .next = mark_count(scanner) + 1};

    smew__buffer_append(&scanner->marks, &mark, sizeof mark);
}

static bool close_value(struct scanner *scanner)
{
    scanner->at++;
    if (scanner->depth == 0)
        return false;
    mark_at(scanner, scanner->open[--scanner->depth])->next = mark_count(scanner);
    return true;
}

static bool scan_value(struct scanner *scanner)
{
    size_t key_offset = scanner->at;

    if (in_object(scanner)) {
        skip_string(scanner);
        skip_blanks(scanner);
    } else {
        key_offset = scanner->at;
    }
    if (scanner->at >= scanner->size)
        return false;
    add_mark(scanner, key_offset);
    if (scanner->marks.failed)
        return false;
    char first = scanner->text[scanner->at];
    if (first == '{' || first == '[') {
        if (scanner->depth == OPEN_MAX)
            return false;
        scanner->open[scanner->depth++] = mark_count(scanner) - 1;
        scanner->at++;
    } else if (first == '"') {
        skip_string(scanner);
    } else {
        skip_word(scanner);
    }
    return true;
}

bool smew__marks_scan(struct smew__marks *marks, const char *text, size_t size)
{
    struct scanner scanner = {.text = text, .size = size};
    bool going = true;

    smew__buffer_init(&scanner.marks);
    for (skip_blanks(&scanner); going && scanner.at < size; skip_blanks(&scanner)) {
        char byte = text[scanner.at];

        going = byte == '}' || byte == ']' ? close_value(&scanner) : scan_value(&scanner);
    }
    if (scanner.marks.failed) {
        smew__buffer_fini(&scanner.marks);
        return false;
    }
    marks->count = mark_count(&scanner);
    marks->marks = (struct smew__mark *)(void *)scanner.marks.data;
    return true;
}

void smew__marks_fini(struct smew__marks *marks)
{
    struct smew__buffer buffer = {.data = (uint8_t *)marks->marks};

    smew__buffer_fini(&buffer);
    *marks = (struct smew__marks){0};
}

struct smew__position smew__position_of(const char *text, size_t size, size_t offset)
{
    struct smew__position position = {.line = 1, .column = 1};

    for (size_t i = 0; i < offset && i < size; i++) {
        if (text[i] == '\n') {
            position.line++;
            position.column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            position.column++; /* continuation bytes of UTF-8 belong to the character before */
        }
    }
    return position;
}

static bool is_escaped(const char *text, size_t at)
{
    size_t slashes = 0;

    while (slashes < at && text[at - 1 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 1;
}

size_t smew__token_start(const char *text, size_t end)
{
    size_t at = end > 0 ? end - 1 : 0;

    if (end == 0)
        return 0;
    if (text[at] == '"') {
        size_t quote = at;

        while (quote > 0) {
            quote--;
            if (text[quote] == '"' && !is_escaped(text, quote))
                return quote;
        }
        return at;
    }
    while (at > 0 && !strchr(" \t\r\n,:[]{}\"", text[at]) &&
           !strchr(" \t\r\n,:[]{}\"", text[at - 1]))
        at--;
    return at;
}
