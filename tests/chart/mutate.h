/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_CHART_MUTATE_H
#define SMEW_TESTS_CHART_MUTATE_H

/*
 * Damages a JSON text in which ' stands for ": bytes and whole tokens changed, cut, doubled, and
 * strings and numbers put in the place of others, so that often only the meaning is damaged.
 */

#include "tests/support/support.h"

/* One damage; answers the new size, at most the capacity. */
size_t mutate(struct support_random *random, char *text, size_t size, size_t capacity);

#endif
