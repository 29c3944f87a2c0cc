/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_CHART_FUZZ_LOAD_H
#define SMEW_TESTS_CHART_FUZZ_LOAD_H

/*
 * Fuzzes a loader of charts and the engine behind it: whatever loads is started, sent every event
 * that it names and a few more, and let run for a while.  Names that the chart makes up pass.
 */

#include <stddef.h>
#include <stdint.h>

#include <smew/chart.h>

typedef enum smew_status (*fuzz_loader)(const char *text, size_t size, const char *name,
                                        const struct smew_behavior *behavior,
                                        struct smew_chart **chart, struct smew_error *error);

int fuzz_load(fuzz_loader load, const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
