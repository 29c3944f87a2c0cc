/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is to run the service's loop (bus/loop_turn.h, and of bus/poll.c the fd, its word
 * and smew_bus_poll): nothing that comes, is made due or is asked for is left lying, and no two run
 * the loop.
 *
 * The service thread serves, and stands by as the guard.  One poller waits on the fd or in the loop,
 * asks, looks, runs handlers, some of which take long, makes work there and elsewhere, goes away and
 * comes back.  Two senders make work, promise or do not, and wait for an answer or do not.  From
 * outside come messages, answers, a timer and smew_bus_wake().  A turn of the loop is libuv's: timers,
 * prepare, poll, the kick and the channels in any order, and timers again where it is one turn alone.
 * What is written may not fit, so that a writable socket is waited for, which only a turn of the loop
 * does, or end in a handler of ours.
 *
 * Time is never what helps: the guard's period, the poller's deadline, a long handler and the
 * poller's absence end when nobody else can move (spin's `timeout`), and each such state is looked
 * at.  The first two may also end at any other moment; each time is an incident.
 *
 * Right is:
 *   - a step of the loop, and of its work, is made by whose turn it is, and nobody else; who is taken
 *     for the poller is the poller;
 *   - when only time goes on and the loop is not FREE, nothing is left to be done, no answer is
 *     waited for, and a poller that sleeps has nothing to run, and was not woken;
 *   - when it is FREE the poller is away or in a handler; what is kicked, by whomever, waits for that
 *     handler, and is not there when it is away; no sender has left a writable socket to be waited for; the guard
 *     is not asleep for long; and it takes the loop within two periods of something being left;
 *   - what stays behind a poller that is away has made the fd readable;
 *   - the service thread gets the loop when it is called, and gives it away when it is asked.
 *
 * Bounds: INCIDENTS (2; long: 3), each a send, that it does not fit or fails, a message, a timer, a
 * wake, work of the poller's outside smew_bus_poll(), or time that is over early; all else as often
 * as it comes.  Work is done in one round.  Memory is sequentially consistent; what is done with the
 * node's lock held is one step, but for draining the fd, and a wake is two.  Left out: closing, a
 * program that waits on the fd itself, two threads that poll in turns, threads that die; how long
 * looking pays, who is busy and how much is in flight are anybody's guess.
 *
 * BUG_1  the loop sleeps beside what its own turn left for the poller
 * BUG_2  the loop sleeps beside what its own turn has kicked
 * BUG_3  a sender that is through does not look whether others kicked meanwhile
 * BUG_4  a loop that is called is HELD nevertheless
 * BUG_5  a sender that is through does not ring for the poller that wanted the loop
 * BUG_6  the poller says that it wants the loop after it gave the lock back
 * BUG_7  who sets it FREE does not wake a guard that sleeps for long
 * BUG_8  a kick does not wake who holds the loop
 * BUG_9  the service thread that gives the loop away does not ring for who asked
 * BUG_10 the service thread gives the loop away with what was kicked meanwhile
 * BUG_11 who sets it FREE leaves `polls` as it was
 * BUG_12 a sender waits for an answer and does not call
 * BUG_13 a sender leaves behind that a writable socket is waited for
 * BUG_14 the poller says that nothing is rung, and then drains the fd
 * BUG_15 the poller leaves what it owes
 * BUG_16 what the last turn kicked is not owed
 * BUG_17 a sender does not keep its promise
 * BUG_18 the poller makes work outside smew_bus_poll() and promises
 * BUG_19 the guard takes a loop that is HELD
 * BUG_20 the poller in the loop does not wait for the fd
 * BUG_21 what the poller leaves to be run does not ring
 * BUG_22 the service thread that was called does not kick itself for who asked meanwhile
 */
#ifdef LONG
#define INCIDENTS 3
#else
#define INCIDENTS 2
#endif
#define SENDERS 2

#include "loop.pml"

/* ---- senders, and the poller that leaves ---- */

inline settle(me) {
    if
    :: owed ->
        atomic {
            lock == 0 ->
            owed = false;
            if
            :: kicked && MAY_HOLD ->
                hold(me, false);
                changed = false
            :: else -> goto settled
            fi
        }
        work(me); /* a round: it was kicked */
        atomic {
            lock == 0 ->
            assert(MINE(me));
            set_free();
#ifdef BUG_3
            kind = 0;
#else
            kind = (kicked -> CALL : 0);
#endif
#ifndef BUG_13
            kind = (changed -> CALL : kind);
#endif
            act()
        }
    :: else
    fi;
settled:
    skip
}

proctype sender(byte i)
{
    bool promises;

send:
    atomic {
        if
        :: incidents > 0 && lock == 0 && (i == 0 || sending) -> incidents-- /* they are alike */
        :: finished -> goto done
        fi;
        sending = sending || i == 0;
        if
        :: whose == FREE ->
            promises = true;
            promised = SENDER(i)
        :: true
        fi;
        if
        :: peer_due[i] = (peer_due[i] -> peer_due[i] : FITS)
        :: incidents > 0 && !peer_due[i] -> incidents--; peer_due[i] = CROWDED
        :: incidents > 0 && !peer_due[i] -> incidents--; peer_due[i] = FAILS
        fi;
        kick(SENDER(i));
        if
        :: waits[i] = true;
#ifndef BUG_12
            call()
#endif
        :: true
        fi
    }
    atomic {
        (!waits[i] || over[i]) && lock == 0 -> /* smew__bus_wait() */
        waits[i] = false;
        over[i] = false
    }
#ifndef BUG_17
    if
    :: promises ->
        atomic {
            lock == 0 ->
            promised = (promised == SENDER(i) -> 0 : promised)
        }
        settle(SENDER(i))
    :: else
    fi;
#endif
    atomic {
        promises = false;
        sending = sending && i != 0;
        goto send
    }
done:
    skip
}

/* ---- the service thread ---- */

active proctype service()
{
    bool ready_kick;
    bool ready_channel;
    bool was_deep;
    bool came_back;

serve:
    timers(SERVICE_THREAD);
    prepare(SERVICE_THREAD);
    atomic {
        if
        :: async || EVENT || (waking && fd)
        :: finished -> goto done
        fi;
        assert(!waking);
        find(SERVICE_THREAD)
    }
    events(SERVICE_THREAD);
    if
    :: !stop -> goto serve
    :: else -> stop = false
    fi;

    /* stand_by() */
    atomic {
        lock == 0 ->
        assert(MINE(SERVICE_THREAD));
        lock = SERVICE_THREAD;
        whose = FREE;
        runner = 0;
#ifndef BUG_10
        called = kicked;
#endif
#ifndef BUG_9
        any_due = true;
        ring_if(true);
#endif
period:
        was_deep = deep;
        looked = false;
wait:
        if
        :: called || deep != was_deep
        :: else ->
            signalled = false;
            long_sleep = was_deep;
            lock = 0;
            goto waiting
        fi;
past:
        assert(!called || whose == FREE);
        came_back = looked || deep != was_deep;
        deep = whose == HELD && !looked;
        if
#ifndef BUG_19
        :: whose == HELD || (!called && came_back) -> goto period
#else
        :: !called && came_back -> goto period
#endif
        :: else
        fi;
        whose = SERVICE;
        runner = SERVICE_THREAD;
        called = false;
        deep = false;
        was_deep = false;
        came_back = false;
        long_sleep = false;
        periods = 0;
        lock = 0
    }
    atomic {
        waking = false;
#ifndef BUG_22
        async = true;
#endif
        goto serve
    }

waiting:
    if
    :: atomic { signalled && lock == 0 -> goto wait }
    :: atomic { incidents > 0 && lock == 0 -> incidents--; goto past }
    :: atomic {
            timeout ->
            periods = (LEFT -> periods + 1 : 0);
            assert(periods <= 2);
            goto past
        }
    :: atomic { finished -> goto done }
    fi;
done:
    skip
}

/* ---- the poller ---- */

inline ask() {
    atomic {
        lock == 0 ->
        asked = asked || whose == SERVICE || called;
        async = async || (asked && whose == SERVICE)
    }
}

active proctype poller()
{
    bool ready_kick;
    bool ready_channel;
    bool expired;
    bool ran;
#ifdef BUG_6
    bool held;
#endif
    bool sleeps; /* in the loop, and does not look */

outside:
    atomic {
        if
        :: true
        :: true -> /* away for long */
            if
            :: timeout
            :: finished -> goto done
            fi
        :: incidents > 0 && lock == 0 -> /* makes work, elsewhere */
            incidents--;
            inbound_due = true;
            kick(POLLER);
            goto outside
        fi;
        at = RUNS;
        polling = true
    }

again: /* run_due() */
    if
    :: MAY_BE_DUE
    :: else -> goto ran_due
    fi;
take:
    atomic {
        lock == 0 ->
        if
        :: due > 0 ->
            due--;
            at = HANDLER
        :: else ->
            any_due = false;
            lock = POLLER;
            goto quieten
        fi
    }
    if
    :: true
    :: true -> timeout /* takes long */
    fi;
    atomic { /* smew__inbound_complete() */
        lock == 0 ->
        at = RUNS;
        ran = true;
        inbound_due = true;
        kick(POLLER);
        if
        :: goto take
        :: goto ran_due /* `most` */
        fi
    }
quieten:
    if
    :: rung != QUIET ->
#ifdef BUG_14
        rung = QUIET;
        fd = false
#else
        fd = false;
        rung = QUIET
#endif
    :: else
    fi;
    lock = 0;

ran_due:
    atomic {
        if
        :: woken ->
            woken = false;
            goto leave
        :: else
        fi;
        if
        :: ran || expired -> goto leave
        :: else
        fi;
        if
        :: true
        :: goto leave /* a poll that does not wait */
        fi
    }

    /* smew__loop_rest() */
    atomic {
        lock == 0 ->
        if
        :: MAY_HOLD ->
            hold(POLLER, true);
            looked = true;
            wanted = false;
            goto look
        :: else ->
#ifndef BUG_6
            wanted = whose == HELD;
#else
            held = whose == HELD;
            goto want;
#endif
            goto sleep
        fi
    }
#ifdef BUG_6
want:
    atomic {
        wanted = held;
        held = false
    }
#endif

sleep: /* sleep_on_fd() */
    if
    :: ask() /* at once */
    :: true
    fi;
    at = ON_FD;
    if
    :: atomic { fd -> at = RUNS; rung = RUNG }
    :: atomic { incidents > 0 -> incidents--; at = RUNS; expired = true; goto leave }
    :: atomic { timeout -> at = RUNS; expired = true; goto leave }
    fi;
    if
    :: ask() /* is_busy() */
    :: true
    fi;
    goto again;

look:
    if
    :: true /* looks */
    :: atomic {
            sleeps = true;
#ifndef BUG_20
            waking = true
#endif
        }
    fi;
    timers(POLLER);
    prepare(POLLER);
    at = IN_LOOP;
    if
    :: atomic { !sleeps || async || EVENT || (waking && fd) -> find(POLLER); at = RUNS }
    :: atomic { sleeps && incidents > 0 -> incidents--; at = RUNS; expired = true }
    :: atomic { sleeps && timeout -> at = RUNS; expired = true }
    fi;
    events(POLLER);
    if
    :: sleeps -> timers(POLLER)
    :: else ->
        if
        :: MAY_BE_DUE
        :: else -> goto look
        fi
    fi;
    atomic {
        lock == 0 ->
        assert(MINE(POLLER));
        sleeps = false;
        set_free();
#ifndef BUG_16
        owed = owed || kicked
#endif
    }
    goto again;

leave:
#ifndef BUG_21
    if
    :: any_due ->
        atomic {
            lock == 0 ->
            ring_if(due > 0)
        }
    :: else
    fi;
#endif
#ifndef BUG_15
    settle(POLLER);
#endif
    atomic {
        ran = false;
        expired = false;
        polling = false;
        at = AWAY
    }
    goto outside;
done:
    skip
}

/* ---- what comes from outside ---- */

active proctype outside()
{
    atomic {
        run sender(0);
        run sender(1)
    }
    do
    :: atomic { incidents > 0 && !readable -> incidents--; readable = true }
    :: atomic { incidents > 0 && !clock_due -> incidents--; clock_due = true }
    :: atomic { flying[0] -> flying[0] = false; answer[0] = true }
    :: atomic { flying[1] -> flying[1] = false; answer[1] = true }
    :: atomic { /* only time goes on */
            timeout ->
            assert(lock == 0);
            assert(!called);
            assert(!(asked && whose == SERVICE));
            assert(whose == FREE || !LEFT);
            assert(whose == FREE || (!waits[0] && !waits[1]));
            assert(whose != FREE || at == AWAY || at == HANDLER);
            assert(whose != FREE || !kicked || at == HANDLER);
            assert(whose != FREE || !WORK || kicked);
            assert(whose != FREE || !long_sleep);
            assert(whose != FREE || !beside);
            assert(at == AWAY || at == HANDLER || (due == 0 && !woken));
            assert(at != AWAY || (due == 0 && !woken) || fd);
            if
            :: whose == SERVICE && at == AWAY && incidents == 0 ->
                finished = true;
                break
            :: else
            fi
        }
    od
}

active proctype waker()
{

    do
    :: finished -> break
    :: atomic { incidents > 0 -> incidents--; woken = true } /* smew_bus_wake() */
        if
        :: atomic { rung == QUIET -> rung = RUNG } fd = true
        :: rung != QUIET
        fi
    od
}
