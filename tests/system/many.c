/* SPDX-License-Identifier: MIT */
/*
 * A claim to many: one node, and 128 processes of three threads each that send to it at once.
 *
 * With room for a lane of every thread each gets one.  With less the node gives as many as its
 * quota has room for, says so in its log and its statistics, and the others' messages go the common
 * way.  With too few descriptors for everybody it accepts those who find a place, and the others
 * when there is room again.  Each time every message arrives, once, and each thread's in order.
 *
 * Arguments: how many processes, and how many messages a thread.
 */
#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <smew/log.h>

#include "tests/bus/kit.h"
#include "tests/system/holdings.h"

enum {
    PROCESSES_MOST = 256,
    THREADS = 3,
    QUOTA_LANES_BYTES = 4 * 1024 * 1024,
    LANE_BYTES = 64 * 1024,
    LANE_LEAST = 64 * 1024 + 4096 + 4096 + 8192, /* a page before ring and answers, a window */
    LANE_MOST = 100 * 1024,
    CONNECTION_BYTES = 256 * 1024 + 4096 + 4096 + 8192,
    FDS_SPARE = 6,
    LONG_MS = 100000,
};

static unsigned processes = 128;
static unsigned messages = 50;

struct board {
    _Atomic uint64_t begun; /* threads whose first message was accepted */
    /* 0: everybody waits; 1: whoever passes leaves it open for the next. */
    sem_t begin; /* processes, which are there before the receiver has threads */
    sem_t gate;  /* and their threads when they have sent once */
};
static struct board *board;

struct note {
    uint64_t process;
    uint64_t thread;
    uint64_t number;
};

/* What arrived: the last number of each thread. */
static uint64_t newest[PROCESSES_MOST][THREADS];
static uint64_t wrong;
static uint64_t arrived;
static atomic_uint warnings;  /* that speak of lanes_max_bytes */
static atomic_uint shortages; /* of descriptors */

static void on_note(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct note note;

    (void)bus;
    (void)user;
    memcpy(&note, smew_message_payload(message), sizeof(note));
    arrived++;
    if (note.process >= processes || note.thread >= THREADS) {
        wrong++;
        return;
    }
    if (note.number != newest[note.process][note.thread] + 1) {
        struct smew_message_id id = smew_message_id(message);

        wrong++;
        print_error("thread %u of %u: %u after %u, id %u.%u%s\n", (unsigned)note.thread,
                    (unsigned)note.process, (unsigned)note.number,
                    (unsigned)newest[note.process][note.thread], (unsigned)id.stream,
                    (unsigned)id.sequence, smew_message_redelivered(message) ? ", again" : "");
    }
    newest[note.process][note.thread] = note.number;
}

static void on_log(enum smew_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == SMEW_LOG_WARN && strstr(text, "lanes_max_bytes"))
        warnings++;
    if (level == SMEW_LOG_WARN && strstr(text, "cannot accept"))
        shortages++;
}

/* ---- producers ----------------------------------------------------------------------- */

struct producer {
    pthread_t thread;
    struct smew_bus *bus;
    uint64_t process;
    uint64_t number;
};

/* A process stays until the receiver has looked at what everybody holds. */
static bool pass(sem_t *gate)
{
    struct timespec until;

    if (clock_gettime(CLOCK_MONOTONIC, &until))
        return false;
    until.tv_sec += LONG_MS / 1000;
    return sem_clockwait(gate, CLOCK_MONOTONIC, &until) == 0 && sem_post(gate) == 0;
}

static void *produce(void *argument)
{
    const struct producer *producer = argument;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct note note = {.process = producer->process, .thread = producer->number};

    options.timeout_ms = LONG_MS;
    options.wait_ms = LONG_MS;
    for (note.number = 1; note.number <= messages; note.number++) {
        if (smew_bus_send(producer->bus, "m", "N", &note, sizeof(note), &options))
            return producer->bus;
        board->begun += note.number == 1;
        if (note.number == 1 && !pass(&board->gate))
            return producer->bus;
    }
    return NULL;
}

static int run_process(void *argument)
{
    const uint64_t *process = argument;
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct producer producers[THREADS];
    struct smew_error error = {0};
    struct smew_left left = {0};
    struct smew_bus *bus;
    bool failed = false;

    options.linger_ms = LONG_MS;
    options.lane_bytes = LANE_BYTES;
    if (!pass(&board->begin))
        return 1;
    if (smew_bus_open(kit_test_url(), &options, &bus, &error)) {
        fprintf(stderr, "process %u could not open: %s\n", (unsigned)*process, error.text);
        return 1;
    }
    for (uint64_t i = 0; i < THREADS; i++) {
        producers[i] = (struct producer){.bus = bus, .process = *process, .number = i};
        if (pthread_create(&producers[i].thread, NULL, produce, &producers[i]))
            return 2;
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;

        failed |= pthread_join(producers[i].thread, &result) != 0 || result;
    }
    failed |= smew_bus_flush(bus, LONG_MS) != SMEW_OK;
    smew_bus_close(bus, 1000, &left);
    return failed || left.unsent ? 3 : 0;
}

/* ---- the one that receives ----------------------------------------------------------- */

static void start_all(pid_t *children)
{
    for (unsigned i = 0; i < processes; i++) {
        uint64_t process = i;

        children[i] = support_fork(run_process, &process);
    }
}

/* Processes are started, and wait to begin. */
static struct smew_bus *open_claimed(uint64_t quota, pid_t *children)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *bus;

    memset(board, 0, sizeof(*board));
    assert_int_equal(sem_init(&board->begin, 1, 0), 0);
    assert_int_equal(sem_init(&board->gate, 1, 0), 0);
    memset(newest, 0, sizeof(newest));
    wrong = 0;
    arrived = 0;
    warnings = 0;
    shortages = 0;
    start_all(children); /* they inherit nothing of the bus */
    options.lanes_max_bytes = quota;
    bus = kit_open(&options);
    kit_register(bus, "m", on_note, NULL);
    return bus;
}

static void poll_until(struct smew_bus *bus, const _Atomic uint64_t *begun, uint64_t count)
{
    const uint64_t deadline_ns = smew_now_ns() + LONG_MS * UINT64_C(1000000);

    while ((begun ? *begun : arrived) < count) {
        (void)!smew_bus_poll(bus, 10, 0);
        if (smew_now_ns() > deadline_ns)
            fail_msg("%" PRIu64 " of %" PRIu64 " arrived", arrived, count);
    }
}

/* Each asked for a lane, and was answered: one may have been too late for its first message. */
static bool are_answered(void *argument)
{
    struct smew_bus_stats stats = kit_stats(argument);

    (void)!smew_bus_poll(argument, 0, 0);
    return stats.lanes_in + stats.lanes_refused >= processes * THREADS;
}

/* Everybody has sent once, and stays: this is when the node gives most. */
static struct smew_bus_stats hear_all(struct smew_bus *bus)
{
    struct smew_bus_stats stats;
    struct holdings holdings;

    assert_int_equal(sem_post(&board->begin), 0);
    poll_until(bus, &board->begun, (uint64_t)processes * THREADS);
    poll_until(bus, NULL, (uint64_t)processes * THREADS);
    assert_true(support_wait_until(are_answered, bus, LONG_MS));
    stats = kit_stats(bus);
    holdings = holdings_of(getpid());
    holdings_print("receiver", &holdings);
    print_message("%u connections, %u lanes given, %" PRIu64 " refused\n", stats.connections,
                  stats.lanes_in, stats.lanes_refused);
    assert_int_equal(sem_post(&board->gate), 0);
    return stats;
}

/* Lanes of those who are gone go with the next heartbeats. */
static bool holds_nothing(void *argument)
{
    return kit_stats(argument).connections == 0 && kit_stats(argument).lanes_in == 0;
}

/* Nothing was lost, and nothing is held any more. */
static void hear_the_rest(struct smew_bus *bus, const pid_t *children)
{
    poll_until(bus, NULL, (uint64_t)processes * THREADS * messages);
    for (unsigned i = 0; i < processes; i++)
        assert_int_equal(support_reap(children[i], LONG_MS), 0);
    assert_int_equal(wrong, 0);
    assert_int_equal(arrived, (uint64_t)processes * THREADS * messages);
    assert_true(support_wait_until(holds_nothing, bus, KIT_WAIT_MS));
    assert_int_equal(kit_stats(bus).lane_lost, 0);
    assert_int_equal(holdings_of(getpid()).mappings, 0);
    kit_close(bus);
}

static void each_thread_gets_a_lane(void **state)
{
    pid_t children[PROCESSES_MOST] = {0};
    struct smew_bus *bus = open_claimed(0, children);
    struct smew_bus_stats stats = hear_all(bus);

    (void)state;
    assert_int_equal(stats.connections, processes);
    assert_int_equal(stats.lanes_in, processes * THREADS);
    assert_int_equal(stats.lanes_refused, 0);
    assert_int_equal(warnings, 0);
    hear_the_rest(bus, children);
}

static void a_quota_of_memory_is_kept(void **state)
{
    uint64_t quota = (uint64_t)processes * CONNECTION_BYTES + QUOTA_LANES_BYTES;
    pid_t children[PROCESSES_MOST] = {0};
    struct smew_bus *bus = open_claimed(quota, children);
    struct smew_bus_stats stats = hear_all(bus);

    (void)state;
    /* Most, if those connections come last that have no lane. */
    assert_true(stats.lanes_in <= quota / (LANE_LEAST + CONNECTION_BYTES / THREADS));
    assert_true(stats.lanes_in >= QUOTA_LANES_BYTES / LANE_MOST);
    assert_true(stats.lanes_refused >= processes * THREADS - stats.lanes_in);
    assert_true(warnings > 0);
    hear_the_rest(bus, children);
}

static bool are_short(void *argument)
{
    (void)!smew_bus_poll(argument, 0, 0);
    return shortages > 0;
}

/* Whoever finds no descriptor waits until others have gone; which they do when it was seen. */
static void few_descriptors_are_enough(void **state)
{
    pid_t children[PROCESSES_MOST] = {0};
    struct smew_bus *bus = open_claimed(0, children);
    struct rlimit before, few;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = support_count_fds() + FDS_SPARE;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(sem_post(&board->begin), 0);
    assert_true(support_wait_until(are_short, bus, LONG_MS));
    assert_int_equal(sem_post(&board->gate), 0);
    hear_the_rest(bus, children);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    print_message("no descriptor for a connection %u times\n", shortages);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(each_thread_gets_a_lane),
        SUPPORT_TEST(a_quota_of_memory_is_kept),
        SUPPORT_TEST(few_descriptors_are_enough),
    };

    if (count > 1)
        processes = (unsigned)strtoul(arguments[1], NULL, 10);
    if (count > 2)
        messages = (unsigned)strtoul(arguments[2], NULL, 10);
    smew_log_set_sink(on_log, NULL, SMEW_LOG_WARN);
    kit_use("shm");
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED || processes > PROCESSES_MOST)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
