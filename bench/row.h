/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_ROW_H
#define SMEW_BENCH_ROW_H

/*
 * A row of a table: what is measured against what, how good that has to be, and what came out.
 * cells.c makes the rows that goals.md names, survey.c, place.c and waits.c those that are asked
 * for on the command line; schedule.c fills in the samples, report.c prints.
 */

#include <stdbool.h>
#include <stddef.h>

#include "bench/crew.h"
#include "bench/stats.h"

enum { BENCH_ROW_NAME = 80, BENCH_SAMPLES_MOST = 64 };

enum bench_metric {
    BENCH_RATE, /* messages a second, of all producers together */
    BENCH_P50,  /* of round trips, in nanoseconds */
    BENCH_P99,
};

struct bench_side {
    const struct bench_peer *peer; /* NULL: there is none */
    struct bench_case what;
    enum bench_metric metric;
    uint64_t count; /* messages of a producer that make a sample; 0: not known yet */
};

/* How far apart the cores were, where that matters. */
enum bench_distance {
    BENCH_NEAR,
    BENCH_FAR,
    BENCH_SAME, /* one core, or nobody asked */
    BENCH_DISTANCES,
};

struct bench_taken {
    enum bench_distance distance;
    double probe_ns; /* 0 for BENCH_SAME */
    double subject;
    double opponent; /* 1 when there is none */
};

struct bench_row {
    char name[BENCH_ROW_NAME];
    struct bench_side subject;
    struct bench_side opponent; /* without a peer: the subject's figure stands for itself */
    bool one_sample;            /* the opponent is the subject's own sample, by another metric */
    double floor;               /* 0: nothing is asked */
    double goal;
    double far_floor; /* 0: as floor */
    bool lower;       /* is better */

    struct bench_taken taken[BENCH_SAMPLES_MOST];
    size_t count;
    size_t dropped; /* the distance changed meanwhile */
    size_t failed;
    char error[BENCH_ERROR_SIZE]; /* of the last that failed */
};

enum bench_verdict {
    BENCH_NOTHING, /* no sample */
    BENCH_FIGURE,  /* nothing was asked of it */
    BENCH_BELOW,   /* the floor */
    BENCH_FLOOR,
    BENCH_GOAL,
};

/* Every sample's figure at one distance, divided by the opponent's. */
struct bench_spread bench_row_ratios(const struct bench_row *row, enum bench_distance distance);
/* The figures themselves, at every distance. */
struct bench_spread bench_row_figures(const struct bench_row *row, bool of_opponent);
/* The worst over the distances that were seen, by medians. */
enum bench_verdict bench_row_verdict(const struct bench_row *row);
const char *bench_verdict_text(enum bench_verdict verdict);

/* How a peer waits that would rather wait so. */
enum bench_wait bench_wait_for(const struct bench_peer *peer, enum bench_wait wish);

#endif
