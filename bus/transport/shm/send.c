/* SPDX-License-Identifier: MIT */
/*
 * Frames out.
 *
 * Happy path: a frame becomes one record in `out`, committed when try_send returns: from then on
 * it is the other's, whatever becomes of this process.  flush() rings, if the other sleeps.
 *
 * Before the other's HELLO has come there is no `out`.  Small frames go as datagrams then, which
 * wait in the socket even for an end that was not accepted yet; larger ones find no room.
 *
 * A frame above half the lane goes as a frozen memory: the datagram with its fd first, then the
 * record that stands for it.  A pool (bus/shm/pool.h) would spare fresh pages, and pin as many for
 * each direction of each connection as the largest frames need, for its life; what is large and
 * frequent has lanes of its own with a pool.  The kernel keeps a frozen memory until it was read,
 * whoever dies, so there is nothing to free, to reclaim or to believe.
 *
 * No room: the lane is watched, and then the other's cursors are looked at once more; the other
 * rings when it gives room back.  Until there is room for what was refused, smaller frames are
 * refused too: they could keep it out for ever.  That nobody is there any more is asked of the
 * kernel then, without hearing: bells must stay in the socket for try_receive.
 *
 * Failures: TOO_BIG, AGAIN, RESET; NO_MEMORY, NO_FDS, NO_SPACE, IO for a large frame, of which
 * nothing was sent; FORKED.
 */
#include "bus/transport/shm/end.h"

#include <string.h>

#include <poll.h>

#include "base/crc32c/crc32c.h"
#include "base/os/fd.h"
#include "diagnostics/log.h"

enum { ALIGNMENT = SMEW__RECORD_ALIGNMENT };

/* A frame on its way out. */
struct outgoing {
    const struct smew_bytes *parts;
    size_t count;
    size_t size;
};

static uint64_t record_size(uint64_t payload_size)
{
    return ALIGNMENT + (payload_size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* The sum of the parts: TOO_BIG beyond the limit, also where the sum itself would overflow. */
static enum smew_status measure(struct outgoing *frame, uint32_t frame_max)
{
    for (size_t i = 0; i < frame->count; i++) {
        if (frame->parts[i].size > frame_max - frame->size)
            return SMEW_TOO_BIG;
        frame->size += frame->parts[i].size;
    }
    return SMEW_OK;
}

/* ---- room ---------------------------------------------------------------------------- */

static enum smew_status wish(struct smew__shm_end *end, enum smew__shm_wish what)
{
    end->wish = what;
    end->flushed = false;
    return SMEW_AGAIN;
}

static void forget_wish(struct smew__shm_end *end)
{
    if (end->wish == SMEW__SHM_ROOM)
        smew__lane_writer_watch(&end->out, false);
    end->wish = SMEW__SHM_NOTHING;
}

/* The lane's answers other than OK: the other end gave a frame up, and then the connection. */
static bool on_answer(void *owner, uint64_t number, enum smew_status status)
{
    (void)number;
    (void)status;
    smew__shm_stop_sending(owner);
    return true;
}

/* What the other has completed becomes room: OK, or RESET. */
static enum smew_status collect(struct smew__shm_end *end)
{
    if (smew__lane_writer_collect(&end->out, on_answer, end) != SMEW_OK) {
        smew__log(SMEW_LOG_WARN, "process %lld claims to have read what was not sent to it",
                  (long long)end->credentials.pid);
        smew__shm_stop_sending(end);
    }
    return end->sending;
}

static bool is_hung_up(const struct smew__shm_end *end)
{
    return smew__fd_wait(end->fd, 0, 0) == SMEW_OK;
}

static size_t large_in_flight(const struct smew__shm_end *end)
{
    size_t count = 0;

    for (uint64_t i = 0; i < SMEW__SHM_LARGE_MAX && i < end->large_sent; i++)
        count += !smew__lane_writer_settled(&end->out, end->large_records[i]);
    return count;
}

static bool has_large_room(const struct smew__shm_end *end)
{
    return large_in_flight(end) < SMEW__SHM_LARGE_MAX;
}

bool smew__shm_wish_fulfilled(const struct smew__shm_end *end)
{
    const struct smew__lane_writer *out = &end->out;
    uint64_t in_flight = out->head_number - out->tail_number;
    uint64_t used = out->head_position - out->tail_position;

    switch (end->wish) {
    case SMEW__SHM_LANE:
        return end->heard;
    case SMEW__SHM_ROOM:
        /* What was completed and not collected counts as room: whoever tries will know. */
        return atomic_load_explicit(&end->out_memory.cursors->completed, memory_order_relaxed) !=
                   out->tail_number ||
               (in_flight < end->out_memory.window && (!end->wished_large || has_large_room(end)) &&
                used + record_size(end->wished) + ALIGNMENT <= end->out_memory.ring_bytes);
    case SMEW__SHM_SOCKET:
        return smew__fd_wait(end->fd, POLLOUT, 0) == SMEW_OK;
    case SMEW__SHM_NOTHING:
        break;
    }
    return false;
}

/* Room for a record: OK with *record reserved, AGAIN, RESET. */
static enum smew_status reserve(struct smew__shm_end *end, uint64_t payload_size, bool large,
                                uint8_t **record)
{
    enum smew_status status = SMEW_FULL;

    if (!large || has_large_room(end))
        status = smew__lane_writer_reserve(&end->out, payload_size, record);
    if (status != SMEW_FULL)
        return status == SMEW_OK ? SMEW_OK : SMEW_RESET;
    status = collect(end);
    if (status != SMEW_OK)
        return status;
    if (!large || has_large_room(end))
        status = smew__lane_writer_reserve(&end->out, payload_size, record);
    else
        status = SMEW_FULL;
    if (status == SMEW_FULL)
        return SMEW_AGAIN;
    return status == SMEW_OK ? SMEW_OK : SMEW_RESET;
}

static void ring(struct smew__shm_end *end)
{
    if (!end->committed)
        return;
    end->committed = false;
    if (smew__lane_writer_must_ring(&end->out))
        smew__shm_bell(end);
}

/*
 * The same, with the other told to ring when there is room.  What is reserved may be larger than
 * what is then committed: room for what was refused before is there as well.
 */
static enum smew_status find_room(struct smew__shm_end *end, uint64_t payload_size, bool large,
                                  uint8_t **record)
{
    bool wishing = end->wish == SMEW__SHM_ROOM;
    enum smew_status status;

    if (wishing && end->wished > payload_size)
        payload_size = end->wished;
    large = large || (wishing && end->wished_large);
    status = reserve(end, payload_size, large, record);
    if (status == SMEW_AGAIN) {
        ring(end);
        smew__lane_writer_watch(&end->out, true);
        status = reserve(end, payload_size, large, record);
        if (status == SMEW_AGAIN && is_hung_up(end))
            status = SMEW_RESET;
        end->wish = SMEW__SHM_ROOM;
    }
    if (status == SMEW_AGAIN) {
        end->wished = payload_size;
        end->wished_large = large;
        smew__shm_calm(end);
        return wish(end, SMEW__SHM_ROOM);
    }
    forget_wish(end);
    if (status == SMEW_RESET)
        smew__shm_stop_sending(end);
    return status;
}

/* ---- records ------------------------------------------------------------------------- */

static void commit(struct smew__shm_end *end, enum smew__shm_record event, size_t size,
                   uint32_t crc)
{
    const struct smew__record_header header = {.payload_size = (uint32_t)size,
                                               .event = (uint16_t)event,
                                               .kind = SMEW_KIND_CONTROL,
                                               .body_crc = crc};

    end->committed = true;
    (void)smew__lane_writer_commit(&end->out, &header);
}

/* Copies the parts behind the header's place and fills up; the CRC of it all. */
static uint32_t write_body(uint8_t *record, const struct outgoing *frame)
{
    static const uint8_t zeros[ALIGNMENT];
    size_t padding = (size_t)(record_size(frame->size) - ALIGNMENT) - frame->size;
    uint8_t *at = record + ALIGNMENT;
    uint32_t crc = 0;

    for (size_t i = 0; i < frame->count; i++) {
        if (frame->parts[i].size == 0)
            continue;
        crc = smew__crc32c(crc, frame->parts[i].data, frame->parts[i].size);
        memcpy(at, frame->parts[i].data, frame->parts[i].size);
        at += frame->parts[i].size;
    }
    memset(at, 0, padding);
    return smew__crc32c(crc, zeros, padding);
}

static enum smew_status send_record(struct smew__shm_end *end, const struct outgoing *frame)
{
    uint8_t *record = NULL;
    enum smew_status status = find_room(end, frame->size, false, &record);

    if (status == SMEW_OK)
        commit(end, SMEW__SHM_RECORD_FRAME, frame->size, write_body(record, frame));
    return status;
}

/* The datagram of a large frame. */
static enum smew_status post_large(struct smew__shm_end *end, const struct outgoing *frame)
{
    const struct smew__shm_datagram datagram = {.type = SMEW__SHM_LARGE, .number = end->large_sent};
    int fd = -1;
    enum smew_status status = end->kind->freeze(frame->parts, frame->count, frame->size, &fd);

    if (status == SMEW_OK)
        status = smew__shm_say(end, &datagram, &fd, 1);
    smew__fd_close(&fd);
    return status;
}

static enum smew_status send_large(struct smew__shm_end *end, const struct outgoing *frame)
{
    const struct smew__shm_large large = {end->large_sent, frame->size};
    uint8_t bytes[SMEW__SHM_LARGE_SIZE];
    const struct smew_bytes part = {bytes, sizeof(bytes)};
    const struct outgoing stand_in = {&part, 1, sizeof(bytes)};
    uint8_t *record = NULL;
    enum smew_status status = find_room(end, sizeof(bytes), true, &record);

    if (status != SMEW_OK)
        return status;
    status = post_large(end, frame);
    if (status != SMEW_OK) {
        smew__lane_writer_abort(&end->out);
        return status == SMEW_AGAIN ? wish(end, SMEW__SHM_SOCKET) : status;
    }
    smew__shm_put_large(&large, bytes);
    end->large_records[end->large_sent++ % SMEW__SHM_LARGE_MAX] = end->out.head_number;
    commit(end, SMEW__SHM_RECORD_LARGE, sizeof(bytes), write_body(record, &stand_in));
    return SMEW_OK;
}

/* ---- before the lane ----------------------------------------------------------------- */

static enum smew_status send_early(struct smew__shm_end *end, const struct outgoing *frame)
{
    uint8_t bytes[SMEW__SHM_EARLY_MAX];
    struct smew__shm_datagram datagram = {
        .type = SMEW__SHM_FRAME, .frame = bytes, .frame_size = frame->size};
    uint8_t *at = bytes;
    enum smew_status status;

    if (frame->size > sizeof(bytes) && !is_hung_up(end))
        return wish(end, SMEW__SHM_LANE);
    if (frame->size > sizeof(bytes)) {
        smew__shm_stop_sending(end);
        return SMEW_RESET;
    }
    for (size_t i = 0; i < frame->count; i++) {
        if (frame->parts[i].size > 0)
            memcpy(at, frame->parts[i].data, frame->parts[i].size);
        at += frame->parts[i].size;
    }
    status = smew__shm_say(end, &datagram, NULL, 0);
    return status == SMEW_AGAIN ? wish(end, SMEW__SHM_SOCKET) : status;
}

/* Makes the lane ready for writing, if it has come: OK, AGAIN (it has not), or a failure. */
static enum smew_status begin(struct smew__shm_end *end)
{
    enum smew_status status = smew__shm_hear_hello(end);

    if (status != SMEW_OK || end->sending != SMEW_OK) /* it left before we had its memory */
        return status;
    status = smew__lane_writer_init(&end->out, &end->out_memory);
    end->writing = status == SMEW_OK;
    return status;
}

/* ---- operations ---------------------------------------------------------------------- */

enum smew_status smew__shm_try_send(struct smew_channel *channel, const struct smew_bytes *parts,
                                    size_t count)
{
    struct smew__shm_end *end = smew__shm_end_of(channel);
    struct outgoing frame = {parts, count, 0};
    enum smew_status status;

    if (!smew__shm_ours(end))
        return SMEW_FORKED;
    if (end->sending != SMEW_OK)
        return end->sending;
    status = end->writing ? SMEW_OK : begin(end);
    if (end->sending != SMEW_OK)
        return end->sending; /* what came first was no HELLO of ours: try_receive says it */
    if (status != SMEW_OK && status != SMEW_AGAIN)
        return status;
    if (end->wish != SMEW__SHM_ROOM)
        end->wish = SMEW__SHM_NOTHING;
    if (measure(&frame, channel->frame_max) != SMEW_OK)
        return SMEW_TOO_BIG;
    if (!end->writing)
        return send_early(end, &frame);
    if (frame.size > smew__lane_writer_body_max(&end->out))
        return send_large(end, &frame);
    return send_record(end, &frame);
}

enum smew_status smew__shm_flush(struct smew_channel *channel)
{
    struct smew__shm_end *end = smew__shm_end_of(channel);
    enum smew_status status;

    if (!smew__shm_ours(end))
        return SMEW_FORKED;
    if (end->sending != SMEW_OK)
        return end->sending;
    ring(end);
    status = smew__shm_settle(end);
    if (status == SMEW_RESET)
        return status;
    if (end->wish == SMEW__SHM_ROOM && collect(end) != SMEW_OK)
        return SMEW_RESET;
    if (end->wish != SMEW__SHM_NOTHING && smew__shm_wish_fulfilled(end)) {
        if (end->flushed)
            forget_wish(end);
        end->flushed = true;
    }
    return status == SMEW_OK ? SMEW_OK : SMEW_AGAIN;
}
