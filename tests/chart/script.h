/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_CHART_SCRIPT_H
#define SMEW_TESTS_CHART_SCRIPT_H

/*
 * What the conformance cases' runner registers: actions that keep a log for each machine, guards
 * that look at the context and the event, one callback for each other name that a case uses, and
 * services that are settled by the case's script only.
 */

#include <jansson.h>

#include <smew/chart.h>

struct script {
    json_t *log;     /* of the root since the last look: [mark, event type] */
    json_t *logs;    /* of children, by their ids */
    json_t *emitted; /* by the root since the last look */
    json_t *pending; /* services that have started: [id, token] */
    struct script_part *parts;
};

/* Loads a case's chart and, first, the charts of its actors.  One case at a time. */
enum smew_status script_load(struct script *script, json_t *it, struct smew_chart **chart,
                             struct smew_error *error);
void script_fini(struct script *script); /* also after a load that failed */

/* For the machine's host, whose user and owner must be the script. */
void script_emit(struct smew_machine *machine, const struct smew_event *event, void *owner);

/* Forgets what was logged and emitted so far. */
void script_clear(struct script *script);

/* The script settles a service; nothing happens when none of that id is waiting. */
enum smew_status script_settle(struct script *script, struct smew_machine *machine, const char *id,
                               bool ok, json_t *value, uint64_t now_ns);

#endif
