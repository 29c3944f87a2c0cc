/* SPDX-License-Identifier: MIT */
/*
 * Channels by name: one process creates, another attaches; what can be wrong with that; and what
 * is left of a name.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <smew/transport.h>

#include "base/os/fd.h"
#include "base/os/packet.h"
#include "tests/support/support.h"

enum { WAIT_MS = 10000, FRAMES = 2000, LARGE = 3 * 1024 * 1024, RING = 256 * 1024 };

static const char *socket_path(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/.channels/%s.sock", support_runtime_dir(), name);
    return path;
}

static bool is_there(const char *name)
{
    return access(socket_path(name), F_OK) == 0;
}

static struct smew_channel *create(const char *name)
{
    struct smew_channel *channel = NULL;
    struct smew_error error;

    if (smew_channel_create(name, &channel, &error) != SMEW_OK)
        fail_msg("cannot create: %s", error.text);
    return channel;
}

static struct smew_channel *attach(const char *name)
{
    struct smew_channel *channel = NULL;
    struct smew_error error;

    if (smew_channel_attach(name, &channel, &error) != SMEW_OK)
        fail_msg("cannot attach: %s", error.text);
    return channel;
}

static void expect_text(struct smew_channel *channel, const char *text)
{
    struct smew_bytes frame;

    assert_int_equal(smew_channel_receive(channel, &frame, WAIT_MS), SMEW_OK);
    assert_int_equal(frame.size, strlen(text));
    assert_memory_equal(frame.data, text, frame.size);
}

static void send_text(struct smew_channel *channel, const char *text)
{
    assert_int_equal(smew_channel_send(channel, text, strlen(text), WAIT_MS), SMEW_OK);
}

/* ---- two processes ------------------------------------------------------------------- */

/* Sends everything back, and then a last word. */
static int echo(void *argument)
{
    struct smew_channel *channel = NULL;
    struct smew_bytes frame;
    enum smew_status status;

    if (smew_channel_attach(argument, &channel, NULL) != SMEW_OK)
        return 1;
    while ((status = smew_channel_receive(channel, &frame, WAIT_MS)) == SMEW_OK) {
        if (frame.size == 3 && memcmp(frame.data, "end", 3) == 0)
            break;
        if (smew_channel_send(channel, frame.data, frame.size, WAIT_MS) != SMEW_OK)
            return 2;
    }
    if (status != SMEW_OK || smew_channel_send(channel, "bye", 3, WAIT_MS) != SMEW_OK)
        return 3;
    smew_channel_close(channel);
    return 0;
}

static void two_processes_talk(void **state)
{
    static uint8_t large[LARGE];
    struct smew_channel *channel = create("talk");
    pid_t child = support_fork(echo, "talk");
    struct smew_bytes frame;

    (void)state;
    for (uint64_t i = 0; i < FRAMES; i++) {
        assert_int_equal(smew_channel_send(channel, &i, sizeof i, WAIT_MS), SMEW_OK);
        if (i % 100 != 99)
            continue;
        for (uint64_t j = i - 99; j <= i; j++) {
            assert_int_equal(smew_channel_receive(channel, &frame, WAIT_MS), SMEW_OK);
            assert_int_equal(frame.size, sizeof j);
            assert_memory_equal(frame.data, &j, sizeof j);
        }
    }
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * 31 + (i >> 8));
    assert_int_equal(smew_channel_send(channel, large, sizeof large, WAIT_MS), SMEW_OK);
    assert_int_equal(smew_channel_receive(channel, &frame, WAIT_MS), SMEW_OK);
    assert_int_equal(frame.size, sizeof large);
    assert_memory_equal(frame.data, large, sizeof large);
    assert_int_equal(channel->ops->credentials(channel).pid, child);
    send_text(channel, "end");
    expect_text(channel, "bye");
    assert_int_equal(smew_channel_receive(channel, &frame, WAIT_MS), SMEW_RESET);
    assert_int_equal(smew_channel_send(channel, "x", 1, WAIT_MS), SMEW_RESET);
    smew_channel_close(channel);
    assert_int_equal(support_reap(child, WAIT_MS), 0);
}

static int attach_and_die(void *argument)
{
    struct smew_channel *channel = NULL;

    if (smew_channel_attach(argument, &channel, NULL) != SMEW_OK ||
        smew_channel_send(channel, "last words", 10, WAIT_MS) != SMEW_OK)
        return 1;
    return 0; /* without closing anything */
}

static void a_process_that_dies_is_a_reset(void **state)
{
    struct smew_channel *channel = create("dies");
    struct smew_bytes frame;

    (void)state;
    assert_int_equal(support_reap(support_fork(attach_and_die, "dies"), WAIT_MS), 0);
    expect_text(channel, "last words");
    assert_int_equal(smew_channel_receive(channel, &frame, WAIT_MS), SMEW_RESET);
    smew_channel_close(channel);
}

static int create_and_die(void *argument)
{
    struct smew_channel *channel = NULL;

    return smew_channel_create(argument, &channel, NULL) == SMEW_OK ? 0 : 1;
}

static void what_a_crash_left_is_replaced(void **state)
{
    struct smew_channel *channel = NULL;
    struct smew_error error;

    (void)state;
    assert_int_equal(support_reap(support_fork(create_and_die, "left"), WAIT_MS), 0);
    assert_true(is_there("left"));
    assert_int_equal(smew_channel_attach("left", &channel, &error), SMEW_NOT_FOUND);
    assert_non_null(strstr(error.text, "is gone"));
    channel = create("left");
    smew_channel_close(attach("left"));
    smew_channel_close(channel);
}

/* ---- names --------------------------------------------------------------------------- */

static void refuse_name(const char *name)
{
    struct smew_channel *channel = NULL;
    struct smew_error error = {0};

    assert_int_equal(smew_channel_create(name, &channel, &error), SMEW_INVALID);
    assert_true(strlen(error.text) > 10);
    assert_int_equal(smew_channel_attach(name, &channel, NULL), SMEW_INVALID);
    assert_null(channel);
}

static void names_have_a_syntax(void **state)
{
    char name[66];

    (void)state;
    refuse_name(NULL);
    refuse_name("");
    refuse_name(".");
    refuse_name(".hidden");
    refuse_name("a/b");
    refuse_name("a b");
    refuse_name("\xC3\xA9");
    memset(name, 'n', 65);
    name[65] = '\0';
    refuse_name(name);
    smew_channel_close(create("A-Z_a.z-09"));
    name[60] = '\0';
    if (strlen(socket_path(name)) < 108)
        smew_channel_close(create(name));
}

static void nothing_to_attach_to(void **state)
{
    struct smew_channel *channel = NULL;
    struct smew_error error;

    (void)state;
    assert_int_equal(smew_channel_attach("nothing", &channel, &error), SMEW_NOT_FOUND);
    assert_int_equal(error.status, SMEW_NOT_FOUND);
    assert_non_null(strstr(error.text, "there is no channel \"nothing\""));
    assert_null(channel);
}

static void a_name_is_in_use_once(void **state)
{
    struct smew_channel *channel = create("once");
    struct smew_channel *other = create("other");
    struct smew_channel *none = NULL;
    struct smew_error error;

    (void)state;
    for (int i = 0; i < 3; i++) /* whoever tries has knocked, and is not taken for the other end */
        assert_int_equal(smew_channel_create("once", &none, &error), SMEW_EXISTS);
    assert_non_null(strstr(error.text, "\"once\""));
    assert_null(none);
    none = attach("once");
    send_text(none, "here");
    expect_text(channel, "here");
    send_text(channel, "there");
    expect_text(none, "there");
    smew_channel_close(none);
    smew_channel_close(channel);
    smew_channel_close(other);
}

static void the_name_goes_with_the_second_end(void **state)
{
    struct smew_channel *channel = create("pair");
    struct smew_channel *other;
    struct smew_channel *again;
    struct smew_bytes frame;

    (void)state;
    assert_true(is_there("pair"));
    other = attach("pair");
    assert_int_equal(smew_channel_receive(channel, &frame, 0), SMEW_TIMEOUT);
    assert_false(is_there("pair"));
    assert_int_equal(smew_channel_attach("pair", &again, NULL), SMEW_NOT_FOUND);
    again = create("pair"); /* and can be used anew */
    send_text(other, "first");
    expect_text(channel, "first");
    smew_channel_close(again);
    smew_channel_close(other);
    smew_channel_close(channel);
    assert_false(is_there("pair"));
}

static void the_creator_removes_the_name(void **state)
{
    struct smew_channel *channel = create("gone");
    struct smew_channel *waiting = attach("gone");
    struct smew_bytes frame;

    (void)state;
    smew_channel_close(channel);
    assert_false(is_there("gone"));
    assert_int_equal(smew_channel_receive(waiting, &frame, WAIT_MS), SMEW_RESET);
    smew_channel_close(waiting);
    assert_true(support_runtime_dir_empty());
}

/* ---- waiting ------------------------------------------------------------------------- */

static void alone_one_waits(void **state)
{
    struct smew_channel *channel = create("alone");
    struct smew_bytes frame;

    (void)state;
    assert_int_equal(smew_channel_send(channel, "x", 1, 20), SMEW_TIMEOUT);
    assert_int_equal(smew_channel_receive(channel, &frame, 20), SMEW_TIMEOUT);
    assert_int_equal(smew_channel_flush(channel, 20), SMEW_OK);
    assert_int_equal(channel->ops->credentials(channel).pid, -1);
    smew_channel_close(channel);
}

static int attach_and_receive(void *argument)
{
    struct smew_channel *channel = NULL;
    struct smew_bytes frame;

    if (smew_channel_attach(argument, &channel, NULL) != SMEW_OK)
        return 1;
    if (smew_channel_receive(channel, &frame, WAIT_MS) != SMEW_OK || frame.size != 4)
        return 2;
    smew_channel_close(channel);
    return 0;
}

static void a_send_waits_for_the_other_end(void **state)
{
    struct smew_channel *channel = create("late");
    pid_t child = support_fork(attach_and_receive, "late");

    (void)state;
    send_text(channel, "wait");
    assert_int_equal(support_reap(child, WAIT_MS), 0);
    smew_channel_close(channel);
}

static uint64_t stuff(struct smew_channel *channel)
{
    static const uint8_t data[1000];
    uint64_t sent = 0;

    while (smew_channel_send(channel, data, sizeof data, 0) == SMEW_OK)
        sent++;
    return sent;
}

static void each_way_holds_256_kib(void **state)
{
    struct smew_channel *channel = create("size");
    struct smew_channel *other = attach("size");
    struct smew_bytes frame;

    (void)state;
    assert_int_equal(smew_channel_receive(channel, &frame, 0), SMEW_TIMEOUT);
    assert_in_range(stuff(channel), RING / 1100, RING / 1000);
    assert_in_range(stuff(other), RING / 1100, RING / 1000);
    smew_channel_close(other);
    smew_channel_close(channel);
}

static bool is_ready(int fd)
{
    return smew__fd_wait(fd, POLLIN, 0) == SMEW_OK;
}

/* The creator's fd is the same before and after, and in somebody's own event loop. */
static void the_fd_stays(void **state)
{
    struct smew_channel *channel = create("fd");
    int fd = channel->ops->interest(channel).fd;
    int loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    struct smew_channel *other;
    struct smew_bytes frame;

    (void)state;
    assert_int_equal(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event), 0);
    assert_false(is_ready(fd));
    other = attach("fd");
    assert_true(is_ready(fd));
    assert_int_equal(channel->ops->try_receive(channel, &frame), SMEW_AGAIN);
    assert_false(is_ready(fd));
    for (int i = 0; i < 10; i++) {
        send_text(other, "a");
        send_text(other, "b");
        assert_int_equal(epoll_wait(loop, &event, 1, WAIT_MS), 1);
        expect_text(channel, "a");
        assert_true(is_ready(fd));
        expect_text(channel, "b");
        assert_int_equal(channel->ops->try_receive(channel, &frame), SMEW_AGAIN);
        assert_int_equal(channel->ops->interest(channel).fd, fd);
        assert_false(is_ready(fd));
    }
    (void)stuff(channel);
    assert_false(is_ready(fd));
    while (smew_channel_receive(other, &frame, 0) == SMEW_OK)
        ;
    assert_int_equal(epoll_wait(loop, &event, 1, WAIT_MS), 1); /* room */
    send_text(channel, "x");
    smew_channel_close(other);
    assert_int_equal(epoll_wait(loop, &event, 1, WAIT_MS), 1);
    assert_int_equal(smew_channel_receive(channel, &frame, WAIT_MS), SMEW_RESET);
    assert_true(is_ready(fd));
    smew__fd_close(&loop);
    smew_channel_close(channel);
}

/* ---- strangers, faults, forks -------------------------------------------------------- */

static void a_stranger_is_not_the_other_end(void **state)
{
    struct smew_channel *channel = create("strange");
    struct smew_channel *other;
    struct smew_bytes frame;
    int fds[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(smew__packet_connect(socket_path("strange"), &fds[i], NULL), SMEW_OK);
    assert_int_equal(smew__packet_send(fds[0], "noise", 5, NULL, 0), SMEW_OK);
    smew__fd_close(&fds[1]);
    other = attach("strange");
    assert_int_equal(channel->ops->try_receive(channel, &frame), SMEW_AGAIN);
    smew__fd_close(&fds[2]); /* said nothing so far */
    send_text(other, "honest");
    expect_text(channel, "honest");
    smew__fd_close(&fds[0]);
    smew_channel_close(other);
    smew_channel_close(channel);
}

/* A pair by name, and a frame each way; whatever fails is a status. */
static void try_everything(void *argument)
{
    struct smew_channel *channel = NULL;
    struct smew_channel *other = NULL;
    struct smew_error error = {0};
    struct smew_bytes frame;
    enum smew_status status = smew_channel_create("fault", &channel, &error);

    if (status == SMEW_OK)
        status = smew_channel_attach("fault", &other, &error);
    if (status != SMEW_OK)
        assert_true(error.status == status && strlen(error.text) > 5);
    if (status == SMEW_OK && smew_channel_send(other, "there", 5, 100) == SMEW_OK &&
        smew_channel_receive(channel, &frame, 100) == SMEW_OK &&
        smew_channel_send(channel, "back", 4, 100) == SMEW_OK &&
        smew_channel_receive(other, &frame, 100) == SMEW_OK)
        ++*(unsigned *)argument;
    smew_channel_close(other);
    smew_channel_close(channel);
}

static void every_failure_is_a_status(void **state)
{
    static const int errors[] = {EMFILE, ENOMEM, EACCES, EINTR};
    unsigned succeeded = 0;

    (void)state;
    assert_in_range(support_walk_allocations(try_everything, &succeeded), 5, 1000);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        assert_in_range(support_walk_calls(errors[i], try_everything, &succeeded), 40, 1000);
        try_everything(&succeeded); /* removes what could not be removed */
    }
    assert_true(succeeded >= 2 * sizeof errors / sizeof errors[0]);
}

static int use_as_child(void *argument)
{
    struct smew_channel *channel = argument;
    struct smew_bytes part = {"child", 5};
    struct smew_bytes frame;
    bool refused = channel->ops->try_send(channel, &part, 1) == SMEW_FORKED &&
                   channel->ops->flush(channel) == SMEW_FORKED &&
                   channel->ops->try_receive(channel, &frame) == SMEW_FORKED;

    smew_channel_close(channel);
    return refused ? 0 : 1;
}

static void a_forked_child_is_refused(void **state)
{
    struct smew_channel *channel = create("fork");
    struct smew_channel *other;

    (void)state;
    assert_int_equal(support_reap(support_fork(use_as_child, channel), WAIT_MS), 0);
    assert_true(is_there("fork"));
    other = attach("fork");
    send_text(other, "a");
    expect_text(channel, "a");
    assert_int_equal(support_reap(support_fork(use_as_child, channel), WAIT_MS), 0);
    send_text(other, "b");
    expect_text(channel, "b");
    smew_channel_close(other);
    smew_channel_close(channel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(two_processes_talk),
        SUPPORT_TEST(a_process_that_dies_is_a_reset),
        SUPPORT_TEST(what_a_crash_left_is_replaced),
        SUPPORT_TEST(names_have_a_syntax),
        SUPPORT_TEST(nothing_to_attach_to),
        SUPPORT_TEST(a_name_is_in_use_once),
        SUPPORT_TEST(the_name_goes_with_the_second_end),
        SUPPORT_TEST(the_creator_removes_the_name),
        SUPPORT_TEST(alone_one_waits),
        SUPPORT_TEST(a_send_waits_for_the_other_end),
        SUPPORT_TEST(each_way_holds_256_kib),
        SUPPORT_TEST(the_fd_stays),
        SUPPORT_TEST(a_stranger_is_not_the_other_end),
        SUPPORT_TEST(every_failure_is_a_status),
        SUPPORT_TEST(a_forked_child_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
