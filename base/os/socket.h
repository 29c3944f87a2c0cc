/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_SOCKET_H
#define SMEW_BASE_OS_SOCKET_H

/*
 * Unix stream sockets: non-blocking, close-on-exec, never SIGPIPE.  A path that does not fit
 * sun_path is refused with PATH_TOO_LONG, never cut.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <smew/status.h>

/*
 * Binds and listens with mode 0600.  EXISTS when a living socket has the path (it answers a
 * connect); a dead one is replaced.
 */
enum smew_status smew__socket_listen(const char *path, int backlog, int *fd,
                                     struct smew_error *error);
/* NOT_FOUND, RESET (refused), AGAIN (backlog full), PATH_TOO_LONG, NO_FDS, PERMISSION. */
enum smew_status smew__socket_connect(const char *path, int *fd, struct smew_error *error);
enum smew_status smew__socket_accept(int listening, int *fd); /* AGAIN, NO_FDS */
enum smew_status smew__socket_pair(int fds[2]);
/* Ends the connection for both sides, even where a forked child holds a copy of the fd. */
void smew__socket_shutdown(int fd);
/* SO_PEERCRED. */
enum smew_status smew__socket_peer(int fd, int64_t *pid, int64_t *uid);

/* OK with *done > 0, AGAIN, RESET. */
enum smew_status smew__socket_send(int fd, const struct iovec *parts, size_t count, size_t *done);
/* How many bytes could be received at once; 0 also when it cannot be told. */
size_t smew__socket_available(int fd);
/* OK with *done > 0, AGAIN, RESET (end of file included). */
enum smew_status smew__socket_receive(int fd, void *data, size_t size, size_t *done);

#endif
