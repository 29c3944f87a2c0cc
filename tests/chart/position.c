/* SPDX-License-Identifier: MIT */

/* Positions of values, and JSON walked in step with them. */

#include "tests/support/support.h"

#include <string.h>

#include "base/alloc.h"
#include "chart/json.h"

static void test_marks(void **state)
{
    static const char text[] = " {\"a\" : [1, \"x\\\"]\", {}],\n \"b\":{\"c\":null}, \"d\":-1e5 }";
    static const char *const starts[] = {"{\"a", "[1", "1,", "\"x", "{}", "{\"c", "null", "-1e5"};
    static const uint32_t nexts[] = {8, 5, 3, 4, 5, 7, 7, 8};
    struct smew__marks marks;

    (void)state;
    assert_true(smew__marks_scan(&marks, text, strlen(text)));
    assert_int_equal(marks.count, 8);
    for (uint32_t i = 0; i < marks.count; i++) {
        assert_int_equal(strncmp(text + marks.marks[i].offset, starts[i], strlen(starts[i])), 0);
        assert_int_equal(marks.marks[i].next, nexts[i]);
    }
    assert_int_equal(strncmp(text + marks.marks[5].key_offset, "\"b\"", 3), 0);
    assert_int_equal(marks.marks[3].key_offset, marks.marks[3].offset); /* no key in an array */
    smew__marks_fini(&marks);
}

/* The scan is only asked about valid JSON; anything else must not read beyond its end. */
static void test_damaged_text(void **state)
{
    struct support_random random = support_random_seeded();
    static const char letters[] = "{}[]\",:\\ a1";

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        size_t size = support_random_below(&random, 40);
        char *text = smew__alloc(size + 1); /* exactly as long, so that a sanitizer sees it */
        struct smew__marks marks;

        for (size_t i = 0; i < size; i++)
            text[i] = letters[support_random_below(&random, sizeof letters - 1)];
        assert_true(smew__marks_scan(&marks, text, size));
        smew__marks_fini(&marks);
        (void)smew__token_start(text, size);
        smew__free(text);
    }
}

static void test_line_and_column(void **state)
{
    static const char text[] = "a\xc3\xa4"
                               "b\nc\n";
    static const struct smew__position expected[] = {{1, 1}, {1, 2}, {1, 3}, {1, 3},
                                                     {1, 4}, {2, 1}, {2, 2}, {3, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct smew__position position = smew__position_of(text, strlen(text), i);

        if (i == 2)
            continue; /* inside a character */
        assert_int_equal(position.line, expected[i].line);
        assert_int_equal(position.column, expected[i].column);
    }
}

static void test_token_start(void **state)
{
    static const char text[] = "{\"a\\\"b\" nul";

    (void)state;
    assert_int_equal(smew__token_start(text, 7), 1);
    assert_int_equal(smew__token_start(text, 11), 8);
    assert_int_equal(smew__token_start(text, 1), 0);
    assert_int_equal(smew__token_start(text, 0), 0);
}

static void test_members(void **state)
{
    static const char text[] =
        "{\"b\":1,\"10\":2,\"a\":[true,[0]],\"9\":3,\"01\":4,\"4294967295\":5}";
    static const char *const order[] = {"9", "10", "b", "a", "01", "4294967295"};
    json_t *value = json_loads(text, 0, NULL);
    struct smew__json root = {.value = value};
    struct smew__json_member *members;
    struct smew__marks marks;
    size_t count;

    (void)state;
    assert_true(smew__marks_scan(&marks, text, strlen(text)));
    assert_true(smew__json_members(&marks, root, &members, &count));
    assert_int_equal(count, 6);
    for (size_t i = 0; i < count; i++) {
        const struct smew__mark *mark = &marks.marks[members[i].json.mark];

        assert_string_equal(members[i].key, order[i]);
        assert_int_equal(strncmp(text + mark->key_offset + 1, order[i], strlen(order[i])), 0);
    }
    struct smew__json array = smew__json_get(&marks, root, "a");
    assert_int_equal(text[marks.marks[array.mark].offset], '[');
    smew__free(members);
    assert_true(smew__json_members(&marks, array, &members, &count));
    assert_int_equal(count, 2);
    assert_int_equal(strncmp(text + marks.marks[members[1].json.mark].offset, "[0]", 3), 0);
    smew__free(members);
    assert_null(smew__json_get(&marks, root, "z").value);
    assert_null(smew__json_get(&marks, array, "z").value);
    assert_true(smew__json_members(&marks, smew__json_get(&marks, root, "b"), &members, &count));
    assert_null(members);
    smew__marks_fini(&marks);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_marks),           SUPPORT_TEST(test_damaged_text),
        SUPPORT_TEST(test_line_and_column), SUPPORT_TEST(test_token_start),
        SUPPORT_TEST(test_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
