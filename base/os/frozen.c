/* SPDX-License-Identifier: MIT */
/*
 * Frozen memory.
 *
 * Happy path: a memfd is written, never mapped, so that its pages need not be zeroed before they
 * are filled, and then gets every seal; the other side looks at the seals and the size and maps
 * it privately, which Linux before 6.7 allows too (it refuses a shared mapping, even one that is
 * only read, of what is sealed against writes).
 *
 * Failure modes: out of memory, fds or file size (a status, nothing is left); an fd that is no
 * memfd of small pages, lacks a seal, has another size or has holes (refused before it is mapped;
 * memory.h says what could happen otherwise).
 */
#include "base/os/frozen.h"

#include <errno.h>
#include <stdbool.h>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/os/fault.h"
#include "base/os/fd.h"

enum {
    EVERY_SEAL = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL,
    NEEDED_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
    STAT_BLOCK = 512,
};

/* An errno, 0 for success. */
static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = SMEW__SYS(write(fd, data, size));

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : ENOSPC;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

/* The same; EFBIG where writing that far would bring SIGXFSZ. */
static int write_parts(int fd, const struct smew_bytes *parts, size_t count, size_t size)
{
    struct rlimit limit;
    int failed = 0;

    if (SMEW__SYS(getrlimit(RLIMIT_FSIZE, &limit)) != 0)
        return errno;
    if (size > limit.rlim_cur)
        return EFBIG;
    for (size_t i = 0; i < count && failed == 0; i++)
        failed = write_all(fd, parts[i].data, parts[i].size);
    return failed;
}

enum smew_status smew__frozen_create(const char *name, const struct smew_bytes *parts, size_t count,
                                     size_t size, int *fd)
{
    int made = SMEW__SYS(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    int failed = made < 0 ? errno : write_parts(made, parts, count, size);

    if (failed == 0 && SMEW__SYS(fcntl(made, F_ADD_SEALS, EVERY_SEAL)) != 0)
        failed = errno;
    if (failed != 0) {
        smew__fd_close(&made);
        return smew__os_status(failed);
    }
    *fd = made;
    return SMEW_OK;
}

/* Can nothing happen to these bytes any more, and are there as many as was said? */
static enum smew_status check(int fd, size_t size)
{
    int seals = SMEW__SYS(fcntl(fd, F_GET_SEALS));
    struct statfs system;
    struct stat file;

    if (seals < 0)
        return errno == EINVAL ? SMEW_PERMISSION : smew__os_status(errno);
    if ((seals & NEEDED_SEALS) != NEEDED_SEALS)
        return SMEW_PERMISSION;
    if (SMEW__SYS(fstatfs(fd, &system)) != 0 || SMEW__SYS(fstat(fd, &file)) != 0)
        return smew__os_status(errno);
    if (system.f_type != TMPFS_MAGIC)
        return SMEW_PERMISSION;
    if (size == 0 || file.st_size < 0 || (uint64_t)file.st_size != size ||
        (uint64_t)file.st_blocks < size / STAT_BLOCK)
        return SMEW_CORRUPT;
    return SMEW_OK;
}

enum smew_status smew__frozen_map(int fd, size_t size, struct smew__frozen *frozen)
{
    enum smew_status status = check(fd, size);
    void *data;

    if (status != SMEW_OK)
        return status;
    data = smew__fault_trips() ? MAP_FAILED
                               : mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (data == MAP_FAILED)
        return smew__os_status(errno);
    *frozen = (struct smew__frozen){data, size};
    return SMEW_OK;
}

void smew__frozen_fini(struct smew__frozen *frozen)
{
    if (frozen->data != NULL)
        (void)munmap((void *)frozen->data, frozen->size);
    *frozen = (struct smew__frozen){NULL, 0};
}
