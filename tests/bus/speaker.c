/* SPDX-License-Identifier: MIT */
/*
 * What a node's machines say, bus/speaker.h: sends inside handlers, and sends that name a source.
 * They go into lanes, nobody sees them before the handler returns, and whatever becomes of the
 * lane, the thread or the receiver meanwhile, each of them arrives once and in its order.
 *
 * A handler is run where a test wants it by a message of the node to itself.  Lanes are lost by
 * hand, which is no part of the public API.
 */
#include "tests/bus/kit.h"

#include <string.h>

#include <sys/socket.h>

#include "bus/lane_out.h"

enum {
    BEFORE = 5, /* sent by a handler, before something happens in it */
    AFTER = 7,  /* and after that */
    ROUNDS = 3000,
    LOOKS = 300, /* of a receiver for what must not be there */
    LANE_BYTES = 4096,
    WINDOW = 64,
    MANY = 500, /* more than such a lane or window has room for */
    LARGE = 100000,
    SOON_MS = 20, /* heartbeats */
};

/* ---- handlers where they are wanted ---------------------------------------------------- */

/* What the next handler of a node does. */
struct script {
    struct smew_bus *bus;
    void (*run)(struct script *script);
    struct smew_bus *host;     /* of "m" */
    const char *source;        /* that the handler names; NULL: none */
    enum smew_on_full on_full; /* that it sends with */
    uint64_t next;             /* number to send */
    enum smew_status status;   /* of what failed first */
    atomic_uint runs;
    void *argument;
};

static void run_script(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct script *script = user;

    (void)bus;
    (void)message;
    script->run(script);
    script->runs++;
}

static void note_status(struct script *script, enum smew_status status)
{
    if (!script->status)
        script->status = status;
}

/* From within: so many numbers. */
static void say(struct script *script, unsigned count)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.source = script->source;
    options.on_full = script->on_full;
    for (; count > 0; count--)
        note_status(script, kit_send_number(script->bus, "m", script->next++, &options));
}

static void say_some(struct script *script)
{
    say(script, BEFORE);
}

/* Asks for a handler, which runs in the next poll. */
static void ask(struct script *script, void (*run)(struct script *script))
{
    script->run = run;
    kit_send(script->bus, "in", 0);
}

/* Runs one on this thread. */
static void run_in_handler(struct script *script, void (*run)(struct script *script))
{
    unsigned before = script->runs;

    ask(script, run);
    while (script->runs == before)
        assert_true(smew_bus_poll(script->bus, KIT_WAIT_MS, 1) == SMEW_OK);
    assert_int_equal(script->status, SMEW_OK);
}

/* A node with handlers, and one that hosts "m" and notes what comes. */
static struct kit_log seen_log;

static void scene_open(struct script *script, const struct smew_bus_options *options)
{
    *script = (struct script){.bus = kit_open(options), .host = kit_open(NULL)};
    kit_log_init(&seen_log);
    kit_register(script->bus, "in", run_script, script);
    kit_warm_up(script->bus, script->host);
    kit_register(script->host, "m", kit_note, &seen_log);
}

static bool is_quiet(void *argument)
{
    struct script *script = argument;

    (void)!smew_bus_poll(script->host, 1, 0);
    return smew_bus_flush(script->bus, 0) == SMEW_OK;
}

/* All that was sent has come, once and in its order. */
static void expect_all(struct script *script)
{
    kit_poll_until(script->host, &seen_log, script->next);
    assert_true(support_wait_until(is_quiet, script, KIT_WAIT_MS));
    kit_poll_all(script->host);
    assert_int_equal(kit_log_count(&seen_log), script->next);
    kit_expect_run(&seen_log, "m", 0, script->next);
    assert_int_equal(kit_stats(script->bus).dead_letters, 0);
}

static void scene_close(struct script *script)
{
    expect_all(script);
    kit_close(script->bus);
    kit_close(script->host);
}

/* ---- the way --------------------------------------------------------------------------- */

static void handlers_take_lanes(void **state)
{
    struct script script;
    uint64_t before;

    (void)state;
    scene_open(&script, NULL);
    before = kit_stats(script.bus).lanes_sent;
    run_in_handler(&script, say_some);
    assert_int_equal(kit_stats(script.bus).lanes_sent, before + BEFORE);
    script.source = "machine";
    run_in_handler(&script, say_some);
    assert_int_equal(kit_stats(script.bus).lanes_sent, before + 2 * BEFORE);
    expect_all(&script);
    assert_string_equal(seen_log.seen[BEFORE].source, "machine");
    scene_close(&script);
}

/* Outside of handlers, on the thread that polled. */
static void a_named_source_takes_lanes(void **state)
{
    struct script script;
    uint64_t before;

    (void)state;
    scene_open(&script, NULL);
    kit_poll_all(script.bus);
    script.source = "machine";
    before = kit_stats(script.bus).lanes_sent;
    say_some(&script);
    assert_int_equal(script.status, SMEW_OK);
    assert_int_equal(kit_stats(script.bus).lanes_sent, before + BEFORE);
    scene_close(&script);
}

/* ---- nothing before it returns --------------------------------------------------------- */

static void *poll_often(void *host)
{
    for (unsigned looks = 0; looks < LOOKS; looks++)
        (void)!smew_bus_poll(host, looks % 16 ? 0 : 1, 0);
    return NULL;
}

/* The receiver looks while the handler is still at work. */
static void say_and_be_looked_for(struct script *script)
{
    uint64_t received = kit_stats(script->host).bytes_received;
    size_t seen = kit_log_count(&seen_log);
    pthread_t thread;

    say(script, BEFORE);
    if (pthread_create(&thread, NULL, poll_often, script->host) || pthread_join(thread, NULL))
        note_status(script, SMEW_NO_MEMORY);
    if (kit_log_count(&seen_log) != seen || kit_stats(script->host).bytes_received != received)
        note_status(script, SMEW_REJECTED);
}

static void nothing_is_seen_before_the_handler_returns(void **state)
{
    struct script script;
    uint64_t before;

    (void)state;
    scene_open(&script, NULL);
    for (int i = 0; i < 3; i++) {
        before = kit_stats(script.bus).lanes_sent;
        run_in_handler(&script, say_and_be_looked_for);
        assert_int_equal(kit_stats(script.bus).lanes_sent, before + BEFORE);
        expect_all(&script);
    }
    scene_close(&script);
}

/* ---- order ----------------------------------------------------------------------------- */

/* A thread that names the same source, in turns with the handlers. */
struct other {
    struct script *script;
    atomic_bool its_turn;
    atomic_bool stop;
    enum smew_status status;
};

static void *speak_in_turns(void *argument)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct other *other = argument;

    options.source = other->script->source;
    options.timeout_ms = KIT_WAIT_MS;
    while (!other->stop) {
        if (!other->its_turn)
            continue;
        for (uint64_t i = other->script->next % 3; i > 0 && !other->status; i--)
            other->status =
                kit_send_number(other->script->bus, "m", other->script->next++, &options);
        other->its_turn = false;
    }
    return NULL;
}

static void say_one_or_two(struct script *script)
{
    say(script, 1 + script->runs % 2);
}

static bool has_spoken(void *other)
{
    return !((struct other *)other)->its_turn;
}

static void two_threads_keep_the_order_of_a_source(void **state)
{
    struct kit_poller poller;
    struct script script;
    struct other other = {.script = &script};
    pthread_t thread;

    (void)state;
    scene_open(&script, NULL);
    script.source = "machine";
    kit_poller_start(&poller, script.host);
    assert_int_equal(pthread_create(&thread, NULL, speak_in_turns, &other), 0);
    for (unsigned round = 0; round < ROUNDS && !other.status; round++) {
        run_in_handler(&script, say_one_or_two);
        other.its_turn = true;
        while (other.its_turn && !other.status)
            ;
        if (round % 16 == 0) /* so that the handlers have their lane again */
            assert_int_equal(smew_bus_flush(script.bus, KIT_WAIT_MS), SMEW_OK);
    }
    assert_true(support_wait_until(has_spoken, &other, KIT_WAIT_MS));
    other.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(other.status, SMEW_OK);
    kit_wait_until(&seen_log, script.next);
    kit_poller_stop(&poller);
    scene_close(&script);
}

/* The thread of the handlers sends outside of them, too: all of it is one lane. */
static void inside_and_outside_keep_their_order(void **state)
{
    struct kit_poller poller;
    struct script script;

    (void)state;
    scene_open(&script, NULL);
    kit_poller_start(&poller, script.host);
    for (unsigned round = 0; round < ROUNDS; round++) {
        run_in_handler(&script, say_one_or_two);
        kit_send(script.bus, "m", script.next++);
    }
    kit_wait_until(&seen_log, script.next);
    kit_poller_stop(&poller);
    scene_close(&script);
}

/* ---- more than there is room for ------------------------------------------------------- */

static void say_many(struct script *script)
{
    say(script, MANY);
}

static void overfill(enum smew_on_full on_full, uint32_t window, uint64_t least)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct script script;
    uint64_t before;

    options.lane_bytes = LANE_BYTES;
    options.window = window;
    scene_open(&script, &options);
    script.on_full = on_full;
    before = kit_stats(script.bus).lanes_sent;
    run_in_handler(&script, say_many);
    assert_in_range(kit_stats(script.bus).lanes_sent - before, least, MANY - 1);
    run_in_handler(&script, say_some);
    expect_all(&script);
    run_in_handler(&script, say_some); /* all is well again */
    scene_close(&script);
}

static void the_rest_goes_through_the_outbox(void **state)
{
    (void)state;
    overfill(SMEW_ON_FULL_WAIT, MANY * 2, LANE_BYTES / 128); /* the lane is full */
    overfill(SMEW_ON_FULL_WAIT, WINDOW / 2, WINDOW / 2);     /* its window is */
}

static void a_handler_does_not_wait_for_a_larger_lane(void **state)
{
    (void)state;
    overfill(SMEW_ON_FULL_GROW, MANY * 2, LANE_BYTES / 128);
}

/* Nothing but large ones: the first goes the common way, and a pool is asked for. */
static void say_large(struct script *script)
{
    static char payload[LARGE];

    memcpy(payload, &script->next, sizeof(script->next));
    script->next++;
    note_status(script, smew_bus_send(script->bus, "m", "LARGE", payload, LARGE, NULL));
}

static bool says_pooled(void *argument)
{
    struct script *script = argument;

    run_in_handler(script, say_large);
    kit_poll_until(script->host, &seen_log, script->next);
    return kit_stats(script->bus).pooled > 0;
}

static void large_ones_get_a_pool(void **state)
{
    struct script script;

    (void)state;
    scene_open(&script, NULL);
    assert_true(support_wait_until(says_pooled, &script, KIT_WAIT_MS));
    run_in_handler(&script, say_large);
    run_in_handler(&script, say_some);
    expect_all(&script);
    assert_int_equal(seen_log.seen[0].size, LARGE);
    scene_close(&script);
}

/* ---- loans ----------------------------------------------------------------------------- */

/* One is begun before a number and given back behind it, which is refused; one is sent. */
static void lend_and_send(struct script *script)
{
    struct smew_loan *loan = NULL;
    void *payload = NULL;

    say(script, 1);
    note_status(script, smew_bus_loan(script->bus, "m", "N", LARGE / 100, NULL, &loan, &payload));
    if (kit_send_number(script->bus, "m", UINT64_MAX, NULL) != SMEW_BUSY)
        note_status(script, SMEW_REJECTED);
    memset(payload, 0xa5, LARGE / 100);
    smew_loan_cancel(loan);
    note_status(script, smew_bus_loan(script->bus, "m", "N", LARGE / 100, NULL, &loan, &payload));
    memcpy(payload, &script->next, sizeof(script->next));
    note_status(script, smew_loan_send(loan, sizeof(script->next)));
    script->next++;
    say(script, 1);
}

static void lend_and_be_looked_for(struct script *script)
{
    lend_and_send(script);
    say_and_be_looked_for(script);
}

static void a_loan_is_sent_inside_a_handler(void **state)
{
    struct script script;
    uint64_t before;

    (void)state;
    scene_open(&script, NULL);
    before = kit_stats(script.bus).lanes_sent;
    run_in_handler(&script, lend_and_send);
    assert_int_equal(kit_stats(script.bus).lanes_sent, before + 3);
    expect_all(&script);
    run_in_handler(&script, lend_and_be_looked_for);
    assert_int_equal(kit_stats(script.bus).lanes_sent, before + 6 + BEFORE);
    scene_close(&script);
}

static bool says_in_lane(void *argument)
{
    struct script *script = argument;
    uint64_t before = kit_stats(script->bus).lanes_sent;

    run_in_handler(script, say_some);
    kit_poll_until(script->host, &seen_log, script->next);
    return kit_stats(script->bus).lanes_sent > before;
}

/* ---- a lane that is lost ----------------------------------------------------------------- */

/* The lanes of the thread that opened the node; with the producer's lock held. */
static struct smew__producer *producer_of(struct smew_bus *bus)
{
    return SMEW_CONTAINER(bus->producers.next, struct smew__producer, link);
}

static bool has_lost_all(void *bus)
{
    struct smew__producer *producer = producer_of(bus);
    bool all = true;

    smew__mutex_lock(&producer->lock);
    SMEW_LIST_EACH (link, &producer->lanes)
        all = all && SMEW_CONTAINER(link, struct smew__lane_out, link)->state == SMEW__LANE_LOST;
    smew__mutex_unlock(&producer->lock);
    return all;
}

static void await_loss(struct script *script)
{
    if (!support_wait_until(has_lost_all, script->bus, KIT_WAIT_MS))
        note_status(script, SMEW_TIMEOUT);
}

/* The connection breaks, as a socket does, while a handler has written in its lanes. */
static void break_connections(struct smew_bus *bus)
{
    struct smew__peer *peer;
    size_t cursor = 0;

    smew__bus_lock(bus);
    while ((peer = smew__table_next(&bus->peers, &cursor)) != NULL) {
        if (peer->channel)
            (void)shutdown(peer->channel->ops->interest(peer->channel).fd, SHUT_RDWR);
    }
    smew__bus_unlock(bus);
}

static void say_and_lose(struct script *script)
{
    say(script, BEFORE);
    break_connections(script->bus);
    await_loss(script);
    say(script, AFTER);
}

static void open_that_beats(struct script *script)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    options.heartbeat_ms = SOON_MS;
    scene_open(script, &options);
}

static bool has_sent_again(void *bus)
{
    return kit_stats(bus).redelivered >= BEFORE;
}

static void a_lane_is_lost_in_a_handler(void **state)
{
    struct script script;

    (void)state;
    open_that_beats(&script);
    for (int i = 0; i < 10; i++) {
        run_in_handler(&script, say_some); /* perhaps read, perhaps not, when the lane is lost */
        run_in_handler(&script, say_and_lose);
        run_in_handler(&script, say_some);
        if (i == 0)
            assert_true(support_wait_until(has_sent_again, script.bus, KIT_WAIT_MS));
        expect_all(&script);
        assert_true(support_wait_until(says_in_lane, &script, KIT_WAIT_MS));
    }
    scene_close(&script);
}

/* The receiver leaves meanwhile, and another node takes "m" over. */
static void *move_host(void *argument)
{
    struct script *script = argument;
    struct smew_bus *other = script->argument;

    smew_bus_close(script->host, 0, NULL);
    script->host = other;
    note_status(script, smew_bus_register(other, "m", kit_note, &seen_log, NULL, NULL));
    return NULL;
}

static void say_and_move(struct script *script)
{
    pthread_t thread;

    say(script, BEFORE);
    if (pthread_create(&thread, NULL, move_host, script) || pthread_join(thread, NULL))
        note_status(script, SMEW_NO_MEMORY);
    say(script, AFTER);
}

static void its_receiver_leaves_in_a_handler(void **state)
{
    struct script script;

    (void)state;
    open_that_beats(&script);
    script.argument = kit_open(NULL);
    run_in_handler(&script, say_and_move);
    run_in_handler(&script, say_some);
    scene_close(&script);
}

/* Hosts "m" until it is killed, and completes nothing. */
static int host_in_child(void *argument)
{
    struct smew_bus *bus;

    (void)argument;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL) != SMEW_OK ||
        smew_bus_register(bus, "warm", kit_ignore, NULL, NULL, NULL) != SMEW_OK ||
        smew_bus_register(bus, "m", kit_ignore, NULL, NULL, NULL) != SMEW_OK)
        return 1;
    for (;;)
        (void)!smew_bus_poll(bus, 1000, 1);
}

static bool takes_lanes(void *bus)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.wait_ms = KIT_WAIT_MS;
    (void)!kit_send_number(bus, "warm", 0, &options);
    return kit_stats(bus).lanes_sent > 0;
}

static void *take_over(void *argument)
{
    struct script *script = argument;

    note_status(script, smew_bus_register(script->host, "m", kit_note, &seen_log, NULL, NULL));
    return NULL;
}

static void say_and_kill(struct script *script)
{
    pthread_t thread;

    say(script, BEFORE);
    support_kill(*(pid_t *)script->argument);
    await_loss(script);
    if (pthread_create(&thread, NULL, take_over, script) || pthread_join(thread, NULL))
        note_status(script, SMEW_NO_MEMORY);
    say(script, AFTER);
}

static void its_receiver_is_killed_in_a_handler(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    pid_t child = support_fork(host_in_child, NULL);
    struct script script = {.argument = &child};

    (void)state;
    options.heartbeat_ms = SOON_MS;
    options.linger_ms = KIT_WAIT_MS;
    kit_log_init(&seen_log);
    script.bus = kit_open(&options);
    script.host = kit_open(NULL);
    kit_register(script.bus, "in", run_script, &script);
    assert_true(support_wait_until(takes_lanes, script.bus, KIT_WAIT_MS));
    assert_int_equal(smew_bus_flush(script.bus, KIT_WAIT_MS), SMEW_OK);
    run_in_handler(&script, say_and_kill);
    run_in_handler(&script, say_some);
    expect_all(&script);
    assert_true(kit_stats(script.bus).redelivered >= BEFORE);
    scene_close(&script);
}

/* ---- speakers that end ------------------------------------------------------------------- */

static void *poll_once(void *argument)
{
    struct script *script = argument;
    unsigned before = script->runs;

    while (script->runs == before)
        (void)!smew_bus_poll(script->bus, 10, 1);
    return NULL;
}

/* Another thread polls while what the first one's handlers said is still on its way. */
static void another_thread_becomes_the_speaker(void **state)
{
    struct script script;
    pthread_t thread;

    (void)state;
    open_that_beats(&script);
    for (int i = 0; i < 3; i++) {
        for (int handlers = 0; handlers < 2; handlers++) {
            ask(&script, say_some);
            assert_int_equal(pthread_create(&thread, NULL, poll_once, &script), 0);
            assert_int_equal(pthread_join(thread, NULL), 0);
        }
        run_in_handler(&script, say_some);
        expect_all(&script);
    }
    assert_true(support_wait_until(says_in_lane, &script, KIT_WAIT_MS));
    scene_close(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(its_receiver_is_killed_in_a_handler), /* forks: before there are threads */
        SUPPORT_TEST(handlers_take_lanes),
        SUPPORT_TEST(a_named_source_takes_lanes),
        SUPPORT_TEST(nothing_is_seen_before_the_handler_returns),
        SUPPORT_TEST(two_threads_keep_the_order_of_a_source),
        SUPPORT_TEST(inside_and_outside_keep_their_order),
        SUPPORT_TEST(the_rest_goes_through_the_outbox),
        SUPPORT_TEST(a_handler_does_not_wait_for_a_larger_lane),
        SUPPORT_TEST(large_ones_get_a_pool),
        SUPPORT_TEST(a_loan_is_sent_inside_a_handler),
        SUPPORT_TEST(a_lane_is_lost_in_a_handler),
        SUPPORT_TEST(its_receiver_leaves_in_a_handler),
        SUPPORT_TEST(another_thread_becomes_the_speaker),
    };

    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
