/* SPDX-License-Identifier: MIT */

/* A sketch as SCXML with the null data model; marks are logged. */

#include "tests/chart/oracle/sketch.h"

static void print_cond(const struct sketch *sketch, int number, struct sketch_text *text)
{
    const struct sketch_guard *guard = &sketch->guards[number];

    switch (guard->kind) {
    case SKETCH_IS_IN:
        sketch_write(text, "In('%s')", sketch_name(guard->value));
        break;
    case SKETCH_IS_CONST:
        sketch_write(text, guard->value ? "true" : "false");
        break;
    case SKETCH_IS_NOT:
        sketch_write(text, "!");
        print_cond(sketch, guard->left, text);
        break;
    default:
        sketch_write(text, "(");
        print_cond(sketch, guard->left, text);
        sketch_write(text, guard->kind == SKETCH_IS_AND ? " &amp;&amp; " : " || ");
        print_cond(sketch, guard->right, text);
        sketch_write(text, ")");
    }
}

static void print_mark(const struct sketch *sketch, const struct sketch_action *action,
                       struct sketch_text *text)
{
    if (action->guard != SKETCH_NONE) {
        sketch_write(text, "<if cond=\"");
        print_cond(sketch, action->guard, text);
        sketch_write(text, "\">");
    }
    sketch_write(text, "<log label=\"%c%d\"/>", action->letter, action->value);
    if (action->guard != SKETCH_NONE)
        sketch_write(text, "</if>");
}

static void print_actions(const struct sketch *sketch, struct sketch_run run,
                          struct sketch_text *text)
{
    for (int i = run.first; i < run.first + run.count; i++) {
        const struct sketch_action *action = &sketch->actions[i];

        if (action->gone)
            continue;
        if (action->kind == SKETCH_MARK)
            print_mark(sketch, action, text);
        if (action->kind == SKETCH_RAISE)
            sketch_write(text, "<raise event=\"%s\"/>", action->event);
        if (action->kind == SKETCH_SEND)
            sketch_write(text, "<send event=\"%s\"/>", action->event);
        if (action->kind == SKETCH_CANCEL)
            sketch_write(text, "<cancel sendid=\"t%d\"/>", action->id);
        if (action->kind == SKETCH_LATER)
            sketch_write(text, "<send event=\"%s\" delay=\"%dms\" id=\"t%d\"/>", action->event,
                         action->value, action->id);
    }
}

static void print_block(const struct sketch *sketch, const char *name, struct sketch_run run,
                        struct sketch_text *text)
{
    if (!sketch_acts(sketch, run))
        return;
    sketch_write(text, "<%s>", name);
    print_actions(sketch, run, text);
    sketch_write(text, "</%s>", name);
}

static void print_targets(const char *name, const int *targets, int count, struct sketch_text *text)
{
    for (int i = 0; i < count; i++)
        sketch_write(text, i == 0 ? " %s=\"%s" : " %.0s%s", name, sketch_name(targets[i]));
    if (count > 0)
        sketch_write(text, "\"");
}

static void print_transition(const struct sketch *sketch,
                             const struct sketch_transition *transition, struct sketch_text *text)
{
    sketch_write(text, "<transition");
    if (transition->kind == SKETCH_ON_DONE)
        sketch_write(text, " event=\"done.state.%s\"", sketch_name(transition->done_of));
    else if (transition->kind == SKETCH_ON)
        sketch_write(text, " event=\"%s%s%s\"", transition->descriptors[0],
                     transition->descriptors[1] ? " " : "",
                     transition->descriptors[1] ? transition->descriptors[1] : "");
    if (transition->guard != SKETCH_NONE) {
        sketch_write(text, " cond=\"");
        print_cond(sketch, transition->guard, text);
        sketch_write(text, "\"");
    }
    print_targets("target", transition->targets, transition->target_count, text);
    sketch_write(text, transition->again ? ">" : " type=\"internal\">");
    print_actions(sketch, transition->actions, text);
    sketch_write(text, "</transition>");
}

/* The transition of <initial> and <history>. */
static void print_default(const struct sketch *sketch, const struct sketch_state *state,
                          struct sketch_text *text)
{
    sketch_write(text, "<transition");
    print_targets("target", state->targets, state->target_count, text);
    sketch_write(text, ">");
    print_actions(sketch, state->initial, text);
    sketch_write(text, "</transition>");
}

static void print_children(const struct sketch *sketch, int number, struct sketch_text *text);

static void print_state(const struct sketch *sketch, int number, struct sketch_text *text)
{
    static const char *const names[] = {"state", "state",   "parallel",
                                        "final", "history", "history"};
    const struct sketch_state *state = &sketch->states[number];
    bool element = state->kind == SKETCH_COMPOUND && state->initial.count > 0;

    sketch_write(text, "<%s id=\"%s\"", names[state->kind], sketch_name(number));
    if (state->kind == SKETCH_COMPOUND && !element)
        print_targets("initial", state->targets, state->target_count, text);
    sketch_write(text, state->kind == SKETCH_DEEP ? " type=\"deep\">" : ">");
    if (element)
        sketch_write(text, "<initial>");
    if (element || sketch_is_history(sketch, number))
        print_default(sketch, state, text);
    if (element)
        sketch_write(text, "</initial>");
    print_block(sketch, "onentry", state->entry, text);
    print_block(sketch, "onexit", state->leave, text);
    for (int i = state->transitions.first; i < state->transitions.first + state->transitions.count;
         i++)
        if (!sketch->transitions[i].gone)
            print_transition(sketch, &sketch->transitions[i], text);
    print_children(sketch, number, text);
    sketch_write(text, "</%s>\n", names[state->kind]);
}

static void print_children(const struct sketch *sketch, int number, struct sketch_text *text)
{
    const struct sketch_state *state = &sketch->states[number];

    if (state->end > number + 1)
        sketch_write(text, "\n");
    for (int i = number + 1; i < state->end; i = sketch->states[i].end)
        if (!sketch->states[i].gone)
            print_state(sketch, i, text);
}

void sketch_print_scxml(const struct sketch *sketch, struct sketch_text *text)
{
    const struct sketch_state *root = &sketch->states[0];

    sketch_write(text, "<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\"");
    print_targets("initial", root->targets, root->target_count, text);
    sketch_write(text, ">");
    print_children(sketch, 0, text);
    sketch_write(text, "</scxml>\n");
}
