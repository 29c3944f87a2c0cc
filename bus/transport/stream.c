/* SPDX-License-Identifier: MIT */
/*
 * A channel over a stream socket.
 *
 * Sending.  A frame is its length, its parts and a checksum.  Frames are gathered in `out` until
 * there are SEND_MARK bytes, or until flush(), so that many small ones leave in one system call.
 * A frame that passes the mark is written from where its parts lie, and only what the socket does
 * not take is copied.  try_send answers AGAIN rather than let `out` pass SEND_MAX, but one frame
 * of any size fits when nothing else waits.  Room for all of a frame is reserved before its first
 * byte is written: half a frame on the wire could never be made good.  A caller who promises to
 * repeat what it was refused needs no such room: the rest of his large frame is written when he
 * does, and nothing comes between.
 *
 * Receiving.  The socket is read into `in` as far as there is room, and frames are given out of
 * it in place.  `in` grows with the bytes that arrive, not with the length that a peer claims,
 * and both buffers are given back when they are large and idle.  Reading ahead would hide whole
 * frames from poll(), so the last byte that has arrived stays in the socket until it is all that
 * is missing: whoever stops receiving early finds the fd ready.  A caller that never stops early
 * says so, and saves the two of three calls that this costs.
 *
 * After AGAIN on a send the fd is watched for room until the next try_send; a caller that flushes
 * twice without trying again has given up.
 *
 * Failures.  Sending and receiving end separately.  A peer that is gone makes sending RESET at
 * once, and receiving only when every whole frame that arrived was given; half a frame at the end
 * is what a killed peer leaves and is RESET too.  A damaged frame or preamble is CORRUPT, another
 * version VERSION, each with a line in the log, and nothing is sent after it.  A forked child gets
 * FORKED, and closing its copy leaves the connection alone.
 */

#include "bus/transport/stream.h"

#include <poll.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/os/fd.h"
#include "base/os/socket.h"
#include "bus/transport/owner.h"
#include "diagnostics/log.h"
#include "serialization/stream.h"

enum {
    SEND_MARK = 32 * 1024,  /* bytes that are worth a system call */
    SEND_MAX = 256 * 1024,  /* bytes that may wait */
    READ_SIZE = 64 * 1024,  /* room for one read, at least */
    KEEP_SIZE = 256 * 1024, /* an idle buffer above this is given back */
    PARTS_MAX = 16,         /* written from where they lie; more are copied */
};

enum wish {
    WISH_NONE,
    WISH_ROOM,    /* try_send said AGAIN */
    WISH_FLUSHED, /* and everything was flushed since */
};

/* The frame that smew__stream_send() is to be asked for again; it goes behind `out`. */
struct begun {
    size_t size; /* 0: none */
    size_t done;
    uint8_t head[SMEW__STREAM_HEAD_SIZE];
    uint8_t tail[SMEW__STREAM_TAIL_SIZE];
};

struct stream {
    struct smew_channel channel;
    uint64_t token; /* of the process that may use it */
    int fd;
    struct smew_peer_credentials credentials;

    struct smew__buffer out;
    size_t out_done; /* bytes of `out` that the socket took */
    struct begun begun;
    enum wish wish;
    enum smew_status sending; /* OK, or RESET for ever */

    struct smew__buffer in;
    size_t in_done;             /* bytes of `in` that were given */
    bool greeted;               /* the peer's preamble was right */
    bool ahead;                 /* smew__stream_read_ahead() */
    bool in_turn;               /* it has read, and not said AGAIN since */
    enum smew_status receiving; /* OK, or what it answers for ever */
};

static struct stream *stream_of(struct smew_channel *channel)
{
    return (struct stream *)(void *)channel;
}

static size_t pending(const struct stream *stream)
{
    return stream->out.size - stream->out_done;
}

/* Makes a buffer that became idle small again. */
static void rest(struct smew__buffer *buffer, size_t *done)
{
    *done = 0;
    if (buffer->capacity > KEEP_SIZE)
        smew__buffer_fini(buffer);
    else
        smew__buffer_clear(buffer);
}

static enum smew_status stop_sending(struct stream *stream)
{
    stream->sending = SMEW_RESET;
    stream->wish = WISH_NONE;
    stream->begun.size = 0;
    rest(&stream->out, &stream->out_done);
    return SMEW_RESET;
}

/* One sendmsg: OK, AGAIN, RESET.  The kernel's want of memory passes like a full socket. */
static enum smew_status write_some(struct stream *stream, const struct iovec *parts, size_t count,
                                   size_t *done)
{
    enum smew_status status = smew__socket_send(stream->fd, parts, count, done);

    if (status == SMEW_OK || status == SMEW_AGAIN)
        return status;
    return status == SMEW_NO_MEMORY ? SMEW_AGAIN : stop_sending(stream);
}

/* Writes what waits, as far as the socket takes it: OK when nothing waits any more. */
static enum smew_status push_out(struct stream *stream)
{
    while (pending(stream) > 0) {
        struct iovec part = {stream->out.data + stream->out_done, pending(stream)};
        size_t done = 0;
        enum smew_status status = write_some(stream, &part, 1, &done);

        if (status != SMEW_OK)
            return status;
        stream->out_done += done;
    }
    rest(&stream->out, &stream->out_done);
    return SMEW_OK;
}

/* A frame on its way out: header, the caller's parts, trailer. */
struct outgoing {
    const struct smew_bytes *parts;
    size_t count;
    uint8_t head[SMEW__STREAM_HEAD_SIZE];
    uint8_t tail[SMEW__STREAM_TAIL_SIZE];
};

/* The sum of the parts: TOO_BIG beyond the limit, also where the sum itself would overflow. */
static enum smew_status measure(const struct smew_bytes *parts, size_t count, uint32_t frame_max,
                                uint32_t *size)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > frame_max - sum)
            return SMEW_TOO_BIG;
        sum += (uint32_t)parts[i].size;
    }
    *size = sum;
    return SMEW_OK;
}

static void outgoing_init(struct outgoing *frame, const struct smew_bytes *parts, size_t count,
                          uint32_t size)
{
    frame->parts = parts;
    frame->count = count;
    smew__stream_head(size, frame->head);
    smew__stream_tail(frame->head, parts, count, frame->tail);
}

/* Appends a piece without the bytes that *skip still counts.  There is room. */
static void append_rest(struct smew__buffer *out, const void *data, size_t size, size_t *skip)
{
    size_t skipped = *skip < size ? *skip : size;

    *skip -= skipped;
    if (size > skipped)
        smew__buffer_append(out, (const uint8_t *)data + skipped, size - skipped);
}

/* Buffers the frame but for its first `skip` bytes. */
static void outgoing_append(const struct outgoing *frame, struct smew__buffer *out, size_t skip)
{
    append_rest(out, frame->head, sizeof(frame->head), &skip);
    for (size_t i = 0; i < frame->count; i++)
        append_rest(out, frame->parts[i].data, frame->parts[i].size, &skip);
    append_rest(out, frame->tail, sizeof(frame->tail), &skip);
}

/*
 * Writes what waits and the frame in one go, and buffers what the socket does not take.
 */
static enum smew_status write_through(struct stream *stream, const struct outgoing *frame)
{
    struct iovec pieces[PARTS_MAX + 3];
    size_t before = pending(stream);
    size_t used = 0;
    size_t done = 0;
    enum smew_status status;

    if (before > 0)
        pieces[used++] = (struct iovec){stream->out.data + stream->out_done, before};
    pieces[used++] = (struct iovec){(void *)frame->head, sizeof(frame->head)};
    for (size_t i = 0; i < frame->count; i++)
        pieces[used++] = (struct iovec){(void *)frame->parts[i].data, frame->parts[i].size};
    pieces[used++] = (struct iovec){(void *)frame->tail, sizeof(frame->tail)};
    status = write_some(stream, pieces, used, &done);
    if (status == SMEW_RESET)
        return status;
    if (done < before) {
        stream->out_done += done;
        outgoing_append(frame, &stream->out, 0);
    } else {
        stream->out_done = stream->out.size;
        outgoing_append(frame, &stream->out, done - before);
    }
    if (pending(stream) == 0)
        rest(&stream->out, &stream->out_done);
    return SMEW_OK;
}

/* Room for `size` more bytes behind what waits, within SEND_MAX.  OK, AGAIN, RESET, NO_MEMORY. */
static enum smew_status make_room(struct stream *stream, size_t size)
{
    if (pending(stream) > 0 && pending(stream) + size > SEND_MAX) {
        enum smew_status status = push_out(stream);

        if (status == SMEW_RESET)
            return status;
        if (pending(stream) > 0 && pending(stream) + size > SEND_MAX) {
            stream->wish = WISH_ROOM;
            return SMEW_AGAIN;
        }
    }
    /* Moving down what is left costs no more than what has gone. */
    if (stream->out_done > 0 && stream->out_done >= pending(stream)) {
        smew__buffer_consume(&stream->out, stream->out_done);
        stream->out_done = 0;
    }
    if (smew__buffer_reserve(&stream->out, size) != NULL)
        return SMEW_OK;
    stream->out.failed = false;
    return SMEW_NO_MEMORY;
}

/* Adds a piece without the bytes that *skip still counts. */
static void list_piece(struct iovec *pieces, size_t *used, const void *data, size_t size,
                       size_t *skip)
{
    size_t skipped = *skip < size ? *skip : size;

    *skip -= skipped;
    if (size > skipped)
        pieces[(*used)++] = (struct iovec){(uint8_t *)data + skipped, size - skipped};
}

/* What the socket has not yet of `out`, and of the frame that was begun behind it. */
static size_t list_rest(struct stream *stream, const struct smew_bytes *parts, size_t count,
                        struct iovec *pieces)
{
    struct begun *begun = &stream->begun;
    size_t skip = 0;
    size_t used = 0;

    list_piece(pieces, &used, stream->out.data + stream->out_done, pending(stream), &skip);
    skip = begun->done;
    list_piece(pieces, &used, begun->head, sizeof(begun->head), &skip);
    for (size_t i = 0; i < count; i++)
        list_piece(pieces, &used, parts[i].data, parts[i].size, &skip);
    list_piece(pieces, &used, begun->tail, sizeof(begun->tail), &skip);
    return used;
}

/* Writes on at the frame that was begun: OK when it is with the socket. */
static enum smew_status write_on(struct stream *stream, const struct smew_bytes *parts,
                                 size_t count)
{
    while (stream->begun.done < stream->begun.size) {
        struct iovec pieces[PARTS_MAX + 3];
        size_t used = list_rest(stream, parts, count, pieces);
        size_t before = pending(stream);
        size_t done = 0;
        enum smew_status status = write_some(stream, pieces, used, &done);

        if (status == SMEW_AGAIN)
            stream->wish = WISH_ROOM;
        if (status != SMEW_OK)
            return status;
        if (done < before) {
            stream->out_done += done;
            continue;
        }
        if (before > 0)
            rest(&stream->out, &stream->out_done);
        stream->begun.done += done - before;
    }
    stream->begun.size = 0;
    stream->wish = WISH_NONE;
    return SMEW_OK;
}

/* Begins a large frame of a caller who repeats. */
static enum smew_status begin(struct stream *stream, const struct smew_bytes *parts, size_t count,
                              const struct smew__stream_sum *known, uint32_t body)
{
    struct begun *begun = &stream->begun;

    *begun = (struct begun){.size = sizeof(begun->head) + body + sizeof(begun->tail)};
    smew__stream_head(body, begun->head);
    smew__stream_tail_known(begun->head, parts, count, known, begun->tail);
    return write_on(stream, parts, count);
}

/* What try_send and smew__stream_send() do; the caller of the latter repeats. */
static enum smew_status send_frame(struct stream *stream, const struct smew_bytes *parts,
                                   size_t count, const struct smew__stream_sum *known, bool repeats)
{
    struct outgoing frame;
    uint32_t body = 0;
    size_t size;
    enum smew_status status;

    if (!smew__token_is_ours(stream->token))
        return SMEW_FORKED;
    if (stream->sending != SMEW_OK)
        return stream->sending;
    if (stream->begun.size > 0)
        return repeats ? write_on(stream, parts, count) : SMEW_AGAIN;
    status = measure(parts, count, stream->channel.frame_max, &body);
    size = sizeof(frame.head) + body + sizeof(frame.tail);
    if (status == SMEW_OK && repeats && size >= SEND_MARK && count <= PARTS_MAX)
        return begin(stream, parts, count, known, body);
    if (status == SMEW_OK)
        status = make_room(stream, size);
    if (status != SMEW_OK)
        return status;
    outgoing_init(&frame, parts, count, body); /* only now, since it reads every byte */
    stream->wish = WISH_NONE;
    if (pending(stream) + size >= SEND_MARK && count <= PARTS_MAX)
        return write_through(stream, &frame);
    outgoing_append(&frame, &stream->out, 0);
    if (pending(stream) >= SEND_MARK && push_out(stream) == SMEW_RESET)
        return SMEW_RESET;
    return SMEW_OK;
}

static enum smew_status stream_try_send(struct smew_channel *channel,
                                        const struct smew_bytes *parts, size_t count)
{
    return send_frame(stream_of(channel), parts, count, NULL, false);
}

static enum smew_status stream_flush(struct smew_channel *channel)
{
    struct stream *stream = stream_of(channel);
    enum smew_status status;

    if (!smew__token_is_ours(stream->token))
        return SMEW_FORKED;
    if (stream->sending != SMEW_OK)
        return stream->sending;
    status = push_out(stream);
    if (status == SMEW_OK && stream->wish != WISH_NONE)
        stream->wish = stream->wish == WISH_ROOM ? WISH_FLUSHED : WISH_NONE;
    return status;
}

/* CORRUPT or VERSION: nothing more is believed, and nothing more is said. */
static enum smew_status give_up(struct stream *stream, enum smew_status status)
{
    stream->receiving = status;
    (void)stop_sending(stream);
    stream->in_done = stream->in.size;
    rest(&stream->in, &stream->in_done);
    return status;
}

/* Looks at the peer's first bytes.  OK, AGAIN, VERSION, CORRUPT. */
static enum smew_status greet(struct stream *stream)
{
    char sentence[SMEW_ERROR_TEXT_SIZE];
    enum smew_status status;
    uint8_t version; /* there is one so far, so both sides know what it says */

    if (stream->in.size < SMEW__STREAM_PREAMBLE_SIZE)
        return SMEW_AGAIN;
    status = smew__stream_preamble_check(stream->in.data, &version);
    if (status != SMEW_OK) {
        smew__stream_refusal(stream->in.data, sentence, sizeof(sentence));
        smew__log(SMEW_LOG_WARN, "refused the connection with process %lld: %s",
                  (long long)stream->credentials.pid, sentence);
        return status;
    }
    stream->greeted = true;
    stream->in_done = SMEW__STREAM_PREAMBLE_SIZE;
    return SMEW_OK;
}

/* The next whole frame of `in`: OK, AGAIN when more bytes must come, CORRUPT, VERSION. */
static enum smew_status next_frame(struct stream *stream, struct smew_bytes *frame)
{
    enum smew_status status = stream->greeted ? SMEW_OK : greet(stream);
    size_t used = 0;

    if (status != SMEW_OK)
        return status;
    status =
        smew__stream_parse(stream->in.data + stream->in_done, stream->in.size - stream->in_done,
                           stream->channel.frame_max, frame, &used);
    if (status == SMEW_OK) {
        stream->in_done += used;
        return SMEW_OK;
    }
    if (status == SMEW_AGAIN)
        return SMEW_AGAIN;
    smew__log(SMEW_LOG_WARN, "a frame from process %lld is %s; the connection ends",
              (long long)stream->credentials.pid,
              status == SMEW_TOO_BIG ? "larger than the limit" : "damaged");
    return SMEW_CORRUPT;
}

/* Room behind `in`, once what was given is moved out: READ_SIZE at first, and then it doubles. */
static uint8_t *read_room(struct stream *stream, size_t *size)
{
    struct smew__buffer *in = &stream->in;
    uint8_t *room;

    smew__buffer_consume(in, stream->in_done);
    stream->in_done = 0;
    room = smew__buffer_reserve(in, in->capacity - in->size >= READ_SIZE / 2 ? 1 : READ_SIZE);
    in->failed = false;
    *size = in->capacity - in->size;
    return room;
}

/* How much of what has arrived may be read: all but the last byte. */
static size_t readable(const struct stream *stream, size_t room)
{
    size_t available = smew__socket_available(stream->fd);

    if (available < 2)
        return 1;
    return room < available ? room : available - 1;
}

/* Reads once: OK, AGAIN, NO_MEMORY, or RESET at the end. */
static enum smew_status read_some(struct stream *stream)
{
    size_t got = 0;
    size_t size;
    uint8_t *room = read_room(stream, &size);
    enum smew_status status;

    if (room == NULL)
        return SMEW_NO_MEMORY;
    if (!stream->ahead)
        size = readable(stream, size);
    status = smew__socket_receive(stream->fd, room, size, &got);
    if (status == SMEW_OK)
        stream->in.size += got;
    else if (status == SMEW_AGAIN && stream->in.size == 0)
        rest(&stream->in, &stream->in_done);
    else if (status != SMEW_AGAIN && status != SMEW_NO_MEMORY)
        status = SMEW_RESET;
    return status;
}

/* What has arrived meanwhile makes the fd ready. */
static void end_turn(struct stream *stream)
{
    stream->in_turn = false;
    if (stream->in_done == stream->in.size)
        rest(&stream->in, &stream->in_done);
}

static enum smew_status stream_try_receive(struct smew_channel *channel, struct smew_bytes *frame)
{
    struct stream *stream = stream_of(channel);
    enum smew_status status;

    if (!smew__token_is_ours(stream->token))
        return SMEW_FORKED;
    if (stream->receiving != SMEW_OK)
        return stream->receiving;
    while ((status = next_frame(stream, frame)) == SMEW_AGAIN && !stream->in_turn) {
        status = read_some(stream);
        if (status != SMEW_OK)
            break;
        stream->in_turn = stream->ahead;
    }
    if (status == SMEW_AGAIN && stream->in_turn)
        end_turn(stream);
    if (status == SMEW_CORRUPT || status == SMEW_VERSION || status == SMEW_RESET)
        return give_up(stream, status);
    return status;
}

static struct smew_interest stream_interest(const struct smew_channel *channel)
{
    const struct stream *stream = (const struct stream *)(const void *)channel;
    bool writing = pending(stream) > 0 || stream->wish != WISH_NONE;

    return (struct smew_interest){stream->fd, (short)(writing ? POLLIN | POLLOUT : POLLIN)};
}

static struct smew_peer_credentials stream_credentials(const struct smew_channel *channel)
{
    return ((const struct stream *)(const void *)channel)->credentials;
}

/*
 * Shutting down first ends the connection even where a forked child still holds a copy of the fd;
 * the child's own closing must not do that to its parent.
 */
static void stream_close(struct smew_channel *channel)
{
    struct stream *stream = stream_of(channel);

    if (stream->fd >= 0 && smew__token_is_ours(stream->token))
        smew__socket_shutdown(stream->fd);
    smew__fd_close(&stream->fd);
    smew__buffer_fini(&stream->in);
    smew__buffer_fini(&stream->out);
    smew__free(stream);
}

static const struct smew_channel_ops stream_ops = {
    .try_send = stream_try_send,
    .flush = stream_flush,
    .try_receive = stream_try_receive,
    .interest = stream_interest,
    .credentials = stream_credentials,
    .close = stream_close,
};

enum smew_status smew__stream_channel_create(uint32_t frame_max, struct smew_channel **channel)
{
    struct stream *stream = smew__calloc(1, sizeof(*stream));
    uint8_t *preamble;

    if (stream == NULL)
        return SMEW_NO_MEMORY;
    stream->channel.ops = &stream_ops;
    stream->channel.frame_max = frame_max;
    stream->token = smew__process_token();
    stream->fd = -1;
    stream->credentials = (struct smew_peer_credentials){-1, -1};
    smew__buffer_init(&stream->in);
    smew__buffer_init(&stream->out);
    preamble = smew__buffer_reserve(&stream->out, SMEW__STREAM_PREAMBLE_SIZE);
    if (preamble == NULL) {
        stream_close(&stream->channel);
        return SMEW_NO_MEMORY;
    }
    smew__stream_preamble(preamble);
    stream->out.size = SMEW__STREAM_PREAMBLE_SIZE;
    *channel = &stream->channel;
    return SMEW_OK;
}

void smew__stream_channel_start(struct smew_channel *channel, int fd)
{
    struct stream *stream = stream_of(channel);
    struct smew_peer_credentials peer;

    stream->fd = fd;
    if (smew__socket_peer(fd, &peer.pid, &peer.uid) == SMEW_OK)
        stream->credentials = peer;
    /* Whatever this answers, the first operation of the channel will say. */
    (void)push_out(stream);
}

void smew__stream_read_ahead(struct smew_channel *channel, bool ahead)
{
    if (channel->ops != &stream_ops)
        return;
    stream_of(channel)->ahead = ahead;
    stream_of(channel)->in_turn = false;
}

enum smew_status smew__stream_send(struct smew_channel *channel, const struct smew_bytes *parts,
                                   size_t count, const struct smew__stream_sum *known)
{
    if (channel->ops != &stream_ops)
        return channel->ops->try_send(channel, parts, count);
    return send_frame(stream_of(channel), parts, count, known, true);
}

bool smew__stream_in_turn(const struct smew_channel *channel)
{
    return channel->ops == &stream_ops && ((const struct stream *)(const void *)channel)->in_turn;
}
