/* SPDX-License-Identifier: MIT */
/*
 * UTF-8, checked byte by byte after table 3-7 of the Unicode standard: the lead byte gives the
 * length and the range of the second byte, which is where overlong forms, surrogates and
 * code points that are too high are told; the others are 80..BF.
 */
#include "base/utf8.h"

#include <stdint.h>

struct lead {
    uint8_t first, last;   /* lead bytes */
    uint8_t least2, most2; /* the second byte */
    uint8_t length;
};

static const struct lead leads[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

static const struct lead *find_lead(uint8_t byte)
{
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++)
        if (byte >= leads[i].first && byte <= leads[i].last)
            return &leads[i];
    return NULL;
}

size_t smew__utf8_next(const void *data, size_t size, bool *valid)
{
    const uint8_t *bytes = data;
    const struct lead *lead;
    size_t seen = 1;

    *valid = bytes[0] < 0x80;
    if (*valid)
        return 1;
    lead = find_lead(bytes[0]);
    if (lead == NULL)
        return 1;
    for (; seen < lead->length && seen < size; seen++) {
        uint8_t least = seen == 1 ? lead->least2 : 0x80;
        uint8_t most = seen == 1 ? lead->most2 : 0xBF;

        if (bytes[seen] < least || bytes[seen] > most)
            return seen;
    }
    *valid = seen == lead->length;
    return seen;
}

bool smew__utf8_valid(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    bool valid = true;

    for (size_t i = 0; i < size && valid;)
        i += smew__utf8_next(bytes + i, size - i, &valid);
    return valid;
}
