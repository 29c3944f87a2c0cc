/* SPDX-License-Identifier: MIT */

/* Values: readers, numbers as JavaScript writes them, JSON that is cut, and the undo of writes. */

#include "tests/support/support.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "chart/context.h"
#include "chart/value.h"

static void test_readers(void **state)
{
    struct smew__arena arena;
    struct smew_value *object;

    (void)state;
    smew__arena_init(&arena);
    object = smew__value_of_members(&arena, SMEW_VALUE_OBJECT, 2);
    object->as.members[0] =
        (struct smew__member){.key = "n", .value = smew__value_of_number(&arena, 3)};
    object->as.members[1] =
        (struct smew__member){.key = "t", .value = smew__value_of_text(&arena, "x\"\n\x01")};
    assert_int_equal(smew_value_type(object), SMEW_VALUE_OBJECT);
    assert_int_equal(smew_value_count(object), 2);
    assert_string_equal(smew_value_key(object, 1), "t");
    assert_null(smew_value_key(object, 2));
    assert_null(smew_value_at(object, 2));
    assert_null(smew_value_get(object, "z"));
    assert_null(smew_value_get(object, NULL));
    assert_true(smew_value_number(smew_value_get(object, "n"), 0) == 3);
    assert_true(smew_value_number(smew_value_get(object, "t"), 7) == 7);
    assert_string_equal(smew_value_string(smew_value_get(object, "n"), "other"), "other");
    assert_true(smew_value_bool(smew__value_of_bool(&arena, true), false));
    assert_true(smew_value_bool(NULL, true));
    assert_int_equal(smew_value_type(NULL), SMEW_VALUE_NULL);
    assert_int_equal(smew_value_type(smew__value_null(&arena)), SMEW_VALUE_NULL);
    assert_int_equal(smew_value_count(NULL), 0);
    assert_null(smew_value_key(smew_value_get(object, "n"), 0));
    smew__arena_fini(&arena);
}

/* `length` is the whole's. */
static void expect_json(const struct smew_value *value, size_t capacity, const char *text,
                        size_t length)
{
    char buffer[100] = "untouched";

    assert_int_equal(smew_value_json(value, buffer, capacity), length);
    assert_string_equal(buffer, text);
}

static void test_json(void **state)
{
    struct smew__arena arena;

    (void)state;
    smew__arena_init(&arena);
    struct smew_value *array = smew__value_of_members(&arena, SMEW_VALUE_ARRAY, 3);
    array->as.members[0].value = smew__value_of_text(&arena, "a\"\\\n\t\x01");
    array->as.members[1].value = smew__value_null(&arena);
    array->as.members[2].value = smew__value_of_text(&arena, "\xc3\xa4");
    expect_json(array, 100, "[\"a\\\"\\\\\\n\\t\\u0001\",null,\"\xc3\xa4\"]", 29);
    expect_json(NULL, 100, "null", 4);
    expect_json(NULL, 3, "nu", 4);
    expect_json(NULL, 0, "untouched", 4);
    expect_json(array->as.members[2].value, 3, "\"", 4); /* no half character */
    smew__arena_fini(&arena);
}

static void test_numbers(void **state)
{
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-17, "-17"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1.5e-7, "1.5e-7"},
        {123456789.5, "123456789.5"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {INFINITY, "null"},
        {0.000001, "0.000001"},
        {0.00001234, "0.00001234"},
        {1e-7, "1e-7"},
        {-0.5, "-0.5"},
        {123456789012345680000.0, "123456789012345680000"},
        {9007199254740993.0, "9007199254740992"},
        {0.30000000000000004, "0.30000000000000004"},
    };
    char text[SMEW__NUMBER_TEXT];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            smew__number_text(cases[i].number, text);
            assert_string_equal(text, cases[i].text);
        }
        if (!setlocale(LC_NUMERIC, "de_DE.UTF-8")) /* a decimal comma, where it is installed */
            break;
    }
    (void)setlocale(LC_NUMERIC, "C");
}

/* ---- contexts ------------------------------------------------------------------------ */

static void expect_context(const struct smew__context *context, const char *text)
{
    char buffer[200];

    (void)smew_value_json(context->object, buffer, sizeof buffer);
    assert_string_equal(buffer, text);
}

static void test_undo(void **state)
{
    struct smew__arena arena;
    struct smew__context context;
    struct smew_value *object;

    (void)state;
    smew__arena_init(&arena);
    object = smew__value_of_members(&arena, SMEW_VALUE_OBJECT, 1);
    object->as.members[0] =
        (struct smew__member){.key = "n", .value = smew__value_of_number(&arena, 1)};
    smew__context_init(&context, object);

    smew__context_begin(&context);
    assert_int_equal(smew__context_set_number(&context, "n", 2), SMEW_OK);
    assert_int_equal(smew__context_set_text(&context, "s", "t"), SMEW_OK);
    expect_context(&context, "{\"n\":2,\"s\":\"t\"}");
    smew__context_undo(&context);
    expect_context(&context, "{\"n\":1}");

    smew__context_begin(&context);
    assert_int_equal(smew__context_set_number(&context, "n", 5), SMEW_OK);
    assert_int_equal(smew__context_set_bool(&context, "b", true), SMEW_OK);
    assert_int_equal(smew__context_set_text(&context, "s", "old"), SMEW_OK);
    smew__context_commit(&context);

    smew__context_begin(&context);
    assert_int_equal(smew__context_set_number(&context, "n", 6), SMEW_OK);
    assert_int_equal(smew__context_set_number(&context, "n", 7), SMEW_OK);
    assert_int_equal(smew__context_set_text(&context, "n", "no number"), SMEW_OK);
    assert_int_equal(smew__context_set_bool(&context, "n", true), SMEW_OK);
    assert_int_equal(smew__context_set_bool(&context, "b", false), SMEW_OK);
    assert_int_equal(smew__context_set_text(&context, "s", "new"), SMEW_OK);
    assert_int_equal(smew__context_set(&context, "s", smew__value_null(&arena)), SMEW_OK);
    assert_int_equal(smew__context_set_number(&context, "x", 1), SMEW_OK);
    expect_context(&context, "{\"n\":true,\"b\":false,\"s\":null,\"x\":1}");
    smew__context_undo(&context);
    expect_context(&context, "{\"n\":5,\"b\":true,\"s\":\"old\"}");

    smew__context_fini(&context);
    smew__arena_fini(&arena);
}

static void test_numbers_are_read(void **state)
{
    static const struct {
        const char *text;
        double number;
        const char *rest;
    } numbers[] = {
        {"12", 12, ""},
        {".5s", .5, "s"},
        {"1.", 1, ""},
        {"-1.25e2ms", -125, "ms"},
        {"+3", 3, ""},
        {"1e", 1, "e"},
        {"1e+", 1, "e+"},
        {"0.1", .1, ""},
        {"1e-7", 1e-7, ""},
        {"1e22", 1e22, ""},
        {"inf", 0, "inf"},
        {"0x10", 0, "x10"},
        {".", 0, "."},
        {"", 0, ""},
        {" 1", 0, " 1"},
        {"1,5", 1, ",5"},
        {"1e99999", INFINITY, ""},
        {"0e99999", 0, ""},
        {"1e-99999", 0, ""},
        {"12345678901234567890123", 12345678901234567890123., ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *end;
        double number = smew__number_read(numbers[i].text, &end);

        if (number != numbers[i].number || strcmp(end, numbers[i].rest) != 0)
            fail_msg("%s: %.17g and %s", numbers[i].text, number, end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {SUPPORT_TEST(test_readers),
                                       SUPPORT_TEST(test_numbers_are_read), SUPPORT_TEST(test_json),
                                       SUPPORT_TEST(test_numbers), SUPPORT_TEST(test_undo)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
