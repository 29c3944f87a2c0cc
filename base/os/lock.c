/* SPDX-License-Identifier: MIT */
/*
 * Open-file-description locks (Linux 3.15).  A file system without them answers UNSUPPORTED or IO,
 * which the caller reports; nothing falls back to classic locks, which would be dropped by
 * accident.
 */
#include "base/os/lock.h"

#include <errno.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/os/fault.h"
#include "base/os/fd.h"

static struct flock range(short type, uint64_t offset, uint64_t length)
{
    /* l_pid stays 0: open-file-description locks have no process. */
    return (struct flock){
        .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = (off_t)length};
}

enum smew_status smew__lock_try(int fd, uint64_t offset, uint64_t length, bool exclusive)
{
    struct flock lock = range(exclusive ? F_WRLCK : F_RDLCK, offset, length);
    int result;

    do {
        result = SMEW__SYS(fcntl(fd, F_OFD_SETLK, &lock));
    } while (result < 0 && errno == EINTR);
    if (result == 0)
        return SMEW_OK;
    return errno == EAGAIN || errno == EACCES ? SMEW_BUSY : smew__os_status(errno);
}

void smew__lock_release(int fd, uint64_t offset, uint64_t length)
{
    struct flock lock = range(F_UNLCK, offset, length);

    (void)fcntl(fd, F_OFD_SETLK, &lock);
}

bool smew__lock_held(int fd, uint64_t offset, uint64_t length)
{
    struct flock lock = range(F_WRLCK, offset, length);

    /* Who cannot ask believes that it is held, so that nobody living is taken for dead. */
    if (SMEW__SYS(fcntl(fd, F_OFD_GETLK, &lock)) != 0)
        return true;
    return lock.l_type != F_UNLCK;
}
