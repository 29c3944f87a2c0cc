/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_CHART_ORACLE_COMPARE_H
#define SMEW_TESTS_CHART_ORACLE_COMPARE_H

/* A sketch and a script, run by the engine and by the interpreter, and the first difference. */

#include "tests/chart/oracle/interpreter.h"

struct difference {
    int step; /* 0: after the start; SKETCH_NONE: at the load */
    char what[1024];
};

/*
 * A random script whose every step can be compared, favouring events that do something.  Answers
 * the machine's life at its end; BEYOND when not even the start can be compared.
 */
enum oracle_life compare_make_script(const struct sketch *sketch, struct sketch_random *random,
                                     struct sketch_script *script);

/*
 * Loads what the sketch is printed as, runs it and compares after each step: active states,
 * history, life, counter, which events could do something, when the next timer is due, and the log
 * of actions.  With `restoring` the machine is replaced after each step by one that was restored
 * from its snapshot, and compared once more.  True when nothing differs.  A difference that is a
 * matter of the interpreter's bounds (ORACLE_BEYOND) is none.
 */
bool compare(const struct sketch *sketch, const struct sketch_script *script, bool restoring,
             struct difference *difference);

/* The text that the engine is given, terminated; static, until the next call. */
const struct sketch_text *compare_text(const struct sketch *sketch);

#endif
