/* SPDX-License-Identifier: MIT */

/*
 * The parts of a snapshot that concern one machine: what it is in, what it remembers, what it
 * knows.  A set of active states must be one that the chart can be in, unless the snapshot says
 * that it never was (targets that exclude each other); then any states do, and the machine is as
 * careful as it was.
 */

#include "chart/restore.h"

#include <string.h>

#include "base/alloc.h"
#include "chart/snapshot.h"

/* ---- plain values -------------------------------------------------------------------- */

bool smew__restore_number(struct smew__restore *restore, const json_t *json, const char *what,
                          uint64_t most, uint64_t *number)
{
    double value = json_number_value(json);

    if (!json_is_number(json) || !(value >= 0 && value <= (double)most) ||
        value != (double)(uint64_t)value)
        return smew__restore_refuse(restore, "%s is no number from 0 on", what);
    *number = (uint64_t)value;
    return true;
}

bool smew__restore_text(struct smew__restore *restore, const json_t *json, const char *what,
                        const char **text)
{
    *text = json_string_value(json);
    return *text || smew__restore_refuse(restore, "%s is no string", what);
}

bool smew__restore_life(struct smew__restore *restore, const json_t *json, uint8_t *life)
{
    static const char *const names[] = {"new", "active", "done", "error", "stopped"};
    const char *name;

    if (!smew__restore_text(restore, json, "\"status\"", &name))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) {
            *life = (uint8_t)i;
            return true;
        }
    return smew__restore_refuse(restore, "there is no status \"%.60s\"", name);
}

/* ---- sets of states ------------------------------------------------------------------ */

static bool is_path_of(const struct smew_chart *chart, uint32_t state, const char *path)
{
    char buffer[SMEW__PATH_SIZE];
    struct smew__text text = smew__text_into(buffer, sizeof buffer);

    smew__path_write(chart, state, &text);
    return strcmp(buffer, path) == 0;
}

/* Looks behind `*at` first, where the next one of a list in document order often is. */
static bool find_state(struct smew__restore *restore, const struct smew_chart *chart,
                       const json_t *json, uint32_t *at)
{
    const char *path;

    if (!smew__restore_text(restore, json, "a state's path", &path))
        return false;
    if (*at + 1 < chart->state_count && is_path_of(chart, *at + 1, path))
        ++*at;
    else
        *at = smew__chart_path(chart, 0, path);
    return *at != SMEW__NO_STATE ||
           smew__restore_refuse(restore, "there is no state \"%.100s\" in \"%.100s\"", path,
                                chart->id);
}

static bool read_set(struct smew__restore *restore, const struct smew_chart *chart,
                     const json_t *json, uint64_t *set)
{
    uint32_t at = 0;

    if (!json_is_array(json))
        return smew__restore_refuse(restore, "a list of states is no array");
    if (json_array_size(json) > chart->state_count) /* each costs a search */
        return smew__restore_refuse(restore, "a list has more states than \"%.100s\"", chart->id);
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (!find_state(restore, chart, json_array_get(json, i), &at))
            return false;
        if (chart->states[at].kind == SMEW__HISTORY)
            return smew__restore_refuse(restore, "the history state \"%.100s\" is never active",
                                        chart->states[at].id);
        smew__set_add(set, at);
    }
    return true;
}

static uint32_t active_children(const struct smew_machine *machine, uint32_t parent,
                                uint32_t *children)
{
    const struct smew__state *states = machine->chart->states;
    uint32_t active = 0;

    *children = 0;
    for (uint32_t at = parent + 1; at < states[parent].end; at = states[at].end) {
        *children += states[at].kind != SMEW__HISTORY;
        active += smew__set_has(machine->active, at);
    }
    return active;
}

/* Every parent is active; a compound state has one active child, a parallel one all. */
static bool is_legal(const struct smew_machine *machine)
{
    const struct smew__state *states = machine->chart->states;
    size_t words = smew__words(machine);
    uint32_t children;

    for (uint32_t at = smew__set_next(machine->active, words, 0); at != SMEW__SET_END;
         at = smew__set_next(machine->active, words, at + 1)) {
        uint32_t active = active_children(machine, at, &children);

        if (at > 0 && !smew__set_has(machine->active, states[at].parent))
            return false;
        if (active != (states[at].kind == SMEW__COMPOUND ? 1 : children))
            return false;
    }
    return smew__set_has(machine->active, 0);
}

static bool is_in_line(const struct smew_machine *machine, uint32_t state)
{
    for (uint32_t i = 0; i < machine->line_count; i++)
        if (machine->line[i] == state)
            return true;
    return false;
}

/* The line holds each active leaf once. */
static bool read_line(struct smew__restore *restore, struct smew_machine *machine,
                      const json_t *json)
{
    const struct smew_chart *chart = machine->chart;
    size_t words = smew__words(machine);
    uint32_t leaves = 0;
    uint32_t at = 0;

    for (uint32_t leaf = smew__set_next(machine->active, words, 0); leaf != SMEW__SET_END;
         leaf = smew__set_next(machine->active, words, leaf + 1))
        leaves += smew__set_has(chart->leaves, leaf);
    if (!json_is_array(json) || json_array_size(json) != leaves || leaves > chart->leaf_max)
        return smew__restore_refuse(restore, "\"line\" does not hold the active leaves");
    for (size_t i = 0; i < leaves; i++) {
        if (!find_state(restore, chart, json_array_get(json, i), &at))
            return false;
        if (!smew__set_has(chart->leaves, at) || !smew__set_has(machine->active, at) ||
            is_in_line(machine, at))
            return smew__restore_refuse(restore, "\"line\" does not hold the active leaves");
        machine->line[machine->line_count++] = (uint16_t)at;
    }
    return true;
}

/* What a history state remembers lies in its parent; deep ones remember leaves, others children. */
static bool check_memory(struct smew__restore *restore, const struct smew_machine *machine,
                         uint32_t history, const uint64_t *set)
{
    const struct smew_chart *chart = machine->chart;
    const struct smew__state *state = &chart->states[history];
    size_t words = smew__words(machine);

    for (uint32_t at = smew__set_next(set, words, 0); at != SMEW__SET_END;
         at = smew__set_next(set, words, at + 1))
        if (!smew__is_below(chart, at, state->parent) ||
            (state->deep ? !smew__set_has(chart->leaves, at)
                         : chart->states[at].parent != state->parent))
            return smew__restore_refuse(restore, "\"%.100s\" cannot remember \"%.100s\"", state->id,
                                        chart->states[at].id);
    return true;
}

static bool read_history(struct smew__restore *restore, struct smew_machine *machine,
                         const json_t *json)
{
    const struct smew_chart *chart = machine->chart;
    json_t *object = (json_t *)(uintptr_t)json;
    size_t words = smew__words(machine);
    uint32_t at;

    if (json && !json_is_object(json))
        return smew__restore_refuse(restore, "\"history\" is no object");
    for (void *item = json_object_iter(object); item; item = json_object_iter_next(object, item)) {
        const char *path = json_object_iter_key(item);

        at = smew__chart_path(chart, 0, path);
        if (at == SMEW__NO_STATE || chart->states[at].kind != SMEW__HISTORY)
            return smew__restore_refuse(restore, "there is no history state \"%.100s\"", path);
        uint64_t *set = machine->history + chart->states[at].slot * words;
        if (!read_set(restore, chart, json_object_iter_value(item), set) ||
            !check_memory(restore, machine, at, set))
            return false;
    }
    return true;
}

/* ---- data ---------------------------------------------------------------------------- */

static bool read_context(struct smew__restore *restore, struct smew_machine *machine,
                         const json_t *json)
{
    struct smew_value *value;
    enum smew_status status;

    if (json_object_size(json) == 0) /* one that is no object is the chart's, and never written */
        return true;
    status = smew__value_of_jansson(json, &value);
    if (status == SMEW_SYNTAX)
        return smew__restore_refuse(restore, "\"context\" nests too deep");
    if (status != SMEW_OK)
        return smew__restore_no_memory(restore);
    smew__context_fini(&machine->context);
    smew__context_init(&machine->context, value);
    smew__context_begin(&machine->context);
    return true;
}

/* Over what the chart's context gave; a program that had no struct then has written none. */
static bool read_own(struct smew__restore *restore, struct smew_machine *machine,
                     const json_t *json)
{
    struct smew_value *value;
    enum smew_status status;
    bool fine;

    if (!json)
        return true;
    if (!machine->own || !machine->chart->read_own)
        return smew__restore_refuse(
            restore, "the program reads no struct of its own for \"%.100s\"", machine->chart->id);
    status = smew__value_of_jansson(json, &value);
    if (status == SMEW_SYNTAX)
        return smew__restore_refuse(restore, "\"own\" nests too deep");
    if (status != SMEW_OK)
        return smew__restore_no_memory(restore);
    fine = machine->chart->read_own(machine->own, value);
    smew__value_release(value);
    if (!fine)
        return smew__restore_refuse(restore, "the program's struct for \"%.100s\" refuses \"own\"",
                                    machine->chart->id);
    smew__own_commit(machine);
    return true;
}

static bool read_failure(struct smew__restore *restore, struct smew_machine *machine,
                         const json_t *json)
{
    const char *name = json_string_value(json_object_get(json, "failure"));
    const char *error = json_string_value(json_object_get(json, "error"));

    if (machine->life != SMEW_LIFE_FAILED)
        return true;
    for (int code = SMEW_REJECTED; code < SMEW_OK; code++)
        if (name && strcmp(smew_status_name((enum smew_status)code), name) == 0)
            machine->failure = (enum smew_status)code;
    if (machine->failure == SMEW_OK)
        return smew__restore_refuse(restore, "\"failure\" is no status");
    if (!error)
        return true;
    machine->error = smew__strdup(error);
    return machine->error || smew__restore_no_memory(restore);
}

bool smew__restore_states(struct smew__restore *restore, struct smew_machine *machine,
                          const json_t *json)
{
    if (!smew__restore_life(restore, json_object_get(json, "status"), &machine->life) ||
        !read_set(restore, machine->chart, json_object_get(json, "active"), machine->active))
        return false;
    machine->open = machine->life == SMEW_LIFE_ACTIVE;
    machine->illegal = machine->illegal || json_is_true(json_object_get(json, "illegal"));
    if (machine->life == SMEW_LIFE_ACTIVE) {
        if (!machine->illegal && !is_legal(machine))
            return smew__restore_refuse(restore, "\"%.100s\" can never be in these states",
                                        machine->chart->id);
        if (!read_line(restore, machine, json_object_get(json, "line")))
            return false;
    }
    return read_history(restore, machine, json_object_get(json, "history")) &&
           read_context(restore, machine, json_object_get(json, "context")) &&
           read_own(restore, machine, json_object_get(json, "own")) &&
           read_failure(restore, machine, json);
}

/* ---- events -------------------------------------------------------------------------- */

static int hex_digit(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *at = digit ? strchr(digits, digit) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* In place of the text: half as long. */
static bool read_hex(struct smew__restore *restore, char *text, size_t *size)
{
    if (*size % 2 != 0)
        return smew__restore_refuse(restore, "\"hex\" is cut");
    for (size_t i = 0; i < *size; i += 2) {
        int high = hex_digit(text[i]);
        int low = hex_digit(text[i + 1]);

        if (high < 0 || low < 0)
            return smew__restore_refuse(restore, "\"hex\" holds more than digits");
        text[i / 2] = (char)(high * 16 + low);
    }
    *size /= 2;
    text[*size] = '\0';
    return true;
}

/* What a script may ask of it; what is no string says nothing. */
static void read_origin(const json_t *json, struct smew__origin *origin)
{
    static const char *const kinds[] = {"internal", "platform"}; /* they outlive the document */
    const char *kind = json_string_value(json_object_get(json, "kind"));

    for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i], kind) == 0)
            origin->type = kinds[i];
    if (!origin->send_id)
        origin->send_id = json_string_value(json_object_get(json, "sendid"));
    origin->origin = json_string_value(json_object_get(json, "origin"));
    origin->invoke_id = json_string_value(json_object_get(json, "invokeid"));
}

static bool says_something(const struct smew__origin *origin)
{
    return origin->type || origin->send_id || origin->origin || origin->invoke_id || origin->target;
}

bool smew__restore_event(struct smew__restore *restore, const struct smew_machine *machine,
                         const json_t *json, struct smew__origin origin,
                         struct smew__message **message)
{
    const json_t *content = json_object_get(json, "content");
    const json_t *hex = json_object_get(json, "hex");
    const json_t *text = hex ? hex : json_object_get(json, "text");
    struct smew_event event = {.payload = json_string_value(text),
                               .payload_size = json_string_length(text)};
    uint64_t kind = SMEW_CONTENT_RAW;
    struct smew__message *made;

    if (!smew__restore_text(restore, json_object_get(json, "type"), "an event's type",
                            &event.type) ||
        (content &&
         !smew__restore_number(restore, content, "\"content\"", SMEW_CONTENT_PROTOBUF, &kind)))
        return false;
    if (!*event.type || (text && !event.payload))
        return smew__restore_refuse(restore, "an event is damaged");
    event.content = (enum smew_content)kind;
    read_origin(json, &origin);
    made = smew__message_from(machine->chart, &event, says_something(&origin) ? &origin : NULL);
    if (!made)
        return smew__restore_no_memory(restore);
    *message = made;
    return !hex ||
           read_hex(restore, (char *)(uintptr_t)made->event.payload, &made->event.payload_size);
}
