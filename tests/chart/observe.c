/* SPDX-License-Identifier: MIT */

#include "tests/chart/observe.h"

#include <stdlib.h>
#include <string.h>

#include <smew/chart.h>

enum { FLAGS = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL };

static json_t *value_json(const struct smew_value *value)
{
    size_t size = smew_value_json(value, NULL, 0) + 1;
    char *text = malloc(size);

    (void)smew_value_json(value, text, size);
    json_t *json = json_loads(text, FLAGS, NULL);
    free(text);
    return json;
}

static json_t *state_json(const struct smew_machine *machine)
{
    size_t size = smew_machine_state_json(machine, NULL, 0) + 1;
    char *text = malloc(size);

    (void)smew_machine_state_json(machine, text, size);
    json_t *json = json_loads(text, FLAGS, NULL);
    free(text);
    return json;
}

/* ---- what the active states bring ---------------------------------------------------- */

static bool has_string(json_t *array, const char *text)
{
    json_t *item;
    size_t index;

    json_array_foreach(array, index,
                       item) if (strcmp(json_string_value(item), text) == 0) return true;
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A new array with the same strings, sorted by code unit. */
static json_t *sorted(json_t *array)
{
    size_t count = json_array_size(array);
    const char **texts = calloc(count + 1, sizeof *texts);
    json_t *result = json_array();

    for (size_t i = 0; i < count; i++)
        texts[i] = json_string_value(json_array_get(array, i));
    qsort(texts, count, sizeof *texts, by_text);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(result, json_string(texts[i]));
    free(texts);
    return result;
}

static json_t *active_ids(const struct smew_machine *machine)
{
    const struct smew_chart *chart = smew_machine_chart(machine);
    json_t *ids = json_array();
    struct smew_state state;

    for (size_t i = 0; smew_chart_state(chart, i, &state); i++)
        if (smew_machine_active(machine, i))
            json_array_append_new(ids, json_string(state.id));
    return ids;
}

static json_t *tags(const struct smew_machine *machine)
{
    const struct smew_chart *chart = smew_machine_chart(machine);
    json_t *all = json_array();
    struct smew_state state;

    for (size_t i = 0; smew_chart_state(chart, i, &state); i++) {
        for (size_t j = 0; smew_machine_active(machine, i) && j < smew_value_count(state.tags);
             j++) {
            const char *tag = smew_value_string(smew_value_at(state.tags, j), "");

            if (!has_string(all, tag) && smew_machine_has_tag(machine, tag))
                json_array_append_new(all, json_string(tag));
        }
    }
    json_t *result = sorted(all);
    json_decref(all);
    return result;
}

static json_t *meta(const struct smew_machine *machine)
{
    const struct smew_chart *chart = smew_machine_chart(machine);
    json_t *all = json_object();
    struct smew_state state;

    for (size_t i = 0; smew_chart_state(chart, i, &state); i++)
        if (smew_machine_active(machine, i) && state.meta)
            json_object_set_new(all, state.id, value_json(state.meta));
    return all;
}

static json_t *remembered(const struct smew_machine *machine, size_t history)
{
    const struct smew_chart *chart = smew_machine_chart(machine);
    json_t *ids = json_array();
    struct smew_state state;

    for (size_t i = 0; smew_chart_state(chart, i, &state); i++)
        if (smew_machine_remembers(machine, history, i))
            json_array_append_new(ids, json_string(state.id));
    return ids;
}

static json_t *history(const struct smew_machine *machine)
{
    const struct smew_chart *chart = smew_machine_chart(machine);
    json_t *all = json_object();
    struct smew_state state;

    for (size_t i = 0; smew_chart_state(chart, i, &state); i++) {
        json_t *ids = remembered(machine, i);

        if (json_array_size(ids) > 0)
            json_object_set_new(all, state.id, sorted(ids));
        json_decref(ids);
    }
    return all;
}

/* ---- what can happen ----------------------------------------------------------------- */

static void ask(struct smew_machine *machine, const char *key, json_t *can)
{
    char type[512];
    size_t size = strlen(key);

    if (strcmp(key, "*") == 0 || strncmp(key, "xstate.", 7) == 0 || size + 1 > sizeof type)
        return;
    memcpy(type, key, size + 1);
    if (size > 2 && strcmp(key + size - 2, ".*") == 0)
        type[size - 1] = 'x';
    struct smew_event event = {.type = type};
    if (!has_string(can, type) && smew_machine_can(machine, &event))
        json_array_append_new(can, json_string(type));
}

static void ask_all(struct smew_machine *machine, json_t *definition, json_t *can)
{
    const char *key;
    json_t *item;

    json_object_foreach(json_object_get(definition, "on"), key, item) ask(machine, key, can);
    json_object_foreach(json_object_get(definition, "states"), key, item)
        ask_all(machine, item, can);
}

/* ---- the whole ----------------------------------------------------------------------- */

static const char *status_text(enum smew_life life)
{
    static const char *const texts[] = {[SMEW_LIFE_NEW] = "active",
                                        [SMEW_LIFE_ACTIVE] = "active",
                                        [SMEW_LIFE_DONE] = "done",
                                        [SMEW_LIFE_FAILED] = "error",
                                        [SMEW_LIFE_STOPPED] = "stopped"};

    return texts[life];
}

static json_t *child_json(const struct smew_child *child)
{
    json_t *json = json_object();

    json_object_set_new(json, "status", json_string(status_text(child->life)));
    if (child->machine)
        json_object_set_new(json, "value", state_json(child->machine));
    return json;
}

/* A machine's own children, and the log of every other machine below it. */
static json_t *children(const struct smew_machine *machine, json_t *logs)
{
    json_t *all = json_object();
    struct smew_child child;
    const char *id;
    json_t *log;

    for (size_t i = 0; smew_machine_child_at(machine, i, &child); i++)
        json_object_set_new(all, child.id, child_json(&child));
    json_object_foreach(logs, id, log)
    {
        if (!json_object_get(all, id))
            json_object_set_new(all, id, json_object());
        json_object_set_new(json_object_get(all, id), "log", json_deep_copy(log));
    }
    return all;
}

json_t *observe(struct smew_machine *machine, json_t *definition, const struct script *script)
{
    json_t *all = json_object();
    json_t *can = json_array();

    ask_all(machine, definition, can);
    json_object_set_new(all, "value", state_json(machine));
    json_object_set_new(all, "status", json_string(status_text(smew_machine_life(machine))));
    json_object_set_new(all, "active", active_ids(machine));
    json_object_set_new(all, "context", value_json(smew_machine_context(machine)));
    json_object_set_new(all, "tags", tags(machine));
    json_object_set_new(all, "meta", meta(machine));
    json_object_set_new(all, "history", history(machine));
    json_object_set_new(all, "can", sorted(can));
    json_object_set(all, "log", script->log);
    json_object_set(all, "emitted", script->emitted);
    json_object_set_new(all, "children", children(machine, script->logs));
    if (smew_machine_output(machine))
        json_object_set_new(all, "output", value_json(smew_machine_output(machine)));
    json_decref(can);
    return all;
}

/* Members whose order says nothing are sorted before they are compared. */
static json_t *normal(const char *key, json_t *value)
{
    json_t *result;
    const char *name;
    json_t *item;

    if (strcmp(key, "tags") == 0)
        return sorted(value);
    if (strcmp(key, "history") != 0)
        return json_incref(value);
    result = json_object();
    json_object_foreach(value, name, item) json_object_set_new(result, name, sorted(item));
    return result;
}

bool observe_matches(json_t *expected, json_t *observed, const char **where)
{
    const char *key;
    json_t *item;

    json_object_foreach(expected, key, item)
    {
        json_t *want = normal(key, item);
        bool same = json_equal(want, json_object_get(observed, key));

        json_decref(want);
        if (!same) {
            *where = key;
            return false;
        }
    }
    return true;
}
