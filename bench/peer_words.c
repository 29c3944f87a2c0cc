/* SPDX-License-Identifier: MIT */
/*
 * The two barest round trips, without any message: a word that is looked at again and again, each
 * way on lines of its own (what the cores' distance allows), and a word that is slept on with a
 * futex (what a wake costs).  They say what nobody can be faster than.
 */
#include <linux/futex.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/crew.h"
#include "bench/peer.h"

struct words {
    alignas(BENCH_LINE) _Atomic uint32_t there;
    alignas(BENCH_LINE) _Atomic uint32_t back;
};

/* An end knows how far it came. */
struct end {
    struct words *words;
    uint32_t trips;
};

static bool prepare(struct bench_run *run)
{
    run->shared = bench_share(sizeof(struct words));
    return run->shared != NULL || bench_fail_errno(run, "mmap");
}

static bool open_end(struct bench_run *run, void **end)
{
    struct end *opened = bench_share(sizeof(*opened));

    if (opened == NULL)
        return bench_fail_errno(run, "mmap");
    opened->words = run->shared;
    *end = opened;
    return true;
}

static bool open_sender(struct bench_run *run, unsigned index, void **end)
{
    (void)index;
    return open_end(run, end);
}

/* ---- looking ---- */

static void look_for(const _Atomic uint32_t *word, uint32_t value)
{
    while (atomic_load_explicit(word, memory_order_acquire) != value)
        bench_pause();
}

static bool ping_pong_trip(struct bench_run *run, void *end)
{
    struct end *mine = end;

    (void)run;
    atomic_store_explicit(&mine->words->there, ++mine->trips, memory_order_release);
    look_for(&mine->words->back, mine->trips);
    return true;
}

static bool ping_pong_echo(struct bench_run *run, void *end, uint64_t count)
{
    struct end *mine = end;

    (void)run;
    for (uint64_t i = 0; i < count; i++) {
        look_for(&mine->words->there, ++mine->trips);
        atomic_store_explicit(&mine->words->back, mine->trips, memory_order_release);
    }
    return true;
}

const struct bench_peer bench_ping_pong = {
    .name = "ping-pong",
    .what = "a word in shared memory, both sides looking: no message",
    .can = BENCH_CAN_TRIP | BENCH_SPINS,
    .prepare = prepare,
    .open_receiver = open_end,
    .open_sender = open_sender,
    .trip = ping_pong_trip,
    .echo = ping_pong_echo,
};

/* ---- sleeping ---- */

static void sleep_until(_Atomic uint32_t *word, uint32_t value)
{
    uint32_t seen;

    while ((seen = atomic_load_explicit(word, memory_order_acquire)) != value)
        (void)syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static void tell(_Atomic uint32_t *word, uint32_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
    (void)syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static bool futex_trip(struct bench_run *run, void *end)
{
    struct end *mine = end;

    (void)run;
    tell(&mine->words->there, ++mine->trips);
    sleep_until(&mine->words->back, mine->trips);
    return true;
}

static bool futex_echo(struct bench_run *run, void *end, uint64_t count)
{
    struct end *mine = end;

    (void)run;
    for (uint64_t i = 0; i < count; i++) {
        sleep_until(&mine->words->there, ++mine->trips);
        tell(&mine->words->back, mine->trips);
    }
    return true;
}

const struct bench_peer bench_futex = {
    .name = "futex",
    .what = "a word in shared memory and a futex, both sides sleeping: no message",
    .can = BENCH_CAN_TRIP | BENCH_BLOCKS,
    .prepare = prepare,
    .open_receiver = open_end,
    .open_sender = open_sender,
    .trip = futex_trip,
    .echo = futex_echo,
};
