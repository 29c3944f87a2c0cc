/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_LETTER_H
#define SMEW_BUS_LETTER_H

/*
 * Dead letters and notices on their way to the program's hooks.  What a program never polls for is
 * bounded: beyond LETTERS_MOST the oldest is dropped after a log line, and stays counted.
 * With the node's lock held.
 */

#include "bus/node.h"

void smew__letter_post(struct smew_bus *bus, struct smew_message *message, enum smew_status reason);
/* A message that was QUEUED was accepted. */
void smew__letter_accepted(struct smew_bus *bus, struct smew_message *message);
void smew__notice_post(struct smew_bus *bus, enum smew_notice_type type, const char *node,
                       const char *machine, const char *text);

#endif
