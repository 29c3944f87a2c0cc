/* SPDX-License-Identifier: MIT */

/*
 * The configuration for people and for programs: dotted paths of the active leaves, XState's
 * state value as JSON, and what single states, paths and tags say.
 */

#include "chart/machine.h"

#include <string.h>

#include "chart/text.h"

/* ---- paths --------------------------------------------------------------------------- */

/* A name in a path: dots and backslashes of its own are escaped, so that it can be read back. */
static void write_name(struct smew__text *text, const char *name)
{
    const char *run = name;

    for (const char *at = name; *at; at++) {
        if (*at != '.' && *at != '\\')
            continue;
        smew__text_bytes(text, run, (size_t)(at - run));
        smew__text_bytes(text, "\\", 1);
        run = at;
    }
    smew__text_string(text, run);
}

/* From the root's child down to the state; its depth is bounded, so the way up is kept here. */
void smew__path_write(const struct smew_chart *chart, uint32_t leaf, struct smew__text *text)
{
    uint16_t way[SMEW__DEPTH_MAX + 1];
    size_t depth = 0;

    for (uint32_t at = leaf; chart->states[at].parent != SMEW__NO_STATE;
         at = chart->states[at].parent)
        way[depth++] = (uint16_t)at;
    while (depth > 0) {
        write_name(text, chart->states[way[--depth]].key);
        if (depth > 0)
            smew__text_bytes(text, ".", 1);
    }
}

size_t smew__state_write(const struct smew_chart *chart, const uint64_t *set, char *buffer,
                         size_t size_bytes)
{
    struct smew__text text = smew__text_into(buffer, size_bytes);
    size_t words = smew__set_words(chart->state_count);
    bool first = true;

    for (uint32_t at = smew__set_next(set, words, 0); at != SMEW__SET_END;
         at = smew__set_next(set, words, at + 1)) {
        if (!smew__set_has(chart->leaves, at))
            continue;
        if (!first)
            smew__text_bytes(&text, ",", 1);
        smew__path_write(chart, at, &text);
        first = false;
    }
    return text.length;
}

size_t smew_machine_state(const struct smew_machine *machine, char *buffer, size_t size_bytes)
{
    return smew__state_write(machine->chart, machine->active, buffer, size_bytes);
}

bool smew_machine_in(const struct smew_machine *machine, const char *path)
{
    uint16_t state = path ? smew__chart_path(machine->chart, 0, path) : SMEW__NO_STATE;

    return state != SMEW__NO_STATE && smew__set_has(machine->active, state);
}

/* ---- single states ------------------------------------------------------------------- */

bool smew_machine_active(const struct smew_machine *machine, size_t state)
{
    return state < machine->chart->state_count && smew__set_has(machine->active, (uint32_t)state);
}

bool smew_machine_remembers(const struct smew_machine *machine, size_t history, size_t state)
{
    const struct smew_chart *chart = machine->chart;

    return history < chart->state_count && state < chart->state_count &&
           chart->states[history].kind == SMEW__HISTORY &&
           smew__set_has(smew__remembered(machine, &chart->states[history]), (uint32_t)state);
}

static bool holds_tag(const struct smew_value *tags, const char *tag)
{
    for (size_t i = 0; i < smew_value_count(tags); i++)
        if (strcmp(smew_value_string(smew_value_at(tags, i), ""), tag) == 0)
            return true;
    return false;
}

bool smew_machine_has_tag(const struct smew_machine *machine, const char *tag)
{
    size_t words = smew__words(machine);

    for (uint32_t at = smew__set_next(machine->active, words, 0); tag && at != SMEW__SET_END;
         at = smew__set_next(machine->active, words, at + 1))
        if (holds_tag(machine->chart->states[at].tags, tag))
            return true;
    return false;
}

/* ---- XState's state value ------------------------------------------------------------ */

/*
 * A compound state's active child.  Where none is (a machine that did not get as far, or targets
 * that exclude each other), XState shows the initial one, and so does this.
 */
static uint32_t child_of(const struct smew_machine *machine, uint32_t compound)
{
    const struct smew__state *states = machine->chart->states;

    for (uint32_t child = compound + 1; child < states[compound].end; child = states[child].end)
        if (smew__set_has(machine->active, child))
            return child;
    return states[compound].initial;
}

/* Children come behind their parents, so one walk upwards finds what is added on the way. */
void smew__shown_states(const struct smew_machine *machine, uint64_t *set)
{
    const struct smew__state *states = machine->chart->states;
    size_t words = smew__words(machine);

    smew__set_clear(set, words);
    smew__set_add(set, 0);
    for (uint32_t at = 0; at != SMEW__SET_END; at = smew__set_next(set, words, at + 1)) {
        if (states[at].kind == SMEW__COMPOUND)
            smew__set_add(set, child_of(machine, at));
        for (uint32_t child = at + 1; states[at].kind == SMEW__PARALLEL && child < states[at].end;
             child = states[child].end)
            smew__set_add(set, child);
    }
}

static void write_value(const struct smew_machine *machine, uint32_t state,
                        struct smew__text *text);

static void write_member(const struct smew_machine *machine, uint32_t state,
                         struct smew__text *text)
{
    smew__text_json(text, machine->chart->states[state].key);
    smew__text_bytes(text, ":", 1);
    write_value(machine, state, text);
}

static void write_regions(const struct smew_machine *machine, uint32_t parallel,
                          struct smew__text *text)
{
    const struct smew__state *states = machine->chart->states;
    const char *separator = "";

    for (uint32_t child = parallel + 1; child < states[parallel].end; child = states[child].end) {
        if (states[child].kind == SMEW__HISTORY)
            continue;
        smew__text_string(text, separator);
        write_member(machine, child, text);
        separator = ",";
    }
}

/* Recursive: as deep as the chart.  A child that has no inside is just its name. */
static void write_value(const struct smew_machine *machine, uint32_t state, struct smew__text *text)
{
    const struct smew__state *states = machine->chart->states;
    uint32_t child = states[state].kind == SMEW__COMPOUND ? child_of(machine, state) : state;

    if (child != state &&
        (states[child].kind == SMEW__ATOMIC || states[child].kind == SMEW__FINAL)) {
        smew__text_json(text, states[child].key);
        return;
    }
    smew__text_bytes(text, "{", 1);
    if (states[state].kind == SMEW__PARALLEL)
        write_regions(machine, state, text);
    else if (child != state && states[child].kind != SMEW__HISTORY)
        write_member(machine, child, text);
    smew__text_bytes(text, "}", 1);
}

size_t smew_machine_state_json(const struct smew_machine *machine, char *buffer, size_t size_bytes)
{
    struct smew__text text = smew__text_into(buffer, size_bytes);

    write_value(machine, 0, &text);
    return text.length;
}
