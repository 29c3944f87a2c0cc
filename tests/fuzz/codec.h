/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_FUZZ_CODEC_H
#define SMEW_TESTS_FUZZ_CODEC_H

#include <stdbool.h>
#include <stddef.h>

#include "serialization/item.h"

/*
 * Decodes bytes, hostile or not, and holds the answer to the contract: a known status and nothing
 * left behind, or an item that obeys every rule and comes back the same when it is written and
 * read again.  With `one_form`, an envelope is also written exactly as it was.
 */
void fuzz_decode(const struct smew__codec *codec, const void *data, size_t size, bool one_form);

#endif
