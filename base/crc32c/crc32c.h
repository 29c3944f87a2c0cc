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
#include <string.h>

#include "base/crc32c/word.h"
#include "base/inline.h"

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
uint32_t smew__crc32c_take_large(uint32_t crc, void *copy, const void *data, size_t size);
uint32_t smew__crc32c_words_any(uint32_t crc, uint64_t first, uint64_t second, uint32_t half);

enum {
    SMEW__CRC32C_LINE = 32,
    SMEW__CRC32C_FEW = 256, /* bytes that are copied and summed in one step */
};

/*
 * Adds eight bytes, and copies them; any alignment.  They are loaded once, whoever writes there
 * meanwhile: what was copied is what is summed, and the compiler may not look again.
 */
static inline uint64_t smew__crc32c_copy_8(uint64_t remainder, uint8_t *to, const uint8_t *from)
{
    uint64_t eight;

    memcpy(&eight, from, sizeof eight);
    __asm__("" : "+r"(eight));
    memcpy(to, &eight, sizeof eight);
    return smew__crc32c_add_8(remainder, eight);
}

/* The same with 32 bytes. */
static inline uint64_t smew__crc32c_copy_line(uint64_t remainder, uint8_t *to, const uint8_t *from)
{
    remainder = smew__crc32c_copy_8(remainder, to, from);
    remainder = smew__crc32c_copy_8(remainder, to + 8, from + 8);
    remainder = smew__crc32c_copy_8(remainder, to + 16, from + 16);
    return smew__crc32c_copy_8(remainder, to + 24, from + 24);
}

#if defined(__x86_64__)

/*
 * The same into memory that nobody else writes: the line is copied in two loads, and summed where
 * the copy is.
 */
static inline uint64_t smew__crc32c_take_line(uint64_t remainder, uint8_t *to, const uint8_t *from)
{
    typedef uint64_t two_words __attribute__((vector_size(16)));
    typedef uint64_t any_word __attribute__((aligned(1), may_alias));
    const any_word *words = (const any_word *)(const void *)to;
    two_words low, high;

    memcpy(&low, from, sizeof low);
    memcpy(&high, from + sizeof low, sizeof high);
    __asm__("" : "+x"(low), "+x"(high)); /* loaded once */
    memcpy(to, &low, sizeof low);
    memcpy(to + sizeof low, &high, sizeof high);
    for (int i = 0; i < 4; i++)
        __asm__("crc32q %1, %0" : "+r"(remainder) : "m"(words[i]));
    return remainder;
}

#else

static inline uint64_t smew__crc32c_take_line(uint64_t remainder, uint8_t *to, const uint8_t *from)
{
    return smew__crc32c_copy_line(remainder, to, from);
}

#endif

/* Whole lines, and few: then the functions in line may be used.  Once true it stays true. */
static inline bool smew__crc32c_takes_few(size_t size)
{
    return size % SMEW__CRC32C_LINE == 0 && size != 0 && size <= SMEW__CRC32C_FEW &&
           atomic_load_explicit(&smew__crc32c_is_hardware, memory_order_relaxed);
}

/* Line by line, each by one of the functions above: a constant, where this is in line. */
SMEW__INLINE uint32_t smew__crc32c_few(uint32_t crc, uint8_t *copy, const uint8_t *data,
                                       size_t size,
                                       uint64_t (*line)(uint64_t, uint8_t *, const uint8_t *))
{
    uint64_t remainder = ~crc;
    size_t at = 0;

    do {
        remainder = line(remainder, copy + at, data + at);
        at += SMEW__CRC32C_LINE;
    } while (at != size);
    return ~(uint32_t)remainder;
}

/*
 * Copies bytes that do not overlap, and goes on from `crc` with them.  For who sends, into memory
 * whose lines another core has: nobody writes to `data` meanwhile, or the sum is of neither.  Few
 * go through registers; many are summed where they come from, while the lines to copy them to are
 * on their way, and copied then.
 */
static inline uint32_t smew__crc32c_copy(uint32_t crc, void *copy, const void *data, size_t size)
{
    if (smew__crc32c_takes_few(size))
        return smew__crc32c_few(crc, copy, data, size, smew__crc32c_copy_line);
    if (size <= SMEW__CRC32C_FEW &&
        atomic_load_explicit(&smew__crc32c_is_hardware, memory_order_relaxed))
        return smew__crc32c_copy_hardware(crc, copy, data, size);
    return smew__crc32c_copy_large(crc, copy, data, size);
}

/*
 * The same for a reader, from memory that others may write to meanwhile: each byte is loaded once,
 * and what is summed is the copy, in memory that nobody else writes.
 */
static inline uint32_t smew__crc32c_take_few(uint32_t crc, uint8_t *copy, const uint8_t *data,
                                             size_t size)
{
    return smew__crc32c_few(crc, copy, data, size, smew__crc32c_take_line);
}

static inline uint32_t smew__crc32c_take(uint32_t crc, uint8_t *copy, const uint8_t *data,
                                         size_t size)
{
    return smew__crc32c_takes_few(size) ? smew__crc32c_take_few(crc, copy, data, size)
                                        : smew__crc32c_take_large(crc, copy, data, size);
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
