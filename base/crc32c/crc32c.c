/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C in portable C, and the choice between it and the hardware's instruction.
 *
 * "Slicing by 8" (Kounavis and Berry, "A Systematic Approach to Building High Performance
 * Software-based CRC Generators", 2005): table[k][b] is what byte b contributes when k more bytes
 * follow it, so eight bytes are eight independent look-ups.  The tables (8 KiB) are computed at
 * their first use, which is never on a processor with the instruction.
 *
 * Nothing here can fail.
 */
#include "base/crc32c/crc32c.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/bytes.h"

enum { SLICES = 8, PIECE = 16 * 1024 /* what the nearest cache still has for a second look */ };

static const uint32_t polynomial = 0x82F63B78u;
static uint32_t table[SLICES][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void make_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? polynomial : 0);
        table[0][byte] = crc;
    }
    for (int slice = 1; slice < SLICES; slice++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = table[slice - 1][byte];

            table[slice][byte] = before >> 8 ^ table[0][before & 0xFF];
        }
}

static uint32_t add_eight(uint32_t crc, const uint8_t *at)
{
    uint32_t low = crc ^ smew__get_le32(at);
    uint32_t high = smew__get_le32(at + 4);

    return table[7][low & 0xFF] ^ table[6][low >> 8 & 0xFF] ^ table[5][low >> 16 & 0xFF] ^
           table[4][low >> 24] ^ table[3][high & 0xFF] ^ table[2][high >> 8 & 0xFF] ^
           table[1][high >> 16 & 0xFF] ^ table[0][high >> 24];
}

uint32_t smew__crc32c_portable(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *at = data;

    (void)pthread_once(&table_once, make_table);
    crc = ~crc;
    for (; size >= SLICES; size -= SLICES, at += SLICES)
        crc = add_eight(crc, at);
    for (; size > 0; size--, at++)
        crc = crc >> 8 ^ table[0][(crc ^ *at) & 0xFF];
    return ~crc;
}

uint32_t smew__crc32c_words_portable(uint32_t crc, uint64_t first, uint64_t second, uint32_t half)
{
    crc = smew__crc32c_portable(crc, &first, sizeof first);
    crc = smew__crc32c_portable(crc, &second, sizeof second);
    return smew__crc32c_portable(crc, &half, sizeof half);
}

_Atomic bool smew__crc32c_is_hardware; /* known to be */

static bool use_hardware(void)
{
    enum { UNKNOWN, PORTABLE, HARDWARE };
    static _Atomic int way = UNKNOWN; /* threads that race here all find the same */
    int chosen = atomic_load_explicit(&way, memory_order_relaxed);

    if (chosen == UNKNOWN) {
        chosen = smew__crc32c_has_hardware() ? HARDWARE : PORTABLE;
        atomic_store_explicit(&way, chosen, memory_order_relaxed);
        atomic_store_explicit(&smew__crc32c_is_hardware, chosen == HARDWARE, memory_order_relaxed);
    }
    return chosen == HARDWARE;
}

uint32_t smew__crc32c(uint32_t crc, const void *data, size_t size)
{
    return use_hardware() ? smew__crc32c_hardware(crc, data, size)
                          : smew__crc32c_portable(crc, data, size);
}

/* Sums what was copied, or what is copied then; in pieces, so that the second step finds it near.
 */
static uint32_t copy_large(uint32_t crc, uint8_t *to, const uint8_t *from, size_t size, bool first)
{
    while (size > 0) {
        size_t piece = size < PIECE ? size : PIECE;

        if (first)
            crc = smew__crc32c(crc, from, piece);
        memcpy(to, from, piece);
        if (!first)
            crc = smew__crc32c(crc, to, piece);
        to += piece;
        from += piece;
        size -= piece;
    }
    return crc;
}

uint32_t smew__crc32c_copy_large(uint32_t crc, void *copy, const void *data, size_t size)
{
    return copy_large(crc, copy, data, size, true);
}

uint32_t smew__crc32c_take_large(uint32_t crc, void *copy, const void *data, size_t size)
{
    return copy_large(crc, copy, data, size, false);
}

uint32_t smew__crc32c_words_any(uint32_t crc, uint64_t first, uint64_t second, uint32_t half)
{
    (void)use_hardware(); /* the next one does, if there is any */
    return smew__crc32c_words_portable(crc, first, second, half);
}

uint32_t smew__crc32c_remainder_any(uint64_t word)
{
    return ~smew__crc32c(UINT32_MAX, &word, sizeof word);
}
