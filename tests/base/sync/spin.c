/* SPDX-License-Identifier: MIT */
/* How long a wait looks before it sleeps, by what became of the waits before it. */
#include "tests/support/support.h"

#include "base/sync/spin.h"

/* A wait that nothing ends: for how long it looked. */
static uint64_t sleep_after_all(struct smew__spin *spin)
{
    const uint64_t begun_ns = 1000;
    uint64_t now_ns = begun_ns;

    while (smew__spin_goes_on(spin, now_ns))
        now_ns += 100;
    smew__spin_paid(spin); /* what comes after a sleep was not looking's */
    return now_ns - begun_ns;
}

/* The first of the next waits that looks at all, and how many did not. */
static unsigned waits_until_tried(struct smew__spin *spin)
{
    unsigned waits = 0;

    while (!smew__spin_goes_on(spin, 1000))
        waits++;
    return waits;
}

static void test_it_is_tried_now_and_then(void **state)
{
    struct smew__spin spin = {0};

    (void)state;
    assert_int_equal(waits_until_tried(&spin), SMEW__SPIN_TRY - 1);
    assert_true(smew__spin_goes_on(&spin, 1000 + SMEW__SPIN_MOST_NS - 1));
    assert_false(smew__spin_goes_on(&spin, 1000 + SMEW__SPIN_MOST_NS));
}

static void test_where_it_does_not_pay_it_ends(void **state)
{
    struct smew__spin spin = {0};
    uint64_t looked_ns = SMEW__SPIN_MOST_NS;

    (void)state;
    (void)waits_until_tried(&spin);
    smew__spin_paid(&spin);
    for (uint64_t before_ns = looked_ns; looked_ns > 0; before_ns = looked_ns) {
        looked_ns = sleep_after_all(&spin);
        assert_true(looked_ns == before_ns || looked_ns <= before_ns / 2 + 100);
    }
    assert_int_equal(waits_until_tried(&spin), SMEW__SPIN_TRY - 2);
}

static void test_tries_in_vain_become_rare(void **state)
{
    struct smew__spin spin = {0};

    (void)state;
    for (unsigned tries = 0; tries < 3 * SMEW__SPIN_TRIES; tries++) {
        unsigned shift = tries < SMEW__SPIN_TRIES ? tries : SMEW__SPIN_TRIES;

        assert_int_equal(waits_until_tried(&spin), (SMEW__SPIN_TRY << shift) - 1);
        assert_false(smew__spin_goes_on(&spin, 1000 + SMEW__SPIN_MOST_NS));
    }
    (void)waits_until_tried(&spin);
    smew__spin_paid(&spin);
    while (sleep_after_all(&spin) > 0)
        ;
    assert_int_equal(waits_until_tried(&spin), SMEW__SPIN_TRY - 2); /* as if it was never in vain */
}

static void test_where_it_pays_it_goes_on(void **state)
{
    struct smew__spin spin = {0};

    (void)state;
    (void)waits_until_tried(&spin);
    for (int i = 0; i < 1000; i++) {
        smew__spin_paid(&spin);
        assert_true(smew__spin_goes_on(&spin, 5000));
    }
    smew__spin_paid(&spin);
    assert_int_equal(sleep_after_all(&spin), SMEW__SPIN_MOST_NS);
    assert_in_range(sleep_after_all(&spin), SMEW__SPIN_LEAST_NS, SMEW__SPIN_MOST_NS / 2);
}

static void test_a_wish_is_heeded(void **state)
{
    struct smew__spin spin = {.way = SMEW__SPIN_ALWAYS};

    (void)state;
    for (uint64_t now_ns = 1; now_ns < UINT64_C(1) << 40; now_ns *= 2)
        assert_true(smew__spin_goes_on(&spin, now_ns));
    spin = (struct smew__spin){.way = SMEW__SPIN_NEVER};
    for (int i = 0; i < 2 * SMEW__SPIN_TRY; i++) {
        assert_false(smew__spin_goes_on(&spin, 1000));
        smew__spin_paid(&spin);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_it_is_tried_now_and_then),
        SUPPORT_TEST(test_where_it_does_not_pay_it_ends),
        SUPPORT_TEST(test_tries_in_vain_become_rare),
        SUPPORT_TEST(test_where_it_pays_it_goes_on),
        SUPPORT_TEST(test_a_wish_is_heeded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
