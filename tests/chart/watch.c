/* SPDX-License-Identifier: MIT */

/*
 * What a program that links smew::chart alone can see of its machines, through the public header
 * only: states, tags, meta, what can happen, history, and transitions as they happen.
 */

#include "tests/chart/kit.h"

#include <stdio.h>
#include <string.h>

static const char player[] =
    "{'id':'player','initial':'off','states':{'off':{'meta':{'light':'red'},'on':{'ON':'on.h'}},"
    "'on':{'tags':['loud','warm'],'initial':'slow','on':{'OFF':'off'},'states':{'slow':{'on':{"
    "'FAST':'fast'}},'fast':{'tags':'hot'},'h':{'type':'history'}}}}}";

/* ---- looking ------------------------------------------------------------------------- */

static size_t state_of(const struct smew_chart *chart, const char *id, struct smew_state *state)
{
    size_t i = 0;

    while (smew_chart_state(chart, i, state) && strcmp(state->id, id) != 0)
        i++;
    assert_string_equal(state->id, id);
    return i;
}

static void test_look(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = kit_start(player, &log);
    const struct smew_chart *chart = smew_machine_chart(machine);
    struct smew_event fast = {.type = "FAST"};
    struct smew_state it;
    size_t history = state_of(chart, "player.on.h", &it);
    char text[64];

    (void)state;
    assert_int_equal(it.kind, SMEW_STATE_HISTORY);
    assert_false(smew_machine_can(machine, &fast));
    assert_int_equal(kit_send(machine, "ON", NULL, NULL), SMEW_OK);
    assert_true(smew_machine_can(machine, &fast));
    assert_int_equal(kit_send(machine, "FAST", NULL, NULL), SMEW_OK);
    (void)smew_machine_state_json(machine, text, sizeof text);
    assert_string_equal(text, "{\"on\":\"fast\"}");
    assert_true(smew_machine_active(machine, state_of(chart, "player.on.fast", &it)));
    assert_string_equal(smew_value_string(smew_value_at(it.tags, 0), ""), "hot");
    assert_true(smew_machine_has_tag(machine, "hot") && smew_machine_has_tag(machine, "warm"));
    assert_false(smew_machine_has_tag(machine, "cold") || smew_machine_can(machine, &fast));
    assert_int_equal(kit_send(machine, "OFF", NULL, NULL), SMEW_OK);
    assert_true(smew_machine_remembers(machine, history, state_of(chart, "player.on.fast", &it)));
    (void)state_of(chart, "player.off", &it);
    assert_string_equal(smew_value_string(smew_value_get(it.meta, "light"), ""), "red");
    kit_stop(machine);
}

/* ---- being told ---------------------------------------------------------------------- */

static void tell(struct smew_machine *machine, const struct smew_event *event,
                 const struct smew_step *step, void *owner)
{
    char from[64];
    char to[64];

    (void)smew_machine_state_before(machine, from, sizeof from);
    (void)smew_machine_state(machine, to, sizeof to);
    kit_write(owner, "%s:%s[%s>%s%s%s]", smew_machine_id(machine), event->type, from, to,
              step->changed ? "" : "=", step->done ? "." : "");
}

struct once {
    struct smew_watch watch;
    struct kit_log *log;
};

static void tell_once(struct smew_machine *machine, const struct smew_event *event,
                      const struct smew_step *step, void *owner)
{
    struct once *once = owner;

    (void)step;
    kit_write(once->log, "once:%s", event->type);
    smew_machine_unwatch(machine, &once->watch);
}

static void test_watches(void **state)
{
    struct kit_log log;
    struct smew_machine *machine = kit_start(player, &log);
    struct once once = {.watch = {tell_once, &once, NULL}, .log = &log};
    struct smew_watch watch = {tell, &log, NULL};

    (void)state;
    smew_machine_watch(machine, &once.watch);
    smew_machine_watch(machine, &watch);
    assert_int_equal(kit_send(machine, "ON", NULL, NULL), SMEW_OK);
    kit_expect_log(&log, "once:ON self:ON[off>on.slow]");
    assert_int_equal(kit_send(machine, "FAST", NULL, NULL), SMEW_OK);
    kit_expect_log(&log, "self:FAST[on.slow>on.fast]");
    assert_int_equal(kit_send(machine, "FAST", NULL, NULL), SMEW_OK); /* nobody handles it */
    kit_expect_log(&log, "self:FAST[on.fast>on.fast=]");
    smew_machine_unwatch(machine, &watch);
    smew_machine_unwatch(machine, &watch); /* fine */
    assert_int_equal(kit_send(machine, "OFF", NULL, NULL), SMEW_OK);
    kit_expect_log(&log, "");
    kit_stop(machine);
}

static void look_back(struct smew_machine *machine, const struct smew_event *event,
                      const struct smew_step *step, void *owner)
{
    const struct smew_chart *chart = smew_machine_chart(machine);
    struct smew_state it;
    size_t off = state_of(chart, "player.off", &it);

    (void)step;
    assert_true(smew_machine_was_active(machine, off) != smew_machine_active(machine, off) ||
                strcmp(event->type, "FAST") == 0);
    assert_false(smew_machine_was_active(machine, 1000));
    kit_write(owner, "%d", smew_machine_was_active(machine, off));
}

static void test_before(void **state)
{
    struct smew_machine_host host = SMEW_MACHINE_HOST_INIT;
    struct smew_chart *chart = kit_load(player);
    struct kit_log log = {""};
    struct smew_machine *machine;
    struct smew_state it;
    char text[8] = "x";

    (void)state;
    host.transition = look_back;
    host.owner = &log;
    assert_int_equal(smew_machine_create(chart, "self", &host, &machine), SMEW_OK);
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
    assert_int_equal(kit_send(machine, "ON", NULL, NULL), SMEW_OK);
    assert_int_equal(kit_send(machine, "FAST", NULL, NULL), SMEW_OK);
    kit_expect_log(&log, "0 1 0");
    /* Out of `transition` there is no before. */
    assert_int_equal(smew_machine_state_before(machine, text, sizeof text), 0);
    assert_string_equal(text, "");
    assert_false(smew_machine_was_active(machine, state_of(chart, "player.on.slow", &it)));
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
}

/* Children tell of themselves, each of its own states; one that is done says so. */
static void test_family(void **state)
{
    static const char child_text[] =
        "{\"id\":\"kid\",\"initial\":\"a\",\"states\":{\"a\":{\"on\":{\"NEXT\":\"b\"}},\"b\":{"
        "\"type\":\"final\"}}}";
    static const char text[] =
        "{\"id\":\"m\",\"initial\":\"a\",\"states\":{\"a\":{\"invoke\":{\"src\":\"kid\",\"id\":"
        "\"k\",\"onDone\":\"b\"},\"on\":{\"GO\":{\"actions\":{\"type\":\"@xstate.sendTo\",\"to\":"
        "\"k\",\"event\":{\"type\":\"NEXT\"}}}}},\"b\":{}}}";
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;
    struct smew_machine_host host = SMEW_MACHINE_HOST_INIT;
    struct smew_named_chart charts[1] = {{"kid", NULL}};
    struct smew_chart *chart = NULL;
    struct smew_machine *machine;
    struct kit_log log = {""};

    (void)state;
    assert_int_equal(
        smew_chart_load_json(child_text, strlen(child_text), "k", NULL, &charts[0].chart, NULL),
        SMEW_OK);
    behavior.charts = charts;
    behavior.chart_count = 1;
    assert_int_equal(smew_chart_load_json(text, strlen(text), "m", &behavior, &chart, NULL),
                     SMEW_OK);
    host.transition = tell;
    host.owner = &log;
    assert_int_equal(smew_machine_create(chart, "self", &host, &machine), SMEW_OK);
    assert_int_equal(smew_machine_start(machine, 0, NULL), SMEW_OK);
    kit_expect_log(&log, "k:xstate.init[>a] self:xstate.init[>a]");
    assert_int_equal(kit_send(machine, "GO", NULL, NULL), SMEW_OK);
    kit_expect_log(&log, "k:NEXT[a>b.] self:GO[a>a=] self:xstate.done.actor.k[a>b]");
    smew_machine_destroy(machine);
    smew_chart_unref(chart);
    smew_chart_unref(charts[0].chart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_look),
        SUPPORT_TEST(test_watches),
        SUPPORT_TEST(test_before),
        SUPPORT_TEST(test_family),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
