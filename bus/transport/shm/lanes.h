/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_TRANSPORT_SHM_LANES_H
#define SMEW_BUS_TRANSPORT_SHM_LANES_H

/*
 * What a channel of a scheme with SMEW_TRANSPORT_LANES does beside frames: it hands out lanes, and
 * rings.  The end that dialled asks; the end that accepted makes a lane (it is the consumer) and
 * gives it.  Asking, giving and looking are done where the channel's frames are (one thread at a
 * time); only ringing may be done by any thread, while the channel is open.
 *
 *     dialled                              accepted
 *     ask ------------ ASK ---------------> next_ask
 *     take_grant <---- GRANT + fds -------- give          or DENY + status ---- deny
 *     ring ----------- BELL --------------> interest() is ready: look at the lanes
 *
 * A bell has no meaning but "look"; the consumer's armed words (bus/shm/reader.h) make sure that
 * there is at most one for each of its sleeps.
 */

#include <smew/transport.h>

#include "bus/shm/pool.h"

/* Of this channel's scheme; everything below is for such channels only. */
bool smew__channel_has_lanes(const struct smew_channel *channel);

/* The memory that this end made for frames, in bytes; 0 for a channel of another scheme. */
uint64_t smew__channel_shared_bytes(const struct smew_channel *channel);

struct smew__lane_ask {
    uint64_t lane; /* a number of the asking side, never used again on this channel */
    uint32_t ring_bytes;
    uint32_t window;
    uint64_t after;      /* a lane that is read to its end before this one is begun; 0: none */
    uint32_t pool_bytes; /* 0: without a pool */
};

struct smew__lane_grant {
    uint64_t lane;
    enum smew_status status; /* OK, or why it was denied: LIMIT (quota), NO_MEMORY, NO_FDS … */
    struct smew__lane_memory memory; /* mapped, the caller's; when the status is OK */
    struct smew__pool_memory pool;   /* too, if it was asked for */
};

/* OK, AGAIN (the socket is full: try when interest() says so), RESET. */
enum smew_status smew__channel_ask(struct smew_channel *channel, const struct smew__lane_ask *ask);
/*
 * The next answer, or AGAIN; CORRUPT for a grant that is not what was asked for, and NO_MEMORY for
 * one that cannot be mapped, so that nothing could be said in it: both end the connection.
 */
enum smew_status smew__channel_take_grant(struct smew_channel *channel,
                                          struct smew__lane_grant *grant);
/* A lane that nobody wants any more: its end is said, so that its giver takes it back. */
void smew__channel_return(struct smew_channel *channel, struct smew__lane_grant *grant);

/*
 * The next question of the other side, or AGAIN.  It stays the next one until it was answered, so
 * that an answer which found no room is not the last word.  At most 64 wait; more is CORRUPT.
 */
enum smew_status smew__channel_next_ask(struct smew_channel *channel, struct smew__lane_ask *ask);
/*
 * Answers the next question.  OK, AGAIN (the socket is full), RESET, NO_FDS; INVALID: it is not
 * that one.  Giving passes the fds of a lane, and of its pool if it was asked for; theirs stay open
 * until smew__lane_memory_settle() and smew__pool_memory_settle(), before anything is read.
 */
enum smew_status smew__channel_give(struct smew_channel *channel, const struct smew__lane_ask *ask,
                                    struct smew__lane_memory *memory,
                                    const struct smew__pool_memory *pool /* or NULL */);
enum smew_status smew__channel_deny(struct smew_channel *channel, const struct smew__lane_ask *ask,
                                    enum smew_status status);

/* Any thread.  Never waits; a full socket has a bell in it already. */
void smew__channel_ring(struct smew_channel *channel);

#endif
