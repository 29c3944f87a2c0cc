/* SPDX-License-Identifier: MIT */

/*
 * Running actions and asking guards.
 *
 * What others would notice is only noted here, as an effect.  An action that cannot be done (no
 * memory, a limit, nobody to send to) is the macrostep's failure: no further action runs, and
 * the machine stops.  A send that the host refuses later becomes the event error.communication.
 */

#include "chart/machine.h"

#include <string.h>

#include "chart/world.h"

static struct smew_call call_of(struct smew_machine *machine, const struct smew_value *params)
{
    return (struct smew_call){.machine = machine,
                              .event = &machine->event->event,
                              .params = params,
                              .user = machine->family->host.user,
                              .context = machine->own};
}

/* ---- guards -------------------------------------------------------------------------- */

static bool all_hold(struct smew_machine *machine, struct smew__run operands)
{
    for (uint32_t i = 0; i < operands.count; i++)
        if (!smew__guard_holds(machine, machine->chart->operands[operands.first + i]))
            return false;
    return true;
}

static bool one_holds(struct smew_machine *machine, struct smew__run operands)
{
    for (uint32_t i = 0; i < operands.count; i++)
        if (smew__guard_holds(machine, machine->chart->operands[operands.first + i]))
            return true;
    return false;
}

/* Recursive: the loader bounds how deep guards nest. */
bool smew__guard_holds(struct smew_machine *machine, uint32_t number)
{
    const struct smew__guard *guard = &machine->chart->guards[number];
    struct smew_call call;

    switch (guard->kind) {
    case SMEW__GUARD_SCRIPT:
        return smew__script_holds(machine, guard->script);
    case SMEW__GUARD_CALL:
        if (guard->script)
            return smew__script_calls_guard(machine, guard);
        call = call_of(machine, guard->params);
        return guard->holds(&call);
    case SMEW__GUARD_NEVER:
        return false;
    case SMEW__GUARD_IN:
        return smew__set_has(machine->active, guard->state);
    case SMEW__GUARD_AND:
        return all_hold(machine, guard->operands);
    case SMEW__GUARD_OR:
        return one_holds(machine, guard->operands);
    case SMEW__GUARD_NOT:
        return !one_holds(machine, guard->operands);
    }
    return false;
}

/* ---- sending ------------------------------------------------------------------------- */

void smew__raise_error(struct smew_machine *machine, const char *type, const char *payload,
                       const char *send_id)
{
    struct smew_event event = {.type = type,
                               .payload = payload,
                               .payload_size = strlen(payload),
                               .content = SMEW_CONTENT_JSON};
    struct smew__origin origin = {.type = "platform", .send_id = send_id};
    struct smew__message *message = smew__message_from(machine->chart, &event, &origin);

    smew__machine_fail(machine,
                       message ? smew__queue_put(&machine->internal, message, message->event_id)
                               : SMEW_NO_MEMORY);
}

/* Its payload says to whom and why: {"target":"valve-3","status":"NO_MACHINE"}. */
static void raise_refused(struct smew_machine *machine, const char *type, const char *target,
                          enum smew_status status, const char *send_id)
{
    char payload[2 * SMEW_ID_MAX];
    struct smew__text text = smew__text_into(payload, sizeof payload);

    smew__text_string(&text, "{\"status\":\"");
    smew__text_string(&text, smew_status_name(status));
    smew__text_string(&text, "\"");
    if (strlen(target) <= SMEW_ID_MAX / 2) { /* a longer one might be cut inside its quotes */
        smew__text_string(&text, ",\"target\":");
        smew__text_json(&text, target);
    }
    smew__text_string(&text, "}");
    smew__raise_error(machine, type, payload, send_id);
}

void smew__raise_refused(struct smew_machine *machine, const char *type, const char *target,
                         enum smew_status status)
{
    raise_refused(machine, type, target, status, NULL);
}

/* A child of that name, else a machine on the bus.  False: there is nobody. */
static bool find_named(struct smew_machine *machine, const struct smew__action *action,
                       struct smew__target *target)
{
    const struct smew__child *child = smew__child_named(machine, action->target);

    if (child) {
        *target = (struct smew__target){.to = SMEW__TO_CHILD, .child = child->serial};
        return true;
    }
    if (action->to == SMEW__TO_CHILD)
        return false;
    if (!machine->parent && strcmp(action->target, machine->id) == 0)
        target->to = SMEW__TO_SELF;
    return target->to == SMEW__TO_SELF || machine->family->host.send_to;
}

static bool find_target(struct smew_machine *machine, const struct smew__action *action,
                        struct smew__target *target)
{
    *target = (struct smew__target){.to = action->to, .name = action->target};
    if (action->kind == SMEW__ACTION_RAISE || action->to == SMEW__TO_INTERNAL)
        target->to = SMEW__TO_SELF;
    else if (action->to == SMEW__TO_PARENT)
        return machine->parent != NULL;
    else if (action->to != SMEW__TO_SELF)
        return find_named(machine, action, target);
    return true;
}

static uint64_t due_of(struct smew_machine *machine, const struct smew__delay *delay)
{
    uint64_t ns = delay->ns;

    if (delay->named) {
        struct smew_call call = call_of(machine, NULL);
        uint64_t ms = delay->named(&call);

        ns = ms > SMEW__DELAY_MAX_MS ? SMEW__DELAY_MAX_MS * UINT64_C(1000000) : ms * 1000000;
    }
    return smew__due_ns(machine->family->now_ns, ns);
}

/* W3C's: what can never be a target is the chart's error, who is not there is the world's. */
static bool raise_nobody(struct smew_machine *machine, const struct smew__action *action)
{
    bool never = action->to == SMEW__TO_NAMED;

    raise_refused(machine, never ? "error.execution" : "error.communication",
                  action->target ? action->target : "#_parent", SMEW_NO_MACHINE, action->send_id);
    return !never;
}

bool smew__act_send(struct smew_machine *machine, const struct smew__action *action)
{
    struct smew__effect effect = {
        .kind = SMEW__EFFECT_SEND, .message = action->message, .send_id = action->send_id};
    bool ever = true;

    if ((action->kind == SMEW__ACTION_RAISE || action->to == SMEW__TO_INTERNAL) &&
        !action->delay.delayed) {
        smew__machine_fail(machine, smew__queue_put(&machine->internal, action->message,
                                                    action->message->event_id));
        return true;
    }
    if (!find_target(machine, action, &effect.target)) {
        if (machine->chart->scxml)
            ever = raise_nobody(machine, action);
        else
            smew__machine_fail(machine, SMEW_NO_MACHINE);
        smew__message_free(action->message);
        return ever;
    }
    if (action->delay.delayed) {
        effect.kind = SMEW__EFFECT_SEND_LATER;
        effect.due_ns = due_of(machine, &action->delay);
    }
    smew__effects_put(machine, &effect);
    return true;
}

/* ---- the others ---------------------------------------------------------------------- */

static void assign(struct smew_machine *machine, const struct smew_value *members)
{
    machine->modified = true;
    for (uint32_t i = 0; i < members->count; i++)
        smew__machine_fail(machine, smew__context_set(&machine->context, members->as.members[i].key,
                                                      members->as.members[i].value));
}

/* A string as it is, anything else as JSON; several with a blank between them. */
static void write_argument(struct smew__text *text, const struct smew_value *value)
{
    const char *string = smew_value_string(value, NULL);

    if (string)
        smew__text_string(text, string);
    else
        smew__value_write(value, text);
}

static void write_log(const struct smew_value *arguments, struct smew__text *text)
{
    if (smew_value_type(arguments) != SMEW_VALUE_ARRAY) {
        write_argument(text, arguments);
        return;
    }
    for (size_t i = 0; i < smew_value_count(arguments); i++) {
        if (i > 0)
            smew__text_string(text, " ");
        write_argument(text, smew_value_at(arguments, i));
    }
}

void smew__act_log(struct smew_machine *machine, const struct smew_value *arguments)
{
    char line[512];
    struct smew__text text = smew__text_into(line, sizeof line);
    const struct smew_machine_host *host = &machine->family->host;

    if (!host->log)
        return;
    write_log(arguments, &text);
    host->log(machine, line, host->owner);
}

static void put_effect(struct smew_machine *machine, enum smew__effect_kind kind,
                       const struct smew__action *action)
{
    smew__effects_put(machine, &(struct smew__effect){.kind = kind,
                                                      .message = action->message,
                                                      .send_id = action->send_id});
}

void smew__call_action(struct smew_machine *machine, const struct smew__action *action,
                       const struct smew_event *event)
{
    struct smew_call call = {.machine = machine,
                             .event = event,
                             .params = action->value,
                             .user = machine->family->host.user,
                             .context = machine->own};

    if (action->run)
        action->run(&call);
}

/* Effects of a machine's start wait for it; an event that is not the chart's would be gone then. */
static void call(struct smew_machine *machine, const struct smew__action *action)
{
    if (action->late && !machine->open && !machine->event->owned)
        smew__effects_put(machine, &(struct smew__effect){.kind = SMEW__EFFECT_CALL,
                                                          .action = action,
                                                          .message = machine->event});
    else
        smew__call_action(machine, action, &machine->event->event);
}

static void run(struct smew_machine *machine, const struct smew__action *action)
{
    const struct smew__child *child;

    switch (action->kind) {
    case SMEW__ACTION_CALL:
        call(machine, action);
        break;
    case SMEW__ACTION_ASSIGN:
        assign(machine, action->value);
        break;
    case SMEW__ACTION_RAISE:
    case SMEW__ACTION_SEND:
        (void)smew__act_send(machine, action);
        break;
    case SMEW__ACTION_CANCEL:
        put_effect(machine, SMEW__EFFECT_CANCEL, action);
        break;
    case SMEW__ACTION_LOG:
        smew__act_log(machine, action->value);
        break;
    case SMEW__ACTION_EMIT:
        put_effect(machine, SMEW__EFFECT_EMIT, action);
        break;
    case SMEW__ACTION_SPAWN:
        child = smew__child_add(machine, action->invoke);
        if (child)
            smew__child_start_later(machine, child->id);
        break;
    case SMEW__ACTION_STOP:
        smew__child_remove(machine, action->target);
        break;
    case SMEW__ACTION_UNLESS:
    case SMEW__ACTION_SKIP:
    case SMEW__ACTION_SCRIPT:
    case SMEW__ACTION_END:
        break;
    }
}

/* How many of the next actions a condition says to leave out. */
static uint32_t skipped(struct smew_machine *machine, const struct smew__action *action)
{
    if (action->kind == SMEW__ACTION_SKIP || action->kind == SMEW__ACTION_SCRIPT ||
        (action->kind == SMEW__ACTION_UNLESS && !smew__guard_holds(machine, action->guard)))
        return action->skip;
    return 0;
}

/* The place of the block's end from there on; `count` where there is none. */
static uint32_t end_of_block(const struct smew__action *actions, uint32_t at, uint32_t count)
{
    while (at < count && actions[at].kind != SMEW__ACTION_END)
        at++;
    return at;
}

/* W3C's: an error ends its block, and the next block is run. */
bool smew__run_actions(struct smew_machine *machine, struct smew__run block)
{
    const struct smew__action *actions = NULL;
    uint32_t count = block.count;

    if (count > 0) /* a chart may have none at all */
        actions = machine->chart->actions + block.first;
    for (uint32_t i = 0; i < count && machine->failure == SMEW_OK; i++) {
        struct smew__run body = {block.first + i + 1, actions[i].skip};

        run(machine, &actions[i]);
        if (actions[i].kind == SMEW__ACTION_SCRIPT &&
            !smew__script_act(machine, actions[i].script, body)) {
            i = end_of_block(actions, i, count);
            if (i == count)
                return false;
            continue;
        }
        i += skipped(machine, &actions[i]);
    }
    return true;
}
