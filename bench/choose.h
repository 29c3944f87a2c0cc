/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_CHOOSE_H
#define SMEW_BENCH_CHOOSE_H

/*
 * Which rows of a fixed table the command line means, for tables whose rows have nothing else in
 * common: sync.c and chart.c.
 */

#include <stdbool.h>
#include <stddef.h>

struct bench_choice {
    const char *table; /* as the command line calls it: "sync" */
    const char *only;  /* rows with this text in their names; NULL: all */
    bool list;         /* the names and no sample */
};

/*
 * The numbers of the rows that are meant go into `chosen`, which has room for all of them.  True:
 * they are to be sampled.  Otherwise `code` is the program's exit code: 2 and a sentence when no
 * row is meant, 0 when their names were printed.
 */
bool bench_choose(const struct bench_choice *choice, const char *(*name_of)(size_t row),
                  size_t rows, size_t *chosen, size_t *count, int *code);

#endif
