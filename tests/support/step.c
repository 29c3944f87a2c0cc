/* SPDX-License-Identifier: MIT */
/* Children that are walked through, instruction by instruction or call by call. */
#include "tests/support/step.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

struct traced {
    int (*run)(void *argument);
    void *argument;
};

static int traced_run(void *argument)
{
    const struct traced *traced = argument;

    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        return SUPPORT_SKIPPED;
    return traced->run(traced->argument);
}

/* Waits for the child to stand or to end; what waitpid says. */
static int wait_for(pid_t pid)
{
    int status;
    pid_t found;

    do {
        found = waitpid(pid, &status, 0);
    } while (found < 0 && errno == EINTR);
    assert_int_equal(found, pid);
    return status;
}

static int go_on(pid_t pid, int request)
{
    assert_int_equal(ptrace((enum __ptrace_request)request, pid, NULL, NULL), 0);
    return wait_for(pid);
}

/* At a stop of its own (true), or where it was to be stopped?  Anything else is a failure. */
static bool at_own_stop(int status)
{
    if (!WIFSTOPPED(status))
        fail_msg("the child ended: %x", (unsigned)status);
    if (WSTOPSIG(status) != SIGSTOP && WSTOPSIG(status) != SIGTRAP)
        fail_msg("the child got signal %d", WSTOPSIG(status));
    return WSTOPSIG(status) == SIGSTOP;
}

int support_step_setup(void **state)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET((unsigned)sched_getcpu(), &one);
    (void)sched_setaffinity(0, sizeof one, &one);
    return support_setup(state);
}

void support_step_stop(void)
{
    (void)kill(getpid(), SIGSTOP);
}

pid_t support_step_start(int (*run)(void *argument), void *argument)
{
    struct traced traced = {run, argument};
    pid_t pid = support_fork(traced_run, &traced);
    int status = wait_for(pid);

    if (WIFEXITED(status) && WEXITSTATUS(status) == SUPPORT_SKIPPED)
        skip();
    assert_true(at_own_stop(status));
    return pid;
}

bool support_step(pid_t pid, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (at_own_stop(go_on(pid, PTRACE_SINGLESTEP)))
            return false;
    return true;
}

bool support_step_calls(pid_t pid, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int status = go_on(pid, PTRACE_SYSCALL);

        if ((WIFEXITED(status) && WEXITSTATUS(status) == 0) || at_own_stop(status))
            return false;
    }
    return true;
}

void support_step_to_stop(pid_t pid)
{
    assert_true(at_own_stop(go_on(pid, PTRACE_CONT)));
}

void support_step_to_end(pid_t pid)
{
    enum { END_MS = 20000 };

    assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
    assert_int_equal(support_reap(pid, END_MS), 0);
}

void support_step_kill(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(WIFSIGNALED(wait_for(pid)));
}

void support_points_note(struct support_points *points, bool changed)
{
    points->total++;
    if (!changed)
        return;
    assert_true(points->edge_count < SUPPORT_EDGES);
    points->edges[points->edge_count++] = points->total;
}

void support_points_plan(struct support_points *points, uint64_t budget)
{
    struct support_random random = support_random_seeded();
    const char *given = getenv("SMEW_TEST_STEPS");
    uint64_t most;

    if (given != NULL)
        budget = strtoull(given, NULL, 10);
    most = budget == SUPPORT_EVERY ? points->total : budget / (points->total / 2 + 1) + 1;
    points->stride = most < points->total ? (unsigned)(points->total / most) + 1 : 1;
    points->next = (unsigned)support_random_below(&random, points->stride);
    points->taken = 0;
}

bool support_points_next(struct support_points *points, unsigned *at)
{
    unsigned sides = points->after_only ? 1 : 2;
    unsigned edge = points->taken / sides;

    if (edge < points->edge_count) {
        *at = points->edges[edge] - sides + 1 + points->taken % sides;
    } else {
        *at = points->next;
        points->next += points->stride;
        if (*at >= points->total)
            return false;
    }
    points->taken++;
    return true;
}
