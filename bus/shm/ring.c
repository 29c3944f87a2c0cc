/* SPDX-License-Identifier: MIT */
/*
 * Headers out of a ring.  Nothing here can fail but the check itself.
 */
#include "bus/shm/ring.h"

#include <string.h>

bool smew__ring_header(const struct smew__lane_memory *memory, uint64_t position, uint64_t commit,
                       struct smew__record_header *header)
{
    const _Atomic uint64_t *ring = smew__ring_word(memory, position);
    uint64_t words[sizeof *header / sizeof(uint64_t)] = {commit};

    /* Relaxed: ordered by who looked at the commit word or the head before.  Atomic, so that each
       word is loaded once, whoever writes there meanwhile. */
    for (size_t i = 1; i < sizeof words / sizeof *words; i++)
        words[i] = atomic_load_explicit(&ring[i], memory_order_relaxed);
    memcpy(header, words, sizeof *header);
    return header->header_crc == smew__record_header_crc(header) &&
           smew__record_size(header) <= smew__ring_record_max(memory);
}
