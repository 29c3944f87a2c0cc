/* SPDX-License-Identifier: MIT */
/*
 * The two clocks.  clock_gettime cannot fail for these on Linux, and is no system call there.
 */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

#include <smew/transport.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now = {0};

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SMEW_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t smew_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t smew__clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t smew__clock_wall_coarse_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / SMEW_NS_PER_MS;
}

uint64_t smew__deadline_ns(uint64_t timeout_ms)
{
    uint64_t now_ns = smew_now_ns();

    if (timeout_ms > (SMEW_NEVER_NS - now_ns) / SMEW_NS_PER_MS)
        return SMEW_NEVER_NS;
    return now_ns + timeout_ms * SMEW_NS_PER_MS;
}

int smew__remaining_ms(uint64_t deadline_ns, uint64_t now_ns)
{
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    uint64_t left_ms = left_ns / SMEW_NS_PER_MS + (left_ns % SMEW_NS_PER_MS != 0);

    return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}
