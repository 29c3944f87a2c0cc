/* SPDX-License-Identifier: MIT */

/*
 * W3C: selectEventlessTransitions, selectTransitions, removeConflictingTransitions,
 * computeExitSet, getEffectiveTargetStates, getTransitionDomain, findLCCA.
 */

#include "tests/chart/oracle/interpreter.h"

#include <stdio.h>
#include <string.h>

static bool is_json(const struct oracle *oracle)
{
    return oracle->sketch->language == SKETCH_JSON;
}

static bool is_atomic(const struct sketch *sketch, int state)
{
    enum sketch_kind kind = sketch->states[state].kind;

    return kind == SKETCH_ATOMIC || kind == SKETCH_FINAL;
}

/* ---- conditions ---------------------------------------------------------------------- */

bool oracle_condition(const struct oracle *oracle, int guard)
{
    if (guard == SKETCH_NONE)
        return true;
    const struct sketch_guard *it = &oracle->sketch->guards[guard];

    switch (it->kind) {
    case SKETCH_IS_IN:
        return oracle->configuration.has[it->value];
    case SKETCH_IS_CONST:
        return it->value != 0;
    case SKETCH_IS_LESS:
        return oracle->counter < it->value;
    case SKETCH_IS_NOT:
        return !oracle_condition(oracle, it->left);
    case SKETCH_IS_AND:
        return oracle_condition(oracle, it->left) && oracle_condition(oracle, it->right);
    default:
        return oracle_condition(oracle, it->left) || oracle_condition(oracle, it->right);
    }
}

/* ---- descriptors --------------------------------------------------------------------- */

/* The i-th descriptor of a transition as text; false when it has no more. */
static bool descriptor_of(const struct oracle *oracle, const struct sketch_transition *transition,
                          int index, char text[SKETCH_NAME])
{
    bool first = index == 0;

    switch (transition->kind) {
    case SKETCH_ON:
        if (!transition->descriptors[index])
            return false;
        (void)snprintf(text, SKETCH_NAME, "%s", transition->descriptors[index]);
        return true;
    case SKETCH_ON_DONE:
        (void)snprintf(text, SKETCH_NAME, "%sdone.state.%s", is_json(oracle) ? "xstate." : "",
                       sketch_name(transition->done_of));
        return first;
    case SKETCH_AFTER:
        (void)snprintf(text, SKETCH_NAME, "xstate.after.%d.%s", transition->delay_ms,
                       sketch_name(transition->source));
        return first;
    default:
        return false;
    }
}

/* The event's first tokens are those. */
static bool has_tokens(const char *event, const char *tokens, size_t size)
{
    return strncmp(event, tokens, size) == 0 && (event[size] == '\0' || event[size] == '.');
}

/*
 * W3C's nameMatch: a sequence of tokens matches what begins with it; ".*" or "." at its end says
 * nothing.  XState: only "foo.*" matches what begins with "foo"; without it the whole name counts.
 */
static bool name_matches(const struct oracle *oracle, const char *descriptor, const char *event)
{
    size_t size = strlen(descriptor);
    bool starred = size > 2 && strcmp(descriptor + size - 2, ".*") == 0;

    if (strcmp(descriptor, "*") == 0)
        return true;
    if (starred)
        return has_tokens(event, descriptor, size - 2);
    if (is_json(oracle))
        return strcmp(descriptor, event) == 0;
    if (descriptor[size - 1] == '.')
        size--;
    return has_tokens(event, descriptor, size);
}

/* ---- one state's transition for an event --------------------------------------------- */

static bool is_enabled(const struct oracle *oracle, const struct sketch_transition *transition)
{
    return !transition->gone && oracle_condition(oracle, transition->guard);
}

/* W3C: the first one in document order. */
static const struct sketch_transition *first_in_order(const struct oracle *oracle, int state,
                                                      const char *event)
{
    const struct sketch_run *run = &oracle->sketch->states[state].transitions;
    char descriptor[SKETCH_NAME];

    for (int i = run->first; i < run->first + run->count; i++) {
        const struct sketch_transition *transition = &oracle->sketch->transitions[i];

        for (int j = 0; j < SKETCH_DESCRIPTORS; j++)
            if (descriptor_of(oracle, transition, j, descriptor) &&
                name_matches(oracle, descriptor, event) && is_enabled(oracle, transition))
                return transition;
    }
    return NULL;
}

/* XState: the event's own name comes first, then the longest wildcard; then document order. */
static const struct sketch_transition *best_match(const struct oracle *oracle, int state,
                                                  const char *event)
{
    const struct sketch_run *run = &oracle->sketch->states[state].transitions;
    const struct sketch_transition *best = NULL;
    size_t best_rank = 0;
    char descriptor[SKETCH_NAME];

    for (int i = run->first; i < run->first + run->count; i++) {
        const struct sketch_transition *transition = &oracle->sketch->transitions[i];
        size_t rank;

        if (!descriptor_of(oracle, transition, 0, descriptor) ||
            !name_matches(oracle, descriptor, event) || !is_enabled(oracle, transition))
            continue;
        rank = strcmp(descriptor, event) == 0 ? SKETCH_NAME : strlen(descriptor);
        if (rank > best_rank) {
            best = transition;
            best_rank = rank;
        }
    }
    return best;
}

static const struct sketch_transition *match(const struct oracle *oracle, int state,
                                             const char *event)
{
    return is_json(oracle) ? best_match(oracle, state, event)
                           : first_in_order(oracle, state, event);
}

static const struct sketch_transition *match_eventless(const struct oracle *oracle, int state)
{
    const struct sketch_run *run = &oracle->sketch->states[state].transitions;

    for (int i = run->first; i < run->first + run->count; i++) {
        const struct sketch_transition *transition = &oracle->sketch->transitions[i];

        if (transition->kind == SKETCH_ALWAYS && is_enabled(oracle, transition))
            return transition;
    }
    return NULL;
}

/* ---- where a transition leads -------------------------------------------------------- */

void oracle_effective_targets(const struct oracle *oracle, const int *targets, int count,
                              struct oracle_states *effective)
{
    const struct sketch *sketch = oracle->sketch;

    for (int i = 0; i < count; i++) {
        int target = targets[i];
        const struct sketch_state *state = &sketch->states[target];
        const struct sketch_state *parent = &sketch->states[state->parent < 0 ? 0 : state->parent];

        if (!sketch_is_history(sketch, target)) {
            effective->has[target] = true;
        } else if (oracle->remembers.has[target]) {
            for (int j = 0; j < sketch->state_count; j++)
                effective->has[j] = effective->has[j] || oracle->history[target].has[j];
        } else if (state->target_count > 0) {
            oracle_effective_targets(oracle, state->targets, state->target_count, effective);
        } else { /* XState: the parent's initial state */
            oracle_effective_targets(oracle, parent->targets, parent->target_count, effective);
        }
    }
}

/* Are the source and all the targets proper descendants of that state? */
static bool holds_all(const struct oracle *oracle, int ancestor, int source,
                      const struct oracle_states *targets)
{
    const struct sketch *sketch = oracle->sketch;

    if (!sketch_is_below(sketch, source, ancestor))
        return false;
    for (int i = 0; i < sketch->state_count; i++)
        if (targets->has[i] && !sketch_is_below(sketch, i, ancestor))
            return false;
    return true;
}

/* W3C: only compound states and the root.  XState: parallel states too. */
static int find_lcca(const struct oracle *oracle, int source, const struct oracle_states *targets)
{
    const struct sketch *sketch = oracle->sketch;

    for (int i = sketch->states[source].parent; i != SKETCH_NONE; i = sketch->states[i].parent)
        if ((is_json(oracle) || sketch->states[i].kind == SKETCH_COMPOUND) &&
            holds_all(oracle, i, source, targets))
            return i;
    return SKETCH_NONE;
}

/*
 * W3C: an internal transition of a compound state to its descendants stays in it.  XState: so does
 * any transition without `reenter`, of any state, to its descendants or to itself.
 */
int oracle_domain(const struct oracle *oracle, const struct sketch_transition *transition)
{
    const struct sketch *sketch = oracle->sketch;
    struct oracle_states targets = {{false}};
    int source = transition->source;
    bool stays =
        !transition->again && (is_json(oracle) || sketch->states[source].kind == SKETCH_COMPOUND);

    oracle_effective_targets(oracle, transition->targets, transition->target_count, &targets);
    for (int i = 0; i < sketch->state_count; i++)
        if (targets.has[i] && !sketch_is_below(sketch, i, source) &&
            !(is_json(oracle) && i == source))
            stays = false;
    return stays ? source : find_lcca(oracle, source, &targets);
}

void oracle_exit_set(const struct oracle *oracle, const struct oracle_enabled *enabled,
                     struct oracle_states *leaving)
{
    const struct sketch *sketch = oracle->sketch;

    for (int i = 0; i < enabled->count; i++) {
        const struct sketch_transition *transition = enabled->transitions[i];
        int domain;

        if (transition->target_count == 0)
            continue;
        domain = oracle_domain(oracle, transition);
        for (int j = 0; j < sketch->state_count; j++)
            if (oracle->configuration.has[j] &&
                (domain == SKETCH_NONE || sketch_is_below(sketch, j, domain)))
                leaving->has[j] = true;
    }
}

/* ---- selecting ----------------------------------------------------------------------- */

static bool leave_the_same(const struct oracle *oracle, const struct sketch_transition *one,
                           const struct sketch_transition *other)
{
    struct oracle_enabled alone[2] = {{{one}, 1}, {{other}, 1}};
    struct oracle_states leaving[2] = {{{false}}, {{false}}};

    oracle_exit_set(oracle, &alone[0], &leaving[0]);
    oracle_exit_set(oracle, &alone[1], &leaving[1]);
    for (int i = 0; i < SKETCH_STATES; i++)
        if (leaving[0].has[i] && leaving[1].has[i])
            return true;
    return false;
}

static void remove_conflicting_transitions(const struct oracle *oracle,
                                           struct oracle_enabled *enabled)
{
    struct oracle_enabled filtered = {.count = 0};

    for (int i = 0; i < enabled->count; i++) {
        const struct sketch_transition *t1 = enabled->transitions[i];
        bool removed[SKETCH_STATES] = {false};
        bool preempted = false;
        struct oracle_enabled kept = {.count = 0};

        for (int j = 0; j < filtered.count && !preempted; j++) {
            const struct sketch_transition *t2 = filtered.transitions[j];

            if (!leave_the_same(oracle, t1, t2))
                continue;
            if (sketch_is_below(oracle->sketch, t1->source, t2->source))
                removed[j] = true;
            else
                preempted = true;
        }
        if (preempted)
            continue;
        for (int j = 0; j < filtered.count; j++)
            if (!removed[j])
                kept.transitions[kept.count++] = filtered.transitions[j];
        kept.transitions[kept.count++] = t1;
        filtered = kept;
    }
    *enabled = filtered;
}

static void add_once(struct oracle_enabled *enabled, const struct sketch_transition *transition)
{
    for (int i = 0; i < enabled->count; i++)
        if (enabled->transitions[i] == transition)
            return;
    enabled->transitions[enabled->count++] = transition;
}

/* Active atomic states in document order.  XState: for `always`, in the order of their entry. */
static int atomic_states(const struct oracle *oracle, bool by_entry, int *states)
{
    int count = 0;

    for (int i = 0; i < oracle->sketch->state_count; i++) {
        int at = count;

        if (!oracle->configuration.has[i] || !is_atomic(oracle->sketch, i))
            continue;
        for (; by_entry && at > 0 && oracle->entered[states[at - 1]] > oracle->entered[i]; at--)
            states[at] = states[at - 1];
        states[at] = i;
        count++;
    }
    return count;
}

/* For each atomic state, its own or the nearest ancestor's; eventless when there is no event. */
static void select_from_leaves(const struct oracle *oracle, const char *event,
                               struct oracle_enabled *enabled)
{
    int states[SKETCH_STATES];
    int count = atomic_states(oracle, is_json(oracle), states);

    for (int i = 0; i < count; i++) {
        const struct sketch_transition *found = NULL;

        for (int j = states[i]; j != SKETCH_NONE && !found; j = oracle->sketch->states[j].parent)
            found = event ? match(oracle, j, event) : match_eventless(oracle, j);
        if (found)
            add_once(enabled, found);
    }
}

/* XState: a state is asked only when nothing below it has a transition, in any region. */
static void select_from_root(const struct oracle *oracle, int state, const char *event,
                             struct oracle_enabled *enabled)
{
    const struct sketch *sketch = oracle->sketch;
    int before = enabled->count;

    for (int i = state + 1; i < sketch->states[state].end; i = sketch->states[i].end)
        if (oracle->configuration.has[i])
            select_from_root(oracle, i, event, enabled);
    const struct sketch_transition *own =
        enabled->count == before ? match(oracle, state, event) : NULL;
    if (own)
        enabled->transitions[enabled->count++] = own;
}

void oracle_select_eventless(const struct oracle *oracle, struct oracle_enabled *enabled)
{
    enabled->count = 0;
    select_from_leaves(oracle, NULL, enabled);
    remove_conflicting_transitions(oracle, enabled);
}

void oracle_select(const struct oracle *oracle, const char *event, struct oracle_enabled *enabled)
{
    enabled->count = 0;
    if (is_json(oracle))
        select_from_root(oracle, 0, event, enabled);
    else
        select_from_leaves(oracle, event, enabled);
    remove_conflicting_transitions(oracle, enabled);
}
