/* SPDX-License-Identifier: MIT */
/*
 * A lane's segments: made, checked, mapped.
 */
#include "bus/shm/segment.h"

#include "serialization/record.h"

uint64_t smew__head_pack(uint64_t number, uint64_t position)
{
    const uint64_t units = (UINT64_C(1) << SMEW__HEAD_UNIT_BITS) - 1;

    return number << SMEW__HEAD_UNIT_BITS | (position / SMEW__RECORD_ALIGNMENT & units);
}
