/* SPDX-License-Identifier: MIT */
/*
 * Child processes of a test.  The kernel kills them when the thread that forked them ends, so a
 * test that crashes leaves none behind.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/nursery.h"

enum { KILL_MS = 10000 };

struct ended {
    pid_t pid;
    int status;
};

static bool has_ended(void *argument)
{
    struct ended *child = argument;

    return waitpid(child->pid, &child->status, WNOHANG) == child->pid;
}

void support_end_child(int code)
{
    (void)fflush(NULL);
    _exit(code);
}

pid_t support_fork_bare(int (*run)(void *argument), void *argument)
{
    pid_t parent = getpid();
    pid_t pid;

    (void)fflush(NULL); /* or both would write what is buffered */
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(255); /* the parent died before it could be watched */
        support_end_child(run(argument));
    }
    if (pid < 0)
        fail_msg("cannot fork: %s", strerror(errno));
    return pid;
}

pid_t support_fork(int (*run)(void *argument), void *argument)
{
    if (support_nursery_is_open())
        return support_nursery_fork(run, argument);
#ifdef __SANITIZE_ADDRESS__
    if (support_count_threads() > 1)
        fail_msg("a process with threads forks: open the nursery first");
#endif
    return support_fork_bare(run, argument);
}

int support_reap(pid_t pid, unsigned timeout_ms)
{
    struct ended child = {.pid = pid};

    if (!support_wait_until(has_ended, &child, timeout_ms)) {
        support_kill(pid);
        fail_msg("child %ld did not end within %u ms", (long)pid, timeout_ms);
    }
    return WIFEXITED(child.status) ? WEXITSTATUS(child.status) : -WTERMSIG(child.status);
}

void support_kill(pid_t pid)
{
    struct ended child = {.pid = pid};

    (void)kill(pid, SIGKILL);
    if (!support_wait_until(has_ended, &child, KILL_MS))
        fail_msg("child %ld was killed and did not end", (long)pid);
}

void support_stop(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
}
