/* SPDX-License-Identifier: MIT */
/* The runtime directory is found, made private, and refused when it is not ours alone. */
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/fault.h"
#include "base/os/fd.h"
#include "base/os/path.h"

static const char *path_of(const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", support_runtime_dir(), name);
    return path;
}

static void test_where_it_is(void **state)
{
    char path[SMEW_PATH_MAX] = "untouched";
    struct smew_error error;

    (void)state;
    assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
    assert_int_equal(smew__runtime_dir("/given//", path, &error), SMEW_OK);
    assert_string_equal(path, "/given");
    assert_int_equal(smew__runtime_dir(NULL, path, &error), SMEW_OK);
    assert_string_equal(path, support_runtime_dir());
    assert_int_equal(setenv("SMEW_RUNTIME_DIR", "", 1), 0);
    assert_int_equal(smew__runtime_dir(NULL, path, &error), SMEW_OK);
    assert_string_equal(path, "/run/user/7/smew");
    assert_int_equal(unsetenv("SMEW_RUNTIME_DIR"), 0);
    assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
    strcpy(path, "untouched");
    if (geteuid() == 0) {
        assert_int_equal(smew__runtime_dir(NULL, path, &error), SMEW_OK);
        assert_string_equal(path, "/run/smew");
    } else {
        assert_int_equal(smew__runtime_dir(NULL, path, &error), SMEW_NOT_FOUND);
        assert_non_null(strstr(error.text, "set SMEW_RUNTIME_DIR"));
        assert_string_equal(path, "untouched");
    }
}

static int ask_without_environment(void *argument)
{
    char path[SMEW_PATH_MAX];

    (void)argument;
    if (unsetenv("SMEW_RUNTIME_DIR") != 0 || unsetenv("XDG_RUNTIME_DIR") != 0 ||
        (geteuid() == 0 && setresuid(12345, 12345, 12345) != 0))
        return 1;
    return smew__runtime_dir(NULL, path, NULL) == SMEW_NOT_FOUND ? 0 : 2;
}

static void test_nobody_says_where(void **state)
{
    (void)state;
    assert_int_equal(support_reap(support_fork(ask_without_environment, NULL), 10000), 0);
}

static void test_refused_paths(void **state)
{
    char path[SMEW_PATH_MAX];
    char longer[2 * SMEW_PATH_MAX];
    struct smew_error error;
    int fd = -1;

    (void)state;
    assert_int_equal(smew__runtime_dir("relative", path, &error), SMEW_INVALID);
    memset(longer, 'x', sizeof longer);
    longer[0] = '/';
    longer[SMEW_PATH_MAX] = '\0';
    assert_int_equal(smew__runtime_dir(longer, path, &error), SMEW_PATH_TOO_LONG);
    assert_int_equal(smew__folder_open(longer, true, &fd, &error), SMEW_PATH_TOO_LONG);
    longer[SMEW_PATH_MAX - 1] = '\0';
    assert_int_equal(smew__runtime_dir(longer, path, &error), SMEW_OK);
    assert_int_equal(unsetenv("SMEW_RUNTIME_DIR"), 0);
    assert_int_equal(setenv("XDG_RUNTIME_DIR", longer, 1), 0);
    assert_int_equal(smew__runtime_dir(NULL, path, &error), SMEW_PATH_TOO_LONG);
    assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
}

static void test_folder_is_made_private(void **state)
{
    mode_t mask = umask(0);
    struct smew_error error;
    struct stat folder;
    int fd = -1;

    (void)state;
    assert_int_equal(smew__folder_open(path_of("a/b/c"), false, &fd, &error), SMEW_NOT_FOUND);
    assert_int_equal(smew__folder_open(path_of("a/b/c//"), true, &fd, &error), SMEW_OK);
    (void)umask(mask);
    assert_int_equal(fstat(fd, &folder), 0);
    assert_true(S_ISDIR(folder.st_mode));
    assert_int_equal(folder.st_mode & 07777, 0700);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    smew__fd_close(&fd);
    assert_int_equal(stat(path_of("a"), &folder), 0);
    assert_int_equal(folder.st_mode & 07777, 0700);
    assert_int_equal(smew__folder_open(path_of("a/b/c"), true, &fd, &error), SMEW_OK);
    smew__fd_close(&fd);
    assert_int_equal(smew__folder_remove(path_of("a")), SMEW_BUSY);
    assert_int_equal(smew__folder_remove(path_of("a/b/c")), SMEW_OK);
    assert_int_equal(smew__folder_remove(path_of("a/b/c")), SMEW_NOT_FOUND);
    assert_int_equal(smew__folder_remove(path_of("a/b")), SMEW_OK);
    assert_int_equal(smew__folder_remove(path_of("a")), SMEW_OK);
}

static void expect_refused(const char *name, const char *why)
{
    struct smew_error error;
    int fd = -1;

    assert_int_equal(smew__folder_open(path_of(name), true, &fd, &error), SMEW_PERMISSION);
    assert_int_equal(fd, -1);
    if (strstr(error.text, why) == NULL || strstr(error.text, path_of(name)) == NULL)
        fail_msg("the sentence for %s is: %s", name, error.text);
}

static void test_folders_that_are_not_ours_alone(void **state)
{
    struct smew_error error;
    int fd;

    (void)state;
    assert_int_equal(mkdir(path_of("open"), 0700), 0);
    assert_int_equal(chmod(path_of("open"), 0750), 0);
    expect_refused("open", "0750");
    assert_int_equal(chmod(path_of("open"), 0701), 0);
    expect_refused("open", "must be 0700");
    assert_int_equal(chmod(path_of("open"), 0700), 0);
    assert_int_equal(symlink("open", path_of("link")), 0);
    expect_refused("link", "symbolic link");
    assert_int_equal(smew__folder_open(path_of("link/"), true, &fd, &error), SMEW_PERMISSION);
    assert_int_equal(unlink(path_of("link")), 0);
    assert_int_equal(symlink("nowhere", path_of("link")), 0);
    expect_refused("link", "symbolic link");
    assert_int_equal(unlink(path_of("link")), 0);
    assert_int_equal(rmdir(path_of("open")), 0);
    fd = open(path_of("file"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    smew__fd_close(&fd);
    expect_refused("file", "not a folder");
    assert_int_equal(unlink(path_of("file")), 0);
}

static void test_folder_of_somebody_else(void **state)
{
    char sentence[64] = "belongs to user 0";
    struct smew_error error;
    int fd = -1;

    (void)state;
    if (geteuid() != 0) { /* /proc belongs to root */
        assert_int_equal(smew__folder_open("/proc", false, &fd, &error), SMEW_PERMISSION);
        assert_non_null(strstr(error.text, sentence));
        return;
    }
    assert_int_equal(mkdir(path_of("theirs"), 0700), 0);
    assert_int_equal(chown(path_of("theirs"), 12345, 12345), 0);
    expect_refused("theirs", "belongs to user 12345");
    assert_int_equal(rmdir(path_of("theirs")), 0);
}

struct names {
    unsigned seen;
    unsigned most;
};

static bool count_name(const char *name, void *user)
{
    struct names *names = user;

    assert_int_equal(strncmp(name, "entry", 5), 0);
    return ++names->seen < names->most;
}

static const char *entry_name(int i)
{
    static char name[] = "entry0";

    name[5] = (char)('0' + i);
    return name;
}

static void test_each_and_unlink(void **state)
{
    struct names names = {.most = 100};
    struct smew_error error;
    int folder = -1;

    (void)state;
    assert_int_equal(smew__folder_open(support_runtime_dir(), false, &folder, &error), SMEW_OK);
    assert_int_equal(smew__folder_each(folder, count_name, &names), SMEW_OK);
    assert_int_equal(names.seen, 0);
    for (int i = 0; i < 10; i++) {
        int fd = openat(folder, entry_name(i), O_CREAT | O_RDWR | O_CLOEXEC, 0600);

        smew__fd_close(&fd);
    }
    /* Twice, since the walks must not share a position. */
    for (int i = 0; i < 2; i++) {
        names.seen = 0;
        assert_int_equal(smew__folder_each(folder, count_name, &names), SMEW_OK);
        assert_int_equal(names.seen, 10);
    }
    names = (struct names){.most = 3};
    assert_int_equal(smew__folder_each(folder, count_name, &names), SMEW_OK);
    assert_int_equal(names.seen, 3);
    for (int i = 0; i < 10; i++)
        assert_int_equal(smew__folder_unlink(folder, entry_name(i)), SMEW_OK);
    assert_int_equal(smew__folder_unlink(folder, "entry0"), SMEW_NOT_FOUND);
    smew__fd_close(&folder);
}

static bool accept_name(const char *name, void *user)
{
    (void)name;
    (void)user;
    return true;
}

static void use_all(void *argument)
{
    int fd = -1;

    (void)argument;
    if (smew__folder_open(path_of("a/b"), true, &fd, NULL) == SMEW_OK) {
        (void)smew__folder_each(fd, accept_name, NULL);
        (void)smew__folder_unlink(fd, "none");
        smew__fd_close(&fd);
    }
    (void)smew__folder_remove(path_of("a/b"));
    support_remove_tree(path_of("a"));
}

/* Somebody removes the folder between our making and opening it: tried again, but not for ever. */
static void test_folder_removed_meanwhile(void **state)
{
    int fd = -1;

    (void)state;
    smew__fault_set(4, ENOENT, false); /* after mkdir /tmp, /tmp/smew.XXXXXX and a */
    assert_int_equal(smew__folder_open(path_of("a"), true, &fd, NULL), SMEW_OK);
    assert_int_equal(smew__fault_tripped(), 1);
    smew__fd_close(&fd);
    smew__fault_set(1, ENOENT, true);
    assert_int_equal(smew__folder_open(path_of("a"), true, &fd, NULL), SMEW_NOT_FOUND);
    assert_in_range(smew__fault_tripped(), 2, 100);
    smew__fault_set(1, ENOENT, true);
    assert_int_equal(smew__folder_open(path_of("a"), false, &fd, NULL), SMEW_NOT_FOUND);
    assert_int_equal(smew__fault_tripped(), 1);
    smew__fault_set(0, 0, false);
    assert_int_equal(smew__folder_remove(path_of("a")), SMEW_OK);
}

static void test_every_call_may_fail(void **state)
{
    (void)state;
    assert_true(support_walk_calls(EIO, use_all, NULL) >= 12);
    assert_true(support_walk_calls(EMFILE, use_all, NULL) >= 12);
    assert_true(support_walk_calls(ENOENT, use_all, NULL) >= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_where_it_is),
        SUPPORT_TEST(test_nobody_says_where),
        SUPPORT_TEST(test_refused_paths),
        SUPPORT_TEST(test_folder_is_made_private),
        SUPPORT_TEST(test_folders_that_are_not_ours_alone),
        SUPPORT_TEST(test_folder_of_somebody_else),
        SUPPORT_TEST(test_each_and_unlink),
        SUPPORT_TEST(test_folder_removed_meanwhile),
        SUPPORT_TEST(test_every_call_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
