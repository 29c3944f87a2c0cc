/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_SYNC_PATIENCE_H
#define SMEW_BASE_SYNC_PATIENCE_H

/*
 * What a thread does between two looks for something that another thread is about to do, and that
 * takes nanoseconds once it runs: first nothing, since that thread runs; then it yields, since on a
 * processor with more threads than it can run that thread may be waiting for this one's; then it
 * sleeps for SMEW__NAP_NS at a time, since yielding gives nothing to a thread of lower priority.
 *
 * For waits that cannot be long.  Any thread; keeps nothing.
 */

#include "base/os/thread.h"
#include "base/sync/spin.h"

enum {
    SMEW__LOOKS = 100, /* some microseconds */
    SMEW__LOOKS_AND_YIELDS = 200,
    SMEW__NAP_NS = 50000,
};

/* After the look number `looks`, counted from 0, that was in vain. */
static inline void smew__patience(unsigned looks)
{
    if (looks < SMEW__LOOKS)
        smew__spin_pause();
    else if (looks < SMEW__LOOKS_AND_YIELDS)
        smew__thread_yield();
    else
        smew__thread_nap(SMEW__NAP_NS);
}

#endif
