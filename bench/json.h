/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_JSON_H
#define SMEW_BENCH_JSON_H

/* How a table's document is written, whatever is in it. */

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* Writes it, with a line's end, and frees it.  False: it is NULL, for want of memory, or `out`
 * failed. */
bool bench_json_print(json_t *report, FILE *out);

#endif
