/* SPDX-License-Identifier: MIT */
/* A sequence lock: readers get the words of one write, writers do not mix, deadlines end waits. */
#include "tests/support/support.h"

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/thread.h"
#include "base/sync/flag.h"
#include "base/sync/seqlock.h"

enum { WORDS = 8, WRITERS = 2, READERS = 2, READS = 100000 };

static uint64_t soon_ns(void)
{
    return smew_now_ns() + SMEW_NS_PER_MS;
}

static void test_what_is_written_is_read(void **state)
{
    struct smew__seqlock lock = {0};
    _Atomic uint64_t words[3] = {1, 2, 3};
    const uint64_t values[3] = {4, 5, 6};
    uint64_t copy[3] = {0};

    (void)state;
    assert_true(smew__seqlock_try_read(&lock, words, copy, 3));
    assert_memory_equal(copy, ((uint64_t[]){1, 2, 3}), sizeof copy);
    assert_true(smew__seqlock_write(&lock, words, values, 3, SMEW_NEVER_NS));
    assert_true(smew__seqlock_read(&lock, words, copy, 3, SMEW_NEVER_NS));
    assert_memory_equal(copy, values, sizeof copy);
    assert_int_equal(lock.sequence, 2);
}

/* A writer that never comes back, as a child of fork() may find one. */
static void test_a_stuck_writer_is_not_waited_for(void **state)
{
    struct smew__seqlock lock = {.sequence = 7};
    _Atomic uint64_t words[1] = {1};
    const uint64_t value = 2;
    uint64_t copy = 0;

    (void)state;
    assert_false(smew__seqlock_try_read(&lock, words, &copy, 1));
    assert_false(smew__seqlock_read(&lock, words, &copy, 1, soon_ns()));
    assert_false(smew__seqlock_read(&lock, words, &copy, 1, 0));
    assert_false(smew__seqlock_write(&lock, words, &value, 1, soon_ns()));
    assert_false(smew__seqlock_write(&lock, words, &value, 1, 0));
    assert_int_equal(lock.sequence, 7);
    assert_int_equal(words[0], 1);
}

/* Word i of write n is n * (i + 1); writer w writes the n with n % WRITERS == w. */
struct shared {
    struct smew__seqlock lock;
    _Atomic uint64_t words[WORDS];
    struct smew__flag over;
    _Atomic uint64_t wrong;
    _Atomic uint64_t failed;
    atomic_uint writers;
};

static void keep_writing(void *argument)
{
    struct shared *shared = argument;
    uint64_t n = atomic_fetch_add(&shared->writers, 1);
    uint64_t values[WORDS];

    for (; !smew__flag_get(&shared->over); n += WRITERS) {
        for (uint64_t i = 0; i < WORDS; i++)
            values[i] = n * (i + 1);
        if (!smew__seqlock_write(&shared->lock, shared->words, values, WORDS, SMEW_NEVER_NS))
            atomic_fetch_add(&shared->failed, 1);
    }
}

static void keep_reading(void *argument)
{
    struct shared *shared = argument;
    uint64_t newest[WRITERS] = {0};
    uint64_t copy[WORDS], wrong = 0;

    for (int n = 0; n < READS; n++) {
        if (!smew__seqlock_read(&shared->lock, shared->words, copy, WORDS, SMEW_NEVER_NS))
            atomic_fetch_add(&shared->failed, 1);
        for (uint64_t i = 0; i < WORDS; i++)
            wrong += copy[i] != copy[0] * (i + 1);
        wrong += copy[0] < newest[copy[0] % WRITERS]; /* no writer's older write after a newer */
        newest[copy[0] % WRITERS] = copy[0];
    }
    atomic_fetch_add(&shared->wrong, wrong);
}

static void test_nobody_reads_half_a_write(void **state)
{
    struct shared shared = {.wrong = 0};
    struct smew__thread writers[WRITERS] = {0};
    struct smew__thread readers[READERS] = {0};

    (void)state;
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(smew__thread_start(&writers[i], "write", keep_writing, &shared), SMEW_OK);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(smew__thread_start(&readers[i], "read", keep_reading, &shared), SMEW_OK);
    for (int i = 0; i < READERS; i++)
        smew__thread_join(&readers[i]);
    smew__flag_set(&shared.over);
    for (int i = 0; i < WRITERS; i++)
        smew__thread_join(&writers[i]);
    assert_int_equal(shared.failed, 0);
    assert_int_equal(shared.wrong, 0);
    assert_int_equal(shared.lock.sequence % 2, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_what_is_written_is_read),
        SUPPORT_TEST(test_a_stuck_writer_is_not_waited_for),
        SUPPORT_TEST(test_nobody_reads_half_a_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
