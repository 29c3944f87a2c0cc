/* SPDX-License-Identifier: MIT */
/* Clocks and deadlines, mostly at their edges. */
#include "tests/support/support.h"

#include <limits.h>
#include <time.h>

#include <smew/transport.h>

#include "base/clock.h"

static void test_clocks(void **state)
{
    uint64_t first = smew_now_ns();
    uint64_t wall_s = smew__clock_wall_ns() / SMEW_NS_PER_S;
    uint64_t now_s = (uint64_t)time(NULL);

    (void)state;
    assert_true(first > 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t next = smew_now_ns();

        assert_true(next >= first);
        first = next;
    }
    assert_true(wall_s <= now_s + 1 && now_s <= wall_s + 5);
}

static void test_deadline_saturates(void **state)
{
    uint64_t before = smew_now_ns();
    uint64_t deadline = smew__deadline_ns(1500);

    (void)state;
    assert_true(deadline >= before + 1500 * SMEW_NS_PER_MS);
    assert_true(deadline <= smew_now_ns() + 1500 * SMEW_NS_PER_MS);
    assert_int_equal(smew__deadline_ns(UINT64_MAX), SMEW_NEVER_NS);
    assert_int_equal(smew__deadline_ns(UINT64_MAX / SMEW_NS_PER_MS), SMEW_NEVER_NS);
}

static void test_remaining_rounds_up(void **state)
{
    (void)state;
    assert_int_equal(smew__remaining_ms(10, 10), 0);
    assert_int_equal(smew__remaining_ms(9, 10), 0);
    assert_int_equal(smew__remaining_ms(11, 10), 1);
    assert_int_equal(smew__remaining_ms(SMEW_NS_PER_MS, 0), 1);
    assert_int_equal(smew__remaining_ms(SMEW_NS_PER_MS + 1, 0), 2);
    assert_int_equal(smew__remaining_ms(SMEW_NEVER_NS, 0), INT_MAX);
    assert_int_equal(smew__remaining_ms(INT_MAX * SMEW_NS_PER_MS, 0), INT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_deadline_saturates),
        cmocka_unit_test(test_remaining_rounds_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
