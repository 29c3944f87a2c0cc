/* SPDX-License-Identifier: MIT */
/*
 * Threads, mutexes and conditions, over pthreads.
 *
 * A thread of the library takes no signal that is meant for the program: all are masked while it is
 * made, so that it is born that way.  Those that its own instructions raise (SIGSEGV and its kin)
 * stay open, or the program's crash handler would not see them.
 *
 * Failure modes: making any of these may find no memory, a thread also a limit (LIMIT).  Locking
 * and signalling cannot fail when they are used as meant.
 */
#include "base/os/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os/fault.h"
#include "base/os/fd.h"

enum smew_status smew__mutex_init(struct smew__mutex *mutex)
{
    int failed = smew__fault_trips() ? errno : pthread_mutex_init(&mutex->native, NULL);

    return failed == 0 ? SMEW_OK : smew__os_status(failed);
}

void smew__mutex_fini(struct smew__mutex *mutex)
{
    (void)pthread_mutex_destroy(&mutex->native);
}

void smew__mutex_lock(struct smew__mutex *mutex)
{
    (void)pthread_mutex_lock(&mutex->native);
}

bool smew__mutex_try(struct smew__mutex *mutex)
{
    return pthread_mutex_trylock(&mutex->native) == 0;
}

void smew__mutex_unlock(struct smew__mutex *mutex)
{
    (void)pthread_mutex_unlock(&mutex->native);
}

enum smew_status smew__condition_init(struct smew__condition *condition)
{
    pthread_condattr_t attributes;
    int failed = smew__fault_trips() ? errno : pthread_condattr_init(&attributes);

    if (failed != 0)
        return smew__os_status(failed);
    failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (failed == 0)
        failed = smew__fault_trips() ? errno : pthread_cond_init(&condition->native, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return failed == 0 ? SMEW_OK : smew__os_status(failed);
}

void smew__condition_fini(struct smew__condition *condition)
{
    (void)pthread_cond_destroy(&condition->native);
}

bool smew__condition_wait(struct smew__condition *condition, struct smew__mutex *mutex,
                          uint64_t deadline_ns)
{
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / SMEW_NS_PER_S),
                             .tv_nsec = (long)(deadline_ns % SMEW_NS_PER_S)};

    if (deadline_ns == SMEW_NEVER_NS)
        return pthread_cond_wait(&condition->native, &mutex->native) == 0;
    return pthread_cond_timedwait(&condition->native, &mutex->native, &until) != ETIMEDOUT;
}

void smew__condition_signal(struct smew__condition *condition)
{
    (void)pthread_cond_signal(&condition->native);
}

void smew__condition_broadcast(struct smew__condition *condition)
{
    (void)pthread_cond_broadcast(&condition->native);
}

static void *run_thread(void *argument)
{
    const struct smew__thread *thread = argument;

    (void)pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->argument);
    return NULL;
}

static void mask_signals(sigset_t *before)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t masked;

    (void)sigfillset(&masked);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        (void)sigdelset(&masked, own[i]);
    (void)pthread_sigmask(SIG_SETMASK, &masked, before);
}

enum smew_status smew__thread_start(struct smew__thread *thread, const char *name,
                                    void (*run)(void *argument), void *argument)
{
    sigset_t before;
    int failed;

    thread->run = run;
    thread->argument = argument;
    (void)snprintf(thread->name, sizeof thread->name, "%s", name);
    mask_signals(&before);
    failed =
        smew__fault_trips() ? errno : pthread_create(&thread->native, NULL, run_thread, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return failed == EAGAIN ? SMEW_LIMIT : smew__os_status(failed);
    thread->started = true;
    return SMEW_OK;
}

void smew__thread_join(struct smew__thread *thread)
{
    if (thread->started)
        (void)pthread_join(thread->native, NULL);
    thread->started = false;
}

uint64_t smew__thread_self(void)
{
    static _Atomic uint64_t drawn;
    static _Thread_local uint64_t own;

    if (own == 0)
        own = atomic_fetch_add_explicit(&drawn, 1, memory_order_relaxed) + 1;
    return own;
}

void smew__thread_yield(void)
{
    (void)sched_yield();
}

void smew__thread_nap(uint32_t nap_ns)
{
    const struct timespec nap = {.tv_nsec = (long)nap_ns};

    (void)nanosleep(&nap, NULL); /* a signal may cut it short */
}

static long membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0);
}

bool smew__threads_fence_prepare(void)
{
    return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 &&
           membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
}

void smew__threads_fence(void)
{
    (void)membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

bool smew__processes_fence_prepare(void)
{
    return membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0 &&
           membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED) == 0;
}

void smew__processes_fence(void)
{
    (void)membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}

unsigned smew__cpu_count(void)
{
    cpu_set_t usable;
    long online;

    /* Fails where there are more processors than the set can hold. */
    if (SMEW__SYS(sched_getaffinity(0, sizeof usable, &usable)) == 0)
        return (unsigned)CPU_COUNT(&usable);
    online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}
