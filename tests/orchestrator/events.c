/* SPDX-License-Identifier: MIT */
/* Events into machines: answers, order, life, ends.  Client and host are two nodes. */
#include "tests/orchestrator/kit.h"

#include <stdio.h>
#include <string.h>

enum { SENDERS = 4, EACH = 1500, MACHINES = 6 };

static void assert_reply(json_t *reply, const char *old, const char *new, bool handled)
{
    assert_int_equal(json_object_size(reply), 5);
    assert_string_equal(json_string_value(json_object_get(reply, "old")), old);
    assert_string_equal(json_string_value(json_object_get(reply, "new")), new);
    assert_int_equal(json_is_true(json_object_get(reply, "handled")), handled);
    assert_int_equal(json_is_true(json_object_get(reply, "changed")), strcmp(old, new) != 0);
    assert_true(json_is_integer(json_object_get(reply, "time_ns")));
    assert_in_range(json_integer_value(json_object_get(reply, "time_ns")), 1,
                    KIT_WAIT_MS * INT64_C(1000000));
    json_decref(reply);
}

static void test_a_request_tells_what_it_did(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    struct smew_bus *client = kit_open(NULL);
    struct smew_orchestrator_stats stats;

    (void)state;
    kit_host(&node, "light", kit_light, NULL);
    assert_reply(kit_ask(client, "light", "GO", NULL), "red", "green", true);
    assert_reply(kit_ask(client, "light", "GO", "{\"why\":\"so\"}"), "green", "red", true);
    assert_reply(kit_ask(client, "light", "STOP", NULL), "red", "red", false);
    /* Within the node too. */
    assert_reply(kit_ask(node.bus, "light", "GO", NULL), "red", "green", true);
    stats = kit_stats(&node);
    assert_int_equal(stats.events, 4);
    assert_int_equal(stats.transitions, 3);
    assert_int_equal(stats.unhandled, 1);
    assert_int_equal(stats.machines, 1);
    assert_int_equal(stats.started, 1);
    assert_int_equal(stats.failed, 0);
    smew_bus_close(client, KIT_WAIT_MS, NULL);
    kit_node_close(&node);
}

/* A state of many bytes is cut between two characters. */
static void test_a_long_state_is_cut(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    char name[256];
    char text[2048];
    json_t *reply;

    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        const char *old;

        memset(name, 'x', (size_t)shift);
        name[shift] = '\0';
        for (int i = 0; i < 120; i++)
            (void)strcat(name, "é");
        (void)snprintf(text, sizeof(text),
                       "{'id':'l','initial':'%s','states':{'%s':{'initial':'%s','states':{'%s':{}}"
                       "}}}",
                       name, name, name, name);
        kit_host(&node, "long", text, NULL);
        reply = kit_ask(node.bus, "long", "GO", NULL);
        old = json_string_value(json_object_get(reply, "old"));
        assert_in_range(strlen(old), 240, 255);
        assert_string_equal(old + strlen(old) - 3, "…");
        assert_null(strstr(old, "\xEF\xBF\xBD"));
        json_decref(reply);
        assert_int_equal(smew_orchestrator_stop(node.orchestrator, "long"), SMEW_OK);
    }
    kit_node_close(&node);
}

/* ---- order --------------------------------------------------------------------------- */

struct sender {
    pthread_t thread;
    struct smew_bus *bus;
    uint32_t number;
    enum smew_status status;
};

static void *send_all(void *argument)
{
    struct sender *sender = argument;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    for (uint32_t i = 0; i < EACH && !sender->status; i++) {
        struct kit_number number = {sender->number, i};
        char target[32];

        (void)snprintf(target, sizeof(target), "n:%u", i % MACHINES);
        sender->status = smew_bus_send(sender->bus, target, "N", &number, sizeof(number), &options);
    }
    return NULL;
}

/* Each thread's numbers at each machine only rise. */
static void assert_order(const struct kit_record *record)
{
    static uint32_t next[SENDERS][MACHINES];

    memset(next, 0, sizeof(next));
    for (size_t i = 0; i < record->count; i++) {
        const struct kit_seen *seen = &record->seen[i];
        uint32_t *expected = &next[seen->sender][seen->number % MACHINES];

        assert_int_equal(seen->number / MACHINES, *expected);
        assert_int_equal(seen->id[2] - '0', (int)(seen->number % MACHINES));
        ++*expected;
    }
}

static void test_order_of_each_machine(void **state)
{
    struct smew_orchestrator_options options = SMEW_ORCHESTRATOR_OPTIONS_INIT;
    struct kit_record *record = kit_record_create();
    struct sender senders[SENDERS];
    struct smew_bus *client = kit_open(NULL);
    struct kit_node node;

    (void)state;
    options.event_buses = 3;
    node = kit_node_open(&options);
    kit_host(&node, "n:*", kit_noter, record);
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.bus = i % 2 ? client : node.bus, .number = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
        assert_int_equal(senders[i].status, SMEW_OK);
    }
    assert_true(kit_record_reaches(record, SENDERS * EACH));
    assert_int_equal(smew_bus_flush(client, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(smew_bus_flush(node.bus, KIT_WAIT_MS), SMEW_OK);
    smew_bus_close(client, KIT_WAIT_MS, NULL);
    kit_node_close(&node);
    assert_int_equal(record->count, SENDERS * EACH);
    assert_order(record);
    kit_record_free(record);
}

static void test_machines_run_side_by_side(void **state)
{
    struct smew_orchestrator_options options = SMEW_ORCHESTRATOR_OPTIONS_INIT;
    struct kit_record *record = kit_record_create();
    struct kit_node node;

    (void)state;
    options.event_buses = 4;
    node = kit_node_open(&options);
    kit_host(&node, "n:*", kit_noter, record);
    for (int i = 0; i < 64; i++) {
        char target[32];

        (void)snprintf(target, sizeof(target), "n:%d", i);
        assert_int_equal(smew_bus_send(node.bus, target, "BLOCK", NULL, 0, NULL), SMEW_OK);
    }
    /* 64 ids on 4 event buses: each has one, and runs one at a time. */
    assert_true(kit_gate_reaches(record, 4));
    assert_int_equal(kit_stats(&node).machines, 4);
    kit_gate_open(record);
    assert_int_equal(smew_bus_flush(node.bus, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(kit_stats(&node).machines, 64);
    kit_node_close(&node);
    kit_record_free(record);
}

/* ---- life and end -------------------------------------------------------------------- */

static void test_virtual_machines_come_to_life(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    struct smew_bus *client = kit_open(NULL);
    json_t *reply;

    (void)state;
    kit_host(&node, "pkg:*", kit_light, NULL);
    kit_host(&node, "pkg:v*", kit_noter, NULL);
    assert_int_equal(kit_stats(&node).machines, 0);
    assert_int_equal(kit_request(client, "pkg:vim", "smew.inspect", NULL, &reply), SMEW_NOT_FOUND);
    assert_int_equal(kit_stats(&node).machines, 0);
    assert_reply(kit_ask(client, "pkg:sed", "GO", NULL), "red", "green", true);
    assert_reply(kit_ask(client, "pkg:", "GO", NULL), "red", "green", true);
    assert_reply(kit_ask(client, "pkg:vim", "GO", NULL), "on", "on", false);
    assert_int_equal(kit_process(client, "other:vim", "GO"), SMEW_NO_MACHINE);
    assert_int_equal(kit_stats(&node).machines, 3);
    assert_string_equal(kit_state(client, "pkg:sed"), "green");
    smew_bus_close(client, KIT_WAIT_MS, NULL);
    kit_node_close(&node);
}

static void test_done_machines_answer_stopped(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    json_t *reply;

    (void)state;
    kit_host(&node, "n", kit_noter, NULL);
    assert_reply(kit_ask(node.bus, "n", "DONE", NULL), "on", "off", true);
    assert_int_equal(kit_process(node.bus, "n", "N"), SMEW_STOPPED);
    assert_int_equal(kit_request(node.bus, "n", "N", NULL, &reply), SMEW_STOPPED);
    reply = kit_ask(node.bus, "n", "smew.inspect", NULL);
    assert_true(json_is_true(json_object_get(reply, "done")));
    json_decref(reply);
    assert_int_equal(kit_stats(&node).failed, 0);
    assert_true(kit_letters_reach(&node, 2));
    assert_string_equal(node.letters->seen[0].id, "STOPPED n");
    kit_node_close(&node);
}

static void test_failing_machines_stop_alone(void **state)
{
    static const char at_once[] = "{'id':'x','initial':'a','states':{"
                                  "'a':{'always':'b'},'b':{'always':'a'}}}";
    struct kit_node node = kit_node_open(NULL);
    struct smew_chart *chart = kit_chart(at_once);
    struct smew_error error = {.text = ""};
    json_t *reply;

    (void)state;
    kit_host(&node, "e:*", kit_endless, NULL);
    kit_host(&node, "light", kit_light, NULL);
    assert_int_equal(kit_process(node.bus, "e:1", "GO"), SMEW_STOPPED);
    assert_int_equal(kit_request(node.bus, "e:1", "GO", NULL, &reply), SMEW_STOPPED);
    assert_int_equal(kit_process(node.bus, "e:2", "OTHER"), SMEW_OK);
    assert_int_equal(kit_stats(&node).failed, 1);
    reply = kit_ask(node.bus, "e:1", "smew.inspect", NULL);
    assert_true(json_is_true(json_object_get(reply, "failed")));
    json_decref(reply);
    /* One that fails as it starts: an id is not hosted, a virtual machine answers STOPPED. */
    assert_int_equal(smew_orchestrator_host(node.orchestrator, "x", chart, NULL, NULL, &error),
                     SMEW_LIMIT);
    assert_non_null(strstr(error.text, "\"x\""));
    assert_int_equal(kit_process(node.bus, "x", "GO"), SMEW_NO_MACHINE);
    assert_int_equal(smew_orchestrator_host(node.orchestrator, "x*", chart, NULL, NULL, NULL),
                     SMEW_OK);
    assert_int_equal(kit_process(node.bus, "x", "GO"), SMEW_STOPPED);
    assert_int_equal(kit_stats(&node).failed, 3);
    assert_int_equal(kit_process(node.bus, "light", "GO"), SMEW_OK);
    smew_chart_unref(chart);
    kit_node_close(&node);
}

/* No sender can stop a machine by the name of an event. */
static void test_impossible_events_are_rejected(void **state)
{
    struct kit_node node = kit_node_open(NULL);

    (void)state;
    kit_host(&node, "light", kit_light, NULL);
    assert_int_equal(kit_process(node.bus, "light", "*"), SMEW_REJECTED);
    assert_int_equal(kit_stats(&node).failed, 0);
    assert_reply(kit_ask(node.bus, "light", "GO", NULL), "red", "green", true);
    kit_node_close(&node);
}

static void test_one_machine_too_many_is_rejected(void **state)
{
    struct smew_orchestrator_options options = SMEW_ORCHESTRATOR_OPTIONS_INIT;
    struct kit_node node;

    (void)state;
    options.event_buses = 4;
    options.machines_max = 5;
    node = kit_node_open(&options);
    kit_host(&node, "l:*", kit_light, NULL);
    for (int i = 0; i < 10; i++) {
        char target[32];

        (void)snprintf(target, sizeof(target), "l:%d", i);
        assert_int_equal(kit_process(node.bus, target, "GO"), i < 5 ? SMEW_OK : SMEW_REJECTED);
    }
    assert_int_equal(kit_process(node.bus, "l:0", "GO"), SMEW_OK);
    assert_int_equal(kit_stats(&node).machines, 5);
    assert_int_equal(smew_orchestrator_stop(node.orchestrator, "l:*"), SMEW_OK);
    assert_int_equal(kit_stats(&node).machines, 0);
    kit_host(&node, "light", kit_light, NULL);
    kit_node_close(&node);
}

static bool is_past(void *argument)
{
    return smew_now_ns() > *(uint64_t *)argument;
}

/* A message whose own deadline passes in the mailbox is not run. */
static void test_messages_expire_in_the_mailbox(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    struct kit_record *record = kit_record_create();
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    uint64_t then_ns;

    (void)state;
    kit_host(&node, "n", kit_noter, record);
    assert_int_equal(smew_bus_send(node.bus, "n", "BLOCK", NULL, 0, NULL), SMEW_OK);
    options.expires_ms = 20;
    assert_int_equal(smew_bus_send(node.bus, "n", "N", NULL, 0, &options), SMEW_OK);
    options.expires_ms = 60000;
    assert_int_equal(smew_bus_send(node.bus, "n", "N", NULL, 0, &options), SMEW_OK);
    then_ns = smew_now_ns() + 20 * UINT64_C(1000000);
    assert_true(support_wait_until(is_past, &then_ns, KIT_WAIT_MS));
    kit_gate_open(record);
    assert_true(kit_letters_reach(&node, 1));
    assert_string_equal(node.letters->seen[0].id, "EXPIRED n");
    assert_int_equal(smew_bus_flush(node.bus, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(kit_record_count(record), 1);
    kit_node_close(&node);
    kit_record_free(record);
}

static void test_timers_run_in_real_time(void **state)
{
    static const char text[] =
        "{'id':'t','initial':'a','states':{'a':{'after':{'20':'b'}},'b':{'after':{'1':'c'}},"
        "'c':{'on':{'GO':'d'},'after':{'600000':'a'}},'d':{}}}";
    struct kit_node node = kit_node_open(NULL);

    (void)state;
    kit_host(&node, "t", text, NULL);
    kit_host(&node, "t:*", text, NULL);
    for (int i = 0; i < 20; i++) {
        char target[32];

        (void)snprintf(target, sizeof(target), "t:%d", i);
        assert_int_equal(kit_process(node.bus, target, "NONE"), SMEW_OK);
    }
    assert_true(kit_becomes(node.bus, "t", "c"));
    assert_true(kit_becomes(node.bus, "t:0", "c"));
    assert_true(kit_becomes(node.bus, "t:19", "c"));
    assert_reply(kit_ask(node.bus, "t", "GO", NULL), "c", "d", true);
    assert_int_equal(smew_orchestrator_stop(node.orchestrator, "t:*"), SMEW_OK);
    kit_node_close(&node);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_a_request_tells_what_it_did),
        SUPPORT_TEST(test_a_long_state_is_cut),
        SUPPORT_TEST(test_order_of_each_machine),
        SUPPORT_TEST(test_machines_run_side_by_side),
        SUPPORT_TEST(test_virtual_machines_come_to_life),
        SUPPORT_TEST(test_done_machines_answer_stopped),
        SUPPORT_TEST(test_failing_machines_stop_alone),
        SUPPORT_TEST(test_impossible_events_are_rejected),
        SUPPORT_TEST(test_one_machine_too_many_is_rejected),
        SUPPORT_TEST(test_messages_expire_in_the_mailbox),
        SUPPORT_TEST(test_timers_run_in_real_time),
    };

    return KIT_MAIN(argc, argv, tests);
}
