/* SPDX-License-Identifier: MIT */
/*
 * Fault walks.  The counts of fds and allocations are taken before the first round and compared
 * after each: whatever failed, an attempt gives everything back.
 */
#include "tests/support/support.h"

#include <string.h>

#include "base/alloc.h"
#include "base/os/fault.h"

enum { MOST_ROUNDS = 10000 };

struct walk {
    const char *what;
    int error_number;
    void (*set)(unsigned n, int error_number); /* 0: off */
    uint64_t (*tripped)(void);
};

static void set_calls(unsigned n, int error_number)
{
    smew__fault_set(n, error_number, false);
}

static void set_allocations(unsigned n, int error_number)
{
    (void)error_number;
    smew__alloc_fail_at(n, 0);
}

static unsigned run_walk(const struct walk *walk, void (*attempt)(void *argument), void *argument)
{
    unsigned fds = support_count_fds();
    int64_t allocations = smew__alloc_live();

    for (unsigned n = 1; n < MOST_ROUNDS; n++) {
        uint64_t tripped;

        walk->set(n, walk->error_number);
        attempt(argument);
        tripped = walk->tripped();
        walk->set(0, 0);
        if (support_count_fds() != fds || smew__alloc_live() != allocations)
            fail_msg("round %u of the walk over %s: %d fds and %lld allocations more than before",
                     n, walk->what, (int)support_count_fds() - (int)fds,
                     (long long)(smew__alloc_live() - allocations));
        if (tripped == 0)
            return n - 1;
    }
    fail_msg("the walk over %s does not end", walk->what);
    return 0;
}

unsigned support_walk_calls(int error_number, void (*attempt)(void *argument), void *argument)
{
    const struct walk walk = {"system calls", error_number, set_calls, smew__fault_tripped};

    return run_walk(&walk, attempt, argument);
}

unsigned support_walk_allocations(void (*attempt)(void *argument), void *argument)
{
    const struct walk walk = {"allocations", 0, set_allocations, smew__alloc_failed};

    return run_walk(&walk, attempt, argument);
}
