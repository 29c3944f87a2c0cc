/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_BYTES_H
#define SMEW_BASE_BYTES_H

/* Integers into and out of bytes, whatever the machine's own order is. */

#include <stdint.h>

static inline void smew__put_be32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static inline uint32_t smew__get_be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
}

static inline uint32_t smew__get_le32(const uint8_t *at)
{
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | (uint32_t)at[0];
}

static inline void smew__put_le64(uint8_t *at, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static inline uint64_t smew__get_le64(const uint8_t *at)
{
    return (uint64_t)smew__get_le32(at + 4) << 32 | smew__get_le32(at);
}

#endif
