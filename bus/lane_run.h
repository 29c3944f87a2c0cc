/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_LANE_RUN_H
#define SMEW_BUS_LANE_RUN_H

/*
 * Messages that are run where they are read.  When nothing else is due the poller takes a plain
 * record (serialization/record_plain.h) of a lane, checks its private copy, and calls its handler
 * at once: with no block of memory, no list, and no lock of the node.  What the node has to know
 * is noted when the turn is over.
 *
 *              begin              read, check            its handler returned OK
 *     (none) ────────► BETWEEN ◄──────────────► WORKING ────────────────────────► BETWEEN
 *        ▲               │ nothing to read,        │ somebody wants the lanes, or the handler holds
 *        │ end           │ or nothing plain        │ its message, or sends through the outbox
 *        └───────────────┘                         ▼
 *        └──── its handler returned ──────────── OVER: the message is an ordinary delivery
 *
 * `reading` (lane_turn.h) is given back for as long as a handler is at work, so nobody waits for a
 * slow one.  Who takes it ends the run first: what was handled is completed, and the message at
 * work becomes a delivery of the intake, which its handler's return completes.  So whoever looks at
 * lanes or deliveries under their locks finds no run, but for smew__intake_busy(), which says "yes"
 * for any id while there is one, and is asked again when it is over.
 *
 * Which handler an id has is kept with the lane, by the id's number, for as long as
 * bus->registered has not changed.  What a header says is found out once for records in a row that
 * say the same but for number and body: size, names, handler, time; each record's header CRC and
 * body are checked, whatever was said before.  The order of a pair (G5): nothing is due when a run
 * begins, and there is no barrier in the lane.
 *
 * Death: nothing is completed before its handler returned, as ever.
 */

#include "bus/lane_in.h"

/* May messages of this lane be run?  Then a run has begun.  `reading` and the node's lock held. */
bool smew__lane_run_begin(struct smew__lane_in *lane);
/*
 * Runs what may be run, up to pass->most and pass->runs, and ends the run.  With `reading` held and
 * not the node's lock.
 */
enum smew__lane_run_end {
    SMEW__LANE_RUN_EMPTY, /* nothing more was there */
    SMEW__LANE_RUN_TURN,  /* that was a turn, or something else is due */
    SMEW__LANE_RUN_OTHER, /* what is next is not to be run, but taken */
    SMEW__LANE_RUN_GONE,  /* `reading` was taken by others, and the lane may be gone */
};
enum smew__lane_run_end smew__lane_run(struct smew__lane_in *lane, struct smew__lane_pass *pass);

/* Ends the run of whoever is at work.  With `reading` and the node's lock held. */
void smew__lane_run_stop(struct smew_bus *bus);

/*
 * The message that the calling thread's handler handles becomes a delivery of the intake that stays
 * where it is; NULL: out of memory.  Without a lock.
 */
struct smew_message *smew__lane_run_keep(struct smew_bus *bus);

enum smew_status smew__lane_run_init(struct smew__lane_run *run); /* NO_MEMORY */
void smew__lane_run_fini(struct smew__lane_run *run);

#endif
