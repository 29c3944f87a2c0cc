/* SPDX-License-Identifier: MIT */

/*
 * Which states a transition leaves and enters: SCXML's computeExitSet and computeEntrySet, as
 * XState 5 has them.
 *
 * A transition changes the descendants of its *domain*: of its source, if it does not re-enter
 * and all its targets lie there; otherwise of the closest state around the source and all the
 * targets.  Since descendants are a run of numbers, "around all of them" needs only the smallest
 * and the largest of them, and the exit set is the active part of a run.
 *
 * Entering adds sets until they are complete and in document order by nature; the recursion goes
 * down the tree, whose depth the loader bounds.
 */

#include "chart/machine.h"

static const struct smew__state *state_of(const struct smew_machine *machine, uint32_t state)
{
    return &machine->chart->states[state];
}

static uint16_t target_of(const struct smew_machine *machine, struct smew__run targets, uint32_t i)
{
    return machine->chart->targets[targets.first + i];
}

/* ---- domain -------------------------------------------------------------------------- */

static void cover(struct smew__reach *reach, uint32_t state)
{
    if (state < reach->first)
        reach->first = state;
    if (state > reach->end)
        reach->end = state;
}

/* Here `first` and `end` are the smallest and the largest of the states that targets stand for. */
static void cover_targets(struct smew_machine *machine, struct smew__run targets,
                          struct smew__reach *reach)
{
    size_t words = smew__words(machine);

    for (uint32_t i = 0; i < targets.count; i++) {
        uint32_t target = target_of(machine, targets, i);
        const struct smew__state *state = state_of(machine, target);

        if (state->kind != SMEW__HISTORY) {
            cover(reach, target);
            continue;
        }
        const uint64_t *set = smew__remembered(machine, state);
        uint32_t first = smew__set_next(set, words, 0);
        machine->recalled = true;
        if (first == SMEW__SET_END) {
            cover_targets(machine, state->defaults, reach);
        } else {
            cover(reach, first);
            cover(reach, smew__set_previous(set, machine->chart->state_count));
        }
    }
}

/* W3C's: only a compound state, which the root counts as, can be a domain. */
static uint32_t scxml_domain_of(const struct smew_machine *machine,
                                const struct smew__transition *transition, struct smew__reach reach)
{
    const struct smew__state *states = machine->chart->states;
    uint32_t source = transition->source;

    if (!transition->reenter && states[source].kind == SMEW__COMPOUND && reach.first > source &&
        reach.end < states[source].end)
        return source;
    cover(&reach, source);
    uint32_t around = states[reach.first].parent;
    while (around != SMEW__NO_STATE && around != 0 &&
           (reach.end >= states[around].end || states[around].kind != SMEW__COMPOUND))
        around = states[around].parent;
    return around == SMEW__NO_STATE ? 0 : around;
}

/* The domain itself, or NO_STATE: everything, the root included. */
static uint32_t domain_of(struct smew_machine *machine, const struct smew__transition *transition)
{
    const struct smew_chart *chart = machine->chart;
    uint32_t source = transition->source;
    struct smew__reach reach = {.first = UINT32_MAX, .end = 0};

    cover_targets(machine, transition->targets, &reach);
    if (chart->scxml)
        return scxml_domain_of(machine, transition, reach);
    if (!transition->reenter && reach.first >= source && reach.end < chart->states[source].end)
        return source;
    cover(&reach, source);
    uint32_t around = chart->states[reach.first].parent;
    while (around != SMEW__NO_STATE && reach.end >= chart->states[around].end)
        around = chart->states[around].parent;
    return around == SMEW__NO_STATE && !transition->reenter ? 0 : around;
}

struct smew__reach smew__transition_reach(struct smew_machine *machine,
                                          const struct smew__transition *transition)
{
    if (transition->plan)
        return (struct smew__reach){transition->first, transition->end};
    uint32_t domain = domain_of(machine, transition);
    if (domain == SMEW__NO_STATE)
        return (struct smew__reach){0, machine->chart->state_count};
    return (struct smew__reach){domain + 1, machine->chart->states[domain].end};
}

void smew__transition_exits(struct smew_machine *machine, const struct smew__transition *transition)
{
    if (!transition->has_target)
        return;
    struct smew__reach reach = smew__transition_reach(machine, transition);
    smew__set_add_range(machine->exits, machine->active, reach.first, reach.end);
}

/* ---- entering ------------------------------------------------------------------------ */

static void enter_below(struct smew_machine *machine, uint32_t number);

static void enter(struct smew_machine *machine, uint32_t state)
{
    if (state_of(machine, state)->kind != SMEW__HISTORY)
        smew__set_add(machine->entries, state);
}

static void enter_by_default(struct smew_machine *machine, uint32_t state)
{
    if (state_of(machine, state)->kind != SMEW__HISTORY) {
        smew__set_add(machine->entries, state);
        smew__set_add(machine->defaults, state);
    }
    enter_below(machine, state);
}

/* Is anything inside that region going to be entered already? */
static bool is_entered_below(const struct smew_machine *machine, uint32_t region)
{
    return smew__set_any(machine->entries, smew__words(machine), region + 1,
                         state_of(machine, region)->end);
}

/* The regions of a parallel state that no target leads into are entered by default. */
static void enter_regions(struct smew_machine *machine, uint32_t parallel, bool initial_actions)
{
    uint32_t end = state_of(machine, parallel)->end;

    for (uint32_t region = parallel + 1; region < end; region = state_of(machine, region)->end) {
        if (state_of(machine, region)->kind == SMEW__HISTORY || is_entered_below(machine, region))
            continue;
        enter(machine, region);
        if (initial_actions || machine->chart->scxml)
            smew__set_add(machine->defaults, region);
        enter_below(machine, region);
    }
}

/*
 * The states between one and an ancestor of it, which is not entered itself.  As in XState, the
 * initial actions of regions that come along do not run.
 */
static void enter_between(struct smew_machine *machine, uint32_t state, uint32_t ancestor)
{
    uint32_t at = state == ancestor ? ancestor : state_of(machine, state)->parent;

    for (; at != ancestor && at != SMEW__NO_STATE; at = state_of(machine, at)->parent) {
        enter(machine, at);
        if (state_of(machine, at)->kind == SMEW__PARALLEL)
            enter_regions(machine, at, false);
    }
}

/* What a history state stands for.  W3C runs its initial actions, XState does not. */
static void enter_for_history(struct smew_machine *machine, uint32_t state)
{
    if (machine->chart->scxml)
        enter_by_default(machine, state);
    else {
        enter(machine, state);
        enter_below(machine, state);
    }
}

static void enter_remembered(struct smew_machine *machine, uint32_t history, const uint64_t *set)
{
    size_t words = smew__words(machine);
    uint32_t parent = state_of(machine, history)->parent;
    uint32_t at;

    for (at = smew__set_next(set, words, 0); at != SMEW__SET_END;
         at = smew__set_next(set, words, at + 1))
        enter_for_history(machine, at);
    for (at = smew__set_next(set, words, 0); at != SMEW__SET_END;
         at = smew__set_next(set, words, at + 1))
        enter_between(machine, at, parent);
}

static void enter_history(struct smew_machine *machine, uint32_t history)
{
    const struct smew__state *state = state_of(machine, history);
    const uint64_t *set = smew__remembered(machine, state);

    machine->recalled = true;
    if (smew__set_next(set, smew__words(machine), 0) != SMEW__SET_END) {
        enter_remembered(machine, history, set);
        return;
    }
    smew__set_add(machine->defaults, history);
    for (uint32_t i = 0; i < state->defaults.count; i++) {
        if (state->implied)
            smew__set_add(machine->defaults, state->parent);
        enter_for_history(machine, target_of(machine, state->defaults, i));
    }
    for (uint32_t i = 0; i < state->defaults.count; i++)
        enter_between(machine, target_of(machine, state->defaults, i), state->parent);
}

/* What entering a state brings with it further down. */
static void enter_below(struct smew_machine *machine, uint32_t number)
{
    const struct smew__state *state = state_of(machine, number);

    if (state->kind == SMEW__HISTORY)
        enter_history(machine, number);
    else if (state->kind == SMEW__COMPOUND)
        enter_by_default(machine, state->initial);
    else if (state->kind == SMEW__PARALLEL)
        enter_regions(machine, number, true);
}

/* The states above one that a transition leads to, up to its domain. */
static void enter_above(struct smew_machine *machine, uint32_t state, uint32_t domain)
{
    if (state == domain)
        return;
    enter_between(machine, state, domain);
    if (domain != SMEW__NO_STATE && state_of(machine, domain)->kind == SMEW__PARALLEL)
        enter_regions(machine, domain, false);
}

/* The same for what targets stand for: history states by what they remember. */
static void enter_above_targets(struct smew_machine *machine, struct smew__run targets,
                                uint32_t domain)
{
    size_t words = smew__words(machine);

    for (uint32_t i = 0; i < targets.count; i++) {
        uint32_t target = target_of(machine, targets, i);
        const struct smew__state *state = state_of(machine, target);

        if (state->kind != SMEW__HISTORY) {
            enter_above(machine, target, domain);
            continue;
        }
        const uint64_t *set = smew__remembered(machine, state);
        uint32_t at = smew__set_next(set, words, 0);
        if (at == SMEW__SET_END)
            enter_above_targets(machine, state->defaults, domain);
        for (; at != SMEW__SET_END; at = smew__set_next(set, words, at + 1))
            enter_above(machine, at, domain);
    }
}

/* A plan holds where nothing in its reach is entered yet: nothing else says what comes along. */
static bool enter_by_plan(struct smew_machine *machine, const struct smew__transition *transition)
{
    size_t words = smew__words(machine);

    if (!transition->plan ||
        smew__set_any(machine->entries, words, transition->first, transition->end))
        return false;
    for (size_t i = 0; i < words; i++) {
        machine->entries[i] |= transition->plan[i];
        machine->defaults[i] |= transition->plan[words + i];
    }
    return true;
}

void smew__transition_entries(struct smew_machine *machine,
                              const struct smew__transition *transition)
{
    uint32_t source = transition->source;

    if (!transition->has_target || enter_by_plan(machine, transition))
        return;
    uint32_t domain = domain_of(machine, transition);
    for (uint32_t i = 0; i < transition->targets.count; i++) {
        uint32_t target = target_of(machine, transition->targets, i);
        bool stays = source == target && source == domain && !transition->reenter;

        if (!stays && state_of(machine, target)->kind != SMEW__HISTORY) {
            smew__set_add(machine->entries, target);
            smew__set_add(machine->defaults, target);
        }
        enter_below(machine, target);
    }
    enter_above_targets(machine, transition->targets, domain);
}

void smew__initial_entries(struct smew_machine *machine)
{
    enter_by_default(machine, 0);
}
