/* SPDX-License-Identifier: MIT */
/* Tables and JSON as they leave the command, byte for byte. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

static const struct smew__column columns[] = {
    {"id", "MACHINE", SMEW__CELL_TEXT},  {"events", "EVENTS", SMEW__CELL_COUNT},
    {"up_ms", "UP", SMEW__CELL_MS},      {"bytes", "BYTES", SMEW__CELL_BYTES},
    {"state", "STATE", SMEW__CELL_TEXT},
};

/* What `rows` look like in a format; the caller frees. */
static char *printed(const char *format, const char *rows, bool lines)
{
    json_t *value = json_loads(rows, 0, NULL);
    struct smew__output output;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    assert_non_null(value);
    assert_non_null(stream);
    smew__output_init(&output, stream, format);
    smew__output_table(&output, value, columns, 5, "nothing");
    if (lines)
        smew__output_line(&output, value);
    else
        smew__output_json(&output, value);
    fclose(stream);
    json_decref(value);
    return text;
}

static void expect(const char *format, const char *rows, bool lines, const char *wanted)
{
    char *text = printed(format, rows, lines);

    assert_string_equal(text, wanted);
    free(text);
}

static void a_table_lines_up(void **state)
{
    (void)state;
    expect("table",
           "[{\"id\":\"light\",\"events\":7,\"up_ms\":120,\"bytes\":999,\"state\":\"red\"},"
           " {\"id\":\"größe\",\"events\":12345678,\"up_ms\":90000,\"bytes\":1234567,"
           "\"state\":\"a.b,c\"},"
           " {\"id\":\"pkg:*\"}]",
           false,
           "MACHINE    EVENTS      UP   BYTES  STATE\n"
           "light           7  120 ms   999 B  red\n"
           "größe    12345678    90 s  1.2 MB  a.b,c\n"
           "pkg:*           –       –       –  –\n");
    expect(NULL, "[]", false, "nothing\n");
}

static void json_is_one_document(void **state)
{
    (void)state;
    expect("json", "[{\"id\":\"light\"}]", false, "[\n  {\n    \"id\": \"light\"\n  }\n]\n");
    expect("json", "{\"id\":\"light\"}", true, "{\"id\":\"light\"}\n");
    expect("jsonl", "{\"id\":\"light\"}", true, "{\"id\":\"light\"}\n");
    expect("table", "[]", true, "nothing\n"); /* no JSON between tables */
}

static void nothing_drives_the_terminal(void **state)
{
    char clean[64];

    (void)state;
    expect("table", "[{\"id\":\"a\\u001b[31mb\\nc\",\"state\":\"\\u007f\\u009b2J\"}]", false,
           "MACHINE    EVENTS  UP  BYTES  STATE\n"
           "a?[31mb?c       –   –      –  ???2J\n");
    smew__output_clean(clean, 4, "abcdef");
    assert_string_equal(clean, "abc");
}

static void a_stream_that_is_no_terminal_has_no_colour(void **state)
{
    struct smew__output output;
    FILE *stream = tmpfile();

    (void)state;
    assert_non_null(stream);
    smew__output_init(&output, stream, "table");
    assert_string_equal(smew__paint(&output, SMEW__RED), "");
    output.colour = true;
    assert_string_equal(smew__paint(&output, SMEW__RED), "\033[31m");
    fclose(stream);
}

static void expect_time(unsigned long long ns, const char *wanted)
{
    char text[32];

    smew__format_ns(text, sizeof(text), ns);
    assert_string_equal(text, wanted);
}

static void durations_read_well(void **state)
{
    (void)state;
    expect_time(0, "0.0 µs");
    expect_time(9500, "9.5 µs");
    expect_time(45600, "46 µs");
    expect_time(180000, "0.18 ms");
    expect_time(25000000, "25 ms");
    expect_time(3210000000, "3.2 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_table_lines_up),
        SUPPORT_TEST(json_is_one_document),
        SUPPORT_TEST(nothing_drives_the_terminal),
        SUPPORT_TEST(a_stream_that_is_no_terminal_has_no_colour),
        SUPPORT_TEST(durations_read_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
