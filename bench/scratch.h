/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_SCRATCH_H
#define SMEW_BENCH_SCRATCH_H

/* A directory for this run's sockets, below /tmp, whose path is short enough for sockets. */

#include <stdbool.h>

enum { BENCH_SCRATCH_SIZE = 64 };

bool bench_scratch_make(char path[BENCH_SCRATCH_SIZE]);
/* With what the samples left in it. */
void bench_scratch_remove(const char *path);

#endif
