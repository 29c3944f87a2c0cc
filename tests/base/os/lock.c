/* SPDX-License-Identifier: MIT */
/* Open-file-description locks: what they promise beyond fcntl's classic ones. */
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/os/fault.h"
#include "base/os/fd.h"
#include "base/os/lock.h"
#include "base/os/socket.h"

static int open_file(void)
{
    char path[128];
    int fd;

    (void)snprintf(path, sizeof path, "%s/file", support_runtime_dir());
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void remove_file(void)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/file", support_runtime_dir());
    assert_int_equal(unlink(path), 0);
}

static void test_exclusion(void **state)
{
    int mine = open_file();
    int other = open_file();

    (void)state;
    assert_int_equal(smew__lock_try(mine, 0, 10, true), SMEW_OK);
    assert_int_equal(smew__lock_try(mine, 0, 10, true), SMEW_OK);
    assert_int_equal(smew__lock_try(other, 9, 1, true), SMEW_BUSY);
    assert_int_equal(smew__lock_try(other, 9, 1, false), SMEW_BUSY);
    assert_int_equal(smew__lock_try(other, 10, 1, true), SMEW_OK);
    assert_true(smew__lock_held(other, 0, 1));
    assert_false(smew__lock_held(mine, 0, 10)); /* one's own does not count */
    assert_true(smew__lock_held(mine, 10, 1));
    /* Converted to a shared one, others may share it. */
    assert_int_equal(smew__lock_try(mine, 0, 10, false), SMEW_OK);
    assert_int_equal(smew__lock_try(other, 0, 10, false), SMEW_OK);
    assert_int_equal(smew__lock_try(mine, 0, 10, true), SMEW_BUSY);
    assert_true(smew__lock_held(mine, 0, 10));
    smew__lock_release(other, 0, 10);
    assert_false(smew__lock_held(mine, 0, 10));
    smew__fd_close(&mine);
    smew__fd_close(&other);
    remove_file();
}

/* The reason for these locks: a classic one would be gone with the second fd. */
static void test_closing_another_fd_keeps_it(void **state)
{
    int mine = open_file();
    int second = open_file();
    int watcher = open_file();

    (void)state;
    assert_int_equal(smew__lock_try(mine, 5, 1, true), SMEW_OK);
    smew__fd_close(&second);
    assert_true(smew__lock_held(watcher, 5, 1));
    smew__fd_close(&mine);
    assert_false(smew__lock_held(watcher, 5, 1));
    smew__fd_close(&watcher);
    remove_file();
}

static void test_dup_shares_it(void **state)
{
    int mine = open_file();
    int copy = fcntl(mine, F_DUPFD_CLOEXEC, 0);
    int watcher = open_file();

    (void)state;
    assert_int_equal(smew__lock_try(mine, 5, 1, true), SMEW_OK);
    smew__fd_close(&mine);
    assert_true(smew__lock_held(watcher, 5, 1));
    smew__fd_close(&copy);
    assert_false(smew__lock_held(watcher, 5, 1));
    smew__fd_close(&watcher);
    remove_file();
}

/* Lives until the parent's end of the pair is closed; the inherited lock lives with it. */
static int hold_until_told(void *argument)
{
    int *pair = argument;

    smew__fd_close(&pair[1]);
    return smew__fd_wait(pair[0], POLLIN, UINT64_MAX) == SMEW_OK ? 0 : 1;
}

static void test_forked_child_keeps_it(void **state)
{
    int mine = open_file();
    int watcher = open_file();
    int pair[2];
    pid_t child;

    (void)state;
    assert_int_equal(smew__socket_pair(pair), SMEW_OK);
    assert_int_equal(smew__lock_try(mine, 5, 1, true), SMEW_OK);
    child = support_fork(hold_until_told, pair);
    smew__fd_close(&mine);
    assert_true(smew__lock_held(watcher, 5, 1));
    smew__fd_close(&pair[0]);
    smew__fd_close(&pair[1]);
    assert_int_equal(support_reap(child, 10000), 0);
    assert_false(smew__lock_held(watcher, 5, 1));
    smew__fd_close(&watcher);
    remove_file();
}

static int lock_and_answer(void *argument)
{
    int fd = open_file();

    (void)argument;
    return smew__lock_try(fd, 5, 1, true) == SMEW_OK ? 0 : 1;
}

static int lock_and_wait(void *argument)
{
    int *pair = argument;

    if (lock_and_answer(NULL) != 0)
        return 1;
    smew__eventfd_signal(pair[1]); /* eight bytes; a socket takes them as well */
    return poll(NULL, 0, 60000);
}

/* At whatever instruction the holder is killed, the lock is free. */
static void test_killed_holder_releases_it(void **state)
{
    int watcher = open_file();
    int pair[2];
    pid_t child;

    (void)state;
    assert_int_equal(smew__socket_pair(pair), SMEW_OK);
    child = support_fork(lock_and_wait, pair);
    assert_int_equal(smew__fd_wait(pair[0], POLLIN, UINT64_MAX), SMEW_OK);
    assert_true(smew__lock_held(watcher, 5, 1));
    support_kill(child);
    assert_false(smew__lock_held(watcher, 5, 1));
    smew__fd_close(&pair[0]);
    smew__fd_close(&pair[1]);
    smew__fd_close(&watcher);
    remove_file();
}

static void test_faults(void **state)
{
    int fd = open_file();

    (void)state;
    smew__fault_set(1, ENOLCK, false);
    assert_int_equal(smew__lock_try(fd, 0, 1, true), SMEW_IO);
    smew__fault_set(1, EINTR, false);
    assert_int_equal(smew__lock_try(fd, 0, 1, true), SMEW_OK);
    smew__fault_set(1, EBADF, false);
    assert_true(smew__lock_held(fd, 0, 1)); /* who cannot ask believes that it is held */
    smew__fault_set(0, 0, false);
    assert_false(smew__lock_held(fd, 0, 1));
    smew__fd_close(&fd);
    remove_file();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_exclusion),
        SUPPORT_TEST(test_closing_another_fd_keeps_it),
        SUPPORT_TEST(test_dup_shares_it),
        SUPPORT_TEST(test_forked_child_keeps_it),
        SUPPORT_TEST(test_killed_holder_releases_it),
        SUPPORT_TEST(test_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
