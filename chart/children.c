/* SPDX-License-Identifier: MIT */

/*
 * Children: the machines and services that a machine invokes or spawns.
 *
 *     added ──► effect: started ──► active ──► done, failed ──► removed with its state
 *       │                             │
 *       └► removed before that:       └► effect: stopped
 *          never started
 *
 * Adding and removing belong to the macrostep and are undone with it; starting and stopping are
 * effects.  A child that has come to its end stays in the list, for whoever looks, until its state
 * is left.  One that leaves the list is freed when the public call ends, because it may be on
 * the stack.
 */

#include "chart/machine.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "chart/world.h"

enum { FIRST_CAPACITY = 2 };

/* ---- the list ------------------------------------------------------------------------ */

struct smew__child *smew__child_named(const struct smew_machine *machine, const char *id)
{
    for (uint32_t i = machine->children.count; i-- > 0;) {
        struct smew__child *child = machine->children.items[i];

        if (child->place == SMEW__LISTED && strcmp(child->id, id) == 0)
            return child;
    }
    return NULL;
}

struct smew__child *smew__child_numbered(const struct smew_machine *machine, uint64_t serial)
{
    for (uint32_t i = 0; i < machine->children.count; i++)
        if (machine->children.items[i]->serial == serial)
            return machine->children.items[i];
    return NULL;
}

static bool make_room(struct smew__children *children)
{
    if (children->count < children->capacity)
        return true;
    uint32_t capacity = children->capacity ? children->capacity * 2 : FIRST_CAPACITY;
    struct smew__child **items = smew__realloc(children->items, capacity * sizeof(*items));
    if (!items)
        return false;
    children->items = items;
    children->capacity = capacity;
    return true;
}

static void tell_service(const struct smew__child *child,
                         void (*function)(const struct smew_service *service))
{
    struct smew__family *family = child->parent->family;
    struct smew_service service = {.machine = child->parent,
                                   .id = child->id,
                                   .token = child->serial,
                                   .input = child->input,
                                   .user = family->host.user};

    if (function)
        function(&service);
}

static void stop_service(struct smew__child *child)
{
    if (child->life != SMEW_LIFE_ACTIVE)
        return;
    child->life = SMEW_LIFE_STOPPED; /* before it is told, for it may settle */
    tell_service(child, child->actor->service.stop);
}

/* Before any of them is freed: who is told may look around.  Recursive: as deep as the family has
   generations. */
static void stop_services(struct smew__child *child)
{
    const struct smew_machine *machine = child->machine;

    if (!machine)
        stop_service(child);
    for (uint32_t i = 0; machine && i < machine->children.count; i++)
        stop_services(machine->children.items[i]);
}

static void free_child(struct smew__child *child)
{
    stop_services(child);
    smew__machine_free(child->machine);
    smew__value_release(child->own_input);
    smew__free(child);
}

static struct smew__child *make(struct smew_machine *machine, const struct smew__invoke *invoke)
{
    struct smew__child *child = smew__calloc(1, sizeof *child);

    if (!child)
        return NULL;
    child->id = invoke->id;
    child->actor = &machine->chart->actors[invoke->actor];
    child->input = invoke->input;
    child->invoke = invoke;
    child->parent = machine;
    child->serial = ++machine->family->serials;
    child->place = SMEW__LISTED;
    if (!child->actor->chart)
        return child;
    child->machine = smew__machine_new(child->actor->chart, child->id, machine->family);
    if (!child->machine) {
        smew__free(child);
        return NULL;
    }
    child->machine->parent = machine;
    child->machine->self = child;
    return child;
}

struct smew__child *smew__child_restore(struct smew_machine *machine, uint32_t invoke,
                                        uint64_t serial)
{
    struct smew__child *child;

    if (machine->children.count >= SMEW__CHILDREN_MAX || !make_room(&machine->children))
        return NULL;
    child = make(machine, &machine->chart->invokes[invoke]);
    if (!child)
        return NULL;
    child->serial = serial;
    child->begun = true;
    child->launched = true;
    child->was = child->place;
    machine->children.items[machine->children.count++] = child;
    return child;
}

/* As in XState: who had the id goes on without it, and what it reports still bears it. */
static void orphan(struct smew_machine *machine, const char *id)
{
    struct smew__child *child = smew__child_named(machine, id);

    if (child)
        child->place = SMEW__ORPHAN;
}

struct smew__child *smew__child_add(struct smew_machine *machine, uint32_t number)
{
    const struct smew__invoke *invoke = &machine->chart->invokes[number];
    struct smew__children *children = &machine->children;
    struct smew__child *child = NULL;

    if (machine->failure != SMEW_OK)
        return NULL;
    orphan(machine, invoke->id);
    machine->modified = true;
    if (children->count >= SMEW__CHILDREN_MAX)
        smew__machine_fail(machine, SMEW_LIMIT);
    else if (!make_room(children) || !(child = make(machine, invoke)))
        smew__machine_fail(machine, SMEW_NO_MEMORY);
    else
        children->items[children->count++] = child;
    return child;
}

void smew__child_start_later(struct smew_machine *machine, const char *id)
{
    const struct smew__child *child = smew__child_named(machine, id);

    if (child)
        smew__effects_put(machine, &(struct smew__effect){.kind = SMEW__EFFECT_START,
                                                          .target = {.child = child->serial}});
}

/* Takes it off: started, it is stopped as an effect; not started, it never will be. */
static void end_later(struct smew_machine *machine, struct smew__child *child)
{
    if (child->launched)
        smew__effects_put(machine, &(struct smew__effect){.kind = SMEW__EFFECT_STOP,
                                                          .target = {.child = child->serial}});
    child->launched = true;
}

void smew__child_remove(struct smew_machine *machine, const char *id)
{
    struct smew__child *child = smew__child_named(machine, id);

    machine->modified = true; /* as in XState, even when there is none */
    if (!child || machine->failure != SMEW_OK)
        return;
    child->place = SMEW__GONE;
    end_later(machine, child);
}

void smew__children_end(struct smew_machine *machine)
{
    for (uint32_t i = 0; i < machine->children.count; i++)
        if (machine->children.items[i]->place == SMEW__LISTED)
            end_later(machine, machine->children.items[i]);
}

/* ---- starting and stopping ----------------------------------------------------------- */

/* False: what it was to begin with is an error of its parent's; so it never will. */
static bool begin(struct smew__child *child)
{
    if (!child->begun && child->invoke->script && !smew__script_invoke(child)) {
        child->place = SMEW__GONE;
        child->launched = true;
        return false;
    }
    if (child->machine && !child->begun)
        smew__machine_begin(child->machine);
    child->begun = true;
    return true;
}

void smew__child_start(struct smew__child *child)
{
    if (child->launched || !begin(child))
        return;
    child->launched = true;
    if (child->machine) {
        smew__machine_launch(child->machine);
    } else {
        child->life = SMEW_LIFE_ACTIVE;
        tell_service(child, child->actor->service.start);
    }
}

/* One that comes to its end at once waits for its effect, so that what it reports has its place. */
void smew__children_start(struct smew_machine *machine)
{
    for (uint32_t i = 0; i < machine->children.count; i++) {
        struct smew__child *child = machine->children.items[i];

        if (child->launched || child->place == SMEW__GONE)
            continue;
        if (!begin(child))
            continue;
        if (!child->machine ||
            (child->machine->life == SMEW_LIFE_ACTIVE && child->machine->failure == SMEW_OK))
            smew__child_start(child);
    }
}

void smew__child_stop(struct smew__child *child)
{
    if (child->machine) {
        smew__machine_stop(child->machine);
    } else {
        stop_service(child);
    }
}

/* ---- with the parent's macrostep ----------------------------------------------------- */

void smew__children_commit(struct smew_machine *machine)
{
    for (uint32_t i = 0; i < machine->children.count; i++)
        machine->children.items[i]->was = machine->children.items[i]->place;
}

static void die(struct smew__child *child)
{
    struct smew__family *family = child->parent->family;

    child->next = family->dead;
    family->dead = child;
}

static bool is_over(const struct smew__child *child)
{
    uint8_t life = child->machine ? child->machine->life : child->life;

    return child->place == SMEW__GONE || (child->place == SMEW__ORPHAN && life > SMEW_LIFE_ACTIVE);
}

static void drop_ended(struct smew_machine *machine)
{
    struct smew__children *children = &machine->children;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < children->count; i++) {
        if (is_over(children->items[i]))
            die(children->items[i]);
        else
            children->items[kept++] = children->items[i];
    }
    children->count = kept;
}

void smew__children_sweep(struct smew_machine *machine)
{
    drop_ended(machine);
}

void smew__children_undo(struct smew_machine *machine)
{
    for (uint32_t i = 0; i < machine->children.count; i++)
        machine->children.items[i]->place = machine->children.items[i]->was;
    drop_ended(machine);
}

void smew__children_bury(struct smew__family *family)
{
    while (family->dead) {
        struct smew__child *child = family->dead;

        family->dead = child->next;
        free_child(child);
    }
}

void smew__children_fini(struct smew_machine *machine)
{
    for (uint32_t i = 0; i < machine->children.count; i++)
        stop_services(machine->children.items[i]);
    for (uint32_t i = 0; i < machine->children.count; i++)
        free_child(machine->children.items[i]);
    smew__free(machine->children.items);
    machine->children = (struct smew__children){0};
}

/* ---- reporting ----------------------------------------------------------------------- */

static struct smew__message *report_message(const struct smew__child *child, bool ok,
                                            const char *value)
{
    struct smew__message *message = NULL;
    struct smew__buffer text;
    size_t type_size;

    smew__buffer_init(&text);
    if (child->parent->chart->scxml)
        smew__buffer_printf(&text, "%s%s", ok ? "done.invoke." : "error.platform.", child->id);
    else
        smew__buffer_printf(&text, "xstate.%s.actor.%s", ok ? "done" : "error", child->id);
    smew__buffer_append(&text, "", 1);
    type_size = text.size;
    if (value)
        smew__buffer_printf(&text, "{\"%s\":%s}", ok ? "output" : "error", value);
    if (!text.failed) {
        struct smew_event event = {.type = (const char *)text.data,
                                   .payload = (const char *)text.data + type_size,
                                   .payload_size = text.size - type_size,
                                   .content = value ? SMEW_CONTENT_JSON : SMEW_CONTENT_RAW};

        message = smew__message_copy(child->parent->chart, &event);
    }
    smew__buffer_fini(&text);
    return message;
}

/* Without words of its own a failed machine reports its status. */
void smew__child_report(struct smew__child *child, bool ok, const char *value)
{
    char status[64];

    if (!ok && !value && child->machine) {
        (void)snprintf(status, sizeof status, "{\"status\":\"%s\"}",
                       smew_status_name(child->machine->failure));
        value = status;
    }
    if (child->parent->life <= SMEW_LIFE_ACTIVE)
        smew__relay(child->parent, report_message(child, ok, value));
}
