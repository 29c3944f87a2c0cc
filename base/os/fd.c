/* SPDX-License-Identifier: MIT */
/*
 * Where errno becomes a status, and the small change of file descriptors: closing, allocating,
 * waiting, eventfds, sets.
 */
#include "base/os/fd.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/fault.h"
#include "base/status.h"

static const struct {
    int number;
    enum smew_status status;
} translations[] = {
    {EMFILE, SMEW_NO_FDS},
    {ENFILE, SMEW_NO_FDS},
    {ENOMEM, SMEW_NO_MEMORY},
    {ENOBUFS, SMEW_NO_MEMORY},
    {ENOSPC, SMEW_NO_SPACE},
    {EDQUOT, SMEW_NO_SPACE},
    {EFBIG, SMEW_NO_SPACE},
    {EACCES, SMEW_PERMISSION},
    {EPERM, SMEW_PERMISSION},
    {EROFS, SMEW_PERMISSION},
    {ELOOP, SMEW_PERMISSION}, /* a symlink that we do not follow */
    {ENOENT, SMEW_NOT_FOUND},
    {ENOTDIR, SMEW_NOT_FOUND},
    {ESRCH, SMEW_NOT_FOUND},
    {EEXIST, SMEW_EXISTS},
    {EADDRINUSE, SMEW_EXISTS},
    {EAGAIN, SMEW_AGAIN},
    {EINTR, SMEW_AGAIN},
    {ECONNREFUSED, SMEW_RESET},
    {ECONNRESET, SMEW_RESET},
    {EPIPE, SMEW_RESET},
    {ENOTCONN, SMEW_RESET},
    {ETIMEDOUT, SMEW_TIMEOUT},
    {EBUSY, SMEW_BUSY},
    {ENOTEMPTY, SMEW_BUSY},
    {ENAMETOOLONG, SMEW_PATH_TOO_LONG},
    {EINVAL, SMEW_INVALID},
    {ENOSYS, SMEW_UNSUPPORTED},
    {EOPNOTSUPP, SMEW_UNSUPPORTED},
    {EAFNOSUPPORT, SMEW_UNSUPPORTED},
};

enum smew_status smew__os_status(int error_number)
{
    for (size_t i = 0; i < sizeof translations / sizeof translations[0]; i++)
        if (translations[i].number == error_number)
            return translations[i].status;
    return SMEW_IO;
}

enum smew_status smew__os_fail(struct smew_error *error, int error_number, const char *format, ...)
{
    enum smew_status status = smew__os_status(error_number);
    char what[SMEW_ERROR_TEXT_SIZE];
    char room[128];
    const char *why = strerror_r(error_number, room, sizeof room);
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(what, sizeof what, format, arguments) < 0)
        what[0] = '\0';
    va_end(arguments);
    /* "Permission denied" goes on a sentence of ours, so it begins small; "RPC ..." stays. */
    if (isupper((unsigned char)why[0]) && islower((unsigned char)why[1]))
        return smew__fail(error, status, "%s: %c%s", what, tolower((unsigned char)why[0]), why + 1);
    return smew__fail(error, status, "%s: %s", what, why);
}

#ifdef __SANITIZE_THREAD__
static atomic_uint closed_unseen;

void smew__fd_closes_unseen(void)
{
    atomic_fetch_add_explicit(&closed_unseen, 1, memory_order_release);
}

static void see_what_was_closed(void)
{
    (void)atomic_load_explicit(&closed_unseen, memory_order_acquire);
}
#else
void smew__fd_closes_unseen(void)
{
}

static void see_what_was_closed(void)
{
}
#endif

void smew__fd_close(int *fd)
{
    see_what_was_closed();
    if (*fd >= 0)
        (void)close(*fd); /* on Linux the fd is free whatever close answers */
    *fd = -1;
}

int smew__fd_allocate(int fd, size_t size)
{
    struct rlimit limit;
    int result;

    if (SMEW__SYS(getrlimit(RLIMIT_FSIZE, &limit)) != 0)
        return errno;
    if (size > limit.rlim_cur)
        return EFBIG;
    do {
        result = smew__fault_trips() ? errno : posix_fallocate(fd, 0, (off_t)size);
    } while (result == EINTR);
    return result;
}

enum smew_status smew__fd_wait(int fd, short events, uint64_t deadline_ns)
{
    struct pollfd entry = {.fd = fd, .events = events};

    for (;;) {
        uint64_t now_ns = smew_now_ns();
        int ready = SMEW__SYS(poll(&entry, 1, smew__remaining_ms(deadline_ns, now_ns)));

        if (ready > 0)
            return (entry.revents & POLLNVAL) != 0 ? SMEW_INVALID : SMEW_OK;
        if (ready < 0 && errno != EINTR)
            return smew__os_status(errno);
        if (now_ns >= deadline_ns)
            return SMEW_TIMEOUT;
    }
}

enum smew_status smew__eventfd_open(int *fd)
{
    int made = SMEW__SYS(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));

    if (made < 0)
        return smew__os_status(errno);
    *fd = made;
    return SMEW_OK;
}

void smew__eventfd_signal(int fd)
{
    const uint64_t one = 1;
    int kept = errno;
    /* It can only refuse because the counter is full, and then the fd is readable anyway. */
    ssize_t written = write(fd, &one, sizeof one);

    (void)written;
    errno = kept;
}

void smew__eventfd_drain(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count);

    (void)got; /* nothing in it: fine */
}

enum smew_status smew__fdset_open(int *set)
{
    int made = SMEW__SYS(epoll_create1(EPOLL_CLOEXEC));

    if (made < 0)
        return smew__os_status(errno);
    *set = made;
    return SMEW_OK;
}

enum smew_status smew__fdset_watch(int set, int fd, short events)
{
    struct epoll_event event = {
        .events = ((events & POLLIN) != 0 ? (uint32_t)EPOLLIN : 0) |
                  ((events & POLLOUT) != 0 ? (uint32_t)EPOLLOUT : 0),
        .data.fd = fd,
    };

    if (events == 0) {
        (void)epoll_ctl(set, EPOLL_CTL_DEL, fd, &event); /* not in it: fine */
        return SMEW_OK;
    }
    if (epoll_ctl(set, EPOLL_CTL_MOD, fd, &event) == 0)
        return SMEW_OK;
    return SMEW__SYS(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event)) == 0 ? SMEW_OK
                                                                     : smew__os_status(errno);
}

enum smew_status smew__fd_spare(unsigned count)
{
    enum smew_status status;
    int fd = -1;

    if (count == 0)
        return SMEW_OK;
    status = smew__eventfd_open(&fd);
    if (!status)
        status = smew__fd_spare(count - 1);
    smew__fd_close(&fd);
    return status;
}
