/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_PACKET_H
#define SMEW_BASE_OS_PACKET_H

/*
 * Unix seqpacket sockets: datagrams that arrive whole and in order, with file descriptors in them,
 * and an end that the kernel tells when the other process dies.  Non-blocking, close-on-exec, never
 * SIGPIPE.  Paths are treated as in socket.h.
 */

#include <stddef.h>
#include <stdint.h>

#include <smew/status.h>

enum { SMEW__PACKET_FDS_MAX = 4 };

enum smew_status smew__packet_listen(const char *path, int backlog, int *fd,
                                     struct smew_error *error);
enum smew_status smew__packet_reap(const char *path); /* as smew__address_reap */
enum smew_status smew__packet_connect(const char *path, int *fd, struct smew_error *error);
enum smew_status smew__packet_pair(int fds[2]);

/* OK, AGAIN (the other side's queue is full), RESET, NO_FDS (too many in flight). */
enum smew_status smew__packet_send(int fd, const void *data, size_t size, const int *fds,
                                   size_t fd_count);
/*
 * The next datagram.  *fd_count is how many of SMEW__PACKET_FDS_MAX came with it; they are the
 * caller's, close-on-exec.  AGAIN, RESET (end of file included), CORRUPT (longer than `size`, or
 * more fds than may be: none are kept), NO_FDS (this process has no room for those that came; the
 * datagram stays, and comes again).
 */
enum smew_status smew__packet_receive(int fd, void *data, size_t size, size_t *done, int *fds,
                                      size_t *fd_count);
/* The first byte of the next datagram, which stays where it is.  AGAIN, RESET as above. */
enum smew_status smew__packet_peek(int fd, uint8_t *first);
/* Accepting, peer credentials and shutdown are those of socket.h. */

#endif
