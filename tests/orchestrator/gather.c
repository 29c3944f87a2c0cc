/* SPDX-License-Identifier: MIT */
/*
 * Sends of a node to its own machines: the short way in, and completions that gather on the way
 * out.  What gathers is late for nobody: not for who asks, waits, or has no room.
 */
#include "tests/orchestrator/kit.h"

#include <semaphore.h>
#include <string.h>

enum { WINDOW = 8, MANY = 3000 };

/* STOP waits until it is let go; N counts. */
static const char stopper[] = "{'id':'s','initial':'on','states':{'on':{'on':{"
                              "'N':{'actions':'note'},'STOP':{'actions':'stop'},'DONE':'off'}},"
                              "'off':{'type':'final'}}}";

struct stops {
    sem_t begun;
    sem_t go;
    atomic_uint noted;
    unsigned last; /* number of a payload, on the event bus's thread */
    atomic_uint wrong;
};

static void note(const struct smew_call *call)
{
    struct stops *stops = call->user;
    unsigned number;

    if (call->event->payload_size == sizeof(number)) {
        memcpy(&number, call->event->payload, sizeof(number));
        atomic_fetch_add(&stops->wrong, number != stops->last + 1);
        stops->last = number;
    }
    atomic_fetch_add(&stops->noted, 1);
}

static void stop(const struct smew_call *call)
{
    struct stops *stops = call->user;

    (void)sem_post(&stops->begun);
    while (sem_wait(&stops->go) != 0)
        ;
}

struct world {
    struct smew_bus *bus;
    struct smew_orchestrator *orchestrator;
    struct stops stops;
    size_t letters;
};

static void on_letter(struct smew_bus *bus, const struct smew_message *message,
                      enum smew_status reason, void *user)
{
    struct world *world = user;

    (void)bus;
    assert_string_equal(smew_message_event(message), "N");
    assert_int_equal(reason, SMEW_STOPPED);
    world->letters++;
}

static void load(struct world *world, const char *id)
{
    static const struct smew_named_action actions[] = {{"note", note}, {"stop", stop}};
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    struct smew_chart *chart = NULL;
    char text[sizeof(stopper)];

    for (size_t i = 0; i < sizeof(stopper); i++)
        text[i] = stopper[i] == '\'' ? '"' : stopper[i];
    behavior.actions = actions;
    behavior.action_count = 2;
    assert_int_equal(smew_chart_load_json(text, strlen(text), "stopper", &behavior, &chart, NULL),
                     SMEW_OK);
    assert_int_equal(
        smew_orchestrator_host(world->orchestrator, id, chart, &world->stops, NULL, NULL), SMEW_OK);
    smew_chart_unref(chart);
}

static struct world *open_world(uint32_t window)
{
    struct smew_orchestrator_options one = SMEW_ORCHESTRATOR_OPTIONS_INIT;
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct world *world = test_calloc(1, sizeof(*world));

    assert_int_equal(sem_init(&world->stops.begun, 0, 0), 0);
    assert_int_equal(sem_init(&world->stops.go, 0, 0), 0);
    options.window = window;
    options.on_dead_letter = on_letter;
    options.user = world;
    one.event_buses = 1;
    world->bus = kit_open(&options);
    assert_int_equal(smew_orchestrator_create(world->bus, &one, &world->orchestrator, NULL),
                     SMEW_OK);
    load(world, "it");
    return world;
}

static void close_world(struct world *world)
{
    struct smew_left left;

    smew_orchestrator_destroy(world->orchestrator, KIT_WAIT_MS);
    smew_bus_close(world->bus, KIT_WAIT_MS, &left);
    assert_int_equal(left.unsent, 0);
    assert_int_equal(left.unprocessed, 0);
    (void)sem_destroy(&world->stops.begun);
    (void)sem_destroy(&world->stops.go);
    test_free(world);
}

static enum smew_status send_now(struct world *world, const char *event)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = SMEW_NOW;
    return smew_bus_send(world->bus, "it", event, NULL, 0, &options);
}

static void send_some(struct world *world, const char *event, unsigned count)
{
    while (count-- > 0)
        assert_int_equal(send_now(world, event), SMEW_OK);
}

static struct smew_bus_stats stats_of(struct world *world)
{
    struct smew_bus_stats stats;

    assert_int_equal(smew_bus_stats(world->bus, &stats), SMEW_OK);
    return stats;
}

/* ---- behind a handler that takes long ------------------------------------------------ */

static void test_who_asks_sees_what_is_done(void **state)
{
    struct world *world = open_world(0);
    struct smew_bus_stats stats;

    (void)state;
    send_some(world, "N", 5);
    send_some(world, "STOP", 1);
    (void)sem_wait(&world->stops.begun);
    stats = stats_of(world);
    assert_int_equal(stats.processed, 5);
    assert_int_equal(stats.in_flight, 1);
    assert_int_equal(smew_bus_flush(world->bus, 0), SMEW_TIMEOUT);
    (void)sem_post(&world->stops.go);
    assert_int_equal(smew_bus_flush(world->bus, KIT_WAIT_MS), SMEW_OK);
    stats = stats_of(world);
    assert_int_equal(stats.processed, 6);
    assert_int_equal(stats.in_flight, 0);
    close_world(world);
}

static void test_what_is_done_makes_room(void **state)
{
    struct world *world = open_world(WINDOW);

    (void)state;
    for (int round = 0; round < 3; round++) {
        send_some(world, "N", WINDOW - 1);
        send_some(world, "STOP", 1);
        (void)sem_wait(&world->stops.begun);
        /* The one that is stopped keeps its place, and no other. */
        send_some(world, "N", WINDOW - 1);
        assert_int_equal(send_now(world, "N"), SMEW_FULL);
        (void)sem_post(&world->stops.go);
        assert_int_equal(smew_bus_flush(world->bus, KIT_WAIT_MS), SMEW_OK);
    }
    assert_int_equal(stats_of(world).processed, 3 * (2 * WINDOW - 1));
    close_world(world);
}

static void *process_one(void *argument)
{
    struct world *world = argument;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.level = SMEW_LEVEL_PROCESSED;
    options.timeout_ms = KIT_WAIT_MS;
    return smew_bus_send(world->bus, "it", "N", NULL, 0, &options) == SMEW_OK ? world : NULL;
}

/* Who waits for an event is told, though the next one takes until we say so. */
static void test_who_waits_is_told_at_once(void **state)
{
    struct world *world = open_world(0);
    pthread_t waiter;
    void *fine;

    (void)state;
    send_some(world, "STOP", 1);
    (void)sem_wait(&world->stops.begun);
    assert_int_equal(pthread_create(&waiter, NULL, process_one, world), 0);
    while (stats_of(world).in_flight < 2)
        (void)sched_yield();
    send_some(world, "N", 3);
    send_some(world, "STOP", 1);
    (void)sem_post(&world->stops.go);
    (void)sem_wait(&world->stops.begun);
    assert_int_equal(pthread_join(waiter, &fine), 0);
    assert_ptr_equal(fine, world);
    assert_int_equal(stats_of(world).in_flight, 1);
    (void)sem_post(&world->stops.go);
    assert_int_equal(smew_bus_flush(world->bus, KIT_WAIT_MS), SMEW_OK);
    close_world(world);
}

static void *send_another(void *argument)
{
    struct world *world = argument;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    return smew_bus_send(world->bus, "it", "N", NULL, 0, &options) == SMEW_OK ? world : NULL;
}

/* Who waits for room gets it from the first that is done. */
static void test_who_waits_for_room_gets_it(void **state)
{
    struct world *world = open_world(WINDOW);
    pthread_t waiter;
    void *fine;

    (void)state;
    send_some(world, "STOP", 1);
    (void)sem_wait(&world->stops.begun);
    send_some(world, "N", 1);
    send_some(world, "STOP", 1);
    send_some(world, "N", WINDOW - 3);
    assert_int_equal(pthread_create(&waiter, NULL, send_another, world), 0);
    (void)sem_post(&world->stops.go);
    (void)sem_wait(&world->stops.begun);
    assert_int_equal(pthread_join(waiter, &fine), 0);
    assert_ptr_equal(fine, world);
    (void)sem_post(&world->stops.go);
    assert_int_equal(smew_bus_flush(world->bus, KIT_WAIT_MS), SMEW_OK);
    close_world(world);
}

/* Kept for want of room, with nobody there who waits: it is accepted when there is some. */
static void test_what_is_kept_gets_room(void **state)
{
    struct world *world = open_world(WINDOW);
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    (void)state;
    options.on_full = SMEW_ON_FULL_KEEP_OLDEST;
    send_some(world, "STOP", 1);
    (void)sem_wait(&world->stops.begun);
    send_some(world, "N", WINDOW - 2);
    send_some(world, "STOP", 1);
    assert_int_equal(smew_bus_send(world->bus, "it", "N", NULL, 0, &options), SMEW_QUEUED);
    assert_int_equal(smew_bus_send(world->bus, "it", "N", NULL, 0, &options), SMEW_QUEUED);
    assert_int_equal(stats_of(world).overflow, 2);
    (void)sem_post(&world->stops.go);
    (void)sem_wait(&world->stops.begun);
    while (stats_of(world).overflow)
        (void)sched_yield();
    assert_int_equal(stats_of(world).in_flight, 3);
    (void)sem_post(&world->stops.go);
    assert_int_equal(smew_bus_flush(world->bus, KIT_WAIT_MS), SMEW_OK);
    close_world(world);
}

/* ---- counts and order ---------------------------------------------------------------- */

/* The short way and the common one, in turns: one order. */
static void test_both_ways_keep_one_order(void **state)
{
    struct world *world = open_world(64);
    struct smew_send_options plain = SMEW_SEND_OPTIONS_INIT;
    struct smew_send_options other = SMEW_SEND_OPTIONS_INIT;

    (void)state;
    plain.timeout_ms = KIT_WAIT_MS;
    other.timeout_ms = KIT_WAIT_MS;
    other.expires_ms = KIT_WAIT_MS;
    for (unsigned i = 1; i <= MANY; i++)
        assert_int_equal(
            smew_bus_send(world->bus, "it", "N", &i, sizeof(i), i % 7 == 0 ? &other : &plain),
            SMEW_OK);
    assert_int_equal(smew_bus_flush(world->bus, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(atomic_load(&world->stops.noted), MANY);
    assert_int_equal(atomic_load(&world->stops.wrong), 0);
    assert_int_equal(stats_of(world).processed, MANY);
    assert_int_equal(stats_of(world).sent, MANY);
    close_world(world);
}

/* A machine that ends among them: what comes after is a dead letter each. */
static void test_failures_among_them(void **state)
{
    struct world *world = open_world(0);

    (void)state;
    send_some(world, "N", 40);
    send_some(world, "DONE", 1);
    send_some(world, "N", 3);
    assert_int_equal(smew_bus_flush(world->bus, KIT_WAIT_MS), SMEW_OK);
    while (world->letters < 3)
        kit_poll(world->bus);
    assert_int_equal(stats_of(world).processed, 41);
    assert_int_equal(stats_of(world).dead_letters, 3);
    assert_int_equal(atomic_load(&world->stops.noted), 40);
    close_world(world);
}

/* What the short way does not take, the common one still refuses. */
static void test_refusals_are_the_same(void **state)
{
    struct world *world = open_world(0);
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus *bus = world->bus;
    static char large[2 * 1024 * 1024];

    (void)state;
    send_some(world, "N", 3);
    assert_int_equal(smew_bus_send(bus, "it", "N\n", NULL, 0, NULL), SMEW_INVALID);
    assert_int_equal(smew_bus_send(bus, "it", "", NULL, 0, NULL), SMEW_INVALID);
    assert_int_equal(smew_bus_send(bus, "it", NULL, NULL, 0, NULL), SMEW_INVALID);
    assert_int_equal(smew_bus_send(bus, NULL, "N", NULL, 0, NULL), SMEW_INVALID);
    assert_int_equal(smew_bus_send(bus, "it*", "N", NULL, 0, NULL), SMEW_INVALID);
    assert_int_equal(smew_bus_send(bus, "it", "N", NULL, 1, NULL), SMEW_INVALID);
    assert_int_equal(smew_bus_send(bus, "it", "N", large, sizeof(large), NULL), SMEW_TOO_BIG);
    send_some(world, "N", 1);
    options.source = "no\tname";
    assert_int_equal(smew_bus_send(bus, "it", "N", NULL, 0, &options), SMEW_INVALID);
    options.source = "some:one";
    assert_int_equal(smew_bus_send(bus, "it", "N", NULL, 0, &options), SMEW_OK);
    assert_int_equal(smew_bus_send(bus, "nobody", "N", NULL, 0, NULL), SMEW_NO_MACHINE);
    send_some(world, "N", 2);
    assert_int_equal(smew_bus_flush(bus, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(smew_orchestrator_stop(world->orchestrator, "it"), SMEW_OK);
    assert_int_equal(send_now(world, "N"), SMEW_NO_MACHINE);
    /* Hosted again, it is found again. */
    load(world, "it");
    send_some(world, "N", 2);
    assert_int_equal(smew_bus_flush(bus, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(atomic_load(&world->stops.noted), 9);
    close_world(world);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_asks_sees_what_is_done),
        cmocka_unit_test(test_what_is_done_makes_room),
        cmocka_unit_test(test_who_waits_is_told_at_once),
        cmocka_unit_test(test_who_waits_for_room_gets_it),
        cmocka_unit_test(test_what_is_kept_gets_room),
        cmocka_unit_test(test_both_ways_keep_one_order),
        cmocka_unit_test(test_failures_among_them),
        cmocka_unit_test(test_refusals_are_the_same),
    };

    return KIT_MAIN(argc, argv, tests);
}
