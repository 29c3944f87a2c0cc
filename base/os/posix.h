/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_POSIX_H
#define SMEW_BASE_OS_POSIX_H

/*
 * Memory and semaphores that processes find by name, the POSIX way: shm_open and sem_open.  Only
 * with the build option SMEW_SHM_POSIX.
 *
 * Whoever uses these trusts the other side.  Nothing can be sealed: a peer may cut the memory off,
 * or punch a hole while /dev/shm is full, and the next touch is a SIGBUS.  memory.h is the way that
 * a hostile peer cannot harm.
 *
 * A name says who made it, so that what a crash left can be found:
 * "/smew-UID-PID-TICKS-NUMBER-WHAT". Names are there only while two processes meet;
 * smew__posix_sweep() removes those of the dead.
 */

#include <stddef.h>
#include <stdint.h>

#include <smew/transport.h>

#include "base/os/frozen.h"
#include "base/os/memory.h"

struct smew__posix_id {
    int64_t pid; /* of who made it, and when that started */
    uint64_t start_ticks;
    uint64_t number; /* of its choice */
};

/* An id of this process's own. */
enum smew_status smew__posix_id_make(struct smew__posix_id *id);

/*
 * Zeroed, allocated, mapped read-write, its fd closed; `what` is a word of the name.  EXISTS,
 * NO_MEMORY, NO_FDS, NO_SPACE, PERMISSION.  `repeat_from` as in memory.h.
 */
enum smew_status smew__posix_memory_create(const struct smew__posix_id *id, const char *what,
                                           size_t size, size_t repeat_from,
                                           struct smew__memory *memory);
/* NOT_FOUND; CORRUPT: its size is none of `least` to `most`, or no multiple of the page. */
enum smew_status smew__posix_memory_attach(const struct smew__posix_id *id, const char *what,
                                           bool writable, size_t least, size_t most,
                                           size_t repeat_from, struct smew__memory *memory);
void smew__posix_memory_unlink(const struct smew__posix_id *id, const char *what);

/* As smew__frozen_create() and smew__frozen_map(), but for the seals: who has it may change it. */
enum smew_status smew__posix_frozen_create(const struct smew_bytes *parts, size_t count,
                                           size_t size, int *fd);
enum smew_status smew__posix_frozen_map(int fd, size_t size, struct smew__frozen *frozen);

struct smew__semaphore {
    void *handle; /* NULL: none */
};

/* UNSUPPORTED where nobody can wait on one with a deadline; EXISTS, NOT_FOUND, NO_MEMORY … */
enum smew_status smew__semaphore_create(const struct smew__posix_id *id,
                                        struct smew__semaphore *semaphore);
enum smew_status smew__semaphore_attach(const struct smew__posix_id *id,
                                        struct smew__semaphore *semaphore);
void smew__semaphore_unlink(const struct smew__posix_id *id);
/* Makes it 1; who waits, or waits next, goes on.  Without one: nothing. */
void smew__semaphore_post(struct smew__semaphore *semaphore);
/* OK (or for nothing), TIMEOUT. */
enum smew_status smew__semaphore_wait(struct smew__semaphore *semaphore, uint64_t deadline_ns);
void smew__semaphore_close(struct smew__semaphore *semaphore);

/* Removes the names of this user's processes that are dead; how many there were. */
size_t smew__posix_sweep(void);

#endif
