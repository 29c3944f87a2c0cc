/* SPDX-License-Identifier: MIT */
/*
 * Unix seqpacket sockets.
 *
 * Happy path: a datagram goes out whole, its fds in one SCM_RIGHTS message; it comes in whole, and
 * the kernel has installed the fds, close-on-exec.  It is looked at first and taken away only when
 * its fds are there: they could not be had a second time.
 *
 * Failure modes of receiving: what was installed belongs to this process whatever else is wrong
 * with the datagram, so every refusal closes it first.  MSG_CTRUNC has two causes: the other side
 * sent more than may be (then the room for fds is full), or this process is out of fds (then it is
 * not).  An empty datagram looks like the end of the connection, and is taken for it; ours are
 * never empty.
 */
#include "base/os/packet.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <sys/socket.h>

#include "base/os/address.h"
#include "base/os/fault.h"
#include "base/os/fd.h"

enum { FDS_SIZE = SMEW__PACKET_FDS_MAX * sizeof(int) };

/* Room for exactly so many: what CMSG_SPACE adds for alignment could hold one more. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(FDS_SIZE)];
};

static_assert(CMSG_LEN(FDS_SIZE) <= sizeof(union control), "all fds fit");

enum smew_status smew__packet_listen(const char *path, int backlog, int *fd,
                                     struct smew_error *error)
{
    return smew__address_listen(path, SOCK_SEQPACKET, backlog, fd, error);
}

enum smew_status smew__packet_reap(const char *path)
{
    return smew__address_reap(path, SOCK_SEQPACKET);
}

enum smew_status smew__packet_connect(const char *path, int *fd, struct smew_error *error)
{
    return smew__address_connect(path, SOCK_SEQPACKET, fd, error);
}

enum smew_status smew__packet_pair(int fds[2])
{
    return smew__address_pair(SOCK_SEQPACKET, fds);
}

static enum smew_status send_status(int error_number)
{
    switch (error_number) {
    case ENOBUFS:
        return SMEW_AGAIN;
    case ETOOMANYREFS:
        return SMEW_NO_FDS;
    case EMSGSIZE:
        return SMEW_TOO_BIG;
    default:
        return smew__os_status(error_number);
    }
}

enum smew_status smew__packet_send(int fd, const void *data, size_t size, const int *fds,
                                   size_t fd_count)
{
    struct iovec part = {(void *)data, size}; /* sendmsg only reads it */
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union control control = {.bytes = {0}};
    ssize_t sent;

    if (size == 0 || fd_count > SMEW__PACKET_FDS_MAX)
        return SMEW_INVALID;
    if (fd_count > 0) {
        control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(fd_count * sizeof *fds),
                                          .cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), fds, fd_count * sizeof *fds);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof *fds);
    }
    do {
        sent = SMEW__SYS(sendmsg(fd, &message, MSG_NOSIGNAL));
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? send_status(errno) : SMEW_OK;
}

/* The fds that the kernel installed: they are at the front of the one message it makes of them. */
static size_t take_fds(struct msghdr *message, int fds[SMEW__PACKET_FDS_MAX])
{
    struct cmsghdr *part = CMSG_FIRSTHDR(message);
    size_t size;

    if (part == NULL || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
        return 0;
    size = part->cmsg_len - CMSG_LEN(0);
    memcpy(fds, CMSG_DATA(part), size);
    return size / sizeof *fds;
}

static enum smew_status judge(const struct msghdr *message, ssize_t got, size_t fd_count)
{
    if (got == 0)
        return SMEW_RESET;
    if ((message->msg_flags & MSG_TRUNC) != 0)
        return SMEW_CORRUPT;
    if ((message->msg_flags & MSG_CTRUNC) != 0)
        return fd_count == SMEW__PACKET_FDS_MAX ? SMEW_CORRUPT : SMEW_NO_FDS;
    return SMEW_OK;
}

/* Looks at the next datagram and its fds, and leaves it: -1 with errno, or its size. */
static ssize_t look(int fd, struct msghdr *message)
{
    ssize_t got;

    do {
        message->msg_controllen = CMSG_LEN(FDS_SIZE);
        got = SMEW__SYS(recvmsg(fd, message, MSG_CMSG_CLOEXEC | MSG_PEEK));
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Takes it away, and what was not installed of its fds. */
static enum smew_status drop(int fd)
{
    char first;
    ssize_t got;

    do {
        got = SMEW__SYS(recv(fd, &first, sizeof first, 0));
    } while (got < 0 && errno == EINTR);
    return got < 0 ? smew__os_status(errno) : SMEW_OK;
}

enum smew_status smew__packet_receive(int fd, void *data, size_t size, size_t *done, int *fds,
                                      size_t *fd_count)
{
    struct iovec part = {data, size};
    union control control = {.bytes = {0}};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
    int came[SMEW__PACKET_FDS_MAX];
    enum smew_status status;
    size_t count;
    ssize_t got;

    if (size == 0)
        return SMEW_INVALID;
    got = look(fd, &message);
    if (got < 0)
        return smew__os_status(errno);
    count = take_fds(&message, came);
    status = judge(&message, got, count);
    if (status != SMEW_NO_FDS) {
        enum smew_status dropped = drop(fd);

        if (status == SMEW_OK)
            status = dropped;
    }
    if (status != SMEW_OK) {
        while (count > 0)
            smew__fd_close(&came[--count]);
        return status;
    }
    memcpy(fds, came, count * sizeof *came);
    *fd_count = count;
    *done = (size_t)got;
    return SMEW_OK;
}

enum smew_status smew__packet_peek(int fd, uint8_t *first)
{
    uint8_t byte;
    ssize_t got;

    do {
        got = SMEW__SYS(recv(fd, &byte, sizeof byte, MSG_PEEK));
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return smew__os_status(errno);
    if (got == 0)
        return SMEW_RESET;
    *first = byte;
    return SMEW_OK;
}
