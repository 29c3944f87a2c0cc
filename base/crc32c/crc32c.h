/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_CRC32C_CRC32C_H
#define SMEW_BASE_CRC32C_CRC32C_H

/*
 * CRC-32C (Castagnoli), as in RFC 3720, appendix B.4: reflected polynomial 0x82F63B78, initial
 * value and final exclusive-or 0xFFFFFFFF; "123456789" gives 0xE3069283.
 *
 * The processor's own instruction is used where there is one; which way to go is found at the
 * first call.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crc32c/word.h"

/* Goes on from `crc`, the result for the bytes before; 0 for none. */
uint32_t smew__crc32c(uint32_t crc, const void *data, size_t size);
/* The two ways, for the dispatch and for the tests that compare them. */
uint32_t smew__crc32c_portable(uint32_t crc, const void *data, size_t size);
uint32_t smew__crc32c_words_portable(uint32_t crc, uint64_t first, uint64_t second, uint32_t half);
/* Only where smew__crc32c_has_hardware() says so. */
uint32_t smew__crc32c_hardware(uint32_t crc, const void *data, size_t size);
uint32_t smew__crc32c_copy_hardware(uint32_t before, void *copy, const void *data, size_t size);
bool smew__crc32c_has_hardware(void);

/* It was found that there is one; in line, for what each message does. */
extern _Atomic bool smew__crc32c_is_hardware;

uint32_t smew__crc32c_copy_large(uint32_t crc, void *copy, const void *data, size_t size);
uint32_t smew__crc32c_words_any(uint32_t crc, uint64_t first, uint64_t second, uint32_t half);

/*
 * Copies bytes that do not overlap, and goes on from `crc` with the copy: each byte is loaded once,
 * whoever writes to `data` meanwhile.  Few go through registers, so that nothing is loaded that was
 * just stored; many go faster in two steps (from 512 on; by a third at 64 KiB).
 */
static inline uint32_t smew__crc32c_copy(uint32_t crc, void *copy, const void *data, size_t size)
{
    if (size <= 256 && atomic_load_explicit(&smew__crc32c_is_hardware, memory_order_relaxed))
        return smew__crc32c_copy_hardware(crc, copy, data, size);
    return smew__crc32c_copy_large(crc, copy, data, size);
}

/* Of 20 bytes that are in registers: two words and half a word, as they would lie in memory. */
static inline uint32_t smew__crc32c_words(uint32_t crc, uint64_t first, uint64_t second,
                                          uint32_t half)
{
    uint64_t remainder = ~crc;

    if (!atomic_load_explicit(&smew__crc32c_is_hardware, memory_order_relaxed))
        return smew__crc32c_words_any(crc, first, second, half);
    remainder = smew__crc32c_add_8(smew__crc32c_add_8(remainder, first), second);
    return ~(uint32_t)smew__crc32c_add_4(remainder, half);
}

uint32_t smew__crc32c_remainder_any(uint64_t word);
/* What a word leaves behind: nothing for 0, and that of a ^ b is that of a ^ that of b. */
static inline uint32_t smew__crc32c_remainder(uint64_t word)
{
    if (!atomic_load_explicit(&smew__crc32c_is_hardware, memory_order_relaxed))
        return smew__crc32c_remainder_any(word);
    return (uint32_t)smew__crc32c_add_8(0, word);
}

#endif
