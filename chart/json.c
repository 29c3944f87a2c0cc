/* SPDX-License-Identifier: MIT */

/*
 * Walking jansson's values and the marks of their text in step.
 */

#include "chart/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static uint32_t next_mark(const struct smew__marks *marks, uint32_t mark)
{
    return mark < marks->count ? marks->marks[mark].next : mark;
}

struct smew__json smew__json_get(const struct smew__marks *marks, struct smew__json json,
                                 const char *key)
{
    json_t *object = (json_t *)(uintptr_t)json.value; /* jansson's iterators want it mutable */
    uint32_t mark = json.mark + 1;

    if (!json_is_object(object))
        return (struct smew__json){0};
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        if (strcmp(json_object_iter_key(at), key) == 0)
            return (struct smew__json){.value = json_object_iter_value(at), .mark = mark};
        mark = next_mark(marks, mark);
    }
    return (struct smew__json){0};
}

/* An array index of JavaScript: "0", "7", "4294967294"; not "07", "-1" or "4294967295". */
static bool is_array_index(const char *key, uint64_t *index)
{
    size_t size = strlen(key);

    if (size == 0 || size > 10 || strspn(key, "0123456789") != size || (key[0] == '0' && size > 1))
        return false;
    uint64_t number = strtoull(key, NULL, 10);
    if (number >= UINT32_MAX)
        return false;
    *index = number;
    return true;
}

static int by_order(const void *a, const void *b)
{
    uint64_t x = ((const struct smew__json_member *)a)->order;
    uint64_t y = ((const struct smew__json_member *)b)->order;

    return x < y ? -1 : x > y;
}

static void list_object(const struct smew__marks *marks, struct smew__json json,
                        struct smew__json_member *members)
{
    json_t *object = (json_t *)(uintptr_t)json.value;
    uint32_t mark = json.mark + 1;
    size_t i = 0;
    bool sorted = true;

    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at), i++) {
        const char *key = json_object_iter_key(at);
        uint64_t order = (UINT64_C(1) << 32) + i;

        sorted = !is_array_index(key, &order) && sorted;
        members[i] =
            (struct smew__json_member){.key = key,
                                       .json = {.value = json_object_iter_value(at), .mark = mark},
                                       .order = order};
        mark = next_mark(marks, mark);
    }
    if (!sorted)
        qsort(members, i, sizeof *members, by_order);
}

static void list_array(const struct smew__marks *marks, struct smew__json json,
                       struct smew__json_member *members)
{
    uint32_t mark = json.mark + 1;

    for (size_t i = 0; i < json_array_size(json.value); i++) {
        members[i] = (struct smew__json_member){
            .json = {.value = json_array_get(json.value, i), .mark = mark}};
        mark = next_mark(marks, mark);
    }
}

bool smew__json_members(const struct smew__marks *marks, struct smew__json json,
                        struct smew__json_member **members, size_t *count)
{
    bool object = json_is_object(json.value);
    size_t size = object ? json_object_size(json.value) : json_array_size(json.value);
    struct smew__json_member *list = NULL;

    if (size > 0) {
        list = smew__calloc(size, sizeof *list);
        if (!list)
            return false;
        if (object)
            list_object(marks, json, list);
        else
            list_array(marks, json, list);
    }
    *members = list;
    *count = size;
    return true;
}

const char *smew__json_kind(const json_t *value)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        break;
    }
    return "null";
}
