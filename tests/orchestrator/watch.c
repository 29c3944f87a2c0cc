/* SPDX-License-Identifier: MIT */
/* What machines tell: published transitions, inspections, lists, counters. */
#include "tests/orchestrator/kit.h"

#include <stdio.h>
#include <string.h>

enum { BURST = 200, QUEUE = 8 };

/* ---- transitions --------------------------------------------------------------------- */

struct watcher {
    struct smew_bus *bus;
    struct smew_subscription *subscription;
    unsigned seen;
    uint64_t missed;
    json_t *last; /* of the last one */
};

static void on_transition(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    struct watcher *watcher = user;

    (void)bus;
    watcher->missed += smew_message_missed(message);
    if (smew_message_kind(message) == SMEW_KIND_CONTROL)
        return; /* only tells what was missed */
    watcher->seen++;
    json_decref(watcher->last);
    watcher->last =
        json_loadb(smew_message_payload(message), smew_message_payload_size(message), 0, NULL);
}

static struct watcher *watcher_open(struct watcher *watcher, const char *topic, uint32_t queue)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;

    options.publish_queue = queue;
    *watcher = (struct watcher){.bus = kit_open(&options)};
    assert_int_equal(
        smew_bus_subscribe(watcher->bus, topic, on_transition, watcher, &watcher->subscription),
        SMEW_OK);
    return watcher;
}

static void watcher_close(struct watcher *watcher)
{
    json_decref(watcher->last);
    smew_bus_close(watcher->bus, KIT_WAIT_MS, NULL);
}

/* True when somebody is known to listen: across processes it takes a heartbeat. */
static bool is_watched(void *argument)
{
    return smew_bus_has_subscribers(((struct kit_node *)argument)->bus, "smew.transition:light");
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "(none)";
}

static void await(struct watcher *watcher, unsigned seen)
{
    uint64_t deadline_ns = smew_now_ns() + KIT_WAIT_MS * UINT64_C(1000000);

    while (watcher->seen < seen && smew_now_ns() < deadline_ns)
        kit_poll(watcher->bus);
    assert_int_equal(watcher->seen, seen);
}

static void test_transitions_are_published(void **state)
{
    static const char text[] =
        "{'id':'t','initial':'a','states':{'a':{'after':{'5':'b'},'on':{'GO':'a'}},'b':{}}}";
    struct kit_node node = kit_node_open(NULL);
    struct watcher watcher;

    (void)state;
    watcher_open(&watcher, "smew.transition:*", 0);
    assert_true(support_wait_until(is_watched, &node, KIT_WAIT_MS));
    kit_host(&node, "light", kit_light, NULL);
    assert_int_equal(kit_process(node.bus, "light", "GO"), SMEW_OK);
    await(&watcher, 1);
    assert_int_equal(json_object_size(watcher.last), 8);
    assert_string_equal(text_of(watcher.last, "id"), "light");
    assert_string_equal(text_of(watcher.last, "event"), "GO");
    assert_string_equal(text_of(watcher.last, "old"), "red");
    assert_string_equal(text_of(watcher.last, "new"), "green");
    assert_true(json_is_true(json_object_get(watcher.last, "handled")));
    assert_true(json_is_true(json_object_get(watcher.last, "changed")));
    assert_true(json_integer_value(json_object_get(watcher.last, "time_ns")) > 0);
    assert_true(json_integer_value(json_object_get(watcher.last, "at")) >
                INT64_C(1600000000000000000));
    assert_int_equal(kit_process(node.bus, "light", "STOP"), SMEW_OK);
    await(&watcher, 2);
    assert_true(json_is_false(json_object_get(watcher.last, "handled")));
    kit_host(&node, "t", text, NULL);
    await(&watcher, 3);
    assert_string_equal(text_of(watcher.last, "event"), "after");
    assert_string_equal(text_of(watcher.last, "new"), "b");
    watcher_close(&watcher);
    kit_node_close(&node);
}

static void test_nobody_watches_nothing_is_published(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    struct smew_bus_stats stats;
    struct watcher other;

    (void)state;
    watcher_open(&other, "smew.transition:other", 0);
    kit_host(&node, "light", kit_light, NULL);
    for (int i = 0; i < BURST; i++)
        assert_int_equal(smew_bus_send(node.bus, "light", "GO", NULL, 0, NULL), SMEW_OK);
    assert_int_equal(smew_bus_flush(node.bus, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(kit_stats(&node).transitions, BURST);
    assert_int_equal(smew_bus_stats(node.bus, &stats), SMEW_OK);
    assert_int_equal(stats.published, 0);
    watcher_close(&other);
    kit_node_close(&node);
}

/* One that sleeps is told how many it missed; nobody waits for it. */
static void test_a_slow_watcher_is_told(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    struct watcher watcher;
    uint64_t deadline_ns;

    (void)state;
    watcher_open(&watcher, "smew.transition:light", QUEUE);
    assert_true(support_wait_until(is_watched, &node, KIT_WAIT_MS));
    kit_host(&node, "light", kit_light, NULL);
    for (int i = 0; i < BURST; i++)
        assert_int_equal(kit_process(node.bus, "light", "GO"), SMEW_OK);
    /* It wakes up, and is told what it missed though nothing follows. */
    deadline_ns = smew_now_ns() + KIT_WAIT_MS * UINT64_C(1000000);
    while (watcher.seen + watcher.missed < kit_stats(&node).transitions &&
           smew_now_ns() < deadline_ns)
        kit_poll(watcher.bus);
    assert_in_range(watcher.missed, 1, BURST);
    assert_int_equal(watcher.seen + watcher.missed, kit_stats(&node).transitions);
    watcher_close(&watcher);
    kit_node_close(&node);
}

/* Its topic would be longer than a name may be: it runs, and is not published. */
static void test_a_long_id_is_not_watched(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    struct smew_bus_stats stats;
    struct watcher watcher;
    char id[SMEW_ID_MAX + 1];

    (void)state;
    memset(id, 'x', SMEW_ID_MAX);
    id[SMEW_ID_MAX] = '\0';
    watcher_open(&watcher, "smew.transition:*", 0);
    assert_true(support_wait_until(is_watched, &node, KIT_WAIT_MS));
    kit_host(&node, id, kit_light, NULL);
    assert_int_equal(kit_process(node.bus, id, "GO"), SMEW_OK);
    assert_string_equal(kit_state(node.bus, id), "green");
    assert_int_equal(smew_bus_stats(node.bus, &stats), SMEW_OK);
    assert_int_equal(stats.published, 0);
    watcher_close(&watcher);
    kit_node_close(&node);
}

/* ---- inspections and lists ----------------------------------------------------------- */

static void test_an_inspection_tells_all(void **state)
{
    static const char text[] = "{'id':'lamp','context':{'colour':'blue'},'initial':'off','states':{"
                               "'off':{'on':{'ON':'on'}},'on':{'initial':'dim','states':{"
                               "'dim':{'on':{'UP':'bright'}},'bright':{}},'on':{'OFF':'off'}}}}";
    struct kit_node node = kit_node_open(NULL);
    struct smew_bus *client = kit_open(NULL);
    json_t *reply, *list;

    (void)state;
    kit_host(&node, "lamp:\"1\"", text, NULL);
    assert_int_equal(kit_process(client, "lamp:\"1\"", "ON"), SMEW_OK);
    assert_int_equal(kit_process(client, "lamp:\"1\"", "NONE"), SMEW_OK);
    reply = kit_ask(client, "lamp:\"1\"", "smew.inspect", NULL);
    assert_int_equal(json_object_size(reply), 13);
    assert_string_equal(text_of(reply, "id"), "lamp:\"1\"");
    assert_string_equal(text_of(reply, "chart"), "lamp");
    assert_string_equal(text_of(reply, "state"), "on.dim");
    assert_string_equal(text_of(json_object_get(reply, "value"), "on"), "dim");
    assert_string_equal(text_of(json_object_get(reply, "context"), "colour"), "blue");
    assert_int_equal(json_integer_value(json_object_get(reply, "events")), 2);
    assert_int_equal(json_integer_value(json_object_get(reply, "transitions")), 1);
    assert_int_equal(json_integer_value(json_object_get(reply, "unhandled")), 1);
    assert_true(json_is_false(json_object_get(reply, "done")));
    assert_true(json_is_false(json_object_get(reply, "failed")));
    assert_true(json_is_integer(json_object_get(reply, "since_ms")));
    list = json_object_get(reply, "accepts");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_array_get(list, 0)), "OFF");
    assert_string_equal(json_string_value(json_array_get(list, 1)), "UP");
    assert_int_equal(json_array_size(json_object_get(reply, "chart_events")), 3);
    json_decref(reply);
    assert_int_equal(kit_stats(&node).events, 2); /* looking is no event */
    smew_bus_close(client, KIT_WAIT_MS, NULL);
    kit_node_close(&node);
}

static void test_machines_are_listed(void **state)
{
    struct smew_orchestrator_options options = SMEW_ORCHESTRATOR_OPTIONS_INIT;
    struct smew_bus *client = kit_open(NULL);
    struct kit_node node;
    char address[64];
    json_t *reply, *machine;

    (void)state;
    options.event_buses = 3;
    node = kit_node_open(&options);
    (void)snprintf(address, sizeof(address), "%s", smew_bus_address(node.bus));
    reply = kit_ask(client, address, "smew.machines", NULL);
    assert_int_equal(json_array_size(json_object_get(reply, "machines")), 0);
    json_decref(reply);
    kit_host(&node, "l:*", kit_light, NULL);
    kit_host(&node, "light", kit_light, NULL);
    for (int i = 0; i < 150; i++) {
        char target[32];

        (void)snprintf(target, sizeof(target), "l:%d", i);
        assert_int_equal(kit_process(node.bus, target, "GO"), SMEW_OK);
    }
    reply = kit_ask(client, address, "smew.machines", NULL);
    assert_int_equal(json_object_size(reply), 3);
    assert_int_equal(json_array_size(json_object_get(reply, "machines")), 100);
    assert_int_equal(json_integer_value(json_object_get(reply, "more")), 51);
    assert_int_equal(json_array_size(json_object_get(reply, "patterns")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(reply, "patterns"), 0)),
                        "l:*");
    machine = json_array_get(json_object_get(reply, "machines"), 0);
    assert_int_equal(json_object_size(machine), 5);
    assert_string_equal(text_of(machine, "chart"), "light");
    assert_true(json_is_string(json_object_get(machine, "id")));
    assert_true(json_is_string(json_object_get(machine, "state")));
    assert_true(json_is_integer(json_object_get(machine, "events")));
    assert_true(json_is_false(json_object_get(machine, "done")));
    json_decref(reply);
    reply = kit_ask(client, address, "smew.machines", "{\"limit\":1000}");
    assert_int_equal(json_array_size(json_object_get(reply, "machines")), 151);
    assert_int_equal(json_integer_value(json_object_get(reply, "more")), 0);
    json_decref(reply);
    reply = kit_ask(client, address, "smew.machines", "{\"limit\":0}");
    assert_int_equal(json_integer_value(json_object_get(reply, "more")), 151);
    json_decref(reply);
    reply = kit_ask(client, address, "smew.orchestrator", NULL);
    assert_int_equal(json_object_size(reply), 6);
    assert_int_equal(json_integer_value(json_object_get(reply, "machines")), 151);
    assert_int_equal(json_integer_value(json_object_get(reply, "started")), 151);
    assert_int_equal(json_integer_value(json_object_get(reply, "events")), 150);
    assert_int_equal(json_integer_value(json_object_get(reply, "transitions")), 150);
    assert_int_equal(json_integer_value(json_object_get(reply, "unhandled")), 0);
    assert_int_equal(json_integer_value(json_object_get(reply, "failed")), 0);
    json_decref(reply);
    smew_bus_close(client, KIT_WAIT_MS, NULL);
    kit_node_close(&node);
}

/* A list that would not fit into a reply fails at once, and not by the requester's deadline. */
static void test_a_list_too_big_for_the_bus_is_refused(void **state)
{
    struct smew_bus_options options = SMEW_BUS_OPTIONS_INIT;
    struct smew_orchestrator *orchestrator;
    struct smew_chart *chart = kit_chart(kit_light);
    struct smew_bus *bus;
    json_t *reply;

    (void)state;
    options.payload_max = 4096;
    bus = kit_open(&options);
    assert_int_equal(smew_orchestrator_create(bus, NULL, &orchestrator, NULL), SMEW_OK);
    assert_int_equal(smew_orchestrator_host(orchestrator, "l:*", chart, NULL, NULL, NULL), SMEW_OK);
    for (int i = 0; i < 200; i++) {
        char target[32];

        (void)snprintf(target, sizeof(target), "l:%d", i);
        assert_int_equal(kit_process(bus, target, "GO"), SMEW_OK);
    }
    assert_int_equal(kit_request(bus, smew_bus_address(bus), "smew.machines", NULL, &reply),
                     SMEW_TOO_BIG);
    reply = kit_ask(bus, smew_bus_address(bus), "smew.machines", "{\"limit\":5}");
    json_decref(reply);
    smew_orchestrator_destroy(orchestrator, KIT_WAIT_MS);
    smew_bus_close(bus, KIT_WAIT_MS, NULL);
    smew_chart_unref(chart);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_transitions_are_published),
        SUPPORT_TEST(test_nobody_watches_nothing_is_published),
        SUPPORT_TEST(test_a_slow_watcher_is_told),
        SUPPORT_TEST(test_a_long_id_is_not_watched),
        SUPPORT_TEST(test_an_inspection_tells_all),
        SUPPORT_TEST(test_machines_are_listed),
        SUPPORT_TEST(test_a_list_too_big_for_the_bus_is_refused),
    };

    return KIT_MAIN(argc, argv, tests);
}
