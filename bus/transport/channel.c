/* SPDX-License-Identifier: MIT */
/*
 * Channels with deadlines: what a program that has no event loop of its own calls.
 *
 * Each call tries the operation, waits on the channel's interest (shm-posix: on its semaphore)
 * until it is ready or the deadline passes, and tries again.  A send also pushes out what it
 * buffered, as far as it goes, since a caller that waits for an answer next would wait for ever
 * otherwise; a receive does the same each time that it wakes.
 *
 * One fd stands for both directions, so it may be ready because of work that the present call may
 * not do: frames to receive, while it waits for room.  Such a wake makes no progress, and rather
 * than spin the call looks again in a millisecond.
 *
 * Failures are the transport's own (RESET, CORRUPT, VERSION, TOO_BIG, ...), TIMEOUT, and IO when
 * waiting itself is refused.
 */

#include <smew/transport.h>

#include <poll.h>

#include "base/clock.h"
#include "base/os/fd.h"
#include "base/os/socket.h"
#include "base/status.h"
#include "bus/transport/builtin.h"
#include "bus/transport/stream.h"

/* One call's waiting. */
struct wait {
    uint64_t deadline_ns;
    uint32_t wakes;
};

static struct wait wait_until(uint32_t timeout_ms)
{
    return (struct wait){.deadline_ns = smew__deadline_ns(timeout_ms)};
}

static enum smew_status wait_a_moment(const struct wait *wait)
{
    uint64_t soon_ns = smew_now_ns() + SMEW_NS_PER_MS;
    bool last = soon_ns >= wait->deadline_ns;
    /* Of no fd nothing is ever ready: this is the wait alone. */
    enum smew_status status = smew__fd_wait(-1, 0, last ? wait->deadline_ns : soon_ns);

    return status == SMEW_TIMEOUT && !last ? SMEW_OK : status;
}

/* OK when it is worth trying again; TIMEOUT when the deadline passed, even if bytes still move. */
static enum smew_status wait_for(struct wait *wait, const struct smew_channel *channel,
                                 short wanted)
{
    struct smew_interest interest = channel->ops->interest(channel);
    short events = (short)(interest.events & wanted);
    enum smew_status status = SMEW_OK;

    if (smew__shm_waits_otherwise(channel))
        events &= (short)~POLLOUT;
    if (wait->wakes > 0 && smew_now_ns() >= wait->deadline_ns)
        return SMEW_TIMEOUT;
    if (wait->wakes > 0 && events == 0)
        status = wait_a_moment(wait);
    if (status == SMEW_OK)
        status = smew__shm_wait(channel, wait->deadline_ns);
    if (status == SMEW_UNSUPPORTED)
        status =
            smew__fd_wait(interest.fd, events != 0 ? events : interest.events, wait->deadline_ns);
    wait->wakes++;
    return status;
}

enum smew_status smew_channel_send(struct smew_channel *channel, const void *data, size_t size,
                                   uint32_t timeout_ms)
{
    struct smew_bytes part = {data, size};
    struct wait wait = wait_until(timeout_ms);
    enum smew_status status;

    if (channel == NULL || (data == NULL && size > 0))
        return SMEW_INVALID;
    while ((status = channel->ops->try_send(channel, &part, 1)) == SMEW_AGAIN) {
        status = wait_for(&wait, channel, POLLOUT);
        if (status != SMEW_OK)
            return status;
    }
    if (status != SMEW_OK)
        return status;
    status = channel->ops->flush(channel);
    return status == SMEW_AGAIN ? SMEW_OK : status;
}

enum smew_status smew_channel_receive(struct smew_channel *channel, struct smew_bytes *frame,
                                      uint32_t timeout_ms)
{
    struct wait wait = wait_until(timeout_ms);
    enum smew_status status;

    if (channel == NULL || frame == NULL)
        return SMEW_INVALID;
    while ((status = channel->ops->try_receive(channel, frame)) == SMEW_AGAIN) {
        /* What a broken flush means, the next try_receive says after the frames that arrived. */
        if (channel->ops->flush(channel) == SMEW_AGAIN)
            status = wait_for(&wait, channel, POLLIN | POLLOUT);
        else
            status = wait_for(&wait, channel, POLLIN);
        if (status != SMEW_OK)
            return status;
    }
    return status;
}

enum smew_status smew_channel_flush(struct smew_channel *channel, uint32_t timeout_ms)
{
    struct wait wait = wait_until(timeout_ms);
    enum smew_status status;

    if (channel == NULL)
        return SMEW_INVALID;
    while ((status = channel->ops->flush(channel)) == SMEW_AGAIN) {
        status = wait_for(&wait, channel, POLLOUT);
        if (status != SMEW_OK)
            return status;
    }
    return status;
}

void smew_channel_close(struct smew_channel *channel)
{
    if (channel != NULL)
        channel->ops->close(channel);
}

enum smew_status smew_channel_pair(struct smew_channel *ends[2], struct smew_error *error)
{
    struct smew_channel *made[2] = {NULL, NULL};
    int fds[2] = {-1, -1};
    enum smew_status status;

    if (ends == NULL)
        return smew__fail(error, SMEW_INVALID, "smew_channel_pair needs room for two ends");
    status = smew__stream_channel_create(SMEW_FRAME_MAX, &made[0]);
    if (status == SMEW_OK)
        status = smew__stream_channel_create(SMEW_FRAME_MAX, &made[1]);
    if (status == SMEW_OK)
        status = smew__socket_pair(fds);
    if (status != SMEW_OK) {
        smew_channel_close(made[0]);
        smew_channel_close(made[1]);
        return smew__fail(error, status, "cannot make a pair of channels: %s",
                          smew_status_text(status));
    }
    for (int i = 0; i < 2; i++) {
        smew__stream_channel_start(made[i], fds[i]);
        ends[i] = made[i];
    }
    return SMEW_OK;
}
