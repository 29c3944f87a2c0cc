/* SPDX-License-Identifier: MIT */
/* Options of any age: a shorter struct leaves the newer members at their defaults. */

#include "bus/options.h"

#include <string.h>

enum smew_status smew__options_copy(void *into, size_t size, const void *options)
{
    size_t given;

    if (!options)
        return SMEW_OK;
    memcpy(&given, options, sizeof(given));
    if (given < sizeof(given) || given > size)
        return SMEW_INVALID;
    memcpy(into, options, given);
    return SMEW_OK;
}

uint32_t smew__options_timeout(uint32_t timeout_ms, uint32_t otherwise)
{
    if (timeout_ms == SMEW_NOW)
        return 0;
    return timeout_ms ? timeout_ms : otherwise;
}
