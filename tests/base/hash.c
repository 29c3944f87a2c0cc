/* SPDX-License-Identifier: MIT */
/* The hash is part of the directory's format: its values are pinned, and its low bits spread. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

static void test_pinned_values(void **state)
{
    (void)state;
    assert_int_equal(smew__hash("", 0), UINT64_C(0xefd01f60ba992926));
    assert_int_equal(smew__hash("a", 1), UINT64_C(0x82a2a958a9bece5b));
    assert_int_equal(smew__hash("pkg:bash:amd64", 14), UINT64_C(0x64fa3731dab8a1cb));
}

/* Names that differ in a digit only: no bucket of 1024 gets more than a few times its share. */
static void test_low_bits_spread(void **state)
{
    enum { NAMES = 102400, BUCKETS = 1024 };
    static unsigned buckets[BUCKETS];
    unsigned most = 0;

    (void)state;
    for (int i = 0; i < NAMES; i++) {
        char name[32];
        int length = snprintf(name, sizeof name, "machine:%d", i);
        unsigned *bucket = &buckets[smew__hash(name, (size_t)length) % BUCKETS];

        most = ++*bucket > most ? *bucket : most;
    }
    assert_true(most < 2 * NAMES / BUCKETS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pinned_values),
        cmocka_unit_test(test_low_bits_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
