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

/* An event as guards and actions see it.  The payload is never NULL. */
struct smew_event {
    const char *type;
    const void *payload;
    size_t payload_size;
    enum smew_content content;
};

/* ---- behaviour in C ------------------------------------------------------------------ */

/* What a callback is called with; valid during the call. */
struct smew_call {
    struct smew_machine *machine;
    const struct smew_event *event;  /* the start event is "xstate.init" */
    const struct smew_value *params; /* of the chart, or NULL */
    void *user;                      /* of the machine's host */
};

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

/* The names a chart may use.  A name that is missing here is a load error that says where. */
struct smew_behavior {
    size_t size; /* sizeof(struct smew_behavior) */
    const struct smew_named_action *actions;
    size_t action_count;
    const struct smew_named_guard *guards;
    size_t guard_count;
    const struct smew_named_delay *delays;
    size_t delay_count;
    bool ignore_missing; /* for `smew check`: unknown actions do nothing, guards are false */
    /* Told of each name that ignore_missing lets pass, with file, line and column.  May be NULL. */
    void (*on_missing)(const char *sentence, void *user);
    void *user;
};
#define SMEW_BEHAVIOR_INIT SMEW_SIZED(struct smew_behavior)

/* ---- loading ------------------------------------------------------------------------- */

/*
 * Compiles an XState JSON chart.  `name` is what errors call the text ("traffic.json").  The
 * text and the behaviour's tables are copied, its functions are called later.  Any thread.
 *
 * SYNTAX with one sentence: `traffic.json:5:34: target "nowhere" does not exist in "light"`.
 * UNSUPPORTED, with a sentence of the same form, for what smew does not have: child machines and
 * services (`invoke`), expressions of a script.  LIMIT (depth, states, names), TOO_BIG (16 MiB),
 * NO_MEMORY.  Release with smew_chart_unref().
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_chart_load_json(const char *text, size_t size_bytes,
                                                             const char *name,
                                                             const struct smew_behavior *behavior,
                                                             struct smew_chart **chart,
                                                             struct smew_error *error);

/* The same from a file.  NOT_FOUND, PERMISSION, IO, TOO_BIG (16 MiB). */
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

/* ---- machines ------------------------------------------------------------------------ */

/* How a machine touches the world.  Any member may be NULL: the effect is dropped. */
struct smew_machine_host {
    size_t size; /* sizeof(struct smew_machine_host) */
    /* sendTo a machine that is not itself.  A negative status raises error.communication. */
    enum smew_status (*send_to)(struct smew_machine *machine, const char *target,
                                const struct smew_event *event, void *owner);
    void (*log)(struct smew_machine *machine, const char *text, void *owner);
    /* @xstate.emit: an event for whoever watches this machine. */
    void (*emit)(struct smew_machine *machine, const struct smew_event *event, void *owner);
    void *owner; /* whoever runs the machine: given to the functions above */
    void *user;  /* the program's: given to actions, guards and delays */
};
#define SMEW_MACHINE_HOST_INIT SMEW_SIZED(struct smew_machine_host)

/*
 * A machine that has not started.  `id` and the host's members are copied.  INVALID, NO_MEMORY.
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_create(struct smew_chart *chart,
                                                            const char *id,
                                                            const struct smew_machine_host *host,
                                                            struct smew_machine **machine);
SMEW_API void smew_machine_destroy(struct smew_machine *machine); /* NULL is fine */

/* What an event did. */
struct smew_step {
    bool handled; /* a transition was enabled for it, be it a forbidden one (`"EV": {}`) */
    bool changed; /* the configuration is another one now */
    bool done;    /* the machine has reached a top-level final state */
};

/*
 * Enters the initial states at time now_ns.  LIMIT: the chart never came to rest (an endless
 * `always` or `raise`; 10,000 microsteps, or the chart's options.maxIterations); the machine has
 * stopped, with the configuration and context from before that event.  NO_MEMORY: likewise.
 * `step` may be NULL.
 */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_start(struct smew_machine *machine,
                                                           uint64_t now_ns, struct smew_step *step);

/* Runs one event to completion.  STOPPED after done.  Otherwise as start. */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_send(struct smew_machine *machine,
                                                          const struct smew_event *event,
                                                          uint64_t now_ns, struct smew_step *step);

/* When the next `after` or delayed event is due, on now_ns's clock; UINT64_MAX for never. */
SMEW_API uint64_t smew_machine_due_ns(const struct smew_machine *machine);

/* Runs everything due until now_ns, in due order, first in first out on ties. */
SMEW_API SMEW_MUST_USE enum smew_status
smew_machine_advance(struct smew_machine *machine, uint64_t now_ns, struct smew_step *step);

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

/* The state as XState's JSON value: `"green"`, `{"on":"fast"}`. */
SMEW_API size_t smew_machine_state_json(const struct smew_machine *machine, char *buffer,
                                        size_t size_bytes);

/* True when the state with this dotted path is active. */
SMEW_API bool smew_machine_in(const struct smew_machine *machine, const char *path);

/* True when the machine would take a transition for this event now. */
SMEW_API bool smew_machine_can(struct smew_machine *machine, const struct smew_event *event);

/* The context: an object; lives until the next call that runs the machine. */
SMEW_API const struct smew_value *smew_machine_context(const struct smew_machine *machine);

/* In an action: sets a member of the context.  NO_MEMORY, INVALID. */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_set_number(struct smew_machine *machine,
                                                                const char *key, double number);
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_set_string(struct smew_machine *machine,
                                                                const char *key, const char *text);
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_set_bool(struct smew_machine *machine,
                                                              const char *key, bool truth);

/* In an action: puts an event into the machine's own internal queue.  LIMIT, NO_MEMORY. */
SMEW_API SMEW_MUST_USE enum smew_status smew_machine_raise(struct smew_machine *machine,
                                                           const char *event);

#ifdef __cplusplus
}
#endif
#endif
