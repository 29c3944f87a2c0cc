/* SPDX-License-Identifier: MIT */
/*
 * There is no signal handler: both signals are blocked, and a thread waits for them, so that it
 * may take a lock.  The lock keeps a bus from being closed while it is being woken.  The end is
 * a signal of our own, which the thread takes for nothing else because `ending` is set before.
 */
#include "cli/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "base/os/thread.h"
#include "base/sync/flag.h"

static struct {
    struct smew__thread thread;
    struct smew__mutex mutex;
    struct smew_bus *bus; /* under mutex */
    atomic_int signals;
    struct smew__flag ending;
} interrupt;

static void both_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
}

static void wake(void)
{
    smew__mutex_lock(&interrupt.mutex);
    if (interrupt.bus != NULL)
        smew_bus_wake(interrupt.bus);
    smew__mutex_unlock(&interrupt.mutex);
}

static void wait_for_signals(void *argument)
{
    sigset_t set;
    int number;

    (void)argument;
    both_signals(&set);
    while (sigwait(&set, &number) == 0 && !smew__flag_get(&interrupt.ending)) {
        if (atomic_fetch_add(&interrupt.signals, 1) > 0)
            _exit(128 + number);
        wake();
    }
}

enum smew_status smew__interrupt_begin(void)
{
    enum smew_status status = smew__mutex_init(&interrupt.mutex);
    sigset_t set;

    if (status != SMEW_OK)
        return status;
    both_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    status = smew__thread_start(&interrupt.thread, "smew-signals", wait_for_signals, NULL);
    if (status != SMEW_OK) {
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
        smew__mutex_fini(&interrupt.mutex);
    }
    return status;
}

void smew__interrupt_wakes(struct smew_bus *bus)
{
    smew__mutex_lock(&interrupt.mutex);
    interrupt.bus = bus;
    smew__mutex_unlock(&interrupt.mutex);
}

bool smew__interrupted(void)
{
    return atomic_load(&interrupt.signals) > 0;
}

void smew__interrupt_end(void)
{
    smew__flag_set(&interrupt.ending);
    kill(getpid(), SIGTERM); /* to the process: only the waiting thread can take it */
    smew__thread_join(&interrupt.thread);
    smew__mutex_fini(&interrupt.mutex);
}
