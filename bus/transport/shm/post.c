/* SPDX-License-Identifier: MIT */
/*
 * The datagrams of an end.
 *
 * Saying.  HELLO comes first; where it could not be sent at once (a new connection has room, but
 * the kernel may be out of memory) it is sent with the next call.  A bell is owed in the same way
 * when the kernel is out of memory; but where the socket is full, what fills it rings as well.
 *
 * Hearing.  The kernel keeps an end's datagrams when the end closes, but where that end had not
 * read everything, it first says once that the connection was reset; so the end of a connection is
 * what it says twice.  How many datagrams one call hears is bounded, whatever the other side sends.
 *
 * Failures: what wire.h does not allow is CORRUPT, another version VERSION, each with a line in the
 * log, and the end stops.  Fds that came with a refused datagram are closed.
 */
#include "bus/transport/shm/end.h"

#include <poll.h>
#include <string.h>

#include "base/os/fd.h"
#include "base/os/packet.h"
#include "base/os/socket.h"
#include "diagnostics/log.h"

enum { HEAR_MAX = 64 };

/* ---- saying -------------------------------------------------------------------------- */

static enum smew_status send_datagram(struct smew__shm_end *end,
                                      const struct smew__shm_datagram *datagram, const int *fds,
                                      size_t fd_count)
{
    uint8_t bytes[SMEW__SHM_DATAGRAM_MAX];
    size_t size = smew__shm_encode(datagram, bytes);
    enum smew_status status;

    if (datagram->type == SMEW__SHM_FRAME && datagram->frame_size > 0) {
        memcpy(bytes + size, datagram->frame, datagram->frame_size);
        size += datagram->frame_size;
    }
    status = smew__packet_send(end->fd, bytes, size, fds, fd_count);
    if (status == SMEW_RESET)
        smew__shm_stop_sending(end);
    return status;
}

static enum smew_status say_hello(struct smew__shm_end *end)
{
    struct smew__shm_datagram hello = {.type = end->kind->hello,
                                       .frame_max = end->channel.frame_max};
    int fds[2];
    size_t fd_count = end->kind->present(end, &hello, fds);
    enum smew_status status = send_datagram(end, &hello, fds, fd_count);

    if (status != SMEW_OK)
        return status;
    end->kind->presented(end);
    /* Release: pairs with smew__channel_ring(), which sends only behind it. */
    smew__flag_set(&end->greeted);
    return SMEW_OK;
}

static bool has_greeted(const struct smew__shm_end *end)
{
    return smew__flag_get(&end->greeted);
}

enum smew_status smew__shm_settle(struct smew__shm_end *end)
{
    const struct smew__shm_datagram bell = {.type = SMEW__SHM_BELL};
    enum smew_status status = end->sending;

    if (status == SMEW_OK && !has_greeted(end))
        status = say_hello(end);
    if (status == SMEW_OK && end->owes_bell) {
        status = send_datagram(end, &bell, NULL, 0);
        if (status == SMEW_AGAIN && smew__fd_wait(end->fd, POLLOUT, 0) == SMEW_TIMEOUT)
            status = SMEW_OK; /* full */
        end->owes_bell = status != SMEW_OK;
        end->kind->wake(end);
    }
    return status;
}

bool smew__shm_owes(const struct smew__shm_end *end)
{
    return end->sending == SMEW_OK && (!has_greeted(end) || end->owes_bell);
}

enum smew_status smew__shm_say(struct smew__shm_end *end, const struct smew__shm_datagram *datagram,
                               const int *fds, size_t fd_count)
{
    enum smew_status status = end->sending;

    if (status == SMEW_OK && !has_greeted(end))
        status = say_hello(end);
    return status == SMEW_OK ? send_datagram(end, datagram, fds, fd_count) : status;
}

void smew__shm_bell(struct smew__shm_end *end)
{
    end->owes_bell = true;
    (void)smew__shm_settle(end); /* what it could not say now, it says later */
}

void smew__shm_ring_out(const struct smew__shm_end *end)
{
    const struct smew__shm_datagram bell = {.type = SMEW__SHM_BELL};
    uint8_t bytes[SMEW__SHM_DATAGRAM_MAX];
    size_t size = smew__shm_encode(&bell, bytes);

    (void)smew__packet_send(end->fd, bytes, size, NULL, 0);
    end->kind->wake(end);
}

/* ---- hearing ------------------------------------------------------------------------- */

static enum smew_status refuse(struct smew__shm_end *end, enum smew_status status,
                               const char *sentence)
{
    smew__log(SMEW_LOG_WARN, "refused the connection with process %lld: %s",
              (long long)end->credentials.pid, sentence);
    smew__shm_stop(end, status);
    return status;
}

/* The lane in which this end sends. */
static enum smew_status on_hello(struct smew__shm_end *end,
                                 const struct smew__shm_datagram *datagram, const int *fds)
{
    enum smew_status status = end->kind->open(end, datagram, fds);

    end->heard = true;
    if (status == SMEW_RESET) {
        smew__shm_stop_sending(end); /* what it said before it left is still to be received */
        return SMEW_OK;
    }
    if (status == SMEW_VERSION)
        return refuse(end, status, "its lane has a layout that this library does not know");
    if (status == SMEW_CORRUPT || status == SMEW_PERMISSION)
        return refuse(end, SMEW_CORRUPT, "what it shares is no lane that could be trusted");
    if (status != SMEW_OK)
        return refuse(end, SMEW_RESET, smew_status_text(status));
    if (end->out_memory.lane != 0) {
        smew__lane_memory_fini(&end->out_memory);
        return refuse(end, SMEW_CORRUPT, "what it shares is not the lane for frames");
    }
    if (datagram->frame_max < end->channel.frame_max)
        end->channel.frame_max = datagram->frame_max;
    return SMEW_OK;
}

static enum smew_status on_frame(struct smew__shm_end *end,
                                 const struct smew__shm_datagram *datagram)
{
    if (!end->early || datagram->frame_size > end->channel.frame_max)
        return SMEW_CORRUPT;
    end->held = true;
    end->frame_size = datagram->frame_size;
    return SMEW_OK;
}

static enum smew_status on_large(struct smew__shm_end *end,
                                 const struct smew__shm_datagram *datagram, int fd)
{
    if (datagram->number != end->large_heard ||
        end->large_heard - end->large_read == SMEW__SHM_LARGE_MAX) {
        smew__fd_close(&fd);
        return SMEW_CORRUPT;
    }
    end->large_fds[end->large_heard++ % SMEW__SHM_LARGE_MAX] = fd;
    return SMEW_OK;
}

/* A datagram behind HELLO: its fds are taken over. */
static enum smew_status on_datagram(struct smew__shm_end *end,
                                    const struct smew__shm_datagram *datagram, int *fds)
{
    switch (datagram->type) {
    case SMEW__SHM_FRAME:
        return on_frame(end, datagram);
    case SMEW__SHM_BELL:
        end->rung = true;
        return SMEW_OK;
    case SMEW__SHM_LARGE:
        return on_large(end, datagram, fds[0]);
    case SMEW__SHM_ASK:
        return smew__shm_heard_ask(end, datagram);
    case SMEW__SHM_GRANT:
    case SMEW__SHM_DENY:
        return smew__shm_heard_answer(end, datagram, fds);
    case SMEW__SHM_HELLO:
    case SMEW__SHM_NAMES:
        break;
    }
    for (size_t i = 0; datagram->type == SMEW__SHM_HELLO && i < 2; i++)
        smew__fd_close(&fds[i]); /* a second one */
    return SMEW_CORRUPT;
}

static void close_all(int *fds, size_t count)
{
    while (count > 0)
        smew__fd_close(&fds[--count]);
}

/* Judges the datagram that lies in `datagram`: OK, or final. */
static enum smew_status judge(struct smew__shm_end *end, size_t size, int *fds, size_t fd_count)
{
    char sentence[SMEW_ERROR_TEXT_SIZE];
    struct smew__shm_datagram datagram;
    enum smew_status status = smew__shm_parse(end->datagram, size, fd_count, &datagram);

    if (status != SMEW_OK) {
        close_all(fds, fd_count);
        if (end->heard)
            return refuse(end, status, "it says what no shm connection says");
        smew__shm_refusal(end->datagram, size, sentence, sizeof(sentence));
        return refuse(end, status, sentence);
    }
    if (!end->heard && datagram.type != end->kind->hello) {
        close_all(fds, fd_count);
        return refuse(end, SMEW_CORRUPT, "it does not begin with the HELLO of this scheme");
    }
    if (!end->heard)
        return on_hello(end, &datagram, fds);
    status = on_datagram(end, &datagram, fds);
    return status == SMEW_OK ? SMEW_OK : refuse(end, status, "it says what nobody asked for");
}

/* The next datagram, into `datagram`: OK, AGAIN (none, or no more for ever), NO_FDS, final. */
static enum smew_status next_datagram(struct smew__shm_end *end, size_t *size, int *fds,
                                      size_t *fd_count)
{
    enum smew_status status =
        smew__packet_receive(end->fd, end->datagram, sizeof(end->datagram), size, fds, fd_count);

    if (status == SMEW_RESET) /* perhaps only the announcement of it */
        status = smew__packet_receive(end->fd, end->datagram, sizeof(end->datagram), size, fds,
                                      fd_count);
    if (status == SMEW_RESET) {
        end->gone = true;
        return SMEW_AGAIN;
    }
    if (status == SMEW_CORRUPT)
        return refuse(end, status, "it says what no shm connection says");
    return status;
}

static enum smew_status hear_one(struct smew__shm_end *end)
{
    int fds[SMEW__PACKET_FDS_MAX];
    size_t fd_count = 0;
    size_t size = 0;
    enum smew_status status;

    if (end->receiving != SMEW_OK)
        return end->receiving;
    if (end->held)
        return SMEW_OK;
    if (end->gone)
        return SMEW_AGAIN;
    status = next_datagram(end, &size, fds, &fd_count);
    return status == SMEW_OK ? judge(end, size, fds, fd_count) : status;
}

enum smew_status smew__shm_hear(struct smew__shm_end *end)
{
    enum smew_status status = SMEW_OK;

    for (int i = 0; i < HEAR_MAX && status == SMEW_OK && !end->held; i++)
        status = hear_one(end);
    return status;
}

enum smew_status smew__shm_hear_early(struct smew__shm_end *end)
{
    enum smew_status status = SMEW_OK;
    uint8_t type = 0;

    for (int i = 0; i < HEAR_MAX && status == SMEW_OK && !end->held; i++) {
        if (smew__packet_peek(end->fd, &type) == SMEW_OK && type == SMEW__SHM_BELL)
            return SMEW_AGAIN;
        status = hear_one(end);
    }
    return status;
}

bool smew__shm_hear_bells(struct smew__shm_end *end)
{
    bool rung = false;
    uint8_t type = 0;

    for (int i = 0; i < HEAR_MAX && end->receiving == SMEW_OK; i++) {
        if (smew__packet_peek(end->fd, &type) != SMEW_OK || type != SMEW__SHM_BELL ||
            hear_one(end) != SMEW_OK)
            break;
        rung = true;
    }
    return rung;
}

enum smew_status smew__shm_hear_hello(struct smew__shm_end *end)
{
    return end->heard ? SMEW_OK : hear_one(end);
}
