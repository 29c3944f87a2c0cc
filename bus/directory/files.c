/* SPDX-License-Identifier: MIT */
/*
 * A directory in files, for a bus of processes: the board is mapped by all, each node's
 * announcement is mapped for writing by its owner and for reading by whoever follows a cell to it.
 *
 * Happy path: enter the folder (folder.c), lock a slot, make the announcement.  Another node's
 * announcement is mapped when a cell first leads to it and kept until its slot has another
 * generation; its fd is closed at once, so that a thousand nodes cost no thousand fds.
 *
 * Failure modes: an announcement that is gone (its owner closed or was reaped meanwhile, or
 * somebody removed the file: NOT_FOUND); a cell that leads beyond the end of what we mapped: the
 * owner has made it longer, so it is mapped anew; it still leads beyond: a scribble, NOT_FOUND.
 */
#include "bus/directory/storage.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/os/fd.h"
#include "base/os/lock.h"
#include "base/os/process.h"
#include "base/status.h"
#include "bus/directory/folder.h"

struct files_view {
    uint32_t generation;
    struct smew__map map;
};

struct files_storage {
    struct smew__storage base;
    struct smew__folder folder;
    struct smew__node_ref self; /* generation 0: no announcement yet */
    struct smew__map names;     /* our own */
    struct files_view views[SMEW__DIRECTORY_NODES];
};

static struct files_storage *self_of(struct smew__storage *storage)
{
    return (struct files_storage *)(void *)((char *)storage - offsetof(struct files_storage, base));
}

/* ---- slots --------------------------------------------------------------------------- */

static bool files_slot_lock(struct smew__storage *storage, uint32_t slot)
{
    return smew__folder_lock_slot(&self_of(storage)->folder, slot);
}

static void files_slot_unlock(struct smew__storage *storage, uint32_t slot)
{
    smew__folder_unlock_slot(&self_of(storage)->folder, slot);
}

static bool files_slot_held(struct smew__storage *storage, uint32_t slot,
                            const struct smew__process *process)
{
    return smew__lock_held(self_of(storage)->folder.map.fd, SMEW__LOCK_SLOTS + slot, 1) &&
           smew__process_alive(process);
}

static void files_slot_reap(struct smew__storage *storage, uint32_t slot)
{
    (void)smew__folder_reap_slot(&self_of(storage)->folder, slot);
}

/* ---- announcements ------------------------------------------------------------------- */

static enum smew_status files_names_begin(struct smew__storage *storage, struct smew__node_ref self,
                                          struct smew_error *error)
{
    struct files_storage *files = self_of(storage);
    int folder_fd = files->folder.fd;
    char name[SMEW__NAMES_FILE_SIZE];
    enum smew_status status = smew__map_create(folder_fd, SMEW__BLOCK_SIZE, &files->names, error);

    if (status != SMEW_OK)
        return status;
    smew__names_file(self, name);
    status = smew__map_publish(&files->names, folder_fd, name);
    /* Left from before somebody removed the board by hand; the slot is ours, so nobody uses it. */
    if (status == SMEW_EXISTS && smew__folder_unlink(folder_fd, name) == SMEW_OK)
        status = smew__map_publish(&files->names, folder_fd, name);
    if (status != SMEW_OK) {
        smew__map_close(&files->names);
        return smew__fail(error, status, "cannot give %s/%s its name: %s", files->folder.path, name,
                          smew_status_text(status));
    }
    files->self = self;
    return SMEW_OK;
}

static void files_names_end(struct smew__storage *storage, struct smew__node_ref self)
{
    struct files_storage *files = self_of(storage);
    char name[SMEW__NAMES_FILE_SIZE];

    smew__names_file(self, name);
    (void)smew__folder_unlink(files->folder.fd, name);
    smew__map_close(&files->names);
    files->self = (struct smew__node_ref){0};
}

static enum smew_status files_names_grow(struct smew__storage *storage, uint32_t blocks)
{
    return smew__map_grow(&self_of(storage)->names, (size_t)blocks * SMEW__BLOCK_SIZE);
}

/* Maps the announcement of a node as it is now. */
static enum smew_status view_open(struct files_storage *files, struct smew__node_ref node)
{
    struct files_view *view = &files->views[node.slot];
    char name[SMEW__NAMES_FILE_SIZE];
    enum smew_status status;

    smew__map_close(&view->map);
    view->generation = 0;
    smew__names_file(node, name);
    status = smew__map_open(files->folder.fd, name, SMEW__BLOCK_SIZE, false, &view->map, NULL);
    if (status == SMEW_CORRUPT || status == SMEW_PERMISSION)
        return SMEW_NOT_FOUND;
    if (status != SMEW_OK)
        return status;
    smew__fd_close(&view->map.fd);
    view->generation = node.generation;
    return SMEW_OK;
}

static enum smew_status files_names_block(struct smew__storage *storage, struct smew__node_ref node,
                                          uint32_t block, _Atomic uint64_t **words)
{
    struct files_storage *files = self_of(storage);
    bool own = node.slot == files->self.slot && node.generation == files->self.generation;
    const struct smew__map *map = own ? &files->names : &files->views[node.slot].map;
    size_t end = ((size_t)block + 1) * SMEW__BLOCK_SIZE;

    if (!own && (files->views[node.slot].generation != node.generation || map->size < end)) {
        enum smew_status status = view_open(files, node);

        if (status != SMEW_OK)
            return status;
    }
    if (map->size < end)
        return SMEW_NOT_FOUND;
    *words = (_Atomic uint64_t *)(void *)(map->data + end - SMEW__BLOCK_SIZE);
    return SMEW_OK;
}

/* ---- the bus ------------------------------------------------------------------------- */

static void files_leave(struct smew__storage *storage)
{
    struct files_storage *files = self_of(storage);

    for (size_t slot = 0; slot < SMEW__DIRECTORY_NODES; slot++)
        smew__map_close(&files->views[slot].map);
    smew__map_close(&files->names);
    (void)smew__folder_leave(&files->folder);
    smew__free(files);
}

static const struct smew__storage_ops files_ops = {
    .slot_lock = files_slot_lock,
    .slot_unlock = files_slot_unlock,
    .slot_held = files_slot_held,
    .slot_reap = files_slot_reap,
    .names_begin = files_names_begin,
    .names_end = files_names_end,
    .names_grow = files_names_grow,
    .names_block = files_names_block,
    .leave = files_leave,
};

enum smew_status smew__storage_open_files(const struct smew__directory_options *options,
                                          struct smew__storage **storage, struct smew_error *error)
{
    char runtime[SMEW_PATH_MAX];
    char path[SMEW_PATH_MAX];
    struct files_storage *files;
    int runtime_fd;
    int length;
    enum smew_status status = smew__runtime_dir(options->runtime_dir, runtime, error);

    if (status != SMEW_OK)
        return status;
    length = snprintf(path, sizeof path, "%s/%s/%s", runtime, options->scheme, options->bus);
    if (length < 0 || (size_t)length >= sizeof path)
        return smew__fail(error, SMEW_PATH_TOO_LONG, "too long a path for the bus %s: %.64s...",
                          options->bus, runtime);
    /* Checked from the top: below a folder that is ours alone everything is ours. */
    status = smew__folder_open(runtime, true, &runtime_fd, error);
    if (status != SMEW_OK)
        return status;
    smew__fd_close(&runtime_fd);
    files = smew__calloc(1, sizeof *files);
    if (files == NULL)
        return smew__fail(error, SMEW_NO_MEMORY, "no memory to join the bus %s", options->bus);
    files->names.fd = -1;
    for (size_t slot = 0; slot < SMEW__DIRECTORY_NODES; slot++)
        files->views[slot].map.fd = -1;
    status = smew__folder_enter(path, options->deadline_ns, &files->folder, error);
    if (status != SMEW_OK) {
        smew__free(files);
        return status;
    }
    files->base = (struct smew__storage){
        .ops = &files_ops,
        .board = (struct smew__board *)(void *)files->folder.map.data,
        .path = files->folder.path,
    };
    *storage = &files->base;
    return SMEW_OK;
}
