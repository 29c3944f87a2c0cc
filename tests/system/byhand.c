/* SPDX-License-Identifier: MIT */
/* Both ways to speak, each as its wire format says. */
#include "tests/system/byhand.h"

#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/os/packet.h"
#include "bus/shm/reader.h"
#include "bus/transport/shm/wire.h"
#include "serialization/stream.h"
#include "tests/support/support.h"

enum { WAIT_MS = 10000, RING_BYTES = 64 * 1024, WINDOW = 64, SAID_MOST = 4096 };

static const char *used = "pipe";
static struct smew__lane_memory lane; /* shm: that the node answers in */
static uint8_t said[SAID_MOST];       /* what it said */

static bool is_shm(void)
{
    return strcmp(used, "shm") == 0;
}

void byhand_use(const char *scheme)
{
    used = scheme;
}

const char *byhand_url(const char *bus)
{
    static char url[64];

    (void)snprintf(url, sizeof(url), "%s://%s", used, bus);
    return url;
}

int byhand_dial(const char *bus, const char *address)
{
    char pattern[256];
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    glob_t found;
    int fd = socket(AF_UNIX, (is_shm() ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC, 0);

    (void)snprintf(pattern, sizeof(pattern), "%s/%s/%s/%s.sock", support_runtime_dir(), used, bus,
                   address + 1);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", found.gl_pathv[0]);
    globfree(&found);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

/* ---- speaking ------------------------------------------------------------------------ */

void byhand_put(int fd, const void *data, size_t size)
{
    (void)!send(fd, data, size, MSG_NOSIGNAL);
}

static void put_hello(int fd, uint8_t newest, uint8_t oldest)
{
    const struct smew__shm_datagram hello = {.type = SMEW__SHM_HELLO, .frame_max = SMEW_FRAME_MAX};
    const struct smew__lane_spec spec = {.ring_bytes = RING_BYTES, .window = WINDOW};
    uint8_t bytes[SMEW__SHM_DATAGRAM_MAX];
    size_t size = smew__shm_encode(&hello, bytes);
    int fds[2];

    if (newest) {
        bytes[8] = newest;
        bytes[9] = oldest;
    }
    assert_int_equal(smew__lane_memory_create(&spec, &lane), SMEW_OK);
    fds[0] = lane.ring_memory.fd;
    fds[1] = lane.cursor_memory.fd;
    assert_int_equal(smew__packet_send(fd, bytes, size, fds, 2), SMEW_OK);
}

void byhand_greet(int fd)
{
    uint8_t preamble[SMEW__STREAM_PREAMBLE_SIZE];

    if (is_shm()) {
        put_hello(fd, 0, 0);
        return;
    }
    smew__stream_preamble(preamble);
    byhand_put(fd, preamble, sizeof(preamble));
}

void byhand_greet_strangely(int fd)
{
    static const uint8_t newer[] = {'S', 'M', 'E', 'W', 9, 8, 0, 0};

    if (is_shm())
        put_hello(fd, 9, 8);
    else
        byhand_put(fd, newer, sizeof(newer));
}

void byhand_put_frame(int fd, const void *data, size_t size)
{
    static uint8_t bytes[SMEW__SHM_DATAGRAM_MAX] = {SMEW__SHM_FRAME};
    struct smew_bytes part = {data, size};
    uint8_t tail[SMEW__STREAM_TAIL_SIZE];

    if (is_shm()) {
        assert_true(size <= SMEW__SHM_EARLY_MAX);
        memcpy(bytes + SMEW__SHM_HEAD_SIZE, data, size);
        byhand_put(fd, bytes, SMEW__SHM_HEAD_SIZE + size);
        return;
    }
    smew__stream_head((uint32_t)size, bytes);
    smew__stream_tail(bytes, &part, 1, tail);
    byhand_put(fd, bytes, SMEW__STREAM_HEAD_SIZE);
    byhand_put(fd, data, size);
    byhand_put(fd, tail, sizeof(tail));
}

static const struct smew__codec *codec(void)
{
    return is_shm() ? &smew__codec_record : &smew__codec_frame;
}

void byhand_put_item(int fd, const struct smew__item *item)
{
    struct smew__buffer buffer;

    smew__buffer_init(&buffer);
    assert_int_equal(codec()->encode(item, &buffer), SMEW_OK);
    byhand_put_frame(fd, buffer.data, buffer.size);
    smew__buffer_fini(&buffer);
}

void byhand_put_oversized(int fd)
{
    static const uint8_t datagram[SMEW__SHM_DATAGRAM_MAX + 1] = {SMEW__SHM_FRAME};
    uint8_t head[4];

    smew__put_be32(head, SMEW_FRAME_MAX + 1);
    if (is_shm())
        byhand_put(fd, datagram, sizeof(datagram));
    else
        byhand_put(fd, head, sizeof(head));
}

void byhand_put_half(int fd)
{
    if (!is_shm())
        byhand_put(fd, "\0\0\0\x10half", 8);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
}

/* ---- hearing ------------------------------------------------------------------------- */

/* Everything that comes until the other side closes; how much of it there is in `said`. */
static size_t hear_stream(int fd)
{
    struct pollfd waited = {.fd = fd, .events = POLLIN};
    size_t size = 0;
    ssize_t got;

    do {
        assert_int_equal(poll(&waited, 1, WAIT_MS), 1);
        got = recv(fd, said + size, sizeof(said) - size, 0);
        size += got > 0 ? (size_t)got : 0;
    } while (got > 0 && size < sizeof(said));
    return size;
}

static bool first_of_stream(int fd, struct smew_bytes *frame)
{
    size_t size = hear_stream(fd);
    size_t taken;

    return size > SMEW__STREAM_PREAMBLE_SIZE &&
           smew__stream_parse(said + SMEW__STREAM_PREAMBLE_SIZE, size - SMEW__STREAM_PREAMBLE_SIZE,
                              SMEW_FRAME_MAX, frame, &taken) == SMEW_OK;
}

/* Whoever leaves something unread resets the connection: once more, and it is at its end. */
static void wait_for_the_end(int fd)
{
    struct pollfd waited = {.fd = fd, .events = POLLIN};
    static uint8_t bytes[SMEW__SHM_DATAGRAM_MAX];

    for (int ends = 0; ends < 2;) {
        assert_int_equal(poll(&waited, 1, WAIT_MS), 1);
        ends += recv(fd, bytes, sizeof(bytes), 0) <= 0;
    }
}

static bool first_of_lane(int fd, struct smew_bytes *frame)
{
    struct smew__lane_reader reader;
    struct smew__lane_record record;
    bool found = false;

    wait_for_the_end(fd);
    if (!lane.header || smew__lane_memory_settle(&lane) != SMEW_OK)
        return false;
    assert_int_equal(smew__lane_reader_init(&reader, &lane), SMEW_OK);
    if (smew__lane_reader_next(&reader, &record) == SMEW_OK) {
        assert_int_equal(smew__lane_record_check(&record, said), SMEW_OK);
        *frame = (struct smew_bytes){said, record.header.payload_size};
        found = true;
    }
    smew__lane_reader_fini(&reader);
    return found;
}

bool byhand_hear_to_end(int fd, struct smew__item *item)
{
    struct smew_bytes frame;
    bool found = is_shm() ? first_of_lane(fd, &frame) : first_of_stream(fd, &frame);

    if (found && item)
        assert_int_equal(codec()->decode(frame.data, frame.size, item), SMEW_OK);
    (void)close(fd);
    smew__lane_memory_fini(&lane);
    lane = (struct smew__lane_memory){0};
    return found;
}
