/* SPDX-License-Identifier: MIT */
/*
 * Memory that two sides share, as C11 has it: included by the models, no model itself.
 *
 * A model defines LOCATIONS and STORES and then includes this.  Each location has one writing side
 * (bus/shm/segment.h: each memory has one writer) and keeps its stores in order:
 *
 *     memory[x]    value | value | value        what the writing side reads is always the last
 *     event          3   |   7   |   9          the how-manieth store of its side it was
 *     carries        3   |   0   |   9          what a reader that acquires learns: release stores
 *                    ^                          carry themselves and all before them
 *                    oldest that the other side may still read
 *
 * The other side may read any store that is not older than the last that it read here, nor than
 * the last that it is known to have seen: known[side] counts the events of the other side that
 * happened before where it is.  An acquire load learns what the store that it reads carries; a
 * seq_cst fence learns what the other side's last fence had behind it.  That is weaker than
 * x86 (whose store buffers it contains) and, for stores and loads that overtake each other forward,
 * as weak as ARM; what it has not is a load that is delayed until after a later store of its own.
 * Where that would do harm (bytes that are read after they were given back) the bytes are plain,
 * and plain bytes whose accesses are not ordered by happens-before are an error, as in C11.
 *
 * Everything here is one step; a model puts a side's own reckoning around it in atomic { }.
 */

#define WRITER 0
#define READER 1
#define OTHER(side) (1 - (side))

#define RELAXED 0
#define ACQUIRE 1
#define RELEASE 1

typedef location {
    byte value[STORES];
    byte event[STORES];
    byte carries[STORES];
    byte last;
};

location memory[LOCATIONS];
byte clock[2];  /* stores so far */
byte known[2];  /* of the other side's stores, how many happened before */
byte heard[2];  /* the same, as relaxed loads heard it: known after the next fence */
byte fenced[2]; /* the clock at the last fence */

/* What the C code below is told, and tells; 0 between two steps. */
byte side_;
byte x_;
byte order_;
byte value_;
byte at_;
bool enough_stores = true;

#define LAST(x) memory[x].value[memory[x].last]

c_code {
    /* The oldest store of x_ that this side may read. */
    static uchar oldest(uchar side)
    {
        struct location *x = &now.memory[now.x_];
        uchar at = 0;

        while (at < x->last && x->event[at + 1] <= now.known[side])
            at++;
        return at;
    }

    /* Stores before this one cannot be read any more; so that alike states are the same. */
    static void forget(uchar count)
    {
        struct location *x = &now.memory[now.x_];
        uchar at;

        for (at = 0; count > 0 && at < STORES; at++) {
            int kept = at + count < STORES;

            x->value[at] = kept ? x->value[at + count] : 0;
            x->event[at] = kept ? x->event[at + count] : 0;
            x->carries[at] = kept ? x->carries[at + count] : 0;
        }
        x->last -= count;
    }

    static void raise_to(uchar *clock, uchar to)
    {
        if (*clock < to)
            *clock = to;
    }

    static void store(void)
    {
        struct location *x = &now.memory[now.x_];
        uchar event = ++now.clock[now.side_];

        x->last++;
        x->value[x->last] = now.value_;
        x->event[x->last] = event;
        x->carries[x->last] = now.order_ == RELEASE ? event : now.fenced[now.side_];
        now.side_ = now.x_ = now.order_ = now.value_ = 0;
    }

    /* Reads the store that at_ says. */
    static void load(void)
    {
        struct location *x = &now.memory[now.x_];

        raise_to(now.order_ == ACQUIRE ? &now.known[now.side_] : &now.heard[now.side_],
              x->carries[now.at_]);
        now.value_ = x->value[now.at_];
        forget(now.at_);
        now.side_ = now.x_ = now.order_ = now.at_ = 0;
    }

    static void fence(void)
    {
        raise_to(&now.known[now.side_], now.heard[now.side_]);
        raise_to(&now.known[now.side_], now.fenced[1 - now.side_]);
        now.fenced[now.side_] = now.clock[now.side_];
        now.side_ = 0;
    }
};

/* A store by the side that x belongs to. */
inline store(side, x, v, order) {
    d_step {
        side_ = side;
        x_ = x;
        value_ = v;
        order_ = order;
        c_code { forget(oldest(1 - now.side_)); };
        enough_stores = memory[x].last + 1 < STORES; /* check.sh knows it by its name */
        assert(enough_stores);
        c_code { store(); }
    }
}

/* A load by the side that x does not belong to. */
inline load(side, x, order, result) {
    atomic {
        side_ = side;
        x_ = x;
        c_code { now.at_ = oldest(now.side_); };
        do
        :: at_ < memory[x].last -> at_++
        :: break
        od;
        order_ = order;
        c_code { load(); };
        result = value_;
        value_ = 0
    }
}

/* atomic_thread_fence(memory_order_seq_cst) */
inline fence(side) {
    d_step {
        side_ = side;
        c_code { fence(); }
    }
}

/* Older stores than the last are not there any more for the other side. */
inline settle(x) {
    d_step {
        x_ = x;
        c_code { forget(now.memory[now.x_].last); };
        x_ = 0
    }
}

/* The kernel said that the other side is dead: all that it did is there to be seen. */
inline learn_death(side) {
    known[side] = clock[OTHER(side)]
}

/* Is there a store that the other side has not read yet?  For waiting without polling. */
#define NEWS(x) (memory[x].last > 0)
