/* SPDX-License-Identifier: MIT */
/*
 * The transport `pipe`: Unix stream sockets below the bus's directory (local.c); what goes over a
 * connection is stream.c's.
 */

#include "bus/transport/builtin.h"

#include "base/os/socket.h"
#include "bus/transport/local.h"
#include "bus/transport/stream.h"

static enum smew_status start(struct smew_channel *channel, int fd)
{
    smew__stream_channel_start(channel, fd);
    return SMEW_OK;
}

static const struct smew__local_scheme scheme = {
    .name = "pipe",
    .listen = smew__socket_listen,
    .connect = smew__socket_connect,
    .create = smew__stream_channel_create,
    .start = start,
};

static enum smew_status pipe_listen(const struct smew_endpoint *endpoint,
                                    struct smew_listener **listener, struct smew_error *error)
{
    return smew__local_listen(&scheme, endpoint, listener, error);
}

static enum smew_status pipe_dial(const struct smew_endpoint *endpoint,
                                  struct smew_channel **channel, struct smew_error *error)
{
    return smew__local_dial(&scheme, endpoint, channel, error);
}

const struct smew_transport_ops smew__transport_pipe = {
    .scheme = "pipe",
    .flags = 0,
    .listen = pipe_listen,
    .dial = pipe_dial,
};
