/* SPDX-License-Identifier: MIT */
/*
 * A machine that is warm allocates nothing for an event, whatever the event sets in motion: each
 * chart here is about one feature.  A round is all events of a chart and some time after each; the
 * first rounds fill the lists, the others are counted.  An event that nothing takes, or that
 * changes nothing in any round, would prove nothing: so the rounds must move the machine.
 *
 * Not here, because they do allocate: children, sends that are refused (the error event says to
 * whom), strings and documents that C code sets, events raised by C code that the chart does not
 * name, and scripts.
 */
#include "tests/chart/kit.h"

#include <string.h>

#include "base/alloc.h"

enum { WARM_ROUNDS = 20, ROUNDS = 100, STEP_MS = 7 };

struct feature {
    const char *name;
    const char *chart;
    const char *events[5];
};

#define RAISE(event) "{'type':'@xstate.raise','event':{'type':'" event "','n':1}}"
#define NOTE "'entry':'note','exit':'note'"

static const struct feature features[] = {
    {"entry and exit actions",
     "{'initial':'a','states':{'a':{" NOTE ",'on':{'GO':'b'}},'b':{" NOTE ",'on':{'GO':'a'}}}}",
     {"GO"}},
    {"unhandled, forbidden and wildcard events",
     "{'initial':'a','states':{'a':{'on':{'GO':'b','NO':{}}},'b':{'on':{'sub.*':'a','*':{}}}}}",
     {"GO", "NO", "STRANGER", "sub.event"}},
    {"guards",
     "{'initial':'a','context':{'n':0},'states':{'a':{'on':{'GO':[{'guard':'no','target':'a'},"
     "{'guard':{'type':'@xstate.and','guards':['yes',{'type':'@xstate.or','guards':['no',"
     "{'type':'@xstate.not','guard':'no'}]},{'type':'@xstate.stateIn','state':'a'}]},"
     "'target':'b'}]}},'b':{'on':{'GO':{'guard':{'type':'at','params':{'key':'n','value':0}},"
     "'target':'a'}}}}}",
     {"GO"}},
    {"depth and re-entering",
     "{'initial':'a','states':{'a':{'initial':'b','on':{'GO':'x','AGAIN':{'target':'a',"
     "'reenter':true}},'states':{'b':{'initial':'c','states':{'c':{'initial':'d','states':{"
     "'d':{'on':{'IN':'e'}},'e':{}}}}}}},'x':{'on':{'GO':'a'}}}}",
     {"IN", "AGAIN", "IN", "GO", "GO"}},
    {"parallel regions, and what they agree on",
     "{'type':'parallel','states':{'a':{'initial':'x','states':{'x':{" NOTE ",'on':{'GO':'y'}},"
     "'y':{'on':{'GO':'x'}}}},'b':{'initial':'x','states':{'x':{'on':{'GO':'y'}},"
     "'y':{" NOTE ",'on':{'GO':'x'}}}},'c':{'initial':'x','states':{'x':{'on':{'GO':'y',"
     "'C':'y'}},'y':{'on':{'GO':'x'}}}}}}",
     {"GO", "C", "GO"}},
    {"raise",
     "{'initial':'a','states':{'a':{'on':{'GO':{'actions':[" RAISE("R") "," RAISE(
         "S") "]},"
              "'S':'b'}},'b':{'entry':" RAISE("T") ",'on':{'T':{'actions':'note'},'GO':'a'}}}}",
     {"GO"}},
    {"eventless transitions",
     "{'initial':'a','states':{'a':{'on':{'GO':'b'}},'b':{'always':[{'guard':'no','target':'a'},"
     "{'target':'c'}]},'c':{'always':{'guard':'yes','target':'d'}},'d':{'on':{'GO':'a'}}}}",
     {"GO"}},
    {"after",
     "{'initial':'a','states':{'a':{'after':{'7':'b','1000':'a'}},'b':{'after':{'soon':'c'},"
     "'on':{'GO':'a'}},'c':{'after':{'3':{'target':'a','guard':'yes'}}}}}",
     {"GO", "STRANGER", "STRANGER"}},
    {"delayed events, cancelled and not",
     "{'initial':'a','states':{'a':{'entry':[{'type':'@xstate.raise','event':{'type':'L'},"
     "'delay':5,'id':'later'},{'type':'@xstate.raise','event':{'type':'NEVER'},'delay':500,"
     "'id':'never'}],'exit':{'type':'@xstate.cancel','id':'never'},'on':{'L':'b','NEVER':'c'}},"
     "'b':{'on':{'GO':'a'}},'c':{}}}",
     {"GO", "STRANGER"}},
    {"history",
     "{'initial':'p','states':{'p':{'initial':'a','states':{'a':{'id':'a','on':{'GO':'b'}},'b':{"
     "'initial':'x','states':{'x':{'on':{'GO':'y'}},'y':{'on':{'GO':'#a'}}}},'h':{'type':"
     "'history'},'d':{'type':'history','history':'deep'}},'on':{'OUT':'q'}},"
     "'q':{'on':{'BACK':'p.h','DEEP':'p.d'}}}}",
     {"GO", "OUT", "BACK", "OUT", "DEEP"}},
    {"final states",
     "{'initial':'p','states':{'p':{'type':'parallel','states':{'a':{'initial':'x','states':{"
     "'x':{'on':{'GO':'f'}},'f':{'type':'final'}}},'b':{'initial':'x','states':{'x':{'on':{"
     "'END':'f'}},'f':{'type':'final','output':{'n':1}}}}},'onDone':'q'},'q':{'on':{'GO':'p'}}}}",
     {"GO", "END", "GO"}},
    {"numbers assigned",
     "{'initial':'a','context':{'n':0,'m':0},'states':{'a':{'on':{'GO':{'target':'b','actions':["
     "{'type':'@xstate.assign','context':{'m':5}},{'type':'add','params':{'key':'n','by':1}}]}}},"
     "'b':{'on':{'GO':{'target':'a','actions':[{'type':'@xstate.assign','context':{'m':6,"
     "'s':'text'}},{'type':'add','params':{'key':'m','by':1}}]}}}}}",
     {"GO"}},
    {"sends to itself and others, emitted events and logs",
     "{'initial':'a','states':{'a':{'on':{'GO':{'actions':[{'type':'@xstate.sendTo','to':'#_self',"
     "'event':{'type':'B'}},{'type':'@xstate.sendTo','to':'valve','event':{'type':'OPEN','by':2}},"
     "{'type':'@xstate.emit','event':{'type':'SEEN'}},{'type':'@xstate.log','args':['on',1]}]},"
     "'B':'b'}},'b':{'on':{'GO':'a'}}}}",
     {"GO"}},
};

/* Answers how many events changed the configuration. */
static unsigned run_round(struct smew_machine *machine, const struct feature *feature,
                          struct kit_log *log, uint64_t *now_ns)
{
    unsigned changed = 0;

    for (size_t i = 0; i < 5 && feature->events[i]; i++) {
        struct smew_event event = {.type = feature->events[i]};
        struct smew_step step;

        log->text[0] = '\0';
        assert_int_equal(smew_machine_send(machine, &event, *now_ns, &step), SMEW_OK);
        changed += step.changed;
        *now_ns += STEP_MS * UINT64_C(1000000);
        assert_int_equal(smew_machine_advance(machine, *now_ns, &step), SMEW_OK);
        changed += step.changed;
    }
    return changed;
}

static void check(const struct feature *feature)
{
    struct kit_log log;
    struct smew_machine *machine = kit_start(feature->chart, &log);
    uint64_t now_ns = 0, before;
    unsigned changed = 0;

    for (unsigned i = 0; i < WARM_ROUNDS; i++)
        (void)run_round(machine, feature, &log, &now_ns);
    before = smew__alloc_count();
    for (unsigned i = 0; i < ROUNDS; i++)
        changed += run_round(machine, feature, &log, &now_ns);
    if (smew__alloc_count() != before)
        fail_msg("%s: %u allocations in %u rounds", feature->name,
                 (unsigned)(smew__alloc_count() - before), (unsigned)ROUNDS);
    if (changed < ROUNDS / 2)
        fail_msg("%s: only %u changes", feature->name, changed);
    kit_stop(machine);
}

static void test_no_feature_allocates(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        check(&features[i]);
}

/* ---- events that C code raises ------------------------------------------------------- */

static void raise_twice(const struct smew_call *call)
{
    if (strcmp(call->event->type, "GO") != 0)
        return;
    assert_int_equal(smew_machine_raise(call->machine, "first"), SMEW_OK);
    assert_int_equal(smew_machine_raise(call->machine, "second"), SMEW_OK);
}

static void test_raising_what_the_chart_names(void **state)
{
    static const char text[] =
        "{\"on\":{\"GO\":{\"actions\":\"raise\"}},\"initial\":\"a\",\"states\":{"
        "\"a\":{\"on\":{\"first\":\"b\"}},\"b\":{\"on\":{\"second\":\"a\"}}}}";
    const struct smew_named_action action = {"raise", raise_twice};
    const struct smew_event event = {.type = "GO"};
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    struct smew_chart *chart;
    struct smew_machine *machine;
    struct smew_error error;
    uint64_t before = 0;

    (void)state;
    behavior.actions = &action;
    behavior.action_count = 1;
    assert_int_equal(smew_chart_load_json(text, sizeof text - 1, "test", &behavior, &chart, &error),
                     SMEW_OK);
    assert_int_equal(smew_machine_create(chart, "m", NULL, &machine), SMEW_OK);
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
    for (unsigned i = 0; i < WARM_ROUNDS + ROUNDS; i++) {
        if (i == WARM_ROUNDS)
            before = smew__alloc_count();
        assert_int_equal(smew_machine_send(machine, &event, 0, NULL), SMEW_OK);
        assert_true(smew_machine_in(machine, "a"));
    }
    assert_int_equal(smew__alloc_count() - before, 0);
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_no_feature_allocates),
        SUPPORT_TEST(test_raising_what_the_chart_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
