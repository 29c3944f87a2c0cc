/* SPDX-License-Identifier: MIT */

/*
 * Random charts.  They are valid: what is initial lies within, targets can all be active at once, a
 * history state is never the target of another one's default.  They are small, and full of what is
 * hard: parallel states in parallel states, history in both, transitions that cross levels and
 * meet in several regions, eventless chains, final states in regions, wildcards, forbidden
 * transitions, and events raised while states are left.
 *
 * Some of them never come to rest: an endless chart is a valid one too.
 */

#include "tests/chart/oracle/sketch.h"

#include <string.h>

enum { DEPTH_MAX = 5, CHILDREN_MAX = 4 };

struct maker {
    struct sketch *sketch;
    struct sketch_random *random;
    int budget; /* states that may still be made */
};

static bool chance(struct maker *maker, int percent)
{
    return sketch_chance(maker->random, percent);
}

static int below(struct maker *maker, int count)
{
    return sketch_below(maker->random, count);
}

static bool is_json(const struct maker *maker)
{
    return maker->sketch->language == SKETCH_JSON;
}

/* ---- states -------------------------------------------------------------------------- */

static enum sketch_kind random_kind(struct maker *maker, enum sketch_kind parent, int depth)
{
    int dice = below(maker, 100);

    if (parent == SKETCH_PARALLEL) {
        if (depth >= DEPTH_MAX || maker->budget < 2)
            return SKETCH_ATOMIC;
        if (is_json(maker) && dice < 4)
            return SKETCH_FINAL;
        return dice < 18 ? SKETCH_ATOMIC : dice < 34 ? SKETCH_PARALLEL : SKETCH_COMPOUND;
    }
    if (dice < 16)
        return SKETCH_FINAL;
    if (depth >= DEPTH_MAX || maker->budget < 3 || dice < 48)
        return SKETCH_ATOMIC;
    return dice < 74 ? SKETCH_PARALLEL : SKETCH_COMPOUND;
}

static int add_state(struct maker *maker, int parent, enum sketch_kind kind, int depth);

static void add_history(struct maker *maker, int parent)
{
    if (maker->budget > 0)
        (void)add_state(maker, parent, chance(maker, 50) ? SKETCH_SHALLOW : SKETCH_DEEP, 0);
}

/* History states stand before or behind the others. */
static void add_children(struct maker *maker, int parent, int depth)
{
    enum sketch_kind kind = maker->sketch->states[parent].kind;
    int count = 2 + below(maker, CHILDREN_MAX - 2 + (kind == SKETCH_COMPOUND));

    if (chance(maker, 20))
        add_history(maker, parent);
    for (int i = 0; i < count && (i == 0 || maker->budget > 0); i++)
        (void)add_state(maker, parent, random_kind(maker, kind, depth), depth);
    if (chance(maker, 20))
        add_history(maker, parent);
}

static int add_state(struct maker *maker, int parent, enum sketch_kind kind, int depth)
{
    struct sketch *sketch = maker->sketch;
    int number = sketch->state_count++;

    maker->budget--;
    sketch->states[number] = (struct sketch_state){.kind = kind, .parent = parent};
    if (kind == SKETCH_COMPOUND || kind == SKETCH_PARALLEL)
        add_children(maker, number, depth + 1);
    sketch->states[number].end = sketch->state_count;
    return number;
}

/* ---- targets ------------------------------------------------------------------------- */

/* To enter a history state is to enter its parent. */
static int place(const struct sketch *sketch, int target)
{
    return sketch_is_history(sketch, target) ? sketch->states[target].parent : target;
}

/* Can both be entered at once?  They must lie in two regions of one parallel state. */
static bool fit(const struct sketch *sketch, int one, int other)
{
    int a = place(sketch, one);
    int b = place(sketch, other);
    int ancestor = sketch->states[a].parent;

    if (a == b || sketch_is_below(sketch, a, b) || sketch_is_below(sketch, b, a))
        return false;
    while (!sketch_is_below(sketch, b, ancestor))
        ancestor = sketch->states[ancestor].parent;
    return sketch->states[ancestor].kind == SKETCH_PARALLEL;
}

/* A state from first to end - 1 that can be entered with those before; NONE when none was found. */
static int find_target(struct maker *maker, struct sketch_run among, bool plain, const int *others,
                       int count)
{
    for (int tries = 0; tries < 12; tries++) {
        int target = among.first + below(maker, among.count);
        bool fits = !plain || !sketch_is_history(maker->sketch, target);

        for (int i = 0; fits && i < count; i++)
            fits = fit(maker->sketch, target, others[i]);
        if (fits)
            return target;
    }
    return SKETCH_NONE;
}

/* Up to three of them, mostly one. */
static int find_targets(struct maker *maker, struct sketch_run among, bool plain, int *targets)
{
    int count = 0;
    int wanted = chance(maker, 70) ? 1 : SKETCH_TARGETS;

    while (count < wanted) {
        int target = find_target(maker, among, plain, targets, count);

        if (target == SKETCH_NONE)
            break;
        targets[count++] = target;
    }
    return count;
}

/* A child, or NONE when only history states were met. */
static int random_child(struct maker *maker, int parent)
{
    const struct sketch *sketch = maker->sketch;
    int children[SKETCH_STATES];
    int count = 0;

    for (int i = parent + 1; i < sketch->states[parent].end; i = sketch->states[i].end)
        if (!sketch_is_history(sketch, i))
            children[count++] = i;
    return count > 0 ? children[below(maker, count)] : SKETCH_NONE;
}

/* The first or the last child, if that is a history state. */
static int history_child(const struct sketch *sketch, int parent)
{
    int last = sketch->states[parent].end - 1;

    if (sketch_is_history(sketch, parent + 1))
        return parent + 1;
    return sketch->states[last].parent == parent && sketch_is_history(sketch, last) ? last
                                                                                    : SKETCH_NONE;
}

static void choose_initial(struct maker *maker, int number)
{
    struct sketch_state *state = &maker->sketch->states[number];
    int history = history_child(maker->sketch, number);

    if (!is_json(maker) && chance(maker, 35))
        state->target_count = find_targets(
            maker, (struct sketch_run){number + 1, state->end - number - 1}, true, state->targets);
    if (state->target_count > 0)
        return;
    state->targets[0] = random_child(maker, number);
    state->target_count = 1;
    if (history != SKETCH_NONE && number > 0 && chance(maker, 20))
        state->targets[0] = history;
}

/*
 * A shallow one's default is a child; JSON may do without, in a compound state that does not begin
 * with history.
 */
static void choose_default(struct maker *maker, int number)
{
    struct sketch *sketch = maker->sketch;
    struct sketch_state *state = &sketch->states[number];
    int parent = state->parent;
    struct sketch_run inside = {parent + 1, sketch->states[parent].end - parent - 1};

    if (is_json(maker) && sketch->states[parent].kind == SKETCH_COMPOUND &&
        !sketch_is_history(sketch, sketch->states[parent].targets[0]) && chance(maker, 50))
        return;
    if (state->kind == SKETCH_DEEP)
        state->target_count = find_targets(maker, inside, true, state->targets);
    if (state->target_count > 0)
        return;
    state->targets[0] = random_child(maker, parent);
    state->target_count = 1;
}

/* ---- guards and actions -------------------------------------------------------------- */

static int add_guard(struct maker *maker, int depth)
{
    struct sketch *sketch = maker->sketch;
    struct sketch_guard guard = {.left = SKETCH_NONE, .right = SKETCH_NONE};
    int dice = below(maker, depth < 2 ? 100 : 60);

    if (sketch->guard_count > SKETCH_GUARDS - 8)
        return SKETCH_NONE;
    if (dice < 10) {
        guard.kind = SKETCH_IS_CONST;
        guard.value = below(maker, 2);
    } else if (dice < 30 && is_json(maker)) {
        guard.kind = SKETCH_IS_LESS;
        guard.value = below(maker, 6);
    } else if (dice < 60) {
        guard.kind = SKETCH_IS_IN;
        do
            guard.value = below(maker, sketch->state_count);
        while (guard.value == 0 || sketch_is_history(sketch, guard.value));
    } else {
        guard.kind = dice < 76 ? SKETCH_IS_NOT : dice < 88 ? SKETCH_IS_AND : SKETCH_IS_OR;
        guard.left = add_guard(maker, depth + 1);
        if (guard.kind != SKETCH_IS_NOT)
            guard.right = add_guard(maker, depth + 1);
    }
    sketch->guards[sketch->guard_count] = guard;
    return sketch->guard_count++;
}

static const char *random_event(struct maker *maker)
{
    int count = 0;

    while (sketch_events[count])
        count++;
    return sketch_events[below(maker, count)];
}

static void add_action(struct maker *maker, struct sketch_run *run, struct sketch_action action)
{
    struct sketch *sketch = maker->sketch;

    if (sketch->action_count == SKETCH_ACTIONS)
        return;
    sketch->actions[sketch->action_count++] = action;
    run->count++;
}

static void add_mark(struct maker *maker, struct sketch_run *run, char letter, int number)
{
    struct sketch_action mark = {.kind = SKETCH_MARK, .letter = letter, .value = number};

    mark.guard = SKETCH_NONE;
    add_action(maker, run, mark);
}

/* Percent of the actions that do more than to leave a mark. */
static void add_actions(struct maker *maker, struct sketch_run *run, char letter, int number,
                        int percent)
{
    struct sketch_action more = {.guard = SKETCH_NONE};

    run->first = maker->sketch->action_count;
    add_mark(maker, run, letter, number);
    while (chance(maker, percent)) {
        int dice = below(maker, 100);

        more.event = random_event(maker);
        more.id = below(maker, 3);
        more.value = 5 * (1 + below(maker, 4));
        if (dice < 30)
            more.kind = SKETCH_RAISE;
        else if (dice < 40)
            more.kind = SKETCH_SEND;
        else if (dice < 55)
            more.kind = SKETCH_LATER;
        else if (dice < 65)
            more.kind = SKETCH_CANCEL;
        else if (is_json(maker))
            more.kind = dice < 95 ? SKETCH_COUNT : SKETCH_ZERO;
        else
            more = (struct sketch_action){
                .kind = SKETCH_MARK, .letter = '?', .value = number, .guard = add_guard(maker, 1)};
        add_action(maker, run, more);
    }
}

/* ---- transitions --------------------------------------------------------------------- */

static const char *random_descriptor(struct maker *maker)
{
    static const char *const json[] = {"A",   "B",     "C",   "A",     "B", "a", "a.b",
                                       "a.c", "a.b.c", "a.*", "a.b.*", "*", "*"};
    static const char *const scxml[] = {"A",   "B",     "C",   "A",     "B",  "a", "a.b",
                                        "a.c", "a.b.c", "a.*", "a.b.*", "a.", "*"};

    return is_json(maker) ? json[below(maker, 13)] : scxml[below(maker, 13)];
}

static void choose_trigger(struct maker *maker, struct sketch_transition *transition)
{
    const struct sketch *sketch = maker->sketch;
    enum sketch_kind kind = sketch->states[transition->source].kind;
    int dice = below(maker, 100);

    bool last = sketch->states[transition->source].end == sketch->state_count;

    if (dice < (is_json(maker) ? 14 : last ? 1 : 9)) {
        transition->kind = SKETCH_ALWAYS;
    } else if (dice < (kind == SKETCH_ATOMIC ? 17 : 40)) {
        transition->kind = SKETCH_ON_DONE;
        transition->done_of = transition->source;
        if (kind == SKETCH_ATOMIC || chance(maker, 30))
            transition->done_of = below(maker, sketch->state_count);
    } else if (dice < 52 && is_json(maker)) {
        transition->kind = SKETCH_AFTER;
        transition->delay_ms = 5 * (1 + below(maker, 4));
    } else {
        transition->kind = SKETCH_ON;
        transition->descriptors[0] = random_descriptor(maker);
        if (!is_json(maker) && chance(maker, 15))
            transition->descriptors[1] = random_descriptor(maker);
    }
}

static void choose_targets(struct maker *maker, struct sketch_transition *transition)
{
    const struct sketch *sketch = maker->sketch;
    int source = transition->source;
    struct sketch_run all = {1, sketch->state_count - 1};
    struct sketch_run inside = {source + 1, sketch->states[source].end - source - 1};
    struct sketch_run behind = {sketch->states[source].end,
                                sketch->state_count - sketch->states[source].end};
    int dice = below(maker, 100);

    /* Most of SCXML's eventless ones lead on, or few charts would come to rest. */
    if (transition->kind == SKETCH_ALWAYS && !is_json(maker) && behind.count > 0 &&
        chance(maker, 95)) {
        all = behind;
        inside.count = 0;
        dice = 99;
    }
    if (dice < 15)
        return;
    if (dice < 25 && source > 0) {
        transition->targets[0] = source;
        transition->target_count = 1;
        return;
    }
    if (dice < 60 && inside.count > 0)
        all = inside;
    transition->target_count = find_targets(maker, all, false, transition->targets);
}

/* An eventless chain that comes to its end: it counts, up to a few. */
static void bound_chain(struct maker *maker, struct sketch_transition *transition)
{
    struct sketch *sketch = maker->sketch;
    struct sketch_action count = {.kind = SKETCH_COUNT, .guard = SKETCH_NONE};

    if (sketch->guard_count == SKETCH_GUARDS)
        return;
    sketch->guards[sketch->guard_count] =
        (struct sketch_guard){SKETCH_IS_LESS, 1 + below(maker, 5), SKETCH_NONE, SKETCH_NONE};
    transition->guard = sketch->guard_count++;
    add_action(maker, &transition->actions, count);
}

static void add_transition(struct maker *maker, int source)
{
    struct sketch *sketch = maker->sketch;
    int number = sketch->transition_count;
    struct sketch_transition *transition = &sketch->transitions[number];

    if (number == SKETCH_TRANSITIONS)
        return;
    sketch->transition_count++;
    *transition = (struct sketch_transition){.source = source, .guard = SKETCH_NONE};
    choose_trigger(maker, transition);
    if (chance(maker, transition->kind == SKETCH_ALWAYS ? 88 : 25))
        transition->guard = add_guard(maker, 0);
    transition->again = chance(maker, is_json(maker) ? 30 : 60);
    if (transition->kind != SKETCH_ALWAYS && chance(maker, 8)) /* forbidden */
        return;
    if (transition->kind == SKETCH_ALWAYS && is_json(maker) && chance(maker, 30)) {
        /* It comes to rest at once, and shows at each event in which order leaves are asked. */
        transition->guard = SKETCH_NONE;
        transition->actions.first = sketch->action_count;
        add_mark(maker, &transition->actions, '~', number);
        return;
    }
    choose_targets(maker, transition);
    add_actions(maker, &transition->actions, '~', number, 22);
    if (transition->kind == SKETCH_ALWAYS && is_json(maker) && chance(maker, 75))
        bound_chain(maker, transition);
}

static void fill_state(struct maker *maker, int number)
{
    struct sketch *sketch = maker->sketch;
    struct sketch_state *state = &sketch->states[number];
    bool scxml_root = number == 0 && !is_json(maker);
    int count = below(maker, 4) + (state->kind == SKETCH_ATOMIC);

    if (state->kind == SKETCH_COMPOUND)
        choose_initial(maker, number);
    if (sketch_is_history(sketch, number))
        choose_default(maker, number);
    if (state->kind == SKETCH_COMPOUND && !scxml_root && chance(maker, 40))
        add_actions(maker, &state->initial, 'i', number, 10);
    if (!is_json(maker) && sketch_is_history(sketch, number) && chance(maker, 60))
        add_actions(maker, &state->initial, 'h', number, 10);
    if (sketch_is_history(sketch, number) || scxml_root)
        return;
    add_actions(maker, &state->entry, '+', number, 8);
    add_actions(maker, &state->leave, '-', number, 10);
    state->transitions.first = sketch->transition_count;
    for (int i = 0; i < count && state->kind != SKETCH_FINAL; i++)
        add_transition(maker, number);
    state->transitions.count = sketch->transition_count - state->transitions.first;
}

void sketch_make(struct sketch *sketch, enum sketch_language language, struct sketch_random *random)
{
    struct maker maker = {.sketch = sketch, .random = random};
    bool parallel = language == SKETCH_JSON && sketch_chance(random, 20);

    memset(sketch, 0, sizeof *sketch);
    sketch->language = language;
    sketch->limit = 20 + sketch_below(random, 40);
    sketch->effects = language == SKETCH_JSON && sketch_chance(random, 50);
    maker.budget = 4 + sketch_below(random, sketch_chance(random, 70) ? 10 : 18);
    (void)add_state(&maker, SKETCH_NONE, parallel ? SKETCH_PARALLEL : SKETCH_COMPOUND, 0);
    for (int i = 0; i < sketch->state_count; i++)
        fill_state(&maker, i);
}
