/* SPDX-License-Identifier: MIT */
/*
 * Children of a test that has threads.  fork(2) copies the one thread that calls it, and every lock
 * as it is at that moment: what another thread holds stays locked in the child for ever.  The C
 * library looks after its own heap's locks; AddressSanitizer's of this compiler does not.
 *
 * So a process is forked while there is one thread, the nursery, and forks when it is asked.  Each
 * child is orphaned at once and falls to the test, which is a subreaper: it is reaped and killed
 * like any other child.
 *
 *   test                nursery              between          child
 *   struct order  --->  fork ------------->  fork --------->  waits until the test is its parent
 *                       reads its end  <---  _exit
 *   pid           <-------------------------------------  ... pid
 */
#include "tests/support/support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/nursery.h"

enum { ADOPT_MS = 10000 };

struct order {
    int (*run)(void *argument);
    void *argument;
};

static int orders = -1; /* the test's end of a socket pair */
static pid_t nursery;

static bool is_child_of(void *parent)
{
    return getppid() == *(pid_t *)parent;
}

static void be_child(int answers, pid_t test, const struct order *order)
{
    pid_t pid = getpid();

    if (!support_wait_until(is_child_of, &test, ADOPT_MS))
        _exit(255);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!is_child_of(&test) || send(answers, &pid, sizeof(pid), MSG_NOSIGNAL) < 0)
        _exit(255); /* the test died before it could be watched */
    (void)close(answers);
    support_end_child(order->run(order->argument));
}

/* Forks a child that nobody between it and the test is left of. */
static void give_birth(int answers, pid_t test, const struct order *order)
{
    pid_t between = fork();

    if (between == 0) {
        if (fork() == 0)
            be_child(answers, test, order);
        _exit(0);
    }
    while (between > 0 && waitpid(between, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void be_nursery(int answers, pid_t test)
{
    struct order order;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == test && recv(answers, &order, sizeof(order), 0) == (ssize_t)sizeof(order))
        give_birth(answers, test, &order);
    _exit(0);
}

void support_nursery_open(void)
{
    pid_t test = getpid();
    struct timeval patience = {.tv_sec = ADOPT_MS / 1000};
    int ends[2] = {-1, -1};

    if (prctl(PR_SET_CHILD_SUBREAPER, 1) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) ||
        setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
        fail_msg("cannot open the nursery: %s", strerror(errno));
    (void)fflush(NULL);
    nursery = fork();
    if (nursery == 0) {
        (void)close(ends[0]);
        be_nursery(ends[1], test);
    }
    (void)close(ends[1]);
    if (nursery < 0)
        fail_msg("cannot fork: %s", strerror(errno));
    orders = ends[0];
}

void support_nursery_close(void)
{
    if (orders < 0)
        return;
    (void)close(orders);
    orders = -1;
    support_kill(nursery);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 0);
}

bool support_nursery_is_open(void)
{
    return orders >= 0;
}

pid_t support_nursery_fork(int (*run)(void *argument), void *argument)
{
    struct order order = {run, argument};
    pid_t pid = 0;

    if (send(orders, &order, sizeof(order), MSG_NOSIGNAL) < 0 ||
        recv(orders, &pid, sizeof(pid), 0) != (ssize_t)sizeof(pid))
        fail_msg("the nursery has no child to give");
    return pid;
}
