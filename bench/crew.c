/* SPDX-License-Identifier: MIT */
/*
 * One sample.  The ends meet on the board; who waits there sleeps for 50 us at a time, so that the
 * wait takes nothing from an end that is still at work, and nobody is measured while waiting there:
 * the measured lap begins when a sender has seen that lap 0 arrived, and ends with the receiver.
 *
 * Failure modes: an end that fails leaves its sentence on the board and exits, and the root kills
 * the group; an end that hangs meets the deadline.
 */
#include "bench/crew.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/stats.h"

enum {
    NAP_US = 50,
    LONG_NAP_US = 5000,
    DEADLINE_MS = 20000,
    WARM_UP_SHARE = 4,      /* lap 0 is so much shorter than the measured one */
    WARM_UP_MIN = 16,       /* but not shorter than this, if that is not more than the lap */
    RECEIVER = UINT8_MAX,   /* where others have their number */
    TRIPS_KEPT_MOST = 65536 /* of which percentiles are made */
};

/* One end: a process of its own, or a thread. */
struct member {
    struct bench_run *run;
    unsigned index;
    uint64_t warm_up;
    uint64_t count;
    pthread_t thread;
    bool fine;
};

/* ---- what peers ask for (peer.h) ---- */

bool bench_fail(struct bench_run *run, const char *format, ...)
{
    va_list arguments;

    if (atomic_exchange(&run->board->failed, true))
        return false;
    va_start(arguments, format);
    (void)vsnprintf(run->board->error, sizeof(run->board->error), format, arguments);
    va_end(arguments);
    return false;
}

bool bench_fail_errno(struct bench_run *run, const char *call)
{
    return bench_fail(run, "%s: %s", call, strerrordesc_np(errno));
}

void bench_path(const struct bench_run *run, const char *name, char *path, size_t size)
{
    (void)snprintf(path, size, "%s/%s.%u", run->directory, name, run->serial);
}

void bench_relax(const struct bench_run *run)
{
    if (run->what->placement == BENCH_PAIR && run->what->producers == 1)
        bench_pause();
    else
        (void)sched_yield();
}

void *bench_share(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

/* ---- cores ---- */

/* What we were given, before anybody pinned anything. */
static const cpu_set_t *given_cores(void)
{
    static cpu_set_t given;
    static bool known;

    if (!known) {
        CPU_ZERO(&given);
        (void)sched_getaffinity(0, sizeof(given), &given);
        known = true;
    }
    return &given;
}

bool bench_two_cores(int cores[2])
{
    const cpu_set_t *given = given_cores();
    int found = 0;

    for (int core = 0; core < CPU_SETSIZE && found < 2; core++)
        if (CPU_ISSET((size_t)core, given))
            cores[found++] = core;
    if (found == 1)
        cores[1] = cores[0];
    return found == 2;
}

bool bench_pin(int core)
{
    cpu_set_t set = *given_cores();

    if (core >= 0) {
        CPU_ZERO(&set);
        CPU_SET((size_t)core, &set);
    }
    return sched_setaffinity(0, sizeof(set), &set) == 0;
}

static bool take_place(const struct member *member)
{
    int cores[2];

    (void)bench_two_cores(cores);
    switch (member->run->what->placement) {
    case BENCH_PAIR:
        return bench_pin(cores[member->index == RECEIVER ? 0 : 1]);
    case BENCH_ONE:
        return bench_pin(cores[0]);
    case BENCH_FREE:
        break;
    }
    return true;
}

/* ---- the ends ---- */

/* Until the count on the board is there; false when somebody failed. */
static bool meet(struct bench_run *run, const _Atomic unsigned *word, unsigned count)
{
    while (atomic_load_explicit(word, memory_order_acquire) < count) {
        if (atomic_load_explicit(&run->board->failed, memory_order_relaxed))
            return false;
        bench_nap_us(NAP_US);
    }
    return true;
}

static bool take_lap(struct bench_run *run, void *end, uint64_t each)
{
    const unsigned senders = run->what->producers;
    uint64_t sum = 0;

    if (run->what->trip)
        return run->peer->echo(run, end, each);
    if (!run->peer->receive(run, end, each * senders, &sum))
        return false;
    atomic_store_explicit(&run->board->ended_ns, bench_now_ns(), memory_order_relaxed);
    if (sum != senders * (each * (each - 1) / 2))
        return bench_fail(run, "messages were lost, repeated or torn");
    return true;
}

static bool receive_laps(struct member *member)
{
    struct bench_run *run = member->run;
    void *end = NULL;

    if (!run->peer->open_receiver(run, &end))
        return false;
    atomic_fetch_add_explicit(&run->board->receivers, 1, memory_order_release);
    if (!take_lap(run, end, member->warm_up))
        return false;
    atomic_store_explicit(&run->board->laps, 1, memory_order_release);
    if (!take_lap(run, end, member->count))
        return false;
    atomic_store_explicit(&run->board->laps, 2, memory_order_release);
    /* The last answer may be on its way, and would be lost. */
    if (!meet(run, &run->board->done, run->what->producers))
        return false;
    if (run->peer->close != NULL)
        run->peer->close(run, end);
    return true;
}

/* Every trip is stamped once: its end is the next one's beginning. */
static bool make_trips(struct bench_run *run, void *end, uint64_t count)
{
    const size_t kept = count < TRIPS_KEPT_MOST ? (size_t)count : TRIPS_KEPT_MOST;
    uint64_t *ticks = calloc(kept, sizeof(*ticks));
    uint64_t before;

    if (ticks == NULL)
        return bench_fail(run, "no memory");
    before = bench_ticks();
    for (uint64_t i = 0; i < count; i++) {
        uint64_t now;

        if (!run->peer->trip(run, end)) {
            free(ticks);
            return false;
        }
        now = bench_ticks();
        ticks[i % kept] = now - before;
        before = now;
    }
    run->board->trips.p50_ns = (double)bench_percentile(ticks, kept, 0.5) * bench_tick_ns();
    run->board->trips.p99_ns = (double)bench_percentile(ticks, kept, 0.99) * bench_tick_ns();
    free(ticks);
    return true;
}

static bool send_lap(struct bench_run *run, void *end, uint64_t count)
{
    return run->what->trip ? make_trips(run, end, count) : run->peer->send(run, end, count);
}

static bool send_laps(struct member *member)
{
    struct bench_run *run = member->run;
    struct bench_board *board = run->board;
    void *end = NULL;

    if (!meet(run, &board->receivers, 1) || !run->peer->open_sender(run, member->index, &end))
        return false;
    atomic_fetch_add_explicit(&board->senders, 1, memory_order_release);
    if (!meet(run, &board->senders, run->what->producers) || !send_lap(run, end, member->warm_up) ||
        !meet(run, &board->laps, 1))
        return false;
    atomic_store_explicit(&board->started_ns[member->index], bench_now_ns(), memory_order_relaxed);
    if (!send_lap(run, end, member->count))
        return false;
    if (run->what->trip)
        atomic_store_explicit(&board->ended_ns, bench_now_ns(), memory_order_relaxed);
    atomic_fetch_add_explicit(&board->done, 1, memory_order_release);
    if (!meet(run, &board->laps, 2))
        return false;
    if (run->peer->close != NULL)
        run->peer->close(run, end);
    return true;
}

static void *play(void *argument)
{
    struct member *member = argument;

    if (!take_place(member))
        (void)bench_fail_errno(member->run, "sched_setaffinity");
    else
        member->fine = member->index == RECEIVER ? receive_laps(member) : send_laps(member);
    return NULL;
}

/* ---- the crew ---- */

static bool play_threads(struct member *members, unsigned count)
{
    bool fine = true;

    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&members[i].thread, NULL, play, &members[i]) != 0)
            return bench_fail(members->run, "no thread");
    for (unsigned i = 0; i < count; i++) {
        (void)pthread_join(members[i].thread, NULL);
        fine = fine && members[i].fine;
    }
    return fine;
}

static bool play_processes(struct member *members, unsigned count)
{
    bool fine = true;

    for (unsigned i = 0; i < count; i++) {
        const pid_t child = fork();

        if (child < 0)
            return bench_fail_errno(members->run, "fork");
        if (child == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            (void)play(&members[i]);
            _exit(members[i].fine ? 0 : 1);
        }
    }
    for (unsigned i = 0; i < count && fine; i++) {
        int status = 0;

        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fine = bench_fail(members->run, "an end died (status 0x%x)", (unsigned)status);
    }
    return fine;
}

/* Runs in the root; exits. */
static void lead(struct bench_run *run, uint64_t count)
{
    const unsigned ends = run->what->producers + 1;
    const uint64_t shorter = count / WARM_UP_SHARE;
    const uint64_t few = count < WARM_UP_MIN ? count : WARM_UP_MIN;
    struct member members[BENCH_PRODUCERS_MOST + 1];
    bool fine;

    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (run->peer->prepare != NULL && !run->peer->prepare(run))
        _exit(1);
    for (unsigned i = 0; i < ends; i++)
        members[i] = (struct member){
            .run = run,
            .index = i == 0 ? RECEIVER : i - 1,
            .warm_up = shorter > few ? shorter : few,
            .count = count,
        };
    fine = (run->peer->can & BENCH_ONE_PROCESS) != 0 ? play_threads(members, ends)
                                                     : play_processes(members, ends);
    if (!fine)
        (void)kill(0, SIGKILL);
    _exit(0);
}

/* False when it goes on beyond the deadline.  Where the kernel, or what runs us, has no pidfd, it
   is asked for now and then. */
static bool ends_in_time(pid_t root)
{
    const uint64_t deadline_ns = bench_now_ns() + DEADLINE_MS * UINT64_C(1000000);
    struct pollfd ended = {(int)syscall(SYS_pidfd_open, root, 0), POLLIN, 0};
    siginfo_t info = {0};
    bool in_time;

    if (ended.fd >= 0) {
        in_time = poll(&ended, 1, DEADLINE_MS) == 1;
        (void)close(ended.fd);
        return in_time;
    }
    while (info.si_pid == 0 && bench_now_ns() < deadline_ns) {
        bench_nap_us(LONG_NAP_US);
        (void)waitid(P_PID, (id_t)root, &info, WEXITED | WNOHANG | WNOWAIT);
    }
    return info.si_pid != 0;
}

/* True when the root came to its end by itself. */
static bool wait_for(struct bench_run *run, pid_t root)
{
    int status = 0;

    if (!ends_in_time(root)) {
        (void)bench_fail(run, "not done within %d s", DEADLINE_MS / 1000);
        (void)kill(-root, SIGKILL);
        (void)kill(root, SIGKILL);
    }
    while (waitpid(root, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static struct bench_result add_up(const struct bench_board *board, const struct bench_case *what,
                                  uint64_t count)
{
    struct bench_result result = board->trips;
    uint64_t started_ns = board->started_ns[0];

    for (unsigned i = 1; i < what->producers; i++)
        if (board->started_ns[i] < started_ns)
            started_ns = board->started_ns[i];
    result.seconds = (double)(board->ended_ns - started_ns) / 1e9;
    result.rate = (double)(count * what->producers) / result.seconds;
    return result;
}

bool bench_sample(const struct bench_peer *peer, const struct bench_case *what, uint64_t count,
                  const char *directory, struct bench_result *result, char error[BENCH_ERROR_SIZE])
{
    static unsigned serial; /* the scheduler is one thread */
    struct bench_run run = {.peer = peer, .what = what, .directory = directory};
    bool fine;
    pid_t root;

    run.serial = ++serial;
    run.board = bench_share(sizeof(*run.board));
    if (run.board == NULL) {
        (void)snprintf(error, BENCH_ERROR_SIZE, "no memory");
        return false;
    }
    (void)bench_tick_ns();
    (void)given_cores();
    root = fork();
    if (root == 0)
        lead(&run, count);
    fine = root > 0 ? wait_for(&run, root) : bench_fail_errno(&run, "fork");
    if (fine)
        *result = add_up(run.board, what, count);
    else
        (void)snprintf(error, BENCH_ERROR_SIZE, "%s",
                       run.board->failed ? run.board->error : "its processes died");
    (void)munmap(run.board, sizeof(*run.board));
    return fine;
}
