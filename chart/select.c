/* SPDX-License-Identifier: MIT */

/*
 * Which transitions are taken.
 *
 * Each active leaf asks itself and then its ancestors, the closest first; in each state the exact
 * event is asked before its wildcards, and the first candidate whose guard holds is it.  For an
 * event, a parallel state's own transitions are asked only when none of its regions has one; for
 * no event, every leaf asks all its ancestors, the leaf that was entered first before the others.
 * So XState 5 does it.
 *
 * Of two transitions that would leave the same state, the one whose source lies deeper wins, then
 * the one that came first.
 */

#include "chart/machine.h"

/* ---- candidates of one state --------------------------------------------------------- */

static bool guard_holds(struct smew_machine *machine, const struct smew__transition *transition)
{
    return transition->guard == SMEW__NONE || smew__guard_holds(machine, transition->guard);
}

/* The first of a run whose guard holds, or SMEW__NONE. */
static uint32_t first_enabled(struct smew_machine *machine, struct smew__run run)
{
    for (uint32_t i = run.first; i < run.first + run.count; i++)
        if (guard_holds(machine, &machine->chart->transitions[i]))
            return i;
    return SMEW__NONE;
}

/* The first of a state's rows that is not below the event. */
static uint32_t find_row(const struct smew_chart *chart, struct smew__run rows, uint32_t event)
{
    uint32_t low = rows.first;
    uint32_t high = rows.first + rows.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (chart->rows[middle].event < event)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t state_enabled(struct smew_machine *machine, uint32_t state)
{
    const struct smew_chart *chart = machine->chart;
    struct smew__run rows = chart->states[state].rows;
    uint32_t end = rows.first + rows.count;

    if (rows.count == 0)
        return SMEW__NONE;
    for (uint32_t event = machine->event_id; event != SMEW__NONE;
         event = chart->events[event]->wider) {
        for (uint32_t row = find_row(chart, rows, event);
             row < end && chart->rows[row].event == event; row++) {
            uint32_t found = first_enabled(machine, chart->rows[row].transitions);

            if (found != SMEW__NONE)
                return found;
            if (chart->scxml) /* the row holds what wider ones hold, in the document's order */
                return SMEW__NONE;
        }
    }
    return SMEW__NONE;
}

/* Has anybody a row for the event, from that state upwards? */
static bool is_wanted(const struct smew_machine *machine, uint32_t state)
{
    const struct smew_chart *chart = machine->chart;

    return !chart->wanted ||
           smew__set_has(chart->wanted + (size_t)state * chart->wanted_words, machine->event_id);
}

/* ---- all active leaves --------------------------------------------------------------- */

static uint32_t next_leaf(const struct smew_machine *machine, const uint64_t *set, uint32_t from)
{
    size_t words = smew__words(machine);
    uint32_t leaf = smew__set_next(set, words, from);

    while (leaf != SMEW__SET_END && !smew__set_has(machine->chart->leaves, leaf))
        leaf = smew__set_next(set, words, leaf + 1);
    return leaf;
}

/*
 * Where events look for transitions.  XState looks in the state value, which differs from the
 * active states only where those are not legal: targets that exclude each other, and a transition
 * to the history of a parallel state around it, which XState leaves and does not enter again.
 */
static const uint64_t *asked_states(struct smew_machine *machine)
{
    if (!machine->illegal)
        return machine->active;
    smew__shown_states(machine, machine->exits); /* free between microsteps */
    return machine->exits;
}

/*
 * A legal configuration has no more leaves than there is room for.  One that several targets made
 * illegal may have, and then the machine stops.
 */
static void select_one(struct smew_machine *machine, uint32_t transition)
{
    if (machine->selected_count < machine->chart->leaf_max)
        machine->selected[machine->selected_count++] = transition;
    else
        smew__machine_fail(machine, SMEW_LIMIT);
}

/* Has something inside a state been selected?  Then it was selected last. */
static bool selected_inside(const struct smew_machine *machine, uint32_t state)
{
    if (machine->selected_count == 0)
        return false;
    uint32_t last = machine->selected[machine->selected_count - 1];
    return smew__is_below(machine->chart, machine->chart->transitions[last].source, state);
}

/* May a leaf that found nothing so far ask this ancestor? */
static bool may_ask(const struct smew_machine *machine, uint32_t state, uint32_t following_leaf)
{
    if (machine->chart->states[state].kind != SMEW__PARALLEL)
        return true;
    return !smew__is_below(machine->chart, following_leaf, state) &&
           !selected_inside(machine, state);
}

static bool is_selected(const struct smew_machine *machine, uint32_t transition)
{
    for (uint32_t i = 0; i < machine->selected_count; i++)
        if (machine->selected[i] == transition)
            return true;
    return false;
}

/* W3C's: every leaf, in document order, asks itself and all its ancestors. */
static void select_scxml(struct smew_machine *machine, bool always)
{
    const struct smew__state *states = machine->chart->states;
    uint32_t leaf = next_leaf(machine, machine->active, 0);

    for (; leaf != SMEW__SET_END; leaf = next_leaf(machine, machine->active, leaf + 1)) {
        uint32_t found = SMEW__NONE;

        for (uint32_t state = leaf; state != SMEW__NO_STATE && found == SMEW__NONE;
             state = states[state].parent)
            found = always ? first_enabled(machine, states[state].always)
                           : state_enabled(machine, state);
        if (found != SMEW__NONE && !is_selected(machine, found))
            select_one(machine, found);
    }
}

void smew__select_event(struct smew_machine *machine)
{
    machine->selected_count = 0;
    if (machine->event_id == SMEW__NONE)
        return;
    if (machine->chart->scxml) {
        select_scxml(machine, false);
        return;
    }
    const uint64_t *asked = asked_states(machine);
    uint32_t leaf = next_leaf(machine, asked, 0);
    while (leaf != SMEW__SET_END) {
        uint32_t following = next_leaf(machine, asked, leaf + 1);
        uint32_t state = leaf;
        uint32_t found = SMEW__NONE;
        bool wanted = is_wanted(machine, state);

        if (wanted)
            found = state_enabled(machine, state);
        while (found == SMEW__NONE && wanted) {
            state = machine->chart->states[state].parent;
            if (state == SMEW__NO_STATE || !may_ask(machine, state, following))
                break;
            found = state_enabled(machine, state);
        }
        if (found != SMEW__NONE)
            select_one(machine, found);
        leaf = following;
    }
}

void smew__select_always(struct smew_machine *machine)
{
    const struct smew_chart *chart = machine->chart;

    machine->selected_count = 0;
    if (chart->scxml) {
        select_scxml(machine, true);
        return;
    }
    for (uint32_t i = 0; i < machine->line_count; i++) {
        uint32_t found = SMEW__NONE;

        for (uint32_t state = machine->line[i]; state != SMEW__NO_STATE && found == SMEW__NONE;
             state = chart->states[state].parent)
            found = first_enabled(machine, chart->states[state].always);
        if (found != SMEW__NONE && !is_selected(machine, found))
            select_one(machine, found);
    }
}

/* XState's `can`: a forbidden transition is found, and does nothing. */
bool smew__select_any(struct smew_machine *machine)
{
    smew__select_event(machine);
    for (uint32_t i = 0; i < machine->selected_count; i++) {
        const struct smew__transition *it = &machine->chart->transitions[machine->selected[i]];

        if (it->has_target || it->actions.count > 0)
            return true;
    }
    return false;
}

/* ---- conflicts ----------------------------------------------------------------------- */

/* Runs of descendants are nested or apart: they meet in the smaller one, where a state is active.
 */
static bool leave_the_same(struct smew_machine *machine, const struct smew__transition *a,
                           const struct smew__transition *b)
{
    struct smew__reach x;
    struct smew__reach y;

    if (!a->has_target || !b->has_target)
        return false;
    x = smew__transition_reach(machine, a);
    y = smew__transition_reach(machine, b);
    return smew__set_any(machine->active, smew__words(machine),
                         x.first > y.first ? x.first : y.first, x.end < y.end ? x.end : y.end);
}

/* Is a transition preempted by one of those kept so far? */
static bool is_preempted(struct smew_machine *machine, uint32_t number, uint32_t kept)
{
    const struct smew_chart *chart = machine->chart;
    const struct smew__transition *it = &chart->transitions[number];

    for (uint32_t i = 0; i < kept; i++) {
        const struct smew__transition *other = &chart->transitions[machine->selected[i]];

        if (leave_the_same(machine, it, other) && !smew__is_below(chart, it->source, other->source))
            return true;
    }
    return false;
}

static uint32_t drop_preempted_by(struct smew_machine *machine, uint32_t number, uint32_t kept)
{
    const struct smew_chart *chart = machine->chart;
    uint32_t left = 0;

    for (uint32_t i = 0; i < kept; i++) {
        const struct smew__transition *other = &chart->transitions[machine->selected[i]];

        if (!leave_the_same(machine, &chart->transitions[number], other))
            machine->selected[left++] = machine->selected[i];
    }
    return left;
}

void smew__select_resolve(struct smew_machine *machine)
{
    uint32_t kept = 0;

    if (machine->selected_count < 2)
        return;
    for (uint32_t i = 0; i < machine->selected_count; i++) {
        uint32_t number = machine->selected[i];

        if (is_preempted(machine, number, kept))
            continue;
        kept = drop_preempted_by(machine, number, kept);
        machine->selected[kept++] = number;
    }
    machine->selected_count = kept;
}
