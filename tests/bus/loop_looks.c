/* SPDX-License-Identifier: MIT */
/*
 * A thread that polls and has the service's loop, bus/loop_turn.h, looks again and again before it
 * sleeps in it, or sleeps at once: it looks when it is told to, and whoever needs it meanwhile is
 * seen.  Each test runs once with each way to wait.
 */
#include "tests/bus/kit.h"

#include <sched.h>
#include <sys/resource.h>

enum {
    TRIPS_MOST = 200000,
    ROUNDS = 50,
    YIELDS = 50,
    SLEEPS = 10,
    LOOKS = 3,
    LOOKS_MOST = 2000, /* others' locks, and the service thread's turns, are slept for */
    LONG_MS = 1000000, /* longer than this test may take: what is lost is never found */
};

static enum smew_waiting waiting; /* of the node that is tested; the other one sleeps */

/* A node that a thread of its own polls. */
struct place {
    struct smew_bus *bus;
    atomic_uint_fast64_t heard; /* numbers, in order */
    atomic_uint_fast64_t polls; /* that have returned */
    atomic_bool wrong;
    atomic_bool stop;
    pthread_t thread;
};

static void on_number(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct place *place = user;

    (void)bus;
    if (kit_number(message) != place->heard)
        place->wrong = true;
    place->heard++;
}

static void *poll_on(void *argument)
{
    struct place *place = argument;

    while (!place->stop) {
        (void)!smew_bus_poll(place->bus, LONG_MS, 0);
        place->polls++;
    }
    return NULL;
}

static void open_place(struct place *place, const char *id, enum smew_waiting way)
{
    *place = (struct place){.bus = kit_host_open(way)};
    kit_register(place->bus, id, on_number, place);
    assert_int_equal(pthread_create(&place->thread, NULL, poll_on, place), 0);
}

static void stop_place(struct place *place)
{
    place->stop = true;
    smew_bus_wake(place->bus);
    assert_int_equal(pthread_join(place->thread, NULL), 0);
}

static void close_place(struct place *place)
{
    stop_place(place);
    assert_false(place->wrong);
    kit_close(place->bus);
}

struct goal {
    atomic_uint_fast64_t *number;
    uint64_t least;
};

static bool is_reached(void *argument)
{
    const struct goal *goal = argument;

    return *goal->number >= goal->least;
}

static void await(atomic_uint_fast64_t *number, uint64_t least)
{
    struct goal goal = {number, least};

    assert_true(support_wait_until(is_reached, &goal, KIT_WAIT_MS));
}

static void tell(struct place *from, struct place *to, const char *id)
{
    uint64_t number = to->heard;

    kit_send(from->bus, id, number);
    await(&to->heard, number + 1);
}

/* Two nodes; the near one's poller is the one that is tested, and runs its loop. */
struct pair {
    struct place near;
    struct place far;
};

static void open_pair(struct pair *pair)
{
    unsigned trips = 0;

    open_place(&pair->near, "near", waiting);
    open_place(&pair->far, "far", SMEW_WAITING_SLEEP);
    do {
        uint64_t number = pair->near.heard;

        kit_send(pair->far.bus, "near", number);
        while (pair->near.heard == number) /* not a millisecond longer: it is to be busy */
            (void)sched_yield();
    } while (!kit_stats(pair->near.bus).polled && ++trips < TRIPS_MOST);
    assert_true(trips < TRIPS_MOST);
    tell(&pair->near, &pair->far, "far");
}

static void close_pair(struct pair *pair)
{
    assert_int_equal(smew_bus_flush(pair->near.bus, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(smew_bus_flush(pair->far.bus, KIT_WAIT_MS), SMEW_OK);
    close_place(&pair->near);
    close_place(&pair->far);
}

/* It may have just begun to wait, or have waited for so long that it is asleep, if it ever is. */
static void pause_before(unsigned round)
{
    for (unsigned i = 0; waiting != SMEW_WAITING_SPIN && i < round % 8 * YIELDS; i++)
        (void)sched_yield();
}

static void a_wake_is_seen(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t polls = pair.near.polls;

        pause_before(i);
        smew_bus_wake(pair.near.bus);
        await(&pair.near.polls, polls + 1);
    }
    close_pair(&pair);
}

/* Its own program's sends go through the loop that it has. */
static void what_others_send_leaves(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair);
    for (unsigned i = 0; i < ROUNDS; i++) {
        pause_before(i);
        tell(&pair.near, &pair.far, "far");
    }
    close_pair(&pair);
}

static void what_others_wait_for_comes(void **state)
{
    struct smew_send_options processed = kit_level(SMEW_LEVEL_PROCESSED);
    struct pair pair;

    (void)state;
    open_pair(&pair);
    for (unsigned i = 0; i < ROUNDS; i++) {
        pause_before(i);
        assert_int_equal(kit_send_number(pair.near.bus, "far", pair.far.heard, &processed),
                         SMEW_OK);
        assert_int_equal(smew_bus_flush(pair.near.bus, KIT_WAIT_MS), SMEW_OK);
    }
    close_pair(&pair);
}

static void on_reply(struct smew_bus *bus, enum smew_status status,
                     const struct smew_message *reply, void *user)
{
    (void)bus;
    (void)reply;
    *(atomic_uint_fast64_t *)user = status == SMEW_TIMEOUT ? 1 : 2;
}

static void a_timer_is_kept(void **state)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct pair pair;

    (void)state;
    options.timeout_ms = 5;
    open_pair(&pair);
    for (unsigned i = 0; i < ROUNDS / 5; i++) {
        atomic_uint_fast64_t answer = 0;
        uint64_t number = pair.far.heard;

        assert_int_equal(smew_bus_request_async(pair.near.bus, "far", "ask", &number,
                                                sizeof(number), &options, on_reply,
                                                (void *)&answer),
                         SMEW_OK);
        await(&answer, 1);
        assert_int_equal(answer, 1);
        await(&pair.far.heard, number + 1);
    }
    close_pair(&pair);
}

/* Another node goes, and a new one comes, while it waits. */
static void who_comes_and_goes_is_seen(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair);
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        assert_int_equal(smew_bus_flush(pair.near.bus, KIT_WAIT_MS), SMEW_OK);
        close_place(&pair.far);
        pause_before(i);
        open_place(&pair.far, "far", SMEW_WAITING_SLEEP);
        tell(&pair.far, &pair.near, "near");
        tell(&pair.near, &pair.far, "far");
    }
    close_pair(&pair);
}

/* It gives the loop to a service thread that the program's own loop needs. */
static void it_makes_way_for_the_fd(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair);
    assert_true(smew_bus_fd(pair.near.bus) >= 0);
    for (unsigned i = 0; i < ROUNDS; i++)
        tell(&pair.far, &pair.near, "near");
    close_pair(&pair);
}

/* How often this thread has gone to sleep. */
static long count_sleeps(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_nvcsw;
}

/* Who is never to sleep does not, and who is not to look for ever does, and keeps its timeout. */
static void it_sleeps_or_it_does_not(void **state)
{
    struct pair pair;
    unsigned polls = 0, awake = 0;

    (void)state;
    open_pair(&pair);
    stop_place(&pair.near);
    for (; polls < SLEEPS || (waiting == SMEW_WAITING_SPIN && awake < LOOKS); polls++) {
        long before = count_sleeps();

        assert_true(polls < LOOKS_MOST);
        assert_int_equal(smew_bus_poll(pair.near.bus, 5, 0), SMEW_TIMEOUT);
        awake += count_sleeps() == before;
    }
    if (waiting != SMEW_WAITING_SPIN)
        assert_int_equal(awake, 0);
    pair.near.stop = false;
    assert_int_equal(pthread_create(&pair.near.thread, NULL, poll_on, &pair.near), 0);
    close_pair(&pair);
}

int main(void)
{
    static const char *const names[] = {"adaptive", "spin", "sleep"};
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_wake_is_seen),
        SUPPORT_TEST(what_others_send_leaves),
        SUPPORT_TEST(what_others_wait_for_comes),
        SUPPORT_TEST(a_timer_is_kept),
        SUPPORT_TEST(who_comes_and_goes_is_seen),
        SUPPORT_TEST(it_makes_way_for_the_fd),
        SUPPORT_TEST(it_sleeps_or_it_does_not),
    };
    int failed = 0;

    kit_use("pipe");
    for (waiting = SMEW_WAITING_ADAPTIVE; waiting <= SMEW_WAITING_SLEEP; waiting++)
        failed += cmocka_run_group_tests_name(names[waiting], tests, NULL, NULL);
    return failed;
}
