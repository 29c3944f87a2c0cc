/* SPDX-License-Identifier: MIT */
/*
 * Fault walks.  The counts of fds and allocations are taken before the first round and compared
 * after each: whatever failed, an attempt gives everything back.
 *
 * Where other threads run, neither count is taken at once: one of them may be about to give
 * something back.  Before the walk the counts must have come to rest; after a round they have
 * support_settle_ms to be the same again, neither more nor less.
 */
#include "tests/support/support.h"

#include <string.h>

#include "base/alloc.h"
#include "base/os/fault.h"

enum {
    MOST_ROUNDS = 10000,
    ENOUGH = 3, /* rounds in a row that do not meet the fault: one may have been cut short */
    LOOKS_AT_REST = 20, /* a millisecond apart, and nothing has changed */
};

struct counts {
    unsigned fds;
    int64_t allocations;
};

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

static struct counts count(void)
{
    return (struct counts){support_count_fds(), smew__alloc_live()};
}

static bool are_same(struct counts one, struct counts two)
{
    return one.fds == two.fds && one.allocations == two.allocations;
}

struct rest {
    struct counts counts;
    unsigned looks; /* that found the same */
};

static bool is_at_rest(void *argument)
{
    struct rest *rest = argument;
    bool alone = support_count_threads() == 1; /* asked first: one that ends now still counts */
    struct counts now = count();

    rest->looks = are_same(now, rest->counts) ? rest->looks + 1 : 0;
    rest->counts = now;
    return alone || rest->looks >= LOOKS_AT_REST;
}

static bool are_back(void *argument)
{
    return are_same(count(), *(struct counts *)argument);
}

static unsigned run_walk(const struct walk *walk, void (*attempt)(void *argument), void *argument)
{
    struct rest before = {.counts = count()};
    unsigned met = 0, missed = 0;

    if (!support_wait_until(is_at_rest, &before, support_settle_ms))
        fail_msg("the walk over %s cannot begin: fds and allocations do not come to rest",
                 walk->what);
    for (unsigned n = 1; n < MOST_ROUNDS; n++) {
        uint64_t tripped;

        walk->set(n, walk->error_number);
        attempt(argument);
        tripped = walk->tripped();
        walk->set(0, 0);
        if (!support_wait_until(are_back, &before.counts, support_settle_ms)) {
            struct counts now = count();

            fail_msg("round %u of the walk over %s: %d fds and %lld allocations more than before",
                     n, walk->what, (int)now.fds - (int)before.counts.fds,
                     (long long)(now.allocations - before.counts.allocations));
        }
        met += tripped != 0;
        missed = tripped != 0 ? 0 : missed + 1;
        if (missed == ENOUGH)
            return met;
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
