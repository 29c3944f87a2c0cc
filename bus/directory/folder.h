/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_DIRECTORY_FOLDER_H
#define SMEW_BUS_DIRECTORY_FOLDER_H

/*
 * A bus's folder and the board's file in it: becoming a member, and leaving so that the last one
 * removes everything.  layout.h says why nobody is ever left in a folder that is gone.
 */

#include <stddef.h>

#include "base/os/map.h"
#include "base/os/path.h"
#include "bus/directory/layout.h"

struct smew__folder {
    char path[SMEW_PATH_MAX];
    int fd;
    struct smew__map map; /* of the board */
};

/* Opens or makes the folder and its board, as a member.  As smew__directory_open(). */
enum smew_status smew__folder_enter(const char *path, uint64_t deadline_ns,
                                    struct smew__folder *folder, struct smew_error *error);
/* Leaves; how many files and folders went with it when nobody else is a member, else 0. */
size_t smew__folder_leave(struct smew__folder *folder);

/* Takes a slot's lock; false when somebody has it. */
bool smew__folder_lock_slot(struct smew__folder *folder, uint32_t slot);
void smew__folder_unlock_slot(struct smew__folder *folder, uint32_t slot);
/* Removes what the folder has of a slot that the caller has locked; how much it was. */
size_t smew__folder_reap_slot(struct smew__folder *folder, uint32_t slot);
/* The same for each slot that nobody has locked. */
size_t smew__folder_reap(struct smew__folder *folder);

enum { SMEW__NAMES_FILE_SIZE = 32 };
/* "3.17.names" */
void smew__names_file(struct smew__node_ref node, char name[SMEW__NAMES_FILE_SIZE]);

#endif
