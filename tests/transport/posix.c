/* SPDX-License-Identifier: MIT */
/*
 * What `shm-posix` has beside the contract: names that are there only while two ends meet, what a
 * crash leaves of them, and blocking waits on a semaphore.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <dirent.h>
#include <unistd.h>

#include <smew/log.h>
#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/fault.h"

enum { WAIT_MS = 10000, ROUNDS = 300 };

static struct smew_endpoint endpoint(void)
{
    return (struct smew_endpoint){.directory = support_runtime_dir(), .place = "bus/1.1"};
}

static struct smew_listener *listen_here(void)
{
    struct smew_endpoint here = endpoint();
    struct smew_listener *listener = NULL;

    assert_int_equal(smew_transport_find("shm-posix")->listen(&here, &listener, NULL), SMEW_OK);
    return listener;
}

static struct smew_channel *dial_by(const char *scheme)
{
    struct smew_endpoint here = endpoint();
    struct smew_channel *channel = NULL;

    return smew_transport_find(scheme)->dial(&here, &channel, NULL) == SMEW_OK ? channel : NULL;
}

static struct smew_channel *accept_one(struct smew_listener *listener)
{
    struct smew_interest interest = listener->ops->interest(listener);
    struct pollfd entry = {.fd = interest.fd, .events = interest.events};
    struct smew_channel *channel = NULL;

    assert_int_equal(poll(&entry, 1, WAIT_MS), 1);
    assert_int_equal(listener->ops->try_accept(listener, &channel), SMEW_OK);
    return channel;
}

/* Names of ours in /dev/shm that this process made. */
static unsigned count_names(pid_t pid)
{
    DIR *names = opendir("/dev/shm");
    const struct dirent *entry;
    unsigned count = 0;
    char part[32];

    (void)snprintf(part, sizeof part, "smew-%ld-%ld-", (long)geteuid(), (long)pid);
    assert_non_null(names);
    while ((entry = readdir(names)) != NULL)
        count += strstr(entry->d_name, part) != NULL;
    (void)closedir(names);
    return count;
}

static void names_are_there_while_two_meet(void **state)
{
    struct smew_listener *listener = listen_here();
    struct smew_channel *dialled = dial_by("shm-posix");
    struct smew_channel *accepted;
    struct smew_bytes frame;

    (void)state;
    assert_non_null(dialled);
    assert_in_range(count_names(getpid()), 2, 3);
    accepted = accept_one(listener);
    assert_int_equal(accepted->ops->try_receive(accepted, &frame), SMEW_AGAIN);
    assert_int_equal(dialled->ops->try_receive(dialled, &frame), SMEW_AGAIN);
    assert_int_equal(count_names(getpid()), 0);
    smew_channel_close(accepted);
    smew_channel_close(dialled);
    dialled = dial_by("shm-posix");
    assert_non_null(dialled);
    smew_channel_close(dialled); /* before anybody came */
    assert_int_equal(count_names(getpid()), 0);
    listener->ops->close(listener);
}

static int dial_and_die(void *argument)
{
    (void)argument;
    return dial_by("shm-posix") != NULL && count_names(getpid()) >= 2 ? 0 : 1;
}

static void what_a_crash_left_is_swept(void **state)
{
    struct smew_listener *listener = listen_here();
    pid_t child = support_fork(dial_and_die, NULL);

    (void)state;
    assert_int_equal(support_reap(child, WAIT_MS), 0);
    listener->ops->close(listener);
    listener = listen_here(); /* unless another test's listener was sooner */
    assert_int_equal(count_names(child), 0);
    listener->ops->close(listener);
}

static int echo(void *argument)
{
    struct smew_channel *channel = dial_by("shm-posix");
    struct smew_bytes frame;
    enum smew_status status = SMEW_RESET;

    (void)argument;
    while (channel != NULL && (status = smew_channel_receive(channel, &frame, WAIT_MS)) == SMEW_OK)
        if (smew_channel_send(channel, frame.data, frame.size, WAIT_MS) != SMEW_OK)
            return 1;
    smew_channel_close(channel);
    return status == SMEW_RESET ? 0 : 2;
}

/* Ping and pong between processes that sleep in between: each is woken, not found by chance. */
static void talk(void)
{
    struct smew_listener *listener = listen_here();
    pid_t child = support_fork(echo, NULL);
    struct smew_channel *channel = accept_one(listener);
    uint64_t began_ns = smew_now_ns();
    struct smew_bytes frame;

    for (uint64_t i = 0; i < ROUNDS; i++) {
        assert_int_equal(smew_channel_send(channel, &i, sizeof i, WAIT_MS), SMEW_OK);
        assert_int_equal(smew_channel_receive(channel, &frame, WAIT_MS), SMEW_OK);
        assert_memory_equal(frame.data, &i, sizeof i);
    }
    assert_in_range(smew_now_ns() - began_ns, 0, ROUNDS * 10 * SMEW_NS_PER_MS);
    smew_channel_close(channel);
    assert_int_equal(support_reap(child, WAIT_MS), 0);
    listener->ops->close(listener);
}

static void a_semaphore_wakes_who_waits(void **state)
{
    (void)state;
    talk();
}

/* The dialler's semaphore cannot be had: it waits on the socket. */
static void without_a_semaphore_the_socket_wakes(void **state)
{
    struct smew_listener *listener = listen_here();
    bool worked = false;

    (void)state;
    for (uint64_t n = 1; n < 60 && !worked; n++) {
        struct smew_channel *dialled;
        struct smew_channel *accepted;
        struct smew_bytes frame;

        smew__fault_set(n, ENOSPC, false);
        dialled = dial_by("shm-posix");
        smew__fault_set(0, 0, false);
        if (dialled == NULL)
            continue;
        worked = count_names(getpid()) == 2; /* the two segments */
        accepted = accept_one(listener);
        assert_int_equal(smew_channel_receive(dialled, &frame, 30), SMEW_TIMEOUT);
        assert_int_equal(smew_channel_send(accepted, "x", 1, WAIT_MS), SMEW_OK);
        assert_int_equal(smew_channel_receive(dialled, &frame, WAIT_MS), SMEW_OK);
        smew_channel_close(dialled);
        smew_channel_close(accepted);
    }
    assert_true(worked);
    listener->ops->close(listener);
}

static char logged[512];

static void keep_line(enum smew_log_level level, const char *text, void *user)
{
    (void)level;
    (void)user;
    (void)snprintf(logged, sizeof logged, "%s", text);
}

static void the_two_kinds_do_not_mix(void **state)
{
    struct smew_listener *listener = listen_here();
    struct smew_channel *dialled = dial_by("shm");
    struct smew_channel *accepted;
    struct smew_bytes frame;

    (void)state;
    assert_non_null(dialled);
    accepted = accept_one(listener);
    smew_log_set_sink(keep_line, NULL, SMEW_LOG_WARN);
    assert_int_equal(smew_channel_receive(accepted, &frame, WAIT_MS), SMEW_CORRUPT);
    smew_log_set_sink(NULL, NULL, SMEW_LOG_WARN);
    assert_non_null(strstr(logged, "HELLO of this scheme"));
    assert_int_equal(smew_channel_receive(dialled, &frame, WAIT_MS), SMEW_CORRUPT);
    smew_channel_close(dialled);
    smew_channel_close(accepted);
    assert_int_equal(count_names(getpid()), 0);
    listener->ops->close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(names_are_there_while_two_meet),
        SUPPORT_TEST(what_a_crash_left_is_swept),
        SUPPORT_TEST(a_semaphore_wakes_who_waits),
        SUPPORT_TEST(without_a_semaphore_the_socket_wakes),
        SUPPORT_TEST(the_two_kinds_do_not_mix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
