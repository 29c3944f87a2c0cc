/* SPDX-License-Identifier: MIT */

/*
 * Snapshots: what they say, that a restored family goes on as if nothing had been, and that
 * damaged ones are refused or harmless.  chart/rehydrated does the first two for every case.
 */

#include "tests/chart/kit.h"
#include "tests/chart/mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void start_work(const struct smew_service *service)
{
    kit_write(service->user, "work+%s%u", service->id, (unsigned)service->token);
}

static void stop_work(const struct smew_service *service)
{
    kit_write(service->user, "work-%s", service->id);
}

static const struct smew_named_service services[] = {{"work", start_work, stop_work}};

static const char child_text[] =
    "{'id':'kid','initial':'a','states':{'a':{'after':{'50':'late'}},'late':{'entry':"
    "{'type':'@xstate.sendTo','to':'#_parent','event':{'type':'LATE','n':1}}}}}";

static const char parent_text[] =
    "{'id':'m','initial':'on','context':{'n':1},'states':{'on':{'initial':'b','invoke':["
    "{'src':'child','id':'kid'},{'src':'work','id':'w','onDone':'off'}],'states':{'a':{},'b':{'on':"
    "{'X':'a'}},'h':{'type':'history'}},'on':{'LATE':{'actions':'note'},'OFF':'off','TWICE':"
    "{'actions':[{'type':'@xstate.sendTo','to':'#_self','event':{'type':'LATE'}},"
    "{'type':'@xstate.sendTo','to':'#_self','event':{'type':'OFF','v':2}}]},'SET':{'actions':"
    "['add',{'type':'@xstate.raise','event':{'type':'LATE'},'delay':7,'id':'r'}]},"
    "'CANCEL':{'actions':{'type':'@xstate.cancel','id':'r'}}}},'off':{'on':{'BACK':'on.h'}}}}";

static struct smew_chart *load_quoted(const char *text, struct smew_chart *child)
{
    struct smew_named_chart charts[] = {{"child", child}};
    struct smew_behavior behavior = *kit_behavior();
    struct smew_chart *chart = NULL;
    char *json = strdup(text);
    struct smew_error error;

    for (char *at = json; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    behavior.services = services;
    behavior.service_count = 1;
    behavior.charts = charts;
    behavior.chart_count = child ? 1 : 0;
    if (smew_chart_load_json(json, strlen(json), "test", &behavior, &chart, &error) != SMEW_OK)
        fail_msg("%s", error.text);
    free(json);
    return chart;
}

static struct smew_chart *load(void)
{
    struct smew_chart *child = load_quoted(child_text, NULL);
    struct smew_chart *chart = load_quoted(parent_text, child);

    smew_chart_unref(child);
    return chart;
}

static struct smew_machine *start(struct smew_chart *chart, struct kit_log *log)
{
    struct smew_machine_host host = kit_host(log);
    struct smew_machine *machine;

    log->text[0] = '\0';
    assert_int_equal(smew_machine_create(chart, "self", &host, &machine), SMEW_OK);
    assert_int_equal(smew_machine_start(machine, 1000, NULL), SMEW_OK);
    return machine;
}

static char *snapshot(const struct smew_machine *machine)
{
    size_t size = smew_machine_snapshot(machine, NULL, 0);
    char *text = malloc(size + 1);

    assert_true(size > 0);
    assert_int_equal(smew_machine_snapshot(machine, text, size + 1), size);
    return text;
}

static struct smew_machine *restore(struct smew_chart *chart, const char *text, uint64_t now_ns,
                                    struct kit_log *log)
{
    struct smew_machine_host host = kit_host(log);
    struct smew_machine *machine = NULL;
    struct smew_error error;

    if (smew_machine_restore(chart, "self", &host, text, strlen(text), now_ns, &machine, &error) !=
        SMEW_OK)
        fail_msg("%s", error.text);
    return machine;
}

/* ---- what it says -------------------------------------------------------------------- */

static const char document[] =
    "{'smew':1,'chart':'m','serials':2,'timers':["
    "{'machine':0,'in_ns':7000000,'event':{'type':'LATE'},'to':'self','id':'r','cancellable':true},"
    "{'machine':1,'in_ns':50000000,'event':{'type':'xstate.after.50.kid.a'},'to':'self',"
    "'id':'xstate.after.50.kid.a','cancellable':true}],"
    "'machine':{'status':'active','active':['','on','on.b'],'line':['on.b'],'context':{'n':2},"
    "'children':[{'id':'kid','source':'child','serial':1,'machine':{'status':'active','active':"
    "['','a'],'line':['a'],'context':{}}},{'id':'w','source':'work','serial':2,'status':'active'}]"
    "}}";

static void expect_text(const char *text, const char *quoted)
{
    char *expected = strdup(quoted);

    for (char *at = expected; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    assert_string_equal(text, expected);
    free(expected);
}

static void test_document(void **state)
{
    struct kit_log log;
    struct smew_chart *chart = load();
    struct smew_machine *machine = start(chart, &log);
    char small[8];

    (void)state;
    assert_int_equal(kit_send(machine, "SET", NULL, NULL), SMEW_OK);
    char *text = snapshot(machine);
    expect_text(text, document);
    assert_int_equal(smew_machine_snapshot(machine, small, sizeof small), strlen(text));
    assert_string_equal(small, "{\"smew\"");
    struct smew_child child;
    assert_true(smew_machine_child(machine, "kid", &child));
    assert_int_equal(smew_machine_snapshot(child.machine, NULL, 0), 0);
    struct smew_machine *again = restore(chart, text, 77, &log);
    char *same = snapshot(again);
    assert_string_equal(same, text);
    free(same);
    free(text);
    smew_machine_destroy(again);
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
}

/* ---- going on ------------------------------------------------------------------------ */

static const char same_id_text[] =
    "{'on':{'S':{'actions':{'type':'@xstate.raise','event':{'type':'LATE'},'delay':20,'id':'t'}},"
    "'T':{'actions':{'type':'@xstate.raise','event':{'type':'SOON'},'delay':10,'id':'t'}},"
    "'C':{'actions':{'type':'@xstate.cancel','id':'t'}},'LATE':{'actions':'note'},"
    "'SOON':{'actions':'note'}}}";

/* The newer of two timers of one id has the id, also when it is due before the older one. */
static void test_same_id(void **state)
{
    struct kit_log log;
    struct smew_chart *chart = load_quoted(same_id_text, NULL);
    struct smew_machine *machine = start(chart, &log);

    (void)state;
    assert_int_equal(kit_send(machine, "S", NULL, NULL), SMEW_OK);
    assert_int_equal(kit_send(machine, "T", NULL, NULL), SMEW_OK);
    char *text = snapshot(machine);
    smew_machine_destroy(machine);
    machine = restore(chart, text, 0, &log);
    free(text);
    assert_int_equal(kit_send(machine, "C", NULL, NULL), SMEW_OK);
    assert_int_equal(smew_machine_advance(machine, 30000000, NULL), SMEW_OK);
    assert_string_equal(log.text, "LATE");
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
}

static void test_goes_on(void **state)
{
    struct kit_log log;
    struct smew_chart *chart = load();
    struct smew_machine *machine = start(chart, &log);
    struct smew_child child;

    (void)state;
    assert_int_equal(kit_send(machine, "SET", NULL, NULL), SMEW_OK);
    assert_int_equal(smew_machine_advance(machine, 3001000, NULL), SMEW_OK);
    char *text = snapshot(machine);
    smew_machine_destroy(machine);
    assert_string_equal(log.text, "work+w2 work-w");
    log.text[0] = '\0';
    machine = restore(chart, text, 1000000000, &log);
    free(text);
    assert_string_equal(log.text, "work+w2"); /* started again */
    assert_int_equal(smew_machine_due_ns(machine), 1004000000);
    assert_int_equal(smew_machine_advance(machine, 1004000000, NULL), SMEW_OK);
    assert_string_equal(log.text, "work+w2 LATE");
    assert_int_equal(smew_machine_advance(machine, 1047000000, NULL), SMEW_OK);
    assert_string_equal(log.text, "work+w2 LATE LATE{\"n\":1}");
    assert_int_equal(kit_send(machine, "SET", NULL, NULL), SMEW_OK);
    assert_int_equal(kit_send(machine, "CANCEL", NULL, NULL), SMEW_OK);
    assert_int_equal(smew_machine_due_ns(machine), UINT64_MAX);
    assert_int_equal(smew_machine_settle(machine, 2, true, NULL, 0, NULL), SMEW_OK);
    assert_true(smew_machine_in(machine, "off"));
    assert_false(smew_machine_child(machine, "kid", &child));
    text = snapshot(machine);
    smew_machine_destroy(machine);
    machine = restore(chart, text, 0, &log);
    free(text);
    assert_int_equal(kit_send(machine, "BACK", NULL, NULL), SMEW_OK);
    assert_true(smew_machine_in(machine, "on.b"));
    assert_true(smew_machine_child(machine, "kid", &child));
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
}

/* A family that has had more children than 32 bits count. */
static void test_large_serials(void **state)
{
    struct kit_log log = {""};
    struct smew_chart *chart =
        load_quoted("{'id':'m','initial':'on','states':{'on':{'invoke':{'src':'work','id':'w'},"
                    "'on':{'OFF':'off'}},'off':{'on':{'ON':'on'}}}}",
                    NULL);
    struct smew_machine *machine =
        restore(chart,
                "{\"smew\":1,\"serials\":9000000000,\"machine\":{\"status\":\"active\",\"active\":"
                "[\"\",\"on\"],\"line\":[\"on\"],\"context\":{},\"children\":[{\"id\":\"w\","
                "\"source\":\"work\",\"serial\":8999999999,\"status\":\"active\"}]}}",
                0, &log);
    struct smew_child child;

    (void)state;
    assert_int_equal(kit_send(machine, "OFF", NULL, NULL), SMEW_OK);
    assert_int_equal(kit_send(machine, "ON", NULL, NULL), SMEW_OK);
    assert_true(smew_machine_child(machine, "w", &child));
    assert_int_equal(child.token, 9000000001);
    assert_int_equal(smew_machine_settle(machine, child.token, true, NULL, 0, NULL), SMEW_OK);
    char *text = snapshot(machine);
    assert_non_null(strstr(text, "\"serials\":9000000001,"));
    free(text);
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
}

enum { KIDS = 300, SERVICES = 1000 };

/* Orphans: they may share an id. */
static char *write_many(void)
{
    char *text = malloc((size_t)KIDS * SERVICES * 100);
    unsigned serial = KIDS;
    char *at = text + sprintf(text,
                              "{'smew':1,'serials':%u,'machine':{'status':'active','active':[''],"
                              "'line':[''],'context':{},'children':[",
                              KIDS + KIDS * SERVICES);

    for (unsigned i = 0; i < KIDS; i++) {
        at += sprintf(at,
                      "%s{'id':'k','source':'child','serial':%u,'orphan':true,'machine':{"
                      "'status':'active','active':[''],'line':[''],'context':{},'children':[",
                      i ? "," : "", i + 1);
        for (unsigned j = 0; j < SERVICES; j++)
            at += sprintf(at,
                          "%s{'id':'w','source':'work','serial':%u,'orphan':true,'status':'done'}",
                          j ? "," : "", ++serial);
        at += sprintf(at, "]}}");
    }
    (void)sprintf(at, "]}}");
    for (at = text; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    return text;
}

/* Three hundred children with a thousand of their own: nobody searches all of them for each. */
static void test_many_children(void **state)
{
    struct kit_log log = {""};
    struct smew_chart *kid =
        load_quoted("{'invoke':{'src':'work','id':'w'},'on':{'X':{'actions':'note'}}}", NULL);
    struct smew_chart *chart = load_quoted("{'id':'m','invoke':{'src':'child','id':'k'}}", kid);
    char *text = write_many();
    struct smew_machine *machine = restore(chart, text, 0, &log);

    (void)state;
    assert_int_equal(smew_machine_child_count(machine), 0); /* they are not to be seen */
    free(text);
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
    smew_chart_unref(kid);
}

/* Between two events of one call: the second one waits, and is in the snapshot. */
static struct {
    char *text;
    size_t taken;
} seen;

static void take(struct smew_machine *machine, const struct smew_event *event,
                 const struct smew_step *step, void *owner)
{
    (void)step;
    (void)owner;
    if (strcmp(event->type, "TWICE") == 0 && !smew_machine_parent(machine)) {
        seen.text = snapshot(machine);
        seen.taken++;
    }
}

static void test_events_that_wait(void **state)
{
    struct kit_log log = {""};
    struct smew_chart *chart = load();
    struct smew_machine_host host = kit_host(&log);
    struct smew_machine *machine;

    (void)state;
    host.transition = take;
    seen.taken = 0;
    assert_int_equal(smew_machine_create(chart, "self", &host, &machine), SMEW_OK);
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
    assert_int_equal(kit_send(machine, "TWICE", NULL, NULL), SMEW_OK);
    assert_true(smew_machine_in(machine, "off"));
    assert_int_equal(seen.taken, 1);
    smew_machine_destroy(machine);
    log.text[0] = '\0';
    machine = restore(chart, seen.text, 0, &log);
    assert_string_equal(log.text, "work+w2 LATE work-w");
    assert_true(smew_machine_in(machine, "off"));
    free(seen.text);
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
}

static void test_ended(void **state)
{
    struct kit_log log = {""};
    struct smew_chart *chart = load_quoted("{'initial':'a','states':{'a':{'on':{'X':'b','Y':"
                                           "{'actions':{'type':'@xstate.sendTo','to':'#_kid',"
                                           "'event':{'type':'X'}}}}},'b':{'type':'final'}}}",
                                           NULL);
    const char *const events[] = {"X", "Y"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct smew_machine *machine = start(chart, &log);
        enum smew_status status = kit_send(machine, events[i], NULL, NULL);
        char *text = snapshot(machine);

        smew_machine_destroy(machine);
        machine = restore(chart, text, 0, &log);
        free(text);
        assert_int_equal(status, i ? SMEW_NO_MACHINE : SMEW_OK);
        assert_int_equal(smew_machine_life(machine), i ? SMEW_LIFE_FAILED : SMEW_LIFE_DONE);
        assert_true(smew_machine_in(machine, i ? "a" : "b"));
        assert_int_equal(kit_send(machine, "X", NULL, NULL), SMEW_STOPPED);
        smew_machine_destroy(machine);
    }
    smew_chart_unref(chart);
}

/* ---- refusals ------------------------------------------------------------------------ */

static const struct {
    const char *from; /* a piece of the document … */
    const char *to;   /* … and what stands in its place */
    const char *sentence;
    enum smew_status status;
} refusals[] = {
    {"{'smew':1,", "", "line 1, column 7: '[' or '{' expected near '\"chart\"'", SMEW_SYNTAX},
    {"'smew':1", "'smew':2", "it is of version 2, not of 1", SMEW_VERSION},
    {"'smew':1", "'smew':null", "this is none", SMEW_SYNTAX},
    {"'serials':2", "'serials':1.5", "'serials' is no number from 0 on", SMEW_SYNTAX},
    {"'serials':2", "'serials':1", "'serial' is no number from 0 on", SMEW_SYNTAX},
    {"'serial':2", "'serial':1", "two children have the serial 1", SMEW_SYNTAX},
    {"'status':'active','active':['','on'", "'status':'asleep','active':['','on'",
     "there is no status 'asleep'", SMEW_SYNTAX},
    {"'status':'active','active':['','on'", "'status':'new','active':['','on'",
     "the machine had not started", SMEW_SYNTAX},
    {"['','on','on.b']", "['','on','on.x']", "there is no state 'on.x' in 'm'", SMEW_SYNTAX},
    {"['','on','on.b']", "['','on','on.h']", "the history state 'm.on.h' is never active",
     SMEW_SYNTAX},
    {"['','on','on.b']", "['','on']", "'m' can never be in these states", SMEW_SYNTAX},
    {"['','on','on.b']", "['','on.a','on.b']", "'m' can never be in these states", SMEW_SYNTAX},
    {"'line':['on.b']", "'line':['on.a']", "'line' does not hold the active leaves", SMEW_SYNTAX},
    {"'line':['on.b']", "'line':[]", "'line' does not hold the active leaves", SMEW_SYNTAX},
    {"'context':{'n':2}", "'history':{'on.b':[]}", "there is no history state 'on.b'", SMEW_SYNTAX},
    {"'context':{'n':2}", "'history':{'on.h':['off']}", "'m.on.h' cannot remember 'm.off'",
     SMEW_SYNTAX},
    {"'source':'work'", "'source':'play'", "'m' invokes no 'play' as 'w'", SMEW_SYNTAX},
    {"'machine':0", "'machine':2", "a timer belongs to no machine", SMEW_SYNTAX},
    {"'to':'self'", "'to':'parent'", "a timer's target is no number from 0 on", SMEW_SYNTAX},
    {"'to':'self'", "'to':{'named':'x'}", "'m' never sends to 'x'", SMEW_SYNTAX},
    {"'id':'r'", "'id':'q'", "a timer's id is of no send", SMEW_SYNTAX},
    {"'type':'LATE'", "'type':'LATE','hex':'0g'", "'hex' holds more than digits", SMEW_SYNTAX},
    {"'type':'LATE'", "'type':''", "an event is damaged", SMEW_SYNTAX},
    {"'in_ns':7000000", "'in_ns':-1", "'in_ns' is no number from 0 on", SMEW_SYNTAX},
};

static void test_refusals(void **state)
{
    struct smew_chart *chart = load();

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const char *at = strstr(document, refusals[i].from);
        struct smew_machine *machine = NULL;
        struct smew_error error;
        char text[2000];
        char sentence[SMEW_ERROR_TEXT_SIZE];

        assert_non_null(at);
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - document), document,
                       refusals[i].to, at + strlen(refusals[i].from));
        for (char *byte = text; *byte; byte++)
            *byte = *byte == '\'' ? '"' : *byte;
        enum smew_status status =
            smew_machine_restore(chart, "m", NULL, text, strlen(text), 0, &machine, &error);
        assert_int_equal(status, refusals[i].status);
        assert_null(machine);
        (void)snprintf(sentence, sizeof sentence, "snapshot: %s", refusals[i].sentence);
        for (size_t j = 0; i > 0 && sentence[j]; j++)
            sentence[j] = sentence[j] == '\'' ? (error.text[j] == '"' ? '"' : '\'') : sentence[j];
        assert_string_equal(error.text, sentence);
    }
    smew_chart_unref(chart);
}

/* ---- damage -------------------------------------------------------------------------- */

static void run_for_a_while(struct smew_machine *machine)
{
    static const char *const types[] = {"X", "SET", "TWICE", "BACK", "OFF"};
    enum smew_status status = SMEW_OK;
    uint64_t now_ns = 0;

    for (size_t i = 0; status == SMEW_OK && i < sizeof types / sizeof *types; i++) {
        struct smew_event event = {.type = types[i]};

        status = smew_machine_send(machine, &event, now_ns, NULL);
        now_ns += 40000000;
        if (status == SMEW_OK)
            status = smew_machine_advance(machine, now_ns, NULL);
    }
}

static void test_mutations(void **state)
{
    struct support_random random = support_random_seeded();
    struct smew_chart *chart = load();
    unsigned restored = 0;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        size_t capacity = 2000;
        char *text = calloc(1, capacity);
        size_t size = (size_t)snprintf(text, capacity, "%s", document);
        struct kit_log log = {""};
        struct smew_machine_host host = kit_host(&log);
        struct smew_machine *machine = NULL;

        for (uint64_t i = support_random_below(&random, 3) + 1; i > 0; i--)
            size = mutate(&random, text, size, capacity);
        for (size_t i = 0; i < size; i++)
            text[i] = text[i] == '\'' ? '"' : text[i];
        text = realloc(text, size ? size : 1);
        if (smew_machine_restore(chart, "m", &host, text, size, 0, &machine, NULL) == SMEW_OK) {
            restored++;
            run_for_a_while(machine);
        }
        smew_machine_destroy(machine);
        free(text);
    }
    print_message("%u of 20000 restored\n", restored);
    assert_true(restored > 500); /* else it only tests the parser */
    smew_chart_unref(chart);
}

/* ---- no memory ----------------------------------------------------------------------- */

struct walk {
    struct smew_chart *chart;
    char *text;
};

static void restore_once(void *argument)
{
    const struct walk *walk = argument;
    struct kit_log log = {""};
    struct smew_machine_host host = kit_host(&log);
    struct smew_machine *machine = NULL;
    enum smew_status status = smew_machine_restore(walk->chart, "m", &host, walk->text,
                                                   strlen(walk->text), 0, &machine, NULL);

    if (status != SMEW_OK && status != SMEW_NO_MEMORY)
        fail_msg("%s", smew_status_name(status));
    if (machine)
        run_for_a_while(machine);
    smew_machine_destroy(machine);
}

static void test_no_memory(void **state)
{
    struct kit_log log;
    struct walk walk = {.chart = load()};
    struct smew_machine *machine = start(walk.chart, &log);

    (void)state;
    assert_int_equal(kit_send(machine, "SET", NULL, NULL), SMEW_OK);
    walk.text = snapshot(machine);
    smew_machine_destroy(machine);
    assert_true(support_walk_allocations(restore_once, &walk) > 20);
    free(walk.text);
    smew_chart_unref(walk.chart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_document),      SUPPORT_TEST(test_same_id),
        SUPPORT_TEST(test_goes_on),       SUPPORT_TEST(test_large_serials),
        SUPPORT_TEST(test_many_children), SUPPORT_TEST(test_events_that_wait),
        SUPPORT_TEST(test_ended),         SUPPORT_TEST(test_refusals),
        SUPPORT_TEST(test_mutations),     SUPPORT_TEST(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
