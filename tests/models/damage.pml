/* SPDX-License-Identifier: MIT */
/*
 * Damage in a lane's ring: what the reader loses, and that it never stalls (bus/shm/reader.h,
 * "Damage at n"; bus/shm/writer.h, publish 1 to 4, where head is the arbiter).
 *
 * The ring is that of lane.pml: cells of 32 bytes, each a word and the rest; records of one cell or
 * two.  DAMAGES times, at any moment and anywhere in the ring, a word or the rest of a cell is
 * made wrong; it stays so until the producer writes there again.  The producer may be killed at
 * any step.  Head may be damaged too, so that its check is wrong; the producer stores it again with
 * each publish, each heartbeat, and the end.  A head that says what is
 * impossible though its check is right, which costs the lane (quarantine), is left out.
 *
 * Right is:
 *   - what is delivered is whole, in order, each record once;
 *   - what is reported lost had been hit, and is reported once;
 *   - every record whose head was stored is delivered or reported, also when its producer is dead;
 *     unless head itself was damaged and nobody puts it right any more;
 *   - nobody waits for ever.
 *
 * Bounds: CELLS cells, RECORDS records, DAMAGES (5, 3, 2; long: 6, 4, 2), one kill.  Memory is
 * sequentially consistent here: the orders that the steps need are shown in lane.pml.
 *
 * BUG_1  a wrong header with head not moved: the reader waits, though the producer is dead
 * BUG_2  a wrong header with head not moved: the reader goes on as if head had moved
 * BUG_3  head says that the record is there: the word is not looked at again
 * BUG_4  the word is not the expected one: head is not asked
 * BUG_5  looking for the next record, commit words are not compared
 * BUG_6  of several lost records only the first is answered
 * BUG_7  a wrong header's size is believed
 * BUG_8  the header is read again after it was checked
 * BUG_9  the body is not checked
 * BUG_10 a wrong body costs all up to head
 * BUG_11 publish 4 before 3
 * BUG_12 head is looked at, and then the producer's death is learned
 * BUG_13 a head whose check is wrong is believed
 * BUG_14 head is stored by the next publish and by nobody else
 */
#ifdef LONG
#define CELLS 6
#define RECORDS 4
#else
#define CELLS 5
#define RECORDS 3
#endif
#define DAMAGES 2
#define CELL(at) ((at) % CELLS)

/* Values of a word. */
#define EMPTY 0
#define COMMIT(number) ((number) + 1)
#define LEFT 254 /* bytes of a body */
#define WRONG 255

/* What lies in the rest of a cell. */
#define HEADER(number, size) (((number) + 1) * 4 + (size))
#define BODY(number) (((number) + 1) * 4)
#define IS_HEADER(rest) ((rest) != WRONG && (rest) % 4 != 0)
#define SIZE(rest) ((rest) % 4)

byte word[CELLS];
byte rest[CELLS];
byte head; /* with its position, one word */
byte head_at;
bool head_hit;
byte next; /* the consumer's */
byte completed;
byte place[RECORDS + 1]; /* the producer's: where its records begin */
bool finished; /* the producer has left or is dead: nothing is published any more */

/* What really happened, for assertions only. */
byte owner[CELLS];  /* the record whose bytes are there, + 1 */
bool hit[RECORDS];  /* of those that were not read */

/* ---- the producer -------------------------------------------------------------------- */

/* The step that follows is never made: the producer is dead before it. */
inline may_die() {
    if
    :: goto dead
    :: true
    fi
}

inline write_commit() {
    atomic {
        may_die();
        word[CELL(at)] = COMMIT(number)
    }
}

inline write_head() {
    atomic {
        may_die();
        head = number + 1;
        head_at = at + size;
        head_hit = false
    }
}

active proctype producer()
{
    byte number;
    byte at;
    byte size;

    do
    :: number == RECORDS -> break
    :: else ->
        if
        :: size = 1
        :: size = 2
        fi;
        at + size + 1 - place[completed] <= CELLS; /* W2 */
        atomic {                                   /* 1 */
            may_die();
            place[number + 1] = at + size;
            rest[CELL(at)] = HEADER(number, size);
            owner[CELL(at)] = number + 1;
            if
            :: size == 2 ->
                rest[CELL(at + 1)] = BODY(number);
                word[CELL(at + 1)] = LEFT;
                owner[CELL(at + 1)] = number + 1
            :: else
            fi
        }
        atomic { may_die(); word[CELL(at + size)] = EMPTY } /* 2 */
#ifdef BUG_11
        write_head();
        write_commit();
#else
        write_commit(); /* 3 */
        write_head();   /* 4 */
#endif
        atomic {
            number++;
            at = at + size;
            size = 0
        }
    od;
dead:
    atomic {
        if
        :: number == RECORDS -> head_hit = false /* who says the end stores head again */
        :: else
        fi;
        number = 0;
        at = 0;
        size = 0;
        finished = true
    }
}

/* As long as something is in flight the producer's service thread stores head again. */
active proctype heartbeat()
{
    do
#ifndef BUG_14
    :: atomic { head_hit && !finished -> head_hit = false }
#endif
    :: finished -> break
    od
}

active proctype damager()
{
    byte left = DAMAGES;
    byte cell;

    do
    :: left > 0 ->
        atomic {
            cell = 0;
            do
            :: cell < CELLS - 1 -> cell++
            :: break
            od;
            if
            :: !head_hit -> head_hit = true; goto hit_it
            :: true
            fi;
            if
            :: word[cell] != WRONG -> word[cell] = WRONG
            :: rest[cell] != WRONG -> rest[cell] = WRONG
            fi;
            if
            :: owner[cell] > next -> hit[owner[cell] - 1] = true
            :: else
            fi;
hit_it:
            cell = 0;
            left--
        }
    :: break
    od
}

/* ---- the consumer -------------------------------------------------------------------- */

#ifdef BUG_4
#define SOMETHING (word[CELL(next_at)] == COMMIT(next) || finished)
#else
#define SOMETHING (word[CELL(next_at)] == COMMIT(next) || (head > next && !head_hit) || finished)
#endif

/* Records from `next` to `end` - 1 are lost; the answer of each is CORRUPT. */
inline lose(end, end_at) {
    d_step {
        number = next;
        do
        :: number < end ->
            assert(hit[number]);
            hit[number] = false;
            number++
        :: else -> break
        od;
        number = 0;
#ifdef BUG_6
        completed++;
#else
        completed = completed + end - next;
#endif
        next_at = end_at;
        next = end
    }
}

inline load_head() {
    atomic {
        if
#ifndef BUG_13
        :: head_hit -> last = 0
#else
        :: head_hit -> last = RECORDS
#endif
        :: else -> last = head
        fi;
        last_at = head_at
    }
}

/* cell: where the next valid record after `next` is, number: which; or the end of what is there. */
inline look_for_next() {
    cell = next_at + 1;
    do
    :: cell == last_at -> number = last; break
    :: else ->
        if
#ifdef BUG_5
        :: IS_HEADER(rest[CELL(cell)]) -> number = next + 1; break
#else
        :: word[CELL(cell)] > COMMIT(next) && word[CELL(cell)] < COMMIT(last) &&
               IS_HEADER(rest[CELL(cell)]) ->
            number = word[CELL(cell)] - 1;
            break
#endif
        :: else -> cell++
        fi
    od
}

inline deliver(size) {
    d_step {
        if
#ifndef BUG_9
        :: size == 2 && (rest[CELL(next_at + 1)] != BODY(next) || word[CELL(next_at + 1)] != LEFT) ->
#ifdef BUG_10
            last = head;
            last_at = head_at;
            lose(last, last_at)
#else
            lose(next + 1, next_at + size)
#endif
#endif
        :: else ->
            assert(header == HEADER(next, size));
            assert(size == 1 || rest[CELL(next_at + 1)] == BODY(next));
            hit[next] = false;
            next_at = next_at + size;
            next++;
            completed++
        fi
    }
}

active proctype consumer()
{
    byte next_at;
    byte seen;
    byte header;
    byte last;
    byte last_at;
    byte number;
    byte cell;
    bool gone;

again:
    atomic {
        seen = 0;
        header = 0;
        last = 0;
        last_at = 0;
        gone = 0
    }
    atomic {
#ifndef BUG_12
        gone = finished;
#endif
        seen = word[CELL(next_at)] /* 1 */
    }
    if
    :: seen == COMMIT(next)
    :: else ->
#ifdef BUG_4
        if
        :: !gone -> SOMETHING; goto again
        :: else
        fi;
#endif
        load_head(); /* 3 */
#ifdef BUG_12
        gone = finished;
#endif
        if
        :: last <= next && gone -> goto ended
        :: last <= next && !gone -> SOMETHING; goto again
        :: else
        fi;
#ifndef BUG_3
        seen = word[CELL(next_at)]
#endif
    fi;
    header = rest[CELL(next_at)]; /* 2 */
    if
#ifdef BUG_7
    :: true ->
#else
    :: IS_HEADER(header) ->
#endif
        if
        :: seen == COMMIT(next) ->
#ifdef BUG_8
            deliver(SIZE(rest[CELL(next_at)]))
#else
            deliver(SIZE(header))
#endif
        :: else -> lose(next + 1, next_at + SIZE(header))
        fi
    :: else ->
        load_head();
        if
#ifdef BUG_2
        :: last <= next -> lose(next + 1, last_at); goto again
#else
#ifndef BUG_1
        :: last <= next && gone -> goto ended
#endif
        :: last <= next && !gone -> (head > next && !head_hit) || finished; goto again
#endif
        :: last > next ->
            d_step {
                look_for_next();
                last = number;
                lose(last, cell);
                cell = 0
            }
        fi
    fi;
    goto again;
ended:
    assert(completed == next);
    assert(next >= head || head_hit) /* each was delivered or lost, or `next` would not be here */
}
