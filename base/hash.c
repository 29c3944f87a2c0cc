/* SPDX-License-Identifier: MIT */
/*
 * FNV-1a over the bytes, then MurmurHash3's finaliser.  The directory's files hold these values:
 * tests/base/hash.c pins some of them.
 */
#include "base/hash.h"

uint64_t smew__hash(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    hash ^= hash >> 33;
    return hash;
}
