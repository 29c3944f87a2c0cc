/* SPDX-License-Identifier: MIT */

/*
 * Literals of a chart: contexts (the program's own too), params, outputs, and the members of events
 * as JSON payloads.
 *
 * Members keep JavaScript's order, so that what a chart writes out looks as it does there.
 * XState's `{"@expr": …}` is an expression of a script; where one may stand, the caller
 * asks for it first (chart/load_script.c), and here it is refused.
 */

#include "chart/load.h"

#include <string.h>

#include "base/alloc.h"

static bool is_expression(struct smew__loader *loader, struct smew__json json)
{
    return smew__member(loader, json, "@expr").value || smew__member(loader, json, "@code").value;
}

static bool load_member(struct smew__loader *loader, const struct smew__json_member *from,
                        unsigned depth, struct smew__member *member)
{
    const struct smew_value *value = NULL;

    if (!smew__load_value(loader, from->json, depth, &value))
        return false;
    member->value = (struct smew_value *)(uintptr_t)value;
    if (from->key)
        member->key = smew__intern(loader, from->key, strlen(from->key));
    return !from->key || member->key;
}

static bool load_members(struct smew__loader *loader, struct smew__json json, unsigned depth,
                         const char *except, struct smew_value **value)
{
    bool object = json_is_object(json.value);
    struct smew__json_member *members = NULL;
    struct smew_value *made;
    size_t count = 0;
    uint32_t kept = 0;
    bool fine;

    if (!smew__members(loader, json, &members, &count))
        return false;
    made = smew__value_of_members(&loader->chart->arena,
                                  object ? SMEW_VALUE_OBJECT : SMEW_VALUE_ARRAY, (uint32_t)count);
    fine = made || smew__no_memory(loader);
    for (size_t i = 0; made && fine && i < count; i++) {
        if (except && strcmp(members[i].key, except) == 0)
            continue;
        fine = load_member(loader, &members[i], depth + 1, &made->as.members[kept++]);
    }
    if (made)
        made->count = kept;
    *value = made;
    smew__free(members);
    return fine;
}

bool smew__load_value(struct smew__loader *loader, struct smew__json json, unsigned depth,
                      const struct smew_value **value)
{
    struct smew__arena *arena = &loader->chart->arena;
    struct smew_value *made = NULL;

    if (depth > SMEW__DEPTH_MAX)
        return smew__refuse(loader, SMEW_LIMIT, json, "a value is more than %d levels deep",
                            SMEW__DEPTH_MAX);
    if (is_expression(loader, json))
        return smew__refuse(loader, SMEW_UNSUPPORTED, json, "an expression cannot stand here");
    if (json_is_object(json.value) || json_is_array(json.value)) {
        if (!load_members(loader, json, depth, NULL, &made))
            return false;
    } else if (json_is_string(json.value)) {
        made = smew__value_of_text(arena, json_string_value(json.value));
    } else if (json_is_number(json.value)) {
        made = smew__value_of_number(arena, json_number_value(json.value));
    } else if (json_is_boolean(json.value)) {
        made = smew__value_of_bool(arena, json_is_true(json.value));
    } else {
        made = smew__value_null(arena);
    }
    *value = made;
    return made || smew__no_memory(loader);
}

bool smew__load_payload(struct smew__loader *loader, struct smew__json object, const char *except,
                        const char **payload)
{
    struct smew_value *value = NULL;
    size_t size;
    char *text;

    if (!load_members(loader, object, 0, except, &value))
        return false;
    if (smew_value_count(value) == 0) {
        *payload = "";
        return true;
    }
    size = smew_value_json(value, NULL, 0) + 1;
    text = smew__arena_alloc(&loader->chart->arena, size);
    if (!text)
        return smew__no_memory(loader);
    (void)smew_value_json(value, text, size);
    *payload = text;
    return true;
}

bool smew__load_own(struct smew__loader *loader, struct smew__json where)
{
    const struct smew_behavior *behavior = loader->behavior;
    struct smew_chart *chart = loader->chart;
    void *own;

    if (behavior->context_bytes == 0)
        return true;
    if (behavior->context_bytes > SMEW__OWN_MAX)
        return smew__refuse(loader, SMEW_LIMIT, where, "the program's own context is over %d bytes",
                            SMEW__OWN_MAX);
    own = smew__arena_alloc(&chart->arena, behavior->context_bytes);
    if (!own)
        return smew__no_memory(loader);
    chart->own = own;
    chart->own_bytes = behavior->context_bytes;
    chart->read_own = behavior->read_context;
    chart->write_own = behavior->write_context;
    return !chart->read_own || chart->read_own(own, chart->context) ||
           smew__refuse(loader, SMEW_SYNTAX, where,
                        "the program's own context cannot be read from this one");
}
