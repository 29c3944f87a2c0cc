/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_CHART_H
#define SMEW_CHART_CHART_H

/*
 * A compiled chart: flat arrays that refer to each other by small numbers.
 *
 * States are numbered in document order, so that a state's descendants are the run of numbers
 * behind it:
 *
 *     id      0     1       2      3       4     5
 *     state   root  ├ red   ├ on   │ ├ slow└ fast└ broken        end(on) = 5
 *
 * Which transitions a state offers for an event is a row (state, event, run of transitions); a
 * state's rows are sorted by event.  Every event descriptor that the chart uses is an entry of
 * `events`, wildcards included, and each entry names the next wider wildcard that matches it
 * (`wider`): an event is looked up once in the chart's table, and a state's candidates are its
 * rows along that chain, which is XState's "exact, then the longest wildcard".  An event that the
 * chart does not name enters the chain at the longest wildcard that matches it, or nowhere.
 *
 * What differs between XState JSON and SCXML is lowered by the loaders into this one form.  A
 * chart is immutable once loaded; machines in many threads read it without locks.
 */

#include <stdatomic.h>
#include <stdint.h>

#include <smew/chart.h>

#include "base/table.h"
#include "chart/arena.h"
#include "chart/script.h"
#include "chart/value.h"

enum {
    SMEW__NO_STATE = UINT16_MAX,
    SMEW__STATES_MAX = UINT16_MAX - 1, /* so that ids fit 16 bits */
    SMEW__DEPTH_MAX = 256,          /* of states, of values, of guards: what recurses is bounded */
    SMEW__DELAY_MAX_MS = INT32_MAX, /* as setTimeout's, 24.8 days */
    SMEW__HISTORY_WORDS_MAX = 1 << 20, /* 8 MiB a machine, twice */
    SMEW__OWN_MAX = 64 * 1024,         /* bytes of a program's own context */
    SMEW__HEIGHT_MAX = 16,             /* generations of machines: their calls nest */
    SMEW__ITERATIONS_MAX = 10000 /* of one event; a chart may say less or more (maxIterations) */
};
#define SMEW__NONE UINT32_MAX

/* A run of entries in one of the chart's arrays. */
struct smew__run {
    uint32_t first;
    uint32_t count;
};

/* What a script may ask of an event beside its name and data; texts are NULL where unknown. */
struct smew__origin {
    const char *type; /* "internal", "platform"; NULL: "external" */
    const char *send_id;
    const char *origin;    /* where an answer would go */
    const char *invoke_id; /* of the child that sent it */
    const char *target;    /* that the sender named: kept here for as long as the event */
};

/* An event that a chart raises or sends, or one that waits in a machine's queue. */
struct smew__message {
    struct smew_event event;
    uint32_t event_id; /* entry of `events`, or SMEW__NONE: no transition can want it */
    bool owned;        /* a machine's own copy, freed after use; otherwise the chart's */
    const struct smew__origin *origin; /* or NULL */
};

enum smew__state_kind {
    SMEW__ATOMIC,
    SMEW__COMPOUND,
    SMEW__PARALLEL,
    SMEW__FINAL,
    SMEW__HISTORY,
};

struct smew__state {
    const char *key;
    const char *id;
    uint8_t kind;
    bool deep;        /* a history state: of leaves, not of children */
    bool pseudo;      /* a history state: only an initial transition that is no plain child */
    bool implied;     /* a history state: its default is its parent's initial child */
    uint16_t parent;  /* SMEW__NO_STATE for the root */
    uint16_t end;     /* the first state behind its descendants */
    uint16_t depth;   /* the root's is 0 */
    uint16_t initial; /* a compound state's child, perhaps a history state */
    uint16_t slot;    /* a history state's place in a machine's memory */
    struct smew__run entry;
    struct smew__run exit;
    struct smew__run initial_actions; /* a history state: of its default */
    struct smew__run always;          /* transitions */
    struct smew__run rows;            /* event rows, sorted by event */
    struct smew__run defaults;        /* targets of a history state without memory */
    struct smew__run histories;       /* its history children, in `histories` */
    struct smew__run invokes; /* children that live while the state is active, in `invokes` */
    /* Compound and parallel: xstate.done.state.ID.  Final: its parent's, with this output. */
    const struct smew__message *done;
    const struct smew_value *output;
    const struct smew__script *done_data; /* Final: instead of its output, or NULL */
    const struct smew_value *tags;        /* an array, or NULL */
    const struct smew_value *meta;
};

struct smew__row {
    uint32_t event;
    struct smew__run transitions;
};

struct smew__transition {
    uint32_t guard; /* or SMEW__NONE */
    uint16_t source;
    bool reenter;
    bool has_target; /* one that has none changes no state */
    uint16_t first;  /* with a plan: its reach */
    uint16_t end;
    struct smew__run targets;
    struct smew__run actions;
    /* The states that it enters, then those of them by default; NULL: depends on the machine. */
    const uint64_t *plan;
};

enum smew__guard_kind {
    SMEW__GUARD_CALL,
    SMEW__GUARD_NEVER, /* a missing name that `smew check` lets pass */
    SMEW__GUARD_IN,
    SMEW__GUARD_AND,
    SMEW__GUARD_OR,
    SMEW__GUARD_NOT,
    SMEW__GUARD_SCRIPT, /* a condition of the chart's script */
};

struct smew__guard {
    enum smew__guard_kind kind;
    uint32_t state;            /* IN */
    struct smew__run operands; /* AND, OR, NOT: places in `operands` */
    smew_guard_fn holds;       /* CALL */
    const struct smew_value *params;
    const struct smew__script *script; /* SCRIPT: the condition; CALL: its params, or NULL */
};

enum smew__action_kind {
    SMEW__ACTION_CALL,
    SMEW__ACTION_ASSIGN,
    SMEW__ACTION_RAISE,
    SMEW__ACTION_SEND,
    SMEW__ACTION_CANCEL,
    SMEW__ACTION_LOG,
    SMEW__ACTION_EMIT,
    SMEW__ACTION_SPAWN,
    SMEW__ACTION_STOP,
    SMEW__ACTION_UNLESS, /* skips the next ones, unless its guard holds */
    SMEW__ACTION_SKIP,   /* skips the next ones */
    SMEW__ACTION_SCRIPT, /* something that evaluates */
    SMEW__ACTION_END,    /* of a block: where an error of a script goes on */
};

/* Who gets an event. */
enum smew__to {
    SMEW__TO_SELF,
    SMEW__TO_INTERNAL, /* itself, as if it were raised */
    SMEW__TO_PARENT,
    SMEW__TO_NAMED, /* a child of that id, else a machine on the bus */
    SMEW__TO_CHILD, /* only a child */
};

/* What an invoke or a spawn starts: one name of the behaviour. */
struct smew__actor {
    const char *name;
    struct smew_chart *chart;          /* a machine: the chart holds a reference */
    struct smew_named_service service; /* else; its functions may be NULL */
};

struct smew__invoke {
    const char *id;
    uint32_t actor;
    const struct smew_value *input;
    const struct smew__script *script; /* its type and input are evaluated; or NULL */
    struct smew__run finalize;         /* actions for each event that the child sent */
    bool forwards;                     /* events from outside go to the child too */
};

/* When a raised or sent event is due. */
struct smew__delay {
    bool delayed;
    uint64_t ns;
    smew_delay_fn named; /* asked instead of ns */
};

/* What a chart says either in so many words or by an expression; both NULL: not at all. */
struct smew__word {
    const char *text;
    struct smew__code code;
};

struct smew__param {
    const char *name;
    struct smew__code code;
};

enum smew__script_kind {
    SMEW__SCRIPT_RUN,    /* statements */
    SMEW__SCRIPT_ASSIGN, /* a place gets a value … */
    SMEW__SCRIPT_DATA,   /* … a variable, when the chart begins or its state is first entered */
    SMEW__SCRIPT_EACH,   /* the next actions for each element of a list */
    SMEW__SCRIPT_LOG,
    SMEW__SCRIPT_SEND,
    SMEW__SCRIPT_CANCEL,
    SMEW__SCRIPT_VALUE, /* of a condition, of done data, of params */
    /* XState's actions, with expressions in them: */
    SMEW__SCRIPT_JSON_ASSIGN,
    SMEW__SCRIPT_JSON_LOG,
    SMEW__SCRIPT_JSON_SEND, /* raise, sendTo, emit */
    SMEW__SCRIPT_JSON_CALL,
};

/* Something that evaluates.  In a chart's arena. */
struct smew__script {
    enum smew__script_kind kind;
    struct smew__word value; /* what is evaluated; with both: the text where the code is wrong */
    const char *place;       /* ASSIGN, DATA; EACH: the item's; SEND: where its id is put */
    const char *index;       /* EACH; LOG: the label */
    uint32_t depth;          /* EACH: of lists around it */
    bool late;               /* DATA: when its state is first entered */
    struct smew__word event; /* SEND … */
    struct smew__word target;
    struct smew__word type;
    struct smew__word delay;          /* JSON_SEND too */
    struct smew__word id;             /* CANCEL too */
    const struct smew__param *params; /* SEND, done data */
    uint32_t param_count;
    uint32_t strict_count;             /* SEND: the first ones, without which nothing is sent */
    const struct smew__action *action; /* JSON_SEND, JSON_CALL: what is said in so many words */
};

struct smew__action {
    enum smew__action_kind kind;
    smew_action_fn run;                  /* CALL; NULL does nothing */
    bool late;                           /* CALL: one of the behaviour's effects */
    const struct smew_value *value;      /* CALL: params; ASSIGN: members; LOG: arguments */
    const struct smew__message *message; /* RAISE, SEND, EMIT */
    enum smew__to to;                    /* SEND */
    const char *target;                  /* SEND: TO_NAMED's id; STOP: the child's */
    const char *send_id;                 /* RAISE, SEND, CANCEL: interned, or NULL */
    uint32_t invoke;                     /* SPAWN: place in `invokes` */
    uint32_t guard;                      /* UNLESS */
    uint32_t skip;                       /* UNLESS, SKIP: how many; a list's SCRIPT: its body */
    const struct smew__script *script;   /* SCRIPT */
    struct smew__delay delay;
};

struct smew__event_entry {
    const char *name; /* as the chart writes it: "coin", "coin.*", "*" */
    size_t size;
    uint32_t id;
    uint32_t wider; /* the longest other wildcard that matches it, or SMEW__NONE */
    bool wildcard;
    bool named;                /* some `on` has it: what smew_chart_event() lists */
    struct smew__message bare; /* the event of that name without a payload: for whoever raises it */
};

struct smew_chart {
    _Atomic uint32_t references;
    struct smew__arena arena;
    const char *id;
    const struct smew_value *context;
    const struct smew_value *output;
    struct smew__state *states;
    uint32_t state_count;
    struct smew__transition *transitions;
    uint32_t transition_count;
    struct smew__row *rows;
    uint32_t row_count;
    uint16_t *targets;
    uint16_t *histories;
    uint32_t history_count;
    struct smew__guard *guards;
    uint32_t *operands; /* guards' operands: numbers of guards */
    struct smew__action *actions;
    uint32_t action_count;
    struct smew__invoke *invokes;
    uint32_t invoke_count;
    struct smew__actor *actors;
    uint32_t actor_count;
    uint32_t height; /* generations of machines below: 0 without child machines */
    struct smew__event_entry **events;
    uint32_t event_count;
    const char **event_names; /* sorted, without wildcards */
    uint32_t event_name_count;
    struct smew__table by_name;   /* every entry by its whole name */
    struct smew__table by_prefix; /* "foo" for the entry "foo.*" */
    uint32_t anything;            /* the entry "*", or SMEW__NONE */
    uint32_t *index;              /* of all entries, by smew__event_hash(); plan.c */
    uint32_t index_mask;
    uint64_t *plans;         /* of transitions; NULL: there are none */
    uint64_t *wanted;        /* for each state a set of events; NULL: too large.  plan.c */
    uint32_t wanted_words;   /* of a state's */
    uint64_t *leaves;        /* the set of states without children */
    uint32_t leaf_max;       /* leaves that can be active at once */
    bool overlapping;        /* targets exclude each other somewhere: then all of them */
    uint32_t iterations_max; /* microsteps until an event must have come to rest */
    bool has_always;
    bool scxml;                /* W3C's reading where it differs from XState's */
    bool scripted;             /* something in it evaluates */
    bool receives;             /* some invoke finalizes or forwards */
    struct smew__run prologue; /* actions before anything is entered: data, global scripts */
    uint32_t code_count;       /* texts of scripts, numbered from 0 */
    int64_t script_steps;      /* of a call */
    size_t script_bytes;       /* of a machine */
    /* The program's own struct in each machine, see smew_behavior and chart/own.c. */
    size_t own_bytes; /* 0: none */
    const void *own;  /* what new machines begin with */
    bool (*read_own)(void *context, const struct smew_value *from);
    size_t (*write_own)(const void *context, char *buffer, size_t size_bytes);
};

/* The entry where an event's chain of candidates begins, or SMEW__NONE. */
uint32_t smew__chart_event_id(const struct smew_chart *chart, const char *name, size_t size);

/* The longest wildcard that matches a name, other than the entry `except`; or SMEW__NONE. */
uint32_t smew__chart_wildcard(const struct smew_chart *chart, const char *name, size_t size,
                              uint32_t except);

/* The state with this path below `from` ("on.fast"; a backslash escapes a dot), or NO_STATE. */
uint16_t smew__chart_path(const struct smew_chart *chart, uint16_t from, const char *path);

static inline bool smew__is_below(const struct smew_chart *chart, uint32_t state, uint32_t ancestor)
{
    return state > ancestor && state < chart->states[ancestor].end;
}

/* A chart with one reference and nothing in it, for a loader to fill; NULL: no memory. */
struct smew_chart *smew__chart_create(void);

#endif
