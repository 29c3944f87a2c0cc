/* SPDX-License-Identifier: MIT */
/*
 * A larger lane takes over from a smaller one, in order (bus/lane_out.h: `after`, `larger`;
 * bus/lane_in.h: `after`; bus/shm/reader.h: `ended`, close).
 *
 * One thread of S sends MESSAGES messages of one pair to A: first into the small lane, then, once a
 * larger one was granted and the small one's end was said, into the large lane.  A begins the large
 * lane when it has read the small one to its end.  A may put the lane that it reads into
 * quarantine, once; S then loses both and sends again what has no answer, flagged, the common way.
 * Either side may be killed; S turns to B then.
 *
 *   S   says the end of the small lane, and writes into the large one behind it.  Its service thread
 *       looks at the state of each lane; it loses the small lane before the large one, whichever
 *       it found closed.  What is sent meanwhile waits for the answer of the pair's last record.
 *   A   loads `ended`, looks once more, and goes on to the large lane when there is nothing.  A
 *       small lane that it closes without having read it to its end takes the large one with it.
 *
 * Right is: messages are handled in order, by A each once, by B again only if flagged; S lives: each
 * is answered; S is killed: what was committed is handled, if A lives and no lane was in quarantine.
 *
 * Bounds: MESSAGES (3; long: 4), one quarantine, one kill.  Memory is sequentially consistent.  Lanes
 * have room (lane.pml), connections hold (resend.pml).
 *
 * BUG_1  A begins the large lane when it is granted
 * BUG_2  A begins the large lane when the small one is empty, whether it has ended or not
 * BUG_3  A looks, and then loads `ended`
 * BUG_4  A begins the large lane though the small one was closed, not read to its end
 * BUG_5  S looks at a lane's state only when it writes into it
 * BUG_6  S loses the lane that it found closed, and not the one before it
 * BUG_7  S is dead: A reads the large lane first
 * BUG_8  what S sends meanwhile does not wait for the pair's last record
 * BUG_9  A is dead: S sends again what the large lane holds first
 * BUG_10 S says the small lane's end before its last record there
 */
#ifdef LONG
#define MESSAGES 4
#define ANY(is) (is(0) || is(1) || is(2) || is(3))
#else
#define MESSAGES 3
#define ANY(is) (is(0) || is(1) || is(2))
#endif

/* What S knows of a message. */
#define UNSENT 0
#define IN_SMALL 1
#define IN_LARGE 2
#define QUEUED 3
#define SENT 4
#define ANSWERED 5
byte told[MESSAGES];
bool flagged[MESSAGES];
byte sending; /* the next message */
bool detour;  /* it goes the common way */
bool lost[2]; /* the lanes */

#define SMALL 0
#define LARGE 1

/* The lanes: what was committed and not read, the producer's word, and the consumer's. */
chan small = [MESSAGES] of { byte };
chan large = [MESSAGES] of { byte };
bool granted; /* the large one */
bool ended;   /* the small one */
bool closed[2];
bool answer[MESSAGES];

/* The common way: parcels in order, as many as have gone, and what is under way. */
byte queue[MESSAGES];
byte queued;
byte gone;
chan parcels = [MESSAGES] of { byte, bool };

bool seen[MESSAGES]; /* by A, or B: whatever way it came, it is known by its number */
bool begun;          /* the large lane may be read */
bool read_out;       /* the small lane is not read any more */

bool complete[MESSAGES];
bool bound[MESSAGES]; /* a parcel waits for its end */

bool s_dead;
bool a_dead;
bool a_gone; /* S has learned of it, and turned to B */
bool harmed; /* a lane was in quarantine */
bool over;

/* What really happened, for assertions only. */
bool by_a[MESSAGES];
bool by_b[MESSAGES];
byte last; /* the last message that was handled here, + 1 */
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
    :: (told[n] == IN_SMALL || told[n] == IN_LARGE) && answer[n] -> told[n] = ANSWERED
    :: else
    fi
}

inline lose_one(n, where) {
    if
    :: told[n] == where ->
        told[n] = QUEUED;
        flagged[n] = true;
        detour = true;
        queue[queued] = n;
        queued++
    :: else
    fi
}

inline lose(lane) {
    d_step {
        lost[lane] = true;
        EACH(collect_one(i));
        EACH(lose_one(i, IN_SMALL + lane))
    }
}

inline lose_both(first, second) {
    lose(first);
    lose(second);
    detour = true /* there is no lane any more */
}

#define IN_LANE(n) (told[n] == IN_SMALL || told[n] == IN_LARGE)
#define IS_NEWS(n) (IN_LANE(n) && answer[n])
#define IS_OPEN(n) (told[n] != ANSWERED)

/* The common way is free for what is new: the pair's records are answered, or parcels. */
#ifdef BUG_8
#define BEHIND_CLEAR true
#else
#define BEHIND_CLEAR !ANY(IN_LANE)
#endif

/* The thread. */
active proctype sender()
{
    {
        do
        :: atomic {
            sending < MESSAGES && !detour && !ended && !closed[SMALL] && !lost[SMALL] ->
            small!sending;
            told[sending] = IN_SMALL;
            sending++
        }
#ifdef BUG_10
        :: granted && !ended && sending < MESSAGES ->
            ended = true;
            atomic {
                if
                :: !detour -> small!sending; told[sending] = IN_SMALL; sending++
                :: else
                fi
            }
#else
        :: atomic { granted && !ended && !lost[SMALL] -> ended = true }
#endif
        :: atomic {
            sending < MESSAGES && !detour && ended && !closed[LARGE] && !lost[LARGE] ->
            large!sending;
            told[sending] = IN_LARGE;
            sending++
        }
        :: d_step {
            sending < MESSAGES && detour && BEHIND_CLEAR ->
            told[sending] = QUEUED;
            queue[queued] = sending;
            queued++;
            sending++
        }
        :: !detour -> detour = true /* a message that is too large for a lane, say */
        :: atomic { !granted -> granted = true }
        :: over -> break
        od
    } unless {
        s_dead
    }
}

inline rewind_one(n) {
    if
    :: told[n] == SENT -> told[n] = QUEUED; flagged[n] = true
    :: else
    fi
}

inline turn_to_b() {
#ifdef BUG_9
    lose_both(LARGE, SMALL);
#else
    lose_both(SMALL, LARGE);
#endif
    d_step {
        EACH(rewind_one(i));
        gone = 0;
        a_gone = true
    }
}

/* Its service thread. */
active proctype service()
{
    {
        do
        :: d_step { ANY(IS_NEWS) -> EACH(collect_one(i)) }
#ifdef BUG_5
        :: closed[SMALL] && !lost[SMALL] && !ended && sending < MESSAGES -> lose_both(SMALL, LARGE)
        :: closed[LARGE] && !lost[LARGE] && ended && sending < MESSAGES -> lose_both(SMALL, LARGE)
#else
        :: closed[SMALL] && !lost[SMALL] -> lose_both(SMALL, LARGE)
#ifdef BUG_6
        :: closed[LARGE] && !lost[LARGE] -> lose(LARGE)
#else
        :: closed[LARGE] && !lost[LARGE] -> lose_both(SMALL, LARGE)
#endif
#endif
        :: a_dead && !a_gone -> turn_to_b()
        :: d_step {
            a_dead == a_gone && gone < queued && told[queue[gone]] == QUEUED ->
            parcels!queue[gone], flagged[queue[gone]];
            told[queue[gone]] = SENT;
            gone++
        }
        :: d_step { gone < queued && told[queue[gone]] == ANSWERED -> gone++ }
        :: over -> break
        od
    } unless {
        s_dead
    }
}

/* ---- A and B ------------------------------------------------------------------------- */

inline handle(n, flag) {
    d_step {
        seen[n] = true;
        if
        :: a_dead ->
            assert(!by_b[n]);
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

inline receive() {
    parcels?n, flag;
    if
    :: flag && seen[n] && complete[n] -> told[n] = ANSWERED
    :: flag && seen[n] && !complete[n] -> bound[n] = true
    :: else -> handle(n, flag); bound[n] = true
    fi;
    n = 0;
    flag = false
}

/* The small lane was empty. */
inline look_at_end() {
#if defined(BUG_2)
    atomic { read_out = true; begun = true }
#elif defined(BUG_3)
    atomic {
        if
        :: ended -> read_out = true; begun = true
        :: else
        fi
    }
#else
    end = ended;
    atomic {
        if
        :: end && empty(small) -> read_out = true; begun = true
        :: !end || nempty(small)
        fi;
        end = false
    }
#endif
}

inline quarantine_small() {
    atomic {
        harmed = true;
        read_out = true;
        closed[SMALL] = true
    }
#ifdef BUG_4
    begun = true
#else
    closed[LARGE] = true
#endif
}

inline quarantine_large() {
    atomic {
        harmed = true;
        begun = false;
        closed[LARGE] = true
    }
}

/* S is dead: what it committed is read. */
inline drain(lane) {
    do
    :: atomic { lane?[n] -> lane?n; handle(n, false); n = 0 }
    :: empty(lane) -> break
    od
}

inline drain_all() {
#ifdef BUG_7
    drain(large);
    drain(small)
#else
    if
    :: !closed[SMALL] -> drain(small)
    :: else
    fi;
    if
    :: !closed[LARGE] -> drain(large)
    :: else
    fi
#endif
}

active proctype node_a()
{
    byte n;
    bool flag;
    bool end;

    {
        do
        :: atomic { !s_dead && !read_out && small?[n] -> small?n; handle(n, false); n = 0 }
        :: !s_dead && !read_out && empty(small) -> look_at_end()
#ifdef BUG_1
        :: atomic { !s_dead && granted && large?[n] -> large?n; handle(n, false); n = 0 }
#else
        :: atomic { !s_dead && begun && large?[n] -> large?n; handle(n, false); n = 0 }
#endif
        :: nempty(parcels) -> atomic { receive() }
        :: !s_dead && !harmed && !read_out -> quarantine_small()
        :: !s_dead && !harmed && begun -> quarantine_large()
        :: s_dead -> drain_all(); break
        :: over -> break
        od
    } unless {
        a_dead
    }
}

active proctype node_b()
{
    byte n;
    bool flag;

    a_dead || over;
    do
    :: a_gone && nempty(parcels) -> atomic { receive() }
    :: over -> break
    od
}

inline finish(n) {
    complete[n] = true;
    answer[n] = !a_dead && !bound[n];
    if
    :: bound[n] && !s_dead -> told[n] = ANSWERED
    :: else
    fi
}

#define MAY_FINISH(n) (seen[n] && !complete[n])

/* Handlers of A, or B, in any order. */
active proctype handlers()
{
    do
    :: d_step { MAY_FINISH(0) -> finish(0) }
    :: d_step { MAY_FINISH(1) -> finish(1) }
    :: d_step { MAY_FINISH(2) -> finish(2) }
#if MESSAGES == 4
    :: d_step { MAY_FINISH(3) -> finish(3) }
#endif
    :: over -> break
    od
}

/* ---- what happens to them ------------------------------------------------------------ */

inline reset_one(n) {
    seen[n] = false;
    complete[n] = false;
    bound[n] = false
}

active proctype fate()
{
    if
    :: s_dead = true
    :: d_step {
        a_dead = true;
        last = 0;
        EACH(reset_one(i));
        do
        :: nempty(parcels) -> parcels?_, _
        :: empty(parcels) -> break
        od
    }
    :: true
    fi
}

active proctype judge()
{
    timeout; /* nobody moves any more */
    if
    :: !s_dead -> assert(sending == MESSAGES && !ANY(IS_OPEN))
    :: s_dead && !a_dead && !harmed -> EACH(assert(!IN_LANE(i) || by_a[i]))
    :: else
    fi;
    over = true
}
