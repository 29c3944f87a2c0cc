/* SPDX-License-Identifier: MIT */

/*
 * tests_chart_oracle [RUNS [FIRST SEED]]: the engine against an interpreter of its own.
 *
 * A run is a random chart (JSON and SCXML in turns) and a random script, first as it is, then with
 * a snapshot and a restore after every step.  Each seed gives the same run everywhere; charts whose
 * start is beyond the interpreter's bounds are passed over and not counted.
 *
 * At the first difference it prints the seed, and the chart, the script and the difference made as
 * small as it can, and answers 1.
 */

#include "tests/chart/oracle/compare.h"
#include "tests/chart/oracle/shrink.h"

#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 4000, WRONG = 2 };

static int print_failure(uint64_t seed, const struct sketch *sketch,
                         const struct sketch_script *script, bool restoring,
                         const struct difference *difference)
{
    printf("seed %llu%s, step %d: %s\n", (unsigned long long)seed,
           restoring ? ", with a restore after each step" : "", difference->step, difference->what);
    printf("script:");
    for (int i = 0; i < script->count; i++)
        if (script->steps[i].event)
            printf(" %s", script->steps[i].event);
        else
            printf(" +%dms", script->steps[i].advance_ms);
    printf("\n%s", compare_text(sketch)->bytes);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct sketch sketch;
    uint64_t wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : RUNS;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    uint64_t lives[ORACLE_BEYOND + 1] = {0};
    uint64_t steps = 0;

    if (wanted == 0 || argc > 3) {
        (void)fprintf(stderr, "usage: tests_chart_oracle [RUNS [FIRST SEED]]\n");
        return WRONG;
    }
    for (uint64_t runs = 0; runs < wanted; seed++) {
        struct sketch_random random = {seed};
        struct sketch_script script;
        struct difference difference;
        enum oracle_life life;

        sketch_make(&sketch, seed % 2 ? SKETCH_JSON : SKETCH_SCXML, &random);
        life = compare_make_script(&sketch, &random, &script);
        lives[life]++;
        if (life == ORACLE_BEYOND)
            continue;
        for (int restoring = 0; restoring < 2; restoring++)
            if (!compare(&sketch, &script, restoring, &difference)) {
                shrink(&sketch, &script, restoring, &difference);
                return print_failure(seed, &sketch, &script, restoring, &difference);
            }
        steps += (uint64_t)script.count;
        runs++;
    }
    printf("%llu runs agree, with %llu steps; %llu came to their end, %llu to their limit; "
           "%llu charts were passed over\n",
           (unsigned long long)wanted, (unsigned long long)steps,
           (unsigned long long)lives[ORACLE_DONE], (unsigned long long)lives[ORACLE_FAILED],
           (unsigned long long)lives[ORACLE_BEYOND]);
    return EXIT_SUCCESS;
}
