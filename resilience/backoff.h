/* SPDX-License-Identifier: MIT */
#ifndef SMEW_RESILIENCE_BACKOFF_H
#define SMEW_RESILIENCE_BACKOFF_H

/*
 * How long to wait before the next attempt: doubling from `first_ms` to `most_ms`, each time with
 * full jitter over the upper half, so that many that failed together do not come back together
 * (Brooker, "Exponential Backoff And Jitter", AWS 2015: "equal jitter").  Pure: randomness is an
 * argument.
 */

#include <stdint.h>

struct smew__backoff {
    uint32_t first_ms;
    uint32_t most_ms;
    uint32_t attempts; /* since the last success */
};

void smew__backoff_init(struct smew__backoff *backoff, uint32_t first_ms, uint32_t most_ms);
/* The delay before the next attempt, counting it. */
uint32_t smew__backoff_next_ms(struct smew__backoff *backoff, uint64_t random);
void smew__backoff_reset(struct smew__backoff *backoff); /* after a success */

#endif
