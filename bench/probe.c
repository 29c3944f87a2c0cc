/* SPDX-License-Identifier: MIT */
/*
 * The probe: chunks of round trips of which the median is taken, so that a core that is taken away
 * for a while spoils one chunk.  The word that goes and the word that comes back have cache lines
 * of their own.
 */
#include "bench/probe.h"

#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/crew.h"
#include "bench/stats.h"

enum {
    CHUNKS = 31,
    TRIPS = 256,        /* a chunk */
    GIVE_UP_MS = 1000,  /* the other core is busy with something else */
    NEAR_BELOW_NS = 220 /* neighbours in one cache are at 110 or so, others at 250 and above */
};

struct words {
    alignas(BENCH_LINE) _Atomic uint64_t there;
    alignas(BENCH_LINE) _Atomic uint64_t back;
};

static void answer(struct words *words)
{
    for (uint64_t i = 1; i <= CHUNKS * TRIPS; i++) {
        while (atomic_load_explicit(&words->there, memory_order_acquire) != i)
            bench_pause();
        atomic_store_explicit(&words->back, i, memory_order_release);
    }
}

static double ask(struct words *words)
{
    const uint64_t deadline_ns = bench_now_ns() + GIVE_UP_MS * UINT64_C(1000000);
    double chunks[CHUNKS];
    uint64_t i = 0;

    for (int chunk = 0; chunk < CHUNKS; chunk++) {
        const uint64_t begun_ns = bench_now_ns();

        if (begun_ns > deadline_ns)
            return 0;
        for (int trip = 0; trip < TRIPS; trip++) {
            atomic_store_explicit(&words->there, ++i, memory_order_release);
            while (atomic_load_explicit(&words->back, memory_order_acquire) != i)
                bench_pause();
        }
        chunks[chunk] = (double)(bench_now_ns() - begun_ns) / TRIPS;
    }
    return bench_spread(chunks, CHUNKS).median;
}

double bench_probe_ns(void)
{
    struct words *words;
    int cores[2];
    double ns = 0;
    pid_t other;

    if (!bench_two_cores(cores))
        return 0;
    words = bench_share(sizeof(*words));
    if (words == NULL)
        return 0;
    other = fork();
    if (other == 0) {
        if (bench_pin(cores[1]))
            answer(words);
        _exit(0);
    }
    if (other > 0) {
        if (bench_pin(cores[0]))
            ns = ask(words);
        (void)bench_pin(-1);
        (void)kill(other, SIGKILL);
        (void)waitpid(other, NULL, 0);
    }
    (void)munmap(words, sizeof(*words));
    return ns;
}

bool bench_probe_same(double a_ns, double b_ns)
{
    return a_ns < b_ns * 1.3 && b_ns < a_ns * 1.3;
}

bool bench_probe_near(double ns)
{
    return ns < NEAR_BELOW_NS;
}
