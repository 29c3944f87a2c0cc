/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_LOCK_H
#define SMEW_BASE_OS_LOCK_H

/*
 * Open-file-description locks on ranges of bytes.  They belong to the open file, not to the
 * process: closing another fd of the same file does not drop them (fcntl's classic locks do that),
 * the kernel drops them when the last fd of the description closes, and a forked child keeps them.
 * Nothing here waits.
 */

#include <stdbool.h>
#include <stdint.h>

#include <smew/status.h>

/* OK or BUSY.  Converts a lock that this description holds already. */
enum smew_status smew__lock_try(int fd, uint64_t offset, uint64_t length, bool exclusive);
void smew__lock_release(int fd, uint64_t offset, uint64_t length);
/* Would an exclusive lock be refused: does another description hold any lock there? */
bool smew__lock_held(int fd, uint64_t offset, uint64_t length);

#endif
