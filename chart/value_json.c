/* SPDX-License-Identifier: MIT */

/*
 * JSON as a value that a machine owns.  What nests too deep is refused before any recursion that
 * is not bounded.
 */

#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "chart/chart.h"
#include "chart/context.h"

static bool fill(struct smew_value *value, const json_t *json);

static struct smew_value *make(const json_t *json)
{
    static const enum smew_value_type types[] = {
        [JSON_OBJECT] = SMEW_VALUE_OBJECT, [JSON_ARRAY] = SMEW_VALUE_ARRAY,
        [JSON_STRING] = SMEW_VALUE_STRING, [JSON_INTEGER] = SMEW_VALUE_NUMBER,
        [JSON_REAL] = SMEW_VALUE_NUMBER,   [JSON_TRUE] = SMEW_VALUE_BOOL,
        [JSON_FALSE] = SMEW_VALUE_BOOL,    [JSON_NULL] = SMEW_VALUE_NULL,
    };
    struct smew_value *value = smew__value_new(types[json_typeof(json)]);

    if (value && !fill(value, json)) {
        smew__value_release(value);
        return NULL;
    }
    return value;
}

static bool fill_member(struct smew_value *value, const char *key, const json_t *json)
{
    struct smew__member *member = smew__value_add(value, key);
    struct smew_value *made = member ? make(json) : NULL;

    if (made)
        member->value = made;
    return made != NULL;
}

static bool fill_nested(struct smew_value *value, const json_t *json)
{
    json_t *object = (json_t *)(uintptr_t)json; /* jansson's iterators want it mutable */

    for (size_t i = 0; i < json_array_size(json); i++)
        if (!fill_member(value, NULL, json_array_get(json, i)))
            return false;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
        if (!fill_member(value, json_object_iter_key(at), json_object_iter_value(at)))
            return false;
    return true;
}

static bool fill(struct smew_value *value, const json_t *json)
{
    switch (value->type) {
    case SMEW_VALUE_NUMBER:
        value->as.number = json_number_value(json);
        return true;
    case SMEW_VALUE_BOOL:
        value->as.truth = json_is_true(json);
        return true;
    case SMEW_VALUE_STRING:
        value->as.text = smew__strdup(json_string_value(json));
        return value->as.text != NULL;
    case SMEW_VALUE_ARRAY:
    case SMEW_VALUE_OBJECT:
        return fill_nested(value, json);
    case SMEW_VALUE_NULL:
        break;
    }
    return true;
}

static bool is_too_deep(const json_t *json, unsigned depth)
{
    json_t *object = (json_t *)(uintptr_t)json;

    if (depth >= SMEW__DEPTH_MAX)
        return json_is_array(json) || json_is_object(json);
    for (size_t i = 0; i < json_array_size(json); i++)
        if (is_too_deep(json_array_get(json, i), depth + 1))
            return true;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
        if (is_too_deep(json_object_iter_value(at), depth + 1))
            return true;
    return false;
}

enum smew_status smew__value_of_jansson(const json_t *json, struct smew_value **value)
{
    if (is_too_deep(json, 0))
        return SMEW_SYNTAX;
    *value = make(json);
    return *value ? SMEW_OK : SMEW_NO_MEMORY;
}

enum smew_status smew_value_parse(const char *text, size_t size_bytes, struct smew_value **value)
{
    return text && value ? smew__value_of_json(text, size_bytes, value) : SMEW_INVALID;
}

void smew_value_destroy(struct smew_value *value)
{
    smew__value_release(value);
}

enum smew_status smew__value_of_json(const char *text, size_t size, struct smew_value **value)
{
    json_error_t problem;
    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY;
    json_t *json = json_loadb(text, size, flags, &problem);
    enum smew_status status;

    if (!json)
        return json_error_code(&problem) == json_error_out_of_memory ? SMEW_NO_MEMORY : SMEW_SYNTAX;
    status = smew__value_of_jansson(json, value);
    json_decref(json);
    return status;
}
