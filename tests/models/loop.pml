/* SPDX-License-Identifier: MIT */
/*
 * A node whose loop is run by whose turn it is: what it has, what is done with its lock held, and a
 * turn of the loop with the work in it.  Included by loop_turn.pml, which defines INCIDENTS and
 * SENDERS, has the threads and says what is right; no model itself.
 *
 * What is done with the lock held is one step: a process puts it in its own atomic { }, which begins
 * when `lock` is 0.  `lock` is set only where one holds it for longer.
 */

/* Threads; 0: nobody. */
#define SERVICE_THREAD 1
#define POLLER 2
#define SENDER(i) (3 + (i))

/* whose */
#define SERVICE 0
#define FREE 1
#define HELD 2

/* rung */
#define QUIET false
#define RUNG true

/* A message: it is written, or does not fit, or ends in a handler of ours. */
#define NOTHING 0
#define FITS 1
#define CROWDED 2
#define FAILS 3

/* The node.  `looks` is counted by the guard: has it changed? */
byte lock;
byte whose = SERVICE;
byte runner = SERVICE_THREAD;
byte promised;
bool polls;
bool asked;
bool wanted;
bool called;
bool deep;
bool changed;
bool waking;
bool owed;
bool looked;
bool kicked;
bool polling;
bool any_due;
bool rung;
bool woken;
byte due;                     /* what handlers are to run for */
bool inbound_due;             /* an acknowledgement */
byte peer_due[SENDERS];       /* a message */
bool waits[SENDERS];          /* the sender does, for the answer */
bool over[SENDERS];
bool sending;                 /* the first sender does */

/* The kernel's and libuv's. */
bool fd;                      /* readable */
bool async;                   /* the loop's kick */
bool stop;                    /* uv_stop() */
bool readable;                /* a message of others */
bool flying[SENDERS];         /* an answer on its way */
bool answer[SENDERS];
bool want_out[SENDERS];       /* a message has to wait for its socket */
bool clock_due;
bool signalled;               /* the guard's condition */

/* What may still happen. */
byte incidents = INCIDENTS;

/* For assertions only. */
#define AWAY 0
#define RUNS 1
#define HANDLER 2
#define ON_FD 3
#define IN_LOOP 4
byte at = AWAY; /* the poller */
bool long_sleep; /* of the guard */
bool finished;
bool beside;     /* a writable socket is waited for since a sender was at it */
byte periods;    /* of the guard, while something is left to be done */

byte kind; /* scratch of a step */

#define LOOP_POLLS(me) (polls && runner == me)
#define MINE(me) (runner == me && whose == (me == SERVICE_THREAD -> SERVICE : HELD))
#define WORK (inbound_due || peer_due[0] || peer_due[1])
#define EVENT (readable || answer[0] || answer[1] || want_out[0] || want_out[1] || clock_due)
#define LEFT (kicked || WORK || EVENT)
#define MAY_BE_DUE (any_due || rung != QUIET)

/* ---- with the lock held: within a step ---- */

#define CALL 1
#define WAKE 2
#define OWE 3

/* What `kind` says: calls, wakes, or leaves it to who owes. */
inline act() {
    async = async || kind == WAKE;
    owed = owed || kind == OWE;
    promised = (kind == CALL -> 0 : promised);
    signalled = signalled || (kind == CALL && whose == FREE && !called);
    called = called || (kind == CALL && whose == FREE);
    kind = 0
}

inline call() {
    kind = CALL;
    act()
}

#ifdef BUG_8
#define WAKES (whose == SERVICE)
#else
#define WAKES true
#endif
#ifdef BUG_18
#define WITHIN(me) (me == POLLER)
#else
#define WITHIN(me) (me == POLLER && polling)
#endif

/* smew__service_kick() */
inline kick(me) {
    kind = ((kicked || runner == me) -> 0 :
            (whose != FREE -> (WAKES -> WAKE : 0) : ((promised == me || WITHIN(me)) -> OWE : CALL)));
    kicked = true;
    act()
}

/* One step: who drains the fd has the lock, too. */
inline ring_if(condition) {
    fd = fd || ((condition) && rung == QUIET);
    rung = ((condition) -> RUNG : rung)
}

inline due_post(me) {
    due++;
    any_due = true;
    ring_if(!LOOP_POLLS(me))
}

#ifdef BUG_4
#define MAY_HOLD (whose == FREE)
#else
#define MAY_HOLD (whose == FREE && !called)
#endif

inline hold(me, as_poller) {
    whose = HELD;
    runner = me;
    polls = as_poller;
    owed = false
}

inline set_free() {
    whose = FREE;
    runner = 0;
#ifndef BUG_11
    polls = false;
#endif
    any_due = any_due || wanted;
#ifndef BUG_5
    ring_if(wanted);
#endif
    wanted = false;
#ifndef BUG_7
    signalled = signalled || deep;
#endif
    deep = false
}

/* ---- smew__service_work(), by whose turn it is, without the lock ---- */

inline write(me, i) {
    flying[i] = flying[i] || (waits[i] && peer_due[i] && peer_due[i] != CROWDED);
    changed = changed || peer_due[i] == CROWDED;
    want_out[i] = want_out[i] || peer_due[i] == CROWDED;
    due = due + (peer_due[i] == FAILS);
    any_due = any_due || peer_due[i] == FAILS;
    ring_if(peer_due[i] == FAILS && !LOOP_POLLS(me));
    peer_due[i] = NOTHING
}

inline work(me) {
    atomic {
        lock == 0 ->
        assert(MINE(me));
        periods = 0;
        kicked = false
    }
    atomic {
        lock == 0 ->
        assert(MINE(me));
        write(me, 0);
        write(me, 1);
        inbound_due = false;
        changed = changed && whose == HELD && !polls; /* nobody else asks */
        beside = beside || changed
    }
}

/* ---- a turn of the loop, by whose turn it is ---- */

inline timers(me) {
    if
    :: clock_due ->
        atomic {
            lock == 0 ->
            assert(MINE(me));
            clock_due = false;
            due_post(me);
            kick(me)
        }
    :: else
    fi
}

inline prepare(me) {
#ifndef BUG_2
    if
    :: kicked -> work(me)
    :: else
    fi;
#endif
    atomic {
        lock == 0 ->
        assert(MINE(me));
#ifndef BUG_2
        async = async || kicked;
#endif
#ifndef BUG_1
        async = async || (LOOP_POLLS(me) && any_due);
#endif
    }
}

/* What poll finds, at once, and what needs no lock. */
inline find(me) {
    assert(MINE(me));
    assert(LOOP_POLLS(me) == (me == POLLER));
    periods = 0;
    beside = false;
    ready_kick = async;
    ready_channel = readable || answer[0] || answer[1];
    rung = (waking && fd -> RUNG : rung);
    flying[0] = flying[0] || (want_out[0] && waits[0]);
    flying[1] = flying[1] || (want_out[1] && waits[1]);
    want_out[0] = false;
    want_out[1] = false
}

inline read(me) {
    over[0] = over[0] || answer[0];
    over[1] = over[1] || answer[1];
    answer[0] = false;
    answer[1] = false;
    due = due + readable;
    any_due = any_due || readable;
    ring_if(readable && !LOOP_POLLS(me));
    inbound_due = inbound_due || (readable && LOOP_POLLS(me)); /* tells_later() */
    kicked = kicked || (readable && LOOP_POLLS(me));
    readable = false;
    ready_channel = false
}

inline events(me) {
    do
    :: ready_kick ->
        atomic {
            ready_kick = false;
            async = false
        }
        work(me);
        atomic {
            lock == 0 ->
            assert(MINE(me));
            stop = stop || (asked && whose == SERVICE);
            asked = false
        }
    :: atomic { ready_channel && lock == 0 -> assert(MINE(me)); read(me) }
    :: atomic { !ready_kick && !ready_channel -> break }
    od
}
