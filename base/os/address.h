/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_ADDRESS_H
#define SMEW_BASE_OS_ADDRESS_H

/*
 * Unix sockets that are found by a path: who may have the path, and how a new one gets it.  The
 * same for streams (socket.h) and for packets (packet.h); `type` is SOCK_STREAM or SOCK_SEQPACKET.
 * All are non-blocking and close-on-exec.  A path that does not fit sun_path is refused with
 * PATH_TOO_LONG, never cut.
 */

#include <smew/status.h>

/*
 * Binds and listens with mode 0600.  EXISTS when a living socket of any type has the path (it
 * answers a connect); a dead one is replaced.
 */
enum smew_status smew__address_listen(const char *path, int type, int backlog, int *fd,
                                      struct smew_error *error);
/*
 * NOT_FOUND, RESET (refused), AGAIN (backlog full), PATH_TOO_LONG, NO_FDS, PERMISSION, IO (a socket
 * of another type listens there).
 */
enum smew_status smew__address_connect(const char *path, int type, int *fd,
                                       struct smew_error *error);
/*
 * Removes the socket that a crash left at the path.  OK: it is gone now; EXISTS: somebody listens
 * there, or it is no socket.
 */
enum smew_status smew__address_reap(const char *path, int type);
/* Two that are connected and have no path. */
enum smew_status smew__address_pair(int type, int fds[2]);

#endif
