/* SPDX-License-Identifier: MIT */
/*
 * How a consumer that sleeps on a lane's own word is woken, and who fences (bus/shm/writer.h,
 * publish 5; bus/shm/reader.h, say): no wake is lost, whichever alarm it chose for a sleep, and
 * whenever the producer begins and ends to fence for itself.
 *
 * The lane is a row of commit words, of which one counter is kept, as in doorbell.pml.  The consumer
 * reads until there is nothing, says how it wants to be woken, fences, looks again, and sleeps: until
 * a bell, or as long as the word is what it saw before it said so.  The kernel compares and falls
 * asleep in one step, and reads no older value of the word than that of a wake that has happened.
 * The producer commits RECORDS records, looks at `armed` after each, and changes its mind about fences
 * at any time.  A fence of processes (membarrier) is one of the consumer, one of the producer
 * wherever that is, and one of the consumer.
 *
 * Right is: the consumer reads every committed record.  A lost wake is a consumer that sleeps while
 * something waits and nobody moves any more.  Bounded sleeps, which would mend it, are left out, and
 * so is death: see doorbell.pml.
 *
 * Bounds: one lane, RECORDS records (2; long: 3).  Memory: C11, see memory.pml.
 *
 * BUG_1  the word is loaded after the last look: a wake between that and the wait is lost
 * BUG_2  the consumer does not look again
 * BUG_3  a producer that says that it fences does not
 * BUG_4  the consumer asks for no fence of one that does not
 * BUG_5  the consumer asks who fences, and then passes its own fence
 * BUG_6  a producer that stops to fence says so without one
 * BUG_7  the producer wakes, and then changes the word
 * BUG_8  the producer changes the word and wakes nobody
 * BUG_9  the producer rings the bell for who sleeps on the word
 * BUG_10 the consumer has no fence of its own
 */
#ifdef LONG
#define RECORDS 3
#else
#define RECORDS 2
#endif

#define LOCATIONS 4
#define WORDS 0    /* the producer's: records committed */
#define RINGS 1    /* the producer's */
#define UNFENCED 2 /* the producer's */
#define ARMED 3    /* the consumer's: sleeps * 2 + alarm */
#define STORES (RECORDS * 2 + 5)
#include "memory.pml"

#define BELL 0
#define WORD 1

bool bell;     /* a datagram lies in the socket, */
byte rang_at;  /* sent when the producer's clock was this */
bool asleep;   /* on the word */
byte woken_at; /* the producer's clock at its last wake */
byte committed;

inline ring_bell() {
    d_step {
        bell = true;
        rang_at = clock[WRITER]
    }
}

inline wake() {
    d_step {
#ifndef BUG_8
        asleep = false;
#endif
        woken_at = clock[WRITER]
    }
}

inline change() {
    atomic {
        rings++;
        store(WRITER, RINGS, rings, RELEASE)
    }
}

active proctype producer()
{
    byte armed;
    byte rung;
    byte rings;
    bool unfenced;

    do
    :: committed < RECORDS ->
        atomic {
            store(WRITER, WORDS, committed + 1, RELEASE); /* publish 3 */
            committed++
        }
#ifndef BUG_3
        if
        :: !unfenced -> fence(WRITER)
        :: unfenced
        fi;
#endif
        load(WRITER, ARMED, RELAXED, armed);
        if
        :: unfenced ->
            atomic {
                unfenced = false;
                store(WRITER, UNFENCED, 0, RELEASE)
            }
        :: !unfenced ->
            atomic {
                unfenced = true;
                store(WRITER, UNFENCED, 1, RELAXED)
            }
#ifndef BUG_6
            fence(WRITER)
#endif
        :: true
        fi;
        if
        :: armed != 0 && armed != rung ->
            rung = armed;
            if
#ifdef BUG_9
            :: true -> ring_bell()
#else
            :: armed % 2 == BELL -> ring_bell()
#endif
#ifdef BUG_7
            :: armed % 2 == WORD -> wake(); change()
#else
            :: armed % 2 == WORD -> change(); wake()
#endif
            fi
        :: else
        fi
    :: else -> break
    od
}

inline fence_processes() {
    fence(READER);
    fence(WRITER);
    fence(READER)
}

inline wait_for_bell() {
    atomic {
        if
        :: bell
        :: timeout -> assert(next == committed); goto done
        fi;
        if
        :: rang_at > known[READER] -> known[READER] = rang_at
        :: else
        fi;
        bell = false
    }
}

inline wait_on_word() {
    atomic {
        if
        :: woken_at > known[READER] -> known[READER] = woken_at
        :: else
        fi;
        load(READER, RINGS, RELAXED, word);
        asleep = word == seen
    }
    atomic {
        if
        :: !asleep
        :: timeout -> assert(next == committed); goto done
        fi;
        if
        :: woken_at > known[READER] -> known[READER] = woken_at
        :: else
        fi;
        word = 0;
        seen = 0
    }
}

active proctype consumer()
{
    byte words;
    byte next;
    byte sleeps;
    byte alarm;
    byte seen;
    byte word;
    byte leaves; /* fences to us */

again:
    atomic {
        load(READER, WORDS, ACQUIRE, words);
        if
        :: words > next -> next++; goto again
        :: else
        fi;
        words = 0
    }
    if
    :: alarm = BELL
    :: alarm = WORD
    fi;
#ifndef BUG_1
    load(READER, RINGS, ACQUIRE, seen);
#endif
#ifdef BUG_5
    load(READER, UNFENCED, ACQUIRE, leaves);
#endif
    atomic {
        sleeps++;
        store(READER, ARMED, sleeps * 2 + alarm, RELAXED)
    }
#ifndef BUG_10
    fence(READER);
#endif
#ifndef BUG_5
    load(READER, UNFENCED, ACQUIRE, leaves);
#endif
#ifndef BUG_4
    if
    :: leaves -> fence_processes()
    :: else
    fi;
#endif
#ifndef BUG_2
    atomic {
        load(READER, WORDS, ACQUIRE, words);
        if
        :: words > next -> goto again
        :: else
        fi;
        words = 0
    }
#endif
#ifdef BUG_1
    load(READER, RINGS, ACQUIRE, seen);
#endif
    if
    :: alarm == BELL -> wait_for_bell()
    :: alarm == WORD -> wait_on_word()
    fi;
    goto again;
done:
    assert(next == committed)
}
