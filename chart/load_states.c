/* SPDX-License-Identifier: MIT */

/*
 * Pass 1: the tree of states.  Numbers them in document order (JavaScript's order of keys), gives
 * each its kind, its id and its place, and remembers where in the text it stands for pass 2.
 *
 * The recursion is as deep as the chart, which is bounded.
 */

#include "chart/load.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* XState's id of a root without one. */
static const char root_id[] = "(machine)";

static const char *const state_members[] = {
    "id",     "key",     "type",    "initial",     "states",  "on",     "entry", "exit",
    "after",  "always",  "onDone",  "history",     "target",  "invoke", "tags",  "meta",
    "output", "context", "version", "description", "options", NULL};

/* A state's own id, or the path of keys from the root. */
static bool load_id(struct smew__loader *loader, struct smew__json json, const char *path_id,
                    const char **id)
{
    struct smew__json own = smew__member(loader, json, "id");
    const char *text = path_id;

    if (own.value && !smew__name_of(loader, own, "a state's id", &text))
        return false;
    *id = smew__intern(loader, text, strlen(text));
    return *id != NULL;
}

static bool load_path_id(struct smew__loader *loader, struct smew__json json, uint16_t parent,
                         const char *key, const char **path_id)
{
    const char *around = SMEW__AT(loader->sources, struct smew__source, parent)->path_id;
    size_t size = strlen(around);
    size_t key_size = strlen(key);

    if (size + 1 + key_size > SMEW__NAME_MAX)
        return smew__refuse(loader, SMEW_LIMIT, smew__key(json),
                            "the path of state \"%.60s\" is longer than %d bytes", key,
                            SMEW__NAME_MAX);
    char *text = smew__arena_alloc(&loader->scratch, size + key_size + 2);
    if (!text)
        return smew__no_memory(loader);
    (void)snprintf(text, size + key_size + 2, "%s.%s", around, key);
    *path_id = text;
    return true;
}

static bool load_kind(struct smew__loader *loader, struct smew__json json, const char *key,
                      uint8_t *kind)
{
    static const char *const kinds[] = {"atomic", "compound", "parallel", "final", "history"};
    struct smew__json type = smew__member(loader, json, "type");
    bool has_children = json_object_size(smew__member(loader, json, "states").value) > 0;
    const char *name;
    struct smew__suggestion near;
    char hint[SMEW__HINT_SIZE];

    if (!type.value) {
        bool history = json_is_string(smew__member(loader, json, "history").value) ||
                       json_is_true(smew__member(loader, json, "history").value);
        *kind = has_children ? SMEW__COMPOUND : history ? SMEW__HISTORY : SMEW__ATOMIC;
        return true;
    }
    if (!smew__name_of(loader, type, "a state's type", &name))
        return false;
    smew__suggest_init(&near, name);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i], name) == 0) {
            *kind = (uint8_t)i;
            return true;
        }
        smew__suggest_offer(&near, kinds[i]);
    }
    return smew__refuse(loader, SMEW_SYNTAX, type,
                        "state \"%.60s\" has an unknown type \"%.60s\"%s", key, name,
                        smew__suggest_text(&near, hint));
}

/* What a state of this kind must have or cannot have. */
static bool check_kind(struct smew__loader *loader, struct smew__json json, uint16_t state)
{
    const struct smew__state *it = smew__loader_state(loader, state);
    struct smew__json states = smew__member(loader, json, "states");
    struct smew__json initial = smew__member(loader, json, "initial");
    size_t children = json_object_size(states.value);
    bool nests = it->kind == SMEW__COMPOUND || it->kind == SMEW__PARALLEL;

    if (children > 0 && !nests)
        return smew__refuse(loader, SMEW_SYNTAX, smew__key(states),
                            "state \"%.100s\" cannot have states of its own: it is %s", it->id,
                            it->kind == SMEW__FINAL     ? "final"
                            : it->kind == SMEW__HISTORY ? "a history state"
                                                        : "atomic");
    if (it->kind == SMEW__COMPOUND && !initial.value)
        return smew__refuse(loader, SMEW_SYNTAX, json,
                            "state \"%.100s\" has states but no \"initial\"", it->id);
    if (initial.value && children == 0)
        return smew__refuse(loader, SMEW_SYNTAX, smew__key(initial),
                            "state \"%.100s\" has an \"initial\" but no states", it->id);
    if (it->kind == SMEW__HISTORY && it->parent == SMEW__NO_STATE)
        return smew__refuse(loader, SMEW_SYNTAX, json, "the root cannot be a history state");
    return true;
}

static bool load_history(struct smew__loader *loader, struct smew__json json,
                         struct smew__state *state)
{
    struct smew__json history = smew__member(loader, json, "history");
    const char *name = json_string_value(history.value);

    if (!history.value || json_is_boolean(history.value))
        return true;
    if (!name || (strcmp(name, "shallow") != 0 && strcmp(name, "deep") != 0))
        return smew__refuse(loader, SMEW_SYNTAX, history, "\"history\" is \"shallow\" or \"deep\"");
    state->deep = strcmp(name, "deep") == 0;
    return true;
}

static bool load_state(struct smew__loader *loader, struct smew__json json, uint16_t parent,
                       const char *key);

static bool load_children(struct smew__loader *loader, struct smew__json json, uint16_t state)
{
    struct smew__json states = smew__member(loader, json, "states");
    struct smew__json_member *members;
    size_t count;
    bool fine = true;

    if (!states.value)
        return true;
    if (!json_is_object(states.value))
        return smew__refuse(loader, SMEW_SYNTAX, states, "\"states\" is %s, not an object",
                            smew__json_kind(states.value));
    if (!smew__members(loader, states, &members, &count))
        return false;
    for (size_t i = 0; fine && i < count; i++)
        fine = load_state(loader, members[i].json, state, members[i].key);
    smew__free(members);
    return fine;
}

static bool check_limits(struct smew__loader *loader, struct smew__json json, uint32_t number,
                         uint16_t depth, const char *key)
{
    if (number >= SMEW__STATES_MAX)
        return smew__refuse(loader, SMEW_LIMIT, smew__key(json), "a chart has at most %d states",
                            SMEW__STATES_MAX);
    if (depth > SMEW__DEPTH_MAX)
        return smew__refuse(loader, SMEW_LIMIT, smew__key(json),
                            "state \"%.60s\" is more than %d levels deep", key, SMEW__DEPTH_MAX);
    if (!*key)
        return smew__refuse(loader, SMEW_SYNTAX, smew__key(json), "a state's name is empty");
    return true;
}

static bool load_state(struct smew__loader *loader, struct smew__json json, uint16_t parent,
                       const char *key)
{
    uint32_t number = SMEW__COUNT(loader->states, struct smew__state);
    struct smew__state state = {.parent = parent, .initial = SMEW__NO_STATE};
    struct smew__source source = {.json = json, .path_id = root_id};
    char what[120];

    if (parent != SMEW__NO_STATE)
        state.depth = (uint16_t)(smew__loader_state(loader, parent)->depth + 1);
    if (!check_limits(loader, json, number, state.depth, key))
        return false;
    if (!json_is_object(json.value))
        return smew__refuse(loader, SMEW_SYNTAX, json, "state \"%.60s\" is %s, not an object", key,
                            smew__json_kind(json.value));
    if (parent != SMEW__NO_STATE && !load_path_id(loader, json, parent, key, &source.path_id))
        return false;
    if (!load_id(loader, json, source.path_id, &state.id) ||
        !load_kind(loader, json, key, &state.kind) || !load_history(loader, json, &state))
        return false;
    if (parent == SMEW__NO_STATE)
        source.path_id = state.id;
    (void)snprintf(what, sizeof what, "state \"%.100s\"", state.id);
    state.key = smew__intern(loader, key, strlen(key));
    if (!state.key || !smew__only_members(loader, json, what, state_members) ||
        !smew__push(loader, &loader->states, &state, sizeof state) ||
        !smew__push(loader, &loader->sources, &source, sizeof source))
        return false;
    if (!check_kind(loader, json, (uint16_t)number) ||
        !smew__register_state(loader, (uint16_t)number) ||
        !load_children(loader, json, (uint16_t)number))
        return false;
    smew__loader_state(loader, number)->end =
        (uint16_t)SMEW__COUNT(loader->states, struct smew__state);
    return true;
}

bool smew__load_states(struct smew__loader *loader, struct smew__json root)
{
    struct smew__json id = smew__member(loader, root, "id");
    const char *name = loader->name;

    if (!load_state(loader, root, SMEW__NO_STATE, root_id))
        return false;
    if (id.value)
        name = smew__loader_state(loader, 0)->id;
    loader->chart->id = smew__intern(loader, name, strlen(name));
    return loader->chart->id != NULL;
}
