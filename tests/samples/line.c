/* SPDX-License-Identifier: MIT */
/* Lines of a dpkg log: those that dpkg writes, and those that it does not. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples/dpkg/line.h"

static struct feeder_line parse(const char *text)
{
    return feeder_line_parse(text, strlen(text));
}

static void test_status_lines(void **state)
{
    static const struct {
        const char *text;
        enum feeder_status status;
        const char *package;
    } lines[] = {
        {"2025-06-24 14:36:25 status half-configured libudev1:amd64 252.36-1~deb12u1",
         FEEDER_HALF_CONFIGURED, "libudev1:amd64"},
        {"2026-11-20 13:13:12 status not-installed libc++-14-dev:amd64 <none>",
         FEEDER_NOT_INSTALLED, "libc++-14-dev:amd64"},
        {"2025-01-01 00:00:00 status triggers-awaited g++:kfreebsd-amd64 1",
         FEEDER_TRIGGERS_AWAITED, "g++:kfreebsd-amd64"},
        {"2011-01-01 00:00:00 status installed before-multiarch 1.0", FEEDER_INSTALLED,
         "before-multiarch"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct feeder_line line = parse(lines[i].text);

        assert_int_equal(line.kind, FEEDER_LINE_EVENT);
        assert_int_equal(line.status, lines[i].status);
        assert_int_equal(line.package_length, strlen(lines[i].package));
        assert_memory_equal(line.package, lines[i].package, line.package_length);
    }
}

static void test_every_status_has_its_word(void **state)
{
    (void)state;
    for (int status = 0; status < FEEDER_UNKNOWN; status++) {
        const char *name = feeder_status_name((enum feeder_status)status);

        assert_int_equal(feeder_status_of(name, strlen(name)), status);
        assert_int_equal(feeder_status_of(name, strlen(name) - 1), FEEDER_UNKNOWN);
    }
}

static void test_lines_that_are_no_events(void **state)
{
    static const char *const lines[] = {
        "2025-06-24 14:36:25 startup archives unpack",
        "2025-06-24 14:36:25 upgrade libudev1:amd64 252.36-1~deb12u1 252.38-1~deb12u1",
        "2025-06-24 14:36:25 install libgdbm6:amd64 <none> 1.23-3",
        "2025-06-24 14:36:25 configure libudev1:amd64 252.38-1~deb12u1 <none>",
        "2025-06-24 14:36:25 trigproc libc-bin:amd64 2.36-9+deb12u10 <none>",
        "2025-06-24 14:36:25 remove libc++-dev:amd64 1:14.0-55.7~deb12u1 <none>",
        "2025-06-24 14:36:25 purge libc++-dev:amd64 1:14.0-55.7~deb12u1 <none>",
        "2025-06-24 14:36:25 disappear old:all 1 <none>",
        "2025-06-24 14:36:25 conffile /etc/a name with spaces keep",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_int_equal(parse(lines[i]).kind, FEEDER_LINE_OTHER);
}

static void test_malformed_lines_say_why(void **state)
{
    static const char *const lines[] = {
        "",
        " ",
        "2025-06-24",
        "2025-06-24 14:36:25",
        "2025-06-24 14:36:25 ",
        "2025-06-24T14:36:25 status installed a:all 1",
        "x025-06-24 14:36:25 status installed a:all 1",
        "2025-06-24 14:36:25 Status installed a:all 1",
        "2025-06-24 14:36:25 state installed a:all 1",
        "2025-06-24 14:36:25 status",
        "2025-06-24 14:36:25 status installed",
        "2025-06-24 14:36:25 status installed a:all",
        "2025-06-24 14:36:25 status installed a:all ",
        "2025-06-24 14:36:25 status installed a:all 1 2",
        "2025-06-24 14:36:25 status  installed a:all 1",
        "2025-06-24 14:36:25 status install a:all 1",
        "2025-06-24 14:36:25 status installed : 1",
        "2025-06-24 14:36:25 status installed a: 1",
        "2025-06-24 14:36:25 status installed :all 1",
        "2025-06-24 14:36:25 status installed a:b:c 1",
        "2025-06-24 14:36:25 status installed * 1",
        "2025-06-24 14:36:25 status installed a~2:all 1",
        "2025-06-24 14:36:25 status installed a:a+b 1",
        "2025-06-24 14:36:25 status installed \xff:all 1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct feeder_line line = parse(lines[i]);

        if (line.kind != FEEDER_LINE_MALFORMED)
            fail_msg("taken for good: %s", lines[i]);
        assert_non_null(line.fault);
    }
}

static void test_bytes_that_are_no_text(void **state)
{
    static const char zero[] = "2025-06-24 14:36:25 status installed a\0b:all 1";
    static const char start[] = "2025-06-24 14:36:25 startup ";
    char long_name[FEEDER_PACKAGE_MAX + 100];
    char long_line[FEEDER_LINE_MAX + 1];

    (void)state;
    assert_int_equal(feeder_line_parse(zero, sizeof(zero) - 1).kind, FEEDER_LINE_MALFORMED);
    memset(long_line, 'a', sizeof(long_line));
    for (size_t i = 0; i < sizeof(start) - 1; i++)
        long_line[i] = start[i];
    assert_int_equal(feeder_line_parse(long_line, FEEDER_LINE_MAX).kind, FEEDER_LINE_OTHER);
    assert_int_equal(feeder_line_parse(long_line, FEEDER_LINE_MAX + 1).kind, FEEDER_LINE_MALFORMED);
    for (int length = FEEDER_PACKAGE_MAX; length <= FEEDER_PACKAGE_MAX + 1; length++) {
        snprintf(long_name, sizeof(long_name), "2025-06-24 14:36:25 status installed %0*d 1",
                 length, 0);
        assert_int_equal(parse(long_name).kind,
                         length == FEEDER_PACKAGE_MAX ? FEEDER_LINE_EVENT : FEEDER_LINE_MALFORMED);
    }
}

/* Whatever is cut off or flipped: no read beyond the text (asan sees it), and a kind each time. */
static void test_random_damage(void **state)
{
    static const char good[] = "2025-06-24 14:36:25 status half-configured libudev1:amd64 252.36-1";
    struct support_random random = support_random_seeded();
    char *text = malloc(sizeof(good));

    (void)state;
    assert_non_null(text);
    for (int round = 0; round < 100000; round++) {
        size_t length = (size_t)support_random_below(&random, sizeof(good));
        char *cut = text + sizeof(good) - length;

        memcpy(cut, good, length);
        if (length > 0)
            cut[support_random_below(&random, length)] = (char)support_random_next(&random);
        struct feeder_line line = feeder_line_parse(cut, length);
        if (line.kind == FEEDER_LINE_EVENT) {
            assert_true(line.package >= cut && line.package + line.package_length < cut + length);
            assert_null(memchr(line.package, '~', line.package_length));
            assert_null(memchr(line.package, '*', line.package_length));
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_lines),
        cmocka_unit_test(test_every_status_has_its_word),
        cmocka_unit_test(test_lines_that_are_no_events),
        cmocka_unit_test(test_malformed_lines_say_why),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_random_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
