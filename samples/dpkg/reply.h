/* SPDX-License-Identifier: MIT */
#ifndef SMEW_SAMPLES_DPKG_REPLY_H
#define SMEW_SAMPLES_DPKG_REPLY_H

/*
 * As much JSON as a machine's answer needs: the members of one object, by name.
 *
 *     {"old":"unpacked","new":"half-configured","handled":true,"changed":true,"time_ns":1234}
 */

#include <stdbool.h>
#include <stddef.h>

/* A piece of the text; text is NULL where there is none. */
struct feeder_piece {
    const char *text;
    size_t length;
};

/*
 * A string member's text without its quotes, escapes left as they are.  The first of that name, at
 * the top level only.
 */
struct feeder_piece feeder_reply_string(struct feeder_piece json, const char *name);

/* Is the member there and true? */
bool feeder_reply_true(struct feeder_piece json, const char *name);

#endif
