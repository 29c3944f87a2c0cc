/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_CHART_SIDE_H
#define SMEW_BENCH_CHART_SIDE_H

/*
 * The two sides of a chart's row.  What they share is the text of the chart, whose only action is
 * "count", and the name of the event.  One thread uses a side.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bench/crew.h"

struct bench_chart_case {
    const char *chart; /* XState JSON */
    const char *event;
    unsigned actions; /* that each event runs */
};

struct bench_lap {
    uint64_t ns;
    uint64_t actions;
};

/* ---- smew ---------------------------------------------------------------------------- */

enum bench_way {
    BENCH_ENGINE,       /* smew_machine_send(), on the calling thread */
    BENCH_MAILBOX_ONE,  /* smew_bus_send() to an orchestrator's machine, all threads on one core */
    BENCH_MAILBOX_FREE, /* the same, on whatever cores there are */
};

struct bench_engine;

/* NULL: the sentence is in `error`. */
struct bench_engine *bench_engine_open(const struct bench_chart_case *what, enum bench_way way,
                                       int core, char error[BENCH_ERROR_SIZE]);
void bench_engine_close(struct bench_engine *engine); /* NULL is fine */

/* Runs that many events to completion.  False: the sentence is in `error`. */
bool bench_engine_lap(struct bench_engine *engine, uint64_t events, struct bench_lap *lap,
                      char error[BENCH_ERROR_SIZE]);

/* What a started machine of the chart takes of the C library's heap, in bytes; 0: no memory, or
 * another allocator (a sanitizer's). */
double bench_engine_bytes(const struct bench_chart_case *what);

/* ---- XState -------------------------------------------------------------------------- */

struct bench_xstate;

/*
 * Starts node on that core (-1: on any) with the xstate of the folder.  NULL: there is no node, no
 * xstate, or it does not want the chart; the sentence is in `error`.
 */
struct bench_xstate *bench_xstate_open(const struct bench_chart_case *what, const char *folder,
                                       int core, char error[BENCH_ERROR_SIZE]);
void bench_xstate_close(struct bench_xstate *xstate); /* waits for its end; NULL is fine */
const char *bench_xstate_version(const struct bench_xstate *xstate);

/* After `warm_ms` of events that nobody counts.  False: the sentence is in `error`. */
bool bench_xstate_lap(struct bench_xstate *xstate, uint64_t events, unsigned warm_ms,
                      struct bench_lap *lap, char error[BENCH_ERROR_SIZE]);

/* The same of an actor on the collector's heap; 0: it did not say. */
double bench_xstate_bytes(struct bench_xstate *xstate);

#endif
