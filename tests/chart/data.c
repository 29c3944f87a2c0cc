/* SPDX-License-Identifier: MIT */

/*
 * Data models: what scripts mean in SCXML and in XState's JSON, what becomes of their errors, that
 * no script keeps its machine's host, and that data survive a snapshot.  The breadth is in
 * chart/scxml_suite, the engine alone in chart/session.
 */

#include "tests/chart/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chart/machine.h"
#include "chart/script.h"

#define HEAD "<scxml xmlns='http://www.w3.org/2005/07/scxml' datamodel='ecmascript'>"

static struct smew_machine *start(struct smew_chart *chart, struct kit_log *log)
{
    struct smew_machine_host host = kit_host(log);
    struct smew_machine *machine;

    assert_int_equal(smew_machine_create(chart, "self", &host, &machine), SMEW_OK);
    smew_chart_unref(chart);
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
    return machine;
}

static void expect_context(const struct smew_machine *machine, const char *json)
{
    char text[500];

    (void)smew_value_json(smew_machine_context(machine), text, sizeof text);
    assert_string_equal(text, json);
}

/* ---- what it means ------------------------------------------------------------------- */

static const struct kit_scenario scxml[] = {
    {"data, conditions, assignments",
     HEAD "<datamodel><data id='n' expr='1'/><data id='o'>{\"a\":[1]}</data></datamodel>"
          "<state id='a'><transition event='X' cond='n == 1' target='b'><assign location='n' "
          "expr='n + o.a.length'/><assign location='o.a[1]' expr='_event.name'/></transition>"
          "</state><state id='b'><onentry><log label='o' expr='o'/><log expr=\"'n' + n\"/>"
          "</onentry></state></scxml>",
     {{"", "a", ""}, {"X", "b", "\"o: {\"a\":[1,\"X\"]}\" \"n2\""}}},
    {"global scripts and their functions",
     HEAD "<datamodel><data id='n'/></datamodel><script>function twice(x) { return 2 * x } "
          "n = twice(3)</script><state id='a'><onentry><log expr='n'/></onentry></state></scxml>",
     {{"", "a", "\"6\""}}},
    {"an error ends its block, not the next one, and is an event",
     HEAD "<datamodel><data id='n' expr='0'/></datamodel><state id='a'><onentry><log "
          "expr=\"'1'\"/><assign location='no.where' expr='1'/><log expr=\"'2'\"/></onentry>"
          "<onentry><log expr=\"'3'\"/></onentry><transition event='error.execution' target='b'>"
          "<log expr='_event.type'/></transition></state><state id='b'/></scxml>",
     {{"", "b", "\"1\" \"3\" \"platform\""}}},
    {"a condition that is wrong does not hold",
     HEAD "<state id='a'><transition cond='nothing.there' target='c'/><transition "
          "event='error.execution' target='b'/></state><state id='b'/><state id='c'/></scxml>",
     {{"", "b", ""}}},
    {"lists, one in another, and an error inside",
     HEAD "<datamodel><data id='s' expr=\"''\"/></datamodel><state id='a'><onentry><foreach "
          "array='[1,2]' item='x' index='i'><foreach array=\"['a','b']\" item='y'><assign "
          "location='s' expr='s + i + x + y + \" \"'/></foreach></foreach><log expr='s'/><foreach "
          "array='[1,2]' item='x'><log expr='x'/><assign location='no' expr='1'/></foreach><log "
          "expr=\"'not here'\"/></onentry></state></scxml>",
     {{"", "a", "\"01a 01b 12a 12b \" \"1\""}}},
    {"sends whose parts are expressions, and a cancelled one",
     HEAD "<datamodel><data id='id'/></datamodel><state id='a'><onentry><send eventexpr=\"'e' + "
          "1\" targetexpr=\"'them'\"><param name='p' expr='[1]'/></send><send event='later' "
          "delayexpr=\"'1s'\" idlocation='id'/><send event='soon' delayexpr='10'/></onentry>"
          "<transition event='soon'><cancel sendidexpr='id'/></transition><transition "
          "event='later' target='b'/></state><state id='b'/></scxml>",
     {{"", "a", "them<e1{\"p\":[1]}"}, {"+10", "a", ""}, {"+1000", "a", ""}}},
    {"done data",
     HEAD "<state id='a'><transition event='done.state.a' target='b'><log expr='_event.data.x'/>"
          "</transition><final id='f'><donedata><param name='x' expr='6*7'/></donedata></final>"
          "</state><state id='b'/></scxml>",
     {{"", "b", "\"42\""}}},
    {"done data at the top are the output, and are evaluated once",
     HEAD "<datamodel><data id='n' expr='0'/></datamodel><final id='f'><onexit><log expr='n'/>"
          "</onexit><donedata><content expr='++n'/></donedata></final></scxml>",
     {{"", "f", "\"1\""}}},
    {"what is bound late waits for its state",
     "<scxml xmlns='http://www.w3.org/2005/07/scxml' binding='late'><state id='a'><onentry><log "
     "expr='typeof n'/></onentry><transition event='X' target='b'/></state><state id='b'>"
     "<datamodel><data id='n' expr='7'/></datamodel><onentry><log expr='n'/></onentry>"
     "<transition event='Y' target='b'><assign location='n' expr='n + 1'/></transition></state>"
     "</scxml>",
     {{"", "a", "\"undefined\""}, {"X", "b", "\"7\""}, {"Y", "b", "\"8\""}, {"Y", "b", "\"9\""}}},
    {"what the system says can only be read",
     HEAD "<state id='a'><onentry><assign location='_sessionid' expr='1'/></onentry><transition "
          "event='error.execution' cond=\"_sessionid == 'self' &amp;&amp; In('a')\" target='b'/>"
          "</state><state id='b'/></scxml>",
     {{"", "b", ""}}},
};

static void test_scxml(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scxml / sizeof *scxml; i++)
        kit_run_loaded(&scxml[i], kit_load_scripted(scxml[i].chart));
}

static const struct kit_scenario json[] = {
    {"a guard, an assignment, a text for the log",
     "{'context':{'n':1},'initial':'a','states':{'a':{'on':{'*':{'guard':{'@expr':'context.n + "
     "event.type.length > "
     "2','@lang':'ecmascript'},'target':'b','actions':[{'type':'@xstate.assign',"
     "'context':{'n':{'@expr':'context.n + "
     "event.type.length'},'m':'m'}},{'type':'@xstate.log','args':["
     "'n',{'@expr':'context.n'}]}]}}},'b':{}}}",
     {{"", "a", ""}, {"X", "a", ""}, {"XY", "b", "\"n 3\""}}},
    {"events, delays and params",
     "{'context':{'n':1},'initial':'a','states':{'a':{'entry':[{'type':'@xstate.raise','event':{"
     "'type':{'@expr':'event.type + context.n'},'v':[{'@expr':'context.n + 1'}]}},{'type':"
     "'@xstate.sendTo','to':'them','event':{'@expr':'({type: event.type, n: context.n})'}},{'type':"
     "'@xstate.emit','event':{'type':'M','n':{'@expr':'context.n'}}},{'type':'mark','params':{"
     "'id':{'@expr':'event.type'}}},{'type':'@xstate.raise','event':{'type':'L'},'delay':"
     "{'@expr':'context.n * 5'}}],'on':{'xstate.init1':{'actions':'note'},'L':'b'}},'b':{}}}",
     {{"", "a", "xstate.init xstate.init1{\"v\":[2]} them<xstate.init{\"n\":1} !M{\"n\":1}"},
      {"+4", "a", ""},
      {"+1", "b", ""}}},
};

static void test_json(void **state)
{
    (void)state;
    if (!smew__script_engine())
        skip();
    kit_run(json, sizeof json / sizeof *json);
}

/* ---- errors -------------------------------------------------------------------------- */

/* XState's: what is thrown ends the machine, which is as it was before that event. */
static void test_json_error(void **state)
{
    struct kit_log log = {""};
    struct smew_machine *machine;

    (void)state;
    if (!smew__script_engine())
        skip();
    machine = kit_start("{'context':{'n':1},'initial':'a','states':{'a':{'on':{'X':{'target':'b',"
                        "'actions':[{'type':'@xstate.assign','context':{'n':2}},{'type':"
                        "'@xstate.assign','context':{'n':{'@expr':'context.no.where'}}}]},'Y':{"
                        "'guard':{'@expr':'no.where'},'target':'b'}}},'b':{}}}",
                        &log);
    assert_false(smew_machine_can(machine, &(struct smew_event){.type = "Y"}));
    assert_int_equal(smew_machine_life(machine), SMEW_LIFE_ACTIVE);
    assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_REJECTED);
    assert_true(smew_machine_in(machine, "a"));
    expect_context(machine, "{\"n\":1}");
    assert_non_null(strstr(smew_machine_error(machine), "TypeError"));
    kit_stop(machine);
}

static const char *const refused[][2] = {
    {"{'context':{'n':{'@expr':'1'}}}", "1:17: an expression cannot stand here"},
    {"{'entry':{'type':'@xstate.log','args':{'@expr':'1','@lang':'jsonata'}}}",
     "1:60: there is no engine for the language \"jsonata\", only for \"ecmascript\""},
    {"{'entry':{'@expr':'1'}}",
     "1:10: an expression is a value and no action: \"@xstate.assign\" takes one"},
};

static void test_refused(void **state)
{
    (void)state;
    if (!smew__script_engine())
        skip();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct smew_chart *chart = NULL;
        struct smew_error error;
        char text[200];
        size_t size = strlen(refused[i][0]);

        for (size_t c = 0; c <= size; c++)
            text[c] = refused[i][0][c] == '\'' ? '"' : refused[i][0][c];
        assert_int_equal(smew_chart_load_json(text, size, "test", kit_behavior(), &chart, &error),
                         SMEW_UNSUPPORTED);
        assert_string_equal(error.text + strlen("test:"), refused[i][1]);
    }
}

/* ---- what no script can do ----------------------------------------------------------- */

/* Each ends in its event, or ends its machine; a call takes no more than its steps. */
static void test_hostile(void **state)
{
    static const char *const scripts[] = {
        "for (;;);",
        "function f() { f() } f()",
        "var s = 'x'; for (;;) s += s",
        "/^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab')",
        "Array.prototype.reverse.call({ length: 4294967295 })",
    };

    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct kit_log log = {""};
        char text[1000];
        struct smew_machine *machine;

        (void)snprintf(text, sizeof text,
                       HEAD "<datamodel><data id='n' expr='1'/></datamodel><state id='a'>"
                            "<transition event='X' target='b'><assign location='n' expr='2'/>"
                            "<script>%s</script></transition></state><state id='b'><transition "
                            "event='error.execution' target='c'/></state><state id='c'/></scxml>",
                       scripts[i]);
        machine = start(kit_load_scripted(text), &log);
        enum smew_status status = kit_send(machine, "X", NULL, NULL);
        assert_true(status == SMEW_OK || status == SMEW_LIMIT);
        assert_true(smew_machine_in(machine, status == SMEW_OK ? "c" : "a"));
        if (status == SMEW_LIMIT)
            expect_context(machine, "{\"n\":1}");
        smew_machine_destroy(machine);
    }
}

/* Ten thousand microsteps of a script that never ends: they share the steps of one call. */
static void test_shared_steps(void **state)
{
    struct kit_log log = {""};
    struct smew_machine *machine;

    (void)state;
    machine =
        start(kit_load_scripted(HEAD "<state id='a'><transition event='X' target='b'/></state>"
                                     "<state id='b'><onentry><script>for (;;);</script></onentry>"
                                     "<transition target='b'/></state></scxml>"),
              &log);
    assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_LIMIT);
    assert_int_equal(smew_machine_life(machine), SMEW_LIFE_FAILED);
    smew_machine_destroy(machine);
}

/* A chart that evaluates nothing has no session, whatever data model it names. */
static void test_pays_nothing(void **state)
{
    struct kit_log log = {""};
    struct smew_machine *machine;

    (void)state;
    machine =
        start(kit_load_scripted(HEAD "<state id='a'><onentry><log expr=\"'plain'\"/></onentry>"
                                     "<transition cond=\"In('a')\" target='b'/></state>"
                                     "<state id='b'/></scxml>"),
              &log);
    assert_string_equal(log.text, "\"plain\"");
    assert_null(machine->world);
    smew_machine_destroy(machine);
}

/* ---- snapshots ----------------------------------------------------------------------- */

static const char kept[] =
    HEAD "<datamodel><data id='n' expr='1'/><data id='o' expr='({a: [1, null, \"x\"]})'/>"
         "<data id='u'/><data id='id'/></datamodel><script>function twice(x) { return 2 * x } var "
         "own = 5;</script><state id='a'><transition event='X'><assign location='n' "
         "expr='twice(n)'/><assign location='own' expr='own + 1'/></transition><transition "
         "event='T'><send event='late' delay='100ms' idlocation='id' targetexpr=\"'them'\"/>"
         "</transition><transition event='C'><cancel sendidexpr='id'/></transition><transition "
         "event='Y' cond=\"n == 4 &amp;&amp; o.a[2] == 'x' &amp;&amp; u === undefined &amp;&amp; "
         "own == 7\" target='b'/></state><state id='b'/></scxml>";

static struct smew_machine *rehydrate(struct smew_machine *machine, struct kit_log *log)
{
    static char text[5000];
    struct smew_machine_host host = kit_host(log);
    struct smew_chart *chart =
        smew_chart_ref((struct smew_chart *)(uintptr_t)smew_machine_chart(machine));
    struct smew_machine *again = NULL;
    struct smew_error error;
    size_t size = smew_machine_snapshot(machine, text, sizeof text);

    smew_machine_destroy(machine);
    if (smew_machine_restore(chart, "self", &host, text, size, 0, &again, &error) != SMEW_OK)
        fail_msg("%s: %s", error.text, text);
    smew_chart_unref(chart);
    return again;
}

static void test_snapshot(void **state)
{
    struct kit_log log = {""};
    struct smew_machine *machine;

    (void)state;
    machine = start(kit_load_scripted(kept), &log);
    expect_context(machine, "{\"n\":1,\"o\":{\"a\":[1,null,\"x\"]},\"own\":5}");
    assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_OK);
    machine = rehydrate(machine, &log);
    expect_context(machine, "{\"n\":2,\"o\":{\"a\":[1,null,\"x\"]},\"own\":6}");
    assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_OK);
    assert_int_equal(kit_send(machine, "Y", NULL, NULL), SMEW_OK);
    assert_true(smew_machine_in(machine, "b"));
    smew_machine_destroy(machine);
}

/* A send's own id and target outlive a snapshot too. */
static void test_snapshot_of_timers(void **state)
{
    (void)state;
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        struct kit_log log = {""};
        struct smew_machine *machine = start(kit_load_scripted(kept), &log);

        assert_int_equal(kit_send(machine, "T", NULL, NULL), SMEW_OK);
        machine = rehydrate(machine, &log);
        if (cancelled)
            assert_int_equal(kit_send(machine, "C", NULL, NULL), SMEW_OK);
        assert_int_equal(smew_machine_advance(machine, UINT64_C(1000000000), NULL), SMEW_OK);
        assert_string_equal(log.text, cancelled ? "" : "them<late");
        smew_machine_destroy(machine);
    }
}

static char *waiting; /* a snapshot in which an event waits */

static void take_snapshot(struct smew_machine *machine, const struct smew_event *event,
                          const struct smew_step *step, void *owner)
{
    (void)step;
    (void)owner;
    if (strcmp(event->type, "X") != 0)
        return;
    size_t size = smew_machine_snapshot(machine, NULL, 0) + 1;
    waiting = malloc(size);
    (void)smew_machine_snapshot(machine, waiting, size);
}

/* What _event says of an event that waited, or was due later, is the same after a restore. */
static void test_snapshot_of_origins(void **state)
{
    static const char text[] =
        HEAD "<state id='a'><transition event='X'><send event='now' id='i'/><send event='later' "
             "id='j' delay='10ms'/></transition><transition event='now later'><log "
             "expr=\"_event.sendid + _event.origin + _event.type\"/></transition></state></scxml>";
    static const char said[] = "\"i#_scxml_selfexternal\" \"j#_scxml_selfexternal\"";
    struct kit_log log = {""};
    struct smew_machine_host host = kit_host(&log);
    struct smew_chart *chart;
    struct smew_machine *machine;

    (void)state;
    chart = kit_load_scripted(text);
    host.transition = take_snapshot;
    assert_int_equal(smew_machine_create(chart, "self", &host, &machine), SMEW_OK);
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
    assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_OK);
    assert_int_equal(smew_machine_advance(machine, 10000000, NULL), SMEW_OK);
    kit_expect_log(&log, said);
    smew_machine_destroy(machine);
    assert_int_equal(
        smew_machine_restore(chart, "self", &host, waiting, strlen(waiting), 0, &machine, NULL),
        SMEW_OK);
    assert_int_equal(smew_machine_advance(machine, 10000000, NULL), SMEW_OK);
    kit_expect_log(&log, said);
    free(waiting);
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
}

/* ---- no memory ----------------------------------------------------------------------- */

static void live_once(void *argument)
{
    struct kit_log log = {""};
    struct smew_machine_host host = kit_host(&log);
    struct smew_machine *machine = NULL;
    enum smew_status status = smew_machine_create(argument, "self", &host, &machine);

    if (status == SMEW_OK)
        status = smew_machine_start(machine, 0, NULL);
    if (status == SMEW_OK)
        status = kit_send(machine, "T", NULL, NULL);
    if (status == SMEW_OK)
        status = kit_send(machine, "X", "{\"v\":1}", NULL);
    if (status != SMEW_OK && status != SMEW_NO_MEMORY && status != SMEW_LIMIT)
        fail_msg("%s", smew_status_name(status));
    smew_machine_destroy(machine);
}

static void load_once(void *argument)
{
    struct smew_chart *chart = NULL;
    struct smew_error error;
    enum smew_status status =
        smew_chart_load_scxml(kept, sizeof kept - 1, "test", kit_behavior(), &chart, &error);

    (void)argument;
    assert_true(status == SMEW_OK || status == SMEW_NO_MEMORY);
    smew_chart_unref(chart);
}

static void test_no_memory(void **state)
{
    struct smew_chart *chart;

    (void)state;
    chart = kit_load_scripted(kept);
    assert_true(support_walk_allocations(load_once, NULL) > 20);
    assert_true(support_walk_allocations(live_once, chart) > 20);
    smew_chart_unref(chart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_scxml),
        SUPPORT_TEST(test_json),
        SUPPORT_TEST(test_json_error),
        SUPPORT_TEST(test_refused),
        SUPPORT_TEST(test_hostile),
        SUPPORT_TEST(test_shared_steps),
        SUPPORT_TEST(test_pays_nothing),
        SUPPORT_TEST(test_snapshot),
        SUPPORT_TEST(test_snapshot_of_timers),
        SUPPORT_TEST(test_snapshot_of_origins),
        SUPPORT_TEST(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
