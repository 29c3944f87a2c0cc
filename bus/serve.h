/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SERVE_H
#define SMEW_BUS_SERVE_H

/* Requests to the node itself: their target is its address. */

#include "bus/node.h"

/* Answers, or hands on, a message to the node.  With the lock held. */
void smew__serve(struct smew_bus *bus, struct smew_message *message);
void smew__serve_fini(struct smew_bus *bus);

#endif
