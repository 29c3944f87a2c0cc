/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_MACHINE_H
#define SMEW_CHART_MACHINE_H

/*
 * A running machine, shared by the engine's files:
 *
 *     machine.c     the public functions; the loop that runs an event to completion
 *     select.c      which transitions an event, or none, enables
 *     step.c        one microstep: exit, act, enter
 *     enter.c       which states a transition leaves and enters
 *     act.c         actions and guards
 *     queue.c       events that wait
 *     timers.c      events that are due later
 *     inspect.c     state as text and JSON
 *
 * One allocation holds the struct, its sets and its id; queues and timers get memory when they
 * are first used and keep it, so that a machine that is warm allocates nothing for an event.
 */

#include <smew/chart.h>

#include "chart/chart.h"
#include "chart/context.h"
#include "chart/set.h"

enum {
    SMEW__OWN_EVENTS_MAX = 10000, /* of its own making, before time has to go on */
    SMEW__QUEUE_MAX = 10000,      /* events that wait in one queue */
    SMEW__TIMERS_MAX = 4096       /* a machine */
};

enum smew__life {
    SMEW__NEW,
    SMEW__ACTIVE,
    SMEW__DONE,
    SMEW__FAILED, /* by a limit or for want of memory */
};

/* A ring of messages; what is owned in it is freed by whoever takes it out. */
struct smew__queue {
    const struct smew__message **items;
    uint32_t head;
    uint32_t count;
    uint32_t capacity; /* a power of two, or 0 */
};

struct smew__timer {
    uint64_t due_ns;
    const struct smew__message *message;
    const char *target;  /* NULL: the machine itself */
    const char *send_id; /* interned by the chart, or NULL */
    bool cancellable;    /* its id still means this timer */
};

/* Sorted by due time; those due at the same time in the order in which they were set. */
struct smew__timers {
    struct smew__timer *items;
    uint32_t count;
    uint32_t capacity;
};

struct smew_machine {
    struct smew_chart *chart;
    const char *id;
    struct smew_machine_host host;
    struct smew__context context;
    uint64_t now_ns;
    const struct smew__message *event; /* the one that is being handled */
    struct smew__queue internal;       /* raised; before the next event from outside */
    struct smew__queue external;       /* sent to itself */
    struct smew__timers timers;
    enum smew_status failure; /* the first one inside the present call */
    uint32_t own_events;      /* in the present call, since time went on */
    uint32_t selected_count;
    uint32_t line_count;
    uint8_t life;
    bool running;  /* inside a call: its callbacks cannot call in again */
    bool handled;  /* in the present call: a transition was enabled */
    bool illegal;  /* has ever been in a configuration that SCXML would not call legal */
    bool modified; /* in the present microstep: context or history, or a final state */
    /* Sets of states, each of `words`; leaf_max selected transitions and leaves behind. */
    uint64_t *before; /* the configuration when the present call began */
    uint64_t *rest;   /* configuration and history when the machine was last at rest */
    uint64_t *exits;
    uint64_t *entries;
    uint64_t *defaults; /* entered by default: their initial actions run too */
    uint64_t *active;
    uint64_t *history; /* behind `active`, one set for each history state; empty: no memory */
    uint32_t *selected;
    uint16_t *line; /* the active leaves in the order in which they were entered */
    uint64_t memory[];
};

static inline size_t smew__words(const struct smew_machine *machine)
{
    return smew__set_words(machine->chart->state_count);
}

static inline const uint64_t *smew__remembered(const struct smew_machine *machine,
                                               const struct smew__state *history)
{
    return machine->history + history->slot * smew__words(machine);
}

/* Remembers the first failure; the loop stops at it. */
static inline void smew__machine_fail(struct smew_machine *machine, enum smew_status status)
{
    if (machine->failure == SMEW_OK)
        machine->failure = status;
}

/* ---- inspect.c ----------------------------------------------------------------------- */

/* The states of the state value: the active ones, in every configuration that is legal. */
void smew__shown_states(const struct smew_machine *machine, uint64_t *set);

/* ---- select.c ------------------------------------------------------------------------ */

/* Fills `selected` with what the present event enables. */
void smew__select_event(struct smew_machine *machine);
/* … with what no event enables. */
void smew__select_always(struct smew_machine *machine);
/* Drops those that others of `selected` preempt. */
void smew__select_resolve(struct smew_machine *machine);
/* Would the present event find a transition that does something? */
bool smew__select_any(struct smew_machine *machine);

/* ---- enter.c ------------------------------------------------------------------------- */

/* The states that a transition may change: the descendants of its domain, [first, end). */
struct smew__reach {
    uint32_t first;
    uint32_t end;
};
/* Where a transition with targets leaves from. */
struct smew__reach smew__transition_reach(const struct smew_machine *machine,
                                          const struct smew__transition *transition);
/* Adds to `exits` what a transition leaves, to `entries` and `defaults` what it enters. */
void smew__transition_exits(struct smew_machine *machine,
                            const struct smew__transition *transition);
void smew__transition_entries(struct smew_machine *machine,
                              const struct smew__transition *transition);
/* The states that are entered when the machine starts. */
void smew__initial_entries(struct smew_machine *machine);

/* ---- step.c -------------------------------------------------------------------------- */

/* Takes the selected transitions.  True: the machine is not what it was before. */
bool smew__microstep(struct smew_machine *machine);
void smew__microstep_initial(struct smew_machine *machine);

/* ---- act.c --------------------------------------------------------------------------- */

void smew__run_actions(struct smew_machine *machine, struct smew__run actions);
/* Hands an event to its target now; NULL is the machine itself. */
void smew__deliver(struct smew_machine *machine, const char *target,
                   const struct smew__message *message);
bool smew__guard_holds(struct smew_machine *machine, uint32_t guard);

/* ---- queue.c ------------------------------------------------------------------------- */

void smew__queue_fini(struct smew__queue *queue);
/* LIMIT, NO_MEMORY: then an owned message is freed. */
enum smew_status smew__queue_put(struct smew__queue *queue, const struct smew__message *message);
const struct smew__message *smew__queue_take(struct smew__queue *queue); /* NULL: empty */
/* The i-th that waits. */
static inline const struct smew__message *smew__queue_at(const struct smew__queue *queue,
                                                         uint32_t i)
{
    return queue->items[(queue->head + i) & (queue->capacity - 1)];
}
/* Frees a message that a machine owns; one of the chart's is fine. */
void smew__message_free(const struct smew__message *message);
/* A machine's own copy of an event; NULL: no memory. */
struct smew__message *smew__message_copy(const struct smew_chart *chart, const char *type,
                                         const char *payload);

/* ---- timers.c ------------------------------------------------------------------------ */

void smew__timers_fini(struct smew__timers *timers);
/*
 * A timer with a send id takes the id over from an older one, which then can no longer be
 * cancelled; so it is in XState.
 */
enum smew_status smew__timers_put(struct smew__timers *timers, struct smew__timer timer);
void smew__timers_cancel(struct smew__timers *timers, const char *send_id);
/* Takes the first one that is due until now_ns. */
bool smew__timers_take(struct smew__timers *timers, uint64_t now_ns, struct smew__timer *timer);
void smew__timers_clear(struct smew__timers *timers);

#endif
