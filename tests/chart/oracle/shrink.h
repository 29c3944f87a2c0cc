/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_CHART_ORACLE_SHRINK_H
#define SMEW_TESTS_CHART_ORACLE_SHRINK_H

/* Takes out of a failing sketch and its script whatever can go while it still fails. */

#include "tests/chart/oracle/compare.h"

/* All three are replaced; the difference is then that of the smaller ones. */
void shrink(struct sketch *sketch, struct sketch_script *script, bool restoring,
            struct difference *difference);

#endif
