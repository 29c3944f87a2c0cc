/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what a peer does to an end of an shm connection: what it says, with which fds, what
 * it commits, what it scribbles over; and what this end is asked to do meanwhile.  The first byte's
 * lowest bit says whether the peer begins as an honest one does.
 */
#include <string.h>

#include <fcntl.h>

#include "base/alloc.h"
#include "base/crc32c/crc32c.h"
#include "base/os/fd.h"
#include "base/os/frozen.h"
#include "base/os/packet.h"
#include "bus/transport/shm/end.h"
#include "tests/fuzz/fuzz.h"

enum { STEPS_MAX = 64, RING_BYTES = 4096, ALIGNMENT = SMEW__RECORD_ALIGNMENT };

struct input {
    const uint8_t *data;
    size_t size;
};

struct peer {
    struct smew_channel *channel; /* of the end */
    int fd;
    int null;
    int frozen;
    struct smew__lane_memory in;  /* what the end sends in */
    struct smew__lane_memory out; /* the end's own */
    struct smew__lane_writer writer;
    bool writing;
};

static uint8_t next_byte(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

/* As many of the next bytes as there are and the first one says. */
static struct smew_bytes next_bytes(struct input *input)
{
    struct smew_bytes bytes = {input->data, next_byte(input)};

    bytes.data = input->data;
    if (bytes.size > input->size)
        bytes.size = input->size;
    input->data += bytes.size;
    input->size -= bytes.size;
    return bytes;
}

static bool is_status(enum smew_status status)
{
    return status == SMEW_OK || status == SMEW_AGAIN || status == SMEW_RESET ||
           status == SMEW_CORRUPT || status == SMEW_VERSION;
}

/* ---- the peer ------------------------------------------------------------------------ */

static void open_peer(struct peer *peer)
{
    const struct smew__lane_spec spec = {.ring_bytes = RING_BYTES, .window = 16};
    const struct smew_bytes part = {"frozen", 6};
    int ends[2];

    FUZZ_CHECK(smew__packet_pair(ends) == SMEW_OK);
    FUZZ_CHECK(smew__shm_end_create(&smew__shm_memfd, SMEW_FRAME_MAX, &peer->channel) == SMEW_OK);
    FUZZ_CHECK(smew__shm_end_start(peer->channel, ends[0]) == SMEW_OK);
    peer->fd = ends[1];
    peer->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    FUZZ_CHECK(smew__frozen_create("fuzz", &part, 1, part.size, &peer->frozen) == SMEW_OK);
    FUZZ_CHECK(smew__lane_memory_create(&spec, &peer->in) == SMEW_OK);
}

static void close_peer(struct peer *peer)
{
    if (peer->writing)
        smew__lane_writer_fini(&peer->writer);
    smew__lane_memory_fini(&peer->in);
    smew__lane_memory_fini(&peer->out);
    smew__fd_close(&peer->fd);
    smew__fd_close(&peer->null);
    smew__fd_close(&peer->frozen);
    smew_channel_close(peer->channel);
}

static void say(const struct peer *peer, const void *bytes, size_t size, unsigned fds)
{
    const int kinds[4] = {peer->in.ring_memory.fd, peer->in.cursor_memory.fd, peer->frozen,
                          peer->null};
    int passed[SMEW__PACKET_FDS_MAX];
    size_t count = fds % 5;

    for (size_t i = 0; i < count; i++)
        passed[i] = kinds[(fds / 5 + i) % 4];
    if (size > 0)
        (void)smew__packet_send(peer->fd, bytes, size, passed, count);
}

static void hear(struct peer *peer)
{
    uint8_t bytes[SMEW__SHM_DATAGRAM_MAX];
    int fds[SMEW__PACKET_FDS_MAX];
    size_t count = 0;
    size_t size;

    if (smew__packet_receive(peer->fd, bytes, sizeof bytes, &size, fds, &count) != SMEW_OK)
        return;
    if (bytes[0] == SMEW__SHM_HELLO && count == 2 && !peer->writing) {
        FUZZ_CHECK(smew__lane_memory_attach(fds[0], fds[1], &peer->out) == SMEW_OK);
        FUZZ_CHECK(smew__lane_writer_init(&peer->writer, &peer->out) == SMEW_OK);
        peer->writing = true;
        return;
    }
    while (count > 0)
        smew__fd_close(&fds[--count]);
}

static void be_honest(struct peer *peer)
{
    const struct smew__shm_datagram hello = {.type = SMEW__SHM_HELLO, .frame_max = 65536};
    uint8_t bytes[SMEW__SHM_DATAGRAM_MAX];

    say(peer, bytes, smew__shm_encode(&hello, bytes), 2);
    hear(peer);
    FUZZ_CHECK(peer->writing);
}

/* A record whose CRCs are right, whatever it says. */
static void commit(struct peer *peer, struct input *input)
{
    uint8_t kind = next_byte(input);
    uint8_t event = next_byte(input);
    uint8_t words = next_byte(input) % 3;
    struct smew_bytes payload = next_bytes(input);
    struct smew__record_header header = {.kind = kind,
                                         .event = event,
                                         .extension_words = words,
                                         .payload_size = (uint32_t)payload.size};
    size_t body = (size_t)smew__record_size(&header) - ALIGNMENT;
    uint8_t *record;

    if (!peer->writing || smew__lane_writer_reserve(&peer->writer, body, &record) != SMEW_OK)
        return;
    memset(record + ALIGNMENT, 0, body);
    if (payload.size > 0)
        memcpy(record + ALIGNMENT, payload.data, payload.size);
    header.body_crc = smew__crc32c(0, record + ALIGNMENT, body);
    (void)smew__lane_writer_commit(&peer->writer, &header);
}

static void scribble(const struct peer *peer, struct input *input)
{
    size_t where = (size_t)next_byte(input) << 8 | next_byte(input);
    struct smew_bytes bytes = next_bytes(input);
    uint8_t *memory = (where & 1) == 0 ? peer->in.ring_memory.data : peer->in.cursor_memory.data;
    size_t size = (where & 1) == 0 ? peer->in.ring_memory.size : peer->in.cursor_memory.size;

    if (peer->writing && (where & 2) != 0) {
        memory = peer->out.ring_memory.data;
        size = peer->out.ring_memory.size;
    }
    where = where / 4 % (size - 256);
    if (bytes.size > 0)
        memcpy(memory + where, bytes.data, bytes.size);
}

/* ---- the end ------------------------------------------------------------------------- */

static void receive(struct smew_channel *channel)
{
    struct smew_bytes frame;
    enum smew_status status = channel->ops->try_receive(channel, &frame);
    uint32_t sum = 0;

    FUZZ_CHECK(is_status(status));
    if (status == SMEW_OK)
        sum = smew__crc32c(sum, frame.data, frame.size);
    (void)sum; /* read, so that the sanitizer sees it */
}

static void send_some(struct smew_channel *channel, size_t size)
{
    static const uint8_t bytes[256 * 200];
    struct smew_bytes part = {bytes, size};
    enum smew_status status = channel->ops->try_send(channel, &part, 1);

    FUZZ_CHECK(is_status(status) || status == SMEW_TOO_BIG);
    FUZZ_CHECK(is_status(channel->ops->flush(channel)));
}

static void look_after_lanes(struct smew_channel *channel)
{
    struct smew__lane_grant grant = {0};
    struct smew__lane_ask ask;

    if (smew__channel_next_ask(channel, &ask) == SMEW_OK)
        (void)smew__channel_deny(channel, &ask, SMEW_LIMIT);
    if (smew__channel_take_grant(channel, &grant) == SMEW_OK)
        smew__lane_memory_fini(&grant.memory);
    ask = (struct smew__lane_ask){.lane = 7, .ring_bytes = RING_BYTES, .window = 16};
    (void)smew__channel_ask(channel, &ask);
}

static void step(struct peer *peer, struct input *input)
{
    struct smew_bytes bytes;
    uint8_t what = next_byte(input);

    switch (what % 8) {
    case 0:
        bytes = next_bytes(input);
        say(peer, bytes.data, bytes.size, what / 8);
        break;
    case 1:
        hear(peer);
        break;
    case 2:
        commit(peer, input);
        break;
    case 3:
        scribble(peer, input);
        break;
    case 4:
    case 5:
        receive(peer->channel);
        break;
    case 6:
        send_some(peer->channel, next_byte(input) * (size_t)(what / 8 * 6));
        break;
    default:
        look_after_lanes(peer->channel);
        break;
    }
    FUZZ_CHECK(peer->channel->ops->interest(peer->channel).fd >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t live = smew__alloc_live();
    struct input input = {data, size};
    struct peer peer = {0};

    open_peer(&peer);
    if ((next_byte(&input) & 1) != 0)
        be_honest(&peer);
    for (int i = 0; i < STEPS_MAX && input.size > 0; i++)
        step(&peer, &input);
    receive(peer.channel);
    close_peer(&peer);
    FUZZ_CHECK(smew__alloc_live() == live);
    return 0;
}
