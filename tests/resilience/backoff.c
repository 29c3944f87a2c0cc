/* SPDX-License-Identifier: MIT */
/* Back-off: the bounds of each delay, that both ends are reached, and that it starts anew. */
#include "tests/support/support.h"

#include "resilience/backoff.h"

static uint32_t full_delay(uint32_t first_ms, uint32_t most_ms, unsigned attempt)
{
    uint64_t full_ms = first_ms;

    while (attempt-- > 0 && full_ms < most_ms)
        full_ms *= 2;
    return full_ms < most_ms ? (uint32_t)full_ms : most_ms;
}

static void test_bounds(void **state)
{
    static const uint32_t limits[][2] = {{1, 1},          {1, 5000},     {10, 1000},
                                         {100, 2000},     {3, 1000},     {7, 7},
                                         {1, UINT32_MAX}, {1000, 60000}, {UINT32_MAX, UINT32_MAX}};
    struct support_random random = support_random_seeded();

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        for (int round = 0; round < 200; round++) {
            struct smew__backoff backoff;

            smew__backoff_init(&backoff, limits[i][0], limits[i][1]);
            for (unsigned attempt = 0; attempt < 70; attempt++) {
                uint32_t full_ms = full_delay(limits[i][0], limits[i][1], attempt);
                uint32_t delay_ms = smew__backoff_next_ms(&backoff, support_random_next(&random));

                assert_in_range(delay_ms, full_ms / 2, full_ms);
                assert_int_equal(backoff.attempts, attempt + 1);
            }
        }
}

static void test_jitter_reaches_both_ends(void **state)
{
    struct support_random random = support_random_seeded();
    unsigned seen[21] = {0};

    (void)state;
    for (int round = 0; round < 5000; round++) {
        struct smew__backoff backoff;

        smew__backoff_init(&backoff, 20, 20);
        seen[smew__backoff_next_ms(&backoff, support_random_next(&random))]++;
    }
    for (int delay_ms = 10; delay_ms <= 20; delay_ms++)
        assert_in_range(seen[delay_ms], 300, 650); /* 454 each, were it perfect */
}

static void test_reset_and_silly_limits(void **state)
{
    struct smew__backoff backoff;

    (void)state;
    smew__backoff_init(&backoff, 100, 10000);
    for (int i = 0; i < 10; i++)
        (void)smew__backoff_next_ms(&backoff, 0);
    assert_int_equal(smew__backoff_next_ms(&backoff, 0), 5000);
    smew__backoff_reset(&backoff);
    assert_int_equal(smew__backoff_next_ms(&backoff, 0), 50);
    assert_int_equal(smew__backoff_next_ms(&backoff, 0), 100);
    smew__backoff_init(&backoff, 100, 10); /* the first is the least of the most */
    assert_int_equal(smew__backoff_next_ms(&backoff, 50), 100);
    assert_int_equal(smew__backoff_next_ms(&backoff, 50), 100);
    smew__backoff_init(&backoff, 0, 8);
    for (int i = 0; i < 5; i++)
        (void)smew__backoff_next_ms(&backoff, 0);
    assert_int_equal(smew__backoff_next_ms(&backoff, 0), 4); /* it did grow */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_jitter_reaches_both_ends),
        cmocka_unit_test(test_reset_and_silly_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
