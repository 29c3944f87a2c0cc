/* SPDX-License-Identifier: MIT */
/* The histogram against sorted samples: never too low, at most 6.25 % too high. */
#include "tests/support/support.h"

#include <stdlib.h>

#include "diagnostics/histogram.h"

enum { SAMPLES = 20000 };

static uint64_t samples[SAMPLES];
static struct smew__histogram histogram;

static int compare(const void *one, const void *two)
{
    uint64_t a = *(const uint64_t *)one;
    uint64_t b = *(const uint64_t *)two;

    return (a > b) - (a < b);
}

static void check_against_sorted(void)
{
    static const double fractions[] = {0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1};

    qsort(samples, SAMPLES, sizeof samples[0], compare);
    for (size_t i = 0; i < sizeof fractions / sizeof fractions[0]; i++) {
        double rank = fractions[i] * SAMPLES;
        size_t index = rank < 1 ? 0 : (size_t)(rank + 0.999999) - 1;
        uint64_t exact = samples[index];
        uint64_t got = smew__histogram_at(&histogram, fractions[i]);

        if (got < exact || got - exact > exact / 16)
            fail_msg("at %g: %llu instead of %llu", fractions[i], (unsigned long long)got,
                     (unsigned long long)exact);
    }
    assert_int_equal(histogram.least, samples[0]);
    assert_int_equal(histogram.most, samples[SAMPLES - 1]);
    assert_int_equal(smew__histogram_at(&histogram, 1), samples[SAMPLES - 1]);
}

static void test_accuracy(void **state)
{
    struct support_random random = support_random_seeded();

    (void)state;
    for (unsigned bits = 1; bits <= 64; bits++) {
        smew__histogram_init(&histogram);
        for (int i = 0; i < SAMPLES; i++) {
            /* Spread over the magnitudes, as durations are. */
            unsigned shift = 64 - bits + (unsigned)support_random_below(&random, bits);

            samples[i] = support_random_next(&random) >> shift;
            smew__histogram_add(&histogram, samples[i]);
        }
        check_against_sorted();
    }
}

/* Each power of two and its neighbours: where bucket edges are got wrong. */
static void test_edges(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++)
        for (int step = -1; step <= 1; step++) {
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)(int64_t)step;

            smew__histogram_init(&histogram);
            smew__histogram_add(&histogram, value);
            assert_int_equal(smew__histogram_at(&histogram, 0.5), value); /* cut at the most */
            smew__histogram_add(&histogram, UINT64_MAX);
            assert_true(smew__histogram_at(&histogram, 0.5) >= value);
            assert_true(smew__histogram_at(&histogram, 0.5) - value <= value / 16);
            assert_int_equal(smew__histogram_at(&histogram, 1), UINT64_MAX);
        }
}

static void test_empty_and_odd_fractions(void **state)
{
    (void)state;
    smew__histogram_init(&histogram);
    assert_int_equal(smew__histogram_at(&histogram, 0.5), 0);
    smew__histogram_add(&histogram, 3);
    smew__histogram_add(&histogram, 5);
    assert_int_equal(smew__histogram_at(&histogram, -1), 3);
    assert_int_equal(smew__histogram_at(&histogram, 0.0 / 0.0), 3);
    assert_int_equal(smew__histogram_at(&histogram, 0.5), 3);
    assert_int_equal(smew__histogram_at(&histogram, 0.51), 5);
    assert_int_equal(smew__histogram_at(&histogram, 2), 5);
}

static void test_merge_is_adding_all(void **state)
{
    static struct smew__histogram parts[2];
    static struct smew__histogram empty;
    struct support_random random = support_random_seeded();

    (void)state;
    smew__histogram_init(&histogram);
    smew__histogram_init(&parts[0]);
    smew__histogram_init(&parts[1]);
    smew__histogram_init(&empty);
    for (int i = 0; i < SAMPLES; i++) {
        uint64_t value = support_random_next(&random) >> support_random_below(&random, 64);

        smew__histogram_add(&histogram, value);
        smew__histogram_add(&parts[i % 2], value);
    }
    smew__histogram_merge(&parts[0], &parts[1]);
    smew__histogram_merge(&parts[0], &empty);
    assert_memory_equal(&parts[0], &histogram, sizeof histogram);
    smew__histogram_merge(&empty, &histogram);
    assert_memory_equal(&empty, &histogram, sizeof histogram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_empty_and_odd_fractions),
        cmocka_unit_test(test_merge_is_adding_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
