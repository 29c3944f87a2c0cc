/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_HASH_H
#define SMEW_BASE_HASH_H

/*
 * One hash of bytes for tables in memory and for the directory on disk (where it is part of the
 * format: changing it is a new version).  FNV-1a, 64 bits, with MurmurHash3's finaliser on top,
 * because FNV's low bits mix poorly.
 */

#include <stddef.h>
#include <stdint.h>

uint64_t smew__hash(const void *data, size_t size);

#endif
