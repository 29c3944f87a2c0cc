/* SPDX-License-Identifier: MIT */

/* Sets of states against an array of truths, at sizes around the words' edges. */

#include "tests/support/support.h"

#include "chart/set.h"

enum { MOST = 200, WORDS = (MOST + 63) / 64 };

static void compare(const uint64_t *set, const bool *plain, uint32_t size)
{
    size_t words = smew__set_words(size);
    uint32_t next = SMEW__SET_END;

    for (uint32_t i = size; i-- > 0;) {
        next = plain[i] ? i : next;
        assert_int_equal(smew__set_has(set, i), plain[i]);
        assert_int_equal(smew__set_next(set, words, i), next);
        assert_int_equal(smew__set_any(set, words, i, size), next != SMEW__SET_END);
    }
    uint32_t previous = SMEW__SET_END;
    for (uint32_t i = 0; i <= size; i++) {
        assert_int_equal(smew__set_previous(set, i), previous);
        if (i < size && plain[i])
            previous = i;
    }
    assert_int_equal(smew__set_next(set, words, size), SMEW__SET_END);
}

static void test_members(void **state)
{
    static const uint32_t sizes[] = {1, 63, 64, 65, 127, 128, 129, 200};
    struct support_random random = support_random_seeded();

    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        uint64_t set[WORDS + 1] = {0};
        bool plain[MOST] = {false};

        for (unsigned step = 0; step < 300; step++) {
            uint32_t i = (uint32_t)support_random_below(&random, sizes[s]);

            plain[i] = support_random_below(&random, 3) > 0;
            if (plain[i])
                smew__set_add(set, i);
            else
                smew__set_remove(set, i);
            compare(set, plain, sizes[s]);
        }
        assert_int_equal(set[WORDS], 0);
    }
}

static void test_ranges(void **state)
{
    struct support_random random = support_random_seeded();

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t from[WORDS], set[WORDS] = {0};
        uint32_t first = (uint32_t)support_random_below(&random, MOST + 1);
        uint32_t end = (uint32_t)support_random_below(&random, MOST + 1);

        support_random_fill(&random, from, sizeof from);
        smew__set_add_range(set, from, first, end);
        for (uint32_t i = 0; i < MOST; i++)
            assert_int_equal(smew__set_has(set, i),
                             i >= first && i < end && smew__set_has(from, i));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {SUPPORT_TEST(test_members), SUPPORT_TEST(test_ranges)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
