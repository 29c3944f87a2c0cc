/* SPDX-License-Identifier: MIT */
/*
 * Mapped files.
 *
 * Happy path: an unnamed file is made in the folder, allocated, mapped, filled by the caller, and
 * then linked to its name in one step, so that whoever sees the name sees a complete file.
 *
 * Failure modes: the file system has no O_TMPFILE (UNSUPPORTED), no room or RLIMIT_FSIZE too small
 * (NO_SPACE, found before anything is mapped), the name is taken (EXISTS), a file of somebody else
 * or something that is no file (PERMISSION), a file shorter than its format (CORRUPT).
 */
#include "base/os/map.h"

#include <errno.h>
#include <stdio.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/fault.h"
#include "base/os/fd.h"
#include "base/status.h"

static const struct smew__map closed = {.fd = -1};

/* Maps the first `size` bytes; on success the old mapping, if any, is gone. */
static int map_again(struct smew__map *map, size_t size, int protection)
{
    void *data =
        smew__fault_trips() ? MAP_FAILED : mmap(NULL, size, protection, MAP_SHARED, map->fd, 0);

    if (data == MAP_FAILED)
        return errno;
    if (map->data != NULL)
        (void)munmap(map->data, map->size);
    map->data = data;
    map->size = size;
    return 0;
}

/* Notes which file it is, and gives its size. */
static int identify(struct smew__map *map, struct stat *file)
{
    if (SMEW__SYS(fstat(map->fd, file)) != 0)
        return errno;
    map->device = file->st_dev;
    map->inode = file->st_ino;
    return 0;
}

/* An unnamed file in the folder; an errno, 0 for success. */
static int open_unnamed(int folder_fd, int *fd)
{
    struct stat folder;
    int failed;

    *fd = SMEW__SYS(openat(folder_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (*fd >= 0)
        return 0;
    failed = errno;
    /* In a folder that was removed after it was opened, ext4 answers EPERM and others ENOENT. */
    if (failed == EPERM && SMEW__SYS(fstat(folder_fd, &folder)) == 0 && folder.st_nlink == 0)
        return ENOENT;
    return failed;
}

enum smew_status smew__map_create(int folder_fd, size_t size, struct smew__map *map,
                                  struct smew_error *error)
{
    struct smew__map made = closed;
    const char *what = "make a file";
    struct stat file;
    int failed;

    failed = open_unnamed(folder_fd, &made.fd);
    if (failed == 0)
        failed = identify(&made, &file);
    if (failed == 0) {
        what = "allocate a file";
        failed = smew__fd_allocate(made.fd, size);
    }
    if (failed == 0) {
        what = "map a file";
        failed = map_again(&made, size, PROT_READ | PROT_WRITE);
    }
    if (failed != 0) {
        smew__map_close(&made);
        return smew__os_fail(error, failed, "cannot %s of %zu bytes in the runtime directory", what,
                             size);
    }
    *map = made;
    return SMEW_OK;
}

enum smew_status smew__map_publish(const struct smew__map *map, int folder_fd, const char *name)
{
    char unnamed[32];

    (void)snprintf(unnamed, sizeof unnamed, "/proc/self/fd/%d", map->fd);
    if (SMEW__SYS(linkat(AT_FDCWD, unnamed, folder_fd, name, AT_SYMLINK_FOLLOW)) != 0)
        return smew__os_status(errno);
    return SMEW_OK;
}

/* Is this a file of ours that holds at least its format's first part? */
static enum smew_status check_file(const struct stat *file, const char *name, size_t least,
                                   struct smew_error *error)
{
    if (!S_ISREG(file->st_mode))
        return smew__fail(error, SMEW_PERMISSION, "%s in the runtime directory is no file", name);
    if (file->st_uid != geteuid())
        return smew__fail(error, SMEW_PERMISSION, "%s belongs to user %u", name,
                          (unsigned)file->st_uid);
    if ((uint64_t)file->st_size < least || (uint64_t)file->st_size > SIZE_MAX / 2)
        return smew__fail(error, SMEW_CORRUPT, "%s has %lld bytes, and %zu are the least", name,
                          (long long)file->st_size, least);
    return SMEW_OK;
}

enum smew_status smew__map_open(int folder_fd, const char *name, size_t least, bool writable,
                                struct smew__map *map, struct smew_error *error)
{
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    /* O_NONBLOCK, since somebody may have put a FIFO there. */
    int flags = (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    struct smew__map opened = closed;
    enum smew_status status;
    struct stat file = {0};
    int failed;

    opened.fd = SMEW__SYS(openat(folder_fd, name, flags));
    failed = opened.fd < 0 ? errno : identify(&opened, &file);
    if (failed == 0) {
        status = check_file(&file, name, least, error);
        if (status != SMEW_OK) {
            smew__map_close(&opened);
            return status;
        }
        failed = map_again(&opened, (size_t)file.st_size, protection);
    }
    if (failed != 0) {
        smew__map_close(&opened);
        return smew__os_fail(error, failed, "cannot open %s", name);
    }
    *map = opened;
    return SMEW_OK;
}

bool smew__map_current(const struct smew__map *map, int folder_fd, const char *name)
{
    struct stat file;

    return SMEW__SYS(fstatat(folder_fd, name, &file, AT_SYMLINK_NOFOLLOW)) == 0 &&
           file.st_dev == map->device && file.st_ino == map->inode;
}

enum smew_status smew__map_grow(struct smew__map *map, size_t size)
{
    int failed;

    if (size <= map->size)
        return SMEW_OK;
    failed = smew__fd_allocate(map->fd, size);
    if (failed == 0)
        failed = map_again(map, size, PROT_READ | PROT_WRITE);
    return failed == 0 ? SMEW_OK : smew__os_status(failed);
}

enum smew_status smew__map_refresh(struct smew__map *map)
{
    struct stat file;
    int failed;

    if (SMEW__SYS(fstat(map->fd, &file)) != 0)
        return smew__os_status(errno);
    if ((uint64_t)file.st_size < map->size || (uint64_t)file.st_size > SIZE_MAX / 2)
        return SMEW_CORRUPT;
    if ((size_t)file.st_size == map->size)
        return SMEW_OK;
    failed = map_again(map, (size_t)file.st_size, PROT_READ);
    return failed == 0 ? SMEW_OK : smew__os_status(failed);
}

void smew__map_close(struct smew__map *map)
{
    if (map->data != NULL)
        (void)munmap(map->data, map->size);
    smew__fd_close(&map->fd);
    *map = closed;
}
