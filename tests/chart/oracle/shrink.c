/* SPDX-License-Identifier: MIT */

#include "tests/chart/oracle/shrink.h"

#include <string.h>

struct failing {
    struct sketch *sketch;
    struct sketch_script *script;
    bool restoring;
    struct difference *difference;
};

/* A chart that the engine refuses is no smaller example of two that run differently. */
static bool still_fails(struct failing *failing)
{
    struct difference difference = {.step = 0, .what = ""};

    if (compare(failing->sketch, failing->script, failing->restoring, &difference) ||
        (difference.step == SKETCH_NONE) != (failing->difference->step == SKETCH_NONE))
        return false;
    *failing->difference = difference;
    return true;
}

/* ---- states -------------------------------------------------------------------------- */

static bool names_it(const struct sketch *sketch, const int *targets, int count, int state)
{
    for (int i = 0; i < count; i++)
        if (targets[i] == state || sketch_is_below(sketch, targets[i], state))
            return true;
    return false;
}

static bool guard_names_it(const struct sketch *sketch, int number, int state)
{
    if (number == SKETCH_NONE)
        return false;
    const struct sketch_guard *guard = &sketch->guards[number];

    if (guard->kind == SKETCH_IS_IN)
        return guard->value == state || sketch_is_below(sketch, guard->value, state);
    return guard_names_it(sketch, guard->left, state) ||
           guard_names_it(sketch, guard->right, state);
}

/* Does anything outside of that state need it? */
static bool is_needed(const struct sketch *sketch, int state)
{
    int siblings = 0;
    int parent = sketch->states[state].parent;

    for (int i = parent + 1; i < sketch->states[parent].end; i = sketch->states[i].end)
        siblings += !sketch->states[i].gone && !sketch_is_history(sketch, i);
    if (siblings == 1 && !sketch_is_history(sketch, state))
        return true;
    for (int i = 0; i < sketch->state_count; i++) {
        const struct sketch_state *it = &sketch->states[i];

        if (!it->gone && i != state && !sketch_is_below(sketch, i, state) &&
            names_it(sketch, it->targets, it->target_count, state))
            return true;
    }
    for (int i = 0; i < sketch->action_count; i++)
        if (!sketch->actions[i].gone && guard_names_it(sketch, sketch->actions[i].guard, state))
            return true;
    for (int i = 0; i < sketch->transition_count; i++) {
        const struct sketch_transition *it = &sketch->transitions[i];
        bool inside = it->source == state || sketch_is_below(sketch, it->source, state);

        if (!it->gone && !inside &&
            (names_it(sketch, it->targets, it->target_count, state) ||
             guard_names_it(sketch, it->guard, state)))
            return true;
    }
    return false;
}

static bool drop_state(struct failing *failing, int state)
{
    struct sketch before = *failing->sketch;
    struct sketch *sketch = failing->sketch;

    if (sketch->states[state].gone || is_needed(sketch, state))
        return false;
    for (int i = state; i < sketch->states[state].end; i++)
        sketch->states[i].gone = true;
    if (still_fails(failing))
        return true;
    *failing->sketch = before;
    return false;
}

/* ---- transitions, actions, steps ----------------------------------------------------- */

static bool drop(struct failing *failing, bool *gone)
{
    if (*gone)
        return false;
    *gone = true;
    if (still_fails(failing))
        return true;
    *gone = false;
    return false;
}

static bool drop_guard(struct failing *failing, int *guard)
{
    int before = *guard;

    if (before == SKETCH_NONE)
        return false;
    *guard = SKETCH_NONE;
    if (still_fails(failing))
        return true;
    *guard = before;
    return false;
}

static bool drop_step(struct failing *failing, int step)
{
    struct sketch_script before = *failing->script;
    struct sketch_script *script = failing->script;

    memmove(&script->steps[step], &script->steps[step + 1],
            (size_t)(script->count - step - 1) * sizeof script->steps[0]);
    script->count--;
    if (still_fails(failing))
        return true;
    *script = before;
    return false;
}

static bool drop_something(struct failing *failing)
{
    struct sketch *sketch = failing->sketch;
    bool some = false;

    for (int i = failing->script->count - 1; i >= 0; i--)
        some = drop_step(failing, i) || some;
    for (int i = 0; i < sketch->transition_count; i++)
        some = drop(failing, &sketch->transitions[i].gone) || some;
    for (int i = sketch->state_count - 1; i > 0; i--)
        some = drop_state(failing, i) || some;
    for (int i = 0; i < sketch->action_count; i++)
        some = drop(failing, &sketch->actions[i].gone) || some;
    for (int i = 0; i < sketch->transition_count; i++)
        some = drop_guard(failing, &sketch->transitions[i].guard) || some;
    return some;
}

void shrink(struct sketch *sketch, struct sketch_script *script, bool restoring,
            struct difference *difference)
{
    struct failing failing = {sketch, script, restoring, difference};

    while (drop_something(&failing))
        continue;
}
