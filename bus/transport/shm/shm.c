/* SPDX-License-Identifier: MIT */
/*
 * The transport `shm`: shared memory between processes of one user on one computer.  The ends meet
 * at a seqpacket socket below the bus's directory (local.c); what an end is says end.h.
 */

#include "bus/transport/builtin.h"

#include "base/os/packet.h"
#include "bus/transport/local.h"
#include "bus/transport/shm/end.h"

static enum smew_status create(uint32_t frame_max, struct smew_channel **channel)
{
    return smew__shm_end_create(&smew__shm_memfd, frame_max, channel);
}

static const struct smew__local_scheme scheme = {
    .name = "shm",
    .listen = smew__packet_listen,
    .connect = smew__packet_connect,
    .create = create,
    .start = smew__shm_end_start,
};

static enum smew_status shm_listen(const struct smew_endpoint *endpoint,
                                   struct smew_listener **listener, struct smew_error *error)
{
    return smew__local_listen(&scheme, endpoint, listener, error);
}

static enum smew_status shm_dial(const struct smew_endpoint *endpoint,
                                 struct smew_channel **channel, struct smew_error *error)
{
    return smew__local_dial(&scheme, endpoint, channel, error);
}

const struct smew_transport_ops smew__transport_shm = {
    .scheme = "shm",
    .flags = SMEW_TRANSPORT_LANES,
    .listen = shm_listen,
    .dial = shm_dial,
};
