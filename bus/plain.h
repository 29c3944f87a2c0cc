/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_PLAIN_H
#define SMEW_BUS_PLAIN_H

/*
 * Plain messages: an event for one machine that needs nothing of a record's extension but the time,
 * the content type and maybe a source, on a lane whose receiver knows both names' numbers.  That is
 * nearly every message of a busy thread.  It goes out in one stretch, without the steps that serve
 * all the others (direct.h): the trail is the one of the last send or found by its name, the
 * record's layout is fixed, its time is the kernel's coarse clock.
 *
 * Whatever is not as usual (no such trail, a name that is new to the receiver, a full lane, a
 * machine that moved, any option) is left to them, with nothing done.
 */

#include <stdbool.h>
#include <stddef.h>

#include <smew/bus.h>

struct smew__producer;
struct smew__trail;

/* Sends it, if it is one: then it is accepted.  False: nothing was done.  Any thread, no lock. */
bool smew__plain_send(struct smew_bus *bus, const struct smew_outgoing *message,
                      const struct smew_send_options *options);
/* The same for many, up to the first that is none: how many were accepted. */
size_t smew__plain_send_many(struct smew_bus *bus, const struct smew_outgoing *messages,
                             size_t count, const struct smew_send_options *options);

/* May messages with these options be plain? */
bool smew__plain_may(const struct smew_bus *bus, const struct smew_send_options *options);
/*
 * May a message for a target be plain now?  Then *trail says where it goes and how its names are
 * said (named_for, target_name, event_name).  With the producer's lock held.
 */
bool smew__plain_find(struct smew__producer *producer, const char *target, const char *event,
                      struct smew__trail **trail);

#endif
