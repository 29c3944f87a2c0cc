/* SPDX-License-Identifier: MIT */
/* One-sided fences.  Failure mode: a kernel (or an emulator) without membarrier; see fence.h. */
#include "base/sync/fence.h"

#include <pthread.h>

#include "base/os/thread.h"

bool smew__fence_is_one_sided;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool reaches_processes;

static void prepare(void)
{
    reaches_processes = smew__processes_fence_prepare();
    smew__fence_is_one_sided = smew__threads_fence_prepare();
}

void smew__fence_prepare(void)
{
    (void)pthread_once(&once, prepare);
}

bool smew__fence_reaches_processes(void)
{
    smew__fence_prepare();
    return reaches_processes;
}

void smew__fence_processes(void)
{
    smew__processes_fence();
}

void smew__fence_full(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

void smew__fence_heavy(void)
{
    smew__fence_full();
    if (smew__fence_is_one_sided)
        smew__threads_fence();
}
