/* SPDX-License-Identifier: MIT */
/*
 * The runtime directory and folders in it.
 *
 * Happy path: each missing folder on the way is made with mode 0700, the last one is opened
 * without following a symlink, and what was opened (not what the name says) is checked.  Folders
 * above, /run say, are the system's and not checked; who opens the runtime directory itself first
 * has checked everything below it, since nobody else can get in there.
 *
 * Failure modes: another owner, a mode that lets others in, a symlink or a file in its place
 * (PERMISSION, with the path and the owner's uid); somebody removes the folder while we make it
 * (tried again a few times, then NOT_FOUND).
 */
#include "base/os/path.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/fault.h"
#include "base/os/fd.h"
#include "base/status.h"

enum { MAKE_ATTEMPTS = 16 };

/* Copies without slashes at the end: "link/" would be followed in spite of O_NOFOLLOW. */
static enum smew_status copy_path(const char *from, const char *suffix, char path[SMEW_PATH_MAX],
                                  struct smew_error *error)
{
    char copy[SMEW_PATH_MAX];
    size_t size = strlen(from);
    int length;

    while (size > 1 && from[size - 1] == '/')
        size--;
    if (size >= SMEW_PATH_MAX)
        return smew__fail(error, SMEW_PATH_TOO_LONG, "the path %.64s... is longer than %d bytes",
                          from, SMEW_PATH_MAX - 1);
    length = snprintf(copy, sizeof copy, "%.*s%s", (int)size, from, suffix);
    if (length < 0 || length >= SMEW_PATH_MAX)
        return smew__fail(error, SMEW_PATH_TOO_LONG, "the path %.64s... is longer than %d bytes",
                          from, SMEW_PATH_MAX - 1);
    memcpy(path, copy, (size_t)length + 1);
    return SMEW_OK;
}

enum smew_status smew__runtime_dir(const char *given, char path[SMEW_PATH_MAX],
                                   struct smew_error *error)
{
    const char *xdg = secure_getenv("XDG_RUNTIME_DIR");
    const char *own = secure_getenv("SMEW_RUNTIME_DIR");
    const char *from = given != NULL ? given : own;
    const char *suffix = "";

    if ((from == NULL || from[0] == '\0') && xdg != NULL && xdg[0] != '\0') {
        from = xdg;
        suffix = "/smew";
    }
    if ((from == NULL || from[0] == '\0') && geteuid() == 0)
        from = "/run/smew";
    if (from == NULL || from[0] == '\0')
        return smew__fail(error, SMEW_NOT_FOUND,
                          "no runtime directory: set SMEW_RUNTIME_DIR or XDG_RUNTIME_DIR");
    /* A relative one would be another folder after chdir(). */
    if (from[0] != '/')
        return smew__fail(error, SMEW_INVALID, "the runtime directory %.256s is not absolute",
                          from);
    return copy_path(from, suffix, path, error);
}

/* Makes `path` and what is missing above it; an errno, 0 for success. */
static int make_folders(char *path)
{
    char *slash = path;

    while (slash != NULL) {
        int made;

        slash = strchr(slash + 1, '/');
        if (slash != NULL)
            *slash = '\0';
        made = SMEW__SYS(mkdir(path, 0700));
        if (slash != NULL)
            *slash = '/';
        if (made == 0 || errno == EEXIST)
            continue;
        /* A folder that is there may also say that it is read-only: only the last one matters. */
        if (slash == NULL || (errno != EACCES && errno != EROFS && errno != EPERM))
            return errno;
    }
    return 0;
}

static enum smew_status check_folder(int fd, const char *path, struct smew_error *error)
{
    struct stat folder;

    if (SMEW__SYS(fstat(fd, &folder)) != 0)
        return smew__os_fail(error, errno, "cannot look at %s", path);
    if (folder.st_uid != geteuid())
        return smew__fail(error, SMEW_PERMISSION, "%s belongs to user %u, and this is user %u",
                          path, (unsigned)folder.st_uid, (unsigned)geteuid());
    if ((folder.st_mode & 077) != 0)
        return smew__fail(error, SMEW_PERMISSION,
                          "%s of user %u has mode %04o, open to others: it must be 0700", path,
                          (unsigned)folder.st_uid, (unsigned)(folder.st_mode & 07777));
    return SMEW_OK;
}

enum smew_status smew__folder_open(const char *path, bool create, int *fd, struct smew_error *error)
{
    char copy[SMEW_PATH_MAX];
    enum smew_status status = copy_path(path, "", copy, error);
    int opened = -1;
    int failed = 0;

    if (status != SMEW_OK)
        return status;
    /* Who leaves a bus last removes its folder, perhaps between our making and opening it. */
    for (int attempt = 0; attempt < MAKE_ATTEMPTS && opened < 0; attempt++) {
        failed = create ? make_folders(copy) : 0;
        if (failed == 0) {
            opened = SMEW__SYS(open(copy, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            failed = opened < 0 ? errno : 0;
        }
        if (failed != ENOENT || !create)
            break;
    }
    if (failed == ENOTDIR || failed == ELOOP)
        return smew__fail(error, SMEW_PERMISSION,
                          "%s is not a folder, or a symbolic link, which is not followed", copy);
    if (failed != 0)
        return smew__os_fail(error, failed, "cannot open %s", copy);
    status = check_folder(opened, copy, error);
    if (status != SMEW_OK)
        smew__fd_close(&opened);
    else
        *fd = opened;
    return status;
}

enum smew_status smew__folder_each(int folder_fd, bool (*fn)(const char *name, void *user),
                                   void *user)
{
    /* A description of its own, so that walks do not move each other's position. */
    int fd = SMEW__SYS(openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    enum smew_status status = SMEW_OK;
    const struct dirent *entry = NULL;
    DIR *folder;

    if (fd < 0)
        return smew__os_status(errno);
    folder = smew__fault_trips() ? NULL : fdopendir(fd);
    if (folder == NULL) {
        status = smew__os_status(errno);
        smew__fd_close(&fd);
        return status;
    }
    do {
        errno = 0;
        entry = smew__fault_trips() ? NULL : readdir(folder);
        if (entry == NULL && errno != 0)
            status = smew__os_status(errno);
    } while (entry != NULL && (strcmp(entry->d_name, ".") == 0 ||
                               strcmp(entry->d_name, "..") == 0 || fn(entry->d_name, user)));
    (void)closedir(folder);
    return status;
}

enum smew_status smew__folder_unlink(int folder_fd, const char *name)
{
    return SMEW__SYS(unlinkat(folder_fd, name, 0)) == 0 ? SMEW_OK : smew__os_status(errno);
}

enum smew_status smew__folder_remove(const char *path)
{
    return SMEW__SYS(rmdir(path)) == 0 ? SMEW_OK : smew__os_status(errno);
}
