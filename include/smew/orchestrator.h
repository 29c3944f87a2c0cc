/* SPDX-License-Identifier: MIT */
#ifndef SMEW_ORCHESTRATOR_H
#define SMEW_ORCHESTRATOR_H

/*
 * The event-bus orchestrator: runs machines of charts on a pool of event buses (threads).
 *
 * A machine always runs on the same event bus, one event at a time, in the order in which its
 * events arrived; different machines run side by side.  It claims the machines' ids on a bus
 * node, takes their messages straight from it (no smew_bus_poll() needed), and completes each
 * when the transition is complete.  A request is answered with JSON:
 *
 *     {"old":"red","new":"green","handled":true,"changed":true,"time_ns":1234}
 *
 * or fails: STOPPED when the machine is done or has failed, REJECTED for one machine too many.
 *
 * A *virtual machine* comes to life on the first event for an id that matches a hosted pattern.
 * What machines send goes through the node's outbox, after the transition.
 *
 * Reserved event: a request "smew.inspect" to a machine looks at it and changes nothing; it fails
 * with NOT_FOUND for a virtual machine that has not come to life:
 *
 *     {"id":"pkg:vim","chart":"package","state":"on.fast","events":7,"done":false,
 *      "value":{"on":"fast"},"context":{…},"failed":false,"transitions":5,"unhandled":2,
 *      "since_ms":81,"accepts":["STOP"],"chart_events":["GO","STOP"]}
 *
 * Reserved topic "smew.transition:ID" (ids up to 239 bytes): what every event did to machine ID is
 * published there when somebody subscribed (`smew watch`), and costs nothing when nobody did.
 * `event` is "after" for a timer, `at` the wall clock in nanoseconds:
 *
 *     {"id":"light","event":"GO","old":"red","new":"green","handled":true,"changed":true,
 *      "time_ns":1234,"at":1700000000000000000}
 *
 * A machine that sends to an id that refuses it gets "error.communication", and the node's
 * dead-letter hook the message.
 *
 * All functions: any thread, outside of handlers and machines' callbacks (WOULD_DEADLOCK; stats
 * may be asked for anywhere).  None waits for ever: for a machine to start or to stop they wait
 * at most 5 s.
 */

#include <smew/bus.h>
#include <smew/chart.h>

#ifdef __cplusplus
extern "C" {
#endif

struct smew_orchestrator;

struct smew_orchestrator_options {
    size_t size;           /* sizeof(struct smew_orchestrator_options) */
    uint32_t event_buses;  /* threads; default: one for each core, at most 64 */
    uint32_t machines_max; /* default 10,000,000 */
};
#define SMEW_ORCHESTRATOR_OPTIONS_INIT SMEW_SIZED(struct smew_orchestrator_options)

/* The bus must outlive the orchestrator.  One orchestrator a bus node (BUSY).  NO_MEMORY. */
SMEW_API SMEW_MUST_USE enum smew_status
smew_orchestrator_create(struct smew_bus *bus, const struct smew_orchestrator_options *options,
                         struct smew_orchestrator **orchestrator, struct smew_error *error);

/*
 * Gives every claim back, finishes what arrived until the deadline, returns the rest to its
 * senders (who look for the next host), stops the machines, frees.  It waits beyond the deadline
 * only for an event that a machine is at.  NULL is fine; once, when no other thread uses it.
 */
SMEW_API void smew_orchestrator_destroy(struct smew_orchestrator *orchestrator,
                                        uint32_t timeout_ms);

/*
 * Hosts a chart under an id (starts its machine at once, when the claim is ours) or under a
 * pattern with a trailing '*' (starts a machine at the first event for each id).  `user` is
 * what C callbacks get.  Statuses as smew_bus_register(); LIMIT: the machine never came to rest,
 * TIMEOUT: its event bus is busy; then nothing is hosted.
 */
SMEW_API SMEW_MUST_USE enum smew_status
smew_orchestrator_host(struct smew_orchestrator *orchestrator, const char *id,
                       struct smew_chart *chart, void *user,
                       const struct smew_register_options *options, struct smew_error *error);

/*
 * Gives a hosted id or pattern back and stops its machines, behind what arrived before.  NOT_FOUND.
 * TIMEOUT: a machine is still at an event, and `user` must live on until the orchestrator's end.
 */
SMEW_API SMEW_MUST_USE enum smew_status
smew_orchestrator_stop(struct smew_orchestrator *orchestrator, const char *id);

struct smew_orchestrator_stats {
    uint64_t events;
    uint64_t transitions;
    uint64_t unhandled; /* events without a transition */
    uint64_t machines;  /* alive now */
    uint64_t started;
    uint64_t failed; /* stopped by a limit or by want of memory */
};

SMEW_API SMEW_MUST_USE enum smew_status
smew_orchestrator_stats(struct smew_orchestrator *orchestrator,
                        struct smew_orchestrator_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
