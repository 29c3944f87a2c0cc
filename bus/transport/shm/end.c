/* SPDX-License-Identifier: MIT */
/*
 * The life of an end.
 *
 * Happy path: made with its lane; started on a socket, where it says HELLO; used; closed.  Closing
 * says so in both lanes, then shuts the socket down, which ends the connection even where a forked
 * child holds a copy of it; what the other end has not read yet stays in its own memory.
 *
 * Failures: an end that stopped (the other end is gone, or not to be believed) shuts its socket
 * down, too, so that its fd is ready for ever and the other end hears of it.  A forked child only
 * gives back its copies: the lanes are its parent's.
 */
#include "bus/transport/shm/end.h"

#include <poll.h>

#include "base/alloc.h"
#include "base/os/fd.h"
#include "base/os/process.h"
#include "base/os/socket.h"
#include "bus/transport/owner.h"
#include "diagnostics/log.h"

bool smew__shm_ours(const struct smew__shm_end *end)
{
    return smew__token_is_ours(end->token);
}

bool smew__shm_is_over(const struct smew__shm_end *end)
{
    return end->gone || end->receiving != SMEW_OK;
}

void smew__shm_stop_sending(struct smew__shm_end *end)
{
    end->sending = SMEW_RESET;
    end->wish = SMEW__SHM_NOTHING;
}

void smew__shm_stop(struct smew__shm_end *end, enum smew_status status)
{
    if (end->receiving != SMEW_OK)
        return;
    end->receiving = status;
    smew__shm_stop_sending(end);
    smew__socket_shutdown(end->fd);
}

static bool can_send(const struct smew__shm_end *end)
{
    return smew__shm_owes(end) || end->wish == SMEW__SHM_SOCKET || smew__shm_wish_fulfilled(end);
}

/*
 * Beside what comes in, the fd is ready for what is there already but not in the socket: a frame
 * that was heard or whose bell was taken with something else, room that somebody waits for, an
 * answer for the bus; and for sending what could not be sent.
 */
static bool has_work(const struct smew__shm_end *end)
{
    if (end->held || end->taken || end->rung)
        return true;
    if (end->has_bus && (end->asked_count > 0 || end->answer_count > 0))
        return true;
    return can_send(end);
}

static struct smew_interest shm_interest(const struct smew_channel *channel)
{
    const struct smew__shm_end *end = (const struct smew__shm_end *)(const void *)channel;
    bool writing = end->receiving == SMEW_OK && has_work(end);

    return (struct smew_interest){end->fd, (short)(writing ? POLLIN | POLLOUT : POLLIN)};
}

static struct smew_peer_credentials shm_credentials(const struct smew_channel *channel)
{
    return ((const struct smew__shm_end *)(const void *)channel)->credentials;
}

static void shm_close(struct smew_channel *channel)
{
    struct smew__shm_end *end = smew__shm_end_of(channel);

    if (smew__shm_ours(end)) {
        if (end->writing)
            smew__lane_writer_end(&end->out);
        if (end->reading)
            smew__lane_reader_close(&end->in, SMEW__LANE_CLOSED);
        if (end->fd >= 0)
            smew__socket_shutdown(end->fd);
        end->kind->wake(end);
    }
    smew__fd_close(&end->fd);
    smew__shm_receive_fini(end);
    smew__shm_lanes_fini(end);
    if (end->writing)
        smew__lane_writer_fini(&end->out);
    if (end->reading)
        smew__lane_reader_fini(&end->in);
    smew__lane_memory_fini(&end->out_memory);
    smew__lane_memory_fini(&end->in_memory);
    end->kind->fini(end);
    smew__free(end);
}

const struct smew_channel_ops smew__shm_ops = {
    .try_send = smew__shm_try_send,
    .flush = smew__shm_flush,
    .try_receive = smew__shm_try_receive,
    .interest = shm_interest,
    .credentials = shm_credentials,
    .close = shm_close,
};

bool smew__shm_waits_otherwise(const struct smew_channel *channel)
{
    return channel->ops == &smew__shm_ops &&
           !can_send((const struct smew__shm_end *)(const void *)channel);
}

enum smew_status smew__shm_wait(const struct smew_channel *channel, uint64_t deadline_ns)
{
    const struct smew__shm_end *end = (const struct smew__shm_end *)(const void *)channel;

    if (channel->ops != &smew__shm_ops)
        return SMEW_UNSUPPORTED;
    return end->kind->wait(end, deadline_ns);
}

enum smew_status smew__shm_end_create(const struct smew__shm_kind *kind, uint32_t frame_max,
                                      struct smew_channel **channel)
{
    const struct smew__lane_spec spec = {.ring_bytes = SMEW__SHM_RING_BYTES,
                                         .window = SMEW__SHM_WINDOW};
    struct smew__shm_end *end = smew__calloc(1, sizeof(*end));
    enum smew_status status;

    if (end == NULL)
        return SMEW_NO_MEMORY;
    end->channel.ops = &smew__shm_ops;
    end->channel.frame_max = frame_max;
    end->token = smew__process_token();
    end->kind = kind;
    end->fd = -1;
    end->credentials = (struct smew_peer_credentials){-1, -1};
    end->early = true;
    end->gives_lanes = kind == &smew__shm_memfd;
    status = kind->make(end, &spec);
    if (status == SMEW_OK) {
        status = smew__lane_reader_init(&end->in, &end->in_memory);
        end->reading = status == SMEW_OK;
    }
    if (status == SMEW_OK)
        (void)smew__lane_reader_arm(&end->in); /* there is nothing in it yet */
    if (status != SMEW_OK) {
        shm_close(&end->channel);
        return status;
    }
    *channel = &end->channel;
    return SMEW_OK;
}

enum smew_status smew__shm_end_start(struct smew_channel *channel, int fd)
{
    struct smew__shm_end *end = smew__shm_end_of(channel);
    struct smew_peer_credentials peer;
    enum smew_status status = smew__socket_peer(fd, &peer.pid, &peer.uid);

    end->fd = fd;
    if (status != SMEW_OK)
        return status;
    end->credentials = peer;
    if (peer.uid != smew__process_user()) {
        smew__log(SMEW_LOG_WARN, "refused the connection with process %lld of user %lld",
                  (long long)peer.pid, (long long)peer.uid);
        return SMEW_PERMISSION;
    }
    /* What is left unsaid is said with the first operation, which also tells what is wrong. */
    (void)smew__shm_settle(end);
    return SMEW_OK;
}
