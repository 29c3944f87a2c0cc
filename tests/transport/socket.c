/* SPDX-License-Identifier: MIT */
/*
 * What only a socket with a name can get wrong: where it lies, whose the folder is, who has the
 * name already, who is at the other end.
 */
#include "tests/transport/raw.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const struct smew_transport_ops *pipe_ops(void)
{
    return smew_transport_find("pipe");
}

/* Listening and dialling there are both refused, with a sentence that has these words. */
static void expect_refused(const struct smew_endpoint *endpoint, enum smew_status status,
                           const char *first_word, const char *second_word)
{
    struct smew_listener *listener = NULL;
    struct smew_channel *channel = NULL;
    struct smew_error errors[2] = {{0}};

    assert_int_equal(pipe_ops()->listen(endpoint, &listener, &errors[0]), status);
    assert_int_equal(pipe_ops()->dial(endpoint, &channel, &errors[1]), status);
    assert_null(listener);
    assert_null(channel);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(errors[i].status, status);
        if (strstr(errors[i].text, first_word) == NULL ||
            strstr(errors[i].text, second_word) == NULL)
            fail_msg("\"%s\" lacks \"%s\" or \"%s\"", errors[i].text, first_word, second_word);
    }
}

static bool is_socket(const char *path)
{
    struct stat file;

    return lstat(path, &file) == 0 && S_ISSOCK(file.st_mode);
}

static void the_socket_is_where_it_should_be(void **state)
{
    struct smew_listener *listener = raw_listen();
    struct stat file;

    (void)state;
    assert_int_equal(lstat(raw_path(), &file), 0);
    assert_true(S_ISSOCK(file.st_mode));
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_int_equal(file.st_uid, geteuid());
    listener->ops->close(listener);
    assert_int_equal(lstat(raw_path(), &file), -1);
    assert_int_equal(errno, ENOENT);
}

/* The one folder in the running test's whose path is `length` bytes long, made if need be. */
static const char *make_folder(char *path, size_t length)
{
    size_t at = strlen(support_runtime_dir());

    assert_in_range(length, at + 2, at + 200);
    memcpy(path, support_runtime_dir(), at);
    path[at] = '/';
    memset(path + at + 1, 'd', length - at - 1);
    path[length] = '\0';
    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

static void a_path_too_long_is_refused(void **state)
{
    size_t room = sizeof((struct sockaddr_un *)NULL)->sun_path - 1 - strlen("/1.1.sock");
    struct smew_endpoint endpoint = raw_endpoint();
    struct smew_listener *listener = NULL;
    char path[1024];

    (void)state;
    endpoint.directory = make_folder(path, room);
    assert_int_equal(pipe_ops()->listen(&endpoint, &listener, NULL), SMEW_OK);
    listener->ops->close(listener);
    assert_int_equal(rmdir(path), 0);

    endpoint.directory = make_folder(path, room + 1);
    expect_refused(&endpoint, SMEW_PATH_TOO_LONG, path, "SMEW_RUNTIME_DIR");
    assert_int_equal(rmdir(path), 0);

    /* Longer than any path of ours: refused before anybody looks whether it is there. */
    memset(path, 'd', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    expect_refused(&endpoint, SMEW_PATH_TOO_LONG, "/ddd", "SMEW_RUNTIME_DIR");
}

static void a_place_has_a_last_part(void **state)
{
    static const char *const wrong[] = {"bus/", "/", "bus/.", "bus/..", "bus/.hidden"};
    struct smew_endpoint endpoint = raw_endpoint();

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        endpoint.place = wrong[i];
        expect_refused(&endpoint, SMEW_INVALID, wrong[i], "place");
    }
    endpoint = raw_endpoint();
    endpoint.directory = NULL;
    expect_refused(&endpoint, SMEW_INVALID, "absolute", "directory");
    endpoint.directory = "tmp";
    expect_refused(&endpoint, SMEW_INVALID, "absolute", "directory");
}

static void a_folder_that_is_missing_is_not_made(void **state)
{
    struct smew_endpoint endpoint = raw_endpoint();
    char path[128];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/none", support_runtime_dir());
    endpoint.directory = path;
    expect_refused(&endpoint, SMEW_NOT_FOUND, path, "");
    assert_int_equal(access(path, F_OK), -1);
}

static void a_folder_open_to_others_is_refused(void **state)
{
    struct smew_endpoint endpoint = raw_endpoint();
    char path[128];
    char link_path[128];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/wide", support_runtime_dir());
    (void)snprintf(link_path, sizeof link_path, "%s/link", support_runtime_dir());
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(symlink(path, link_path), 0);
    endpoint.directory = link_path;
    expect_refused(&endpoint, SMEW_PERMISSION, link_path, "link");
    assert_int_equal(chmod(path, 0755), 0);
    endpoint.directory = path;
    expect_refused(&endpoint, SMEW_PERMISSION, path, "0700");
    assert_int_equal(unlink(link_path), 0);
    assert_int_equal(rmdir(path), 0);
}

static void a_folder_of_another_owner_is_refused(void **state)
{
    struct smew_endpoint endpoint = raw_endpoint();
    char path[128];

    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can give a folder away */
    (void)snprintf(path, sizeof path, "%s/theirs", support_runtime_dir());
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chown(path, 65534, 65534), 0);
    endpoint.directory = path;
    expect_refused(&endpoint, SMEW_PERMISSION, path, "65534");
    /* And the other way round: their program, our folder. */
    assert_int_equal(seteuid(65534), 0);
    endpoint.directory = support_runtime_dir();
    assert_int_equal(pipe_ops()->dial(&endpoint, &(struct smew_channel *){NULL}, NULL),
                     SMEW_PERMISSION);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(rmdir(path), 0);
}

static void a_living_socket_is_not_stolen(void **state)
{
    struct smew_listener *listener = raw_listen();
    struct smew_endpoint endpoint = raw_endpoint();
    struct smew_listener *thief = NULL;
    struct smew_error error;
    struct stat before;
    struct stat after;

    (void)state;
    assert_int_equal(lstat(raw_path(), &before), 0);
    assert_int_equal(pipe_ops()->listen(&endpoint, &thief, &error), SMEW_EXISTS);
    assert_non_null(strstr(error.text, raw_path()));
    assert_int_equal(lstat(raw_path(), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    listener->ops->close(listener);
}

static void a_file_in_the_way_is_left_alone(void **state)
{
    struct smew_endpoint endpoint = raw_endpoint();
    struct smew_listener *listener = NULL;
    int fd = open(raw_path(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(pipe_ops()->listen(&endpoint, &listener, NULL), SMEW_EXISTS);
    assert_int_equal(unlink(raw_path()), 0);
}

static int listen_until_killed(void *argument)
{
    const int *ready = argument;
    struct smew_endpoint endpoint = raw_endpoint();
    struct smew_listener *listener;
    char answer = pipe_ops()->listen(&endpoint, &listener, NULL) == SMEW_OK ? 'w' : 'l';

    if (write(*ready, &answer, 1) != 1)
        return 1;
    for (;;)
        (void)pause();
}

static char answer_of(int fd)
{
    char answer;

    assert_int_equal(read(fd, &answer, 1), 1);
    return answer;
}

static void the_socket_of_a_crash_is_replaced(void **state)
{
    struct smew_endpoint endpoint = raw_endpoint();
    struct smew_channel *channel = NULL;
    struct smew_listener *listener;
    int ends[2];
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = support_fork(listen_until_killed, &ends[1]);
    assert_int_equal(answer_of(ends[0]), 'w');
    support_kill(child);
    assert_true(is_socket(raw_path()));
    assert_int_equal(pipe_ops()->dial(&endpoint, &channel, NULL), SMEW_RESET);
    listener = raw_listen();
    assert_int_equal(pipe_ops()->dial(&endpoint, &channel, NULL), SMEW_OK);
    smew_channel_close(channel);
    listener->ops->close(listener);
    close(ends[0]);
    close(ends[1]);
}

enum { RACERS = 6, RACES = 10 };

static void one_of_those_who_race_listens(void **state)
{
    (void)state;
    for (int race = 0; race < RACES; race++) {
        pid_t children[RACERS];
        int winners = 0;
        int ends[2];

        /* Each race begins with the dead socket that the one before left. */
        assert_int_equal(pipe(ends), 0);
        for (int i = 0; i < RACERS; i++)
            children[i] = support_fork(listen_until_killed, &ends[1]);
        for (int i = 0; i < RACERS; i++)
            winners += answer_of(ends[0]) == 'w';
        for (int i = 0; i < RACERS; i++)
            support_kill(children[i]);
        assert_int_equal(winners, 1);
        close(ends[0]);
        close(ends[1]);
    }
    assert_int_equal(unlink(raw_path()), 0);
}

static int dial_and_wait(void *argument)
{
    struct smew_endpoint endpoint = raw_endpoint();
    struct smew_channel *channel;
    struct smew_bytes frame;
    struct smew_peer_credentials peer;

    if (pipe_ops()->dial(&endpoint, &channel, NULL) != SMEW_OK)
        return 1;
    peer = channel->ops->credentials(channel);
    if (peer.pid != *(const pid_t *)argument || peer.uid != geteuid())
        return 2;
    return smew_channel_receive(channel, &frame, RAW_WAIT_MS) == SMEW_RESET ? 0 : 3;
}

static void the_kernel_says_who_is_there(void **state)
{
    struct smew_listener *listener = raw_listen();
    struct smew_peer_credentials peer;
    struct smew_channel *channel;
    pid_t self = getpid();
    pid_t child = support_fork(dial_and_wait, &self);

    (void)state;
    channel = raw_accept(listener);
    peer = channel->ops->credentials(channel);
    assert_int_equal(peer.pid, child);
    assert_int_equal(peer.uid, geteuid());
    smew_channel_close(channel);
    assert_int_equal(support_reap(child, RAW_WAIT_MS), 0);
    listener->ops->close(listener);
}

static void a_folder_that_went_away_is_no_matter(void **state)
{
    struct smew_endpoint endpoint = raw_endpoint();
    struct smew_listener *listener = NULL;
    char path[128];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/brief", support_runtime_dir());
    assert_int_equal(mkdir(path, 0700), 0);
    endpoint.directory = path;
    assert_int_equal(pipe_ops()->listen(&endpoint, &listener, NULL), SMEW_OK);
    support_remove_tree(path);
    listener->ops->close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(the_socket_is_where_it_should_be),
        SUPPORT_TEST(a_path_too_long_is_refused),
        SUPPORT_TEST(a_place_has_a_last_part),
        SUPPORT_TEST(a_folder_that_is_missing_is_not_made),
        SUPPORT_TEST(a_folder_open_to_others_is_refused),
        SUPPORT_TEST(a_folder_of_another_owner_is_refused),
        SUPPORT_TEST(a_living_socket_is_not_stolen),
        SUPPORT_TEST(a_file_in_the_way_is_left_alone),
        SUPPORT_TEST(the_socket_of_a_crash_is_replaced),
        SUPPORT_TEST(one_of_those_who_race_listens),
        SUPPORT_TEST(the_kernel_says_who_is_there),
        SUPPORT_TEST(a_folder_that_went_away_is_no_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
