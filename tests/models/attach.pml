/* SPDX-License-Identifier: MIT */
/*
 * The grant of a lane: asked for, made, passed, mapped, freed; either side dies in between
 * (bus/transport/shm/lanes.h, bus/shm/segment.h; bus/lane_out.h and lane_in.h for their states).
 *
 * A producer P asks a consumer C for a lane, at most ATTEMPTS times: again when it was denied, or
 * when the connection was lost.  C has a quota of one lane.  A segment is held by descriptors (C's,
 * one in a datagram, P's) and by mappings (C's, P's); the kernel drops those of who dies, and
 * those in datagrams that nobody can receive any more.  A side still hears what the other said
 * before it closed the connection or died.  P commits a record in the lane that it was granted.  Its
 * thread may end at any time: the lane's end is said then, also in a grant that comes too late.
 * A grant that P has no memory to map ends the connection.
 *
 * Right is, when nobody moves any more:
 *   - nothing holds a segment, and the quota is free, but for a lane that both sides have;
 *   - P has what it asked for, or an answer, or has given up: it is not left asking;
 *   - a record that was accepted is read by C, or C is dead or has closed that lane, and P, if it
 *     lives, sends it again;
 *   - the quota was never exceeded, and nobody wrote into what it had not mapped.
 *
 * Bounds: ATTEMPTS (2; long: 3), a connection lost once (long: twice), a full socket once, memory
 * refused once, one kill.  Memory is sequentially consistent: each message through the socket
 * synchronises.
 *
 * BUG_1  P is dead: a lane that was never rung for is freed unread
 * BUG_2  the quota is looked at, and then the lane is made
 * BUG_3  the socket is full when the grant is to be passed: the question is dropped
 * BUG_4  a lane whose producer never came to map it is freed without its descriptor
 * BUG_5  a grant that was heard and not taken keeps its descriptor when the connection ends
 * BUG_6  P has no memory to map a grant: its descriptor stays
 * BUG_7  C's questions outlive the connection
 * BUG_8  P loses the connection while it asks: it goes on waiting for that grant
 * BUG_9  a quota that is used up is not answered
 * BUG_10 C loses the connection: the quota is not given back
 * BUG_11 C is dead: P forgets the lane with its record
 * BUG_12 a grant that nobody wants any more is dropped, and C not told
 * BUG_13 a grant that cannot be mapped is dropped, and the connection goes on
 */
#ifdef LONG
#define ATTEMPTS 3
#define LOSSES 2
#else
#define ATTEMPTS 2
#define LOSSES 1
#endif
#define QUOTA 1

/* Who holds a lane's segment. */
typedef segment {
    bool c_fd;
    bool c_map;
    bool sent; /* in a datagram */
    bool p_fd;
    bool p_map;
    bool closed; /* its state, said by C */
    bool ended;  /* said by P */
    bool committed;
    bool accepted;
    bool read;
    bool sent_again;
};
segment lane[ATTEMPTS];

/* The connection: its two directions, and the two ends. */
chan asks = [ATTEMPTS] of { byte };
chan answers = [ATTEMPTS] of { byte, bool };
bool p_open = true;
bool c_open = true;
bool dialling; /* P wants a new one */
byte losses;
bool full_once;
bool refused_once;

bool p_dead;
bool c_dead;
bool over;
byte given; /* lanes of C, by its own count */

/* P's states of bus/lane_out.h. */
#define WANTED 0
#define ASKED 1
#define GRANTED 2
#define DENIED 3
#define IDLE 4 /* it has asked often enough, or C is gone */
byte state;
byte number; /* of the lane that is asked for */
bool thread_ended;

/* ---- the kernel ---------------------------------------------------------------------- */

/* Nobody receives these any more. */
inline drop_asks() {
    do
    :: asks?_
    :: empty(asks) -> break
    od
}

inline drop_answers(l) {
    do
    :: answers?l, _ -> lane[l].sent = false
    :: empty(answers) -> break
    od
}

/* ---- P ------------------------------------------------------------------------------- */

inline next_attempt() {
    if
    :: number + 1 < ATTEMPTS && !c_dead && !thread_ended -> number++; state = WANTED
    :: else -> state = IDLE
    fi
}

/* The connection is lost, or C is dead: what was granted is given up. */
inline p_lose(l) {
    d_step {
        p_open = false;
        drop_answers(l);
#ifndef BUG_5
        if
        :: heard -> lane[heard_lane].p_fd = false
        :: else
        fi;
#endif
        heard = false;
        heard_lane = 0;
        if
        :: lane[number].p_map ->
            lane[number].p_map = false;
#ifdef BUG_11
            lane[number].sent_again = lane[number].accepted && !c_dead
#else
            lane[number].sent_again = lane[number].accepted && !lane[number].read
#endif
        :: else
        fi;
        if
#ifdef BUG_8
        :: state == ASKED
        :: state != ASKED && state != IDLE -> next_attempt()
        :: state == IDLE
#else
        :: state != IDLE -> next_attempt()
        :: else
#endif
        fi;
        l = 0
    }
}

inline take_grant(l) {
    d_step {
        l = heard_lane;
        heard = false;
        heard_lane = 0
    }
    if
    :: atomic {
        !thread_ended -> assert(l == number && state == ASKED);
        lane[l].p_map = true;
        lane[l].p_fd = false;
        state = GRANTED
    }
    :: atomic {
        thread_ended -> lane[l].p_fd = false;
#ifndef BUG_12
        lane[l].ended = true; /* mapped for this moment */
#endif
        state = IDLE
    }
    :: atomic { /* no memory */
        !refused_once -> refused_once = true;
#ifndef BUG_6
        lane[l].p_fd = false
#endif
    }
#ifdef BUG_13
        next_attempt()
#else
        p_lose(l)
#endif
    fi;
    l = 0
}

active proctype producer()
{
    byte l;
    byte heard_lane;
    bool heard; /* a grant, not taken yet */
    bool granted;

    {
        do
        :: atomic { state == WANTED && p_open && c_open -> asks!number; state = ASKED }
        :: atomic {
            p_open && !heard && answers?[l, granted] -> answers?l, granted;
            if
            :: granted ->
                lane[l].sent = false;
                lane[l].p_fd = true;
                heard = true;
                heard_lane = l
            :: !granted -> next_attempt()
            fi;
            l = 0;
            granted = false
        }
        :: heard -> take_grant(l)
        :: state == GRANTED && !thread_ended && !lane[number].committed && !lane[number].closed ->
            atomic { assert(lane[number].p_map); lane[number].committed = true }
            atomic {
                if
                :: !lane[number].closed -> lane[number].accepted = true
                :: else
                fi
            }
        :: p_open && !c_open -> p_lose(l)
        :: atomic { p_open && c_open && losses < LOSSES -> losses++ } p_lose(l)
        :: atomic {
            !thread_ended -> thread_ended = true;
            if
            :: state == GRANTED -> lane[number].ended = true
            :: state == ASKED
            :: else -> state = IDLE
            fi
        }
        :: atomic { /* everything in it is answered */
            state == GRANTED && thread_ended && lane[number].read == lane[number].committed ->
            lane[number].p_map = false;
            state = IDLE
        }
        :: atomic { !p_open && !dialling && !c_dead && state != IDLE -> dialling = true }
        :: over -> break
        od
    } unless {
        p_dead
    }
}

/* ---- C ------------------------------------------------------------------------------- */

inline free_lane(l) {
    d_step {
        lane[l].c_map = false;
#ifdef BUG_4
        lane[l].c_fd = lane[l].c_fd && !lane[l].committed;
#else
        lane[l].c_fd = false;
#endif
        given--
    }
}

inline make_lane(l) {
    d_step {
        assert(!lane[l].c_map);
        lane[l].c_map = true;
        lane[l].c_fd = true;
        given++;
        assert(given <= QUOTA)
    }
}

/* The question stays the next one until it was answered. */
inline pass(l) {
    if
    :: atomic { p_open && !p_dead -> lane[l].sent = true; answers!l, true }
    :: !p_open || p_dead -> free_lane(l)
    :: atomic { p_open && !full_once -> full_once = true } /* AGAIN */
        free_lane(l);
#ifndef BUG_3
        goto question
#endif
    fi;
    skip
}

/* Reads a lane to its end and frees it. */
inline read_out(l) {
    lane[l].closed = true;
    atomic {
#ifdef BUG_1
        lane[l].read = lane[l].read || (lane[l].committed && !p_dead);
#else
        lane[l].read = lane[l].committed;
#endif
        skip
    }
#ifdef BUG_10
    d_step { lane[l].c_map = false; lane[l].c_fd = false }
#else
    free_lane(l)
#endif
}

/* The connection is lost, or P is dead. */
inline c_lose() {
    c_open = false;
#ifndef BUG_7
    d_step { drop_asks() }
#endif
    k = 0;
    do
    :: k < ATTEMPTS && lane[k].c_map -> read_out(k); k++
    :: k < ATTEMPTS && !lane[k].c_map -> k++
    :: k == ATTEMPTS -> k = 0; break
    od
}

#define MAY_READ(l)                                                                                 \
    (lane[l].c_map && (lane[l].ended || (lane[l].committed && !lane[l].read)))

/* It looks at `ended` before it looks for a record. */
inline read_lane(l) {
    ended = lane[l].ended;
    lane[l].read = lane[l].committed;
    if
    :: ended -> ended = false; free_lane(l)
    :: else
    fi
}

active proctype consumer()
{
    byte l;
    byte k;
    bool ended;

    {
        do
        :: atomic { c_open && asks?[l] -> asks?l }
question:
            if
#ifdef BUG_2
            :: given < QUOTA -> make_lane(l); pass(l)
#else
            :: atomic { given < QUOTA -> make_lane(l) } pass(l)
#endif
            :: given >= QUOTA ->
#ifndef BUG_9
                atomic {
                    if
                    :: p_open && !p_dead -> answers!l, false
                    :: else
                    fi
                }
#else
                skip
#endif
            fi;
            l = 0
        :: MAY_READ(0) -> read_lane(0)
        :: MAY_READ(1) -> read_lane(1)
#if ATTEMPTS == 3
        :: MAY_READ(2) -> read_lane(2)
#endif
        :: c_open && !p_open && empty(asks) -> c_lose()
        :: atomic { !c_open && dialling -> dialling = false; p_open = true; c_open = true }
        :: atomic { p_open && c_open && losses < LOSSES -> losses++ } c_lose()
        :: over -> break
        od
    } unless {
        c_dead
    }
}

/* Another node's lane takes the quota for a while. */
active proctype other()
{
    if
    :: atomic { given < QUOTA -> given++ } given--
    :: true
    fi
}

/* ---- what happens to them ------------------------------------------------------------ */

inline drop_p(l) {
    lane[l].p_fd = false;
    lane[l].p_map = false
}

inline drop_c(l) {
    lane[l].c_fd = false;
    lane[l].c_map = false
}

active proctype fate()
{
    byte l;

    if
    :: d_step {
        p_dead = true;
        p_open = false;
        dialling = false;
        drop_answers(l);
        l = 0;
        do
        :: l < ATTEMPTS -> drop_p(l); l++
        :: else -> break
        od;
        l = 0
    }
    :: d_step {
        c_dead = true;
        c_open = false;
        drop_asks();
        do
        :: l < ATTEMPTS -> drop_c(l); l++
        :: else -> break
        od;
        l = 0
    }
    :: true
    fi
}

#define NOBODY_HOLDS(l)                                                                            \
    (!lane[l].c_fd && !lane[l].c_map && !lane[l].sent && !lane[l].p_fd && !lane[l].p_map)
#define BOTH_HAVE(l)                                                                               \
    (lane[l].c_map && lane[l].p_map && !lane[l].sent && !lane[l].p_fd && !lane[l].closed &&         \
     state == GRANTED && number == l && !p_dead && !c_dead)

inline judge_lane(l) {
    assert(NOBODY_HOLDS(l) || BOTH_HAVE(l));
    assert(!lane[l].accepted || lane[l].read || (!p_dead && lane[l].sent_again) ||
           (p_dead && c_dead))
}

active proctype judge()
{
    timeout; /* nobody moves any more */
    judge_lane(0);
    judge_lane(1);
#if ATTEMPTS == 3
    judge_lane(2);
    assert(c_dead || given == lane[0].c_map + lane[1].c_map + lane[2].c_map);
#else
    assert(c_dead || given == lane[0].c_map + lane[1].c_map);
#endif
    assert(p_dead || state == GRANTED || state == IDLE);
    over = true
}
