/* SPDX-License-Identifier: MIT */
/* Packets: whole or not at all, with fds that never leak, whatever the other side sends. */
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os/fd.h"
#include "base/os/packet.h"
#include "base/os/socket.h"

enum { MAX = SMEW__PACKET_FDS_MAX, WAIT_MS = 10000, NOBODY = 65534 };

static const char *socket_path(void)
{
    static char path[64];

    (void)snprintf(path, sizeof path, "%s/socket", support_runtime_dir());
    return path;
}

static void make_pair(int fds[2])
{
    assert_int_equal(smew__packet_pair(fds), SMEW_OK);
}

static void close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        smew__fd_close(&fds[i]);
}

static void check_flags(int fd)
{
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

/* Everything but the datagram itself; for those that are refused. */
static enum smew_status receive(int fd, size_t *fd_count)
{
    char data[16];
    size_t done = 0;
    int fds[MAX];

    return smew__packet_receive(fd, data, sizeof data, &done, fds, fd_count);
}

static void test_conversation(void **state)
{
    struct smew_error error = {.text = ""};
    int listening = -1;
    int client = -1;
    int server = -1;
    struct stat file;
    int64_t pid = 0;
    int64_t uid = -1;
    size_t count = 0;

    (void)state;
    if (smew__packet_listen(socket_path(), 8, &listening, &error) != SMEW_OK)
        fail_msg("cannot listen: %s", error.text);
    check_flags(listening);
    assert_int_equal(stat(socket_path(), &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_int_equal(smew__packet_connect(socket_path(), &client, NULL), SMEW_OK);
    check_flags(client);
    assert_int_equal(smew__socket_accept(listening, &server), SMEW_OK);
    check_flags(server);
    assert_int_equal(smew__socket_peer(server, &pid, &uid), SMEW_OK);
    assert_int_equal(pid, getpid());
    assert_int_equal(receive(server, &count), SMEW_AGAIN);
    assert_int_equal(smew__packet_send(client, "hello", 5, NULL, 0), SMEW_OK);
    smew__fd_close(&client);
    assert_int_equal(receive(server, &count), SMEW_OK); /* what was sent before the end arrives */
    assert_int_equal(receive(server, &count), SMEW_RESET);
    smew__fd_close(&server);
    smew__fd_close(&listening);
    assert_int_equal(unlink(socket_path()), 0);
}

static void test_packets_keep_their_borders(void **state)
{
    char data[16];
    size_t done = 0;
    size_t count = 99;
    int fds[MAX];
    int ends[2];

    (void)state;
    make_pair(ends);
    check_flags(ends[0]);
    assert_int_equal(smew__packet_send(ends[0], "one", 3, NULL, 0), SMEW_OK);
    assert_int_equal(smew__packet_send(ends[0], "three", 5, NULL, 0), SMEW_OK);
    assert_int_equal(smew__packet_receive(ends[1], data, sizeof data, &done, fds, &count), SMEW_OK);
    assert_int_equal(done, 3);
    assert_int_equal(count, 0);
    assert_memory_equal(data, "one", 3);
    assert_int_equal(smew__packet_receive(ends[1], data, 5, &done, fds, &count), SMEW_OK);
    assert_int_equal(done, 5);
    assert_memory_equal(data, "three", 5);
    assert_int_equal(smew__packet_receive(ends[1], data, 0, &done, fds, &count), SMEW_INVALID);
    assert_int_equal(smew__packet_send(ends[0], data, 0, NULL, 0), SMEW_INVALID);
    assert_int_equal(smew__packet_send(ends[0], data, 1, fds, MAX + 1), SMEW_INVALID);
    assert_int_equal(smew__packet_send(-1, data, 1, NULL, 0), SMEW_IO);
    close_all(ends, 2);
}

static ino_t inode_of(int fd)
{
    struct stat file;

    assert_int_equal(fstat(fd, &file), 0);
    return file.st_ino;
}

/* 1 to all of them arrive in their order, as new fds of the same files. */
static void test_fds_arrive(void **state)
{
    int pipes[MAX];
    int ends[2];

    (void)state;
    make_pair(ends);
    for (size_t i = 0; i < MAX; i += 2)
        assert_int_equal(pipe2(&pipes[i], 0), 0);
    for (size_t sent = 1; sent <= MAX; sent++) {
        char data[8];
        size_t done = 0;
        size_t count = 0;
        int fds[MAX];

        assert_int_equal(smew__packet_send(ends[0], "fds", 3, pipes, sent), SMEW_OK);
        assert_int_equal(smew__packet_receive(ends[1], data, sizeof data, &done, fds, &count),
                         SMEW_OK);
        assert_int_equal(done, 3);
        assert_int_equal(count, sent);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(inode_of(fds[i]), inode_of(pipes[i]));
            assert_true((fcntl(fds[i], F_GETFD) & FD_CLOEXEC) != 0);
        }
        close_all(fds, count);
    }
    close_all(pipes, MAX);
    close_all(ends, 2);
}

/* What was sent and never received goes when the socket does. */
static void test_fds_on_their_way_are_not_leaked(void **state)
{
    int ends[2];

    (void)state;
    make_pair(ends);
    assert_int_equal(smew__packet_send(ends[0], "fds", 3, ends, 2), SMEW_OK);
    close_all(ends, 2);
}

/* More than smew__packet_send() would: as many as there are in `fds`. */
static void send_raw(int fd, size_t size, const int *fds, size_t count)
{
    static char data[64];
    struct iovec part = {data, size};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control = {.bytes = {0}};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};

    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), size);
}

static void test_what_is_too_much_is_refused(void **state)
{
    size_t count = 0;
    int many[16];
    int ends[2];

    (void)state;
    make_pair(ends);
    for (size_t i = 0; i < 16; i++)
        many[i] = ends[i % 2];
    for (size_t sent = MAX + 1; sent <= 16; sent++) {
        send_raw(ends[0], 8, many, sent);
        assert_int_equal(receive(ends[1], &count), SMEW_CORRUPT);
    }
    assert_int_equal(smew__packet_send(ends[0], "seventeen letters", 17, many, MAX), SMEW_OK);
    assert_int_equal(receive(ends[1], &count), SMEW_CORRUPT);
    /* Nothing but fds: it cannot be told from the end. */
    send_raw(ends[0], 0, many, 2);
    assert_int_equal(receive(ends[1], &count), SMEW_RESET);
    assert_int_equal(count, 0);
    /* The next one is as it should be. */
    assert_int_equal(smew__packet_send(ends[0], "fine", 4, NULL, 0), SMEW_OK);
    assert_int_equal(receive(ends[1], &count), SMEW_OK);
    close_all(ends, 2);
}

/* Parts of other kinds are not taken for fds. */
static void test_credentials_are_no_fds(void **state)
{
    const int on = 1;
    size_t count = 7;
    int ends[2];

    (void)state;
    make_pair(ends);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    assert_int_equal(smew__packet_send(ends[0], "who", 3, NULL, 0), SMEW_OK);
    assert_int_equal(receive(ends[1], &count), SMEW_OK);
    assert_int_equal(count, 0);
    close_all(ends, 2);
}

/* Room for two, and four come. */
static int receive_without_room(void *argument)
{
    int *ends = argument;
    struct rlimit limit;
    unsigned fds = support_count_fds();
    size_t count = 0;
    int lowest = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);

    smew__fd_close(&lowest);
    lowest = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
    limit = (struct rlimit){.rlim_cur = (rlim_t)lowest + 2, .rlim_max = (rlim_t)lowest + 2 + MAX};
    smew__fd_close(&lowest);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1;
    if (receive(ends[1], &count) != SMEW_NO_FDS || count != 0)
        return 2;
    if (support_count_fds() != fds)
        return 3;
    limit.rlim_cur += MAX;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 4;
    if (receive(ends[1], &count) != SMEW_OK || count != MAX) /* it has waited */
        return 5;
    if (receive(ends[1], &count) != SMEW_AGAIN)
        return 6;
    return support_count_fds() == fds + MAX ? 0 : 7;
}

static void test_no_room_for_fds(void **state)
{
    int four[MAX];
    int ends[2];
    uint8_t first = 0;

    (void)state;
    make_pair(ends);
    for (size_t i = 0; i < MAX; i++)
        four[i] = ends[0];
    assert_int_equal(smew__packet_peek(ends[1], &first), SMEW_AGAIN);
    assert_int_equal(smew__packet_send(ends[0], "four", 4, four, MAX), SMEW_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(smew__packet_peek(ends[1], &first), SMEW_OK);
    assert_int_equal(first, 'f');
    assert_int_equal(support_reap(support_fork(receive_without_room, ends), WAIT_MS), 0);
    close_all(ends, 2);
}

/* The kernel bounds what a user without privileges has on its way by RLIMIT_NOFILE. */
static int send_too_many(void *argument)
{
    const struct rlimit limit = {.rlim_cur = 64, .rlim_max = 64};
    enum smew_status status = SMEW_OK;
    int *ends = argument;

    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1;
    if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0)
        return 2;
    for (int i = 0; i < 100 && status == SMEW_OK; i++)
        status = smew__packet_send(ends[0], "fd", 2, ends, 1);
    return status == SMEW_NO_FDS ? 0 : 3;
}

static void test_too_many_on_their_way(void **state)
{
    int ends[2];

    (void)state;
    make_pair(ends);
    assert_int_equal(support_reap(support_fork(send_too_many, ends), WAIT_MS), 0);
    close_all(ends, 2);
}

static void test_full_big_and_gone(void **state)
{
    static char big[8 << 20];
    enum smew_status status = SMEW_OK;
    unsigned sent = 0;
    size_t count = 0;
    int ends[2];

    (void)state;
    make_pair(ends);
    assert_int_equal(smew__packet_send(ends[0], big, sizeof big, NULL, 0), SMEW_TOO_BIG);
    while (status == SMEW_OK && sent < 1000000) {
        status = smew__packet_send(ends[0], "x", 1, NULL, 0);
        sent += status == SMEW_OK;
    }
    assert_int_equal(status, SMEW_AGAIN);
    assert_true(sent > 0);
    while (sent-- > 0)
        assert_int_equal(receive(ends[1], &count), SMEW_OK);
    assert_int_equal(receive(ends[1], &count), SMEW_AGAIN);
    assert_int_equal(smew__packet_send(ends[0], "x", 1, NULL, 0), SMEW_OK);
    smew__fd_close(&ends[1]);
    /* No SIGPIPE: this program would be dead. */
    assert_int_equal(smew__packet_send(ends[0], "x", 1, NULL, 0), SMEW_RESET);
    assert_int_equal(receive(ends[0], &count), SMEW_RESET);
    smew__fd_close(&ends[0]);
}

static int hold(void *argument)
{
    int *ends = argument;

    smew__fd_close(&ends[0]);
    (void)smew__fd_wait(ends[1], POLLIN, SMEW_NEVER_NS); /* killed here */
    return 0;
}

/* The kernel says at once that the other process is dead. */
static void test_death_is_told(void **state)
{
    size_t count = 0;
    pid_t child;
    int ends[2];

    (void)state;
    make_pair(ends);
    child = support_fork(hold, ends);
    smew__fd_close(&ends[1]);
    assert_int_equal(receive(ends[0], &count), SMEW_AGAIN);
    support_kill(child);
    assert_int_equal(smew__fd_wait(ends[0], POLLIN, smew__deadline_ns(WAIT_MS)), SMEW_OK);
    assert_int_equal(receive(ends[0], &count), SMEW_RESET);
    smew__fd_close(&ends[0]);
}

/* One path, whatever the type: the living keeps it, the dead gives it up. */
static void test_what_a_crash_left_is_reaped(void **state)
{
    struct smew_error error;
    int fd = -1;

    (void)state;
    assert_int_equal(smew__packet_reap(socket_path()), SMEW_OK); /* nothing there */
    assert_int_equal(smew__packet_listen(socket_path(), 1, &fd, &error), SMEW_OK);
    assert_int_equal(smew__packet_reap(socket_path()), SMEW_EXISTS);
    assert_int_equal(access(socket_path(), F_OK), 0);
    smew__fd_close(&fd);
    assert_int_equal(smew__packet_reap(socket_path()), SMEW_OK);
    assert_int_equal(access(socket_path(), F_OK), -1);
    assert_int_equal(smew__packet_reap(support_runtime_dir()), SMEW_EXISTS);
    assert_int_equal(smew__packet_reap("/no/such/folder/socket"), SMEW_NOT_FOUND);
}

static void test_paths_are_shared_with_streams(void **state)
{
    struct smew_error error;
    int listening = -1;
    int other = -1;

    (void)state;
    assert_int_equal(smew__packet_connect(socket_path(), &other, &error), SMEW_NOT_FOUND);
    assert_int_equal(smew__socket_listen(socket_path(), 8, &listening, &error), SMEW_OK);
    assert_int_equal(smew__packet_listen(socket_path(), 8, &other, &error), SMEW_EXISTS);
    assert_int_equal(smew__packet_connect(socket_path(), &other, &error), SMEW_IO);
    smew__fd_close(&listening);
    assert_int_equal(smew__packet_connect(socket_path(), &other, &error), SMEW_RESET);
    assert_int_equal(smew__packet_listen(socket_path(), 8, &listening, &error), SMEW_OK);
    assert_int_equal(smew__socket_listen(socket_path(), 8, &other, &error), SMEW_EXISTS);
    assert_int_equal(smew__packet_listen(socket_path(), 8, &other, &error), SMEW_EXISTS);
    smew__fd_close(&listening);
    assert_int_equal(smew__socket_listen(socket_path(), 8, &listening, &error), SMEW_OK);
    smew__fd_close(&listening);
    assert_int_equal(other, -1);
    assert_int_equal(unlink(socket_path()), 0);
}

static void use_all(void *argument)
{
    enum smew_status *last = argument;
    int fds[4 + MAX] = {-1, -1, -1, -1, -1, -1, -1, -1};
    size_t count = 0;
    char data[8];
    size_t done;

    *last = smew__packet_listen(socket_path(), 8, &fds[0], NULL);
    if (*last == SMEW_OK)
        *last = smew__packet_connect(socket_path(), &fds[1], NULL);
    if (*last == SMEW_OK)
        *last = smew__packet_pair(&fds[2]);
    if (*last == SMEW_OK) {
        const int sent[MAX] = {fds[0], fds[1], fds[0], fds[1]};

        *last = smew__packet_send(fds[2], "fds", 3, sent, MAX);
    }
    if (*last == SMEW_OK)
        *last = smew__packet_receive(fds[3], data, sizeof data, &done, &fds[4], &count);
    close_all(fds, 4 + count);
}

static void test_every_call_may_fail(void **state)
{
    static const int numbers[] = {EMFILE, ENOMEM, EACCES, EINTR, ETOOMANYREFS};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        enum smew_status last = SMEW_IO;

        assert_true(support_walk_calls(numbers[i], use_all, &last) >= 11);
        assert_int_equal(last, SMEW_OK);
    }
    assert_int_equal(unlink(socket_path()), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_conversation),
        SUPPORT_TEST(test_packets_keep_their_borders),
        SUPPORT_TEST(test_fds_arrive),
        SUPPORT_TEST(test_fds_on_their_way_are_not_leaked),
        SUPPORT_TEST(test_what_is_too_much_is_refused),
        SUPPORT_TEST(test_credentials_are_no_fds),
        SUPPORT_TEST(test_no_room_for_fds),
        SUPPORT_TEST(test_too_many_on_their_way),
        SUPPORT_TEST(test_full_big_and_gone),
        SUPPORT_TEST(test_death_is_told),
        SUPPORT_TEST(test_what_a_crash_left_is_reaped),
        SUPPORT_TEST(test_paths_are_shared_with_streams),
        SUPPORT_TEST(test_every_call_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
