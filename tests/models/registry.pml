/* SPDX-License-Identifier: MIT */
/*
 * The registry: one name claimed by several nodes, its host killed, buried, and taken over
 * (bus/directory/layout.h, bus/directory/claims.c, and the life words of bus/directory/nodes.c).
 *
 * NODES processes each take a slot, claim the name, and then stay, or release it, or leave.  One
 * of them is killed, at any step; its lock may live on in a forked child.  The slots are fewer than
 * the nodes, so that some come into a slot that another one left, dead or alive.  When nobody moves
 * any more, one last node claims the name.
 *
 * Cells, life words, epoch and locks are as layout.h has them; each load, swap and question to the
 * kernel is a step.  Announcements are not here: every cell bears the name.
 *
 * Right is:
 *   - of the living no two hold the name; no living node loses what it holds, or its slot;
 *   - only the dead are buried;
 *   - CLAIMED is said because of a node that lived when the claim began or later;
 *   - when nobody was killed and somebody stays, somebody holds it; the last node gets it unless a
 *     living one holds it.
 *
 * Bounds: 2 slots and the last node's, a bucket of 2 cells, 3 nodes, one kill (a second one is more
 * than 6 GB of states, a third cell leaves the full bucket unreached).
 * All of it is sequentially consistent in the code as well, but for the identity, which is not here:
 * it is written before the life word is USED, and counts only if that is the same behind reading it.
 * The bucket is never full of the living; patterns (NOTED) are not here.
 *
 * BUG_1  a PENDING cell of a higher index is passed over
 * BUG_2  the bucket is not looked at again once the own cell is PENDING
 * BUG_3  whoever meets another PENDING cell withdraws
 * BUG_4  a rival could not be set free: its cell is not looked at again
 * BUG_5  PENDING becomes EFFECTIVE by a store
 * BUG_6  the kernel is not asked about a cell's owner
 * BUG_7  a slot is taken without a new generation
 * BUG_8  a slot's cells are swept by stores
 * BUG_9  DEAD is stored, whatever the life word is by then
 * BUG_10 alive: the lock is asked for alone
 * BUG_11 the slot is given back before its cells are swept
 */
#define CELLS 2
#define KILLS 1
#define NODES 3
#define SLOTS 2
#define LAST_NODE NODES
#define LAST_SLOT SLOTS

/* A cell: state, slot, generation. */
#define FREE 0
#define PENDING 1
#define EFFECTIVE 3
#define CELL(state, slot, generation) ((state) + 4 * (slot) + 16 * (generation))
#define STATE(cell) ((cell) % 4)
#define SLOT(cell) (((cell) / 4) % 4)
#define GENERATION(cell) ((cell) / 16)

/* A life word: state, generation. */
#define OPENING 1
#define USED 2
#define DEAD 3
#define LIFE(state, generation) ((state) + 4 * (generation))

byte cell[CELLS];
byte life[SLOTS + 1];
byte identity[SLOTS + 1]; /* the node's process, + 1 */

/* The kernel's. */
byte lock[SLOTS + 1]; /* who took it, + 1 */
bool lives[NODES + 1] = true;
byte kills;

/* What really happened, for assertions only. */
byte owner[16 * (SLOTS + 1)]; /* of (slot, generation): the process, + 1 */
#define OWNER(slot, generation) owner[16 * (slot) + (generation)]
bool dead_before[(NODES + 1) * (NODES + 1)]; /* was it dead when this one's claim began? */
bool holds[NODES + 1];
bool present[NODES + 1]; /* it has its slot, USED */
bool over;
bool given_back;         /* the name was, by whoever held it */

#define CLAIM_OK 0
#define CLAIMED 1
#define BUSY 2

/* ---- the living and the dead --------------------------------------------------------- */

/* smew__directory_bury(): dead says whether the node is. */
inline bury(s, g) {
    atomic { /* smew__directory_node() looks at life on both sides of the identity */
        dead = (life[s] != LIFE(USED, g));
        process = identity[s]
    }
    if
    :: !dead ->
        atomic {
#ifdef BUG_10
            dead = (lock[s] == 0);
#else
            dead = (lock[s] == 0 || process == 0 || !lives[process - 1]);
#endif
            skip
        }
        dead = dead || life[s] != LIFE(USED, g)
    :: else
    fi;
    atomic {
        process = 0;
        if
#ifdef BUG_9
        :: dead && life[s] != LIFE(DEAD, g) ->
#else
        :: dead && life[s] == LIFE(USED, g) ->
#endif
            assert(!lives[OWNER(s, g) - 1]);
            life[s] = LIFE(DEAD, g)
        :: else
        fi
    }
}

/* ---- cells --------------------------------------------------------------------------- */

/*
 * The first cell from `at` on that counts and bears the name, at `at`, its value in `value`.  Its
 * entry, and the cell once more, are read at the end.
 */
inline find() {
    do
    :: atomic { at == CELLS -> break }
    :: atomic { at < CELLS && STATE(cell[at]) == FREE -> at++ }
    :: atomic { at < CELLS && STATE(cell[at]) != FREE -> value = cell[at] }
        atomic {
            if
            :: life[SLOT(value)] != LIFE(USED, GENERATION(value)) -> value = 0; at++
            :: else -> break
            fi
        }
    od
}

inline swap(index, from, to) {
    swapped = (cell[index] == from);
    if
    :: swapped -> cell[index] = to
    :: else
    fi
}

/* smew__row_take(): mine is its index, CELLS when there is none. */
inline take_free() {
    mine = 0;
    do
    :: atomic { mine == CELLS -> break }
    :: atomic { mine < CELLS -> value = cell[mine] }
        atomic {
            if
            :: STATE(value) != FREE && life[SLOT(value)] == LIFE(USED, GENERATION(value)) ->
                value = 0;
                mine++;
                goto next_cell
            :: else
            fi
        }
        atomic {
            swap(mine, value, CELL(PENDING, slot, generation));
            value = 0;
            if
            :: swapped -> swapped = false; break
            :: else -> mine++
            fi
        }
next_cell:
        skip
    od
}

/* The bucket is full, perhaps with the dead. */
inline bury_owners() {
    at = 0;
    do
    :: atomic { at == CELLS -> at = 0; break }
    :: atomic { at < CELLS -> value = cell[at] }
        if
        :: STATE(value) != FREE -> bury(SLOT(value), GENERATION(value))
        :: else
        fi;
        atomic {
            value = 0;
            dead = false;
            at++
        }
    od
}

/* smew__cells_sweep(): of a slot whose lock is held, whatever the generation. */
inline sweep() {
    at = 0;
    do
    :: atomic { at == CELLS -> at = 0; break }
    :: atomic { at < CELLS -> value = cell[at] }
        atomic {
            if
            :: STATE(value) != FREE && SLOT(value) == slot ->
#ifdef BUG_8
                cell[at] = FREE;
                swapped = true;
#else
                swap(at, value, FREE);
#endif
                holds[me] = holds[me] && !(swapped && GENERATION(value) == generation)
            :: else
            fi;
            swapped = false;
            value = 0;
            at++
        }
    od
}

/* ---- claiming ------------------------------------------------------------------------ */

/* A living rival at `at`: withdraw, or set it free. */
inline meet_rival() {
    if
#ifdef BUG_3
    :: true -> result = CLAIMED
#else
    :: STATE(value) != PENDING || at < mine || mine == CELLS -> result = CLAIMED
    :: else ->
#if defined(BUG_1)
        at++
#else
        swap(at, value, FREE);
#ifdef BUG_4
        at++;
#else
        at = (swapped -> at + 1 : at); /* or it is looked at again */
#endif
        swapped = false
#endif
#endif
    fi
}

inline contest() {
    at = 0;
    result = CLAIM_OK;
    do
    :: find();
        if
        :: at == CELLS -> break
        :: atomic { at < CELLS && SLOT(value) == slot -> value = 0; at++ }
        :: at < CELLS && SLOT(value) != slot ->
#ifdef BUG_6
            dead = false;
#else
            bury(SLOT(value), GENERATION(value));
#endif
            atomic {
                if
                :: dead -> dead = false; at++
                :: else -> meet_rival()
                fi;
                if
                :: result == CLAIMED ->
                    assert(!dead_before[(NODES + 1) * me +
                                        OWNER(SLOT(value), GENERATION(value)) - 1]);
                    break
                :: else -> value = 0
                fi
            }
        fi
    od;
    atomic {
        at = 0;
        value = 0
    }
}

inline two_hold() {
    other = 0;
    do
    :: other <= NODES ->
        assert(other == me || !holds[other] || !lives[other]);
        other++
    :: else -> break
    od;
    other = 0
}

inline settle() {
    atomic {
#ifdef BUG_5
        cell[mine] = CELL(EFFECTIVE, slot, generation);
        swapped = true;
#else
        swap(mine, CELL(PENDING, slot, generation), CELL(EFFECTIVE, slot, generation));
#endif
        if
        :: swapped -> holds[me] = true; two_hold(); swapped = false
        :: else -> result = BUSY
        fi
    }
}

inline attempt() {
    do
    :: take_free();
        if
        :: atomic { mine < CELLS -> no_room = false; break }
        :: else ->
            assert(!no_room); /* there are not so many that live */
            bury_owners();
            no_room = true
        fi
    od;
    result = CLAIM_OK;
#ifndef BUG_2
    contest();
#endif
    if
    :: result == CLAIM_OK -> settle()
    :: else ->
        atomic {
            swap(mine, CELL(PENDING, slot, generation), FREE);
            swapped = false
        }
    fi
}

inline claim() {
    d_step {
        other = 0;
        do
        :: other <= NODES -> dead_before[(NODES + 1) * me + other] = !lives[other]; other++
        :: else -> break
        od;
        other = 0;
        mine = CELLS
    }
#ifdef LONG
    contest(); /* an answer at once, where there is one */
    if
    :: result != CLAIM_OK -> goto claimed
    :: else
    fi;
#endif
    do
    :: attempt();
        if
        :: result != BUSY -> break
        :: else
        fi
    od;
claimed:
    skip
}

inline release() {
    atomic {
        swap(mine, CELL(EFFECTIVE, slot, generation), FREE);
        swapped = false;
        holds[me] = false;
        given_back = true
    }
}

/* ---- nodes --------------------------------------------------------------------------- */

/* smew__node_take() */
inline open() {
    atomic {
        if
        :: lock[0] == 0 || lock[1] == 0 -> slot = (lock[0] == 0 -> 0 : 1)
        :: over -> goto gone /* no slot became free */
        fi;
        lock[slot] = me + 1;
#ifdef BUG_7
        generation = life[slot] / 4 + (life[slot] < 4);
#else
        generation = life[slot] / 4 + 1;
#endif
        was_free = (life[slot] % 4 == FREE);
        life[slot] = LIFE(OPENING, generation);
        OWNER(slot, generation) = me + 1
    }
    if
    :: !was_free -> sweep()
    :: else
    fi;
    identity[slot] = me + 1;
    atomic {
        life[slot] = LIFE(USED, generation);
        present[me] = true
    }
}

/* smew__node_give() */
inline leave() {
    given_back = given_back || holds[me];
#ifndef BUG_11
    sweep();
#endif
    atomic {
        life[slot] = LIFE(FREE, generation);
        present[me] = false
    }
    lock[slot] = 0;
#ifdef BUG_11
    sweep()
#endif
}

/* The first two nodes are alike; in the short run the first alone goes, or is killed. */
#ifdef LONG
#define MAY_GO (me != LAST_NODE)
#else
#define MAY_GO (me == 0)
#endif

#define LOCALS                                                                                     \
    byte slot;                                                                                     \
    byte generation;                                                                               \
    byte mine;                                                                                     \
    byte at;                                                                                       \
    byte value;                                                                                    \
    byte process;                                                                                  \
    byte result;                                                                                   \
    byte other;                                                                                    \
    bool dead;                                                                                     \
    bool no_room;                                                                                   \
    bool swapped;                                                                                  \
    bool was_free

/* ---- what happens to them ------------------------------------------------------------ */

inline kill(p) {
    atomic {
        kills < KILLS && lives[p] -> kills++;
        lives[p] = false;
        present[p] = false;
        if
        :: lock[0] == p + 1 -> lock[0] = 0
        :: lock[1] == p + 1 -> lock[1] = 0
        :: true /* it had no lock, or a forked child has it */
        fi
    }
}

proctype killer()
{
    do
    :: kill(0)
#ifdef LONG
    :: kill(1)
    :: kill(2)
#endif
    :: break
    od
}

/* What the living have is still theirs. */
inline judge_node(p) {
    assert(!present[p] ||
           (identity[0] == p + 1 && lock[0] == p + 1 && life[0] % 4 == USED) ||
           (identity[1] == p + 1 && lock[1] == p + 1 && life[1] % 4 == USED));
    assert(!lives[p] || !holds[p] ||
           (STATE(cell[0]) == EFFECTIVE &&
            OWNER(SLOT(cell[0]), GENERATION(cell[0])) == p + 1) ||
           (STATE(cell[1]) == EFFECTIVE &&
            OWNER(SLOT(cell[1]), GENERATION(cell[1])) == p + 1))
}

#define SOMEBODY_HOLDS                                                                             \
    ((holds[0] && lives[0]) || (holds[1] && lives[1]) || (holds[2] && lives[2]))

inline judge() {
    atomic {
        judge_node(0);
        judge_node(1);
        judge_node(2);
        assert(kills > 0 || given_back || SOMEBODY_HOLDS)
    }
}

proctype node(byte me)
{
    LOCALS;

    {
        if
        :: me < SLOTS -> slot = me; generation = 1 /* it is there already */
        :: me == LAST_NODE ->
            timeout; /* nobody moves any more */
            judge();
            slot = LAST_SLOT;
            generation = 1
        :: else -> open()
        fi;
        claim();
        if
        :: me == LAST_NODE -> assert((result == CLAIM_OK) != SOMEBODY_HOLDS); over = true
        :: MAY_GO && result == CLAIM_OK -> release()
        :: MAY_GO -> leave()
        :: me != LAST_NODE
        fi;
gone:
        skip
    } unless {
        !lives[me]
    }
}

inline is_there(p, s) {
    life[s] = LIFE(USED, 1);
    identity[s] = p + 1;
    lock[s] = p + 1;
    OWNER(s, 1) = p + 1;
    present[p] = true
}

init
{
    atomic {
        is_there(0, 0);
        is_there(1, 1);
        is_there(LAST_NODE, LAST_SLOT);
        run node(0);
        run node(1);
        run node(2);
        run killer();
        run node(LAST_NODE)
    }
}
