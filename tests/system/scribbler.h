/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_SYSTEM_SCRIBBLER_H
#define SMEW_TESTS_SYSTEM_SCRIBBLER_H

/*
 * What a hostile member does to a bus's directory: garbage, zeros, single bits, words of another
 * place, and cells and life words as a liar would make them, anywhere on the board and in anybody's
 * announcement.
 */

#include <stdatomic.h>

#include "tests/support/support.h"

/*
 * Scribbles over the files in a bus's folder, counting, for as long as there is a board.  Until
 * *merciless what leads to the machine "m", hosted by the node in the first slot, is spared.
 */
void scribble_on(const char *path, const atomic_bool *merciless, _Atomic uint64_t *scribbles,
                 struct support_random random);

#endif
