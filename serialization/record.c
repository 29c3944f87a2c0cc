/* SPDX-License-Identifier: MIT */
/*
 * The words of a record's header: what they are computed from, and back.
 *
 * Nothing here can fail.
 */
#include "serialization/record.h"

#include "base/crc32c/crc32c.h"

/* Each step of smew__record_commit(), undone. */
uint64_t smew__record_number(uint64_t commit, uint64_t salt)
{
    uint64_t mixed = commit & SMEW__RECORD_NUMBER_MASK;

    mixed = (mixed ^ mixed >> 31) * UINT64_C(0x19642B2D24D8EC3) & SMEW__RECORD_NUMBER_MASK;
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0x6DE1B173F119089) & SMEW__RECORD_NUMBER_MASK;
    mixed = ((mixed ^ mixed >> 30) - salt) * UINT64_C(0x1DE83E19937733D);
    return (mixed - 1) & SMEW__RECORD_NUMBER_MASK;
}

enum { NS_PER_MS = 1000 * 1000 };

uint64_t smew__record_tick(uint64_t sent_ns)
{
    return sent_ns % NS_PER_MS == 0 ? smew__record_tick_ms(sent_ns / NS_PER_MS) : 0;
}

uint64_t smew__record_sent_ns(const struct smew__record_header *header)
{
    uint64_t tick = (uint64_t)header->sent_high << 32 | header->sent;

    return tick == 0 ? 0 : (SMEW__RECORD_FIRST_MS + tick) * NS_PER_MS;
}
