/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_PROCESS_H
#define SMEW_BASE_OS_PROCESS_H

/*
 * Who a process is, beyond a number that the kernel gives to somebody else tomorrow: its pid and
 * its start time (field 22 of /proc/PID/stat, in clock ticks since boot).
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smew/status.h>

struct smew__process {
    int64_t pid;
    uint64_t start_ticks;
};

enum smew_status smew__process_self(struct smew__process *self);
/* Exists with that start time and is no zombie. */
bool smew__process_alive(const struct smew__process *process);
/* The user whose rights this process has. */
int64_t smew__process_user(void);
/* The program's short name (/proc/self/comm), terminated and cut. */
void smew__process_name(char *name, size_t size);

/*
 * A number that is the same in one process and another one after fork(), without a system call:
 * it lives in a page that the kernel wipes in the child (MADV_WIPEONFORK).  0 only on failure.
 */
uint64_t smew__process_token(void);
/*
 * Where it lies, for who asks often: another word there than smew__process_token() said before, and
 * the process is another one.
 */
const _Atomic uint64_t *smew__process_token_at(void);

/* Random bits from the kernel; never fails on Linux (falls back to clock and pid). */
uint64_t smew__random64(void);

#endif
