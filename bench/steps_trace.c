/* SPDX-License-Identifier: MIT */
/*
 * Steps a program, instruction by instruction, and counts.
 *
 * The program stops itself with SIGSTOP where a group of messages begins.  Its other threads are
 * stopped then, or they would do a second's work between two messages; its own thread goes from
 * one instruction to the next, and after each of them the board says whether a message ended. Then
 * all go on, until the next group.  A step is three system calls, some 3 us: who steps and who is
 * stepped share a core, the other side has one of its own.
 *
 * Where the thread stands while the other side has something to do first (`needs`), it polls
 * once and not ten thousand times, so that the count does not depend on how fast a step is.
 *
 * Failure modes:
 *   the thread waits for one that is stopped   a system call that does not return, or a message
 *                                              without end: the others run until the next message
 *   a side ends, or fails                      its sentence is on the board
 *   nothing goes on                            a timer interrupts every wait, and finds that the
 *                                              deadline has passed or that nobody wants it any more
 *   this process dies                          both sides are killed by the kernel
 * On arm64 a loop around a pair of exclusive load and store never ends under a debugger: a build
 * for processors without atomic instructions runs into the deadline.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/steps_side.h"

enum {
    THREADS_MOST = 16,
    TICK_US = 100000,
    STUCK_TICKS = 3,      /* of a step: a system call that waits */
    STUCK_STEPS = 500000, /* of a message: a loop that does */
    NAP_US = 50,
    DEADLINE_MS = 60000,    /* of a row */
    DEADLINE_EACH_MS = 100, /* and for each call that is counted */
};

struct tracer {
    const struct bench_steps_what *what;
    struct bench_steps_board *board;
    const atomic_bool *stop;
    char *error;
    pid_t stepped; /* 0: not started */
    pid_t other;
    uint64_t deadline_ns;
    pid_t threads[THREADS_MOST]; /* of the stepped program, that stand */
    unsigned standing;
    int signal;     /* that the stepped thread is still to get */
    unsigned idle;  /* ticks since it was told to go on */
    uint64_t place; /* the instruction it stands before */
};

/* ---- time ---- */

static volatile sig_atomic_t ticked;

static void on_tick(int number)
{
    (void)number;
    ticked = 1;
}

/* Interrupts whatever this thread waits in, again and again, or (false) no more. */
static void tick(bool on)
{
    const struct sigaction action = {.sa_handler = on ? on_tick : SIG_DFL};
    const suseconds_t us = on ? TICK_US : 0;
    const struct itimerval every = {.it_interval.tv_usec = us, .it_value.tv_usec = us};

    if (on)
        (void)sigaction(SIGALRM, &action, NULL);
    (void)setitimer(ITIMER_REAL, &every, NULL);
    if (!on)
        (void)sigaction(SIGALRM, &action, NULL);
}

/* Says so, once, and answers false. */
static bool refuse(struct tracer *tracer, const char *what)
{
    if (tracer->error[0] == 0)
        (void)snprintf(tracer->error, BENCH_ERROR_SIZE, "%s",
                       atomic_load(&tracer->board->failed) ? tracer->board->error : what);
    return false;
}

static bool refuse_errno(struct tracer *tracer, const char *call)
{
    char text[BENCH_ERROR_SIZE];

    (void)snprintf(text, sizeof(text), "%s: %s", call, strerrordesc_np(errno));
    return refuse(tracer, text);
}

/* To be asked in every loop that waits. */
static bool in_time(struct tracer *tracer)
{
    if (!ticked)
        return true;
    ticked = 0;
    tracer->idle++;
    if (atomic_load_explicit(tracer->stop, memory_order_relaxed))
        return refuse(tracer, "stopped");
    return bench_now_ns() < tracer->deadline_ns || refuse(tracer, "not done in time");
}

/* ---- ptrace ---- */

#if defined(__x86_64__) || defined(__aarch64__)
static bool possible_here(void)
{
    return true;
}

/* Where a thread stands.  A repeated instruction (x86's `rep`) stops at each turn, and is one. */
static uint64_t place_of(pid_t thread)
{
    struct user_regs_struct registers = {0};
    struct iovec place = {&registers, sizeof(registers)};

    (void)ptrace(PTRACE_GETREGSET, thread, (void *)NT_PRSTATUS, &place);
#if defined(__x86_64__)
    return registers.rip;
#else
    return registers.pc;
#endif
}
#else
static bool possible_here(void)
{
    return false;
}

static uint64_t place_of(pid_t thread)
{
    (void)thread;
    return 0;
}
#endif

static bool resume(pid_t thread, int request, int number)
{
    return ptrace((enum __ptrace_request)request, thread, NULL, (void *)(intptr_t)number) == 0;
}

/* A signal that the program itself was sent, and is to get; 0 for what ptrace made of a stop. */
static int own_signal(int status)
{
    const int number = WSTOPSIG(status);

    return status >> 16 != 0 || number == SIGTRAP || number == SIGSTOP ? 0 : number;
}

/* ---- the other threads ---- */

static void let_others_run(struct tracer *tracer)
{
    while (tracer->standing > 0)
        (void)resume(tracer->threads[--tracer->standing], PTRACE_CONT, 0);
}

static bool stop_one(struct tracer *tracer, pid_t thread)
{
    int status;

    if (syscall(SYS_tgkill, tracer->stepped, thread, SIGSTOP) != 0)
        return errno == ESRCH || refuse_errno(tracer, "tgkill");
    while (in_time(tracer)) {
        if (waitpid(thread, &status, __WALL) < 0) {
            if (errno != EINTR)
                return refuse_errno(tracer, "waitpid");
        } else if (!WIFSTOPPED(status)) {
            return true; /* it ended */
        } else if (WSTOPSIG(status) == SIGSTOP && status >> 16 == 0) {
            tracer->threads[tracer->standing++] = thread;
            return true;
        } else {
            (void)resume(thread, PTRACE_CONT, own_signal(status));
        }
    }
    return false;
}

static bool stop_others(struct tracer *tracer)
{
    const struct dirent *entry;
    bool fine = true;
    char path[64];
    DIR *tasks;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)tracer->stepped);
    tasks = opendir(path);
    if (tasks == NULL)
        return refuse_errno(tracer, path);
    while (fine && (entry = readdir(tasks)) != NULL) {
        const pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

        if (thread > 0 && thread != tracer->stepped)
            fine = (tracer->standing < THREADS_MOST || refuse(tracer, "too many threads")) &&
                   stop_one(tracer, thread);
    }
    (void)closedir(tasks);
    return fine;
}

/* ---- the stepped thread ---- */

/* Waits until it stands; the others' stops are none. */
static bool wait_for_stop(struct tracer *tracer, int *status)
{
    tracer->idle = 0;
    while (in_time(tracer)) {
        const pid_t found = waitpid(-1, status, __WALL);

        if (found < 0 && errno != EINTR)
            return refuse_errno(tracer, "waitpid");
        if (found < 0 && tracer->idle >= STUCK_TICKS)
            let_others_run(tracer);
        if (found < 0)
            continue;
        if (WIFSTOPPED(*status) && found == tracer->stepped)
            return true;
        if (WIFSTOPPED(*status))
            (void)resume(found, PTRACE_CONT, own_signal(*status));
        else if (found == tracer->stepped || found == tracer->other)
            return refuse(tracer, found == tracer->other ? "the other side died"
                                                         : "the stepped program died");
    }
    return false;
}

/* Until it stops itself. */
static bool run_to_stop(struct tracer *tracer)
{
    int status = 0;

    do {
        if (!resume(tracer->stepped, PTRACE_CONT, tracer->signal))
            return refuse_errno(tracer, "ptrace");
        if (!wait_for_stop(tracer, &status))
            return false;
        tracer->signal = own_signal(status);
    } while (WSTOPSIG(status) != SIGSTOP || status >> 16 != 0);
    return true;
}

/* One instruction, which counts, or another turn of a repeated one, which does not. */
static bool step(struct tracer *tracer, uint64_t *steps)
{
    uint64_t place;
    int status = 0;

    while (atomic_load(&tracer->board->needs) > atomic_load(&tracer->board->done)) {
        if (!in_time(tracer))
            return false;
        bench_nap_us(NAP_US);
    }
    if (!resume(tracer->stepped, PTRACE_SINGLESTEP, tracer->signal))
        return refuse_errno(tracer, "ptrace");
    if (!wait_for_stop(tracer, &status))
        return false;
    tracer->signal = own_signal(status);
    place = place_of(tracer->stepped);
    *steps += place != tracer->place;
    tracer->place = place;
    return true;
}

static bool count_group(struct tracer *tracer, double *counts, size_t *count)
{
    const size_t end = *count + tracer->what->group;
    uint64_t steps = 0, mark = 0;

    if (!stop_others(tracer))
        return false;
    while (*count < end) {
        const uint64_t before = mark;

        if (!step(tracer, &steps))
            return false;
        mark = atomic_load(&tracer->board->mark);
        if (steps >= STUCK_STEPS)
            let_others_run(tracer);
        if (mark == before)
            continue;
        if (before != 0)
            counts[(*count)++] = (double)steps;
        steps = 0;
        if (tracer->standing == 0 && !stop_others(tracer))
            return false;
    }
    let_others_run(tracer);
    return true;
}

/* ---- both sides ---- */

/* A child's first lines: it goes when its parent does. */
static void belong(pid_t parent, int core)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    (void)bench_pin(core);
}

/* Asks to be stepped and stops; its exit code says why it could not be. */
static void be_stepped(void)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(errno);
    (void)raise(SIGSTOP);
}

static bool start(struct tracer *tracer, const int cores[2])
{
    const pid_t self = getpid();
    const uintptr_t options = PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    int status;

    tracer->other = fork();
    if (tracer->other == 0) {
        belong(self, cores[0]);
        bench_steps_other(tracer->what);
    }
    tracer->stepped = tracer->other < 0 ? -1 : fork();
    if (tracer->stepped == 0) {
        belong(self, cores[1]);
        be_stepped();
        bench_steps_stepped(tracer->what);
    }
    if (tracer->stepped < 0)
        return refuse_errno(tracer, "fork");
    return wait_for_stop(tracer, &status) &&
           (ptrace(PTRACE_SETOPTIONS, tracer->stepped, NULL, (void *)options) == 0 ||
            refuse_errno(tracer, "ptrace"));
}

/* Ends both, and every thread of the one that is traced. */
static void end_all(struct tracer *tracer)
{
    if (tracer->stepped > 0)
        (void)kill(tracer->stepped, SIGKILL);
    if (tracer->other > 0)
        (void)kill(tracer->other, SIGKILL);
    while (waitpid(-1, NULL, __WALL) >= 0 || errno == EINTR) {
    }
}

bool bench_steps_possible(char error[BENCH_ERROR_SIZE])
{
    const pid_t self = getpid();
    bool fine = false;
    int status = -1; /* neither stopped nor ended */
    pid_t child;

    (void)snprintf(error, BENCH_ERROR_SIZE, "only on Linux on x86-64 and arm64");
    if (!possible_here())
        return false;
    child = fork();
    if (child == 0) {
        belong(self, -1);
        be_stepped();
        for (;;)
            (void)pause();
    }
    if (child > 0 && waitpid(child, &status, 0) == child && WIFSTOPPED(status))
        fine = resume(child, PTRACE_SINGLESTEP, 0) && waitpid(child, &status, 0) == child &&
               WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
    else if (child > 0 && WIFEXITED(status))
        errno = WEXITSTATUS(status);
    if (!fine)
        (void)snprintf(error, BENCH_ERROR_SIZE, "a program cannot be stepped here (ptrace: %s)",
                       strerrordesc_np(errno));
    if (child > 0 && !WIFEXITED(status)) {
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
    }
    return fine;
}

bool bench_steps_count(const struct bench_steps_what *what, const atomic_bool *stop, double *counts,
                       size_t *count, char error[BENCH_ERROR_SIZE])
{
    const uint64_t calls = (uint64_t)what->groups * what->group;
    const uint64_t most_ms = DEADLINE_MS + calls * DEADLINE_EACH_MS;
    struct tracer tracer = {.what = what, .board = what->board, .stop = stop, .error = error};
    int cores[2];
    bool fine;

    error[0] = 0;
    *count = 0;
    if (!bench_two_cores(cores))
        return refuse(&tracer, "there are not two cores");
    tracer.deadline_ns = bench_now_ns() + most_ms * UINT64_C(1000000);
    (void)bench_pin(cores[1]);
    tick(true);
    fine = start(&tracer, cores);
    for (unsigned group = 0; group < what->groups && fine; group++)
        fine = run_to_stop(&tracer) && count_group(&tracer, counts, count);
    end_all(&tracer);
    tick(false);
    (void)bench_pin(-1);
    return fine;
}
