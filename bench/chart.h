/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_CHART_H
#define SMEW_BENCH_CHART_H

/*
 * The chart engine and the orchestrator's mailbox against XState: the same charts, the same events,
 * samples in turns on one core.  Not a table of peers: no message leaves the process, so all but a
 * plan's rounds, length, count and stop is unused.
 *
 *   chart.c         rows, samples in turns, what is printed
 *   chart_smew.c    smew's side: an engine's machine, or one behind a mailbox
 *   chart_xstate.c  XState's side: a node process for each row, which runs xstate.cjs
 */

#include "bench/schedule.h"

struct bench_chart_what {
    const char *only;   /* rows with this text in their names; NULL: all */
    const char *xstate; /* the folder whose node_modules has xstate; NULL: smew's side alone */
    bool list;          /* the names and no sample */
    bool json;
};

/* Samples and prints.  The program's exit code: 2 when there is no such row, 1 when stopped or when
 * the two sides did not do the same. */
int bench_chart(const struct bench_plan *plan, const struct bench_chart_what *what);

#endif
