/* SPDX-License-Identifier: MIT */
/* Allocation: the counters are exact, also with many threads, and faults come when asked for. */
#include "tests/support/support.h"

#include <string.h>

#include "base/alloc.h"
#include "base/os/thread.h"

static void test_counts(void **state)
{
    uint64_t count = smew__alloc_count();
    int64_t live = smew__alloc_live();
    char *text = smew__strdup("one");
    char *copy = smew__memdup("two", 4);
    int *numbers = smew__calloc(3, sizeof *numbers);
    void *moved = smew__realloc(NULL, 1);

    (void)state;
    assert_string_equal(text, "one");
    assert_string_equal(copy, "two");
    assert_int_equal(numbers[0] | numbers[1] | numbers[2], 0);
    moved = smew__realloc(moved, 1000);
    assert_int_equal(smew__alloc_live(), live + 4);
    assert_int_equal(smew__alloc_count(), count + 5);
    smew__free(text);
    smew__free(copy);
    smew__free(numbers);
    smew__free(moved);
    smew__free(NULL);
    assert_int_equal(smew__alloc_live(), live);
}

static void test_overflow_is_refused(void **state)
{
    (void)state;
    assert_null(smew__calloc(SIZE_MAX / 2, 4));
    assert_null(smew__calloc(SIZE_MAX / 4, 4));
    assert_null(smew__alloc(SIZE_MAX));
    assert_null(smew__realloc(NULL, SIZE_MAX));
}

static void test_fails_once(void **state)
{
    void *first;
    void *third;

    (void)state;
    smew__alloc_fail_at(2, 0);
    first = smew__alloc(1);
    assert_non_null(first);
    assert_int_equal(smew__alloc_failed(), 0);
    assert_null(smew__alloc(1));
    assert_int_equal(smew__alloc_failed(), 1);
    third = smew__alloc(1);
    assert_non_null(third);
    smew__free(first);
    smew__free(third);
}

static void test_fails_for_good(void **state)
{
    char *text = smew__strdup("kept");

    (void)state;
    smew__alloc_fail_at(1, 1);
    assert_null(smew__alloc(1));
    assert_null(smew__calloc(1, 1));
    assert_null(smew__realloc(NULL, 1));
    assert_null(smew__realloc(text, 100));
    assert_null(smew__strdup("x"));
    assert_null(smew__memdup("x", 1));
    assert_int_equal(smew__alloc_failed(), 6);
    smew__alloc_fail_at(0, 0);
    assert_string_equal(text, "kept");
    smew__free(text);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void allocate_much(void *argument)
{
    void **kept = argument;

    for (int i = 0; i < ROUNDS; i++)
        smew__free(smew__alloc(8));
    *kept = smew__alloc(8); /* freed by another thread */
}

static void test_counts_across_threads(void **state)
{
    uint64_t count = smew__alloc_count();
    int64_t live = smew__alloc_live();
    struct smew__thread threads[THREADS] = {0};
    void *kept[THREADS] = {NULL};

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(smew__thread_start(&threads[i], "alloc", allocate_much, &kept[i]), 0);
    for (int i = 0; i < THREADS; i++)
        smew__thread_join(&threads[i]);
    assert_int_equal(smew__alloc_live(), live + THREADS);
    for (int i = 0; i < THREADS; i++)
        smew__free(kept[i]);
    assert_int_equal(smew__alloc_live(), live);
    assert_int_equal(smew__alloc_count(), count + THREADS * (ROUNDS + UINT64_C(1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_counts),
        SUPPORT_TEST(test_overflow_is_refused),
        SUPPORT_TEST(test_fails_once),
        SUPPORT_TEST(test_fails_for_good),
        SUPPORT_TEST(test_counts_across_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
