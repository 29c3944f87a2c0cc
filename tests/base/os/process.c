/* SPDX-License-Identifier: MIT */
/* Who a process is, whether it lives, and that a fork is noticed. */
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os/fault.h"
#include "base/os/fd.h"
#include "base/os/process.h"
#include "base/os/socket.h"
#include "base/os/thread.h"

static uint64_t first_token;

static void ask_token(void *argument)
{
    (void)argument;
    first_token = smew__process_token();
}

/* The first test of this program: later the page is there and nothing can fail. */
static void test_token_fails_with_zero_only(void **state)
{
    (void)state;
    smew__fault_set(1, ENOMEM, false);
    assert_int_equal(smew__process_token(), 0);
    smew__fault_set(2, EINVAL, false);
    assert_int_equal(smew__process_token(), 0);
    smew__fault_set(3, ENOSYS, false); /* no getrandom: clock and pid serve */
    assert_int_not_equal(smew__process_token(), 0);
    assert_int_equal(smew__fault_tripped(), 1);
    smew__fault_set(0, 0, false);
    assert_int_equal(support_walk_calls(ENOMEM, ask_token, NULL), 0);
    assert_int_equal(first_token, smew__process_token());
}

static int send_token(void *argument)
{
    int fd = *(int *)argument;
    uint64_t tokens[2] = {smew__process_token(), smew__process_token()};
    size_t done;
    const struct iovec part = {tokens, sizeof tokens};

    return smew__socket_send(fd, &part, 1, &done) == SMEW_OK && done == sizeof tokens ? 0 : 1;
}

static void test_token_differs_after_fork(void **state)
{
    uint64_t mine = smew__process_token();
    uint64_t theirs[2][2];
    struct smew__thread thread = {0};
    int pair[2];
    size_t done;

    (void)state;
    assert_int_not_equal(mine, 0);
    assert_int_equal(smew__thread_start(&thread, "token", ask_token, NULL), SMEW_OK);
    smew__thread_join(&thread);
    assert_int_equal(first_token, mine);
    assert_int_equal(smew__socket_pair(pair), SMEW_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(support_reap(support_fork(send_token, &pair[1]), 10000), 0);
        assert_int_equal(smew__socket_receive(pair[0], theirs[i], sizeof theirs[i], &done),
                         SMEW_OK);
        assert_int_equal(done, sizeof theirs[i]);
        assert_int_equal(theirs[i][0], theirs[i][1]);
        assert_int_not_equal(theirs[i][0], 0);
        assert_int_not_equal(theirs[i][0], mine);
    }
    assert_int_not_equal(theirs[0][0], theirs[1][0]);
    assert_int_equal(smew__process_token(), mine);
    smew__fd_close(&pair[0]);
    smew__fd_close(&pair[1]);
}

static void test_self_is_alive(void **state)
{
    struct smew__process self;
    struct smew__process other;

    (void)state;
    assert_int_equal(smew__process_self(&self), SMEW_OK);
    assert_int_equal(self.pid, getpid());
    assert_true(smew__process_alive(&self));
    other = self;
    other.start_ticks++; /* somebody else got the number */
    assert_false(smew__process_alive(&other));
    other.pid = 0;
    assert_false(smew__process_alive(&other));
    other.pid = -1;
    assert_false(smew__process_alive(&other));
    other.pid = INT64_MAX;
    assert_false(smew__process_alive(&other));
}

struct child {
    int pair[2];
    const char *name;
};

/* Takes the name, sends its identity, waits to be told to end. */
static int introduce(void *argument)
{
    struct child *child = argument;
    struct smew__process self;
    const struct iovec part = {&self, sizeof self};
    size_t done;

    (void)prctl(PR_SET_NAME, child->name);
    smew__fd_close(&child->pair[0]);
    if (smew__process_self(&self) != SMEW_OK ||
        smew__socket_send(child->pair[1], &part, 1, &done) != SMEW_OK)
        return 1;
    return smew__fd_wait(child->pair[1], POLLIN, UINT64_MAX) == SMEW_OK ? 0 : 2;
}

static void check_life_and_death(const char *name)
{
    struct child child = {.name = name};
    struct smew__process process;
    siginfo_t information;
    size_t done;
    pid_t pid;

    assert_int_equal(smew__socket_pair(child.pair), SMEW_OK);
    pid = support_fork(introduce, &child);
    assert_int_equal(smew__fd_wait(child.pair[0], POLLIN, UINT64_MAX), SMEW_OK);
    assert_int_equal(smew__socket_receive(child.pair[0], &process, sizeof process, &done), SMEW_OK);
    assert_int_equal(process.pid, pid);
    assert_true(smew__process_alive(&process));
    /* Too few fds: it cannot be looked at closely, and is not taken for dead. */
    smew__fault_set(1, EMFILE, true);
    assert_true(smew__process_alive(&process));
    smew__fault_set(0, 0, false);
    smew__fd_close(&child.pair[0]);
    smew__fd_close(&child.pair[1]);
    /* Ended, and not reaped yet: a zombie. */
    assert_int_equal(waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT), 0);
    assert_false(smew__process_alive(&process));
    assert_int_equal(support_reap(pid, 10000), 0);
    assert_false(smew__process_alive(&process));
    smew__fault_set(1, EMFILE, true);
    assert_false(smew__process_alive(&process));
    smew__fault_set(0, 0, false);
}

static void test_zombies_are_dead(void **state)
{
    (void)state;
    check_life_and_death("plain");
    check_life_and_death("a) Z 1 (b");
    check_life_and_death(") ) )");
    check_life_and_death("line\nbreak) X");
}

/* Looks at the parent as another user, unable to read its line. */
static int look_as_somebody_else(void *argument)
{
    if (setresuid(12345, 12345, 12345) != 0)
        return 1;
    smew__fault_set(1, EMFILE, true);
    return smew__process_alive(argument) ? 0 : 2;
}

static void test_unreadable_is_not_dead(void **state)
{
    struct smew__process self;

    (void)state;
    if (geteuid() != 0)
        skip(); /* only root becomes somebody else */
    assert_int_equal(smew__process_self(&self), SMEW_OK);
    assert_int_equal(support_reap(support_fork(look_as_somebody_else, &self), 10000), 0);
}

static int compare_name(void *argument)
{
    char name[64];
    char cut[4];

    (void)argument;
    (void)prctl(PR_SET_NAME, "my program");
    smew__process_name(name, sizeof name);
    smew__process_name(cut, sizeof cut);
    return strcmp(name, "my program") == 0 && strcmp(cut, "my ") == 0 ? 0 : 1;
}

static void test_name(void **state)
{
    char name[8] = "";

    (void)state;
    assert_int_equal(support_reap(support_fork(compare_name, NULL), 10000), 0);
    smew__fault_set(1, EMFILE, false);
    smew__process_name(name, sizeof name);
    assert_string_equal(name, "?");
    smew__fault_set(0, 0, false);
}

static void test_random_without_the_kernel(void **state)
{
    uint64_t first;

    (void)state;
    assert_int_not_equal(smew__random64(), smew__random64());
    smew__fault_set(1, ENOSYS, true);
    first = smew__random64();
    assert_int_not_equal(first, smew__random64());
    assert_int_equal(smew__fault_tripped(), 2);
    smew__fault_set(0, 0, false);
}

static void ask_self(void *argument)
{
    (void)smew__process_self(argument);
}

static void test_every_call_may_fail(void **state)
{
    struct smew__process self;

    (void)state;
    assert_int_equal(support_walk_calls(EIO, ask_self, &self), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_token_fails_with_zero_only),
        SUPPORT_TEST(test_token_differs_after_fork),
        SUPPORT_TEST(test_self_is_alive),
        SUPPORT_TEST(test_zombies_are_dead),
        SUPPORT_TEST(test_unreadable_is_not_dead),
        SUPPORT_TEST(test_name),
        SUPPORT_TEST(test_random_without_the_kernel),
        SUPPORT_TEST(test_every_call_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
