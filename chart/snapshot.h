/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_SNAPSHOT_H
#define SMEW_CHART_SNAPSHOT_H

/*
 * Snapshots: a family at rest as a JSON document.
 *
 *     {"smew": 1, "chart": ID, "serials": N, "timers": [TIMER, …], "machine": MACHINE}
 *
 *     MACHINE   "status": "new" | "active" | "done" | "error" | "stopped"
 *               "active": [PATH, …]         in document order
 *               "line": [PATH, …]           active leaves in the order of their entry
 *               "illegal": true             where targets excluded each other
 *               "history": {PATH: [PATH, …]}
 *               "context": {…}
 *               "own": the program's own struct, as that writes it
 *               "failure", "error"          status and error of one that failed
 *               "queue": [EVENT, …]
 *               "children": [CHILD, …]      in the order in which they were added
 *     CHILD     "id", "source", "serial", "orphan": true, and
 *               "machine": MACHINE or "status": a service's
 *     TIMER     "machine": serial of the child that set it, 0 the root
 *               "in_ns": how long until it is due
 *               "event": EVENT, "id", "cancellable": true
 *               "to": "self" | "parent" | a child's serial | {"named": id}
 *     EVENT     "type", "text": payload, or "hex" where it is not text, "content": a number
 *               "kind": "internal" | "platform", "sendid", "origin", "invokeid": as W3C's _event
 * has "raised": true              in a queue: it comes before those from outside
 *
 * Members that say nothing (empty, false) are left out.  A PATH is dotted, from
 * the root, whose own is empty: a snapshot outlives a change of the chart which keeps its states.
 * It is as hostile as any file: every name is looked up, every number checked, and what does not
 * fit is refused as a whole.
 */

enum {
    SMEW__SNAPSHOT_VERSION = 1,
    SMEW__PATH_SIZE = 2048 + 256 /* the loader bounds names; each dot in them is escaped */
};

#endif
