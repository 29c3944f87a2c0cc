/* SPDX-License-Identifier: MIT */
/* One-sided fences.  Failure mode: a kernel (or an emulator) without membarrier; see fence.h. */
#include "base/sync/fence.h"

#include <pthread.h>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

bool smew__fence_is_one_sided;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static long membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0);
}

static void prepare(void)
{
    smew__fence_is_one_sided = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 &&
                               membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
}

void smew__fence_prepare(void)
{
    (void)pthread_once(&once, prepare);
}

void smew__fence_heavy(void)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (smew__fence_is_one_sided)
        (void)membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}
