/* SPDX-License-Identifier: MIT */
/* Integers in bytes: the order is pinned, and get undoes put. */
#include "tests/support/support.h"

#include "base/bytes.h"

static void test_orders(void **state)
{
    uint8_t at[4];

    (void)state;
    smew__put_be32(at, 0x01020304);
    assert_memory_equal(at, "\1\2\3\4", 4);
    assert_int_equal(smew__get_le32(at), 0x04030201);
}

static void test_get_undoes_put(void **state)
{
    struct support_random random = support_random_seeded();
    uint8_t at[5];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = support_random_next(&random);

        smew__put_be32(at + 1, (uint32_t)value); /* unaligned on purpose */
        assert_int_equal(smew__get_be32(at + 1), (uint32_t)value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_get_undoes_put),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
