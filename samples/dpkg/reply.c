/* SPDX-License-Identifier: MIT */
/*
 * Goes from member to member; nested values are stepped over by counting brackets outside strings.
 * Failure mode: a text that is no object, or is cut, has no member where it stops making sense.
 */
#include "samples/dpkg/reply.h"

#include <string.h>

static void skip(struct feeder_piece *rest, size_t count)
{
    rest->text += count;
    rest->length -= count;
}

static void skip_space(struct feeder_piece *rest)
{
    while (rest->length > 0 && strchr(" \t\r\n", *rest->text) != NULL && *rest->text != '\0')
        skip(rest, 1);
}

static bool take(struct feeder_piece *rest, char c)
{
    skip_space(rest);
    if (rest->length == 0 || *rest->text != c)
        return false;
    skip(rest, 1);
    return true;
}

/* The rest begins behind the opening quote. */
static bool take_string(struct feeder_piece *rest, struct feeder_piece *string)
{
    size_t length = 0;

    while (length < rest->length && rest->text[length] != '"')
        length += rest->text[length] == '\\' ? 2 : 1;
    if (length >= rest->length)
        return false;
    *string = (struct feeder_piece){rest->text, length};
    skip(rest, length + 1);
    return true;
}

/* Any value, as its text; up to the comma or bracket that ends it. */
static bool take_value(struct feeder_piece *rest, struct feeder_piece *value)
{
    struct feeder_piece string;
    size_t depth = 0;

    skip_space(rest);
    value->text = rest->text;
    while (rest->length > 0) {
        char c = *rest->text;

        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            break;
        skip(rest, 1);
        if (c == '"' && !take_string(rest, &string))
            return false;
        if (c == '{' || c == '[')
            depth++;
        if (c == '}' || c == ']')
            depth--;
    }
    value->length = (size_t)(rest->text - value->text);
    while (value->length > 0 && strchr(" \t\r\n", value->text[value->length - 1]) != NULL)
        value->length--;
    return rest->length > 0 && value->length > 0;
}

static bool is_text(struct feeder_piece piece, const char *text)
{
    return piece.length == strlen(text) && memcmp(piece.text, text, piece.length) == 0;
}

static struct feeder_piece find(struct feeder_piece rest, const char *name)
{
    struct feeder_piece key;
    struct feeder_piece value;

    if (!take(&rest, '{'))
        return (struct feeder_piece){NULL, 0};
    do {
        if (!take(&rest, '"') || !take_string(&rest, &key) || !take(&rest, ':') ||
            !take_value(&rest, &value))
            return (struct feeder_piece){NULL, 0};
        if (is_text(key, name))
            return value;
    } while (take(&rest, ','));
    return (struct feeder_piece){NULL, 0};
}

struct feeder_piece feeder_reply_string(struct feeder_piece json, const char *name)
{
    struct feeder_piece value = find(json, name);

    if (value.length < 2 || value.text[0] != '"')
        return (struct feeder_piece){NULL, 0};
    return (struct feeder_piece){value.text + 1, value.length - 2};
}

bool feeder_reply_true(struct feeder_piece json, const char *name)
{
    struct feeder_piece value = find(json, name);

    return value.text != NULL && is_text(value, "true");
}
