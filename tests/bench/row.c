/* SPDX-License-Identifier: MIT */
/* What a row says of its samples: medians, distances told apart, verdicts. */
#include "bench/row.h"
#include "tests/support/support.h"

static const struct bench_peer somebody = {.can = BENCH_BLOCKS};

static void add(struct bench_row *row, enum bench_distance distance, double subject,
                double opponent)
{
    row->taken[row->count++] = (struct bench_taken){distance, 100, subject, opponent};
}

static void spreads_and_percentiles(void **state)
{
    double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2};
    uint64_t many[100];
    struct bench_spread spread = bench_spread(odd, 3);

    (void)state;
    assert_true(spread.median == 2 && spread.min == 1 && spread.max == 3 && spread.count == 3);
    spread = bench_spread(even, 4);
    assert_true(spread.median == 2.5);
    assert_int_equal(bench_spread(odd, 0).count, 0);
    for (uint64_t i = 0; i < 100; i++)
        many[i] = 99 - i;
    assert_int_equal(bench_percentile(many, 100, 0.5), 49);
    assert_int_equal(bench_percentile(many, 100, 0.99), 98);
    assert_int_equal(bench_percentile(many, 0, 0.99), 0);
}

static void tells_near_from_far(void **state)
{
    struct bench_row row = {.floor = 0.75, .goal = 0.9, .opponent.peer = &somebody};

    (void)state;
    assert_int_equal(bench_row_verdict(&row), BENCH_NOTHING);
    add(&row, BENCH_NEAR, 95, 100);
    assert_int_equal(bench_row_verdict(&row), BENCH_GOAL);
    add(&row, BENCH_FAR, 80, 100);
    assert_int_equal(bench_row_verdict(&row), BENCH_FLOOR);
    assert_true(bench_row_ratios(&row, BENCH_NEAR).median == 0.95);
    assert_true(bench_row_ratios(&row, BENCH_FAR).median == 0.8);
    assert_int_equal(bench_row_ratios(&row, BENCH_SAME).count, 0);
    assert_true(bench_row_figures(&row, false).max == 95);
    assert_true(bench_row_figures(&row, true).median == 100);
    add(&row, BENCH_FAR, 50, 100);
    add(&row, BENCH_FAR, 60, 100);
    assert_int_equal(bench_row_verdict(&row), BENCH_BELOW);
}

static void lower_may_be_better(void **state)
{
    struct bench_row row = {.floor = 2, .goal = 1.6, .far_floor = 5, .lower = true};

    (void)state;
    add(&row, BENCH_NEAR, 1.5, 1);
    assert_int_equal(bench_row_verdict(&row), BENCH_GOAL);
    add(&row, BENCH_FAR, 4.5, 1); /* has a floor of its own */
    assert_int_equal(bench_row_verdict(&row), BENCH_FLOOR);
    row.far_floor = 0;
    assert_int_equal(bench_row_verdict(&row), BENCH_BELOW);
    row.floor = 0;
    assert_int_equal(bench_row_verdict(&row), BENCH_FIGURE);
}

static void waits_as_it_can(void **state)
{
    const struct bench_peer looker = {.can = BENCH_SPINS};

    (void)state;
    assert_int_equal(bench_wait_for(&somebody, BENCH_SPIN), BENCH_BLOCK);
    assert_int_equal(bench_wait_for(&looker, BENCH_SPIN), BENCH_SPIN);
    assert_int_equal(bench_wait_for(&looker, BENCH_BLOCK), BENCH_SPIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(spreads_and_percentiles),
        SUPPORT_TEST(tells_near_from_far),
        SUPPORT_TEST(lower_may_be_better),
        SUPPORT_TEST(waits_as_it_can),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
