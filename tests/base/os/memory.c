/* SPDX-License-Identifier: MIT */
/*
 * Memory that is passed on: whole, sealed, mapped twice in a row; and what a hostile peer that has
 * the fd can and cannot do with it.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/fd.h"
#include "base/os/memory.h"

enum { PAGES = 5, FUTEX_ROUNDS = 1000, WAIT_MS = 10000 };

#define NAME "smew-test-memory"

static size_t page_size(void)
{
    return smew__memory_page();
}

/* How many mappings of ours this process has: none may stay. */
static unsigned count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    unsigned count = 0;

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, NAME) != NULL;
    (void)fclose(maps);
    return count;
}

static struct smew__memory create(size_t repeat_from)
{
    struct smew__memory memory = {.fd = -1};

    assert_int_equal(smew__memory_create(NAME, PAGES * page_size(), repeat_from, &memory), SMEW_OK);
    return memory;
}

/* As if it had come over a socket. */
static int passed(const struct smew__memory *memory)
{
    int fd = fcntl(memory->fd, F_DUPFD_CLOEXEC, 0);

    assert_true(fd >= 0);
    return fd;
}

static enum smew_status attach(int fd, bool writable, struct smew__memory *memory)
{
    return smew__memory_attach(fd, writable, page_size(), 100 * page_size(), 0, memory);
}

static int give_back(void **state)
{
    (void)state;
    assert_int_equal(count_mappings(), 0);
    return support_teardown(state);
}

static void test_created_is_whole(void **state)
{
    struct smew__memory memory = create(0);
    struct stat file;

    (void)state;
    assert_int_equal(page_size() & (page_size() - 1), 0);
    assert_int_equal(memory.size, PAGES * page_size());
    assert_int_equal(memory.mapped, memory.size);
    for (size_t i = 0; i < memory.size; i++)
        assert_int_equal(memory.data[i], 0);
    assert_int_equal(fstat(memory.fd, &file), 0);
    assert_int_equal(file.st_size, memory.size);
    assert_int_equal(file.st_blocks * 512, memory.size);
    assert_true((fcntl(memory.fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(fcntl(memory.fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
    smew__memory_close_fd(&memory);
    assert_int_equal(memory.fd, -1);
    memory.data[memory.size - 1] = 7; /* the mapping stays */
    smew__memory_fini(&memory);
    smew__memory_fini(&memory);
}

/* Its fd reads 0, which is the standard input. */
static void test_zeroed_may_be_finished(void **state)
{
    struct smew__memory memory = {0};
    struct stat file;

    (void)state;
    smew__memory_close_fd(&memory);
    smew__memory_fini(&memory);
    assert_int_equal(fstat(0, &file), 0);
    assert_int_equal(memory.fd, -1);
}

static void test_what_is_asked_for_is_checked(void **state)
{
    struct smew__memory memory = {.fd = -1};
    const size_t page = page_size();
    char name[300];

    (void)state;
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(smew__memory_create(NAME, 0, 0, &memory), SMEW_INVALID);
    assert_int_equal(smew__memory_create(NAME, page + 1, 0, &memory), SMEW_INVALID);
    assert_int_equal(smew__memory_create(NAME, SIZE_MAX - page + 1, 0, &memory), SMEW_INVALID);
    assert_int_equal(smew__memory_create(NAME, 2 * page, 100, &memory), SMEW_INVALID);
    assert_int_equal(smew__memory_create(NAME, 2 * page, 2 * page, &memory), SMEW_INVALID);
    assert_int_equal(smew__memory_create(name, page, 0, &memory), SMEW_INVALID);
    assert_int_equal(memory.fd, -1);
}

/* What is written behind the end is at the front of what is repeated, and the other way round. */
static void check_repeated(struct smew__memory *memory, size_t from)
{
    const size_t repeated = memory->size - from;

    assert_int_equal(memory->mapped, memory->size + repeated);
    memset(memory->data + memory->size - 1, 0x5a, 2); /* across the seam */
    assert_int_equal(memory->data[from], 0x5a);
    assert_int_equal(memory->data[from - 1], 0);
    memory->data[from + 1] = 0x77;
    assert_int_equal(memory->data[memory->size + 1], 0x77);
    memory->data[memory->size - 1] = 0x11;
    assert_int_equal(memory->data[memory->mapped - 1], 0x11);
}

static void test_repeated_mapping(void **state)
{
    struct smew__memory mine = create(page_size());
    struct smew__memory other = {.fd = -1};

    (void)state;
    check_repeated(&mine, page_size());
    memset(mine.data, 0, mine.size);
    assert_int_equal(
        smew__memory_attach(passed(&mine), true, mine.size, mine.size, page_size(), &other),
        SMEW_OK);
    check_repeated(&other, page_size());
    assert_int_equal(mine.data[mine.size], 0x5a);
    smew__memory_fini(&other);
    smew__memory_fini(&mine);
}

static void test_attach_checks_sizes(void **state)
{
    struct smew__memory mine = create(0);
    struct smew__memory other = {.fd = -1};
    const size_t size = mine.size;

    (void)state;
    assert_int_equal(smew__memory_attach(passed(&mine), true, size + 1, 2 * size, 0, &other),
                     SMEW_CORRUPT);
    assert_int_equal(smew__memory_attach(passed(&mine), true, 1, size - 1, 0, &other),
                     SMEW_CORRUPT);
    assert_int_equal(smew__memory_attach(passed(&mine), true, 1, size, size, &other), SMEW_CORRUPT);
    assert_int_equal(smew__memory_attach(passed(&mine), true, 1, size, 1, &other), SMEW_CORRUPT);
    assert_int_equal(other.fd, -1);
    assert_int_equal(smew__memory_attach(passed(&mine), true, size, size, 0, &other), SMEW_OK);
    smew__memory_fini(&other);
    smew__memory_fini(&mine);
}

static int raw_memfd(unsigned flags, size_t size, int seals)
{
    int fd = memfd_create(NAME, MFD_CLOEXEC | flags);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    if (seals != 0)
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

/* A page without holes. */
static int whole_memfd(int seals)
{
    int fd = raw_memfd(MFD_ALLOW_SEALING, page_size(), 0);

    assert_int_equal(posix_fallocate(fd, 0, (off_t)page_size()), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void test_attach_refuses_what_is_not_sealed(void **state)
{
    const int fixed = F_SEAL_SHRINK | F_SEAL_GROW;
    struct smew__memory other = {.fd = -1};
    int ends[2];
    int fd;

    (void)state;
    assert_int_equal(attach(raw_memfd(0, page_size(), 0), true, &other), SMEW_PERMISSION);
    fd = whole_memfd(F_SEAL_SHRINK);
    assert_int_equal(attach(fd, true, &other), SMEW_PERMISSION);
    fd = whole_memfd(F_SEAL_GROW);
    assert_int_equal(attach(fd, true, &other), SMEW_PERMISSION);
    fd = whole_memfd(fixed);
    assert_int_equal(attach(fd, false, &other), SMEW_PERMISSION);
    /* It could not be sealed here, or not be written to. */
    fd = whole_memfd(fixed | F_SEAL_SEAL);
    assert_int_equal(attach(fd, true, &other), SMEW_PERMISSION);
    fd = whole_memfd(fixed | F_SEAL_FUTURE_WRITE);
    assert_int_equal(attach(fd, true, &other), SMEW_PERMISSION);
    /* No memfd at all. */
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(attach(ends[0], true, &other), SMEW_PERMISSION);
    smew__fd_close(&ends[1]);
    fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(attach(fd, false, &other), SMEW_PERMISSION);
    assert_int_equal(attach(-1, false, &other), SMEW_IO);
    assert_int_equal(other.fd, -1);
}

static void test_attach_refuses_huge_pages(void **state)
{
    int fd = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
    struct smew__memory other = {.fd = -1};

    (void)state;
    if (fd < 0)
        skip(); /* a kernel without them */
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_int_equal(attach(fd, true, &other), SMEW_PERMISSION);
}

static void test_attach_refuses_holes(void **state)
{
    const int fixed = F_SEAL_SHRINK | F_SEAL_GROW;
    struct smew__memory other = {.fd = -1};
    struct smew__memory mine = create(0);
    const off_t page = (off_t)page_size();
    int fd;

    (void)state;
    fd = raw_memfd(MFD_ALLOW_SEALING, page_size(), fixed); /* nothing but a hole */
    assert_int_equal(attach(fd, true, &other), SMEW_CORRUPT);
    assert_int_equal(fallocate(mine.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * page, page),
                     0);
    assert_int_equal(attach(passed(&mine), true, &other), SMEW_CORRUPT);
    smew__memory_fini(&mine);
    fd = raw_memfd(MFD_ALLOW_SEALING, page_size() + 1, 0); /* whole, but no multiple of a page */
    assert_int_equal(posix_fallocate(fd, 0, page + 1), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, fixed), 0);
    assert_int_equal(attach(fd, true, &other), SMEW_CORRUPT);
    fd = raw_memfd(MFD_ALLOW_SEALING, 0, fixed);
    assert_int_equal(smew__memory_attach(fd, true, 0, 100, 0, &other), SMEW_CORRUPT);
    assert_int_equal(other.fd, -1);
}

static void check_size_is_fixed(const struct smew__memory *memory)
{
    assert_int_equal(ftruncate(memory->fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(memory->fd, (off_t)memory->size * 2), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(fallocate(memory->fd, 0, 0, (off_t)memory->size * 2), -1);
    assert_int_equal(errno, EPERM);
}

static void check_no_holes_can_be_made(const struct smew__memory *memory)
{
    const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

    assert_int_equal(fallocate(memory->fd, punch, 0, (off_t)memory->size), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(madvise(memory->data, memory->size, MADV_REMOVE), -1);
    assert_true(errno == EPERM || errno == EACCES);
}

static void test_a_peer_can_take_nothing_away(void **state)
{
    struct smew__memory mine = create(page_size());
    struct smew__memory peer = {.fd = -1};

    (void)state;
    assert_int_equal(smew__memory_settled(&mine), SMEW_AGAIN);
    check_size_is_fixed(&mine);
    assert_int_equal(attach(passed(&mine), true, &peer), SMEW_OK);
    assert_int_equal(smew__memory_settled(&mine), SMEW_OK);
    check_size_is_fixed(&peer);
    check_no_holes_can_be_made(&peer);
    check_no_holes_can_be_made(&mine);
    assert_int_equal(fcntl(peer.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    /* Both still write, and nobody joins them. */
    peer.data[0] = 1;
    mine.data[1] = 2;
    assert_int_equal(mine.data[0] + peer.data[1], 3);
    smew__memory_fini(&peer);
    assert_int_equal(attach(passed(&mine), true, &peer), SMEW_PERMISSION);
    assert_int_equal(attach(passed(&mine), false, &peer), SMEW_OK);
    smew__memory_fini(&peer);
    smew__memory_fini(&mine);
}

/* A peer that attached by hand, and made holes before it sealed. */
static void test_holes_before_the_seal_are_found(void **state)
{
    struct smew__memory mine = create(0);
    const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

    (void)state;
    mine.data[0] = 1;
    assert_int_equal(fallocate(mine.fd, punch, 0, (off_t)page_size()), 0);
    assert_int_equal(smew__memory_settled(&mine), SMEW_AGAIN);
    assert_int_equal(fcntl(mine.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL), 0);
    assert_int_equal(smew__memory_settled(&mine), SMEW_CORRUPT);
    assert_int_equal(mine.data[0], 0); /* a hole is zeros, and a new page where there is memory */
    smew__memory_fini(&mine);
}

/* Every way to a writable mapping that a reader could try. */
static void check_cannot_write(const struct smew__memory *memory)
{
    const int protection = PROT_READ | PROT_WRITE;
    const size_t size = memory->size;
    char path[64];
    int fd;

    assert_ptr_equal(mmap(NULL, size, protection, MAP_SHARED, memory->fd, 0), MAP_FAILED);
    assert_int_equal(errno, EPERM);
    assert_int_equal(mprotect(memory->data, size, protection), -1);
    assert_int_equal(errno, EACCES);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", memory->fd);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        assert_ptr_equal(mmap(NULL, size, protection, MAP_SHARED, fd, 0), MAP_FAILED);
        assert_int_equal(pwrite(fd, "x", 1, 0), -1);
        assert_int_equal(errno, EPERM);
    }
    smew__fd_close(&fd);
    assert_int_equal(pwrite(memory->fd, "x", 1, 0), -1);
    assert_int_equal(fcntl(memory->fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    check_size_is_fixed(memory);
    check_no_holes_can_be_made(memory);
    /* Not even the way that debuggers have. */
    fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    if (fd >= 0)
        assert_int_equal(pwrite(fd, "x", 1, (off_t)(uintptr_t)memory->data), -1);
    smew__fd_close(&fd);
}

static void test_a_reader_cannot_write(void **state)
{
    struct smew__memory mine = create(0);
    struct smew__memory reader = {.fd = -1};

    (void)state;
    assert_int_equal(smew__memory_seal_writes(&mine), SMEW_OK);
    assert_int_equal(smew__memory_seal_writes(&mine), SMEW_PERMISSION);
    assert_int_equal(attach(passed(&mine), false, &reader), SMEW_OK);
    check_cannot_write(&reader);
    mine.data[0] = 42; /* who had it before still can */
    assert_int_equal(reader.data[0], 42);
    smew__memory_fini(&mine);
    assert_int_equal(reader.data[0], 42); /* and a mapping outlives its maker */
    smew__memory_fini(&reader);
}

static int create_beyond_limit(void *argument)
{
    const struct rlimit limit = {.rlim_cur = 2 * page_size(), .rlim_max = 2 * page_size()};
    struct smew__memory memory = {.fd = -1};

    (void)argument;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    if (smew__memory_create(NAME, 3 * page_size(), 0, &memory) != SMEW_NO_SPACE)
        return 2;
    return smew__memory_create(NAME, 2 * page_size(), page_size(), &memory) == SMEW_OK ? 0 : 3;
}

/* Without the question beforehand the kernel would kill the child with SIGXFSZ. */
static void test_file_size_limit_is_a_status(void **state)
{
    (void)state;
    assert_int_equal(support_reap(support_fork(create_beyond_limit, NULL), WAIT_MS), 0);
}

static int create_without_room(void *argument)
{
    const struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    struct smew__memory memory = {.fd = -1};

    (void)argument;
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return 1;
    return smew__memory_create(NAME, 64 << 20, 0, &memory) == SMEW_NO_MEMORY ? 0 : 2;
}

static void test_no_address_space_is_a_status(void **state)
{
    (void)state;
    assert_int_equal(support_reap(support_fork(create_without_room, NULL), WAIT_MS), 0);
}

static int create_without_fds(void *argument)
{
    const struct rlimit limit = {.rlim_cur = 3, .rlim_max = 3};
    struct smew__memory memory = {.fd = -1};

    (void)argument;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1;
    return smew__memory_create(NAME, page_size(), 0, &memory) == SMEW_NO_FDS ? 0 : 2;
}

static void test_no_fds_is_a_status(void **state)
{
    (void)state;
    assert_int_equal(support_reap(support_fork(create_without_fds, NULL), WAIT_MS), 0);
}

/* Everything once; the last status says whether it ran through. */
static void use_all(void *argument)
{
    enum smew_status *last = argument;
    struct smew__memory mine = {0};
    struct smew__memory writer = {0};
    struct smew__memory reader = {0};

    *last = smew__memory_create(NAME, PAGES * page_size(), page_size(), &mine);
    if (*last == SMEW_OK)
        *last = smew__memory_attach(passed(&mine), true, 1, mine.size, page_size(), &writer);
    if (*last == SMEW_OK)
        *last = smew__memory_settled(&mine);
    if (*last == SMEW_OK)
        *last = smew__memory_attach(passed(&mine), false, 1, mine.size, page_size(), &reader);
    smew__memory_fini(&mine);
    smew__memory_fini(&writer);
    smew__memory_fini(&reader);
    if (*last == SMEW_OK)
        *last = smew__memory_create(NAME, page_size(), 0, &mine);
    if (*last == SMEW_OK)
        *last = smew__memory_seal_writes(&mine);
    smew__memory_fini(&mine);
    assert_int_equal(count_mappings(), 0);
}

static void test_every_call_may_fail(void **state)
{
    static const int numbers[] = {EMFILE, ENOMEM, EPERM, ENOSPC};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        enum smew_status last = SMEW_IO;

        /* 7 for each creation, 9 for each attachment, and so on; the exact number is not ours. */
        assert_true(support_walk_calls(numbers[i], use_all, &last) >= 30);
        assert_int_equal(last, SMEW_OK);
    }
}

static void test_futex_statuses(void **state)
{
    struct smew__memory mine = create(0);
    struct smew__memory reader = {.fd = -1};
    uint64_t soon_ns = smew_now_ns() + 5 * SMEW_NS_PER_MS;
    const _Atomic uint32_t *word;

    (void)state;
    assert_int_equal(smew__memory_seal_writes(&mine), SMEW_OK);
    assert_int_equal(attach(passed(&mine), false, &reader), SMEW_OK);
    word = (const _Atomic uint32_t *)(const void *)reader.data;
    /* Read-only, and the word is not what was seen: at once. */
    assert_int_equal(smew__futex_wait(word, 1, SMEW_NEVER_NS), SMEW_OK);
    assert_int_equal(smew__futex_wait(word, 0, soon_ns), SMEW_TIMEOUT);
    assert_true(smew_now_ns() >= soon_ns);
    assert_int_equal(smew__futex_wait(word, 0, 0), SMEW_TIMEOUT);
    smew__futex_wake(word);
    smew__memory_fini(&reader);
    smew__memory_fini(&mine);
}

struct turns {
    _Atomic uint32_t *mine;         /* written here */
    const _Atomic uint32_t *theirs; /* read-only, and another mapping */
    uint32_t ahead;                 /* who begins */
};

/* Waits for the other's word to change, answers with its own. */
static int take_turns(const struct turns *turns)
{
    uint64_t deadline_ns = smew__deadline_ns(WAIT_MS);

    for (uint32_t round = 0; round < FUTEX_ROUNDS; round++) {
        if (turns->ahead != 0) {
            atomic_store(turns->mine, round + 1);
            smew__futex_wake(turns->mine);
        }
        while (atomic_load(turns->theirs) == round)
            if (smew__futex_wait(turns->theirs, round, deadline_ns) != SMEW_OK)
                return 1;
        if (turns->ahead == 0) {
            atomic_store(turns->mine, round + 1);
            smew__futex_wake(turns->mine);
        }
    }
    return 0;
}

static int child_takes_turns(void *argument)
{
    return take_turns(argument);
}

/* Two processes, each with a word of its own that the other has read-only: no wake is lost. */
static void test_futex_between_processes(void **state)
{
    struct smew__memory mine[2] = {create(0), create(0)};
    struct smew__memory readers[2];
    struct turns turns[2];
    pid_t child;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(smew__memory_seal_writes(&mine[i]), SMEW_OK);
        assert_int_equal(attach(passed(&mine[i]), false, &readers[i]), SMEW_OK);
    }
    for (int i = 0; i < 2; i++)
        turns[i] =
            (struct turns){.mine = (_Atomic uint32_t *)(void *)mine[i].data,
                           .theirs = (const _Atomic uint32_t *)(const void *)readers[1 - i].data,
                           .ahead = i == 0};
    child = support_fork(child_takes_turns, &turns[1]);
    assert_int_equal(take_turns(&turns[0]), 0);
    assert_int_equal(support_reap(child, WAIT_MS), 0);
    for (int i = 0; i < 2; i++) {
        smew__memory_fini(&mine[i]);
        smew__memory_fini(&readers[i]);
    }
}

static void wait_once(void *argument)
{
    struct smew__memory *memory = argument;

    /* OK for nothing, or TIMEOUT: whatever fails, who waits with a deadline comes back. */
    (void)smew__futex_wait((_Atomic uint32_t *)(void *)memory->data, 0, smew_now_ns());
}

static void test_futex_faults(void **state)
{
    struct smew__memory mine = create(0);

    (void)state;
    assert_int_equal(support_walk_calls(EINTR, wait_once, &mine), 1);
    assert_int_equal(support_walk_calls(ENOMEM, wait_once, &mine), 1);
    smew__memory_fini(&mine);
}

#define MEMORY_TEST(function) cmocka_unit_test_setup_teardown(function, support_setup, give_back)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEMORY_TEST(test_created_is_whole),
        MEMORY_TEST(test_zeroed_may_be_finished),
        MEMORY_TEST(test_what_is_asked_for_is_checked),
        MEMORY_TEST(test_repeated_mapping),
        MEMORY_TEST(test_attach_checks_sizes),
        MEMORY_TEST(test_attach_refuses_what_is_not_sealed),
        MEMORY_TEST(test_attach_refuses_huge_pages),
        MEMORY_TEST(test_attach_refuses_holes),
        MEMORY_TEST(test_a_peer_can_take_nothing_away),
        MEMORY_TEST(test_holes_before_the_seal_are_found),
        MEMORY_TEST(test_a_reader_cannot_write),
        MEMORY_TEST(test_file_size_limit_is_a_status),
        MEMORY_TEST(test_no_address_space_is_a_status),
        MEMORY_TEST(test_no_fds_is_a_status),
        MEMORY_TEST(test_every_call_may_fail),
        MEMORY_TEST(test_futex_statuses),
        MEMORY_TEST(test_futex_between_processes),
        MEMORY_TEST(test_futex_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
