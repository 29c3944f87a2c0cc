/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_FAULT_H
#define SMEW_BASE_OS_FAULT_H

/*
 * System calls that fail on demand: a test makes the n-th one that base/os makes fail with an errno
 * of its choice, for every n, and looks that each failure becomes a status and leaks nothing.
 *
 * The files of base/os make their calls through SMEW__SYS, or ask smew__fault_trips() where a
 * failure is not -1.  Calls that cannot fail in a way that anybody could act on (close, munmap,
 * unlocking, an eventfd's write) are made directly.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The n-th call from now fails (1 is the next one; 0: none), and with `for_good` each one after it.
 * Process-wide.
 */
void smew__fault_set(uint64_t n, int error_number, bool for_good);
/* How many have failed since it was set: 0 tells a walk that it has passed the last call. */
uint64_t smew__fault_tripped(void);

/* True, with errno set, when this call is one that fails. */
bool smew__fault_trips(void);

#define SMEW__SYS(call) (smew__fault_trips() ? -1 : (call))

#endif
