/* SPDX-License-Identifier: MIT */

#include "bench/choose.h"

#include <stdio.h>
#include <string.h>

enum { NO_ROW = 2 };

bool bench_choose(const struct bench_choice *choice, const char *(*name_of)(size_t row),
                  size_t rows, size_t *chosen, size_t *count, int *code)
{
    *count = 0;
    for (size_t row = 0; row < rows; row++)
        if (choice->only == NULL || strstr(name_of(row), choice->only) != NULL)
            chosen[(*count)++] = row;
    if (*count == 0) {
        (void)fprintf(stderr, "smew-bench: there is no such row: see %s --list\n", choice->table);
        *code = NO_ROW;
        return false;
    }
    for (size_t i = 0; choice->list && i < *count; i++)
        (void)puts(name_of(chosen[i]));
    *code = 0;
    return !choice->list;
}
