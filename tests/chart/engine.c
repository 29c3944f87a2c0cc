/* SPDX-License-Identifier: MIT */

/*
 * The engine, feature by feature: small charts, what they are sent, and the exact order of what
 * they do.  The breadth is in the conformance cases; here each rule has a name.
 */

#include "tests/chart/kit.h"

#define MARK(id) "{'type':'mark','params':{'id':'" id "'}}"

/* ---- states -------------------------------------------------------------------------- */

static const struct kit_scenario states[] = {
    {"an atomic root", "{'on':{'A':{'actions':" MARK("a") "}}}", {{"", "", ""}, {"A", "", "a"}}},
    {"siblings",
     "{'initial':'a','states':{'a':{'on':{'GO':'b'}},'b':{'on':{'GO':'a'}}}}",
     {{"", "a", ""}, {"GO", "b", ""}, {"GO", "a", ""}, {"OTHER", "a", ""}}},
    {"entry and exit run inside out and outside in",
     "{'initial':'a','entry':" MARK(
         "+r") ",'states':{"
               "'a':{'entry':" MARK("+a") ",'exit':" MARK(
                   "-a") ",'initial':'b','states':{"
                         "'b':{'entry':" MARK("+b") ",'exit':" MARK(
                             "-b") "}},'on':{'GO':{'target':'c','actions'"
                                   ":" MARK("~") "}}},'c':{'entry':" MARK("+"
                                                                          "c") "}}}",
     {{"", "a.b", "+r +a +b"}, {"GO", "c", "-b -a ~ +c"}}},
    {"whole numbers come first, as in JavaScript",
     "{'type':'parallel','states':{'b':{'entry':" MARK("b") "},'10':{'entry':" MARK(
         "10") "},"
               "'2':{'entry':" MARK("2") "},'a':{'entry':" MARK("a") "}}}",
     {{"", "2,10,b,a", "2 10 b a"}}},
    {"regions",
     "{'type':'parallel','states':{"
     "'l':{'initial':'u','states':{'u':{'on':{'X':'d'}},'d':{'on':{'Y':'u'}}}},"
     "'r':{'initial':'u','states':{'u':{'on':{'X':'d'}},'d':{}}}}}",
     {{"", "l.u,r.u", ""}, {"X", "l.d,r.d", ""}, {"Y", "l.u,r.d", ""}}},
    {"initial actions run after entry",
     "{'initial':{'target':'a','actions':" MARK("i") "},'entry':" MARK("r") ",'states':{'a':{"
                                                                            "'entry':" MARK(
                                                                                "a") "}}}",
     {{"", "a", "r i a"}}},
    {"history remembers the child",
     "{'initial':'p','states':{'p':{'initial':'a','states':{'a':{'on':{'N':'b'}},'b':{},"
     "'h':{'type':'history'}},'on':{'OUT':'q'}},'q':{'on':{'BACK':'p.h'}}}}",
     {{"", "p.a", NULL},
      {"OUT", "q", NULL},
      {"BACK", "p.a", NULL},
      {"N", "p.b", NULL},
      {"OUT", "q", NULL},
      {"BACK", "p.b", NULL}}},
    {"an eventless way through history back to its source is no endless one",
     "{'initial':'a','states':{'a':{'entry':" MARK("+a") ",'exit':" MARK(
         "-a") ",'always':'h'},'h':{'type':'history','target':'a'}}}",
     {{"", "a", "+a +a"}, {"X", "a", "+a"}}},
    {"a leaf that is left and entered again, with nothing changed, keeps its turn",
     "{'type':'parallel','states':{'p':{'initial':'a','states':{'a':{'on':{'S':{'target':'a',"
     "'reenter':true}},'always':{'guard':'yes','actions':" MARK(
         "p") "}}}},'q':{'always':{'actions':" MARK("q") "}}}}",
     {{"", "p.a,q", "p q"}, {"S", "p.a,q", "p q"}}},
    {"deep history remembers the leaves",
     "{'initial':'p','states':{'p':{'initial':'a','states':{'a':{'initial':'x','states':{"
     "'x':{'on':{'N':'y'}},'y':{}}},'h':{'history':'deep'},'s':{'history':'shallow'}},"
     "'on':{'OUT':'q'}},'q':{'on':{'DEEP':'p.h','SHALLOW':'p.s'}}}}",
     {{"", "p.a.x", NULL},
      {"N", "p.a.y", NULL},
      {"OUT", "q", NULL},
      {"DEEP", "p.a.y", NULL},
      {"OUT", "q", NULL},
      {"SHALLOW", "p.a.x", NULL}}},
};
static void test_states(void **state)
{
    (void)state;
    kit_run(states, sizeof states / sizeof *states);
}

/* ---- targets ------------------------------------------------------------------------- */

static const struct kit_scenario targets[] = {
    {"by id, and on from an id",
     "{'initial':'a','states':{'a':{'on':{'X':'#deep','Y':'#b.d'}},"
     "'b':{'id':'b','initial':'c','states':{'c':{'id':'deep'},'d':{}}}}}",
     {{"", "a", NULL}, {"X", "b.c", NULL}}},
    {"a path below a sibling",
     "{'initial':'a','states':{'a':{'on':{'X':'b.d'}},'b':{'initial':'c','states':{'c':{},"
     "'d':{}}}}}",
     {{"", "a", NULL}, {"X", "b.d", NULL}}},
    {"a child does not leave its parent",
     "{'initial':'a','states':{'a':{'exit':" MARK("-a") ",'initial':'b','states':{'b':{},"
                                                        "'c':{'entry':" MARK(
                                                            "+c") "}},'on':{'X':'.c'}}}}",
     {{"", "a.b", NULL}, {"X", "a.c", "+c"}}},
    {"reenter leaves it",
     "{'initial':'a','states':{'a':{'entry':" MARK("+a") ",'exit':" MARK(
         "-a") ",'initial':'b',"
               "'states':{'b':{},'c':{}},'on':{'X':{'target':'.c','reenter':true}}}}}",
     {{"", "a.b", NULL}, {"X", "a.c", "-a +a"}}},
    {"a target that is the source stays, its inside starts again",
     "{'initial':'a','states':{'a':{'entry':" MARK(
         "+a") ",'initial':'b','states':{'b':{'entry':" MARK("+b") ",'on':{'N':'c'}},'c':{}},'on':{"
                                                                   "'X':'a'}}}}",
     {{"", "a.b", "+a +b"}, {"N", "a.c", ""}, {"X", "a.b", "+b"}}},
    {"several targets",
     "{'initial':'a','states':{'a':{'on':{'X':{'target':['p.l.d','p.r.d']}}},"
     "'p':{'type':'parallel','states':{'l':{'initial':'u','states':{'u':{},'d':{}}},"
     "'r':{'initial':'u','states':{'u':{},'d':{}}},"
     "'m':{'initial':'u','states':{'u':{},'d':{}}}}}}}",
     {{"", "a", NULL}, {"X", "p.l.d,p.r.d,p.m.u", NULL}}},
    {"names with dots",
     "{'initial':'a.b','states':{'a.b':{'on':{'X':'c\\\\.d'}},'c.d':{},'c':{'initial':'d',"
     "'states':{'d':{}}}}}",
     {{"", "a\\.b", NULL}, {"X", "c\\.d", NULL}}},
    {"the root to its child",
     "{'initial':'a','states':{'a':{},'b':{}},'on':{'X':'.b'}}",
     {{"", "a", NULL}, {"X", "b", NULL}}},
};
static void test_targets(void **state)
{
    (void)state;
    kit_run(targets, sizeof targets / sizeof *targets);
}

/* ---- events -------------------------------------------------------------------------- */

static const struct kit_scenario events[] = {
    {"exact, then the longest wildcard, whatever the order",
     "{'on':{'*':{'actions':" MARK("*") "},'a.*':{'actions':" MARK(
         "a.*") "},'a.b.*':{'actions':" MARK("a.b.*") "},'a.b':{'actions':" MARK("a.b") "}}}",
     {{"", "", ""},
      {"a.b", "", "a.b"},
      {"a.b.c", "", "a.b.*"},
      {"a.c", "", "a.*"},
      {"a", "", "a.*"},
      {"ab", "", "*"},
      {"b", "", "*"}}},
    {"a guard that fails leads on to the wildcard",
     "{'on':{'*':{'actions':" MARK("*") "},'a':{'guard':'no','actions':" MARK("a") "}}}",
     {{"", "", ""}, {"a", "", "*"}}},
    {"a star elsewhere is a letter",
     "{'on':{'a.*.b':{'actions':" MARK("1") "},'*.b.*':{'actions':" MARK("2") "}}}",
     {{"", "", ""}, {"a.x.b", "", ""}, {"a.*.b", "", "1"}, {"x.b.c", "", ""}}},
    {"forbidden: the event stops there",
     "{'initial':'a','on':{'X':{'actions':" MARK(
         "x") "}},'states':{'a':{'on':{'X':{},'G':'b'}},"
              "'b':{'on':{'X':null,'G':'c'}},'c':{'on':{'X':[]}}}}",
     {{"", "a", ""},
      {"X", "a", ""},
      {"G", "b", ""},
      {"X", "b", ""},
      {"G", "c", ""},
      {"X", "c", "x"}}},
    {"the first candidate whose guard holds",
     "{'on':{'X':[{'guard':'no','actions':" MARK("1") "},{'guard':'yes','actions':" MARK(
         "2") "},{'actions':" MARK("3") "}]}}",
     {{"", "", ""}, {"X", "", "2"}}},
    {"the child before the parent",
     "{'initial':'a','on':{'X':{'actions':" MARK(
         "r") "}},'states':{'a':{'on':{'X':{'actions':" MARK("a") "}}}}}",
     {{"", "a", ""}, {"X", "a", "a"}}},
    {"of two regions the deeper source wins, then the first",
     "{'initial':'p','states':{'p':{'type':'parallel','states':{"
     "'l':{'on':{'X':{'target':'#q','actions':" MARK(
         "l") "}}},"
              "'r':{'on':{'X':{'target':'#s','actions':" MARK(
                  "r") "}}}}},'q':{'id':'q'},'s':{'id':'s'}}}",
     {{"", "p.l,p.r", ""}, {"X", "q", "l"}}},
    {"and, or, not, stateIn",
     "{'type':'parallel','states':{'a':{'initial':'b','states':{'b':{'id':'b','on':{'N':'c'}},"
     "'c':{}}},'d':{'on':{'X':[{'guard':{'type':'@xstate.and','guards':['yes',"
     "{'type':'@xstate.stateIn','state':'#b'}]},'actions':" MARK(
         "in b") "},{'guard':{'type':'@xstate.or','guards':['no',{'type':'@xstate.not','guard':"
                 "{'type':'@xstate.stateIn','state':{'a':'b'}}}]},'actions':" MARK(
                     "not in b") "}]}}}}",
     {{"", "a.b,d", ""}, {"X", "a.b,d", "in b"}, {"N", "a.c,d", ""}, {"X", "a.c,d", "not in b"}}},
};
static void test_events(void **state)
{
    (void)state;
    kit_run(events, sizeof events / sizeof *events);
}

/* ---- eventless, raised, done --------------------------------------------------------- */

static const struct kit_scenario internals[] = {
    {"always, one after the other",
     "{'initial':'a','states':{'a':{'always':'b','exit':" MARK(
         "-a") "},'b':{'always':[{'guard':"
               "'no','target':'a'},{'target':'c'}]},'c':{}}}",
     {{"", "c", "-a"}}},
    {"always before raised events",
     "{'initial':'a','states':{'a':{'on':{'X':{'target':'b','actions':{'type':'@xstate.raise',"
     "'event':{'type':'R'}}}}},'b':{'always':'c','on':{'R':'d'}},'c':{'on':{'R':'e'}},'d':{},"
     "'e':{}}}",
     {{"", "a", ""}, {"X", "e", ""}}},
    {"an always that changes nothing is taken once",
     "{'initial':'a','states':{'a':{'always':{'actions':" MARK("!") "},'on':{'X':{}}}}}",
     {{"", "a", "!"}, {"X", "a", "!"}}},
    {"raised events in order, with their payload",
     "{'entry':[{'type':'@xstate.raise','event':{'type':'A','x':1,'y':['z',null,true]}},"
     "{'type':'@xstate.raise','event':{'type':'B'}}],"
     "'on':{'A':{'actions':'note'},'B':{'actions':'note'}}}",
     {{"", "", "A{\"x\":1,\"y\":[\"z\",null,true]} B"}}},
    {"a send to itself waits for what was raised",
     "{'entry':[{'type':'@xstate.sendTo','to':'#_self','event':{'type':'S'}},"
     "{'type':'@xstate.sendTo','to':'self','event':{'type':'T'}},"
     "{'type':'@xstate.raise','event':{'type':'R'}}],'on':{'*':{'actions':'note'}}}",
     {{"", "", "R S T"}}},
    {"done",
     "{'initial':'a','states':{'a':{'initial':'b','states':{'b':{'on':{'X':'c'}},"
     "'c':{'type':'final','output':{'v':1}}},'onDone':{'target':'d','actions':'note'}},'d':{}}}",
     {{"", "a.b", ""}, {"X", "d", "xstate.done.state.(machine).a{\"output\":{\"v\":1}}"}}},
    {"a region's done before that of the parallel state",
     "{'id':'m','initial':'p','states':{'p':{'type':'parallel','states':{"
     "'l':{'initial':'a','states':{'a':{'on':{'X':'f'}},'f':{'type':'final'}}},"
     "'r':{'initial':'a','states':{'a':{'on':{'Y':'f'}},'f':{'type':'final'}}}},"
     "'on':{'*':{'actions':'note'}},'onDone':{'actions':'note'}}}}",
     {{"", "p.l.a,p.r.a", ""},
      {"Y", "p.l.a,p.r.f", "xstate.done.state.m.p.r"},
      {"X", "p.l.f,p.r.f", "xstate.done.state.m.p.l xstate.done.state.m.p"}}},
    {"assign and the context",
     "{'context':{'n':1},'entry':{'type':'@xstate.assign','context':{'n':5,'m':7}},'on':{"
     "'X':[{'guard':{'type':'at','params':{'value':6}},'actions':" MARK(
         "six") "},"
                "{'actions':{'type':'add'}}]}}",
     {{"", "", ""}, {"X", "", ""}, {"X", "", "six"}}},
    {"log and emit",
     "{'on':{'X':{'actions':[{'type':'@xstate.log','args':['a',1,{'b':2}]},"
     "{'type':'@xstate.emit','event':{'type':'E','n':1}}]}}}",
     {{"", "", ""}, {"X", "", "\"a 1 {\"b\":2}\" !E{\"n\":1}"}}},
    {"sends to others, and one that is refused",
     "{'on':{'X':{'actions':[{'type':'@xstate.sendTo','to':'valve','event':{'type':'OPEN','by':2}},"
     "{'type':'@xstate.sendTo','to':'nobody','event':{'type':'OPEN'}}]},"
     "'error.communication':{'actions':'note'}}}",
     {{"", "", ""},
      {"X", "",
       "valve<OPEN{\"by\":2} "
       "error.communication{\"status\":\"NO_MACHINE\",\"target\":\"nobody\"}"}}},
};
static void test_internals(void **state)
{
    (void)state;
    kit_run(internals, sizeof internals / sizeof *internals);
}

/* ---- time ---------------------------------------------------------------------------- */

static const struct kit_scenario times[] = {
    {"after",
     "{'initial':'a','states':{'a':{'after':{'100':'b'}},'b':{'after':{'late':'a'}}}}",
     {{"", "a", ""}, {"+99", "a", ""}, {"+1", "b", ""}, {"+999", "b", ""}, {"+1", "a", ""}}},
    {"the clock steps to each deadline",
     "{'initial':'a','states':{'a':{'after':{'10':'b'}},'b':{'after':{'10':'c'}},'c':{}}}",
     {{"", "a", ""}, {"+20", "c", ""}}},
    {"after ends with its state",
     "{'initial':'a','states':{'a':{'after':{'10':{'actions':" MARK("!") "}},'on':{'X':'b'}},"
                                                                         "'b':{'on':{'X':'a'}}}}",
     {{"", "a", ""},
      {"X", "b", ""},
      {"+5", "b", ""},
      {"X", "a", ""},
      {"+5", "a", ""},
      {"+4", "a", ""},
      {"+1", "a", "!"}}},
    {"first in first out on ties",
     "{'after':{'soon':{'actions':" MARK("named") "},'10':{'actions':" MARK(
         "ten") "}},"
                "'entry':{'type':'@xstate.raise','event':{'type':'E'},'delay':10},"
                "'on':{'E':{'actions':" MARK("raised") "}}}",
     {{"", "", ""}, {"+10", "", "raised ten named"}}},
    {"a delayed send goes on after its state, until it is cancelled",
     "{'initial':'a','states':{'a':{'entry':[{'type':'@xstate.raise','event':{'type':'E'},"
     "'delay':'soon','id':'e'},{'type':'@xstate.sendTo','to':'b','event':{'type':'F'},"
     "'delay':5}],'on':{'X':'b'}},'b':{'on':{'C':{'actions':{'type':'@xstate.cancel','id':'e'}}}}},"
     "'on':{'E':{'actions':" MARK("!") "}}}",
     {{"", "a", ""}, {"X", "b", ""}, {"+5", "b", "b<F"}, {"C", "b", ""}, {"+10", "b", ""}}},
    {"a cancelled id is the newest timer's",
     "{'on':{'S':{'actions':{'type':'@xstate.raise','event':{'type':'E'},'delay':10,'id':'e'}},"
     "'C':{'actions':{'type':'@xstate.cancel','id':'e'}},'E':{'actions':" MARK("!") "}}}",
     {{"", "", ""},
      {"S", "", ""},
      {"+5", "", ""},
      {"S", "", ""},
      {"C", "", ""},
      {"+100", "", "!"}}},
};
static void test_times(void **state)
{
    (void)state;
    kit_run(times, sizeof times / sizeof *times);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_states),    SUPPORT_TEST(test_targets), SUPPORT_TEST(test_events),
        SUPPORT_TEST(test_internals), SUPPORT_TEST(test_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
