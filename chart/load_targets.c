/* SPDX-License-Identifier: MIT */

/*
 * What a target refers to.  Seen from a state, as XState 5 reads it:
 *
 *     "#id"         the state with that id, anywhere; "#id.child" from there on
 *     ".child"      a descendant of the state itself
 *     "sibling"     a state beside it; "sibling.child" from there on
 *
 * A backslash in a target takes the next character literally, so that ids and names may have dots.
 */

#include "chart/load.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

static void *state_value(uint16_t state)
{
    return (void *)(uintptr_t)(state + 1u); /* a table's value is never NULL */
}

static uint16_t value_state(const void *value)
{
    return value ? (uint16_t)((uintptr_t)value - 1) : SMEW__NO_STATE;
}

/* The children's table is keyed by the parent's number followed by the name. */
struct child_key {
    uint16_t parent;
    char name[SMEW__NAME_MAX];
};

static bool has_own_id(struct smew__loader *loader, uint16_t state)
{
    struct smew__json json = SMEW__AT(loader->sources, struct smew__source, state)->json;

    return smew__member(loader, json, "id").value != NULL;
}

/*
 * Two states cannot be given the same id.  Paths of keys may clash ("a.b" beside "a" with a child
 * "b"): there the later one wins, as in XState, and an id that was given wins over any path.
 */
static bool register_id(struct smew__loader *loader, uint16_t state)
{
    const char *id = smew__loader_state(loader, state)->id;
    uint16_t other = value_state(smew__table_get(&loader->ids, id, strlen(id)));
    bool own = has_own_id(loader, state);

    if (other != SMEW__NO_STATE && has_own_id(loader, other)) {
        struct smew__json json = SMEW__AT(loader->sources, struct smew__source, state)->json;

        return !own || smew__refuse(loader, SMEW_SYNTAX, smew__member(loader, json, "id"),
                                    "the id \"%.100s\" is taken already", id);
    }
    if (other != SMEW__NO_STATE)
        (void)smew__table_remove(&loader->ids, id, strlen(id));
    return smew__table_put(&loader->ids, id, strlen(id), state_value(state)) ||
           smew__no_memory(loader);
}

bool smew__register_state(struct smew__loader *loader, uint16_t state)
{
    const struct smew__state *it = smew__loader_state(loader, state);
    size_t size = strlen(it->key);
    struct child_key *key;

    if (!register_id(loader, state))
        return false;
    if (it->parent == SMEW__NO_STATE)
        return true;
    key = smew__arena_alloc(&loader->scratch, sizeof key->parent + size);
    if (!key)
        return smew__no_memory(loader);
    key->parent = it->parent;
    memcpy(key->name, it->key, size);
    return smew__table_put(&loader->children, key, sizeof key->parent + size, state_value(state)) ||
           smew__no_memory(loader);
}

static uint16_t child_of(struct smew__loader *loader, uint16_t parent, const char *name,
                         size_t size)
{
    struct child_key key = {.parent = parent};

    memcpy(key.name, name, size);
    return value_state(smew__table_get(&loader->children, &key, sizeof key.parent + size));
}

/* The next segment of a path without its backslashes; answers where the path goes on. */
static const char *next_segment(const char *path, char segment[SMEW__NAME_MAX], size_t *size)
{
    size_t length = 0;

    while (*path && *path != '.' && length < SMEW__NAME_MAX) {
        if (*path == '\\' && path[1])
            path++;
        segment[length++] = *path++;
    }
    *size = length;
    return *path == '.' ? path + 1 : path;
}

uint16_t smew__find_state(struct smew__loader *loader, uint16_t from, const char *reference)
{
    char segment[SMEW__NAME_MAX];
    uint16_t at = from;
    size_t size;

    if (*reference == '#') {
        reference = next_segment(reference + 1, segment, &size);
        at = value_state(smew__table_get(&loader->ids, segment, size));
    }
    while (*reference && at != SMEW__NO_STATE) {
        reference = next_segment(reference, segment, &size);
        at = child_of(loader, at, segment, size);
    }
    return at;
}

uint16_t smew__state_of_id(struct smew__loader *loader, const char *id, size_t size)
{
    return value_state(smew__table_get(&loader->ids, id, size));
}

/* Guesses among the ids and the names where the target was looked for. */
static bool refuse_target(struct smew__loader *loader, struct smew__json where, const char *target,
                          uint16_t state, uint16_t base)
{
    bool by_id = *target == '#';
    const char *written = target + (by_id || *target == '.' ? 1 : 0);
    struct smew__suggestion near;
    char hint[SMEW__HINT_SIZE];
    uint32_t count = SMEW__COUNT(loader->states, struct smew__state);

    smew__suggest_init(&near, written);
    for (uint32_t i = 0; i < count; i++) {
        const struct smew__state *it = smew__loader_state(loader, i);

        if (by_id)
            smew__suggest_offer(&near, it->id);
        else if (it->parent == base)
            smew__suggest_offer(&near, it->key);
    }
    smew__suggest_text(&near, hint);
    if (by_id)
        return smew__refuse(loader, SMEW_SYNTAX, where,
                            "no state has the id of target \"%.100s\"%s", target, hint);
    return smew__refuse(loader, SMEW_SYNTAX, where,
                        "target \"%.100s\" of \"%.100s\" does not exist in \"%.100s\"%s", target,
                        smew__loader_state(loader, state)->id, smew__loader_state(loader, base)->id,
                        hint);
}

bool smew__load_target(struct smew__loader *loader, uint16_t state, struct smew__json json,
                       uint16_t *target)
{
    uint16_t parent = smew__loader_state(loader, state)->parent;
    const char *text;
    uint16_t base = parent;

    if (!smew__name_of(loader, json, "a target", &text))
        return false;
    if (*text == '.')
        base = state;
    else if (*text == '#')
        base = 0;
    else if (parent == SMEW__NO_STATE)
        return smew__refuse(loader, SMEW_SYNTAX, json,
                            "the root has no siblings; to enter its child write \".%.100s\"", text);
    *target = smew__find_state(loader, base, text + (*text == '.' ? 1 : 0));
    return *target != SMEW__NO_STATE || refuse_target(loader, json, text, state, base);
}

static bool is_below(struct smew__loader *loader, uint16_t state, uint16_t ancestor)
{
    return state > ancestor && state < smew__loader_state(loader, ancestor)->end;
}

/* Two states can be active together for sure when the closest state around both is parallel. */
static bool are_orthogonal(struct smew__loader *loader, uint16_t a, uint16_t b)
{
    uint16_t around = smew__loader_state(loader, a)->parent;

    while (around != SMEW__NO_STATE && !is_below(loader, b, around))
        around = smew__loader_state(loader, around)->parent;
    return around != SMEW__NO_STATE && smew__loader_state(loader, around)->kind == SMEW__PARALLEL;
}

/*
 * XState accepts targets that exclude each other and then has two active children of one state;
 * so does smew, which only has to know that there may be more active leaves than there should.
 */
bool smew__push_target(struct smew__loader *loader, uint32_t first, uint16_t target)
{
    for (uint32_t i = first; i < SMEW__COUNT(loader->targets, uint16_t); i++) {
        uint16_t other = *SMEW__AT(loader->targets, uint16_t, i);

        if (!are_orthogonal(loader, target, other))
            loader->chart->overlapping = true;
    }
    return smew__push(loader, &loader->targets, &target, sizeof target);
}

static bool add_target(struct smew__loader *loader, uint16_t state, struct smew__json json,
                       uint32_t first)
{
    uint16_t target = SMEW__NO_STATE;

    return smew__load_target(loader, state, json, &target) &&
           smew__push_target(loader, first, target);
}

bool smew__load_targets(struct smew__loader *loader, uint16_t state, struct smew__json json,
                        struct smew__run *targets)
{
    struct smew__json_member *members;
    uint32_t first = SMEW__COUNT(loader->targets, uint16_t);
    size_t count;
    bool fine = true;

    if (json_is_array(json.value)) {
        if (!smew__members(loader, json, &members, &count))
            return false;
        for (size_t i = 0; fine && i < count; i++)
            fine = add_target(loader, state, members[i].json, first);
        smew__free(members);
    } else if (json.value) {
        fine = add_target(loader, state, json, first);
    }
    *targets = (struct smew__run){first, SMEW__COUNT(loader->targets, uint16_t) - first};
    return fine;
}
