/* SPDX-License-Identifier: MIT */
#ifndef SMEW_ORCHESTRATOR_REPORT_H
#define SMEW_ORCHESTRATOR_REPORT_H

/*
 * What a machine says about itself, as JSON: the reply to an event, the published transition, the
 * inspection, a line of a list.  <smew/orchestrator.h> documents the forms.
 */

#include <smew/bus.h>

#include "orchestrator/actor.h"

enum { SMEW__REPORT_STATE_SIZE = 256 };

/* A state's text; a longer one is cut and ends in "…". */
struct smew__report_state {
    char text[SMEW__REPORT_STATE_SIZE];
};

void smew__report_state(const struct smew__actor *actor, struct smew__report_state *state);
void smew__report_reply(struct smew__buffer *json, const struct smew__actor *actor,
                        const struct smew__report_state *old, const struct smew_step *step,
                        uint64_t time_ns);
void smew__report_transition(struct smew__buffer *json, const struct smew__actor *actor,
                             const char *event, const struct smew__report_state *old,
                             const struct smew_step *step, uint64_t time_ns);
void smew__report_inspect(struct smew__buffer *json, const struct smew__actor *actor,
                          uint64_t now_ns);
void smew__report_brief(struct smew__buffer *json, const struct smew__actor *actor);

/* Answers a request with what was written; a failure is logged. */
enum smew_status smew__report_send(struct smew_bus *bus, const struct smew_message *request,
                                   const struct smew__buffer *json);

#endif
