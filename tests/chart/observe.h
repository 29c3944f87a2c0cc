/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_CHART_OBSERVE_H
#define SMEW_TESTS_CHART_OBSERVE_H

/* A machine as a conformance case looks at it, and the first difference to what it expects. */

#include <jansson.h>
#include <stdbool.h>

#include <smew/chart.h>

#include "tests/chart/script.h"

/* `definition` is the case's machine, for the event types that `can` asks for. */
json_t *observe(struct smew_machine *machine, json_t *definition, const struct script *script);

/* True when every member of `expected` is as observed; otherwise `where` names the first. */
bool observe_matches(json_t *expected, json_t *observed, const char **where);

#endif
