/* SPDX-License-Identifier: MIT */
/* The orchestrator's own life: stopping and ending with work to do, misuse, failures. */
#include "tests/orchestrator/kit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* ---- a thread that ends something ---------------------------------------------------- */

struct ender {
    struct smew_orchestrator *orchestrator;
    const char *id; /* NULL: destroy */
    uint32_t timeout_ms;
    pthread_t thread;
    enum smew_status status;
    uint64_t took_ns;
};

static void *end(void *argument)
{
    struct ender *ender = argument;
    uint64_t begin_ns = smew_now_ns();

    if (ender->id)
        ender->status = smew_orchestrator_stop(ender->orchestrator, ender->id);
    else
        smew_orchestrator_destroy(ender->orchestrator, ender->timeout_ms);
    ender->took_ns = smew_now_ns() - begin_ns;
    return NULL;
}

static void begin_to_end(struct ender *ender)
{
    assert_int_equal(pthread_create(&ender->thread, NULL, end, ender), 0);
}

/* ---- with work pending --------------------------------------------------------------- */

/* A machine at the gate, and `count` events behind it, all of them in the mailbox. */
static void fill_mailbox(struct smew_bus *bus, struct kit_record *record, uint32_t count)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    assert_int_equal(smew_bus_send(bus, "n", "BLOCK", NULL, 0, NULL), SMEW_OK);
    assert_true(kit_gate_reaches(record, 1));
    for (uint32_t i = 0; i < count; i++) {
        struct kit_number number = {0, i};

        options.level = i + 1 == count ? SMEW_LEVEL_RECEIVED : SMEW_LEVEL_ACCEPTED;
        assert_int_equal(smew_bus_send(bus, "n", "N", &number, sizeof(number), &options), SMEW_OK);
    }
}

static void test_stop_finishes_what_arrived(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    struct kit_record *record = kit_record_create();
    struct ender ender = {.orchestrator = node.orchestrator, .id = "n"};

    (void)state;
    kit_host(&node, "n", kit_noter, record);
    fill_mailbox(node.bus, record, 100);
    begin_to_end(&ender);
    assert_true(kit_is_given_back(node.bus, "n"));
    assert_int_equal(kit_process(node.bus, "n", "N"), SMEW_NO_MACHINE);
    assert_int_equal(smew_orchestrator_stop(node.orchestrator, "n"), SMEW_NOT_FOUND);
    kit_gate_open(record);
    pthread_join(ender.thread, NULL);
    assert_int_equal(ender.status, SMEW_OK);
    assert_int_equal(kit_record_count(record), 100);
    assert_int_equal(kit_stats(&node).machines, 0);
    /* Hosted again, it is a machine of its own. */
    kit_host(&node, "n", kit_noter, record);
    assert_int_equal(kit_process(node.bus, "n", "N"), SMEW_OK);
    assert_int_equal(kit_stats(&node).started, 2);
    kit_node_close(&node);
    kit_record_free(record);
}

/* An id is hosted anew while its old machine is at its last event: each runs its own events. */
static void test_an_id_is_hosted_again_while_it_stops(void **state)
{
    struct smew_orchestrator_options options = SMEW_ORCHESTRATOR_OPTIONS_INIT;
    struct kit_record *old = kit_record_create();
    struct kit_record *new = kit_record_create();
    struct kit_node node;
    struct ender ender = {.id = "n*"};

    (void)state;
    options.event_buses = 3;
    node = kit_node_open(&options);
    ender.orchestrator = node.orchestrator;
    kit_host(&node, "n*", kit_noter, old);
    fill_mailbox(node.bus, old, 5);
    begin_to_end(&ender);
    assert_true(kit_is_given_back(node.bus, "n*"));
    kit_host(&node, "n*", kit_noter, new);
    assert_int_equal(smew_bus_send(node.bus, "n", "N", NULL, 0, NULL), SMEW_OK);
    kit_gate_open(old);
    pthread_join(ender.thread, NULL);
    assert_int_equal(ender.status, SMEW_OK);
    assert_int_equal(smew_bus_flush(node.bus, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(kit_record_count(old), 5);
    assert_int_equal(kit_record_count(new), 1);
    kit_node_close(&node);
    kit_record_free(new);
    kit_record_free(old);
}

static bool counts_record(void *argument)
{
    return kit_record_count(argument) >= 200;
}

/*
 * Destroy keeps to its deadline: what it did not run goes to whoever hosts the id next.  Nothing
 * is lost, nothing is run twice, and the order holds.
 */
static void test_destroy_gives_back_what_it_did_not_run(void **state)
{
    struct kit_node one = kit_node_open(NULL);
    struct kit_node two = kit_node_open(NULL);
    struct smew_bus *client = kit_open(NULL);
    struct kit_record *record = kit_record_create();
    struct ender ender = {.orchestrator = one.orchestrator, .timeout_ms = 20};
    uint64_t begin_ns;

    (void)state;
    kit_host(&one, "n", kit_noter, record);
    fill_mailbox(client, record, 200);
    begin_to_end(&ender);
    assert_true(kit_is_given_back(client, "n"));
    kit_host(&two, "n", kit_noter, record);
    begin_ns = smew_now_ns();
    while (smew_now_ns() < begin_ns + 40 * SMEW_NS_PER_MS) /* its deadline passes */
        assert_int_equal(kit_record_count(record), 0);
    kit_gate_open(record);
    pthread_join(ender.thread, NULL);
    one.orchestrator = NULL;
    assert_true(support_wait_until(counts_record, record, KIT_WAIT_MS));
    assert_int_equal(smew_bus_flush(client, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(kit_record_count(record), 200);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(record->seen[i].number, i);
    assert_int_equal(kit_stats(&two).events, 200);
    smew_bus_close(client, KIT_WAIT_MS, NULL);
    kit_node_close(&one);
    kit_node_close(&two);
    kit_record_free(record);
}

/* Ten hosts after each other, under a steady sender: each number once, in order. */
static void *send_steadily(void *argument)
{
    struct smew_bus *bus = argument;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    options.wait_ms = KIT_WAIT_MS;
    for (uint32_t i = 0; i < 3000; i++) {
        struct kit_number number = {0, i};

        if (smew_bus_send(bus, "n", "N", &number, sizeof(number), &options))
            break;
    }
    return NULL;
}

struct progress {
    struct kit_record *record;
    size_t beyond;
};

static bool goes_on(void *argument)
{
    const struct progress *progress = argument;

    return kit_record_count(progress->record) > progress->beyond ||
           kit_record_count(progress->record) == 3000;
}

static void test_a_host_restarts(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct kit_record *record = kit_record_create();
    struct progress progress = {record, 0};
    struct smew_bus *client;
    pthread_t sender;

    (void)state;
    options.window = 32;
    client = kit_open(&options);
    assert_int_equal(pthread_create(&sender, NULL, send_steadily, client), 0);
    for (int i = 0; i < 10; i++) {
        struct kit_node node = kit_node_open(NULL);

        kit_host(&node, "n", kit_noter, record);
        progress.beyond = kit_record_count(record) + 50;
        assert_true(support_wait_until(goes_on, &progress, KIT_WAIT_MS));
        if (i == 9)
            pthread_join(sender, NULL);
        if (i == 9)
            assert_int_equal(smew_bus_flush(client, KIT_WAIT_MS), SMEW_OK);
        kit_node_close(&node);
    }
    assert_int_equal(kit_record_count(record), 3000);
    for (uint32_t i = 0; i < 3000; i++)
        assert_int_equal(record->seen[i].number, i);
    smew_bus_close(client, KIT_WAIT_MS, NULL);
    kit_record_free(record);
}

struct asked {
    unsigned answers;
    unsigned failures;
};

static void on_list(struct smew_bus *bus, enum smew_status status, const struct smew_message *reply,
                    void *user)
{
    struct asked *asked = user;

    (void)bus;
    (void)reply;
    asked->answers += status == SMEW_OK;
    asked->failures += status != SMEW_OK;
}

/* Lists that are asked for as the orchestrator ends are answered, or refused; none is lost. */
static void test_lists_are_answered_at_the_end(void **state)
{
    struct smew_orchestrator_options options = SMEW_ORCHESTRATOR_OPTIONS_INIT;
    struct kit_record *record = kit_record_create();
    struct smew_bus *client = kit_open(NULL);
    struct asked asked = {0, 0};
    struct kit_node node;
    struct ender ender = {.timeout_ms = 0};
    uint64_t deadline_ns = smew__deadline_ns(KIT_WAIT_MS);

    (void)state;
    options.event_buses = 4;
    node = kit_node_open(&options);
    ender.orchestrator = node.orchestrator;
    kit_host(&node, "n", kit_noter, record);
    fill_mailbox(client, record, 10);
    for (int i = 0; i < 50; i++)
        assert_int_equal(smew_bus_request_async(client, smew_bus_address(node.bus),
                                                i % 2 ? "smew.machines" : "smew.orchestrator", NULL,
                                                0, NULL, on_list, &asked),
                         SMEW_OK);
    begin_to_end(&ender);
    kit_gate_open(record);
    pthread_join(ender.thread, NULL);
    node.orchestrator = NULL;
    while (asked.answers + asked.failures < 50 && smew_now_ns() < deadline_ns)
        kit_poll(client);
    assert_int_equal(asked.answers + asked.failures, 50);
    smew_bus_close(client, 0, NULL);
    kit_node_close(&node);
    kit_record_free(record);
}

/* ---- races --------------------------------------------------------------------------- */

struct racer {
    struct smew_orchestrator *orchestrator;
    struct smew_chart *chart;
    pthread_t thread;
    unsigned number;
    unsigned hosted;
    unsigned stopped;
    enum smew_status odd; /* a status that no race explains */
};

static void *race(void *argument)
{
    struct racer *racer = argument;

    for (unsigned i = 0; i < 200 && !racer->odd; i++) {
        const char *id = i % 3 ? "r" : "r*";
        enum smew_status status;

        if ((i + racer->number) % 2)
            status =
                smew_orchestrator_host(racer->orchestrator, id, racer->chart, NULL, NULL, NULL);
        else
            status = smew_orchestrator_stop(racer->orchestrator, id);
        if ((i + racer->number) % 2)
            racer->hosted += status == SMEW_OK;
        else
            racer->stopped += status == SMEW_OK;
        if (status && status != SMEW_EXISTS && status != SMEW_NOT_FOUND)
            racer->odd = status;
    }
    return NULL;
}

static void test_hosting_and_stopping_race(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    struct smew_chart *chart = kit_chart(kit_light);
    struct racer racers[4];
    unsigned hosted = 0;
    unsigned stopped = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        racers[i] = (struct racer){.orchestrator = node.orchestrator, .chart = chart, .number = i};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(racers[i].thread, NULL);
        assert_int_equal(racers[i].odd, SMEW_OK);
        hosted += racers[i].hosted;
        stopped += racers[i].stopped;
    }
    assert_in_range(hosted, 1, 400);
    assert_in_range(hosted - stopped, 0, 2); /* what is hosted still */
    smew_chart_unref(chart);
    kit_node_close(&node);
}

/* ---- misuse -------------------------------------------------------------------------- */

struct inside {
    struct smew_bus *bus;
    struct smew_orchestrator *orchestrator;
    struct smew_chart *chart;
    enum smew_status host, stop, stats;
    uint32_t timeout_ms; /* of each request */
};

static void misuse(const struct smew_call *call)
{
    struct inside *inside = call->user;
    struct smew_orchestrator_stats stats;

    inside->host =
        smew_orchestrator_host(inside->orchestrator, "x", inside->chart, NULL, NULL, NULL);
    inside->stop = smew_orchestrator_stop(inside->orchestrator, "m");
    inside->stats = smew_orchestrator_stats(inside->orchestrator, &stats);
    smew_orchestrator_destroy(inside->orchestrator, 0); /* does nothing here */
}

static void test_a_callback_cannot_wait_for_itself(void **state)
{
    static const char text[] = "{\"id\":\"m\",\"initial\":\"a\",\"states\":{\"a\":{"
                               "\"entry\":\"misuse\",\"on\":{\"GO\":{\"actions\":\"misuse\"}}}}}";
    const struct smew_named_action action = {"misuse", misuse};
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    struct kit_node node = kit_node_open(NULL);
    struct inside inside = {.orchestrator = node.orchestrator, .chart = kit_chart(kit_light)};
    struct smew_chart *chart;

    (void)state;
    behavior.actions = &action;
    behavior.action_count = 1;
    assert_int_equal(smew_chart_load_json(text, sizeof(text) - 1, "m", &behavior, &chart, NULL),
                     SMEW_OK);
    assert_int_equal(smew_orchestrator_host(node.orchestrator, "m", chart, &inside, NULL, NULL),
                     SMEW_OK);
    for (int i = 0; i < 2; i++) { /* as it starts, and at an event */
        assert_int_equal(inside.host, SMEW_WOULD_DEADLOCK);
        assert_int_equal(inside.stop, SMEW_WOULD_DEADLOCK);
        assert_int_equal(inside.stats, SMEW_OK);
        inside.host = inside.stop = inside.stats = SMEW_LIMIT;
        assert_int_equal(kit_process(node.bus, "m", "GO"), SMEW_OK);
    }
    smew_chart_unref(chart);
    smew_chart_unref(inside.chart);
    kit_node_close(&node);
}

static void test_arguments_are_checked(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    struct smew_orchestrator_options options = SMEW_ORCHESTRATOR_OPTIONS_INIT;
    struct smew_orchestrator *second = NULL;
    struct smew_chart *chart = kit_chart(kit_light);
    struct smew_orchestrator_stats stats;
    struct smew_error error = {.text = ""};

    (void)state;
    assert_int_equal(smew_orchestrator_create(node.bus, NULL, &second, &error), SMEW_BUSY);
    assert_string_not_equal(error.text, "");
    assert_int_equal(smew_orchestrator_create(NULL, NULL, &second, NULL), SMEW_INVALID);
    assert_int_equal(smew_orchestrator_create(node.bus, NULL, NULL, NULL), SMEW_INVALID);
    options.event_buses = 65;
    assert_int_equal(smew_orchestrator_create(node.bus, &options, &second, NULL), SMEW_INVALID);
    options.size = 1;
    assert_int_equal(smew_orchestrator_create(node.bus, &options, &second, NULL), SMEW_INVALID);
    assert_null(second);
    assert_int_equal(smew_orchestrator_host(NULL, "x", chart, NULL, NULL, NULL), SMEW_INVALID);
    assert_int_equal(smew_orchestrator_host(node.orchestrator, NULL, chart, NULL, NULL, NULL),
                     SMEW_INVALID);
    assert_int_equal(smew_orchestrator_host(node.orchestrator, "x", NULL, NULL, NULL, NULL),
                     SMEW_INVALID);
    assert_int_equal(smew_orchestrator_host(node.orchestrator, "a*b", chart, NULL, NULL, &error),
                     SMEW_INVALID);
    assert_non_null(strstr(error.text, "a*b"));
    assert_int_equal(smew_orchestrator_stop(node.orchestrator, NULL), SMEW_INVALID);
    assert_int_equal(smew_orchestrator_stop(node.orchestrator, "x"), SMEW_NOT_FOUND);
    assert_int_equal(smew_orchestrator_stats(NULL, &stats), SMEW_INVALID);
    assert_int_equal(smew_orchestrator_stats(node.orchestrator, NULL), SMEW_INVALID);
    smew_orchestrator_destroy(NULL, 0);
    /* The node may have another one when the first has ended. */
    smew_orchestrator_destroy(node.orchestrator, 0);
    assert_int_equal(smew_orchestrator_create(node.bus, NULL, &node.orchestrator, NULL), SMEW_OK);
    smew_chart_unref(chart);
    kit_node_close(&node);
}

/* In a child of fork() there are no event buses: everything is refused, nothing waits. */
static int use_in_child(void *argument)
{
    struct inside *inside = argument;
    struct smew_orchestrator_stats stats;
    struct smew_orchestrator *orchestrator;
    bool right = smew_orchestrator_host(inside->orchestrator, "x", inside->chart, NULL, NULL,
                                        NULL) == SMEW_FORKED &&
                 smew_orchestrator_stop(inside->orchestrator, "light") == SMEW_FORKED &&
                 smew_orchestrator_stats(inside->orchestrator, &stats) == SMEW_FORKED &&
                 smew_orchestrator_create(inside->bus, NULL, &orchestrator, NULL) == SMEW_FORKED;

    smew_orchestrator_destroy(inside->orchestrator, 1000);
    return right ? 0 : 1;
}

static void test_a_forked_child_is_refused(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    struct inside shared = {
        .bus = node.bus, .orchestrator = node.orchestrator, .chart = kit_chart(kit_light)};

    (void)state;
    kit_host(&node, "light", kit_light, NULL);
    assert_int_equal(support_reap(support_fork_bare(use_in_child, &shared), KIT_WAIT_MS), 0);
    assert_int_equal(kit_process(node.bus, "light", "GO"), SMEW_OK);
    smew_chart_unref(shared.chart);
    kit_node_close(&node);
}

/* ---- failures ------------------------------------------------------------------------ */

/* Everything once, on a node that is there already; whatever fails is a status. */
static void live(void *argument)
{
    struct inside *inside = argument;
    struct smew_bus *bus = inside->bus;
    struct smew_orchestrator_options options = SMEW_ORCHESTRATOR_OPTIONS_INIT;
    struct smew_send_options send = SMEW_SEND_OPTIONS_INIT;
    struct smew_orchestrator *orchestrator;
    struct smew_message *reply = NULL;
    enum smew_status status;

    options.event_buses = 2;
    send.timeout_ms = inside->timeout_ms;
    if (smew_orchestrator_create(bus, &options, &orchestrator, NULL))
        return;
    status = smew_orchestrator_host(orchestrator, "f*", inside->chart, NULL, NULL, NULL);
    if (!status)
        status = smew_orchestrator_host(orchestrator, "f", inside->chart, NULL, NULL, NULL);
    if (!status)
        status = smew_bus_request(bus, "f:1", "GO", NULL, 0, &send, &reply);
    smew_message_free(reply);
    reply = NULL;
    if (!status)
        status = smew_bus_request(bus, "f", "smew.inspect", NULL, 0, &send, &reply);
    smew_message_free(reply);
    reply = NULL;
    if (!status)
        status =
            smew_bus_request(bus, smew_bus_address(bus), "smew.machines", NULL, 0, &send, &reply);
    smew_message_free(reply);
    if (!status)
        status = smew_orchestrator_stop(orchestrator, "f*");
    smew_orchestrator_destroy(orchestrator, KIT_WAIT_MS);
    if (!smew_bus_flush(bus, KIT_WAIT_MS))
        inside->stats = status; /* of the last attempt */
}

/* What routes and peers keep is the node's: let it be there before it is counted. */
static void test_every_allocation_may_fail(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct inside shared = {.chart =
                                kit_chart("{'id':'t','initial':'a','states':{'a':{'on':{'GO':'b'},"
                                          "'after':{'1':'b'}},'b':{'after':{'60000':'a'}}}}")};
    unsigned rounds;

    (void)state;
    options.heartbeat_ms = 60000; /* the fault is for this thread's doings */
    options.linger_ms = 30;
    shared.bus = kit_open(&options);
    shared.timeout_ms = KIT_WAIT_MS;
    for (int i = 0; i < 3; i++)
        live(&shared);
    assert_int_equal(shared.stats, SMEW_OK);
    shared.timeout_ms = 500; /* what is lost to the fault is not waited for */
    rounds = support_walk_allocations(live, &shared);
    assert_true(rounds > 25);
    shared.timeout_ms = KIT_WAIT_MS;
    live(&shared);
    assert_int_equal(shared.stats, SMEW_OK);
    smew_bus_close(shared.bus, KIT_WAIT_MS, NULL);
    smew_chart_unref(shared.chart);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_stop_finishes_what_arrived),
        SUPPORT_TEST(test_an_id_is_hosted_again_while_it_stops),
        SUPPORT_TEST(test_destroy_gives_back_what_it_did_not_run),
        SUPPORT_TEST(test_a_host_restarts),
        SUPPORT_TEST(test_lists_are_answered_at_the_end),
        SUPPORT_TEST(test_hosting_and_stopping_race),
        SUPPORT_TEST(test_a_callback_cannot_wait_for_itself),
        SUPPORT_TEST(test_arguments_are_checked),
        SUPPORT_TEST(test_a_forked_child_is_refused),
        SUPPORT_TEST(test_every_allocation_may_fail),
    };

    return KIT_MAIN(argc, argv, tests);
}
