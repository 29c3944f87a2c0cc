/* SPDX-License-Identifier: MIT */

/*
 * Charts that are refused: each with its status, line, column and sentence, exactly.  In the
 * charts ' stands for ", so that columns are what they look like.
 */

#include "tests/chart/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct refusal {
    const char *chart;
    const char *sentence; /* "LINE:COLUMN: …" */
    enum smew_status status;
};

static char *with_quotes(const char *text)
{
    char *json = strdup(text);

    for (char *at = json; *at; at++)
        if (*at == '\'')
            *at = '"';
    return json;
}

static void use_apostrophes(char *text)
{
    for (char *at = text; *at; at++)
        if (*at == '"')
            *at = '\'';
}

static void expect_with(const struct refusal *refusal, const struct smew_behavior *behavior)
{
    char *json = with_quotes(refusal->chart);
    struct smew_chart *chart = NULL;
    struct smew_error error;
    enum smew_status wanted = refusal->status ? refusal->status : SMEW_SYNTAX;
    enum smew_status status =
        *json == '<' ? smew_chart_load_scxml(json, strlen(json), "test", behavior, &chart, &error)
                     : smew_chart_load_json(json, strlen(json), "test", behavior, &chart, &error);

    if (status == SMEW_OK)
        fail_msg("accepted: %s", json);
    use_apostrophes(error.text);
    if (strcmp(error.text + strlen("test:"), refusal->sentence) != 0)
        fail_msg("\n%s\n  says: %s\n  not:  test:%s", json, error.text, refusal->sentence);
    assert_int_equal(status, wanted);
    assert_int_equal(error.status, wanted);
    assert_null(chart);
    free(json);
}

static void expect_all(const struct refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_with(&refusals[i], kit_behavior());
}

static const struct refusal syntax[] = {
    {"", "1:1: unexpected token near end of file", 0},
    {"{'a':1,\n 'a':2}", "2:2: duplicate object key near ''a''", 0},
    {"{'initial':'a',\n'states':{'a':{}}", "2:17: '}' expected near end of file", 0},
    {"{\n  'id': nul }", "2:9: invalid token near 'nul'", 0},
    {"[1]", "1:1: a chart is an object, not an array", 0},
    {" 7", "1:2: a chart is an object, not a number", 0},
    {"{} x", "1:4: end of file expected near 'x'", 0},
};
static void test_syntax(void **state)
{
    (void)state;
    expect_all(syntax, sizeof syntax / sizeof *syntax);
}

static const struct refusal members[] = {
    {"{'intial':'a'}", "1:2: unknown member 'intial' in state '(machine)'; did you mean 'initial'?",
     0},
    {"{'initial':'a','states':{'a':{\n  'onn':{}}}}",
     "2:3: unknown member 'onn' in state '(machine).a'; did you mean 'on'?", 0},
    {"{'on':{'X':{'target':'.a','cond':'yes'}}}",
     "1:27: 'cond' is of XState 4; use 'guard' in a transition of '(machine)'", 0},
    {"{'on':{'X':{'zzz':1}}}", "1:13: unknown member 'zzz' in a transition of '(machine)'", 0},
    {"{'entry':{'type':'@xstate.raise','event':{'type':'E'},'delai':5}}",
     "1:55: unknown member 'delai' in @xstate.raise; did you mean 'delay'?", 0},
    {"{'initial':'a','states':{'a':{'context':{}}}}", "1:31: only the root has a context", 0},
    {"{'initial':'a','states':{'a':{'options':{}}}}", "1:31: only the root has options", 0},
    {"{'options':{'maxIterations':0}}", "1:29: 'maxIterations' is a number from 1 to 1000000", 0},
    {"{'target':'a'}", "1:2: only transitions and history states have a target", 0},
};
static void test_members(void **state)
{
    (void)state;
    expect_all(members, sizeof members / sizeof *members);
}

static const struct refusal states[] = {
    {"{'initial':'a','states':{'a':7}}", "1:30: state 'a' is a number, not an object", 0},
    {"{'states':[]}", "1:11: 'states' is an array, not an object", 0},
    {"{'states':{'a':{}}}", "1:1: state '(machine)' has states but no 'initial'", 0},
    {"{'initial':'b','states':{'a':{}}}",
     "1:12: initial state 'b' does not exist in '(machine)'; did you mean 'a'?", 0},
    {"{'initial':'a'}", "1:2: state '(machine)' has an 'initial' but no states", 0},
    {"{'initial':7,'states':{'a':{}}}", "1:12: 'initial' is a number, not a string", 0},
    {"{'initial':{'actions':[]},'states':{'a':{}}}", "1:12: 'initial' needs 'target'", 0},
    {"{'type':'paralel'}",
     "1:9: state '(machine)' has an unknown type 'paralel'; did you mean 'parallel'?", 0},
    {"{'type':'final','states':{'a':{}}}",
     "1:17: state '(machine)' cannot have states of its own: it is final", 0},
    {"{'type':'history'}", "1:1: the root cannot be a history state", 0},
    {"{'initial':'a','states':{'a':{},'h':{'history':'long'}}}",
     "1:48: 'history' is 'shallow' or 'deep'", 0},
    {"{'initial':'a','states':{'a':{'initial':'b','states':{'b':{},'h':{'type':'history',\n"
     "'target':'#c'}}},'c':{'id':'c'}}}",
     "2:10: the default of a history state lies in '(machine).a'", 0},
    {"{'initial':'h','states':{'h':{'type':'history'}}}",
     "1:30: the default of history state '(machine).h' leads back to itself", 0},
    {"{'id':''}", "1:7: a state's id is empty", 0},
    {"{'initial':'a','states':{'a':{'id':'x'},'b':{'id':'x'}}}",
     "1:51: the id 'x' is taken already", 0},
    {"{'initial':'a','states':{'':{}}}", "1:26: a state's name is empty", 0},
    {"{'tags':[1]}", "1:9: 'tags' holds more than strings", 0},
    {"{'invoke':{'src':'x'}}", "1:18: no service or machine is called 'x'", SMEW_SYNTAX},
    {"{'invoke':[{'id':'x'}]}", "1:12: 'src' is missing: the name of a service or a machine",
     SMEW_SYNTAX},
    {"{'invoke':{'src':'x','onSnapshot':'a'}}",
     "1:11: 'onSnapshot' is not supported: a child can send to its parent", SMEW_UNSUPPORTED},
    {"{'invoke':'x'}", "1:11: 'invoke' holds a string, not an object", SMEW_SYNTAX},
};
static void test_states(void **state)
{
    (void)state;
    expect_all(states, sizeof states / sizeof *states);
}

static const struct refusal targets[] = {
    {"{'id':'light','initial':'red','states':{\n  'red':{'on':{'T':'gren'}},'green':{}}}",
     "2:20: target 'gren' of 'light.red' does not exist in 'light'; did you mean 'green'?", 0},
    {"{'id':'light','initial':'red','states':{'red':{'on':{'T':{'target':'nowhere'}}}}}",
     "1:68: target 'nowhere' of 'light.red' does not exist in 'light'", 0},
    {"{'initial':'a','states':{'a':{'on':{'T':'#x'}}}}", "1:41: no state has the id of target '#x'",
     0},
    {"{'initial':'a','states':{'a':{'on':{'T':'.x'}}}}",
     "1:41: target '.x' of '(machine).a' does not exist in '(machine).a'", 0},
    {"{'initial':'a','states':{'a':{}},'on':{'T':'a'}}",
     "1:44: the root has no siblings; to enter its child write '.a'", 0},
    {"{'on':{'T':{'target':7}}}", "1:22: a target is a number, not a string or an array of strings",
     0},
    {"{'initial':'a','states':{'a':{'on':{'T':{'target':['a',\n 7]}}}}}",
     "2:2: a target is a number, not a string", 0},
    {"{'on':7}", "1:7: 'on' is a number, not an object", 0},
    {"{'on':{'T':7}}", "1:12: a transition is a number, not a target, an object or null", 0},
    {"{'on':{'':'.a'}}", "1:8: a transition without an event belongs in 'always'", 0},
    {"{'on':{'T':{'reenter':'yes'}}}", "1:23: 'reenter' is a string, not true or false", 0},
    {"{'always':true}", "1:11: a transition is true, not a target, an object or null", 0},
};
static void test_targets(void **state)
{
    (void)state;
    expect_all(targets, sizeof targets / sizeof *targets);
}

static const struct refusal behavior[] = {
    {"{'entry':'makr'}", "1:10: no action is called 'makr'; did you mean 'mark'?", 0},
    {"{'entry':[{'type':'beep'}]}", "1:19: no action is called 'beep'", 0},
    {"{'entry':{'type':'@xstate.rais','event':{'type':'X'}}}",
     "1:18: no action is called '@xstate.rais'; did you mean '@xstate.raise'?", 0},
    {"{'entry':{'type':'@xstate.rais'}}",
     "1:18: no action is called '@xstate.rais'; did you mean '@xstate.raise'?", 0},
    {"{'entry':[7]}", "1:11: an action is a number, not a string", 0},
    {"{'entry':{'params':{}}}", "1:10: an action needs 'type', its name", 0},
    {"{'entry':{'type':'@xstate.raise'}}",
     "1:10: the action needs 'event', an object with a 'type'", 0},
    {"{'entry':{'type':'@xstate.raise','event':'E'}}",
     "1:42: the action needs 'event', an object with a 'type'", 0},
    {"{'entry':{'type':'@xstate.raise','event':{'type':'E'},'delay':-1}}",
     "1:63: a delay cannot be negative", 0},
    {"{'entry':{'type':'@xstate.raise','event':{'type':'E'},'delay':1e12}}",
     "1:63: a delay is at most 2147483647 ms", SMEW_LIMIT},
    {"{'entry':{'type':'@xstate.raise','event':{'type':'E'},'delay':[]}}",
     "1:63: a delay is an array, not a number of milliseconds or a name", 0},
    {"{'entry':{'type':'@xstate.sendTo','event':{'type':'E'}}}", "1:10: @xstate.sendTo needs 'to'",
     0},
    {"{'entry':{'type':'@xstate.cancel'}}", "1:10: @xstate.cancel needs 'id'", 0},
    {"{'entry':{'type':'@xstate.assign','context':7}}",
     "1:45: @xstate.assign needs 'context', an object", 0},
    {"{'entry':{'type':'@xstate.spawnChild','src':'x'}}",
     "1:45: no service or machine is called 'x'", SMEW_SYNTAX},
    {"{'entry':{'type':'@xstate.stopChild'}}", "1:10: @xstate.stopChild needs 'id'", SMEW_SYNTAX},
    {"{'context':{'n':{'@expr':'1+1'}}}", "1:17: an expression cannot stand here",
     SMEW_UNSUPPORTED},
    {"{'on':{'X':{'guard':'yess'}}}", "1:21: no guard is called 'yess'; did you mean 'yes'?", 0},
    {"{'on':{'X':{'guard':7}}}", "1:21: a guard is a number, not a string", 0},
    {"{'on':{'X':{'guard':{}}}}", "1:21: a guard needs 'type', its name", 0},
    {"{'on':{'X':{'guard':{'type':'@xstate.and'}}}}",
     "1:21: @xstate.and needs 'guards', an array of guards", 0},
    {"{'on':{'X':{'guard':{'type':'@xstate.not'}}}}", "1:21: @xstate.not needs 'guard'", 0},
    {"{'on':{'X':{'guard':{'type':'@xstate.stateIn','state':'#q'}}}}",
     "1:55: @xstate.stateIn: there is no state '#q'", 0},
    {"{'on':{'X':{'guard':{'type':'@xstate.an','guards':[]}}}}",
     "1:42: unknown member 'guards' in a guard", 0},
    {"{'after':{'latr':{}}}", "1:11: no delay is called 'latr'; did you mean 'late'?", 0},
    {"{'after':{'-5':{}}}", "1:11: a delay cannot be negative", 0},
    {"{'after':{'':{}}}", "1:11: 'after' wants milliseconds or the name of a delay", 0},
    {"{'after':[]}", "1:10: 'after' is an array, not an object", 0},
};
static void test_behavior(void **state)
{
    (void)state;
    expect_all(behavior, sizeof behavior / sizeof *behavior);
}

/* ---- limits -------------------------------------------------------------------------- */

static char *nested(const char *open, const char *inside, const char *close, size_t times)
{
    size_t size = (strlen(open) + strlen(close)) * times + strlen(inside) + 1;
    char *text = calloc(1, size);
    char *at = text;

    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, open);
    at = stpcpy(at, inside);
    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, close);
    return text;
}

static enum smew_status load(const char *text, char *sentence)
{
    char *json = with_quotes(text);
    struct smew_chart *chart = NULL;
    struct smew_error error = {.text = ""};
    enum smew_status status =
        smew_chart_load_json(json, strlen(json), "test", kit_behavior(), &chart, &error);

    if (strlen(error.text) >= sizeof error.text)
        fail_msg("the sentence is not terminated");
    if (sentence)
        (void)snprintf(sentence, SMEW_ERROR_TEXT_SIZE, "%s", error.text);
    smew_chart_unref(chart);
    free(json);
    return status;
}

static void test_depth(void **state)
{
    char sentence[SMEW_ERROR_TEXT_SIZE];
    char *text = nested("{'initial':'a','states':{'a':", "{}", "}}", 256);

    (void)state;
    assert_int_equal(load(text, NULL), SMEW_OK);
    free(text);
    text = nested("{'initial':'a','states':{'a':", "{}", "}}", 257);
    assert_int_equal(load(text, sentence), SMEW_LIMIT);
    assert_non_null(strstr(sentence, "state \"a\" is more than 256 levels deep"));
    free(text);
    text = nested("{'initial':'a','states':{'a':", "{}", "}}", 100000);
    assert_int_equal(load(text, sentence), SMEW_SYNTAX);
    assert_non_null(strstr(sentence, "maximum parsing depth reached"));
    free(text);
}

static void test_deep_guards_and_values(void **state)
{
    static const struct {
        const char *before, *open, *inside, *close, *after, *says;
    } cases[] = {
        {"{'on':{'X':{'guard':", "{'type':'@xstate.not','guard':", "'yes'", "}", "}}}",
         "guards nest more than"},
        {"{'context':", "[", "1", "]", "}", "a value is more than"},
    };
    char sentence[SMEW_ERROR_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t times = 200; times <= 300; times += 100) {
            char *middle = nested(cases[i].open, cases[i].inside, cases[i].close, times);
            char *text = NULL;

            assert_true(asprintf(&text, "%s%s%s", cases[i].before, middle, cases[i].after) > 0);
            assert_int_equal(load(text, sentence), times == 200 ? SMEW_OK : SMEW_LIMIT);
            if (times > 200)
                assert_non_null(strstr(sentence, cases[i].says));
            free(text);
            free(middle);
        }
}

static void test_huge_names(void **state)
{
    static const char *const formats[] = {
        "{'id':'%s'}",    "{'on':{'%s':{}}}",   "{'initial':'a','states':{'a':{},'%s':{}}}",
        "{'entry':'%s'}", "{'on':{'X':'#%s'}}", "{'after':{'%s':{}}}",
        "{'%s':1}",       "{'tags':'%s'}",
    };
    char *name = nested("x", "", "", 100000);

    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char *text = malloc(strlen(name) + 100);
        enum smew_status status;

        (void)sprintf(text, formats[i], name);
        status = load(text, NULL);
        if (status != SMEW_LIMIT && status != SMEW_SYNTAX)
            fail_msg("%s: %s", formats[i], smew_status_name(status));
        free(text);
    }
    free(name);
}

/* ---- around the text ----------------------------------------------------------------- */

static unsigned told;
static char last_told[SMEW_ERROR_TEXT_SIZE];

static void tell(const char *sentence, void *user)
{
    (void)user;
    told++;
    (void)snprintf(last_told, sizeof last_told, "%s", sentence);
}

static void test_missing_names_may_pass(void **state)
{
    static const char chart_text[] = "{\"entry\":[\"ring\",\"ring\"],\"on\":{\"X\":{\"guard\":"
                                     "\"open\"}},\"after\":{\"tea\":{}}}";
    struct smew_behavior lenient = SMEW_BEHAVIOR_INIT;
    struct smew_error error = {.text = ""};
    struct smew_chart *chart;

    (void)state;
    told = 0;
    lenient.ignore_missing = true;
    lenient.on_missing = tell;
    assert_int_equal(
        smew_chart_load_json(chart_text, strlen(chart_text), "c.json", &lenient, &chart, &error),
        SMEW_OK);
    smew_chart_unref(chart);
    assert_true(told >= 4);
    assert_string_equal(last_told, "c.json:1:63: no delay is called \"tea\"");
    assert_int_equal(
        smew_chart_load_json("{\"entry\":\"@xstate.unknown\"}", 27, NULL, &lenient, &chart, &error),
        SMEW_SYNTAX);
    assert_string_equal(error.text, "chart:1:10: no action is called \"@xstate.unknown\"");
}

/* ---- names that the program's tables lack -------------------------------------------- */

static void do_nothing(const struct smew_call *call)
{
    (void)call;
}

/* A name nearly right for each table, in JSON and, where W3C's charts have such names, in SCXML. */
static const struct refusal missing_names[] = {
    {"{\n 'entry': ['ring',\n  'rign'] }", "3:3: no action is called 'rign'; did you mean 'ring'?",
     0},
    {"{'exit':{'type':'Beep'}}", "1:17: no action is called 'Beep'; did you mean 'beep'?", 0},
    {"{'on':{'E':{'guard':{'type':'@xstate.not','guard':'opne'}}}}",
     "1:51: no guard is called 'opne'; did you mean 'open'?", 0},
    {"{'initial':'a','states':{'a':{\n 'after':{'tee':'a'}}}}",
     "2:11: no delay is called 'tee'; did you mean 'tea'?", 0},
    {"{'entry':{'type':'@xstate.raise','event':{'type':'E'},'delay':'tae'}}",
     "1:63: no delay is called 'tae'; did you mean 'tea'?", 0},
    {"{'after':{'never':{}}}", "1:11: no delay is called 'never'", 0}, /* without a function */
    {"{'invoke':{'src':'wrok'}}",
     "1:18: no service or machine is called 'wrok'; did you mean 'work'?", 0},
    {"{'invoke':{'src':'kit'}}", "1:18: no service or machine is called 'kit'; did you mean 'kid'?",
     0},
    {"{'entry':{'type':'@xstate.spawnChild','src':'kidd'}}",
     "1:45: no service or machine is called 'kidd'; did you mean 'kid'?", 0},
    {"<scxml xmlns='http://www.w3.org/2005/07/scxml' version='1.0' datamodel='null'>\n"
     "<state id='a'><invoke src='wrok'/></state></scxml>",
     "2:15: no service or machine is called 'wrok'; did you mean 'work'?", 0},
};

static void test_missing_names(void **state)
{
    static const struct smew_named_action actions[] = {{"ring", do_nothing}};
    static const struct smew_named_action effects[] = {{"beep", do_nothing}};
    static const struct smew_named_service services[] = {{"work", NULL, NULL}};
    static const struct smew_named_delay no_function = {"never", NULL};
    struct smew_behavior own = *kit_behavior();
    struct smew_named_guard guards[] = {{"open", own.guards[0].holds}};
    struct smew_named_delay delays[] = {{"tea", own.delays[0].delay_ms}, no_function};
    struct smew_named_chart charts[] = {{"kid", kit_load("{}")}};

    (void)state;
    own.actions = actions;
    own.effects = effects;
    own.guards = guards;
    own.services = services;
    own.charts = charts;
    own.delays = delays;
    own.delay_count = 2;
    own.action_count = own.effect_count = own.guard_count = 1;
    own.service_count = own.chart_count = 1;
    for (size_t i = 0; i < sizeof missing_names / sizeof *missing_names; i++)
        expect_with(&missing_names[i], &own);
    smew_chart_unref(charts[0].chart);
}

static void test_arguments(void **state)
{
    struct smew_chart *chart = NULL;
    struct smew_error error;

    (void)state;
    assert_int_equal(smew_chart_load_json(NULL, 0, "x", NULL, &chart, &error), SMEW_INVALID);
    assert_int_equal(smew_chart_load_json("{}", 2, "x", NULL, NULL, &error), SMEW_INVALID);
    assert_int_equal(smew_chart_load_json("{", 1, NULL, NULL, &chart, NULL), SMEW_SYNTAX);
    assert_int_equal(smew_chart_load_json("{}", 17 << 20, "x", NULL, &chart, &error), SMEW_TOO_BIG);
    assert_int_equal(smew_chart_load_file(NULL, NULL, &chart, &error), SMEW_INVALID);
    assert_int_equal(smew_chart_load_file("/nonexistent/x.json", NULL, &chart, &error),
                     SMEW_NOT_FOUND);
    assert_non_null(strstr(error.text, "/nonexistent/x.json"));
}

static void test_file(void **state)
{
    struct smew_chart *chart;
    struct smew_error error;
    char path[256];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/c.json", support_runtime_dir());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("{\"on\":{\"GO\":{},\"a.*\":{},\"*\":{},\"BE\":{}}}", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(smew_chart_load_file(path, NULL, &chart, &error), SMEW_OK);
    assert_string_equal(smew_chart_id(chart), path);
    struct smew_chart_info info = smew_chart_info(chart);
    assert_int_equal(info.states, 1);
    assert_int_equal(info.transitions, 4);
    assert_int_equal(info.events, 2);
    assert_string_equal(smew_chart_event(chart, 0), "BE");
    assert_string_equal(smew_chart_event(chart, 1), "GO");
    assert_null(smew_chart_event(chart, 2));
    smew_chart_unref(chart);
    assert_int_equal(remove(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_syntax),     SUPPORT_TEST(test_members),
        SUPPORT_TEST(test_states),     SUPPORT_TEST(test_targets),
        SUPPORT_TEST(test_behavior),   SUPPORT_TEST(test_depth),
        SUPPORT_TEST(test_huge_names), SUPPORT_TEST(test_deep_guards_and_values),
        SUPPORT_TEST(test_arguments),  SUPPORT_TEST(test_missing_names_may_pass),
        SUPPORT_TEST(test_file),       SUPPORT_TEST(test_missing_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
