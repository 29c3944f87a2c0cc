/* SPDX-License-Identifier: MIT */
/*
 * Waiting for room in a lane: no wake is lost (bus/shm/writer.h, wait; bus/shm/reader.h,
 * complete, publish 3 to 5, and close).
 *
 * Two threads of the producer send through one lane, SENDS records in all, under the lane's lock;
 * one record may be in flight.  Who finds no room gives the lock back and sleeps on the turn's
 * futex.  The consumer completes one record or several, publishes, and may close the lane at any
 * time.  That a record is in the ring is no matter here (lane.pml), so the consumer sees at once
 * how many were sent.
 *
 * The futex is the kernel's: whoever wakes, wakes all that sleep; whoever goes to sleep compares
 * the turn with what it can see of it, and sees at least what stood there at the last wake.
 *
 * Right is: every thread sends all, or finds the lane closed.  A lost wake is a state in which
 * nobody moves.  Bounded sleeps, which would mend it after a while, are left out; so is the death
 * of the consumer, after which nothing but a bounded sleep ends, see wake() in writer.h.
 *
 * Bounds: two threads, SENDS records (3; long: 4).  Memory: C11, see memory.pml.  The threads of
 * the producer are one side of it.  That makes one see what the other saw, a little too early when
 * that one sleeps without the lock; but one thread runs alone in many of the runs.
 *
 * BUG_1  wait 3 without the fence
 * BUG_2  publish 5 without the fence
 * BUG_3  wait 2 before 1: the turn is remembered after the last look
 * BUG_4  wait 1 is relaxed: the turn may be newer than what collect sees after it
 * BUG_5  publish 4 before 3
 * BUG_6  publish 5 before 3: `waiting` is looked at first
 * BUG_7  the turn moves only for who waits, as the first draft of the protocol had it
 * BUG_8  `waiting` is a flag, which the first thread to leave clears
 * BUG_9  closing does not move the turn
 */
#ifdef LONG
#define SENDS 4
#else
#define SENDS 3
#endif
#define ROOM 1

#define LOCATIONS 4
#define COMPLETED 0 /* the consumer's */
#define TURN 1      /* the consumer's */
#define STATE 2     /* the consumer's */
#define WAITING 3   /* the producer's */
#define STORES (SENDS * 4 + 2)
#include "memory.pml"

#ifdef BUG_4
#define TURN_ACQUIRE RELAXED
#else
#define TURN_ACQUIRE ACQUIRE
#endif
#define OPEN 0
#define CLOSED 1

bool locked;
byte sent;
bool asleep[2];
byte woken_at; /* the consumer's clock when it last woke */

inline lock() {
    atomic { !locked -> locked = true }
}

inline count_waiting(change) {
    atomic {
#ifdef BUG_8
        look = (change > 0);
#else
        look = LAST(WAITING) + change;
#endif
        store(WRITER, WAITING, look, RELAXED);
        look = 0
    }
}

inline futex_wait(me, seen) {
    atomic {
        if
        :: woken_at > known[WRITER] -> known[WRITER] = woken_at
        :: else
        fi;
        load(WRITER, TURN, RELAXED, look);
        if
        :: look == seen -> asleep[me] = true
        :: else
        fi;
        look = 0
    }
    !asleep[me]
}

inline futex_wake() {
    d_step {
        woken_at = clock[READER];
        asleep[0] = false;
        asleep[1] = false
    }
}

proctype thread(bit me)
{
    byte left = (SENDS + me) / 2;
    byte tail;
    byte state;
    byte turn;
    byte look;

    do
    :: left == 0 -> break
    :: else ->
        lock();
retry:
#ifdef BUG_3
        load(WRITER, COMPLETED, ACQUIRE, tail);
        load(WRITER, TURN, TURN_ACQUIRE, turn);
#else
        load(WRITER, TURN, TURN_ACQUIRE, turn); /* wait 1 */
        load(WRITER, COMPLETED, ACQUIRE, tail); /* wait 2 */
#endif
        load(WRITER, STATE, RELAXED, state);
        if
        :: state == CLOSED -> locked = false; break
        :: state == OPEN && sent - tail < ROOM ->
            atomic {
                sent++;
                left--;
                turn = 0;
                tail = 0;
                locked = false
            }
        :: state == OPEN && sent - tail >= ROOM ->
            atomic {
                tail = 0;
                locked = false
            }
            count_waiting(1); /* wait 3 */
#ifndef BUG_1
            fence(WRITER);
#endif
            futex_wait(me, turn); /* wait 4 */
            count_waiting(-1);
            turn = 0;
            lock();
            goto retry
        fi
    od
}

inline move_turn() {
    atomic {
        turn++;
        store(READER, TURN, turn, RELEASE)
    }
}

inline look_at_waiting() {
#ifndef BUG_2
    fence(READER);
#endif
    load(READER, WAITING, RELAXED, waiting)
}

inline store_completed() {
    store(READER, COMPLETED, completed, RELEASE)
}

inline publish() {
#if defined(BUG_5)
    move_turn();
    store_completed();
    look_at_waiting();
#elif defined(BUG_6)
    look_at_waiting();
    store_completed();
    move_turn();
#elif defined(BUG_7)
    store_completed();
    look_at_waiting();
    if
    :: waiting > 0 -> move_turn()
    :: else
    fi;
#else
    store_completed(); /* 3 */
    move_turn();       /* 4 */
    look_at_waiting(); /* 5 */
#endif
    if
    :: waiting > 0 -> waiting = 0; futex_wake()
    :: else
    fi
}

proctype consumer()
{
    byte completed;
    byte waiting;
    byte turn;
    byte most; /* completions before it closes; SENDS: it does not */

    do
    :: most < SENDS -> most++
    :: break
    od;
    do
    :: completed == SENDS -> break
    :: completed < sent && completed < most -> completed++; publish()
    :: completed == most && most < SENDS ->
        store(READER, STATE, CLOSED, RELAXED);
#ifndef BUG_9
        move_turn();
#endif
        futex_wake();
        break
    od
}

init
{
    atomic {
        run thread(0);
        run thread(1);
        run consumer();
    }
    _nr_pr == 1;
    assert(sent == SENDS || LAST(STATE) == CLOSED)
}
