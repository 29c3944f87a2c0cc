/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_DIRECTORY_LAYOUT_H
#define SMEW_BUS_DIRECTORY_LAYOUT_H

/*
 * The format of a bus's directory, in this one place: what its nodes share, who writes what, and
 * what a reader may believe.
 *
 * FILES.  A bus of processes has a folder, RUNTIME/SCHEME/NAME, mode 0700:
 *
 *     directory          the board below: made, allocated and filled before it gets its name
 *     SLOT.GEN.names     the announcement of one node: full names, one writer
 *     SLOT.GEN.sock      whatever the transport listens on; whoever takes the slot next, or
 *                        leaves the bus last, removes it
 *
 * A bus of one process has the same board and announcements in memory.
 *
 * THE BOARD, of fixed size.  All numbers are the machine's own: it never leaves the machine.
 *
 *       offset      bytes  what
 *            0       4096  header: magic, version, fingerprint, size; then the two epochs and a
 *                          bitmap of the pattern lengths ever used, each in a line of its own
 *         4096     196608  nodes: 1024 slots of 192 bytes
 *       200704      65536  topics: 8192 cells in one row
 *       266240    4194304  claims: 4096 buckets of 128 cells
 *      4460544
 *
 * A CELL is one 64-bit word and changes only as a whole:
 *
 *      63            48 47                 28 27            12 11         2 1   0
 *     +----------------+---------------------+----------------+------------+-----+
 *     |      tag       |         at          |   generation   |    slot    |state|
 *     +----------------+---------------------+----------------+------------+-----+
 *      hash bits 48-63  entry in the owner's  low 16 bits of   the owner    FREE, PENDING,
 *                       announcement, in      the owner's                   NOTED, EFFECTIVE
 *                       units of 32 bytes
 *
 * A name's bucket is the low 12 bits of its hash, and it is never anywhere else.  So a claim and
 * a lookup look at one bucket, whatever else the board holds; a cell that is given back is simply
 * free, with no tombstone and nothing to rehash; and a bucket without room answers FULL.  100,000
 * names are 24 in a bucket on average; the 128 are used up somewhere at about 330,000.
 *
 * A NODE SLOT begins with a life word: generation << 8 | state.
 *
 *                 lock of the slot                       identity written
 *     FREE  --------------------------->  OPENING  --------------------------->  USED
 *      ^         generation + 1                                                 |    |
 *      |                                     ^ ^            bury: the kernel     |    |
 *      |                                     | |            says it is dead      v    |
 *      |                  lock of the slot,  | +------------------------------ DEAD   |
 *      |                  generation + 1     +----------------------------------------+
 *      +------------------------------------------------------------------------------+
 *                          closed: its cells are free, its files gone
 *
 * FREE is written only when nothing is left, so whoever finds anything else reaps before it goes
 * on: the announcement and sockets of the slot, and every cell that names it.  Generations are 32
 * bits wide and never 0.
 *
 * VALIDITY.  A cell counts if its owner's life word is USED with a generation that ends in the
 * cell's 16 bits; every other cell is as good as free.  That cannot be fooled by a wrap: cells of
 * a slot are all swept before the slot is USED again.  The cell's name is what its entry says, and
 * only if the cell still has the same value after the entry was read.
 *
 * ANNOUNCEMENTS are blocks of 64 KiB; an entry starts on a unit of 32 bytes and does not cross a
 * block's end.  Word 0 of an entry is
 *
 *      63     48 47    36 35           12 11    8 7        0
 *     +---------+--------+---------------+-------+----------+
 *     | "NA"    |   0    |       0       | kind  |   size   |   then the name's bytes, in words
 *     +---------+--------+---------------+-------+----------+
 *     | "FR"    |   0    | next free + 1 |       units      |   a free entry
 *     +---------+--------+---------------+------------------+
 *
 * Free entries of one length make a list that begins in the owner's own memory; the owner takes
 * the next from there, and only if it still looks free.
 *
 * WRITERS.  The owner writes the entry, then the cell; it frees the cell, then the entry.  Cells
 * are changed by compare-and-swap: FREE (or a cell that does not count) -> PENDING by whoever wants
 * it; PENDING -> FREE by the owner or a rival (claims.c says when, and why never two nodes win);
 * all else by the owner, or by the next owner of its slot, which holds the slot's lock.
 *
 * READERS load a cell, check that it counts, copy the entry with every bound checked, and look at
 * the cell again.  They take no lock and wait for nobody.  A scribble anywhere can make a lookup
 * fail, or lead to a host that does not know the name and refuses the message.
 *
 * EPOCHS move after each change of what they stand for, so a route that was looked up under the
 * present epoch is good.  A node that is killed between the two leaves no wrong route behind for
 * long: it is dead, and burying it moves both.
 *
 * LOCKS are open-file-description locks on the board's file.  Byte 0 is membership: shared by all
 * nodes; exclusive by whoever removes everything.  Byte 1 + SLOT is the slot.  A node is alive
 * while its slot is locked and the process that took it lives (a forked child inherits the lock).
 *
 * REMOVAL.  A node that leaves lets go of its membership and tries to get it exclusively; who gets
 * it, on the file that the path still leads to, is alone.  It removes the other files first, the
 * board last, then the folder: as long as the board has its name, newcomers wait for its lock.
 * Whoever opens the board compares it with the path once it has the lock, and starts again when
 * they differ.  Of two nodes that leave at once the later sees the other gone.
 *
 * VERSION RULE.  Magic, version, and byte 0 of the locks stay where they are for ever.  A board of
 * another version, layout or with a damaged header is refused while somebody is in there, and
 * removed and made anew when nobody is.
 *
 * DAMAGE.  Every member maps the board for writing, so every member can scribble over it.  That
 * costs lookups, claims and subscriptions, which fail with a status (NO_MACHINE, NOT_FOUND,
 * CLAIMED, CORRUPT, VERSION, FULL) or lead to a host that refuses the message; never memory out
 * of bounds, and never a wait without end, since each loop that another's writes can prolong is
 * bounded.  With every beat a node puts right the fixed part of the header, the identity in its
 * own slot, and its life word unless that is DEAD, on which others have acted.  So once the
 * scribbling ends newcomers can join within a beat.  Cells are not put right: a machine whose
 * cell was damaged is found again when its node, or another one, joins and claims it anew.  The
 * last to leave removes all of it, as ever: that needs nothing of what is on the board.
 *
 * TRUST.  The folder is mode 0700 and checked to be ours, so whoever can open these files is a
 * process of the same user (or root), who could as well stop, kill or trace us.  A plain file
 * cannot be sealed as a memfd can: such a process can shorten the board, or an announcement,
 * while others have it mapped, and each of them dies of SIGBUS when it touches what is gone.
 * Nothing here defends against that; the memory of lanes is sealed, but a node that dies takes
 * part in them no more.  A board that was shortened to nothing (0 bytes) cannot be locked through
 * a map, so it is refused as CORRUPT until somebody removes it.
 *
 * NOT COVERED.  That, and nodes in different pid namespaces that share a runtime directory (they
 * would think each other dead).
 */

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/directory/directory.h"

#define SMEW__BOARD_MAGIC UINT64_C(0x524944574D53) /* "SMWDIR" */
#define SMEW__BOARD_FILE "directory"

enum {
    SMEW__BOARD_VERSION = 1,
    SMEW__BUCKETS = 4096,
    SMEW__BUCKET_CELLS = 128,
    SMEW__TOPIC_CELLS = 8192,
    SMEW__NAME_WORDS = 8, /* of a node's name: 63 bytes and a zero */

    SMEW__ENTRY_UNIT = 32,
    SMEW__ENTRY_UNIT_WORDS = SMEW__ENTRY_UNIT / 8,
    SMEW__BLOCK_SIZE = 64 * 1024,
    SMEW__BLOCK_UNITS = SMEW__BLOCK_SIZE / SMEW__ENTRY_UNIT,
    SMEW__BLOCKS = 512, /* of one announcement: 2^20 units */

    SMEW__LOCK_MEMBERS = 0,
    SMEW__LOCK_SLOTS = 1,
};

struct smew__board_header {
    uint64_t magic;
    uint32_t version;
    uint32_t reserved;
    uint64_t fingerprint;
    uint64_t size;
    alignas(64) _Atomic uint64_t epoch;
    alignas(64) _Atomic uint64_t topic_epoch;
    /* Bit n: somebody once claimed a pattern whose prefix has n bytes.  Bits are only ever set. */
    alignas(64) _Atomic uint64_t lengths[4];
};

struct smew__board_node {
    alignas(64) _Atomic uint64_t life;
    _Atomic uint64_t pid;
    _Atomic uint64_t start_ticks;
    _Atomic uint64_t incarnation;
    _Atomic uint64_t joined_ns;
    _Atomic uint64_t name[SMEW__NAME_WORDS];
    /* Written all the time, so kept away from what is read all the time. */
    alignas(64) _Atomic uint64_t beats;
    _Atomic uint64_t beat_ns;
};

typedef _Atomic uint64_t smew__cell;

struct smew__board {
    struct smew__board_header header;
    uint8_t reserved[4096 - sizeof(struct smew__board_header)];
    struct smew__board_node nodes[SMEW__DIRECTORY_NODES];
    smew__cell topics[SMEW__TOPIC_CELLS];
    smew__cell claims[SMEW__BUCKETS][SMEW__BUCKET_CELLS];
};

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock inside an atomic would outlive its process");
static_assert(sizeof(smew__cell) == 8, "cells are words");
static_assert(offsetof(struct smew__board_header, version) == 8, "fixed for every version");
static_assert(offsetof(struct smew__board_header, fingerprint) == 16, "layout");
static_assert(offsetof(struct smew__board_header, size) == 24, "layout");
static_assert(offsetof(struct smew__board_header, epoch) == 64, "layout");
static_assert(offsetof(struct smew__board_header, topic_epoch) == 128, "layout");
static_assert(offsetof(struct smew__board_header, lengths) == 192, "layout");
static_assert(sizeof(struct smew__board_header) == 256, "layout");
static_assert(offsetof(struct smew__board_node, name) == 40, "layout");
static_assert(offsetof(struct smew__board_node, beats) == 128, "layout");
static_assert(sizeof(struct smew__board_node) == 192, "layout");
static_assert(offsetof(struct smew__board, nodes) == 4096, "layout");
static_assert(offsetof(struct smew__board, topics) == 200704, "layout");
static_assert(offsetof(struct smew__board, claims) == 266240, "layout");
static_assert(sizeof(struct smew__board) == 4460544, "layout");
static_assert(SMEW__DIRECTORY_NODES == 1 << 10, "a slot has 10 bits in a cell");
static_assert(SMEW__BLOCKS * SMEW__BLOCK_UNITS == 1 << 20, "an entry has 20 bits in a cell");

/* Two builds that lay the board out differently see it here, whatever their version says. */
#define SMEW__BOARD_FINGERPRINT                                                     \
    ((uint64_t)sizeof(struct smew__board) << 32 | (uint64_t)SMEW__BLOCK_SIZE << 8 | \
     SMEW__ENTRY_UNIT | SMEW__BUCKET_CELLS)

/* ---- cells --------------------------------------------------------------------------- */

enum smew__cell_state {
    SMEW__CELL_FREE = 0,
    SMEW__CELL_PENDING = 1,   /* wanted; rivals are being looked for */
    SMEW__CELL_NOTED = 2,     /* held against its equals, but routes stay where they are */
    SMEW__CELL_EFFECTIVE = 3, /* held, and routes lead here */
};

static inline uint64_t smew__cell_make(enum smew__cell_state state, struct smew__node_ref owner,
                                       uint32_t at, uint64_t hash)
{
    return (hash & UINT64_C(0xFFFF) << 48) | (uint64_t)at << 28 |
           (uint64_t)(owner.generation & 0xFFFF) << 12 | (uint64_t)owner.slot << 2 |
           (uint64_t)state;
}

static inline enum smew__cell_state smew__cell_state(uint64_t cell)
{
    return (enum smew__cell_state)(cell & 3);
}

static inline uint64_t smew__cell_turn(uint64_t cell, enum smew__cell_state state)
{
    return (cell & ~UINT64_C(3)) | (uint64_t)state;
}

static inline uint32_t smew__cell_slot(uint64_t cell)
{
    return (uint32_t)(cell >> 2) & (SMEW__DIRECTORY_NODES - 1);
}

static inline uint32_t smew__cell_generation(uint64_t cell)
{
    return (uint32_t)(cell >> 12) & 0xFFFF;
}

static inline uint32_t smew__cell_at(uint64_t cell)
{
    return (uint32_t)(cell >> 28) & 0xFFFFF;
}

static inline bool smew__cell_tagged(uint64_t cell, uint64_t hash)
{
    return (cell ^ hash) >> 48 == 0;
}

/* ---- life words ---------------------------------------------------------------------- */

enum smew__life_state {
    SMEW__LIFE_FREE = 0,
    SMEW__LIFE_OPENING = 1,
    SMEW__LIFE_USED = 2,
    SMEW__LIFE_DEAD = 3,
};

static inline uint64_t smew__life_make(uint32_t generation, enum smew__life_state state)
{
    return (uint64_t)generation << 8 | (uint64_t)state;
}

static inline uint32_t smew__life_generation(uint64_t life)
{
    return (uint32_t)(life >> 8);
}

static inline enum smew__life_state smew__life_state(uint64_t life)
{
    return (enum smew__life_state)(life & 0xFF);
}

#endif
