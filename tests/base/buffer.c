/* SPDX-License-Identifier: MIT */
/* The buffer: appending, consuming, JSON strings, and remembering that it failed. */
#include "tests/support/support.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/utf8.h"

static void assert_holds(const struct smew__buffer *buffer, const void *data, size_t size)
{
    assert_false(buffer->failed);
    assert_int_equal(buffer->size, size);
    if (size != 0)
        assert_memory_equal(buffer->data, data, size);
}

static void test_appends(void **state)
{
    struct smew__buffer buffer;

    (void)state;
    smew__buffer_init(&buffer);
    smew__buffer_append(&buffer, NULL, 0);
    assert_holds(&buffer, "", 0);
    smew__buffer_text(&buffer, "one ");
    smew__buffer_printf(&buffer, "%d %s", 2, "three");
    smew__buffer_append(&buffer, "\0!", 2);
    assert_holds(&buffer, "one 2 three\0!", 13);
    smew__buffer_consume(&buffer, 4);
    assert_holds(&buffer, "2 three\0!", 9);
    smew__buffer_consume(&buffer, 0);
    smew__buffer_consume(&buffer, 9);
    assert_holds(&buffer, "", 0);
    smew__buffer_clear(&buffer);
    assert_non_null(smew__buffer_reserve(&buffer, 0));
    smew__buffer_fini(&buffer);
    assert_null(buffer.data);
    smew__buffer_fini(&buffer);
}

static void test_random_operations_against_a_plain_array(void **state)
{
    enum { MOST = 1 << 16 };
    static uint8_t model[MOST];
    static uint8_t bytes[512];
    struct support_random random = support_random_seeded();
    struct smew__buffer buffer;
    size_t size = 0;

    (void)state;
    smew__buffer_init(&buffer);
    for (int round = 0; round < 5000; round++) {
        size_t amount = (size_t)support_random_below(&random, sizeof bytes);

        if (support_random_below(&random, 2) == 0 && size + amount <= MOST) {
            support_random_fill(&random, bytes, amount);
            memcpy(model + size, bytes, amount);
            size += amount;
            smew__buffer_append(&buffer, bytes, amount);
        } else {
            amount = amount < size ? amount : size;
            size -= amount;
            memmove(model, model + amount, size);
            smew__buffer_consume(&buffer, amount);
        }
        assert_holds(&buffer, model, size);
    }
    smew__buffer_fini(&buffer);
}

static void test_failure_is_remembered(void **state)
{
    struct smew__buffer buffer;

    (void)state;
    smew__buffer_init(&buffer);
    smew__buffer_text(&buffer, "kept");
    smew__alloc_fail_at(1, 0);
    assert_null(smew__buffer_reserve(&buffer, 1000));
    assert_true(buffer.failed);
    smew__buffer_text(&buffer, "not this");           /* would fit */
    assert_null(smew__buffer_reserve(&buffer, 1000)); /* there would be memory again */
    assert_true(buffer.failed);
    assert_int_equal(buffer.size, 4);
    smew__buffer_clear(&buffer);
    assert_null(smew__buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer.failed);
    smew__buffer_clear(&buffer);
    smew__buffer_text(&buffer, "again");
    assert_holds(&buffer, "again", 5);
    assert_null(smew__buffer_reserve(&buffer, SIZE_MAX)); /* size + more would overflow */
    smew__buffer_fini(&buffer);
}

struct quoted {
    const char *text;
    size_t size;
    const char *json;
};

#define QUOTED(text, json)                     \
    {                                          \
        text, sizeof(text) - 1, "\"" json "\"" \
    }

static void test_json_strings(void **state)
{
    static const struct quoted cases[] = {
        QUOTED("", ""),
        QUOTED("plain", "plain"),
        QUOTED("\"\\/", "\\\"\\\\/"),
        QUOTED("\b\f\n\r\t", "\\b\\f\\n\\r\\t"),
        QUOTED("a\0b\x1f\x7f", "a\\u0000b\\u001f\x7f"),
        QUOTED("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
        /* Invalid: a lone continuation, overlong, a surrogate, too high, cut off. */
        QUOTED("a\x80z", "a\xEF\xBF\xBDz"),
        QUOTED("\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"),
        QUOTED("\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"),
        QUOTED("\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"),
        QUOTED("\xE2\x82", "\xEF\xBF\xBD"),
        QUOTED("\xF0\x9F\x98\"", "\xEF\xBF\xBD\\\""),
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct smew__buffer buffer;

        smew__buffer_init(&buffer);
        smew__buffer_json_string(&buffer, cases[i].text, cases[i].size);
        assert_holds(&buffer, cases[i].json, strlen(cases[i].json));
        smew__buffer_fini(&buffer);
    }
}

/* Whatever goes in, what comes out is valid UTF-8, in quotes, without control bytes. */
static void test_json_strings_of_random_bytes(void **state)
{
    struct support_random random = support_random_seeded();
    struct smew__buffer buffer;
    char bytes[64];

    (void)state;
    smew__buffer_init(&buffer);
    for (int round = 0; round < 20000; round++) {
        size_t size = (size_t)support_random_below(&random, sizeof bytes);

        support_random_fill(&random, bytes, size);
        smew__buffer_clear(&buffer);
        smew__buffer_json_string(&buffer, bytes, size);
        assert_false(buffer.failed);
        assert_true(smew__utf8_valid(buffer.data, buffer.size));
        assert_true(buffer.data[0] == '"' && buffer.data[buffer.size - 1] == '"');
        for (size_t i = 1; i + 1 < buffer.size; i++) {
            assert_true(buffer.data[i] >= 0x20 && buffer.data[i] != '"');
            if (buffer.data[i] == '\\')
                i++;
        }
    }
    smew__buffer_fini(&buffer);
}

static void write_parts(void *argument)
{
    struct smew__buffer buffer;

    (void)argument;
    smew__buffer_init(&buffer);
    for (int i = 0; i < 100; i++)
        smew__buffer_printf(&buffer, "part %d", i);
    smew__buffer_json_string(&buffer, "\xff", 1);
    smew__buffer_fini(&buffer);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(support_walk_allocations(write_parts, NULL) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_appends),
        SUPPORT_TEST(test_random_operations_against_a_plain_array),
        SUPPORT_TEST(test_failure_is_remembered),
        SUPPORT_TEST(test_json_strings),
        SUPPORT_TEST(test_json_strings_of_random_bytes),
        SUPPORT_TEST(test_every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
