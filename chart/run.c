/* SPDX-License-Identifier: MIT */

/*
 * An event's way from a machine's queue to rest.
 *
 * Happy path: the transitions that the event enables are taken, then eventless ones and raised
 * events until there are none; what came of it is committed, the effects are done, whoever watches
 * is told, and the next event's turn comes.  A machine that reached its end reports to its parent.
 *
 * Failure: the first one stops the macrostep.  Configuration, history, context and children are
 * put back to what they were when the machine was last at rest, the effects are forgotten, and
 * the machine has FAILED for good; its parent gets an error event.
 */

#include "chart/machine.h"

#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "chart/world.h"

static const struct smew__message start_message = {.event = {.type = "xstate.init", .payload = ""},
                                                   .event_id = SMEW__NONE};

static size_t rest_words(const struct smew_machine *machine)
{
    return smew__words(machine) * (1 + (size_t)machine->chart->history_count);
}

static bool goes_on(const struct smew_machine *machine)
{
    return machine->life == SMEW_LIFE_ACTIVE && machine->failure == SMEW_OK;
}

/* ---- one macrostep ------------------------------------------------------------------- */

static bool take_selected(struct smew_machine *machine)
{
    if (machine->selected_count == 0)
        return false;
    smew__select_resolve(machine);
    return smew__microstep(machine);
}

static void take_event(struct smew_machine *machine, struct smew__queued item)
{
    smew__payload_drop(machine);
    machine->event = item.message;
    machine->event_id = item.event_id;
    machine->event_serial++;
    smew__select_event(machine);
}

/* Frees the raised event that was handled, unless it is the one the loop began with. */
static void retire(const struct smew__message *message, const struct smew__message *first)
{
    if (message != first)
        smew__message_free(message);
}

/*
 * Eventless transitions first, then raised events.  An eventless transition that changed nothing
 * is not looked for again until an event was handled: it would be found for ever.
 */
static void run_to_rest(struct smew_machine *machine)
{
    const struct smew__message *first = machine->event;
    struct smew__queued next;
    uint32_t iterations = 0;
    bool look = true;

    while (goes_on(machine)) {
        if (++iterations > machine->chart->iterations_max) {
            smew__machine_fail(machine, SMEW_LIMIT);
            break;
        }
        machine->selected_count = 0;
        if (look && machine->chart->has_always)
            smew__select_always(machine);
        if (machine->selected_count > 0) {
            look = take_selected(machine) || machine->chart->scxml;
            continue;
        }
        if (machine->internal.count == 0 || !smew__queue_take(&machine->internal, &next))
            break;
        retire(machine->event, first);
        take_event(machine, next);
        (void)take_selected(machine);
        look = true;
    }
    retire(machine->event, first);
    machine->event = first;
}

/* ---- what follows it ----------------------------------------------------------------- */

/* What comes to its end keeps its last configuration and nothing that waits. */
static void discard(struct smew_machine *machine)
{
    smew__queue_fini(&machine->internal);
    smew__queue_fini(&machine->external);
    smew__effects_clear(machine);
    smew__timers_forget(&machine->family->timers, machine);
}

static void fail(struct smew_machine *machine)
{
    machine->life = SMEW_LIFE_FAILED;
    smew__set_copy(machine->active, machine->rest, rest_words(machine));
    smew__set_add(machine->active, 0);
    smew__context_undo(&machine->context);
    smew__own_undo(machine);
    smew__children_undo(machine);
    discard(machine);
    if (machine->self)
        smew__child_report(machine->self, false, machine->error);
}

static void end(struct smew_machine *machine)
{
    const struct smew_value *output = smew_machine_output(machine);
    size_t size = output ? smew_value_json(output, NULL, 0) + 1 : 0;
    char *text = size > 0 ? smew__alloc(size) : NULL;

    discard(machine);
    if (text)
        (void)smew_value_json(output, text, size);
    if (machine->self && output && !text)
        smew__relay(machine->parent, NULL);
    else if (machine->self)
        smew__child_report(machine->self, true, text);
    smew__free(text);
}

/* At rest: what a macrostep that fails is undone to.  True: the configuration is another one. */
static bool commit(struct smew_machine *machine)
{
    bool changed = !smew__set_equal(machine->rest, machine->active, smew__words(machine));

    if (smew__is_watched(machine))
        smew__set_copy(machine->entries, machine->rest, smew__words(machine));
    smew__set_copy(machine->rest, machine->active, rest_words(machine));
    if (machine->context.undo_count > 0)
        smew__context_commit(&machine->context);
    smew__context_begin(&machine->context);
    smew__own_commit(machine);
    if (machine->children.count > 0)
        smew__children_commit(machine);
    return changed;
}

static void notify(struct smew_machine *machine, bool handled, bool changed)
{
    struct smew_step step = {
        .handled = handled, .changed = changed, .done = machine->life == SMEW_LIFE_DONE};

    machine->handled = machine->handled || handled;
    machine->changed = machine->changed || changed;
    if (smew__is_watched(machine))
        smew__watch_tell(machine, &step);
}

/* After a macrostep; `first`: the one that started the machine. */
static void conclude(struct smew_machine *machine, bool handled, bool first)
{
    bool changed;

    if (machine->world)
        smew__world_export(machine);
    if (machine->failure != SMEW_OK) {
        fail(machine);
        return;
    }
    if (machine->life == SMEW_LIFE_DONE)
        smew__children_end(machine);
    changed = commit(machine) || first;
    if (first && machine->life == SMEW_LIFE_ACTIVE)
        smew__children_start(machine);
    if (machine->effects.count > 0)
        smew__effects_do(machine);
    if (machine->children.count > 0)
        smew__children_sweep(machine);
    notify(machine, handled, changed);
    if (machine->failure != SMEW_OK)
        fail(machine);
    else if (machine->life == SMEW_LIFE_DONE)
        end(machine);
}

/* ---- errors of children -------------------------------------------------------------- */

static bool is_error_of_child(const struct smew_event *event)
{
    static const char prefix[] = "xstate.error.actor";

    return event->type[0] == prefix[0] && strncmp(event->type, prefix, sizeof prefix - 1) == 0;
}

/* What a child failed of, and nothing handles, is what the machine fails of. */
static void keep_error(struct smew_machine *machine, const struct smew_event *event)
{
    static const char before[] = "{\"error\":";
    size_t size = sizeof before - 1;

    if (machine->failure != SMEW_OK)
        return; /* of a guard that was asked what to do with it */
    smew__machine_fail(machine, SMEW_REJECTED);
    if (event->payload_size <= size + 1 || memcmp(event->payload, before, size) != 0 ||
        !smew__utf8_valid(event->payload, event->payload_size))
        return;
    machine->error = smew__calloc(1, event->payload_size - size);
    if (machine->error)
        memcpy(machine->error, (const char *)event->payload + size, event->payload_size - size - 1);
}

/* ---- one event ----------------------------------------------------------------------- */

/* Did the event that nothing took leave nothing behind, for nobody who looks back?  A guard may
 * have, and scripts. */
static bool is_at_rest(const struct smew_machine *machine)
{
    return machine->failure == SMEW_OK && !machine->chart->has_always && !machine->world &&
           !smew__is_watched(machine) && !machine->own &&
           machine->internal.count + machine->effects.count + machine->children.count == 0 &&
           machine->context.undo_count == 0 && machine->life == SMEW_LIFE_ACTIVE;
}

static void run_event(struct smew_machine *machine, struct smew__queued item, bool outside)
{
    bool handled;

    if (machine->chart->receives) {
        machine->event = item.message;
        machine->event_id = item.event_id;
        machine->event_serial++;
        smew__script_receive(machine, item.message, outside);
    }
    take_event(machine, item);
    handled = machine->selected_count > 0;
    if (!handled && !machine->chart->scxml && is_error_of_child(&item.message->event))
        keep_error(machine, &item.message->event);
    else
        (void)take_selected(machine);
    if (!handled && is_at_rest(machine)) {
        smew__context_begin(&machine->context);
    } else {
        run_to_rest(machine);
        conclude(machine, handled, false);
    }
    smew__payload_drop(machine);
    machine->event = NULL;
}

/* A family that keeps sending to itself, or waits for no time at all, never comes to rest. */
static void count_own_event(struct smew_machine *machine)
{
    if (++machine->family->own_events > SMEW__OWN_EVENTS_MAX)
        smew__machine_fail(machine, SMEW_LIMIT);
}

/* Raised events wait at rest only when an effect was refused: those come first. */
static bool take_waiting(struct smew_machine *machine, struct smew__queued *item, bool *outside)
{
    *outside = machine->internal.count == 0;
    return smew__queue_take(&machine->internal, item) || smew__queue_take(&machine->external, item);
}

/* W3C's: a machine that is cancelled leaves its states; XState's just stops. */
static void leave_all(struct smew_machine *machine)
{
    static const struct smew__message cancel = {.event = {.type = "cancel", .payload = ""},
                                                .event_id = SMEW__NONE};

    machine->event = &cancel;
    machine->processing = true;
    smew__exit_all(machine);
    smew__effects_do(machine);
    machine->processing = false;
    smew__payload_drop(machine);
    machine->event = NULL;
}

static void halt(struct smew_machine *machine)
{
    if (machine->chart->scxml)
        leave_all(machine);
    machine->life = SMEW_LIFE_STOPPED; /* what its services settle now is for nobody */
    for (uint32_t i = 0; i < machine->children.count; i++)
        smew__child_stop(machine->children.items[i]);
    discard(machine);
}

/* All that waits, one event after the other. */
void smew__machine_process(struct smew_machine *machine)
{
    struct smew__queued item;
    bool outside;

    machine->processing = true;
    while (goes_on(machine) && !machine->stopping &&
           machine->internal.count + machine->external.count > 0 &&
           take_waiting(machine, &item, &outside)) {
        count_own_event(machine);
        if (machine->failure == SMEW_OK)
            run_event(machine, item, outside);
        smew__message_free(item.message);
    }
    if (machine->failure != SMEW_OK && machine->life == SMEW_LIFE_ACTIVE)
        fail(machine);
    machine->processing = false;
    if (machine->stopping && machine->life == SMEW_LIFE_ACTIVE)
        halt(machine);
}

void smew__machine_handle(struct smew_machine *machine, const struct smew__message *message)
{
    machine->processing = true;
    run_event(machine, (struct smew__queued){message, message->event_id}, true);
    smew__machine_process(machine);
}

void smew__relay(struct smew_machine *machine, const struct smew__message *message)
{
    if (machine->life > SMEW_LIFE_ACTIVE) {
        smew__message_free(message);
        return;
    }
    if (message)
        smew__machine_fail(machine,
                           smew__queue_put(&machine->external, message,
                                           smew__chart_event_id(machine->chart, message->event.type,
                                                                strlen(message->event.type))));
    else
        smew__machine_fail(machine, SMEW_NO_MEMORY);
    if (machine->open && !machine->processing)
        smew__machine_process(machine);
}

static void deliver_outside(struct smew_machine *machine, const char *name,
                            const struct smew__message *message)
{
    const struct smew_machine_host *host = &machine->family->host;
    enum smew_status status = SMEW_NO_MACHINE;

    if (host->send_to)
        status = host->send_to(machine, name, &message->event, host->owner);
    if (status != SMEW_OK)
        smew__raise_refused(machine, "error.communication", name, status);
    smew__message_free(message); /* the name may lie in it */
    if (status == SMEW_OK)
        return;
    if (machine->open && !machine->processing)
        smew__machine_process(machine);
}

void smew__deliver(struct smew_machine *machine, const struct smew__target *target,
                   const struct smew__message *message)
{
    const struct smew__child *child;

    switch (target->to) {
    case SMEW__TO_SELF:
        smew__relay(machine, message);
        break;
    case SMEW__TO_INTERNAL:
        smew__machine_fail(machine,
                           smew__queue_put(&machine->internal, message, message->event_id));
        break;
    case SMEW__TO_PARENT:
        if (machine->parent->chart->scxml && machine->self->place == SMEW__GONE) {
            smew__message_free(message); /* W3C's: one that is cancelled is not heard any more */
            break;
        }
        smew__relay(machine->parent, smew__script_signed(machine, message));
        break;
    case SMEW__TO_CHILD:
        child = smew__child_numbered(machine, target->child);
        if (child && child->machine)
            smew__relay(child->machine, message);
        else
            smew__message_free(message);
        break;
    case SMEW__TO_NAMED:
        deliver_outside(machine, target->name, message);
        break;
    }
}

/* ---- beginning and stopping ---------------------------------------------------------- */

void smew__machine_begin(struct smew_machine *machine)
{
    smew__own_commit(machine); /* the program may have filled it meanwhile */
    machine->life = SMEW_LIFE_ACTIVE;
    machine->processing = true;
    machine->event = &start_message;
    machine->event_id = SMEW__NONE;
    smew__microstep_initial(machine);
    run_to_rest(machine);
}

void smew__machine_launch(struct smew_machine *machine)
{
    conclude(machine, true, true);
    smew__payload_drop(machine);
    machine->event = NULL;
    machine->open = true;
    smew__machine_process(machine);
}

void smew__machine_stop(struct smew_machine *machine)
{
    if (machine->life != SMEW_LIFE_ACTIVE)
        return;
    smew__queue_clear(&machine->external);
    if (machine->processing)
        machine->stopping = true;
    else
        halt(machine);
}
