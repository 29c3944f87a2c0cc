/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_SYNC_H
#define SMEW_BENCH_SYNC_H

/*
 * The primitives of base/sync/ against what the C library has, with one thread and with two.  Not
 * a table of peers: no message is sent, so all but a plan's rounds, length, count and stop is
 * unused.
 */

#include "bench/schedule.h"

struct bench_sync_what {
    const char *only; /* rows with this text in their names; NULL: all */
    bool list;        /* the names and no sample */
    bool json;
};

/* Samples and prints.  The program's exit code: 2 when there is no such row, 1 when stopped. */
int bench_sync(const struct bench_plan *plan, const struct bench_sync_what *what);

#endif
