/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_HANDLER_H
#define SMEW_BUS_HANDLER_H

/*
 * Being inside a handler: the thread knows for which node and which message, so that its sends go
 * to the outbox and nothing in it waits.
 */

#include "bus/message.h"
#include "bus/window.h"

struct smew__producer;

struct smew__handler_context {
    struct smew_bus *bus;           /* NULL: not inside a handler */
    struct smew_message *message;   /* what it handles; NULL: a timer or a callback */
    struct smew_message *cause;     /* its delivery; NULL: none, or it is run where it was read */
    bool sunk;                      /* of a sink: what it cannot send becomes a dead letter */
    struct smew__list sends;        /* parcels for this node's outbox, committed on leaving */
    struct smew__producer *speaker; /* has records that are committed on leaving; or NULL */
};

extern _Thread_local struct smew__handler_context smew__handling;

/* The calling thread's context, or NULL outside of handlers. */
static inline struct smew__handler_context *smew__handler_current(void)
{
    return smew__handling.bus ? &smew__handling : NULL;
}

/* Runs the handler of a queued delivery; a smew__due's run.  The caller settles the message. */
void smew__handler_run(struct smew_bus *bus, struct smew__due *due);

/* Marks the thread as inside a handler; leave commits its sends.  Without the lock. */
void smew__handler_enter(struct smew_bus *bus, struct smew_message *message);
/* Makes sure that a message has a delivery, which something may wait for.  False: no memory. */
bool smew__handler_keep(struct smew__handler_context *handler);
void smew__handler_leave(struct smew_bus *bus);

/*
 * The same in line, for who handles messages one after the other that are no deliveries yet
 * (lane_run.h).  prepare gives the thread's context; leave leaves it as it was prepared.
 */
struct smew__handler_context *smew__handler_prepare(void);

static inline void smew__handler_enter_run(struct smew__handler_context *context,
                                           struct smew_bus *bus, struct smew_message *message)
{
    context->bus = bus;
    context->message = message;
}

static inline void smew__handler_leave_run(struct smew__handler_context *context,
                                           struct smew_bus *bus)
{
    /* Whatever its handler did that leaves something to do leaves one of these. */
    if (context->bus != bus || context->cause || context->speaker ||
        !smew__list_empty(&context->sends)) {
        smew__handler_leave(bus);
        (void)smew__handler_prepare();
    }
    context->bus = NULL;
    context->message = NULL;
}

#endif
