/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_SYNC_SPIN_H
#define SMEW_BASE_SYNC_SPIN_H

/*
 * Waiting that looks again and again for a while before it sleeps, where that pays.
 *
 * A thread that sleeps is woken for microseconds, one that looks sees within nanoseconds; but where
 * another thread needs this processor, looking keeps it from doing what is waited for.  So a wait
 * looks for up to SMEW__SPIN_MOST_NS, which halves with each wait that had to sleep after all, down
 * to nothing, and is there again with one that had not.  Once in SMEW__SPIN_TRY waits it is tried
 * anew; after each try in vain it takes twice as many waits, up to SMEW__SPIN_TRIES times.  How
 * many processors there are is not asked: a pinned thread may wait for one that runs elsewhere.
 * (After the adaptive mutex of glibc, and of Solaris before it.)
 *
 * Or the program has said what to do: never to sleep, whose wait its caller ends, or never to look.
 *
 * For one thread at a time; no lock, no memory.  Zeros are one that has to find out.
 */

#include <stdbool.h>
#include <stdint.h>

enum {
    SMEW__SPIN_MOST_NS = 50000, /* about what a sleep and a wake cost both sides */
    SMEW__SPIN_LEAST_NS = 6000,
    SMEW__SPIN_TRY = 64,
    SMEW__SPIN_TRIES = 4,
};

enum smew__spin_way {
    SMEW__SPIN_ADAPTIVE = 0,
    SMEW__SPIN_ALWAYS,
    SMEW__SPIN_NEVER,
};

struct smew__spin {
    enum smew__spin_way way;
    uint32_t most_ns; /* 0: at present it does not pay */
    uint32_t waits;   /* since it does not */
    uint32_t tries;   /* in vain, one after the other */
    bool trying;
    uint64_t until_ns; /* of the present wait; 0: none */
};

/* Tells the processor that the thread looks again. */
static inline void smew__spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

/* A wait begins; what became of the last one is not known. */
static inline void smew__spin_begin(struct smew__spin *spin)
{
    spin->until_ns = 0;
}

/* Nothing was there: look again (true), or sleep? */
static inline bool smew__spin_goes_on(struct smew__spin *spin, uint64_t now_ns)
{
    if (spin->way != SMEW__SPIN_ADAPTIVE)
        return spin->way == SMEW__SPIN_ALWAYS;
    if (spin->most_ns == 0) {
        if (++spin->waits < (uint32_t)SMEW__SPIN_TRY << spin->tries)
            return false;
        spin->waits = 0;
        spin->trying = true;
        spin->most_ns = SMEW__SPIN_MOST_NS;
    }
    if (spin->until_ns == 0)
        spin->until_ns = now_ns + spin->most_ns;
    if (now_ns < spin->until_ns)
        return true;
    spin->until_ns = 0;
    spin->most_ns /= 2;
    if (spin->trying || spin->most_ns < SMEW__SPIN_LEAST_NS)
        spin->most_ns = 0;
    if (spin->trying && spin->tries < SMEW__SPIN_TRIES)
        spin->tries++;
    spin->trying = false;
    return false;
}

/* Looking has ended a wait; nothing when nobody looked. */
static inline void smew__spin_paid(struct smew__spin *spin)
{
    if (spin->until_ns == 0)
        return;
    spin->until_ns = 0;
    spin->most_ns = SMEW__SPIN_MOST_NS;
    spin->tries = 0;
    spin->trying = false;
}

#endif
