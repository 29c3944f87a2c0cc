/* SPDX-License-Identifier: MIT */

/*
 * A context that is the program's own struct: where it comes from, what is undone, what a snapshot
 * takes along.
 */

#include "tests/chart/kit.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* The context of this file's machines. */
struct tank {
    alignas(16) double litres;
    unsigned fillings;
};

/* The payload of POUR. */
struct pour {
    double litres;
    unsigned char fast;
};

static bool read_tank(void *context, const struct smew_value *from)
{
    struct tank *tank = context;

    tank->litres = smew_value_number(smew_value_get(from, "litres"), tank->litres);
    tank->fillings = (unsigned)smew_value_number(smew_value_get(from, "fillings"), tank->fillings);
    return tank->litres >= 0;
}

static size_t write_tank(const void *context, char *buffer, size_t size_bytes)
{
    const struct tank *tank = context;

    return (size_t)snprintf(buffer, size_bytes, "{\"litres\":%g,\"fillings\":%u}", tank->litres,
                            tank->fillings);
}

/* ---- behaviour ----------------------------------------------------------------------- */

static void pour(const struct smew_call *call)
{
    struct tank *tank = call->context;
    struct pour it;

    assert_ptr_equal(tank, smew_machine_own_context(call->machine));
    assert_int_equal((uintptr_t)tank % alignof(struct tank), 0);
    if (smew_event_read(call->event, &it, sizeof it))
        tank->litres += it.litres;
    else
        kit_write(call->user, "not read");
}

static void fill(const struct smew_call *call)
{
    struct tank *tank = call->context;

    tank->fillings++;
}

static bool may_fill(const struct smew_call *call)
{
    const struct tank *tank = call->context;

    return tank->fillings < 5;
}

static void tell_input(const struct smew_call *call)
{
    char json[200];

    (void)smew_value_json(smew_machine_input(call->machine), json, sizeof json);
    kit_write(call->user, "input=%s", json);
}

static const struct smew_named_action actions[] = {
    {"pour", pour}, {"fill", fill}, {"input", tell_input}};
static const struct smew_named_guard guards[] = {{"fill", may_fill}};

static struct smew_behavior behavior_of(size_t context_bytes)
{
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;

    behavior.actions = actions;
    behavior.action_count = sizeof actions / sizeof *actions;
    behavior.guards = guards;
    behavior.guard_count = sizeof guards / sizeof *guards;
    behavior.context_bytes = context_bytes;
    if (context_bytes > 0) {
        behavior.read_context = read_tank;
        behavior.write_context = write_tank;
    }
    return behavior;
}

static enum smew_status try_load(const char *text, const struct smew_behavior *behavior,
                                 struct smew_chart **chart, struct smew_error *error)
{
    char *json = strdup(text);
    enum smew_status status;

    for (char *at = json; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    status = smew_chart_load_json(json, strlen(json), "t.json", behavior, chart, error);
    free(json);
    return status;
}

static struct smew_chart *load(const char *text, size_t context_bytes)
{
    struct smew_behavior behavior = behavior_of(context_bytes);

    return kit_load_with(text, &behavior);
}

static enum smew_status send_pour(struct smew_machine *machine, double litres)
{
    struct pour it = {.litres = litres};
    struct smew_event event = {.type = "POUR", .payload = &it, .payload_size = sizeof it};

    return smew_machine_send(machine, &event, 0, NULL);
}

static struct tank *tank_of(const struct smew_machine *machine)
{
    return smew_machine_own_context(machine);
}

/* ---- the program's own context ------------------------------------------------------- */

static const char tank_text[] =
    "{'id':'tank','context':{'litres':3,'fillings':1},'initial':'a','states':{'a':{'on':{"
    "'POUR':{'actions':'pour'},'LOOP':{'target':'b','actions':'fill'}}},"
    "'b':{'always':'c','entry':'fill'},'c':{'always':'b'}}}";

static void test_own_context(void **state)
{
    struct smew_chart *chart = load(tank_text, sizeof(struct tank));
    struct kit_log log;
    struct smew_machine *one = kit_begin(smew_chart_ref(chart), &log);
    struct smew_machine *other = NULL;

    (void)state;
    assert_true(tank_of(one)->litres == 3 && tank_of(one)->fillings == 1);
    assert_int_equal(send_pour(one, 4), SMEW_OK);
    assert_true(tank_of(one)->litres == 7);
    assert_int_equal(kit_send(one, "POUR", "{}", NULL), SMEW_OK);
    kit_expect_log(&log, "not read");

    assert_int_equal(smew_machine_create(chart, "other", NULL, &other), SMEW_OK);
    assert_true(tank_of(other)->litres == 3);
    tank_of(other)->fillings = 30; /* the program's, before the start */
    assert_int_equal(smew_machine_start(other, 0, NULL), SMEW_OK);
    assert_int_equal(kit_send(other, "LOOP", NULL, NULL), SMEW_LIMIT);
    assert_true(tank_of(other)->litres == 3 && tank_of(other)->fillings == 30); /* undone */
    smew_machine_destroy(other);
    kit_stop(one);
    smew_chart_unref(chart);

    chart = load("{}", 0);
    assert_int_equal(smew_machine_create(chart, "none", NULL, &one), SMEW_OK);
    assert_null(smew_machine_own_context(one));
    smew_machine_destroy(one);
    smew_chart_unref(chart);
}

/* Eventless transitions without a target go on for as long as they change the struct. */
static void test_eventless(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = kit_begin(
        load("{'always':{'guard':'fill','actions':'fill'},'on':{'POUR':{'actions':'pour'}}}",
             sizeof(struct tank)),
        &log);

    (void)state;
    assert_int_equal(tank_of(machine)->fillings, 5);
    tank_of(machine)->fillings = 3;
    assert_int_equal(send_pour(machine, 1), SMEW_OK);
    assert_int_equal(tank_of(machine)->fillings, 5);
    kit_stop(machine);
}

static void test_children_have_their_own(void **state)
{
    struct smew_chart *child = load("{'id':'kid','context':{'litres':9},'entry':'input','on':{"
                                    "'FILL':{'actions':'fill'}}}",
                                    sizeof(struct tank));
    struct smew_named_chart charts[] = {{"kid", child}};
    struct smew_behavior behavior = behavior_of(0);
    struct smew_chart *chart = NULL;
    struct smew_machine *machine;
    struct smew_child kid;
    struct kit_log log;

    (void)state;
    behavior.charts = charts;
    behavior.chart_count = 1;
    assert_int_equal(try_load("{'invoke':{'src':'kid','id':'k','input':{'n':4}},'on':{'GO':{"
                              "'actions':{'type':'@xstate.sendTo','to':'k','event':{'type':"
                              "'FILL'}}}}}",
                              &behavior, &chart, NULL),
                     SMEW_OK);
    smew_chart_unref(child);
    machine = kit_begin(chart, &log);
    kit_expect_log(&log, "input={\"n\":4}");
    assert_null(smew_machine_input(machine));
    assert_null(smew_machine_own_context(machine));
    assert_int_equal(kit_send(machine, "GO", NULL, NULL), SMEW_OK);
    assert_true(smew_machine_child(machine, "k", &kid));
    assert_true(tank_of(kid.machine)->litres == 9 && tank_of(kid.machine)->fillings == 1);
    kit_stop(machine);
}

static void test_refused_by_the_load(void **state)
{
    struct smew_behavior behavior = behavior_of(sizeof(struct tank));
    struct smew_chart *chart = NULL;
    struct smew_error error;

    (void)state;
    assert_int_equal(try_load("{'id':'x',\n 'context':{'litres':-1}}", &behavior, &chart, &error),
                     SMEW_SYNTAX);
    assert_string_equal(error.text,
                        "t.json:2:12: the program's own context cannot be read from this one");
    behavior.context_bytes = 64 * 1024 + 1;
    assert_int_equal(try_load("{}", &behavior, &chart, &error), SMEW_LIMIT);
    assert_string_equal(error.text, "t.json:1:1: the program's own context is over 65536 bytes");
    assert_null(chart);

    behavior = behavior_of(sizeof(struct tank));
    behavior.read_context = NULL; /* zeros, whatever the chart has */
    assert_int_equal(try_load(tank_text, &behavior, &chart, &error), SMEW_OK);
    struct kit_log log;
    struct smew_machine *machine = kit_begin(chart, &log);
    assert_true(tank_of(machine)->litres == 0 && tank_of(machine)->fillings == 0);
    kit_stop(machine);
}

/* An SCXML chart has no context of its own to read from. */
static void test_scxml(void **state)
{
    static const char text[] = "<scxml xmlns='http://www.w3.org/2005/07/scxml' version='1.0' "
                               "datamodel='null'><state id='a'/></scxml>";
    struct smew_behavior behavior = behavior_of(sizeof(struct tank));
    struct smew_machine *machine;
    struct smew_chart *chart;
    struct kit_log log;

    (void)state;
    assert_int_equal(smew_chart_load_scxml(text, strlen(text), "t", &behavior, &chart, NULL),
                     SMEW_OK);
    machine = kit_begin(chart, &log);
    assert_true(tank_of(machine)->litres == 0);
    kit_stop(machine);
}

/* ---- snapshots ----------------------------------------------------------------------- */

static enum smew_status restore(struct smew_chart *chart, const char *text,
                                struct smew_machine **machine, struct smew_error *error)
{
    return smew_machine_restore(chart, "self", NULL, text, strlen(text), 0, machine, error);
}

static void test_snapshot(void **state)
{
    struct smew_chart *chart = load(tank_text, sizeof(struct tank));
    struct kit_log log;
    struct smew_machine *machine = kit_begin(smew_chart_ref(chart), &log);
    struct smew_error error;
    char text[1000];
    char cut[1000];
    size_t size;

    (void)state;
    assert_int_equal(send_pour(machine, 4), SMEW_OK);
    size = smew_machine_snapshot(machine, text, sizeof text);
    assert_int_equal(strlen(text), size);
    assert_non_null(strstr(text, "\"context\":{\"litres\":3,\"fillings\":1},"
                                 "\"own\":{\"litres\":7,\"fillings\":1}"));
    for (size_t room = 0; room <= size; room++) { /* cut like snprintf, wherever */
        memset(cut, 'x', sizeof cut);
        assert_int_equal(smew_machine_snapshot(machine, cut, room), size);
        assert_true(room == 0 || strlen(cut) == room - 1);
        assert_memory_equal(cut, text, room > 0 ? room - 1 : 0);
        assert_int_equal(cut[room], 'x');
    }
    kit_stop(machine);
    assert_int_equal(restore(chart, text, &machine, &error), SMEW_OK);
    assert_true(tank_of(machine)->litres == 7 && tank_of(machine)->fillings == 1);
    assert_int_equal(kit_send(machine, "LOOP", NULL, NULL), SMEW_LIMIT);
    assert_true(tank_of(machine)->litres == 7 && tank_of(machine)->fillings == 1);
    kit_stop(machine);

    *strstr(text, "7,") = '-'; /* no number */
    assert_int_equal(restore(chart, text, &machine, &error), SMEW_SYNTAX);
    smew_chart_unref(chart);
}

static void test_snapshot_and_struct_differ(void **state)
{
    static const char with[] = "{\"smew\":1,\"serials\":0,\"machine\":{\"status\":\"active\","
                               "\"active\":[\"\"],\"line\":[\"\"],\"own\":{\"litres\":-1}}}";
    static const char without[] = "{\"smew\":1,\"serials\":0,\"machine\":{\"status\":\"active\","
                                  "\"active\":[\"\"],\"line\":[\"\"]}}";
    struct smew_chart *chart = load("{'id':'m','context':{'litres':3}}", sizeof(struct tank));
    struct smew_chart *plain = load("{'id':'m'}", 0);
    struct smew_behavior behavior = behavior_of(sizeof(struct tank));
    struct smew_machine *machine;
    struct smew_error error;
    struct kit_log log;
    char deep[1200];

    (void)state;
    assert_int_equal(restore(chart, with, &machine, &error), SMEW_SYNTAX);
    assert_string_equal(error.text, "snapshot: the program's struct for \"m\" refuses \"own\"");
    assert_int_equal(restore(plain, with, &machine, &error), SMEW_SYNTAX);
    assert_string_equal(error.text, "snapshot: the program reads no struct of its own for \"m\"");
    (void)snprintf(deep, sizeof deep, "%.*s%0600d}}", (int)(strstr(with, "{\"litres\"") - with),
                   with, 0);
    memset(deep + strlen(deep) - 602, '[', 300);
    memset(deep + strlen(deep) - 302, ']', 300);
    assert_int_equal(restore(chart, deep, &machine, &error), SMEW_SYNTAX);
    assert_string_equal(error.text, "snapshot: \"own\" nests too deep");
    assert_int_equal(restore(chart, without, &machine, &error), SMEW_OK); /* of an older program */
    assert_true(tank_of(machine)->litres == 3);
    kit_stop(machine);
    smew_chart_unref(chart);
    smew_chart_unref(plain);

    behavior.write_context = NULL;
    assert_int_equal(try_load("{}", &behavior, &chart, &error), SMEW_OK);
    machine = kit_begin(chart, &log);
    assert_int_equal(smew_machine_snapshot(machine, NULL, 0), 0);
    kit_stop(machine);
}

/* ---- memory -------------------------------------------------------------------------- */

static void test_structs_allocate_nothing(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = kit_begin(load(tank_text, sizeof(struct tank)), &log);
    uint64_t before = smew__alloc_count();

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(send_pour(machine, 1), SMEW_OK);
    assert_int_equal(smew__alloc_count(), before);
    assert_true(tank_of(machine)->litres == 103);
    kit_stop(machine);
}

/* What fails leaves the struct as it was. */
static void fill_once(void *argument)
{
    static const char text[] = "{\"smew\":1,\"serials\":0,\"machine\":{\"status\":\"active\","
                               "\"active\":[\"\"],\"line\":[\"\"],\"own\":{\"litres\":5}}}";
    struct smew_machine *machine = NULL;
    struct smew_event event = {.type = "E"};
    enum smew_status status = restore(argument, text, &machine, NULL);

    if (status == SMEW_OK) {
        status = smew_machine_send(machine, &event, 0, NULL);
        assert_int_equal(tank_of(machine)->fillings, status == SMEW_OK ? 1 : 0);
        assert_true(tank_of(machine)->litres == 5);
    }
    if (status != SMEW_OK && status != SMEW_NO_MEMORY)
        fail_msg("%s", smew_status_name(status));
    smew_machine_destroy(machine);
}

static void test_no_memory(void **state)
{
    struct smew_chart *chart =
        load("{'on':{'E':{'actions':['fill',{'type':'@xstate.assign','context':{'n':1}}]}}}",
             sizeof(struct tank));

    (void)state;
    assert_true(support_walk_allocations(fill_once, chart) > 5);
    smew_chart_unref(chart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_own_context),
        SUPPORT_TEST(test_eventless),
        SUPPORT_TEST(test_children_have_their_own),
        SUPPORT_TEST(test_refused_by_the_load),
        SUPPORT_TEST(test_scxml),
        SUPPORT_TEST(test_snapshot),
        SUPPORT_TEST(test_snapshot_and_struct_differ),
        SUPPORT_TEST(test_structs_allocate_nothing),
        SUPPORT_TEST(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
