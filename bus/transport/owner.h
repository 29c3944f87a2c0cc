/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_TRANSPORT_OWNER_H
#define SMEW_BUS_TRANSPORT_OWNER_H

/*
 * Whose a handle is.  A child of fork() has its parent's handles in its memory, and must neither
 * use them nor tear down what they stand for: it would write between the parent's frames, or
 * remove the socket that the parent listens at.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/os/process.h"

/* The token is smew__process_token() at creation; 0 is that of a system which cannot tell. */
static inline bool smew__token_is_ours(uint64_t token)
{
    return token == 0 || token == smew__process_token();
}

#endif
