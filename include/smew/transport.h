/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TRANSPORT_H
#define SMEW_TRANSPORT_H

/*
 * Channels, and the transports that make them.
 *
 * A *channel* is a connected duplex of frames between two ends.  A *transport* is a URL scheme
 * that listens and dials.  The bus runs on whatever is in the registry; a program may add a
 * scheme of its own and every promise of the bus holds on it.
 *
 * The contract, which tests/transport/contract.c holds every scheme to:
 *  - A frame arrives whole, once, in order, or not at all; sizes 0 to frame_max.
 *  - try_send takes the whole frame (OK) or nothing (AGAIN: no room now, interest() says what
 *    to wait for).  It may buffer; flush() pushes on what it buffered.
 *  - try_receive gives the next frame (OK; the bytes live until the next call on this channel)
 *    or AGAIN.  When the other end is gone it first gives every frame that arrived, then RESET,
 *    for ever.  CORRUPT and VERSION are final too: the channel is of no further use.
 *  - interest() names an fd and the events to wait for before trying again.  Level triggered:
 *    if there is something to do, the fd is ready.  The fd never changes during a life.  After
 *    AGAIN from try_send it watches for room until try_send is called again (or the caller gives
 *    up and flushes twice).
 *  - close is called once, never blocks, frees everything; frames that the kernel or the peer's
 *    queue already has are still delivered, what only try_send buffered may be lost (flush first).
 *  - Nothing blocks, nothing waits: deadlines are the callers'.  One thread at a time per channel;
 *    different channels are independent.
 */

#include <smew/status.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SMEW_FRAME_MAX = 10 * 1024 * 1024 }; /* bytes of one frame, any transport's upper limit */

struct smew_channel;
struct smew_listener;

/* Bytes that somebody else owns. */
struct smew_bytes {
    const void *data;
    size_t size;
};

/* What to wait for before trying again; `events` is of poll(2): POLLIN, POLLOUT. */
struct smew_interest {
    int fd;
    short events;
};

/* Who is at the other end, as the kernel tells; -1 where a transport cannot know. */
struct smew_peer_credentials {
    int64_t pid;
    int64_t uid;
};

struct smew_channel_ops {
    /* Gathers `count` parts into one frame.  TOO_BIG, AGAIN, RESET, NO_MEMORY. */
    enum smew_status (*try_send)(struct smew_channel *channel, const struct smew_bytes *parts,
                                 size_t count);
    enum smew_status (*flush)(struct smew_channel *channel); /* OK, AGAIN, RESET */
    enum smew_status (*try_receive)(struct smew_channel *channel, struct smew_bytes *frame);
    struct smew_interest (*interest)(const struct smew_channel *channel);
    struct smew_peer_credentials (*credentials)(const struct smew_channel *channel);
    void (*close)(struct smew_channel *channel);
};

/* A transport's channel begins with this; what follows is its own. */
struct smew_channel {
    const struct smew_channel_ops *ops;
    uint32_t frame_max;
};

struct smew_listener_ops {
    /* The next connection, or AGAIN; NO_FDS leaves it waiting in the backlog. */
    enum smew_status (*try_accept)(struct smew_listener *listener, struct smew_channel **channel);
    struct smew_interest (*interest)(const struct smew_listener *listener);
    void (*close)(struct smew_listener *listener); /* removes what listen() put in place */
};

struct smew_listener {
    const struct smew_listener_ops *ops;
};

/*
 * Where an end is.  `place` is unique to one listener for one life: "BUS/SLOT.GENERATION";
 * `directory` is the bus's own folder (absolute, mode 0700), or NULL for a scheme of one process.
 */
struct smew_endpoint {
    const char *directory;
    const char *place;
    uint32_t frame_max; /* 0: SMEW_FRAME_MAX */
};

enum smew_transport_flags {
    SMEW_TRANSPORT_IN_PROCESS = 1u << 0, /* serves nodes of one process: no files, flat records */
    SMEW_TRANSPORT_LANES = 1u << 1,      /* shares memory; built in, a program cannot add one */
};

struct smew_transport_ops {
    const char *scheme; /* "pipe"; lower case letters, digits and '-', at most 15 */
    uint32_t flags;
    /* EXISTS where somebody alive listens, PATH_TOO_LONG, NO_FDS, PERMISSION, IO. */
    enum smew_status (*listen)(const struct smew_endpoint *endpoint,
                               struct smew_listener **listener, struct smew_error *error);
    /* Never waits for the other side.  NOT_FOUND or RESET where nobody listens, AGAIN when the
       backlog is full, NO_FDS, PATH_TOO_LONG, IO. */
    enum smew_status (*dial)(const struct smew_endpoint *endpoint, struct smew_channel **channel,
                             struct smew_error *error);
};

/*
 * Adds a scheme.  `ops` must live as long as the process; every member must be set (INVALID
 * names the one that is not).  EXISTS for a scheme that is there.  Any thread.
 */
SMEW_API SMEW_MUST_USE enum smew_status
smew_transport_register(const struct smew_transport_ops *ops, struct smew_error *error);

/*
 * The ops of a scheme, or NULL.  Any thread.  Built in are `inproc` (one process), `pipe` (Unix
 * sockets), `shm` (shared memory that a hostile peer can neither take away nor forge) and, with the
 * build option SMEW_SHM_POSIX, `shm-posix`: shm_open and named semaphores, which trust their peers;
 * one that cuts the memory off, or punches holes into it while /dev/shm is full, kills this process
 * with SIGBUS.  What a crash leaves of its names in /dev/shm goes when the next one listens.
 */
SMEW_API const struct smew_transport_ops *smew_transport_find(const char *scheme);

/* ---- channels with deadlines, for programs ------------------------------------------- */

/* Two connected channels over a socketpair: the shortest way to hold one in hand.  Any thread. */
SMEW_API SMEW_MUST_USE enum smew_status smew_channel_pair(struct smew_channel *ends[2],
                                                          struct smew_error *error);

/*
 * A channel in shared memory that another process finds by its name (1 to 64 of A-Z a-z 0-9 . _ -,
 * not beginning with a dot): one side creates, the other attaches, both in the same runtime
 * directory, and each can send 256 KiB before the other reads.  Any thread.
 *
 * create: a channel at once; until somebody attaches, sending and receiving wait.  The name is
 * there until somebody has attached and this side has noticed, with its next call, or until it
 * closes: a channel has two ends.  INVALID, EXISTS, NO_MEMORY, NO_FDS, PATH_TOO_LONG, PERMISSION.
 * attach: NOT_FOUND where there is nothing, and otherwise as create.
 */
SMEW_API SMEW_MUST_USE enum smew_status
smew_channel_create(const char *name, struct smew_channel **channel, struct smew_error *error);
SMEW_API SMEW_MUST_USE enum smew_status
smew_channel_attach(const char *name, struct smew_channel **channel, struct smew_error *error);

/* Sends one frame, waiting for room: OK, TIMEOUT (nothing sent), TOO_BIG, RESET. */
SMEW_API SMEW_MUST_USE enum smew_status
smew_channel_send(struct smew_channel *channel, const void *data, size_t size, uint32_t timeout_ms);

/* The next frame; its bytes live until the next call on this channel.  TIMEOUT, RESET, CORRUPT. */
SMEW_API SMEW_MUST_USE enum smew_status
smew_channel_receive(struct smew_channel *channel, struct smew_bytes *frame, uint32_t timeout_ms);

/* Pushes on what send buffered, waiting up to the timeout. */
SMEW_API SMEW_MUST_USE enum smew_status smew_channel_flush(struct smew_channel *channel,
                                                           uint32_t timeout_ms);

/* NULL is fine. */
SMEW_API void smew_channel_close(struct smew_channel *channel);

/* Nanoseconds on the monotonic clock.  Any thread. */
SMEW_API uint64_t smew_now_ns(void);

#ifdef __cplusplus
}
#endif
#endif
