/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_RESTORE_H
#define SMEW_CHART_RESTORE_H

/*
 * Reading snapshots, shared by its two files: restore.c goes through the document and the family,
 * restore_parts.c reads a machine's states, events and targets.
 *
 * Every function that can fail answers false, and then `status` and `error` say why; the first
 * refusal counts.
 */

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"
#include "base/table.h"
#include "chart/machine.h"

struct smew__restore {
    struct smew_machine *root;
    uint64_t serials;            /* no child's is larger */
    struct smew__table children; /* of the whole family, by their serials */
    enum smew_status status;
    struct smew_error *error;
};

/* Always false. */
bool smew__restore_refuse(struct smew__restore *restore, const char *format, ...) SMEW_PRINTF(2, 3);
bool smew__restore_no_memory(struct smew__restore *restore);

/* A whole number from 0 to `most`. */
bool smew__restore_number(struct smew__restore *restore, const json_t *json, const char *what,
                          uint64_t most, uint64_t *number);
bool smew__restore_text(struct smew__restore *restore, const json_t *json, const char *what,
                        const char **text);
/* Life, states, line, history, context, failure. */
bool smew__restore_states(struct smew__restore *restore, struct smew_machine *machine,
                          const json_t *json);
/* An event as a message of the machine's own, which keeps the texts of `origin` too. */
bool smew__restore_event(struct smew__restore *restore, const struct smew_machine *machine,
                         const json_t *json, struct smew__origin origin,
                         struct smew__message **message);
bool smew__restore_life(struct smew__restore *restore, const json_t *json, uint8_t *life);

#endif
