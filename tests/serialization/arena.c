/* SPDX-License-Identifier: MIT */
/* The arena: its limit, its pieces, and that they go together. */
#include "tests/support/support.h"

#include <stdalign.h>
#include <string.h>

#include "base/alloc.h"
#include "serialization/arena.h"

static void test_limit(void **state)
{
    struct smew__wire_arena arena;
    size_t given = 0;

    (void)state;
    smew__wire_arena_init(&arena, 10000);
    while (smew__wire_arena_alloc(&arena, 100) != NULL)
        given += 100;
    assert_in_range(given, 6000, 10000);
    assert_false(arena.failed);
    assert_null(smew__wire_arena_alloc(&arena, 10000));
    assert_null(smew__wire_arena_alloc(&arena, SIZE_MAX));
    assert_null(smew__wire_arena_alloc(&arena, SIZE_MAX - 16));
    assert_false(arena.failed);
    smew__wire_arena_free(smew__wire_arena_release(&arena));
    assert_null(smew__wire_arena_release(&arena));
}

/* Pieces of every size, filled to their end, do not touch each other or the zero behind them. */
static void test_pieces(void **state)
{
    enum { PIECES = 3000 };
    static unsigned char *pieces[PIECES];
    struct smew__wire_arena arena;

    (void)state;
    smew__wire_arena_init(&arena, SIZE_MAX);
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = smew__wire_arena_alloc(&arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)(i % 255) + 1, i);
    }
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t at = 0; at < i; at++)
            assert_int_equal(pieces[i][at], i % 255 + 1);
        assert_int_equal(pieces[i][i], 0);
    }
    smew__wire_arena_free(smew__wire_arena_release(&arena));
}

static void test_failure_is_told(void **state)
{
    struct smew__wire_arena arena;

    (void)state;
    smew__wire_arena_init(&arena, 10000);
    smew__alloc_fail_at(1, 0);
    assert_null(smew__wire_arena_alloc(&arena, 1));
    assert_true(arena.failed);
    assert_non_null(smew__wire_arena_alloc(&arena, 1));
    smew__wire_arena_free(smew__wire_arena_release(&arena));
}

/* A small frame's pieces share one allocation; a large payload adds one of its own. */
static void test_few_allocations(void **state)
{
    struct smew__wire_arena arena;
    uint64_t before = smew__alloc_count();

    (void)state;
    smew__wire_arena_init(&arena, SIZE_MAX);
    for (int i = 0; i < 10; i++)
        assert_non_null(smew__wire_arena_alloc(&arena, 32));
    assert_int_equal(smew__alloc_count() - before, 1);
    assert_non_null(smew__wire_arena_alloc(&arena, 1 << 20));
    for (int i = 0; i < 10; i++)
        assert_non_null(smew__wire_arena_alloc(&arena, 32));
    assert_int_equal(smew__alloc_count() - before, 2);
    smew__wire_arena_free(smew__wire_arena_release(&arena));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_limit),
        SUPPORT_TEST(test_pieces),
        SUPPORT_TEST(test_failure_is_told),
        SUPPORT_TEST(test_few_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
