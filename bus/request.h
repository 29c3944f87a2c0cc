/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_REQUEST_H
#define SMEW_BUS_REQUEST_H

/*
 * Requests that wait for their replies, found by correlation.  Each ends exactly once: by its
 * reply, by its message's failure, by its deadline, or by close.  With the node's lock held.
 */

#include "bus/node.h"

/* A reply came in; one whose request is over is counted as late. */
void smew__request_answer(struct smew_bus *bus, const struct smew__envelope *reply);

/* The request's message came to an end without being handled. */
void smew__request_fail(struct smew_bus *bus, uint64_t correlation, enum smew_status status);

/* Ends all of them with CLOSED; how many. */
size_t smew__request_close_all(struct smew_bus *bus);

/* As smew_bus_reply(), with the lock held. */
enum smew_status smew__reply(struct smew_bus *bus, struct smew_message *request,
                             const void *payload, size_t size_bytes, enum smew_content content);

#endif
