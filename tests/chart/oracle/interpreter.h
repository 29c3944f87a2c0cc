/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_CHART_ORACLE_INTERPRETER_H
#define SMEW_TESTS_CHART_ORACLE_INTERPRETER_H

/*
 * A slow interpreter of sketches, written from "Algorithm for SCXML Interpretation" in W3C's
 * recommendation and not from the engine: its procedures have the recommendation's names and do
 * what the text says, with arrays that are walked from end to end.
 *
 * For JSON it differs where ../shared/conformance says that XState v5 does; each such place asks
 * for the language and says what XState does.
 */

#include "tests/chart/oracle/sketch.h"

enum { ORACLE_QUEUE = 256, ORACLE_TIMERS = 64, ORACLE_LOG = 64 * 1024 };

enum oracle_life {
    ORACLE_ACTIVE = 0,
    ORACLE_DONE,
    ORACLE_FAILED, /* JSON: came to the chart's limit of microsteps */
    ORACLE_BEYOND, /* what is not compared, see interpreter.c */
};

struct oracle_event {
    char name[SKETCH_NAME];
};

struct oracle_queue {
    struct oracle_event events[ORACLE_QUEUE];
    int first;
    int end;
};

struct oracle_timer {
    struct oracle_event event;
    char id[SKETCH_NAME];
    bool cancellable;
    uint64_t due_ms;
    uint64_t order; /* first in first out on ties */
};

struct oracle_log {
    char text[ORACLE_LOG]; /* "+s1@A -s2@A", a mark and, for JSON, its event */
    size_t size;
};

/* A set of states. */
struct oracle_states {
    bool has[SKETCH_STATES];
};

/* May be copied; begin with zeros, the sketch and the log. */
struct oracle {
    const struct sketch *sketch;
    struct oracle_log *log;
    enum oracle_life life;
    struct oracle_states configuration;
    uint64_t entered[SKETCH_STATES]; /* active states in the order in which they were entered */
    uint64_t entries;
    struct oracle_states remembers; /* history states that have a value */
    struct oracle_states history[SKETCH_STATES];
    int counter;
    bool counted; /* by the microstep that is under way */
    uint64_t now_ms;
    struct oracle_event event; /* the one that is being processed */
    struct oracle_queue internal;
    struct oracle_queue external;
    struct oracle_timer timers[ORACLE_TIMERS];
    int timer_count;
    uint64_t timer_order;
};

/*
 * Each runs until the machine is at rest, and writes what the actions did to the log.  After that
 * the life says whether there is something to compare.  A machine that is not active does nothing.
 */
void oracle_start(struct oracle *oracle);
void oracle_send(struct oracle *oracle, const char *event);
void oracle_advance(struct oracle *oracle, uint64_t by_ms);

/* Would the event do something now, be it only an action? */
bool oracle_can(const struct oracle *oracle, const char *event);

/* ---- between its files --------------------------------------------------------------- */

/* Transitions in the order in which they were selected. */
struct oracle_enabled {
    const struct sketch_transition *transitions[SKETCH_STATES];
    int count;
};

/* interpreter_select.c */
void oracle_select_eventless(const struct oracle *oracle, struct oracle_enabled *enabled);
void oracle_select(const struct oracle *oracle, const char *event, struct oracle_enabled *enabled);
bool oracle_condition(const struct oracle *oracle, int guard);
/* The states whose descendants are left and entered; NONE is above the root. */
int oracle_domain(const struct oracle *oracle, const struct sketch_transition *transition);
/* The states that the targets stand for, with history looked up. */
void oracle_effective_targets(const struct oracle *oracle, const int *targets, int count,
                              struct oracle_states *effective);
void oracle_exit_set(const struct oracle *oracle, const struct oracle_enabled *enabled,
                     struct oracle_states *leaving);

/* interpreter_enter.c */
struct oracle_entry {
    struct oracle_states states;
    struct oracle_states by_default;                 /* their initial transition is taken */
    const struct sketch_run *history[SKETCH_STATES]; /* content of a history's default, by parent */
};
void oracle_initial_entry(const struct oracle *oracle, struct oracle_entry *entry);
void oracle_entry_set(const struct oracle *oracle, const struct oracle_enabled *enabled,
                      struct oracle_entry *entry);

#endif
