/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BENCH_CREW_H
#define SMEW_BENCH_CREW_H

/*
 * Takes one sample: a receiver and its senders, each in a process of its own (or on a thread, for
 * peers within one process), pinned as the case says.  First a lap that nobody counts, then the one
 * that is measured, from the first sender's start until the receiver has the last message.
 *
 *   this process ── root ─┬─ receiver   pins itself, opens, takes lap 0, takes lap 1, stamps
 *                         ├─ sender 0   waits for the receiver, opens; lap 0; waits for its
 * receipt; └─ sender 1   lap 1 …
 *
 * The root is the leader of a process group, killed as a whole when the deadline has passed or
 * an end failed; it dies with this process.
 */

#include <stdalign.h>
#include <stdatomic.h>

#include "bench/peer.h"

enum { BENCH_ERROR_SIZE = 200, BENCH_LINE = 128 };

/* What a sample says. */
struct bench_result {
    double rate;   /* messages a second, all producers together */
    double p50_ns; /* of a round trip */
    double p99_ns;
    double seconds; /* that the measured lap took */
};

/* Shared by everybody who takes part; each word that somebody waits for has lines of its own. */
struct bench_board {
    alignas(BENCH_LINE) _Atomic unsigned receivers; /* that are open: 1 */
    alignas(BENCH_LINE) _Atomic unsigned senders;   /* that are open */
    alignas(BENCH_LINE) _Atomic unsigned laps;      /* whose last message arrived */
    alignas(BENCH_LINE) _Atomic unsigned done;      /* senders that have all they wait for */
    alignas(BENCH_LINE) _Atomic uint64_t ended_ns;
    _Atomic uint64_t started_ns[BENCH_PRODUCERS_MOST];
    struct bench_result trips;
    alignas(BENCH_LINE) atomic_bool failed;
    char error[BENCH_ERROR_SIZE];
};

/* Two cores that we may run on, in first[0] and first[1]; false when there is one only. */
bool bench_two_cores(int cores[2]);
/* Only this core, or with -1 every one that we may run on; for this thread and its children. */
bool bench_pin(int core);

/* Samples `count` messages of each producer.  False with a sentence in `error`. */
bool bench_sample(const struct bench_peer *peer, const struct bench_case *what, uint64_t count,
                  const char *directory, struct bench_result *result, char error[BENCH_ERROR_SIZE]);

#endif
