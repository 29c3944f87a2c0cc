/* SPDX-License-Identifier: MIT */

/*
 * What scripts do, beside sending: conditions, assignments, lists, texts for the log; and XState's
 * actions that have expressions in them.
 */

#include "chart/world.h"

#include <string.h>

#include "base/alloc.h"
#include "chart/context.h"

/* ---- conditions ---------------------------------------------------------------------- */

bool smew__script_holds(struct smew_machine *machine, const struct smew__script *script)
{
    struct smew__world *world = smew__world_ready(machine);
    bool truth = false;

    if (!world)
        return false;
    world->dirty = true;
    return smew__world_settle(
               machine, world->engine->test(world->session, script->value.code, &truth), NULL) &&
           truth;
}

bool smew__script_calls_guard(struct smew_machine *machine, const struct smew__guard *guard)
{
    struct smew_value *params = smew__world_document(machine, guard->script->value.code);
    struct smew_call call = {.machine = machine,
                             .event = &machine->event->event,
                             .params = params,
                             .user = machine->family->host.user,
                             .context = machine->own};
    bool holds = params && guard->holds(&call);

    smew__value_release(params);
    return holds;
}

/* ---- W3C's --------------------------------------------------------------------------- */

static bool run(struct smew_machine *machine, const struct smew__script *script)
{
    struct smew__world *world = smew__world_ready(machine);

    if (!world)
        return false;
    world->dirty = true;
    machine->modified = true;
    return smew__world_settle(machine, world->engine->run(world->session, script->value.code),
                              NULL);
}

/* A text that is no expression is itself: <data>some words</data>. */
static enum smew_status assign_text(struct smew__world *world, const struct smew__script *script)
{
    struct smew__buffer json;
    enum smew_status status = SMEW_NO_MEMORY;

    smew__buffer_init(&json);
    smew__buffer_json_string(&json, script->value.text, strlen(script->value.text));
    smew__buffer_append(&json, "", 1);
    if (!json.failed)
        status =
            world->engine->assign(world->session, script->place,
                                  (struct smew__code){(const char *)json.data, SMEW__CODE_NONE});
    smew__buffer_fini(&json);
    return status;
}

static bool assign(struct smew_machine *machine, const struct smew__script *script)
{
    struct smew__world *world = smew__world_ready(machine);
    enum smew_status status = SMEW_OK;

    if (!world)
        return false;
    world->dirty = true;
    machine->modified = true;
    if (script->value.code.text)
        status = world->engine->assign(world->session, script->place, script->value.code);
    if (script->value.text && (!script->value.code.text || status == SMEW_REJECTED))
        status = assign_text(world, script);
    return smew__world_settle(machine, status, NULL);
}

/* It is there even when its value is not; one that is bound late has had its turn when it is in
   the context already. */
static bool declare(struct smew_machine *machine, const struct smew__script *script)
{
    struct smew__world *world;
    bool late = script->late && machine->world && !machine->world->fresh;

    if (late && smew_value_get(smew_machine_context(machine), script->place))
        return true;
    world = smew__world_ready(machine);
    if (!world)
        return false;
    world->dirty = true;
    if (!late &&
        !smew__world_settle(
            machine, world->engine->set(world->session, script->place, NULL, 0, false), NULL))
        return false;
    if (script->late && !late)
        return true;
    return (!script->value.code.text && !script->value.text) || assign(machine, script);
}

static bool each(struct smew_machine *machine, const struct smew__script *script,
                 struct smew__run body)
{
    struct smew__world *world = smew__world_ready(machine);
    uint32_t count = 0;

    if (!world)
        return false;
    world->dirty = true;
    machine->modified = true;
    if (!smew__world_settle(machine,
                            world->engine->each(world->session, script->value.code, script->place,
                                                script->index, script->depth, &count),
                            NULL))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!smew__world_settle(
                machine,
                world->engine->next(world->session, script->place, script->index, script->depth, i),
                NULL) ||
            !smew__run_actions(machine, body) || machine->failure != SMEW_OK)
            return false;
    }
    return true;
}

/* "label: text", either of which may be missing. */
static bool log_text(struct smew_machine *machine, const struct smew__script *script)
{
    const struct smew_machine_host *host = &machine->family->host;
    struct smew__buffer text;
    struct smew__buffer line;
    bool fine;

    smew__buffer_init(&text);
    smew__buffer_init(&line);
    fine = smew__world_text(machine, &script->value, &text, NULL);
    if (fine && script->index)
        smew__buffer_printf(&line, "%s: ", script->index);
    if (fine)
        smew__buffer_append(&line, text.data, text.size + 1);
    if (fine && !line.failed && host->log)
        host->log(machine, (const char *)line.data, host->owner);
    smew__buffer_fini(&line);
    smew__buffer_fini(&text);
    return fine;
}

/* ---- XState's ------------------------------------------------------------------------ */

static bool json_assign(struct smew_machine *machine, const struct smew__script *script)
{
    struct smew_value *value = smew__world_document(machine, script->value.code);

    if (!value)
        return false;
    machine->modified = true;
    for (uint32_t i = 0; value->type == SMEW_VALUE_OBJECT && i < value->count; i++) {
        struct smew__member *member = &value->as.members[i];

        smew__machine_fail(machine,
                           smew__context_set(&machine->context, member->key, member->value));
        member->value = NULL; /* given away */
    }
    smew__value_release(value);
    return machine->failure == SMEW_OK;
}

static bool json_log(struct smew_machine *machine, const struct smew__script *script)
{
    struct smew_value *value = smew__world_document(machine, script->value.code);

    if (value)
        smew__act_log(machine, value);
    smew__value_release(value);
    return value != NULL;
}

static bool json_call(struct smew_machine *machine, const struct smew__script *script)
{
    struct smew_value *params = smew__world_document(machine, script->value.code);
    struct smew__action action = *script->action;

    action.value = params;
    if (params)
        smew__call_action(machine, &action, &machine->event->event);
    smew__value_release(params);
    return params != NULL;
}

/* ---- all of them --------------------------------------------------------------------- */

bool smew__script_act(struct smew_machine *machine, const struct smew__script *script,
                      struct smew__run body)
{
    switch (script->kind) {
    case SMEW__SCRIPT_RUN:
        return run(machine, script);
    case SMEW__SCRIPT_ASSIGN:
        return assign(machine, script);
    case SMEW__SCRIPT_DATA:
        return declare(machine, script);
    case SMEW__SCRIPT_EACH:
        return each(machine, script, body);
    case SMEW__SCRIPT_LOG:
        return log_text(machine, script);
    case SMEW__SCRIPT_SEND:
    case SMEW__SCRIPT_JSON_SEND:
        return smew__script_send(machine, script);
    case SMEW__SCRIPT_CANCEL:
        return smew__script_cancel(machine, script);
    case SMEW__SCRIPT_VALUE:
        return true;
    case SMEW__SCRIPT_JSON_ASSIGN:
        return json_assign(machine, script);
    case SMEW__SCRIPT_JSON_LOG:
        return json_log(machine, script);
    case SMEW__SCRIPT_JSON_CALL:
        return json_call(machine, script);
    }
    return true;
}
