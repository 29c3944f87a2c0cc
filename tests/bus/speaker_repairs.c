/* SPDX-License-Identifier: MIT */
/*
 * What machines say, bus/speaker.h, where it once went wrong: a handler that sends small and large,
 * one that forks, one that works for long while lanes and receivers go, and a thread that names the
 * speaker's source.  None of it waits for a heartbeat: where that matters the next one is far away.
 */
#include "tests/bus/inside.h"
#include "tests/bus/script.h"

#include <string.h>

#include <unistd.h>

#include "bus/lane_in.h"
#include "tests/support/nursery.h"

enum {
    LANE_BYTES = 4096,
    WINDOW = 8,
    FAR_MS = 4 * KIT_WAIT_MS, /* a heartbeat that no test waits for */
    BEAT_MS = 20,
    ALL = 80, /* more than such a lane has room for */
    LEFT = 7, /* the code of a child that left its handler as it should */
};

static void say_one(struct script *script)
{
    script_say(script, 1);
}

static void open_far(struct script *script, uint32_t window)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    options.heartbeat_ms = FAR_MS;
    options.suspect_ms = FAR_MS;
    options.window = window;
    script_open(script, &options);
}

/* ---- small, then large ------------------------------------------------------------------- */

static void say_small_and_large(struct script *script)
{
    script_say(script, 1);
    script_say_large(script);
}

static bool is_pool_granted(void *bus)
{
    struct smew__producer *producer = inside_producer(bus);
    bool granted = false;

    smew__producer_lock(producer);
    SMEW_LIST_EACH (link, &producer->lanes) {
        const struct smew__lane_out *lane = SMEW_CONTAINER(link, struct smew__lane_out, link);

        granted = granted || (lane->pool_bytes && lane->state == SMEW__LANE_GRANTED);
    }
    smew__producer_unlock(producer);
    return granted;
}

static bool says_pooled(void *argument)
{
    struct script *script = argument;

    script_run(script, say_small_and_large);
    script_expect_all(script);
    return kit_stats(script->bus).pooled > 0;
}

/* The small one holds the lane that may not end yet: the handler does not wait for that. */
static void a_handler_returns_while_a_pool_is_granted(void **state)
{
    struct script script;

    (void)state;
    script_open(&script, NULL);
    script_run(&script, say_one);
    script_run(&script, script_say_large); /* asks for it */
    assert_true(support_wait_until(is_pool_granted, script.bus, KIT_WAIT_MS));
    script_expect_all(&script);
    script_run(&script, say_small_and_large);
    script_expect_all(&script);
    assert_true(support_wait_until(says_pooled, &script, KIT_WAIT_MS));
    script_close(&script);
}

static void a_large_one_behind_a_small_one_gets_a_pool(void **state)
{
    struct script script;

    (void)state;
    script_open(&script, NULL);
    assert_true(support_wait_until(says_pooled, &script, KIT_WAIT_MS));
    script_close(&script);
}

/* ---- a child of a handler ---------------------------------------------------------------- */

/*
 * A handler forks, and the child returns from it, too.  The nursery has no such children to give:
 * this one goes on where its parent is.
 */
struct forking {
    pid_t parent;
    pid_t child;  /* 0 in the child */
    int waits[2]; /* a pipe that the child reads before it returns; -1: it does not wait */
    jmp_buf in_handler;
};

static int return_to_handler(void *argument)
{
    struct forking *forking = argument;
    char byte;

    if (forking->waits[0] >= 0 && read(forking->waits[0], &byte, 1) != 1)
        return 1;
    longjmp(forking->in_handler, 1);
}

static bool is_child(struct forking *forking)
{
    if (setjmp(forking->in_handler) == 0)
        forking->child = support_fork_bare(return_to_handler, forking);
    return forking->child == 0;
}

/* As script_run(); the child ends behind it, and has to be refused from then on. */
static void run_and_fork(struct script *script, void (*run)(struct script *script))
{
    struct forking *forking = script->argument;
    unsigned before = script->runs;

    script_ask(script, run);
    while (script->runs == before) {
        enum smew_status status = smew_bus_poll(script->bus, KIT_WAIT_MS, 1);

        if (getpid() != forking->parent)
            support_end_child(status == SMEW_FORKED ? LEFT : 1);
        assert_int_equal(status, SMEW_OK);
    }
    assert_int_equal(script->status, SMEW_OK);
}

/* The child has left the handler, and the parent has not. */
static void say_and_outlive(struct script *script)
{
    struct forking *forking = script->argument;
    uint64_t received = kit_stats(script->host).bytes_received;
    size_t seen = kit_log_count(&script_log);
    pthread_t thread;

    script_say(script, BEFORE);
    if (is_child(forking))
        return;
    if (support_reap(forking->child, KIT_WAIT_MS) != LEFT)
        script_note(script, SMEW_FORKED);
    if (pthread_create(&thread, NULL, script_look_often, script->host) ||
        pthread_join(thread, NULL))
        script_note(script, SMEW_NO_MEMORY);
    if (kit_log_count(&script_log) != seen || kit_stats(script->host).bytes_received != received)
        script_note(script, SMEW_REJECTED);
}

static void a_child_that_leaves_commits_nothing(void **state)
{
    struct forking forking = {.parent = getpid(), .waits = {-1, -1}};
    struct script script;
    uint64_t before;

    (void)state;
    script_open(&script, NULL);
    script.argument = &forking;
    script_run(&script, say_one);
    script_expect_all(&script);
    before = kit_stats(script.bus).lanes_sent;
    run_and_fork(&script, say_and_outlive);
    assert_int_equal(kit_stats(script.bus).lanes_sent, before + BEFORE);
    script_close(&script);
}

static void say_and_leave_child(struct script *script)
{
    script_say(script, BEFORE);
    (void)is_child(script->argument);
}

/* The parent's lane is in its next lap when the child leaves, and nobody has read that yet. */
static void a_child_that_leaves_late_commits_nothing(void **state)
{
    struct forking forking = {.parent = getpid()};
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct inside_gate gate;
    struct script script;

    (void)state;
    assert_int_equal(pipe(forking.waits), 0);
    options.lane_bytes = LANE_BYTES;
    script_open(&script, &options);
    script.argument = &forking;
    script_run(&script, say_one);
    script_expect_all(&script);
    run_and_fork(&script, say_and_leave_child);
    script_expect_all(&script);
    inside_gate_shut(&gate, script.host);
    while (script.next < ALL)
        script_run(&script, say_one);
    assert_int_equal(write(forking.waits[1], "x", 1), 1);
    assert_int_equal(support_reap(forking.child, KIT_WAIT_MS), LEFT);
    gate.open = true;
    script_expect_all(&script);
    assert_int_equal(kit_stats(script.host).lane_lost, 0);
    assert_int_equal(kit_stats(script.bus).lane_lost, 0);
    assert_int_equal(close(forking.waits[0]), 0);
    assert_int_equal(close(forking.waits[1]), 0);
    script_close(&script);
}

/* ---- lanes that are lost while something is sealed --------------------------------------- */

static bool is_second_granted(void *bus)
{
    struct smew__producer *producer = inside_producer(bus);
    const struct smew__lane_out *larger;
    bool granted;

    smew__producer_lock(producer);
    larger = inside_lane(bus, 0)->larger;
    granted = larger && larger->state == SMEW__LANE_GRANTED;
    smew__producer_unlock(producer);
    return granted;
}

static bool is_second_lost(void *bus)
{
    struct smew__producer *producer = inside_producer(bus);
    bool lost;

    smew__producer_lock(producer);
    lost = inside_lane(bus, 1)->state == SMEW__LANE_LOST;
    smew__producer_unlock(producer);
    return lost;
}

/* As a receiver does that finds too much damage in it.  The host's service thread stands. */
static void give_up_second(struct smew_bus *host)
{
    struct smew__sender *sender;
    size_t cursor = 0;

    smew__bus_lock(host);
    while ((sender = smew__table_next(&host->senders, &cursor)) != NULL) {
        SMEW_LIST_EACH (link, &sender->lanes) {
            struct smew__lane_in *lane = SMEW_CONTAINER(link, struct smew__lane_in, link);

            if (lane->after) {
                smew__lane_reader_close(&lane->reader, SMEW__LANE_QUARANTINED);
                lane->read_out = true;
            }
        }
    }
    smew__bus_unlock(host);
}

/* The first one holds what was not read, and the second one nothing that was committed. */
static void say_and_fail_second(struct script *script)
{
    struct smew__producer *producer = inside_producer(script->bus);

    script_say(script, BEFORE);
    smew__producer_lock(producer);
    if (!smew__lane_writer_holds_sealed(&inside_lane(script->bus, 1)->writer))
        script_note(script, SMEW_INVALID);
    smew__producer_unlock(producer);
    give_up_second(script->host);
    smew__bus_lock(script->bus);
    smew__lanes_watch(script->bus);
    smew__bus_unlock(script->bus);
    if (!support_wait_until(is_second_lost, script->bus, KIT_WAIT_MS))
        script_note(script, SMEW_TIMEOUT);
}

static void say_until_full(struct script *script, enum smew_on_full on_full)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    enum smew_status status;

    options.on_full = on_full;
    options.timeout_ms = SMEW_NOW;
    while ((status = kit_send_number(script->bus, "m", script->next, &options)) == SMEW_OK)
        script->next++;
    assert_int_equal(status, SMEW_FULL);
}

/* The first lane is full, and ends: a loan that is given back is begun in the second. */
static void go_over_to_second(struct script *script)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_loan *loan;
    void *payload;

    say_until_full(script, SMEW_ON_FULL_WAIT);
    options.on_full = SMEW_ON_FULL_GROW;
    options.timeout_ms = KIT_WAIT_MS;
    assert_int_equal(smew_bus_loan(script->bus, "m", "N", 8, &options, &loan, &payload), SMEW_OK);
    smew_loan_cancel(loan);
}

/* What the second lane held is sent again, or waits for what is in the first. */
static bool is_decided(void *bus)
{
    struct smew__producer *producer = inside_producer(bus);
    bool waits;

    smew__producer_lock(producer);
    waits = atomic_load(&inside_lane(bus, 0)->watchers) >= BEFORE;
    smew__producer_unlock(producer);
    return waits || kit_stats(bus).redelivered >= BEFORE;
}

static void a_lane_with_nothing_but_sealed_ones_keeps_the_order(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct inside_gate gate;
    struct script script;

    (void)state;
    options.window = 2048; /* the first lane is full before it is */
    options.heartbeat_ms = BEAT_MS;
    script_open(&script, &options);
    say_until_full(&script, SMEW_ON_FULL_GROW);
    assert_true(support_wait_until(is_second_granted, script.bus, KIT_WAIT_MS));
    script_expect_all(&script);
    inside_gate_shut(&gate, script.host);
    go_over_to_second(&script);
    script_run(&script, say_and_fail_second);
    assert_true(support_wait_until(is_decided, script.bus, KIT_WAIT_MS));
    assert_int_equal(kit_stats(script.bus).redelivered, 0);
    gate.open = true;
    script_close(&script);
}

static void say_and_lose(struct script *script)
{
    script_say(script, BEFORE);
    if (!inside_run(script->bus, inside_break_connections))
        script_note(script, SMEW_NO_MEMORY);
    if (!support_wait_until(inside_lost_all, script->bus, KIT_WAIT_MS))
        script_note(script, SMEW_TIMEOUT);
}

static void what_a_lost_lane_held_is_sent_when_the_handler_returns(void **state)
{
    struct script script;

    (void)state;
    open_far(&script, 0);
    script_run(&script, script_say_some);
    script_expect_all(&script);
    script_run(&script, say_and_lose);
    script_close(&script);
}

/* ---- a receiver that is killed ------------------------------------------------------------- */

static void keep(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    (void)user;
    (void)!smew_message_hold(message);
}

/* Hosts "m" until it is killed, and completes nothing of that. */
static int host_in_child(void *argument)
{
    struct smew_bus *bus;

    (void)argument;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL) != SMEW_OK ||
        smew_bus_register(bus, "warm", kit_ignore, NULL, NULL, NULL) != SMEW_OK ||
        smew_bus_register(bus, "m", keep, NULL, NULL, NULL) != SMEW_OK)
        return 1;
    for (;;)
        (void)!smew_bus_poll(bus, 1000, 1);
}

static bool has_moved(void *argument)
{
    (void)argument;
    return kit_log_count(&script_log) >= BEFORE;
}

static void say_and_see_it_move(struct script *script)
{
    pthread_t thread;

    script_say(script, 1);
    support_kill(*(pid_t *)script->argument);
    if (pthread_create(&thread, NULL, script_take_over, script) || pthread_join(thread, NULL))
        script_note(script, SMEW_NO_MEMORY);
    if (!support_wait_until(has_moved, NULL, KIT_WAIT_MS))
        script_note(script, SMEW_TIMEOUT);
}

/* What was accepted before it does not wait until the handler returns. */
static void a_long_handler_keeps_nothing_back(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    pid_t child = support_fork(host_in_child, NULL);
    struct script script = {.argument = &child};
    struct kit_poller poller;
    uint64_t before;

    (void)state;
    options.linger_ms = KIT_WAIT_MS;
    kit_log_init(&script_log);
    script.bus = kit_open(&options);
    script.host = kit_open(NULL);
    kit_register(script.bus, "in", script_handle, &script);
    assert_true(support_wait_until(script_takes_lanes, script.bus, KIT_WAIT_MS));
    assert_int_equal(smew_bus_flush(script.bus, KIT_WAIT_MS), SMEW_OK);
    before = kit_stats(script.bus).lanes_sent;
    script_run(&script, script_say_some);
    assert_int_equal(kit_stats(script.bus).lanes_sent, before + BEFORE);
    kit_poller_start(&poller, script.host);
    script_run(&script, say_and_see_it_move);
    kit_wait_until(&script_log, script.next);
    kit_poller_stop(&poller);
    script_close(&script);
}

/* ---- parcels behind what is sealed ------------------------------------------------------- */

/* The service thread looks at the lane while the handler is at work, and finds nothing to do. */
static void say_large_and_be_served(struct script *script)
{
    say_small_and_large(script);
    if (!inside_serve(script->bus))
        script_note(script, SMEW_TIMEOUT);
}

static void overfill_and_be_served(struct script *script)
{
    script_say(script, WINDOW + 1);
    if (!inside_serve(script->bus))
        script_note(script, SMEW_TIMEOUT);
}

static void goes_on(uint32_t window, void (*run)(struct script *script))
{
    struct kit_poller poller;
    struct script script;

    open_far(&script, window);
    kit_poller_start(&poller, script.host);
    for (int i = 0; i < 3; i++) {
        script_run(&script, run);
        kit_wait_until(&script_log, script.next);
        assert_int_equal(smew_bus_flush(script.bus, KIT_WAIT_MS), SMEW_OK);
    }
    kit_poller_stop(&poller);
    script_close(&script);
}

static void a_parcel_behind_a_sealed_one_goes_on(void **state)
{
    (void)state;
    goes_on(0, say_large_and_be_served);
    goes_on(WINDOW, overfill_and_be_served);
}

/* ---- another thread names the source ----------------------------------------------------- */

static enum smew_status send_as(struct script *script, const char *source, uint64_t number,
                                uint32_t timeout_ms)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.source = source;
    options.timeout_ms = timeout_ms;
    return kit_send_number(script->bus, "m", number, &options);
}

struct other {
    struct script *script;
    atomic_bool done;
    _Atomic enum smew_status status;
};

static void *say_as_machine(void *argument)
{
    struct other *other = argument;

    other->status = send_as(other->script, "machine", 1, KIT_WAIT_MS);
    other->done = true;
    return NULL;
}

/* Does somebody wait for the first lane? */
static bool is_waited_for(void *bus)
{
    struct smew__producer *producer = inside_producer(bus);
    bool waited;

    smew__producer_lock(producer);
    waited = atomic_load(&inside_lane(bus, 0)->watchers) > 0;
    smew__producer_unlock(producer);
    return waited;
}

static bool is_done(void *argument)
{
    struct other *other = argument;

    (void)!smew_bus_poll(other->script->host, 0, 0);
    return other->done;
}

/* In their order, whatever came between them. */
static void expect_machine(uint64_t count)
{
    uint64_t next = 0;

    for (size_t i = 0; i < script_log.count; i++) {
        if (strcmp(script_log.seen[i].source, "machine") == 0)
            assert_int_equal(script_log.seen[i].number, next++);
    }
    assert_int_equal(next, count);
}

/*
 * The speaker's 0 has no answer, so the other thread's 1 waits; the host's service thread stands
 * before 1 leaves, which therefore is on its way for long.  The speaker tries what another source
 * says, which neither waits nor makes it forget that, and then says 2.
 */
static void the_speaker_does_not_overtake_who_waits(void **state)
{
    struct script script;
    struct other other = {.script = &script};
    struct inside_gate gate;
    enum smew_status tried;
    pthread_t thread;

    (void)state;
    script_open(&script, NULL);
    kit_poll_all(script.bus);
    assert_int_equal(send_as(&script, "machine", 0, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(pthread_create(&thread, NULL, say_as_machine, &other), 0);
    assert_true(support_wait_until(is_waited_for, script.bus, KIT_WAIT_MS));
    tried = send_as(&script, "another", ALL, SMEW_NOW);
    inside_gate_shut(&gate, script.host);
    assert_true(support_wait_until(is_done, &other, KIT_WAIT_MS));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(other.status, SMEW_OK);
    assert_int_equal(send_as(&script, "machine", 2, KIT_WAIT_MS), SMEW_OK);
    (void)script_look_often(script.host);
    gate.open = true;
    script.next = 3;
    kit_poll_until(script.host, &script_log, script.next + (tried == SMEW_OK));
    expect_machine(script.next);
    assert_int_equal(tried, SMEW_FULL);
    script_close(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_long_handler_keeps_nothing_back), /* forks: before there are threads */
        SUPPORT_TEST(a_handler_returns_while_a_pool_is_granted),
        SUPPORT_TEST(a_large_one_behind_a_small_one_gets_a_pool),
        SUPPORT_TEST(a_child_that_leaves_commits_nothing),
        SUPPORT_TEST(a_child_that_leaves_late_commits_nothing),
        SUPPORT_TEST(a_lane_with_nothing_but_sealed_ones_keeps_the_order),
        SUPPORT_TEST(what_a_lost_lane_held_is_sent_when_the_handler_returns),
        SUPPORT_TEST(a_parcel_behind_a_sealed_one_goes_on),
        SUPPORT_TEST(the_speaker_does_not_overtake_who_waits),
    };

    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
