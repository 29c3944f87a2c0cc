/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_OPTIONS_H
#define SMEW_BUS_OPTIONS_H

/* Option structs of programs that were compiled against this or an older header. */

#include <smew/bus.h>

#include "base/sync/spin.h"

/*
 * Copies what the caller's struct has (its first member says how much) over `into`, which holds
 * zeros.  NULL: nothing.  INVALID for a size that is nonsense or newer than this library.
 */
enum smew_status smew__options_copy(void *into, size_t size, const void *options);

/*
 * May a message with these options go a short way (plain.h, local.h)?  It asks for no more than to
 * be accepted, and cannot be refused for what it says.  Room is asked for only by who does not find
 * it, and then it waits as the options say.  NULL: it may.
 */
static inline bool smew__options_are_plain(const struct smew_send_options *options)
{
    return !options ||
           (options->size == sizeof(*options) && !options->expires_ms &&
            options->level == SMEW_LEVEL_ACCEPTED && !options->traceparent &&
            options->header_count == 0 && options->on_full <= SMEW_ON_FULL_KEEP_OLDEST &&
            options->content <= SMEW_CONTENT_PROTOBUF);
}

/* A timeout member: 0 is `otherwise`, SMEW_NOW is 0. */
uint32_t smew__options_timeout(uint32_t timeout_ms, uint32_t otherwise);

/* A program's wish (SMEW_WAITING_*) as waits take it. */
static inline enum smew__spin_way smew__spin_way_of(enum smew_waiting waiting)
{
    switch (waiting) {
    case SMEW_WAITING_SPIN:
        return SMEW__SPIN_ALWAYS;
    case SMEW_WAITING_SLEEP:
        return SMEW__SPIN_NEVER;
    default:
        return SMEW__SPIN_ADAPTIVE;
    }
}

#endif
