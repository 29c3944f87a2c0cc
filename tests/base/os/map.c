/* SPDX-License-Identifier: MIT */
/* Mapped files: created whole, published once, shared, grown, and refused where damaged. */
#include "tests/support/support.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/fd.h"
#include "base/os/map.h"
#include "base/os/path.h"

enum { SIZE = 10000, GROWN = 50 * SIZE };

static int open_folder(void)
{
    struct smew_error error;
    int fd = -1;

    assert_int_equal(smew__folder_open(support_runtime_dir(), false, &fd, &error), SMEW_OK);
    return fd;
}

static void test_create_publish_open(void **state)
{
    int folder = open_folder();
    struct smew__map mine = {.fd = -1};
    struct smew__map other = {.fd = -1};
    struct smew_error error;

    (void)state;
    assert_int_equal(smew__map_create(folder, SIZE, &mine, &error), SMEW_OK);
    assert_true(support_runtime_dir_empty()); /* no name yet: a crash here leaves nothing */
    for (int i = 0; i < SIZE; i++)
        assert_int_equal(mine.data[i], 0);
    memcpy(mine.data, "hello", 5);
    assert_int_equal(smew__map_open(folder, "map", 1, false, &other, &error), SMEW_NOT_FOUND);
    assert_int_equal(smew__map_publish(&mine, folder, "map"), SMEW_OK);
    assert_int_equal(smew__map_publish(&mine, folder, "map"), SMEW_EXISTS);
    assert_int_equal(smew__map_open(folder, "map", SIZE, true, &other, &error), SMEW_OK);
    assert_int_equal(other.size, SIZE);
    assert_int_equal(other.inode, mine.inode);
    assert_int_equal(other.device, mine.device);
    assert_memory_equal(other.data, "hello", 5);
    other.data[SIZE - 1] = 7;
    assert_int_equal(mine.data[SIZE - 1], 7);
    smew__map_close(&other);
    smew__map_close(&other);
    smew__map_close(&mine);
    assert_int_equal(smew__folder_unlink(folder, "map"), SMEW_OK);
    smew__fd_close(&folder);
}

static void test_current_tells_a_replaced_file(void **state)
{
    int folder = open_folder();
    struct smew__map first = {.fd = -1};
    struct smew__map second = {.fd = -1};

    (void)state;
    assert_int_equal(smew__map_create(folder, SIZE, &first, NULL), SMEW_OK);
    assert_int_equal(smew__map_create(folder, SIZE, &second, NULL), SMEW_OK);
    assert_false(smew__map_current(&first, folder, "map"));
    assert_int_equal(smew__map_publish(&first, folder, "map"), SMEW_OK);
    assert_true(smew__map_current(&first, folder, "map"));
    assert_int_equal(smew__folder_unlink(folder, "map"), SMEW_OK);
    assert_int_equal(smew__map_publish(&second, folder, "map"), SMEW_OK);
    assert_false(smew__map_current(&first, folder, "map"));
    assert_true(smew__map_current(&second, folder, "map"));
    assert_int_equal(smew__folder_unlink(folder, "map"), SMEW_OK);
    smew__map_close(&first);
    smew__map_close(&second);
    smew__fd_close(&folder);
}

static void test_growth_is_seen_after_refresh(void **state)
{
    int folder = open_folder();
    struct smew__map writer = {.fd = -1};
    struct smew__map reader = {.fd = -1};

    (void)state;
    assert_int_equal(smew__map_create(folder, SIZE, &writer, NULL), SMEW_OK);
    assert_int_equal(smew__map_publish(&writer, folder, "map"), SMEW_OK);
    assert_int_equal(smew__map_open(folder, "map", SIZE, false, &reader, NULL), SMEW_OK);
    memcpy(writer.data, "kept", 4);
    assert_int_equal(smew__map_refresh(&reader), SMEW_OK);
    assert_int_equal(reader.size, SIZE);
    assert_int_equal(smew__map_grow(&writer, SIZE - 1), SMEW_OK); /* never shrinks */
    assert_int_equal(smew__map_grow(&writer, GROWN), SMEW_OK);
    assert_int_equal(writer.size, GROWN);
    assert_memory_equal(writer.data, "kept", 4);
    writer.data[GROWN - 1] = 9;
    assert_int_equal(smew__map_refresh(&reader), SMEW_OK);
    assert_int_equal(reader.size, GROWN);
    assert_int_equal(reader.data[GROWN - 1], 9);
    assert_int_equal(ftruncate(writer.fd, SIZE), 0);
    assert_int_equal(smew__map_refresh(&reader), SMEW_CORRUPT);
    smew__map_close(&reader);
    smew__map_close(&writer);
    assert_int_equal(smew__folder_unlink(folder, "map"), SMEW_OK);
    smew__fd_close(&folder);
}

static void test_open_refuses_what_is_no_map(void **state)
{
    int folder = open_folder();
    struct smew__map map = {.fd = -1};
    struct smew_error error;
    int fd;

    (void)state;
    assert_int_equal(mkdirat(folder, "folder", 0700), 0);
    assert_int_equal(smew__map_open(folder, "folder", 0, false, &map, &error), SMEW_PERMISSION);
    assert_int_equal(unlinkat(folder, "folder", AT_REMOVEDIR), 0);
    assert_int_equal(mkfifoat(folder, "fifo", 0600), 0);
    assert_int_equal(smew__map_open(folder, "fifo", 0, false, &map, &error), SMEW_PERMISSION);
    assert_int_equal(unlinkat(folder, "fifo", 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", folder, "link"), 0);
    assert_int_equal(smew__map_open(folder, "link", 0, false, &map, &error), SMEW_PERMISSION);
    assert_int_equal(unlinkat(folder, "link", 0), 0);
    fd = openat(folder, "short", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "1234", 4), 4);
    assert_int_equal(smew__map_open(folder, "short", 5, false, &map, &error), SMEW_CORRUPT);
    assert_non_null(strstr(error.text, "short has 4 bytes"));
    if (geteuid() == 0) {
        assert_int_equal(fchown(fd, 12345, 12345), 0);
        assert_int_equal(smew__map_open(folder, "short", 4, false, &map, &error), SMEW_PERMISSION);
        assert_non_null(strstr(error.text, "12345"));
    }
    assert_int_equal(unlinkat(folder, "short", 0), 0);
    assert_int_equal(map.fd, -1);
    smew__fd_close(&fd);
    smew__fd_close(&folder);
}

static int create_beyond_limit(void *argument)
{
    const struct rlimit limit = {.rlim_cur = SIZE, .rlim_max = SIZE};
    struct smew__map map = {.fd = -1};
    int folder = open_folder();

    (void)argument;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    if (smew__map_create(folder, SIZE + 1, &map, NULL) != SMEW_NO_SPACE)
        return 2;
    if (smew__map_create(folder, SIZE, &map, NULL) != SMEW_OK)
        return 3;
    return smew__map_grow(&map, SIZE + 1) == SMEW_NO_SPACE ? 0 : 4;
}

/* Without the question beforehand the kernel would kill the child with SIGXFSZ. */
static void test_file_size_limit_is_a_status(void **state)
{
    (void)state;
    assert_int_equal(support_reap(support_fork(create_beyond_limit, NULL), 10000), 0);
}

enum { CANNOT_MOUNT = 77 };

static int fill_small_tmpfs(void *argument)
{
    struct smew__map map = {.fd = -1};
    int folder;

    (void)argument;
    if (unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", support_runtime_dir(), "tmpfs", 0, "size=64k,mode=0700") != 0)
        return CANNOT_MOUNT;
    folder = open("/proc/self/cwd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    smew__fd_close(&folder);
    folder = open(support_runtime_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return 1;
    if (smew__map_create(folder, 1 << 20, &map, NULL) != SMEW_NO_SPACE)
        return 2;
    if (smew__map_create(folder, 16384, &map, NULL) != SMEW_OK)
        return 3;
    memset(map.data, 1, map.size);
    return smew__map_grow(&map, 1 << 20) == SMEW_NO_SPACE ? 0 : 4;
}

/* Without allocation beforehand, touching the map would be a SIGBUS. */
static void test_full_file_system_is_a_status(void **state)
{
    int code = support_reap(support_fork(fill_small_tmpfs, NULL), 10000);

    (void)state;
    if (code == CANNOT_MOUNT)
        skip(); /* only root fills a file system of its own */
    assert_int_equal(code, 0);
}

static void use_all(void *argument)
{
    int folder = *(int *)argument;
    struct smew__map mine = {.fd = -1};
    struct smew__map other = {.fd = -1};

    if (smew__map_create(folder, SIZE, &mine, NULL) != SMEW_OK)
        return;
    if (smew__map_publish(&mine, folder, "map") == SMEW_OK &&
        smew__map_open(folder, "map", 1, false, &other, NULL) == SMEW_OK &&
        smew__map_grow(&mine, GROWN) == SMEW_OK)
        (void)smew__map_refresh(&other);
    smew__map_close(&other);
    smew__map_close(&mine);
    (void)unlinkat(folder, "map", 0);
}

static void test_every_call_may_fail(void **state)
{
    int folder = open_folder();

    (void)state;
    assert_true(support_walk_calls(ENOMEM, use_all, &folder) >= 12);
    assert_true(support_walk_calls(EINTR, use_all, &folder) >= 12);
    smew__fd_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_create_publish_open),
        SUPPORT_TEST(test_current_tells_a_replaced_file),
        SUPPORT_TEST(test_growth_is_seen_after_refresh),
        SUPPORT_TEST(test_open_refuses_what_is_no_map),
        SUPPORT_TEST(test_file_size_limit_is_a_status),
        SUPPORT_TEST(test_full_file_system_is_a_status),
        SUPPORT_TEST(test_every_call_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
