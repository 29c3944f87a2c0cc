/* SPDX-License-Identifier: MIT */
/*
 * Who runs the service's loop, bus/loop_turn.h: a thread that polls busily does so itself, and one
 * that stops to do so leaves nothing lying, neither what comes nor what it has sent.  Each test
 * runs once with each way to wait; what comes while it waits: loop_looks.c.
 */
#include "tests/bus/kit.h"

enum {
    TRIPS = 2000,
    TRIPS_MOST = 200000, /* a busy machine's sleeps last longer */
    NUMBERS = 20000,
    BURST = 3,
    RARE_MS = 20000, /* heartbeats: they look after what was missed, and must not be what helps */
};

/* Two nodes that talk to each other, the second polled by a thread of its own. */
struct pair {
    struct smew_bus *near;
    struct smew_bus *far;
    struct kit_poller poller;
    uint64_t answers;
    uint64_t next; /* number that `far` expects */
    atomic_uint_fast64_t heard;
    atomic_bool wrong;
};

static enum smew_waiting waiting; /* of all nodes: the tests run once with each */

static struct smew_bus *open_one(void)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    options.heartbeat_ms = RARE_MS;
    options.suspect_ms = 10 * RARE_MS;
    options.waiting = waiting;
    return kit_open(&options);
}

static void on_ping(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct pair *pair = user;

    if (kit_send_number(bus, "near", kit_number(message), NULL) != SMEW_OK)
        pair->wrong = true;
}

/* Counts a message, which has the number that is next. */
static void expect(struct pair *pair, const struct smew_message *message, uint64_t *next)
{
    if (kit_number(message) != *next)
        pair->wrong = true;
    ++*next;
}

static void on_answer(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct pair *pair = user;

    (void)bus;
    expect(pair, message, &pair->answers);
}

static void on_number(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct pair *pair = user;

    (void)bus;
    expect(pair, message, &pair->next);
    pair->heard++;
}

static void open_pair(struct pair *pair)
{
    *pair = (struct pair){.near = open_one(), .far = open_one()};
    kit_register(pair->near, "near", on_answer, pair);
    kit_register(pair->far, "far", on_ping, pair);
    kit_register(pair->far, "numbers", on_number, pair);
    kit_poller_start(&pair->poller, pair->far);
}

static void close_pair(struct pair *pair)
{
    assert_false(pair->wrong);
    assert_int_equal(smew_bus_flush(pair->near, KIT_WAIT_MS), SMEW_OK);
    kit_poller_stop(&pair->poller);
    kit_close(pair->near);
    kit_close(pair->far);
}

struct heard {
    const struct pair *pair;
    uint64_t count;
};

static bool has_heard(void *argument)
{
    const struct heard *heard = argument;

    return heard->pair->heard >= heard->count;
}

static void wait_heard(const struct pair *pair, uint64_t count)
{
    struct heard heard = {pair, count};

    assert_true(support_wait_until(has_heard, &heard, KIT_WAIT_MS));
}

static void trip(struct pair *pair)
{
    uint64_t answers = pair->answers;

    kit_send(pair->near, "far", answers);
    while (pair->answers == answers)
        assert_int_equal(smew_bus_poll(pair->near, KIT_WAIT_MS, 0), SMEW_OK);
}

/* So many; fewer where each may cost a slice of the only processor that is free. */
static void make_trips(struct pair *pair)
{
    unsigned trips = waiting == SMEW_WAITING_SPIN ? TRIPS / 10 : TRIPS;

    while (trips-- > 0)
        trip(pair);
}

/* Trips until both pollers run their loops. */
static void warm_up(struct pair *pair)
{
    unsigned trips = 0;

    do
        trip(pair);
    while (!(kit_stats(pair->near).polled && kit_stats(pair->far).polled) && ++trips < TRIPS_MOST);
    assert_true(trips < TRIPS_MOST);
}

static void a_busy_poller_runs_the_loop(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair);
    warm_up(&pair);
    make_trips(&pair);
    close_pair(&pair);
}

/* Each of these is sent by a poller that has the loop, and does not come back to it. */
static void what_it_sends_leaves_without_it(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair);
    for (uint64_t number = 0; number < 5ul * BURST; number += BURST) {
        warm_up(&pair);
        for (unsigned i = 0; i < BURST; i++)
            kit_send(pair.near, "numbers", number + i);
        wait_heard(&pair, number + BURST);
    }
    close_pair(&pair);
}

/* Nor does it, while it waits for an answer of the other node's service. */
static void what_it_waits_for_comes(void **state)
{
    struct smew_send_options processed = kit_level(SMEW_LEVEL_PROCESSED);
    struct pair pair;

    (void)state;
    processed.timeout_ms = KIT_WAIT_MS;
    open_pair(&pair);
    for (unsigned i = 0; i < 5; i++) {
        warm_up(&pair);
        assert_int_equal(kit_send_number(pair.near, "numbers", i, &processed), SMEW_OK);
    }
    close_pair(&pair);
}

static void *ask_for_receipt(void *argument)
{
    struct smew_send_options received = kit_level(SMEW_LEVEL_RECEIVED);

    received.timeout_ms = KIT_WAIT_MS;
    return kit_send_number(argument, "near", 0, &received) == SMEW_OK ? NULL : argument;
}

/* What comes for a poller that stays away is received all the same. */
static void what_comes_is_received_without_it(void **state)
{
    struct pair pair;
    pthread_t thread;
    void *failed;

    (void)state;
    open_pair(&pair);
    warm_up(&pair);
    pair.answers = 0;
    assert_int_equal(pthread_create(&thread, NULL, ask_for_receipt, pair.far), 0);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_int_equal(pair.answers, 0);
    assert_int_equal(smew_bus_poll(pair.near, KIT_WAIT_MS, 0), SMEW_OK);
    assert_int_equal(pair.answers, 1);
    close_pair(&pair);
}

/* Nor does a poller that comes back, when the service thread has the loop again, sleep for good. */
static void it_is_woken_when_it_comes_back(void **state)
{
    struct pair pair;
    pthread_t thread;
    uint64_t polled;
    void *failed;

    (void)state;
    open_pair(&pair);
    warm_up(&pair);
    assert_int_equal(smew_bus_poll(pair.near, 5, 0), SMEW_TIMEOUT); /* in the loop */
    pair.answers = 0;
    assert_int_equal(pthread_create(&thread, NULL, ask_for_receipt, pair.far), 0);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_int_equal(smew_bus_poll(pair.near, KIT_WAIT_MS, 0), SMEW_OK);
    polled = kit_stats(pair.near).polled;
    trip(&pair);
    if (waiting != SMEW_WAITING_SPIN) /* which asks at once */
        assert_int_equal(kit_stats(pair.near).polled, polled);
    make_trips(&pair);
    close_pair(&pair);
}

static void on_reply(struct smew_bus *bus, enum smew_status status,
                     const struct smew_message *reply, void *user)
{
    (void)bus;
    (void)reply;
    *(enum smew_status *)user = status;
}

/* What a loop finds due before it sleeps, as a timer that went off between two polls, is run. */
static void it_does_not_sleep_beside_what_is_due(void **state)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct pair pair;

    (void)state;
    options.timeout_ms = 20;
    open_pair(&pair);
    for (uint64_t number = 0; number < 5ul * BURST; number++) {
        enum smew_status answer = SMEW_OK;
        uint64_t due_ns;

        warm_up(&pair);
        trip(&pair);
        due_ns = smew_now_ns() + options.timeout_ms * UINT64_C(1000000);
        assert_int_equal(smew_bus_request_async(pair.near, "numbers", "ask", &number,
                                                sizeof(number), &options, on_reply, &answer),
                         SMEW_OK);
        while (smew_now_ns() + 1000000 < due_ns)
            (void)!smew_bus_poll(pair.near, 1, 0);
        while (smew_now_ns() < due_ns + 1200000)
            ; /* not for so long that the service thread takes it */
        while (!answer)
            assert_int_equal(smew_bus_poll(pair.near, RARE_MS / 2, 0), SMEW_OK);
        assert_int_equal(answer, SMEW_TIMEOUT);
    }
    close_pair(&pair);
}

/* A poller with the loop keeps its timeout, is woken, and gives the loop to one that waits on the
 * fd. */
static void its_sleep_ends_as_ever(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair);
    warm_up(&pair);
    assert_int_equal(smew_bus_poll(pair.near, 5, 0), SMEW_TIMEOUT);
    smew_bus_wake(pair.near);
    assert_int_equal(smew_bus_poll(pair.near, KIT_WAIT_MS, 0), SMEW_TIMEOUT);
    assert_true(smew_bus_fd(pair.near) >= 0);
    for (unsigned i = 0; i < BURST; i++)
        trip(&pair);
    close_pair(&pair);
}

static void *send_all(void *argument)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    for (uint64_t number = 0; number < NUMBERS; number++) {
        if (kit_send_number(argument, "numbers", number, &options) != SMEW_OK)
            return argument;
    }
    return NULL;
}

/* The loop goes to and fro: order is kept, nothing is lost or seen twice. */
static void many_turns_keep_order(void **state)
{
    struct pair pair;
    pthread_t thread;
    void *failed;

    (void)state;
    open_pair(&pair);
    warm_up(&pair);
    assert_int_equal(pthread_create(&thread, NULL, send_all, pair.near), 0);
    while (pair.heard < NUMBERS && !pair.wrong)
        trip(&pair);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    close_pair(&pair);
}

/* A node may be closed whoever runs its loop, and in the midst of what it has sent. */
static void it_closes_in_any_turn(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct pair pair;

        open_pair(&pair);
        if (i % 2)
            warm_up(&pair);
        else
            trip(&pair);
        for (unsigned number = 0; number < i; number++)
            kit_send(pair.near, "numbers", number);
        kit_close(pair.near);
        wait_heard(&pair, i);
        kit_poller_stop(&pair.poller);
        kit_close(pair.far);
        assert_false(pair.wrong);
    }
}

int main(void)
{
    static const char *const names[] = {"adaptive", "spin", "sleep"};
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_busy_poller_runs_the_loop),
        SUPPORT_TEST(what_it_sends_leaves_without_it),
        SUPPORT_TEST(what_it_waits_for_comes),
        SUPPORT_TEST(what_comes_is_received_without_it),
        SUPPORT_TEST(it_is_woken_when_it_comes_back),
        SUPPORT_TEST(it_does_not_sleep_beside_what_is_due),
        SUPPORT_TEST(its_sleep_ends_as_ever),
        SUPPORT_TEST(many_turns_keep_order),
        SUPPORT_TEST(it_closes_in_any_turn),
    };

    int failed = 0;

    kit_use("pipe");
    for (waiting = SMEW_WAITING_ADAPTIVE; waiting <= SMEW_WAITING_SLEEP; waiting++)
        failed += cmocka_run_group_tests_name(names[waiting], tests, NULL, NULL);
    return failed;
}
