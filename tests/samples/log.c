/* SPDX-License-Identifier: MIT */
/* A log that grows, is rotated, cut, moved away and comes back, while it is read. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "samples/dpkg/log.h"

static char path[4096];
static char moved[4096];
static struct feeder_log subject;

static int setup(void **state)
{
    if (support_setup(state) != 0)
        return -1;
    snprintf(path, sizeof(path), "%s/log", support_runtime_dir());
    snprintf(moved, sizeof(moved), "%s/log.1", support_runtime_dir());
    return 0;
}

static int teardown(void **state)
{
    feeder_log_close(&subject);
    (void)remove(path);
    (void)remove(moved);
    return support_teardown(state);
}

static void write_to(const char *file, const char *mode, const char *text, size_t length)
{
    FILE *out = fopen(file, mode);

    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, length, out), length);
    assert_int_equal(fclose(out), 0);
}

static void append(const char *text)
{
    write_to(path, "a", text, strlen(text));
}

static void expect_line(bool follow, uint64_t number, const char *text)
{
    assert_int_equal(feeder_log_next(&subject, follow), FEEDER_READ_LINE);
    assert_int_equal(subject.number, number);
    assert_int_equal(subject.length, strlen(text));
    assert_memory_equal(subject.text, text, subject.length);
}

static void expect_end(bool follow)
{
    assert_int_equal(feeder_log_next(&subject, follow), FEEDER_READ_END);
}

static void test_lines_to_the_end(void **state)
{
    (void)state;
    append("one\n\nthree\nhalf");
    assert_true(feeder_log_open(&subject, path));
    expect_line(false, 1, "one");
    expect_line(false, 2, "");
    expect_line(false, 3, "three");
    expect_line(false, 4, "half");
    expect_end(false);
    expect_end(false);
}

static void test_no_file(void **state)
{
    (void)state;
    assert_false(feeder_log_open(&subject, moved));
    feeder_log_close(&subject);
}

static void test_a_line_is_whole_when_its_newline_is_there(void **state)
{
    (void)state;
    append("one\nha");
    assert_true(feeder_log_open(&subject, path));
    expect_line(true, 1, "one");
    expect_end(true);
    append("l");
    expect_end(true);
    append("f\nnext\n");
    expect_line(true, 2, "half");
    expect_line(true, 3, "next");
    expect_end(true);
}

static void test_a_long_line_is_counted_and_not_kept(void **state)
{
    static char text[3 * FEEDER_LINE_MAX];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    write_to(path, "w", text, sizeof(text));
    append("next\n");
    assert_true(feeder_log_open(&subject, path));
    assert_int_equal(feeder_log_next(&subject, false), FEEDER_READ_LINE);
    assert_int_equal(subject.length, sizeof(text) - 1);
    expect_line(false, 2, "next");
}

static void test_zero_bytes_are_bytes(void **state)
{
    (void)state;
    write_to(path, "w", "a\0b\n", 4);
    assert_true(feeder_log_open(&subject, path));
    assert_int_equal(feeder_log_next(&subject, false), FEEDER_READ_LINE);
    assert_int_equal(subject.length, 3);
    assert_memory_equal(subject.text, "a\0b", 3);
}

/* logrotate: moved away, written to once more, and a new one under the old path. */
static void test_rotation_loses_no_line(void **state)
{
    uint64_t old_hash;

    (void)state;
    append("one\n");
    assert_true(feeder_log_open(&subject, path));
    expect_line(true, 1, "one");
    old_hash = subject.first_hash;
    assert_int_equal(rename(path, moved), 0);
    expect_end(true);
    append("new\n");
    expect_end(true);
    write_to(moved, "a", "late\n", 5);
    expect_line(true, 2, "late");
    assert_int_equal(feeder_log_next(&subject, true), FEEDER_READ_ROTATED);
    expect_line(true, 1, "new");
    assert_int_not_equal(subject.first_hash, old_hash);
    expect_end(true);
}

static void test_a_cut_log_starts_again(void **state)
{
    (void)state;
    append("one\ntwo\n");
    assert_true(feeder_log_open(&subject, path));
    expect_line(true, 1, "one");
    expect_line(true, 2, "two");
    write_to(path, "w", "new\n", 4);
    assert_int_equal(feeder_log_next(&subject, true), FEEDER_READ_ROTATED);
    expect_line(true, 1, "new");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_to_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_line_is_whole_when_its_newline_is_there, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_long_line_is_counted_and_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zero_bytes_are_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotation_loses_no_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_cut_log_starts_again, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
