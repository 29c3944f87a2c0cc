/* SPDX-License-Identifier: MIT */
/*
 * Kept blocks: each holds what was asked for, counts as an allocation, comes again after it was
 * given back, and goes back to the C library when it was not needed for a while.
 */
#include "base/block.h"

#include <malloc.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "tests/support/support.h"

#include "base/alloc.h"
#include "base/os/thread.h"

enum { MANY = 200, LARGE = 20000, THREADS = 4, ROUNDS = 50000, HELD = 16 };

/* Bytes that the C library may have taken for itself meanwhile. */
enum { LITTLE = 64 * 1024 };

/* Around each step of size, and beyond those that are kept. */
static void test_every_size(void **state)
{
    (void)state;
    for (size_t size = 1; size < (size_t)6 << 20; size += size / 7 + 1) {
        uint8_t *block = smew__block_alloc(size);

        assert_non_null(block);
        assert_int_equal((uintptr_t)block % alignof(max_align_t), 0);
        memset(block, 0xA5, size);
        smew__block_free(block);
    }
    smew__block_free(NULL);
}

static void test_what_is_in_use_is_apart(void **state)
{
    uint8_t *blocks[MANY];

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            blocks[i] = smew__block_alloc(100 + (size_t)i * 17);
            assert_non_null(blocks[i]);
            memset(blocks[i], i, 100 + (size_t)i * 17);
        }
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(blocks[i][0], (uint8_t)i);
            assert_int_equal(blocks[i][99 + i * 17], (uint8_t)i);
            smew__block_free(blocks[i]);
        }
    }
}

static void test_it_counts(void **state)
{
    int64_t live = smew__alloc_live();
    uint64_t count = smew__alloc_count();
    void *block = smew__block_alloc(1000);

    (void)state;
    assert_int_equal(smew__alloc_live(), live + 1);
    smew__block_free(block);
    assert_int_equal(smew__alloc_live(), live);
    smew__alloc_fail_at(1, 0); /* also where one is kept */
    assert_null(smew__block_alloc(1000));
    block = smew__block_alloc(1000);
    assert_non_null(block);
    smew__block_free(block);
    assert_int_equal(smew__alloc_count(), count + 2);
    assert_null(smew__block_alloc(SIZE_MAX));
    assert_null(smew__block_alloc(PTRDIFF_MAX));
}

/* Bytes that the C library has given out; 0 where a sanitizer is in its place. */
static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void trim_all(void)
{
    for (int i = 0; i < 100; i++)
        smew__blocks_trim();
}

static void test_what_is_not_needed_goes(void **state)
{
    static void *blocks[MANY];
    size_t before, kept;

    (void)state;
    trim_all();
    before = in_use();
    for (int i = 0; i < MANY; i++)
        blocks[i] = smew__block_alloc(LARGE);
    for (int i = 0; i < MANY; i++)
        smew__block_free(blocks[i]);
    kept = in_use();
    if (kept == 0) {
        print_message("skipped: a sanitizer is in the C library's place\n");
        return;
    }
    assert_true(kept >= before + (size_t)MANY * LARGE);
    smew__blocks_trim(); /* they were needed since the one before */
    assert_true(in_use() >= before + (size_t)MANY * LARGE);
    smew__blocks_trim();
    assert_true(in_use() < kept);
    assert_true(in_use() >= before + (size_t)MANY / 2 * LARGE); /* a pause does not cost all */
    trim_all();
    assert_true(in_use() <= before + LITTLE);
}

static void test_there_is_a_limit(void **state)
{
    static void *blocks[64];
    size_t before = in_use();

    (void)state;
    for (int i = 0; i < 64; i++)
        blocks[i] = smew__block_alloc(1000 * 1000);
    for (int i = 0; i < 64; i++)
        smew__block_free(blocks[i]);
    assert_true(in_use() <= before + (size_t)17 * 1024 * 1024);
    trim_all();
    assert_true(in_use() <= before + LITTLE);
}

static void take_and_give(void *argument)
{
    uint8_t *held[HELD] = {NULL};

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t **place = &held[i % HELD];

        if (*place && (*place)[0] != (uint8_t)(i - HELD))
            *(bool *)argument = true;
        smew__block_free(*place);
        *place = smew__block_alloc(200 + i % 7 * 300);
        if (*place)
            (*place)[0] = (uint8_t)i;
        if (i % 1000 == 0)
            smew__blocks_trim();
    }
    for (int i = 0; i < HELD; i++)
        smew__block_free(held[i]);
}

static void test_threads(void **state)
{
    struct smew__thread threads[THREADS] = {0};
    bool wrong[THREADS] = {false};
    int64_t live = smew__alloc_live();

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(smew__thread_start(&threads[i], "block", take_and_give, &wrong[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        smew__thread_join(&threads[i]);
        assert_false(wrong[i]);
    }
    assert_int_equal(smew__alloc_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_every_size),       SUPPORT_TEST(test_what_is_in_use_is_apart),
        SUPPORT_TEST(test_it_counts),        SUPPORT_TEST(test_what_is_not_needed_goes),
        SUPPORT_TEST(test_there_is_a_limit), SUPPORT_TEST(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
