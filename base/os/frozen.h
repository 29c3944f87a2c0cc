/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_FROZEN_H
#define SMEW_BASE_OS_FROZEN_H

/*
 * Frozen memory: bytes in a memfd that nobody can change any more, not even who made them, and
 * that another process reads where they lie.  The kernel sees to it (every seal there is), and
 * keeps the bytes until the last fd and the last mapping of them are gone, whoever dies meanwhile;
 * so a reader needs neither a copy nor a checksum, and nobody has to give anything back.
 *
 * It costs fresh pages each time.  What is sent often and small belongs into a lane (bus/shm).
 */

#include <stddef.h>
#include <stdint.h>

#include <smew/transport.h>

struct smew__frozen {
    const uint8_t *data; /* NULL: none */
    size_t size;
};

/*
 * Gathers the parts, `size` bytes in all and at least one, into a new one; *fd is the caller's, to
 * be passed.  NO_MEMORY, NO_FDS, NO_SPACE (beyond RLIMIT_FSIZE), IO.
 */
enum smew_status smew__frozen_create(const char *name, const struct smew_bytes *parts, size_t count,
                                     size_t size, int *fd);
/*
 * Maps what another process passed; the fd stays the caller's.  PERMISSION when it is not frozen,
 * CORRUPT when it has not this size or has holes, NO_MEMORY.
 */
enum smew_status smew__frozen_map(int fd, size_t size, struct smew__frozen *frozen);
void smew__frozen_fini(struct smew__frozen *frozen); /* a zeroed one is fine */

#endif
