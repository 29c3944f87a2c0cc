/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_SCRIPT_H
#define SMEW_CHART_SCRIPT_H

/*
 * What smew wants of a script engine.
 *
 * A *session* is one machine's world of a language: its variables, its functions and its memory,
 * which nobody else can reach.  It belongs to the thread that runs the machine.  Texts go in;
 * truths and JSON come out.  Nothing that a text does can hang or exhaust the host: whatever is
 * done counts steps, which the session takes from a counter of its host, and memory is bounded.
 *
 * What every function that runs a text answers:
 *
 *     OK
 *     REJECTED   the text is wrong or has thrown; smew__script_reason() says what
 *     LIMIT      its steps, memory, stack or the size of its result came to an end; the session
 *                goes on, and nothing else of it has changed
 *     STOPPED    the engine itself did not come back in time, or broke: the session is dead, and
 *                answers STOPPED from now on
 *     NO_MEMORY  the host's memory; the session goes on
 *
 * Steps are basic blocks of the engine: the same text on the same data takes the same number of
 * them on every run of the same build, whatever the clock says.
 *
 * A file script_ENGINE.c holds an engine; smew__script_engine() answers the one that was built.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <smew/status.h>

#include "base/buffer.h"

/* A text to run.  Those of a chart have numbers from 0, for the session's cache; others NONE. */
struct smew__code {
    const char *text; /* NULL: there is none */
    uint32_t number;
};
#define SMEW__CODE_NONE UINT32_MAX

/* What a session may ask for and use. */
struct smew__script_host {
    bool (*in)(void *owner, const char *state); /* In(): is a state with that id active? */
    void *owner;
    int64_t *steps;         /* left; each call takes what it used, and it may end below 0 */
    const uint64_t *now_ns; /* what Date.now() says */
    uint64_t seed;          /* of Math.random() */
    size_t memory_bytes;    /* most that it may hold */
};

enum smew__script_type {
    SMEW__SCRIPT_NOTHING, /* undefined, a function */
    SMEW__SCRIPT_BOOL,
    SMEW__SCRIPT_NUMBER, /* finite */
    SMEW__SCRIPT_STRING, /* in `text`, terminated, without NUL inside, UTF-8 */
    SMEW__SCRIPT_JSON,   /* anything else, in `text`, terminated */
};

/* A result; `text` is the caller's, to be initialised before and released after. */
struct smew__script_result {
    enum smew__script_type type;
    bool truth;
    double number;
    struct smew__buffer text;
};

struct smew__script_session;

struct smew__script_engine {
    const char *language; /* "ecmascript" */
    /* The host is copied.  NO_MEMORY, LIMIT (no room for the engine itself). */
    enum smew_status (*create)(const struct smew__script_host *host,
                               struct smew__script_session **session);
    void (*destroy)(struct smew__script_session *session);
    /* Statements, in the world's outermost scope: what they declare stays. */
    enum smew_status (*run)(struct smew__script_session *session, struct smew__code code);
    /* An expression's truth, or its value. */
    enum smew_status (*test)(struct smew__script_session *session, struct smew__code code,
                             bool *truth);
    enum smew_status (*value)(struct smew__script_session *session, struct smew__code code,
                              struct smew__script_result *result);
    /* A variable that can be read and assigned; `system`: it can only be read, and is not listed.
       NULL: it is undefined.  One that is there already gets the value. */
    enum smew_status (*set)(struct smew__script_session *session, const char *name,
                            const char *json, size_t size, bool system);
    /* An expression that stands for a place gets an expression's value.  `place_of` has room for
       nothing that is not there: an assignment to what was never declared is REJECTED. */
    enum smew_status (*assign)(struct smew__script_session *session, const char *place,
                               struct smew__code code);
    /* A list's elements, one after the other, into variables: begins at 0.  `depth` tells lists
       inside each other apart.  `index` may be NULL. */
    enum smew_status (*each)(struct smew__script_session *session, struct smew__code code,
                             const char *item, const char *index, uint32_t depth, uint32_t *count);
    enum smew_status (*next)(struct smew__script_session *session, const char *item,
                             const char *index, uint32_t depth, uint32_t at);
    /* Visits every variable that is not a system's, in the order in which they came to be; values
       that JSON has no word for are NOTHING.  The visitor runs no text; its first failure ends it.
     */
    enum smew_status (*list)(struct smew__script_session *session,
                             enum smew_status (*visit)(void *user, const char *name,
                                                       const struct smew__script_result *result),
                             void *user);
    /* What the last REJECTED, LIMIT or STOPPED was about; lives until the next call. */
    const char *(*reason)(const struct smew__script_session *session);
};

/* The engine that this build has, or NULL. */
const struct smew__script_engine *smew__script_engine(void);

enum {
    SMEW__SCRIPT_MEMORY_BYTES = 8 * 1024 * 1024, /* a session, unless its chart says otherwise */
    SMEW__SCRIPT_TEXT_BYTES = 1024 * 1024        /* of one result */
};
/* Of all the scripts of a family in one call, unless the chart says otherwise. */
#define SMEW__SCRIPT_STEPS INT64_C(50000000)

#endif
