/* SPDX-License-Identifier: MIT */
/* Speaking to an `shm` listener by hand. */
#include "tests/transport/shm_raw.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include <smew/log.h>

#include "base/crc32c/crc32c.h"
#include "base/os/fd.h"
#include "base/os/packet.h"

enum { ALIGNMENT = SMEW__RECORD_ALIGNMENT, RING_BYTES = 64 * 1024, WINDOW = 64 };

static char logged[1024];

struct smew_endpoint shm_raw_endpoint(void)
{
    return (struct smew_endpoint){.directory = support_runtime_dir(), .place = "bus/1.1"};
}

const char *shm_raw_path(void)
{
    static char path[108];

    (void)snprintf(path, sizeof path, "%s/1.1.sock", support_runtime_dir());
    return path;
}

struct smew_listener *shm_raw_listen(void)
{
    struct smew_endpoint endpoint = shm_raw_endpoint();
    struct smew_listener *listener = NULL;
    struct smew_error error;

    if (smew_transport_find("shm")->listen(&endpoint, &listener, &error) != SMEW_OK)
        fail_msg("cannot listen: %s", error.text);
    return listener;
}

int shm_raw_connect(void)
{
    int fd = -1;

    assert_int_equal(smew__packet_connect(shm_raw_path(), &fd, NULL), SMEW_OK);
    return fd;
}

struct smew_channel *shm_raw_accept(struct smew_listener *listener)
{
    struct smew_interest interest = listener->ops->interest(listener);
    struct pollfd entry = {.fd = interest.fd, .events = interest.events};
    struct smew_channel *channel = NULL;

    assert_int_equal(poll(&entry, 1, SHM_RAW_WAIT_MS), 1);
    assert_int_equal(listener->ops->try_accept(listener, &channel), SMEW_OK);
    return channel;
}

struct shm_raw shm_raw_open(void)
{
    struct shm_raw raw = {.listener = shm_raw_listen()};

    raw.fd = shm_raw_connect();
    raw.channel = shm_raw_accept(raw.listener);
    return raw;
}

void shm_raw_close(struct shm_raw *raw)
{
    shm_raw_hang_up(raw);
    if (raw->greeted)
        smew__lane_writer_fini(&raw->writer);
    smew__lane_memory_fini(&raw->out);
    smew__lane_memory_fini(&raw->in);
    smew_channel_close(raw->channel);
    if (raw->listener != NULL)
        raw->listener->ops->close(raw->listener);
}

void shm_raw_hang_up(struct shm_raw *raw)
{
    smew__fd_close(&raw->fd);
}

void shm_raw_say(const struct shm_raw *raw, const void *bytes, size_t size, const int *fds,
                 size_t count)
{
    assert_int_equal(smew__packet_send(raw->fd, bytes, size, fds, count), SMEW_OK);
}

void shm_raw_say_datagram(const struct shm_raw *raw, const struct smew__shm_datagram *datagram,
                          const int *fds, size_t count)
{
    uint8_t bytes[SMEW__SHM_DATAGRAM_MAX];
    size_t size = smew__shm_encode(datagram, bytes);

    shm_raw_say(raw, bytes, size, fds, count);
}

void shm_raw_hello(const struct shm_raw *raw, const int *fds, size_t count)
{
    const struct smew__shm_datagram hello = {.type = SMEW__SHM_HELLO, .frame_max = SMEW_FRAME_MAX};

    shm_raw_say_datagram(raw, &hello, fds, count);
}

/* The next datagram and its fds. */
static struct smew__shm_datagram take(const struct shm_raw *raw, int *fds, size_t *count)
{
    static uint8_t bytes[SMEW__SHM_DATAGRAM_MAX];
    struct pollfd entry = {.fd = raw->fd, .events = POLLIN};
    struct smew__shm_datagram datagram = {0};
    size_t size = 0;

    assert_int_equal(poll(&entry, 1, SHM_RAW_WAIT_MS), 1);
    assert_int_equal(smew__packet_receive(raw->fd, bytes, sizeof bytes, &size, fds, count),
                     SMEW_OK);
    assert_int_equal(smew__shm_parse(bytes, size, *count, &datagram), SMEW_OK);
    return datagram;
}

struct smew__shm_datagram shm_raw_hear(const struct shm_raw *raw)
{
    int fds[SMEW__PACKET_FDS_MAX];
    size_t count = 0;
    struct smew__shm_datagram datagram = take(raw, fds, &count);

    while (count > 0)
        smew__fd_close(&fds[--count]);
    return datagram;
}

void shm_raw_greet(struct shm_raw *raw)
{
    const struct smew__lane_spec spec = {.ring_bytes = RING_BYTES, .window = WINDOW};
    int fds[SMEW__PACKET_FDS_MAX];
    size_t count = 0;

    assert_int_equal(smew__lane_memory_create(&spec, &raw->in), SMEW_OK);
    fds[0] = raw->in.ring_memory.fd;
    fds[1] = raw->in.cursor_memory.fd;
    shm_raw_hello(raw, fds, 2);
    assert_int_equal(take(raw, fds, &count).type, SMEW__SHM_HELLO);
    assert_int_equal(smew__lane_memory_attach(fds[0], fds[1], &raw->out), SMEW_OK);
    assert_int_equal(smew__lane_writer_init(&raw->writer, &raw->out), SMEW_OK);
    raw->greeted = true;
}

void shm_raw_commit(struct shm_raw *raw, struct smew__record_header header, const void *payload)
{
    size_t body = header.extension_words * (size_t)SMEW__RECORD_WORD + header.payload_size;
    size_t padded = (body + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    uint8_t *record = NULL;

    assert_int_equal(smew__lane_writer_reserve(&raw->writer, padded, &record), SMEW_OK);
    if (!record)
        return; /* not reached, which the analyzer does not know */
    memset(record + ALIGNMENT, 0, padded);
    if (header.payload_size > 0)
        memcpy(record + ALIGNMENT + (body - header.payload_size), payload, header.payload_size);
    header.body_crc = smew__crc32c(0, record + ALIGNMENT, padded);
    (void)smew__lane_writer_commit(&raw->writer, &header);
}

void shm_raw_frame(struct shm_raw *raw, const void *data, size_t size)
{
    shm_raw_commit(
        raw,
        (struct smew__record_header){.kind = SMEW_KIND_CONTROL, .payload_size = (uint32_t)size},
        data);
}

enum smew_status shm_raw_receive(const struct shm_raw *raw)
{
    struct smew_bytes frame;

    return smew_channel_receive(raw->channel, &frame, SHM_RAW_WAIT_MS);
}

void shm_raw_expect(const struct shm_raw *raw, const char *text)
{
    struct smew_bytes frame;

    assert_int_equal(smew_channel_receive(raw->channel, &frame, SHM_RAW_WAIT_MS), SMEW_OK);
    assert_int_equal(frame.size, strlen(text));
    assert_memory_equal(frame.data, text, frame.size);
}

void shm_raw_expect_end(const struct shm_raw *raw, enum smew_status status)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(shm_raw_receive(raw), status);
    assert_int_equal(smew_channel_send(raw->channel, "x", 1, SHM_RAW_WAIT_MS), SMEW_RESET);
    assert_int_equal(smew_channel_flush(raw->channel, SHM_RAW_WAIT_MS), SMEW_RESET);
}

static void keep_line(enum smew_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == SMEW_LOG_WARN)
        (void)snprintf(logged, sizeof logged, "%s", text);
}

void shm_raw_log(bool on)
{
    if (on)
        logged[0] = '\0';
    smew_log_set_sink(on ? keep_line : NULL, NULL, SMEW_LOG_WARN);
}

const char *shm_raw_logged(void)
{
    return logged;
}
