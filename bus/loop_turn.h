/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_LOOP_TURN_H
#define SMEW_BUS_LOOP_TURN_H

/*
 * Whose turn it is to run the service's loop, where there are no lanes: the service thread's, or
 * that of a thread in smew_bus_poll() to which most of what comes goes anyway.  A message that the
 * poller reads itself, and what its handler sends, need no other thread of ours to be woken.
 *
 *    from      to
 *    SERVICE   FREE      the poller asked, after BUSY sleeps that paid within BUSY_NS; or at once
 *    FREE      HELD      the poller is about to wait: it runs the loop until something comes
 *    HELD      HELD      it looks, turn by turn, for as long as that pays (base/sync/spin.h)
 *    HELD      HELD      it has looked for long enough, or looking does not pay: it sleeps in it
 *    FREE      HELD      a thread that has sent: it does what is due, and waits for nothing
 *    HELD      FREE      either is through, with everything that is due
 *    FREE      SERVICE   somebody called, or no poller held it for a period of the guard
 *
 * SERVICE, as a node begins: the service thread runs the loop and sleeps in it.  FREE: nobody does;
 * the service thread is the guard, and looks every GUARD_MS.  HELD: one other thread does, and
 * everything that is said to be on the service thread happens on it.
 *
 * Looking is sleeping that ends at once, in one stay: the loop is not given back between two looks,
 * nor before the sleep that may follow, and to the guard it is one look, however long it takes. A
 * look is a whole turn of the loop that waits for nothing, so who needs the loop is seen as by one
 * who sleeps in it, and nobody has to know which of the two the poller does:
 *
 *    who comes                      leaves                           who looks sees it
 *    a channel, the listener        a readable fd                    in the turn
 *    a kick of another thread       the loop's async                 in the turn
 *    a kick of the turn itself      `kicked`                         before the next turn's poll
 *    a timer, the heartbeat         the loop's clock                 in the turn
 *    something due, posted by it    `any_due`                        after the turn
 *    the same by others, a wake     the word `rung`                  after the turn
 *    the program's own loop         `own_loop`                       after the turn
 *    its deadline                   nothing                          on the clock, after the turn
 *
 * Lost could be what comes between the last look and the sleep.  But all of these stay until they
 * are seen: before it sleeps the loop does what is kicked and asks for what is due (on_prepare);
 * fds are asked for their state, not for changes of it; and a ring after the last look found the
 * word QUIET, and so writes the fd that the loop sleeps on, too.
 *
 * A poller that finds a sender at it sleeps on the node's fd, where nothing comes while the loop is
 * FREE: the sender, when it is through, rings.  One that is never to sleep (SMEW_WAITING_SPIN) asks
 * for the loop at once and each time, and sleeps on the fd until it is given.
 *
 * Work is made by smew__service_kick(), with the node's lock held.  Whoever holds the loop is woken
 * by it, or is the one that made it and does it before it gives the loop back.  While it is FREE
 * the service thread is called, unless the thread that made the work has promised to do it: the
 * poller within smew_bus_poll(), which does it before it sleeps or returns; and a sender, after its
 * send. So work waits for its maker's handlers, but never longer than two periods of the guard. The
 * same is true of what others make while the poller already owes some, or holds the loop and polls
 * it for the last time before its handlers: then one kick is enough, and it is the poller's.  A
 * thread that waits on `changed` calls first.
 *
 * A sender promises only while little is in flight.  One that sends a lot calls, and so what it
 * sends goes together, on the service thread, as fast as that writes.
 *
 * What was read goes to handlers before it is acknowledged (inbound.c), by the poller alone: its
 * sends and its acknowledgement leave in one go.
 *
 * All of this, but for closing and own_loop, is walked through in tests/models/loop_turn.pml.
 *
 * Order: messages leave through one window, in its order, by whoever holds the loop; nothing else
 * writes.  Death: all of this is one process's.  A thread that is held up with the loop HELD holds
 * up the node, as one with the node's lock does; none runs a handler or waits for another with it.
 *
 * `whose` and all else changes with the node's lock held, and is not touched where the transport
 * has lanes: lane_turn.h is theirs.
 */

#include "bus/node.h"

enum smew_status smew__loop_turn_init(struct smew_bus *bus); /* as smew__condition_init() */
void smew__loop_turn_fini(struct smew_bus *bus);

/* ---- the service thread ---- */

/* Its handles in bus->loop, made and closed.  IO. */
enum smew_status smew__loop_turn_open(struct smew_bus *bus);
void smew__loop_turn_close(struct smew_bus *bus);
/* Runs the loop whenever it is its turn, until smew__loop_turn_close(). */
void smew__loop_turn_serve(struct smew_bus *bus);
/* In the loop's kick: does a poller want it?  And may a loop that stops be ended here? */
void smew__loop_turn_yield(struct smew_bus *bus);
bool smew__loop_is_service(const struct smew_bus *bus);

/* ---- any thread, with the lock held ---- */

/* There is work: whoever runs the loop comes, or the service thread. */
void smew__loop_kick(struct smew_bus *bus);
/* The caller is about to wait for what the service does. */
void smew__loop_call(struct smew_bus *bus);
/* Is the caller the poller, in the loop?  It looks at what is due next. */
bool smew__loop_polls(const struct smew_bus *bus);
/* The caller will look after what it makes due until smew__loop_keep(), if it answers true. */
bool smew__loop_promise(struct smew_bus *bus);

/* ---- without the lock ---- */

/* What was promised. */
void smew__loop_keep(struct smew_bus *bus);
/* The poller leaves: what it made due is done. */
void smew__loop_leave(struct smew_bus *bus);
/*
 * The poller has nothing to run: waits until something may be, in the loop or on the fd; in the
 * loop as the node's `waiting` says.  OK: look again, the deadline too; TIMEOUT.
 */
enum smew_status smew__loop_rest(struct smew_bus *bus, uint64_t deadline_ns);

#endif
