/* SPDX-License-Identifier: MIT */

/*
 * One microstep: the states that the selected transitions leave run their exit actions, deepest
 * and last first; then the transitions' own actions; then the states that are entered run theirs,
 * in document order.  All sets are known before the first action runs.
 *
 * A final state reports to its parent when it is entered, and to the parallel state around that,
 * if it is thereby complete; XState's also to parallel states further out.  A final state at the
 * top ends the machine: the exit actions of everything that is active run, and the configuration
 * stays as the last one to look at.
 */

#include "chart/machine.h"
#include "chart/world.h"

static const struct smew__state *state_of(const struct smew_machine *machine, uint32_t state)
{
    return &machine->chart->states[state];
}

static void act(struct smew_machine *machine, struct smew__run actions)
{
    if (actions.count > 0) /* most have none: no call */
        (void)smew__run_actions(machine, actions);
}

/* ---- leaving ------------------------------------------------------------------------- */

static void remember(struct smew_machine *machine, uint32_t parent, uint32_t history)
{
    const struct smew__state *state = state_of(machine, history);
    size_t words = smew__words(machine);
    uint64_t *set = machine->history + state->slot * words;
    uint32_t end = state_of(machine, parent)->end;

    smew__set_clear(set, words);
    for (uint32_t at = smew__set_next(machine->active, words, parent + 1); at < end;
         at = smew__set_next(machine->active, words, at + 1))
        if (state->deep ? smew__set_has(machine->chart->leaves, at)
                        : state_of(machine, at)->parent == parent)
            smew__set_add(set, at);
    machine->modified = true;
}

/* Answers whether there was something to remember. */
static bool remember_all(struct smew_machine *machine)
{
    size_t words = smew__words(machine);
    bool some = false;

    if (machine->chart->history_count == 0)
        return false;
    for (uint32_t at = smew__set_next(machine->exits, words, 0); at != SMEW__SET_END;
         at = smew__set_next(machine->exits, words, at + 1)) {
        struct smew__run histories = state_of(machine, at)->histories;

        for (uint32_t i = 0; i < histories.count; i++)
            remember(machine, at, machine->chart->histories[histories.first + i]);
        some = some || histories.count > 0;
    }
    return some;
}

static void leave_states(struct smew_machine *machine)
{
    uint32_t at = smew__set_previous(machine->exits, machine->chart->state_count);

    for (; at != SMEW__SET_END; at = smew__set_previous(machine->exits, at)) {
        const struct smew__state *state = state_of(machine, at);

        act(machine, state->exit);
        for (uint32_t i = 0; i < state->invokes.count; i++)
            smew__child_remove(machine, machine->chart->invokes[state->invokes.first + i].id);
        smew__set_remove(machine->active, at);
    }
}

/* ---- entering ------------------------------------------------------------------------ */

/* Entry actions may send to what their state invokes, though it starts only after them. */
static void enter_state(struct smew_machine *machine, const struct smew__state *state)
{
    for (uint32_t i = 0; i < state->invokes.count; i++)
        (void)smew__child_add(machine, state->invokes.first + i);
    act(machine, state->entry);
    for (uint32_t i = 0; i < state->invokes.count; i++)
        smew__child_start_later(machine, machine->chart->invokes[state->invokes.first + i].id);
}

/* The actions of defaults that were taken for want of a memory. */
static void run_history_defaults(struct smew_machine *machine, const struct smew__state *state)
{
    for (uint32_t i = 0; i < state->histories.count; i++) {
        uint16_t history = machine->chart->histories[state->histories.first + i];

        if (smew__set_has(machine->defaults, history))
            act(machine, state_of(machine, history)->initial_actions);
    }
}

static bool has_final_child(const struct smew_machine *machine, uint32_t compound)
{
    uint32_t end = state_of(machine, compound)->end;

    for (uint32_t child = compound + 1; child < end; child = state_of(machine, child)->end)
        if (state_of(machine, child)->kind == SMEW__FINAL && smew__set_has(machine->active, child))
            return true;
    return false;
}

/* Recursive over parallel states in parallel states: as deep as the chart. */
static bool is_complete(const struct smew_machine *machine, uint32_t number)
{
    const struct smew__state *state = state_of(machine, number);

    if (state->kind == SMEW__COMPOUND)
        return has_final_child(machine, number);
    if (state->kind != SMEW__PARALLEL)
        return state->kind == SMEW__FINAL;
    for (uint32_t child = number + 1; child < state->end; child = state_of(machine, child)->end)
        if (state_of(machine, child)->kind != SMEW__HISTORY && !is_complete(machine, child))
            return false;
    return true;
}

/* NULL stands for one that there was no memory for. */
static void raise(struct smew_machine *machine, const struct smew__message *message)
{
    smew__machine_fail(machine,
                       message ? smew__queue_put(&machine->internal, message, message->event_id)
                               : SMEW_NO_MEMORY);
}

/* Was it raised in this microstep, when `waiting` events were in the queue at its beginning? */
static bool was_raised(const struct smew_machine *machine, const struct smew__message *message,
                       uint32_t waiting)
{
    for (uint32_t i = waiting; i < machine->internal.count; i++)
        if (smew__queue_at(&machine->internal, i) == message)
            return true;
    return false;
}

/*
 * What entering a final state means for the states around it.  W3C looks no further out than at its
 * parent's parent.
 */
static void report_final(struct smew_machine *machine, uint32_t number, uint32_t waiting)
{
    const struct smew__state *state = state_of(machine, number);
    uint32_t around = state->parent;

    if (around != SMEW__NO_STATE && state_of(machine, around)->kind == SMEW__COMPOUND) {
        if (around > 0 || !state->done_data) /* at the top they are the machine's output */
            raise(machine, state->done_data ? smew__world_done(machine, state) : state->done);
        around = state_of(machine, around)->parent;
    }
    while (around != SMEW__NO_STATE && state_of(machine, around)->kind == SMEW__PARALLEL &&
           !was_raised(machine, state_of(machine, around)->done, waiting) &&
           is_complete(machine, around)) {
        raise(machine, state_of(machine, around)->done);
        around = state_of(machine, around)->parent;
        if (machine->chart->scxml)
            break;
    }
    if (around == SMEW__NO_STATE) {
        machine->life = SMEW_LIFE_DONE;
        machine->modified = true;
        if (state->done_data)
            smew__world_output(machine, state);
    }
}

/*
 * Answers whether one of them was not active before the microstep.  Those that were never left
 * are entered too, and then no longer among the entries.
 */
static bool enter_states(struct smew_machine *machine)
{
    size_t words = smew__words(machine);
    uint32_t waiting = machine->internal.count;
    bool some = false;

    for (uint32_t at = smew__set_next(machine->entries, words, 0); at != SMEW__SET_END;
         at = smew__set_next(machine->entries, words, at + 1)) {
        const struct smew__state *state = state_of(machine, at);

        if (state->parent != SMEW__NO_STATE && !smew__set_has(machine->active, state->parent))
            machine->illegal = true;
        if (smew__set_has(machine->active, at))
            smew__set_remove(machine->entries, at);
        else
            some = some || !smew__set_has(machine->exits, at);
        smew__set_add(machine->active, at);
        enter_state(machine, state);
        if (smew__set_has(machine->defaults, at))
            act(machine, state->initial_actions);
        run_history_defaults(machine, state);
        if (state->kind == SMEW__FINAL)
            report_final(machine, at, waiting);
    }
    return some;
}

/*
 * The leaves that were left are taken out of the line, and those that were entered go to its end.
 * Only an illegal configuration may have more of them than there is room for.
 */
static void move_line(struct smew_machine *machine)
{
    size_t words = smew__words(machine);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < machine->line_count; i++)
        if (!smew__set_has(machine->exits, machine->line[i]))
            machine->line[kept++] = machine->line[i];
    machine->line_count = kept;
    for (uint32_t at = smew__set_next(machine->entries, words, 0); at != SMEW__SET_END;
         at = smew__set_next(machine->entries, words, at + 1)) {
        if (!smew__set_has(machine->chart->leaves, at))
            continue;
        if (machine->line_count < machine->chart->leaf_max)
            machine->line[machine->line_count++] = (uint16_t)at;
        else
            smew__machine_fail(machine, SMEW_LIMIT);
    }
}

void smew__exit_all(struct smew_machine *machine)
{
    uint32_t at = smew__set_previous(machine->active, machine->chart->state_count);

    for (; at != SMEW__SET_END; at = smew__set_previous(machine->active, at))
        act(machine, state_of(machine, at)->exit);
}

/* ---- the whole ----------------------------------------------------------------------- */

static void begin(struct smew_machine *machine)
{
    size_t words = smew__words(machine);

    machine->modified = false;
    smew__own_begin(machine);
    smew__set_clear(machine->exits, words);
    smew__set_clear(machine->entries, words);
    smew__set_clear(machine->defaults, words);
}

static const struct smew__transition *selected(const struct smew_machine *machine, uint32_t i)
{
    return &machine->chart->transitions[machine->selected[i]];
}

/* Was every state that was left entered again? */
static bool are_back(const struct smew_machine *machine)
{
    size_t words = smew__words(machine);
    uint32_t at = smew__set_next(machine->exits, words, 0);

    while (at != SMEW__SET_END && smew__set_has(machine->entries, at))
        at = smew__set_next(machine->exits, words, at + 1);
    return at == SMEW__SET_END;
}

/*
 * What leaves the configuration and history as they were leaves the line as it was too, whatever
 * was left and entered again on the way: XState then goes on with the snapshot that it had.
 */
bool smew__microstep(struct smew_machine *machine)
{
    uint32_t count = machine->selected_count;
    bool changed;

    begin(machine);
    for (uint32_t i = 0; i < count; i++)
        smew__transition_exits(machine, selected(machine, i));
    changed = remember_all(machine);
    leave_states(machine);
    for (uint32_t i = 0; i < count; i++)
        act(machine, selected(machine, i)->actions);
    for (uint32_t i = 0; i < count; i++)
        smew__transition_entries(machine, selected(machine, i));
    changed = enter_states(machine) || changed || !are_back(machine);
    if (changed)
        move_line(machine);
    if (machine->life == SMEW_LIFE_DONE)
        smew__exit_all(machine);
    return changed || machine->modified || smew__own_modified(machine);
}

void smew__microstep_initial(struct smew_machine *machine)
{
    begin(machine);
    if (machine->chart->prologue.count > 0)
        smew__world_begin(machine);
    smew__initial_entries(machine);
    (void)enter_states(machine);
    move_line(machine);
    if (machine->life == SMEW_LIFE_DONE)
        smew__exit_all(machine);
}
