/* SPDX-License-Identifier: MIT */
/* Waiting for a condition, with a deadline. */
#include "tests/support/support.h"

#include <poll.h>

#include <smew/transport.h>

#include "base/clock.h"

bool support_wait_until(bool (*condition)(void *argument), void *argument, unsigned timeout_ms)
{
    uint64_t deadline_ns = smew__deadline_ns(timeout_ms);

    while (!condition(argument)) {
        if (smew_now_ns() >= deadline_ns)
            return condition(argument);
        (void)poll(NULL, 0, 1);
    }
    return true;
}
