/* SPDX-License-Identifier: MIT */
/* Unix sockets: who may listen where, what each end is told, and that nothing leaks. */
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os/fd.h"
#include "base/os/socket.h"

static const char *socket_path(void)
{
    static char path[64];

    (void)snprintf(path, sizeof path, "%s/socket", support_runtime_dir());
    return path;
}

static int listen_at(const char *path)
{
    struct smew_error error = {.text = ""};
    int fd = -1;

    if (smew__socket_listen(path, 8, &fd, &error) != SMEW_OK)
        fail_msg("cannot listen: %s", error.text);
    return fd;
}

static void send_text(int fd, const char *text)
{
    const struct iovec parts[2] = {{(void *)text, 1}, {(void *)(text + 1), strlen(text) - 1}};
    size_t done = 0;

    assert_int_equal(smew__socket_send(fd, parts, 2, &done), SMEW_OK);
    assert_int_equal(done, strlen(text));
}

static void test_conversation(void **state)
{
    int listening = listen_at(socket_path());
    int client = -1;
    int server = -1;
    int64_t pid = 0;
    int64_t uid = -1;
    char text[16];
    size_t done = 0;

    (void)state;
    assert_int_equal(smew__socket_accept(listening, &server), SMEW_AGAIN);
    assert_int_equal(smew__socket_connect(socket_path(), &client, NULL), SMEW_OK);
    assert_int_equal(smew__socket_accept(listening, &server), SMEW_OK);
    assert_int_equal(smew__socket_peer(server, &pid, &uid), SMEW_OK);
    assert_int_equal(pid, getpid());
    assert_int_equal(uid, geteuid());
    assert_int_equal(smew__socket_receive(server, text, sizeof text, &done), SMEW_AGAIN);
    send_text(client, "hello");
    assert_int_equal(smew__socket_receive(server, text, sizeof text, &done), SMEW_OK);
    assert_int_equal(done, 5);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(smew__socket_receive(server, text, 0, &done), SMEW_INVALID);
    smew__fd_close(&client);
    assert_int_equal(smew__socket_receive(server, text, sizeof text, &done), SMEW_RESET);
    smew__fd_close(&server);
    smew__fd_close(&listening);
    assert_int_equal(unlink(socket_path()), 0);
}

static void check_flags(int fd)
{
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void test_flags_and_mode(void **state)
{
    mode_t mask = umask(0);
    int listening = listen_at(socket_path());
    struct stat file;
    int fds[2];

    (void)state;
    (void)umask(mask);
    assert_int_equal(stat(socket_path(), &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    check_flags(listening);
    assert_int_equal(smew__socket_connect(socket_path(), &fds[0], NULL), SMEW_OK);
    assert_int_equal(smew__socket_accept(listening, &fds[1]), SMEW_OK);
    check_flags(fds[0]);
    check_flags(fds[1]);
    smew__fd_close(&fds[0]);
    smew__fd_close(&fds[1]);
    assert_int_equal(smew__socket_pair(fds), SMEW_OK);
    check_flags(fds[0]);
    check_flags(fds[1]);
    smew__fd_close(&fds[0]);
    smew__fd_close(&fds[1]);
    smew__fd_close(&listening);
    assert_int_equal(unlink(socket_path()), 0);
}

static void test_connect_statuses(void **state)
{
    int listening = listen_at(socket_path());
    struct smew_error error;
    int fd = -1;

    (void)state;
    smew__fd_close(&listening);
    assert_int_equal(smew__socket_connect(socket_path(), &fd, &error), SMEW_RESET);
    assert_int_equal(unlink(socket_path()), 0);
    assert_int_equal(smew__socket_connect(socket_path(), &fd, &error), SMEW_NOT_FOUND);
    assert_non_null(strstr(error.text, socket_path()));
    assert_int_equal(smew__socket_connect("", &fd, &error), SMEW_INVALID);
    assert_int_equal(fd, -1);
}

static void test_path_length(void **state)
{
    char path[200];
    struct smew_error error;
    int fd = -1;

    (void)state;
    memset(path, 'x', sizeof path);
    memcpy(path, support_runtime_dir(), strlen(support_runtime_dir()));
    path[strlen(support_runtime_dir())] = '/';
    path[108] = '\0';
    assert_int_equal(smew__socket_listen(path, 8, &fd, &error), SMEW_PATH_TOO_LONG);
    assert_non_null(strstr(error.text, "108 bytes, and 107 are the most"));
    assert_int_equal(smew__socket_connect(path, &fd, &error), SMEW_PATH_TOO_LONG);
    path[107] = '\0';
    fd = listen_at(path);
    smew__fd_close(&fd);
    assert_int_equal(unlink(path), 0);
}

static void test_living_socket_is_not_taken(void **state)
{
    int listening = -1;
    int clients[16];
    int second = -1;
    size_t count = 0;
    enum smew_status status = SMEW_OK;
    struct smew_error error;

    (void)state;
    assert_int_equal(smew__socket_listen(socket_path(), 1, &listening, &error), SMEW_OK);
    assert_int_equal(smew__socket_listen(socket_path(), 8, &second, &error), SMEW_EXISTS);
    assert_non_null(strstr(error.text, "somebody listens"));
    /* Also when it is too busy to answer. */
    while (status == SMEW_OK && count < 16) {
        status = smew__socket_connect(socket_path(), &clients[count], &error);
        count += status == SMEW_OK;
    }
    assert_int_equal(status, SMEW_AGAIN);
    assert_int_equal(smew__socket_listen(socket_path(), 8, &second, &error), SMEW_EXISTS);
    while (count > 0)
        smew__fd_close(&clients[--count]);
    smew__fd_close(&listening);
    assert_int_equal(unlink(socket_path()), 0);
}

static void test_dead_socket_is_replaced(void **state)
{
    int listening = listen_at(socket_path());

    (void)state;
    smew__fd_close(&listening); /* the file stays, as after a crash */
    listening = listen_at(socket_path());
    smew__fd_close(&listening);
    assert_int_equal(unlink(socket_path()), 0);
}

static void test_what_is_no_socket_is_kept(void **state)
{
    int fd = open(socket_path(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    struct smew_error error;
    int listening = -1;

    (void)state;
    assert_int_equal(smew__socket_listen(socket_path(), 8, &listening, &error), SMEW_EXISTS);
    assert_non_null(strstr(error.text, "is no socket"));
    assert_int_equal(smew__socket_listen("/nowhere/at/all", 8, &listening, &error), SMEW_NOT_FOUND);
    smew__fd_close(&fd);
    assert_int_equal(unlink(socket_path()), 0);
}

enum { RIVALS = 8, WON = 1, LOST = 2 };

/* Waits for the start, tries to listen, and keeps what it got until the end. */
static int take_over(void *argument)
{
    int *fds = argument; /* start and end, closed by the parent; outcomes */
    enum smew_status status;
    uint8_t outcome;
    int fd = -1;

    smew__fd_close(&fds[1]);
    smew__fd_close(&fds[3]);
    if (smew__fd_wait(fds[0], POLLIN, UINT64_MAX) != SMEW_OK)
        return 1;
    status = smew__socket_listen(socket_path(), 8, &fd, NULL);
    outcome = status == SMEW_OK ? WON : status == SMEW_EXISTS ? LOST : 0;
    if (write(fds[5], &outcome, 1) != 1)
        return 2;
    return smew__fd_wait(fds[2], POLLIN, UINT64_MAX) == SMEW_OK ? 0 : 3;
}

/* Several find the same dead socket: one gets the path, and keeps it. */
static void race_for_a_dead_socket(void)
{
    int listening = listen_at(socket_path());
    int fds[6];
    pid_t rivals[RIVALS];
    int won = 0;
    int client = -1;

    smew__fd_close(&listening);
    for (int i = 0; i < 6; i += 2)
        assert_int_equal(pipe2(&fds[i], O_CLOEXEC), 0);
    for (int i = 0; i < RIVALS; i++)
        rivals[i] = support_fork(take_over, fds);
    smew__fd_close(&fds[1]);
    for (int i = 0; i < RIVALS; i++) {
        uint8_t outcome = 0;

        assert_int_equal(read(fds[4], &outcome, 1), 1);
        assert_true(outcome == WON || outcome == LOST);
        won += outcome == WON;
    }
    assert_int_equal(won, 1);
    assert_int_equal(smew__socket_connect(socket_path(), &client, NULL), SMEW_OK);
    smew__fd_close(&client);
    smew__fd_close(&fds[3]);
    for (int i = 0; i < RIVALS; i++)
        assert_int_equal(support_reap(rivals[i], 10000), 0);
    smew__fd_close(&fds[0]);
    smew__fd_close(&fds[2]);
    smew__fd_close(&fds[4]);
    smew__fd_close(&fds[5]);
    assert_int_equal(unlink(socket_path()), 0);
}

static void test_race_for_a_dead_socket(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++)
        race_for_a_dead_socket();
}

static void test_full_and_gone(void **state)
{
    static char block[65536];
    const struct iovec part = {block, sizeof block};
    const struct iovec nothing = {block, 0};
    enum smew_status status;
    size_t done = 0;
    size_t sum = 0;
    int fds[2];

    (void)state;
    assert_int_equal(smew__socket_pair(fds), SMEW_OK);
    assert_int_equal(smew__socket_send(fds[0], &nothing, 1, &done), SMEW_INVALID);
    do {
        status = smew__socket_send(fds[0], &part, 1, &done);
        sum += status == SMEW_OK ? done : 0;
    } while (status == SMEW_OK && sum < 64u << 20);
    assert_int_equal(status, SMEW_AGAIN);
    /* All of it can be had, and then there is room again. */
    while (sum > 0) {
        assert_int_equal(smew__socket_receive(fds[1], block, sizeof block, &done), SMEW_OK);
        assert_true(done > 0 && done <= sum);
        sum -= done;
    }
    assert_int_equal(smew__socket_send(fds[0], &part, 1, &done), SMEW_OK);
    smew__fd_close(&fds[1]);
    /* No SIGPIPE: this program would be dead. */
    assert_int_equal(smew__socket_send(fds[0], &part, 1, &done), SMEW_RESET);
    smew__fd_close(&fds[0]);
}

static void test_many_parts(void **state)
{
    static struct iovec parts[3000];
    static char bytes[3000];
    static char got[3000];
    size_t sent = 0;
    size_t done = 0;
    int fds[2];

    (void)state;
    assert_int_equal(smew__socket_pair(fds), SMEW_OK);
    for (size_t i = 0; i < 3000; i++) {
        bytes[i] = (char)i;
        parts[i] = (struct iovec){&bytes[i], 1};
    }
    while (sent < 3000) { /* more than the kernel takes at once */
        assert_int_equal(smew__socket_send(fds[0], parts + sent, 3000 - sent, &done), SMEW_OK);
        assert_int_equal(smew__socket_receive(fds[1], got + sent, 3000 - sent, &done), SMEW_OK);
        sent += done;
    }
    assert_memory_equal(got, bytes, sizeof bytes);
    smew__fd_close(&fds[0]);
    smew__fd_close(&fds[1]);
}

/* A whole conversation over a path that a crash left. */
static void use_all(void *argument)
{
    enum smew_status *last = argument;
    int fds[3] = {-1, -1, -1};
    int64_t pid;
    int64_t uid;
    size_t done;
    char text[8] = "hello";
    const struct iovec part = {text, sizeof text};

    *last = smew__socket_listen(socket_path(), 8, &fds[0], NULL);
    if (*last == SMEW_OK)
        *last = smew__socket_connect(socket_path(), &fds[1], NULL);
    if (*last == SMEW_OK)
        *last = smew__socket_accept(fds[0], &fds[2]);
    if (*last == SMEW_OK)
        *last = smew__socket_peer(fds[2], &pid, &uid);
    if (*last == SMEW_OK)
        *last = smew__socket_send(fds[1], &part, 1, &done);
    if (*last == SMEW_OK)
        *last = smew__socket_receive(fds[2], text, sizeof text, &done);
    for (int i = 0; i < 3; i++)
        smew__fd_close(&fds[i]);
    if (*last == SMEW_OK && smew__socket_pair(fds) == SMEW_OK) {
        smew__fd_close(&fds[0]);
        smew__fd_close(&fds[1]);
    }
}

static void test_every_call_may_fail(void **state)
{
    static const int numbers[] = {EMFILE, ENOMEM, EACCES, EINTR};
    int listening = listen_at(socket_path());

    (void)state;
    smew__fd_close(&listening);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        enum smew_status last = SMEW_IO;

        assert_true(support_walk_calls(numbers[i], use_all, &last) >= 16);
        assert_int_equal(last, SMEW_OK);
    }
    assert_int_equal(unlink(socket_path()), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_conversation),
        SUPPORT_TEST(test_flags_and_mode),
        SUPPORT_TEST(test_connect_statuses),
        SUPPORT_TEST(test_path_length),
        SUPPORT_TEST(test_living_socket_is_not_taken),
        SUPPORT_TEST(test_dead_socket_is_replaced),
        SUPPORT_TEST(test_what_is_no_socket_is_kept),
        SUPPORT_TEST(test_race_for_a_dead_socket),
        SUPPORT_TEST(test_full_and_gone),
        SUPPORT_TEST(test_many_parts),
        SUPPORT_TEST(test_every_call_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
