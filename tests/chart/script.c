/* SPDX-License-Identifier: MIT */

/*
 * Callbacks know neither their own name nor their table's order, and a case brings its own names;
 * so each name gets one of a fixed number of functions, made by a macro, that looks its name up by
 * its own number.  One case runs at a time, so the names are static: actions are shared by all of
 * a case's charts, delays are numbered through them.
 */

#include "tests/chart/script.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 64 };

/* What one chart of a case is loaded with. */
struct script_part {
    struct script_part *next;
    struct smew_named_delay *delays;
    struct smew_named_service *services;
    struct smew_named_chart *charts;
    size_t chart_count;
};

static const char *action_names[NAMES_MAX];
static uint64_t delay_values[NAMES_MAX];
static struct smew_named_action actions[NAMES_MAX];
static size_t action_count;
static size_t delay_count;

static void append(const struct smew_call *call, const char *mark)
{
    struct script *script = call->user;
    const char *id = smew_machine_id(call->machine);
    json_t *log = script->log;

    if (smew_machine_parent(call->machine)) {
        if (!json_object_get(script->logs, id))
            json_object_set_new(script->logs, id, json_array());
        log = json_object_get(script->logs, id);
    }
    json_array_append_new(log, json_pack("[s, s]", mark, call->event->type));
}

/* ---- one function for each number ---------------------------------------------------- */

#define NUMBERS_16(X, base) \
    X(base##0)              \
    X(base##1)              \
    X(base##2)              \
    X(base##3)              \
    X(base##4)              \
    X(base##5)              \
    X(base##6)              \
    X(base##7)              \
    X(base##8) X(base##9) X(base##A) X(base##B) X(base##C) X(base##D) X(base##E) X(base##F)
#define NUMBERS(X) NUMBERS_16(X, 0x0) NUMBERS_16(X, 0x1) NUMBERS_16(X, 0x2) NUMBERS_16(X, 0x3)

#define DEFINE(number)                                           \
    static void action_##number(const struct smew_call *call)    \
    {                                                            \
        append(call, action_names[number]);                      \
    }                                                            \
    static uint64_t delay_##number(const struct smew_call *call) \
    {                                                            \
        (void)call;                                              \
        return delay_values[number];                             \
    }
NUMBERS(DEFINE)

#define LIST_ACTION(number) action_##number,
#define LIST_DELAY(number) delay_##number,
static const smew_action_fn action_functions[NAMES_MAX] = {NUMBERS(LIST_ACTION)};
static const smew_delay_fn delay_functions[NAMES_MAX] = {NUMBERS(LIST_DELAY)};

/* ---- actions ------------------------------------------------------------------------- */

static const char *parameter(const struct smew_call *call, const char *name)
{
    return smew_value_string(smew_value_get(call->params, name), "");
}

static void mark(const struct smew_call *call)
{
    append(call, parameter(call, "id"));
}

static double variable(const struct smew_call *call)
{
    const struct smew_value *context = smew_machine_context(call->machine);

    return smew_value_number(smew_value_get(context, parameter(call, "var")), 0);
}

static void inc(const struct smew_call *call)
{
    double by = smew_value_number(smew_value_get(call->params, "by"), 1);

    if (smew_machine_set_number(call->machine, parameter(call, "var"), variable(call) + by))
        append(call, "inc failed");
}

static json_t *event_field(const struct smew_call *call, const char *name)
{
    json_t *payload =
        json_loadb(call->event->payload, call->event->payload_size, JSON_DECODE_INT_AS_REAL, NULL);
    json_t *field = json_incref(json_object_get(payload, name));

    json_decref(payload);
    return field;
}

static void set_from_event(const struct smew_call *call)
{
    json_t *field = event_field(call, parameter(call, "field"));
    const char *key = parameter(call, "var");
    enum smew_status status = SMEW_INVALID;

    if (json_is_number(field))
        status = smew_machine_set_number(call->machine, key, json_number_value(field));
    else if (json_is_string(field))
        status = smew_machine_set_string(call->machine, key, json_string_value(field));
    else if (json_is_boolean(field))
        status = smew_machine_set_bool(call->machine, key, json_is_true(field));
    if (status != SMEW_OK)
        append(call, "setFromEvent failed");
    json_decref(field);
}

/* ---- guards -------------------------------------------------------------------------- */

static double wanted(const struct smew_call *call)
{
    return smew_value_number(smew_value_get(call->params, "value"), 0);
}

static bool guard_const(const struct smew_call *call)
{
    return smew_value_bool(smew_value_get(call->params, "value"), false);
}

static bool guard_eq(const struct smew_call *call)
{
    return variable(call) == wanted(call);
}

static bool guard_ne(const struct smew_call *call)
{
    return variable(call) != wanted(call);
}

static bool guard_lt(const struct smew_call *call)
{
    return variable(call) < wanted(call);
}

static bool guard_gt(const struct smew_call *call)
{
    return variable(call) > wanted(call);
}

static bool guard_gte(const struct smew_call *call)
{
    return variable(call) >= wanted(call);
}

static bool guard_evt(const struct smew_call *call)
{
    json_t *field = event_field(call, parameter(call, "field"));
    char expected[256];
    bool same = false;

    (void)smew_value_json(smew_value_get(call->params, "value"), expected, sizeof expected);
    json_t *value = json_loads(expected, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
    same = field && json_equal(field, value);
    json_decref(value);
    json_decref(field);
    return same;
}

static const struct smew_named_guard guards[] = {
    {"const", guard_const}, {"eq", guard_eq},   {"ne", guard_ne},   {"lt", guard_lt},
    {"gt", guard_gt},       {"gte", guard_gte}, {"evt", guard_evt},
};

/* ---- the names of a case ------------------------------------------------------------- */

/* Actions that only write the log are effects. */
static void add_action(const char *name)
{
    if (*name == '@' || action_count == NAMES_MAX)
        return;
    for (size_t i = 0; i < action_count; i++)
        if (strcmp(actions[i].name, name) == 0)
            return;
    action_names[action_count] = name;
    actions[action_count] = (struct smew_named_action){
        name, strcmp(name, "mark") == 0 ? mark : action_functions[action_count]};
    action_count++;
}

static void add_actions(json_t *value)
{
    json_t *item;
    size_t index;

    if (json_is_string(value))
        add_action(json_string_value(value));
    else if (json_is_object(value) && json_is_string(json_object_get(value, "type")))
        add_action(json_string_value(json_object_get(value, "type")));
    json_array_foreach(value, index, item) add_actions(item);
}

/* Every name under `entry`, `exit` and `actions`, however deep. */
static void find_actions(json_t *value)
{
    const char *key;
    json_t *item;
    size_t index;

    json_object_foreach(value, key, item)
    {
        if (strcmp(key, "entry") == 0 || strcmp(key, "exit") == 0 || strcmp(key, "actions") == 0)
            add_actions(item);
        find_actions(item);
    }
    json_array_foreach(value, index, item) find_actions(item);
}

/* ---- services ------------------------------------------------------------------------ */

static void start(const struct smew_service *service)
{
    struct script *script = service->user;

    json_array_append_new(script->pending,
                          json_pack("[s, I]", service->id, (json_int_t)service->token));
}

static void stop(const struct smew_service *service)
{
    struct script *script = service->user;
    json_t *item;
    size_t index;

    json_array_foreach(script->pending, index, item)
    {
        if ((uint64_t)json_integer_value(json_array_get(item, 1)) == service->token) {
            json_array_remove(script->pending, index);
            return;
        }
    }
}

static bool find_pending(struct script *script, const char *id, uint64_t *token)
{
    for (size_t i = json_array_size(script->pending); i-- > 0;) {
        json_t *item = json_array_get(script->pending, i);

        if (strcmp(json_string_value(json_array_get(item, 0)), id) == 0) {
            *token = (uint64_t)json_integer_value(json_array_get(item, 1));
            json_array_remove(script->pending, i);
            return true;
        }
    }
    return false;
}

enum smew_status script_settle(struct script *script, struct smew_machine *machine, const char *id,
                               bool ok, json_t *value, uint64_t now_ns)
{
    uint64_t token;

    if (!find_pending(script, id, &token))
        return SMEW_OK;
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    enum smew_status status = smew_machine_settle(machine, token, ok, text, now_ns, NULL);
    free(text);
    return status;
}

/* ---- the charts of a case ------------------------------------------------------------ */

static void add_delays(struct script_part *part, json_t *values, struct smew_behavior *behavior)
{
    const char *name;
    json_t *item;

    part->delays = calloc(json_object_size(values) + 1, sizeof *part->delays);
    json_object_foreach(values, name, item)
    {
        if (delay_count == NAMES_MAX)
            break;
        delay_values[delay_count] = (uint64_t)json_number_value(item);
        part->delays[behavior->delay_count++] =
            (struct smew_named_delay){name, delay_functions[delay_count]};
        delay_count++;
    }
    behavior->delays = part->delays;
}

static enum smew_status load(struct script *script, json_t *it, bool short_limit,
                             struct smew_chart **chart, struct smew_error *error);

/* Machines are loaded before the chart that names them. */
static enum smew_status add_actors(struct script *script, struct script_part *part, json_t *actors,
                                   bool short_limit, struct smew_behavior *behavior,
                                   struct smew_error *error)
{
    enum smew_status status = SMEW_OK;
    const char *name;
    json_t *item;

    part->services = calloc(json_object_size(actors) + 1, sizeof *part->services);
    part->charts = calloc(json_object_size(actors) + 1, sizeof *part->charts);
    json_object_foreach(actors, name, item)
    {
        struct smew_named_chart *named = &part->charts[part->chart_count];

        if (strcmp(json_string_value(json_object_get(item, "type")), "machine") != 0) {
            part->services[behavior->service_count++] =
                (struct smew_named_service){name, start, stop};
            continue;
        }
        named->name = name;
        status = load(script, item, short_limit, &named->chart, error);
        if (status != SMEW_OK)
            return status;
        part->chart_count++;
    }
    behavior->services = part->services;
    behavior->charts = part->charts;
    behavior->chart_count = part->chart_count;
    return status;
}

/* The random charts were recorded with a limit of their own; XState has it in the chart. */
static char *chart_text(json_t *machine, bool short_limit)
{
    json_t *copy = json_deep_copy(machine);

    if (short_limit)
        json_object_set_new(copy, "options", json_pack("{s:f}", "maxIterations", 40.0));
    char *text = json_dumps(copy, JSON_REAL_PRECISION(15));
    json_decref(copy);
    return text;
}

static enum smew_status load(struct script *script, json_t *it, bool short_limit,
                             struct smew_chart **chart, struct smew_error *error)
{
    static const struct smew_named_action writers[] = {{"inc", inc},
                                                       {"setFromEvent", set_from_event}};
    struct smew_behavior behavior = {.size = sizeof behavior,
                                     .actions = writers,
                                     .action_count = sizeof writers / sizeof *writers,
                                     .effects = actions,
                                     .guards = guards,
                                     .guard_count = sizeof guards / sizeof *guards};
    struct script_part *part = calloc(1, sizeof *part);
    enum smew_status status;

    part->next = script->parts;
    script->parts = part;
    add_delays(part, json_object_get(it, "delays"), &behavior);
    status = add_actors(script, part, json_object_get(it, "actors"), short_limit, &behavior, error);
    behavior.effect_count = action_count;
    if (status != SMEW_OK)
        return status;
    char *text = chart_text(json_object_get(it, "machine"), short_limit);
    status = smew_chart_load_json(text, strlen(text), "machine", &behavior, chart, error);
    free(text);
    return status;
}

enum smew_status script_load(struct script *script, json_t *it, struct smew_chart **chart,
                             struct smew_error *error)
{
    const char *source = json_string_value(json_object_get(it, "source"));

    *script = (struct script){.log = json_array(),
                              .logs = json_object(),
                              .emitted = json_array(),
                              .pending = json_array()};
    delay_count = 0;
    action_count = 0;
    find_actions(it);
    return load(script, it, source && strncmp(source, "gen-fuzz", 8) == 0, chart, error);
}

void script_fini(struct script *script)
{
    while (script->parts) {
        struct script_part *part = script->parts;

        script->parts = part->next;
        for (size_t i = 0; i < part->chart_count; i++)
            smew_chart_unref(part->charts[i].chart);
        free(part->delays);
        free(part->services);
        free(part->charts);
        free(part);
    }
    json_decref(script->log);
    json_decref(script->logs);
    json_decref(script->emitted);
    json_decref(script->pending);
}

/* ---- what was seen ------------------------------------------------------------------- */

void script_emit(struct smew_machine *machine, const struct smew_event *event, void *owner)
{
    struct script *script = owner;
    json_t *json = json_loadb(event->payload, event->payload_size, JSON_DECODE_INT_AS_REAL, NULL);

    if (smew_machine_parent(machine)) {
        json_decref(json);
        return;
    }
    if (!json)
        json = json_object();
    json_object_set_new(json, "type", json_string(event->type));
    json_array_append_new(script->emitted, json);
}

void script_clear(struct script *script)
{
    json_array_clear(script->log);
    json_object_clear(script->logs);
    json_array_clear(script->emitted);
}
