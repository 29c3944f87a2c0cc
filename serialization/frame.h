/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SERIALIZATION_FRAME_H
#define SMEW_SERIALIZATION_FRAME_H

/*
 * What protobuf-c makes of any item: the way of those that wire_envelope.h leaves to it, and what
 * tests hold that to.  Any thread; no rule of item.c is looked at.
 */

#include "serialization/item.h"

/* Appends a checked item's frame.  TOO_BIG, INVALID, NO_MEMORY: `out->size` is as it was. */
enum smew_status smew__frame_encode_generated(const struct smew__item *item,
                                              struct smew__buffer *out);

/* As the codec's decode, but for the rules.  CORRUPT, VERSION, NO_MEMORY. */
enum smew_status smew__frame_decode_generated(const void *data, size_t size,
                                              struct smew__item *item);

#endif
