/* SPDX-License-Identifier: MIT */

/*
 * Calls from inside of callbacks: each is done, waits its turn or is refused, and none pulls the
 * machine away from under whoever runs it.
 */

#include "tests/chart/kit.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* What the callbacks of a test have to do, and with what. */
struct deeds {
    struct smew_machine *machine; /* the root */
    void (*in_action)(struct deeds *deeds);
    void (*in_guard)(struct deeds *deeds);
    void (*in_start)(struct deeds *deeds);
    void (*in_stop)(struct deeds *deeds);
    uint64_t tokens[4];
    size_t started;
    unsigned stopped;
    enum smew_status status; /* of the last settling */
};

static void do_action(const struct smew_call *call)
{
    struct deeds *deeds = call->user;

    if (deeds->in_action)
        deeds->in_action(deeds);
}

static bool do_guard(const struct smew_call *call)
{
    struct deeds *deeds = call->user;

    if (deeds->in_guard)
        deeds->in_guard(deeds);
    return call->event->type[0] == 'G';
}

static void do_start(const struct smew_service *service)
{
    struct deeds *deeds = service->user;

    deeds->tokens[deeds->started++ % 4] = service->token;
    if (deeds->in_start)
        deeds->in_start(deeds);
}

static void do_stop(const struct smew_service *service)
{
    struct deeds *deeds = service->user;

    deeds->stopped++;
    if (deeds->in_stop)
        deeds->in_stop(deeds);
}

static const struct smew_named_action actions[] = {{"act", do_action}};
static const struct smew_named_guard guards[] = {{"ask", do_guard}};
static const struct smew_named_service services[] = {{"work", do_start, do_stop}};

static struct smew_chart *load(const char *text, struct smew_chart *child)
{
    const struct smew_named_chart charts[] = {{"child", child}};
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;

    behavior.actions = actions;
    behavior.action_count = 1;
    behavior.guards = guards;
    behavior.guard_count = 1;
    behavior.services = services;
    behavior.service_count = 1;
    behavior.charts = charts;
    behavior.chart_count = child ? 1 : 0;
    return kit_load_with(text, &behavior);
}

/* A started root; `child_text` may be NULL. */
static void start(struct deeds *deeds, const char *text, const char *child_text)
{
    struct smew_chart *child = child_text ? load(child_text, NULL) : NULL;
    struct smew_chart *chart = load(text, child);
    struct smew_machine_host host = SMEW_MACHINE_HOST_INIT;

    host.user = deeds;
    assert_int_equal(smew_machine_create(chart, "root", &host, &deeds->machine), SMEW_OK);
    smew_chart_unref(chart);
    smew_chart_unref(child);
    assert_int_equal(smew_machine_start(deeds->machine, 0, NULL), SMEW_OK);
}

static enum smew_status send(struct smew_machine *machine, const char *type)
{
    return smew_machine_send(machine, &(struct smew_event){.type = type}, 0, NULL);
}

/* ---- children ------------------------------------------------------------------------ */

/* A child that is sent to tells its parent, which leaves the state that the child belongs to. */
static void test_child_ends_while_it_is_sent_to(void **state)
{
    struct deeds deeds = {.started = 0};
    struct smew_child child;

    (void)state;
    start(&deeds,
          "{'initial':'a','states':{'a':{'invoke':{'src':'child','id':'kid'},'on':{'BYE':'b'}},"
          "'b':{}}}",
          "{'on':{'GO':{'actions':{'type':'@xstate.sendTo','to':'#_parent','event':{'type':"
          "'BYE'}}}}}");
    assert_true(smew_machine_child(deeds.machine, "kid", &child));
    assert_int_equal(send(child.machine, "GO"), SMEW_OK);
    assert_true(smew_machine_in(deeds.machine, "b"));
    assert_int_equal(send(deeds.machine, "GO"), SMEW_OK); /* it is not busy any more */
    smew_machine_destroy(deeds.machine);
}

/* ---- destroying ---------------------------------------------------------------------- */

static void destroy(struct deeds *deeds)
{
    smew_machine_destroy(deeds->machine);
}

static const char with_service[] =
    "{'initial':'a','states':{'a':{'invoke':{'src':'work','id':'w','onDone':'b','onError':'b'},"
    "'on':{'GO':{'actions':'act','target':'b','guard':'ask'}}},'b':{'entry':'act'}}}";

static void test_destroyed_in_an_action(void **state)
{
    int64_t live = smew__alloc_live();
    struct deeds deeds = {.in_action = destroy};

    (void)state;
    start(&deeds, with_service, NULL);
    assert_int_equal(send(deeds.machine, "GO"), SMEW_OK);
    assert_int_equal(deeds.stopped, 1);
    assert_int_equal(smew__alloc_live(), live);
}

static void test_destroyed_in_a_guard(void **state)
{
    int64_t live = smew__alloc_live();
    struct deeds deeds = {.in_guard = destroy};
    struct smew_event event = {.type = "GO"};

    (void)state;
    start(&deeds, with_service, NULL);
    assert_true(smew_machine_can(deeds.machine, &event));
    assert_int_equal(deeds.stopped, 1);
    assert_int_equal(smew__alloc_live(), live);
}

static void destroy_told(struct smew_machine *machine, const struct smew_event *event,
                         const struct smew_step *step, void *owner)
{
    (void)event;
    (void)step;
    (void)owner;
    smew_machine_destroy(machine);
}

static void test_destroyed_in_transition(void **state)
{
    int64_t live = smew__alloc_live();
    struct deeds deeds = {.started = 0};
    struct smew_watch watches[2] = {{.transition = destroy_told}, {.transition = destroy_told}};

    (void)state;
    start(&deeds, with_service, NULL);
    smew_machine_watch(deeds.machine, &watches[0]);
    smew_machine_watch(deeds.machine, &watches[1]);
    assert_int_equal(send(deeds.machine, "GO"), SMEW_OK);
    assert_int_equal(smew__alloc_live(), live);
}

/* A service that is stopped settles, or its machine is sent to, while that is being destroyed. */
static void use(struct deeds *deeds)
{
    for (size_t i = 0; i < deeds->started; i++)
        assert_true(smew_machine_settle(deeds->machine, deeds->tokens[i], false, "\"stopped\"", 0,
                                        NULL) != SMEW_OK);
    assert_int_equal(send(deeds->machine, "GO"), SMEW_BUSY);
    smew_machine_destroy(deeds->machine);
}

static void test_used_while_it_is_destroyed(void **state)
{
    int64_t live = smew__alloc_live();
    struct deeds deeds = {.in_stop = use};

    (void)state;
    start(&deeds,
          "{'initial':'a','states':{'a':{'invoke':[{'src':'work','id':'w','onError':'b'},"
          "{'src':'work','id':'v','onError':'b'}]},'b':{'invoke':[{'src':'work','id':'x'},"
          "{'src':'work','id':'y'},{'src':'work','id':'z'}]}}}",
          NULL);
    smew_machine_destroy(deeds.machine);
    assert_int_equal(deeds.stopped, 2);
    assert_int_equal(deeds.started, 2);
    assert_int_equal(smew__alloc_live(), live);
}

/* ---- stopping ------------------------------------------------------------------------ */

/* The first service that is stopped settles the other one; the machine is on its way out. */
static void settle_all(struct deeds *deeds)
{
    for (size_t i = 0; i < deeds->started; i++)
        deeds->status = smew_machine_settle(deeds->machine, deeds->tokens[i], true, NULL, 0, NULL);
}

static void test_settled_while_it_is_stopped(void **state)
{
    struct deeds deeds = {.in_stop = settle_all};

    (void)state;
    start(&deeds,
          "{'initial':'a','states':{'a':{'invoke':{'src':'child','id':'kid'},'on':{'GO':'b'}},"
          "'b':{}}}",
          "{'initial':'a','states':{'a':{'invoke':[{'src':'work','id':'v','onDone':'b'},"
          "{'src':'work','id':'w','onDone':'b'}]},'b':{'invoke':{'src':'work','id':'x'}}}}");
    assert_int_equal(deeds.started, 2);
    assert_int_equal(send(deeds.machine, "GO"), SMEW_OK);
    assert_int_equal(deeds.started, 2); /* one that is stopped begins nothing any more */
    smew_machine_destroy(deeds.machine);
}

/* ---- asking -------------------------------------------------------------------------- */

static void settle_first(struct deeds *deeds)
{
    deeds->status = smew_machine_settle(deeds->machine, deeds->tokens[0], true, NULL, 0, NULL);
}

static void raise_and_set(struct deeds *deeds)
{
    assert_int_equal(smew_machine_raise(deeds->machine, "GO"), SMEW_INVALID);
    assert_int_equal(smew_machine_set_number(deeds->machine, "n", 1), SMEW_INVALID);
}

/* Whoever asks what can happen makes nothing happen. */
static void test_asked_only(void **state)
{
    struct deeds deeds = {.in_guard = settle_first};
    struct smew_event event = {.type = "GO"};

    (void)state;
    start(&deeds, with_service, NULL);
    assert_true(smew_machine_can(deeds.machine, &event));
    assert_int_equal(deeds.status, SMEW_BUSY);
    assert_true(smew_machine_in(deeds.machine, "a"));
    deeds.in_guard = raise_and_set;
    assert_true(smew_machine_can(deeds.machine, &event));
    deeds.in_guard = NULL;
    settle_first(&deeds);
    assert_int_equal(deeds.status, SMEW_OK);
    assert_true(smew_machine_in(deeds.machine, "b"));
    smew_machine_destroy(deeds.machine);
}

/* ---- watching ------------------------------------------------------------------------ */

struct onlooker {
    struct smew_watch watch; /* first: it is found by it */
    struct deeds *deeds;
    struct onlooker *other; /* to take away, or NULL */
    unsigned told;
};

static void look(struct smew_machine *machine, const struct smew_event *event,
                 const struct smew_step *step, void *owner)
{
    struct onlooker *self = owner;

    (void)event;
    (void)step;
    self->told++;
    if (self->other) {
        smew_machine_unwatch(machine, &self->other->watch);
        free(self->other);
        self->other = NULL;
    }
}

static struct onlooker *onlooker(struct deeds *deeds)
{
    struct onlooker *made = calloc(1, sizeof *made);

    made->watch = (struct smew_watch){.transition = look, .owner = made};
    made->deeds = deeds;
    smew_machine_watch(deeds->machine, &made->watch);
    return made;
}

static void test_the_next_watch_is_taken_away(void **state)
{
    struct deeds deeds = {.started = 0};

    (void)state;
    start(&deeds, with_service, NULL);
    struct onlooker *first = onlooker(&deeds);
    first->other = onlooker(&deeds);
    struct onlooker *last = onlooker(&deeds);
    assert_int_equal(send(deeds.machine, "GO"), SMEW_OK);
    assert_int_equal(first->told, 1);
    assert_int_equal(last->told, 1);
    smew_machine_destroy(deeds.machine);
    free(first);
    free(last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_child_ends_while_it_is_sent_to),
        SUPPORT_TEST(test_destroyed_in_an_action),
        SUPPORT_TEST(test_destroyed_in_a_guard),
        SUPPORT_TEST(test_destroyed_in_transition),
        SUPPORT_TEST(test_used_while_it_is_destroyed),
        SUPPORT_TEST(test_settled_while_it_is_stopped),
        SUPPORT_TEST(test_asked_only),
        SUPPORT_TEST(test_the_next_watch_is_taken_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
