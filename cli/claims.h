/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CLI_CLAIMS_H
#define SMEW_CLI_CLAIMS_H

/* Questions to the directory that several verbs put into their sentences. */

#include <smew/bus.h>

#include "cli/exit.h"

struct smew__command;

enum {
    SMEW__HOLDER_SIZE = 256,
    SMEW__TAKEOVER_MS = 900, /* how long a request waits for a standby, which needs less */
};

/*
 * Who hosts exactly this id or pattern: "@0.1 (smew run, pid 4711)", or "another node" when it
 * has gone meanwhile.
 */
void smew__claim_holder(struct smew_bus *bus, const char *id, char text[SMEW__HOLDER_SIZE]);

/* Refuses because nobody hosts the id: with the nearest id or pattern, or how to host one. */
enum smew__exit smew__complain_unknown(const struct smew__command *command, struct smew_bus *bus,
                                       const char *id);

/* Refuses because a machine's request answered `status`: the sentence that status needs. */
enum smew__exit smew__complain_request(const struct smew__command *command, struct smew_bus *bus,
                                       const char *id, enum smew_status status, uint64_t waited_ms);

#endif
