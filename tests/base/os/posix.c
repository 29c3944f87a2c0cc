/* SPDX-License-Identifier: MIT */
/* Memory and semaphores by name, and what crashes leave of them. */
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os/fd.h"
#include "base/os/posix.h"
#include "base/os/process.h"

enum { PAGES = 3, WAIT_MS = 10000 };

static size_t page(void)
{
    return smew__memory_page();
}

static struct smew__posix_id make_id(void)
{
    struct smew__posix_id id;

    assert_int_equal(smew__posix_id_make(&id), SMEW_OK);
    return id;
}

/* How many names there are of this process. */
static unsigned count_names(const struct smew__posix_id *id)
{
    DIR *names = opendir("/dev/shm");
    const struct dirent *entry;
    unsigned count = 0;
    char part[64];

    (void)snprintf(part, sizeof part, "-%lld-%llu-", (long long)id->pid,
                   (unsigned long long)id->start_ticks);
    assert_non_null(names);
    while ((entry = readdir(names)) != NULL)
        count += strstr(entry->d_name, part) != NULL;
    (void)closedir(names);
    return count;
}

static void test_two_mappings_are_one_memory(void **state)
{
    struct smew__posix_id id = make_id();
    struct smew__memory made = {0};
    struct smew__memory seen = {0};
    struct smew__memory twice = {0};

    (void)state;
    assert_int_equal(smew__posix_memory_create(&id, "test", PAGES * page(), page(), &made),
                     SMEW_OK);
    assert_int_equal(count_names(&id), 1);
    assert_int_equal(smew__posix_memory_create(&id, "test", page(), 0, &twice), SMEW_EXISTS);
    assert_int_equal(
        smew__posix_memory_attach(&id, "test", false, page(), 9 * page(), page(), &seen), SMEW_OK);
    made.data[page() + 5] = 7;
    assert_int_equal(seen.data[page() + 5], 7);
    assert_int_equal(seen.data[PAGES * page() + 5], 7); /* repeated */
    smew__posix_memory_unlink(&id, "test");
    assert_int_equal(count_names(&id), 0);
    made.data[0] = 8; /* and still there */
    assert_int_equal(seen.data[0], 8);
    assert_int_equal(smew__posix_memory_attach(&id, "test", false, page(), 9 * page(), 0, &twice),
                     SMEW_NOT_FOUND);
    smew__memory_fini(&made);
    smew__memory_fini(&seen);
}

static void test_sizes_are_checked(void **state)
{
    struct smew__posix_id id = make_id();
    struct smew__memory made = {0};
    struct smew__memory seen = {0};

    (void)state;
    assert_int_equal(smew__posix_memory_create(&id, "test", PAGES * page(), 0, &made), SMEW_OK);
    assert_int_equal(smew__posix_memory_attach(&id, "test", true, 4 * page(), 9 * page(), 0, &seen),
                     SMEW_CORRUPT);
    assert_int_equal(smew__posix_memory_attach(&id, "test", true, page(), 2 * page(), 0, &seen),
                     SMEW_CORRUPT);
    assert_int_equal(smew__posix_memory_attach(&id, "test", true, page(), 3 * page(), 0, &seen),
                     SMEW_OK);
    smew__memory_fini(&seen);
    smew__memory_fini(&made);
    smew__posix_memory_unlink(&id, "test");
}

static void test_a_file_limit_is_a_status_and_no_signal(void **state)
{
    struct smew__posix_id id = make_id();
    struct smew__memory made = {0};
    struct rlimit before;
    struct rlimit now;
    enum smew_status status;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    now = before;
    now.rlim_cur = page() - 1;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    status = smew__posix_memory_create(&id, "test", page(), 0, &made);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, SMEW_NO_SPACE);
    assert_int_equal(count_names(&id), 0);
}

static void test_frames_are_passed_by_fd(void **state)
{
    const struct smew_bytes parts[] = {{"one", 3}, {NULL, 0}, {"two", 3}};
    struct smew__posix_id id = make_id();
    struct smew__frozen frozen = {0};
    int fd = -1;

    (void)state;
    assert_int_equal(smew__posix_frozen_create(parts, 3, 6, &fd), SMEW_OK);
    assert_int_equal(count_names(&id), 0);
    assert_int_equal(smew__posix_frozen_map(fd, 5, &frozen), SMEW_CORRUPT);
    assert_int_equal(smew__posix_frozen_map(fd, 6, &frozen), SMEW_OK);
    assert_memory_equal(frozen.data, "onetwo", 6);
    smew__frozen_fini(&frozen);
    smew__fd_close(&fd);
}

struct waiter {
    struct smew__semaphore *semaphore;
    enum smew_status status;
};

static void *wait_long(void *argument)
{
    struct waiter *waiter = argument;

    waiter->status = smew__semaphore_wait(waiter->semaphore, smew__deadline_ns(WAIT_MS));
    return NULL;
}

static void test_a_semaphore_wakes(void **state)
{
    struct smew__posix_id id = make_id();
    struct smew__semaphore mine = {0};
    struct smew__semaphore other = {0};
    struct waiter waiter = {&mine, SMEW_IO};
    uint64_t began_ns = smew_now_ns();
    pthread_t thread;

    (void)state;
    smew__semaphore_post(&other); /* none: nothing */
    if (smew__semaphore_create(&id, &mine) == SMEW_UNSUPPORTED)
        skip(); /* a C library without sem_clockwait: the caller polls, and there is no semaphore */
    assert_int_equal(count_names(&id), 1);
    assert_int_equal(smew__semaphore_attach(&id, &other), SMEW_OK);
    smew__semaphore_unlink(&id);
    assert_int_equal(count_names(&id), 0);
    assert_int_equal(smew__semaphore_wait(&mine, smew__deadline_ns(20)), SMEW_TIMEOUT);
    assert_true(smew_now_ns() - began_ns >= 20 * SMEW_NS_PER_MS);
    for (int i = 0; i < 5; i++) /* five posts are one wake */
        smew__semaphore_post(&other);
    assert_int_equal(smew__semaphore_wait(&mine, smew__deadline_ns(0)), SMEW_OK);
    assert_int_equal(smew__semaphore_wait(&mine, smew__deadline_ns(0)), SMEW_TIMEOUT);
    assert_int_equal(pthread_create(&thread, NULL, wait_long, &waiter), 0);
    smew__semaphore_post(&other);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(waiter.status, SMEW_OK);
    assert_in_range(smew_now_ns() - began_ns, 0, WAIT_MS * SMEW_NS_PER_MS);
    smew__semaphore_close(&mine);
    smew__semaphore_close(&other);
    assert_int_equal(smew__semaphore_attach(&id, &other), SMEW_NOT_FOUND);
}

/* Leaves names behind and says whose they are. */
static int leave_names(void *argument)
{
    struct smew__posix_id id;
    struct smew__memory memory;
    struct smew__semaphore semaphore;

    if (smew__posix_id_make(&id) != SMEW_OK ||
        smew__posix_memory_create(&id, "left", page(), 0, &memory) != SMEW_OK)
        return 1;
    (void)smew__semaphore_create(&id, &semaphore);
    if (count_names(&id) == 0)
        return 3;
    return write(*(int *)argument, &id, sizeof id) == sizeof id ? 0 : 2;
}

static void test_what_the_dead_left_is_swept(void **state)
{
    struct smew__posix_id living = make_id();
    struct smew__memory memory = {0};
    struct smew__posix_id dead;
    int ends[2];

    (void)state;
    assert_int_equal(smew__posix_memory_create(&living, "test", page(), 0, &memory), SMEW_OK);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(support_reap(support_fork(leave_names, &ends[1]), WAIT_MS), 0);
    assert_int_equal(read(ends[0], &dead, sizeof dead), sizeof dead);
    (void)smew__posix_sweep(); /* unless another process did it */
    assert_int_equal(count_names(&dead), 0);
    assert_int_equal(count_names(&living), 1);
    smew__posix_memory_unlink(&living, "test");
    smew__memory_fini(&memory);
    smew__fd_close(&ends[0]);
    smew__fd_close(&ends[1]);
}

static void use_all(void *argument)
{
    const struct smew_bytes part = {"frame", 5};
    struct smew__posix_id id;
    struct smew__memory made = {0};
    struct smew__memory seen = {0};
    struct smew__semaphore mine = {0};
    struct smew__semaphore other = {0};
    struct smew__frozen frozen = {0};
    int fd = -1;

    if (smew__posix_id_make(&id) != SMEW_OK)
        return;
    if (smew__posix_memory_create(&id, "test", page(), 0, &made) == SMEW_OK &&
        smew__posix_memory_attach(&id, "test", true, page(), page(), 0, &seen) == SMEW_OK &&
        smew__semaphore_create(&id, &mine) == SMEW_OK &&
        smew__semaphore_attach(&id, &other) == SMEW_OK &&
        smew__posix_frozen_create(&part, 1, 5, &fd) == SMEW_OK &&
        smew__posix_frozen_map(fd, 5, &frozen) == SMEW_OK)
        ++*(unsigned *)argument;
    smew__semaphore_close(&other);
    smew__semaphore_close(&mine);
    smew__semaphore_unlink(&id);
    smew__memory_fini(&seen);
    smew__memory_fini(&made);
    smew__posix_memory_unlink(&id, "test");
    smew__frozen_fini(&frozen);
    smew__fd_close(&fd);
}

static void test_every_call_may_fail(void **state)
{
    static const int errors[] = {EMFILE, ENOMEM, EACCES, EINTR};
    struct smew__posix_id id = make_id();
    unsigned succeeded = 0;

    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        assert_in_range(support_walk_calls(errors[i], use_all, &succeeded), 10, 200);
    assert_true(succeeded >= sizeof errors / sizeof errors[0]);
    assert_int_equal(count_names(&id), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_two_mappings_are_one_memory),
        SUPPORT_TEST(test_sizes_are_checked),
        SUPPORT_TEST(test_a_file_limit_is_a_status_and_no_signal),
        SUPPORT_TEST(test_frames_are_passed_by_fd),
        SUPPORT_TEST(test_a_semaphore_wakes),
        SUPPORT_TEST(test_what_the_dead_left_is_swept),
        SUPPORT_TEST(test_every_call_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
