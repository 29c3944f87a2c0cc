/* SPDX-License-Identifier: MIT */
/* The members of a machine's answer, whole, nested, cut anywhere. */
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

#include "samples/dpkg/reply.h"

static struct feeder_piece piece(const char *text)
{
    return (struct feeder_piece){text, strlen(text)};
}

static void expect(const char *json, const char *name, const char *value)
{
    struct feeder_piece found = feeder_reply_string(piece(json), name);

    if (value == NULL) {
        assert_null(found.text);
        return;
    }
    assert_non_null(found.text);
    assert_int_equal(found.length, strlen(value));
    assert_memory_equal(found.text, value, found.length);
}

static const char answer[] = "{\"old\":\"unpacked\",\"new\":\"half-configured\",\"handled\":true,"
                             "\"changed\":false,\"time_ns\":1234}";

static void test_an_answer(void **state)
{
    (void)state;
    expect(answer, "old", "unpacked");
    expect(answer, "new", "half-configured");
    expect(answer, "time_ns", NULL);
    expect(answer, "handled", NULL);
    expect(answer, "none", NULL);
    assert_true(feeder_reply_true(piece(answer), "handled"));
    assert_false(feeder_reply_true(piece(answer), "changed"));
    assert_false(feeder_reply_true(piece(answer), "old"));
    assert_false(feeder_reply_true(piece(answer), "none"));
}

static void test_only_the_top_level(void **state)
{
    static const char json[] = " { \"context\" : { \"state\" : \"no\", \"list\" : [ \"}\", { "
                               "\"state\" : \"\\\"no\" } ] } , "
                               "\"sta\\\"te\":\"no\", \"state\" : \"yes\" , \"after\":[]}";

    (void)state;
    expect(json, "state", "yes");
    expect(json, "list", NULL);
    expect(json, "context", NULL);
    expect(json, "after", NULL);
}

static void test_what_is_no_object(void **state)
{
    static const char *const texts[] = {"",      " ",         "null",        "[]",
                                        "{}",    "{\"a\"}",   "{\"a\":}",    "{\"a\" \"b\"}",
                                        "{a:1}", "{\"a\":\"", "{\"a\":\"\\", "\"a\":\"b\""};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        expect(texts[i], "a", NULL);
}

/* In memory of its exact size, so that asan sees a read beyond it. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t length = 0; length < sizeof(answer) - 1; length++) {
        char *copy = malloc(length + 1);
        struct feeder_piece json = {copy, length};

        assert_non_null(copy);
        json.text = memcpy(copy + 1, answer, length);
        (void)feeder_reply_string(json, "new");
        assert_false(feeder_reply_true(json, "none"));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer),
        cmocka_unit_test(test_only_the_top_level),
        cmocka_unit_test(test_what_is_no_object),
        cmocka_unit_test(test_cut_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
