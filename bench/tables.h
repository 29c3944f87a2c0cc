/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_TABLES_H
#define SMEW_BENCH_TABLES_H

/* The tables: what smew has to reach, what every peer does, and what reading in place brings. */

#include "bench/row.h"

/* What a table's rows are chosen by; all but the flags NULL or 0 when it was not said. */
struct bench_filter {
    const char *only;   /* part of a row's name */
    const char *scheme; /* of smew's side */
    const char *peer;
    size_t size;
    unsigned producers;
    bool placed; /* by `placement` */
    enum bench_placement placement;
    bool waits; /* by `wait` */
    enum bench_wait wait;
    bool trips_only;
};

/* Each answers how many rows they made, in memory that the caller frees; 0 also without memory. */
size_t bench_cells(const struct bench_filter *filter, struct bench_row **rows);
size_t bench_survey(const struct bench_filter *filter, struct bench_row **rows);
size_t bench_waits(const struct bench_filter *filter, struct bench_row **rows);
size_t bench_place(const struct bench_filter *filter, struct bench_row **rows);

enum { BENCH_SIZE_TEXT = 32 };

/* "64 B", "10 MiB". */
const char *bench_size_text(size_t size, char text[BENCH_SIZE_TEXT]);
const char *bench_placement_text(enum bench_placement placement);

#endif
