/* SPDX-License-Identifier: MIT */

/*
 * Machines: the public functions, and the loop that runs an event to completion.
 *
 *     the event ──► microstep ──► at rest? ──► its own sends, one by one ──► return
 *                      ▲            │ no
 *                      └────────────┘ an eventless transition, else the next raised event
 *
 * Every public call that runs the machine begins and ends in `begin` and `end`: a callback that
 * calls in again is refused with BUSY, and whatever failed inside stops the machine for good.
 */

#include "chart/machine.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"

static const struct smew__message start_message = {.event = {.type = "xstate.init", .payload = ""},
                                                   .event_id = SMEW__NONE};

static const struct smew_value empty_context = {.type = SMEW_VALUE_OBJECT};

/* ---- life ---------------------------------------------------------------------------- */

/* Words of the configuration with the history states' memory behind it. */
static size_t rest_words(const struct smew_chart *chart)
{
    return smew__set_words(chart->state_count) * (1 + (size_t)chart->history_count);
}

/* The sets, the selected transitions, the line of leaves and the id, all behind the struct. */
static void lay_out(struct smew_machine *machine, const char *id, size_t id_size)
{
    size_t words = smew__words(machine);
    uint64_t *at = machine->memory;
    uint64_t **sets[] = {&machine->before, &machine->exits, &machine->entries, &machine->defaults};

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++, at += words)
        *sets[i] = at;
    machine->active = at;
    machine->history = at + words;
    machine->rest = at + rest_words(machine->chart);
    at = machine->rest + rest_words(machine->chart);
    machine->selected = (uint32_t *)(void *)at;
    machine->line = (uint16_t *)(machine->selected + machine->chart->leaf_max);
    machine->id = memcpy(machine->line + machine->chart->leaf_max, id, id_size);
}

enum smew_status smew_machine_create(struct smew_chart *chart, const char *id,
                                     const struct smew_machine_host *host,
                                     struct smew_machine **machine)
{
    size_t id_size = id ? strlen(id) + 1 : 0;

    if (!chart || !machine || id_size < 2 || id_size > SMEW_ID_MAX + 1 ||
        (host && host->size < sizeof host->size))
        return SMEW_INVALID;
    size_t sets = smew__set_words(chart->state_count) * 4 + rest_words(chart) * 2;
    struct smew_machine *made = smew__calloc(
        1, sizeof *made + sets * sizeof *made->memory +
               chart->leaf_max * (sizeof *made->selected + sizeof *made->line) + id_size);
    if (!made)
        return SMEW_NO_MEMORY;
    made->chart = smew_chart_ref(chart);
    smew__context_init(&made->context, chart->context);
    if (host) /* one of an older program is shorter */
        memcpy(&made->host, host, host->size < sizeof *host ? host->size : sizeof *host);
    made->illegal = chart->overlapping;
    lay_out(made, id, id_size);
    *machine = made;
    return SMEW_OK;
}

void smew_machine_destroy(struct smew_machine *machine)
{
    if (!machine)
        return;
    smew__queue_fini(&machine->internal);
    smew__queue_fini(&machine->external);
    smew__timers_fini(&machine->timers);
    smew__context_fini(&machine->context);
    smew_chart_unref(machine->chart);
    smew__free(machine);
}

/* ---- running ------------------------------------------------------------------------- */

/* At rest: what an event that never comes to rest itself is undone to. */
static void rest(struct smew_machine *machine)
{
    smew__set_copy(machine->rest, machine->active, rest_words(machine->chart));
    smew__context_commit(&machine->context);
    smew__context_begin(&machine->context);
}

static void begin(struct smew_machine *machine, uint64_t now_ns)
{
    machine->running = true;
    machine->failure = SMEW_OK;
    machine->own_events = 0;
    machine->handled = false;
    if (now_ns > machine->now_ns)
        machine->now_ns = now_ns;
    smew__set_copy(machine->before, machine->active, smew__words(machine));
    rest(machine);
}

/* A machine that came to its end keeps its last configuration and nothing that waits. */
static void discard(struct smew_machine *machine)
{
    smew__queue_fini(&machine->internal);
    smew__queue_fini(&machine->external);
    smew__timers_clear(&machine->timers);
}

/* What the event that failed did to configuration and context is undone. */
static void stop(struct smew_machine *machine)
{
    machine->life = SMEW__FAILED;
    smew__set_copy(machine->active, machine->rest, rest_words(machine->chart));
    smew__set_add(machine->active, 0);
    smew__context_undo(&machine->context);
}

static enum smew_status end(struct smew_machine *machine, struct smew_step *step)
{
    machine->running = false;
    if (machine->failure != SMEW_OK)
        stop(machine);
    if (machine->life != SMEW__ACTIVE)
        discard(machine);
    if (step)
        *step = (struct smew_step){
            .handled = machine->handled,
            .changed = !smew__set_equal(machine->before, machine->active, smew__words(machine)),
            .done = machine->life == SMEW__DONE};
    return machine->failure;
}

static bool goes_on(const struct smew_machine *machine)
{
    return machine->life == SMEW__ACTIVE && machine->failure == SMEW_OK;
}

static bool take_selected(struct smew_machine *machine)
{
    if (machine->selected_count == 0)
        return false;
    smew__select_resolve(machine);
    return smew__microstep(machine);
}

static void take_event(struct smew_machine *machine, const struct smew__message *message)
{
    machine->event = message;
    smew__select_event(machine);
    (void)take_selected(machine);
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
    uint32_t iterations = 0;
    bool look = true;

    while (goes_on(machine)) {
        if (++iterations > machine->chart->iterations_max) {
            smew__machine_fail(machine, SMEW_LIMIT);
            break;
        }
        machine->selected_count = 0;
        if (look)
            smew__select_always(machine);
        if (machine->selected_count > 0) {
            look = take_selected(machine);
            continue;
        }
        const struct smew__message *next = smew__queue_take(&machine->internal);
        if (!next)
            break;
        retire(machine->event, first);
        take_event(machine, next);
        look = true;
    }
    retire(machine->event, first);
    machine->event = first;
    if (machine->failure == SMEW_OK)
        rest(machine);
}

static void run_event(struct smew_machine *machine, const struct smew__message *message)
{
    take_event(machine, message);
    machine->handled = machine->handled || machine->selected_count > 0;
    run_to_rest(machine);
}

/* A machine that keeps sending to itself, or waits for no time at all, never comes to rest. */
static void count_own_event(struct smew_machine *machine)
{
    if (++machine->own_events > SMEW__OWN_EVENTS_MAX)
        smew__machine_fail(machine, SMEW_LIMIT);
}

/* What the machine sent to itself, each to completion. */
static void run_own_sends(struct smew_machine *machine)
{
    while (goes_on(machine)) {
        const struct smew__message *message = smew__queue_take(&machine->external);

        if (!message)
            break;
        count_own_event(machine);
        take_event(machine, message);
        run_to_rest(machine);
        smew__message_free(message);
    }
    machine->event = NULL;
}

enum smew_status smew_machine_start(struct smew_machine *machine, uint64_t now_ns,
                                    struct smew_step *step)
{
    if (machine->running)
        return SMEW_BUSY;
    if (machine->life != SMEW__NEW)
        return SMEW_INVALID;
    begin(machine, now_ns);
    machine->life = SMEW__ACTIVE;
    machine->event = &start_message;
    machine->handled = true;
    smew__microstep_initial(machine);
    run_to_rest(machine);
    run_own_sends(machine);
    return end(machine, step);
}

/* The program's event with its place in the chart; a payload is never NULL. */
static bool to_message(const struct smew_machine *machine, const struct smew_event *event,
                       struct smew__message *message)
{
    if (!event || !event->type || !*event->type || strcmp(event->type, "*") == 0 ||
        (!event->payload && event->payload_size > 0))
        return false;
    *message = (struct smew__message){.event = *event};
    if (!event->payload)
        message->event.payload = "";
    message->event_id = smew__chart_event_id(machine->chart, event->type, strlen(event->type));
    return true;
}

/* May the machine run now? */
static enum smew_status may_run(const struct smew_machine *machine)
{
    if (machine->running)
        return SMEW_BUSY;
    if (machine->life == SMEW__NEW)
        return SMEW_INVALID;
    return machine->life == SMEW__ACTIVE ? SMEW_OK : SMEW_STOPPED;
}

enum smew_status smew_machine_send(struct smew_machine *machine, const struct smew_event *event,
                                   uint64_t now_ns, struct smew_step *step)
{
    enum smew_status status = may_run(machine);
    struct smew__message message;

    if (status != SMEW_OK)
        return status;
    if (!to_message(machine, event, &message))
        return SMEW_INVALID;
    begin(machine, now_ns);
    run_event(machine, &message);
    run_own_sends(machine);
    return end(machine, step);
}

static void run_timer(struct smew_machine *machine, const struct smew__timer *timer)
{
    if (!timer->target) {
        run_event(machine, timer->message);
    } else {
        machine->event = timer->message;
        smew__deliver(machine, timer->target, timer->message);
        if (machine->internal.count > 0) /* error.communication: it was refused */
            run_to_rest(machine);
    }
    run_own_sends(machine);
}

enum smew_status smew_machine_advance(struct smew_machine *machine, uint64_t now_ns,
                                      struct smew_step *step)
{
    enum smew_status status = may_run(machine);
    struct smew__timer timer;

    if (status != SMEW_OK)
        return status;
    begin(machine, machine->now_ns);
    while (goes_on(machine) && smew__timers_take(&machine->timers, now_ns, &timer)) {
        if (timer.due_ns > machine->now_ns) {
            machine->now_ns = timer.due_ns;
            machine->own_events = 0;
        }
        count_own_event(machine);
        run_timer(machine, &timer);
    }
    if (now_ns > machine->now_ns)
        machine->now_ns = now_ns;
    return end(machine, step);
}

uint64_t smew_machine_due_ns(const struct smew_machine *machine)
{
    return machine->timers.count > 0 ? machine->timers.items[0].due_ns : UINT64_MAX;
}

bool smew_machine_can(struct smew_machine *machine, const struct smew_event *event)
{
    struct smew__message message;
    bool can;

    if (may_run(machine) != SMEW_OK || !to_message(machine, event, &message))
        return false;
    machine->running = true; /* guards are called */
    machine->event = &message;
    can = smew__select_any(machine);
    machine->event = NULL;
    machine->running = false;
    return can;
}

/* ---- looking ------------------------------------------------------------------------- */

const char *smew_machine_id(const struct smew_machine *machine)
{
    return machine->id;
}

const struct smew_chart *smew_machine_chart(const struct smew_machine *machine)
{
    return machine->chart;
}

bool smew_machine_done(const struct smew_machine *machine)
{
    return machine->life == SMEW__DONE;
}

void *smew_machine_user(const struct smew_machine *machine)
{
    return machine->host.user;
}

const struct smew_value *smew_machine_context(const struct smew_machine *machine)
{
    return machine->context.object ? machine->context.object : &empty_context;
}

/* ---- what actions may do ------------------------------------------------------------- */

static bool may_set(const struct smew_machine *machine, const char *key)
{
    return machine->running && key && smew__utf8_valid(key, strlen(key));
}

enum smew_status smew_machine_set_number(struct smew_machine *machine, const char *key,
                                         double number)
{
    if (!may_set(machine, key) || !isfinite(number))
        return SMEW_INVALID;
    machine->modified = true;
    return smew__context_set_number(&machine->context, key, number);
}

enum smew_status smew_machine_set_string(struct smew_machine *machine, const char *key,
                                         const char *text)
{
    if (!may_set(machine, key) || !text || !smew__utf8_valid(text, strlen(text)))
        return SMEW_INVALID;
    machine->modified = true;
    return smew__context_set_text(&machine->context, key, text);
}

enum smew_status smew_machine_set_bool(struct smew_machine *machine, const char *key, bool truth)
{
    if (!may_set(machine, key))
        return SMEW_INVALID;
    machine->modified = true;
    return smew__context_set_bool(&machine->context, key, truth);
}

enum smew_status smew_machine_raise(struct smew_machine *machine, const char *event)
{
    if (!machine->running || !event || !*event || strcmp(event, "*") == 0)
        return SMEW_INVALID;
    struct smew__message *message = smew__message_copy(machine->chart, event, "");
    return message ? smew__queue_put(&machine->internal, message) : SMEW_NO_MEMORY;
}
