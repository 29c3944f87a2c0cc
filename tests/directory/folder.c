/* SPDX-License-Identifier: MIT */
/*
 * The bus's folder: opening, leaving, damage, other versions, other owners, limits.  After each
 * test the fixtures check that nothing is left in the runtime directory.
 */
#include "tests/directory/kit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/lock.h"
#include "base/os/thread.h"

/* Opening must fail with that status and a sentence that has the words. */
static void expect_refused(const struct smew__directory_options *options, enum smew_status status,
                           const char *words)
{
    struct smew__directory *directory = NULL;
    struct smew_error error = {0};

    assert_int_equal(smew__directory_open(options, &directory, &error), status);
    assert_null(directory);
    assert_int_equal(error.status, status);
    if (strstr(error.text, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, error.text);
}

static void write_board(size_t offset, const void *data, size_t size)
{
    int fd = kit_board_fd();

    assert_int_equal(pwrite(fd, data, size, (off_t)offset), size);
    (void)close(fd);
}

static void cut_board(size_t size)
{
    int fd = kit_board_fd();

    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    (void)close(fd);
}

/* ---- opening and leaving ------------------------------------------------------------- */

static void the_folder_lives_as_long_as_its_nodes(void **state)
{
    struct smew__directory *a = kit_open(false);
    struct smew__directory *b;

    (void)state;
    assert_string_equal(smew__directory_path(a), kit_folder());
    assert_true(kit_is_there("directory"));
    assert_true(kit_is_there("0.1.names"));
    b = kit_open(false);
    smew__directory_close(a);
    assert_true(kit_is_there("directory"));
    assert_false(kit_is_there("0.1.names"));
    a = kit_open(false);
    kit_make_file("what somebody else put here");
    smew__directory_close(b);
    smew__directory_close(a);
    assert_int_equal(access(kit_folder(), F_OK), -1);
    a = kit_open(true);
    assert_null(smew__directory_path(a));
    smew__directory_close(a);
}

static void another_bus_is_another_directory(void **state)
{
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *a = kit_open(false);
    struct smew__directory *b;
    struct smew_error error;

    (void)state;
    options.bus = "u";
    assert_int_equal(smew__directory_open(&options, &b, &error), SMEW_OK);
    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    assert_int_equal(kit_claim(b, "x"), SMEW_OK);
    smew__directory_close(a);
    kit_expect_host(b, "x", b);
    smew__directory_close(b);
}

/* Another one may have removed the board, and a third made a new one before the folder went. */
static void a_leaver_of_an_older_board_spares_the_new_one(void **state)
{
    struct smew__directory *first = kit_open(false);
    struct smew__directory *old = kit_open(false);
    struct smew__directory *new;
    char path[600];

    (void)state;
    smew__directory_close(first);
    (void)snprintf(path, sizeof path, "%s/directory", kit_folder());
    assert_int_equal(unlink(path), 0);
    new = kit_open(false);
    smew__directory_close(old);
    assert_true(kit_is_there("directory"));
    assert_true(kit_is_there("0.1.names"));
    smew__directory_close(new);
}

static void a_wrong_path_is_refused(void **state)
{
    struct smew__directory_options options = kit_options(false);
    char path[600];

    (void)state;
    memset(path, 'p', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    options.runtime_dir = path;
    expect_refused(&options, SMEW_PATH_TOO_LONG, "longer than");
    path[505] = '\0';
    expect_refused(&options, SMEW_PATH_TOO_LONG, "too long a path for the bus t");
    options.runtime_dir = "relative";
    expect_refused(&options, SMEW_INVALID, "not absolute");
}

static void a_folder_of_others_is_refused(void **state)
{
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *a = kit_open(false);

    (void)state;
    assert_int_equal(chmod(kit_folder(), 0755), 0);
    expect_refused(&options, SMEW_PERMISSION, "0755");
    assert_int_equal(chmod(kit_folder(), 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(support_runtime_dir(), 12345, (gid_t)-1), 0);
        expect_refused(&options, SMEW_PERMISSION, "belongs to user 12345");
        assert_int_equal(chown(support_runtime_dir(), 0, (gid_t)-1), 0);
    }
    smew__directory_close(a);
}

/* Whoever has the membership lock exclusively is removing everything. */
static void a_removal_without_end_is_a_timeout(void **state)
{
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *a;
    uint64_t began_ns = smew_now_ns();
    pid_t none;
    pid_t pid = kit_start_member(false, &none);
    int fd = kit_board_fd();

    (void)state;
    assert_int_equal(smew__lock_try(fd, SMEW__LOCK_MEMBERS, 1, true), SMEW_BUSY);
    support_kill(pid);
    assert_int_equal(smew__lock_try(fd, SMEW__LOCK_MEMBERS, 1, true), SMEW_OK);
    options.deadline_ns = smew__deadline_ns(50);
    expect_refused(&options, SMEW_TIMEOUT, "removed");
    assert_true(smew_now_ns() < began_ns + 30 * SMEW_NS_PER_S);
    (void)close(fd);
    a = kit_open(false);
    smew__directory_close(a);
}

/* ---- damage and versions ------------------------------------------------------------- */

static void another_version_is_refused_while_it_is_used(void **state)
{
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *a = kit_open(false);
    const uint32_t next = SMEW__BOARD_VERSION + 1;
    const uint32_t own = SMEW__BOARD_VERSION;

    (void)state;
    write_board(offsetof(struct smew__board_header, version), &next, sizeof next);
    expect_refused(&options, SMEW_VERSION, "version 2");
    write_board(offsetof(struct smew__board_header, version), &own, sizeof own);
    smew__directory_close(a);
}

static void another_layout_is_refused_while_it_is_used(void **state)
{
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *a = kit_open(false);
    const uint64_t other = 1;

    (void)state;
    write_board(offsetof(struct smew__board_header, fingerprint), &other, sizeof other);
    expect_refused(&options, SMEW_VERSION, "layout 0000000000000001");
    smew__directory_close(a);
}

static void damage_is_refused_while_it_is_used(void **state)
{
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *a = kit_open(false);
    const uint64_t magic = SMEW__BOARD_MAGIC;

    (void)state;
    write_board(0, "garbage!", 8);
    expect_refused(&options, SMEW_CORRUPT, "damaged");
    write_board(0, &magic, 8);
    cut_board(sizeof(struct smew__board) - 4096);
    expect_refused(&options, SMEW_CORRUPT, "damaged");
    cut_board(100);
    expect_refused(&options, SMEW_CORRUPT, "100 bytes");
    cut_board(sizeof(struct smew__board));
    smew__directory_close(a);
}

/* Kills the only member after `spoil` has been at the board, and starts again. */
static void start_after(void (*spoil)(void))
{
    struct smew__directory *a;
    pid_t none;
    pid_t pid = kit_start_member(false, &none);

    spoil();
    support_kill(pid);
    assert_true(kit_is_there("directory"));
    a = kit_open(false);
    kit_expect_host(a, "x", NULL);
    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    smew__directory_close(a);
}

static void spoil_nothing(void)
{
}

static void spoil_version(void)
{
    const uint32_t next = 99;

    write_board(offsetof(struct smew__board_header, version), &next, sizeof next);
}

static void spoil_magic(void)
{
    write_board(0, "garbage!", 8);
}

static void spoil_size(void)
{
    cut_board(sizeof(struct smew__board) / 2);
}

static void spoil_all_but_a_bit(void)
{
    cut_board(100);
}

static void start_after_a_kill_works(void **state)
{
    (void)state;
    start_after(spoil_nothing);
    start_after(spoil_version);
    start_after(spoil_magic);
    start_after(spoil_size);
    start_after(spoil_all_but_a_bit);
}

/* The next board begins with generation 1 again, whose names and socket are still there. */
static void start_after_the_board_was_removed_works(void **state)
{
    struct smew__directory *a;
    char path[600];
    pid_t none;
    pid_t pid = kit_start_member(false, &none);

    (void)state;
    (void)snprintf(path, sizeof path, "%s/directory", kit_folder());
    assert_int_equal(unlink(path), 0);
    kit_make_file("0.1.sock");
    support_kill(pid);
    a = kit_open(false);
    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    smew__directory_close(a);
}

/* ---- limits -------------------------------------------------------------------------- */

static int open_with_small_files(void *argument)
{
    const struct rlimit limit = {1 << 20, 1 << 20};
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *directory;

    (void)argument;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    return smew__directory_open(&options, &directory, NULL) == SMEW_NO_SPACE ? 0 : 2;
}

static int open_without_fds(void *argument)
{
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *directory;
    struct rlimit limit;

    (void)argument;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1;
    for (limit.rlim_cur = 3; limit.rlim_cur < 64; limit.rlim_cur++) {
        enum smew_status status;

        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            return 2;
        status = smew__directory_open(&options, &directory, NULL);
        if (status == SMEW_OK) {
            smew__directory_close(directory);
            return 0;
        }
        if (status != SMEW_NO_FDS)
            return 3;
    }
    return 4;
}

static void too_little_room_or_fds_are_statuses(void **state)
{
    struct smew__clean_counts counts;

    (void)state;
    assert_int_equal(support_reap(support_fork(open_with_small_files, NULL), 20000), 0);
    assert_int_equal(support_reap(support_fork(open_without_fds, NULL), 20000), 0);
    /* Who has too few fds to list a folder leaves it to the next. */
    assert_int_equal(smew__directory_clean(NULL, &counts, NULL), SMEW_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(the_folder_lives_as_long_as_its_nodes),
        SUPPORT_TEST(another_bus_is_another_directory),
        SUPPORT_TEST(a_leaver_of_an_older_board_spares_the_new_one),
        SUPPORT_TEST(a_wrong_path_is_refused),
        SUPPORT_TEST(a_folder_of_others_is_refused),
        SUPPORT_TEST(a_removal_without_end_is_a_timeout),
        SUPPORT_TEST(another_version_is_refused_while_it_is_used),
        SUPPORT_TEST(another_layout_is_refused_while_it_is_used),
        SUPPORT_TEST(damage_is_refused_while_it_is_used),
        SUPPORT_TEST(start_after_a_kill_works),
        SUPPORT_TEST(start_after_the_board_was_removed_works),
        SUPPORT_TEST(too_little_room_or_fds_are_statuses),
    };

    return cmocka_run_group_tests_name("directory/folder", tests, NULL, NULL);
}
