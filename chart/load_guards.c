/* SPDX-License-Identifier: MIT */

/*
 * Guards: a name of the program's with params, or one of XState's combinations.
 *
 *     "isOpen"                                       {"type": "isOpen", "params": {…}}
 *     {"type": "@xstate.and", "guards": [G, …]}      {"type": "@xstate.or", "guards": [G, …]}
 *     {"type": "@xstate.not", "guard": G}            {"type": "@xstate.stateIn", "state": S}
 *     {"@expr": TEXT}, a condition of the script
 *
 * S is "#id", a path from the root, or XState's state value ({"left": "up"}): every state that it
 * names must be active.
 */

#include "chart/load.h"

#include <string.h>

#include "base/alloc.h"

/* How deep in a guard the loader is. */
struct nest {
    struct smew__loader *loader;
    unsigned depth;
};

static bool load_nested(struct nest nest, struct smew__json json, uint32_t *guard);

static bool add_guard(struct smew__loader *loader, const struct smew__guard *guard,
                      uint32_t *number)
{
    *number = SMEW__COUNT(loader->guards, struct smew__guard);
    return smew__push(loader, &loader->guards, guard, sizeof *guard);
}

/* A guard over others, whose numbers are given. */
static bool combine(struct smew__loader *loader, enum smew__guard_kind kind,
                    const uint32_t *operands, size_t count, uint32_t *guard)
{
    struct smew__guard made = {
        .kind = kind, .operands = {SMEW__COUNT(loader->operands, uint32_t), (uint32_t)count}};

    if (count > 0 && !smew__push(loader, &loader->operands, operands, count * sizeof *operands))
        return false;
    return add_guard(loader, &made, guard);
}

static bool load_list(struct nest nest, struct smew__json json, enum smew__guard_kind kind,
                      uint32_t *guard)
{
    struct smew__loader *loader = nest.loader;
    struct smew__json_member *members;
    uint32_t *operands = NULL;
    size_t count;
    bool fine = true;

    if (!smew__members(loader, json, &members, &count))
        return false;
    if (count > 0) {
        operands = smew__calloc(count, sizeof *operands);
        fine = operands || smew__no_memory(loader);
    }
    for (size_t i = 0; fine && i < count; i++)
        fine = load_nested(nest, members[i].json, &operands[i]);
    fine = fine && combine(loader, kind, operands, count, guard);
    smew__free(operands);
    smew__free(members);
    return fine;
}

static bool load_and_or(struct nest nest, struct smew__json json, uint32_t *guard)
{
    static const char *const allowed[] = {"type", "guards", NULL};
    struct smew__json guards = smew__member(nest.loader, json, "guards");
    const char *type = json_string_value(smew__member(nest.loader, json, "type").value);
    bool all = strcmp(type, "@xstate.and") == 0;

    if (!smew__only_members(nest.loader, json, type, allowed))
        return false;
    if (!json_is_array(guards.value))
        return smew__refuse(nest.loader, SMEW_SYNTAX, guards.value ? guards : json,
                            "%s needs \"guards\", an array of guards", type);
    return load_list(nest, guards, all ? SMEW__GUARD_AND : SMEW__GUARD_OR, guard);
}

static bool load_not(struct nest nest, struct smew__json json, uint32_t *guard)
{
    static const char *const allowed[] = {"type", "guard", NULL};
    struct smew__json inner = smew__member(nest.loader, json, "guard");
    uint32_t operand;

    if (!smew__only_members(nest.loader, json, "@xstate.not", allowed))
        return false;
    if (!inner.value)
        return smew__refuse(nest.loader, SMEW_SYNTAX, json, "@xstate.not needs \"guard\"");
    return load_nested(nest, inner, &operand) &&
           combine(nest.loader, SMEW__GUARD_NOT, &operand, 1, guard);
}

/* ---- stateIn ------------------------------------------------------------------------- */

static bool add_in(struct smew__loader *loader, struct smew__json where, uint16_t from,
                   const char *reference, uint16_t *found, uint32_t *guard)
{
    struct smew__guard made = {.kind = SMEW__GUARD_IN};

    *found = smew__find_state(loader, from, reference);
    if (*found == SMEW__NO_STATE)
        return smew__refuse(loader, SMEW_SYNTAX, where,
                            "@xstate.stateIn: there is no state \"%.100s\"", reference);
    made.state = *found;
    return add_guard(loader, &made, guard);
}

static bool load_in_value(struct nest nest, struct smew__json json, uint16_t from, uint32_t *guard);

/* One member of a state value: the child itself, and what is said of its inside. */
static bool load_in_member(struct nest nest, const struct smew__json_member *member, uint16_t from,
                           uint32_t *guard)
{
    uint32_t operands[2];
    uint16_t child;

    return add_in(nest.loader, member->json, from, member->key, &child, &operands[0]) &&
           load_in_value(nest, member->json, child, &operands[1]) &&
           combine(nest.loader, SMEW__GUARD_AND, operands, 2, guard);
}

static bool load_in_object(struct nest nest, struct smew__json json, uint16_t from, uint32_t *guard)
{
    struct smew__loader *loader = nest.loader;
    struct smew__json_member *members;
    uint32_t *operands = NULL;
    size_t count;
    bool fine = true;

    if (!smew__members(loader, json, &members, &count))
        return false;
    if (count > 0) {
        operands = smew__calloc(count, sizeof *operands);
        fine = operands || smew__no_memory(loader);
    }
    for (size_t i = 0; fine && i < count; i++)
        fine = load_in_member(nest, &members[i], from, &operands[i]);
    fine = fine && combine(loader, SMEW__GUARD_AND, operands, count, guard);
    smew__free(operands);
    smew__free(members);
    return fine;
}

static bool load_in_value(struct nest nest, struct smew__json json, uint16_t from, uint32_t *guard)
{
    const char *path;
    uint16_t found;

    if (++nest.depth > SMEW__DEPTH_MAX)
        return smew__refuse(nest.loader, SMEW_LIMIT, json, "guards nest more than %d levels deep",
                            SMEW__DEPTH_MAX);
    if (json_is_object(json.value))
        return load_in_object(nest, json, from, guard);
    return smew__name_of(nest.loader, json, "the state of @xstate.stateIn", &path) &&
           add_in(nest.loader, json, from, path, &found, guard);
}

static bool load_state_in(struct nest nest, struct smew__json json, uint32_t *guard)
{
    static const char *const allowed[] = {"type", "state", NULL};
    struct smew__json state = smew__member(nest.loader, json, "state");

    if (!smew__only_members(nest.loader, json, "@xstate.stateIn", allowed))
        return false;
    if (!state.value)
        return smew__refuse(nest.loader, SMEW_SYNTAX, json, "@xstate.stateIn needs \"state\"");
    return load_in_value(nest, state, 0, guard);
}

/* ---- by name ------------------------------------------------------------------------- */

static bool missing_guard(struct smew__loader *loader, struct smew__json where, const char *name)
{
    const struct smew_behavior *behavior = loader->behavior;
    struct smew__suggestion near;

    smew__suggest_init(&near, name);
    for (size_t i = 0; i < behavior->guard_count; i++)
        smew__suggest_offer(&near, behavior->guards[i].name);
    return smew__missing(loader, where, "guard", &near);
}

static bool load_named(struct smew__loader *loader, struct smew__json where, const char *name,
                       struct smew__json params, uint32_t *guard)
{
    const struct smew_behavior *behavior = loader->behavior;
    struct smew__guard made = {.kind = SMEW__GUARD_NEVER};

    for (size_t i = 0; i < behavior->guard_count && !made.holds; i++)
        if (strcmp(behavior->guards[i].name, name) == 0) {
            made.kind = SMEW__GUARD_CALL;
            made.holds = behavior->guards[i].holds;
        }
    if (!made.holds && !missing_guard(loader, where, name))
        return false;
    if (params.value && smew__has_expression(params)) {
        made.script = smew__load_json_script(loader, params, SMEW__SCRIPT_VALUE, NULL);
        if (!made.script)
            return false;
    } else if (params.value && !smew__load_value(loader, params, 0, &made.params)) {
        return false;
    }
    return add_guard(loader, &made, guard);
}

/* A condition of the chart's script. */
static bool load_expression(struct smew__loader *loader, struct smew__json json, uint32_t *guard)
{
    struct smew__guard made = {.kind = SMEW__GUARD_SCRIPT};

    made.script = smew__load_json_script(loader, json, SMEW__SCRIPT_VALUE, NULL);
    return made.script && add_guard(loader, &made, guard);
}

static bool load_typed(struct nest nest, struct smew__json json, uint32_t *guard)
{
    static const char *const allowed[] = {"type", "params", NULL};
    static const struct {
        const char *type;
        bool (*load)(struct nest nest, struct smew__json json, uint32_t *guard);
    } built_in[] = {{"@xstate.and", load_and_or},
                    {"@xstate.or", load_and_or},
                    {"@xstate.not", load_not},
                    {"@xstate.stateIn", load_state_in}};
    struct smew__json type = smew__member(nest.loader, json, "type");
    const char *name;

    if (smew__member(nest.loader, json, "@expr").value)
        return load_expression(nest.loader, json, guard);
    if (!type.value)
        return smew__refuse(nest.loader, SMEW_SYNTAX, json, "a guard needs \"type\", its name");
    if (!smew__name_of(nest.loader, type, "a guard's type", &name))
        return false;
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
        if (strcmp(built_in[i].type, name) == 0)
            return built_in[i].load(nest, json, guard);
    return smew__only_members(nest.loader, json, "a guard", allowed) &&
           load_named(nest.loader, type, name, smew__member(nest.loader, json, "params"), guard);
}

static bool load_nested(struct nest nest, struct smew__json json, uint32_t *guard)
{
    const char *name;

    if (++nest.depth > SMEW__DEPTH_MAX)
        return smew__refuse(nest.loader, SMEW_LIMIT, json, "guards nest more than %d levels deep",
                            SMEW__DEPTH_MAX);
    if (json_is_object(json.value))
        return load_typed(nest, json, guard);
    return smew__name_of(nest.loader, json, "a guard", &name) &&
           load_named(nest.loader, json, name, (struct smew__json){0}, guard);
}

bool smew__load_guard(struct smew__loader *loader, struct smew__json json, uint32_t *guard)
{
    struct nest nest = {.loader = loader};

    return load_nested(nest, json, guard);
}
