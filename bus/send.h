/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_SEND_H
#define SMEW_BUS_SEND_H

/* Sending, for smew_bus_send() and the requests. */

#include "bus/behind.h"
#include "bus/node.h"

struct smew__route;

/* What is to be sent. */
struct smew__post {
    enum smew_kind kind;
    const char *target;
    const char *event;
    const void *payload;
    size_t payload_size;
    uint64_t correlation;
    uint32_t timeout_ms;               /* for room, and for the level */
    uint64_t deadline_ns;              /* the same; 0: counted from when it has to wait */
    struct smew__timer *request_timer; /* started on acceptance, or NULL */
};

/* A public call's options, whatever their age, and its timeout.  FORKED, INVALID. */
enum smew_status smew__send_prepare(struct smew_bus *bus, const struct smew_send_options *options,
                                    struct smew_send_options *own, struct smew__post *post);

/* Without the lock, from any thread.  Statuses of smew_bus_send(). */
enum smew_status smew__send(struct smew_bus *bus, const struct smew__post *post,
                            const struct smew_send_options *options);

/*
 * The steps of it.  Whether it can be sent at all, but for headers: INVALID, TOO_BIG.
 */
enum smew_status smew__send_check(const struct smew_bus *bus, const struct smew__post *post,
                                  const struct smew_send_options *options);
/*
 * What is sent, checked; the envelope points to what the caller gave, and to
 * `headers` (SMEW_HEADERS_MAX of them).  INVALID, TOO_BIG, LIMIT.
 */
enum smew_status smew__send_envelope(struct smew_bus *bus, const struct smew__post *post,
                                     const struct smew_send_options *options,
                                     struct smew__envelope_header *headers,
                                     struct smew__envelope *envelope);
/* May the calling thread send it straight into a lane? */
bool smew__send_is_direct(struct smew_bus *bus, const struct smew__post *post,
                          const struct smew_send_options *options);
/* It does not: what is in lanes comes first; smew__speaker_arrived() follows. */
struct smew__route *smew__send_leave(struct smew_bus *bus, const char *target,
                                     const struct smew_send_options *options,
                                     struct smew__behind *behind);
/* The common way for a message, whose reference it takes: not before *behind is clear. */
enum smew_status smew__send_message(struct smew_bus *bus, const struct smew__post *post,
                                    const struct smew_send_options *options,
                                    struct smew_message *message, struct smew__behind *behind);

/* Does it rather keep the message than wait for room? */
bool smew__send_keeps(const struct smew_send_options *options);

/* Gives an envelope of this node its id and time. */
void smew__send_stamp(const struct smew_bus *bus, struct smew__envelope *envelope);

/* Would a thread that waits for this target's handler wait for itself? */
bool smew__send_would_deadlock(struct smew_bus *bus, const char *target);

/* "@3.17" → 3, 17; false for anything else. */
bool smew__address_parse(const char *text, struct smew__node_ref *ref);

/* Nodes of this process, for the question above. */
void smew__sibling_add(struct smew_bus *bus);
void smew__sibling_remove(struct smew_bus *bus);
/* Calls `visit` with the node's lock held, if it is still open.  With no lock held. */
void smew__sibling_visit(struct smew_bus *bus, uint64_t incarnation,
                         void (*visit)(struct smew_bus *bus, void *argument), void *argument);

#endif
