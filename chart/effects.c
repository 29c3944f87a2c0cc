/* SPDX-License-Identifier: MIT */

/*
 * Effects: what a macrostep asks for and what is done when it has come to its end, in the order
 * in which it was asked for.
 *
 * While a machine does its effects it counts as busy, so nothing that they set in motion can add
 * to the list or start another macrostep of the same machine.  Messages are the chart's own, or
 * made by a script: those belong to the effect until it is done.
 */

#include "chart/machine.h"

#include "base/alloc.h"

enum { FIRST_CAPACITY = 4 };

static bool make_room(struct smew__effects *effects)
{
    if (effects->count < effects->capacity)
        return true;
    uint32_t capacity = effects->capacity ? effects->capacity * 2 : FIRST_CAPACITY;
    struct smew__effect *items = smew__realloc(effects->items, capacity * sizeof *items);
    if (!items)
        return false;
    effects->items = items;
    effects->capacity = capacity;
    return true;
}

void smew__effects_put(struct smew_machine *machine, const struct smew__effect *effect)
{
    struct smew__effects *effects = &machine->effects;

    if (effects->count < SMEW__EFFECTS_MAX && make_room(effects)) {
        effects->items[effects->count++] = *effect;
        return;
    }
    smew__machine_fail(machine, effects->count < SMEW__EFFECTS_MAX ? SMEW_NO_MEMORY : SMEW_LIMIT);
    smew__message_free(effect->message);
}

void smew__effects_clear(struct smew_machine *machine)
{
    for (uint32_t i = 0; i < machine->effects.count; i++)
        smew__message_free(machine->effects.items[i].message);
    machine->effects.count = 0;
}

static void send_later(struct smew_machine *machine, const struct smew__effect *effect)
{
    struct smew__timer timer = {.due_ns = effect->due_ns,
                                .machine = machine,
                                .message = effect->message,
                                .target = effect->target,
                                .send_id = effect->send_id};

    smew__machine_fail(machine, smew__timers_put(&machine->family->timers, timer));
}

static void emit(struct smew_machine *machine, const struct smew__message *message)
{
    const struct smew_machine_host *host = &machine->family->host;

    if (host->emit)
        host->emit(machine, &message->event, host->owner);
}

static void do_one(struct smew_machine *machine, const struct smew__effect *effect)
{
    struct smew__child *child;

    switch (effect->kind) {
    case SMEW__EFFECT_SEND:
        smew__deliver(machine, &effect->target, effect->message);
        break;
    case SMEW__EFFECT_SEND_LATER:
        send_later(machine, effect);
        break;
    case SMEW__EFFECT_CANCEL:
        smew__timers_cancel(&machine->family->timers, machine, effect->send_id);
        smew__message_free(effect->message);
        break;
    case SMEW__EFFECT_EMIT:
        emit(machine, effect->message);
        smew__message_free(effect->message);
        break;
    case SMEW__EFFECT_CALL:
        smew__call_action(machine, effect->action, &effect->message->event);
        break;
    case SMEW__EFFECT_START:
    case SMEW__EFFECT_STOP:
        child = smew__child_numbered(machine, effect->target.child);
        if (child && effect->kind == SMEW__EFFECT_START)
            smew__child_start(child);
        else if (child)
            smew__child_stop(child);
        break;
    }
}

void smew__effects_do(struct smew_machine *machine)
{
    for (uint32_t i = 0; i < machine->effects.count; i++)
        do_one(machine, &machine->effects.items[i]);
    machine->effects.count = 0;
}
