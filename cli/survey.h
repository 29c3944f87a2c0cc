/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CLI_SURVEY_H
#define SMEW_CLI_SURVEY_H

/*
 * One look at every other node of a bus: what the directory says of it, and its answers to
 * questions that all nodes are asked at once, so that ten nodes that do not answer cost one
 * timeout.
 *
 * The survey must outlive the bus (answers may come until it is closed).
 */

#include <jansson.h>
#include <smew/bus.h>
#include <stddef.h>
#include <stdint.h>

enum { SMEW__SURVEY_NODES = 1024 };

struct smew__survey {
    struct smew_bus *bus;
    json_t *nodes;   /* objects: address, name, pid, alive, suspect, silent_ms, up_ms */
    json_t *answers; /* by event: an object of address -> reply */
    size_t pending;
};

/* Gathers the nodes, without this one.  NO_MEMORY. */
enum smew_status smew__survey_begin(struct smew__survey *survey, struct smew_bus *bus);

/* Asks each living node, at its address; `payload` (or NULL) is borrowed. */
enum smew_status smew__survey_ask(struct smew__survey *survey, const char *event,
                                  const json_t *payload, uint32_t timeout_ms);

/* Polls until every question is answered or timed out. */
void smew__survey_wait(struct smew__survey *survey);

/* A node's reply, or NULL; the survey's. */
const json_t *smew__survey_answer(const struct smew__survey *survey, const char *event,
                                  const char *address);

void smew__survey_end(struct smew__survey *survey); /* after the bus was closed */

#endif
