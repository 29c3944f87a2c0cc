/* SPDX-License-Identifier: MIT */
/*
 * The words of a record's header: what they are computed from, and back.
 *
 * Nothing here can fail.
 */
#include "serialization/record.h"

#include "base/crc32c/crc32c.h"

static const uint64_t number_mask = (UINT64_C(1) << SMEW__RECORD_NUMBER_BITS) - 1;

/*
 * Each step can be undone: an odd factor has an inverse mod 2^60, and a shift by half of the bits
 * or more, taken in by xor, is its own.  The factors are SplitMix64's (Steele, Lea, Flood, 2014).
 */
uint64_t smew__record_commit(uint64_t number, uint64_t salt)
{
    uint64_t mixed = (salt + (number + 1) * UINT64_C(0x9E3779B97F4A7C15)) & number_mask;

    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9) & number_mask;
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0x94D049BB133111EB) & number_mask;
    return (mixed ^ mixed >> 31) | ~number_mask;
}

uint64_t smew__record_number(uint64_t commit, uint64_t salt)
{
    uint64_t mixed = commit & number_mask;

    mixed = (mixed ^ mixed >> 31) * UINT64_C(0x19642B2D24D8EC3) & number_mask;
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0x6DE1B173F119089) & number_mask;
    mixed = ((mixed ^ mixed >> 30) - salt) * UINT64_C(0x1DE83E19937733D);
    return (mixed - 1) & number_mask;
}

uint32_t smew__record_header_crc(const struct smew__record_header *header)
{
    const size_t from = offsetof(struct smew__record_header, payload_size);
    const size_t to = offsetof(struct smew__record_header, header_crc);
    uint32_t seed = (uint32_t)(header->commit ^ header->commit >> 32);

    return smew__crc32c(seed, (const uint8_t *)header + from, to - from);
}

uint64_t smew__record_size(const struct smew__record_header *header)
{
    uint64_t size = sizeof *header + header->extension_words * (uint64_t)SMEW__RECORD_WORD +
                    header->payload_size;

    return (size + SMEW__RECORD_ALIGNMENT - 1) / SMEW__RECORD_ALIGNMENT * SMEW__RECORD_ALIGNMENT;
}
