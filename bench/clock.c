/* SPDX-License-Identifier: MIT */
/*
 * How long a tick is: both clocks are read twice, 10 ms apart.  An interruption between the two
 * readings of a pair would be an error of a few microseconds in ten thousand.
 */
#include "bench/clock.h"

void bench_nap_us(unsigned us)
{
    const struct timespec time = {us / 1000000, (long)(us % 1000000) * 1000};

    (void)nanosleep(&time, NULL);
}

double bench_tick_ns(void)
{
    static double known; /* the scheduler asks first, before there are other processes */

    if (known == 0) {
        const uint64_t ns = bench_now_ns();
        const uint64_t ticks = bench_ticks();

        bench_nap_us(10000);
        known = (double)(bench_now_ns() - ns) / (double)(bench_ticks() - ticks);
    }
    return known;
}
