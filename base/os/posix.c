/* SPDX-License-Identifier: MIT */
/*
 * POSIX shared memory and semaphores.
 *
 * Happy path: an object is made under a name that nobody else has, allocated before it is mapped
 * (a hole in a full /dev/shm is a SIGBUS), and its fd closed.  The other side opens it by the name
 * and then removes that.
 *
 * Failure modes: no memory, no room, no fds (a status, nothing is left); both sides die before the
 * name is gone (the sweep finds it: Linux has these names as files in /dev/shm, semaphores as
 * "sem.NAME"); a semaphore that cannot be had (the caller waits in another way).
 */
#include "base/os/posix.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os/fault.h"
#include "base/os/fd.h"
#include "base/os/process.h"

enum { NAME_SIZE = 128 };

static const char folder[] = "/dev/shm";
static const char semaphore_prefix[] = "sem.";

static void make_name(const struct smew__posix_id *id, const char *what, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, "/smew-%" PRId64 "-%" PRId64 "-%" PRIu64 "-%016" PRIx64 "-%s",
                   smew__process_user(), id->pid, id->start_ticks, id->number, what);
}

enum smew_status smew__posix_id_make(struct smew__posix_id *id)
{
    struct smew__process self;
    enum smew_status status = smew__process_self(&self);

    if (status == SMEW_OK)
        *id = (struct smew__posix_id){self.pid, self.start_ticks, smew__random64()};
    return status;
}

/* ---- memory -------------------------------------------------------------------------- */

static int make_object(const char *name)
{
    return SMEW__SYS(shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

enum smew_status smew__posix_memory_create(const struct smew__posix_id *id, const char *what,
                                           size_t size, size_t repeat_from,
                                           struct smew__memory *memory)
{
    char name[NAME_SIZE];
    enum smew_status status;
    int failed;
    int fd;

    make_name(id, what, name);
    fd = make_object(name);
    if (fd < 0)
        return smew__os_status(errno);
    failed = smew__fd_allocate(fd, size);
    if (failed == 0) {
        status = smew__memory_map(fd, size, true, repeat_from, memory);
    } else {
        status = smew__os_status(failed);
        smew__fd_close(&fd);
    }
    if (status == SMEW_OK)
        smew__memory_close_fd(memory);
    else
        (void)shm_unlink(name);
    return status;
}

enum smew_status smew__posix_memory_attach(const struct smew__posix_id *id, const char *what,
                                           bool writable, size_t least, size_t most,
                                           size_t repeat_from, struct smew__memory *memory)
{
    char name[NAME_SIZE];
    enum smew_status status = SMEW_CORRUPT;
    struct stat file;
    int fd;

    make_name(id, what, name);
    fd = SMEW__SYS(shm_open(name, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC, 0));
    if (fd < 0)
        return smew__os_status(errno);
    if (SMEW__SYS(fstat(fd, &file)) != 0) {
        status = smew__os_status(errno);
        smew__fd_close(&fd);
        return status;
    }
    if (file.st_size < 0 || (uint64_t)file.st_size < least || (uint64_t)file.st_size > most ||
        (size_t)file.st_size % smew__memory_page() != 0) {
        smew__fd_close(&fd);
        return SMEW_CORRUPT;
    }
    status = smew__memory_map(fd, (size_t)file.st_size, writable, repeat_from, memory);
    if (status == SMEW_OK)
        smew__memory_close_fd(memory);
    return status;
}

void smew__posix_memory_unlink(const struct smew__posix_id *id, const char *what)
{
    char name[NAME_SIZE];

    make_name(id, what, name);
    (void)shm_unlink(name); /* gone already: fine */
}

static int write_parts(int fd, const struct smew_bytes *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *data = parts[i].data;
        size_t left = parts[i].size;

        while (left > 0) {
            ssize_t written = SMEW__SYS(write(fd, data, left));

            if (written < 0 && errno == EINTR)
                continue;
            if (written <= 0)
                return written < 0 ? errno : ENOSPC;
            data += written;
            left -= (size_t)written;
        }
    }
    return 0;
}

enum smew_status smew__posix_frozen_create(const struct smew_bytes *parts, size_t count,
                                           size_t size, int *fd)
{
    struct smew__posix_id id;
    char name[NAME_SIZE];
    enum smew_status status = smew__posix_id_make(&id);
    int failed;
    int made;

    if (status != SMEW_OK)
        return status;
    make_name(&id, "frame", name);
    made = make_object(name);
    if (made < 0)
        return smew__os_status(errno);
    (void)shm_unlink(name); /* its fd is what is passed */
    failed = smew__fd_allocate(made, size);
    if (failed == 0)
        failed = write_parts(made, parts, count);
    if (failed != 0) {
        smew__fd_close(&made);
        return smew__os_status(failed);
    }
    *fd = made;
    return SMEW_OK;
}

enum smew_status smew__posix_frozen_map(int fd, size_t size, struct smew__frozen *frozen)
{
    struct stat file;
    void *data;

    if (SMEW__SYS(fstat(fd, &file)) != 0)
        return smew__os_status(errno);
    if (size == 0 || file.st_size < 0 || (uint64_t)file.st_size != size)
        return SMEW_CORRUPT;
    data = smew__fault_trips() ? MAP_FAILED
                               : mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (data == MAP_FAILED)
        return smew__os_status(errno);
    *frozen = (struct smew__frozen){data, size};
    return SMEW_OK;
}

/* ---- semaphores ---------------------------------------------------------------------- */

#ifdef SMEW_HAS_SEM_CLOCKWAIT
static int wait_until(sem_t *semaphore, const struct timespec *until)
{
    return SMEW__SYS(sem_clockwait(semaphore, CLOCK_MONOTONIC, until));
}

static const bool can_wait = true;
#else
static int wait_until(sem_t *semaphore, const struct timespec *until)
{
    (void)until;
    return SMEW__SYS(sem_trywait(semaphore));
}

static const bool can_wait = false;
#endif

/*
 * One thread at a time opens and closes them: the C library keeps a tree of those that are open,
 * under a lock of its own that ThreadSanitizer does not see.
 */
static pthread_mutex_t open_ones = PTHREAD_MUTEX_INITIALIZER;

static sem_t *open_or_fail(const char *name, int flags)
{
    sem_t *opened = SEM_FAILED;

    if (smew__fault_trips())
        return opened;
    (void)pthread_mutex_lock(&open_ones);
    opened = sem_open(name, flags, 0600, 0);
    (void)pthread_mutex_unlock(&open_ones); /* leaves errno alone */
    return opened;
}

static enum smew_status open_semaphore(const struct smew__posix_id *id, int flags,
                                       struct smew__semaphore *semaphore)
{
    char name[NAME_SIZE];
    sem_t *opened;

    if (!can_wait)
        return SMEW_UNSUPPORTED;
    make_name(id, "bell", name);
    opened = open_or_fail(name, flags);
    if (opened == SEM_FAILED)
        return smew__os_status(errno);
    semaphore->handle = opened;
    return SMEW_OK;
}

enum smew_status smew__semaphore_create(const struct smew__posix_id *id,
                                        struct smew__semaphore *semaphore)
{
    return open_semaphore(id, O_CREAT | O_EXCL, semaphore);
}

enum smew_status smew__semaphore_attach(const struct smew__posix_id *id,
                                        struct smew__semaphore *semaphore)
{
    return open_semaphore(id, 0, semaphore);
}

void smew__semaphore_unlink(const struct smew__posix_id *id)
{
    char name[NAME_SIZE];

    make_name(id, "bell", name);
    (void)sem_unlink(name);
}

void smew__semaphore_post(struct smew__semaphore *semaphore)
{
    int value = 0;

    if (semaphore->handle != NULL && sem_getvalue(semaphore->handle, &value) == 0 && value <= 0)
        (void)sem_post(semaphore->handle);
}

enum smew_status smew__semaphore_wait(struct smew__semaphore *semaphore, uint64_t deadline_ns)
{
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / SMEW_NS_PER_S),
                             .tv_nsec = (long)(deadline_ns % SMEW_NS_PER_S)};

    if (wait_until(semaphore->handle, &until) == 0 || errno == EINTR)
        return SMEW_OK;
    return smew_now_ns() >= deadline_ns ? SMEW_TIMEOUT : SMEW_OK;
}

void smew__semaphore_close(struct smew__semaphore *semaphore)
{
    if (semaphore->handle == NULL)
        return;
    (void)pthread_mutex_lock(&open_ones);
    (void)sem_close(semaphore->handle);
    (void)pthread_mutex_unlock(&open_ones);
    semaphore->handle = NULL;
}

/* ---- what crashes left --------------------------------------------------------------- */

/* The number that *text begins with, and the '-' behind it; false when it does not. */
static bool take_number(const char **text, uint64_t *number)
{
    char *end;

    if (!isdigit((unsigned char)**text))
        return false;
    errno = 0;
    *number = strtoull(*text, &end, 10);
    if (errno != 0 || *end != '-')
        return false;
    *text = end + 1;
    return true;
}

static bool take_word(const char **text, const char *word)
{
    size_t size = strlen(word);

    if (strncmp(*text, word, size) != 0)
        return false;
    *text += size;
    return true;
}

/* Is this the name of something that a process of this user made, which is dead? */
static bool is_left(const char *name)
{
    struct smew__process process;
    uint64_t user;
    uint64_t pid;

    (void)take_word(&name, semaphore_prefix);
    if (!take_word(&name, "smew-") || !take_number(&name, &user) || !take_number(&name, &pid) ||
        !take_number(&name, &process.start_ticks) || user != (uint64_t)smew__process_user() ||
        pid > INT32_MAX)
        return false;
    process.pid = (int64_t)pid;
    return !smew__process_alive(&process);
}

size_t smew__posix_sweep(void)
{
    DIR *names = smew__fault_trips() ? NULL : opendir(folder);
    const struct dirent *entry;
    size_t count = 0;

    if (names == NULL)
        return 0;
    while ((entry = readdir(names)) != NULL)
        count += is_left(entry->d_name) && unlinkat(dirfd(names), entry->d_name, 0) == 0;
    (void)closedir(names);
    return count;
}
