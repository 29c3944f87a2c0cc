/* SPDX-License-Identifier: MIT */
/*
 * Processes that are killed, one at a time and at a known moment: what is promised to those who
 * live, how soon, and what is left of the dead.  tests/system/kill.c does it at random.
 *
 * Argument: the scheme.
 */
#include "tests/bus/kit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
    SOON_MS = 1000, /* whoever lives goes on within this */
};

/* Children tell by a message to "parent", which is the only thing that they share. */
static void tell_parent(struct smew_bus *bus, const char *event)
{
    struct smew_send_options options = kit_level(SMEW_LEVEL_PROCESSED);

    options.wait_ms = KIT_WAIT_MS;
    (void)!smew_bus_send(bus, "parent", event, NULL, 0, &options);
}

static void hold_for_ever(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    *(struct smew_message **)user = smew_message_hold(message);
}

/* Hosts "m" and holds what comes, until it is killed. */
static int host_and_hold(void *argument)
{
    struct smew_message *held = NULL;
    struct smew_bus *bus;

    (void)argument;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL) != SMEW_OK ||
        smew_bus_register(bus, "m", hold_for_ever, &held, NULL, NULL) != SMEW_OK)
        return 1;
    tell_parent(bus, "READY");
    while (held == NULL)
        (void)!smew_bus_poll(bus, 100, 0);
    tell_parent(bus, "HOLDS");
    for (;;)
        (void)!smew_bus_poll(bus, 1000, 0);
}

/* Only lives. */
static int live(void *argument)
{
    struct smew_bus *bus;

    (void)argument;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL) != SMEW_OK ||
        smew_bus_register(bus, "m", kit_ignore, NULL, NULL, NULL) != SMEW_OK)
        return 1;
    for (;;)
        (void)!smew_bus_poll(bus, 1000, 0);
}

/* Sends to "m" until it is killed. */
static int flood(void *argument)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus *bus;

    (void)argument;
    options.wait_ms = KIT_WAIT_MS;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL) != SMEW_OK)
        return 1;
    for (uint64_t i = 0;; i++)
        (void)!kit_send_number(bus, "m", i, &options);
}

static struct smew_bus *open_with_letters(struct kit_log *letters, uint32_t linger_ms)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    kit_log_init(letters);
    options.on_dead_letter = kit_note_letter;
    options.user = letters;
    options.linger_ms = linger_ms;
    return kit_open(&options);
}

/* A parent's node, with a child that hosts "m" and holds its first message. */
struct scene {
    struct smew_bus *bus;
    pid_t child;
};

static struct kit_log told;
static struct kit_log letters;

static struct scene scene_open(uint32_t linger_ms)
{
    struct scene scene = {.child = support_fork(host_and_hold, NULL)};

    kit_log_init(&told);
    scene.bus = open_with_letters(&letters, linger_ms);
    kit_register(scene.bus, "parent", kit_note, &told);
    kit_poll_until(scene.bus, &told, 1);
    return scene;
}

static uint64_t since_ms(uint64_t begin_ns)
{
    return (smew_now_ns() - begin_ns) / 1000000;
}

/* ---- the host ------------------------------------------------------------------------ */

static void a_killed_hosts_messages_are_taken_over_at_once(void **state)
{
    struct scene scene = scene_open(KIT_WAIT_MS);
    static struct kit_log log;
    uint64_t begin_ns;

    (void)state;
    kit_log_init(&log);
    for (uint64_t i = 0; i < 500; i++)
        kit_send(scene.bus, "m", i);
    kit_poll_until(scene.bus, &told, 2); /* it holds one of them */
    begin_ns = smew_now_ns();
    support_kill(scene.child);
    kit_register(scene.bus, "m", kit_note, &log); /* CLAIMED no more */
    for (uint64_t i = 500; i < 600; i++)
        kit_send(scene.bus, "m", i);
    kit_poll_until(scene.bus, &log, 600);
    assert_true(since_ms(begin_ns) < SOON_MS);
    kit_expect_run(&log, "m", 0, 600);
    assert_true(log.seen[0].redelivered);
    for (size_t i = 500; i < 600; i++)
        assert_false(log.seen[i].redelivered);
    assert_int_equal(smew_bus_flush(scene.bus, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(letters.count, 0);
    kit_close(scene.bus);
}

static void nobody_takes_over(void **state)
{
    struct scene scene = scene_open(50);

    (void)state;
    for (uint64_t i = 0; i < 10; i++)
        kit_send(scene.bus, "m", i);
    kit_poll_until(scene.bus, &told, 2);
    support_kill(scene.child);
    kit_poll_until(scene.bus, &letters, 10);
    kit_expect_run(&letters, "m", 0, 10);
    assert_int_equal(letters.seen[0].status, SMEW_PEER_DEAD);
    assert_int_equal(kit_send_number(scene.bus, "m", 11, NULL), SMEW_NO_MACHINE);
    assert_int_equal(smew_bus_flush(scene.bus, 0), SMEW_OK);
    kit_close(scene.bus);
}

struct asker {
    struct smew_bus *bus;
    enum smew_status status;
    uint64_t took_ms;
};

static void *ask(void *argument)
{
    struct asker *asker = argument;
    struct smew_send_options options = kit_level(SMEW_LEVEL_ACCEPTED);
    struct smew_message *reply = NULL;
    uint64_t begin_ns = smew_now_ns();

    asker->status = smew_bus_request(asker->bus, "m", "GET", NULL, 0, &options, &reply);
    asker->took_ms = since_ms(begin_ns);
    smew_message_free(reply);
    return NULL;
}

static void a_request_to_a_killed_host_ends(void **state)
{
    struct scene scene = scene_open(50);
    struct asker asker = {.bus = scene.bus};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, ask, &asker), 0);
    kit_poll_until(scene.bus, &told, 2); /* the request is held */
    support_kill(scene.child);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(asker.status, SMEW_PEER_DEAD);
    assert_true(asker.took_ms < KIT_WAIT_MS);
    kit_close(scene.bus);
}

static void a_host_that_is_stopped_may_be_killed(void **state)
{
    struct scene scene = scene_open(KIT_WAIT_MS);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_send(scene.bus, "m", 0);
    kit_poll_until(scene.bus, &told, 2);
    assert_int_equal(kill(scene.child, SIGSTOP), 0);
    for (uint64_t i = 1; i < 100; i++)
        kit_send(scene.bus, "m", i);
    assert_int_equal(smew_bus_register(scene.bus, "m", kit_note, &log, NULL, NULL), SMEW_CLAIMED);
    support_kill(scene.child);
    kit_register(scene.bus, "m", kit_note, &log);
    kit_poll_until(scene.bus, &log, 100);
    kit_expect_run(&log, "m", 0, 100);
    kit_close(scene.bus);
}

/* Nobody answers there, and yet the message's end comes in time, with its reason. */
static void a_message_expires_on_its_way_to_a_stopped_host(void **state)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct scene scene = scene_open(KIT_WAIT_MS);
    struct smew_bus *other;
    static struct kit_log late;

    (void)state;
    other = open_with_letters(&late, KIT_WAIT_MS);
    support_stop(scene.child);
    options.expires_ms = 30;
    assert_int_equal(kit_send_number(other, "m", 1, &options), SMEW_OK);
    kit_poll_until(other, &late, 1);
    assert_int_equal(late.seen[0].status, SMEW_EXPIRED);
    assert_int_equal(smew_bus_flush(other, 0), SMEW_OK);
    support_kill(scene.child);
    kit_close(other);
    kit_close(scene.bus);
}

/* ---- the sender ---------------------------------------------------------------------- */

static bool has_no_connection(void *argument)
{
    return kit_stats(argument).connections == 0;
}

static void a_killed_sender_leaves_nothing_with_its_receiver(void **state)
{
    pid_t children[3];
    struct smew_bus *bus;
    static struct kit_log log;

    (void)state;
    for (int i = 0; i < 3; i++)
        children[i] = support_fork(flood, NULL);
    bus = kit_open(NULL);
    kit_log_init(&log);
    kit_register(bus, "m", kit_note, &log);
    kit_poll_until(bus, &log, 1000);
    for (int i = 0; i < 3; i++)
        support_kill(children[i]);
    assert_true(support_wait_until(has_no_connection, bus, KIT_WAIT_MS));
    kit_poll_all(bus); /* what had arrived is handled all the same */
    kit_send(bus, "m", 1);
    assert_int_equal(smew_bus_poll(bus, KIT_WAIT_MS, 0), SMEW_OK);
    kit_close(bus);
}

/* ---- what is left -------------------------------------------------------------------- */

static bool is_hosted(void *argument)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_bus *bus = NULL;
    enum smew_status status;

    (void)argument;
    if (smew_bus_open(kit_test_url(), NULL, &bus, NULL) != SMEW_OK)
        return false;
    status = kit_send_number(bus, "m", 1, &options);
    smew_bus_close(bus, KIT_WAIT_MS, NULL);
    return status == SMEW_OK;
}

static void the_last_one_is_killed(bool by_clean)
{
    struct smew_clean_report report = {0};
    struct smew_error error = {0};
    pid_t child = support_fork(live, NULL);

    assert_true(support_wait_until(is_hosted, NULL, KIT_WAIT_MS));
    assert_int_equal(smew_bus_clean(NULL, &report, &error), SMEW_OK);
    assert_int_equal(report.in_use, 1); /* and nothing of it was touched: */
    assert_true(is_hosted(NULL));
    support_kill(child);
    if (by_clean) {
        assert_int_equal(smew_bus_clean(NULL, &report, &error), SMEW_OK);
        assert_int_equal(report.buses, 1);
        assert_int_equal(report.in_use, 0);
        assert_true(report.reaped > 0);
        assert_int_equal(smew_bus_clean(support_runtime_dir(), &report, NULL), SMEW_OK);
        assert_int_equal(report.reaped, 0);
    } else {
        kit_close(kit_open(NULL));
    }
    assert_true(support_runtime_dir_empty());
}

static void clean_reaps_the_last_one(void **state)
{
    (void)state;
    the_last_one_is_killed(true);
}

static void the_next_one_reaps_the_last_one(void **state)
{
    (void)state;
    the_last_one_is_killed(false);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(a_killed_hosts_messages_are_taken_over_at_once),
        SUPPORT_TEST(nobody_takes_over),
        SUPPORT_TEST(a_request_to_a_killed_host_ends),
        SUPPORT_TEST(a_host_that_is_stopped_may_be_killed),
        SUPPORT_TEST(a_message_expires_on_its_way_to_a_stopped_host),
        SUPPORT_TEST(a_killed_sender_leaves_nothing_with_its_receiver),
        SUPPORT_TEST(clean_reaps_the_last_one),
        SUPPORT_TEST(the_next_one_reaps_the_last_one),
    };

    kit_use(count > 1 ? arguments[1] : "pipe");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
