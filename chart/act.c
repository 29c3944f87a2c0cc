/* SPDX-License-Identifier: MIT */

/*
 * Running actions and asking guards.
 *
 * An action that cannot be done for want of memory or beyond a limit is remembered as the call's
 * failure; the actions after it in the same microstep still run, and then the machine stops.
 * A send to another machine that the host refuses becomes the event error.communication.
 */

#include "chart/machine.h"

#include <string.h>

static struct smew_call call_of(struct smew_machine *machine, const struct smew_value *params)
{
    return (struct smew_call){.machine = machine,
                              .event = &machine->event->event,
                              .params = params,
                              .user = machine->host.user};
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
    case SMEW__GUARD_CALL:
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

/* Its payload says to whom and why: {"target":"valve-3","status":"NO_MACHINE"}. */
static void raise_refused(struct smew_machine *machine, const char *target, enum smew_status status)
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
    struct smew__message *message =
        smew__message_copy(machine->chart, "error.communication", payload);
    smew__machine_fail(machine,
                       message ? smew__queue_put(&machine->internal, message) : SMEW_NO_MEMORY);
}

void smew__deliver(struct smew_machine *machine, const char *target,
                   const struct smew__message *message)
{
    if (!target || strcmp(target, machine->id) == 0) {
        smew__machine_fail(machine, smew__queue_put(&machine->external, message));
        return;
    }
    if (!machine->host.send_to)
        return;
    enum smew_status status =
        machine->host.send_to(machine, target, &message->event, machine->host.owner);
    if (status != SMEW_OK)
        raise_refused(machine, target, status);
}

/* Saturates: a delay of the program's may be anything. */
static uint64_t due_of(struct smew_machine *machine, const struct smew__delay *delay)
{
    uint64_t ns = delay->ns;

    if (delay->named) {
        struct smew_call call = call_of(machine, NULL);
        uint64_t ms = delay->named(&call);

        ns = ms > SMEW__DELAY_MAX_MS ? SMEW__DELAY_MAX_MS * UINT64_C(1000000) : ms * 1000000;
    }
    return ns > UINT64_MAX - 1 - machine->now_ns ? UINT64_MAX - 1 : machine->now_ns + ns;
}

static void send_later(struct smew_machine *machine, const struct smew__action *action)
{
    struct smew__timer timer = {.due_ns = due_of(machine, &action->delay),
                                .message = action->message,
                                .target = action->target,
                                .send_id = action->send_id};

    smew__machine_fail(machine, smew__timers_put(&machine->timers, timer));
}

static void raise_or_send(struct smew_machine *machine, const struct smew__action *action)
{
    if (action->delay.delayed)
        send_later(machine, action);
    else if (action->kind == SMEW__ACTION_RAISE)
        smew__machine_fail(machine, smew__queue_put(&machine->internal, action->message));
    else
        smew__deliver(machine, action->target, action->message);
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

static void log_text(struct smew_machine *machine, const struct smew_value *arguments)
{
    char line[512];
    struct smew__text text = smew__text_into(line, sizeof line);

    if (!machine->host.log)
        return;
    write_log(arguments, &text);
    machine->host.log(machine, line, machine->host.owner);
}

static void run(struct smew_machine *machine, const struct smew__action *action)
{
    struct smew_call call;

    switch (action->kind) {
    case SMEW__ACTION_CALL:
        call = call_of(machine, action->value);
        if (action->run)
            action->run(&call);
        break;
    case SMEW__ACTION_ASSIGN:
        assign(machine, action->value);
        break;
    case SMEW__ACTION_RAISE:
    case SMEW__ACTION_SEND:
        raise_or_send(machine, action);
        break;
    case SMEW__ACTION_CANCEL:
        smew__timers_cancel(&machine->timers, action->send_id);
        break;
    case SMEW__ACTION_LOG:
        log_text(machine, action->value);
        break;
    case SMEW__ACTION_EMIT:
        if (machine->host.emit)
            machine->host.emit(machine, &action->message->event, machine->host.owner);
        break;
    }
}

void smew__run_actions(struct smew_machine *machine, struct smew__run actions)
{
    for (uint32_t i = 0; i < actions.count; i++)
        run(machine, &machine->chart->actions[actions.first + i]);
}
