/* SPDX-License-Identifier: MIT */
/* Reading whole files: limits, odd files, and every call that can fail. */
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/os/path.h"

static const char *path_of(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", support_runtime_dir(), name);
    return path;
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void test_limit_is_exact(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 100000};
    static char bytes[100000];
    const char *path = path_of("file");

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct smew_error error;
        char *data = NULL;
        size_t size = 77;

        write_file(path, bytes, sizes[i]);
        assert_int_equal(smew__file_read(path, sizes[i], &data, &size, &error), SMEW_OK);
        assert_int_equal(size, sizes[i]);
        assert_memory_equal(data, bytes, size);
        assert_int_equal(data[size], '\0');
        smew__free(data);
        if (sizes[i] == 0)
            continue;
        assert_int_equal(smew__file_read(path, sizes[i] - 1, &data, &size, &error), SMEW_TOO_BIG);
        assert_non_null(strstr(error.text, "is larger than"));
    }
    assert_int_equal(unlink(path), 0);
}

static void test_odd_files(void **state)
{
    struct smew_error error;
    char *data = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(smew__file_read(path_of("none"), 10, &data, &size, &error), SMEW_NOT_FOUND);
    assert_non_null(strstr(error.text, "/none: no such file"));
    assert_int_equal(smew__file_read("/tmp", 10, &data, &size, &error), SMEW_IO);
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    assert_int_equal(smew__file_read(path_of("fifo"), 10, &data, &size, &error), SMEW_IO);
    assert_int_equal(unlink(path_of("fifo")), 0);
    /* A file that claims to be empty and is not. */
    assert_int_equal(smew__file_read("/proc/self/status", 100000, &data, &size, &error), SMEW_OK);
    assert_true(size > 100);
    assert_int_equal(strncmp(data, "Name:", 5), 0);
    smew__free(data);
}

static void read_once(void *argument)
{
    enum smew_status *last = argument;
    char *data = NULL;
    size_t size;

    *last = smew__file_read("/proc/self/status", 100000, &data, &size, NULL);
    if (*last == SMEW_OK)
        smew__free(data);
    else
        assert_null(data);
}

static void test_every_step_may_fail(void **state)
{
    enum smew_status last = SMEW_IO;

    (void)state;
    assert_true(support_walk_calls(EIO, read_once, &last) >= 4); /* open, fstat, two reads */
    assert_int_equal(last, SMEW_OK);
    assert_true(support_walk_calls(EINTR, read_once, &last) >= 4);
    assert_true(support_walk_allocations(read_once, &last) >= 1);
    assert_int_equal(last, SMEW_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_limit_is_exact),
        SUPPORT_TEST(test_odd_files),
        SUPPORT_TEST(test_every_step_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
