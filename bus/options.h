/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_OPTIONS_H
#define SMEW_BUS_OPTIONS_H

/* Option structs of programs that were compiled against this or an older header. */

#include <smew/bus.h>

/*
 * Copies what the caller's struct has (its first member says how much) over `into`, which holds
 * zeros.  NULL: nothing.  INVALID for a size that is nonsense or newer than this library.
 */
enum smew_status smew__options_copy(void *into, size_t size, const void *options);

/* A timeout member: 0 is `otherwise`, SMEW_NOW is 0. */
uint32_t smew__options_timeout(uint32_t timeout_ms, uint32_t otherwise);

#endif
