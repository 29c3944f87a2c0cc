/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_DIRECTORY_STORAGE_H
#define SMEW_BUS_DIRECTORY_STORAGE_H

/*
 * Where a directory is kept: files that several processes map, or memory of one process.  What
 * is above (cells, nodes, claims) sees a board, slot locks and announcements, and knows no more.
 *
 * All of it is called by one node, with its lock held.
 */

#include "bus/directory/layout.h"

struct smew__storage;

struct smew__storage_ops {
    /* Takes a slot for good, until slot_unlock or the process ends.  False: somebody has it. */
    bool (*slot_lock)(struct smew__storage *storage, uint32_t slot);
    void (*slot_unlock)(struct smew__storage *storage, uint32_t slot);
    /* Is the slot of another node locked, and does the process that took it live? */
    bool (*slot_held)(struct smew__storage *storage, uint32_t slot,
                      const struct smew__process *process);
    /* Removes what earlier generations of a slot left.  The caller holds the slot's lock. */
    void (*slot_reap)(struct smew__storage *storage, uint32_t slot);

    /* Begins this node's own announcement, one block long; `end` ends it. */
    enum smew_status (*names_begin)(struct smew__storage *storage, struct smew__node_ref self,
                                    struct smew_error *error);
    void (*names_end)(struct smew__storage *storage, struct smew__node_ref self);
    /* Makes the own announcement `blocks` long.  Words of earlier blocks may move. */
    enum smew_status (*names_grow)(struct smew__storage *storage, uint32_t blocks);
    /*
     * The words of a block of anybody's announcement, valid until the next call.  NOT_FOUND when
     * it has none such; NO_MEMORY, NO_FDS, ... when one cannot tell.
     */
    enum smew_status (*names_block)(struct smew__storage *storage, struct smew__node_ref node,
                                    uint32_t block, _Atomic uint64_t **words);

    /* Leaves the bus; the last one removes everything.  Frees the storage. */
    void (*leave)(struct smew__storage *storage);
};

struct smew__storage {
    const struct smew__storage_ops *ops;
    struct smew__board *board;
    const char *path; /* NULL in memory */
};

enum smew_status smew__storage_open_files(const struct smew__directory_options *options,
                                          struct smew__storage **storage, struct smew_error *error);
enum smew_status smew__storage_open_heap(const struct smew__directory_options *options,
                                         struct smew__storage **storage, struct smew_error *error);

/* Makes the fixed part of the header what it should be; true when it was not. */
bool smew__board_repair(struct smew__board *board);

#endif
