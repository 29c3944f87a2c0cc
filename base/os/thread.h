/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_OS_THREAD_H
#define SMEW_BASE_OS_THREAD_H

/*
 * Threads with every signal masked, mutexes, and conditions that wait on the monotonic clock.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <smew/status.h>

struct smew__mutex {
    pthread_mutex_t native;
};
struct smew__condition {
    pthread_cond_t native;
};
/*
 * Where the caller says, and there until it is joined: the new thread reads from it what it is to
 * do, and so has nothing to give back at a time of its own.
 */
struct smew__thread {
    pthread_t native;
    bool started;
    char name[16];
    void (*run)(void *argument);
    void *argument;
};

enum smew_status smew__mutex_init(struct smew__mutex *mutex);
void smew__mutex_fini(struct smew__mutex *mutex);
void smew__mutex_lock(struct smew__mutex *mutex);
bool smew__mutex_try(struct smew__mutex *mutex); /* false: somebody has it */
void smew__mutex_unlock(struct smew__mutex *mutex);

enum smew_status smew__condition_init(struct smew__condition *condition);
void smew__condition_fini(struct smew__condition *condition);
/* False when the deadline passed.  SMEW_NEVER_NS waits for a signal only. */
bool smew__condition_wait(struct smew__condition *condition, struct smew__mutex *mutex,
                          uint64_t deadline_ns);
void smew__condition_signal(struct smew__condition *condition);
void smew__condition_broadcast(struct smew__condition *condition);

/* `name` is at most 15 bytes and shows in ps -T. */
enum smew_status smew__thread_start(struct smew__thread *thread, const char *name,
                                    void (*run)(void *argument), void *argument);
void smew__thread_join(struct smew__thread *thread); /* one that never started is fine */
uint64_t smew__thread_self(void); /* a number of the calling thread, never 0, never reused */

/* For loops that wait without being told: lets others run; sleeps for about so long, below 1 s. */
void smew__thread_yield(void);
void smew__thread_nap(uint32_t nap_ns);

/*
 * Has every thread of this process that runs at this moment pass a full memory fence.  Prepared
 * first: false where the kernel cannot.
 */
bool smew__threads_fence_prepare(void);
void smew__threads_fence(void);
/* The same for the threads of every process that has prepared for it, this one's too. */
bool smew__processes_fence_prepare(void);
void smew__processes_fence(void);

unsigned smew__cpu_count(void); /* of those this process may use, at least 1 */

#endif
