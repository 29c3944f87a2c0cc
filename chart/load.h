/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_LOAD_H
#define SMEW_CHART_LOAD_H

/*
 * Loading a chart from XState JSON, shared by the loader's files:
 *
 *     load_json.c         the text, jansson, positions, the two passes
 *     load_states.c       pass 1: the tree of states, their ids and kinds
 *     load_behavior.c     pass 2: what each state does, and its events and transitions
 *     load_actions.c      actions, by name and built in
 *     load_guards.c       guards
 *     load_invoke.c       services and machines that are invoked or spawned
 *     load_events.c       event names and messages
 *     load_values.c       literals
 *     load_script.c       texts of scripts, and literals with expressions in them
 *     load_targets.c      what a target, a path or an id refers to
 *     load_finish.c       growing arrays become the chart's, sorted and joined up
 *
 * Every function that can fail answers false, and then `status` and `error` say why: refusals
 * with the position of what is refused, or NO_MEMORY.  The first one counts.
 */

#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/suggest.h"
#include "base/table.h"
#include "chart/chart.h"
#include "chart/json.h"

enum {
    SMEW__NAME_MAX = 1000,                   /* bytes of a state's id, a path or an event name */
    SMEW__HINT_SIZE = SMEW__SUGGEST_MAX + 32 /* "; did you mean …" */
};

/* What pass 2 needs of a state beside its compiled form. */
struct smew__source {
    struct smew__json json;
    const char *path_id; /* "machine.parent.child": its id where it has none of its own */
};

struct smew__loader {
    struct smew_chart *chart;
    const struct smew_behavior *behavior;
    const char *name; /* what errors call the text */
    const char *text;
    size_t size;
    struct smew__marks marks;
    struct smew__arena scratch;  /* gone when the load is over */
    struct smew__buffer sources; /* struct smew__source, one a state */
    struct smew__table strings;  /* interned texts */
    struct smew__table ids;      /* id → state + 1 */
    struct smew__table children; /* parent and key → state + 1 */
    struct smew__buffer messages;
    uint32_t lists;             /* of a script that are open where the loader is */
    bool binds_late;            /* SCXML: data wait until their state is entered */
    const char *model;          /* SCXML: the data model's name, or NULL */
    struct smew__element *root; /* SCXML: the document, or the one in a document */
    uint32_t element_count;     /* SCXML: in the whole text */
    uint32_t generation;        /* SCXML: of documents around this one */
    /* What becomes the chart's arrays. */
    struct smew__buffer states;
    struct smew__buffer transitions;
    struct smew__buffer rows;
    struct smew__buffer targets;
    struct smew__buffer histories;
    struct smew__buffer guards;
    struct smew__buffer operands;
    struct smew__buffer actions;
    struct smew__buffer invokes;
    struct smew__buffer actors;
    struct smew__buffer events;
    enum smew_status status;
    struct smew_error *error;
};

/* Runs a load: `read` fills the chart of a loader with a name, a text and an error (load_json.c).
 */
enum smew_status smew__load(struct smew__loader *loader, bool (*read)(struct smew__loader *loader),
                            const struct smew_behavior *behavior, struct smew_chart **chart);

/* ---- failing (load_json.c) ----------------------------------------------------------- */

/* Refuses at the beginning of a value, or of its key: `NAME:LINE:COLUMN: SENTENCE`.  Always false.
 */
bool smew__refuse(struct smew__loader *loader, enum smew_status status, struct smew__json where,
                  const char *format, ...) SMEW_PRINTF(4, 5);
/* The same at a byte of the text, with SYNTAX. */
bool smew__refuse_offset(struct smew__loader *loader, size_t offset, const char *sentence);
bool smew__no_memory(struct smew__loader *loader); /* always false */
/*
 * A name that no table of the behaviour has (what: "action"): refused with the nearest one, or
 * told to on_missing and let pass (true) where the behaviour ignores missing names.
 */
bool smew__missing(struct smew__loader *loader, struct smew__json where, const char *what,
                   const struct smew__suggestion *near);

/* ---- growing arrays ------------------------------------------------------------------ */

#define SMEW__COUNT(buffer, type) ((uint32_t)((buffer).size / sizeof(type)))
#define SMEW__AT(buffer, type, index) (&((type *)(void *)(buffer).data)[index])

static inline struct smew__state *smew__loader_state(struct smew__loader *loader, uint32_t state)
{
    return SMEW__AT(loader->states, struct smew__state, state);
}

bool smew__push(struct smew__loader *loader, struct smew__buffer *array, const void *item,
                size_t size);

/* ---- shape (load_json.c) ------------------------------------------------------------- */

/* A member by name; `value` is NULL where there is none. */
struct smew__json smew__member(struct smew__loader *loader, struct smew__json json,
                               const char *key);
/* As smew__json_members(), failing with NO_MEMORY. */
bool smew__members(struct smew__loader *loader, struct smew__json json,
                   struct smew__json_member **members, size_t *count);
/* Refuses members whose names are not in the list, which ends with NULL. */
bool smew__only_members(struct smew__loader *loader, struct smew__json json, const char *what,
                        const char *const *allowed);
/* Refuses anything but a string that is not empty and not too long. */
bool smew__name_of(struct smew__loader *loader, struct smew__json json, const char *what,
                   const char **name);
/* The one copy of a text that the chart keeps; NULL: failed. */
const char *smew__intern(struct smew__loader *loader, const char *text, size_t size);

/* ---- scripts ------------------------------------------------------------------------- */

/* A text with a number of its own.  False: no memory. */
bool smew__load_code(struct smew__loader *loader, const char *text, struct smew__code *code);
/* A copy in the chart's arena; NULL: no memory.  The chart is scripted from then on. */
const struct smew__script *smew__load_script(struct smew__loader *loader,
                                             const struct smew__script *script);

/* XState's {"@expr": TEXT, "@lang": LANGUAGE}, or a literal with such inside? */
bool smew__has_expression(struct smew__json json);
/* The literal as one expression of the script; refuses what no engine of this build runs. */
bool smew__load_expression(struct smew__loader *loader, struct smew__json json,
                           struct smew__code *code);
/* … as the script of an action or a guard. */
const struct smew__script *smew__load_json_script(struct smew__loader *loader,
                                                  struct smew__json json,
                                                  enum smew__script_kind kind,
                                                  const struct smew__action *action);

/* ---- the parts ----------------------------------------------------------------------- */

bool smew__load_states(struct smew__loader *loader, struct smew__json root);
bool smew__load_behavior(struct smew__loader *loader);
bool smew__load_finish(struct smew__loader *loader);

/* One action, or an array of them, appended to the chart's actions. */
bool smew__load_actions(struct smew__loader *loader, struct smew__json json);
bool smew__load_guard(struct smew__loader *loader, struct smew__json json, uint32_t *guard);
/* A number of milliseconds, or the name of a delay. */
bool smew__load_delay(struct smew__loader *loader, struct smew__json json,
                      struct smew__delay *delay);
bool smew__delay_of_name(struct smew__loader *loader, struct smew__json where, const char *name,
                         struct smew__delay *delay);
bool smew__delay_of_number(struct smew__loader *loader, struct smew__json where, double ms,
                           struct smew__delay *delay);

/* A chart's or service's entry by its name, made when it is new (load_invoke.c). */
bool smew__load_actor(struct smew__loader *loader, struct smew__json where, const char *name,
                      uint32_t *number);
/* A state's invokes; what follows from their ends, as rows of the state (load_invoke.c). */
bool smew__load_invokes(struct smew__loader *loader, uint16_t state, struct smew__json json);
bool smew__load_invoke_rows(struct smew__loader *loader, uint16_t state, struct smew__json json);
bool smew__load_spawn(struct smew__loader *loader, struct smew__json json,
                      struct smew__action *action);
bool smew__load_stop(struct smew__loader *loader, struct smew__json json,
                     struct smew__action *action);
/*
 * The candidates for an event that is not written under `on`, in the place of those that are
 * (load_behavior.c).  The state's rows are the last ones and begin at its `rows.first`.
 */
bool smew__load_row(struct smew__loader *loader, uint16_t state, const char *event,
                    struct smew__json json);

/* A literal; `depth` counts from 0. */
bool smew__load_value(struct smew__loader *loader, struct smew__json json, unsigned depth,
                      const struct smew_value **value);
/* The program's own struct, read from the chart's context (at `where`): what machines begin with.
 */
bool smew__load_own(struct smew__loader *loader, struct smew__json where);
/* An object's members without the one called `except`, as JSON text in the arena; "" for none. */
bool smew__load_payload(struct smew__loader *loader, struct smew__json object, const char *except,
                        const char **payload);

/* The entry of an event name, made when it is new. */
bool smew__load_event(struct smew__loader *loader, const char *name, bool named, uint32_t *event);
/* A message with a JSON payload (a text of the arena, perhaps ""). */
bool smew__load_message(struct smew__loader *loader, const char *name, const char *payload,
                        const struct smew__message **message);

/* What a target refers to, seen from a state. */
bool smew__load_target(struct smew__loader *loader, uint16_t state, struct smew__json json,
                       uint16_t *target);
/* "#id", "#id.child" or a path below `from`; NO_STATE where there is none. */
uint16_t smew__find_state(struct smew__loader *loader, uint16_t from, const char *reference);
/* The state with that id, which is taken as it is; NO_STATE where there is none. */
uint16_t smew__state_of_id(struct smew__loader *loader, const char *id, size_t size);
/* The targets of one transition: a string, an array of strings, or nothing. */
bool smew__load_targets(struct smew__loader *loader, uint16_t state, struct smew__json json,
                        struct smew__run *targets);

/* Makes a state known by its id and by its parent and key; refuses an id that is taken. */
bool smew__register_state(struct smew__loader *loader, uint16_t state);
/* Adds a target to those that a transition has from `first` on. */
bool smew__push_target(struct smew__loader *loader, uint32_t first, uint16_t target);

#endif
