/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_CLOCK_H
#define SMEW_BENCH_CLOCK_H

/*
 * Two clocks.  bench_now_ns() is the same in every process, and costs about 20 ns.  bench_ticks()
 * is the processor's own counter where there is one, for stamps within round trips that take not
 * much longer than that; bench_tick_ns() is what a tick lasts.
 */

#include <stdint.h>
#include <time.h>

static inline uint64_t bench_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t bench_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return bench_now_ns();
#endif
}

/* Measures it at the first call, which takes 10 ms. */
double bench_tick_ns(void);

/* Sleeps for about so long. */
void bench_nap_us(unsigned us);

/* Tells the processor that this is a loop that waits. */
static inline void bench_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__("yield" ::: "memory");
#endif
}

#endif
