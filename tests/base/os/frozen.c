/* SPDX-License-Identifier: MIT */
/*
 * Frozen memory: it holds what was put in, nobody can change it, and what only looks like it is
 * refused before it is mapped.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/os/fd.h"
#include "base/os/frozen.h"

enum { SIZE = 3 * 4096 + 100 };

#define NAME "smew-test-frozen"

static uint8_t bytes[SIZE];

static int make(void)
{
    const struct smew_bytes parts[] = {{bytes, 1}, {NULL, 0}, {bytes + 1, SIZE - 1}};
    int fd = -1;

    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 31 + (i >> 8));
    assert_int_equal(smew__frozen_create(NAME, parts, 3, SIZE, &fd), SMEW_OK);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    return fd;
}

static void test_what_was_put_in_comes_out(void **state)
{
    struct smew__frozen frozen = {0};
    int fd = make();

    (void)state;
    assert_int_equal(smew__frozen_map(fd, SIZE, &frozen), SMEW_OK);
    smew__fd_close(&fd);
    assert_int_equal(frozen.size, SIZE);
    assert_memory_equal(frozen.data, bytes, SIZE);
    smew__frozen_fini(&frozen);
    assert_null(frozen.data);
    smew__frozen_fini(&frozen);
}

static void test_one_byte(void **state)
{
    struct smew_bytes part = {"x", 1};
    struct smew__frozen frozen = {0};
    int fd = -1;

    (void)state;
    assert_int_equal(smew__frozen_create(NAME, &part, 1, 1, &fd), SMEW_OK);
    assert_int_equal(smew__frozen_map(fd, 1, &frozen), SMEW_OK);
    smew__fd_close(&fd);
    assert_memory_equal(frozen.data, "x", 1);
    smew__frozen_fini(&frozen);
}

static void refuse_call(int result)
{
    assert_int_equal(result, -1);
    assert_int_equal(errno, EPERM);
}

static void test_nobody_can_change_it(void **state)
{
    int fd = make();

    (void)state;
    refuse_call((int)pwrite(fd, "x", 1, 0));
    refuse_call(ftruncate(fd, 1));
    refuse_call(ftruncate(fd, 2L * SIZE));
    refuse_call(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    refuse_call(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    assert_ptr_equal(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(errno, EPERM);
    smew__fd_close(&fd);
}

/* A memfd of `size` with these seals, `written` of it allocated. */
static int forge(size_t size, size_t written, int seals)
{
    int fd = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(pwrite(fd, bytes, written, 0), written);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void refuse_map(int fd, size_t size, enum smew_status expected)
{
    struct smew__frozen frozen = {0};

    assert_int_equal(smew__frozen_map(fd, size, &frozen), expected);
    assert_null(frozen.data);
    smew__fd_close(&fd);
}

static void test_what_only_looks_like_it_is_refused(void **state)
{
    const int fixed = F_SEAL_SHRINK | F_SEAL_GROW;
    int ends[2];

    (void)state;
    refuse_map(forge(SIZE, SIZE, fixed), SIZE, SMEW_PERMISSION);
    refuse_map(forge(SIZE, SIZE, fixed | F_SEAL_FUTURE_WRITE), SIZE, SMEW_PERMISSION);
    refuse_map(forge(SIZE, SIZE, F_SEAL_GROW | F_SEAL_WRITE), SIZE, SMEW_PERMISSION);
    refuse_map(forge(SIZE, SIZE, F_SEAL_SHRINK | F_SEAL_WRITE), SIZE, SMEW_PERMISSION);
    refuse_map(forge(SIZE, 4096, fixed | F_SEAL_WRITE), SIZE, SMEW_CORRUPT);
    refuse_map(forge(SIZE, SIZE, fixed | F_SEAL_WRITE), SIZE - 1, SMEW_CORRUPT);
    refuse_map(forge(SIZE, SIZE, fixed | F_SEAL_WRITE), SIZE + 1, SMEW_CORRUPT);
    refuse_map(forge(SIZE, SIZE, fixed | F_SEAL_WRITE), 0, SMEW_CORRUPT);
    refuse_map(open("/dev/null", O_RDWR | O_CLOEXEC), SIZE, SMEW_PERMISSION);
    refuse_map(open(support_runtime_dir(), O_RDONLY | O_CLOEXEC), SIZE, SMEW_PERMISSION);
    assert_int_equal(pipe(ends), 0);
    refuse_map(ends[0], SIZE, SMEW_PERMISSION);
    refuse_map(ends[1], SIZE, SMEW_PERMISSION);
}

static void test_huge_pages_are_refused(void **state)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    const size_t size = 2 * 1024 * 1024;
    int fd = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);

    (void)state;
    if (fd < 0)
        skip(); /* this kernel has none */
    if (ftruncate(fd, (off_t)size) != 0 || fcntl(fd, F_ADD_SEALS, seals) != 0) {
        smew__fd_close(&fd);
        skip(); /* it has them, and no page of that size is free */
    }
    refuse_map(fd, size, SMEW_PERMISSION);
}

static void test_a_file_limit_is_a_status_and_no_signal(void **state)
{
    struct smew_bytes part = {bytes, SIZE};
    struct rlimit before;
    struct rlimit now;
    int fd = -1;
    enum smew_status status;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    now = before;
    now.rlim_cur = SIZE - 1;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    status = smew__frozen_create(NAME, &part, 1, SIZE, &fd);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, SMEW_NO_SPACE);
    assert_int_equal(fd, -1);
}

static void make_and_map(void *argument)
{
    struct smew_bytes part = {bytes, SIZE};
    struct smew__frozen frozen = {0};
    int fd = -1;

    if (smew__frozen_create(NAME, &part, 1, SIZE, &fd) == SMEW_OK &&
        smew__frozen_map(fd, SIZE, &frozen) == SMEW_OK) {
        assert_memory_equal(frozen.data, bytes, SIZE);
        ++*(unsigned *)argument;
    }
    smew__frozen_fini(&frozen);
    smew__fd_close(&fd);
}

static void test_any_system_call_may_fail(void **state)
{
    static const int errors[] = {EMFILE, ENOMEM, EPERM, EINTR};
    unsigned succeeded = 0;

    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        assert_in_range(support_walk_calls(errors[i], make_and_map, &succeeded), 8, 100);
    assert_in_range(succeeded, 5, 100); /* the last of each walk, and one interrupted write */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_what_was_put_in_comes_out),
        SUPPORT_TEST(test_one_byte),
        SUPPORT_TEST(test_nobody_can_change_it),
        SUPPORT_TEST(test_what_only_looks_like_it_is_refused),
        SUPPORT_TEST(test_huge_pages_are_refused),
        SUPPORT_TEST(test_a_file_limit_is_a_status_and_no_signal),
        SUPPORT_TEST(test_any_system_call_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
