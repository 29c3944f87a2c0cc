/* SPDX-License-Identifier: MIT */
/*
 * The tests' own tools: a leak check that finds no leak would make every other test worth less, so
 * each is shown one.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <smew/transport.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os/fd.h"
#include "base/os/thread.h"

static void test_runtime_dir_is_private_and_exported(void **state)
{
    struct stat folder;

    (void)state;
    assert_string_equal(getenv("SMEW_RUNTIME_DIR"), support_runtime_dir());
    assert_int_equal(stat(support_runtime_dir(), &folder), 0);
    assert_int_equal(folder.st_mode & 0777, 0700);
    assert_true(support_runtime_dir_empty());
}

static void test_teardown_finds_leaks(void **state)
{
    unsigned settle_ms = support_settle_ms;
    char first[64];
    void *leaked;
    int fd;

    (void)state;
    support_settle_ms = 50; /* nothing here settles */
    assert_int_equal(support_setup(NULL), 0);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_not_equal(support_teardown(NULL), 0);
    smew__fd_close(&fd);

    assert_int_equal(support_setup(NULL), 0);
    leaked = smew__alloc(1);
    assert_int_not_equal(support_teardown(NULL), 0);
    smew__free(leaked);

    assert_int_equal(support_setup(NULL), 0);
    (void)snprintf(first, sizeof(first), "%s/file", support_runtime_dir());
    fd = openat(AT_FDCWD, first, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    smew__fd_close(&fd);
    assert_int_not_equal(support_teardown(NULL), 0);
    assert_int_equal(access(support_runtime_dir(), F_OK), -1);

    assert_int_equal(support_setup(NULL), 0);
    assert_int_equal(support_teardown(NULL), 0);
    support_settle_ms = settle_ms;
}

static void wait_for_fd(void *argument)
{
    (void)smew__fd_wait(*(int *)argument, POLLIN, smew__deadline_ns(20000));
}

static void test_threads_are_counted(void **state)
{
    unsigned before = support_count_threads();
    struct smew__thread thread = {0};
    int fd = -1;

    (void)state;
    assert_int_equal(smew__eventfd_open(&fd), SMEW_OK);
    assert_int_equal(smew__thread_start(&thread, "counted", wait_for_fd, &fd), SMEW_OK);
    assert_int_equal(support_count_threads(), before + 1);
    smew__eventfd_signal(fd);
    smew__thread_join(&thread);
    smew__fd_close(&fd);
}

static bool never(void *argument)
{
    (*(unsigned *)argument)++;
    return false;
}

static bool third_time(void *argument)
{
    return ++*(unsigned *)argument == 3;
}

static void test_wait_until(void **state)
{
    uint64_t begin_ns = smew_now_ns();
    unsigned asked = 0;

    (void)state;
    assert_true(support_wait_until(third_time, &asked, 10000));
    assert_int_equal(asked, 3);
    asked = 0;
    assert_false(support_wait_until(never, &asked, 20));
    assert_true(asked >= 2);
    assert_true(smew_now_ns() - begin_ns >= 20 * SMEW_NS_PER_MS);
}

static int answer(void *argument)
{
    return *(int *)argument;
}

static int raise_signal(void *argument)
{
    return raise(*(int *)argument);
}

static int count_threads(void *argument)
{
    (void)argument;
    return (int)support_count_threads();
}

static int wait_long(void *argument)
{
    (void)argument;
    return poll(NULL, 0, 60000);
}

static void test_children(void **state)
{
    int number = 42;
    pid_t pid;

    (void)state;
    assert_int_equal(support_reap(support_fork(answer, &number), 10000), 42);
    number = SIGKILL;
    assert_int_equal(support_reap(support_fork(raise_signal, &number), 10000), -SIGKILL);
    pid = support_fork(wait_long, NULL);
    support_kill(pid);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

/* They are the test's own, and copies of it as it was when it had one thread. */
static void test_children_of_the_nursery(void **state)
{
    struct smew__thread thread = {0};
    int fd = -1;
    pid_t pid;

    (void)state;
    support_nursery_open();
    assert_int_equal(smew__eventfd_open(&fd), SMEW_OK);
    assert_int_equal(smew__thread_start(&thread, "waits", wait_for_fd, &fd), SMEW_OK);
    assert_true(support_reap(support_fork(count_threads, NULL), 10000) <
                (int)support_count_threads());
    pid = support_fork(wait_long, NULL);
    support_kill(pid);
    assert_int_equal(kill(pid, 0), -1);
    smew__eventfd_signal(fd);
    smew__thread_join(&thread);
    smew__fd_close(&fd);
}

static void test_random_repeats(void **state)
{
    struct support_random one = {.state = 7};
    struct support_random two = {.state = 7};
    struct support_random zero = {.state = 0};

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(support_random_next(&one), support_random_next(&two));
    /* The first number of the published generator for seed 0. */
    assert_int_equal(support_random_next(&zero), UINT64_C(0xe220a8397b1dcdaf));
    for (int i = 0; i < 1000; i++)
        assert_true(support_random_below(&one, 3) < 3);
}

/* Opens three eventfds and allocates twice; gives back what it got. */
static void five_steps(void *argument)
{
    int fds[3] = {-1, -1, -1};
    void *one = NULL;
    void *two = NULL;

    (void)argument;
    if (smew__eventfd_open(&fds[0]) == SMEW_OK && smew__eventfd_open(&fds[1]) == SMEW_OK &&
        smew__eventfd_open(&fds[2]) == SMEW_OK) {
        one = smew__alloc(1);
        two = one == NULL ? NULL : smew__alloc(1);
    }
    smew__free(two);
    smew__free(one);
    for (int i = 0; i < 3; i++)
        smew__fd_close(&fds[i]);
}

static void test_walks_visit_every_step(void **state)
{
    (void)state;
    assert_int_equal(support_walk_calls(EMFILE, five_steps, NULL), 3);
    assert_int_equal(support_walk_allocations(five_steps, NULL), 2);
}

/* The second time it has no time for anything. */
static void cut_short(void *argument)
{
    if (++*(unsigned *)argument != 2)
        five_steps(NULL);
}

static void test_walks_go_on_behind_what_was_cut_short(void **state)
{
    unsigned attempts = 0;

    (void)state;
    assert_int_equal(support_walk_calls(EMFILE, cut_short, &attempts), 2);
    assert_int_equal(attempts, 3 + 3); /* the third call had its turn, too */
}

/* A thread that gives back a block some time after the attempt that made it. */
struct late {
    struct smew__thread thread;
    void *block;
};

static void free_late(void *argument)
{
    (void)poll(NULL, 0, 10);
    smew__free(((struct late *)argument)->block);
}

static void end_early(void *argument)
{
    struct late *late = argument;

    smew__thread_join(&late->thread); /* the one of the attempt before */
    late->block = smew__alloc(1);
    if (late->block != NULL)
        assert_int_equal(smew__thread_start(&late->thread, "late", free_late, late), SMEW_OK);
}

static void test_walks_wait_for_other_threads(void **state)
{
    struct late late = {.block = NULL};

    (void)state;
    assert_int_equal(support_walk_allocations(end_early, &late), 1);
    smew__thread_join(&late.thread);
}

static void leak_a_block(void *argument)
{
    *(void **)argument = smew__alloc(1);
}

static void leak_an_fd(void *argument)
{
    (void)smew__eventfd_open(argument);
}

static void drop_a_block(void *argument)
{
    smew__free(*(void **)argument);
    *(void **)argument = NULL;
}

static void walk_with_a_leak(void **state)
{
    void *block = NULL;

    (void)state;
    (void)support_walk_allocations(leak_a_block, &block);
}

static void walk_with_an_open_fd(void **state)
{
    int fd = -1;

    (void)state;
    (void)support_walk_calls(EMFILE, leak_an_fd, &fd);
}

static void walk_that_drops(void **state)
{
    void *block = smew__alloc(1);

    (void)state;
    (void)support_walk_allocations(drop_a_block, &block);
}

/* How many of the walks fail; what they print is not for who reads this test. */
static int walk_badly(void *argument)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walk_with_a_leak),
        cmocka_unit_test(walk_with_an_open_fd),
        cmocka_unit_test(walk_that_drops),
    };
    int silent = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)argument;
    (void)dup2(silent, STDOUT_FILENO);
    (void)dup2(silent, STDERR_FILENO);
    support_settle_ms = 50;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

static void test_walks_find_leaks(void **state)
{
    (void)state;
    assert_int_equal(support_reap(support_fork(walk_badly, NULL), 60000), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_runtime_dir_is_private_and_exported),
        cmocka_unit_test(test_teardown_finds_leaks),
        SUPPORT_TEST(test_threads_are_counted),
        SUPPORT_TEST(test_wait_until),
        SUPPORT_TEST(test_children),
        SUPPORT_TEST(test_children_of_the_nursery),
        SUPPORT_TEST(test_random_repeats),
        SUPPORT_TEST(test_walks_visit_every_step),
        SUPPORT_TEST(test_walks_go_on_behind_what_was_cut_short),
        SUPPORT_TEST(test_walks_wait_for_other_threads),
        SUPPORT_TEST(test_walks_find_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
