/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_CHART_ORACLE_SKETCH_H
#define SMEW_TESTS_CHART_ORACLE_SKETCH_H

/*
 * A *sketch* is a chart as plain arrays, small enough to be copied: what the generator makes, the
 * printers write down and the interpreter runs.  It shares nothing with the engine's own tables.
 *
 * States are numbered in document order; 0 is the root, whose id is "m", the others are "s1", "s2"
 * and so on.  A state's descendants are those behind it up to, and without, its `end`.  What a
 * member called `gone` marks was taken out when a failing sketch was made smaller, and is skipped
 * by everybody.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smew/export.h>

enum {
    SKETCH_STATES = 26,
    SKETCH_TRANSITIONS = 80,
    SKETCH_GUARDS = 200,
    SKETCH_ACTIONS = 400,
    SKETCH_TARGETS = 3,
    SKETCH_DESCRIPTORS = 2,
    SKETCH_STEPS = 16,
    SKETCH_NONE = -1,
    SKETCH_NAME = 40, /* bytes, of an event or a mark */
};

enum sketch_language { SKETCH_JSON = 0, SKETCH_SCXML };

enum sketch_kind {
    SKETCH_ATOMIC = 0,
    SKETCH_COMPOUND,
    SKETCH_PARALLEL,
    SKETCH_FINAL,
    SKETCH_SHALLOW, /* history */
    SKETCH_DEEP,
};

/* Members of an array, one after the other. */
struct sketch_run {
    int first;
    int count;
};

/* NONE stands for a guard that is not there. */
struct sketch_guard {
    enum {
        SKETCH_IS_IN = 0, /* `value` is the state */
        SKETCH_IS_CONST,  /* `value` is 0 or 1 */
        SKETCH_IS_LESS,   /* the counter < `value`; JSON only */
        SKETCH_IS_NOT,    /* `left` */
        SKETCH_IS_AND,
        SKETCH_IS_OR,
    } kind;
    int value;
    int left; /* guards */
    int right;
};

struct sketch_action {
    enum {
        SKETCH_MARK = 0, /* writes `letter` and `value` to the log: "+s3", "~s7" */
        SKETCH_RAISE,    /* `event`, into the internal queue */
        SKETCH_SEND,     /* `event`, to itself from outside */
        SKETCH_LATER,    /* `event` after `value` ms, by the id `id` */
        SKETCH_CANCEL,   /* what waits by the id `id` */
        SKETCH_COUNT,    /* one more; JSON only */
        SKETCH_ZERO,     /* the counter is 0 again; JSON only */
    } kind;
    char letter;
    int value;
    int id;
    int guard;         /* of a mark in SCXML, or NONE */
    const char *event; /* static text */
    bool gone;
};

struct sketch_transition {
    enum {
        SKETCH_ON = 0, /* an event */
        SKETCH_ALWAYS,
        SKETCH_ON_DONE, /* of the state `done_of` */
        SKETCH_AFTER,   /* `delay_ms`; JSON only */
    } kind;
    int source;
    const char *descriptors[SKETCH_DESCRIPTORS]; /* static; JSON has one, the unused are NULL */
    int done_of;
    int delay_ms;
    int guard;
    int targets[SKETCH_TARGETS];
    int target_count;
    bool again; /* JSON: reenter; SCXML: external */
    struct sketch_run actions;
    bool gone;
};

struct sketch_state {
    enum sketch_kind kind;
    int parent; /* NONE for the root */
    int end;
    /* Where a compound state begins, or a history state that remembers nothing.  JSON's history
     * may have none. */
    int targets[SKETCH_TARGETS];
    int target_count;
    struct sketch_run initial; /* what those do */
    struct sketch_run entry;
    struct sketch_run leave;
    struct sketch_run transitions; /* in document order */
    bool gone;
};

struct sketch {
    enum sketch_language language;
    int limit;    /* of microsteps; JSON only */
    bool effects; /* marks are: those of a start that fails are not seen; JSON only */
    struct sketch_state states[SKETCH_STATES];
    int state_count;
    struct sketch_transition transitions[SKETCH_TRANSITIONS];
    int transition_count;
    struct sketch_guard guards[SKETCH_GUARDS];
    int guard_count;
    struct sketch_action actions[SKETCH_ACTIONS];
    int action_count;
};

/* What is sent, or how much time passes when `event` is NULL. */
struct sketch_step {
    const char *event;
    int advance_ms;
};

struct sketch_script {
    struct sketch_step steps[SKETCH_STEPS];
    int count;
};

/* The events that scripts and actions send; the list ends with NULL. */
extern const char *const sketch_events[];

/* ---- asking -------------------------------------------------------------------------- */

bool sketch_is_history(const struct sketch *sketch, int state);
/* A proper descendant. */
bool sketch_is_below(const struct sketch *sketch, int state, int ancestor);
/* Is any of those actions still there? */
bool sketch_acts(const struct sketch *sketch, struct sketch_run actions);
/* "m" or "s7".  The text is static and lives until the eighth call from now; one thread. */
const char *sketch_name(int state);

/* ---- random -------------------------------------------------------------------------- */

struct sketch_random {
    uint64_t state;
};
/* From 0 to below - 1. */
int sketch_below(struct sketch_random *random, int below);
bool sketch_chance(struct sketch_random *random, int percent);

/* A valid chart: the same for the same language and state of `random`. */
void sketch_make(struct sketch *sketch, enum sketch_language language,
                 struct sketch_random *random);

/* ---- printing ------------------------------------------------------------------------ */

struct sketch_text {
    char bytes[128 * 1024]; /* terminated; a sketch is much smaller */
    size_t size;
};

/* Begin with an empty text. */
void sketch_print_json(const struct sketch *sketch, struct sketch_text *text);
void sketch_print_scxml(const struct sketch *sketch, struct sketch_text *text);
void sketch_write(struct sketch_text *text, const char *format, ...) SMEW_PRINTF(2, 3);

#endif
