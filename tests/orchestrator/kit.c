/* SPDX-License-Identifier: MIT */
/* The kit of the orchestrator's tests. */
#include "tests/orchestrator/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *scheme = "inproc";

const char kit_light[] = "{'id':'light','initial':'red','states':{"
                         "'red':{'on':{'GO':'green'}},'green':{'on':{'GO':'red'}}}}";
const char kit_noter[] = "{'id':'noter','initial':'on','states':{'on':{'on':{"
                         "'N':{'actions':'note'},'BLOCK':{'actions':'gate'},'DONE':'off'}},"
                         "'off':{'type':'final'}}}";
const char kit_endless[] = "{'id':'endless','initial':'idle','states':{'idle':{'on':{'GO':'a'}},"
                           "'a':{'always':'b'},'b':{'always':'a'}}}";

/* ---- the record ---------------------------------------------------------------------- */

struct kit_record *kit_record_create(void)
{
    struct kit_record *record = calloc(1, sizeof(*record));

    assert_non_null(record);
    record->seen = calloc(KIT_SEEN_MOST, sizeof(*record->seen));
    assert_non_null(record->seen);
    pthread_mutex_init(&record->lock, NULL);
    pthread_cond_init(&record->moved, NULL);
    return record;
}

void kit_record_free(struct kit_record *record)
{
    pthread_cond_destroy(&record->moved);
    pthread_mutex_destroy(&record->lock);
    free(record->seen);
    free(record);
}

static void record_add(struct kit_record *record, const char *id, const void *machine,
                       const void *payload, size_t size)
{
    struct kit_number number = {0, 0};

    if (size == sizeof(number))
        memcpy(&number, payload, sizeof(number));
    pthread_mutex_lock(&record->lock);
    if (record->count < KIT_SEEN_MOST) {
        struct kit_seen *seen = &record->seen[record->count];

        *seen = (struct kit_seen){.sender = number.sender, .number = number.number};
        (void)snprintf(seen->id, sizeof(seen->id), "%s", id);
        seen->machine = machine;
    }
    record->count++;
    pthread_mutex_unlock(&record->lock);
}

size_t kit_record_count(struct kit_record *record)
{
    size_t count;

    pthread_mutex_lock(&record->lock);
    count = record->count;
    pthread_mutex_unlock(&record->lock);
    return count;
}

struct goal {
    struct kit_record *record;
    size_t count;
};

static bool has_count(void *argument)
{
    const struct goal *goal = argument;

    return kit_record_count(goal->record) >= goal->count;
}

bool kit_record_reaches(struct kit_record *record, size_t count)
{
    struct goal goal = {record, count};

    return support_wait_until(has_count, &goal, KIT_WAIT_MS);
}

static bool has_waiting(void *argument)
{
    const struct goal *goal = argument;
    size_t waiting;

    pthread_mutex_lock(&goal->record->lock);
    waiting = goal->record->waiting;
    pthread_mutex_unlock(&goal->record->lock);
    return waiting >= goal->count;
}

bool kit_gate_reaches(struct kit_record *record, unsigned waiting)
{
    struct goal goal = {record, waiting};

    return support_wait_until(has_waiting, &goal, KIT_WAIT_MS);
}

void kit_gate_open(struct kit_record *record)
{
    pthread_mutex_lock(&record->lock);
    record->open = true;
    pthread_cond_broadcast(&record->moved);
    pthread_mutex_unlock(&record->lock);
}

/* ---- charts -------------------------------------------------------------------------- */

static void note(const struct smew_call *call)
{
    if (call->user)
        record_add(call->user, smew_machine_id(call->machine), call->machine, call->event->payload,
                   call->event->payload_size);
}

static void gate(const struct smew_call *call)
{
    struct kit_record *record = call->user;

    pthread_mutex_lock(&record->lock);
    record->waiting++;
    while (!record->open)
        pthread_cond_wait(&record->moved, &record->lock);
    record->waiting--;
    pthread_mutex_unlock(&record->lock);
}

struct smew_chart *kit_chart(const char *text)
{
    static const struct smew_named_action actions[] = {{"note", note}, {"gate", gate}};
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    struct smew_chart *chart = NULL;
    struct smew_error error = {.text = ""};
    char *json = strdup(text);
    enum smew_status status;

    assert_non_null(json);
    for (char *quote = json; (quote = strchr(quote, '\'')) != NULL;)
        *quote = '"';
    behavior.actions = actions;
    behavior.action_count = sizeof(actions) / sizeof(actions[0]);
    status = smew_chart_load_json(json, strlen(json), "test.json", &behavior, &chart, &error);
    free(json);
    if (status)
        fail_msg("%s", error.text);
    return chart;
}

/* ---- nodes --------------------------------------------------------------------------- */

int kit_main(int argc, char **argv, const char *name, const struct CMUnitTest *tests, size_t count)
{
    struct smew_bus *bus;

    if (argc > 1)
        scheme = argv[1];
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    /* libuv's first loop makes things that stay: let them be there before leaks are counted. */
    if (smew_bus_open("inproc://first", NULL, &bus, NULL) == SMEW_OK)
        smew_bus_close(bus, KIT_WAIT_MS, NULL);
    return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

struct smew_bus *kit_open(const struct smew_bus_options *options)
{
    struct smew_error error = {.text = ""};
    struct smew_bus *bus = NULL;
    char url[64];

    (void)snprintf(url, sizeof(url), "%s://orchestra", scheme);
    if (smew_bus_open(url, options, &bus, &error))
        fail_msg("cannot open %s: %s", url, error.text);
    return bus;
}

static void on_dead_letter(struct smew_bus *bus, const struct smew_message *message,
                           enum smew_status reason, void *user)
{
    char text[32];

    (void)bus;
    (void)snprintf(text, sizeof(text), "%s %s", smew_status_name(reason),
                   smew_message_target(message));
    record_add(user, text, NULL, smew_message_payload(message), smew_message_payload_size(message));
}

struct kit_node kit_node_open(const struct smew_orchestrator_options *options)
{
    struct smew_bus_options bus_options = SMEW_BUS_OPTIONS_INIT;
    struct smew_error error = {.text = ""};
    struct kit_node node = {.letters = kit_record_create()};

    bus_options.on_dead_letter = on_dead_letter;
    bus_options.user = node.letters;
    bus_options.linger_ms = 1000;
    node.bus = kit_open(&bus_options);
    if (smew_orchestrator_create(node.bus, options, &node.orchestrator, &error))
        fail_msg("%s", error.text);
    return node;
}

void kit_node_close(struct kit_node *node)
{
    smew_orchestrator_destroy(node->orchestrator, KIT_WAIT_MS);
    smew_bus_close(node->bus, KIT_WAIT_MS, NULL);
    kit_record_free(node->letters);
}

void kit_poll(struct smew_bus *bus)
{
    enum smew_status status = smew_bus_poll(bus, 10, 0);

    assert_true(status == SMEW_OK || status == SMEW_TIMEOUT);
}

struct claim {
    struct smew_bus *bus;
    const char *id;
    bool found;
};

static bool find_claim(const char *id, const char *node_address, void *user)
{
    struct claim *claim = user;

    (void)node_address;
    claim->found = strcmp(id, claim->id) == 0;
    return !claim->found;
}

static bool is_unclaimed(void *argument)
{
    struct claim *claim = argument;

    claim->found = false;
    return smew_bus_each_claim(claim->bus, find_claim, claim) == SMEW_OK && !claim->found;
}

bool kit_is_given_back(struct smew_bus *bus, const char *id)
{
    struct claim claim = {.bus = bus, .id = id};

    return support_wait_until(is_unclaimed, &claim, KIT_WAIT_MS);
}

bool kit_letters_reach(struct kit_node *node, size_t count)
{
    uint64_t deadline_ns = smew_now_ns() + KIT_WAIT_MS * UINT64_C(1000000);

    while (kit_record_count(node->letters) < count && smew_now_ns() < deadline_ns)
        kit_poll(node->bus);
    return kit_record_count(node->letters) >= count;
}

void kit_host(struct kit_node *node, const char *id, const char *text, void *user)
{
    struct smew_register_options options = SMEW_REGISTER_OPTIONS_INIT;
    struct smew_chart *chart = kit_chart(text);
    struct smew_error error = {.text = ""};
    enum smew_status status;

    options.timeout_ms = KIT_WAIT_MS; /* for the node that has to let go of it */
    status = smew_orchestrator_host(node->orchestrator, id, chart, user, &options, &error);
    smew_chart_unref(chart);
    if (status)
        fail_msg("cannot host %s: %s", id, error.text);
}

struct smew_orchestrator_stats kit_stats(const struct kit_node *node)
{
    struct smew_orchestrator_stats stats;

    assert_int_equal(smew_orchestrator_stats(node->orchestrator, &stats), SMEW_OK);
    return stats;
}

/* ---- asking -------------------------------------------------------------------------- */

enum smew_status kit_request(struct smew_bus *bus, const char *target, const char *event,
                             const char *payload, json_t **reply)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct smew_message *message = NULL;
    enum smew_status status;

    options.timeout_ms = KIT_WAIT_MS;
    options.content = SMEW_CONTENT_JSON;
    status = smew_bus_request(bus, target, event, payload, payload ? strlen(payload) : 0, &options,
                              &message);
    *reply = NULL;
    if (!status) {
        json_error_t error;

        assert_int_equal(smew_message_content(message), SMEW_CONTENT_JSON);
        *reply = json_loadb(smew_message_payload(message), smew_message_payload_size(message), 0,
                            &error);
        if (!*reply)
            fail_msg("no JSON: %s: %s", error.text, (const char *)smew_message_payload(message));
    }
    smew_message_free(message);
    return status;
}

json_t *kit_ask(struct smew_bus *bus, const char *target, const char *event, const char *payload)
{
    json_t *reply;
    enum smew_status status = kit_request(bus, target, event, payload, &reply);

    if (status)
        fail_msg("%s to %s: %s", event, target, smew_status_text(status));
    return reply;
}

enum smew_status kit_process(struct smew_bus *bus, const char *target, const char *event)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    options.level = SMEW_LEVEL_PROCESSED;
    return smew_bus_send(bus, target, event, NULL, 0, &options);
}

const char *kit_state(struct smew_bus *bus, const char *id)
{
    static char state[128];
    json_t *reply;

    state[0] = '\0';
    if (kit_request(bus, id, "smew.inspect", NULL, &reply))
        return state;
    (void)snprintf(state, sizeof(state), "%s", json_string_value(json_object_get(reply, "state")));
    json_decref(reply);
    return state;
}

struct wish {
    struct smew_bus *bus;
    const char *id;
    const char *state;
};

static bool is_fulfilled(void *argument)
{
    const struct wish *wish = argument;

    return strcmp(kit_state(wish->bus, wish->id), wish->state) == 0;
}

bool kit_becomes(struct smew_bus *bus, const char *id, const char *state)
{
    struct wish wish = {bus, id, state};

    return support_wait_until(is_fulfilled, &wish, KIT_WAIT_MS);
}
