/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_DIRECTORY_CELLS_H
#define SMEW_BUS_DIRECTORY_CELLS_H

/*
 * A row of cells: a bucket of claims, or all the topics.  What claims and subscriptions have in
 * common: looking for a name, taking a cell, giving one back.
 */

#include "bus/directory/names.h"

struct smew__row {
    smew__cell *cells;
    unsigned count;
};

/* A cell as it was when its entry was read. */
struct smew__found {
    unsigned index;
    uint64_t value;
    struct smew__node_ref owner;
};

struct smew__row smew__row_claims(struct smew__directory *directory, const struct smew__key *key);
struct smew__row smew__row_topics(struct smew__directory *directory);

/* The node that a cell belongs to; false for a cell that does not count. */
bool smew__cell_owner(const struct smew__board *board, uint64_t cell, struct smew__node_ref *owner);

/*
 * Reads a cell and its entry, which then belong together.  NOT_FOUND when the cell does not count,
 * or bears another name than the key's (NULL: any name will do); or why one cannot tell.
 */
enum smew_status smew__cell_read(struct smew__directory *directory, smew__cell *cell,
                                 const struct smew__key *key, struct smew__found *found,
                                 struct smew__name *name);

/*
 * The first cell from `from` on that counts and bears the name: OK, NOT_FOUND behind the last,
 * or why one cannot tell (NO_FDS, NO_MEMORY).
 */
enum smew_status smew__row_find(struct smew__directory *directory, struct smew__row row,
                                const struct smew__key *key, unsigned from,
                                struct smew__found *found);
/* The same among the cells of this node. */
enum smew_status smew__row_find_own(struct smew__directory *directory, struct smew__row row,
                                    const struct smew__key *key, struct smew__found *found);

/*
 * Takes a cell that is free, or whose owner is gone, for `value`.  When there is none, asks the
 * kernel about the owners and tries again.  FULL.
 */
enum smew_status smew__row_take(struct smew__directory *directory, struct smew__row row,
                                uint64_t value, unsigned *index);
/* Frees an own cell that still has this value, and its entry.  NOT_FOUND when it has another. */
enum smew_status smew__row_give(struct smew__directory *directory, struct smew__row row,
                                const struct smew__key *key, const struct smew__found *found);

/* Changes a cell that still has that value. */
static inline bool smew__cell_swap(smew__cell *cell, uint64_t from, uint64_t to)
{
    return atomic_compare_exchange_strong(cell, &from, to);
}

/* Frees each cell that names a slot: only with the slot's lock, before it is used or given up. */
void smew__cells_sweep(struct smew__board *board, uint32_t slot);

/* pairs with who loads what smew__directory_epoch gives, and smew__directory_topic_epoch */
static inline void smew__epoch_move(_Atomic uint64_t *epoch)
{
    atomic_fetch_add_explicit(epoch, 1, memory_order_release);
}

#endif
