/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_H
#define SMEW_CHART_H

/*
 * Statecharts, without any bus: load a chart once, run any number of machines of it.
 *
 * A *chart* is immutable after loading and may be shared by machines in different threads.  A
 * *machine* is one running instance; it belongs to one thread at a time, never blocks, reads no
 * clock (time is an argument) and touches the world only through its host's callbacks.  Every
 * event is run to completion: the transitions it takes, then all that those raised, then all
 * eventless transitions, before smew_machine_send() returns.
 *
 * The semantics are SCXML's algorithm with XState v5's reading of JSON charts.
 */

#include <smew/message.h>
#include <smew/value.h>

#ifdef __cplusplus
extern "C" {
#endif

struct smew_chart;
struct smew_machine;

/*
 * An event as guards and actions see it.  The payload is never NULL; what a chart raises, sends or
 * is told by its children is JSON (of XState's: an object of the event's members), or nothing.
 */
struct smew_event {
    const char *type;
    const void *payload;
    size_t payload_size;
    enum smew_content content;
};

/*
 * The payload as a struct of the program's own: copies it to `into`, which need not be aligned like
 * the payload.  False, and nothing is written: it is not RAW (which is what a sender gets who says
 * nothing else), or not of exactly that size.  For structs without pointers, whose sender is built
 * from the same declaration.  Any thread.
 */
SMEW_API bool smew_event_read(const struct smew_event *event, void *into, size_t size_bytes);

/* ---- behaviour in C ------------------------------------------------------------------ */

/* What a callback is called with; valid during the call. */
struct smew_call {
    struct smew_machine *machine;
    const struct smew_event *event;  /* the start event is "xstate.init" */
    const struct smew_value *params; /* of the chart, or NULL */
    void *user;                      /* of the machine's host */
    void *context;                   /* the program's own struct in the machine, or NULL */
};

/*
 * The payload as a document, when it is JSON; NULL (which reads as null) when it is empty, of
 * another content or no JSON that a value can hold.  Valid until the callback returns.
 *
 * It is parsed when it is first asked for and then kept for the other guards and actions of this
 * event; who does not ask pays nothing.  Without memory for it the answer is NULL, and the event
 * is undone as a whole with NO_MEMORY; only smew_machine_can() just goes on.
 */
SMEW_API const struct smew_value *smew_call_payload(const struct smew_call *call);

typedef void (*smew_action_fn)(const struct smew_call *call);
typedef bool (*smew_guard_fn)(const struct smew_call *call);
typedef uint64_t (*smew_delay_fn)(const struct smew_call *call); /* milliseconds */

struct smew_named_action {
    const char *name;
    smew_action_fn run;
};
struct smew_named_guard {
    const char *name;
    smew_guard_fn holds;
};
struct smew_named_delay {
    const char *name;
    smew_delay_fn delay_ms;
};

/*
 * A service that a chart invokes: work that finishes later.  It lives as long as the state that
 * invoked it and settles at most once (smew_machine_settle), which the chart sees as the event
 * xstate.done.actor.ID or xstate.error.actor.ID.
 */
struct smew_service {
    struct smew_machine *machine;   /* that invoked it */
    const char *id;                 /* of the invoke; lives as long as the service */
    uint64_t token;                 /* names this one start of it, in the whole family */
    const struct smew_value *input; /* of the invoke, or NULL */
    void *user;                     /* of the machine's host */
};
struct smew_named_service {
    const char *name;
    /* Begins the work and returns soon; it may settle at once.  NULL: somebody else does it. */
    void (*start)(const struct smew_service *service);
    /* The chart is no longer interested, or the machine is destroyed.  May be NULL. */
    void (*stop)(const struct smew_service *service);
};

/* A chart that others invoke or spawn by this name.  Each user holds a reference. */
struct smew_named_chart {
    const char *name;
    struct smew_chart *chart;
};

/* A text that an SCXML chart's <script src> or <data src> names: no loader reads files for it. */
struct smew_named_text {
    const char *name; /* as `src` has it */
    const char *text; /* terminated */
};

/* The names a chart may use.  A name that is missing here is a load error that says where. */
struct smew_behavior {
    size_t size; /* sizeof(struct smew_behavior) */
    const struct smew_named_action *actions;
    size_t action_count;
    const struct smew_named_guard *guards;
    size_t guard_count;
    const struct smew_named_delay *delays;
    size_t delay_count;
    bool ignore_missing; /* for `smew check`: unknown actions do nothing, guards are
                            false, delays are 0, and services never settle */
    /* Told of each name that ignore_missing lets pass, with file, line and column.  May be NULL. */
    void (*on_missing)(const char *sentence, void *user);
    void *user;
    /* What `invoke` and @xstate.spawnChild may name. */
    const struct smew_named_service *services;
    size_t service_count;
    const struct smew_named_chart *charts;
    size_t chart_count;
    /*
     * Actions that only touch the world and nothing of their machine; looked up after `actions`.
     * They run in their place like those; but the ones of a machine's start wait until it has
     * succeeded and the machine's children have started, as XState's do.
     */
    const struct smew_named_action *effects;
    size_t effect_count;
    const struct smew_named_text *texts;
    size_t text_count;
    /*
     * What the chart's scripts may take; 0: the default.  Steps are of the script engine, and those
     * of one call (send, advance to the next deadline, …) are shared by the whole family; bytes are
     * of each machine.  An expression that needs more is an error (see smew_chart_load_scxml).
     */
    uint64_t script_steps; /* 50 million: a tenth of a second or so; from 1 million on */
    size_t script_bytes;   /* 8 MiB; from 256 KiB on */
    /*
     * A struct of the program's own in each machine of the chart, of children too: call->context.
     * At most 64 KiB; 0: none.  Plain data: it is copied byte by byte, and an event that fails puts
     * back the bytes from before it.  What has to be freed belongs to the host's user.
     *
     * It lies beside the document (smew_machine_context), which stays what @xstate.assign and
     * expressions see; guards only look at either.
     */
    size_t context_bytes;
    /*
     * Reads the struct.  Called by the load, with zeros and the chart's own "context" (NULL in
     * SCXML): new machines begin with a copy of that.  And by a restore, with such a copy and what
     * `write_context` wrote.  False refuses the chart, or the snapshot.  NULL: zeros.
     */
    bool (*read_context)(void *context, const struct smew_value *from);
    /*
     * Writes the struct for a snapshot, as JSON and as snprintf() does: terminated and cut to
     * size_bytes, which may be 0; returns the whole length.  NULL: no snapshots.
     */
    size_t (*write_context)(const void *context, char *buffer, size_t size_bytes);
};
#define SMEW_BEHAVIOR_INIT SMEW_SIZED(struct smew_behavior)

/* ---- loading ------------------------------------------------------------------------- */

/*
 * Compiles an XState JSON chart.  `name` is what errors call the text ("traffic.json").  The
 * text and the behaviour's tables are copied, its functions are called later.  Any thread.
 *
 * SYNTAX with one sentence: `traffic.json:5:34: target "nowhere" does not exist in "light"`.
 * UNSUPPORTED, with a sentence of the same form, for what smew does not have: snapshots of a child
 * as events (`onSnapshot`), scripts where they cannot stand.  LIMIT (depth, states, names), TOO_BIG
 * (16 MiB), NO_MEMORY.  Release with smew_chart_unref().
 *
 * Expressions: {"@expr": TEXT, "@lang": "ecmascript"} may be a guard, or any value (or all) of an
 * action's params, a guard's params, @xstate.assign's context, @xstate.log's args, an event that is
 * raised, sent or emitted, and its delay in milliseconds; "@lang" may be left out.  The text is one
 * expression of ECMAScript 5.1, in which `context` and `event` (the payload's members and `type`)
 * can be read.  One that throws, or takes more than it may, fails the machine, as an error of a
 * child does that nothing handles: REJECTED or LIMIT, with smew_machine_error().
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_chart_load_json(const char *text, size_t size_bytes,
                                                             const char *name,
                                                             const struct smew_behavior *behavior,
                                                             struct smew_chart **chart,
                                                             struct smew_error *error);

/*
 * The same from W3C's SCXML, with its semantics.  An invoke's `src` is a name of the behaviour; a
 * document may also lie in the <content> of the invoke.
 *
 * The data model `null` is always there: conditions are made of In('id'), true, false, !, && and
 * ||. `ecmascript` (which a chart without a data model gets too) is there where smew was built with
 * duktape-dev installed; else what needs it is UNSUPPORTED.  A chart that evaluates nothing costs
 * no script session, whatever it calls its data model.
 *
 * Data are variables of the machine's own session.  When an event was run to completion, all that
 * JSON can say is in smew_machine_context(), and so in snapshots; functions come back by running
 * the chart's global scripts again; other values (cycles, undefined, NaN, what throws when it is
 * looked at, strings with a NUL, more than 256 levels or 1 MiB) do not, and are null there.
 * Date.now() is the machine's time, Math.random() the same in every run.
 *
 * An error of a script is the event error.execution, with {"message": …}, and ends its block; so
 * does a script that takes more steps, memory or stack than it may (smew_behavior).  One that
 * makes the engine itself run on, by a regular expression say, stops the machine: LIMIT, with data
 * and states from before that event.  So do variables that cannot be looked at within a quarter of
 * those steps more.
 *
 * Not there: srcexpr, XML as data, the Basic HTTP event processor.
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_chart_load_scxml(const char *text, size_t size_bytes,
                                                              const char *name,
                                                              const struct smew_behavior *behavior,
                                                              struct smew_chart **chart,
                                                              struct smew_error *error);

/* Either, from a file: what begins with "<" is SCXML.  NOT_FOUND, PERMISSION, IO, TOO_BIG. */
SMEW_API SMEW_MUST_USE enum smew_status smew_chart_load_file(const char *path,
                                                             const struct smew_behavior *behavior,
                                                             struct smew_chart **chart,
                                                             struct smew_error *error);

/* Counted references, atomic; each machine holds one.  NULL is fine for unref. */
SMEW_API struct smew_chart *smew_chart_ref(struct smew_chart *chart);
SMEW_API void smew_chart_unref(struct smew_chart *chart);

/* The root's id, or the name it was loaded by. */
SMEW_API const char *smew_chart_id(const struct smew_chart *chart);

struct smew_chart_info {
    size_t states; /* the root included */
    size_t transitions;
    size_t events; /* distinct, wildcards not counted */
};
SMEW_API struct smew_chart_info smew_chart_info(const struct smew_chart *chart);
/* The i-th event that the chart names, sorted; NULL beyond the last. */
SMEW_API const char *smew_chart_event(const struct smew_chart *chart, size_t index);

enum smew_state_kind {
    SMEW_STATE_ATOMIC = 0,
    SMEW_STATE_COMPOUND,
    SMEW_STATE_PARALLEL,
    SMEW_STATE_FINAL,
    SMEW_STATE_HISTORY,
};
#define SMEW_NO_STATE SIZE_MAX

/* States are numbered in document order; the root is 0.  All pointers live as long as the chart. */
struct smew_state {
    const char *id;  /* its own, or the path of names from the root: "m.on.fast" */
    const char *key; /* its name in its parent */
    enum smew_state_kind kind;
    size_t parent;                 /* NO_STATE for the root */
    size_t end;                    /* the first one behind its descendants */
    const struct smew_value *tags; /* an array, or NULL */
    const struct smew_value *meta;
};
/* False when there is no such state. */
SMEW_API bool smew_chart_state(const struct smew_chart *chart, size_t index,
                               struct smew_state *state);

/* ---- machines ------------------------------------------------------------------------ */

/* What an event did. */
struct smew_step {
    bool handled; /* a transition was enabled for it, be it a forbidden one (`"EV": {}`) */
    bool changed; /* the configuration is another one now */
    bool done;    /* the machine has reached a top-level final state */
};

/*
 * How a machine and its children touch the world.  Any member may be NULL: the effect is dropped.
 * All of it happens when the event was run to completion, in the order in which actions asked for
 * it; only log texts come at once.
 */
struct smew_machine_host {
    size_t size; /* sizeof(struct smew_machine_host) */
    /*
     * sendTo a machine that is neither itself nor a child.  A negative status raises
     * error.communication.  NULL: there is no bus, and such a send stops the machine (NO_MACHINE).
     */
    enum smew_status (*send_to)(struct smew_machine *machine, const char *target,
                                const struct smew_event *event, void *owner);
    void (*log)(struct smew_machine *machine, const char *text, void *owner);
    /* @xstate.emit: an event for whoever watches this machine. */
    void (*emit)(struct smew_machine *machine, const struct smew_event *event, void *owner);
    void *owner; /* whoever runs the machine: given to the functions above */
    void *user;  /* the program's: given to actions, guards, delays and services */
    /*
     * A machine, or a child of it, has run an event to completion: for whoever watches.  What it
     * was before that can still be asked for (smew_machine_state_before).
     */
    void (*transition)(struct smew_machine *machine, const struct smew_event *event,
                       const struct smew_step *step, void *owner);
};
#define SMEW_MACHINE_HOST_INIT SMEW_SIZED(struct smew_machine_host)

/*
 * A machine that has not started.  `id` and the host's members are copied.  INVALID, NO_MEMORY.
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_create(struct smew_chart *chart,
                                                            const char *id,
                                                            const struct smew_machine_host *host,
                                                            struct smew_machine **machine);
/*
 * NULL is fine, and so is a callback of the machine's own: then it goes when the call that runs it
 * has come to its end, and callbacks may come until then.  Services that run are stopped.
 */
SMEW_API void smew_machine_destroy(struct smew_machine *machine);

/*
 * Enters the initial states at time now_ns.  LIMIT: the chart never came to rest (an endless
 * `always` or `raise`; 10,000 microsteps, or the chart's options.maxIterations); the machine has
 * stopped, with the configuration and context from before that event.  NO_MEMORY: likewise; but
 * where there is no room for what the event has set in motion (timers, events that wait, children),
 * with those from after it.
 * `step` may be NULL.  REJECTED: the error of a child was not handled; NO_MACHINE: there is nobody
 * to send to.  Both stop the machine, likewise.
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_start(struct smew_machine *machine,
                                                           uint64_t now_ns, struct smew_step *step);

/* Runs one event to completion.  STOPPED after done.  Otherwise as start. */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_send(struct smew_machine *machine,
                                                          const struct smew_event *event,
                                                          uint64_t now_ns, struct smew_step *step);

/*
 * One more who is told of a root's and its children's transitions, after the host; several are told
 * in the order in which they came.  The struct is the caller's: it stays where it is until unwatch,
 * or until the machine is destroyed.  `transition` may take any watch away, its own too.
 */
struct smew_watch {
    void (*transition)(struct smew_machine *machine, const struct smew_event *event,
                       const struct smew_step *step, void *owner);
    void *owner;             /* given to it */
    struct smew_watch *next; /* smew's */
};
SMEW_API void smew_machine_watch(struct smew_machine *machine, struct smew_watch *watch);
SMEW_API void smew_machine_unwatch(struct smew_machine *machine, struct smew_watch *watch);

/* When the next `after` or delayed event is due, on now_ns's clock; UINT64_MAX for never. */
SMEW_API uint64_t smew_machine_due_ns(const struct smew_machine *machine);

/* Runs everything due until now_ns, in due order, first in first out on ties. */
SMEW_API SMEW_MUST_USE enum smew_status
smew_machine_advance(struct smew_machine *machine, uint64_t now_ns, struct smew_step *step);

/*
 * A service has finished.  `ok`: xstate.done.actor.ID with {"output": …}, otherwise
 * xstate.error.actor.ID with {"error": …}; `value` is JSON, or NULL for none.  `machine` is any of
 * the service's family.  NOT_FOUND: nobody waits for it any more.  Fine in callbacks too: then the
 * event waits its turn.  BUSY: from a guard that smew_machine_can() asks, or while the machine is
 * being destroyed.  TOO_BIG: more than 1 MiB.
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_settle(struct smew_machine *machine,
                                                            uint64_t token, bool ok,
                                                            const char *value, uint64_t now_ns,
                                                            struct smew_step *step);

/* ---- looking ------------------------------------------------------------------------- */

enum smew_life {
    SMEW_LIFE_NEW = 0,
    SMEW_LIFE_ACTIVE,
    SMEW_LIFE_DONE,    /* reached its end */
    SMEW_LIFE_FAILED,  /* came to a limit, had an error that nothing handled, lacked memory */
    SMEW_LIFE_STOPPED, /* a child that its parent stopped */
};
SMEW_API enum smew_life smew_machine_life(const struct smew_machine *machine);

/*
 * Children: machines and services that a machine has invoked or spawned, in that order, until
 * their state is left or they are stopped.  They live until the next call that runs the family.
 */
struct smew_child {
    const char *id;
    const char *source; /* the name in the behaviour */
    enum smew_life life;
    struct smew_machine *machine; /* to look at and to send to; NULL for a service */
    uint64_t token;               /* of a service */
};
SMEW_API size_t smew_machine_child_count(const struct smew_machine *machine);
SMEW_API bool smew_machine_child_at(const struct smew_machine *machine, size_t index,
                                    struct smew_child *child);
SMEW_API bool smew_machine_child(const struct smew_machine *machine, const char *id,
                                 struct smew_child *child);
SMEW_API struct smew_machine *smew_machine_parent(const struct smew_machine *machine);

SMEW_API const char *smew_machine_id(const struct smew_machine *machine);
SMEW_API const struct smew_chart *smew_machine_chart(const struct smew_machine *machine);
SMEW_API bool smew_machine_done(const struct smew_machine *machine);
SMEW_API void *smew_machine_user(const struct smew_machine *machine); /* the host's */

/*
 * The state for people: the active leaves as dotted paths, in document order, joined by ",":
 * `green`, `on.fast`, `left.up,right.down`.  Terminated and cut; returns the whole length.
 */
SMEW_API size_t smew_machine_state(const struct smew_machine *machine, char *buffer,
                                   size_t size_bytes);

/*
 * In `transition`, of the machine that it tells of: the state from before the event (of a start:
 * none), in the same form; and was the state with that number active then?  "" and false otherwise.
 */
SMEW_API size_t smew_machine_state_before(const struct smew_machine *machine, char *buffer,
                                          size_t size_bytes);
SMEW_API bool smew_machine_was_active(const struct smew_machine *machine, size_t state);

/* The state as XState's JSON value: `"green"`, `{"on":"fast"}`. */
SMEW_API size_t smew_machine_state_json(const struct smew_machine *machine, char *buffer,
                                        size_t size_bytes);

/* True when the state with this dotted path is active. */
SMEW_API bool smew_machine_in(const struct smew_machine *machine, const char *path);

/* Is the state with that number active?  Of a final machine, the states that it ended in. */
SMEW_API bool smew_machine_active(const struct smew_machine *machine, size_t state);
SMEW_API bool smew_machine_has_tag(const struct smew_machine *machine, const char *tag);
/* Would the history state with that number bring back the other one? */
SMEW_API bool smew_machine_remembers(const struct smew_machine *machine, size_t history,
                                     size_t state);
/* Of a machine that is done: the chart's output, or NULL. */
SMEW_API const struct smew_value *smew_machine_output(const struct smew_machine *machine);
/* Of a machine that failed of a child's error: that error as JSON; otherwise NULL. */
SMEW_API const char *smew_machine_error(const struct smew_machine *machine);

/* True when the machine would take a transition for this event now. */
SMEW_API bool smew_machine_can(struct smew_machine *machine, const struct smew_event *event);

/* The context: an object; lives until the next call that runs the machine. */
SMEW_API const struct smew_value *smew_machine_context(const struct smew_machine *machine);

/*
 * The program's own struct (context_bytes), or NULL.  Lives as long as the machine; a program may
 * fill it between create and start.
 */
SMEW_API void *smew_machine_own_context(const struct smew_machine *machine);

/*
 * What a child was invoked or spawned with, as long as it lives; NULL for none, and of a root.  Of
 * a child that was restored: none, where the input was an expression.
 */
SMEW_API const struct smew_value *smew_machine_input(const struct smew_machine *machine);

/* In an action: sets a member of the context.  NO_MEMORY, INVALID. */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_set_number(struct smew_machine *machine,
                                                                const char *key, double number);
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_set_string(struct smew_machine *machine,
                                                                const char *key, const char *text);
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_set_bool(struct smew_machine *machine,
                                                              const char *key, bool truth);

/* The same with a document of its own, as JSON text, at most 256 levels deep.  SYNTAX too. */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_set_json(struct smew_machine *machine,
                                                              const char *key, const char *text);

/* In an action: puts an event into the machine's own internal queue.  LIMIT, NO_MEMORY. */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_raise(struct smew_machine *machine,
                                                           const char *event);

/* The same with a payload, which is copied. */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_raise_event(struct smew_machine *machine,
                                                                 const struct smew_event *event);

/* ---- snapshots ----------------------------------------------------------------------- */

/*
 * Writes the whole family of a root as a JSON document: states, history, context, the program's
 * own structs, timers with their remaining time, events that wait, children.  Terminated and cut to
 * size_bytes; returns the whole length.  0: not now, the machine is not at rest (it is between
 * calls, and in `transition` for the root itself, when no child is in the middle of something); or
 * a machine has a struct of the program's own without `write_context`.
 */
SMEW_API size_t smew_machine_snapshot(const struct smew_machine *machine, char *buffer,
                                      size_t size_bytes);

/*
 * A machine that goes on where a snapshot was taken, as of now_ns.  Services that had not settled
 * are started again, with their tokens; events that waited are run.  The chart may be another
 * version, as long as it has all the states, children and sources that the snapshot names.
 *
 * SYNTAX with one sentence: no snapshot, or not of this chart.  VERSION.  INVALID.  TOO_BIG
 * (64 MiB).  NO_MEMORY.
 */
SMEW_API SMEW_MUST_USE enum smew_status
smew_machine_restore(struct smew_chart *chart, const char *id, const struct smew_machine_host *host,
                     const char *text, size_t size_bytes, uint64_t now_ns,
                     struct smew_machine **machine, struct smew_error *error);

#ifdef __cplusplus
}
#endif
#endif
