/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_LOAD_H
#define SMEW_BENCH_LOAD_H

/*
 * Was the computer ours?  What all processors did since the beginning, without what we and our
 * children did, belongs to others, and to the host's other guests.
 */

#include <stdint.h>

struct bench_load {
    uint64_t begun_ns;
    double busy_s; /* of all processors, since the computer started */
    double ours_s;
};

void bench_load_begin(struct bench_load *load);

/* The share of all processors that others had since then, 0 to 1; 0 also when nobody can say. */
double bench_load_others(const struct bench_load *load);

#endif
