/* SPDX-License-Identifier: MIT */

/*
 * Writing a context happens in this order: it becomes the machine's own object (the first time),
 * the new value is made, the member is found or added, what was there is kept for an undo, and
 * only then is anything stored; so a failed allocation leaves the context as it was.
 */

#include "chart/context.h"

#include <string.h>

#include "base/alloc.h"

static const struct smew_value null_value = {.type = SMEW_VALUE_NULL};

/* ---- values of a machine ------------------------------------------------------------- */

static void drop_member(struct smew__member *member);

/* Recursive: whoever makes a value bounds how deep it nests. */
static void release(struct smew_value *value)
{
    bool nests = value && (value->type == SMEW_VALUE_ARRAY || value->type == SMEW_VALUE_OBJECT);

    if (!value || value->owners == 0)
        return;
    if (value->type == SMEW_VALUE_STRING)
        smew__free((void *)(uintptr_t)value->as.text);
    for (uint32_t i = 0; nests && i < value->count; i++)
        drop_member(&value->as.members[i]);
    if (nests)
        smew__free(value->as.members);
    smew__free(value);
}

void smew__value_release(struct smew_value *value)
{
    release(value);
}

struct smew_value *smew__value_new(enum smew_value_type type)
{
    struct smew_value *value = smew__calloc(1, sizeof *value);

    if (value) {
        value->type = type;
        value->owners = 1;
    }
    return value;
}

/* ---- the object ---------------------------------------------------------------------- */

static void drop_member(struct smew__member *member)
{
    release(member->value);
    if (member->key_owned)
        smew__free((void *)(uintptr_t)member->key);
}

void smew__context_init(struct smew__context *context, const struct smew_value *object)
{
    *context = (struct smew__context){.object = (struct smew_value *)(uintptr_t)object};
}

void smew__context_fini(struct smew__context *context)
{
    smew__context_commit(context);
    smew__free(context->undo);
    release(context->object);
    *context = (struct smew__context){0};
}

static bool make_room(struct smew_value *object, uint32_t least)
{
    if (least <= object->capacity)
        return true;
    if (least < object->capacity * 2)
        least = object->capacity * 2;
    struct smew__member *members =
        smew__realloc(object->as.members, (size_t)least * sizeof *members);
    if (!members)
        return false;
    object->as.members = members;
    object->capacity = least;
    return true;
}

/* A machine's own object with what the chart's has: keys and values stay the chart's. */
static struct smew_value *copy_object(const struct smew_value *from)
{
    uint32_t count = from && from->type == SMEW_VALUE_OBJECT ? from->count : 0;
    struct smew_value *copy = smew__value_new(SMEW_VALUE_OBJECT);

    if (!copy || !make_room(copy, count ? count : 1)) {
        smew__free(copy);
        return NULL;
    }
    if (from && count > 0)
        memcpy(copy->as.members, from->as.members, count * sizeof *copy->as.members);
    copy->count = count;
    return copy;
}

static struct smew_value *own_object(struct smew__context *context)
{
    if (!context->object || context->object->owners == 0) {
        struct smew_value *copy = copy_object(context->object);

        if (!copy)
            return NULL;
        context->object = copy;
        context->kept = copy->count;
    }
    return context->object;
}

struct smew__member *smew__value_add(struct smew_value *object, const char *key)
{
    if (!make_room(object, object->count + 1))
        return NULL;
    char *copy = key ? smew__strdup(key) : NULL;
    if (key && !copy)
        return NULL;
    struct smew__member *member = &object->as.members[object->count++];
    *member = (struct smew__member){.key = copy,
                                    .value = (struct smew_value *)(uintptr_t)&null_value,
                                    .key_owned = key != NULL};
    return member;
}

/* ---- undo ---------------------------------------------------------------------------- */

void smew__context_begin(struct smew__context *context)
{
    context->kept = context->object ? context->object->count : 0;
}

void smew__context_commit(struct smew__context *context)
{
    for (uint32_t i = 0; i < context->undo_count; i++)
        release(context->undo[i].value);
    context->undo_count = 0;
}

void smew__context_undo(struct smew__context *context)
{
    struct smew_value *object = context->object;

    for (uint32_t i = 0; i < context->undo_count; i++) {
        const struct smew__undo *undo = &context->undo[i];
        struct smew__member *member = &object->as.members[undo->member];

        if (undo->value) {
            release(member->value);
            member->value = undo->value;
        }
        if (member->value->owners > 0 && member->value->type == SMEW_VALUE_NUMBER)
            member->value->as.number = undo->was.number;
        else if (member->value->owners > 0 && member->value->type == SMEW_VALUE_BOOL)
            member->value->as.truth = undo->was.truth;
    }
    context->undo_count = 0;
    while (object && object->owners > 0 && object->count > context->kept)
        drop_member(&object->as.members[--object->count]);
}

static struct smew__undo *find_undo(const struct smew__context *context, uint32_t member)
{
    for (uint32_t i = 0; i < context->undo_count; i++)
        if (context->undo[i].member == member)
            return &context->undo[i];
    return NULL;
}

/* Room for one more, so that keeping a change cannot fail once it is made. */
static bool may_keep(struct smew__context *context)
{
    if (context->undo_count < context->undo_capacity)
        return true;
    uint32_t capacity = context->undo_capacity ? context->undo_capacity * 2 : 4;
    struct smew__undo *undo = smew__realloc(context->undo, capacity * sizeof *undo);
    if (!undo)
        return false;
    context->undo = undo;
    context->undo_capacity = capacity;
    return true;
}

/* Keeps what a member's value says now; `value` too, when another one takes its place. */
static void add_undo(struct smew__context *context, uint32_t member, struct smew_value *value)
{
    const struct smew_value *now = context->object->as.members[member].value;
    struct smew__undo *undo = &context->undo[context->undo_count++];

    *undo = (struct smew__undo){.member = member, .value = value};
    if (now->type == SMEW_VALUE_NUMBER)
        undo->was.number = now->as.number;
    else if (now->type == SMEW_VALUE_BOOL)
        undo->was.truth = now->as.truth;
}

/* The member's value is about to leave its place. */
static void let_go(struct smew__context *context, uint32_t member)
{
    struct smew_value *value = context->object->as.members[member].value;
    struct smew__undo *undo = find_undo(context, member);

    if (member >= context->kept || (undo && undo->value))
        release(value); /* a new member, or not the value that the call began with */
    else if (undo)
        undo->value = value;
    else
        add_undo(context, member, value);
}

/* ---- writing ------------------------------------------------------------------------- */

/* Puts a value in the place of another; takes over the caller's hold, also when it fails. */
static enum smew_status store(struct smew__context *context, const char *key,
                              struct smew_value *value)
{
    struct smew_value *object = value && may_keep(context) ? own_object(context) : NULL;
    struct smew__member *member = object ? smew__value_member(object, key) : NULL;

    if (object && !member)
        member = smew__value_add(object, key);
    if (!member) {
        release(value);
        return SMEW_NO_MEMORY;
    }
    let_go(context, (uint32_t)(member - object->as.members));
    member->value = value;
    return SMEW_OK;
}

/* The member's value, when it is the machine's and of that type, kept for an undo: else NULL. */
static struct smew_value *in_place(struct smew__context *context, const char *key,
                                   enum smew_value_type type)
{
    if (!context->object || context->object->owners == 0)
        return NULL;
    struct smew__member *member = smew__value_member(context->object, key);
    if (!member || member->value->owners == 0 || member->value->type != type)
        return NULL;
    uint32_t index = (uint32_t)(member - context->object->as.members);
    if (index < context->kept && !find_undo(context, index)) {
        if (!may_keep(context))
            return NULL;
        add_undo(context, index, NULL);
    }
    return member->value;
}

enum smew_status smew__context_set_number(struct smew__context *context, const char *key,
                                          double number)
{
    struct smew_value *value = in_place(context, key, SMEW_VALUE_NUMBER);

    if (value) {
        value->as.number = number;
        return SMEW_OK;
    }
    value = smew__value_new(SMEW_VALUE_NUMBER);
    if (value)
        value->as.number = number;
    return store(context, key, value);
}

enum smew_status smew__context_set_text(struct smew__context *context, const char *key,
                                        const char *text)
{
    struct smew_value *value = smew__value_new(SMEW_VALUE_STRING);

    if (!value)
        return SMEW_NO_MEMORY;
    value->as.text = smew__strdup(text);
    if (!value->as.text) {
        smew__free(value);
        return SMEW_NO_MEMORY;
    }
    return store(context, key, value);
}

enum smew_status smew__context_set_bool(struct smew__context *context, const char *key, bool truth)
{
    struct smew_value *value = in_place(context, key, SMEW_VALUE_BOOL);

    if (value) {
        value->as.truth = truth;
        return SMEW_OK;
    }
    value = smew__value_new(SMEW_VALUE_BOOL);
    if (value)
        value->as.truth = truth;
    return store(context, key, value);
}

/* A chart's number goes where the machine has one: else each would make the other's room anew. */
enum smew_status smew__context_set(struct smew__context *context, const char *key,
                                   struct smew_value *value)
{
    bool charts = value && value->owners == 0;

    if (charts && value->type == SMEW_VALUE_NUMBER && in_place(context, key, SMEW_VALUE_NUMBER))
        return smew__context_set_number(context, key, value->as.number);
    if (charts && value->type == SMEW_VALUE_BOOL && in_place(context, key, SMEW_VALUE_BOOL))
        return smew__context_set_bool(context, key, value->as.truth);
    return store(context, key, value);
}
