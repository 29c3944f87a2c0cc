/* SPDX-License-Identifier: MIT */
/*
 * The doorbell of a lane: no wake is lost, and nothing is left behind the end (bus/shm/writer.h,
 * publish 3 and 5, end; bus/shm/reader.h, next 3, arm, disarm).
 *
 * The lane is a row of commit words, of which one counter is kept: how many records are committed.
 * The bell is a datagram on a socket that keeps one; what was done before it was sent is seen by who
 * has received it, as the kernel's locks have it.  The consumer reads until there is nothing,
 * arms, looks again, and sleeps until the bell or the end of the connection.  The producer commits
 * RECORDS records, rings as must_ring says, after one or after several, and says the end or not; it may be
 * killed at any step, and the kernel then closes its socket.
 *
 * Right is: the consumer reads every committed record, and comes to the end if there is one.  A lost
 * wake is a consumer that sleeps while something waits and nobody moves any more (spin's `timeout`).
 * Bounded sleeps, which would mend it after a while, are left out.
 *
 * Bounds: one lane, RECORDS records (3; long: 5), one kill.  Memory: C11, see memory.pml.
 *
 * BUG_1  the producer has no fence between commit and the look at `armed`
 * BUG_2  the consumer has no fence between `armed` and its second look
 * BUG_3  the consumer does not look again after it armed
 * BUG_4  arming does not change the value
 * BUG_5  the bell is taken from the socket after the last look
 * BUG_6  the consumer looks, and then learns that the producer is dead
 * BUG_7  the producer rings only for its first record
 * BUG_8  the consumer looks, and then loads `ended`
 * BUG_9  the end does not ring
 * BUG_10 the end is stored relaxed
 * BUG_11 a producer that goes on to the next record forgets the bell of the last one of all
 */
#ifdef LONG
#define RECORDS 5
#else
#define RECORDS 3
#endif

#define LOCATIONS 3
#define WORDS 0 /* the producer's: records committed */
#define ENDED 1 /* the producer's */
#define ARMED 2 /* the consumer's */
#define STORES (RECORDS * 2 + 4)
#include "memory.pml"

#ifdef BUG_10
#define END_RELEASE RELAXED
#else
#define END_RELEASE RELEASE
#endif

bool bell;    /* a datagram lies in the socket, */
byte rang_at; /* sent when the producer's clock was this */
bool closed;  /* the producer's end of it is gone */
byte committed;

inline ring() {
    d_step {
        bell = true;
        rang_at = clock[WRITER]
    }
}

inline ring_if_asleep() {
#ifndef BUG_1
    fence(WRITER); /* publish 5 */
#endif
    load(WRITER, ARMED, RELAXED, armed);
    if
#ifdef BUG_7
    :: atomic { armed != 0 && rung == 0 -> rung = armed; ring() }
#else
    :: atomic { armed != 0 && armed != rung -> rung = armed; ring() }
#endif
    :: else
    fi
}

active proctype producer()
{
    byte armed;
    byte rung;

    {
        do
        :: committed < RECORDS ->
            atomic {
                store(WRITER, WORDS, committed + 1, RELEASE); /* publish 3 */
                committed++
            }
            if
            :: committed < RECORDS -> goto unrung /* a batch: the next record first */
            :: committed == RECORDS -> goto end   /* which rings anyway */
#ifdef BUG_11
            :: committed == RECORDS -> goto idle
#endif
            :: ring_if_asleep()
            fi;
unrung:
            skip
        :: else -> break
        od;
        goto idle;
end:
        store(WRITER, ENDED, 1, END_RELEASE);
#ifndef BUG_9
        ring();
#endif
idle:
        skip
    } unless {
        closed
    }
}

active proctype killer()
{
    if
    :: closed = true
    :: true
    fi
}

inline hear_bell() {
    atomic {
        if
        :: bell || closed
        :: timeout -> assert(next == committed && !LAST(ENDED)); goto done
        fi;
        if
        :: bell && rang_at > known[READER] -> known[READER] = rang_at
        :: else
        fi;
        bell = false
    }
}

active proctype consumer()
{
    byte words;
    byte ended;
    byte next;
    byte sleeps;
    bool dead;

again:
    atomic {
        load(READER, WORDS, ACQUIRE, words); /* next 1 */
        if
        :: words > next -> next++; goto again
        :: else
        fi
    }
#ifndef BUG_8
    load(READER, ENDED, ACQUIRE, ended); /* next 3 */
    load(READER, WORDS, ACQUIRE, words);
#else
    load(READER, ENDED, ACQUIRE, ended);
#endif
    if
    :: words > next -> next++; goto again
    :: words <= next && (ended || dead) -> goto done
    :: else
    fi;
    atomic {
#ifdef BUG_4
        sleeps = 1;
#else
        sleeps++;
#endif
        store(READER, ARMED, sleeps, RELAXED) /* arm */
    }
#ifndef BUG_2
    fence(READER);
#endif
#ifndef BUG_3
    load(READER, WORDS, ACQUIRE, words);
#endif
    if
    :: words <= next ->
#ifdef BUG_5
        bell = false;
#endif
        hear_bell()
    :: else
    fi;
    atomic {
        store(READER, ARMED, 0, RELAXED); /* disarm */
        ended = 0
    }
    if
#ifdef BUG_6
    :: closed -> goto done
#else
    :: atomic { closed -> dead = true; learn_death(READER) }
#endif
    :: !closed
    fi;
    goto again;
done:
    assert(next == committed)
}
