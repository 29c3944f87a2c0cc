/* SPDX-License-Identifier: MIT */
/* Exponential back-off with jitter; backoff.h says why and after whom. */
#include "resilience/backoff.h"

void smew__backoff_init(struct smew__backoff *backoff, uint32_t first_ms, uint32_t most_ms)
{
    backoff->first_ms = first_ms == 0 ? 1 : first_ms; /* 0 would never grow */
    backoff->most_ms = most_ms < backoff->first_ms ? backoff->first_ms : most_ms;
    backoff->attempts = 0;
}

uint32_t smew__backoff_next_ms(struct smew__backoff *backoff, uint64_t random)
{
    uint64_t full_ms = backoff->most_ms;
    uint64_t half_ms;

    /* 32 doublings pass any limit that fits 32 bits. */
    if (backoff->attempts < 32 && (uint64_t)backoff->first_ms << backoff->attempts < full_ms)
        full_ms = (uint64_t)backoff->first_ms << backoff->attempts;
    if (backoff->attempts < UINT32_MAX)
        backoff->attempts++;
    half_ms = full_ms / 2;
    return (uint32_t)(half_ms + random % (full_ms - half_ms + 1));
}

void smew__backoff_reset(struct smew__backoff *backoff)
{
    backoff->attempts = 0;
}
