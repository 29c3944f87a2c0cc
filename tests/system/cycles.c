/* SPDX-License-Identifier: MIT */
/*
 * R3: a node that hosts a machine and sends is killed and started again, over and over, at random
 * moments of its life, beside one that stays and works with it.  Every start succeeds, nothing that
 * the one that stays accepted is lost, and in the end it holds no more than before the first cycle:
 * no descriptor, no mapping, no file below the runtime directory.
 *
 * Argument: how many cycles.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/bus/kit.h"
#include "tests/system/holdings.h"

enum { PAUSE_MOST_US = 6000, NUMBERS_MOST = 1024 * 1024 };

static unsigned cycles = 50;

/* What they tell, and are told. */
struct board {
    _Atomic uint64_t starts;
    _Atomic uint64_t failures;
    _Atomic uint64_t worked; /* messages handled by the present one */
    _Atomic uint64_t accepted;
    _Atomic uint64_t heard; /* from those who were killed, by the one that stays */
    atomic_bool ready;      /* it is there, */
    atomic_bool enough;     /* may go on to the end, */
    atomic_bool processed;  /* knows that all was handled, */
    atomic_bool alone;      /* and is left alone */
    _Atomic uint8_t count[NUMBERS_MOST];
};
static struct board *board;

/* ---- the one that is killed ---------------------------------------------------------- */

static void on_number(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    uint64_t number = kit_number(message);

    (void)bus;
    (void)user;
    if (number < NUMBERS_MOST && board->count[number] < UINT8_MAX)
        board->count[number]++;
    board->worked++;
}

static int note_failure(const char *what, const struct smew_error *error)
{
    board->failures++;
    fprintf(stderr, "a start failed: %s: %s\n", what, error->text);
    return 1;
}

/* Works until it is killed, or finds itself left alone. */
static int work(void *unused)
{
    struct smew_register_options options = SMEW_REGISTER_OPTIONS_INIT;
    struct smew_error error = {0};
    struct smew_bus *bus;

    (void)unused;
    options.timeout_ms = KIT_WAIT_MS;
    if (smew_bus_open(kit_test_url(), NULL, &bus, &error))
        return note_failure("open", &error);
    if (smew_bus_register(bus, "m", on_number, NULL, &options, &error))
        return note_failure("register", &error);
    board->starts++;
    for (uint64_t number = 1;; number++) {
        (void)!kit_send_number(bus, "stays", number, NULL);
        (void)!smew_bus_poll(bus, number % 16 == 0, 64);
    }
}

/* ---- the one that stays -------------------------------------------------------------- */

static bool is_set(void *flag)
{
    return *(atomic_bool *)flag;
}

static void on_heard(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    (void)message;
    (void)user;
    board->heard++;
}

static bool is_left_alone(void *argument)
{
    struct smew_bus *bus = argument;

    kit_poll_all(bus);
    return kit_stats(bus).connections == 0 && kit_stats(bus).lanes_in == 0 &&
           kit_stats(bus).lanes_out == 0;
}

struct least {
    struct holdings holdings;
    unsigned entries;
};

static struct least what_there_is(void)
{
    return (struct least){holdings_of(getpid()), holdings_of_runtime_dir()};
}

/* A node that comes and goes reaps what the dead left below the runtime directory. */
static bool holds_no_more(void *argument)
{
    const struct least *before = argument;
    struct least now;

    kit_close(kit_open(NULL));
    now = what_there_is();
    return now.holdings.fds <= before->holdings.fds &&
           now.holdings.mappings <= before->holdings.mappings && now.entries <= before->entries;
}

/* Sends and handles until it is enough. */
static void work_along(struct smew_bus *bus)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = SMEW_NOW;
    while (!board->enough) {
        if (board->accepted + 1 < NUMBERS_MOST &&
            kit_send_number(bus, "m", board->accepted + 1, &options) == SMEW_OK)
            board->accepted++;
        (void)!smew_bus_poll(bus, 0, 64);
    }
}

/* A process of its own, so that the one that starts the others has no threads. */
static int stay(void *unused)
{
    struct smew_bus *bus = kit_open(NULL);
    struct least before;
    struct least after;

    (void)unused;
    kit_register(bus, "stays", on_heard, NULL);
    kit_close(kit_open(NULL));
    before = what_there_is();
    board->ready = true;
    work_along(bus);
    if (smew_bus_flush(bus, KIT_WAIT_MS) != SMEW_OK)
        return 2;
    board->processed = true;
    if (!support_wait_until(is_set, &board->alone, KIT_WAIT_MS) ||
        !support_wait_until(is_left_alone, bus, KIT_WAIT_MS))
        return 3;
    after = what_there_is();
    holdings_print("before", &before.holdings);
    holdings_print("after", &after.holdings);
    if (!support_wait_until(holds_no_more, &before, KIT_WAIT_MS) ||
        kit_stats(bus).dead_letters != 0)
        return 4;
    kit_close(bus);
    return 0;
}

/* ---- the test ------------------------------------------------------------------------ */

static bool has_worked(void *unused)
{
    (void)unused;
    return board->worked > 0;
}

static bool is_over(void *until_ns)
{
    return smew_now_ns() >= *(uint64_t *)until_ns;
}

static pid_t run_cycles(void)
{
    struct support_random random = support_random_seeded();
    pid_t last = 0;

    for (unsigned i = 0; i < cycles; i++) {
        uint64_t until_ns = smew_now_ns() + support_random_below(&random, PAUSE_MOST_US) * 1000;

        if (last)
            support_kill(last);
        board->worked = 0;
        last = support_fork(work, NULL);
        (void)support_wait_until(is_over, &until_ns, KIT_WAIT_MS);
        /* Every third one comes to work at least; the others may be hit while they start. */
        if (i % 3 == 0 || i + 1 == cycles)
            assert_true(support_wait_until(has_worked, NULL, KIT_WAIT_MS));
    }
    return last;
}

static void expect_no_loss(void)
{
    uint64_t lost = 0;

    for (uint64_t number = 1; number <= board->accepted; number++)
        lost += board->count[number] == 0;
    assert_int_equal(lost, 0);
}

static void a_node_is_killed_and_started_again(void **state)
{
    pid_t stayer = support_fork(stay, NULL);
    pid_t last;

    (void)state;
    assert_true(support_wait_until(is_set, &board->ready, KIT_WAIT_MS));
    last = run_cycles();
    board->enough = true;
    assert_true(support_wait_until(is_set, &board->processed, 2 * KIT_WAIT_MS));
    support_kill(last);
    board->alone = true;
    assert_int_equal(support_reap(stayer, 4 * KIT_WAIT_MS), 0);
    print_message("%u cycles, %" PRIu64 " complete starts, %" PRIu64 " sent, %" PRIu64 " heard\n",
                  cycles, board->starts, board->accepted, board->heard);
    assert_int_equal(board->failures, 0);
    assert_true(board->starts >= cycles / 3 && board->heard > 0);
    expect_no_loss();
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_node_is_killed_and_started_again),
    };

    if (count > 1)
        cycles = (unsigned)strtoul(arguments[1], NULL, 10);
    kit_use("shm");
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
