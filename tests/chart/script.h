/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_CHART_SCRIPT_H
#define SMEW_TESTS_CHART_SCRIPT_H

/*
 * What the conformance cases' runner registers: actions that keep a log, guards that look at the
 * context and the event, and one callback for each other name that a case uses.
 */

#include <jansson.h>

#include <smew/chart.h>

/* The log that the actions write: an array of [mark, event type].  The case's own. */
struct script {
    json_t *log;
    struct smew_behavior behavior;
};

/* Prepares for a case; `delay_table` maps names to milliseconds.  One case at a time. */
void script_init(struct script *script, const json_t *machine, const json_t *delay_table);
void script_fini(struct script *script);

#endif
