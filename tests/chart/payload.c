/* SPDX-License-Identifier: MIT */

/*
 * An event's payload as callbacks see it, as a document and as a struct, and events with a payload
 * that callbacks raise.
 */

#include "tests/chart/kit.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* The payload of POUR. */
struct pour {
    double litres;
    unsigned char fast;
};

/* ---- behaviour ----------------------------------------------------------------------- */

static const struct smew_value *last_payload;
static unsigned asked;

/* Logs the payload as JSON. */
static void tell(const struct smew_call *call)
{
    char json[200];

    last_payload = smew_call_payload(call);
    (void)smew_value_json(last_payload, json, sizeof json);
    kit_write(call->user, "%s=%s", call->event->type, json);
}

/* The same payload as the guard before it, parsed once. */
static void tell_again(const struct smew_call *call)
{
    uint64_t before = smew__alloc_count();

    assert_ptr_equal(smew_call_payload(call), last_payload);
    assert_int_equal(smew__alloc_count(), before);
    asked++;
}

static bool is_big(const struct smew_call *call)
{
    last_payload = smew_call_payload(call);
    asked++;
    return smew_value_number(smew_value_get(last_payload, "n"), 0) > 10;
}

static void pour(const struct smew_call *call)
{
    struct pour it;

    if (smew_event_read(call->event, &it, sizeof it))
        kit_write(call->user, "%g", it.litres);
    else
        kit_write(call->user, "not read");
}

/* Raises POUR with what is not aligned, and MORE with a document. */
static void raise_both(const struct smew_call *call)
{
    struct pour one = {.litres = 1.5};
    char bytes[sizeof one + 1];
    struct smew_event event = {.type = "POUR", .payload = bytes + 1, .payload_size = sizeof one};

    memcpy(bytes + 1, &one, sizeof one);
    assert_int_equal(smew_machine_raise_event(call->machine, &event), SMEW_OK);
    event = (struct smew_event){
        .type = "MORE", .payload = "[1,2]", .payload_size = 5, .content = SMEW_CONTENT_JSON};
    assert_int_equal(smew_machine_raise_event(call->machine, &event), SMEW_OK);
    event = (struct smew_event){.type = "*"};
    assert_int_equal(smew_machine_raise_event(call->machine, &event), SMEW_INVALID);
    event = (struct smew_event){.type = "E", .payload_size = 1};
    assert_int_equal(smew_machine_raise_event(call->machine, &event), SMEW_INVALID);
    assert_int_equal(smew_machine_raise_event(call->machine, NULL), SMEW_INVALID);
}

/* A is asked for its payload, B is not; so C may lie where A did. */
static void raise_next(const struct smew_call *call)
{
    struct smew_event event = {.payload_size = 7, .content = SMEW_CONTENT_JSON};

    event.type = *call->event->type == 'G' ? "A" : *call->event->type == 'A' ? "B" : "C";
    event.payload = *event.type == 'A' ? "{\"n\":1}" : "{\"n\":2}";
    assert_int_equal(smew_machine_raise_event(call->machine, &event), SMEW_OK);
}

static void start_nothing(const struct smew_service *service)
{
    (void)service;
}

static const struct smew_named_action actions[] = {{"tell", tell},
                                                   {"again", tell_again},
                                                   {"pour", pour},
                                                   {"raise", raise_both},
                                                   {"next", raise_next}};
static const struct smew_named_action effects[] = {{"late", tell}};
static const struct smew_named_guard guards[] = {{"big", is_big}};
static const struct smew_named_service services[] = {{"work", start_nothing, NULL}};

static struct smew_chart *load(const char *text)
{
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;

    behavior.actions = actions;
    behavior.action_count = sizeof actions / sizeof *actions;
    behavior.effects = effects;
    behavior.effect_count = sizeof effects / sizeof *effects;
    behavior.guards = guards;
    behavior.guard_count = sizeof guards / sizeof *guards;
    behavior.services = services;
    behavior.service_count = sizeof services / sizeof *services;
    return kit_load_with(text, &behavior);
}

/* ---- documents ----------------------------------------------------------------------- */

static void test_document(void **state)
{
    static const struct {
        const char *payload, *says;
    } cases[] = {
        {"{\"n\":1,\"a\":[true,null,\"x\"]}", "E={\"n\":1,\"a\":[true,null,\"x\"]}"},
        {"7", "E=7"},
        {"", "E=null"},
        {"{\"n\":", "E=null"},
        {"{\"n\":1,\"n\":2}", "E=null"},
        {"\"\xff\"", "E=null"},
    };
    struct kit_log log;
    struct smew_machine *machine =
        kit_begin(load("{'on':{'E':{'actions':['tell','again']}}}"), &log);
    struct smew_event raw = {.type = "E", .payload = "{}", .payload_size = 2};
    char deep[1024];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(kit_send(machine, "E", cases[i].payload, NULL), SMEW_OK);
        kit_expect_log(&log, cases[i].says);
    }
    assert_int_equal(smew_machine_send(machine, &raw, 0, NULL), SMEW_OK);
    kit_expect_log(&log, "E=null");
    memset(deep, '[', 500);
    memset(deep + 500, ']', 500);
    deep[1000] = '\0';
    assert_int_equal(kit_send(machine, "E", deep, NULL), SMEW_OK);
    kit_expect_log(&log, "E=null");
    kit_stop(machine);
}

/* Guards and actions of one event share it; the next event has its own, at the same address. */
static void test_parsed_once(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = kit_begin(
        load("{'on':{'E':[{'guard':'big','actions':'again'},{'actions':['again','tell']}]}}"),
        &log);
    struct smew_event event = {
        .type = "E", .payload = "{\"n\":11}", .payload_size = 8, .content = SMEW_CONTENT_JSON};
    int64_t live = smew__alloc_live();

    (void)state;
    asked = 0;
    assert_int_equal(smew_machine_send(machine, &event, 0, NULL), SMEW_OK);
    assert_int_equal(asked, 2);
    event.payload = "{\"n\":10}";
    assert_int_equal(smew_machine_send(machine, &event, 0, NULL), SMEW_OK);
    kit_expect_log(&log, "E={\"n\":10}");
    assert_int_equal(smew__alloc_live(), live); /* nothing stays */
    assert_true(smew_machine_can(machine, &event));
    assert_int_equal(smew__alloc_live(), live);
    kit_stop(machine);
}

static void test_internal_events(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = kit_begin(
        load("{'initial':'a','entry':['late',{'type':'@xstate.raise','event':{'type':'R','n':1}}],"
             "'on':{'*':{'actions':['tell','again']},'GO':'.b'},'states':{'a':{'invoke':{'src':"
             "'work','id':'w','onDone':{'actions':'tell'}}},"
             "'b':{'initial':'f','onDone':{'actions':'tell'},'states':{'f':{'type':'final',"
             "'output':{'o':2}}}}}}"),
        &log);
    struct smew_child child;

    (void)state;
    kit_expect_log(&log, "R={\"n\":1} xstate.init=null");
    assert_true(smew_machine_child(machine, "w", &child));
    assert_int_equal(smew_machine_settle(machine, child.token, true, "[5]", 0, NULL), SMEW_OK);
    kit_expect_log(&log, "xstate.done.actor.w={\"output\":[5]}");
    assert_int_equal(kit_send(machine, "GO", NULL, NULL), SMEW_OK);
    kit_expect_log(&log, "xstate.done.state.(machine).b={\"output\":{\"o\":2}}");
    kit_stop(machine);
}

static void test_raised_by_callbacks(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = kit_begin(
        load("{'on':{'GO':{'actions':'raise'},'POUR':{'actions':'pour'},'MORE':{'actions':"
             "'tell'}}}"),
        &log);
    struct smew_event event = {.type = "POUR"};

    (void)state;
    assert_int_equal(kit_send(machine, "GO", "{}", NULL), SMEW_OK);
    kit_expect_log(&log, "1.5 MORE=[1,2]");
    assert_int_equal(kit_send(machine, "POUR", "{}", NULL), SMEW_OK);
    kit_expect_log(&log, "not read");
    assert_int_equal(smew_machine_raise_event(machine, &event), SMEW_INVALID); /* not in a call */
    kit_stop(machine);
}

static void test_each_has_its_own(void **state)
{
    struct kit_log log;
    struct smew_machine *machine =
        kit_begin(load("{'on':{'GO':{'actions':'next'},'A':{'actions':['tell','next']},'B':{"
                       "'actions':'next'},'C':{'actions':'tell'}}}"),
                  &log);

    (void)state;
    assert_int_equal(kit_send(machine, "GO", NULL, NULL), SMEW_OK);
    kit_expect_log(&log, "A={\"n\":1} C={\"n\":2}");
    kit_stop(machine);
}

static void test_struct(void **state)
{
    struct pour it = {.litres = 2};
    struct pour copy = {.litres = 7};
    struct smew_event event = {.type = "E", .payload = &it, .payload_size = sizeof it};

    (void)state;
    assert_false(smew_event_read(&event, &copy, sizeof it - 1));
    assert_false(smew_event_read(NULL, &copy, sizeof it));
    assert_false(smew_event_read(&event, NULL, sizeof it));
    event.content = SMEW_CONTENT_JSON;
    assert_false(smew_event_read(&event, &copy, sizeof it));
    assert_true(copy.litres == 7);
    event.content = SMEW_CONTENT_RAW;
    assert_true(smew_event_read(&event, &copy, sizeof copy));
    assert_true(copy.litres == 2);
}

static void test_parse(void **state)
{
    struct smew_value *value = NULL;

    (void)state;
    assert_int_equal(smew_value_parse("{\"a\":1}", 7, &value), SMEW_OK);
    assert_true(smew_value_number(smew_value_get(value, "a"), 0) == 1);
    smew_value_destroy(value);
    smew_value_destroy(NULL);
    value = NULL;
    assert_int_equal(smew_value_parse("{", 1, &value), SMEW_SYNTAX);
    assert_int_equal(smew_value_parse(NULL, 0, &value), SMEW_INVALID);
    assert_int_equal(smew_value_parse("1", 1, NULL), SMEW_INVALID);
    assert_null(value);
}

/* ---- memory -------------------------------------------------------------------------- */

/* A guard that lacks memory for its answer fails the event; asking alone fails nothing. */
static void ask_once(void *argument)
{
    struct smew_machine *machine = NULL;
    struct kit_log log = {""};
    struct smew_machine_host host = kit_host(&log);
    enum smew_status status = smew_machine_create(argument, "self", &host, &machine);
    struct smew_event event = {
        .type = "E", .payload = "{\"n\":11}", .payload_size = 8, .content = SMEW_CONTENT_JSON};

    if (status == SMEW_OK)
        status = smew_machine_start(machine, 0, NULL);
    if (status == SMEW_OK) {
        (void)smew_machine_can(machine, &event);
        assert_int_equal(smew_machine_life(machine), SMEW_LIFE_ACTIVE);
        status = smew_machine_send(machine, &event, 0, NULL);
        assert_int_equal(smew_machine_in(machine, "b"), status == SMEW_OK);
    }
    if (status != SMEW_OK && status != SMEW_NO_MEMORY)
        fail_msg("%s", smew_status_name(status));
    smew_machine_destroy(machine);
}

static void test_no_memory(void **state)
{
    struct smew_chart *chart = load("{'initial':'a','states':{'a':{'on':{'E':{'guard':'big',"
                                    "'target':'b','actions':'again'}}},'b':{}}}");

    (void)state;
    assert_true(support_walk_allocations(ask_once, chart) > 10);

    struct kit_log log;
    struct smew_machine *machine = kit_begin(chart, &log);
    struct smew_event event = {
        .type = "E", .payload = "{\"n\":11}", .payload_size = 8, .content = SMEW_CONTENT_JSON};
    smew__alloc_fail_at(1, 0);
    assert_false(smew_machine_can(machine, &event));
    assert_int_equal(smew__alloc_failed(), 1);
    smew__alloc_fail_at(0, 0);
    assert_true(smew_machine_can(machine, &event));
    assert_int_equal(smew_machine_send(machine, &event, 0, NULL), SMEW_OK);
    kit_stop(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_document),
        SUPPORT_TEST(test_parsed_once),
        SUPPORT_TEST(test_internal_events),
        SUPPORT_TEST(test_raised_by_callbacks),
        SUPPORT_TEST(test_each_has_its_own),
        SUPPORT_TEST(test_struct),
        SUPPORT_TEST(test_parse),
        SUPPORT_TEST(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
