/* SPDX-License-Identifier: MIT */

/*
 * What a chart knows of its events and transitions before any machine runs.
 *
 * A *plan* is what a transition changes, where no history state has a say in it: its reach, and
 * the states that it enters, the same for every machine and every time.  A machine that does not
 * run finds it out, by the engine's own functions; so there is one place that says what a
 * transition enters.  One that comes by a history state has none, and neither has any in a chart
 * whose plans would take too much: the engine then finds it out each time.
 *
 * The *index* finds an event by its name: open addressing with a hash that takes eight bytes at a
 * time, since every event asks, and with names in a quarter of the places, since there are few.
 *
 * What is *wanted* in a state are the events that it or a state around it has a row for.  A leaf
 * that wants nothing of an event asks nobody.
 *
 * Failure modes: no memory fails the load.
 */

#include "chart/plan.h"

#include <string.h>

#include "base/alloc.h"
#include "chart/machine.h"

enum { PLANS_MOST_BYTES = 1 << 20, WANTED_MOST_BYTES = 1 << 16, INDEX_SHARE = 4 };

/* ---- plans --------------------------------------------------------------------------- */

static void plan_one(struct smew_machine *machine, struct smew__transition *transition,
                     uint64_t *sets)
{
    size_t words = smew__words(machine);

    machine->recalled = false;
    smew__set_clear(machine->entries, words);
    smew__set_clear(machine->defaults, words);
    struct smew__reach reach = smew__transition_reach(machine, transition);
    smew__transition_entries(machine, transition);
    if (machine->recalled)
        return;
    smew__set_copy(sets, machine->entries, words);
    smew__set_copy(sets + words, machine->defaults, words);
    transition->first = (uint16_t)reach.first;
    transition->end = (uint16_t)reach.end;
    transition->plan = sets;
}

static bool plan_all(struct smew_chart *chart)
{
    size_t words = 2 * smew__set_words(chart->state_count);
    size_t bytes = chart->transition_count * words * sizeof *chart->plans;
    struct smew_machine *machine;

    if (bytes == 0 || bytes > PLANS_MOST_BYTES)
        return true;
    chart->plans = smew__alloc(bytes);
    machine = smew__machine_new(chart, "", NULL);
    if (chart->plans && machine)
        for (uint32_t i = 0; i < chart->transition_count; i++)
            if (chart->transitions[i].has_target)
                plan_one(machine, &chart->transitions[i], chart->plans + i * words);
    smew__machine_free(machine);
    return chart->plans && machine;
}

/* ---- the index ----------------------------------------------------------------------- */

static bool index_events(struct smew_chart *chart)
{
    uint32_t capacity = 1;

    while (capacity < chart->event_count * INDEX_SHARE)
        capacity *= 2;
    chart->index = smew__alloc(capacity * sizeof *chart->index);
    if (!chart->index)
        return false;
    chart->index_mask = capacity - 1;
    memset(chart->index, 0xff, capacity * sizeof *chart->index); /* SMEW__NONE */
    for (uint32_t i = 0; i < chart->event_count; i++) {
        uint32_t at = smew__event_hash(chart->events[i]->name, chart->events[i]->size);

        while (chart->index[at & chart->index_mask] != SMEW__NONE)
            at++;
        chart->index[at & chart->index_mask] = i;
    }
    return true;
}

/* ---- what is wanted ------------------------------------------------------------------ */

/* Has the state's own row for that event, or for a wildcard that matches it? */
static bool has_row(const struct smew_chart *chart, uint32_t state, uint32_t event)
{
    struct smew__run rows = chart->states[state].rows;

    for (; event != SMEW__NONE; event = chart->events[event]->wider)
        for (uint32_t i = rows.first; i < rows.first + rows.count; i++)
            if (chart->rows[i].event == event)
                return true;
    return false;
}

static bool list_wanted(struct smew_chart *chart)
{
    size_t words = smew__set_words(chart->event_count);
    size_t bytes = chart->state_count * words * sizeof *chart->wanted;

    if (bytes == 0 || bytes > WANTED_MOST_BYTES)
        return true;
    chart->wanted = smew__calloc(1, bytes);
    if (!chart->wanted)
        return false;
    chart->wanted_words = (uint32_t)words;
    for (uint32_t i = 0; i < chart->state_count; i++) {
        uint64_t *set = chart->wanted + i * words;

        if (i > 0) /* parents come first */
            smew__set_copy(set, chart->wanted + chart->states[i].parent * words, words);
        for (uint32_t event = 0; chart->states[i].rows.count > 0 && event < chart->event_count;
             event++)
            if (!smew__set_has(set, event) && has_row(chart, i, event))
                smew__set_add(set, event);
    }
    return true;
}

bool smew__plan(struct smew_chart *chart)
{
    return plan_all(chart) && index_events(chart) && list_wanted(chart);
}
