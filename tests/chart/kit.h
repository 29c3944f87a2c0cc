/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_CHART_KIT_H
#define SMEW_TESTS_CHART_KIT_H

/*
 * What the tests of the engine share: a behaviour with a few names, a host that keeps a log, and
 * scenarios, which are a chart and a list of steps with what must be seen after each.
 *
 * Actions: "mark"{id} writes its id, "note" writes the event's type and payload, "add"{key,by}
 * adds to the context.  Guards: "yes", "no", "at"{key,value}.  Delays: "soon" (10 ms), "late"
 * (1000 ms).  Sends to other machines are logged as `target<event payload`, and refused with
 * NO_MACHINE when the target is "nobody"; logged texts as `"text"`, emitted events as `!event`.
 */

#include "tests/support/support.h"

#include <smew/chart.h>

struct kit_log {
    char text[4096]; /* blanks between entries */
};

const struct smew_behavior *kit_behavior(void);
struct smew_machine_host kit_host(struct kit_log *log);
void kit_write(struct kit_log *log, const char *format, ...) SMEW_PRINTF(2, 3);

/* Loads with the kit's behaviour, in which ' stands for "; fails the test with the sentence. */
struct smew_chart *kit_load(const char *text);
/* … with another one. */
struct smew_chart *kit_load_with(const char *text, const struct smew_behavior *behavior);
/* A started machine with the id "self". */
struct smew_machine *kit_start(const char *text, struct kit_log *log);
/* The same of a chart that is loaded already, and let go of here. */
struct smew_machine *kit_begin(struct smew_chart *chart, struct kit_log *log);
/* What was logged since the last time. */
void kit_expect_log(struct kit_log *log, const char *text);
void kit_stop(struct smew_machine *machine); /* the chart too */

/* Sends an event with a JSON payload or NULL, at the time 0. */
enum smew_status kit_send(struct smew_machine *machine, const char *type, const char *payload,
                          struct smew_step *step);

struct kit_step {
    const char *what;  /* "EVENT", "+MS" to let time pass; NULL ends the list */
    const char *state; /* smew_machine_state(); NULL: not looked at */
    const char *log;   /* since the step before; NULL: not looked at */
};

struct kit_scenario {
    const char *name;
    const char *chart;
    struct kit_step steps[12]; /* the first one's `what` is "": after the start */
};

/* Runs all of them; a failure names scenario and step. */
void kit_run(const struct kit_scenario *scenarios, size_t count);
/* One of them with a chart that is loaded already, and let go of here. */
void kit_run_loaded(const struct kit_scenario *scenario, struct smew_chart *chart);

/* Loads SCXML with ecmascript, with kit_behavior(); skips the test where there is no engine. */
struct smew_chart *kit_load_scripted(const char *text);

#endif
