/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_DUKTAPE_WINDOW_H
#define SMEW_CHART_DUKTAPE_WINDOW_H

/*
 * The engine may run only in a *window*, which counts its steps, its memory and its stack, and can
 * be left from anywhere inside the engine.
 *
 * Code of ours that runs in a window owns nothing that leaving it so could lose: what must survive
 * belongs to the session or to the caller.
 */

#include <setjmp.h>

#include "chart/script.h"

enum {
    SMEW__LIST_MAX = 100000, /* elements that <foreach> goes through */
    SMEW__REASON_SIZE = 200
};

/* Before each piece of the session's memory; malloc's alignment is kept. */
struct smew__script_block {
    struct smew__script_block *next;
    struct smew__script_block *previous;
    size_t size;
    size_t unused;
};

struct smew__script_session {
    struct smew__script_host host;
    struct duk_hthread *context;      /* a duk_context */
    struct smew__script_block blocks; /* a ring, this one included */
    size_t used_bytes;
    uint64_t chance;
    jmp_buf out;
    const char *stack; /* where the window was opened */
    bool dead;
    bool refused; /* in this window: memory of the session's own limit … */
    bool starved; /* … or of the host */
    char reason[SMEW__REASON_SIZE];
};

/* What a window does, and with what. */
struct smew__script_job {
    struct smew__script_session *session;
    int (*run)(struct duk_hthread *context, void *job); /* a duk_ret_t */
    struct smew__code code;
    const char *name;  /* of a variable or place */
    const char *index; /* of another one */
    const char *json;
    size_t size;
    uint32_t depth;
    uint32_t at;
    bool system;
    bool truth;
    bool too_big;
    uint32_t count;
    struct smew__script_result *result;
    enum smew_status (*visit)(void *user, const char *name,
                              const struct smew__script_result *result);
    void *user;
    enum smew_status visited;
};

/* The session whose window is open in this thread, or NULL. */
struct smew__script_session *smew__window_session(void);

/* A session with an engine in it, which has run nothing yet.  NO_MEMORY, LIMIT. */
enum smew_status smew__window_create(const struct smew__script_host *host,
                                     struct smew__script_session **session);
void smew__window_destroy(struct smew__script_session *session); /* NULL is fine */
/* In a window: are its steps, or is memory what the last error was about? */
bool smew__window_is_used_up(const struct smew__script_session *session);
/* Runs a job; the answers are those of chart/script.h. */
enum smew_status smew__window_run(struct smew__script_session *session,
                                  struct smew__script_job *job);

#endif
