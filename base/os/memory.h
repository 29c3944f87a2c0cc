/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_MEMORY_H
#define SMEW_BASE_OS_MEMORY_H

/*
 * Memory that is passed to another process as a file descriptor: memfds, close-on-exec, allocated
 * with posix_fallocate before anybody maps them (after getrlimit: beyond RLIMIT_FSIZE the kernel
 * kills with SIGXFSZ), pre-faulted, and sealed against shrinking and growing, so that touching a
 * mapping can never be a SIGBUS, whatever the other side does.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smew/status.h>

struct smew__memory {
    int fd;        /* -1 once closed; the mapping stays */
    uint8_t *data; /* NULL: not mapped */
    size_t size;   /* of the file */
    size_t mapped; /* of the mapping: what is repeated counts twice */
};

size_t smew__memory_page(void); /* bytes; a power of two */

/*
 * Zeroed memory of `size` bytes (a multiple of the page), mapped read-write, sealed against
 * shrinking and growing.  `name` shows in /proc/PID/maps.  `repeat_from`: everything from this
 * offset on (a multiple of the page) is mapped a second time directly behind; 0: nothing is.
 * NO_MEMORY, NO_FDS, NO_SPACE (allocation refused, or RLIMIT_FSIZE), IO.
 */
enum smew_status smew__memory_create(const char *name, size_t size, size_t repeat_from,
                                     struct smew__memory *memory);
/*
 * Seals it against future writable mappings and against further seals (and so for everybody but
 * who has it mapped already).  Before it is passed.
 */
enum smew_status smew__memory_seal_writes(struct smew__memory *memory);
/*
 * Maps an fd that another process passed, and takes it over whatever the result.  PERMISSION when
 * it is not sealed against shrinking and growing (and future writes, where `writable` is false);
 * CORRUPT when its size is not a multiple of the page within `least` to `most`, or it has holes.
 * `repeat_from` as above, checked to be within.
 */
enum smew_status smew__memory_attach(int fd, bool writable, size_t least, size_t most,
                                     size_t repeat_from, struct smew__memory *memory);
void smew__memory_close_fd(struct smew__memory *memory);
void smew__memory_fini(struct smew__memory *memory); /* a zeroed one is fine */

/*
 * Futex words in shared memory; a read-only mapping can be waited on and woken.  OK (woken, the
 * word is not `seen` any more, or for nothing), TIMEOUT.
 */
enum smew_status smew__futex_wait(const _Atomic uint32_t *word, uint32_t seen,
                                  uint64_t deadline_ns);
void smew__futex_wake(const _Atomic uint32_t *word);

#endif
