/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_TRANSPORT_LOCAL_H
#define SMEW_BUS_TRANSPORT_LOCAL_H

/*
 * Schemes whose ends meet at a Unix socket below the bus's directory: how they listen, dial and
 * accept.  What kind of socket it is, and what goes over it, is the scheme's own.
 */

#include <smew/transport.h>

struct smew__local_scheme {
    const char *name; /* "pipe", for sentences */
    /* base/os/socket.h or base/os/packet.h */
    enum smew_status (*listen)(const char *path, int backlog, int *fd, struct smew_error *error);
    enum smew_status (*connect)(const char *path, int *fd, struct smew_error *error);
    /*
     * A channel in two steps, so that whoever accepts or connects has everything that can fail
     * behind him before there is a connection to lose: first without a socket, when close is all
     * that may be done with it; then start() takes over a connected, non-blocking one.
     */
    enum smew_status (*create)(uint32_t frame_max, struct smew_channel **channel);
    /* Not OK: there will be nothing to do with this connection; the caller closes the channel. */
    enum smew_status (*start)(struct smew_channel *channel, int fd);
};

/* `smew_transport_ops`' functions for such a scheme; `scheme` is static. */
enum smew_status smew__local_listen(const struct smew__local_scheme *scheme,
                                    const struct smew_endpoint *endpoint,
                                    struct smew_listener **listener, struct smew_error *error);
enum smew_status smew__local_dial(const struct smew__local_scheme *scheme,
                                  const struct smew_endpoint *endpoint,
                                  struct smew_channel **channel, struct smew_error *error);

#endif
