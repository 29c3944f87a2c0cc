/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_BUS_SCRIPT_H
#define SMEW_TESTS_BUS_SCRIPT_H

/*
 * Handlers that run where a test wants them: a node that sends messages to itself, and another one
 * that hosts "m", to which its handlers send numbers.
 */

#include "tests/bus/kit.h"

enum { BEFORE = 5, SCRIPT_LARGE = 100000 };

struct script {
    struct smew_bus *bus;               /* hosts "in", whose handler runs `run` */
    void (*run)(struct script *script); /* asserts nothing: it notes a status */
    struct smew_bus *host;              /* of "m" */
    const char *source;                 /* that its sends name; NULL: none */
    enum smew_on_full on_full;          /* of its sends */
    uint64_t next;                      /* number to send */
    enum smew_status status;            /* the first that was noted, other than OK */
    atomic_uint runs;                   /* handlers that returned, nearly */
    void *argument;
};

/* What "m" has seen. */
extern struct kit_log script_log;

/* Both nodes, and this thread's lane between them.  NULL options are fine. */
void script_open(struct script *script, const struct smew_bus_options *options);
/* The same with a heart that beats fast: what only heartbeats look after comes soon. */
void script_open_beating(struct script *script);
/* All that was sent has come, once and in its order, and is completed. */
void script_expect_all(struct script *script);
/* The same, and closes. */
void script_close(struct script *script);

/* The handler of "in"; user is the script. */
void script_handle(struct smew_bus *bus, const struct smew_message *message, void *user);
/* Asks for a handler, which runs in the next poll. */
void script_ask(struct script *script, void (*run)(struct script *script));
/* Runs one on this thread; nothing bad may be noted. */
void script_run(struct script *script, void (*run)(struct script *script));

/* ---- within a handler, or on any thread ---- */

void script_note(struct script *script, enum smew_status status);
/* Sends so many numbers. */
void script_say(struct script *script, unsigned count);
/* BEFORE of them, as a handler. */
void script_say_some(struct script *script);

/* One number in a payload of SCRIPT_LARGE bytes, above half a lane. */
void script_say_large(struct script *script);

/* ---- threads, which assert nothing ---- */

/* Polls a node often, where nothing is to be found; the argument is the node. */
void *script_look_often(void *host);
/* The host takes "m" over, and notes what comes; the argument is the script. */
void *script_take_over(void *argument);

/* ---- for support_wait_until() ---- */

/* Sends to "warm" on another node; did anything go into a lane?  The argument is the node. */
bool script_takes_lanes(void *bus);
/* Runs a handler that says some; did they go into a lane?  The argument is the script. */
bool script_says_in_lane(void *script);

#endif
