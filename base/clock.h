/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_CLOCK_H
#define SMEW_BASE_CLOCK_H

/* The two clocks, and deadlines on the monotonic one. */

#include <stdint.h>

#define SMEW_NS_PER_MS UINT64_C(1000000)
#define SMEW_NS_PER_S UINT64_C(1000000000)
#define SMEW_NEVER_NS UINT64_MAX

uint64_t smew__clock_wall_ns(void); /* since 1970; only for time stamps, never for waiting */
/* The same as of the kernel's last tick, up to 10 ms ago, several times as fast. */
uint64_t smew__clock_wall_coarse_ms(void);

/* smew_now_ns() + ms, saturating. */
uint64_t smew__deadline_ns(uint64_t timeout_ms);

/* Milliseconds from now_ns until deadline_ns, rounded up, 0 when past, at most INT_MAX. */
int smew__remaining_ms(uint64_t deadline_ns, uint64_t now_ns);

#endif
