/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_UTF8_H
#define SMEW_BASE_UTF8_H

/*
 * UTF-8 as in RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.  Texts from a
 * wire or a file are checked with this before anybody believes that they are text.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * The length of the character at `data`, 1 to 4, with *valid = true; or, with *valid = false, how
 * many bytes to replace by one U+FFFD (the "maximal subpart" of Unicode, 3.9).  size is not 0.
 */
size_t smew__utf8_next(const void *data, size_t size, bool *valid);

bool smew__utf8_valid(const void *data, size_t size);

#endif
