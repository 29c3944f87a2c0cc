/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_WORLD_H
#define SMEW_CHART_WORLD_H

/*
 * A machine's scripts while it runs: the world is its session, and what the session has to know.
 *
 * SCXML: the session's variables are the data, for as long as the machine lives; when a macrostep
 * has come to its end, those that JSON can say are copied into the machine's context, where a
 * program, a snapshot and an undo find them.  A machine that goes on from a snapshot runs the
 * chart's global scripts again (functions are in no snapshot) and takes its variables from the
 * context.
 *
 * XState JSON: the context stays what it is, and each expression sees a copy of it, and of the
 * event.
 *
 * A world is made when the first script is evaluated; a machine whose chart has none has none.
 * All scripts of a family share the steps of one call.
 */

#include "chart/machine.h"

struct smew__world {
    const struct smew__script_engine *engine;
    struct smew__script_session *session;
    struct smew__script_result result; /* of the last evaluation */
    int64_t steps;                     /* left in this call */
    struct smew_value *output;         /* of a final state's done data */
    uint32_t event_serial;             /* of the event that the session knows */
    bool knows_event;
    bool dirty; /* variables may have changed since they were copied */
    bool fresh; /* the machine has just begun: nothing is taken from its context */
};

/* ---- world.c ------------------------------------------------------------------------- */

/* The machine's beginning: a fresh world, and the chart's data and global scripts. */
void smew__world_begin(struct smew_machine *machine);
void smew__world_free(struct smew_machine *machine);
/* Copies variables into the context; the macrostep has failed where that cannot be done. */
void smew__world_export(struct smew_machine *machine);
/* The world with everything that a script may look at; NULL: an error, which was dealt with. */
struct smew__world *smew__world_ready(struct smew_machine *machine);
/*
 * What an evaluation answered: true for OK.  Otherwise SCXML gets the event error.execution and
 * XState's machine fails; where the host has no memory or the session is dead, both fail.
 */
bool smew__world_settle(struct smew_machine *machine, enum smew_status status, const char *send_id);
/* The same for what is wrong with a result, in words.  Always false. */
bool smew__world_refuse(struct smew_machine *machine, enum smew_status status, const char *reason,
                        const char *send_id);
/* One evaluation; the result is the world's. */
bool smew__world_value(struct smew_machine *machine, struct smew__code code, const char *send_id);
/* … as a value of the caller's, who releases it; NULL: an error, which was dealt with. */
struct smew_value *smew__world_document(struct smew_machine *machine, struct smew__code code);
/* The same as text: a string as it is, anything else as JSON; `text` is cleared first. */
bool smew__world_text(struct smew_machine *machine, const struct smew__word *word,
                      struct smew__buffer *text, const char *send_id);

/* Done data: the event's message (NULL: no memory), and the output of a machine. */
const struct smew__message *smew__world_done(struct smew_machine *machine,
                                             const struct smew__state *state);
void smew__world_output(struct smew_machine *machine, const struct smew__state *state);
const struct smew_value *smew__world_result(const struct smew_machine *machine);

/* ---- result.c ------------------------------------------------------------------------ */

/* The world's result as JSON, appended. */
void smew__result_json(const struct smew__script_result *result, struct smew__buffer *text);
/* … and as a value of the caller's.  NO_MEMORY; SYNTAX: it nests too deep, or holds a NUL. */
enum smew_status smew__result_value(const struct smew__script_result *result,
                                    struct smew_value **value);
/* What is wrong with a result that is SYNTAX. */
extern const char smew__no_document[];

/* ---- script_act.c -------------------------------------------------------------------- */

bool smew__script_holds(struct smew_machine *machine, const struct smew__script *script);
bool smew__script_calls_guard(struct smew_machine *machine, const struct smew__guard *guard);
/* False: an error; the rest of the block is left undone.  `body`: of a list. */
bool smew__script_act(struct smew_machine *machine, const struct smew__script *script,
                      struct smew__run body);

/* ---- script_send.c ------------------------------------------------------------------- */

bool smew__script_send(struct smew_machine *machine, const struct smew__script *script);
bool smew__script_cancel(struct smew_machine *machine, const struct smew__script *script);
/* Is it W3C's type of SCXML?  NULL is. */
bool smew__script_knows_type(const char *type);

/* ---- script_invoke.c ----------------------------------------------------------------- */

/* What an invoke evaluates when it begins; false: an error. */
bool smew__script_invoke(struct smew__child *child);
/* An event is about to be handled: what invokes do with it first. */
void smew__script_receive(struct smew_machine *machine, const struct smew__message *message,
                          bool outside);
/* What a child sends its parent says so, where the parent's scripts may ask.  NULL: no memory. */
const struct smew__message *smew__script_signed(const struct smew_machine *machine,
                                                const struct smew__message *message);
/* Params as an object, or the value: JSON in `text`, empty where there is nothing.  False: an
   error that says that nothing may be sent. */
bool smew__script_payload(struct smew_machine *machine, const struct smew__script *script,
                          struct smew__buffer *text, const char *send_id);

#endif
