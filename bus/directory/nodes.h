/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_DIRECTORY_NODES_H
#define SMEW_BUS_DIRECTORY_NODES_H

/* Taking and giving back a node slot; the rest of nodes.c is in directory.h. */

#include "bus/directory/core.h"

/* Takes the first free slot, reaps it and begins the announcement.  LIMIT, and as open. */
enum smew_status smew__node_take(struct smew__directory *directory,
                                 const struct smew__directory_options *options,
                                 const struct smew__process *process, struct smew_error *error);
/* Gives back all that the node has on the board. */
void smew__node_give(struct smew__directory *directory);

#endif
