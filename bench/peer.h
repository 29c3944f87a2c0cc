/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_PEER_H
#define SMEW_BENCH_PEER_H

/*
 * What is measured: a way of getting messages from one end to another, behind one small interface.
 *
 *   prepare ─► open_receiver ─► receive … receive ─► close      the receiver
 *         └──► open_sender ───► send … send ───────► close      each sender, when that is ready
 *
 * A message is `size` bytes that begin with its number within the lap, 0, 1, 2 …, as a 64-bit
 * integer; the receiver adds the numbers up, so that a lap that lost, repeated or tore one is no
 * sample.  For round trips `echo` and `trip` take the places of `receive` and `send`.
 *
 * prepare runs before there are two processes, so what it makes is inherited by both.  Every other
 * function runs in the process (for a peer within one process: on the thread) of its end.  Whatever
 * fails says why with bench_fail() and answers false; the sample's processes are then killed, so
 * nobody has to give anything back but what outlives a process.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smew/bus.h>

enum { BENCH_PRODUCERS_MOST = 8 };

/* Where the ends run. */
enum bench_placement {
    BENCH_PAIR, /* the receiver pinned to one core, all senders to another */
    BENCH_ONE,  /* everybody pinned to one core */
    BENCH_FREE, /* as the scheduler likes */
};

/* How an end waits for the other: by looking again and again, or asleep in the kernel. */
enum bench_wait {
    BENCH_SPIN,
    BENCH_BLOCK,
};

/* How smew's senders say what they send. */
enum bench_manner {
    BENCH_EACH,     /* smew_bus_send() */
    BENCH_PREPARED, /* smew_prepared_send() */
    BENCH_TOGETHER, /* smew_bus_send_many() */
};

struct bench_case {
    size_t size; /* bytes of a message, 8 or more */
    unsigned producers;
    enum bench_placement placement;
    enum bench_wait wait;
    bool trip;                 /* round trips; else one way */
    size_t ring_bytes;         /* for those that have a ring */
    bool in_place;             /* read where it lies, for those that can */
    enum bench_manner manner;  /* smew's */
    enum smew_waiting waiting; /* smew's */
    bool read_once; /* smew's handler reads all of a message, which is 8 bytes or a multiple of
                       them, and not only its number */
};

struct bench_peer;
struct bench_board;

/* One sample of one peer; the same for all its ends. */
struct bench_run {
    const struct bench_peer *peer;
    const struct bench_case *what;
    struct bench_board *board; /* shared by the ends and the scheduler: crew.h */
    const char *directory;     /* for sockets and the like; another run's may still be in it */
    unsigned serial;           /* differs from run to run */
    void *shared;              /* the peer's, from prepare */
};

enum {
    BENCH_CAN_STREAM = 1u << 0,  /* one way */
    BENCH_CAN_TRIP = 1u << 1,    /* round trips */
    BENCH_CAN_MANY = 1u << 2,    /* more than one producer */
    BENCH_SPINS = 1u << 3,       /* can wait by looking */
    BENCH_BLOCKS = 1u << 4,      /* can wait in the kernel */
    BENCH_ONE_PROCESS = 1u << 5, /* its ends are threads */
};

struct bench_peer {
    const char *name;
    const char *what; /* a few words for people */
    unsigned can;
    const char *scheme; /* of the bus URL; NULL when it is not smew */

    /* May say that it is not for this case (a message that its limits do not allow); or NULL. */
    bool (*fits)(const struct bench_case *what);
    bool (*prepare)(struct bench_run *run);
    bool (*open_receiver)(struct bench_run *run, void **end);
    bool (*open_sender)(struct bench_run *run, unsigned index, void **end);
    /* Sends so many, all handed over when it returns. */
    bool (*send)(struct bench_run *run, void *end, uint64_t count);
    /* Takes so many, of all senders together, and adds their numbers to *sum. */
    bool (*receive)(struct bench_run *run, void *end, uint64_t count, uint64_t *sum);
    /* One message there and back. */
    bool (*trip)(struct bench_run *run, void *end);
    /* Answers so many with the same size. */
    bool (*echo)(struct bench_run *run, void *end, uint64_t count);
    /* Gives back what would outlive the process; may be NULL. */
    void (*close)(struct bench_run *run, void *end);
};

/* Says what went wrong, once for a run, and answers false. */
__attribute__((format(printf, 2, 3))) bool bench_fail(struct bench_run *run, const char *format,
                                                      ...);
/* The same, with what the operating system says. */
bool bench_fail_errno(struct bench_run *run, const char *call);

/* A name below the run's directory that nobody used before. */
void bench_path(const struct bench_run *run, const char *name, char *path, size_t size);

/* Gives the core to somebody else for a moment, when both ends are on one; else to the other
   hyperthread. */
void bench_relax(const struct bench_run *run);

/* Memory that all ends share, zeroed, in pages of its own; NULL when there is none. */
void *bench_share(size_t size);

/* Every peer of this build, NULL at the end; and the one of a name, or NULL. */
extern const struct bench_peer *const bench_peers[];
const struct bench_peer *bench_peer_named(const char *name);

/* Has it what the case asks for? */
bool bench_peer_fits(const struct bench_peer *peer, const struct bench_case *what);

#endif
