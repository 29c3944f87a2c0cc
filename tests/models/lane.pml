/* SPDX-License-Identifier: MIT */
/*
 * A lane's ring: publish, next, complete, collect, and the death of either side at any step
 * (bus/shm/writer.h, bus/shm/reader.h; numbers of steps and invariants are theirs).
 *
 * A cell is 32 bytes: its first word, where a commit word may be, and the rest.  A record takes
 * one cell (a header) or two (header and body), as the producer pleases, so that records of both
 * sizes come to lie at every place of the ring and go round it.  What a body leaves behind in the
 * place of a commit word is taken for the commit word that is expected there: the worst payload.
 *
 * The producer publishes RECORDS records, collecting when it must and when it likes.  The consumer
 * reads and completes in any order, with OK or with another status; bodies are read in place, at
 * the latest moment.  Either side may be killed between any two stores.
 *
 * Right is:
 *   - each side reads what was written for it, whole, and never while it is being written (plain
 *     bytes: a race is an error);
 *   - records come in order, each once; a status given is the status seen;
 *   - the producer dies: every record whose commit word was stored is delivered;
 *   - the consumer dies: each record has an answer or is re-sent, whole, and not both; what the
 *     consumer had answered is not re-sent;
 *   - nobody waits for ever; W1 to W4 and R1.
 *
 * Bounds: CELLS cells, RECORDS records, WINDOW in flight (4, 3, 2; long: 4, 4, 2), one kill of
 * either.  Memory: C11, see memory.pml.  Numbers and positions do not wrap at 2^64 here, and only
 * the producer's and consumer's words are scribbled on by nobody: damage.pml does that.
 *
 * BUG_1  publish 3 before 1
 * BUG_2  publish 3 is relaxed
 * BUG_3  publish without 2: the word behind is left as it is
 * BUG_4  publish 2 after 3
 * BUG_5  publish 4 is relaxed: a look at head finds damage where there is none
 * BUG_6  next 1 is relaxed
 * BUG_7  W2 without the 32 bytes of the word that says "nothing follows"
 * BUG_8  W3 without the window
 * BUG_9  complete 3 is relaxed
 * BUG_10 complete 3 before 1 and 2
 * BUG_11 complete 2 before 1
 * BUG_12 `completed` is the last that is complete, not the first that is not
 * BUG_13 collect loads `specials`, then `completed`
 * BUG_14 collect's load of `completed` is relaxed
 * BUG_15 re-sending begins at the `completed` that was loaded while the consumer lived
 * BUG_16 re-sending leaves out what was read, complete or not
 * BUG_17 re-sending does not look for DONE
 */
#ifdef LONG
#define CELLS 4
#define RECORDS 4
#else
#define CELLS 4
#define RECORDS 3
#endif
#define WINDOW 2

/* When the producer looks at answers: whenever there are news, or when it has to. */
#ifdef LONG
#define COLLECT true
#else
#define COLLECT (head == RECORDS || (size > 0 && !FITS(size)))
#endif

#define LOCATIONS (CELLS + 3 + WINDOW)
#define WORD(cell) (cell) /* the producer's, as HEAD */
#define HEAD CELLS
#define COMPLETED (CELLS + 1) /* the consumer's, as all below */
#define SPECIALS (CELLS + 2)
#define ANSWER(number) (CELLS + 3 + (number) % WINDOW)
#define STORES 5
#include "memory.pml"

#ifdef BUG_2
#define COMMIT_RELEASE RELAXED
#else
#define COMMIT_RELEASE RELEASE
#endif
#ifdef BUG_5
#define HEAD_RELEASE RELAXED
#else
#define HEAD_RELEASE RELEASE
#endif
#ifdef BUG_6
#define COMMIT_ACQUIRE RELAXED
#else
#define COMMIT_ACQUIRE ACQUIRE
#endif
#ifdef BUG_7
#define NOTHING_FOLLOWS 0
#else
#define NOTHING_FOLLOWS 1
#endif
#ifdef BUG_8
#define IN_FLIGHT_MOST RECORDS
#else
#define IN_FLIGHT_MOST WINDOW
#endif
#ifdef BUG_9
#define COMPLETED_RELEASE RELAXED
#else
#define COMPLETED_RELEASE RELEASE
#endif
#ifdef BUG_14
#define COMPLETED_ACQUIRE RELAXED
#else
#define COMPLETED_ACQUIRE ACQUIRE
#endif

/* Values of a word. */
#define EMPTY 0
#define COMMIT(number) ((number) + 1)
#define ANYTHING 255

/* Values of an answer's place. */
#define GIVEN(number) ((number) + 1)
#define DONE(number) (100 + (number))

/* What lies in the rest of a cell. */
#define HEADER(number, size) (((number) + 1) * 4 + (size))
#define BODY(number) (((number) + 1) * 4)

typedef plain {
    byte holds;
    byte wrote;      /* the event by which the write is known */
    byte read;       /* the event by which the consumer's last read is known */
    byte word_read;  /* the same for its loads of the word, */
    byte word_plain; /* and for reads of the word's bytes as part of a body */
};

plain rest[CELLS];

/* What really happened, for assertions only. */
byte committed;         /* commit words stored */
byte given[RECORDS];    /* the status that the consumer gave */
bool visible[RECORDS];  /* the producer must be able to see it */
bool killed[2];
byte next; /* the number of the first record that was not read: the consumer's */

#define NONE 0
#define OK 1
#define SPECIAL 2 /* any other status */

/* ---- plain bytes --------------------------------------------------------------------- */

inline write_rest(cell, what) {
    assert(known[WRITER] >= rest[cell].read);
    rest[cell].holds = what;
    rest[cell].wrote = clock[WRITER] + 1
}

/* A body also covers the place of the commit word. */
inline write_body(cell, number) {
    d_step {
        write_rest(cell, BODY(number));
        assert(known[WRITER] >= rest[cell].word_read && known[WRITER] >= rest[cell].word_plain);
        settle(WORD(cell));
        memory[WORD(cell)].value[0] = ANYTHING;
        memory[WORD(cell)].event[0] = clock[WRITER] + 1;
        memory[WORD(cell)].carries[0] = 0
    }
}

inline write_word(cell, value, order) {
    atomic {
        assert(known[WRITER] >= rest[cell].word_plain);
        store(WRITER, WORD(cell), value, order)
    }
}

inline read_rest(cell, what) {
    assert(known[READER] >= rest[cell].wrote);
    rest[cell].read = clock[READER] + 1;
    assert(rest[cell].holds == what)
}

inline load_word(cell, order, value) {
    load(READER, WORD(cell), order, value);
    /* Bytes of a body, if that is what they are, were written before. */
    assert(value != ANYTHING || known[READER] >= rest[cell].wrote);
    rest[cell].word_read = clock[READER] + 1
}

/* ---- the producer -------------------------------------------------------------------- */

byte head;
byte head_at; /* positions are in cells */
byte tail;
byte tail_at;
byte handled; /* specials */
byte flight_at[RECORDS];
byte flight_size[RECORDS];
byte flight_status[RECORDS];

#define CELL(at) ((at) % CELLS)
#define FITS(size)                                                                                 \
    (head_at + (size) + NOTHING_FOLLOWS - tail_at <= CELLS && head - tail < IN_FLIGHT_MOST)

inline collect() {
#ifdef BUG_13
    load(WRITER, SPECIALS, ACQUIRE, specials);
    load(WRITER, COMPLETED, COMPLETED_ACQUIRE, completed);
#else
    load(WRITER, COMPLETED, COMPLETED_ACQUIRE, completed);
    load(WRITER, SPECIALS, ACQUIRE, specials);
#endif
    atomic { look_at_answers() }
}

inline look_at_answers() {
        number = tail;
        do
        :: specials != handled && number < head ->
            load(WRITER, ANSWER(number), RELAXED, answer);
            if
            :: answer == GIVEN(number) -> flight_status[number] = SPECIAL
            :: else
            fi;
            number++
        :: else -> break
        od;
        handled = specials;
        do
        :: tail < completed ->
            if
            :: flight_status[tail] == NONE -> flight_status[tail] = OK
            :: else
            fi;
            assert(tail < head && flight_status[tail] == given[tail]); /* W4 */
            tail_at = flight_at[tail] + flight_size[tail];
            tail++
        :: else -> break
        od;
        completed = 0;
        specials = 0;
        number = 0;
        answer = 0
}

/*
 * A step that may not happen, because its side is dead before it.  What the side knew by itself is
 * cleared, so that it is the same for spin wherever that was.
 */
inline may_die_producer() {
    if
    :: !killed[WRITER] && !killed[READER] ->
        d_step {
            killed[WRITER] = true;
            forget_producer()
        }
        goto dead
    :: true
    fi;
    skip /* spin lets nobody jump into a d_step */
}

inline forget_producer() {
    head = 0;
    head_at = 0;
    tail = 0;
    tail_at = 0;
    handled = 0;
    size = 0;
    completed = 0;
    specials = 0;
    number = 0;
    do
    :: number < RECORDS ->
        flight_at[number] = 0;
        flight_size[number] = 0;
        flight_status[number] = NONE;
        number++
    :: else -> break
    od;
    number = 0
}

inline write_record() {
    write_rest(CELL(head_at), HEADER(head, size));
    if
    :: size == 2 -> write_body(CELL(head_at + 1), head)
    :: else
    fi;
    skip
}

inline write_empty() {
    write_word(CELL(head_at + size), EMPTY, RELAXED)
}

inline write_commit() {
    write_word(CELL(head_at), COMMIT(head), COMMIT_RELEASE);
    committed++
}

inline write_head() {
    store(WRITER, HEAD, head + 1, HEAD_RELEASE);
    flight_at[head] = head_at;
    flight_size[head] = size;
    head++;
    head_at = head_at + size;
    size = 0
}

/* 1 and 2 in one step: neither can be seen, or told from the other, before 3. */
inline publish() {
    assert(LAST(WORD(CELL(head_at))) == EMPTY); /* W1 */
#if defined(BUG_1)
    atomic { may_die_producer(); write_commit() }
    atomic { may_die_producer(); write_record(); write_empty() }
#elif defined(BUG_3)
    atomic { may_die_producer(); write_record() }
    atomic { may_die_producer(); write_commit() }
#elif defined(BUG_4)
    atomic { may_die_producer(); write_record() }
    atomic { may_die_producer(); write_commit() }
    atomic { may_die_producer(); write_empty() }
#else
    atomic { may_die_producer(); write_record(); write_empty() } /* 1, 2 */
    atomic { may_die_producer(); write_commit() }                /* 3 */
#endif
    atomic { may_die_producer(); write_head() } /* 4 */
}

#ifdef BUG_17
#define IS_DONE(number) false
#else
#define IS_DONE(number) (LAST(ANSWER(number)) == DONE(number))
#endif

/* The consumer is dead: what has no answer is sent again, whole. */
inline resend() {
#ifndef BUG_15
    learn_death(WRITER);
    load(WRITER, COMPLETED, ACQUIRE, completed);
    load(WRITER, SPECIALS, ACQUIRE, specials);
    look_at_answers();
#endif
    d_step {
        number = tail;
#ifdef BUG_16
        number = (next > tail -> next : tail);
#endif
        do
        :: number < head ->
            if
            :: flight_status[number] == NONE && IS_DONE(number) ->
                flight_status[number] = OK
            :: flight_status[number] == NONE && !IS_DONE(number) ->
                assert(!visible[number]);
                assert(LAST(WORD(CELL(flight_at[number]))) == COMMIT(number));
                assert(rest[CELL(flight_at[number])].holds == HEADER(number, flight_size[number]));
                assert(flight_size[number] == 1 ||
                       rest[CELL(flight_at[number] + 1)].holds == BODY(number));
                flight_status[number] = OK /* of another consumer */
            :: else -> assert(flight_status[number] == given[number])
            fi;
            number++
        :: else -> break
        od;
        number = 0;
        do
        :: number < head -> assert(flight_status[number] != NONE); number++
        :: else -> break
        od
    }
}

active proctype producer()
{
    byte size;
    byte completed;
    byte specials;
    byte number;
    byte answer;

    do
    :: killed[READER] && size == 0 -> atomic { resend(); forget_producer() } break
    :: !killed[READER] && size == 0 && head < RECORDS ->
        if
        :: size = 2
        :: size = 1
        fi
    :: size > 0 && FITS(size) -> publish()
    :: COLLECT && !killed[READER] && (NEWS(COMPLETED) || NEWS(SPECIALS)) -> collect()
    :: killed[READER] && size > 0 && !FITS(size) -> size = 0 /* it has no room any more */
    :: head == RECORDS && tail == RECORDS -> break
    od;
dead:
    skip
}

/* ---- the consumer -------------------------------------------------------------------- */

byte next_at;
byte completed_number;
byte taken_at[RECORDS];
byte taken_size[RECORDS];

#define EXPECTED(word) ((word) == COMMIT(next) || (word) == ANYTHING)
#define LOOK (NEWS(WORD(CELL(next_at))) || NEWS(HEAD) || EXPECTED(memory[CELL(next_at)].value[0]))

inline take() {
    d_step {
        assert(next < committed);
        taken_size[next] = rest[CELL(next_at)].holds % 4;
        taken_at[next] = next_at;
        assert(taken_size[next] > 0);
        read_rest(CELL(next_at), HEADER(next, taken_size[next]));
        next_at = next_at + taken_size[next];
        next++;
        assert(next - completed_number <= WINDOW) /* R1 */
    }
}

inline read_next() {
    atomic {
        load_word(CELL(next_at), COMMIT_ACQUIRE, word); /* 1 */
        if
        :: EXPECTED(word) -> word = 0; take(); goto again /* 2 */
        :: else -> word = 0
        fi
    }
    load(READER, HEAD, ACQUIRE, last); /* 3 */
    atomic {
        if
        :: last > next ->
            load_word(CELL(next_at), ACQUIRE, word);
            assert(EXPECTED(word)); /* nobody damages anything here */
            take()
        :: else
        fi;
        word = 0;
        last = 0
    }
}

inline read_body() {
    d_step {
        if
        :: taken_size[number] == 2 ->
            read_rest(CELL(taken_at[number] + 1), BODY(number));
            rest[CELL(taken_at[number] + 1)].word_plain = clock[READER] + 1
        :: else
        fi
    }
}

inline store_answer() {
    store(READER, ANSWER(number), GIVEN(number), RELAXED)
}

/* It need not be sent again, though older ones are at work. */
inline store_done() {
    if
    :: number != completed_number ->
        store(READER, ANSWER(number), DONE(number), RELEASE);
        visible[number] = true
    :: else
    fi;
    skip
}

inline store_special() {
    specials++;
    store(READER, SPECIALS, specials, RELEASE);
    visible[number] = true
}

inline store_completed() {
    done[number] = true;
#ifdef BUG_12
    completed_number = number + 1;
#else
    do
    :: completed_number < next && done[completed_number] -> completed_number++
    :: else -> break
    od;
#endif
    store(READER, COMPLETED, completed_number, COMPLETED_RELEASE);
    do
    :: number < completed_number -> visible[number] = true; number++
    :: else -> break
    od;
    number = 0
}

inline may_die_consumer() {
    if
    :: !killed[WRITER] && !killed[READER] ->
        d_step {
            killed[READER] = true;
            forget_consumer()
        }
        goto dead
    :: true
    fi;
    skip
}

inline forget_consumer() {
    number = 0;
    do
    :: number < RECORDS ->
        taken_at[number] = 0;
        taken_size[number] = 0;
        done[number] = false;
        number++
    :: else -> break
    od;
    number = 0;
    next_at = 0;
    completed_number = 0;
    specials = 0
}

/* Any record that was read and has no answer yet. */
inline choose() {
    number = completed_number;
    do
    :: number + 1 < next -> number++
    :: break
    od;
    if
    :: given[number] != NONE -> number = 0; goto again
    :: else
    fi;
    read_body()
}

/* The body's last read and the first store in one step: happens-before tells them apart. */
inline complete() {
    if
    :: atomic { true -> choose(); given[number] = OK; may_die_consumer(); store_done() }
        atomic { may_die_consumer(); store_completed() }
    :: atomic { !learned -> choose(); given[number] = SPECIAL; may_die_consumer(); skip }
#if defined(BUG_10)
        atomic { store_completed() }
        atomic { may_die_consumer(); store_answer() }
        atomic { may_die_consumer(); store_special() }
#elif defined(BUG_11)
        atomic { store_special() }
        atomic { may_die_consumer(); store_answer() }
        atomic { may_die_consumer(); store_completed() }
#else
        atomic { store_answer() }
        atomic { may_die_consumer(); store_special() }
        atomic { may_die_consumer(); store_completed() }
#endif
    fi
}

active proctype consumer()
{
    byte word;
    byte last;
    byte number;
    byte specials;
    bool done[RECORDS];
    bool learned;

again:
    do
    /* What it does before it learns of the death it might have done before the death. */
    :: killed[WRITER] && !learned -> atomic { learn_death(READER); learned = true }
    :: killed[WRITER] == learned && LOOK -> read_next()
    :: killed[WRITER] == learned && completed_number < next -> complete()
    :: completed_number == next -> atomic { may_die_consumer() }
    :: completed_number == next && next == RECORDS -> break
    :: completed_number == next && learned && !LOOK -> assert(next == committed); break
    od;
dead:
    skip
}
