/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_PEER_H
#define SMEW_BUS_PEER_H

/*
 * Another node as we send to it: one channel that we dial, and the window of parcels.
 *
 *            wanted            dialled              hello
 *    IDLE ----------> DIALLING --------> GREETING ---------> OPEN
 *                      ▲   │ refused        │ lost            │ lost
 *                 due  │   ▼                ▼                 │
 *                     BACKOFF ◄───────────────────────────────┘
 *                        │ the kernel says that the process is dead
 *                        ▼
 *                      DEAD: parcels go to limbo, the peer is freed
 *
 * A lost channel says nothing about the process: only smew__directory_alive() does.  As long as
 * the node lives we dial again, with back-off and jitter, and re-send what was not completed.
 * This node itself is a peer too (`is_self`): OPEN for ever, without a channel.
 *
 * The service thread alone touches channel and watch; everything else is under the lock.
 */

#include "bus/service.h"
#include "bus/window.h"
#include "resilience/backoff.h"
#include "resilience/heartbeat.h"

enum smew__peer_event {
    SMEW__PEER_WANTED,
    SMEW__PEER_DIALLED,
    SMEW__PEER_GREETED,
    SMEW__PEER_LOST,
    SMEW__PEER_DUE,
    SMEW__PEER_BURIED,
};

enum smew__peer_state {
    SMEW__PEER_NONE, /* in the table of moves: not allowed */
    SMEW__PEER_IDLE,
    SMEW__PEER_DIALLING,
    SMEW__PEER_GREETING,
    SMEW__PEER_OPEN,
    SMEW__PEER_BACKOFF,
    SMEW__PEER_DEAD,
};

enum { SMEW__STAGED_MOST = 32 };

/* A message that was taken for the channel: what its envelope says is older than the rest. */
struct smew__staged {
    struct smew_message *message; /* counted */
    uint32_t flags;
    uint32_t waits;
    uint64_t missed;
    uint64_t position; /* of its parcel; 0: it is none */
};

struct smew__peer {
    struct smew_bus *bus;
    struct smew__node_ref ref; /* the key in bus->peers */
    char address[SMEW__ADDRESS_SIZE];
    enum smew__peer_state state;
    bool is_self;
    bool connected_once;
    bool left;             /* its slot is free: it went in order */
    bool gone;             /* dead, seen while there was no channel */
    struct smew__list due; /* in bus->peers_due */
    struct smew__timer retry;
    struct smew__backoff backoff;
    struct smew__heartbeat heart;

    struct smew__window window;
    struct smew__list lanes; /* of our threads into its memory: lane_out.h */
    struct smew__list lossy; /* published messages: struct smew__lossy in peer.c */
    uint32_t lossy_count;
    uint64_t publication;  /* the last one that was queued */
    uint64_t lossy_missed; /* dropped since the last one that was queued */

    struct smew_channel *channel;
    struct smew__watch watch;
    struct smew__staged staged[SMEW__STAGED_MOST]; /* from `staged_at` on, transmit.c */
    uint32_t staged_at;
    uint32_t staged_count;
    struct smew__buffer frame; /* encoded, not taken by the channel yet, when frame.size > 0 */
    struct smew_bytes payload; /* what belongs into the frame, in a message that is staged */
    size_t payload_at;
    bool summed; /* payload_sum is the payload's, as in message.h */
    uint32_t payload_sum;
};

/*
 * The peer for a node, made when there is none.  PEER_DEAD: the kernel says so, and the node was
 * buried.  NO_MEMORY.  With the lock held.
 */
enum smew_status smew__peer_get(struct smew_bus *bus, struct smew__node_ref ref,
                                struct smew__peer **peer);

/* Something to transmit was added.  With the lock held. */
void smew__peer_wake(struct smew__peer *peer);

/* How many parcels of a route lie in the peer's window. */
uint32_t smew__peer_parcels_of(const struct smew__peer *peer, const struct smew__route *route);

/* Queues a published message; a full queue drops it and counts.  With the lock held. */
void smew__peer_publish(struct smew__peer *peer, struct smew_message *message);

/* Dials, transmits: on whoever has the loop (loop_turn.h), without the lock. */
void smew__peer_service(struct smew__peer *peer);

/* Looks at heartbeats and expired parcels, every heartbeat_ms.  With the lock held. */
void smew__peer_look(struct smew__peer *peer, uint64_t now_ns);

/* Closes the channel for good; on the service thread, with the lock held, when the bus closes. */
void smew__peer_hang_up(struct smew__peer *peer);

/* Delivers what this node sent to itself.  With the lock held, as follow-up work. */
void smew__peer_run_self(struct smew_bus *bus);

/* Frees a peer without channel; for closing.  Its parcels become dead letters. */
void smew__peer_free(struct smew__peer *peer);

#endif
