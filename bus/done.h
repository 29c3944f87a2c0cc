/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_DONE_H
#define SMEW_BUS_DONE_H

/*
 * What a sink's owner is done with, and the senders were not told of yet.
 *
 * Completing a message takes the node's lock, which the senders need too.  Where a node sends to
 * its own machines nobody may care yet: so these completions gather here, and are done together.
 * That is never late for anybody, for whoever cares looks here first:
 *
 *     event bus ──put──► done ──► completed, by
 *                                  · whoever put, when somebody waits, or it is the MOST-th
 *                                  · whoever is about to wait for anything that changes
 *                                  · whoever finds no room, or asks what is in flight
 *                                  · the event bus, before it sleeps or does something else
 *
 * so that a handler that takes long holds nothing back that was done before it.
 *
 * "Somebody waits" is a bit under the list's own lock: who is about to wait sets it and takes what
 * is there, who puts appends and looks at it.  So one of the two sees the other.
 */

#include "bus/node.h"

void smew__done_init(struct smew_bus *bus);

/*
 * Completes what is there.  False: there was nothing, or it is somebody else's turn by now.  With
 * the node's lock held.
 */
bool smew__done_take(struct smew_bus *bus);

/*
 * The same for who waits from now on, with or without a thread: until the next completion what is
 * done is told at once.  With the node's lock held.
 */
bool smew__done_want(struct smew_bus *bus);

#endif
