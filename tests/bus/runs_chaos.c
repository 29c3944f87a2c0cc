/* SPDX-License-Identifier: MIT */
/*
 * Messages that are run where they are read, while everything happens at once: machines end and
 * begin again, connections are lost, messages are held, rejected, or wait for what they send.  Each
 * accepted message is handled once, in the order of its pair (G1, G2, G5).
 */
#include "tests/bus/kit.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/inbound.h"
#include "bus/lane_turn.h"
#include "bus/node.h"
#include "bus/service.h"

enum {
    SENDERS = 3,
    TARGETS = 8,
    HELD = 4096,
    IN_PLACE = 64, /* bytes: of some payloads */
    TICK_NS = 40000000,
    WORLD_NS = 1000000000,
};

static const char *const targets[TARGETS] = {"m0", "m1", "m2", "m3", "p:0", "p:1", "p:2", "p:3"};

struct payload {
    uint64_t number;
    uint32_t sender;
    uint32_t target;
    uint8_t rest[200];
};

static struct {
    struct smew_bus *host;
    struct smew_bus *senders[SENDERS];
    uint64_t sent[SENDERS][TARGETS];
    uint64_t next[SENDERS][TARGETS];
    atomic_bool stop, over;
    atomic_uint wrong, passed, passed_on, rejected, run, all;
    struct smew_message *held[HELD];
    atomic_uint held_in, held_out;
    struct smew_subscription *none;
    bool chaos_names, chaos_links;
    unsigned held_share;
} world;

static atomic_uint letters[64];

static void on_letter(struct smew_bus *bus, const struct smew_message *message,
                      enum smew_status reason, void *user)
{
    (void)bus;
    (void)user;
    (void)message;
    if (-reason >= 0 && -reason < 64)
        atomic_fetch_add(&letters[-reason], 1);
    if (reason != SMEW_REJECTED)
        fprintf(stderr, "letter: %s\n", smew_status_text(reason));
}

static void check(const struct smew_message *message)
{
    const struct payload *payload = smew_message_payload(message);
    uint64_t *next = &world.next[payload->sender][payload->target];

    for (unsigned i = 0; i < sizeof(payload->rest); i++) {
        if (payload->rest[i] != (uint8_t)payload->number)
            atomic_fetch_add(&world.wrong, 1);
    }
    if (strcmp(smew_message_target(message), targets[payload->target]) != 0)
        atomic_fetch_add(&world.wrong, 1);
    if (payload->number != *next) {
        fprintf(stderr, "%s of %u: %llu, not %llu%s\n", targets[payload->target], payload->sender,
                (unsigned long long)payload->number, (unsigned long long)*next,
                smew_message_redelivered(message) ? ", again" : "");
        atomic_fetch_add(&world.wrong, 1);
    }
    *next = payload->number + 1;
}

static void on_passed(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    (void)message;
    (void)user;
    atomic_fetch_add(&world.passed, 1);
}

static void on_message(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    const struct payload *payload = smew_message_payload(message);
    unsigned what = (unsigned)(payload->number * 7 + payload->target) % 64;

    (void)user;
    check(message);
    atomic_fetch_add(&world.run, bus->run.working);
    atomic_fetch_add(&world.all, 1);
    if (what == 1) {
        smew_message_reject(message);
        atomic_fetch_add(&world.rejected, 1);
    } else if (what < 2 + world.held_share &&
               atomic_load(&world.held_in) - atomic_load(&world.held_out) < HELD) {
        struct smew_message *held;

        if (what == 2)
            smew_message_reject(message);
        held = smew_message_hold(message);
        if (!held) {
            atomic_fetch_add(&world.wrong, 1);
            return;
        }
        world.held[atomic_load(&world.held_in) % HELD] = held;
        atomic_fetch_add(&world.held_in, 1);
        if (what == 3)
            for (volatile unsigned i = 0; i < 3000; i++)
                ;
    } else if (what == 20) {
        if (smew_bus_send(bus, "own", "E", NULL, 0, NULL) == SMEW_OK)
            atomic_fetch_add(&world.passed_on, 1);
    } else if (what == 30) {
        for (volatile unsigned i = 0; i < 100000; i++)
            ;
    } else if (what == 31 && payload->number % 4096 == 0) {
        uint64_t until = smew_now_ns() + 30000000;

        while (smew_now_ns() < until)
            ;
    }
}

static void *send_all(void *argument)
{
    unsigned sender = (unsigned)(uintptr_t)argument;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    unsigned turn = sender;

    options.timeout_ms = KIT_WAIT_MS;
    options.wait_ms = KIT_WAIT_MS;
    while (!atomic_load(&world.stop)) {
        unsigned target = turn++ / 3 % TARGETS;
        struct payload payload = {world.sent[sender][target], sender, target, {0}};
        enum smew_status status;

        memset(payload.rest, (uint8_t)payload.number, sizeof(payload.rest));
        status = smew_bus_send(world.senders[sender], targets[target], "E", &payload,
                               sizeof(payload), &options);
        if (status == SMEW_OK)
            world.sent[sender][target]++;
        else
            fprintf(stderr, "send: %s\n", smew_status_text(status));
    }
    return NULL;
}

static void *complete_all(void *argument)
{
    (void)argument;
    for (;;) {
        unsigned out = atomic_load(&world.held_out);

        if (out != atomic_load(&world.held_in)) {
            smew_message_complete(world.held[out % HELD], SMEW_OK);
            atomic_fetch_add(&world.held_out, 1);
        } else if (atomic_load(&world.over)) {
            return NULL;
        } else {
            (void)sched_yield();
        }
    }
}

static void lose_one(unsigned turn)
{
    struct smew_bus *bus = world.host;
    unsigned i = 0;

    smew__reading_lock(bus); /* under which the service thread looks at it */
    smew__bus_lock(bus);
    SMEW_LIST_EACH (link, &bus->inbounds) {
        struct smew__inbound *inbound = SMEW_CONTAINER(link, struct smew__inbound, link);

        if (i++ != turn % SENDERS || inbound->closing)
            continue;
        inbound->abandoned = true;
        if (smew__list_empty(&inbound->due))
            smew__list_append(&bus->inbounds_due, &inbound->due);
        smew__service_kick(bus);
    }
    smew__bus_unlock(bus);
    smew__reading_unlock(bus);
}

static void rename_one(unsigned turn)
{
    const char *id = turn % 5 == 4 ? "p:*" : targets[turn % 4];
    struct smew_error error = {0};

    if (smew_bus_unregister(world.host, id) != SMEW_OK ||
        smew_bus_register(world.host, id, on_message, NULL, NULL, &error) != SMEW_OK) {
        fprintf(stderr, "%s: %s\n", id, error.text);
        atomic_fetch_add(&world.wrong, 1);
    }
}

static void open_world(uint32_t in_place_bytes)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    memset(letters, 0, sizeof(letters));
    options.heartbeat_ms = 20;
    options.in_place_bytes = in_place_bytes;
    world.host = kit_open(&options);
    options.on_dead_letter = on_letter;
    for (unsigned i = 0; i < TARGETS; i++)
        if (targets[i][0] == 'm')
            kit_register(world.host, targets[i], on_message, NULL);
    kit_register(world.host, "p:*", on_message, NULL);
    kit_register(world.host, "own", on_passed, NULL);
    for (unsigned i = 0; i < SENDERS; i++)
        world.senders[i] = kit_open(&options);
}

/* Whatever may happen to the senders, while they are at it. */
static void disturb(bool names, bool links)
{
    uint64_t until_ns = smew_now_ns() + WORLD_NS;

    for (unsigned turn = 0; smew_now_ns() < until_ns; turn++) {
        uint64_t tick_ns = smew_now_ns() + TICK_NS;

        while (smew_now_ns() < tick_ns)
            for (unsigned i = 0; i < SENDERS; i++)
                (void)!smew_bus_poll(world.senders[i], 1, 0);
        if (links)
            lose_one(turn);
        if (names)
            rename_one(turn);
    }
}

static void wait_until_quiet(struct smew_bus *sender)
{
    uint64_t deadline_ns = smew_now_ns() + KIT_WAIT_MS * UINT64_C(1000000);

    while (smew_bus_flush(sender, 10) != SMEW_OK) {
        (void)!smew_bus_poll(sender, 0, 0);
        if (smew_now_ns() > deadline_ns)
            fail_msg("never quiet: in flight %u", kit_stats(sender).in_flight);
    }
    kit_poll_all(sender);
}

/* Each message was handled once, in order, and counted. */
static void check_world(bool names)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < SENDERS; i++)
        for (unsigned j = 0; j < TARGETS; j++) {
            all += world.sent[i][j];
            if (world.sent[i][j] != world.next[i][j])
                fail_msg("%s of %u: %llu of %llu", targets[j], i,
                         (unsigned long long)world.next[i][j],
                         (unsigned long long)world.sent[i][j]);
        }
    print_message("%llu messages, %u run, %u rejected, %u held, %u passed on; %llu again\n",
                  (unsigned long long)all, atomic_load(&world.run), atomic_load(&world.rejected),
                  atomic_load(&world.held_in), atomic_load(&world.passed_on),
                  (unsigned long long)kit_stats(world.host).duplicates);
    assert_int_equal(atomic_load(&world.wrong), 0);
    assert_int_equal(atomic_load(&world.all), all);
    assert_int_equal(kit_stats(world.host).held, 0);
    /* With machines that end, what was queued for them and refused was counted too. */
    assert_true(kit_stats(world.host).delivered >= all + atomic_load(&world.passed_on));
    assert_true(names || kit_stats(world.host).delivered == all + atomic_load(&world.passed_on));
    assert_int_equal(atomic_load(&world.passed), atomic_load(&world.passed_on));
}

static void run_world(bool names, bool links, unsigned held_share, uint32_t in_place_bytes)
{
    pthread_t threads[SENDERS], completer;
    struct kit_poller poller;

    memset(&world, 0, sizeof(world));
    world.held_share = held_share;
    open_world(in_place_bytes);
    kit_poller_start(&poller, world.host);
    assert_int_equal(pthread_create(&completer, NULL, complete_all, NULL), 0);
    for (uintptr_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, (void *)i), 0);
    disturb(names, links);
    atomic_store(&world.stop, true);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < SENDERS; i++)
        wait_until_quiet(world.senders[i]);
    atomic_store(&world.over, true);
    pthread_join(completer, NULL);
    kit_poller_stop(&poller);
    check_world(names);
    for (unsigned i = 0; i < SENDERS; i++)
        kit_close(world.senders[i]);
    kit_close(world.host);
}

static void calm(void **state)
{
    (void)state;
    run_world(false, false, 6, 0);
    run_world(false, false, 6, IN_PLACE);
}

static void links(void **state)
{
    (void)state;
    run_world(false, true, 6, 0);
}

static void names(void **state)
{
    (void)state;
    run_world(true, false, 6, 0);
}

static void names_without_holding(void **state)
{
    (void)state;
    run_world(true, false, 0, 0);
}

static void both(void **state)
{
    (void)state;
    run_world(true, true, 6, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(calm),  SUPPORT_TEST(links), SUPPORT_TEST(names_without_holding),
        SUPPORT_TEST(names), SUPPORT_TEST(both),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    kit_use("shm");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
