/* SPDX-License-Identifier: MIT */
/*
 * Joining and leaving the directory of a bus.
 *
 * Happy path: open the storage (files or memory), take a node slot; leaving, give the slot back,
 * then the storage, which the last node removes.
 *
 * Failure modes: whatever fails, what was done is undone, and the status comes with a sentence.
 */
#include "bus/directory/directory.h"

#include "base/alloc.h"
#include "base/status.h"
#include "bus/directory/nodes.h"

enum smew_status smew__directory_open(const struct smew__directory_options *options,
                                      struct smew__directory **directory, struct smew_error *error)
{
    struct smew__directory *opened = smew__calloc(1, sizeof *opened);
    struct smew__process process;
    enum smew_status status;

    if (opened == NULL)
        return smew__fail(error, SMEW_NO_MEMORY, "no memory to join the bus %s", options->bus);
    status = smew__process_self(&process);
    if (status != SMEW_OK) {
        (void)smew__fail(error, status, "cannot read this process's own start time in /proc: %s",
                         smew_status_text(status));
        goto fail;
    }
    status = options->in_process ? smew__storage_open_heap(options, &opened->storage, error)
                                 : smew__storage_open_files(options, &opened->storage, error);
    if (status != SMEW_OK)
        goto fail;
    opened->board = opened->storage->board;
    status = smew__node_take(opened, options, &process, error);
    if (status != SMEW_OK)
        goto fail;
    *directory = opened;
    return SMEW_OK;
fail:
    if (opened->storage != NULL)
        opened->storage->ops->leave(opened->storage);
    smew__free(opened);
    return status;
}

void smew__directory_close(struct smew__directory *directory)
{
    if (directory == NULL)
        return;
    smew__node_give(directory);
    directory->storage->ops->leave(directory->storage);
    smew__free(directory);
}

const char *smew__directory_path(const struct smew__directory *directory)
{
    return directory->storage->path;
}
