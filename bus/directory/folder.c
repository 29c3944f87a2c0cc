/* SPDX-License-Identifier: MIT */
/*
 * The folder of a bus.
 *
 * Happy path of entering: the folder is there, the board is there, its header is ours, the
 * membership lock is free to share, and the path still leads to the file that we locked.  The
 * first node makes the folder, and a board without a name, which it then links into place.
 *
 * Failure modes: somebody is just removing all of it (the lock is taken, or a step answers
 * NOT_FOUND, or the path leads elsewhere): we begin again until the deadline.  Two nodes make the
 * first board: the link of one answers EXISTS, and it uses the other's.  The board is damaged or
 * of another version: if nobody is in there it is removed, else refused.  Killed while removing:
 * the board goes last, so it is either whole and in its place, or nothing else is left.
 */
#include "bus/directory/folder.h"

#include <stdio.h>
#include <string.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/fd.h"
#include "base/os/lock.h"
#include "base/status.h"
#include "bus/directory/storage.h"
#include "diagnostics/log.h"

enum { RETRY_MS = 1, SWEEPS = 8 };

/* ---- the board's file ---------------------------------------------------------------- */

bool smew__board_repair(struct smew__board *board)
{
    static const struct smew__board_header right = {
        .magic = SMEW__BOARD_MAGIC,
        .version = SMEW__BOARD_VERSION,
        .fingerprint = SMEW__BOARD_FINGERPRINT,
        .size = sizeof *board,
    };
    const size_t fixed = offsetof(struct smew__board_header, size) + sizeof(uint64_t);

    if (memcmp(&board->header, &right, fixed) == 0)
        return false;
    memcpy(&board->header, &right, fixed);
    return true;
}

static enum smew_status check(const struct smew__folder *folder, struct smew_error *error)
{
    struct smew__board_header header;

    if (folder->map.size < sizeof header)
        return smew__fail(error, SMEW_CORRUPT, "%s/%s is damaged: it has %zu bytes instead of %zu",
                          folder->path, SMEW__BOARD_FILE, folder->map.size,
                          sizeof(struct smew__board));
    memcpy(&header, folder->map.data, offsetof(struct smew__board_header, epoch));
    if (header.magic != SMEW__BOARD_MAGIC)
        return smew__fail(error, SMEW_CORRUPT,
                          "%s/%s is damaged: it does not begin as a directory does", folder->path,
                          SMEW__BOARD_FILE);
    if (header.version != SMEW__BOARD_VERSION || header.fingerprint != SMEW__BOARD_FINGERPRINT)
        return smew__fail(error, SMEW_VERSION,
                          "the nodes on %s use version %u (layout %016llx) of the directory, and "
                          "this program version %u (layout %016llx)",
                          folder->path, (unsigned)header.version,
                          (unsigned long long)header.fingerprint, (unsigned)SMEW__BOARD_VERSION,
                          (unsigned long long)SMEW__BOARD_FINGERPRINT);
    if (header.size != sizeof(struct smew__board) || folder->map.size < sizeof(struct smew__board))
        return smew__fail(error, SMEW_CORRUPT, "%s/%s is damaged: it has %zu bytes instead of %zu",
                          folder->path, SMEW__BOARD_FILE, folder->map.size,
                          sizeof(struct smew__board));
    return SMEW_OK;
}

/* Makes the board and gives it its name.  EXISTS when somebody was faster. */
static enum smew_status make(struct smew__folder *folder, struct smew_error *error)
{
    enum smew_status status =
        smew__map_create(folder->fd, sizeof(struct smew__board), &folder->map, error);

    if (status != SMEW_OK)
        return status;
    (void)smew__board_repair((struct smew__board *)(void *)folder->map.data);
    status = smew__map_publish(&folder->map, folder->fd, SMEW__BOARD_FILE);
    if (status != SMEW_OK && status != SMEW_EXISTS && status != SMEW_NOT_FOUND)
        return smew__fail(error, status, "cannot give %s/%s its name: %s", folder->path,
                          SMEW__BOARD_FILE, smew_status_text(status));
    return status;
}

static void folder_close(struct smew__folder *folder)
{
    smew__map_close(&folder->map); /* and its locks with it */
    smew__fd_close(&folder->fd);
}

/* ---- removing ------------------------------------------------------------------------ */

struct sweep {
    struct smew__folder *folder;
    size_t removed;
};

static bool remove_other(const char *name, void *user)
{
    struct sweep *sweep = user;

    if (strcmp(name, SMEW__BOARD_FILE) != 0 &&
        smew__folder_unlink(sweep->folder->fd, name) == SMEW_OK)
        sweep->removed++;
    return true;
}

/*
 * Removes the folder with all in it, if nobody is a member; gives the number of things removed.
 * A walk may miss names while others are unlinked, so it is repeated until it finds none.
 */
static size_t remove_all(struct smew__folder *folder)
{
    struct sweep sweep = {.folder = folder};
    size_t before = 1;
    char *slash;

    if (smew__lock_try(folder->map.fd, SMEW__LOCK_MEMBERS, 1, true) != SMEW_OK)
        return 0;
    if (!smew__map_current(&folder->map, folder->fd, SMEW__BOARD_FILE))
        return 0;
    for (int i = 0; i < SWEEPS && before != sweep.removed; i++) {
        before = sweep.removed;
        if (smew__folder_each(folder->fd, remove_other, &sweep) != SMEW_OK)
            return sweep.removed;
    }
    if (smew__folder_unlink(folder->fd, SMEW__BOARD_FILE) != SMEW_OK)
        return sweep.removed;
    sweep.removed++;
    if (smew__folder_remove(folder->path) == SMEW_OK)
        sweep.removed++;
    /* The scheme's folder, when this was its last bus. */
    slash = strrchr(folder->path, '/');
    *slash = '\0';
    (void)smew__folder_remove(folder->path);
    *slash = '/';
    return sweep.removed;
}

/* ---- entering and leaving ------------------------------------------------------------ */

/* A board that we cannot use: BUSY when it is gone or going, so that one may begin again. */
static enum smew_status refuse(struct smew__folder *folder, enum smew_status status)
{
    if (remove_all(folder) > 0) {
        smew__log(SMEW_LOG_WARN,
                  "%s was of another version or damaged, and nobody was in it: removed",
                  folder->path);
        return SMEW_BUSY;
    }
    /* Somebody is in there if the lock can be shared, else somebody is removing it. */
    return smew__lock_try(folder->map.fd, SMEW__LOCK_MEMBERS, 1, false) == SMEW_OK &&
                   smew__map_current(&folder->map, folder->fd, SMEW__BOARD_FILE)
               ? status
               : SMEW_BUSY;
}

/* One try.  BUSY, EXISTS and NOT_FOUND: begin again. */
static enum smew_status enter(struct smew__folder *folder, struct smew_error *error)
{
    enum smew_status status = smew__folder_open(folder->path, true, &folder->fd, error);

    if (status != SMEW_OK)
        return status;
    /* However short, so that its lock says whether it may be removed; what is empty has no map. */
    status = smew__map_open(folder->fd, SMEW__BOARD_FILE, 1, true, &folder->map, error);
    if (status == SMEW_NOT_FOUND)
        status = make(folder, error);
    if (status != SMEW_OK)
        return status;
    status = check(folder, error);
    if (status != SMEW_OK)
        return refuse(folder, status);
    status = smew__lock_try(folder->map.fd, SMEW__LOCK_MEMBERS, 1, false);
    if (status != SMEW_OK)
        return status == SMEW_BUSY
                   ? status
                   : smew__fail(error, status, "cannot lock %s/%s: %s", folder->path,
                                SMEW__BOARD_FILE, smew_status_text(status));
    return smew__map_current(&folder->map, folder->fd, SMEW__BOARD_FILE) ? SMEW_OK : SMEW_BUSY;
}

enum smew_status smew__folder_enter(const char *path, uint64_t deadline_ns,
                                    struct smew__folder *folder, struct smew_error *error)
{
    *folder = (struct smew__folder){.fd = -1, .map = {.fd = -1}};
    (void)snprintf(folder->path, sizeof folder->path, "%s", path);
    for (;;) {
        enum smew_status status = enter(folder, error);
        uint64_t now_ns;

        if (status == SMEW_OK)
            return SMEW_OK;
        folder_close(folder);
        if (status != SMEW_BUSY && status != SMEW_EXISTS && status != SMEW_NOT_FOUND)
            return status;
        now_ns = smew_now_ns();
        if (now_ns >= deadline_ns)
            return smew__fail(error, SMEW_TIMEOUT,
                              "%s is being removed by somebody who does not come to an end", path);
        /* Nobody wakes us: the other removes a few files, or was killed and the lock is free. */
        (void)smew__fd_wait(-1, 0, now_ns + RETRY_MS * SMEW_NS_PER_MS);
    }
}

size_t smew__folder_leave(struct smew__folder *folder)
{
    size_t removed;

    if (folder->map.data == NULL)
        return 0;
    /* Not converted: of two members that convert at once both would be refused. */
    smew__lock_release(folder->map.fd, SMEW__LOCK_MEMBERS, 1);
    removed = remove_all(folder);
    folder_close(folder);
    return removed;
}

/* ---- slots --------------------------------------------------------------------------- */

bool smew__folder_lock_slot(struct smew__folder *folder, uint32_t slot)
{
    return smew__lock_try(folder->map.fd, SMEW__LOCK_SLOTS + slot, 1, true) == SMEW_OK;
}

void smew__folder_unlock_slot(struct smew__folder *folder, uint32_t slot)
{
    smew__lock_release(folder->map.fd, SMEW__LOCK_SLOTS + slot, 1);
}

void smew__names_file(struct smew__node_ref node, char name[SMEW__NAMES_FILE_SIZE])
{
    (void)snprintf(name, SMEW__NAMES_FILE_SIZE, "%u.%u.names", (unsigned)node.slot,
                   (unsigned)node.generation);
}

/* The slot in "SLOT.GENERATION.what"; false for other names. */
static bool parse_slot(const char *name, uint32_t *slot)
{
    uint32_t parsed = 0;
    const char *at = name;

    while (*at >= '0' && *at <= '9' && parsed < SMEW__DIRECTORY_NODES)
        parsed = parsed * 10 + (uint32_t)(*at++ - '0');
    if (at == name || *at != '.' || parsed >= SMEW__DIRECTORY_NODES)
        return false;
    *slot = parsed;
    return true;
}

struct reaping {
    struct smew__folder *folder;
    uint32_t slot; /* the one to reap; SMEW__DIRECTORY_NODES: all that nobody has */
    size_t removed;
};

static bool reap_one(const char *name, void *user)
{
    struct reaping *reaping = user;
    bool locked = false;
    uint32_t slot;

    if (!parse_slot(name, &slot))
        return true;
    if (reaping->slot == SMEW__DIRECTORY_NODES)
        locked = smew__folder_lock_slot(reaping->folder, slot);
    if ((locked || slot == reaping->slot) &&
        smew__folder_unlink(reaping->folder->fd, name) == SMEW_OK)
        reaping->removed++;
    if (locked)
        smew__folder_unlock_slot(reaping->folder, slot);
    return true;
}

size_t smew__folder_reap_slot(struct smew__folder *folder, uint32_t slot)
{
    struct reaping reaping = {.folder = folder, .slot = slot};

    (void)smew__folder_each(folder->fd, reap_one, &reaping);
    return reaping.removed;
}

size_t smew__folder_reap(struct smew__folder *folder)
{
    return smew__folder_reap_slot(folder, SMEW__DIRECTORY_NODES);
}
