/* SPDX-License-Identifier: MIT */

/*
 * SCXML: what W3C reads otherwise than XState, what is refused and where, and that no text can
 * hurt.  The breadth is in chart/scxml_suite.
 */

#include "tests/chart/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "<scxml xmlns='http://www.w3.org/2005/07/scxml'"

static struct smew_chart *load(const char *text)
{
    struct smew_chart *chart = NULL;
    struct smew_error error;

    if (smew_chart_load_scxml(text, strlen(text), "test", kit_behavior(), &chart, &error) !=
        SMEW_OK)
        fail_msg("%s", error.text);
    return chart;
}

/* ---- what it means ------------------------------------------------------------------- */

static const struct kit_scenario meanings[] = {
    {"a transition leaves its source",
     HEAD "><state id='a'><onentry><log label='+a'/></onentry><onexit><log "
          "label='-a'/></onexit><transition event='X' target='b'/><transition event='I' "
          "type='internal' target='b'/><state id='c'/><state id='b'/></state></scxml>",
     {{"", "a.c", "\"+a\""}, {"X", "a.b", "\"-a\" \"+a\""}, {"I", "a.b", ""}}},
    {"a descriptor is a prefix, and the first in the document wins",
     HEAD "><state id='a'><transition event='x' target='b'/><transition event='x.y' "
          "target='c'/></state><state id='b'><transition event='x.y' target='c'/><transition "
          "event='x.* *' target='a'/></state><state id='c'/></scxml>",
     {{"", "a", ""}, {"x.y.z", "b", ""}, {"xy", "a", ""}, {"x.y", "b", ""}, {"x.y", "c", ""}}},
    {"several initial states, deep",
     HEAD " initial='d f'><state id='a'/><parallel id='p'><state id='l'><state id='c'/><state "
          "id='d'/></state><state id='r'><state id='e'/><state id='f'/></state></parallel></scxml>",
     {{"", "p.l.d,p.r.f", ""}}},
    {"an initial transition with actions",
     HEAD "><state id='a'><onentry><log label='+a'/></onentry><initial><transition target='c'><log "
          "label='i'/></transition></initial><state id='b'/><state id='c'/></state></scxml>",
     {{"", "a.c", "\"+a\" \"i\""}}},
    {"a deep initial state runs its own initial actions, those on the way to it do not",
     HEAD " initial='b'><state id='a'><initial><transition target='b'><log "
          "label='no'/></transition></initial><state id='b'><initial><transition target='c'><log "
          "label='i'/></transition></initial><state id='c'/></state></state></scxml>",
     {{"", "a.b.c", "\"i\""}}},
    {"what a shallow history remembers runs its initial actions",
     HEAD "><state id='p'><history id='h'><transition target='b'/></history><state id='b'><initial>"
          "<transition target='c'><log label='i'/></transition></initial><state id='c'><transition "
          "event='N' target='d'/></state><state id='d'/></state><transition event='OUT' "
          "target='o'/></state><state id='o'><transition event='X' target='h'/></state></scxml>",
     {{"", "p.b.c", "\"i\""}, {"N", "p.b.d", ""}, {"OUT", "o", ""}, {"X", "p.b.c", "\"i\""}}},
    {"a cancel concerns all that was sent with that id",
     HEAD "><state id='a'><transition event='S'><send event='E' id='t' delay='5ms'/></transition>"
          "<transition event='C'><cancel sendid='t'/></transition><transition event='E'><log "
          "label='e'/></transition></state></scxml>",
     {{"", "a", ""},
      {"S", "a", ""},
      {"S", "a", ""},
      {"+5", "a", "\"e\" \"e\""},
      {"S", "a", ""},
      {"S", "a", ""},
      {"C", "a", ""},
      {"+5", "a", ""}}},
    {"the actions of a history default run when it is taken",
     HEAD "><state id='a'><transition event='X' target='h'/></state><state id='p'><onentry><log "
          "label='+p'/></onentry><history id='h'><transition target='c'><log "
          "label='d'/></transition></history><state id='b'/><state id='c'/><transition event='OUT' "
          "target='a'/></state></scxml>",
     {{"", "a", ""}, {"X", "p.c", "\"+p\" \"d\""}, {"OUT", "a", ""}, {"X", "p.c", "\"+p\""}}},
    {"if, elseif and else",
     HEAD "><state id='a'><transition event='X'><if cond=\"In('b')\"><log label='1'/><elseif "
          "cond=\"!In('b') && true\"/><if cond='false'/><log label='2'/><else/><log "
          "label='3'/></if><log label='4'/></transition><transition event='Y'><if "
          "cond='false'><else/><log label='5'/></if></transition></state><state id='b'/></scxml>",
     {{"", "a", ""}, {"X", "a", "\"2\" \"4\""}, {"Y", "a", "\"5\""}}},
    {"raise, send and delays",
     HEAD "><state id='a'><onentry><send event='late' delay='.01s' id='l'/><send event='S'/><raise "
          "event='R'/></onentry><transition event='R'><log label='R'/></transition><transition "
          "event='S'><log label='S'/></transition><transition event='late' target='b'/><transition "
          "event='C'><cancel sendid='l'/></transition></state><final id='b'/></scxml>",
     {{"", "a", "\"R\" \"S\""}, {"+9", "a", ""}, {"+1", "b", ""}}},
    {"a final state completes the parallel state around its parent, and none further out",
     HEAD
     "><parallel id='p'><transition event='done.state.p'><log label='p'/></transition>"
     "<transition event='done.state.q'><log label='q'/></transition><parallel id='q'><state "
     "id='a'><state id='a1'><transition event='A' target='a2'/></state><final id='a2'/></state>"
     "<state id='b'><state id='b1'><transition event='B' target='b2'/></state><final id='b2'/>"
     "</state></parallel><state id='c'><transition event='R' type='internal' target='c1'/>"
     "<state id='c1'>"
     "<transition event='C' target='c2'/></state><final id='c2'/></state></parallel></scxml>",
     {{"", "p.q.a.a1,p.q.b.b1,p.c.c1", ""},
      {"C", "p.q.a.a1,p.q.b.b1,p.c.c2", ""},
      {"A", "p.q.a.a2,p.q.b.b1,p.c.c2", ""},
      {"B", "p.q.a.a2,p.q.b.b2,p.c.c2", "\"q\""},
      {"R", "p.q.a.a2,p.q.b.b2,p.c.c1", ""},
      {"C", "p.q.a.a2,p.q.b.b2,p.c.c2", "\"p\""}}},
};

static void test_meanings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        char copy[4000];
        size_t used = 0;

        /* && is two entities in XML. */
        for (const char *at = meanings[i].chart; *at; at++)
            used +=
                (size_t)snprintf(copy + used, sizeof copy - used, *at == '&' ? "&amp;" : "%c", *at);
        kit_run_loaded(&meanings[i], load(copy));
    }
}

/* ---- refusals ------------------------------------------------------------------------ */

static const struct {
    const char *text;
    const char *sentence;
    enum smew_status status;
} refusals[] = {
    {"", "1:1: no element found", SMEW_SYNTAX},
    {"<scxml><state></scxml>", "1:17: mismatched tag", SMEW_SYNTAX},
    {"<other/>", "1:1: a chart is an <scxml>", SMEW_SYNTAX},
    {"<scxml xmlns='urn:x'/>", "1:1: the document is of another namespace", SMEW_SYNTAX},
    {"<!DOCTYPE scxml [<!ENTITY a 'b'>]><scxml/>", "1:29: a chart has no entities of its own",
     SMEW_SYNTAX},
    {"<scxml><final id='f'><state/></final></scxml>",
     "1:22: <final> cannot have a <state> of its own", SMEW_SYNTAX},
    {"<scxml><state id='a'/>\n<state id='a'/></scxml>", "2:1: the id \"a\" is taken already",
     SMEW_SYNTAX},
    {"<scxml><stat id='a'/></scxml>", "1:8: unknown element <stat> in <scxml>", SMEW_SYNTAX},
    {"<scxml initial='b'><state id='a'/></scxml>", "1:1: target \"b\" does not exist", SMEW_SYNTAX},
    {"<scxml initial='b'></scxml>", "1:1: what has no states has no initial one: \"b\"",
     SMEW_SYNTAX},
    {"<scxml><final id='a' initial='a'/></scxml>",
     "1:8: what has no states has no initial one: \"a\"", SMEW_SYNTAX},
    {"<scxml><state id='a'><transition event='X' target='b'/></state></scxml>",
     "1:22: target \"b\" does not exist", SMEW_SYNTAX},
    {"<scxml><state id='a'><history id='h'/><state id='b'/></state></scxml>",
     "1:22: a history state needs a transition with a target", SMEW_SYNTAX},
    {"<scxml><state id='a'><onentry><raise/></onentry></state></scxml>",
     "1:31: <raise> needs an \"event\"", SMEW_SYNTAX},
    {"<scxml><state id='a'><onentry><send event='x' delay='soon'/></onentry></state></scxml>",
     "1:31: the delay \"soon\" is no time, as \"1.5s\" and \"100ms\" are", SMEW_SYNTAX},
    {"<scxml><state id='a'><onentry><jump/></onentry></state></scxml>",
     "1:31: <jump> is nothing that can be done", SMEW_SYNTAX},
    {"<scxml datamodel='xpath'><state id='a'><transition cond='x == 1'/></state></scxml>",
     "1:40: <transition> needs the data model \"ecmascript\", not \"xpath\"", SMEW_UNSUPPORTED},
    {"<scxml><state id='a'><transition cond=\"In('z')\"/></state></scxml>",
     "1:22: In(): there is no state \"z\"", SMEW_SYNTAX},
    {"<scxml datamodel='null'><datamodel><data id='x'/></datamodel></scxml>",
     "1:25: <datamodel> needs the data model \"ecmascript\", not \"null\"", SMEW_UNSUPPORTED},
    {"<scxml><state id='a'><invoke src='x'/></state></scxml>",
     "1:22: no service or machine is called \"x\"", SMEW_SYNTAX},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct smew_chart *chart = NULL;
        struct smew_error error;
        char sentence[SMEW_ERROR_TEXT_SIZE];
        enum smew_status status = smew_chart_load_scxml(refusals[i].text, strlen(refusals[i].text),
                                                        "t.scxml", kit_behavior(), &chart, &error);

        assert_int_equal(status, refusals[i].status);
        assert_null(chart);
        (void)snprintf(sentence, sizeof sentence, "t.scxml:%s", refusals[i].sentence);
        assert_string_equal(error.text, sentence);
    }
}

static void test_depth(void **state)
{
    static const size_t depths[] = {200, 500, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        char *text = malloc(depths[i] * 15 + 40);
        char *at = stpcpy(text, "<scxml>");
        struct smew_chart *chart = NULL;
        static const enum smew_status expected[] = {SMEW_OK, SMEW_LIMIT, SMEW_SYNTAX};

        for (size_t j = 0; j < depths[i]; j++)
            at = stpcpy(at, "<state>");
        for (size_t j = 0; j < depths[i]; j++)
            at = stpcpy(at, "</state>");
        at = stpcpy(at, "</scxml>");
        assert_int_equal(
            smew_chart_load_scxml(text, (size_t)(at - text), "deep", NULL, &chart, NULL),
            expected[i]);
        smew_chart_unref(chart);
        free(text);
    }
}

/* ---- no memory ----------------------------------------------------------------------- */

static void load_once(void *argument)
{
    struct smew_chart *chart = NULL;
    const char *text = argument;
    enum smew_status status =
        smew_chart_load_scxml(text, strlen(text), "test", kit_behavior(), &chart, NULL);

    if (status != SMEW_OK && (status != SMEW_NO_MEMORY || chart))
        fail_msg("%s", smew_status_name(status));
    smew_chart_unref(chart);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (!strchr(meanings[i].chart, '&'))
            assert_true(support_walk_allocations(load_once, (void *)(uintptr_t)meanings[i].chart) >
                        20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_meanings),
        SUPPORT_TEST(test_refusals),
        SUPPORT_TEST(test_depth),
        SUPPORT_TEST(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
