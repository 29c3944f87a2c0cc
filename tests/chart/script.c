/* SPDX-License-Identifier: MIT */

/*
 * Callbacks know neither their own name nor their table's order, and a case brings its own names;
 * so each name gets one of a fixed number of functions, made by a macro, that looks its name up by
 * its own number.  One case runs at a time, so the names are static.
 */

#include "tests/chart/script.h"

#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = 64 };

static const char *action_names[NAMES_MAX];
static uint64_t delay_values[NAMES_MAX];
static struct smew_named_action actions[NAMES_MAX + 4];
static struct smew_named_delay delays[NAMES_MAX];
static size_t action_count;
static size_t delay_count;

static void append(const struct smew_call *call, const char *mark)
{
    struct script *script = call->user;

    json_array_append_new(script->log, json_pack("[s, s]", mark, call->event->type));
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

static void add_action(const char *name)
{
    if (*name == '@' || action_count == NAMES_MAX)
        return;
    for (size_t i = 0; i < action_count; i++)
        if (strcmp(actions[i].name, name) == 0)
            return;
    action_names[action_count] = name;
    actions[action_count] = (struct smew_named_action){name, action_functions[action_count]};
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

static void set_delays(json_t *values)
{
    const char *name;
    json_t *item;

    json_object_foreach(values, name, item)
    {
        if (delay_count == NAMES_MAX)
            break;
        delay_values[delay_count] = (uint64_t)json_number_value(item);
        delays[delay_count] = (struct smew_named_delay){name, delay_functions[delay_count]};
        delay_count++;
    }
}

void script_init(struct script *script, const json_t *machine, const json_t *delay_table)
{
    static const struct smew_named_action known[] = {
        {"mark", mark}, {"inc", inc}, {"setFromEvent", set_from_event}};

    action_count = 0;
    delay_count = 0;
    for (; action_count < sizeof known / sizeof *known; action_count++)
        actions[action_count] = known[action_count];
    find_actions((json_t *)machine);
    set_delays((json_t *)delay_table);
    *script = (struct script){.log = json_array(),
                              .behavior = {.size = sizeof script->behavior,
                                           .actions = actions,
                                           .action_count = action_count,
                                           .guards = guards,
                                           .guard_count = sizeof guards / sizeof *guards,
                                           .delays = delays,
                                           .delay_count = delay_count}};
}

void script_fini(struct script *script)
{
    json_decref(script->log);
}
