/* SPDX-License-Identifier: MIT */

/*
 * The end of a load: what needs every state and every name to be known.
 *
 * The events' chains of wildcards, the messages' entries, each state's rows in order, what a final
 * state reports to its parent, the history states' places in a machine's memory and whether their
 * defaults lead anywhere, and how many leaves can be active at once.  Then the growing arrays
 * become the chart's own.
 */

#include "chart/load.h"
#include "chart/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "chart/set.h"

static uint32_t state_count(const struct smew__loader *loader)
{
    return SMEW__COUNT(loader->states, struct smew__state);
}

/* ---- events -------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool list_event_names(struct smew__loader *loader)
{
    struct smew_chart *chart = loader->chart;
    uint32_t count = SMEW__COUNT(loader->events, struct smew__event_entry *);

    chart->event_names = smew__calloc(count + 1, sizeof *chart->event_names);
    if (!chart->event_names)
        return smew__no_memory(loader);
    for (uint32_t i = 0; i < count; i++) {
        struct smew__event_entry *entry = *SMEW__AT(loader->events, struct smew__event_entry *, i);

        entry->wider = smew__chart_wildcard(
            chart, entry->name,
            entry->wildcard ? entry->size - (entry->size > 1 ? 2 : 1) : entry->size, entry->id);
        if (entry->named && !entry->wildcard)
            chart->event_names[chart->event_name_count++] = entry->name;
    }
    if (chart->event_name_count > 1)
        qsort(chart->event_names, chart->event_name_count, sizeof *chart->event_names, by_text);
    return true;
}

static void join_messages(struct smew__loader *loader)
{
    uint32_t count = SMEW__COUNT(loader->messages, struct smew__message *);

    for (uint32_t i = 0; i < count; i++) {
        struct smew__message *message = *SMEW__AT(loader->messages, struct smew__message *, i);

        message->event_id =
            smew__chart_event_id(loader->chart, message->event.type, strlen(message->event.type));
    }
}

/* Rows of the same event keep their order: the first one's candidates come first. */
static int by_event(const void *a, const void *b)
{
    const struct smew__row *x = a;
    const struct smew__row *y = b;

    if (x->event != y->event)
        return x->event < y->event ? -1 : 1;
    return x->transitions.first < y->transitions.first ? -1 : 1;
}

static void sort_rows(struct smew__loader *loader)
{
    for (uint32_t i = 0; i < state_count(loader); i++) {
        struct smew__run run = smew__loader_state(loader, i)->rows;

        if (run.count > 1)
            qsort(SMEW__AT(loader->rows, struct smew__row, run.first), run.count,
                  sizeof(struct smew__row), by_event);
    }
}

/* ---- done ---------------------------------------------------------------------------- */

/* The event's payload is {"output": …} where the final state has one. */
static bool output_payload(struct smew__loader *loader, const struct smew_value *output,
                           const char **payload)
{
    static const char before[] = "{\"output\":";
    size_t size = sizeof before + smew_value_json(output, NULL, 0) + 1;
    char *text;

    *payload = "";
    if (!output)
        return true;
    text = smew__arena_alloc(&loader->chart->arena, size);
    if (!text)
        return smew__no_memory(loader);
    memcpy(text, before, sizeof before);
    (void)smew_value_json(output, text + sizeof before - 1, size - sizeof before);
    memcpy(text + size - 2, "}", 2);
    *payload = text;
    return true;
}

static bool load_done(struct smew__loader *loader, uint32_t number)
{
    const struct smew__state *state = smew__loader_state(loader, number);
    const struct smew__state *reports = state;
    const struct smew__message *done;
    const char *payload = "";
    char name[SMEW__NAME_MAX + 32];

    if (state->kind == SMEW__FINAL) {
        if (state->parent == SMEW__NO_STATE || !output_payload(loader, state->output, &payload))
            return state->parent == SMEW__NO_STATE;
        reports = smew__loader_state(loader, state->parent);
    } else if (state->kind != SMEW__PARALLEL) {
        return true;
    }
    (void)snprintf(name, sizeof name, "%sdone.state.%s", loader->chart->scxml ? "" : "xstate.",
                   reports->id);
    if (!smew__load_message(loader, name, payload, &done))
        return false;
    smew__loader_state(loader, number)->done = done;
    return true;
}

/* ---- history ------------------------------------------------------------------------- */

/* Without a default of its own: the parent's initial child, or the parallel parent as a whole. */
static bool default_history(struct smew__loader *loader, uint32_t number)
{
    struct smew__state *state = smew__loader_state(loader, number);
    const struct smew__state *parent = smew__loader_state(loader, state->parent);
    uint16_t target = parent->kind == SMEW__PARALLEL ? state->parent : parent->initial;

    if (state->defaults.count > 0)
        return true;
    state->implied = parent->kind == SMEW__COMPOUND;
    state->defaults = (struct smew__run){SMEW__COUNT(loader->targets, uint16_t), 1};
    return smew__push(loader, &loader->targets, &target, sizeof target);
}

/* Follows defaults that are history states themselves; a circle would never end at a state. */
static bool check_history(struct smew__loader *loader, uint32_t number)
{
    uint32_t at = number;

    for (unsigned steps = 0; steps < SMEW__DEPTH_MAX; steps++) {
        const struct smew__state *state = smew__loader_state(loader, at);

        if (state->kind != SMEW__HISTORY)
            return true;
        at = *SMEW__AT(loader->targets, uint16_t, state->defaults.first);
    }
    return smew__refuse(loader, SMEW_SYNTAX,
                        SMEW__AT(loader->sources, struct smew__source, number)->json,
                        "the default of history state \"%.100s\" leads back to itself",
                        smew__loader_state(loader, number)->id);
}

static bool list_history(struct smew__loader *loader, uint32_t number)
{
    struct smew__state *it = smew__loader_state(loader, number);
    uint16_t id = (uint16_t)number;

    it->slot = (uint16_t)loader->chart->history_count++;
    return smew__push(loader, &loader->histories, &id, sizeof id) &&
           default_history(loader, number);
}

/* Those that only stand for an initial transition come behind the run: they remember nothing. */
static bool list_histories(struct smew__loader *loader, uint32_t number)
{
    struct smew__run run = {.first = SMEW__COUNT(loader->histories, uint16_t)};
    uint32_t end = smew__loader_state(loader, number)->end;

    for (int pseudo = 0; pseudo < 2; pseudo++) {
        for (uint32_t child = number + 1; child < end;
             child = smew__loader_state(loader, child)->end) {
            const struct smew__state *it = smew__loader_state(loader, child);

            if (it->kind != SMEW__HISTORY || it->pseudo != (pseudo == 1))
                continue;
            run.count += pseudo == 0;
            if (!list_history(loader, child))
                return false;
        }
    }
    smew__loader_state(loader, number)->histories = run;
    return true;
}

/* Each history state remembers a set of states, in every machine. */
static bool check_memory(struct smew__loader *loader)
{
    size_t words = smew__set_words(state_count(loader));

    return loader->chart->history_count * words <= SMEW__HISTORY_WORDS_MAX ||
           smew__refuse(loader, SMEW_LIMIT, SMEW__AT(loader->sources, struct smew__source, 0)->json,
                        "%u history states among %u states are too many",
                        loader->chart->history_count, state_count(loader));
}

static bool load_histories(struct smew__loader *loader)
{
    for (uint32_t i = 0; i < state_count(loader); i++)
        if (!list_histories(loader, i))
            return false;
    for (uint32_t i = 0; i < state_count(loader); i++)
        if (smew__loader_state(loader, i)->kind == SMEW__HISTORY && !check_history(loader, i))
            return false;
    return check_memory(loader);
}

/* ---- leaves -------------------------------------------------------------------------- */

/* From the last state to the first, so that children come before their parents. */
static bool count_leaves(struct smew__loader *loader)
{
    struct smew_chart *chart = loader->chart;
    uint32_t count = state_count(loader);
    uint32_t *leaves = smew__calloc(count, sizeof *leaves);

    chart->leaves = smew__calloc(smew__set_words(count), sizeof *chart->leaves);
    if (!leaves || !chart->leaves) {
        smew__free(leaves);
        return smew__no_memory(loader);
    }
    for (uint32_t i = count; i-- > 0;) {
        const struct smew__state *state = smew__loader_state(loader, i);

        if (leaves[i] == 0 && state->kind != SMEW__HISTORY) {
            leaves[i] = 1;
            smew__set_add(chart->leaves, i);
        }
        if (state->parent == SMEW__NO_STATE)
            break;
        uint32_t *sum = &leaves[state->parent];
        if (smew__loader_state(loader, state->parent)->kind == SMEW__PARALLEL)
            *sum += leaves[i];
        else if (*sum < leaves[i])
            *sum = leaves[i];
    }
    chart->leaf_max = chart->overlapping ? count : leaves[0];
    smew__free(leaves);
    return true;
}

/* ---- arrays -------------------------------------------------------------------------- */

/* The buffer's memory becomes the caller's. */
static void *take(struct smew__buffer *buffer)
{
    void *data = buffer->data;

    smew__buffer_init(buffer);
    return data;
}

static void take_arrays(struct smew__loader *loader)
{
    struct smew_chart *chart = loader->chart;

    chart->state_count = state_count(loader);
    chart->transition_count = SMEW__COUNT(loader->transitions, struct smew__transition);
    chart->event_count = SMEW__COUNT(loader->events, struct smew__event_entry *);
    chart->action_count = SMEW__COUNT(loader->actions, struct smew__action);
    chart->invoke_count = SMEW__COUNT(loader->invokes, struct smew__invoke);
    chart->output = smew__loader_state(loader, 0)->output;
    chart->states = take(&loader->states);
    chart->transitions = take(&loader->transitions);
    chart->rows = take(&loader->rows);
    chart->targets = take(&loader->targets);
    chart->histories = take(&loader->histories);
    chart->guards = take(&loader->guards);
    chart->operands = take(&loader->operands);
    chart->actions = take(&loader->actions);
    chart->invokes = take(&loader->invokes);
    chart->events = take(&loader->events);
}

bool smew__load_finish(struct smew__loader *loader)
{
    for (uint32_t i = 0; i < state_count(loader); i++)
        if (!load_done(loader, i))
            return false;
    if (!load_histories(loader) || !list_event_names(loader) || !count_leaves(loader))
        return false;
    join_messages(loader);
    sort_rows(loader);
    take_arrays(loader);
    return smew__plan(loader->chart) || smew__no_memory(loader);
}
