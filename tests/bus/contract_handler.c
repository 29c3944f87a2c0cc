/* SPDX-License-Identifier: MIT */
/*
 * The contract, seventh part: inside handlers.  Nothing there waits; what a handler sends is
 * accepted when there is room, and its input is complete only then; nodes that flood each other
 * never wait for ever; what is held is complete when its holder says so.
 */
#include "tests/bus/contract.h"

#include <stdio.h>
#include <string.h>

/* ---- sends --------------------------------------------------------------------------- */

static void forward(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    uint64_t number = kit_number(message);

    kit_log_add(user, message, kit_send_number(bus, "sink", number, NULL));
}

/* Three nodes: a sender, a middle that forwards to "sink", and the sink's host. */
struct row {
    struct smew_bus *sender;
    struct smew_bus *middle;
    struct smew_bus *host;
    struct kit_log forwarded;
    struct kit_log arrived;
};

static void row_open(struct row *row, uint32_t window, uint32_t outbox, uint32_t outbox_wait_ms)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    options.window = window;
    options.outbox = outbox;
    options.outbox_wait_ms = outbox_wait_ms;
    kit_log_init(&row->forwarded);
    kit_log_init(&row->arrived);
    row->sender = kit_open(NULL);
    row->middle = kit_open(&options);
    row->host = kit_open(NULL);
    kit_register(row->middle, "middle", forward, &row->forwarded);
    kit_register(row->host, "sink", kit_note, &row->arrived);
}

static void row_close(struct row *row)
{
    kit_close(row->sender);
    kit_close(row->middle);
    kit_close(row->host);
}

static void an_input_completes_after_its_sends(void **state)
{
    struct smew_send_options options = kit_level(SMEW_LEVEL_PROCESSED);
    struct kit_poller poller;
    static struct row row;

    (void)state;
    row_open(&row, 2, 0, 0);
    kit_poller_start(&poller, row.middle);
    assert_int_equal(kit_send_number(row.sender, "middle", 0, &options), SMEW_OK);
    assert_int_equal(kit_send_number(row.sender, "middle", 1, &options), SMEW_OK);
    /* The window towards the sink is full: the third one's send is not accepted yet. */
    options.timeout_ms = 30;
    assert_int_equal(kit_send_number(row.sender, "middle", 2, &options), SMEW_TIMEOUT);
    kit_wait_until(&row.forwarded, 3); /* though its handler has returned */
    assert_int_equal(kit_stats(row.sender).in_flight, 1);
    kit_poll_until(row.host, &row.arrived, 3);
    assert_int_equal(smew_bus_flush(row.sender, KIT_WAIT_MS), SMEW_OK);
    kit_poller_stop(&poller);
    kit_expect_run(&row.arrived, "sink", 0, 3);
    row_close(&row);
}

static void a_full_outbox_pauses_the_intake_for_a_while(void **state)
{
    static struct row row;

    (void)state;
    row_open(&row, 2, 4, 100);
    for (uint64_t i = 0; i < 20; i++)
        kit_send(row.sender, "middle", i);
    kit_poll_until(row.middle, &row.forwarded, 20); /* resumes, and answers FULL */
    /* 2 in the window and 4 in the outbox: it is full after the fifth was noted. */
    assert_true(row.forwarded.seen[6].at_ns - row.forwarded.seen[4].at_ns >= UINT64_C(100000000));
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(row.forwarded.seen[i].status, i < 6 ? SMEW_OK : SMEW_FULL);
    assert_int_equal(kit_stats(row.middle).refused, 14);
    kit_poll_until(row.host, &row.arrived, 6);
    kit_expect_run(&row.arrived, "sink", 0, 6);
    assert_int_equal(smew_bus_flush(row.middle, KIT_WAIT_MS), SMEW_OK);
    kit_send(row.sender, "middle", 6); /* and there is room again */
    kit_poll_until(row.middle, &row.forwarded, 21);
    kit_poll_until(row.host, &row.arrived, 7);
    kit_expect_run(&row.arrived, "sink", 0, 7);
    row_close(&row);
}

static void room_in_the_outbox_ends_the_pause(void **state)
{
    struct kit_poller poller;
    static struct row row;

    (void)state;
    row_open(&row, 2, 4, KIT_WAIT_MS);
    for (uint64_t i = 0; i < 500; i++)
        kit_send(row.sender, "middle", i);
    kit_poll_until(row.middle, &row.forwarded, 6);
    kit_poll_all(row.middle);
    assert_int_equal(row.forwarded.count, 6);
    kit_poller_start(&poller, row.middle);
    kit_poll_until(row.host, &row.arrived, 500); /* long before outbox_wait_ms */
    kit_poller_stop(&poller);
    kit_expect_run(&row.arrived, "sink", 0, 500);
    row_close(&row);
}

/* While the intake rests, everything else goes on. */
static void callbacks_run_while_the_intake_rests(void **state)
{
    struct smew_send_options options = kit_level(SMEW_LEVEL_ACCEPTED);
    static struct kit_log log;
    static struct row row;

    (void)state;
    row_open(&row, 2, 4, KIT_WAIT_MS);
    kit_log_init(&log);
    for (uint64_t i = 0; i < 20; i++)
        kit_send(row.sender, "middle", i);
    kit_poll_until(row.middle, &row.forwarded, 6);
    kit_poll_all(row.middle);
    assert_int_equal(smew_bus_request_async(row.middle, smew_bus_address(row.sender), "smew.stat",
                                            NULL, 0, &options, kit_note_reply, &log),
                     SMEW_OK);
    assert_int_equal(smew_bus_poll(row.middle, KIT_WAIT_MS / 2, 0), SMEW_OK);
    assert_int_equal(log.count, 1);
    assert_int_equal(row.forwarded.count, 6);
    while (kit_log_count(&row.arrived) < 20) {
        (void)!smew_bus_poll(row.host, 1, 0);
        (void)!smew_bus_poll(row.middle, 1, 0);
    }
    row_close(&row);
}

static void a_direct_send_goes_behind(void **state)
{
    struct smew_send_options options = kit_level(SMEW_LEVEL_ACCEPTED);
    static struct row row;

    (void)state;
    row_open(&row, 2, 0, 0);
    for (uint64_t i = 0; i < 5; i++)
        kit_send(row.sender, "middle", i);
    kit_poll_until(row.middle, &row.forwarded, 5);
    options.timeout_ms = 10;
    assert_int_equal(kit_send_number(row.middle, "sink", 5, &options), SMEW_FULL);
    kit_poll_until(row.host, &row.arrived, 5);
    kit_send(row.middle, "sink", 5);
    kit_poll_until(row.host, &row.arrived, 6);
    kit_expect_run(&row.arrived, "sink", 0, 6);
    row_close(&row);
}

/* ---- two threads of one source ------------------------------------------------------- */

struct rival {
    struct smew_bus *bus;
    pthread_t thread;
    bool started;
    atomic_bool over;
    enum smew_status status;
};

static void *send_second(void *argument)
{
    struct rival *rival = argument;
    struct smew_send_options options = kit_level(SMEW_LEVEL_ACCEPTED);

    options.source = "s";
    rival->status = kit_send_number(rival->bus, "sink", 1, &options);
    atomic_store(&rival->over, true);
    return NULL;
}

static bool rival_is_over(void *argument)
{
    return atomic_load(&((struct rival *)argument)->over);
}

/* Sends, and stays inside while another thread sends for the same source. */
static void send_first(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct rival *rival = user;
    struct smew_send_options options = kit_level(SMEW_LEVEL_ACCEPTED);

    (void)message;
    options.source = "s";
    (void)!kit_send_number(bus, "sink", 0, &options);
    rival->started = pthread_create(&rival->thread, NULL, send_second, rival) == 0;
    (void)support_wait_until(rival_is_over, rival, 50);
}

static void a_direct_send_waits_for_the_handler_before_it(void **state)
{
    struct rival rival = {.bus = kit_open(NULL)};
    struct smew_bus *host = kit_open(NULL);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(rival.bus, "m", send_first, &rival);
    kit_register(host, "sink", kit_note, &log);
    kit_send(rival.bus, "m", 0);
    assert_int_equal(smew_bus_poll(rival.bus, KIT_WAIT_MS, 1), SMEW_OK);
    assert_true(rival.started);
    assert_int_equal(pthread_join(rival.thread, NULL), 0);
    assert_int_equal(rival.status, SMEW_OK);
    kit_poll_until(host, &log, 2);
    kit_expect_run(&log, "sink", 0, 2);
    kit_close(rival.bus);
    kit_close(host);
}

/* ---- floods -------------------------------------------------------------------------- */

enum { FLOOD = 500 };

struct flood {
    struct smew_bus *bus;
    const char *other;
    struct kit_poller poller;
    atomic_uint handled;
    atomic_uint sent;
    atomic_uint full;
    atomic_uint wrong;
};

/* Two for one: the windows and outboxes of both are soon full. */
static void answer_with_two(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct flood *flood = user;

    (void)message;
    for (int i = 0; i < 2 && atomic_load(&flood->sent) < FLOOD; i++) {
        enum smew_status status = kit_send_number(bus, flood->other, 0, NULL);

        if (status == SMEW_OK)
            atomic_fetch_add(&flood->sent, 1);
        else if (status == SMEW_FULL)
            atomic_fetch_add(&flood->full, 1);
        else
            atomic_fetch_add(&flood->wrong, 1);
    }
    atomic_fetch_add(&flood->handled, 1);
}

static bool flood_is_over(void *argument)
{
    struct flood *floods = argument;

    return atomic_load(&floods[0].handled) == atomic_load(&floods[1].sent) + 1 &&
           atomic_load(&floods[1].handled) == atomic_load(&floods[0].sent) &&
           kit_stats(floods[0].bus).in_flight == 0 && kit_stats(floods[1].bus).in_flight == 0;
}

static void nodes_that_flood_each_other_never_hang(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct flood floods[2] = {{.other = "two"}, {.other = "one"}};

    (void)state;
    options.window = 8;
    options.outbox = 16;
    options.outbox_wait_ms = 10;
    options.heartbeat_ms = 10;
    for (int i = 0; i < 2; i++) {
        floods[i].bus = kit_open(&options);
        kit_register(floods[i].bus, i == 0 ? "one" : "two", answer_with_two, &floods[i]);
    }
    kit_send(floods[1].bus, "one", 0);
    for (int i = 0; i < 2; i++)
        kit_poller_start(&floods[i].poller, floods[i].bus);
    if (!support_wait_until(flood_is_over, floods, 20000))
        fail_msg("handled %u of %u, and %u of %u", floods[0].handled, floods[1].sent + 1,
                 floods[1].handled, floods[0].sent);
    for (int i = 0; i < 2; i++) {
        kit_poller_stop(&floods[i].poller);
        assert_int_equal(floods[i].wrong, 0);
        assert_true(floods[i].sent > 0);
    }
    assert_true(floods[0].full + floods[1].full > 0);
    kit_close(floods[0].bus);
    kit_close(floods[1].bus);
}

/* ---- what is refused ----------------------------------------------------------------- */

static void wait_in_handler(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct smew_send_options options = kit_level(SMEW_LEVEL_PROCESSED);
    struct smew_message *reply = NULL;
    bool refused = kit_send_number(bus, "other", 1, &options) == SMEW_WOULD_DEADLOCK;

    options.level = SMEW_LEVEL_RECEIVED;
    refused &= kit_send_number(bus, "other", 1, &options) == SMEW_WOULD_DEADLOCK;
    refused &= smew_bus_request(bus, "other", "E", NULL, 0, NULL, &reply) == SMEW_WOULD_DEADLOCK;
    refused &= kit_send_number(bus, "nobody", 1, NULL) == SMEW_NO_MACHINE;
    kit_log_add(user, message, refused ? SMEW_OK : SMEW_INVALID);
}

static void waiting_in_a_handler_is_refused(void **state)
{
    struct smew_bus *bus = kit_open(NULL);
    struct smew_bus *two = kit_open(NULL);
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(bus, "m", wait_in_handler, &log);
    kit_register(two, "other", kit_ignore, NULL);
    kit_send(bus, "m", 1);
    kit_poll_until(bus, &log, 1);
    assert_int_equal(log.seen[0].status, SMEW_OK);
    kit_close(bus);
    kit_close(two);
}

/* ---- another node of the program ----------------------------------------------------- */

struct bridge {
    struct smew_bus *out;
    struct kit_log log;
};

static void cross(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct bridge *bridge = user;
    uint64_t number = kit_number(message);

    (void)bus;
    kit_log_add(&bridge->log, message, kit_send_number(bridge->out, "sink", number, NULL));
}

static void a_handler_may_send_through_another_node(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_bus *in = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct smew_bus *host = kit_open_at(kit_url("elsewhere"), NULL);
    static struct bridge bridge;
    static struct kit_log log;

    (void)state;
    options.window = 2;
    bridge.out = kit_open_at(kit_url("elsewhere"), &options);
    kit_log_init(&bridge.log);
    kit_log_init(&log);
    kit_register(in, "bridge", cross, &bridge);
    kit_register(host, "sink", kit_note, &log);
    for (uint64_t i = 0; i < 10; i++)
        kit_send(sender, "bridge", i);
    kit_poll_until(in, &bridge.log, 10);
    assert_int_equal(smew_bus_flush(sender, 20), SMEW_TIMEOUT); /* eight are not accepted yet */
    kit_poll_until(host, &log, 10);
    assert_int_equal(smew_bus_flush(sender, KIT_WAIT_MS), SMEW_OK);
    kit_expect_run(&log, "sink", 0, 10);
    kit_close(sender);
    kit_close(in);
    kit_close(bridge.out);
    kit_close(host);
}

/* ---- holding ------------------------------------------------------------------------- */

struct holder {
    struct smew_message *held;
    struct smew_message *again;
};

static void hold(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct holder *holder = user;

    (void)bus;
    holder->held = smew_message_hold(message);
    holder->again = smew_message_hold(message);
}

static void a_held_message_is_unprocessed(void **state)
{
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct holder holder = {0};

    (void)state;
    kit_register(host, "m", hold, &holder);
    for (int i = 0; i < 2; i++) {
        struct smew_bus *from = i == 0 ? sender : host;

        holder = (struct holder){0};
        kit_send(from, "m", 7);
        while (holder.held == NULL)
            (void)!smew_bus_poll(host, 100, 0);
        assert_null(holder.again);
        assert_null(smew_message_hold(holder.held)); /* outside of the handler */
        assert_int_equal(smew_bus_flush(from, 20), SMEW_TIMEOUT);
        assert_int_equal(kit_number(holder.held), 7);
        smew_message_complete(holder.held, i == 0 ? SMEW_OK : SMEW_REJECTED);
        assert_int_equal(smew_bus_flush(from, KIT_WAIT_MS), SMEW_OK);
        assert_int_equal(kit_stats(from).dead_letters, i);
    }
    smew_message_complete(NULL, SMEW_OK);
    kit_close(sender);
    kit_close(host);
}

static void *complete_elsewhere(void *argument)
{
    smew_message_complete(argument, SMEW_OK);
    return NULL;
}

/* Its holder is done with it, and gone, before the handler returns. */
static void hold_and_complete(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct smew_message *held = smew_message_hold(message);
    pthread_t thread;

    kit_log_add(user, message, SMEW_OK);
    if (held == NULL || pthread_create(&thread, NULL, complete_elsewhere, held) != 0)
        return;
    (void)pthread_join(thread, NULL);
    (void)!kit_send_number(bus, "sink", 1, NULL); /* counts as a send of the handler all the same */
}

static void a_message_may_be_completed_before_its_handler_returns(void **state)
{
    struct smew_send_options options = kit_level(SMEW_LEVEL_PROCESSED);
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct kit_poller poller;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", hold_and_complete, &log);
    kit_register(host, "sink", kit_ignore, NULL);
    kit_poller_start(&poller, host);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(kit_send_number(i % 2 == 0 ? sender : host, "m", i, &options), SMEW_OK);
    kit_wait_until(&log, 20);
    assert_int_equal(smew_bus_flush(host, KIT_WAIT_MS), SMEW_OK);
    kit_poller_stop(&poller);
    kit_close(sender);
    kit_close(host);
}

/* ---- ending oneself ------------------------------------------------------------------ */

static void unregister_self(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    kit_log_add(user, message, smew_bus_unregister(bus, smew_message_target(message)));
}

static void a_machine_may_end_in_its_own_handler(void **state)
{
    struct smew_send_options options = kit_level(SMEW_LEVEL_PROCESSED);
    struct smew_bus *host = kit_open(NULL);
    struct smew_bus *sender = kit_open(NULL);
    struct kit_poller poller;
    static struct kit_log log;

    (void)state;
    kit_log_init(&log);
    kit_register(host, "m", unregister_self, &log);
    kit_poller_start(&poller, host);
    assert_int_equal(kit_send_number(sender, "m", 1, &options), SMEW_OK);
    assert_int_equal(kit_send_number(sender, "m", 1, &options), SMEW_NO_MACHINE);
    kit_poller_stop(&poller);
    assert_int_equal(log.seen[0].status, SMEW_OK);
    kit_close(sender);
    kit_close(host);
}

BUS_CONTRACT_PART(bus_contract_handler, SUPPORT_TEST(an_input_completes_after_its_sends),
                  SUPPORT_TEST(a_full_outbox_pauses_the_intake_for_a_while),
                  SUPPORT_TEST(room_in_the_outbox_ends_the_pause),
                  SUPPORT_TEST(callbacks_run_while_the_intake_rests),
                  SUPPORT_TEST(a_direct_send_goes_behind),
                  SUPPORT_TEST(a_direct_send_waits_for_the_handler_before_it),
                  SUPPORT_TEST(nodes_that_flood_each_other_never_hang),
                  SUPPORT_TEST(waiting_in_a_handler_is_refused),
                  SUPPORT_TEST(a_handler_may_send_through_another_node),
                  SUPPORT_TEST(a_held_message_is_unprocessed),
                  SUPPORT_TEST(a_message_may_be_completed_before_its_handler_returns),
                  SUPPORT_TEST(a_machine_may_end_in_its_own_handler));
