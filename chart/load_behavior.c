/* SPDX-License-Identifier: MIT */

/*
 * Pass 2: what each state does.  For one state after the other, in document order: its actions,
 * its initial child, its transitions by event, those without an event, and its data.
 *
 * Two habits of XState are lowered here, so that the engine knows neither: `after` becomes a
 * delayed raise at the end of the entry actions, a cancel at the end of the exit actions, and a
 * transition for the raised event; `onDone` is a transition for "xstate.done.state.ID".
 */

#include "chart/load.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static uint32_t action_count(struct smew__loader *loader)
{
    return SMEW__COUNT(loader->actions, struct smew__action);
}

static uint32_t transition_count(struct smew__loader *loader)
{
    return SMEW__COUNT(loader->transitions, struct smew__transition);
}

/* ---- transitions --------------------------------------------------------------------- */

static const char *const transition_members[] = {"target",      "actions", "guard", "reenter",
                                                 "description", "meta",    NULL};

static bool load_reenter(struct smew__loader *loader, struct smew__json json, bool *reenter)
{
    struct smew__json member = smew__member(loader, json, "reenter");

    *reenter = json_is_true(member.value);
    return !member.value || json_is_boolean(member.value) ||
           smew__refuse(loader, SMEW_SYNTAX, member, "\"reenter\" is %s, not true or false",
                        smew__json_kind(member.value));
}

static bool load_targets_of(struct smew__loader *loader, uint16_t state, struct smew__json target,
                            struct smew__transition *transition)
{
    const char *text = json_string_value(target.value);

    if (text && !*text)
        target.value = NULL; /* XState: an empty target is none */
    if (target.value && !json_is_array(target.value) && !json_is_string(target.value))
        return smew__refuse(loader, SMEW_SYNTAX, target,
                            "a target is %s, not a string or an array of strings",
                            smew__json_kind(target.value));
    if (!smew__load_targets(loader, state, target, &transition->targets))
        return false;
    transition->has_target = transition->targets.count > 0;
    return true;
}

static bool load_transition_object(struct smew__loader *loader, uint16_t state,
                                   struct smew__json json, struct smew__transition *transition)
{
    struct smew__json guard = smew__member(loader, json, "guard");
    char what[140];

    (void)snprintf(what, sizeof what, "a transition of \"%.100s\"",
                   smew__loader_state(loader, state)->id);
    if (!smew__only_members(loader, json, what, transition_members) ||
        !load_reenter(loader, json, &transition->reenter) ||
        !load_targets_of(loader, state, smew__member(loader, json, "target"), transition) ||
        (guard.value && !smew__load_guard(loader, guard, &transition->guard)))
        return false;
    transition->actions.first = action_count(loader);
    if (!smew__load_actions(loader, smew__member(loader, json, "actions")))
        return false;
    transition->actions.count = action_count(loader) - transition->actions.first;
    return true;
}

static bool load_transition(struct smew__loader *loader, uint16_t state, struct smew__json json)
{
    struct smew__transition transition = {.guard = SMEW__NONE, .source = state};
    bool fine;

    if (json_is_null(json.value)) /* forbidden: stops the event here and does nothing */
        fine = true;
    else if (json_is_string(json.value))
        fine = load_targets_of(loader, state, json, &transition);
    else if (json_is_object(json.value))
        fine = load_transition_object(loader, state, json, &transition);
    else
        fine = smew__refuse(loader, SMEW_SYNTAX, json,
                            "a transition is %s, not a target, an object or null",
                            smew__json_kind(json.value));
    return fine && smew__push(loader, &loader->transitions, &transition, sizeof transition);
}

/* One transition or an array of candidates; they end up side by side. */
static bool load_candidates(struct smew__loader *loader, uint16_t state, struct smew__json json,
                            struct smew__run *run)
{
    struct smew__json_member *members;
    size_t count;
    bool fine = true;

    run->first = transition_count(loader);
    if (json_is_array(json.value)) {
        if (!smew__members(loader, json, &members, &count))
            return false;
        for (size_t i = 0; fine && i < count; i++)
            fine = load_transition(loader, state, members[i].json);
        smew__free(members);
    } else {
        fine = load_transition(loader, state, json);
    }
    run->count = transition_count(loader) - run->first;
    return fine;
}

static bool add_row(struct smew__loader *loader, uint32_t event, struct smew__run transitions)
{
    struct smew__row row = {.event = event, .transitions = transitions};

    return smew__push(loader, &loader->rows, &row, sizeof row);
}

static bool load_on(struct smew__loader *loader, uint16_t state, struct smew__json on)
{
    struct smew__json_member *members;
    struct smew__run run;
    uint32_t event;
    size_t count;
    bool fine = true;

    if (!on.value)
        return true;
    if (!json_is_object(on.value))
        return smew__refuse(loader, SMEW_SYNTAX, on, "\"on\" is %s, not an object",
                            smew__json_kind(on.value));
    if (!smew__members(loader, on, &members, &count))
        return false;
    for (size_t i = 0; fine && i < count; i++) {
        const char *name = members[i].key;
        bool internal = strncmp(name, "xstate.", 7) == 0;

        if (!*name)
            fine = smew__refuse(loader, SMEW_SYNTAX, smew__key(members[i].json),
                                "a transition without an event belongs in \"always\"");
        else if (strlen(name) > SMEW__NAME_MAX)
            fine = smew__refuse(loader, SMEW_LIMIT, smew__key(members[i].json),
                                "an event's name is longer than %d bytes", SMEW__NAME_MAX);
        fine = fine && smew__load_event(loader, name, !internal, &event) &&
               load_candidates(loader, state, members[i].json, &run) && add_row(loader, event, run);
    }
    smew__free(members);
    return fine;
}

bool smew__load_row(struct smew__loader *loader, uint16_t state, const char *name,
                    struct smew__json json)
{
    struct smew__run run;
    uint32_t event;

    if (!smew__load_event(loader, name, false, &event) ||
        !load_candidates(loader, state, json, &run))
        return false;
    for (uint32_t i = smew__loader_state(loader, state)->rows.first;
         i < SMEW__COUNT(loader->rows, struct smew__row); i++) {
        struct smew__row *row = SMEW__AT(loader->rows, struct smew__row, i);

        if (row->event == event) {
            row->transitions = run;
            return true;
        }
    }
    return add_row(loader, event, run);
}

static bool load_on_done(struct smew__loader *loader, uint16_t state, struct smew__json json)
{
    char name[SMEW__NAME_MAX + 32];

    if (!json.value)
        return true;
    (void)snprintf(name, sizeof name, "xstate.done.state.%s",
                   smew__loader_state(loader, state)->id);
    return smew__load_row(loader, state, name, json);
}

static bool load_always(struct smew__loader *loader, uint16_t state, struct smew__json json)
{
    struct smew__run run;

    if (!json.value)
        return true;
    if (!load_candidates(loader, state, json, &run))
        return false;
    smew__loader_state(loader, state)->always = run;
    loader->chart->has_always = loader->chart->has_always || run.count > 0;
    return true;
}

/* ---- after --------------------------------------------------------------------------- */

/* JavaScript's `+key`, for the keys that are numbers. */
static bool is_number(const char *key, double *number)
{
    const char *end;

    if (!*key || strspn(key, "0123456789.eE+-") != strlen(key))
        return false;
    *number = smew__number_read(key, &end);
    return *end == '\0';
}

struct after {
    struct smew__delay delay;
    const char *event; /* "xstate.after.1000.ID": also the id to cancel it by */
    struct smew__json json;
};

static bool load_after_key(struct smew__loader *loader, uint16_t state,
                           const struct smew__json_member *member, struct after *after)
{
    const char *id = smew__loader_state(loader, state)->id;
    char name[2 * SMEW__NAME_MAX + 32];
    char number[SMEW__NUMBER_TEXT];
    const char *delay = member->key;
    double ms;

    if (strlen(delay) > SMEW__NAME_MAX || !*delay)
        return smew__refuse(loader, SMEW_SYNTAX, smew__key(member->json),
                            "\"after\" wants milliseconds or the name of a delay");
    if (is_number(delay, &ms)) {
        smew__number_text(ms, number);
        delay = number;
        if (!smew__delay_of_number(loader, smew__key(member->json), ms, &after->delay))
            return false;
    } else if (!smew__delay_of_name(loader, smew__key(member->json), delay, &after->delay)) {
        return false;
    }
    (void)snprintf(name, sizeof name, "xstate.after.%s.%s", delay, id);
    after->event = smew__intern(loader, name, strlen(name));
    after->json = member->json;
    return after->event != NULL;
}

/* What is done with each member of a state's `after`. */
typedef bool (*after_fn)(struct smew__loader *loader, uint16_t state, const struct after *after);

static bool each_after(struct smew__loader *loader, uint16_t state, struct smew__json json,
                       after_fn use)
{
    struct smew__json_member *members;
    struct after after = {.event = NULL};
    size_t count;
    bool fine = true;

    if (!json.value)
        return true;
    if (!json_is_object(json.value))
        return smew__refuse(loader, SMEW_SYNTAX, json, "\"after\" is %s, not an object",
                            smew__json_kind(json.value));
    if (!smew__members(loader, json, &members, &count))
        return false;
    for (size_t i = 0; fine && i < count; i++)
        fine = load_after_key(loader, state, &members[i], &after) && use(loader, state, &after);
    smew__free(members);
    return fine;
}

static bool raise_after(struct smew__loader *loader, uint16_t state, const struct after *after)
{
    struct smew__action action = {
        .kind = SMEW__ACTION_RAISE, .send_id = after->event, .delay = after->delay};

    (void)state;
    return smew__load_message(loader, after->event, "", &action.message) &&
           smew__push(loader, &loader->actions, &action, sizeof action);
}

static bool cancel_after(struct smew__loader *loader, uint16_t state, const struct after *after)
{
    struct smew__action action = {.kind = SMEW__ACTION_CANCEL, .send_id = after->event};

    (void)state;
    return smew__push(loader, &loader->actions, &action, sizeof action);
}

static bool take_after(struct smew__loader *loader, uint16_t state, const struct after *after)
{
    struct smew__run run;
    uint32_t event;

    return smew__load_event(loader, after->event, false, &event) &&
           load_candidates(loader, state, after->json, &run) && add_row(loader, event, run);
}

/* ---- one state ----------------------------------------------------------------------- */

static bool load_entry_and_exit(struct smew__loader *loader, uint16_t state, struct smew__json json)
{
    struct smew__json after = smew__member(loader, json, "after");
    struct smew__run entry = {.first = action_count(loader)};
    struct smew__run leave;

    if (!smew__load_actions(loader, smew__member(loader, json, "entry")) ||
        !each_after(loader, state, after, raise_after))
        return false;
    entry.count = action_count(loader) - entry.first;
    leave.first = action_count(loader);
    if (!smew__load_actions(loader, smew__member(loader, json, "exit")) ||
        !each_after(loader, state, after, cancel_after))
        return false;
    leave.count = action_count(loader) - leave.first;
    smew__loader_state(loader, state)->entry = entry;
    smew__loader_state(loader, state)->exit = leave;
    return true;
}

/* The initial child is a direct child, by its name. */
static bool find_initial(struct smew__loader *loader, uint16_t state, struct smew__json json)
{
    const struct smew__state *it = smew__loader_state(loader, state);
    const char *name;
    struct smew__suggestion near;
    char hint[SMEW__HINT_SIZE];

    if (!smew__name_of(loader, json, "\"initial\"", &name))
        return false;
    smew__suggest_init(&near, name);
    for (uint16_t child = (uint16_t)(state + 1); child < it->end;
         child = smew__loader_state(loader, child)->end) {
        if (strcmp(smew__loader_state(loader, child)->key, name) == 0) {
            smew__loader_state(loader, state)->initial = child;
            return true;
        }
        smew__suggest_offer(&near, smew__loader_state(loader, child)->key);
    }
    return smew__refuse(loader, SMEW_SYNTAX, json,
                        "initial state \"%.100s\" does not exist in \"%.100s\"%s", name, it->id,
                        smew__suggest_text(&near, hint));
}

static bool load_initial(struct smew__loader *loader, uint16_t state, struct smew__json json)
{
    static const char *const allowed[] = {"target", "actions", "meta", "description", NULL};
    struct smew__json initial = smew__member(loader, json, "initial");
    struct smew__run run = {.first = action_count(loader)};

    if (!initial.value || !json_is_object(initial.value))
        return !initial.value || find_initial(loader, state, initial);
    struct smew__json target = smew__member(loader, initial, "target");
    if (!smew__only_members(loader, initial, "\"initial\"", allowed))
        return false;
    if (!target.value)
        return smew__refuse(loader, SMEW_SYNTAX, initial, "\"initial\" needs \"target\"");
    if (!find_initial(loader, state, target) ||
        !smew__load_actions(loader, smew__member(loader, initial, "actions")))
        return false;
    run.count = action_count(loader) - run.first;
    smew__loader_state(loader, state)->initial_actions = run;
    return true;
}

static bool load_rows(struct smew__loader *loader, uint16_t state, struct smew__json json)
{
    uint32_t first = SMEW__COUNT(loader->rows, struct smew__row);

    smew__loader_state(loader, state)->rows.first = first;
    if (!load_on(loader, state, smew__member(loader, json, "on")) ||
        !load_on_done(loader, state, smew__member(loader, json, "onDone")) ||
        !smew__load_invoke_rows(loader, state, smew__member(loader, json, "invoke")) ||
        !each_after(loader, state, smew__member(loader, json, "after"), take_after))
        return false;
    smew__loader_state(loader, state)->rows.count =
        SMEW__COUNT(loader->rows, struct smew__row) - first;
    return true;
}

static bool load_optional(struct smew__loader *loader, struct smew__json json,
                          const struct smew_value **value)
{
    return !json.value || smew__load_value(loader, json, 0, value);
}

/* A string or an array of strings; always an array afterwards. */
static bool load_tags(struct smew__loader *loader, uint16_t state, struct smew__json json)
{
    struct smew_value *tags;
    const struct smew_value *value = NULL;
    const char *name;

    if (!json.value)
        return true;
    for (size_t i = 0; i < json_array_size(json.value); i++)
        if (!json_is_string(json_array_get(json.value, i)))
            return smew__refuse(loader, SMEW_SYNTAX, json, "\"tags\" holds more than strings");
    if (!json_is_array(json.value) && !smew__name_of(loader, json, "a tag", &name))
        return false;
    if (!smew__load_value(loader, json, 0, &value))
        return false;
    if (smew_value_type(value) == SMEW_VALUE_STRING) {
        tags = smew__value_of_members(&loader->chart->arena, SMEW_VALUE_ARRAY, 1);
        if (!tags)
            return smew__no_memory(loader);
        tags->as.members[0].value = (struct smew_value *)(uintptr_t)value;
        value = tags;
    }
    smew__loader_state(loader, state)->tags = value;
    return true;
}

static bool load_data(struct smew__loader *loader, uint16_t state, struct smew__json json)
{
    struct smew__json context = smew__member(loader, json, "context");
    const struct smew_value *meta = NULL;
    const struct smew_value *output = NULL;

    if (context.value && state != 0)
        return smew__refuse(loader, SMEW_SYNTAX, smew__key(context), "only the root has a context");
    if (!load_tags(loader, state, smew__member(loader, json, "tags")) ||
        !load_optional(loader, context, &loader->chart->context) ||
        !load_optional(loader, smew__member(loader, json, "meta"), &meta) ||
        !load_optional(loader, smew__member(loader, json, "output"), &output))
        return false;
    smew__loader_state(loader, state)->meta = meta;
    smew__loader_state(loader, state)->output = output;
    return true;
}

/*
 * A default lies in the history state's parent, and several of them are no history states: so
 * each step of entering by default leads further down, or along one chain that is checked later.
 */
static bool check_defaults(struct smew__loader *loader, uint16_t state, struct smew__run run,
                           struct smew__json json)
{
    uint16_t parent = smew__loader_state(loader, state)->parent;

    for (uint32_t i = 0; i < run.count; i++) {
        uint16_t target = *SMEW__AT(loader->targets, uint16_t, run.first + i);

        if (target <= parent || target >= smew__loader_state(loader, parent)->end)
            return smew__refuse(loader, SMEW_SYNTAX, json,
                                "the default of a history state lies in \"%.100s\"",
                                smew__loader_state(loader, parent)->id);
        if (run.count > 1 && smew__loader_state(loader, target)->kind == SMEW__HISTORY)
            return smew__refuse(loader, SMEW_SYNTAX, json,
                                "one of several defaults cannot be a history state");
    }
    return true;
}

/* XState's {"maxIterations": N}. */
static bool load_options(struct smew__loader *loader, uint16_t state, struct smew__json json)
{
    static const char *const allowed[] = {"maxIterations", NULL};
    struct smew__json options = smew__member(loader, json, "options");
    struct smew__json most = smew__member(loader, options, "maxIterations");
    double number = json_number_value(most.value);

    if (!options.value)
        return true;
    if (state != 0)
        return smew__refuse(loader, SMEW_SYNTAX, smew__key(options), "only the root has options");
    if (!smew__only_members(loader, options, "\"options\"", allowed))
        return false;
    if (most.value && !(number >= 1 && number <= 100 * SMEW__ITERATIONS_MAX))
        return smew__refuse(loader, SMEW_SYNTAX, most, "\"maxIterations\" is a number from 1 to %d",
                            100 * SMEW__ITERATIONS_MAX);
    if (most.value)
        loader->chart->iterations_max = (uint32_t)number;
    return true;
}

static bool load_history_defaults(struct smew__loader *loader, uint16_t state,
                                  struct smew__json json)
{
    struct smew__json target = smew__member(loader, json, "target");
    struct smew__run run;

    if (!target.value)
        return true;
    if (smew__loader_state(loader, state)->kind != SMEW__HISTORY)
        return smew__refuse(loader, SMEW_SYNTAX, smew__key(target),
                            "only transitions and history states have a target");
    if (!smew__load_targets(loader, state, target, &run) ||
        !check_defaults(loader, state, run, target))
        return false;
    smew__loader_state(loader, state)->defaults = run;
    return true;
}

static bool load_one(struct smew__loader *loader, uint16_t state)
{
    struct smew__json json = SMEW__AT(loader->sources, struct smew__source, state)->json;

    return smew__load_invokes(loader, state, smew__member(loader, json, "invoke")) &&
           load_entry_and_exit(loader, state, json) && load_initial(loader, state, json) &&
           load_rows(loader, state, json) &&
           load_always(loader, state, smew__member(loader, json, "always")) &&
           load_history_defaults(loader, state, json) && load_options(loader, state, json) &&
           load_data(loader, state, json);
}

bool smew__load_behavior(struct smew__loader *loader)
{
    uint32_t count = SMEW__COUNT(loader->states, struct smew__state);

    for (uint32_t state = 0; state < count; state++)
        if (!load_one(loader, (uint16_t)state))
            return false;
    return true;
}
