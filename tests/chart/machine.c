/* SPDX-License-Identifier: MIT */

/*
 * The machine's public functions: who may call when, what they answer, what is undone, that a
 * warm machine allocates nothing, and how much an idle one takes.
 */

#include "tests/chart/kit.h"

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static const char light[] =
    "{'id':'light','initial':'red','context':{'n':0},'states':{"
    "'red':{'on':{'T':{'target':'green','guard':'yes','actions':{'type':'add'}}},"
    "'after':{'1000':'green'}},"
    "'green':{'on':{'T':'red','BLOCK':{},'END':'off'}},'off':{'type':'final'}}}";

static void test_life(void **state)
{
    struct smew_chart *chart = kit_load(light);
    struct smew_event event = {.type = "T"};
    struct smew_machine *machine;
    struct smew_step step;

    (void)state;
    assert_int_equal(smew_machine_create(chart, "l-1", NULL, &machine), SMEW_OK);
    assert_int_equal(smew_machine_send(machine, &event, 0, NULL), SMEW_INVALID);
    assert_int_equal(smew_machine_advance(machine, 0, NULL), SMEW_INVALID);
    assert_false(smew_machine_can(machine, &event));
    assert_int_equal(smew_machine_start(machine, 5, &step), SMEW_OK);
    assert_true(step.changed && !step.done);
    assert_int_equal(smew_machine_start(machine, 5, &step), SMEW_INVALID);
    assert_string_equal(smew_machine_id(machine), "l-1");
    assert_ptr_equal(smew_machine_chart(machine), chart);
    assert_null(smew_machine_user(machine));
    assert_int_equal(smew_machine_due_ns(machine), 1000000005);
    assert_true(smew_machine_in(machine, "red") && !smew_machine_in(machine, "green"));
    assert_false(smew_machine_in(machine, "blue") || smew_machine_in(machine, NULL));

    assert_int_equal(smew_machine_send(machine, &event, 6, &step), SMEW_OK);
    assert_true(step.handled && step.changed && !step.done);
    assert_int_equal(smew_machine_due_ns(machine), UINT64_MAX);
    event.type = "OTHER";
    assert_int_equal(smew_machine_send(machine, &event, 7, &step), SMEW_OK);
    assert_true(!step.handled && !step.changed);
    event.type = "BLOCK";
    assert_false(smew_machine_can(machine, &event)); /* forbidden: it would do nothing */
    assert_int_equal(smew_machine_send(machine, &event, 7, &step), SMEW_OK);
    assert_true(step.handled && !step.changed);
    event.type = "END";
    assert_true(smew_machine_can(machine, &event));
    assert_int_equal(smew_machine_send(machine, &event, 8, &step), SMEW_OK);
    assert_true(step.handled && step.changed && step.done && smew_machine_done(machine));
    assert_int_equal(smew_machine_send(machine, &event, 9, &step), SMEW_STOPPED);
    assert_int_equal(smew_machine_advance(machine, 9, &step), SMEW_STOPPED);
    smew_machine_destroy(machine);
    smew_machine_destroy(NULL);
    smew_chart_unref(chart);
    smew_chart_unref(NULL);
}

static void test_arguments(void **state)
{
    struct smew_chart *chart = kit_load("{}");
    struct smew_machine *machine = NULL;
    struct smew_machine_host host = {.size = 0};
    struct smew_event event = {.type = "E"};
    char id[300];

    (void)state;
    memset(id, 'x', sizeof id);
    id[256] = '\0';
    assert_int_equal(smew_machine_create(chart, id, NULL, &machine), SMEW_INVALID);
    id[255] = '\0';
    assert_int_equal(smew_machine_create(chart, "", NULL, &machine), SMEW_INVALID);
    assert_int_equal(smew_machine_create(chart, NULL, NULL, &machine), SMEW_INVALID);
    assert_int_equal(smew_machine_create(NULL, "x", NULL, &machine), SMEW_INVALID);
    assert_int_equal(smew_machine_create(chart, "x", &host, &machine), SMEW_INVALID);
    assert_int_equal(smew_machine_create(chart, id, NULL, &machine), SMEW_OK);
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
    assert_int_equal(smew_machine_send(machine, NULL, 0, NULL), SMEW_INVALID);
    event.type = "*";
    assert_int_equal(smew_machine_send(machine, &event, 0, NULL), SMEW_INVALID);
    event.type = "";
    assert_int_equal(smew_machine_send(machine, &event, 0, NULL), SMEW_INVALID);
    event = (struct smew_event){.type = "E", .payload = NULL, .payload_size = 1};
    assert_int_equal(smew_machine_send(machine, &event, 0, NULL), SMEW_INVALID);
    assert_int_equal(smew_machine_set_number(machine, "n", 1), SMEW_INVALID); /* not in an action */
    assert_int_equal(smew_machine_set_json(machine, "n", "1"), SMEW_INVALID);
    assert_int_equal(smew_machine_raise(machine, "E"), SMEW_INVALID);
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
}

/* ---- what actions may do ------------------------------------------------------------- */

static struct smew_chart *load_with(const char *text, smew_action_fn run)
{
    struct smew_named_action action = {"run", run};
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    struct smew_chart *chart = NULL;
    struct smew_error error;

    behavior.actions = &action;
    behavior.action_count = 1;
    if (smew_chart_load_json(text, strlen(text), "test", &behavior, &chart, &error) != SMEW_OK)
        fail_msg("%s", error.text);
    return chart;
}

static void use_everything(const struct smew_call *call)
{
    struct smew_machine *machine = call->machine;
    struct smew_event event = {.type = "E"};
    unsigned *calls = call->user;

    ++*calls;
    assert_non_null(call->event->payload);
    assert_int_equal(smew_machine_send(machine, &event, 0, NULL), SMEW_BUSY);
    assert_int_equal(smew_machine_advance(machine, 0, NULL), SMEW_BUSY);
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_BUSY);
    assert_false(smew_machine_can(machine, &event));
    assert_int_equal(smew_machine_set_number(machine, "n", 1.5), SMEW_OK);
    assert_int_equal(smew_machine_set_number(machine, "n", (double)NAN), SMEW_INVALID);
    assert_int_equal(smew_machine_set_number(machine, NULL, 1), SMEW_INVALID);
    assert_int_equal(smew_machine_set_string(machine, "s", "text"), SMEW_OK);
    assert_int_equal(smew_machine_set_string(machine, "s", "\xff"), SMEW_INVALID);
    assert_int_equal(smew_machine_set_string(machine, "s", NULL), SMEW_INVALID);
    assert_int_equal(smew_machine_set_bool(machine, "b", true), SMEW_OK);
    assert_int_equal(smew_machine_set_bool(machine, "new", false), SMEW_OK);
    assert_int_equal(smew_machine_set_json(machine, "j", "{\"a\":[1,null]}"), SMEW_OK);
    assert_int_equal(smew_machine_set_json(machine, "j", "{\"a\":"), SMEW_SYNTAX);
    assert_int_equal(smew_machine_set_json(machine, "j", NULL), SMEW_INVALID);
    assert_int_equal(smew_machine_set_json(machine, NULL, "1"), SMEW_INVALID);
    assert_int_equal(smew_machine_raise(machine, ""), SMEW_INVALID);
    assert_int_equal(smew_machine_raise(machine, "*"), SMEW_INVALID);
    if (strcmp(call->event->type, "GO") == 0)
        assert_int_equal(smew_machine_raise(machine, "RAISED"), SMEW_OK);
}

static void test_actions_may(void **state)
{
    struct smew_chart *chart = load_with("{\"context\":{\"n\":0,\"s\":1,\"b\":false},"
                                         "\"on\":{\"GO\":{\"actions\":\"run\"},"
                                         "\"RAISED\":{\"actions\":\"run\"}}}",
                                         use_everything);
    struct smew_machine_host host = SMEW_MACHINE_HOST_INIT;
    struct smew_machine *machine;
    struct smew_event event = {.type = "GO"};
    unsigned calls = 0;
    char json[100];

    (void)state;
    host.user = &calls;
    assert_int_equal(smew_machine_create(chart, "m", &host, &machine), SMEW_OK);
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
    assert_ptr_equal(smew_machine_user(machine), &calls);
    assert_int_equal(smew_machine_send(machine, &event, 0, NULL), SMEW_OK);
    assert_int_equal(calls, 2);
    (void)smew_value_json(smew_machine_context(machine), json, sizeof json);
    assert_string_equal(
        json, "{\"n\":1.5,\"s\":\"text\",\"b\":true,\"new\":false,\"j\":{\"a\":[1,null]}}");
    smew_machine_destroy(machine);

    /* Another machine of the same chart starts from the chart's own context. */
    assert_int_equal(smew_machine_create(chart, "n", &host, &machine), SMEW_OK);
    (void)smew_value_json(smew_machine_context(machine), json, sizeof json);
    assert_string_equal(json, "{\"n\":0,\"s\":1,\"b\":false}");
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
}

static void test_no_context_reads_as_empty(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = kit_start("{}", &log);

    (void)state;
    assert_int_equal(smew_value_type(smew_machine_context(machine)), SMEW_VALUE_OBJECT);
    assert_int_equal(smew_value_count(smew_machine_context(machine)), 0);
    kit_stop(machine);
}

/* ---- limits -------------------------------------------------------------------------- */

/* What never comes to rest stops the machine and is undone. */
static void test_endless(void **state)
{
    static const char *const charts[] = {
        "{'context':{'n':1},'initial':'a','states':{'a':{'on':{'X':'b'}},'b':{'always':'c','entry':"
        "'add'},'c':{'always':'b'}}}",
        "{'context':{'n':1},'initial':'a','states':{'a':{'on':{'X':{'actions':["
        "{'type':'@xstate.raise','event':{'type':'X'}},'add']}}}}}",
        "{'context':{'n':1},'initial':'a','states':{'a':{'on':{'X':{'actions':"
        "[{'type':'@xstate.raise','event':{'type':'X'}},{'type':'@xstate.raise','event':{'type':"
        "'X'}},'add']}}}}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof charts / sizeof *charts; i++) {
        struct kit_log log;
        struct smew_machine *machine = kit_start(charts[i], &log);
        const struct smew_value *context;
        struct smew_step step;
        char text[64];

        assert_int_equal(kit_send(machine, "X", NULL, &step), SMEW_LIMIT);
        assert_false(step.done || step.changed);
        (void)smew_machine_state(machine, text, sizeof text);
        assert_string_equal(text, "a");
        context = smew_machine_context(machine);
        assert_true(smew_value_number(smew_value_get(context, "n"), 0) == 1);
        assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_STOPPED);
        assert_false(smew_machine_done(machine));
        kit_stop(machine);
    }
}

static void test_endless_sends_and_timers(void **state)
{
    struct kit_log log;
    struct smew_machine *machine =
        kit_start("{'on':{'X':{'actions':{'type':'@xstate.sendTo','to':'#_self','event':{'type':"
                  "'X'}}}}}",
                  &log);

    (void)state;
    assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_LIMIT);
    kit_stop(machine);
    machine = kit_start(
        "{'initial':'a','states':{'a':{'after':{'0':'b'}},'b':{'after':{'0':'a'}}}}", &log);
    assert_int_equal(smew_machine_advance(machine, 0, NULL), SMEW_LIMIT);
    kit_stop(machine);
    /* As long as time goes on, a ticker may tick as often as it likes. */
    machine = kit_start(
        "{'initial':'a','states':{'a':{'after':{'1':'b'}},'b':{'after':{'1':'a'}}}}", &log);
    assert_int_equal(smew_machine_advance(machine, UINT64_C(50001) * 1000000, NULL), SMEW_OK);
    assert_true(smew_machine_in(machine, "b"));
    kit_stop(machine);
}

static void test_too_many_timers(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = kit_start(
        "{'on':{'X':{'actions':{'type':'@xstate.raise','event':{'type':'Y'},'delay':1}}}}", &log);
    enum smew_status status = SMEW_OK;
    unsigned sent = 0;

    (void)state;
    while (status == SMEW_OK && sent++ < 10000)
        status = kit_send(machine, "X", NULL, NULL);
    assert_int_equal(status, SMEW_LIMIT);
    assert_int_equal(sent, 4097);
    assert_int_equal(smew_machine_due_ns(machine), UINT64_MAX); /* stopped: nothing waits */
    kit_stop(machine);
}

/* ---- state as text ------------------------------------------------------------------- */

static void test_state_text(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = kit_start(
        "{'type':'parallel','states':{'left':{'initial':'up','states':{'up':{},'down':{}}},"
        "'r.t':{'initial':'in','states':{'in':{'initial':'x','states':{'x':{}}}}},'at':{}}}",
        &log);
    char text[64];

    (void)state;
    size_t length = smew_machine_state(machine, text, sizeof text);
    assert_string_equal(text, "left.up,r\\.t.in.x,at");
    assert_int_equal(length, strlen(text));
    assert_int_equal(smew_machine_state(machine, NULL, 0), length);
    assert_int_equal(smew_machine_state(machine, text, 8), length);
    assert_string_equal(text, "left.up");
    length = smew_machine_state_json(machine, text, sizeof text);
    assert_int_equal(length, strlen(text));
    assert_string_equal(text, "{\"left\":\"up\",\"r.t\":{\"in\":\"x\"},\"at\":{}}");
    assert_true(smew_machine_in(machine, "r\\.t.in.x"));
    assert_false(smew_machine_in(machine, "r.t.in.x"));
    assert_true(smew_machine_in(machine, "left"));
    assert_true(smew_machine_in(machine, ""));
    kit_stop(machine);
}

/* ---- what it costs ------------------------------------------------------------------- */

static const char busy[] =
    "{'id':'busy','type':'parallel','context':{'n':0},'states':{"
    "'a':{'initial':'x','states':{'x':{'on':{'GO':{'target':'y','guard':'yes','actions':["
    "'add',{'type':'@xstate.raise','event':{'type':'R','v':1}}]}},'after':{'10':'y'}},"
    "'y':{'on':{'GO':'x'},'after':{'late':'x'}}}},"
    "'b':{'initial':'x','states':{'x':{'on':{'R':'y'}},'y':{'on':{'R':'x','sub.*':'x'}}}},"
    "'c':{'on':{'*':{'actions':{'type':'@xstate.assign','context':{'m':5}}}}}}}";

static void test_warm_machine_allocates_nothing(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = kit_start(busy, &log);
    static const char *const types[] = {"GO", "GO", "sub.x", "UNKNOWN"};
    uint64_t now_ns = 0;
    uint64_t before = 0;

    (void)state;
    for (unsigned i = 0; i < 400; i++) {
        struct smew_event event = {.type = types[i % 4]};

        if (i == 100)
            before = smew__alloc_count();
        assert_int_equal(smew_machine_send(machine, &event, now_ns, NULL), SMEW_OK);
        now_ns += 7000000;
        assert_int_equal(smew_machine_advance(machine, now_ns, NULL), SMEW_OK);
    }
    assert_int_equal(smew__alloc_count() - before, 0);
    kit_stop(machine);
}

static void test_idle_machine_is_small(void **state)
{
    struct smew_chart *chart = kit_load(light);
    struct smew_machine *machine;

    (void)state;
    int64_t live = smew__alloc_live();
    uint64_t before = smew__alloc_count();
    assert_int_equal(smew_machine_create(chart, "package:amd64", NULL, &machine), SMEW_OK);
    assert_int_equal(smew__alloc_count() - before, 1); /* one block */
    assert_int_equal(smew__alloc_live() - live, 1);
    print_message("an idle machine takes %zu bytes\n", malloc_usable_size(machine));
    assert_true(malloc_usable_size(machine) <= 512);
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_life),
        SUPPORT_TEST(test_arguments),
        SUPPORT_TEST(test_actions_may),
        SUPPORT_TEST(test_no_context_reads_as_empty),
        SUPPORT_TEST(test_endless),
        SUPPORT_TEST(test_endless_sends_and_timers),
        SUPPORT_TEST(test_too_many_timers),
        SUPPORT_TEST(test_state_text),
        SUPPORT_TEST(test_warm_machine_allocates_nothing),
        SUPPORT_TEST(test_idle_machine_is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
