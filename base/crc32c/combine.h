/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_CRC32C_COMBINE_H
#define SMEW_BASE_CRC32C_COMBINE_H

/*
 * The CRC-32C of two pieces from that of each, without their bytes: for who summed a piece while it
 * was copied, and learns later what stands before it.  It takes as long as summing some KiB, so it
 * is for large pieces.
 */

#include <stddef.h>
#include <stdint.h>

/*
 * `before` is the result for what comes first (0 for none), `piece` that for the `size` bytes that
 * follow, begun with 0: what smew__crc32c(before, those bytes, size) gives.  Any thread; it cannot
 * fail.
 */
uint32_t smew__crc32c_combine(uint32_t before, uint32_t piece, uint32_t size);

#endif
