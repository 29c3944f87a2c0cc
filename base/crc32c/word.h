/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_CRC32C_WORD_H
#define SMEW_BASE_CRC32C_WORD_H

/*
 * The processor's CRC-32C instruction, in line: for what each message does with words that are in
 * registers, where a call costs more than the sum.  In assembler, since the code around is compiled
 * for processors that have no such instruction, and may be: smew__crc32c_is_hardware is asked
 * first (crc32c.h).  Remainders are bare: neither is turned over, as the sums of crc32c.h are.
 */

#include <stdint.h>

#if defined(__x86_64__)

static inline uint64_t smew__crc32c_add_8(uint64_t remainder, uint64_t word)
{
    __asm__("crc32q %1, %0" : "+r"(remainder) : "r"(word));
    return remainder;
}

static inline uint64_t smew__crc32c_add_4(uint64_t remainder, uint32_t half)
{
    uint32_t low = (uint32_t)remainder;

    __asm__("crc32l %1, %0" : "+r"(low) : "r"(half));
    return low;
}

static inline uint64_t smew__crc32c_add_1(uint64_t remainder, uint8_t byte)
{
    uint32_t low = (uint32_t)remainder;

    __asm__("crc32b %1, %0" : "+r"(low) : "q"(byte));
    return low;
}

#elif defined(__aarch64__) && !defined(__AARCH64EB__)

static inline uint64_t smew__crc32c_add_8(uint64_t remainder, uint64_t word)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(remainder) : "r"(word));
    return remainder;
}

static inline uint64_t smew__crc32c_add_4(uint64_t remainder, uint32_t half)
{
    __asm__(".arch_extension crc\n\tcrc32cw %w0, %w0, %w1" : "+r"(remainder) : "r"(half));
    return remainder;
}

static inline uint64_t smew__crc32c_add_1(uint64_t remainder, uint8_t byte)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(remainder) : "r"(byte));
    return remainder;
}

#else

/* Nobody comes here: there is no such instruction, and smew__crc32c_is_hardware says so. */
static inline uint64_t smew__crc32c_add_8(uint64_t remainder, uint64_t word)
{
    (void)word;
    return remainder;
}

static inline uint64_t smew__crc32c_add_4(uint64_t remainder, uint32_t half)
{
    (void)half;
    return remainder;
}

static inline uint64_t smew__crc32c_add_1(uint64_t remainder, uint8_t byte)
{
    (void)byte;
    return remainder;
}

#endif

#endif
