/* SPDX-License-Identifier: MIT */
/*
 * Sending again: what a lane's records come to when the connection is lost, or either side dies
 * (bus/lane_out.h, bus/lane_in.h, bus/inbound.h; bus/shm/writer.h and reader.h say what holds).
 *
 * One thread of a node S sends MESSAGES messages to one target, hosted by node A, and by node B
 * once A is dead.  A lane is what it has committed, what its reader has read, and the answers.
 * The common way is a window of parcels and a socket.  The connection may be lost LOSSES times
 * while both sides live, and each side notices that when it pleases; one of S and A may be killed
 * at any step, which the other learns from the kernel.
 *
 *   S   commits records while nothing of the pair is on the common way; behind the commit and its
 *       fence it looks at the lane's state: a record is accepted in the lane only if that is open.
 *       The lane is lost: answers are collected; what has none becomes a parcel, flagged, in order;
 *       what is sent meanwhile goes behind it.  Nothing of the pair is on the common way any more:
 *       the next record goes into a new lane.
 *   A   loses the connection, or S dials anew before that was noticed, or S is dead: it closes the
 *       lane, fence, reads it to its end, and keeps the numbers that it has read.  A parcel that is
 *       flagged is looked up there and among the parcels that came before.
 *
 * Right is:
 *   - a pair's messages are handled in order; by A each once, whatever connections do;
 *   - by B again only if flagged, once, and not what A had answered in a lane that S had not lost;
 *   - S lives: each message is answered in the end;
 *   - S is killed, A lives: every message that was accepted in the lane is handled.
 *
 * Bounds: one pair, MESSAGES, LOSSES (3, 1; long: 3, 2), one kill.  Memory is sequentially
 * consistent; that the look behind the commit needs a fence on both sides is doorbell.pml's matter.
 * Refusals (NO_MACHINE) and their barriers are not here.
 *
 * BUG_1  the lane is read to its end, and then closed
 * BUG_2  S does not look at the state behind its commit
 * BUG_3  a retired lane is forgotten when nothing of it is at work
 * BUG_4  flagged parcels are looked up among parcels only
 * BUG_5  S dials anew: the former lane is read on
 * BUG_6  parcels made of a lost lane's records are not flagged
 * BUG_7  records go into the new lane while parcels are on their way
 * BUG_8  A is dead: S does not collect before it sends again
 * BUG_9  S is dead: its lane is not read to its end
 * BUG_10 a parcel that is at work already is dropped, and its sender is not told of its end
 * BUG_11 what S sends while its lane is lost goes before what is sent again
 * BUG_12 the common way is lost: its parcels are sent again without a flag
 */
#ifdef LONG
#define LOSSES 2
#else
#define LOSSES 1
#endif
#define MESSAGES 3
#define ANY(is) (is(0) || is(1) || is(2))

/* What S knows of a message. */
#define UNSENT 0
#define IN_LANE 1
#define QUEUED 2
#define SENT 3
#define ANSWERED 4
byte told[MESSAGES]; /* one of these */
bool flagged[MESSAGES];
byte sending;       /* the next message */
bool direct = true; /* it goes into the lane */

/* The lane: what was committed and not read, the state, and the answers. */
chan lane = [MESSAGES] of { byte };
bool closed;
bool answer[MESSAGES];

/* The connection. */
chan parcels = [MESSAGES] of { byte, bool };
chan acks = [MESSAGES] of { byte };
bool broken;         /* nothing goes through it any more */
bool dialled = true; /* S thinks that it is there */
bool serving = true; /* A or B does */
bool hello;          /* S dials anew */
byte losses;

/* What A, or B, knows of a message: how it came. */
#define NEVER 0
#define BY_LANE 1    /* by the lane that is read */
#define BY_RETIRED 2 /* by one that is not read any more */
#define BY_PARCEL 3
byte came[MESSAGES]; /* one of these */
bool complete[MESSAGES];
bool bound[MESSAGES]; /* its end is to be told on the present connection */
bool reading = true;  /* there is a lane */

bool s_dead;
bool a_dead;
bool a_gone; /* S has learned of it, and turned to B */
bool over;

/* What really happened, for assertions only. */
bool accepted[MESSAGES]; /* in the lane */
bool by_a[MESSAGES];
bool by_b[MESSAGES];
bool answered[MESSAGES]; /* by A in the lane, while S had it */
byte last;               /* the last message that was handled here, + 1 */
byte i;

#define EACH(body)                                                                                 \
    i = 0;                                                                                         \
    do                                                                                             \
    :: i < MESSAGES -> body; i++                                                                   \
    :: else -> break                                                                               \
    od;                                                                                            \
    i = 0

/* ---- S ------------------------------------------------------------------------------- */

inline collect_one(n) {
    if
    :: told[n] == IN_LANE && answer[n] -> told[n] = ANSWERED
    :: else
    fi
}

/* A record without an answer, or a parcel on its way, is to be sent again. */
inline lose_one(n) {
    if
    :: told[n] == IN_LANE ->
        told[n] = QUEUED;
#ifndef BUG_6
        flagged[n] = true
#endif
    :: told[n] == SENT ->
        told[n] = QUEUED;
#ifndef BUG_12
        flagged[n] = true
#endif
    :: else
    fi
}

inline lose() {
    EACH(collect_one(i));
    EACH(lose_one(i));
    direct = false
}

/* The next parcel, in order. */
inline look_for_parcel() {
    parcel = MESSAGES;
#ifdef BUG_11
    EACH(parcel = (told[i] == QUEUED && (parcel == MESSAGES || !flagged[i]) -> i : parcel))
#else
    EACH(parcel = (told[i] == QUEUED && parcel == MESSAGES -> i : parcel))
#endif
}

inline commit() {
    atomic {
        lane!sending;
        told[sending] = IN_LANE;
        sending++
    }
    d_step {
#ifndef BUG_2
        if
        :: closed -> lose()
        :: else -> accepted[sending - 1] = true
        fi
#else
        accepted[sending - 1] = true
#endif
    }
}

inline forget_connection() {
    do
    :: parcels?_, _
    :: acks?_
    :: empty(parcels) && empty(acks) -> break
    od
}

inline begin_lane() {
    do
    :: lane?_
    :: empty(lane) -> break
    od;
    closed = false;
    direct = true;
    reading = true
}

inline turn_to_b() {
#ifdef BUG_8
    EACH(lose_one(i));
    direct = false;
#else
    lose();
#endif
    dialled = false;
    a_gone = true
}

#define IS_QUEUED(n) (told[n] == QUEUED)
#define IS_DETOUR(n) (told[n] == QUEUED || told[n] == SENT)
#define IS_NEWS(n) (told[n] == IN_LANE && answer[n])
#define IS_OPEN(n) (told[n] != ANSWERED)

active proctype sender()
{
    byte parcel;
    byte n;

    {
        do
        :: sending < MESSAGES && direct && !closed -> commit()
        :: atomic { sending < MESSAGES && !direct -> told[sending] = QUEUED; sending++ }
        :: d_step { direct && closed -> lose() }
#ifdef BUG_7
        :: d_step { !direct && dialled && serving && !broken && sending < MESSAGES -> begin_lane() }
#else
        :: d_step {
            !direct && dialled && serving && !broken && sending < MESSAGES && !ANY(IS_DETOUR) ->
            begin_lane()
        }
#endif
        :: atomic {
            dialled && ANY(IS_QUEUED) -> look_for_parcel();
            if
            :: broken
            :: !broken -> parcels!parcel, flagged[parcel]
            fi;
            told[parcel] = SENT;
            parcel = 0
        }
        :: atomic { dialled && acks?[n] -> acks?n; told[n] = ANSWERED; n = 0 }
        :: d_step { direct && ANY(IS_NEWS) -> EACH(collect_one(i)) }
        :: d_step { dialled && broken -> lose(); dialled = false }
        :: d_step { a_dead && !a_gone -> turn_to_b() }
        :: d_step { !dialled && !hello && a_dead == a_gone && ANY(IS_OPEN) -> hello = true }
        :: over -> break
        od
    } unless {
        s_dead
    }
}

/* ---- A and B ------------------------------------------------------------------------- */

inline handle(n, how, flag) {
    d_step {
        came[n] = how;
        if
        :: a_dead ->
            assert(!by_b[n] && !answered[n]);
            assert(!by_a[n] || flag);
            by_b[n] = true
        :: else ->
            assert(!by_a[n]);
            by_a[n] = true
        fi;
        assert(n >= last);
        last = n + 1
    }
}

inline retire_one(n) {
    if
    :: came[n] == BY_LANE -> came[n] = BY_RETIRED
    :: else
    fi;
    bound[n] = false
}

inline forget_one(n) {
    if
    :: came[n] == BY_RETIRED -> came[n] = NEVER; complete[n] = false
    :: else
    fi
}

#define AT_WORK(n) (came[n] == BY_RETIRED && !complete[n])

inline read_out() {
    do
    :: atomic { reading && lane?[n] -> lane?n; handle(n, BY_LANE, false) }
    :: !reading || empty(lane) -> break
    od
}

inline retire() {
#if defined(BUG_1)
    read_out();
    closed = true;
#elif defined(BUG_9)
    closed = true;
    if
    :: !s_dead -> read_out()
    :: else
    fi;
#else
    closed = true; /* fence */
    read_out();
#endif
    skip; /* spin lets nobody jump into a d_step */
    d_step {
        reading = false;
        serving = false;
        EACH(retire_one(i));
#ifdef BUG_3
        if
        :: !ANY(AT_WORK) -> EACH(forget_one(i))
        :: else
        fi;
#endif
        n = 0
    }
}

inline receive() {
    parcels?n, flag;
    if
#ifdef BUG_4
    :: flag && came[n] == BY_PARCEL ->
#else
    :: flag && came[n] != NEVER ->
#endif
        if
        :: complete[n] && !broken -> acks!n
        :: complete[n] && broken
#ifdef BUG_10
        :: !complete[n]
#else
        :: !complete[n] -> bound[n] = true
#endif
        fi
    :: else ->
        handle(n, BY_PARCEL, flag);
        bound[n] = true
    fi;
    n = 0;
    flag = false
}

inline accept() {
    d_step {
        forget_connection();
        broken = false;
        serving = true;
        dialled = true;
        hello = false
    }
}

/* What its service thread does. */
inline serve() {
    do
    :: atomic { reading && lane?[n] -> lane?n; handle(n, BY_LANE, false); n = 0 }
    :: atomic { serving && nempty(parcels) -> receive() }
    :: (serving && broken) || (reading && s_dead) -> retire()
    :: hello ->
#ifndef BUG_5
        if
        :: reading || serving -> retire()
        :: else
        fi;
#endif
        skip;
        accept()
    :: over -> break
    od
}

active proctype node_a()
{
    byte n;
    bool flag;

    {
        serve()
    } unless {
        a_dead
    }
}

active proctype node_b()
{
    byte n;
    bool flag;

    a_dead || over;
    serve()
}

inline finish(n) {
    complete[n] = true;
    if
    :: came[n] == BY_LANE ->
        answer[n] = true;
        answered[n] = answered[n] || (!a_dead && told[n] == IN_LANE)
    :: came[n] != BY_LANE && bound[n] && serving && !broken -> acks!n
    :: else
    fi
}

#define MAY_FINISH(n) (came[n] != NEVER && !complete[n])

/* Handlers of A, or B, in any order. */
active proctype handlers()
{
    do
    :: d_step { MAY_FINISH(0) -> finish(0) }
    :: d_step { MAY_FINISH(1) -> finish(1) }
    :: d_step { MAY_FINISH(2) -> finish(2) }
    :: over -> break
    od
}

/* ---- what happens to them ------------------------------------------------------------ */

inline reset_one(n) {
    came[n] = NEVER;
    complete[n] = false;
    bound[n] = false
}

active proctype fate()
{
    do
    :: d_step { losses < LOSSES && serving && !broken -> broken = true; losses++ }
    :: d_step { !s_dead && !a_dead -> s_dead = true; broken = true }
    :: d_step {
        !s_dead && !a_dead ->
        a_dead = true;
        broken = true;
        hello = false;
        reading = false;
        serving = false;
        last = 0;
        EACH(reset_one(i))
    }
    :: break
    od
}

active proctype judge()
{
    timeout; /* nobody moves any more */
    if
    :: !s_dead -> assert(sending == MESSAGES && !ANY(IS_OPEN))
    :: s_dead && !a_dead -> EACH(assert(!accepted[i] || by_a[i]))
    :: else
    fi;
    over = true
}
