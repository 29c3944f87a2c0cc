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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc`, the result for the bytes before; 0 for none. */
uint32_t smew__crc32c(uint32_t crc, const void *data, size_t size);

/* The two ways, for the dispatch above and for the tests that compare them. */
uint32_t smew__crc32c_portable(uint32_t crc, const void *data, size_t size);
/* Only where smew__crc32c_has_hardware() says so. */
uint32_t smew__crc32c_hardware(uint32_t crc, const void *data, size_t size);
bool smew__crc32c_has_hardware(void);

#endif
