/* SPDX-License-Identifier: MIT */
/*
 * The contract, ninth part: polling and looking.  One thread polls at a time; the fd is ready when
 * there is something to do; notices and counters say what happened.
 */
#include "tests/bus/contract.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/wait.h>
#include <unistd.h>

/* ---- polling ------------------------------------------------------------------------- */

static void poll_answers_what_it_did(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    static struct kit_log log;
    uint64_t begin_ns = smew_now_ns();

    (void)state;
    kit_log_init(&log);
    kit_register(bus, "m", kit_note, &log);
    assert_int_equal(smew_bus_poll(bus, 0, 0), SMEW_TIMEOUT);
    assert_int_equal(smew_bus_poll(bus, 20, 0), SMEW_TIMEOUT);
    assert_true(smew_now_ns() - begin_ns >= UINT64_C(20000000));
    for (uint64_t i = 0; i < 10; i++)
        kit_send(bus, "m", i);
    assert_int_equal(smew_bus_poll(bus, 0, 1), SMEW_OK);
    assert_int_equal(log.count, 1);
    assert_int_equal(smew_bus_poll(bus, 0, 3), SMEW_OK);
    assert_int_equal(log.count, 4);
    assert_int_equal(smew_bus_poll(bus, 0, 0), SMEW_OK);
    assert_int_equal(log.count, 10);
    assert_int_equal(smew_bus_poll(bus, 0, 1), SMEW_TIMEOUT);
    kit_close(bus);
}

static bool is_ready(struct smew_bus *bus, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = smew_bus_fd(bus), .events = POLLIN};

    return poll(&poll_fd, 1, timeout_ms) == 1 && (poll_fd.revents & POLLIN) != 0;
}

static void an_event_loop_of_the_programs_own(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct smew_send_options options = kit_level(SMEW_LEVEL_ACCEPTED);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    assert_false(is_ready(host, 0));
    for (uint64_t i = 0; i < 50; i++) {
        kit_send(sender, "m", i);
        while (log.count == i) {
            assert_true(is_ready(host, KIT_WAIT_MS));
            (void)!smew_bus_poll(host, 0, 0);
        }
    }
    (void)!smew_bus_poll(host, 0, 0);
    assert_false(is_ready(host, 0));
    /* A deadline makes it ready too, with no message at all. */
    kit_register(host, "silent", kit_ignore, NULL);
    options.timeout_ms = 20;
    assert_int_equal(
        smew_bus_request_async(sender, "silent", "GET", NULL, 0, &options, kit_note_reply, &log),
        SMEW_OK);
    while (log.count == 50) {
        assert_true(is_ready(sender, KIT_WAIT_MS));
        (void)!smew_bus_poll(sender, 0, 0);
    }
    assert_int_equal(log.seen[50].status, SMEW_TIMEOUT);
    while (smew_bus_flush(sender, 0) != SMEW_OK)
        (void)!smew_bus_poll(host, 10, 0);
    kit_close(sender);
    kit_close(host);
}

/* What one poll left is found by the next, and the fd says so. */
static void the_fd_stays_ready_for_the_rest(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(bus, "m", kit_note, &log);
    for (uint64_t i = 0; i < 5; i++)
        kit_send(bus, "m", i);
    for (size_t i = 0; i < 5; i++) {
        assert_true(is_ready(bus, 0));
        assert_int_equal(smew_bus_poll(bus, 0, 1), SMEW_OK);
    }
    assert_int_equal(log.count, 5);
    kit_close(bus);
}

struct waiting {
    struct smew_bus *bus;
    uint32_t timeout_ms;
    atomic_bool begun;
    atomic_bool over;
    enum smew_status status;
    pthread_t thread;
};

static void *poll_once(void *argument)
{
    struct waiting *waiting = argument;

    atomic_store(&waiting->begun, true);
    do { /* the one that asks whether it is busy may be in there */
        waiting->status = smew_bus_poll(waiting->bus, waiting->timeout_ms, 0);
    } while (waiting->status == SMEW_BUSY);
    atomic_store(&waiting->over, true);
    return NULL;
}

static bool is_busy(void *argument)
{
    return smew_bus_poll(argument, 0, 0) == SMEW_BUSY;
}

static void one_thread_polls_and_another_wakes_it(void **state)
{
    struct waiting waiting = {.bus = kit_open(NULL), .timeout_ms = KIT_WAIT_MS};
    uint64_t begin_ns = smew_now_ns();

    (void)state;
    assert_int_equal(pthread_create(&waiting.thread, NULL, poll_once, &waiting), 0);
    assert_true(support_wait_until(is_busy, waiting.bus, KIT_WAIT_MS));
    assert_int_equal(smew_bus_poll(waiting.bus, KIT_WAIT_MS, 0), SMEW_BUSY); /* at once */
    assert_false(atomic_load(&waiting.over));
    smew_bus_wake(waiting.bus);
    assert_int_equal(pthread_join(waiting.thread, NULL), 0);
    assert_int_equal(waiting.status, SMEW_TIMEOUT);
    assert_true(smew_now_ns() - begin_ns < KIT_WAIT_MS * UINT64_C(1000000));
    /* A wake before the poll counts for it, once. */
    smew_bus_wake(waiting.bus);
    assert_int_equal(smew_bus_poll(waiting.bus, KIT_WAIT_MS, 0), SMEW_TIMEOUT);
    assert_true(smew_now_ns() - begin_ns < KIT_WAIT_MS * UINT64_C(1000000));
    begin_ns = smew_now_ns();
    assert_int_equal(smew_bus_poll(waiting.bus, 20, 0), SMEW_TIMEOUT);
    assert_true(smew_now_ns() - begin_ns >= UINT64_C(20000000));
    kit_close(waiting.bus);
}

static struct smew_bus *signalled;

static void on_signal(int number)
{
    (void)number;
    smew_bus_wake(signalled);
}

static void a_signal_handler_may_wake(void **state)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before;
    uint64_t begin_ns = smew_now_ns();

    (void)state;
    signalled = kit_open(NULL);
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(smew_bus_poll(signalled, KIT_WAIT_MS, 0), SMEW_TIMEOUT);
    assert_true(smew_now_ns() - begin_ns < KIT_WAIT_MS * UINT64_C(1000000));
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
    kit_close(signalled);
}

/* ---- counters ------------------------------------------------------------------------ */

static void counters_count(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    static struct kit_log log;
    struct smew_bus_stats stats;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    for (uint64_t i = 0; i < 10; i++)
        kit_send(sender, "m", i);
    kit_poll_until(host, &log, 10);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    stats = kit_stats(sender);
    assert_int_equal(stats.sent, 10);
    assert_int_equal(stats.processed, 10);
    assert_int_equal(stats.bytes_sent, 80);
    assert_int_equal(stats.in_flight, 0);
    assert_int_equal(stats.connections, 1);
    assert_int_equal(stats.redelivered + stats.refused + stats.dead_letters + stats.reconnects, 0);
    stats = kit_stats(host);
    assert_int_equal(stats.delivered, 10);
    assert_int_equal(stats.bytes_received, 80);
    assert_int_equal(stats.connections, 1);
    assert_int_equal(stats.duplicates + stats.bad_frames, 0);
    assert_int_equal(smew_bus_stats(host, NULL), SMEW_INVALID);
    kit_close(sender);
    kit_close(host);
}

/* ---- notices ------------------------------------------------------------------------- */

struct notices {
    unsigned counts[16];
    char node[32];
};

static void on_notice(struct smew_bus *bus, const struct smew_notice *notice, void *user)
{
    struct notices *notices = user;

    (void)bus;
    if (notice->text != NULL && strlen(notice->text) > 3)
        notices->counts[notice->type]++;
    (void)snprintf(notices->node, sizeof(notices->node), "%s", notice->node);
}

static void wait_for_notice(struct smew_bus *bus, struct notices *notices,
                            enum smew_notice_type type)
{
    uint64_t deadline_ns = smew_now_ns() + KIT_WAIT_MS * UINT64_C(1000000);

    while (notices->counts[type] == 0) {
        (void)!smew_bus_poll(bus, 10, 0);
        if (smew_now_ns() > deadline_ns)
            fail_msg("notice %d does not come", type);
    }
}

static void notices_tell_who_comes_and_goes(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender;
    struct notices notices = {0};
    static struct kit_log log;
    char address[32];

    (void)state;
    options.on_notice = on_notice;
    options.user = &notices;
    options.heartbeat_ms = 20;
    sender = kit_open(&options);
    kit_log_init(&log);
    kit_register(host, "m", kit_note, &log);
    kit_send(sender, "m", 1);
    wait_for_notice(sender, &notices, SMEW_NOTICE_PEER_CONNECTED);
    (void)snprintf(address, sizeof(address), "%s", smew_bus_address(host));
    assert_non_null(strstr(notices.node, address));
    kit_poll_until(host, &log, 1);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_close(host);
    wait_for_notice(sender, &notices, SMEW_NOTICE_PEER_LEFT);
    assert_int_equal(notices.counts[SMEW_NOTICE_PEER_CONNECTED], 1);
    assert_int_equal(notices.counts[SMEW_NOTICE_PEER_DEAD], 0);
    assert_int_equal(notices.counts[SMEW_NOTICE_PEER_SUSPECT], 0);
    kit_close(sender);
}

/* ---- another process ----------------------------------------------------------------- */

/* Hosts "m" and swallows what comes, until it is killed. */
static int run_host(void *argument)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *bus;

    (void)argument;
    options.heartbeat_ms = 20;
    options.name = "child";
    if (smew_bus_open(kit_test_url(), &options, &bus, NULL) != SMEW_OK ||
        smew_bus_register(bus, "m", kit_ignore, NULL, NULL, NULL) != SMEW_OK)
        return 1;
    for (;;)
        (void)!smew_bus_poll(bus, 1000, 0);
}

static bool see_suspect(const struct smew_node_info *node, void *user)
{
    if (strcmp(node->name, "child") == 0)
        *(bool *)user = node->alive && node->suspect && node->silent_ms >= 100;
    return true;
}

static bool is_suspect(void *argument)
{
    bool suspect = false;

    assert_int_equal(smew_bus_each_node(argument, see_suspect, &suspect), SMEW_OK);
    return suspect;
}

static void a_stopped_process_is_suspect_and_keeps_everything(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_send_options wait = kit_level(SMEW_LEVEL_PROCESSED);
    struct notices notices = {0};
    struct smew_bus *sender;
    pid_t child;

    (void)state;
    if (!kit_is_pipe())
        skip(); /* in one process nobody dies alone */
    child = support_fork(run_host, NULL);
    options.on_notice = on_notice;
    options.user = &notices;
    options.heartbeat_ms = 20;
    options.suspect_ms = 100;
    sender = kit_open(&options);
    wait.wait_ms = KIT_WAIT_MS;
    assert_int_equal(kit_send_number(sender, "m", 1, &wait), SMEW_OK);
    support_stop(child);
    /* The notice may be older, of a busy machine's child that was slow to begin; the list is not.
     */
    wait_for_notice(sender, &notices, SMEW_NOTICE_PEER_SUSPECT);
    assert_true(support_wait_until(is_suspect, sender, KIT_WAIT_MS));
    wait.timeout_ms = 20;
    assert_int_equal(kit_send_number(sender, "m", 2, &wait), SMEW_TIMEOUT); /* accepted */
    assert_int_equal(smew_bus_register(sender, "m", kit_ignore, NULL, NULL, NULL), SMEW_CLAIMED);
    assert_int_equal(kill(child, SIGCONT), 0);
    wait_for_notice(sender, &notices, SMEW_NOTICE_PEER_RECOVERED);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(kit_stats(sender).redelivered, 0);
    support_kill(child);
    wait_for_notice(sender, &notices, SMEW_NOTICE_PEER_DEAD);
    assert_int_equal(notices.counts[SMEW_NOTICE_PEER_LEFT], 0);
    kit_close(sender);
}

static bool see_child(const struct smew_node_info *node, void *user)
{
    *(bool *)user |= strcmp(node->name, "child") == 0;
    return true;
}

static void the_dead_are_not_shown(void **state)
{
    struct smew_send_options wait = kit_level(SMEW_LEVEL_PROCESSED);
    struct smew_bus *bus;
    bool shown = false;
    pid_t child;

    (void)state;
    if (!kit_is_pipe())
        skip(); /* in one process nobody dies alone */
    child = support_fork(run_host, NULL);
    bus = kit_open(NULL);
    wait.wait_ms = KIT_WAIT_MS;
    assert_int_equal(kit_send_number(bus, "m", 1, &wait), SMEW_OK);
    assert_int_equal(smew_bus_each_node(bus, see_child, &shown), SMEW_OK);
    assert_true(shown);
    assert_int_equal(kill(child, SIGKILL), 0);
    /* A zombie holds nothing: its parent has not even waited for it. */
    assert_int_equal(waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
    shown = false;
    assert_int_equal(smew_bus_each_node(bus, see_child, &shown), SMEW_OK);
    assert_false(shown);
    kit_register(bus, "m", kit_ignore, NULL); /* taken over at once */
    support_kill(child);
    kit_close(bus);
}

BUS_CONTRACT_PART(bus_contract_poll, SUPPORT_TEST(poll_answers_what_it_did),
                  SUPPORT_TEST(an_event_loop_of_the_programs_own),
                  SUPPORT_TEST(the_fd_stays_ready_for_the_rest),
                  SUPPORT_TEST(one_thread_polls_and_another_wakes_it),
                  SUPPORT_TEST(a_signal_handler_may_wake), SUPPORT_TEST(counters_count),
                  SUPPORT_TEST(notices_tell_who_comes_and_goes),
                  SUPPORT_TEST(a_stopped_process_is_suspect_and_keeps_everything),
                  SUPPORT_TEST(the_dead_are_not_shown));
