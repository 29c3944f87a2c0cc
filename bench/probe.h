/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_PROBE_H
#define SMEW_BENCH_PROBE_H

/*
 * How far apart are the two cores now?  Virtual processors are moved about by their host, so the
 * answer changes within minutes, and everything that crosses between cores with it.  Two processes,
 * one on each core, pass a word back and forth for a few milliseconds.
 */

#include <stdbool.h>

/* The round trip in nanoseconds; 0 when there are not two cores, or no processes. */
double bench_probe_ns(void);

/* Are two probes of one distance? */
bool bench_probe_same(double a_ns, double b_ns);
/* Near: the cores share a cache. */
bool bench_probe_near(double ns);

#endif
