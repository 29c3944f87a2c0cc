/* SPDX-License-Identifier: MIT */

/* A sketch as XState JSON, with the conformance cases' names for actions and guards. */

#include "tests/chart/oracle/sketch.h"

#include <string.h>

/* What separates members: nothing before the first. */
static void separate(struct sketch_text *text)
{
    char last = text->size > 0 ? text->bytes[text->size - 1] : '{';

    if (last != '{' && last != '[')
        sketch_write(text, ",");
}

static void print_guard(const struct sketch *sketch, int number, struct sketch_text *text)
{
    const struct sketch_guard *guard = &sketch->guards[number];

    switch (guard->kind) {
    case SKETCH_IS_IN:
        sketch_write(text, "{\"type\":\"@xstate.stateIn\",\"state\":\"#%s\"}",
                     sketch_name(guard->value));
        break;
    case SKETCH_IS_CONST:
        sketch_write(text, "{\"type\":\"const\",\"params\":{\"value\":%s}}",
                     guard->value ? "true" : "false");
        break;
    case SKETCH_IS_LESS:
        sketch_write(text, "{\"type\":\"less\",\"params\":{\"value\":%d}}", guard->value);
        break;
    case SKETCH_IS_NOT:
        sketch_write(text, "{\"type\":\"@xstate.not\",\"guard\":");
        print_guard(sketch, guard->left, text);
        sketch_write(text, "}");
        break;
    default:
        sketch_write(text, "{\"type\":\"@xstate.%s\",\"guards\":[",
                     guard->kind == SKETCH_IS_AND ? "and" : "or");
        print_guard(sketch, guard->left, text);
        sketch_write(text, ",");
        print_guard(sketch, guard->right, text);
        sketch_write(text, "]}");
    }
}

static void print_action(const struct sketch_action *action, struct sketch_text *text)
{
    switch (action->kind) {
    case SKETCH_MARK:
        sketch_write(text, "{\"type\":\"mark\",\"params\":{\"id\":\"%c%d\"}}", action->letter,
                     action->value);
        break;
    case SKETCH_RAISE:
        sketch_write(text, "{\"type\":\"@xstate.raise\",\"event\":{\"type\":\"%s\"}}",
                     action->event);
        break;
    case SKETCH_SEND:
        sketch_write(text,
                     "{\"type\":\"@xstate.sendTo\",\"to\":\"#_self\",\"event\":{\"type\":\"%s\"}}",
                     action->event);
        break;
    case SKETCH_LATER:
        sketch_write(text,
                     "{\"type\":\"@xstate.raise\",\"event\":{\"type\":\"%s\"},\"delay\":%d,"
                     "\"id\":\"t%d\"}",
                     action->event, action->value, action->id);
        break;
    case SKETCH_CANCEL:
        sketch_write(text, "{\"type\":\"@xstate.cancel\",\"id\":\"t%d\"}", action->id);
        break;
    case SKETCH_COUNT:
        sketch_write(text, "{\"type\":\"count\"}");
        break;
    default:
        sketch_write(text, "{\"type\":\"@xstate.assign\",\"context\":{\"x\":0}}");
    }
}

static void print_actions(const struct sketch *sketch, const char *key, struct sketch_run run,
                          struct sketch_text *text)
{
    if (!sketch_acts(sketch, run))
        return;
    separate(text);
    sketch_write(text, "\"%s\":[", key);
    for (int i = run.first; i < run.first + run.count; i++) {
        if (sketch->actions[i].gone)
            continue;
        separate(text);
        print_action(&sketch->actions[i], text);
    }
    sketch_write(text, "]");
}

static void print_targets(const int *targets, int count, struct sketch_text *text)
{
    if (count == 0)
        return;
    separate(text);
    sketch_write(text, count == 1 ? "\"target\":" : "\"target\":[");
    for (int i = 0; i < count; i++)
        sketch_write(text, "%s\"#%s\"", i > 0 ? "," : "", sketch_name(targets[i]));
    if (count > 1)
        sketch_write(text, "]");
}

static void print_transition(const struct sketch *sketch,
                             const struct sketch_transition *transition, struct sketch_text *text)
{
    separate(text);
    sketch_write(text, "{");
    print_targets(transition->targets, transition->target_count, text);
    if (transition->again)
        sketch_write(text, "%s\"reenter\":true", transition->target_count > 0 ? "," : "");
    if (transition->guard != SKETCH_NONE) {
        separate(text);
        sketch_write(text, "\"guard\":");
        print_guard(sketch, transition->guard, text);
    }
    print_actions(sketch, "actions", transition->actions, text);
    sketch_write(text, "}");
}

/* ---- transitions by their keys ------------------------------------------------------- */

/* Do both stand in one list? */
static bool are_together(const struct sketch_transition *one, const struct sketch_transition *other)
{
    if (one->kind != other->kind)
        return false;
    if (one->kind == SKETCH_ON)
        return strcmp(one->descriptors[0], other->descriptors[0]) == 0;
    if (one->kind == SKETCH_AFTER)
        return one->delay_ms == other->delay_ms;
    return one->kind == SKETCH_ALWAYS || one->done_of == other->done_of;
}

static void print_key(const struct sketch_transition *transition, struct sketch_text *text)
{
    separate(text);
    if (transition->kind == SKETCH_ON)
        sketch_write(text, "\"%s\":[", transition->descriptors[0]);
    else if (transition->kind == SKETCH_ALWAYS)
        sketch_write(text, "\"always\":[");
    else if (transition->kind == SKETCH_AFTER)
        sketch_write(text, "\"%d\":[", transition->delay_ms);
    else if (transition->done_of == transition->source)
        sketch_write(text, "\"onDone\":[");
    else
        sketch_write(text, "\"xstate.done.state.%s\":[", sketch_name(transition->done_of));
}

/* The list that begins with this transition, or nothing when it stands in one before. */
static void print_list(const struct sketch *sketch, struct sketch_run run, int number,
                       struct sketch_text *text)
{
    const struct sketch_transition *first = &sketch->transitions[number];

    for (int i = run.first; i < number; i++)
        if (!sketch->transitions[i].gone && are_together(&sketch->transitions[i], first))
            return;
    print_key(first, text);
    for (int i = number; i < run.first + run.count; i++)
        if (!sketch->transitions[i].gone && are_together(&sketch->transitions[i], first))
            print_transition(sketch, &sketch->transitions[i], text);
    sketch_write(text, "]");
}

/* Which member of a state a transition is printed in: an object by events, by delays, or none. */
static int member_of(const struct sketch_transition *transition)
{
    if (transition->kind == SKETCH_ON)
        return 1;
    if (transition->kind == SKETCH_ON_DONE)
        return transition->done_of != transition->source;
    return transition->kind == SKETCH_AFTER ? 2 : 0;
}

static void print_transitions(const struct sketch *sketch, int state, struct sketch_text *text)
{
    static const char *const keys[] = {NULL, "on", "after"};
    struct sketch_run run = sketch->states[state].transitions;

    for (int member = 0; member < 3; member++) {
        bool open = false;

        for (int i = run.first; i < run.first + run.count; i++) {
            if (sketch->transitions[i].gone || member_of(&sketch->transitions[i]) != member)
                continue;
            if (keys[member] && !open) {
                separate(text);
                sketch_write(text, "\"%s\":{", keys[member]);
                open = true;
            }
            print_list(sketch, run, i, text);
        }
        if (open)
            sketch_write(text, "}");
    }
}

/* ---- states -------------------------------------------------------------------------- */

static void print_initial(const struct sketch *sketch, const struct sketch_state *state,
                          struct sketch_text *text)
{
    sketch_write(text, ",\"initial\":");
    if (state->initial.count == 0) {
        sketch_write(text, "\"%s\"", sketch_name(state->targets[0]));
        return;
    }
    sketch_write(text, "{\"target\":\"%s\"", sketch_name(state->targets[0]));
    print_actions(sketch, "actions", state->initial, text);
    sketch_write(text, "}");
}

static void print_state(const struct sketch *sketch, int number, struct sketch_text *text)
{
    static const char *const types[] = {[SKETCH_ATOMIC] = "",
                                        [SKETCH_COMPOUND] = "",
                                        [SKETCH_PARALLEL] = ",\"type\":\"parallel\"",
                                        [SKETCH_FINAL] = ",\"type\":\"final\"",
                                        [SKETCH_SHALLOW] = ",\"type\":\"history\"",
                                        [SKETCH_DEEP] =
                                            ",\"type\":\"history\",\"history\":\"deep\""};
    const struct sketch_state *state = &sketch->states[number];

    sketch_write(text, "\"id\":\"%s\"%s", sketch_name(number), types[state->kind]);
    if (state->kind == SKETCH_COMPOUND)
        print_initial(sketch, state, text);
    if (sketch_is_history(sketch, number))
        print_targets(state->targets, state->target_count, text);
    print_actions(sketch, "entry", state->entry, text);
    print_actions(sketch, "exit", state->leave, text);
    print_transitions(sketch, number, text);
    if (state->end == number + 1)
        return;
    sketch_write(text, ",\"states\":{");
    for (int i = number + 1; i < state->end; i = sketch->states[i].end) {
        if (sketch->states[i].gone)
            continue;
        separate(text);
        sketch_write(text, "\"%s\":{", sketch_name(i));
        print_state(sketch, i, text);
        sketch_write(text, "}");
    }
    sketch_write(text, "}");
}

void sketch_print_json(const struct sketch *sketch, struct sketch_text *text)
{
    sketch_write(text, "{\"context\":{\"x\":0},\"options\":{\"maxIterations\":%d},", sketch->limit);
    print_state(sketch, 0, text);
    sketch_write(text, "}\n");
}
