/* SPDX-License-Identifier: MIT */
/*
 * Who a process is, and whether it lives.
 *
 * /proc/PID/stat is one line: "pid (comm) state ppid ...".  comm is whatever the program likes,
 * with spaces and parentheses, so the fields are counted from the last ')'.
 *
 * Failure modes: with too few fds, or a /proc that hides others, the line cannot be read.  Then a
 * process that takes signal 0 counts as alive: taking the living for dead would lose messages,
 * taking the dead for alive costs one more look.
 */
#include "base/os/process.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/os/fault.h"
#include "base/os/fd.h"

#include <smew/transport.h>

enum { STATE_FIELD = 3, THREADS_FIELD = 20, START_TIME_FIELD = 22 };

struct stat_line {
    char state;
    uint64_t threads;
    uint64_t start_ticks;
};

/* The beginning of a small file of /proc, terminated. */
static enum smew_status read_small(const char *path, char *text, size_t size)
{
    int fd = SMEW__SYS(open(path, O_RDONLY | O_CLOEXEC));
    enum smew_status status = SMEW_OK;
    ssize_t got;

    if (fd < 0)
        return smew__os_status(errno);
    got = SMEW__SYS(read(fd, text, size - 1));
    if (got < 0)
        status = smew__os_status(errno);
    else
        text[got] = '\0';
    smew__fd_close(&fd);
    return status;
}

static bool parse_number(const char *at, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(at, &end, 10);
    return errno == 0 && end != at;
}

/* Takes what we want to know out of a stat line. */
static bool parse_stat(const char *line, struct stat_line *stat)
{
    const char *at = strrchr(line, ')');

    if (at == NULL || at[1] != ' ' || at[2] == '\0')
        return false;
    at += 2;
    stat->state = *at;
    for (int field = STATE_FIELD; field < START_TIME_FIELD; field++) {
        if (field == THREADS_FIELD && !parse_number(at, &stat->threads))
            return false;
        at = strchr(at, ' ');
        if (at == NULL)
            return false;
        at++;
    }
    return parse_number(at, &stat->start_ticks);
}

/* A process whose first thread has ended reads as a zombie while the others go on. */
static bool is_running(const struct stat_line *stat)
{
    return stat->state == 'Z' ? stat->threads > 1 : stat->state != 'X' && stat->state != 'x';
}

enum smew_status smew__process_self(struct smew__process *self)
{
    char line[1024];
    struct stat_line stat;
    enum smew_status status = read_small("/proc/self/stat", line, sizeof line);

    if (status != SMEW_OK)
        return status;
    if (!parse_stat(line, &stat))
        return SMEW_IO;
    self->pid = getpid();
    self->start_ticks = stat.start_ticks;
    return SMEW_OK;
}

bool smew__process_alive(const struct smew__process *process)
{
    char path[64];
    char line[1024];
    struct stat_line stat;

    /* kill() would take 0 and negative numbers for groups. */
    if (process->pid <= 0 || (int64_t)(pid_t)process->pid != process->pid)
        return false;
    (void)snprintf(path, sizeof path, "/proc/%lld/stat", (long long)process->pid);
    if (read_small(path, line, sizeof line) != SMEW_OK || !parse_stat(line, &stat))
        return kill((pid_t)process->pid, 0) == 0 || errno != ESRCH;
    return stat.start_ticks == process->start_ticks && is_running(&stat);
}

int64_t smew__process_user(void)
{
    return geteuid();
}

void smew__process_name(char *name, size_t size)
{
    char comm[64];

    if (read_small("/proc/self/comm", comm, sizeof comm) != SMEW_OK)
        comm[0] = '\0';
    comm[strcspn(comm, "\n")] = '\0';
    (void)snprintf(name, size, "%s", comm[0] == '\0' ? "?" : comm);
}

/* The page that fork() wipes; made once, given up by whoever loses the race to make it. */
static _Atomic uint64_t *token_page(void)
{
    static _Atomic(_Atomic uint64_t *) page;
    _Atomic uint64_t *known = atomic_load_explicit(&page, memory_order_acquire);
    size_t size;
    void *made;

    if (known != NULL)
        return known;
    size = (size_t)sysconf(_SC_PAGESIZE);
    made = smew__fault_trips()
               ? MAP_FAILED
               : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
        return NULL;
    if (SMEW__SYS(madvise(made, size, MADV_WIPEONFORK)) != 0) {
        (void)munmap(made, size);
        return NULL;
    }
    /* pairs with the load above */
    if (atomic_compare_exchange_strong_explicit(&page, &known, made, memory_order_acq_rel,
                                                memory_order_acquire))
        return made;
    (void)munmap(made, size);
    return known;
}

const _Atomic uint64_t *smew__process_token_at(void)
{
    static const _Atomic uint64_t none = 0;
    const _Atomic uint64_t *token = token_page();

    return token != NULL ? token : &none;
}

uint64_t smew__process_token(void)
{
    _Atomic uint64_t *token = token_page();
    uint64_t now;
    uint64_t drawn;

    if (token == NULL)
        return 0;
    now = atomic_load_explicit(token, memory_order_relaxed);
    if (now != 0)
        return now;
    drawn = smew__random64() | 1;
    return atomic_compare_exchange_strong(token, &now, drawn) ? drawn : now;
}

uint64_t smew__random64(void)
{
    static _Atomic uint64_t calls;
    uint64_t seed[4];
    uint64_t random;

    if (SMEW__SYS(getrandom(&random, sizeof random, GRND_NONBLOCK)) == (ssize_t)sizeof random)
        return random;
    seed[0] = smew__clock_wall_ns();
    seed[1] = smew_now_ns();
    seed[2] = (uint64_t)getpid();
    seed[3] = atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    return smew__hash(seed, sizeof seed);
}
