/* SPDX-License-Identifier: MIT */
/*
 * Unix stream sockets: what address.h says, and bytes.  A send or receive that a signal interrupts
 * goes on; everything else that the kernel answers is the caller's to see.
 */
#include "base/os/socket.h"

#include <errno.h>
#include <limits.h>

#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/os/address.h"
#include "base/os/fault.h"
#include "base/os/fd.h"

enum smew_status smew__socket_listen(const char *path, int backlog, int *fd,
                                     struct smew_error *error)
{
    return smew__address_listen(path, SOCK_STREAM, backlog, fd, error);
}

enum smew_status smew__socket_connect(const char *path, int *fd, struct smew_error *error)
{
    return smew__address_connect(path, SOCK_STREAM, fd, error);
}

enum smew_status smew__socket_pair(int fds[2])
{
    return smew__address_pair(SOCK_STREAM, fds);
}

enum smew_status smew__socket_accept(int listening, int *fd)
{
    int made;

    do {
        made = SMEW__SYS(accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
    } while (made < 0 && errno == EINTR);
    if (made < 0)
        return errno == ECONNABORTED ? SMEW_AGAIN : smew__os_status(errno);
    *fd = made;
    return SMEW_OK;
}

void smew__socket_shutdown(int fd)
{
    (void)shutdown(fd, SHUT_RDWR); /* refused only where there is no connection any more */
}

enum smew_status smew__socket_peer(int fd, int64_t *pid, int64_t *uid)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (SMEW__SYS(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size)) != 0)
        return smew__os_status(errno);
    *pid = peer.pid;
    *uid = peer.uid;
    return SMEW_OK;
}

enum smew_status smew__socket_send(int fd, const struct iovec *parts, size_t count, size_t *done)
{
    struct msghdr message = {0};
    ssize_t sent;

    message.msg_iov = (struct iovec *)parts; /* sendmsg only reads them */
    message.msg_iovlen = count < IOV_MAX ? count : IOV_MAX;
    do {
        sent = SMEW__SYS(sendmsg(fd, &message, MSG_NOSIGNAL));
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == ENOBUFS ? SMEW_AGAIN : smew__os_status(errno);
    if (sent == 0)
        return SMEW_INVALID; /* nothing was given */
    *done = (size_t)sent;
    return SMEW_OK;
}

size_t smew__socket_available(int fd)
{
    int available = 0;

    if (SMEW__SYS(ioctl(fd, FIONREAD, &available)) != 0 || available < 0)
        return 0;
    return (size_t)available;
}

enum smew_status smew__socket_receive(int fd, void *data, size_t size, size_t *done)
{
    ssize_t got;

    if (size == 0)
        return SMEW_INVALID; /* its 0 would look like the end of the stream */
    do {
        got = SMEW__SYS(recv(fd, data, size, 0));
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return smew__os_status(errno);
    if (got == 0)
        return SMEW_RESET;
    *done = (size_t)got;
    return SMEW_OK;
}
