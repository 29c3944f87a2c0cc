/* SPDX-License-Identifier: MIT */
/* Cleaning: removes what a crash left, and nothing of the living. */
#include "tests/directory/kit.h"

#include <stdio.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/os/packet.h"
#include "base/os/path.h"

static void spoil_version(void)
{
    const uint32_t next = 99;
    int fd = kit_board_fd();

    assert_int_equal(pwrite(fd, &next, sizeof next, offsetof(struct smew__board_header, version)),
                     sizeof next);
    (void)close(fd);
}

static struct smew__clean_counts clean(void)
{
    struct smew__clean_counts counts = {9, 9, 9};
    struct smew_error error;

    if (smew__directory_clean(NULL, &counts, &error) != SMEW_OK)
        fail_msg("%s: %s", smew_status_name(error.status), error.text);
    return counts;
}

static void expect_counts(struct smew__clean_counts counts, size_t buses, size_t reaped,
                          size_t in_use)
{
    assert_int_equal(counts.buses, buses);
    assert_int_equal(counts.reaped, reaped);
    assert_int_equal(counts.in_use, in_use);
}

static void cleaning_removes_what_a_crash_left(void **state)
{
    pid_t none;
    pid_t pid;

    (void)state;
    expect_counts(clean(), 0, 0, 0);
    pid = kit_start_member(false, &none);
    kit_make_file("0.1.sock");
    expect_counts(clean(), 1, 0, 1);
    assert_true(kit_is_there("0.1.sock"));
    support_kill(pid);
    /* The names, the socket, the board, the folder. */
    expect_counts(clean(), 1, 4, 0);
    assert_true(support_runtime_dir_empty());
    expect_counts(clean(), 0, 0, 0);
}

static void cleaning_spares_the_living(void **state)
{
    struct smew__directory *a = kit_open(false);
    pid_t none;
    pid_t pid = kit_start_member(false, &none);

    (void)state;
    kit_make_file("0.1.sock");
    kit_make_file("1.1.sock");
    kit_make_file("7.3.sock");
    kit_make_file("5000.3.sock");
    support_kill(pid);
    expect_counts(clean(), 1, 3, 1);
    assert_true(kit_is_there("0.1.sock"));
    assert_true(kit_is_there("0.1.names"));
    assert_true(kit_is_there("5000.3.sock")); /* nobody's: goes with the folder */
    assert_false(kit_is_there("1.1.sock"));
    assert_false(kit_is_there("7.3.sock"));
    assert_int_equal(kit_claim(a, "x"), SMEW_OK);
    kit_expect_host(a, "x", a);
    smew__directory_close(a);
}

/* A socket in the folder of channels by name, with somebody who listens at it. */
static int listen_at(const char *name)
{
    char path[256];
    int fd = -1;

    (void)snprintf(path, sizeof path, "%s/%s/%s", support_runtime_dir(), SMEW__CHANNELS_FOLDER,
                   name);
    assert_int_equal(smew__packet_listen(path, 1, &fd, NULL), SMEW_OK);
    return fd;
}

static void cleaning_removes_dead_channels(void **state)
{
    char folder[256];
    int dead;
    int living;

    (void)state;
    (void)snprintf(folder, sizeof folder, "%s/%s", support_runtime_dir(), SMEW__CHANNELS_FOLDER);
    assert_int_equal(mkdir(folder, 0700), 0);
    living = listen_at("living.sock");
    dead = listen_at("dead.sock");
    (void)close(dead);
    expect_counts(clean(), 0, 1, 0);
    expect_counts(clean(), 0, 0, 0);
    (void)close(living);
    expect_counts(clean(), 0, 1, 0);
    assert_true(support_runtime_dir_empty());
}

static void cleaning_leaves_another_version_alone(void **state)
{
    pid_t none;
    pid_t pid = kit_start_member(false, &none);

    (void)state;
    spoil_version();
    expect_counts(clean(), 1, 0, 1);
    assert_true(kit_is_there("0.1.names"));
    support_kill(pid);
    assert_true(clean().reaped > 0);
    assert_true(support_runtime_dir_empty());
}

static void cleaning_reports_what_it_may_not_touch(void **state)
{
    struct smew__directory *a = kit_open(false);
    struct smew__clean_counts counts;
    struct smew_error error;

    (void)state;
    assert_int_equal(chmod(kit_folder(), 0755), 0);
    assert_int_equal(smew__directory_clean(NULL, &counts, &error), SMEW_PERMISSION);
    assert_non_null(strstr(error.text, "0755"));
    assert_int_equal(chmod(kit_folder(), 0700), 0);
    smew__directory_close(a);
    assert_int_equal(smew__directory_clean("/nonexistent/smew", &counts, &error), SMEW_OK);
    assert_int_equal(counts.buses, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(cleaning_removes_what_a_crash_left),
        SUPPORT_TEST(cleaning_spares_the_living),
        SUPPORT_TEST(cleaning_removes_dead_channels),
        SUPPORT_TEST(cleaning_leaves_another_version_alone),
        SUPPORT_TEST(cleaning_reports_what_it_may_not_touch),
    };

    return cmocka_run_group_tests_name("directory/clean", tests, NULL, NULL);
}
