/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_INBOUND_H
#define SMEW_BUS_INBOUND_H

/*
 * A channel that another node dialled to us: its HELLO is checked, its envelopes are counted and
 * admitted, and their completions go back as ACKs.
 *
 *    GREETING --hello--> OPEN --lost, refused--> CLOSED (freed when its watch is)
 *
 * Completions may come in any order.  `done` marks the positions beyond `completed`; an ACK
 * carries the completed prefix, and one by one what is complete beyond it or did not end OK.
 *
 * An ACK costs a system call here and wakes the service thread there.  So on sockets, where
 * ack_delay_ms says so, what nobody waits for is told late: with the next that is urgent, when
 * ack_batch are complete, when more than half of the sender's window is out, or after the delay.
 * Urgent is a message whose sender
 * waits for a level, a large one (the window has a limit in bytes, too), and one that does not end
 * OK: until it is told to be complete everything is told at once.
 *
 * The service thread alone touches channel and watch, with `reading` held (lane_turn.h), since a
 * poller may read the lanes; the rest is under the node's lock.
 */

#include "bus/sender.h"
#include "bus/service.h"

struct smew__inbound {
    struct smew_bus *bus;
    struct smew__list link; /* bus->inbounds */
    struct smew__list due;  /* bus->inbounds_due */
    struct smew_channel *channel;
    struct smew__watch watch;
    struct smew__sender *sender; /* NULL until its HELLO, and when it dialled anew */
    struct smew__buffer out;     /* encoded, not taken by the channel yet */
    bool closing;
    bool abandoned; /* to be closed: there was no memory to keep its order */
    bool refusing;  /* close once `out` is sent */
    bool telling;   /* an ACK was taken and is not with the kernel yet */

    uint64_t received;
    uint64_t received_told;
    uint64_t completed;
    uint64_t completed_told;
    uint8_t *done; /* by position, a ring */
    uint32_t mask;
    struct smew__ack_result *results;
    size_t result_count;
    uint32_t window;          /* of its HELLO */
    uint64_t urgent;          /* the last position that is not told late */
    uint64_t awaited;         /* and the last that is told whatever else there is */
    struct smew__timer delay; /* runs while something is told late */
    bool late;                /* it has run: what there is is told now */
};

/* Takes over an accepted channel.  On the service thread. */
void smew__inbound_open(struct smew_bus *bus, struct smew_channel *channel);

/* The envelope at a position is complete.  With the lock held. */
void smew__inbound_complete(struct smew__inbound *inbound, uint64_t position,
                            enum smew_status status);

/* The same for any status: NO_MACHINE refuses too what follows for the target. */
void smew__inbound_answer(struct smew__inbound *inbound, uint64_t position,
                          struct smew__text target, enum smew_status status);

/* Serves its lanes, and acknowledges.  On the service thread, without the lock. */
void smew__inbound_service(struct smew__inbound *inbound);

/* A bell may be lost with who should have rung it: lanes are looked at now and then.  Locked. */
void smew__inbounds_look(struct smew_bus *bus);

/* What could be told late is told now.  With the lock held. */
void smew__inbounds_tell(struct smew_bus *bus);

/* Does everybody know what we completed?  For closing the bus, with the lock held. */
bool smew__inbound_all_told(const struct smew_bus *bus);

/* For closing the bus: acknowledges, flushes, closes.  On the service thread. */
void smew__inbound_close_all(struct smew_bus *bus);

#endif
