/* SPDX-License-Identifier: MIT */
/*
 * Cleaning: what crashed nodes left in every bus below the runtime directory.
 *
 * Happy path: for each RUNTIME/SCHEME/NAME, become a member like a node without a slot, remove
 * the files of slots that nobody has locked, and leave; who leaves last removes everything.  So
 * cleaning is safe at any time, and nothing of a living node is touched.  In the folder of channels
 * by name, the sockets at which nobody listens any more are removed.
 *
 * Failure modes: a bus of another version that is in use, or one that is being removed by somebody
 * else, counts as in use; one that cannot be looked at for another reason is skipped, and the
 * first such reason is the result.
 */
#include "bus/directory/directory.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/os/fd.h"
#include "base/os/lock.h"
#include "base/os/packet.h"
#include "base/status.h"
#include "bus/directory/folder.h"

enum { BUS_TIMEOUT_MS = 500 };

struct cleaning {
    char path[SMEW_PATH_MAX]; /* of the folder that is walked */
    struct smew__clean_counts counts;
    enum smew_status status;
    struct smew_error *error;
};

static void note(struct cleaning *cleaning, enum smew_status status, const struct smew_error *error)
{
    if (cleaning->status != SMEW_OK)
        return;
    cleaning->status = status;
    if (cleaning->error != NULL)
        *cleaning->error = *error;
}

/* The path of an entry of the folder that is walked; false when it is too long to be ours. */
static bool join(const struct cleaning *cleaning, const char *name, char path[SMEW_PATH_MAX])
{
    int length = snprintf(path, SMEW_PATH_MAX, "%s/%s", cleaning->path, name);

    return length > 0 && length < SMEW_PATH_MAX;
}

static bool clean_bus(const char *name, void *user)
{
    struct cleaning *cleaning = user;
    struct smew_error error;
    struct smew__folder folder;
    char path[SMEW_PATH_MAX];
    enum smew_status status;
    size_t removed;

    if (!join(cleaning, name, path))
        return true;
    cleaning->counts.buses++;
    /* An empty folder needs no board only to be removed. */
    if (smew__folder_remove(path) == SMEW_OK) {
        cleaning->counts.reaped++;
        return true;
    }
    status = smew__folder_enter(path, smew__deadline_ns(BUS_TIMEOUT_MS), &folder, &error);
    if (status == SMEW_VERSION || status == SMEW_TIMEOUT) {
        cleaning->counts.in_use++;
        return true;
    }
    if (status != SMEW_OK) {
        note(cleaning, status, &error);
        return true;
    }
    cleaning->counts.reaped += smew__folder_reap(&folder);
    removed = smew__folder_leave(&folder);
    cleaning->counts.reaped += removed;
    if (removed == 0)
        cleaning->counts.in_use++;
    return true;
}

/* The socket of a channel by name. */
static bool clean_channel(const char *name, void *user)
{
    struct cleaning *cleaning = user;
    char path[SMEW_PATH_MAX];

    if (join(cleaning, name, path) && smew__packet_reap(path) == SMEW_OK)
        cleaning->counts.reaped++;
    return true;
}

static bool clean_scheme(const char *name, void *user)
{
    struct cleaning *cleaning = user;
    struct cleaning inside = {.error = cleaning->error, .status = cleaning->status};
    bool (*clean)(const char *, void *) =
        strcmp(name, SMEW__CHANNELS_FOLDER) == 0 ? clean_channel : clean_bus;
    struct smew_error error;
    enum smew_status status;
    int fd;

    if (!join(cleaning, name, inside.path))
        return true;
    status = smew__folder_open(inside.path, false, &fd, &error);
    if (status == SMEW_NOT_FOUND)
        return true;
    if (status != SMEW_OK) {
        note(cleaning, status, &error);
        return true;
    }
    inside.counts = cleaning->counts;
    status = smew__folder_each(fd, clean, &inside);
    smew__fd_close(&fd);
    (void)smew__folder_remove(inside.path);
    cleaning->counts = inside.counts;
    cleaning->status = inside.status;
    if (status != SMEW_OK) {
        (void)smew__fail(&error, status, "cannot list %s: %s", inside.path,
                         smew_status_text(status));
        note(cleaning, status, &error);
    }
    return true;
}

enum smew_status smew__directory_clean(const char *runtime_dir, struct smew__clean_counts *counts,
                                       struct smew_error *error)
{
    struct cleaning cleaning = {.error = error};
    enum smew_status status = smew__runtime_dir(runtime_dir, cleaning.path, error);
    int fd;

    if (status != SMEW_OK)
        return status;
    status = smew__folder_open(cleaning.path, false, &fd, error);
    if (status == SMEW_NOT_FOUND) {
        *counts = cleaning.counts;
        return SMEW_OK;
    }
    if (status != SMEW_OK)
        return status;
    status = smew__folder_each(fd, clean_scheme, &cleaning);
    smew__fd_close(&fd);
    if (status != SMEW_OK)
        return smew__fail(error, status, "cannot list %s: %s", cleaning.path,
                          smew_status_text(status));
    *counts = cleaning.counts;
    return cleaning.status;
}
