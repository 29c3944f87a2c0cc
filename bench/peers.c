/* SPDX-License-Identifier: MIT */
/* Which peers this build has: those of other people only where their packages were found. */
#include <string.h>

#include "bench/peer.h"

extern const struct bench_peer bench_smew_pipe;
extern const struct bench_peer bench_smew_shm;
extern const struct bench_peer bench_smew_inproc;
extern const struct bench_peer bench_ref_ring;
extern const struct bench_peer bench_ping_pong;
extern const struct bench_peer bench_futex;
extern const struct bench_peer bench_unix_each;
extern const struct bench_peer bench_unix_batch;
extern const struct bench_peer bench_unix_batch_crc;
extern const struct bench_peer bench_seqpacket;
extern const struct bench_peer bench_pipe;
extern const struct bench_peer bench_mq;
extern const struct bench_peer bench_zmq_ipc;
extern const struct bench_peer bench_zmq_inproc;
extern const struct bench_peer bench_nng_ipc;

const struct bench_peer *const bench_peers[] = {
    &bench_smew_shm,
    &bench_smew_pipe,
    &bench_smew_inproc,
    &bench_ref_ring,
    &bench_ping_pong,
    &bench_futex,
    &bench_unix_each,
    &bench_unix_batch,
    &bench_unix_batch_crc,
    &bench_seqpacket,
    &bench_pipe,
    &bench_mq,
#ifdef BENCH_HAVE_ZMQ
    &bench_zmq_ipc,
    &bench_zmq_inproc,
#endif
#ifdef BENCH_HAVE_NNG
    &bench_nng_ipc,
#endif
    NULL,
};

const struct bench_peer *bench_peer_named(const char *name)
{
    for (const struct bench_peer *const *peer = bench_peers; *peer != NULL; peer++)
        if (strcmp((*peer)->name, name) == 0)
            return *peer;
    return NULL;
}

bool bench_peer_fits(const struct bench_peer *peer, const struct bench_case *what)
{
    unsigned needs = what->trip ? BENCH_CAN_TRIP : BENCH_CAN_STREAM;

    needs |= what->producers > 1 ? BENCH_CAN_MANY : 0;
    needs |= what->wait == BENCH_SPIN ? BENCH_SPINS : BENCH_BLOCKS;
    return (peer->can & needs) == needs && (peer->fits == NULL || peer->fits(what));
}
