/* SPDX-License-Identifier: MIT */
/* A spin lock: one holder at a time, also with more threads than processors. */
#include "tests/support/support.h"

#include <sched.h>
#include <stdatomic.h>

#include "base/os/thread.h"
#include "base/sync/spinlock.h"

enum { THREADS = 6, TURNS = 20000, REST = 1000 };

static void test_try(void **state)
{
    struct smew__spinlock lock = {0};

    (void)state;
    assert_true(smew__spinlock_try(&lock));
    assert_false(smew__spinlock_try(&lock));
    smew__spinlock_unlock(&lock);
    smew__spinlock_lock(&lock);
    assert_false(smew__spinlock_try(&lock));
    smew__spinlock_unlock(&lock);
    assert_true(smew__spinlock_try(&lock));
}

/* Two counters that are equal whenever the lock is free; not atomic, for ThreadSanitizer. */
struct shared {
    struct smew__spinlock lock;
    uint64_t first;
    uint64_t second;
    uint64_t wrong;
};

static void count_up(void *argument)
{
    struct shared *shared = argument;

    for (int i = 0; i < TURNS; i++) {
        smew__spinlock_lock(&shared->lock);
        shared->wrong += shared->first != shared->second;
        shared->first++;
        if (i % REST == 0)
            (void)sched_yield(); /* a holder that lost its processor */
        shared->second++;
        smew__spinlock_unlock(&shared->lock);
    }
}

static void contend(void)
{
    struct smew__thread threads[THREADS] = {0};
    struct shared shared = {.first = 0};

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(smew__thread_start(&threads[i], "spin", count_up, &shared), SMEW_OK);
    for (int i = 0; i < THREADS; i++)
        smew__thread_join(&threads[i]);
    assert_int_equal(shared.wrong, 0);
    assert_int_equal(shared.first, THREADS * TURNS);
    assert_int_equal(shared.second, THREADS * TURNS);
}

static void test_one_holder_at_a_time(void **state)
{
    (void)state;
    contend();
}

/* Whoever looks keeps the holder from running, until it yields. */
static void test_on_one_processor(void **state)
{
    cpu_set_t before, one;
    size_t processor = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    while (!CPU_ISSET(processor, &before))
        processor++;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    contend();
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

struct handed {
    struct smew__spinlock lock;
    atomic_bool begun;
    atomic_bool had;
};

static void take(void *argument)
{
    struct handed *handed = argument;

    atomic_store(&handed->begun, true);
    smew__spinlock_lock(&handed->lock);
    atomic_store(&handed->had, true);
    smew__spinlock_unlock(&handed->lock);
}

static bool has_begun(void *argument)
{
    return atomic_load(&((struct handed *)argument)->begun);
}

/* Held until the waiter has looked in vain, and it does not get in meanwhile. */
static void test_a_long_holder_is_waited_for(void **state)
{
    struct handed handed = {.had = false};
    struct smew__thread thread = {0};

    (void)state;
    smew__spinlock_lock(&handed.lock);
    assert_int_equal(smew__thread_start(&thread, "spin", take, &handed), SMEW_OK);
    assert_true(support_wait_until(has_begun, &handed, 10000));
    for (int i = 0; i < 10000; i++) {
        (void)sched_yield();
        assert_false(atomic_load(&handed.had));
    }
    smew__spinlock_unlock(&handed.lock);
    smew__thread_join(&thread);
    assert_true(handed.had);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_try),
        SUPPORT_TEST(test_one_holder_at_a_time),
        SUPPORT_TEST(test_on_one_processor),
        SUPPORT_TEST(test_a_long_holder_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
