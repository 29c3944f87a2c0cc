/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_TRANSPORT_SHM_END_H
#define SMEW_BUS_TRANSPORT_SHM_END_H

/*
 * An end of an shm connection: a channel whose frames lie in shared memory.
 *
 *       this end                                          the other
 *     try_send ──► out ═══════ lane, made by the other ═══════► in ──► try_receive
 *     try_receive ◄── in ◄═══════ lane, made by this end ═══════ out ◄── try_send
 *         │                                                              │
 *         └──────────────── one seqpacket socket: fds, bells, death ─────┘
 *
 * Each end makes the lane that it receives on, before there is a connection, and passes its fds in
 * its HELLO; the fds are closed then, so a connection costs each side one.  A design with an
 * eventfd for each lane's doorbell and an epoll over them would cost four; the socket is needed
 * anyway (a process that dies says so there), and a datagram rings as well as an eventfd.
 *
 * Which file does what:
 *     end.c      life of an end, and what it waits for
 *     post.c     datagrams: what is said, what is heard
 *     send.c     frames out
 *     receive.c  frames in
 *     lanes.c    lanes for the bus (lanes.h)
 *     memfd.c    where the memory of `shm` comes from
 *     posix.c    where that of `shm-posix` comes from
 *     named.c    channels by name
 *     shm.c      the scheme
 *
 * Waiting.  `in` is armed from the start, and again when a bell was heard; the other end rings once
 * for that, after its next commit, and the bell stays unread in the socket until try_receive has
 * nothing again.  So the fd is readable as long as there may be a frame, without a system call a
 * frame.  Who wants room watches the lane that it sends in; the consumer rings when it gives room
 * back.  What is ready otherwise (room there while something is wished for, or a bell that was
 * taken while something else was looked for in the socket) is said by waiting for POLLOUT, which a
 * socket whose queue is short always is.
 *
 * One thread at a time, but for smew__channel_ring().
 */

#include <smew/transport.h>

#include "base/os/frozen.h"
#include "base/sync/flag.h"
#include "bus/shm/reader.h"
#include "bus/shm/writer.h"
#include "bus/transport/shm/lanes.h"
#include "bus/transport/shm/wire.h"

enum {
    SMEW__SHM_RING_BYTES = 256 * 1024, /* of a channel's lane */
    SMEW__SHM_WINDOW = 1024,           /* frames in it */
    SMEW__SHM_LARGE_MAX = 4,           /* large frames on their way, in one direction */
    SMEW__SHM_ASKS_MAX = 64,           /* lanes asked for and not answered, in one direction */
};

/* What a refused try_send waits for. */
enum smew__shm_wish {
    SMEW__SHM_NOTHING,
    SMEW__SHM_LANE,   /* the other's HELLO */
    SMEW__SHM_ROOM,   /* in the lane */
    SMEW__SHM_SOCKET, /* room in the socket */
};

struct smew__shm_end;

/*
 * Where an end's memory comes from, and what it does with a bell: the difference between `shm` and
 * `shm-posix`.
 */
struct smew__shm_kind {
    enum smew__shm_type hello;
    /* Makes in_memory, before there is a connection.  NO_MEMORY, NO_FDS, NO_SPACE, IO. */
    enum smew_status (*make)(struct smew__shm_end *end, const struct smew__lane_spec *spec);
    /* Fills in what HELLO says of it; answers how many of the fds go with it. */
    size_t (*present)(const struct smew__shm_end *end, struct smew__shm_datagram *hello,
                      int fds[2]);
    void (*presented)(struct smew__shm_end *end); /* it went out */
    /* Maps out_memory, which that HELLO presents; takes over the fds.  RESET: it is gone. */
    enum smew_status (*open)(struct smew__shm_end *end, const struct smew__shm_datagram *hello,
                             const int *fds);
    /* As in base/os/frozen.h. */
    enum smew_status (*freeze)(const struct smew_bytes *parts, size_t count, size_t size, int *fd);
    enum smew_status (*thaw)(int fd, size_t size, struct smew__frozen *frozen);
    void (*wake)(const struct smew__shm_end *end); /* beside each bell */
    /* Waits for a wake, or for a moment; UNSUPPORTED: the fd is all there is to wait for. */
    enum smew_status (*wait)(const struct smew__shm_end *end, uint64_t deadline_ns);
    void (*fini)(struct smew__shm_end *end); /* of a half-made one too; the lanes are unmapped */
};

extern const struct smew__shm_kind smew__shm_memfd;

struct smew__shm_answer {
    uint64_t lane;
    enum smew_status status;
    int fds[3]; /* when it is OK: ring, cursors, and the pool's or -1 */
};

struct smew__shm_end {
    struct smew_channel channel;
    uint64_t token; /* of the process that may use it */
    const struct smew__shm_kind *kind;
    void *own; /* the kind's */
    int fd;
    struct smew_peer_credentials credentials;

    /* The socket. */
    struct smew__flag
        greeted;    /* our HELLO has gone out; smew__channel_ring() looks, on any thread */
    bool heard;     /* the other's HELLO has come */
    bool owes_bell; /* one that could not be sent */
    bool gone;      /* the other end is closed, and everything that it said was heard */

    /* Sending.  `out` begins with the other's HELLO, its writer with the first frame. */
    enum smew_status sending; /* OK, or RESET for ever */
    struct smew__lane_memory out_memory;
    struct smew__lane_writer out;
    bool writing;   /* `out` is there */
    bool committed; /* something was, since the consumer's sleep was last looked at */
    enum smew__shm_wish wish;
    bool flushed;                                /* once, since the wish came true */
    uint64_t wished;                             /* the frame's size that found no room */
    bool wished_large;                           /* it was a large one */
    uint64_t large_sent;                         /* how many there were */
    uint64_t large_records[SMEW__SHM_LARGE_MAX]; /* the last ones' numbers in the lane, by turns */

    /* Receiving. */
    enum smew_status receiving; /* OK, or what it answers for ever */
    struct smew__lane_memory in_memory;
    struct smew__lane_reader in;
    bool reading; /* `in` is there */
    bool early;   /* nothing of the lane was read yet: FRAMEs may come */
    bool held;    /* the frame of `datagram` is the next one */
    bool ended;   /* the lane has come to its end */
    bool settled; /* its memory can be touched */
    bool rung;    /* a bell was taken from the socket, and `in` is to be armed anew */
    bool taken;   /* `record` is the next one, and not complete */
    struct smew__lane_record record;
    uint64_t quiet_bytes; /* of records that are complete, and the other does not know */
    uint64_t quiet_count;
    uint8_t *copy; /* where frames are copied to */
    uint64_t copy_size;
    struct smew__frozen large; /* the frame that was given last */
    uint64_t large_read;
    uint64_t large_heard;
    int large_fds[SMEW__SHM_LARGE_MAX]; /* those heard and not read, by turns */
    size_t frame_size;                  /* of the FRAME in `datagram` */
    uint8_t datagram[SMEW__SHM_DATAGRAM_MAX];

    /* Lanes for the bus. */
    bool gives_lanes;
    bool has_bus;                                        /* somebody looks after lanes */
    struct smew__shm_datagram asked[SMEW__SHM_ASKS_MAX]; /* by the other; a ring */
    size_t asked_first;
    size_t asked_count;
    struct smew__lane_ask asks[SMEW__SHM_ASKS_MAX]; /* by this end, in no order */
    size_t ask_count;
    struct smew__shm_answer answers[SMEW__SHM_ASKS_MAX]; /* a ring */
    size_t answer_first;
    size_t answer_count;
};

extern const struct smew_channel_ops smew__shm_ops;

static inline struct smew__shm_end *smew__shm_end_of(struct smew_channel *channel)
{
    return (struct smew__shm_end *)(void *)channel;
}

bool smew__shm_ours(const struct smew__shm_end *end); /* false in a forked child */

/*
 * In two steps, as local.h says.  The lane to receive on is made first.  NO_MEMORY, NO_FDS,
 * NO_SPACE, IO.
 */
enum smew_status smew__shm_end_create(const struct smew__shm_kind *kind, uint32_t frame_max,
                                      struct smew_channel **channel);
/*
 * Takes over the socket and says HELLO.  PERMISSION: another user's process is at the other end.
 * That the other end is gone already is no failure: what it said is still to be received.
 */
enum smew_status smew__shm_end_start(struct smew_channel *channel, int fd);

/* ---- end.c ---- */

/* Nothing more will come: it stopped, or the other end is gone. */
bool smew__shm_is_over(const struct smew__shm_end *end);

/* Final: what was received stays what it was, and nothing is sent any more. */
void smew__shm_stop(struct smew__shm_end *end, enum smew_status status);
void smew__shm_stop_sending(struct smew__shm_end *end);

/* ---- post.c ---- */

/* Sends a datagram: OK, AGAIN, RESET (sending has ended), NO_FDS, NO_MEMORY, IO. */
enum smew_status smew__shm_say(struct smew__shm_end *end, const struct smew__shm_datagram *datagram,
                               const int *fds, size_t fd_count);
/* Rings, now or with the next smew__shm_settle(). */
void smew__shm_bell(struct smew__shm_end *end);
/* Rings once, on any thread, and keeps nothing in mind. */
void smew__shm_ring_out(const struct smew__shm_end *end);
/* What should have been said and could not be: OK when nothing is left of it; AGAIN, RESET. */
enum smew_status smew__shm_settle(struct smew__shm_end *end);
bool smew__shm_owes(const struct smew__shm_end *end);

/*
 * Hears what has come, and a bounded number of datagrams at most.  AGAIN: all of it; OK: there may
 * be more, or a FRAME is held that has to be received first; NO_FDS, NO_MEMORY: try again later;
 * else final, and the end is stopped.
 */
enum smew_status smew__shm_hear(struct smew__shm_end *end);
/* The same, but no further than the other's HELLO. */
enum smew_status smew__shm_hear_hello(struct smew__shm_end *end);
/*
 * The same, but no further than a bell, which stays.  No FRAME is behind one: who rings has heard
 * a HELLO, and has a lane.
 */
enum smew_status smew__shm_hear_early(struct smew__shm_end *end);
/* Takes the bells that are next in the socket; were there any? */
bool smew__shm_hear_bells(struct smew__shm_end *end);

/* ---- send.c ---- */

enum smew_status smew__shm_try_send(struct smew_channel *channel, const struct smew_bytes *parts,
                                    size_t count);
enum smew_status smew__shm_flush(struct smew_channel *channel);
/* Is there what a refused try_send waits for, as far as memory tells? */
bool smew__shm_wish_fulfilled(const struct smew__shm_end *end);

/* ---- receive.c ---- */

/*
 * Before a sender sleeps: bells that were for room, or for frames that were received, are taken
 * away, or they would keep it awake.
 */
void smew__shm_calm(struct smew__shm_end *end);
enum smew_status smew__shm_try_receive(struct smew_channel *channel, struct smew_bytes *frame);
void smew__shm_receive_fini(struct smew__shm_end *end);

/* ---- lanes.c ---- */

/* What was heard: OK, or CORRUPT.  The fds are taken over. */
enum smew_status smew__shm_heard_ask(struct smew__shm_end *end,
                                     const struct smew__shm_datagram *datagram);
enum smew_status smew__shm_heard_answer(struct smew__shm_end *end,
                                        const struct smew__shm_datagram *datagram, const int *fds);
void smew__shm_lanes_fini(struct smew__shm_end *end);

#endif
