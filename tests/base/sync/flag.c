/* SPDX-License-Identifier: MIT */
/* A flag: what its operations answer, that one alone wins it, and that it shows what came before.
 */
#include "tests/support/support.h"

#include "base/os/thread.h"
#include "base/sync/flag.h"
#include "base/sync/patience.h"

enum { THREADS = 4, TURNS = 20000 };

static void test_operations(void **state)
{
    struct smew__flag flag = {0};

    (void)state;
    assert_false(smew__flag_get(&flag));
    smew__flag_set(&flag);
    assert_true(smew__flag_get(&flag));
    assert_true(smew__flag_swap(&flag, true));
    assert_true(smew__flag_swap(&flag, false));
    assert_false(smew__flag_swap(&flag, false));
    assert_false(smew__flag_change(&flag, true, false));
    assert_false(smew__flag_get(&flag));
    assert_true(smew__flag_change(&flag, false, true));
    assert_false(smew__flag_change(&flag, false, true));
    assert_true(smew__flag_get(&flag));
    assert_true(smew__flag_change(&flag, true, true));
    smew__flag_clear(&flag);
    assert_false(smew__flag_get(&flag));
}

/* Busy flags: whoever has one has `count` for itself. */
struct shared {
    struct smew__flag busy;
    uint64_t count; /* not atomic: ThreadSanitizer sees whether the flag orders it */
    bool by_change;
};

static bool win(struct shared *shared)
{
    return shared->by_change ? smew__flag_change(&shared->busy, false, true)
                             : !smew__flag_swap(&shared->busy, true);
}

static void count_up(void *argument)
{
    struct shared *shared = argument;

    for (int i = 0; i < TURNS; i++) {
        for (unsigned looks = 0; !win(shared); looks++)
            smew__patience(looks);
        shared->count++;
        smew__flag_clear(&shared->busy);
    }
}

static void test_one_alone_wins(void **state)
{
    (void)state;
    for (int by_change = 0; by_change < 2; by_change++) {
        struct shared shared = {.by_change = by_change != 0};
        struct smew__thread threads[THREADS] = {0};

        for (int i = 0; i < THREADS; i++)
            assert_int_equal(smew__thread_start(&threads[i], "flag", count_up, &shared), SMEW_OK);
        for (int i = 0; i < THREADS; i++)
            smew__thread_join(&threads[i]);
        assert_int_equal(shared.count, THREADS * TURNS);
        assert_false(smew__flag_get(&shared.busy));
    }
}

/* A word behind a flag, passed to and fro. */
struct letter {
    struct smew__flag there;
    uint64_t word;
};

static void answer(void *argument)
{
    struct letter *letter = argument;

    for (uint64_t i = 0; i < TURNS; i++) {
        for (unsigned looks = 0; !smew__flag_get(&letter->there); looks++)
            smew__patience(looks);
        letter->word = letter->word == 2 * i ? 2 * i + 1 : UINT64_MAX;
        smew__flag_clear(&letter->there);
    }
}

static void test_what_came_before_is_seen(void **state)
{
    struct letter letter = {.word = 0};
    struct smew__thread thread = {0};
    uint64_t wrong = 0;

    (void)state;
    assert_int_equal(smew__thread_start(&thread, "flag", answer, &letter), SMEW_OK);
    for (uint64_t i = 0; i < TURNS; i++) {
        letter.word = 2 * i;
        smew__flag_set(&letter.there);
        for (unsigned looks = 0; smew__flag_get(&letter.there); looks++)
            smew__patience(looks);
        wrong += letter.word != 2 * i + 1;
    }
    smew__thread_join(&thread);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_operations),
        SUPPORT_TEST(test_one_alone_wins),
        SUPPORT_TEST(test_what_came_before_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
