/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_STEPS_H
#define SMEW_BENCH_STEPS_H

/*
 * How many instructions smew's side executes for a message over shared memory, counted one by one:
 * figures that do not depend on what else the computer does.  A program is stepped with ptrace,
 * the other side of its bus is a process of its own.  Not a table of peers: of a plan only count
 * (messages a row) and stop are used.
 *
 *   steps.c         rows, what is printed
 *   steps_smew.c    both sides, as programs of the public API
 *   steps_trace.c   starts them, steps the one, counts
 */

#include "bench/schedule.h"

enum { BENCH_STEPS_SIZE_MOST = 16 * 1024 };

struct bench_steps_options {
    const char *only; /* rows with this text in their names; NULL: all */
    size_t size;      /* bytes of a message, BENCH_STEPS_SIZE_MOST at most; 0: 64 */
    bool list;        /* the names and no sample */
    bool json;
};

/*
 * Counts and prints, on Linux on x86-64 and arm64.  The program's exit code: 2 when there is no
 * such row or size; 1 when stopped, when a row could not be counted, or, with a sentence and
 * without a table, where a program cannot be stepped at all.
 */
int bench_steps(const struct bench_plan *plan, const struct bench_steps_options *options);

#endif
