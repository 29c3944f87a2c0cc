/* SPDX-License-Identifier: MIT */
/* The table against a naive model, under many random operations. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/table.h"

enum { KEYS = 600, ROUNDS = 200000 };

struct entry {
    char key[16];
    bool present;
    bool walked;
};

static struct entry entries[KEYS];

static void name_entries(void)
{
    for (int i = 0; i < KEYS; i++) {
        entries[i] = (struct entry){{0}, false, false};
        (void)snprintf(entries[i].key, sizeof entries[i].key, "key %d", i);
    }
}

static void check_walk(const struct smew__table *table, size_t count)
{
    const void *value;
    size_t cursor = 0;
    size_t walked = 0;

    for (int i = 0; i < KEYS; i++)
        entries[i].walked = false;
    while ((value = smew__table_next(table, &cursor)) != NULL) {
        struct entry *entry = &entries[(const struct entry *)value - entries];

        assert_true(entry->present && !entry->walked);
        entry->walked = true;
        walked++;
    }
    assert_int_equal(walked, count);
    assert_int_equal(table->count, count);
}

static void test_random_operations_against_a_model(void **state)
{
    struct support_random random = support_random_seeded();
    struct smew__table table;
    size_t count = 0;

    (void)state;
    name_entries();
    smew__table_init(&table);
    for (int round = 0; round < ROUNDS; round++) {
        /* Waves: for a while most keys come, then most go. */
        bool growing = round / 2000 % 2 == 0;
        struct entry *entry = &entries[support_random_below(&random, KEYS)];
        size_t size = strlen(entry->key);
        void *found = smew__table_get(&table, entry->key, size);

        assert_ptr_equal(found, entry->present ? entry : NULL);
        if (!entry->present && (growing || support_random_below(&random, 4) == 0)) {
            assert_true(smew__table_put(&table, entry->key, size, entry));
            entry->present = true;
            count++;
        } else if (!growing || support_random_below(&random, 4) == 0) {
            found = smew__table_remove(&table, entry->key, size);
            assert_ptr_equal(found, entry->present ? entry : NULL);
            count -= entry->present;
            entry->present = false;
        }
        if (round % 1000 == 0)
            check_walk(&table, count);
    }
    check_walk(&table, count);
    assert_true(table.capacity <= 1024); /* it grew with its entries, not with the operations */
    smew__table_fini(&table);
}

/* One walk removes what it meets, every entry or those of a residue; crowded tables wrap. */
static void test_removing_while_walking(void **state)
{
    (void)state;
    name_entries();
    for (int keys = 1; keys < KEYS; keys++) {
        struct smew__table table;
        struct entry *entry;
        size_t cursor = 0;
        int every = keys % 3 + 1;
        int left = 0;

        smew__table_init(&table);
        for (int i = 0; i < keys; i++)
            assert_true(
                smew__table_put(&table, entries[i].key, strlen(entries[i].key), &entries[i]));
        while ((entry = smew__table_next(&table, &cursor)) != NULL) {
            if ((entry - entries) % every != 0)
                continue;
            assert_ptr_equal(smew__table_remove(&table, entry->key, strlen(entry->key)), entry);
            cursor--;
        }
        for (int i = 0; i < keys; i++) {
            bool stays = i % every != 0;

            assert_int_equal(
                smew__table_get(&table, entries[i].key, strlen(entries[i].key)) != NULL, stays);
            left += stays;
        }
        assert_int_equal(table.count, left);
        smew__table_fini(&table);
    }
}

/* A key may be empty, hold zero bytes, or begin another key. */
static void test_keys_are_bytes(void **state)
{
    static const struct {
        const char *key;
        size_t size;
    } keys[] = {{"", 0}, {"\0", 1}, {"\0\0", 2}, {"a", 1}, {"ab", 2}, {"a\0", 2}};
    struct smew__table table;
    char values[6];

    (void)state;
    smew__table_init(&table);
    assert_null(smew__table_get(&table, "a", 1));
    assert_null(smew__table_remove(&table, "a", 1));
    for (int i = 0; i < 6; i++)
        assert_true(smew__table_put(&table, keys[i].key, keys[i].size, &values[i]));
    for (int i = 0; i < 6; i++)
        assert_ptr_equal(smew__table_get(&table, keys[i].key, keys[i].size), &values[i]);
    assert_null(smew__table_get(&table, "abc", 3));
    smew__table_fini(&table);
    assert_null(smew__table_get(&table, "a", 1));
}

static void fill(void *argument)
{
    struct smew__table table;
    size_t count = 0;

    (void)argument;
    name_entries();
    smew__table_init(&table);
    for (int i = 0; i < 100; i++) {
        entries[i].present =
            smew__table_put(&table, entries[i].key, strlen(entries[i].key), &entries[i]);
        count += entries[i].present;
    }
    check_walk(&table, count); /* what failed to go in took nothing away */
    assert_true(count >= 99);
    smew__table_fini(&table);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(support_walk_allocations(fill, NULL) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_random_operations_against_a_model),
        SUPPORT_TEST(test_removing_while_walking),
        SUPPORT_TEST(test_keys_are_bytes),
        SUPPORT_TEST(test_every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
