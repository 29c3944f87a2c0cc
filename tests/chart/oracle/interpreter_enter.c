/* SPDX-License-Identifier: MIT */

/*
 * W3C: computeEntrySet, addDescendantStatesToEnter, addAncestorStatesToEnter.
 *
 * W3C runs the content of an initial transition whenever it is followed.  XState: not for states
 * that a history state stands for, and not for regions that are entered because another one is.
 * So each procedure is told by its caller whether XState would.
 */

#include "tests/chart/oracle/interpreter.h"

static void add_descendants(const struct oracle *oracle, int state, bool with_initial,
                            struct oracle_entry *entry);

static bool is_json(const struct oracle *oracle)
{
    return oracle->sketch->language == SKETCH_JSON;
}

/* Each region of a parallel state in which nothing is entered yet. */
static void add_regions(const struct oracle *oracle, int parallel, bool with_initial,
                        struct oracle_entry *entry)
{
    const struct sketch *sketch = oracle->sketch;

    for (int i = parallel + 1; i < sketch->states[parallel].end; i = sketch->states[i].end) {
        bool some = false;

        if (sketch_is_history(sketch, i) || sketch->states[i].gone)
            continue;
        for (int j = i + 1; j < sketch->states[i].end; j++)
            some = some || entry->states.has[j];
        if (!some)
            add_descendants(oracle, i, with_initial, entry);
    }
}

/* The states above `state`, up to and without `ancestor`; NONE is above the root. */
static void add_ancestors(const struct oracle *oracle, int state, int ancestor,
                          struct oracle_entry *entry)
{
    const struct sketch *sketch = oracle->sketch;

    if (state == ancestor)
        return;
    for (int i = sketch->states[state].parent; i != ancestor && i != SKETCH_NONE;
         i = sketch->states[i].parent) {
        entry->states.has[i] = true;
        if (sketch->states[i].kind == SKETCH_PARALLEL)
            add_regions(oracle, i, false, entry);
    }
}

static void add_each(const struct oracle *oracle, const int *targets, int count, int ancestor,
                     bool with_initial, struct oracle_entry *entry)
{
    for (int i = 0; i < count; i++)
        add_descendants(oracle, targets[i], with_initial, entry);
    for (int i = 0; i < count; i++)
        add_ancestors(oracle, targets[i], ancestor, entry);
}

static void add_history(const struct oracle *oracle, int history, struct oracle_entry *entry)
{
    const struct sketch *sketch = oracle->sketch;
    const struct sketch_state *state = &sketch->states[history];
    const struct sketch_state *parent = &sketch->states[state->parent];

    if (oracle->remembers.has[history]) {
        for (int i = 0; i < sketch->state_count; i++)
            if (oracle->history[history].has[i])
                add_descendants(oracle, i, false, entry);
        for (int i = 0; i < sketch->state_count; i++)
            if (oracle->history[history].has[i])
                add_ancestors(oracle, i, state->parent, entry);
    } else if (state->target_count > 0) {
        entry->history[state->parent] = &state->initial;
        add_each(oracle, state->targets, state->target_count, state->parent, false, entry);
    } else { /* XState: as the parent's initial transition, with its content */
        entry->by_default.has[state->parent] = true;
        add_each(oracle, parent->targets, parent->target_count, state->parent, false, entry);
    }
}

static void add_descendants(const struct oracle *oracle, int state, bool with_initial,
                            struct oracle_entry *entry)
{
    const struct sketch_state *it = &oracle->sketch->states[state];

    if (sketch_is_history(oracle->sketch, state)) {
        add_history(oracle, state, entry);
        return;
    }
    entry->states.has[state] = true;
    if (it->kind == SKETCH_COMPOUND) {
        if (with_initial || !is_json(oracle))
            entry->by_default.has[state] = true;
        add_each(oracle, it->targets, it->target_count, state, true, entry);
    } else if (it->kind == SKETCH_PARALLEL) {
        add_regions(oracle, state, true, entry);
    }
}

/*
 * A target with what is below it.  XState: a state that targets itself and stays in itself is not
 * entered again, only what is below it; a history state that stands for it enters it all the same.
 */
static void add_target(const struct oracle *oracle, const struct sketch_transition *transition,
                       int target, int domain, struct oracle_entry *entry)
{
    bool stays = is_json(oracle) && target == transition->source && target == domain;
    bool entered = entry->states.has[target];
    bool by_default = entry->by_default.has[target];

    add_descendants(oracle, target, true, entry);
    if (stays) {
        entry->states.has[target] = entered;
        entry->by_default.has[target] = by_default;
    }
}

void oracle_initial_entry(const struct oracle *oracle, struct oracle_entry *entry)
{
    add_descendants(oracle, 0, true, entry);
}

/* XState: the domain may be a parallel state, whose other regions were left too. */
void oracle_entry_set(const struct oracle *oracle, const struct oracle_enabled *enabled,
                      struct oracle_entry *entry)
{
    const struct sketch *sketch = oracle->sketch;

    for (int i = 0; i < enabled->count; i++) {
        const struct sketch_transition *transition = enabled->transitions[i];
        struct oracle_states effective = {{false}};
        int domain;

        if (transition->target_count == 0)
            continue;
        domain = oracle_domain(oracle, transition);
        for (int j = 0; j < transition->target_count; j++)
            add_target(oracle, transition, transition->targets[j], domain, entry);
        oracle_effective_targets(oracle, transition->targets, transition->target_count, &effective);
        for (int j = 0; j < sketch->state_count; j++)
            if (effective.has[j])
                add_ancestors(oracle, j, domain, entry);
        if (domain != SKETCH_NONE && sketch->states[domain].kind == SKETCH_PARALLEL)
            add_regions(oracle, domain, false, entry);
    }
}
