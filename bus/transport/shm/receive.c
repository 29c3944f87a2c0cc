/* SPDX-License-Identifier: MIT */
/*
 * Frames in.
 *
 * Happy path: the next record of `in` is copied out, checked on the copy and completed; the copy is
 * the caller's until the next call.  Completions become visible to the other end when a quarter of
 * the lane is complete, and when there is nothing more to receive: so it always has three quarters
 * of the lane to go on with, whatever this side's caller does next.
 *
 * Nothing to receive: completions are made visible, what the socket has is heard, the lane is armed
 * and looked at once more.  The bell for that sleep stays in the socket until the lane is empty
 * again (end.h says why).
 *
 * What came before the lane: datagrams that the other sent before its first record are in the
 * socket when the record can be seen; so when the lane shows its first sign of life everything in
 * the socket is heard before it, but for the bells at its end.  The same holds for the datagram of
 * a large frame and its record.
 *
 * Frames are copied since the other end could change them while they are read.  A large frame is
 * frozen memory, which nobody can change, and is given where it lies.
 *
 * Failures: a record that was damaged is a frame lost in a sequence, so the channel is CORRUPT,
 * with a line in the log.  RESET comes when the lane is empty and has ended, or when the kernel
 * says that nobody is at the other end.  NO_MEMORY and NO_FDS leave the frame for the next call.
 */
#include "bus/transport/shm/end.h"

#include "base/alloc.h"
#include "base/os/fd.h"
#include "diagnostics/log.h"

enum {
    QUIET_SHARE = 4, /* of the lane, may be complete without the other's knowledge */
    COPY_FIRST = 4096,
    HEAR_ROUNDS = 8,
};

/* ---- records ------------------------------------------------------------------------- */

static enum smew_status give_up(const struct smew__shm_end *end, const char *what)
{
    smew__log(SMEW_LOG_WARN, "%s from process %lld; the connection ends", what,
              (long long)end->credentials.pid);
    return SMEW_CORRUPT;
}

/* Tells the other what is complete, and that there is room if it waits for that. */
static void publish(struct smew__shm_end *end)
{
    if (end->quiet_count == 0)
        return;
    end->quiet_bytes = 0;
    end->quiet_count = 0;
    if (smew__lane_reader_publish(&end->in))
        smew__shm_bell(end);
}

static void complete(struct smew__shm_end *end)
{
    end->quiet_bytes += sizeof(end->record.header) + end->record.body_size;
    end->quiet_count++;
    end->taken = false;
    smew__lane_reader_complete(&end->in, end->record.number, SMEW_OK);
    if (end->quiet_bytes >= end->in_memory.ring_bytes / QUIET_SHARE ||
        end->quiet_count >= end->in_memory.window / QUIET_SHARE)
        publish(end);
}

/* Room for a copy; what it held is of no further use. */
static bool make_room(struct smew__shm_end *end, uint64_t size)
{
    uint64_t capacity = end->copy_size < COPY_FIRST ? COPY_FIRST : end->copy_size;

    if (size <= end->copy_size)
        return true;
    while (capacity < size)
        capacity *= 2;
    smew__free(end->copy);
    end->copy = smew__alloc((size_t)capacity);
    end->copy_size = end->copy == NULL ? 0 : capacity;
    return end->copy != NULL;
}

/* Is it a record as a channel has them? */
static bool is_frame(const struct smew__shm_end *end, const struct smew__record_header *header)
{
    if (header->kind != SMEW_KIND_CONTROL || header->extension_words != 0 || header->target != 0 ||
        header->content != 0 || header->sent != 0 || header->sent_high != 0)
        return false;
    if (header->event == SMEW__SHM_RECORD_LARGE)
        return header->payload_size == SMEW__SHM_LARGE_SIZE;
    return header->event == SMEW__SHM_RECORD_FRAME &&
           header->payload_size <= end->channel.frame_max;
}

/* The fd that was sent before the record: OK, NO_FDS, NO_MEMORY, or CORRUPT when there is none. */
static enum smew_status find_large(struct smew__shm_end *end)
{
    for (int i = 0; i < HEAR_ROUNDS && end->large_heard == end->large_read; i++) {
        enum smew_status status = smew__shm_hear(end);

        if (status == SMEW_AGAIN)
            break;
        if (status != SMEW_OK)
            return status;
    }
    return end->large_heard > end->large_read ? SMEW_OK : SMEW_CORRUPT;
}

/* Maps the frame for which the record in `copy` stands. */
static enum smew_status take_large(struct smew__shm_end *end)
{
    struct smew__shm_large large = smew__shm_get_large(end->copy);
    int *fd = &end->large_fds[end->large_read % SMEW__SHM_LARGE_MAX];
    enum smew_status status;

    if (large.number != end->large_read || large.size > end->channel.frame_max)
        return SMEW_CORRUPT;
    status = find_large(end);
    if (status == SMEW_OK)
        status = end->kind->thaw(*fd, (size_t)large.size, &end->large);
    if (status == SMEW_NO_MEMORY || status == SMEW_NO_FDS)
        return status;
    if (status != SMEW_OK)
        return SMEW_CORRUPT;
    smew__fd_close(fd);
    end->large_read++;
    return SMEW_OK;
}

/* The frame of the record that was taken. */
static enum smew_status open_record(struct smew__shm_end *end, struct smew_bytes *frame)
{
    const struct smew__record_header *header = &end->record.header;
    enum smew_status status;

    if (!is_frame(end, header))
        return give_up(end, "what is no frame came");
    if (!make_room(end, end->record.body_size))
        return SMEW_NO_MEMORY;
    if (smew__lane_record_check(&end->record, end->copy) != SMEW_OK) {
        smew__lane_reader_lose(&end->in, &end->record);
        return give_up(end, "a frame was damaged that came");
    }
    *frame = (struct smew_bytes){end->copy, header->payload_size};
    if (header->event == SMEW__SHM_RECORD_LARGE) {
        status = take_large(end);
        if (status == SMEW_CORRUPT)
            return give_up(end, "a large frame is not there that was announced");
        if (status != SMEW_OK)
            return status;
        *frame = (struct smew_bytes){end->large.data, end->large.size};
    }
    complete(end);
    return SMEW_OK;
}

/*
 * Can the lane's memory be touched?  OK; AGAIN: the other end has not got it yet, so there is
 * nothing in it, and its first record will ring: the lane is armed from the start.
 */
static enum smew_status settle_lane(struct smew__shm_end *end)
{
    enum smew_status status;

    if (end->settled)
        return SMEW_OK;
    status = smew__lane_memory_settle(&end->in_memory);
    end->settled = status == SMEW_OK;
    return status == SMEW_CORRUPT ? give_up(end, "a lane with holes came back") : status;
}

/* The lane's next record, or its end: OK, AGAIN, CORRUPT. */
static enum smew_status take_record(struct smew__shm_end *end)
{
    enum smew_status status;

    if (end->taken || end->ended)
        return SMEW_OK;
    status = settle_lane(end);
    if (status == SMEW_OK)
        status = smew__lane_reader_next(&end->in, &end->record);
    else if (status != SMEW_AGAIN)
        return status;
    if (status == SMEW_AGAIN)
        return status;
    end->taken = status == SMEW_OK;
    end->ended = status == SMEW_RESET;
    if (end->taken || end->ended)
        return SMEW_OK;
    return give_up(end, "frames were lost to damage that came");
}

/* What is next in the lane and before it: OK, AGAIN, or a failure. */
static enum smew_status next_frame(struct smew__shm_end *end, struct smew_bytes *frame)
{
    enum smew_status status = end->held ? SMEW_OK : take_record(end);

    if (status == SMEW_OK && end->early && !end->held) {
        status = smew__shm_hear_early(end);
        if (status == SMEW_AGAIN) {
            end->early = false; /* everything that came before the record was heard */
            status = SMEW_OK;
        } else if (status == SMEW_OK && !end->held) {
            status = SMEW_AGAIN; /* there is more in the socket */
        }
    }
    if (status != SMEW_OK)
        return status;
    if (end->held) {
        end->held = false;
        *frame = (struct smew_bytes){end->datagram + SMEW__SHM_HEAD_SIZE, end->frame_size};
        return SMEW_OK;
    }
    return end->taken ? open_record(end, frame) : SMEW_RESET;
}

/* Nothing was there: AGAIN when that is so, OK when it is worth looking again; or a failure. */
static enum smew_status rest(struct smew__shm_end *end)
{
    enum smew_status status;

    publish(end);
    status = smew__shm_hear(end);
    if (status != SMEW_OK && status != SMEW_AGAIN)
        return status;
    if (end->held)
        return SMEW_OK;
    if (!end->settled) {
        status = settle_lane(end);
        if (status == SMEW_AGAIN)
            end->rung = false; /* whoever rang had nothing to ring for */
        return status == SMEW_AGAIN && end->gone ? SMEW_RESET : status;
    }
    if (end->gone)
        return smew__lane_reader_ready(&end->in) ? SMEW_OK : SMEW_RESET;
    if (!end->rung)
        return smew__lane_reader_ready(&end->in) ? SMEW_OK : SMEW_AGAIN;
    end->rung = false;
    return smew__lane_reader_arm(&end->in) ? SMEW_OK : SMEW_AGAIN;
}

void smew__shm_calm(struct smew__shm_end *end)
{
    enum smew_status status;

    /* To a bus, which receives anyway, a bell may mean its lanes. */
    if (end->held || end->taken || end->ended || end->rung || end->has_bus)
        return;
    status = settle_lane(end);
    if ((status != SMEW_OK && status != SMEW_AGAIN) ||
        (status == SMEW_OK && smew__lane_reader_ready(&end->in)) || !smew__shm_hear_bells(end))
        return;
    if (status == SMEW_AGAIN)
        end->rung = settle_lane(end) != SMEW_AGAIN; /* the other end has the lane since just now */
    else
        end->rung = smew__lane_reader_arm(&end->in);
}

/* ---- operations ---------------------------------------------------------------------- */

enum smew_status smew__shm_try_receive(struct smew_channel *channel, struct smew_bytes *frame)
{
    struct smew__shm_end *end = smew__shm_end_of(channel);
    enum smew_status status;

    if (!smew__shm_ours(end))
        return SMEW_FORKED;
    if (end->receiving != SMEW_OK)
        return end->receiving;
    smew__frozen_fini(&end->large);
    (void)smew__shm_settle(end);
    while ((status = next_frame(end, frame)) == SMEW_AGAIN) {
        status = rest(end);
        if (status != SMEW_OK)
            break;
    }
    if (status == SMEW_CORRUPT || status == SMEW_VERSION || status == SMEW_RESET)
        smew__shm_stop(end, status);
    return status;
}

void smew__shm_receive_fini(struct smew__shm_end *end)
{
    smew__frozen_fini(&end->large);
    while (end->large_read < end->large_heard)
        smew__fd_close(&end->large_fds[end->large_read++ % SMEW__SHM_LARGE_MAX]);
    smew__free(end->copy);
}
