/* SPDX-License-Identifier: MIT */

/*
 * What a chart starts: services and other charts, by the behaviour's names.
 *
 *     "invoke": {"src": NAME, "id": ID, "input": VALUE, "onDone": T, "onError": T}, or an array
 *     {"type": "@xstate.spawnChild", "src": NAME, "id": ID, "input": VALUE}
 *     {"type": "@xstate.stopChild", "id": ID}
 *
 * An invoke without an id gets XState's, "0.STATE"; a spawned child gets its source's name.
 * `onDone` and `onError` are lowered to transitions for xstate.done.actor.ID and
 * xstate.error.actor.ID, in the place of a key of the same name under `on`.
 */

#include "chart/load.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* ---- names --------------------------------------------------------------------------- */

static bool find_service(const struct smew_behavior *behavior, const char *name,
                         struct smew__actor *actor)
{
    for (size_t i = 0; i < behavior->service_count; i++)
        if (strcmp(behavior->services[i].name, name) == 0) {
            actor->service = behavior->services[i];
            return true;
        }
    for (size_t i = 0; i < behavior->chart_count; i++)
        if (strcmp(behavior->charts[i].name, name) == 0) {
            actor->chart = behavior->charts[i].chart;
            return true;
        }
    return false;
}

static bool missing(struct smew__loader *loader, struct smew__json where, const char *name)
{
    const struct smew_behavior *behavior = loader->behavior;
    struct smew__suggestion near;

    smew__suggest_init(&near, name);
    for (size_t i = 0; i < behavior->service_count; i++)
        smew__suggest_offer(&near, behavior->services[i].name);
    for (size_t i = 0; i < behavior->chart_count; i++)
        smew__suggest_offer(&near, behavior->charts[i].name);
    return smew__missing(loader, where, "service or machine", &near);
}

/* A chart's generations are bounded, so that calls between them cannot nest too deep. */
static bool check_height(struct smew__loader *loader, struct smew__json where,
                         const struct smew__actor *actor)
{
    uint32_t height = actor->chart ? actor->chart->height + 1 : 0;

    if (height > SMEW__HEIGHT_MAX)
        return smew__refuse(loader, SMEW_LIMIT, where,
                            "machines are invoked more than %d generations deep", SMEW__HEIGHT_MAX);
    if (height > loader->chart->height)
        loader->chart->height = height;
    return true;
}

/* The chart's entry of that name, made when it is new. */
bool smew__load_actor(struct smew__loader *loader, struct smew__json src, const char *name,
                      uint32_t *number)
{
    struct smew__actor actor = {.chart = NULL};
    uint32_t count = SMEW__COUNT(loader->actors, struct smew__actor);

    for (*number = 0; *number < count; ++*number)
        if (strcmp(SMEW__AT(loader->actors, struct smew__actor, *number)->name, name) == 0)
            return true;
    if (!find_service(loader->behavior, name, &actor) && !missing(loader, src, name))
        return false;
    actor.name = smew__intern(loader, name, strlen(name));
    if (!actor.name || !check_height(loader, src, &actor) ||
        !smew__push(loader, &loader->actors, &actor, sizeof actor))
        return false;
    if (actor.chart)
        (void)smew_chart_ref(actor.chart);
    return true;
}

/* ---- what is started ----------------------------------------------------------------- */

/* `id` is what it is called unless it says so itself; NULL: as its source. */
static bool load_invoke(struct smew__loader *loader, struct smew__json json, const char *id)
{
    struct smew__json src = smew__member(loader, json, "src");
    struct smew__json own = smew__member(loader, json, "id");
    struct smew__json input = smew__member(loader, json, "input");
    struct smew__invoke invoke = {.id = NULL};
    const char *name;

    if (!src.value)
        return smew__refuse(loader, SMEW_SYNTAX, json,
                            "\"src\" is missing: the name of a service or a machine");
    if (!smew__name_of(loader, src, "\"src\"", &name) ||
        !smew__load_actor(loader, src, name, &invoke.actor) ||
        (own.value && !smew__name_of(loader, own, "a child's id", &id)) ||
        (input.value && !smew__load_value(loader, input, 0, &invoke.input)))
        return false;
    if (!id)
        id = SMEW__AT(loader->actors, struct smew__actor, invoke.actor)->name;
    invoke.id = smew__intern(loader, id, strlen(id));
    return invoke.id && smew__push(loader, &loader->invokes, &invoke, sizeof invoke);
}

static bool load_state_invoke(struct smew__loader *loader, uint16_t state, struct smew__json json,
                              size_t index)
{
    static const char *const allowed[] = {"src",    "id",      "input", "systemId",
                                          "onDone", "onError", NULL};
    char id[SMEW__NAME_MAX + 32];

    (void)snprintf(id, sizeof id, "%zu.%s", index, smew__loader_state(loader, state)->id);
    if (smew__member(loader, json, "onSnapshot").value)
        return smew__refuse(loader, SMEW_UNSUPPORTED, json,
                            "\"onSnapshot\" is not supported: a child can send to its parent");
    if (!json_is_object(json.value))
        return smew__refuse(loader, SMEW_SYNTAX, json, "\"invoke\" holds %s, not an object",
                            smew__json_kind(json.value));
    return smew__only_members(loader, json, "\"invoke\"", allowed) && load_invoke(loader, json, id);
}

/* Calls `use` with each invoke of a state; it is an object, or an array of them. */
static bool each_invoke(struct smew__loader *loader, uint16_t state, struct smew__json json,
                        bool (*use)(struct smew__loader *loader, uint16_t state,
                                    struct smew__json json, size_t index))
{
    struct smew__json_member *members;
    size_t count;
    bool fine = true;

    if (!json.value)
        return true;
    if (!json_is_array(json.value))
        return use(loader, state, json, 0);
    if (!smew__members(loader, json, &members, &count))
        return false;
    for (size_t i = 0; fine && i < count; i++)
        fine = use(loader, state, members[i].json, i);
    smew__free(members);
    return fine;
}

bool smew__load_invokes(struct smew__loader *loader, uint16_t state, struct smew__json json)
{
    struct smew__run run = {.first = SMEW__COUNT(loader->invokes, struct smew__invoke)};

    if (!each_invoke(loader, state, json, load_state_invoke))
        return false;
    run.count = SMEW__COUNT(loader->invokes, struct smew__invoke) - run.first;
    smew__loader_state(loader, state)->invokes = run;
    return true;
}

/* ---- what follows -------------------------------------------------------------------- */

static bool load_outcome(struct smew__loader *loader, uint16_t state, struct smew__json json,
                         const char *outcome, const char *id)
{
    char name[2 * SMEW__NAME_MAX];

    if (!json.value)
        return true;
    (void)snprintf(name, sizeof name, "xstate.%s.actor.%s", outcome, id);
    return smew__load_row(loader, state, name, json);
}

static bool load_outcomes(struct smew__loader *loader, uint16_t state, struct smew__json json,
                          size_t index)
{
    uint32_t first = smew__loader_state(loader, state)->invokes.first;
    const char *id = SMEW__AT(loader->invokes, struct smew__invoke, first + index)->id;

    return load_outcome(loader, state, smew__member(loader, json, "onDone"), "done", id) &&
           load_outcome(loader, state, smew__member(loader, json, "onError"), "error", id);
}

bool smew__load_invoke_rows(struct smew__loader *loader, uint16_t state, struct smew__json json)
{
    return each_invoke(loader, state, json, load_outcomes);
}

/* ---- actions ------------------------------------------------------------------------- */

bool smew__load_spawn(struct smew__loader *loader, struct smew__json json,
                      struct smew__action *action)
{
    action->kind = SMEW__ACTION_SPAWN;
    action->invoke = SMEW__COUNT(loader->invokes, struct smew__invoke);
    return load_invoke(loader, json, NULL);
}

bool smew__load_stop(struct smew__loader *loader, struct smew__json json,
                     struct smew__action *action)
{
    struct smew__json id = smew__member(loader, json, "id");
    const char *name;

    action->kind = SMEW__ACTION_STOP;
    if (!id.value)
        return smew__refuse(loader, SMEW_SYNTAX, json, "@xstate.stopChild needs \"id\"");
    if (!smew__name_of(loader, id, "a child's id", &name))
        return false;
    action->target = smew__intern(loader, name, strlen(name));
    return action->target != NULL;
}
