/* SPDX-License-Identifier: MIT */
/*
 * A connection within one process: two queues of frames, a mutex, and an eventfd for each end.
 *
 *        end 0                          end 1
 *     try_send ───────────────────►  queue, eventfd ──► try_receive
 *     try_receive ◄── queue, eventfd  ◄──────────────── try_send
 *
 * A send copies its parts into a frame of its own and hangs that into the other end's queue; a
 * receive takes it out and keeps it until the next call.  A queue has room below QUEUE_FRAMES
 * frames and QUEUE_BYTES bytes, so it holds one frame more than the limit at most.
 *
 * An end's eventfd is readable when there is something for it to do: a frame to take, a peer that
 * is gone, or room again after a send was told AGAIN.  Becoming ready is signalled at once;
 * becoming idle is noted when an operation answers AGAIN, which a caller sees before it waits, so
 * that a burst costs two system calls and not two a frame.  The wish for room is remembered until
 * the next try_send; a caller that flushes twice without trying again has given up.
 *
 * Failures: RESET when the other end is closed (after its frames), FORKED in a child, which must
 * not touch a mutex that may have been locked when it was made, TOO_BIG, NO_MEMORY.
 */

#include "bus/transport/inproc/link.h"

#include <poll.h>
#include <string.h>

#include "base/alloc.h"
#include "base/os/fd.h"
#include "base/os/process.h"
#include "base/os/thread.h"
#include "bus/transport/owner.h"

enum { QUEUE_FRAMES = 1024, QUEUE_BYTES = 4 * 1024 * 1024 };

struct frame {
    struct frame *next;
    size_t size;
    uint8_t data[];
};

enum wish {
    WISH_NONE,
    WISH_ROOM,    /* try_send said AGAIN */
    WISH_FLUSHED, /* and the caller has flushed since, with room there */
};

struct link;

/* Everything from `first` on is under the link's mutex. */
struct end {
    struct smew_channel channel;
    struct link *link;
    struct end *peer;
    struct frame *given; /* what try_receive gave last */
    int event_fd;
    struct frame *first; /* what the peer sent */
    struct frame **last;
    size_t count;
    size_t bytes;
    enum wish wish;
    bool signalled; /* the eventfd is readable */
    bool closed;
};

struct link {
    struct smew__mutex mutex;
    uint64_t token; /* of the process that may use it */
    struct end ends[2];
};

static struct end *end_of(struct smew_channel *channel)
{
    return (struct end *)(void *)channel;
}

static bool has_room(const struct end *end)
{
    return end->count < QUEUE_FRAMES && end->bytes < QUEUE_BYTES;
}

static bool is_ready(const struct end *end)
{
    return end->first != NULL || end->peer->closed ||
           (end->wish != WISH_NONE && has_room(end->peer));
}

/* Makes the eventfd say the truth.  With the mutex held. */
static void settle(struct end *end)
{
    bool ready = is_ready(end);

    if (end->closed || ready == end->signalled)
        return;
    if (ready)
        smew__eventfd_signal(end->event_fd);
    else
        smew__eventfd_drain(end->event_fd);
    end->signalled = ready;
}

static void free_frames(struct frame *frame)
{
    while (frame != NULL) {
        struct frame *next = frame->next;

        smew__free(frame);
        frame = next;
    }
}

static enum smew_status measure(const struct end *end, const struct smew_bytes *parts, size_t count,
                                size_t *total)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > end->channel.frame_max - sum)
            return SMEW_TOO_BIG;
        sum += parts[i].size;
    }
    *total = sum;
    return SMEW_OK;
}

static struct frame *gather(const struct smew_bytes *parts, size_t count, size_t total)
{
    struct frame *frame = smew__alloc(sizeof(*frame) + total);
    uint8_t *at;

    if (frame == NULL)
        return NULL;
    frame->next = NULL;
    frame->size = total;
    at = frame->data;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > 0)
            memcpy(at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
    return frame;
}

/* Room there is stays until this end sends: the peer only takes. */
static enum smew_status ask_for_room(struct end *end)
{
    enum smew_status status = SMEW_OK;

    smew__mutex_lock(&end->link->mutex);
    if (end->peer->closed) {
        status = SMEW_RESET;
    } else if (!has_room(end->peer)) {
        end->wish = WISH_ROOM;
        settle(end);
        status = SMEW_AGAIN;
    }
    smew__mutex_unlock(&end->link->mutex);
    return status;
}

/* Hangs the frame into the peer's queue; false when the peer has closed meanwhile. */
static bool push(struct end *end, struct frame *frame)
{
    struct end *peer = end->peer;
    bool open;

    smew__mutex_lock(&end->link->mutex);
    open = !peer->closed;
    if (open) {
        *peer->last = frame;
        peer->last = &frame->next;
        peer->count++;
        peer->bytes += frame->size;
        settle(peer);
        if (end->wish != WISH_NONE) {
            end->wish = WISH_NONE;
            settle(end);
        }
    }
    smew__mutex_unlock(&end->link->mutex);
    return open;
}

static enum smew_status link_try_send(struct smew_channel *channel, const struct smew_bytes *parts,
                                      size_t count)
{
    struct end *end = end_of(channel);
    struct frame *frame;
    size_t total;
    enum smew_status status;

    if (!smew__token_is_ours(end->link->token))
        return SMEW_FORKED;
    status = measure(end, parts, count, &total);
    if (status == SMEW_OK)
        status = ask_for_room(end);
    if (status != SMEW_OK)
        return status;
    frame = gather(parts, count, total);
    if (frame == NULL)
        return SMEW_NO_MEMORY;
    if (push(end, frame))
        return SMEW_OK;
    smew__free(frame);
    return SMEW_RESET;
}

static enum smew_status link_flush(struct smew_channel *channel)
{
    struct end *end = end_of(channel);
    enum smew_status status;

    if (!smew__token_is_ours(end->link->token))
        return SMEW_FORKED;
    smew__mutex_lock(&end->link->mutex);
    if (end->wish != WISH_NONE && has_room(end->peer)) {
        end->wish = end->wish == WISH_ROOM ? WISH_FLUSHED : WISH_NONE;
        settle(end);
    }
    status = end->peer->closed ? SMEW_RESET : SMEW_OK;
    smew__mutex_unlock(&end->link->mutex);
    return status;
}

/* The first frame of the queue, or NULL.  With the mutex held. */
static struct frame *take(struct end *end)
{
    struct frame *frame = end->first;

    if (frame == NULL)
        return NULL;
    end->first = frame->next;
    if (end->first == NULL)
        end->last = &end->first;
    end->count--;
    end->bytes -= frame->size;
    frame->next = NULL;
    if (end->peer->wish != WISH_NONE)
        settle(end->peer);
    return frame;
}

static enum smew_status link_try_receive(struct smew_channel *channel, struct smew_bytes *frame)
{
    struct end *end = end_of(channel);
    enum smew_status status = SMEW_OK;

    if (!smew__token_is_ours(end->link->token))
        return SMEW_FORKED;
    smew__free(end->given);
    smew__mutex_lock(&end->link->mutex);
    end->given = take(end);
    if (end->given == NULL) {
        status = end->peer->closed ? SMEW_RESET : SMEW_AGAIN;
        settle(end);
    }
    smew__mutex_unlock(&end->link->mutex);
    if (status == SMEW_OK)
        *frame = (struct smew_bytes){end->given->data, end->given->size};
    return status;
}

static struct smew_interest link_interest(const struct smew_channel *channel)
{
    const struct end *end = (const struct end *)(const void *)channel;

    return (struct smew_interest){end->event_fd, POLLIN};
}

static struct smew_peer_credentials link_credentials(const struct smew_channel *channel)
{
    struct smew__process self;

    (void)channel;
    if (smew__process_self(&self) != SMEW_OK)
        return (struct smew_peer_credentials){-1, -1};
    return (struct smew_peer_credentials){self.pid, -1};
}

static void link_free(struct link *link)
{
    smew__mutex_fini(&link->mutex);
    smew__free(link);
}

/*
 * The other end may free the link as soon as the mutex is given back, so what is this end's own
 * is carried out of it before.  A forked child gives back its fd and leaves the memory, whose
 * mutex it cannot trust.
 */
static void link_close(struct smew_channel *channel)
{
    struct end *end = end_of(channel);
    struct link *link = end->link;
    int event_fd = end->event_fd;
    struct frame *given = end->given;
    struct frame *frames;
    bool last;

    if (!smew__token_is_ours(link->token)) {
        smew__fd_close(&end->event_fd);
        return;
    }
    smew__mutex_lock(&link->mutex);
    end->closed = true;
    frames = end->first;
    end->first = NULL;
    last = end->peer->closed;
    settle(end->peer);
    smew__mutex_unlock(&link->mutex);
    free_frames(frames);
    smew__free(given);
    smew__fd_close(&event_fd);
    if (last)
        link_free(link);
}

static const struct smew_channel_ops link_ops = {
    .try_send = link_try_send,
    .flush = link_flush,
    .try_receive = link_try_receive,
    .interest = link_interest,
    .credentials = link_credentials,
    .close = link_close,
};

static enum smew_status end_init(struct link *link, struct end *end, struct end *peer,
                                 uint32_t frame_max)
{
    end->channel.ops = &link_ops;
    end->channel.frame_max = frame_max;
    end->link = link;
    end->peer = peer;
    end->last = &end->first;
    return smew__eventfd_open(&end->event_fd);
}

enum smew_status smew__link_open(uint32_t frame_max, struct smew_channel *ends[2])
{
    struct link *link = smew__calloc(1, sizeof(*link));
    enum smew_status status;

    if (link == NULL)
        return SMEW_NO_MEMORY;
    link->token = smew__process_token();
    link->ends[0].event_fd = -1;
    link->ends[1].event_fd = -1;
    status = smew__mutex_init(&link->mutex);
    if (status != SMEW_OK) {
        smew__free(link);
        return status;
    }
    status = end_init(link, &link->ends[0], &link->ends[1], frame_max);
    if (status == SMEW_OK)
        status = end_init(link, &link->ends[1], &link->ends[0], frame_max);
    if (status != SMEW_OK) {
        smew__fd_close(&link->ends[0].event_fd);
        link_free(link);
        return status;
    }
    ends[0] = &link->ends[0].channel;
    ends[1] = &link->ends[1].channel;
    return SMEW_OK;
}
