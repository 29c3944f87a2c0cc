/* SPDX-License-Identifier: MIT */

/*
 * Machines: the public functions.
 *
 * Every call that runs a family begins and ends in `begin` and `end`: a callback that calls in
 * again is refused with BUSY (other than settling a service, which waits its turn), and children
 * that were removed meanwhile are freed at the end.
 */

#include "chart/machine.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "chart/world.h"

static const struct smew_value empty_context = {.type = SMEW_VALUE_OBJECT};

/* ---- life ---------------------------------------------------------------------------- */

/* Words of the configuration with the history states' memory behind it. */
static size_t rest_words(const struct smew_chart *chart)
{
    return smew__set_words(chart->state_count) * (1 + (size_t)chart->history_count);
}

/* The sets, the selected transitions, the line of leaves and the id, all behind the struct. */
static void lay_out(struct smew_machine *machine, uint64_t *at, const char *id, size_t id_size)
{
    size_t words = smew__words(machine);
    uint64_t **sets[] = {&machine->exits, &machine->entries, &machine->defaults};

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++, at += words)
        *sets[i] = at;
    machine->active = at;
    machine->history = at + words;
    machine->rest = at + rest_words(machine->chart);
    at = machine->rest + rest_words(machine->chart);
    if (machine->chart->own_bytes > 0)
        at = smew__own_place(machine, at);
    machine->selected = (uint32_t *)(void *)at;
    machine->line = (uint16_t *)(machine->selected + machine->chart->leaf_max);
    machine->id = memcpy(machine->line + machine->chart->leaf_max, id, id_size);
}

struct smew_machine *smew__machine_new(struct smew_chart *chart, const char *id,
                                       struct smew__family *family)
{
    size_t id_size = strlen(id) + 1;
    size_t sets = smew__set_words(chart->state_count) * 3 + rest_words(chart) * 2;
    size_t own_family = family ? 0 : (sizeof *family + 7) / 8;
    struct smew_machine *machine = smew__calloc(
        1, sizeof *machine + (own_family + sets) * sizeof *machine->memory + smew__own_size(chart) +
               chart->leaf_max * (sizeof *machine->selected + sizeof *machine->line) + id_size);

    if (!machine)
        return NULL;
    machine->chart = smew_chart_ref(chart);
    smew__context_init(&machine->context, chart->context);
    machine->illegal = chart->overlapping;
    machine->family = family ? family : (struct smew__family *)(void *)machine->memory;
    lay_out(machine, machine->memory + own_family, id, id_size);
    if (!family)
        machine->family->root = machine;
    return machine;
}

enum smew_status smew_machine_create(struct smew_chart *chart, const char *id,
                                     const struct smew_machine_host *host,
                                     struct smew_machine **machine)
{
    size_t id_size = id ? strlen(id) + 1 : 0;
    struct smew_machine *made;

    if (!chart || !machine || id_size < 2 || id_size > SMEW_ID_MAX + 1 ||
        (host && host->size < sizeof host->size))
        return SMEW_INVALID;
    made = smew__machine_new(chart, id, NULL);
    if (!made)
        return SMEW_NO_MEMORY;
    if (host) /* one of an older program is shorter */
        memcpy(&made->family->host, host, host->size < sizeof *host ? host->size : sizeof *host);
    *machine = made;
    return SMEW_OK;
}

void smew__machine_free(struct smew_machine *machine)
{
    if (!machine)
        return;
    smew__children_fini(machine);
    smew__timers_forget(&machine->family->timers, machine);
    if (machine == machine->family->root)
        smew__timers_fini(&machine->family->timers);
    smew__queue_fini(&machine->internal);
    smew__queue_fini(&machine->external);
    smew__effects_clear(machine);
    smew__free(machine->effects.items);
    smew__world_free(machine);
    smew__payload_drop(machine);
    smew__free(machine->error);
    smew__context_fini(&machine->context);
    smew_chart_unref(machine->chart);
    smew__free(machine);
}

/* Services that are stopped on the way may call in again, and are refused. */
static void free_family(struct smew__family *family)
{
    family->running = true;
    family->still = true;
    smew__machine_free(family->root);
}

bool smew__family_rest(struct smew__family *family)
{
    if (family->dead)
        smew__children_bury(family);
    family->running = false;
    if (!family->doomed)
        return true;
    free_family(family);
    return false;
}

/* A child is its parent's to destroy; one that is on the stack goes when that is left. */
void smew_machine_destroy(struct smew_machine *machine)
{
    if (!machine || machine->parent)
        return;
    if (machine->family->running)
        machine->family->doomed = true;
    else
        free_family(machine->family);
}

/* ---- running ------------------------------------------------------------------------- */

static void begin(struct smew_machine *machine, uint64_t now_ns)
{
    struct smew__family *family = machine->family;

    family->running = true;
    family->own_events = 0;
    family->script_steps = 0;
    if (now_ns > family->now_ns)
        family->now_ns = now_ns;
    machine->handled = false;
    machine->changed = false;
}

/* The machine itself may be among what is freed. */
static enum smew_status end(struct smew_machine *machine, struct smew_step *step)
{
    if (step)
        *step = (struct smew_step){.handled = machine->handled,
                                   .changed = machine->changed,
                                   .done = machine->life == SMEW_LIFE_DONE};
    enum smew_status status = machine->life == SMEW_LIFE_FAILED ? machine->failure : SMEW_OK;
    (void)smew__family_rest(machine->family);
    return status;
}

enum smew_status smew_machine_start(struct smew_machine *machine, uint64_t now_ns,
                                    struct smew_step *step)
{
    if (machine->family->running)
        return SMEW_BUSY;
    if (machine->life != SMEW_LIFE_NEW || machine->parent)
        return SMEW_INVALID;
    begin(machine, now_ns);
    smew__machine_begin(machine);
    smew__machine_launch(machine);
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
    if (machine->family->running)
        return SMEW_BUSY;
    if (machine->life == SMEW_LIFE_NEW)
        return SMEW_INVALID;
    return machine->life == SMEW_LIFE_ACTIVE ? SMEW_OK : SMEW_STOPPED;
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
    smew__machine_handle(machine, &message);
    return end(machine, step);
}

static bool has_own_timers(const struct smew_machine *root)
{
    return root->life == SMEW_LIFE_FAILED && root->family->timers.count > 0;
}

/* The clock steps from one deadline to the next.  Children of a failed machine go on. */
enum smew_status smew_machine_advance(struct smew_machine *machine, uint64_t now_ns,
                                      struct smew_step *step)
{
    struct smew__family *family = machine->family;
    enum smew_status status = may_run(machine);
    struct smew__timer timer;

    if (machine->parent)
        return SMEW_INVALID;
    if (status != SMEW_OK && !(status == SMEW_STOPPED && has_own_timers(machine)))
        return status;
    begin(machine, family->now_ns);
    while (smew__timers_take(&family->timers, now_ns, &timer)) {
        if (timer.due_ns > family->now_ns) {
            family->now_ns = timer.due_ns;
            family->own_events = 0;
            family->script_steps = 0;
        }
        smew__deliver(timer.machine, &timer.target, timer.message);
    }
    if (now_ns > family->now_ns)
        family->now_ns = now_ns;
    return end(machine, step);
}

uint64_t smew_machine_due_ns(const struct smew_machine *machine)
{
    const struct smew__timers *timers = &machine->family->timers;

    return timers->count > 0 ? timers->items[0].due_ns : UINT64_MAX;
}

bool smew_machine_can(struct smew_machine *machine, const struct smew_event *event)
{
    struct smew__family *family = machine->family;
    struct smew__message message;
    bool can;

    if (may_run(machine) != SMEW_OK || !to_message(machine, event, &message))
        return false;
    family->running = true; /* guards are called */
    family->still = true;
    family->script_steps = 0;
    machine->event = &message;
    machine->event_id = message.event_id;
    machine->event_serial++;
    can = smew__select_any(machine);
    smew__payload_drop(machine);
    machine->event_serial++;
    machine->event = NULL;
    family->still = false;
    (void)smew__family_rest(family);
    return can;
}

/* ---- services ------------------------------------------------------------------------ */

/* Recursive: as deep as the family has generations. */
static struct smew__child *find_service(const struct smew_machine *machine, uint64_t token)
{
    for (uint32_t i = 0; i < machine->children.count; i++) {
        struct smew__child *child = machine->children.items[i];
        struct smew__child *found = child->machine           ? find_service(child->machine, token)
                                    : child->serial == token ? child
                                                             : NULL;

        if (found)
            return found;
    }
    return NULL;
}

enum smew_status smew_machine_settle(struct smew_machine *machine, uint64_t token, bool ok,
                                     const char *value, uint64_t now_ns, struct smew_step *step)
{
    bool nested = machine->family->running;
    struct smew__child *child;

    if (machine->family->still)
        return SMEW_BUSY;
    child = find_service(machine->family->root, token);
    if (!child || child->life != SMEW_LIFE_ACTIVE)
        return SMEW_NOT_FOUND;
    if (value && strlen(value) > SMEW__VALUE_MAX)
        return SMEW_TOO_BIG;
    if (value && !smew__utf8_valid(value, strlen(value)))
        return SMEW_INVALID;
    if (!nested)
        begin(machine, now_ns);
    child->life = ok ? SMEW_LIFE_DONE : SMEW_LIFE_FAILED;
    smew__child_report(child, ok, value);
    return nested ? SMEW_OK : end(machine, step);
}

/* ---- what actions may do ------------------------------------------------------------- */

static bool may_set(const struct smew_machine *machine, const char *key)
{
    return machine->event && !machine->family->still && key && smew__utf8_valid(key, strlen(key));
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

enum smew_status smew_machine_set_json(struct smew_machine *machine, const char *key,
                                       const char *text)
{
    struct smew_value *value;
    enum smew_status status;

    if (!may_set(machine, key) || !text)
        return SMEW_INVALID;
    status = smew__value_of_json(text, strlen(text), &value);
    if (status != SMEW_OK)
        return status;
    machine->modified = true;
    return smew__context_set(&machine->context, key, value);
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
    return machine->life == SMEW_LIFE_DONE;
}

enum smew_life smew_machine_life(const struct smew_machine *machine)
{
    return (enum smew_life)machine->life;
}

const struct smew_value *smew_machine_output(const struct smew_machine *machine)
{
    const struct smew_value *own = machine->world ? smew__world_result(machine) : NULL;

    if (machine->life != SMEW_LIFE_DONE)
        return NULL;
    return own ? own : machine->chart->output;
}

const char *smew_machine_error(const struct smew_machine *machine)
{
    return machine->error;
}

void *smew_machine_user(const struct smew_machine *machine)
{
    return machine->family->host.user;
}

struct smew_machine *smew_machine_parent(const struct smew_machine *machine)
{
    return machine->parent;
}

const struct smew_value *smew_machine_context(const struct smew_machine *machine)
{
    return machine->context.object ? machine->context.object : &empty_context;
}

static void describe(const struct smew__child *from, struct smew_child *child)
{
    *child = (struct smew_child){
        .id = from->id,
        .source = from->actor->name,
        .life = (enum smew_life)(from->machine ? from->machine->life : from->life),
        .machine = from->machine,
        .token = from->machine ? 0 : from->serial};
}

size_t smew_machine_child_count(const struct smew_machine *machine)
{
    size_t count = 0;

    for (uint32_t i = 0; i < machine->children.count; i++)
        count += machine->children.items[i]->place == SMEW__LISTED;
    return count;
}

bool smew_machine_child_at(const struct smew_machine *machine, size_t index,
                           struct smew_child *child)
{
    for (uint32_t i = 0; i < machine->children.count; i++) {
        if (machine->children.items[i]->place != SMEW__LISTED || index-- > 0)
            continue;
        describe(machine->children.items[i], child);
        return true;
    }
    return false;
}

bool smew_machine_child(const struct smew_machine *machine, const char *id,
                        struct smew_child *child)
{
    const struct smew__child *found = id ? smew__child_named(machine, id) : NULL;

    if (found)
        describe(found, child);
    return found != NULL;
}
