/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_MACHINE_H
#define SMEW_CHART_MACHINE_H

/*
 * The engine: how machines run.
 *
 * A program's machine is the root of a *family*: the machine, the machines and services that it
 * invoked, theirs, and so on.  A family belongs to one thread at a time and has one clock, one
 * line of timers and one host; every public call runs the family until all of it is at rest.
 *
 *     send, timer,        ┌───────── one machine: smew__machine_process ──────────┐
 *     settled service ──► │ queue ──► macrostep ──► commit ──► effects ──► notify │ ──► next event
 *                         └──────────────▲─────────────────────────┼──────────────┘
 *                                        └── events to itself ─────┤
 *                                   children, parent, host  ◄──────┘
 *
 * A *macrostep* is one event run to completion: the transitions it enables, then eventless ones
 * and raised events, one microstep after the other, until nothing is left to do.  It touches
 * only the machine's own configuration, history, context and list of children.  Everything that
 * somebody else could notice is an *effect*: sends, timers set and cancelled, children started and
 * stopped, events emitted.  Effects are put in a list and done when the macrostep has come to its
 * end.  So a macrostep that fails (an endless `always`, no memory, an error that nothing handled)
 * is undone as a whole: configuration, history, context and children are those from before it, no
 * effect has happened, and the machine has stopped.  An effect that cannot be done stops the
 * machine as well, with what was committed.  XState 5 works like this, its order of
 * effects included, and a journal of transitions needs the same.
 *
 * An effect that hands an event to a relative which is at rest runs that relative at once, inside
 * the giver's list of effects; one that is in the middle of something finds the event in its
 * queue.  So calls nest no deeper than a family has generations, which the loader bounds.  A
 * relative that is removed meanwhile is freed when the public call ends.
 *
 * The files, each with its own story:
 *
 *     machine.c     public functions: life, sending, the clock
 *     run.c         macrosteps and what follows them; an event's way from queue to rest
 *     select.c      which transitions an event, or none, enables
 *     step.c        one microstep: exit, act, enter
 *     enter.c       which states a transition leaves and enters
 *     plan.c        the same for all machines, once, where no history has a say
 *     act.c         actions and guards
 *     effects.c     the list of effects, and doing them
 *     children.c    invoked and spawned machines and services
 *     queue.c       events that wait
 *     timers.c      events that are due later
 *     context.c     data, with an undo
 *     own.c         the program's own struct, likewise
 *     payload.c     an event's payload for callbacks, and events with one from them
 *     watch.c       whoever is told of transitions
 *     world.c       a machine's script session: its variables, events and errors
 *     result.c      what they answered, as JSON and as values
 *     script_act.c  what scripts do: assign, loop, log
 *     script_send.c what scripts send
 *     inspect.c     what is to be seen: states, tags, children, as text and JSON
 *     snapshot.c    the whole family as a document, for restore.c
 *
 * What is the same for XState and SCXML lives here; what differs is lowered by the loaders, or is
 * a flag of the chart.  Guards, actions, delays and services reach the program through the tables
 * of callbacks only; scripts run in a session of the machine's own, behind chart/script.h.
 *
 * One allocation holds a machine, its sets, the program's own struct and its id; lists get memory
 * when they are first used and keep it, so that a machine that is warm allocates nothing for an
 * event.  Bounds: microsteps an event, events of a family's own making in one call, queue, timers,
 * children, generations.
 */

#include <smew/chart.h>

#include "chart/chart.h"
#include "chart/context.h"
#include "chart/set.h"

enum {
    SMEW__OWN_EVENTS_MAX = 10000, /* of its own making, before time has to go on */
    SMEW__QUEUE_MAX = 10000,      /* events that wait in one queue */
    SMEW__TIMERS_MAX = 4096,      /* a family */
    SMEW__CHILDREN_MAX = 1024,    /* a machine */
    SMEW__EFFECTS_MAX = 100000,   /* a macrostep */
    SMEW__VALUE_MAX = 1024 * 1024 /* bytes that a service may settle with */
};

/* An event that waits, and its place in the chart of the machine that it waits for. */
struct smew__queued {
    const struct smew__message *message;
    uint32_t event_id;
};

/* A ring; a message that is owned is freed by whoever takes it out. */
struct smew__queue {
    struct smew__queued *items;
    uint32_t head;
    uint32_t count;
    uint32_t capacity; /* a power of two, or 0 */
};

/* Whom an effect or a timer is for.  A child is named by its serial, for it may be gone by then. */
struct smew__target {
    enum smew__to to;
    uint64_t child;   /* TO_CHILD */
    const char *name; /* TO_NAMED: a machine on the bus */
};

struct smew__timer {
    uint64_t due_ns;
    struct smew_machine *machine; /* that set it */
    const struct smew__message *message;
    struct smew__target target;
    const char *send_id; /* interned by the machine's chart, or NULL */
    bool cancellable;    /* its id still means this timer */
};

/* Sorted by due time; those due at the same time in the order in which they were set. */
struct smew__timers {
    struct smew__timer *items;
    uint32_t count;
    uint32_t capacity;
};

enum smew__effect_kind {
    SMEW__EFFECT_SEND,
    SMEW__EFFECT_SEND_LATER,
    SMEW__EFFECT_CANCEL,
    SMEW__EFFECT_EMIT,
    SMEW__EFFECT_START,
    SMEW__EFFECT_STOP,
    SMEW__EFFECT_CALL, /* an action of the machine's start that changes nothing of it */
};

struct smew__effect {
    enum smew__effect_kind kind;
    struct smew__target target; /* START, STOP: a child */
    const struct smew__message *message;
    const char *send_id;
    uint64_t due_ns;                   /* SEND_LATER */
    const struct smew__action *action; /* CALL; its event is the message */
};

struct smew__effects {
    struct smew__effect *items;
    uint32_t count;
    uint32_t capacity;
};

enum smew__place {
    SMEW__GONE,
    SMEW__LISTED,
    SMEW__ORPHAN, /* another one took its id: it runs on, and nobody can see or stop it */
};

struct smew__child {
    const char *id; /* interned by the parent's chart */
    const struct smew__actor *actor;
    const struct smew_value *input;
    struct smew_value *own_input; /* the same, where it was evaluated; else NULL */
    const struct smew__invoke *invoke;
    struct smew_machine *parent;
    struct smew_machine *machine; /* NULL for a service */
    struct smew__child *next;     /* among the dead */
    uint64_t serial;              /* in the family; a service's token */
    uint8_t life;                 /* of a service: enum smew_life; NEW until it was started */
    bool begun;                   /* a machine: its initial macrostep was run */
    bool launched;                /* it was started; or will never be, for it was stopped before */
    uint8_t place;                /* enum smew__place: now … */
    uint8_t was;                  /* … and when its parent was last at rest */
};

struct smew__children {
    struct smew__child **items;
    uint32_t count;
    uint32_t capacity;
};

/* What all machines of a family share; inside the root. */
struct smew__family {
    struct smew_machine *root;
    struct smew_machine_host host;
    struct smew_watch *watches; /* in the order in which they came */
    struct smew__telling *telling;
    uint64_t now_ns;
    struct smew__timers timers;
    struct smew__child *dead; /* freed when the present call ends */
    uint64_t serials;         /* of children, so far: never used up, nor used again */
    int64_t script_steps;     /* that scripts have taken in the present call, since time went on */
    uint32_t own_events;      /* of its own making, likewise */
    bool running;             /* inside a call: its callbacks cannot call in again */
    bool observing;           /* … but in `transition` they may take a snapshot */
    bool still;               /* asked what can happen, or being freed: no machine may run */
    bool doomed;              /* destroyed by a callback: freed when the present call ends */
};

struct smew_machine {
    struct smew_chart *chart;
    const char *id;
    struct smew__family *family;
    struct smew_machine *parent; /* NULL for the root */
    struct smew__child *self;    /* the parent's entry */
    struct smew__context context;
    void *own;                         /* the program's struct, see own.c; or NULL */
    const struct smew__message *event; /* the one that is being handled */
    struct smew__payload *payload;     /* of it, parsed; NULL: nobody asked */
    char *error;                       /* what it failed of, as JSON, or NULL */
    struct smew__queue internal;       /* raised; before the next event from outside */
    struct smew__queue external;       /* from relatives and from itself */
    struct smew__effects effects;      /* of the present macrostep */
    struct smew__children children;
    struct smew__world *world; /* of scripts; NULL: nothing was evaluated yet */
    uint32_t event_serial;     /* counts the events that were handled */
    uint32_t event_id;         /* the present event's in this chart */
    enum smew_status failure;  /* the first one of the present macrostep */
    uint32_t selected_count;
    uint32_t line_count;
    uint8_t life;    /* enum smew_life */
    bool processing; /* on the stack: events for it wait in its queue */
    bool open;       /* was launched: events for it are handled when they come */
    bool stopping;   /* its parent stopped it while it was processing */
    bool handled;    /* in the present call: a transition was enabled */
    bool changed;    /* in the present call: the configuration became another one */
    bool illegal;    /* has ever been in a configuration that SCXML would not call legal */
    bool recalled;   /* a history state had a say in what a transition changes */
    bool observed;   /* `transition` tells of it: `entries` are what was before */
    bool modified;   /* in the present microstep: context or history, or a final state */
    /* Sets of states, each of `words`; leaf_max selected transitions and leaves behind. */
    uint64_t *rest; /* configuration and history when the machine was last at rest */
    uint64_t *exits;
    uint64_t *entries;  /* … and in `transition` the configuration from before the event */
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

/* Remembers the first failure; the macrostep stops at it. */
static inline void smew__machine_fail(struct smew_machine *machine, enum smew_status status)
{
    if (machine->failure == SMEW_OK)
        machine->failure = status;
}

/* ---- machine.c ----------------------------------------------------------------------- */

/* A machine that has not started, in that family; `id` is copied.  NULL: no memory. */
struct smew_machine *smew__machine_new(struct smew_chart *chart, const char *id,
                                       struct smew__family *family);
void smew__machine_free(struct smew_machine *machine); /* its children too; NULL is fine */
/* A call that ran the family is over: what waited for that is freed.  False: all of it was. */
bool smew__family_rest(struct smew__family *family);

/* ---- own.c --------------------------------------------------------------------------- */

/* Bytes that a machine of the chart needs for it, at any address. */
size_t smew__own_size(const struct smew_chart *chart);
/* Puts it there, as the chart has it; the first address behind it. */
void *smew__own_place(struct smew_machine *machine, void *at);
/* At rest: keeps it for an undo. */
void smew__own_commit(struct smew_machine *machine);
void smew__own_undo(struct smew_machine *machine);
/* A microstep begins.  Has it written to the struct since?  Only where that decides anything. */
void smew__own_begin(struct smew_machine *machine);
bool smew__own_modified(const struct smew_machine *machine);
/* A whole family: is there a struct that cannot be written? */
bool smew__own_is_mute(const struct smew_machine *machine);

/* ---- payload.c ----------------------------------------------------------------------- */

/* The event was handled: what was parsed of it is freed. */
void smew__payload_free(struct smew_machine *machine);
static inline void smew__payload_drop(struct smew_machine *machine)
{
    if (machine->payload)
        smew__payload_free(machine);
}

/* ---- watch.c ------------------------------------------------------------------------- */

/* Will anybody be told?  Then the configuration from before the event is kept until they were. */
static inline bool smew__is_watched(const struct smew_machine *machine)
{
    return machine->family->host.transition || machine->family->watches;
}
void smew__watch_tell(struct smew_machine *machine, const struct smew_step *step);
/* Whoever is told next; tellings nest, where one who is told settles a service of a relative. */
struct smew__telling {
    struct smew_watch *next;
    struct smew__telling *outer;
};

/* ---- run.c --------------------------------------------------------------------------- */

/* Runs the initial macrostep; nobody else notices before smew__machine_launch. */
void smew__machine_begin(struct smew_machine *machine);
/* Starts its children, does its effects, and handles what waits for it. */
void smew__machine_launch(struct smew_machine *machine);
/* Runs one event to completion, and all that waits for the machine afterwards. */
void smew__machine_handle(struct smew_machine *machine, const struct smew__message *message);
/* All that waits for a machine which is at rest. */
void smew__machine_process(struct smew_machine *machine);
/* Hands over an event; one that is owned is freed when it was handled, or at once.  NULL stands
   for one that there was no memory for. */
void smew__relay(struct smew_machine *machine, const struct smew__message *message);
/* The same for a target as its sender sees it; TO_NAMED asks the host. */
void smew__deliver(struct smew_machine *machine, const struct smew__target *target,
                   const struct smew__message *message);
/* A parent's stop: at once, or when what it is doing has come to its end. */
void smew__machine_stop(struct smew_machine *machine);

/* ---- inspect.c ----------------------------------------------------------------------- */

/* A set of states, for people: see smew_machine_state(). */
size_t smew__state_write(const struct smew_chart *chart, const uint64_t *set, char *buffer,
                         size_t size_bytes);
/* A state's path from the root, as smew__chart_path() reads it; the root's is empty. */
void smew__path_write(const struct smew_chart *chart, uint32_t leaf, struct smew__text *text);
/* The states of the state value: the active ones, in every configuration that is legal. */
void smew__shown_states(const struct smew_machine *machine, uint64_t *set);

/* ---- select.c ------------------------------------------------------------------------ */

/* Fills `selected` with what the present event enables. */
void smew__select_event(struct smew_machine *machine);
/* … with what no event enables; for charts that have such transitions. */
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
struct smew__reach smew__transition_reach(struct smew_machine *machine,
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
/* The exit actions of everything that is active; it stays active, to be looked at. */
void smew__exit_all(struct smew_machine *machine);

/* ---- act.c --------------------------------------------------------------------------- */

/* Stops at the first failure; false: an error of a script left its rest undone. */
bool smew__run_actions(struct smew_machine *machine, struct smew__run actions);
/* A raise or a send.  Takes over an owned message.  False: nobody can ever be its target. */
bool smew__act_send(struct smew_machine *machine, const struct smew__action *action);
/* A text for the host's log: arguments as console.log() has them. */
void smew__act_log(struct smew_machine *machine, const struct smew_value *arguments);
/* An internal event of the platform's; `payload` is JSON. */
void smew__raise_error(struct smew_machine *machine, const char *type, const char *payload,
                       const char *send_id);
void smew__call_action(struct smew_machine *machine, const struct smew__action *action,
                       const struct smew_event *event);
bool smew__guard_holds(struct smew_machine *machine, uint32_t guard);
/* An internal event of that type, which says to whom and why: a send was refused. */
void smew__raise_refused(struct smew_machine *machine, const char *type, const char *target,
                         enum smew_status status);

/* ---- effects.c ----------------------------------------------------------------------- */

void smew__effects_put(struct smew_machine *machine, const struct smew__effect *effect);
/* Forgets them. */
void smew__effects_clear(struct smew_machine *machine);
/* Does them in order; the list is empty afterwards. */
void smew__effects_do(struct smew_machine *machine);

/* ---- children.c ---------------------------------------------------------------------- */

/* A new child, of an invoke with that number, which is not started yet.  NULL: the macrostep has
 * failed. */
struct smew__child *smew__child_add(struct smew_machine *machine, uint32_t number);
/* Its start, as an effect. */
void smew__child_start_later(struct smew_machine *machine, const char *id);
/* It is a child no longer, and is stopped as an effect, or never started. */
void smew__child_remove(struct smew_machine *machine, const char *id);
struct smew__child *smew__child_named(const struct smew_machine *machine, const char *id);
struct smew__child *smew__child_numbered(const struct smew_machine *machine, uint64_t serial);
void smew__child_start(struct smew__child *child);
/* A child as a snapshot knew it; begun and launched.  NULL: no memory, or too many. */
struct smew__child *smew__child_restore(struct smew_machine *machine, uint32_t invoke,
                                        uint64_t serial);
void smew__child_stop(struct smew__child *child);
/* A root's or a child's first children: started before any other effect, in order. */
void smew__children_start(struct smew_machine *machine);
/* The machine has come to its end: all children stop, as effects, and stay to be looked at. */
void smew__children_end(struct smew_machine *machine);
/* Its macrostep is done … */
void smew__children_commit(struct smew_machine *machine);
/* … and its effects too: those that were removed are gone. */
void smew__children_sweep(struct smew_machine *machine);
/* It is undone: those that were added are gone, those that were removed are back. */
void smew__children_undo(struct smew_machine *machine);
void smew__children_fini(struct smew_machine *machine);
void smew__children_bury(struct smew__family *family); /* frees the dead */
/* What a child became: the event for its parent.  `value` is JSON or NULL. */
void smew__child_report(struct smew__child *child, bool ok, const char *value);

/* ---- queue.c ------------------------------------------------------------------------- */

void smew__queue_fini(struct smew__queue *queue);
void smew__queue_clear(struct smew__queue *queue);
/* LIMIT, NO_MEMORY: then an owned message is freed. */
enum smew_status smew__queue_put(struct smew__queue *queue, const struct smew__message *message,
                                 uint32_t event_id);
bool smew__queue_take(struct smew__queue *queue, struct smew__queued *item); /* false: empty */
/* The i-th that waits. */
static inline const struct smew__message *smew__queue_at(const struct smew__queue *queue,
                                                         uint32_t i)
{
    return queue->items[(queue->head + i) & (queue->capacity - 1)].message;
}
/* Frees a message that a machine owns; one of a chart's is fine. */
void smew__message_free(const struct smew__message *message);
/* A copy of an event, for the heap; NULL: no memory. */
struct smew__message *smew__message_copy(const struct smew_chart *chart,
                                         const struct smew_event *event);
/* The same with an origin, which is copied too. */
struct smew__message *smew__message_from(const struct smew_chart *chart,
                                         const struct smew_event *event,
                                         const struct smew__origin *origin);

/* ---- timers.c ------------------------------------------------------------------------ */

void smew__timers_fini(struct smew__timers *timers);
/* Saturates: a delay of the program's may be anything, and "never" is no time. */
static inline uint64_t smew__due_ns(uint64_t now_ns, uint64_t in_ns)
{
    uint64_t due_ns = now_ns + in_ns;

    return due_ns < now_ns || due_ns == UINT64_MAX ? UINT64_MAX - 1 : due_ns;
}
/*
 * JSON: a timer with a send id takes the id over from an older one of the same machine, which then
 * can no longer be cancelled; so it is in XState.  SCXML: they share it, and are cancelled
 * together.
 */
enum smew_status smew__timers_put(struct smew__timers *timers, struct smew__timer timer);
/* One of a snapshot, in the snapshot's order: as it is, whatever its id means to the others. */
enum smew_status smew__timers_put_back(struct smew__timers *timers, struct smew__timer timer);
void smew__timers_cancel(struct smew__timers *timers, const struct smew_machine *machine,
                         const char *send_id);
/* Takes the first one that is due until now_ns. */
bool smew__timers_take(struct smew__timers *timers, uint64_t now_ns, struct smew__timer *timer);
/* All that a machine has set. */
void smew__timers_forget(struct smew__timers *timers, const struct smew_machine *machine);

#endif
