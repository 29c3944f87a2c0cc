/* SPDX-License-Identifier: MIT */

#include "tests/chart/mutate.h"

#include <string.h>

/* Put anywhere: mostly breaks the syntax. */
static const char *const tokens[] = {
    "{", "}", "[", "]", ",", ":", "'a'", "{}", "[]", "null", "true", "-1", "1e9", "'on':",
};

/* Put in the place of another string: the syntax stays, the meaning does not. */
static const char *const strings[] = {
    "'a'",
    "'b'",
    "'c'",
    "'.c'",
    "'#a'",
    "''",
    "'states'",
    "'initial'",
    "'on'",
    "'always'",
    "'target'",
    "'type'",
    "'history'",
    "'parallel'",
    "'final'",
    "'compound'",
    "'after'",
    "'id'",
    "'*'",
    "'a.b'",
    "'X'",
    "'h'",
    "'p'",
    "'q'",
    "'deep'",
    "'10'",
    "{}",
    "null",
    "[]",
    "7",
    "{'a':{}}",
    "['a','b']",
    "{'target':'a','reenter':true}",
    "{'a':{'type':'final'}}",
    "{'type':'@xstate.raise','event':{'type':'X'}}",
    "{'type':'history'}",
    "-1",
    "'self'",
    "'parent'",
    "'done'",
    "'active'",
    "1e300",
};

/* Puts a token in the place of `gone` bytes. */
static size_t put(char *text, size_t size, size_t capacity, size_t at, size_t gone,
                  const char *token)
{
    size_t length = strlen(token);

    if (gone > size - at)
        gone = size - at;
    if (size - gone + length > capacity)
        return size;
    memmove(text + at + length, text + at + gone, size - at - gone);
    for (size_t i = 0; i < length; i++)
        text[at + i] = token[i];
    return size - gone + length;
}

/* The n-th string of the text, its quotes included. */
static size_t swap_string(struct support_random *random, char *text, size_t size, size_t capacity)
{
    size_t number = support_random_below(random, 60);
    size_t quotes = 0;
    size_t begin = 0;

    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\'')
            continue;
        if (quotes % 2 == 1 && quotes / 2 == number)
            return put(text, size, capacity, begin, i + 1 - begin,
                       strings[support_random_below(random, sizeof strings / sizeof *strings)]);
        begin = i;
        quotes++;
    }
    return size;
}

size_t mutate(struct support_random *random, char *text, size_t size, size_t capacity)
{
    size_t at = support_random_below(random, size + 1);
    size_t length = support_random_below(random, 30);

    switch (support_random_below(random, 12)) {
    case 0: /* one byte */
        if (at < size)
            text[at] = (char)support_random_below(random, 256);
        return size;
    case 1: /* cut out */
        length = length > size - at ? size - at : length;
        memmove(text + at, text + at + length, size - at - length);
        return size - length;
    case 2: /* double */
        length = length > size - at ? size - at : length;
        if (size + length > capacity)
            return size;
        memmove(text + at + length, text + at, size - at);
        return size + length;
    case 3:
        return put(text, size, capacity, at, length % 8,
                   tokens[support_random_below(random, sizeof tokens / sizeof *tokens)]);
    default:
        return swap_string(random, text, size, capacity);
    }
}
