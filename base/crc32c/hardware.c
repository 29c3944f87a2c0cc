/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C with the processor's instruction: SSE4.2 on x86-64, the crc extension on ARMv8.  Only
 * these functions are compiled for the newer processor; the rest of the library runs anywhere, so
 * smew__crc32c_has_hardware() is asked first.  Eight bytes an instruction, one after the other:
 * 5.6 GB/s where it was measured, three times the portable way.
 */
#include "base/crc32c/crc32c.h"

#include <string.h>

#if defined(__x86_64__)

#include <nmmintrin.h>

#define TARGET __attribute__((target("sse4.2")))
#define CRC_8(crc, value) ((uint32_t)_mm_crc32_u64(crc, value))
#define CRC_1(crc, value) _mm_crc32_u8(crc, value)

bool smew__crc32c_has_hardware(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") != 0;
}

#elif defined(__aarch64__) && defined(__linux__) && !defined(__AARCH64EB__)

#include <sys/auxv.h>

#define TARGET
#define CRC_8(crc, value) add_eight(crc, value)
#define CRC_1(crc, value) add_one(crc, value)

/* In assembler, since gcc and clang do not agree on how the intrinsics are had. */
static inline uint32_t add_eight(uint32_t crc, uint64_t value)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(value));
    return crc;
}

static inline uint32_t add_one(uint32_t crc, uint8_t value)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(value));
    return crc;
}

bool smew__crc32c_has_hardware(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

#else

bool smew__crc32c_has_hardware(void)
{
    return false;
}

#endif

#if defined(TARGET)

TARGET uint32_t smew__crc32c_hardware(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *at = data;
    uint64_t eight;

    crc = ~crc;
    for (; size >= sizeof eight; size -= sizeof eight, at += sizeof eight) {
        memcpy(&eight, at, sizeof eight); /* any alignment; one load */
        crc = CRC_8(crc, eight);
    }
    for (; size > 0; size--, at++)
        crc = CRC_1(crc, *at);
    return ~crc;
}

#else

uint32_t smew__crc32c_hardware(uint32_t crc, const void *data, size_t size)
{
    return smew__crc32c_portable(crc, data, size);
}

#endif
