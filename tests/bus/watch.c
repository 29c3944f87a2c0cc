/* SPDX-License-Identifier: MIT */
/* A watch, in a loop of the test's own: whoever reads a part of what there is hears of the rest. */
#include "tests/support/support.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/service.h"

enum { BYTES = 5 };

struct reader {
    struct smew__watch watch;
    int fd;
    int got;
    bool ended;
    bool closed;
};

/* One byte a turn, as one who does not want to keep others waiting. */
static void on_ready(struct smew__watch *watch)
{
    struct reader *reader = SMEW_CONTAINER(watch, struct reader, watch);
    char byte;

    if (read(reader->fd, &byte, 1) == 1) {
        reader->got++;
        return;
    }
    reader->ended = true;
    smew__watch_stop(watch);
}

static void on_closed(struct smew__watch *watch)
{
    SMEW_CONTAINER(watch, struct reader, watch)->closed = true;
}

/* The other side writes, and closes; with `unread`, before it has read what we said. */
static void hear_out(bool unread)
{
    struct reader reader = {.watch = {.ready = on_ready, .closed = on_closed}};
    struct smew_bus *bus = calloc(1, sizeof(*bus));
    int ends[2];

    assert_non_null(bus);
    assert_int_equal(uv_loop_init(&bus->loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    reader.fd = ends[0];
    if (unread)
        assert_int_equal(write(ends[0], "x", 1), 1);
    for (int i = 0; i < BYTES; i++)
        assert_int_equal(write(ends[1], "y", 1), 1);
    close(ends[1]);
    assert_int_equal(smew__watch_start(&reader.watch, bus, (struct smew_interest){ends[0], POLLIN}),
                     SMEW_OK);
    /* Ends when nothing is watched any more. */
    assert_int_equal(uv_run(&bus->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(reader.got, BYTES);
    assert_true(reader.ended);
    if (!reader.closed) { /* of one that heard nothing, so that it leaks nothing */
        smew__watch_stop(&reader.watch);
        uv_run(&bus->loop, UV_RUN_DEFAULT);
    }
    close(ends[0]);
    uv_loop_close(&bus->loop);
    free(bus);
}

static void an_end_is_heard_behind_data(void **state)
{
    (void)state;
    hear_out(false);
}

static void an_end_with_an_error_is_heard_behind_data(void **state)
{
    (void)state;
    hear_out(true);
}

/* libuv keeps two fds of its own from the first loop on. */
static int warm_up(void **state)
{
    uv_loop_t loop;

    (void)state;
    return uv_loop_init(&loop) || uv_loop_close(&loop) ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(an_end_is_heard_behind_data),
        SUPPORT_TEST(an_end_with_an_error_is_heard_behind_data),
    };

    return cmocka_run_group_tests(tests, warm_up, NULL);
}
