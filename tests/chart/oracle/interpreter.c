/* SPDX-License-Identifier: MIT */

/*
 * W3C: interpret, mainEventLoop, microstep, exitStates, executeTransitionContent, enterStates.
 *
 * A machine goes ORACLE_BEYOND what is compared when
 *  - there are too many events, timers or marks for the arrays, or it never comes to rest: SCXML
 *    has no limit of its own, and neither has a machine that goes on sending to itself;
 *  - a configuration is not legal: XState has transitions that lead to such ones.
 */

#include "tests/chart/oracle/interpreter.h"

#include <stdio.h>
#include <string.h>

enum { MACROSTEPS_MAX = 40, MICROSTEPS_MAX = 200 };

static bool is_json(const struct oracle *oracle)
{
    return oracle->sketch->language == SKETCH_JSON;
}

/* ---- queues and timers --------------------------------------------------------------- */

static void enqueue(struct oracle *oracle, struct oracle_queue *queue, const char *event)
{
    if (queue->end == ORACLE_QUEUE) {
        oracle->life = ORACLE_BEYOND;
        return;
    }
    (void)snprintf(queue->events[queue->end++].name, SKETCH_NAME, "%s", event);
}

static bool dequeue(struct oracle_queue *queue, struct oracle_event *event)
{
    if (queue->first == queue->end)
        return false;
    *event = queue->events[queue->first++];
    if (queue->first == queue->end)
        queue->first = queue->end = 0;
    return true;
}

/* W3C: all that were sent with that id are cancelled. */
static void cancel(struct oracle *oracle, const char *id)
{
    int kept = 0;

    for (int i = 0; i < oracle->timer_count; i++)
        if (!oracle->timers[i].cancellable || strcmp(oracle->timers[i].id, id) != 0)
            oracle->timers[kept++] = oracle->timers[i];
    oracle->timer_count = kept;
}

/*
 * XState has one handle for each id, that of the last timer; it is gone when any timer of that id
 * is set or fires, and those that are left can no longer be cancelled.
 */
static void forget_id(struct oracle *oracle, const char *id)
{
    for (int i = 0; i < oracle->timer_count && is_json(oracle); i++)
        if (strcmp(oracle->timers[i].id, id) == 0)
            oracle->timers[i].cancellable = false;
}

static void schedule(struct oracle *oracle, const char *id, const char *event, int delay_ms)
{
    struct oracle_timer *timer = &oracle->timers[oracle->timer_count];

    if (oracle->timer_count == ORACLE_TIMERS) {
        oracle->life = ORACLE_BEYOND;
        return;
    }
    forget_id(oracle, id);
    (void)snprintf(timer->event.name, SKETCH_NAME, "%s", event);
    (void)snprintf(timer->id, SKETCH_NAME, "%s", id);
    timer->due_ms = oracle->now_ms + (uint64_t)delay_ms;
    timer->cancellable = true;
    timer->order = oracle->timer_order++;
    oracle->timer_count++;
}

/* ---- actions ------------------------------------------------------------------------- */

static void write_mark(struct oracle *oracle, const struct sketch_action *action)
{
    struct oracle_log *log = oracle->log;
    size_t left = sizeof log->text - log->size;
    int size;

    if (!oracle_condition(oracle, action->guard))
        return;
    size = snprintf(log->text + log->size, left, "%c%d%s%s ", action->letter, action->value,
                    is_json(oracle) ? "@" : "", is_json(oracle) ? oracle->event.name : "");
    if ((size_t)size >= left)
        oracle->life = ORACLE_BEYOND;
    else
        log->size += (size_t)size;
}

static void execute(struct oracle *oracle, const struct sketch_run *run)
{
    char id[SKETCH_NAME];

    for (int i = run->first; i < run->first + run->count; i++) {
        const struct sketch_action *action = &oracle->sketch->actions[i];

        if (action->gone)
            continue;
        (void)snprintf(id, sizeof id, "t%d", action->id);
        if (action->kind == SKETCH_MARK)
            write_mark(oracle, action);
        else if (action->kind == SKETCH_RAISE)
            enqueue(oracle, &oracle->internal, action->event);
        else if (action->kind == SKETCH_SEND)
            enqueue(oracle, &oracle->external, action->event);
        else if (action->kind == SKETCH_CANCEL)
            cancel(oracle, id);
        else if (action->kind == SKETCH_LATER)
            schedule(oracle, id, action->event, action->value);
        else if (action->kind == SKETCH_COUNT || action->kind == SKETCH_ZERO) {
            oracle->counter = action->kind == SKETCH_COUNT ? oracle->counter + 1 : 0;
            oracle->counted = true;
        }
    }
}

/* XState: `after` is a delayed event of the state's entry, one for each delay. */
static void start_timers(struct oracle *oracle, int state, bool start)
{
    const struct sketch *sketch = oracle->sketch;
    const struct sketch_run *run = &sketch->states[state].transitions;

    for (int delay_ms = 1; delay_ms <= 20; delay_ms++) {
        bool some = false;
        char name[SKETCH_NAME];

        for (int i = run->first; i < run->first + run->count; i++)
            some = some ||
                   (sketch->transitions[i].kind == SKETCH_AFTER &&
                    sketch->transitions[i].delay_ms == delay_ms && !sketch->transitions[i].gone);
        if (!some)
            continue;
        (void)snprintf(name, sizeof name, "xstate.after.%d.%s", delay_ms, sketch_name(state));
        if (start)
            schedule(oracle, name, name, delay_ms);
        else
            cancel(oracle, name);
    }
}

/* ---- final states -------------------------------------------------------------------- */

static bool is_in_final_state(const struct oracle *oracle, int state)
{
    const struct sketch *sketch = oracle->sketch;
    enum sketch_kind kind = sketch->states[state].kind;
    bool some = false;
    bool every = true;

    for (int i = state + 1; i < sketch->states[state].end; i = sketch->states[i].end) {
        if (sketch_is_history(sketch, i) || sketch->states[i].gone)
            continue;
        some = some || (sketch->states[i].kind == SKETCH_FINAL && oracle->configuration.has[i]);
        every = every && is_in_final_state(oracle, i);
    }
    if (kind == SKETCH_COMPOUND)
        return some;
    if (kind == SKETCH_PARALLEL)
        return every;
    /* XState: a final state may be a region; even one that is about to be entered counts. */
    return kind == SKETCH_FINAL;
}

static void raise_done(struct oracle *oracle, int state)
{
    char name[SKETCH_NAME];

    (void)snprintf(name, sizeof name, "%sdone.state.%s", is_json(oracle) ? "xstate." : "",
                   sketch_name(state));
    enqueue(oracle, &oracle->internal, name);
}

/*
 * The parent is done, and the grandparent, if it is a parallel state that is thereby complete.
 *
 * XState: the final state may be a region; each parallel state above is told of, up to the first
 * that is not complete; and a machine whose root is complete is done too.
 */
static void enter_final(struct oracle *oracle, int state, struct oracle_states *completed)
{
    const struct sketch *sketch = oracle->sketch;
    int above = sketch->states[state].parent;

    if (sketch->states[above].kind == SKETCH_COMPOUND) {
        raise_done(oracle, above);
        above = sketch->states[above].parent;
    }
    while (above != SKETCH_NONE && sketch->states[above].kind == SKETCH_PARALLEL &&
           !completed->has[above] && is_in_final_state(oracle, above)) {
        completed->has[above] = true;
        raise_done(oracle, above);
        above = sketch->states[above].parent;
        if (!is_json(oracle))
            break;
    }
    if (above == SKETCH_NONE)
        oracle->life = oracle->life == ORACLE_ACTIVE ? ORACLE_DONE : oracle->life;
}

/* ---- a microstep --------------------------------------------------------------------- */

static bool record_history(struct oracle *oracle, int left)
{
    const struct sketch *sketch = oracle->sketch;
    bool some = false;

    for (int i = left + 1; i < sketch->states[left].end; i = sketch->states[i].end) {
        if (!sketch_is_history(sketch, i) || sketch->states[i].gone)
            continue;
        for (int j = 0; j < sketch->state_count; j++) {
            enum sketch_kind kind = sketch->states[j].kind;
            bool atomic = kind == SKETCH_ATOMIC || kind == SKETCH_FINAL;

            oracle->history[i].has[j] =
                oracle->configuration.has[j] &&
                (sketch->states[i].kind == SKETCH_DEEP ? atomic && sketch_is_below(sketch, j, left)
                                                       : sketch->states[j].parent == left);
        }
        oracle->remembers.has[i] = true;
        some = true;
    }
    return some;
}

/* Answers whether history was written. */
static bool exit_states(struct oracle *oracle, const struct oracle_enabled *enabled)
{
    const struct sketch *sketch = oracle->sketch;
    struct oracle_states leaving = {{false}};
    bool recorded = false;

    oracle_exit_set(oracle, enabled, &leaving);
    for (int i = sketch->state_count - 1; i >= 0; i--)
        if (leaving.has[i])
            recorded = record_history(oracle, i) || recorded;
    for (int i = sketch->state_count - 1; i >= 0; i--) {
        if (!leaving.has[i])
            continue;
        execute(oracle, &sketch->states[i].leave);
        start_timers(oracle, i, false);
        oracle->configuration.has[i] = false;
    }
    return recorded;
}

static void enter_states(struct oracle *oracle, const struct oracle_entry *entry)
{
    const struct sketch *sketch = oracle->sketch;
    struct oracle_states completed = {{false}};

    for (int i = 0; i < sketch->state_count; i++) {
        const struct sketch_state *state = &sketch->states[i];

        if (!entry->states.has[i])
            continue;
        if (!oracle->configuration.has[i])
            oracle->entered[i] = ++oracle->entries;
        oracle->configuration.has[i] = true;
        execute(oracle, &state->entry);
        start_timers(oracle, i, true);
        if (entry->by_default.has[i])
            execute(oracle, &state->initial);
        if (entry->history[i])
            execute(oracle, entry->history[i]);
        if (state->kind == SKETCH_FINAL)
            enter_final(oracle, i, &completed);
    }
}

/* Each state's parent is active; of a compound state one child is, of a parallel one every. */
static bool is_legal(const struct oracle *oracle)
{
    const struct sketch *sketch = oracle->sketch;

    for (int i = 0; i < sketch->state_count; i++) {
        int children = 0;
        int active = 0;

        for (int j = i + 1; j < sketch->states[i].end; j = sketch->states[j].end) {
            children += !sketch_is_history(sketch, j) && !sketch->states[j].gone;
            active += oracle->configuration.has[j];
        }
        if (!oracle->configuration.has[i])
            children = 0;
        else if (sketch->states[i].kind == SKETCH_COMPOUND)
            children = 1;
        if (active != children)
            return false;
    }
    return true;
}

/* Answers whether it changed something, as XState counts it; if not, the order is the old one. */
static bool microstep(struct oracle *oracle, const struct oracle_enabled *enabled)
{
    const struct oracle_states before = oracle->configuration;
    uint64_t order[SKETCH_STATES];
    struct oracle_entry entry;
    bool changed;

    memcpy(order, oracle->entered, sizeof order);
    oracle->counted = false;
    changed = exit_states(oracle, enabled);
    for (int i = 0; i < enabled->count; i++)
        execute(oracle, &enabled->transitions[i]->actions);
    memset(&entry, 0, sizeof entry);
    oracle_entry_set(oracle, enabled, &entry);
    enter_states(oracle, &entry);
    if (!is_legal(oracle))
        oracle->life = ORACLE_BEYOND;
    for (int i = 0; i < oracle->sketch->state_count; i++)
        changed = changed || before.has[i] != oracle->configuration.has[i];
    if (!changed)
        memcpy(oracle->entered, order, sizeof order);
    return changed || oracle->counted;
}

/* ---- the main loop ------------------------------------------------------------------- */

/* Of a machine that is done the configuration is kept, to be looked at. */
static void exit_interpreter(struct oracle *oracle)
{
    for (int i = oracle->sketch->state_count - 1; i >= 0; i--)
        if (oracle->configuration.has[i])
            execute(oracle, &oracle->sketch->states[i].leave);
    oracle->timer_count = 0;
}

/*
 * W3C's inner loop.  XState: an eventless transition that changed nothing is not taken again
 * before the next event; and the rounds, with the one that finds nothing left to do, are limited.
 */
static void macrostep(struct oracle *oracle)
{
    int limit = is_json(oracle) ? oracle->sketch->limit : MICROSTEPS_MAX;
    bool look = true;

    for (int round = 1; oracle->life == ORACLE_ACTIVE; round++) {
        struct oracle_enabled enabled = {.count = 0};
        bool eventless;
        bool changed;

        if (round > limit) {
            oracle->life = is_json(oracle) ? ORACLE_FAILED : ORACLE_BEYOND;
            return;
        }
        if (look)
            oracle_select_eventless(oracle, &enabled);
        eventless = enabled.count > 0;
        if (!eventless) {
            if (!dequeue(&oracle->internal, &oracle->event))
                break;
            oracle_select(oracle, oracle->event.name, &enabled);
        }
        changed = microstep(oracle, &enabled);
        look = !is_json(oracle) || !eventless || changed;
    }
    if (oracle->life == ORACLE_DONE)
        exit_interpreter(oracle);
}

/* Whatever the machine sends itself is processed too.  On failure nothing but the log remains. */
static void process(struct oracle *oracle)
{
    for (int i = 0; oracle->life == ORACLE_ACTIVE; i++) {
        struct oracle_enabled enabled;
        struct oracle before;

        if (!dequeue(&oracle->external, &oracle->event))
            return;
        if (i == MACROSTEPS_MAX) {
            oracle->life = ORACLE_BEYOND;
            return;
        }
        before = *oracle;
        oracle_select(oracle, oracle->event.name, &enabled);
        (void)microstep(oracle, &enabled);
        macrostep(oracle);
        if (oracle->life == ORACLE_FAILED) {
            *oracle = before;
            oracle->life = ORACLE_FAILED;
        }
    }
}

void oracle_start(struct oracle *oracle)
{
    struct oracle before = *oracle;
    struct oracle_entry entry;

    memset(&entry, 0, sizeof entry);
    (void)snprintf(oracle->event.name, SKETCH_NAME, "xstate.init");
    oracle_initial_entry(oracle, &entry);
    enter_states(oracle, &entry);
    macrostep(oracle);
    if (oracle->life == ORACLE_FAILED) {
        *oracle = before;
        oracle->configuration.has[0] = true; /* XState: the root, which was not entered */
        oracle->life = ORACLE_FAILED;
        if (oracle->sketch->effects)
            oracle->log->size = 0;
    }
    process(oracle);
}

void oracle_send(struct oracle *oracle, const char *event)
{
    enqueue(oracle, &oracle->external, event);
    process(oracle);
}

void oracle_advance(struct oracle *oracle, uint64_t by_ms)
{
    uint64_t until_ms = oracle->now_ms + by_ms;

    while (oracle->life == ORACLE_ACTIVE && oracle->timer_count > 0) {
        int next = 0;
        struct oracle_timer timer;

        for (int i = 1; i < oracle->timer_count; i++)
            if (oracle->timers[i].due_ms < oracle->timers[next].due_ms ||
                (oracle->timers[i].due_ms == oracle->timers[next].due_ms &&
                 oracle->timers[i].order < oracle->timers[next].order))
                next = i;
        if (oracle->timers[next].due_ms > until_ms)
            break;
        oracle->now_ms = oracle->timers[next].due_ms;
        timer = oracle->timers[next];
        oracle->timers[next] = oracle->timers[--oracle->timer_count];
        forget_id(oracle, timer.id);
        oracle_send(oracle, timer.event.name);
    }
    oracle->now_ms = until_ms;
}

bool oracle_can(const struct oracle *oracle, const char *event)
{
    struct oracle_enabled enabled;

    if (oracle->life != ORACLE_ACTIVE)
        return false;
    oracle_select(oracle, event, &enabled);
    for (int i = 0; i < enabled.count; i++) {
        const struct sketch_run *run = &enabled.transitions[i]->actions;

        if (enabled.transitions[i]->target_count > 0)
            return true;
        for (int j = run->first; j < run->first + run->count; j++)
            if (!oracle->sketch->actions[j].gone)
                return true;
    }
    return false;
}
