/* SPDX-License-Identifier: MIT */
/* Several nodes: claims, sends from machine to machine, ids that move from one host to another. */
#include "tests/orchestrator/kit.h"

#include <stdio.h>
#include <string.h>

/* ---- claims -------------------------------------------------------------------------- */

static enum smew_status try_host(struct kit_node *node, const char *id, const char *text,
                                 void *user, bool standby, uint32_t timeout_ms,
                                 struct smew_error *error)
{
    struct smew_register_options options = SMEW_REGISTER_OPTIONS_INIT;
    struct smew_chart *chart = kit_chart(text);
    enum smew_status status;

    options.standby = standby;
    options.timeout_ms = timeout_ms;
    status = smew_orchestrator_host(node->orchestrator, id, chart, user, &options, error);
    smew_chart_unref(chart);
    return status;
}

static void test_a_claim_is_held_by_one(void **state)
{
    struct kit_node one = kit_node_open(NULL);
    struct kit_node two = kit_node_open(NULL);
    struct smew_error error = {.text = ""};

    (void)state;
    kit_host(&one, "light", kit_light, NULL);
    kit_host(&one, "pkg:*", kit_light, NULL);
    assert_int_equal(try_host(&two, "light", kit_light, NULL, false, 0, &error), SMEW_CLAIMED);
    assert_non_null(strstr(error.text, smew_bus_address(one.bus)));
    assert_int_equal(try_host(&two, "pkg:*", kit_light, NULL, false, 0, NULL), SMEW_CLAIMED);
    assert_int_equal(try_host(&one, "pkg:*", kit_light, NULL, false, 0, NULL), SMEW_EXISTS);
    assert_int_equal(try_host(&two, "light", kit_light, NULL, true, 30, NULL), SMEW_CLAIMED);
    /* What was refused left nothing. */
    assert_int_equal(kit_stats(&two).machines, 0);
    assert_int_equal(smew_orchestrator_stop(two.orchestrator, "light"), SMEW_NOT_FOUND);
    kit_node_close(&two);
    kit_node_close(&one);
}

struct standby {
    struct kit_node *node;
    pthread_t thread;
    enum smew_status status;
    const char *id;
    const char *text;
    void *user;
    uint32_t timeout_ms;
    atomic_bool over;
};

static void *stand_by(void *argument)
{
    struct standby *standby = argument;

    standby->status = try_host(standby->node, standby->id, standby->text, standby->user, true,
                               standby->timeout_ms, NULL);
    atomic_store(&standby->over, true);
    return NULL;
}

static void standby_begin(struct standby *standby)
{
    assert_int_equal(pthread_create(&standby->thread, NULL, stand_by, standby), 0);
}

static bool is_over(void *argument)
{
    return atomic_load(&((struct standby *)argument)->over);
}

static void standby_end(struct standby *standby)
{
    pthread_join(standby->thread, NULL);
    assert_int_equal(standby->status, SMEW_OK);
}

static void test_a_standby_takes_over(void **state)
{
    struct kit_node one = kit_node_open(NULL);
    struct kit_node two = kit_node_open(NULL);
    struct smew_bus *client = kit_open(NULL);
    struct standby standby = {
        .node = &two, .id = "light", .text = kit_light, .timeout_ms = KIT_WAIT_MS};

    (void)state;
    kit_host(&one, "light", kit_light, NULL);
    assert_int_equal(kit_process(client, "light", "GO"), SMEW_OK);
    standby_begin(&standby);
    assert_string_equal(kit_state(client, "light"), "green");
    kit_node_close(&one);
    standby_end(&standby);
    assert_string_equal(kit_state(client, "light"), "red"); /* a machine of its own */
    assert_int_equal(kit_stats(&two).started, 1);
    smew_bus_close(client, KIT_WAIT_MS, NULL);
    kit_node_close(&two);
}

/* ---- machines that send -------------------------------------------------------------- */

/* ping on one node, pong on another: a hundred returns, begun by ping's own entry. */
static void test_machines_of_two_nodes_talk(void **state)
{
    static const char text[] =
        "{'id':'%s','initial':'on','states':{'on':{%s'on':{"
        "'BALL':{'actions':['note',{'type':'@xstate.sendTo','to':'%s','event':{'type':'BALL'}}]},"
        "'END':'off'}},'off':{}}}";
    struct kit_node one = kit_node_open(NULL);
    struct kit_node two = kit_node_open(NULL);
    struct kit_record *record = kit_record_create();
    char chart[512];

    (void)state;
    (void)snprintf(chart, sizeof(chart), text, "pong", "", "ping");
    kit_host(&two, "pong", chart, record);
    (void)snprintf(chart, sizeof(chart), text, "ping",
                   "'entry':{'type':'@xstate.sendTo','to':'pong','event':{'type':'BALL'}},",
                   "pong");
    kit_host(&one, "ping", chart, record);
    assert_true(kit_record_reaches(record, 200));
    assert_int_equal(kit_process(two.bus, "ping", "END"), SMEW_OK);
    assert_int_equal(smew_bus_flush(one.bus, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(smew_bus_flush(two.bus, KIT_WAIT_MS), SMEW_OK);
    assert_int_equal(kit_record_count(one.letters) + kit_record_count(two.letters), 0);
    for (size_t i = 0; i < 200; i++)
        assert_string_equal(record->seen[i].id, i % 2 ? "ping" : "pong");
    kit_node_close(&one);
    kit_node_close(&two);
    kit_record_free(record);
}

static void test_a_refused_send_is_told(void **state)
{
    static const char text[] =
        "{'id':'s','initial':'idle','states':{'idle':{'on':{'GO':{'actions':{'type':"
        "'@xstate.sendTo','to':'nobody','event':{'type':'HELLO'}}},"
        "'error.communication':'sad'}},'sad':{}}}";
    struct kit_node node = kit_node_open(NULL);
    json_t *reply;

    (void)state;
    kit_host(&node, "s", text, NULL);
    reply = kit_ask(node.bus, "s", "GO", NULL);
    assert_string_equal(json_string_value(json_object_get(reply, "new")), "sad");
    json_decref(reply);
    assert_true(kit_letters_reach(&node, 1)); /* nothing is dropped in silence */
    assert_string_equal(node.letters->seen[0].id, "NO_MACHINE nobody");
    kit_node_close(&node);
}

/* ---- ids that move ------------------------------------------------------------------- */

struct stream {
    struct smew_bus *bus;
    pthread_t thread;
    const char *const *targets;
    uint32_t target_count;
    atomic_bool stop;
    atomic_uint sent; /* rounds */
    enum smew_status status;
};

static void *send_stream(void *argument)
{
    struct stream *stream = argument;
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    while (!atomic_load(&stream->stop) && !stream->status) {
        uint32_t round = atomic_load(&stream->sent);

        for (uint32_t i = 0; i < stream->target_count && !stream->status; i++) {
            struct kit_number number = {i, round};

            stream->status = smew_bus_send(stream->bus, stream->targets[i], "N", &number,
                                           sizeof(number), &options);
        }
        atomic_store(&stream->sent, round + 1);
    }
    return NULL;
}

static bool has_sent(void *argument)
{
    const struct stream *stream = argument;

    return atomic_load(&stream->sent) >= 100;
}

static void stream_begin(struct stream *stream)
{
    assert_int_equal(pthread_create(&stream->thread, NULL, send_stream, stream), 0);
    assert_true(support_wait_until(has_sent, stream, KIT_WAIT_MS));
}

/* What the target got around a place of the record. */
static void explain(const struct kit_record *record, size_t at)
{
    for (size_t i = at > 60 ? at - 60 : 0; i < record->count && i < at + 60; i++) {
        if (record->seen[i].sender == record->seen[at].sender)
            fprintf(stderr, "%s %s %u by %p\n", i == at ? ">" : " ", record->seen[i].id,
                    record->seen[i].number, record->seen[i].machine);
    }
}

/* Ends it, and counts what arrived: each target's numbers rise from 0, on whichever node. */
static void stream_end(struct stream *stream, const struct kit_record *record)
{
    uint32_t next[8] = {0};

    atomic_store(&stream->stop, true);
    pthread_join(stream->thread, NULL);
    assert_int_equal(stream->status, SMEW_OK);
    assert_int_equal(smew_bus_flush(stream->bus, KIT_WAIT_MS), SMEW_OK);
    assert_true(record->count < KIT_SEEN_MOST);
    for (size_t i = 0; i < record->count; i++) {
        const struct kit_seen *seen = &record->seen[i];

        assert_string_equal(seen->id, stream->targets[seen->sender]);
        if (seen->number != next[seen->sender]++) {
            explain(record, i);
            fail_msg("%s got %u instead of %u", seen->id, seen->number, next[seen->sender] - 1);
        }
    }
    for (uint32_t i = 0; i < stream->target_count; i++)
        assert_int_equal(next[i], atomic_load(&stream->sent));
}

static bool has_events(void *argument)
{
    return kit_stats(argument).events >= 100;
}

struct population {
    struct kit_node *node;
    uint64_t machines;
};

static bool has_machines(void *argument)
{
    const struct population *population = argument;

    return kit_stats(population->node).machines == population->machines;
}

/*
 * While numbers stream in, ids and a longer pattern leave the pattern for another node, and come
 * back when that node ends.  One record for both nodes: it shows the order over all.
 */
static void test_ids_move_under_load(void **state)
{
    static const char *const targets[] = {"pkg:x", "pkg:y", "pkg:lib-a", "pkg:lib-b"};
    struct smew_bus_options slow = SMEW_BUS_OPTIONS_INIT;
    struct kit_node one = kit_node_open(NULL);
    struct kit_node two = kit_node_open(NULL);
    struct kit_record *record = kit_record_create();
    struct stream stream = {.targets = targets, .target_count = 4};
    struct population all = {&one, 4};

    (void)state;
    slow.window = 16; /* the stream is not to fill the record before the test ends */
    stream.bus = kit_open(&slow);
    kit_host(&one, "pkg:*", kit_noter, record);
    stream_begin(&stream);
    kit_host(&two, "pkg:x", kit_noter, record);
    kit_host(&two, "pkg:lib*", kit_noter, record);
    assert_true(support_wait_until(has_events, &two, KIT_WAIT_MS));
    assert_int_equal(kit_stats(&one).machines, 1);
    assert_int_equal(smew_orchestrator_stop(two.orchestrator, "pkg:x"), SMEW_OK);
    kit_node_close(&two);
    assert_true(support_wait_until(has_machines, &all, KIT_WAIT_MS));
    stream_end(&stream, record);
    smew_bus_close(stream.bus, KIT_WAIT_MS, NULL);
    kit_node_close(&one);
    kit_record_free(record);
}

/* On one node: an id gets a host of its own out of its pattern, and goes back. */
static void test_an_id_leaves_its_own_nodes_pattern(void **state)
{
    static const char *const targets[] = {"pkg:x", "pkg:y"};
    struct kit_node node = kit_node_open(NULL);
    struct kit_record *record = kit_record_create();
    struct smew_bus_options slow = SMEW_BUS_OPTIONS_INIT;
    struct stream stream = {.targets = targets, .target_count = 2};
    struct population both = {&node, 2};

    (void)state;
    slow.window = 16;
    stream.bus = kit_open(&slow);
    kit_host(&node, "pkg:*", kit_noter, record);
    stream_begin(&stream);
    kit_host(&node, "pkg:x", kit_noter, record);
    assert_int_equal(kit_stats(&node).started, 3);
    assert_int_equal(smew_orchestrator_stop(node.orchestrator, "pkg:x"), SMEW_OK);
    assert_true(support_wait_until(has_machines, &both, KIT_WAIT_MS));
    stream_end(&stream, record);
    smew_bus_close(stream.bus, KIT_WAIT_MS, NULL);
    kit_node_close(&node);
    kit_record_free(record);
}

/* A host that works on the last event lets go when it is through, however often it is asked. */
static void test_a_handover_waits_for_the_machine(void **state)
{
    struct kit_node one = kit_node_open(NULL);
    struct kit_node two = kit_node_open(NULL);
    struct kit_record *record = kit_record_create();
    struct standby second = {.node = &two, .id = "n:x", .text = kit_noter, .user = record};
    uint64_t seen;

    (void)state;
    second.timeout_ms = KIT_WAIT_MS;
    kit_host(&one, "n:*", kit_noter, record);
    assert_int_equal(smew_bus_send(two.bus, "n:x", "BLOCK", NULL, 0, NULL), SMEW_OK);
    assert_true(kit_gate_reaches(record, 1));
    assert_int_equal(try_host(&two, "n:x", kit_noter, record, false, 30, NULL), SMEW_TIMEOUT);
    standby_begin(&second);
    seen = smew_now_ns();
    while (smew_now_ns() < seen + 50 * UINT64_C(1000000))
        assert_false(atomic_load(&second.over));
    kit_gate_open(record);
    standby_end(&second);
    assert_true(support_wait_until(is_over, &second, KIT_WAIT_MS));
    assert_int_equal(kit_process(one.bus, "n:x", "N"), SMEW_OK);
    assert_int_equal(kit_stats(&one).machines, 0);
    assert_int_equal(kit_stats(&two).events, 1);
    kit_node_close(&two);
    kit_node_close(&one);
    kit_record_free(record);
}

struct stopper {
    struct kit_node *node;
    const char *id;
    pthread_t thread;
    enum smew_status status;
};

static void *stop(void *argument)
{
    struct stopper *stopper = argument;

    stopper->status = smew_orchestrator_stop(stopper->node->orchestrator, stopper->id);
    return NULL;
}

/* The pattern ends while one of its ids is being handed over: the ticket outlives the claim. */
static void test_a_pattern_ends_during_a_handover(void **state)
{
    struct kit_node one = kit_node_open(NULL);
    struct kit_node two = kit_node_open(NULL);
    struct kit_record *record = kit_record_create();
    struct standby claim = {.node = &two, .id = "n:x", .text = kit_noter, .user = record};
    struct stopper stopper = {.node = &one, .id = "n:*"};

    (void)state;
    claim.timeout_ms = KIT_WAIT_MS;
    kit_host(&one, "n:*", kit_noter, record);
    assert_int_equal(smew_bus_send(two.bus, "n:x", "BLOCK", NULL, 0, NULL), SMEW_OK);
    assert_true(kit_gate_reaches(record, 1));
    standby_begin(&claim);
    assert_int_equal(pthread_create(&stopper.thread, NULL, stop, &stopper), 0);
    assert_true(
        kit_is_given_back(two.bus, "n:*")); /* asked of the list: machines may stand still */
    kit_gate_open(record);
    pthread_join(stopper.thread, NULL);
    assert_int_equal(stopper.status, SMEW_OK);
    standby_end(&claim);
    assert_int_equal(kit_process(one.bus, "n:x", "N"), SMEW_OK);
    assert_int_equal(kit_stats(&two).events, 1);
    kit_node_close(&one);
    kit_node_close(&two);
    kit_record_free(record);
}

/* ---- patterns of plain handlers ------------------------------------------------------ */

static void note_message(struct smew_bus *bus, const struct smew_message *message, void *user)
{
    (void)bus;
    (void)message;
    ++*(unsigned *)user;
}

/* A longer pattern leaves one that has handlers instead of machines. */
static void test_a_pattern_leaves_a_handlers_pattern(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    struct smew_bus *plain = kit_open(NULL);
    unsigned handled = 0;

    (void)state;
    assert_int_equal(smew_bus_register(plain, "h:*", note_message, &handled, NULL, NULL), SMEW_OK);
    kit_host(&node, "h:a*", kit_light, NULL);
    assert_int_equal(kit_process(node.bus, "h:abc", "GO"), SMEW_OK);
    assert_int_equal(kit_process(plain, "h:abc", "GO"), SMEW_OK);
    assert_int_equal(smew_bus_send(node.bus, "h:b", "GO", NULL, 0, NULL), SMEW_OK);
    while (handled < 1)
        kit_poll(plain);
    assert_int_equal(kit_stats(&node).events, 2);
    assert_int_equal(smew_orchestrator_stop(node.orchestrator, "h:a*"), SMEW_OK);
    assert_int_equal(smew_bus_send(node.bus, "h:abc", "GO", NULL, 0, NULL), SMEW_OK);
    while (handled < 2)
        kit_poll(plain);
    kit_node_close(&node);
    smew_bus_close(plain, KIT_WAIT_MS, NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_a_claim_is_held_by_one),
        SUPPORT_TEST(test_a_standby_takes_over),
        SUPPORT_TEST(test_machines_of_two_nodes_talk),
        SUPPORT_TEST(test_a_refused_send_is_told),
        SUPPORT_TEST(test_ids_move_under_load),
        SUPPORT_TEST(test_an_id_leaves_its_own_nodes_pattern),
        SUPPORT_TEST(test_a_handover_waits_for_the_machine),
        SUPPORT_TEST(test_a_pattern_ends_during_a_handover),
        SUPPORT_TEST(test_a_pattern_leaves_a_handlers_pattern),
    };

    return KIT_MAIN(argc, argv, tests);
}
