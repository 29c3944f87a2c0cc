/* SPDX-License-Identifier: MIT */

#include "tests/chart/oracle/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <smew/chart.h>

enum { SHOWN = 300, NS_PER_MS = 1000000 };

struct subject {
    const struct sketch *sketch;
    struct smew_chart *chart;
    struct smew_machine *machine;
    size_t numbers[SKETCH_STATES]; /* the engine's, by the sketch's */
    struct oracle_log *log;
    uint64_t now_ms;
};

static struct oracle_log logs[2]; /* the engine's, the interpreter's */

/* ---- behaviour ----------------------------------------------------------------------- */

static void write_mark(struct oracle_log *log, const char *mark, const char *at, const char *event)
{
    size_t left = sizeof log->text - log->size;
    int size = snprintf(log->text + log->size, left, "%s%s%s ", mark, at, event);

    if ((size_t)size < left)
        log->size += (size_t)size;
}

static void mark(const struct smew_call *call)
{
    struct subject *subject = call->user;

    write_mark(subject->log, smew_value_string(smew_value_get(call->params, "id"), ""), "@",
               call->event->type);
}

static void log_mark(struct smew_machine *machine, const char *text, void *owner)
{
    struct subject *subject = owner;

    (void)machine;
    write_mark(subject->log, text, "", "");
}

static double counter(const struct smew_machine *machine)
{
    return smew_value_number(smew_value_get(smew_machine_context(machine), "x"), 0);
}

static void count(const struct smew_call *call)
{
    struct subject *subject = call->user;

    if (smew_machine_set_number(call->machine, "x", counter(call->machine) + 1) != SMEW_OK)
        write_mark(subject->log, "not counted", "", "");
}

static bool is_less(const struct smew_call *call)
{
    return counter(call->machine) < smew_value_number(smew_value_get(call->params, "value"), 0);
}

static bool is_true(const struct smew_call *call)
{
    return smew_value_bool(smew_value_get(call->params, "value"), false);
}

static struct smew_behavior behavior_of(const struct sketch *sketch)
{
    static const struct smew_named_action actions[] = {{"count", count}, {"mark", mark}};
    static const struct smew_named_guard guards[] = {{"less", is_less}, {"const", is_true}};
    struct smew_behavior behavior = SMEW_BEHAVIOR_INIT;

    behavior.actions = actions;
    behavior.action_count = sketch->effects ? 1 : 2;
    behavior.effects = actions + 1;
    behavior.effect_count = sketch->effects;
    behavior.guards = guards;
    behavior.guard_count = 2;
    return behavior;
}

static struct smew_machine_host host_of(struct subject *subject)
{
    struct smew_machine_host host = SMEW_MACHINE_HOST_INIT;

    host.log = log_mark;
    host.owner = subject;
    host.user = subject;
    return host;
}

/* ---- the engine ---------------------------------------------------------------------- */

const struct sketch_text *compare_text(const struct sketch *sketch)
{
    static struct sketch_text text;

    text.size = 0;
    if (sketch->language == SKETCH_JSON)
        sketch_print_json(sketch, &text);
    else
        sketch_print_scxml(sketch, &text);
    return &text;
}

/* The engine may have states of its own; those of the sketch have their ids. */
static bool number_states(struct subject *subject)
{
    const struct sketch *sketch = subject->sketch;
    struct smew_state state;

    for (int i = 0; i < sketch->state_count; i++)
        subject->numbers[i] = SMEW_NO_STATE;
    for (size_t i = 0; smew_chart_state(subject->chart, i, &state); i++)
        for (int j = 1; j < sketch->state_count; j++)
            if (strcmp(state.id, sketch_name(j)) == 0)
                subject->numbers[j] = i;
    subject->numbers[0] = 0;
    for (int i = 1; i < sketch->state_count; i++)
        if (!sketch->states[i].gone && subject->numbers[i] == SMEW_NO_STATE)
            return false;
    return true;
}

static bool load(struct subject *subject, struct difference *difference)
{
    const struct sketch_text *text = compare_text(subject->sketch);
    struct smew_behavior behavior = behavior_of(subject->sketch);
    struct smew_machine_host host = host_of(subject);
    struct smew_error error;
    enum smew_status status = subject->sketch->language == SKETCH_JSON
                                  ? smew_chart_load_json(text->bytes, text->size, "sketch",
                                                         &behavior, &subject->chart, &error)
                                  : smew_chart_load_scxml(text->bytes, text->size, "sketch",
                                                          &behavior, &subject->chart, &error);

    difference->step = SKETCH_NONE;
    if (status != SMEW_OK)
        (void)snprintf(difference->what, sizeof difference->what, "refused: %s", error.text);
    else if (!number_states(subject))
        (void)snprintf(difference->what, sizeof difference->what, "a state is missing");
    else if (smew_machine_create(subject->chart, "subject", &host, &subject->machine) != SMEW_OK)
        (void)snprintf(difference->what, sizeof difference->what, "no machine");
    return subject->machine != NULL;
}

static void unload(struct subject *subject)
{
    smew_machine_destroy(subject->machine);
    smew_chart_unref(subject->chart);
}

static enum smew_status do_step(struct subject *subject, const struct sketch_step *step)
{
    struct smew_event event = {.type = step->event};

    if (step->event)
        return smew_machine_send(subject->machine, &event, subject->now_ms * NS_PER_MS, NULL);
    subject->now_ms += (uint64_t)step->advance_ms;
    return smew_machine_advance(subject->machine, subject->now_ms * NS_PER_MS, NULL);
}

static bool restore(struct subject *subject, struct difference *difference)
{
    static char text[256 * 1024];
    struct smew_machine_host host = host_of(subject);
    size_t size = smew_machine_snapshot(subject->machine, text, sizeof text);
    struct smew_error error = {.text = ""};
    enum smew_status status;

    smew_machine_destroy(subject->machine);
    subject->machine = NULL;
    status = smew_machine_restore(subject->chart, "subject", &host, text, size,
                                  subject->now_ms * NS_PER_MS, &subject->machine, &error);
    if (status != SMEW_OK)
        (void)snprintf(difference->what, sizeof difference->what,
                       "not restored: %.300s from %.600s", error.text, text);
    return status == SMEW_OK;
}

/* ---- the first difference ------------------------------------------------------------ */

static bool differ(struct difference *difference, const char *what, int state, double expected,
                   double observed)
{
    if (expected == observed)
        return false;
    (void)snprintf(difference->what, sizeof difference->what,
                   "%s %s: %g is expected, the engine has %g", what,
                   state < 0 ? "" : sketch_name(state), expected, observed);
    return true;
}

static bool logs_differ(struct difference *difference)
{
    size_t same = 0;
    size_t from;

    while (same < logs[0].size && same < logs[1].size && logs[0].text[same] == logs[1].text[same])
        same++;
    if (same == logs[0].size && same == logs[1].size)
        return false;
    from = same > 100 ? same - 100 : 0;
    logs[0].text[logs[0].size] = '\0';
    logs[1].text[logs[1].size] = '\0';
    (void)snprintf(difference->what, sizeof difference->what,
                   "log, byte %zu:\n    expected %.*s\n    engine   %.*s", same, SHOWN,
                   logs[1].text + from, SHOWN, logs[0].text + from);
    return true;
}

static bool states_differ(const struct subject *subject, const struct oracle *oracle,
                          struct difference *difference)
{
    const struct sketch *sketch = subject->sketch;

    for (int i = 0; i < sketch->state_count; i++) {
        if (sketch->states[i].gone)
            continue;
        if (!sketch_is_history(sketch, i)) {
            if (differ(difference, "active", i, oracle->configuration.has[i],
                       smew_machine_active(subject->machine, subject->numbers[i])))
                return true;
            continue;
        }
        for (int j = 0; j < sketch->state_count; j++)
            if (!sketch->states[j].gone && !sketch_is_history(sketch, j) &&
                differ(difference, "history, with", j, oracle->history[i].has[j],
                       smew_machine_remembers(subject->machine, subject->numbers[i],
                                              subject->numbers[j])))
                return true;
    }
    return false;
}

/* What could happen next. */
static bool futures_differ(const struct subject *subject, const struct oracle *oracle,
                           struct difference *difference)
{
    uint64_t due_ms = UINT64_MAX;
    uint64_t due_ns = smew_machine_due_ns(subject->machine);

    for (int i = 0; i < oracle->timer_count; i++)
        if (oracle->timers[i].due_ms < due_ms)
            due_ms = oracle->timers[i].due_ms;
    if (differ(difference, "due", SKETCH_NONE, due_ms == UINT64_MAX ? -1 : (double)due_ms,
               due_ns == UINT64_MAX ? -1 : (double)due_ns / NS_PER_MS))
        return true;
    for (int i = 0; sketch_events[i]; i++) {
        struct smew_event event = {.type = sketch_events[i]};

        if (differ(difference, sketch_events[i], SKETCH_NONE, oracle_can(oracle, sketch_events[i]),
                   smew_machine_can(subject->machine, &event)))
            return true;
    }
    return false;
}

static bool machines_differ(const struct subject *subject, const struct oracle *oracle,
                            struct difference *difference)
{
    static const enum smew_life lives[] = {[ORACLE_ACTIVE] = SMEW_LIFE_ACTIVE,
                                           [ORACLE_DONE] = SMEW_LIFE_DONE,
                                           [ORACLE_FAILED] = SMEW_LIFE_FAILED};

    if (logs_differ(difference) || states_differ(subject, oracle, difference) ||
        differ(difference, "life", SKETCH_NONE, lives[oracle->life],
               smew_machine_life(subject->machine)) ||
        differ(difference, "counter", SKETCH_NONE, oracle->counter, counter(subject->machine)))
        return true;
    return oracle->life == ORACLE_ACTIVE && futures_differ(subject, oracle, difference);
}

/* ---- running ------------------------------------------------------------------------- */

static void oracle_step(struct oracle *oracle, const struct sketch_step *step)
{
    if (step->event && oracle->life == ORACLE_ACTIVE)
        oracle_send(oracle, step->event);
    else if (!step->event)
        oracle_advance(oracle, (uint64_t)step->advance_ms);
}

static bool steps_agree(struct subject *subject, struct oracle *oracle,
                        const struct sketch_script *script, bool restoring,
                        struct difference *difference)
{
    for (int i = 0; i <= script->count; i++) {
        enum smew_status status;

        logs[0].size = logs[1].size = 0;
        difference->step = i;
        if (i == 0)
            oracle_start(oracle);
        else
            oracle_step(oracle, &script->steps[i - 1]);
        if (oracle->life == ORACLE_BEYOND)
            return true;
        status = i == 0 ? smew_machine_start(subject->machine, 0, NULL)
                        : do_step(subject, &script->steps[i - 1]);
        (void)status; /* the life says the same */
        if (machines_differ(subject, oracle, difference))
            return false;
        logs[0].size = logs[1].size = 0;
        if (restoring &&
            (!restore(subject, difference) || machines_differ(subject, oracle, difference)))
            return false;
    }
    return true;
}

bool compare(const struct sketch *sketch, const struct sketch_script *script, bool restoring,
             struct difference *difference)
{
    static struct oracle oracle;
    struct subject subject = {.sketch = sketch, .log = &logs[0]};
    bool same;

    memset(&oracle, 0, sizeof oracle);
    oracle.sketch = sketch;
    oracle.log = &logs[1];
    same =
        load(&subject, difference) && steps_agree(&subject, &oracle, script, restoring, difference);
    unload(&subject);
    return same;
}

/* ---- scripts ------------------------------------------------------------------------- */

static struct sketch_step random_step(const struct oracle *oracle, struct sketch_random *random)
{
    struct sketch_step step = {.event = NULL, .advance_ms = 1 + sketch_below(random, 15)};
    int first;
    int events = 0;

    while (sketch_events[events])
        events++;
    if (sketch_chance(random, oracle->timer_count > 0 ? 35 : 4))
        return step;
    first = sketch_below(random, events);
    step.event = sketch_events[first];
    for (int i = 0; i < events && sketch_chance(random, 90); i++) {
        step.event = sketch_events[(first + i) % events];
        if (oracle_can(oracle, step.event))
            break;
    }
    return step;
}

enum oracle_life compare_make_script(const struct sketch *sketch, struct sketch_random *random,
                                     struct sketch_script *script)
{
    static struct oracle oracle;
    int wanted = 6 + sketch_below(random, SKETCH_STEPS - 5);
    enum oracle_life life;

    memset(&oracle, 0, sizeof oracle);
    oracle.sketch = sketch;
    oracle.log = &logs[1];
    logs[1].size = 0;
    script->count = 0;
    oracle_start(&oracle);
    life = oracle.life;
    while (oracle.life != ORACLE_BEYOND && script->count < wanted) {
        struct sketch_step step = random_step(&oracle, random);

        /* A little is seen of how a machine does nothing after its end. */
        if (oracle.life != ORACLE_ACTIVE && sketch_chance(random, 50))
            break;
        logs[1].size = 0;
        oracle_step(&oracle, &step);
        if (oracle.life == ORACLE_BEYOND)
            break;
        script->steps[script->count++] = step;
        life = oracle.life;
    }
    return life;
}
