/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_SYNC_FENCE_H
#define SMEW_BASE_SYNC_FENCE_H

/*
 * A pair of fences of which one side pays for both.
 *
 *     often                          seldom
 *     store mine                     store mine
 *     smew__fence_light()            smew__fence_heavy()
 *     load theirs                    load theirs
 *
 * At least one side sees the other's store, as with two sequentially consistent fences.  The light
 * one keeps the compiler in order and costs nothing; the heavy one asks the kernel to let every
 * thread of this process that runs at this moment pass a full fence (membarrier(2),
 * PRIVATE_EXPEDITED; some microseconds).  Where the kernel has none both are full fences.
 *
 * Both sides are threads of one process.  Which kind it is is settled by the first call of
 * smew__fence_prepare(), which comes before any fence; a process that forbids itself membarrier
 * afterwards (seccomp) has broken its fences.
 */

#include <stdatomic.h>
#include <stdbool.h>

/* Before the first fence; any thread, as often as wanted. */
void smew__fence_prepare(void);

extern bool smew__fence_is_one_sided; /* constant once prepared */
void smew__fence_full(void);          /* sequentially consistent */

static inline void smew__fence_light(void)
{
    if (smew__fence_is_one_sided)
        atomic_signal_fence(memory_order_seq_cst);
    else
        smew__fence_full();
}

void smew__fence_heavy(void);

/*
 * The same between processes: does the light side's need no fence, since this process has asked for
 * those of others, and may make them?  Both sides ask; when both may, the heavy side passes
 * smew__fence_processes() and the light one keeps only its compiler in order.
 */
bool smew__fence_reaches_processes(void);
void smew__fence_processes(void);

#endif
