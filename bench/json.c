/* SPDX-License-Identifier: MIT */
/* One document, indented. */
#include "bench/json.h"

bool bench_json_print(json_t *report, FILE *out)
{
    bool fine = report != NULL &&
                json_dumpf(report, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0 &&
                fputc('\n', out) != EOF && fflush(out) == 0;

    json_decref(report);
    return fine;
}
