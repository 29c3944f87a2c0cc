/* SPDX-License-Identifier: MIT */
/* Sleeping on several words at once: who wakes, what a status says, and that no wake is lost. */
#include "tests/support/support.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/memory.h"

enum { WORDS = SMEW__FUTEX_WORDS, ROUNDS = 2000, WAIT_MS = 10000, SOON_MS = 2 };

static _Atomic uint32_t words[WORDS];

static enum smew_status wait_for_all(const uint32_t *seen, uint64_t deadline_ns)
{
    struct smew__futex_word waits[WORDS];

    for (int i = 0; i < WORDS; i++)
        waits[i] = (struct smew__futex_word){.word = &words[i], .seen = seen[i], .own = i % 2};
    return smew__futex_wait_any(waits, WORDS, deadline_ns);
}

static bool is_there(void)
{
    const struct smew__futex_word word = {.word = &words[0], .seen = 1};

    return smew__futex_wait_any(&word, 1, SMEW_NEVER_NS) == SMEW_OK;
}

static void test_statuses(void **state)
{
    uint32_t seen[WORDS] = {0};
    uint64_t soon_ns = smew__deadline_ns(SOON_MS);

    (void)state;
    if (!is_there())
        skip(); /* a kernel without futex_waitv(2), before 5.16, or one that forbids it */
    assert_int_equal(wait_for_all(seen, soon_ns), SMEW_TIMEOUT);
    assert_true(smew_now_ns() >= soon_ns);
    assert_int_equal(wait_for_all(seen, 0), SMEW_TIMEOUT);
    for (int i = 0; i < WORDS; i++) { /* one is not what was seen: at once */
        seen[i] = 1;
        assert_int_equal(wait_for_all(seen, SMEW_NEVER_NS), SMEW_OK);
        seen[i] = 0;
    }
}

static void test_not_so_many(void **state)
{
    static const struct smew__futex_word many[WORDS + 1];

    (void)state;
    assert_int_equal(smew__futex_wait_any(many, WORDS + 1, 0), SMEW_UNSUPPORTED);
    assert_int_equal(smew__futex_wait_any(many, 0, 0), SMEW_UNSUPPORTED);
}

/* Whose memory is gone: only the kernel touches it. */
static void test_a_word_that_is_gone(void **state)
{
    struct smew__memory memory;
    struct smew__futex_word word;

    (void)state;
    if (!is_there())
        skip(); /* a kernel without futex_waitv(2), before 5.16, or one that forbids it */
    assert_int_equal(smew__memory_create("smew-test-futex", smew__memory_page(), 0, &memory),
                     SMEW_OK);
    word = (struct smew__futex_word){.word = (_Atomic uint32_t *)(void *)memory.data};
    smew__memory_fini(&memory);
    assert_int_equal(smew__futex_wait_any(&word, 1, SMEW_NEVER_NS), SMEW_OK);
}

static void *wake_one_after_the_other(void *argument)
{
    _Atomic uint32_t *heard = argument;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t word = i * 37 % WORDS;

        atomic_fetch_add(&words[word], 1);
        if (word % 2)
            smew__futex_wake_own(&words[word]);
        else
            smew__futex_wake(&words[word]);
        while (atomic_load(heard) == i)
            (void)smew__futex_wait(heard, i, smew__deadline_ns(WAIT_MS));
    }
    return NULL;
}

static void test_any_of_them_wakes(void **state)
{
    uint64_t deadline_ns = smew__deadline_ns(WAIT_MS);
    uint32_t seen[WORDS] = {0};
    _Atomic uint32_t heard = 0;
    pthread_t thread;

    (void)state;
    if (!is_there())
        skip(); /* a kernel without futex_waitv(2), before 5.16, or one that forbids it */
    assert_int_equal(pthread_create(&thread, NULL, wake_one_after_the_other, (void *)&heard), 0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t word = i * 37 % WORDS;

        while (atomic_load(&words[word]) == seen[word])
            assert_int_equal(wait_for_all(seen, deadline_ns), SMEW_OK);
        seen[word]++;
        atomic_store(&heard, i + 1);
        smew__futex_wake(&heard);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void wait_once(void *argument)
{
    (void)smew__futex_wait_any(argument, 1, smew_now_ns());
}

static void test_faults(void **state)
{
    struct smew__futex_word word = {.word = &words[0], .seen = 0};

    (void)state;
    assert_int_equal(support_walk_calls(EINTR, wait_once, &word), 1);
    assert_int_equal(support_walk_calls(ENOSYS, wait_once, &word), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_statuses),
        SUPPORT_TEST(test_not_so_many),
        SUPPORT_TEST(test_a_word_that_is_gone),
        SUPPORT_TEST(test_any_of_them_wakes),
        SUPPORT_TEST(test_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
