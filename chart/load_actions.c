/* SPDX-License-Identifier: MIT */

/*
 * Actions: a name of the program's with params, or one of XState's built-in ones.
 *
 *     "ring"                                     {"type": "ring", "params": {…}}
 *     {"type": "@xstate.assign", "context": {…}} {"type": "@xstate.log", "args": […]}
 *     {"type": "@xstate.raise", "event": E, "delay": D, "id": ID}
 *     {"type": "@xstate.sendTo", "to": T, "event": E, "delay": D, "id": ID}
 *     {"type": "@xstate.cancel", "id": ID}       {"type": "@xstate.emit", "event": E}
 *     {"type": "@xstate.spawnChild", …}          {"type": "@xstate.stopChild", "id": ID}
 *
 * E is {"type": NAME, …}: the other members are the event's payload, as JSON.  T is "#_self",
 * "#_parent", a child's id (with "#_" before it: only a child's), or a machine's id on the bus.  D
 * is a number of milliseconds or the name of a delay.  In params, context, args, E and D a value
 * may be {"@expr": TEXT}, and so may the whole.
 */

#include "chart/load.h"

#include <string.h>

#include "base/alloc.h"

static bool add_action(struct smew__loader *loader, const struct smew__action *action)
{
    return smew__push(loader, &loader->actions, action, sizeof *action);
}

/* The action's own words go behind the script that evaluates what is not said in words. */
static bool evaluate(struct smew__loader *loader, struct smew__json json,
                     enum smew__script_kind kind, struct smew__action *action)
{
    const struct smew__script *script = smew__load_json_script(loader, json, kind, action);

    *action = (struct smew__action){
        .kind = SMEW__ACTION_SCRIPT, .send_id = action->send_id, .target = action->target};
    action->script = script;
    return script != NULL;
}

/* ---- delays -------------------------------------------------------------------------- */

bool smew__delay_of_number(struct smew__loader *loader, struct smew__json where, double ms,
                           struct smew__delay *delay)
{
    if (!(ms >= 0))
        return smew__refuse(loader, SMEW_SYNTAX, where, "a delay cannot be negative");
    if (ms > SMEW__DELAY_MAX_MS)
        return smew__refuse(loader, SMEW_LIMIT, where, "a delay is at most %d ms",
                            SMEW__DELAY_MAX_MS);
    *delay = (struct smew__delay){.delayed = true, .ns = (uint64_t)(ms * 1e6 + 0.5)};
    return true;
}

bool smew__delay_of_name(struct smew__loader *loader, struct smew__json where, const char *name,
                         struct smew__delay *delay)
{
    const struct smew_behavior *behavior = loader->behavior;
    struct smew__suggestion near;

    smew__suggest_init(&near, name);
    *delay = (struct smew__delay){.delayed = true};
    for (size_t i = 0; i < behavior->delay_count; i++) {
        if (!behavior->delays[i].delay_ms) /* it would be due at once */
            continue;
        if (strcmp(behavior->delays[i].name, name) == 0) {
            delay->named = behavior->delays[i].delay_ms;
            return true;
        }
        smew__suggest_offer(&near, behavior->delays[i].name);
    }
    return smew__missing(loader, where, "delay", &near);
}

bool smew__load_delay(struct smew__loader *loader, struct smew__json json,
                      struct smew__delay *delay)
{
    const char *name;

    if (json_is_number(json.value))
        return smew__delay_of_number(loader, json, json_number_value(json.value), delay);
    if (!json_is_string(json.value))
        return smew__refuse(loader, SMEW_SYNTAX, json,
                            "a delay is %s, not a number of milliseconds or a name",
                            smew__json_kind(json.value));
    return smew__name_of(loader, json, "a delay", &name) &&
           smew__delay_of_name(loader, json, name, delay);
}

/* ---- built in ------------------------------------------------------------------------ */

static bool load_event_literal(struct smew__loader *loader, struct smew__json action,
                               const struct smew__message **message)
{
    struct smew__json event = smew__member(loader, action, "event");
    struct smew__json type = smew__member(loader, event, "type");
    const char *name;
    const char *payload;

    if (!json_is_object(event.value) || !type.value)
        return smew__refuse(loader, SMEW_SYNTAX, event.value ? event : action,
                            "the action needs \"event\", an object with a \"type\"");
    return smew__name_of(loader, type, "an event's type", &name) &&
           smew__load_payload(loader, event, "type", &payload) &&
           smew__load_message(loader, name, payload, message);
}

static bool load_send_id(struct smew__loader *loader, struct smew__json action, const char **id)
{
    struct smew__json json = smew__member(loader, action, "id");
    const char *text;

    if (!json.value)
        return true;
    if (!smew__name_of(loader, json, "an event's id", &text))
        return false;
    *id = smew__intern(loader, text, strlen(text));
    return *id != NULL;
}

static bool load_sending(struct smew__loader *loader, struct smew__json json,
                         struct smew__action *action)
{
    struct smew__json delay = smew__member(loader, json, "delay");
    struct smew__json event = smew__member(loader, json, "event");
    struct smew__script *script;
    bool late = delay.value && smew__has_expression(delay);

    if (!load_send_id(loader, json, &action->send_id) ||
        (delay.value && !late && !smew__load_delay(loader, delay, &action->delay)))
        return false;
    if (!event.value || (!late && !smew__has_expression(event)))
        return load_event_literal(loader, json, &action->message);
    if (!evaluate(loader, event, SMEW__SCRIPT_JSON_SEND, action))
        return false;
    script = (struct smew__script *)(uintptr_t)action->script;
    return !late || smew__load_expression(loader, delay, &script->delay.code);
}

static bool load_raise(struct smew__loader *loader, struct smew__json json,
                       struct smew__action *action)
{
    action->kind = SMEW__ACTION_RAISE;
    return load_sending(loader, json, action);
}

static bool load_send_to(struct smew__loader *loader, struct smew__json json,
                         struct smew__action *action)
{
    struct smew__json to = smew__member(loader, json, "to");
    const char *target;

    action->kind = SMEW__ACTION_SEND;
    if (!to.value)
        return smew__refuse(loader, SMEW_SYNTAX, json, "@xstate.sendTo needs \"to\"");
    if (!smew__name_of(loader, to, "the target of @xstate.sendTo", &target))
        return false;
    if (strcmp(target, "#_self") == 0 || strcmp(target, "#_internal") == 0) {
        action->to = SMEW__TO_SELF;
    } else if (strcmp(target, "#_parent") == 0) {
        action->to = SMEW__TO_PARENT;
    } else {
        action->to = strncmp(target, "#_", 2) == 0 ? SMEW__TO_CHILD : SMEW__TO_NAMED;
        target += action->to == SMEW__TO_CHILD ? 2 : 0;
        action->target = smew__intern(loader, target, strlen(target));
        if (!action->target)
            return false;
    }
    return load_sending(loader, json, action);
}

static bool load_cancel(struct smew__loader *loader, struct smew__json json,
                        struct smew__action *action)
{
    action->kind = SMEW__ACTION_CANCEL;
    if (!load_send_id(loader, json, &action->send_id))
        return false;
    return action->send_id ||
           smew__refuse(loader, SMEW_SYNTAX, json, "@xstate.cancel needs \"id\"");
}

static bool load_assign(struct smew__loader *loader, struct smew__json json,
                        struct smew__action *action)
{
    struct smew__json context = smew__member(loader, json, "context");

    action->kind = SMEW__ACTION_ASSIGN;
    if (smew__has_expression(context))
        return evaluate(loader, context, SMEW__SCRIPT_JSON_ASSIGN, action);
    if (!json_is_object(context.value))
        return smew__refuse(loader, SMEW_SYNTAX, context.value ? context : json,
                            "@xstate.assign needs \"context\", an object");
    return smew__load_value(loader, context, 0, &action->value);
}

static bool load_log(struct smew__loader *loader, struct smew__json json,
                     struct smew__action *action)
{
    struct smew__json args = smew__member(loader, json, "args");

    action->kind = SMEW__ACTION_LOG;
    if (smew__has_expression(args))
        return evaluate(loader, args, SMEW__SCRIPT_JSON_LOG, action);
    return !args.value || smew__load_value(loader, args, 0, &action->value);
}

static bool load_emit(struct smew__loader *loader, struct smew__json json,
                      struct smew__action *action)
{
    action->kind = SMEW__ACTION_EMIT;
    if (smew__has_expression(smew__member(loader, json, "event")))
        return evaluate(loader, smew__member(loader, json, "event"), SMEW__SCRIPT_JSON_SEND,
                        action);
    return load_event_literal(loader, json, &action->message);
}

struct built_in {
    const char *type;
    bool (*load)(struct smew__loader *loader, struct smew__json json, struct smew__action *action);
    const char *const *allowed;
};

static const char *const raise_members[] = {"type", "event", "delay", "id", NULL};
static const char *const send_members[] = {"type", "to", "event", "delay", "id", NULL};
static const char *const cancel_members[] = {"type", "id", NULL};
static const char *const assign_members[] = {"type", "context", NULL};
static const char *const log_members[] = {"type", "args", NULL};
static const char *const emit_members[] = {"type", "event", NULL};
static const char *const child_members[] = {"type", "src", "id", "input", "systemId", NULL};

static const char *const stop_members[] = {"type", "id", NULL};

static const struct built_in built_ins[] = {
    {"@xstate.raise", load_raise, raise_members},
    {"@xstate.sendTo", load_send_to, send_members},
    {"@xstate.cancel", load_cancel, cancel_members},
    {"@xstate.assign", load_assign, assign_members},
    {"@xstate.log", load_log, log_members},
    {"@xstate.emit", load_emit, emit_members},
    {"@xstate.spawnChild", smew__load_spawn, child_members},
    {"@xstate.stopChild", smew__load_stop, stop_members},
};

/* ---- by name ------------------------------------------------------------------------- */

static bool missing_action(struct smew__loader *loader, struct smew__json where, const char *name)
{
    const struct smew_behavior *behavior = loader->behavior;
    struct smew__suggestion near;

    smew__suggest_init(&near, name);
    for (size_t i = 0; i < behavior->action_count; i++)
        smew__suggest_offer(&near, behavior->actions[i].name);
    for (size_t i = 0; i < behavior->effect_count; i++)
        smew__suggest_offer(&near, behavior->effects[i].name);
    for (size_t i = 0; i < sizeof built_ins / sizeof *built_ins; i++)
        smew__suggest_offer(&near, built_ins[i].type);
    return smew__missing(loader, where, "action", &near);
}

static bool load_named(struct smew__loader *loader, struct smew__json where, const char *name,
                       struct smew__json params)
{
    const struct smew_behavior *behavior = loader->behavior;
    struct smew__action action = {.kind = SMEW__ACTION_CALL};

    for (size_t i = 0; i < behavior->action_count && !action.run; i++)
        if (strcmp(behavior->actions[i].name, name) == 0)
            action.run = behavior->actions[i].run;
    for (size_t i = 0; i < behavior->effect_count && !action.run; i++)
        if (strcmp(behavior->effects[i].name, name) == 0) {
            action.run = behavior->effects[i].run;
            action.late = true;
        }
    if (!action.run && !missing_action(loader, where, name))
        return false;
    if (params.value && smew__has_expression(params))
        return evaluate(loader, params, SMEW__SCRIPT_JSON_CALL, &action) &&
               add_action(loader, &action);
    if (params.value && !smew__load_value(loader, params, 0, &action.value))
        return false;
    return add_action(loader, &action);
}

static bool load_typed(struct smew__loader *loader, struct smew__json json)
{
    static const char *const allowed[] = {"type", "params", NULL};
    struct smew__json type = smew__member(loader, json, "type");
    struct smew__action action = {0};
    const char *name;

    if (smew__member(loader, json, "@expr").value)
        return smew__refuse(loader, SMEW_UNSUPPORTED, json,
                            "an expression is a value and no action: \"@xstate.assign\" takes one");
    if (!type.value)
        return smew__refuse(loader, SMEW_SYNTAX, json, "an action needs \"type\", its name");
    if (!smew__name_of(loader, type, "an action's type", &name))
        return false;
    for (size_t i = 0; i < sizeof built_ins / sizeof *built_ins; i++)
        if (strcmp(built_ins[i].type, name) == 0)
            return smew__only_members(loader, json, name, built_ins[i].allowed) &&
                   built_ins[i].load(loader, json, &action) && add_action(loader, &action);
    if (strncmp(name, "@xstate.", strlen("@xstate.")) == 0) /* its members are anybody's guess */
        return missing_action(loader, type, name);
    return smew__only_members(loader, json, "an action", allowed) &&
           load_named(loader, type, name, smew__member(loader, json, "params"));
}

static bool load_one(struct smew__loader *loader, struct smew__json json)
{
    const char *name;

    if (json_is_object(json.value))
        return load_typed(loader, json);
    return smew__name_of(loader, json, "an action", &name) &&
           load_named(loader, json, name, (struct smew__json){0});
}

bool smew__load_actions(struct smew__loader *loader, struct smew__json json)
{
    struct smew__json_member *members;
    size_t count;
    bool fine = true;

    if (!json_is_array(json.value))
        return !json.value || load_one(loader, json);
    if (!smew__members(loader, json, &members, &count))
        return false;
    for (size_t i = 0; fine && i < count; i++)
        fine = load_one(loader, members[i].json);
    smew__free(members);
    return fine;
}
