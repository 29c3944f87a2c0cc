/* SPDX-License-Identifier: MIT */
/* The fault hook of base/os; fault.h says how it is used. */
#include "base/os/fault.h"

#include "base/countdown.h"

static struct smew__countdown faults;
static _Atomic int fault_errno;

void smew__fault_set(uint64_t n, int error_number, bool for_good)
{
    atomic_store_explicit(&fault_errno, error_number, memory_order_relaxed);
    smew__countdown_set(&faults, n, for_good);
}

uint64_t smew__fault_tripped(void)
{
    return atomic_load_explicit(&faults.tripped, memory_order_relaxed);
}

bool smew__fault_trips(void)
{
    if (!smew__countdown_trips(&faults))
        return false;
    errno = atomic_load_explicit(&fault_errno, memory_order_relaxed);
    return true;
}
