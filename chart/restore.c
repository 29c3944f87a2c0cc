/* SPDX-License-Identifier: MIT */

/*
 * Restoring a family from a snapshot.
 *
 * Happy path: the document is parsed, the root and then every child is made and filled, timers
 * find their machines, and only when all of it was accepted do services start again and events
 * that waited run.  The document is described in chart/snapshot.h.
 *
 * Failure: the first refusal is kept, and the family that was half built is freed as a whole; no
 * callback has been called by then.
 */

#include "chart/restore.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "chart/snapshot.h"

enum { SNAPSHOT_MAX_BYTES = 64 * 1024 * 1024, SENTENCE_SIZE = 400 };
#define NUMBER_MAX (UINT64_C(1) << 53) /* what a JSON number holds exactly */

bool smew__restore_refuse(struct smew__restore *restore, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list arguments;

    if (restore->status != SMEW_OK)
        return false;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    restore->status = smew__fail(restore->error, SMEW_SYNTAX, "snapshot: %s", sentence);
    return false;
}

bool smew__restore_no_memory(struct smew__restore *restore)
{
    if (restore->status == SMEW_OK)
        restore->status = smew__fail(restore->error, SMEW_NO_MEMORY, "snapshot: out of memory");
    return false;
}

static bool take_status(struct smew__restore *restore, enum smew_status status, const char *what)
{
    if (status == SMEW_NO_MEMORY)
        return smew__restore_no_memory(restore);
    return status == SMEW_OK || smew__restore_refuse(restore, "there are too many %s", what);
}

/* ---- machines ------------------------------------------------------------------------ */

static const struct smew__origin nowhere = {.type = NULL};

static bool read_queue(struct smew__restore *restore, struct smew_machine *machine,
                       const json_t *json)
{
    if (json && !json_is_array(json))
        return smew__restore_refuse(restore, "\"queue\" is no array");
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *event = json_array_get(json, i);
        struct smew__message *message = NULL;
        struct smew__queue *queue = json_is_true(json_object_get(event, "raised"))
                                        ? &machine->internal
                                        : &machine->external;

        if (!smew__restore_event(restore, machine, event, nowhere, &message)) {
            smew__message_free(message);
            return false;
        }
        if (!take_status(restore, smew__queue_put(queue, message, message->event_id), "events"))
            return false;
    }
    return true;
}

/* The invoke of the chart that a child came from. */
static bool find_invoke(struct smew__restore *restore, const struct smew_chart *chart,
                        const json_t *json, uint32_t *invoke)
{
    const char *id;
    const char *source;

    if (!smew__restore_text(restore, json_object_get(json, "id"), "a child's id", &id) ||
        !smew__restore_text(restore, json_object_get(json, "source"), "a child's source", &source))
        return false;
    for (*invoke = 0; *invoke < chart->invoke_count; ++*invoke) {
        const struct smew__invoke *it = &chart->invokes[*invoke];

        if (strcmp(it->id, id) == 0 && strcmp(chart->actors[it->actor].name, source) == 0)
            return true;
    }
    return smew__restore_refuse(restore, "\"%.100s\" invokes no \"%.100s\" as \"%.100s\"",
                                chart->id, source, id);
}

static struct smew__child *find_child(const struct smew__restore *restore, uint64_t serial)
{
    return smew__table_get(&restore->children, &serial, sizeof serial);
}

static bool read_machine(struct smew__restore *restore, struct smew_machine *machine,
                         const json_t *json);

/* One that had not settled is new until it is started again: nothing is to be stopped before. */
static bool read_service(struct smew__restore *restore, struct smew__child *child,
                         const json_t *json)
{
    uint8_t life;

    if (!smew__restore_life(restore, json, &life))
        return false;
    child->launched = life != SMEW_LIFE_ACTIVE;
    if (child->launched)
        child->life = life;
    return true;
}

static bool read_child(struct smew__restore *restore, struct smew_machine *machine,
                       const json_t *json)
{
    struct smew__child *child;
    uint32_t invoke;
    uint64_t serial;

    if (!find_invoke(restore, machine->chart, json, &invoke) ||
        !smew__restore_number(restore, json_object_get(json, "serial"), "\"serial\"",
                              restore->serials, &serial))
        return false;
    if (serial == 0 || find_child(restore, serial))
        return smew__restore_refuse(restore, "two children have the serial %" PRIu64, serial);
    if (machine->children.count >= SMEW__CHILDREN_MAX)
        return take_status(restore, SMEW_LIMIT, "children");
    child = smew__child_restore(machine, invoke, serial);
    if (!child || !smew__table_put(&restore->children, &child->serial, sizeof child->serial, child))
        return smew__restore_no_memory(restore);
    if (json_is_true(json_object_get(json, "orphan")))
        child->place = child->was = SMEW__ORPHAN;
    if (child->machine)
        return read_machine(restore, child->machine, json_object_get(json, "machine"));
    return read_service(restore, child, json_object_get(json, "status"));
}

/* Recursive: as deep as the chart has generations. */
static bool read_machine(struct smew__restore *restore, struct smew_machine *machine,
                         const json_t *json)
{
    const json_t *children = json_object_get(json, "children");

    if (!json_is_object(json))
        return smew__restore_refuse(restore, "a machine is no object");
    if (!smew__restore_states(restore, machine, json) ||
        !read_queue(restore, machine, json_object_get(json, "queue")))
        return false;
    if (children && !json_is_array(children))
        return smew__restore_refuse(restore, "\"children\" is no array");
    for (size_t i = 0; i < json_array_size(children); i++)
        if (!read_child(restore, machine, json_array_get(children, i)))
            return false;
    return true;
}

/* ---- timers -------------------------------------------------------------------------- */

/* NULL: refused. */
static struct smew_machine *find_owner(struct smew__restore *restore, const json_t *json)
{
    struct smew_machine *machine = restore->root;
    const struct smew__child *child;
    uint64_t serial;

    if (!smew__restore_number(restore, json, "a timer's \"machine\"", restore->serials, &serial))
        return NULL;
    if (serial > 0) {
        child = find_child(restore, serial);
        machine = child ? child->machine : NULL;
    }
    if (machine && machine->life == SMEW_LIFE_ACTIVE)
        return machine;
    (void)smew__restore_refuse(restore, "a timer belongs to no machine");
    return NULL;
}

/* The chart's own copy of a name that one of its actions has. */
static const char *find_name(const struct smew_chart *chart, const char *name, bool send_id)
{
    for (uint32_t i = 0; i < chart->action_count; i++) {
        const char *it = send_id ? chart->actions[i].send_id : chart->actions[i].target;

        if (it && strcmp(it, name) == 0)
            return it;
    }
    return NULL;
}

static bool read_target(struct smew__restore *restore, const struct smew_machine *machine,
                        const json_t *json, struct smew__target *target)
{
    const char *text = json_string_value(json);
    const char *name = json_string_value(json_object_get(json, "named"));
    uint64_t serial;

    if (text && strcmp(text, "self") == 0) {
        target->to = SMEW__TO_SELF;
    } else if (text && strcmp(text, "parent") == 0 && machine->parent) {
        target->to = SMEW__TO_PARENT;
    } else if (name) {
        target->to = SMEW__TO_NAMED;
        target->name = find_name(machine->chart, name, false);
        if (!target->name && machine->chart->scripted)
            target->name = name; /* the timer's message will keep it */
        return target->name || smew__restore_refuse(restore, "\"%.100s\" never sends to \"%.100s\"",
                                                    machine->chart->id, name);
    } else {
        if (!smew__restore_number(restore, json, "a timer's target", restore->serials, &serial))
            return false;
        target->to = SMEW__TO_CHILD;
        target->child = serial;
    }
    return true;
}

/* What the chart names is the chart's; what a script named lives in the timer's message. */
static bool read_message(struct smew__restore *restore, struct smew__timer *timer,
                         const json_t *json)
{
    bool scripted = timer->machine->chart->scripted;
    struct smew__origin names = {.send_id = scripted ? timer->send_id : NULL,
                                 .target = scripted ? timer->target.name : NULL};
    struct smew__message *message = NULL;

    if (!smew__restore_event(restore, timer->machine, json, names, &message)) {
        smew__message_free(message);
        return false;
    }
    timer->message = message;
    if (names.send_id)
        timer->send_id = message->origin->send_id;
    if (names.target)
        timer->target.name = message->origin->target;
    return true;
}

static bool read_timer(struct smew__restore *restore, const json_t *json)
{
    struct smew__family *family = restore->root->family;
    const json_t *id = json_object_get(json, "id");
    struct smew__timer timer = {.send_id = NULL};
    uint64_t in_ns;
    const char *send_id = json_string_value(id);

    timer.machine = find_owner(restore, json_object_get(json, "machine"));
    if (!timer.machine ||
        !smew__restore_number(restore, json_object_get(json, "in_ns"), "\"in_ns\"", NUMBER_MAX,
                              &in_ns) ||
        !read_target(restore, timer.machine, json_object_get(json, "to"), &timer.target))
        return false;
    if (id && send_id)
        timer.send_id = find_name(timer.machine->chart, send_id, true);
    if (id && send_id && !timer.send_id && timer.machine->chart->scripted)
        timer.send_id = send_id;
    if (id && !timer.send_id)
        return smew__restore_refuse(restore, "a timer's id is of no send");
    if (!read_message(restore, &timer, json_object_get(json, "event")))
        return false;
    timer.due_ns = smew__due_ns(family->now_ns, in_ns);
    /* An id that was taken over by a later timer is only a name. */
    timer.cancellable = timer.send_id && json_is_true(json_object_get(json, "cancellable"));
    return take_status(restore, smew__timers_put_back(&family->timers, timer), "timers");
}

/* ---- the whole ----------------------------------------------------------------------- */

static bool read_document(struct smew__restore *restore, const json_t *json)
{
    const json_t *timers = json_object_get(json, "timers");
    uint64_t serials;

    if (!smew__restore_number(restore, json_object_get(json, "serials"), "\"serials\"", NUMBER_MAX,
                              &serials))
        return false;
    restore->serials = serials;
    if (!read_machine(restore, restore->root, json_object_get(json, "machine")))
        return false;
    if (restore->root->life == SMEW_LIFE_NEW)
        return smew__restore_refuse(restore, "the machine had not started");
    restore->root->family->serials = restore->serials;
    if (timers && !json_is_array(timers))
        return smew__restore_refuse(restore, "\"timers\" is no array");
    for (size_t i = 0; i < json_array_size(timers); i++)
        if (!read_timer(restore, json_array_get(timers, i)))
            return false;
    return true;
}

static bool check_version(struct smew__restore *restore, const json_t *json)
{
    double version = json_number_value(json_object_get(json, "smew"));

    if (!json_is_object(json) || version < 1)
        return smew__restore_refuse(restore, "this is none");
    if (version != SMEW__SNAPSHOT_VERSION) {
        restore->status =
            smew__fail(restore->error, SMEW_VERSION, "snapshot: it is of version %g, not of %d",
                       version, SMEW__SNAPSHOT_VERSION);
        return false;
    }
    return true;
}

static bool read_text(struct smew__restore *restore, const char *text, size_t size)
{
    json_error_t problem;
    json_t *json =
        json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &problem);
    bool fine;

    if (!json && json_error_code(&problem) == json_error_out_of_memory)
        return smew__restore_no_memory(restore);
    if (!json)
        return smew__restore_refuse(restore, "line %d, column %d: %s", problem.line, problem.column,
                                    problem.text);
    fine = check_version(restore, json) && read_document(restore, json);
    json_decref(json);
    return fine;
}

/* Services first, so that whoever runs finds them started; parents before their children. */
static void wake(struct smew_machine *machine)
{
    smew__set_copy(machine->rest, machine->active,
                   smew__words(machine) * (1 + (size_t)machine->chart->history_count));
    for (uint32_t i = 0; i < machine->children.count; i++) {
        struct smew__child *child = machine->children.items[i];

        if (child->machine)
            wake(child->machine);
        else
            smew__child_start(child);
    }
}

static void run_waiting(struct smew_machine *machine)
{
    if (machine->life == SMEW_LIFE_ACTIVE)
        smew__machine_process(machine);
    for (uint32_t i = 0; i < machine->children.count; i++)
        if (machine->children.items[i]->machine)
            run_waiting(machine->children.items[i]->machine);
}

enum smew_status smew_machine_restore(struct smew_chart *chart, const char *id,
                                      const struct smew_machine_host *host, const char *text,
                                      size_t size_bytes, uint64_t now_ns,
                                      struct smew_machine **machine, struct smew_error *error)
{
    struct smew__restore restore = {.error = error};
    enum smew_status status;
    bool fine;

    if (!text)
        return smew__fail(error, SMEW_INVALID, "snapshot: there is no text");
    if (size_bytes > SNAPSHOT_MAX_BYTES)
        return smew__fail(error, SMEW_TOO_BIG, "snapshot: it is larger than 64 MiB");
    status = smew_machine_create(chart, id, host, &restore.root);
    if (status != SMEW_OK)
        return smew__fail(error, status, "snapshot: %s", smew_status_text(status));
    restore.root->family->now_ns = now_ns;
    smew__table_init(&restore.children);
    fine = read_text(&restore, text, size_bytes);
    smew__table_fini(&restore.children);
    if (!fine) {
        smew_machine_destroy(restore.root);
        return restore.status;
    }
    restore.root->family->running = true;
    wake(restore.root);
    run_waiting(restore.root);
    if (!smew__family_rest(restore.root->family))
        return smew__fail(error, SMEW_STOPPED, "snapshot: a callback has destroyed the machine");
    *machine = restore.root;
    return SMEW_OK;
}
