/* SPDX-License-Identifier: MIT */
/* Threads, mutexes and conditions. */
#include "tests/support/support.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/fault.h"
#include "base/os/thread.h"

struct seen {
    char name[16];
    sigset_t masked;
    uint64_t self;
};

static void look(void *argument)
{
    struct seen *seen = argument;

    (void)pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &seen->masked);
    seen->self = smew__thread_self();
}

static void test_threads_are_named_and_deaf(void **state)
{
    struct smew__thread thread = {0};
    struct seen seen = {.self = 0};
    sigset_t mine;

    (void)state;
    smew__thread_join(&thread); /* never started */
    assert_int_equal(smew__thread_start(&thread, "a name too long for ps", look, &seen), SMEW_OK);
    smew__thread_join(&thread);
    smew__thread_join(&thread);
    assert_string_equal(seen.name, "a name too long");
    assert_int_equal(sigismember(&seen.masked, SIGTERM), 1);
    assert_int_equal(sigismember(&seen.masked, SIGCHLD), 1);
    assert_int_equal(sigismember(&seen.masked, SIGUSR1), 1);
    assert_int_equal(sigismember(&seen.masked, SIGSEGV), 0);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mine), 0);
    assert_int_equal(sigismember(&mine, SIGTERM), 0); /* the caller's mask is as before */
}

static void test_self_is_never_used_again(void **state)
{
    uint64_t last = smew__thread_self();

    (void)state;
    assert_int_not_equal(last, 0);
    assert_int_equal(smew__thread_self(), last);
    for (int i = 0; i < 20; i++) {
        struct smew__thread thread = {0};
        struct seen seen = {.self = 0};

        assert_int_equal(smew__thread_start(&thread, "self", look, &seen), SMEW_OK);
        smew__thread_join(&thread);
        assert_true(seen.self > last);
        last = seen.self;
    }
}

struct shared {
    struct smew__mutex mutex;
    struct smew__condition condition;
    unsigned count;
    bool go;
};

static void count_up(void *argument)
{
    struct shared *shared = argument;

    smew__mutex_lock(&shared->mutex);
    while (!shared->go)
        (void)smew__condition_wait(&shared->condition, &shared->mutex, SMEW_NEVER_NS);
    smew__mutex_unlock(&shared->mutex);
    for (int i = 0; i < 10000; i++) {
        smew__mutex_lock(&shared->mutex);
        shared->count++;
        smew__mutex_unlock(&shared->mutex);
    }
}

static void test_exclusion_and_broadcast(void **state)
{
    struct smew__thread threads[4] = {0};
    struct shared shared = {.go = false};

    (void)state;
    assert_int_equal(smew__mutex_init(&shared.mutex), SMEW_OK);
    assert_int_equal(smew__condition_init(&shared.condition), SMEW_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(smew__thread_start(&threads[i], "count", count_up, &shared), SMEW_OK);
    smew__mutex_lock(&shared.mutex);
    assert_int_equal(shared.count, 0);
    shared.go = true;
    smew__condition_broadcast(&shared.condition);
    smew__mutex_unlock(&shared.mutex);
    for (int i = 0; i < 4; i++)
        smew__thread_join(&threads[i]);
    assert_int_equal(shared.count, 40000);
    smew__condition_fini(&shared.condition);
    smew__mutex_fini(&shared.mutex);
}

static void answer(void *argument)
{
    struct shared *shared = argument;

    smew__mutex_lock(&shared->mutex);
    shared->go = true;
    smew__condition_signal(&shared->condition);
    smew__mutex_unlock(&shared->mutex);
}

static void test_condition_keeps_to_its_deadline(void **state)
{
    struct smew__thread thread = {0};
    struct shared shared = {.go = false};
    uint64_t begin_ns = smew_now_ns();
    uint64_t deadline_ns = smew__deadline_ns(30);

    (void)state;
    assert_int_equal(smew__mutex_init(&shared.mutex), SMEW_OK);
    assert_int_equal(smew__condition_init(&shared.condition), SMEW_OK);
    smew__mutex_lock(&shared.mutex);
    while (smew__condition_wait(&shared.condition, &shared.mutex, deadline_ns)) {
        /* woken for no reason */
    }
    assert_true(smew_now_ns() - begin_ns >= 30 * SMEW_NS_PER_MS);
    assert_false(smew__condition_wait(&shared.condition, &shared.mutex, 0));
    /* A signal ends a wait long before its deadline. */
    deadline_ns = smew__deadline_ns(30000);
    assert_int_equal(smew__thread_start(&thread, "answer", answer, &shared), SMEW_OK);
    while (!shared.go)
        assert_true(smew__condition_wait(&shared.condition, &shared.mutex, deadline_ns));
    smew__mutex_unlock(&shared.mutex);
    smew__thread_join(&thread);
    smew__condition_fini(&shared.condition);
    smew__mutex_fini(&shared.mutex);
}

static void test_cpu_count(void **state)
{
    cpu_set_t usable;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof usable, &usable), 0);
    assert_int_equal(smew__cpu_count(), CPU_COUNT(&usable));
    smew__fault_set(1, EINVAL, false); /* more processors than the set holds */
    assert_true(smew__cpu_count() >= 1);
    smew__fault_set(0, 0, false);
}

static void nothing(void *argument)
{
    (void)argument;
}

static void use_all(void *argument)
{
    struct smew__thread thread = {0};
    struct smew__mutex mutex;
    struct smew__condition condition;

    (void)argument;
    if (smew__mutex_init(&mutex) == SMEW_OK)
        smew__mutex_fini(&mutex);
    if (smew__condition_init(&condition) == SMEW_OK)
        smew__condition_fini(&condition);
    (void)smew__thread_start(&thread, "walk", nothing, NULL);
    smew__thread_join(&thread);
}

static void test_every_step_may_fail(void **state)
{
    struct smew__thread thread = {0};

    (void)state;
    assert_int_equal(support_walk_calls(ENOMEM, use_all, NULL), 4);
    /* No memory of ours: a thread that began late would give it back at any time. */
    assert_int_equal(support_walk_allocations(use_all, NULL), 0);
    smew__fault_set(1, EAGAIN, false);
    assert_int_equal(smew__thread_start(&thread, "limit", nothing, NULL), SMEW_LIMIT);
    assert_false(thread.started);
    smew__fault_set(0, 0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_threads_are_named_and_deaf),
        SUPPORT_TEST(test_self_is_never_used_again),
        SUPPORT_TEST(test_exclusion_and_broadcast),
        SUPPORT_TEST(test_condition_keeps_to_its_deadline),
        SUPPORT_TEST(test_cpu_count),
        SUPPORT_TEST(test_every_step_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
