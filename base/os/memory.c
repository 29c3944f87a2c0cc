/* SPDX-License-Identifier: MIT */
/*
 * Memory in memfds.
 *
 * Happy path: made, allocated, sealed against shrinking and growing, mapped; another process gets
 * the fd, looks at the seals, the size and the blocks, and maps the same; who writes seals it
 * against further writers then, after which no holes can be made, and looks once more.
 *
 * Failure modes: out of memory, fds or file size (a status, nothing is left); somebody else's fd
 * that is no memfd, lacks a seal, has another size or has holes (refused before it is mapped).
 */
#include "base/os/memory.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/fault.h"
#include "base/os/fd.h"

enum { FIXED_SIZE = F_SEAL_SHRINK | F_SEAL_GROW, STAT_BLOCK = 512 };

static const struct smew__memory nothing = {.fd = -1};

size_t smew__memory_page(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Maps the file from `offset` to its end at a place of the reserved range. */
static bool map_part(const struct smew__memory *memory, int protection, size_t offset, size_t place)
{
    return !smew__fault_trips() &&
           mmap(memory->data + place, memory->size - offset, protection,
                MAP_SHARED | MAP_FIXED | MAP_POPULATE, memory->fd, (off_t)offset) != MAP_FAILED;
}

/*
 * Maps the whole file, and what is repeated behind it.  The address range is taken first, by a
 * mapping that nobody can use, so that no other thread's mapping gets in between the two.
 */
static enum smew_status map_all(struct smew__memory *memory, bool writable, size_t repeat_from)
{
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    size_t mapped = memory->size + (repeat_from > 0 ? memory->size - repeat_from : 0);
    void *range = smew__fault_trips() ? MAP_FAILED
                                      : mmap(NULL, mapped, PROT_NONE,
                                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (range == MAP_FAILED)
        return smew__os_status(errno);
    memory->data = range;
    memory->mapped = mapped;
    if (map_part(memory, protection, 0, 0) &&
        (repeat_from == 0 || map_part(memory, protection, repeat_from, memory->size)))
        return SMEW_OK;
    return smew__os_status(errno);
}

static bool is_paged(size_t size)
{
    return size % smew__memory_page() == 0;
}

/* Gives it to the caller, or gives everything back. */
static enum smew_status finish(enum smew_status status, struct smew__memory *made,
                               struct smew__memory *memory)
{
    if (status == SMEW_OK) {
        *memory = *made;
        return SMEW_OK;
    }
    if (made->data != NULL)
        (void)munmap(made->data, made->mapped);
    smew__fd_close(&made->fd);
    return status;
}

enum smew_status smew__memory_create(const char *name, size_t size, size_t repeat_from,
                                     struct smew__memory *memory)
{
    struct smew__memory made = {.fd = -1, .size = size};
    enum smew_status status = SMEW_OK;
    int failed;

    if (size == 0 || size > SIZE_MAX / 4 || !is_paged(size) || !is_paged(repeat_from) ||
        repeat_from >= size)
        return SMEW_INVALID;
    made.fd = SMEW__SYS(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    failed = made.fd < 0 ? errno : smew__fd_allocate(made.fd, size);
    if (failed == 0 && SMEW__SYS(fcntl(made.fd, F_ADD_SEALS, FIXED_SIZE)) != 0)
        failed = errno;
    if (failed != 0)
        status = smew__os_status(failed);
    if (status == SMEW_OK)
        status = map_all(&made, true, repeat_from);
    return finish(status, &made, memory);
}

enum smew_status smew__memory_seal_writes(struct smew__memory *memory)
{
    if (SMEW__SYS(fcntl(memory->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)) != 0)
        return smew__os_status(errno);
    return SMEW_OK;
}

/*
 * Can this file never take memory away from under a mapping, as far as its kind and its seals say?
 * A memfd of huge pages has the same seals; but a hole in it, which its owner may punch at any
 * time, is a SIGBUS when no huge page is free.
 */
static enum smew_status check_seals(int fd, bool writable)
{
    int seals = SMEW__SYS(fcntl(fd, F_GET_SEALS));
    struct statfs system;

    if (seals < 0) /* EINVAL, EBADF: nothing that has seals */
        return errno == EINVAL ? SMEW_PERMISSION : smew__os_status(errno);
    if ((seals & FIXED_SIZE) != FIXED_SIZE)
        return SMEW_PERMISSION;
    if (!writable && (seals & (F_SEAL_FUTURE_WRITE | F_SEAL_WRITE)) == 0)
        return SMEW_PERMISSION;
    if (SMEW__SYS(fstatfs(fd, &system)) != 0)
        return smew__os_status(errno);
    return system.f_type == TMPFS_MAGIC ? SMEW_OK : SMEW_PERMISSION;
}

/* Its size, when that is one that was asked for. */
static enum smew_status check_size(int fd, size_t least, size_t most, size_t *size)
{
    struct stat file;

    if (SMEW__SYS(fstat(fd, &file)) != 0)
        return smew__os_status(errno);
    if (file.st_size <= 0 || (uint64_t)file.st_size < least || (uint64_t)file.st_size > most ||
        !is_paged((size_t)file.st_size))
        return SMEW_CORRUPT;
    *size = (size_t)file.st_size;
    return SMEW_OK;
}

/* Is all of it allocated?  What is swapped out counts as well. */
static enum smew_status check_holes(int fd)
{
    struct stat file;

    if (SMEW__SYS(fstat(fd, &file)) != 0)
        return smew__os_status(errno);
    return file.st_blocks >= file.st_size / STAT_BLOCK ? SMEW_OK : SMEW_CORRUPT;
}

enum smew_status smew__memory_attach(int fd, bool writable, size_t least, size_t most,
                                     size_t repeat_from, struct smew__memory *memory)
{
    struct smew__memory made = {.fd = fd};
    enum smew_status status = check_seals(fd, writable);

    if (status == SMEW_OK)
        status = check_size(fd, least, most, &made.size);
    if (status == SMEW_OK && (repeat_from >= made.size || !is_paged(repeat_from)))
        status = SMEW_CORRUPT;
    if (status == SMEW_OK) /* before the mapping, which fills holes, at our expense */
        status = check_holes(fd);
    if (status == SMEW_OK)
        status = map_all(&made, writable, repeat_from);
    if (status == SMEW_OK && writable)
        status = smew__memory_seal_writes(&made);
    if (status == SMEW_OK)
        status = check_holes(fd);
    return finish(status, &made, memory);
}

enum smew_status smew__memory_settled(const struct smew__memory *memory)
{
    int seals = SMEW__SYS(fcntl(memory->fd, F_GET_SEALS));

    if (seals < 0)
        return smew__os_status(errno);
    return (seals & F_SEAL_FUTURE_WRITE) == 0 ? SMEW_AGAIN : check_holes(memory->fd);
}

enum smew_status smew__memory_map(int fd, size_t size, bool writable, size_t repeat_from,
                                  struct smew__memory *memory)
{
    struct smew__memory made = {.fd = fd, .size = size};
    enum smew_status status = SMEW_INVALID;

    if (size > 0 && size <= SIZE_MAX / 4 && is_paged(repeat_from) && repeat_from < size)
        status = map_all(&made, writable, repeat_from);
    return finish(status, &made, memory);
}

void smew__memory_close_fd(struct smew__memory *memory)
{
    if (memory->data != NULL) /* else it may be zeroed, and 0 is no fd of ours */
        smew__fd_close(&memory->fd);
}

void smew__memory_fini(struct smew__memory *memory)
{
    smew__memory_close_fd(memory);
    if (memory->data != NULL)
        (void)munmap(memory->data, memory->mapped);
    *memory = nothing;
}

static struct timespec time_of(uint64_t deadline_ns)
{
    return (struct timespec){.tv_sec = (time_t)(deadline_ns / SMEW_NS_PER_S),
                             .tv_nsec = (long)(deadline_ns % SMEW_NS_PER_S)};
}

enum smew_status smew__futex_wait(const _Atomic uint32_t *word, uint32_t seen, uint64_t deadline_ns)
{
    struct timespec until = time_of(deadline_ns);
    long woken = SMEW__SYS(syscall(SYS_futex, word, FUTEX_WAIT_BITSET, seen,
                                   deadline_ns == SMEW_NEVER_NS ? NULL : &until, NULL,
                                   FUTEX_BITSET_MATCH_ANY));

    /* Whatever else went wrong, a caller looks again, and a deadline stays one. */
    if (woken == 0 || errno == EAGAIN || errno == EINTR)
        return SMEW_OK;
    return errno == ETIMEDOUT || smew_now_ns() >= deadline_ns ? SMEW_TIMEOUT : SMEW_OK;
}

enum smew_status smew__futex_wait_any(const struct smew__futex_word *words, size_t count,
                                      uint64_t deadline_ns)
{
    struct futex_waitv waits[SMEW__FUTEX_WORDS];
    struct timespec until = time_of(deadline_ns);
    long woken;

    if (count == 0 || count > SMEW__FUTEX_WORDS)
        return SMEW_UNSUPPORTED;
    for (size_t i = 0; i < count; i++)
        waits[i] =
            (struct futex_waitv){.val = words[i].seen,
                                 .uaddr = (uintptr_t)words[i].word,
                                 .flags = FUTEX_32 | (words[i].own ? FUTEX_PRIVATE_FLAG : 0)};
    woken = SMEW__SYS(syscall(SYS_futex_waitv, waits, count, 0,
                              deadline_ns == SMEW_NEVER_NS ? NULL : &until, CLOCK_MONOTONIC));
    if (woken >= 0 || errno == EAGAIN || errno == EINTR || errno == EFAULT)
        return SMEW_OK;
    return errno == ETIMEDOUT ? SMEW_TIMEOUT : SMEW_UNSUPPORTED;
}

static void wake_all(const _Atomic uint32_t *word, int operation)
{
    int kept = errno;

    (void)syscall(SYS_futex, word, operation, INT_MAX, NULL, NULL, 0);
    errno = kept;
}

void smew__futex_wake(const _Atomic uint32_t *word)
{
    wake_all(word, FUTEX_WAKE);
}

void smew__futex_wake_own(const _Atomic uint32_t *word)
{
    wake_all(word, FUTEX_WAKE_PRIVATE);
}

void smew__futex_wake_one(const _Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}
