/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_CRC32C_STEP_H
#define SMEW_BASE_CRC32C_STEP_H

/*
 * The processor's instruction for CRC-32C, in line: one step of a remainder, which is the CRC
 * inverted, as it is between the first and the last inversion of smew__crc32c().
 *
 * SMEW__CRC32C_STEPS says that there are steps for this kind of processor; this one has them where
 * smew__crc32c_has_hardware() says so.  In assembler, since a function that is compiled for a newer
 * processor is not put in line into one that is not, and since gcc and clang do not agree on how
 * ARM's intrinsics are had.
 */

#include <stdint.h>

#if defined(__x86_64__)

#define SMEW__CRC32C_STEPS 1

/* The remainder is of 32 bits: so wide for the instruction. */
static inline uint64_t smew__crc32c_step_8(uint64_t crc, uint64_t value)
{
    __asm__("crc32q %1, %0" : "+r"(crc) : "r"(value));
    return crc;
}

static inline uint32_t smew__crc32c_step_4(uint32_t crc, uint32_t value)
{
    __asm__("crc32l %1, %0" : "+r"(crc) : "r"(value));
    return crc;
}

static inline uint32_t smew__crc32c_step_1(uint32_t crc, uint8_t value)
{
    __asm__("crc32b %1, %0" : "+r"(crc) : "q"(value));
    return crc;
}

#elif defined(__aarch64__) && defined(__linux__) && !defined(__AARCH64EB__)

#define SMEW__CRC32C_STEPS 1

static inline uint64_t smew__crc32c_step_8(uint64_t crc, uint64_t value)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(value));
    return crc;
}

static inline uint32_t smew__crc32c_step_4(uint32_t crc, uint32_t value)
{
    __asm__(".arch_extension crc\n\tcrc32cw %w0, %w0, %w1" : "+r"(crc) : "r"(value));
    return crc;
}

static inline uint32_t smew__crc32c_step_1(uint32_t crc, uint8_t value)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(value));
    return crc;
}

#endif

#endif
