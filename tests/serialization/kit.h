/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_SERIALIZATION_KIT_H
#define SMEW_TESTS_SERIALIZATION_KIT_H

/*
 * One table of items for the tests, the fuzzers and the seeds of the fuzzers: every type, with
 * every field at its limits.  Without cmocka, which the fuzzers do not link.
 */

#include <stdbool.h>
#include <stddef.h>

#include "serialization/item.h"

struct kit_item {
    const char *name;
    struct smew__item item;
};

/* The same table at each call; it lives as long as the program. */
const struct kit_item *kit_items(size_t *count);
const struct smew__item *kit_item(const char *name); /* aborts when there is none */

/* A text of a literal. */
#define KIT_TEXT(literal)            \
    (struct smew__text)              \
    {                                \
        literal, sizeof(literal) - 1 \
    }

/* Appends the bytes that the hexadecimal digits say. */
void kit_from_hex(const char *hex, struct smew__buffer *out);

bool kit_equal(const struct smew__item *left, const struct smew__item *right);

/* What a decoded item promises beyond its values: texts and payload are not NULL. */
bool kit_is_complete(const struct smew__item *item);
/* A record of an envelope also has its texts terminated. */
bool kit_is_terminated(const struct smew__item *item);

#endif
