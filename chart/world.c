/* SPDX-License-Identifier: MIT */

/*
 * Happy path: the first evaluation makes the session; before each one the session learns of the
 * event that is being handled, and when the macrostep is over the context learns of the variables.
 *
 * Failure: see smew__world_settle().  An error event that cannot be queued is the macrostep's
 * failure.  A session that is dead stays so: the machine has failed, and only its context, as of
 * the last macrostep that came to its end, is looked at from then on.
 */

#include "chart/world.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "chart/context.h"

#define SCXML_PROCESSOR "http://www.w3.org/TR/scxml/#SCXMLEventProcessor"

/* ---- life ---------------------------------------------------------------------------- */

/* In(): by the id that the chart gives a state. */
static bool is_in(void *owner, const char *id)
{
    const struct smew_machine *machine = owner;
    size_t words = smew__words(machine);

    for (uint32_t at = smew__set_next(machine->active, words, 0); at != SMEW__SET_END;
         at = smew__set_next(machine->active, words, at + 1))
        if (strcmp(machine->chart->states[at].id, id) == 0)
            return true;
    return false;
}

static uint64_t seed_of(const char *id)
{
    uint64_t seed = UINT64_C(14695981039346656037);

    for (; *id; id++)
        seed = (seed ^ (unsigned char)*id) * UINT64_C(1099511628211);
    return seed;
}

static struct smew__world *make(struct smew_machine *machine)
{
    struct smew__world *world = smew__calloc(1, sizeof *world);
    struct smew__script_host host = {.in = is_in,
                                     .owner = machine,
                                     .now_ns = &machine->family->now_ns,
                                     .seed = seed_of(machine->id),
                                     .memory_bytes = machine->chart->script_bytes};
    enum smew_status status = SMEW_NO_MEMORY;

    if (world) {
        world->engine = smew__script_engine();
        world->steps = machine->chart->script_steps - machine->family->script_steps;
        smew__buffer_init(&world->result.text);
        host.steps = &world->steps;
        status = world->engine->create(&host, &world->session);
    }
    if (status != SMEW_OK) {
        smew__machine_fail(machine, status == SMEW_NO_MEMORY ? SMEW_NO_MEMORY : SMEW_LIMIT);
        smew__free(world);
        return NULL;
    }
    return world;
}

void smew__world_free(struct smew_machine *machine)
{
    struct smew__world *world = machine->world;

    if (!world)
        return;
    world->engine->destroy(world->session);
    smew__buffer_fini(&world->result.text);
    smew__value_release(world->output);
    smew__free(world);
    machine->world = NULL;
}

static enum smew_status set_text(struct smew__world *world, const char *name, const char *text)
{
    struct smew__buffer json;
    enum smew_status status = SMEW_NO_MEMORY;

    smew__buffer_init(&json);
    smew__buffer_json_string(&json, text, strlen(text));
    if (!json.failed)
        status = world->engine->set(world->session, name, (const char *)json.data, json.size, true);
    smew__buffer_fini(&json);
    return status;
}

static enum smew_status set_processors(struct smew__world *world,
                                       const struct smew_machine *machine)
{
    struct smew__buffer json;
    enum smew_status status = SMEW_NO_MEMORY;

    smew__buffer_init(&json);
    for (size_t i = 0; i < 2; i++) {
        smew__buffer_text(&json, i == 0 ? "{\"scxml\":{\"location\":"
                                        : "},\"" SCXML_PROCESSOR "\":{\"location\":");
        smew__buffer_text(&json, "\"#_scxml_");
        /* the id as a JSON string, its first quote left out */
        size_t at = json.size;
        smew__buffer_json_string(&json, machine->id, strlen(machine->id));
        if (!json.failed) {
            memmove(json.data + at, json.data + at + 1, json.size - at - 1);
            json.size--;
        }
    }
    smew__buffer_text(&json, "}}");
    if (!json.failed)
        status = world->engine->set(world->session, "_ioprocessors", (const char *)json.data,
                                    json.size, true);
    smew__buffer_fini(&json);
    return status;
}

/* What W3C's scripts find; XState's have only `context` and `event`. */
static enum smew_status set_system(struct smew__world *world, const struct smew_machine *machine)
{
    enum smew_status status = SMEW_OK;

    if (!machine->chart->scxml)
        return SMEW_OK;
    status = set_text(world, "_sessionid", machine->id);
    if (status == SMEW_OK)
        status = set_text(world, "_name", machine->chart->id);
    if (status == SMEW_OK)
        status = world->engine->set(world->session, "_event", NULL, 0, true);
    return status == SMEW_OK ? set_processors(world, machine) : status;
}

static enum smew_status set_value(struct smew__world *world, const char *name,
                                  const struct smew_value *value, bool system)
{
    size_t size = smew_value_json(value, NULL, 0) + 1;
    char *text = smew__alloc(size);
    enum smew_status status;

    if (!text)
        return SMEW_NO_MEMORY;
    (void)smew_value_json(value, text, size);
    status = world->engine->set(world->session, name, text, size - 1, system);
    smew__free(text);
    return status;
}

/* From a snapshot: global scripts for their functions, then the variables as they were. */
static enum smew_status remember(struct smew__world *world, const struct smew_machine *machine)
{
    const struct smew_chart *chart = machine->chart;
    const struct smew_value *context = smew_machine_context(machine);
    enum smew_status status = SMEW_OK;

    for (uint32_t i = 0; i < chart->prologue.count && status == SMEW_OK; i++) {
        const struct smew__script *script = chart->actions[chart->prologue.first + i].script;

        if (script && script->kind == SMEW__SCRIPT_DATA)
            status = world->engine->set(world->session, script->place, NULL, 0, false);
        else if (script)
            status = world->engine->run(world->session, script->value.code);
        if (status == SMEW_REJECTED || status == SMEW_LIMIT)
            status = SMEW_OK; /* it was an error the first time too */
    }
    for (size_t i = 0; i < smew_value_count(context) && status == SMEW_OK; i++) {
        status = set_value(world, smew_value_key(context, i), smew_value_at(context, i), false);
        if (status == SMEW_REJECTED)
            status = SMEW_OK; /* a name that the world has for something else */
    }
    return status;
}

static bool prepare(struct smew_machine *machine, bool fresh)
{
    struct smew__world *world = make(machine);
    enum smew_status status;

    if (!world)
        return false;
    machine->world = world;
    world->fresh = fresh;
    status = set_system(world, machine);
    if (status == SMEW_OK && machine->chart->scxml && !fresh)
        status = remember(world, machine);
    if (status == SMEW_LIMIT)
        status = SMEW_STOPPED; /* without its variables it must not go on */
    return smew__world_settle(machine, status, NULL);
}

static bool take_input(struct smew_machine *machine);

void smew__world_begin(struct smew_machine *machine)
{
    if (!prepare(machine, true))
        return;
    (void)smew__run_actions(machine, machine->chart->prologue);
    (void)take_input(machine);
    machine->world->fresh = false;
}

/* What the parent's invoke gives takes the place of data of the same name. */
static bool take_input(struct smew_machine *machine)
{
    const struct smew__run data = machine->chart->prologue;
    const struct smew_value *input = machine->self ? machine->self->input : NULL;
    bool fine = true;

    for (uint32_t i = 0; i < data.count && fine; i++) {
        const struct smew__script *script = machine->chart->actions[data.first + i].script;
        const struct smew_value *value = script && script->kind == SMEW__SCRIPT_DATA
                                             ? smew_value_get(input, script->place)
                                             : NULL;

        if (value)
            fine = smew__world_settle(machine,
                                      set_value(machine->world, script->place, value, false), NULL);
    }
    return fine;
}

/* ---- events -------------------------------------------------------------------------- */

static void add_member(struct smew__buffer *json, const char *name, const char *text)
{
    if (!text)
        return;
    smew__buffer_printf(json, "%s\"%s\":", json->size > 1 ? "," : "", name);
    smew__buffer_json_string(json, text, strlen(text));
}

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* What a child reports is wrapped as XState has it; W3C's data is what is inside. */
static json_t *unwrap(const struct smew_event *event, json_t *data)
{
    json_t *inner = NULL;

    if (starts(event->type, "done.invoke."))
        inner = json_object_get(data, "output");
    else if (starts(event->type, "error.platform."))
        inner = json_object_get(data, "error");
    return inner ? inner : data;
}

static int append(const char *text, size_t size, void *buffer)
{
    smew__buffer_append(buffer, text, size);
    return 0;
}

/* JSON where it is, else a string; nothing where there is no payload. */
static void add_data(struct smew__buffer *json, const struct smew_event *event)
{
    json_t *data;

    if (event->payload_size == 0)
        return;
    data = json_loadb(event->payload, event->payload_size, JSON_DECODE_ANY, NULL);
    smew__buffer_printf(json, "%s\"data\":", json->size > 1 ? "," : "");
    if (data)
        (void)json_dump_callback(unwrap(event, data), append, json, JSON_ENCODE_ANY | JSON_COMPACT);
    else
        smew__buffer_json_string(json, event->payload, event->payload_size);
    json_decref(data);
}

static const char *type_of(const struct smew__message *message)
{
    if (message->origin && message->origin->type)
        return message->origin->type;
    if (starts(message->event.type, "error.") || starts(message->event.type, "done.state."))
        return "platform";
    return "external";
}

static const char *invoke_of(const struct smew__message *message)
{
    if (message->origin && message->origin->invoke_id)
        return message->origin->invoke_id;
    return starts(message->event.type, "done.invoke.") ? message->event.type + 12 : NULL;
}

/* W3C's _event.  An event of a bus says no more than its name and its data. */
static void write_event(struct smew__buffer *json, const struct smew__message *message)
{
    const struct smew__origin *origin = message->origin;

    smew__buffer_text(json, "{");
    add_member(json, "name", message->event.type);
    add_member(json, "type", type_of(message));
    add_member(json, "invokeid", invoke_of(message));
    if (origin) {
        add_member(json, "sendid", origin->send_id);
        add_member(json, "origin", origin->origin);
        add_member(json, "origintype", origin->origin ? SCXML_PROCESSOR : NULL);
    }
    add_data(json, &message->event);
    smew__buffer_text(json, "}");
}

/* XState's: the payload's members and the type. */
static void write_json_event(struct smew__buffer *json, const struct smew_event *event)
{
    json_t *data = json_loadb(event->payload, event->payload_size, 0, NULL);
    json_t *type = json_string(event->type);

    if (json_is_object(data) && type && json_object_set(data, "type", type) == 0) {
        (void)json_dump_callback(data, append, json, JSON_COMPACT);
    } else {
        smew__buffer_text(json, "{");
        add_member(json, "type", event->type);
        add_data(json, event);
        smew__buffer_text(json, "}");
    }
    json_decref(type);
    json_decref(data);
}

static enum smew_status tell_event(struct smew__world *world, const struct smew_machine *machine)
{
    struct smew__buffer json;
    enum smew_status status = SMEW_NO_MEMORY;
    bool scxml = machine->chart->scxml;

    smew__buffer_init(&json);
    if (scxml)
        write_event(&json, machine->event);
    else
        write_json_event(&json, &machine->event->event);
    if (!json.failed)
        status = world->engine->set(world->session, scxml ? "_event" : "event",
                                    (const char *)json.data, json.size, true);
    smew__buffer_fini(&json);
    return status;
}

/* Before the first event W3C's _event is undefined. */
static enum smew_status tell(struct smew__world *world, const struct smew_machine *machine)
{
    enum smew_status status = SMEW_OK;
    bool news = !world->knows_event || world->event_serial != machine->event_serial;

    if (!machine->chart->scxml)
        status = set_value(world, "context", smew_machine_context(machine), true);
    if (status == SMEW_OK && news && machine->event &&
        (!machine->chart->scxml || machine->event_serial > 0))
        status = tell_event(world, machine);
    if (status == SMEW_OK) {
        world->knows_event = true;
        world->event_serial = machine->event_serial;
    }
    return status;
}

struct smew__world *smew__world_ready(struct smew_machine *machine)
{
    struct smew__world *world;
    enum smew_status status;

    if (machine->failure != SMEW_OK || (!machine->world && !prepare(machine, false)))
        return NULL;
    world = machine->world;
    world->steps = machine->chart->script_steps - machine->family->script_steps;
    status = tell(world, machine);
    return smew__world_settle(machine, status, NULL) ? world : NULL;
}

/* ---- errors -------------------------------------------------------------------------- */

static void raise_error(struct smew_machine *machine, const char *reason, const char *send_id)
{
    struct smew__buffer json;

    smew__buffer_init(&json);
    smew__buffer_text(&json, "{\"message\":");
    smew__buffer_json_string(&json, reason, strlen(reason));
    smew__buffer_append(&json, "}", 2);
    if (json.failed)
        smew__machine_fail(machine, SMEW_NO_MEMORY);
    else
        smew__raise_error(machine, "error.execution", (const char *)json.data, send_id);
    smew__buffer_fini(&json);
}

/* What a machine failed of is JSON. */
static void keep_error(struct smew_machine *machine, const char *reason)
{
    struct smew__buffer json;

    smew__buffer_init(&json);
    smew__buffer_json_string(&json, reason, strlen(reason));
    smew__buffer_append(&json, "", 1);
    if (!json.failed && !machine->error)
        machine->error = smew__strdup((const char *)json.data);
    smew__buffer_fini(&json);
}

bool smew__world_refuse(struct smew_machine *machine, enum smew_status status, const char *reason,
                        const char *send_id)
{
    if (machine->family->still)
        return false;
    if (status == SMEW_NO_MEMORY) {
        smew__machine_fail(machine, status);
    } else if (status == SMEW_STOPPED || !machine->chart->scxml) {
        keep_error(machine, reason);
        smew__machine_fail(machine, status == SMEW_REJECTED ? status : SMEW_LIMIT);
    } else {
        raise_error(machine, reason, send_id);
    }
    return false;
}

bool smew__world_settle(struct smew_machine *machine, enum smew_status status, const char *send_id)
{
    struct smew__world *world = machine->world;

    if (world)
        machine->family->script_steps = machine->chart->script_steps - world->steps;
    return status == SMEW_OK ||
           smew__world_refuse(machine, status, world ? world->engine->reason(world->session) : "",
                              send_id);
}

bool smew__world_value(struct smew_machine *machine, struct smew__code code, const char *send_id)
{
    struct smew__world *world = smew__world_ready(machine);

    if (!world)
        return false;
    world->dirty = true;
    return smew__world_settle(machine, world->engine->value(world->session, code, &world->result),
                              send_id);
}

struct smew_value *smew__world_document(struct smew_machine *machine, struct smew__code code)
{
    struct smew_value *value = NULL;
    enum smew_status status;

    if (!smew__world_value(machine, code, NULL))
        return NULL;
    status = smew__result_value(&machine->world->result, &value);
    if (status != SMEW_OK)
        (void)smew__world_refuse(machine, status == SMEW_SYNTAX ? SMEW_LIMIT : status,
                                 smew__no_document, NULL);
    return value;
}

bool smew__world_text(struct smew_machine *machine, const struct smew__word *word,
                      struct smew__buffer *text, const char *send_id)
{
    smew__buffer_clear(text);
    if (word->text) {
        smew__buffer_text(text, word->text);
    } else {
        if (!smew__world_value(machine, word->code, send_id))
            return false;
        if (machine->world->result.type == SMEW__SCRIPT_STRING)
            smew__buffer_append(text, machine->world->result.text.data,
                                machine->world->result.text.size);
        else
            smew__result_json(&machine->world->result, text);
    }
    smew__buffer_append(text, "", 1);
    if (text->failed)
        smew__machine_fail(machine, SMEW_NO_MEMORY);
    text->size -= !text->failed;
    return !text->failed;
}

/* ---- the context --------------------------------------------------------------------- */

static enum smew_status copy_variable(void *user, const char *name,
                                      const struct smew__script_result *result)
{
    struct smew_machine *machine = user;
    struct smew__context *context = &machine->context;
    struct smew_value *value = NULL;
    enum smew_status status;

    if (!smew__utf8_valid(name, strlen(name)))
        return SMEW_OK;
    if (result->type == SMEW__SCRIPT_BOOL)
        return smew__context_set_bool(context, name, result->truth);
    if (result->type == SMEW__SCRIPT_NUMBER)
        return smew__context_set_number(context, name, result->number);
    if (result->type == SMEW__SCRIPT_NOTHING &&
        !smew_value_get(smew_machine_context(machine), name))
        return SMEW_OK;
    status = smew__result_value(result, &value);
    if (status == SMEW_SYNTAX) /* no value is deep enough for it */
        return copy_variable(user, name,
                             &(struct smew__script_result){.type = SMEW__SCRIPT_NOTHING});
    return status == SMEW_OK ? smew__context_set(context, name, value) : status;
}

/* A call's steps and a quarter more: what a script did with the last of them is not lost. */
void smew__world_export(struct smew_machine *machine)
{
    struct smew__world *world = machine->world;
    struct smew__family *family = machine->family;
    int64_t most = machine->chart->script_steps + machine->chart->script_steps / 4;
    enum smew_status status;

    if (!world->dirty || !machine->chart->scxml || machine->failure != SMEW_OK)
        return;
    world->dirty = false;
    world->steps = most - family->script_steps;
    status = world->engine->list(world->session, copy_variable, machine);
    family->script_steps = most - world->steps;
    if (status == SMEW_OK)
        return;
    keep_error(machine, world->engine->reason(world->session));
    smew__machine_fail(machine, status == SMEW_STOPPED ? SMEW_LIMIT : status);
}

/* ---- done data ----------------------------------------------------------------------- */

const struct smew__message *smew__world_done(struct smew_machine *machine,
                                             const struct smew__state *state)
{
    struct smew_event event = state->done->event;
    struct smew__origin origin = {.type = "platform"};
    struct smew__message *message = NULL;
    struct smew__buffer json;

    smew__buffer_init(&json);
    if (smew__script_payload(machine, state->done_data, &json, NULL) && json.size > 0) {
        event.payload = json.data;
        event.payload_size = json.size;
        event.content = SMEW_CONTENT_JSON;
    }
    if (!json.failed)
        message = smew__message_from(machine->chart, &event, &origin);
    smew__buffer_fini(&json);
    return message;
}

void smew__world_output(struct smew_machine *machine, const struct smew__state *state)
{
    struct smew__buffer json;
    struct smew_value *output = NULL;

    smew__buffer_init(&json);
    if (smew__script_payload(machine, state->done_data, &json, NULL) && json.size > 0 &&
        smew__value_of_json((const char *)json.data, json.size, &output) == SMEW_NO_MEMORY)
        smew__machine_fail(machine, SMEW_NO_MEMORY);
    if (machine->world && output) {
        smew__value_release(machine->world->output);
        machine->world->output = output;
    }
    smew__buffer_fini(&json);
}

const struct smew_value *smew__world_result(const struct smew_machine *machine)
{
    return machine->world->output;
}
