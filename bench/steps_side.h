/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_STEPS_SIDE_H
#define SMEW_BENCH_STEPS_SIDE_H

/*
 * What the three parts of a row of steps.c share:
 *
 *   this process (steps_trace.c) ─┬─ the stepped program   stands still between its instructions
 *                                 └─ the other side        runs as it likes
 *
 * The stepped program says in `mark` which message it works on; whoever steps it looks there after
 * each instruction, so that a mark costs a store and no trap.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/crew.h"

enum bench_steps_way {
    BENCH_STEPS_SEND,     /* smew_bus_send(), everything said each time */
    BENCH_STEPS_PREPARED, /* smew_prepared_send() */
    BENCH_STEPS_MANY,     /* smew_bus_send_many(), BENCH_STEPS_TOGETHER with one call */
    BENCH_STEPS_DELIVERY, /* from one handler to the next, records ahead of the poller */
    BENCH_STEPS_TRIP,     /* a send, and polling until the answer's handler has run */
};

enum { BENCH_STEPS_TOGETHER = 64 };

/* In memory that all three share, zero at first. */
struct bench_steps_board {
    _Atomic uint64_t mark;  /* what is counted now, from 1 on; 0: nothing */
    _Atomic uint64_t needs; /* the stepped program stands until `done` is as much */
    _Atomic uint64_t done;  /* messages that the other side took, answered or sent */
    atomic_bool failed;     /* `error` holds a sentence */
    char error[BENCH_ERROR_SIZE];
};

struct bench_steps_what {
    enum bench_steps_way way;
    size_t size;           /* bytes of a message */
    unsigned groups;       /* how often the stepped program stands and is stepped */
    unsigned group;        /* calls (delivery: messages) that are counted each time */
    const char *directory; /* for the bus */
    struct bench_steps_board *board;
};

/* ---- steps_smew.c: each is what a fresh process does, and ends it only when it failed ---- */

/*
 * Warms up; then for each group sends or takes a burst, stops itself with SIGSTOP, and marks what
 * is to be counted.  Waits to be killed at the end.
 */
_Noreturn void bench_steps_stepped(const struct bench_steps_what *what);

/* Receives, sends or answers until it is killed. */
_Noreturn void bench_steps_other(const struct bench_steps_what *what);

/* ---- steps_trace.c ------------------------------------------------------------------------ */

/* May this process step a child of its own?  False with a sentence in `error`. */
bool bench_steps_possible(char error[BENCH_ERROR_SIZE]);

/*
 * Runs both sides; counts[] (groups * group) gets the instructions of each call, as far as *count.
 * False with a sentence in `error` when one of them failed, when it took too long, or once *stop
 * is set.  Neither side outlives the call.  One thread at a time, without other children.
 */
bool bench_steps_count(const struct bench_steps_what *what, const atomic_bool *stop, double *counts,
                       size_t *count, char error[BENCH_ERROR_SIZE]);

#endif
