/* SPDX-License-Identifier: MIT */
/* File descriptors: errno becomes a status and a sentence, waits end, eventfds wake. */
#include "tests/support/support.h"

#include <errno.h>
#include <string.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/fault.h"
#include "base/os/fd.h"

static void test_errno_becomes_a_status(void **state)
{
    static const struct {
        int number;
        enum smew_status status;
    } cases[] = {{EMFILE, SMEW_NO_FDS},
                 {ENFILE, SMEW_NO_FDS},
                 {ENOMEM, SMEW_NO_MEMORY},
                 {ENOSPC, SMEW_NO_SPACE},
                 {EFBIG, SMEW_NO_SPACE},
                 {EACCES, SMEW_PERMISSION},
                 {EPERM, SMEW_PERMISSION},
                 {ENOENT, SMEW_NOT_FOUND},
                 {EEXIST, SMEW_EXISTS},
                 {EAGAIN, SMEW_AGAIN},
                 {EPIPE, SMEW_RESET},
                 {ECONNRESET, SMEW_RESET},
                 {ECONNREFUSED, SMEW_RESET},
                 {ENOTEMPTY, SMEW_BUSY},
                 {EIO, SMEW_IO},
                 {ENAMETOOLONG, SMEW_PATH_TOO_LONG},
                 {123456, SMEW_IO}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(smew__os_status(cases[i].number), cases[i].status);
}

static void test_errno_becomes_a_sentence(void **state)
{
    struct smew_error error;

    (void)state;
    assert_int_equal(smew__os_fail(&error, EACCES, "cannot open %s", "/run/smew"), SMEW_PERMISSION);
    assert_int_equal(error.status, SMEW_PERMISSION);
    assert_string_equal(error.text, "cannot open /run/smew: permission denied");
    assert_int_equal(smew__os_fail(NULL, ENOENT, "nobody asks"), SMEW_NOT_FOUND);
}

static void test_close_is_idempotent(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int copy = fd;

    (void)state;
    assert_true(fd >= 0);
    smew__fd_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(copy, F_GETFD), -1);
    smew__fd_close(&fd);
}

static void test_eventfd(void **state)
{
    const uint64_t full = UINT64_MAX - 1;
    int fd = -1;

    (void)state;
    assert_int_equal(smew__eventfd_open(&fd), SMEW_OK);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(smew__fd_wait(fd, POLLIN, 0), SMEW_TIMEOUT);
    errno = ENOTTY;
    smew__eventfd_signal(fd);
    smew__eventfd_signal(fd);
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(smew__fd_wait(fd, POLLIN, 0), SMEW_OK);
    smew__eventfd_drain(fd);
    assert_int_equal(smew__fd_wait(fd, POLLIN, 0), SMEW_TIMEOUT);
    smew__eventfd_drain(fd); /* an empty one does not block */
    assert_int_equal(write(fd, &full, sizeof full), sizeof full);
    errno = ENOTTY;
    smew__eventfd_signal(fd); /* no room in it: still readable, nothing else to say */
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(smew__fd_wait(fd, POLLIN, 0), SMEW_OK);
    smew__fd_close(&fd);
}

static void test_wait_keeps_to_its_deadline(void **state)
{
    uint64_t begin_ns = smew_now_ns();
    int fd = -1;

    (void)state;
    assert_int_equal(smew__eventfd_open(&fd), SMEW_OK);
    assert_int_equal(smew__fd_wait(fd, POLLIN, smew__deadline_ns(30)), SMEW_TIMEOUT);
    assert_true(smew_now_ns() - begin_ns >= 30 * SMEW_NS_PER_MS);
    /* An interrupted wait goes on; another error ends it. */
    smew__fault_set(1, EINTR, false);
    assert_int_equal(smew__fd_wait(fd, POLLIN, smew__deadline_ns(1)), SMEW_TIMEOUT);
    assert_int_equal(smew__fault_tripped(), 1);
    smew__fault_set(1, ENOMEM, false);
    assert_int_equal(smew__fd_wait(fd, POLLIN, smew__deadline_ns(1000)), SMEW_NO_MEMORY);
    smew__fault_set(0, 0, false);
    smew__fd_close(&fd);
    assert_int_equal(smew__fd_wait(1000000, POLLIN, smew__deadline_ns(1000)), SMEW_INVALID);
}

static void test_hang_up_ends_a_wait(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    smew__fd_close(&ends[1]);
    assert_int_equal(smew__fd_wait(ends[0], POLLIN, smew__deadline_ns(10000)), SMEW_OK);
    smew__fd_close(&ends[0]);
}

static bool is_readable(int fd)
{
    return smew__fd_wait(fd, POLLIN, 0) == SMEW_OK;
}

static void test_a_set_is_ready_while_one_of_it_is(void **state)
{
    int ends[2];
    int set = -1;

    (void)state;
    assert_int_equal(smew__fdset_open(&set), SMEW_OK);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(smew__fdset_watch(set, ends[0], 0), SMEW_OK); /* is not in it */
    assert_int_equal(smew__fdset_watch(set, ends[0], POLLIN), SMEW_OK);
    assert_false(is_readable(set));
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_true(is_readable(set));
    assert_true(is_readable(set));
    assert_int_equal(smew__fdset_watch(set, ends[0], 0), SMEW_OK);
    assert_false(is_readable(set));
    assert_int_equal(smew__fdset_watch(set, ends[1], POLLIN), SMEW_OK);
    assert_false(is_readable(set));
    assert_int_equal(smew__fdset_watch(set, ends[1], POLLIN | POLLOUT), SMEW_OK);
    assert_true(is_readable(set));
    smew__fd_close(&ends[1]);
    assert_false(is_readable(set)); /* gone by itself */
    assert_int_equal(smew__fdset_watch(set, ends[0], POLLIN), SMEW_OK);
    assert_true(is_readable(set)); /* an end of file is worth a look */
    smew__fd_close(&ends[0]);
    smew__fault_set(1, ENOSPC, false);
    assert_int_equal(smew__fdset_watch(set, set, POLLIN), SMEW_NO_SPACE);
    smew__fault_set(0, 0, false);
    smew__fd_close(&set);
}

static void test_faults(void **state)
{
    int fd = -7;

    (void)state;
    smew__fault_set(1, EMFILE, true);
    assert_int_equal(smew__eventfd_open(&fd), SMEW_NO_FDS);
    assert_int_equal(smew__eventfd_open(&fd), SMEW_NO_FDS);
    assert_int_equal(smew__fault_tripped(), 2);
    assert_int_equal(fd, -7); /* written on success only */
    smew__fault_set(0, 0, false);
    assert_int_equal(smew__eventfd_open(&fd), SMEW_OK);
    smew__fd_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_errno_becomes_a_status),
        SUPPORT_TEST(test_errno_becomes_a_sentence),
        SUPPORT_TEST(test_close_is_idempotent),
        SUPPORT_TEST(test_eventfd),
        SUPPORT_TEST(test_wait_keeps_to_its_deadline),
        SUPPORT_TEST(test_hang_up_ends_a_wait),
        SUPPORT_TEST(test_a_set_is_ready_while_one_of_it_is),
        SUPPORT_TEST(test_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
