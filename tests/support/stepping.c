/* SPDX-License-Identifier: MIT */
/*
 * The walker itself: it must stand where it says, see each change once, leave no instruction out,
 * and kill where it stands.
 */
#include "tests/support/step.h"

#include <stdatomic.h>

#include <sys/mman.h>
#include <unistd.h>

enum { STORES = 3, BUDGET = 1000 };

/* What a child stores, one after the other. */
static _Atomic unsigned *cells;

static int setup(void **state)
{
    cells = mmap(NULL, STORES * sizeof *cells, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                 -1, 0);
    return cells == MAP_FAILED ? -1 : support_step_setup(state);
}

static int teardown(void **state)
{
    (void)munmap((void *)cells, STORES * sizeof *cells);
    return support_teardown(state);
}

static int store_run(void *argument)
{
    (void)argument;
    support_step_stop();
    for (unsigned i = 0; i < STORES; i++)
        atomic_store(&cells[i], i + 1);
    support_step_stop();
    return 0;
}

/* How many stores were made; fails when they were not made in their order. */
static unsigned count_stores(void)
{
    unsigned count = 0;

    while (count < STORES && atomic_load(&cells[count]) == count + 1)
        count++;
    for (unsigned i = count; i < STORES; i++)
        assert_int_equal(atomic_load(&cells[i]), 0);
    return count;
}

static void forget_stores(void)
{
    for (unsigned i = 0; i < STORES; i++)
        atomic_store(&cells[i], 0);
}

static void walk_once(struct support_points *points)
{
    pid_t pid = support_step_start(store_run, NULL);
    unsigned before = count_stores();

    while (support_step(pid, 1)) {
        support_points_note(points, count_stores() != before);
        before = count_stores();
    }
    assert_int_equal(before, STORES);
    support_step_to_end(pid);
    forget_stores();
}

/* The number of stores after a kill at that instruction. */
static unsigned stores_at(unsigned at)
{
    pid_t pid = support_step_start(store_run, NULL);
    unsigned count;

    assert_true(support_step(pid, at));
    support_step_kill(pid);
    count = count_stores();
    forget_stores();
    return count;
}

static void test_a_child_is_killed_where_it_stands(void **state)
{
    struct support_points points = {0};
    unsigned at;

    (void)state;
    walk_once(&points);
    assert_int_equal(points.edge_count, STORES);
    support_points_plan(&points, BUDGET);
    while (support_points_next(&points, &at)) {
        unsigned expected = 0;

        while (expected < STORES && points.edges[expected] <= at)
            expected++;
        assert_int_equal(stores_at(at), expected);
    }
    assert_true(points.taken > 2 * STORES);
}

static void test_every_instruction_can_be_visited(void **state)
{
    struct support_points points = {0};
    unsigned at;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        support_points_note(&points, i == 50);
    support_points_plan(&points, SUPPORT_EVERY);
    assert_true(support_points_next(&points, &at) && at == 50);
    assert_true(support_points_next(&points, &at) && at == 51);
    for (unsigned i = 0; i < 100; i++)
        assert_true(support_points_next(&points, &at) && at == i);
    assert_false(support_points_next(&points, &at));
    assert_int_equal(points.taken, 102);
    points.after_only = true;
    support_points_plan(&points, SUPPORT_EVERY);
    assert_true(support_points_next(&points, &at) && at == 51);
    assert_true(support_points_next(&points, &at) && at == 0);
}

static void test_a_budget_makes_strides(void **state)
{
    struct support_points points = {.total = 1000};
    unsigned before = 0;
    unsigned at;

    (void)state;
    support_points_plan(&points, 10 * 500);
    while (support_points_next(&points, &at)) {
        assert_true(at < 1000 && at <= before + points.stride);
        before = at;
    }
    assert_true(points.taken >= 8 && points.taken <= 12);
}

static int call_run(void *argument)
{
    (void)argument;
    support_step_stop();
    (void)getppid();
    atomic_store(&cells[0], 1);
    (void)getppid();
    atomic_store(&cells[1], 2);
    return 0;
}

static void test_calls_are_stopped_at_both_ends(void **state)
{
    static const unsigned stores[] = {0, 0, 1, 1, 2};
    pid_t pid = support_step_start(call_run, NULL);

    (void)state;
    for (unsigned i = 0; i < sizeof stores / sizeof *stores; i++) {
        assert_true(support_step_calls(pid, 1));
        assert_int_equal(count_stores(), stores[i]);
    }
    assert_false(support_step_calls(pid, 100));
}

#define STEPPING_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STEPPING_TEST(test_a_child_is_killed_where_it_stands),
        STEPPING_TEST(test_every_instruction_can_be_visited),
        STEPPING_TEST(test_a_budget_makes_strides),
        STEPPING_TEST(test_calls_are_stopped_at_both_ends),
    };

    if (SUPPORT_SANITIZED)
        return SUPPORT_SKIPPED;
    return cmocka_run_group_tests_name("support/stepping", tests, NULL, NULL);
}
