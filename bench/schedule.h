/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_SCHEDULE_H
#define SMEW_BENCH_SCHEDULE_H

/*
 * When what is sampled.  A round gives every row one pair of samples, of its subject and its
 * opponent right after each other, in turns the one or the other first; so whatever the computer
 * does for a minute happens to every row and to both sides of it.
 *
 *   probe, subject, probe, opponent, probe          next round: opponent first
 *
 * When the three probes do not agree the cores were moved apart or together meanwhile: the pair is
 * dropped, and taken again up to twice.
 */

#include "bench/row.h"

struct bench_plan {
    unsigned rounds;
    unsigned sample_ms;      /* about how long a sample should last */
    uint64_t count;          /* messages of each producer instead; 0: find out */
    const char *directory;   /* for sockets and the bus */
    const atomic_bool *stop; /* set when somebody does not want to wait any more */
    bool progress;           /* on stderr */
    bool no_probe;           /* takes every pair, whatever the distance: for tests */
};

void bench_schedule(const struct bench_plan *plan, struct bench_row *rows, size_t count);

#endif
