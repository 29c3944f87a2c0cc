/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SERIALIZATION_WIRE_ENVELOPE_H
#define SMEW_SERIALIZATION_WIRE_ENVELOPE_H

/*
 * The common envelopes of wire.proto, written and read by hand: those without headers, and to read,
 * without a trace context and a sender that waits too.  Generated code walks a table of fields for
 * each message, which was most of what the service threads did; this knows the fields.
 *
 * What is written is byte for byte what protobuf-c writes.  What is read is what that writes:
 * fields in the order of their numbers, each at most once, nothing unknown.  Everything else that
 * protobuf allows is left to the generated code (frame.h).  Any thread; nothing is allocated but
 * what the caller's buffer needs, and no rule of item.c is looked at.
 */

#include <stdbool.h>

#include <smew/transport.h>

#include "serialization/item.h"

/*
 * The bytes of a frame before an envelope's payload, and behind it, appended to `out` in this
 * order; `before` is how many come first.  The envelope was checked, so that its texts are within
 * their limits.  TOO_BIG (the frame), NO_MEMORY: `out` is as it was, but for `failed`.
 */
enum smew_status smew__wire_envelope_write(const struct smew__envelope *envelope,
                                           struct smew__buffer *out, size_t *before);

/*
 * Reads a frame.  Texts and payload point into `data`.  False, and nothing said about the bytes,
 * for what is not in the common form.
 */
bool smew__wire_envelope_read(const void *data, size_t size, struct smew__envelope *envelope);

#endif
