/* SPDX-License-Identifier: MIT */
/*
 * R4: a process that stands still (SIGSTOP) is no dead one.  A sender, a receiver, and a host that
 * another one stands by for are stopped in turns, while a sender works with the host and an
 * observer with everybody.
 *
 * What must hold: nothing of the stopped one is taken away, neither its claim nor its lanes; the
 * observer is told that it is suspect; once it goes on it does so in the lane that it had, and
 * nothing was lost or came twice.  How long the notice took, and what others' round trips cost
 * meanwhile, is printed: time is the machine's.
 *
 * Argument: for how many milliseconds each is stopped.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/bus/kit.h"

enum {
    NUMBERS_MOST = 16 * 1024 * 1024,
    TRIPS_MOST = 1024 * 1024,
    CALM_MS = 300,
    FLUSH_MS = 10 * KIT_WAIT_MS, /* windows of backlog, on a machine that does much else */
};

static unsigned stop_ms = 1500;

struct board {
    atomic_bool stop_sending;
    atomic_bool flushed; /* what was sent by then */
    atomic_bool stop;
    _Atomic uint64_t accepted;
    _Atomic uint64_t newest;
    _Atomic uint64_t wrong;     /* not the next one */
    _Atomic uint64_t takeovers; /* by the standby */
    _Atomic uint64_t reconnects;
    _Atomic uint64_t redelivered;
    _Atomic uint64_t lanes_out;
};
static struct board *board;

/* ---- roles --------------------------------------------------------------------------- */

static void on_number(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    (void)user;
    board->wrong += kit_number(message) != board->newest + 1;
    board->newest = kit_number(message);
}

/* Opens a node with a machine of its own, by which the observer knows it; NULL: it could not. */
static struct smew_bus *appear(const char *own)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *bus;

    options.name = own;
    options.linger_ms = KIT_WAIT_MS;
    if (smew_bus_open(kit_test_url(), &options, &bus, NULL) ||
        smew_bus_register(bus, own, kit_echo, NULL, NULL, NULL))
        return NULL;
    return bus;
}

static int host(void *unused)
{
    struct smew_bus *bus = appear("host");

    (void)unused;
    if (!bus || smew_bus_register(bus, "m", on_number, NULL, NULL, NULL))
        return 1;
    while (!board->stop)
        (void)!smew_bus_poll(bus, 20, 256);
    smew_bus_close(bus, 1000, NULL);
    return 0;
}

static int stand_by(void *unused)
{
    struct smew_register_options options = SMEW_REGISTER_OPTIONS_INIT;
    struct smew_bus *bus = appear("standby");

    (void)unused;
    options.standby = true;
    options.timeout_ms = 50;
    if (!bus)
        return 1;
    while (!board->stop && board->newest == 0) /* the other one is the host */
        (void)!smew_bus_poll(bus, 10, 0);
    while (!board->stop && !board->takeovers) {
        board->takeovers += smew_bus_register(bus, "m", on_number, NULL, &options, NULL) == SMEW_OK;
        (void)!smew_bus_poll(bus, 0, 0);
    }
    smew_bus_close(bus, 1000, NULL);
    return 0;
}

static int other(void *unused)
{
    struct smew_bus *bus = appear("other");

    (void)unused;
    if (!bus)
        return 1;
    while (!board->stop)
        (void)!smew_bus_poll(bus, 20, 256);
    smew_bus_close(bus, 1000, NULL);
    return 0;
}

static int send_numbers(void *unused)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus *bus = appear("sender");
    struct smew_bus_stats stats;
    bool flushed;

    (void)unused;
    options.timeout_ms = 20;
    options.wait_ms = KIT_WAIT_MS;
    while (bus && !board->stop_sending && board->accepted < NUMBERS_MOST) {
        enum smew_status status = kit_send_number(bus, "m", board->accepted + 1, &options);

        board->accepted += status == SMEW_OK || status == SMEW_TIMEOUT;
        if (board->accepted % 64 == 0)
            (void)!smew_bus_poll(bus, 0, 0);
    }
    if (!bus || smew_bus_stats(bus, &stats))
        return 1;
    board->lanes_out = stats.lanes_out;
    board->reconnects = stats.reconnects;
    board->redelivered = stats.redelivered;
    flushed = smew_bus_flush(bus, FLUSH_MS) == SMEW_OK;
    board->flushed = flushed;
    while (!board->stop)
        (void)!smew_bus_poll(bus, 20, 0);
    smew_bus_close(bus, 1000, NULL);
    return flushed ? 0 : 2;
}

/* ---- the observer -------------------------------------------------------------------- */

struct observer {
    struct smew_bus *bus;
    char victim[32]; /* the address of the stopped one */
    uint64_t stopped_ns;
    uint64_t suspected_ns;
    bool recovered;
    bool replied;
    uint32_t trips; /* of requests to "other", in microseconds */
    uint32_t trip_us[TRIPS_MOST];
};
static struct observer observer;

static void on_notice(struct smew_bus *bus, const struct smew_notice *notice, void *user)
{
    (void)bus;
    (void)user;
    if (observer.stopped_ns == 0 || strcmp(notice->node, observer.victim) != 0)
        return;
    if (notice->type == SMEW_NOTICE_PEER_SUSPECT && !observer.suspected_ns)
        observer.suspected_ns = smew_now_ns();
    observer.recovered |= notice->type == SMEW_NOTICE_PEER_RECOVERED;
    assert_int_not_equal(notice->type, SMEW_NOTICE_PEER_DEAD);
    assert_int_not_equal(notice->type, SMEW_NOTICE_PEER_DISCONNECTED);
    assert_int_not_equal(notice->type, SMEW_NOTICE_PEER_LEFT);
}

static void on_reply(struct smew_bus *bus, enum smew_status status,
                     const struct smew_message *reply, void *user)
{
    (void)bus;
    (void)reply;
    (void)user;
    observer.replied = status == SMEW_OK;
}

static void ask(const char *target)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    const uint64_t begun_ns = smew_now_ns();

    options.timeout_ms = KIT_WAIT_MS;
    options.wait_ms = KIT_WAIT_MS;
    observer.replied = false;
    assert_int_equal(
        smew_bus_request_async(observer.bus, target, "ASK", NULL, 0, &options, on_reply, NULL),
        SMEW_OK);
    while (!observer.replied) {
        (void)!smew_bus_poll(observer.bus, 100, 0);
        assert_true(smew_now_ns() - begun_ns < KIT_WAIT_MS * UINT64_C(1000000));
    }
    if (observer.trips < TRIPS_MOST)
        observer.trip_us[observer.trips++] = (uint32_t)((smew_now_ns() - begun_ns) / 1000);
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

/* Of those since the last call. */
static uint32_t p99_us(void)
{
    uint32_t found;

    qsort(observer.trip_us, observer.trips, sizeof(observer.trip_us[0]), compare);
    found = observer.trips ? observer.trip_us[(uint64_t)observer.trips * 99 / 100] : 0;
    observer.trips = 0;
    return found;
}

static bool find_address(const char *id, const char *node_address, void *user)
{
    if (strcmp(id, user) != 0)
        return true;
    (void)snprintf(observer.victim, sizeof(observer.victim), "%s", node_address);
    return false;
}

static bool note_host(const char *id, const char *node_address, void *user)
{
    if (strcmp(id, "m") == 0)
        (void)snprintf(user, 32, "%s", node_address);
    return true;
}

static bool is_suspect(const struct smew_node_info *node, void *user)
{
    if (strcmp(node->address, observer.victim) == 0)
        *(bool *)user = node->alive && node->suspect;
    return true;
}

/* ---- the test ------------------------------------------------------------------------ */

static bool has_grown(void *number)
{
    (void)!smew_bus_poll(observer.bus, 0, 0);
    return board->newest > *(uint64_t *)number;
}

static bool has_recovered(void *unused)
{
    (void)unused;
    (void)!smew_bus_poll(observer.bus, 0, 0);
    return observer.recovered;
}

static bool has_flushed(void *unused)
{
    (void)unused;
    (void)!smew_bus_poll(observer.bus, 0, 0);
    return board->flushed;
}

/* Asks the other one until the victim was stopped for long enough, and is suspected. */
static void watch_the_stopped(void)
{
    const uint64_t begun_ns = smew_now_ns();

    while (smew_now_ns() - begun_ns < stop_ms * UINT64_C(1000000) ||
           (!observer.suspected_ns && smew_now_ns() - begun_ns < KIT_WAIT_MS * UINT64_C(1000000)))
        ask("other");
}

/* What is shown and what is noticed do not change in the same moment. */
static bool shows_suspect(void *unused)
{
    bool suspect = false;

    (void)unused;
    return smew_bus_each_node(observer.bus, is_suspect, &suspect) == SMEW_OK && suspect;
}

static void expect_nothing_taken(const char *host_before)
{
    char now[32] = "";

    assert_int_equal(smew_bus_each_claim(observer.bus, note_host, now), SMEW_OK);
    assert_string_equal(now, host_before);
    assert_true(support_wait_until(shows_suspect, NULL, KIT_WAIT_MS));
    assert_int_equal(board->takeovers, 0);
}

/* Stops, watches, and lets go on. */
static void stop(pid_t victim, const char *name)
{
    char host_before[32] = "";
    uint32_t calm_us, stopped_us;
    uint64_t calm_until_ns = smew_now_ns() + CALM_MS * UINT64_C(1000000);
    uint64_t newest;
    int status;

    while (smew_now_ns() < calm_until_ns)
        ask("other");
    calm_us = p99_us();
    assert_int_equal(smew_bus_each_claim(observer.bus, note_host, host_before), SMEW_OK);
    assert_int_equal(kill(victim, SIGSTOP), 0);
    assert_int_equal(waitpid(victim, &status, WUNTRACED), victim);
    observer.stopped_ns = smew_now_ns();
    watch_the_stopped();
    stopped_us = p99_us();
    assert_true(observer.suspected_ns > 0);
    expect_nothing_taken(host_before);
    newest = board->newest;
    assert_int_equal(kill(victim, SIGCONT), 0);
    assert_true(support_wait_until(has_recovered, NULL, KIT_WAIT_MS));
    assert_true(support_wait_until(has_grown, &newest, KIT_WAIT_MS)); /* the work goes on */
    print_message("%s: suspect after %" PRIu64 " ms; others' p99 %u us before, %u us meanwhile\n",
                  name, (observer.suspected_ns - observer.stopped_ns) / 1000000, calm_us,
                  stopped_us);
}

/* The first child is the one that is stopped. */
static void stop_one(int (*const roles[4])(void *), const char *name)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    uint64_t nothing = 0;
    pid_t children[4] = {0};

    memset(board, 0, sizeof(*board));
    memset(&observer, 0, sizeof(observer));
    for (int i = 0; i < 4 && roles[i]; i++)
        children[i] = support_fork(roles[i], NULL);
    options.on_notice = on_notice;
    observer.bus = kit_open(&options);
    ask("other");
    ask(name);
    ask("sender");
    assert_int_equal(smew_bus_each_claim(observer.bus, find_address, (void *)(uintptr_t)name),
                     SMEW_OK);
    assert_true(support_wait_until(has_grown, &nothing, KIT_WAIT_MS));
    stop(children[0], name);
    board->stop_sending = true;
    assert_true(support_wait_until(has_flushed, NULL, FLUSH_MS + KIT_WAIT_MS));
    assert_int_equal(board->takeovers, 0);
    observer.stopped_ns = 0; /* from now on nodes may leave */
    board->stop = true;
    for (int i = 0; i < 4 && roles[i]; i++)
        assert_int_equal(support_reap(children[i], KIT_WAIT_MS), 0);
    assert_int_equal(board->newest, board->accepted);
    assert_int_equal(board->wrong, 0);
    assert_int_equal(board->reconnects, 0);
    assert_int_equal(board->redelivered, 0);
    assert_true(board->lanes_out >= 1); /* the one that it began with: none was lost */
    kit_close(observer.bus);
}

static void a_sender(void **state)
{
    static int (*const roles[4])(void *) = {send_numbers, host, other};

    (void)state;
    stop_one(roles, "sender");
}

static void a_receiver(void **state)
{
    static int (*const roles[4])(void *) = {host, send_numbers, other};

    (void)state;
    stop_one(roles, "host");
}

static void a_host_with_a_standby(void **state)
{
    static int (*const roles[4])(void *) = {host, send_numbers, other, stand_by};

    (void)state;
    stop_one(roles, "host");
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_sender),
        SUPPORT_TEST(a_receiver),
        SUPPORT_TEST(a_host_with_a_standby),
    };

    if (count > 1)
        stop_ms = (unsigned)strtoul(arguments[1], NULL, 10);
    kit_use("shm");
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
