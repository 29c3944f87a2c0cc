/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_DIRECTORY_CORE_H
#define SMEW_BUS_DIRECTORY_CORE_H

/* A node's handle on its directory, as the sources of this folder see it. */

#include "base/sync/flag.h"
#include "bus/directory/storage.h"

enum {
    SMEW__KEY_MAX = 255,
    SMEW__ENTRY_UNITS_MAX = (8 + SMEW__KEY_MAX + SMEW__ENTRY_UNIT - 1) / SMEW__ENTRY_UNIT,
};

/* The owner's side of its announcement: where the next entry goes.  See names.h. */
struct smew__names {
    uint32_t used;                            /* units behind which all is unused */
    uint32_t blocks;                          /* that exist */
    uint32_t free[SMEW__ENTRY_UNITS_MAX + 1]; /* by length: first free entry + 1, or 0 */
};

/* Who this node is: what its slot on the board says, and what it says again when it was damaged. */
struct smew__identity {
    struct smew__process process;
    uint64_t incarnation;
    uint64_t joined_ns;
    uint64_t name[SMEW__NAME_WORDS];
};

struct smew__directory {
    struct smew__storage *storage;
    struct smew__board *board;
    struct smew__node_ref self;
    struct smew__identity identity;
    struct smew__flag damage_told;
    struct smew__names names;
    uint64_t cells; /* that we hold, at most: close has nothing to sweep when there are none */
};

#endif
