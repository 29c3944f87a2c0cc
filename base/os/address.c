/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets with a path.
 *
 * Happy path of listening: bind a fresh socket whose mode was set before it had a name, listen.
 *
 * Failure modes of listening: the path is taken.  Only a connect tells a living socket from what a
 * crash left, and between that and the unlink another process may have done the same; so all of
 * it, binding and listening too, happens under a lock (flock) on the folder.  The lock is held for
 * a few system calls; who does not get it within a second answers BUSY.  A living socket of
 * another type refuses the connect too, but as the wrong type and not as dead.
 */
#include "base/os/address.h"

#include <errno.h>
#include <string.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <smew/transport.h>

#include "base/clock.h"
#include "base/os/fault.h"
#include "base/os/fd.h"
#include "base/os/path.h"
#include "base/status.h"

enum { FOLDER_LOCK_MS = 5000 }; /* hundreds may open at once on a computer that is full of work */

static enum smew_status make_address(const char *path, struct sockaddr_un *address,
                                     struct smew_error *error)
{
    size_t length = strlen(path);

    if (length == 0)
        return smew__fail(error, SMEW_INVALID, "a socket needs a path");
    if (length >= sizeof address->sun_path)
        return smew__fail(error, SMEW_PATH_TOO_LONG,
                          "the socket path %.256s has %zu bytes, and %zu are the most: set "
                          "SMEW_RUNTIME_DIR to a shorter path",
                          path, length, sizeof address->sun_path - 1);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, length + 1);
    return SMEW_OK;
}

static int make_socket(int type)
{
    return SMEW__SYS(socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static int socket_connect(int fd, const struct sockaddr_un *address)
{
    return SMEW__SYS(connect(fd, (const struct sockaddr *)address, sizeof *address));
}

static int socket_bind(int fd, const struct sockaddr_un *address)
{
    return SMEW__SYS(bind(fd, (const struct sockaddr *)address, sizeof *address));
}

/* Opens and locks the folder that holds `path`. */
static enum smew_status lock_folder(const char *path, int *folder_fd)
{
    uint64_t deadline_ns = smew__deadline_ns(FOLDER_LOCK_MS);
    char folder[sizeof((struct sockaddr_un *)NULL)->sun_path];
    const char *slash = strrchr(path, '/');
    int fd;

    if (slash == NULL)
        strcpy(folder, ".");
    else {
        size_t length = slash == path ? 1 : (size_t)(slash - path);

        memcpy(folder, path, length);
        folder[length] = '\0';
    }
    fd = SMEW__SYS(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return smew__os_status(errno);
    while (SMEW__SYS(flock(fd, LOCK_EX | LOCK_NB)) != 0) {
        enum smew_status status = errno == EWOULDBLOCK ? SMEW_BUSY : smew__os_status(errno);

        if (errno != EINTR && (status != SMEW_BUSY || smew_now_ns() >= deadline_ns)) {
            smew__fd_close(&fd);
            return status;
        }
        (void)poll(NULL, 0, 1);
    }
    *folder_fd = fd;
    return SMEW_OK;
}

static void unlock_folder(int *folder_fd)
{
    /* Said aloud: a child forked meanwhile has the description too. */
    (void)flock(*folder_fd, LOCK_UN);
    smew__fd_close(folder_fd);
}

/* Removes what a crash left at the address; EXISTS when it answers.  The folder is locked. */
static enum smew_status remove_dead(const struct sockaddr_un *address, int type,
                                    struct smew_error *error)
{
    int probe = make_socket(type);
    struct stat file;
    int refused;

    if (probe < 0)
        return smew__os_fail(error, errno, "cannot make a socket");
    refused = socket_connect(probe, address) == 0 ? 0 : errno;
    smew__fd_close(&probe);
    if (refused == ENOENT)
        return SMEW_OK;
    if (refused != ECONNREFUSED)
        return smew__fail(error, SMEW_EXISTS, "somebody listens at %s", address->sun_path);
    /* A regular file refuses connects too, and is nothing of ours. */
    if (SMEW__SYS(lstat(address->sun_path, &file)) != 0 || !S_ISSOCK(file.st_mode))
        return smew__fail(error, SMEW_EXISTS, "%s is there and is no socket", address->sun_path);
    if (SMEW__SYS(unlink(address->sun_path)) != 0 && errno != ENOENT)
        return smew__os_fail(error, errno, "cannot remove the dead socket %s", address->sun_path);
    return SMEW_OK;
}

/* Binds and listens; the folder is locked. */
static enum smew_status bind_and_listen(int fd, const struct sockaddr_un *address, int type,
                                        int backlog, struct smew_error *error)
{
    enum smew_status status;
    int bound;

    /* The socket file takes the mode that the socket has when it is bound. */
    if (SMEW__SYS(fchmod(fd, 0600)) != 0)
        return smew__os_fail(error, errno, "cannot set the mode of a socket");
    bound = socket_bind(fd, address);
    if (bound != 0 && errno == EADDRINUSE) {
        status = remove_dead(address, type, error);
        if (status != SMEW_OK)
            return status;
        bound = socket_bind(fd, address);
    }
    if (bound != 0)
        return smew__os_fail(error, errno, "cannot bind %s", address->sun_path);
    if (SMEW__SYS(listen(fd, backlog)) == 0)
        return SMEW_OK;
    status = smew__os_fail(error, errno, "cannot listen at %s", address->sun_path);
    (void)unlink(address->sun_path);
    return status;
}

enum smew_status smew__address_listen(const char *path, int type, int backlog, int *fd,
                                      struct smew_error *error)
{
    struct sockaddr_un address;
    enum smew_status status = make_address(path, &address, error);
    int folder_fd = -1;
    int made;

    if (status != SMEW_OK)
        return status;
    status = lock_folder(path, &folder_fd);
    if (status != SMEW_OK)
        return smew__fail(error, status, "cannot lock the folder of %s: %s", path,
                          smew_status_text(status));
    made = make_socket(type);
    if (made < 0)
        status = smew__os_fail(error, errno, "cannot make a socket");
    else
        status = bind_and_listen(made, &address, type, backlog, error);
    unlock_folder(&folder_fd);
    if (status != SMEW_OK)
        smew__fd_close(&made);
    else
        *fd = made;
    return status;
}

enum smew_status smew__address_reap(const char *path, int type)
{
    struct sockaddr_un address;
    enum smew_status status = make_address(path, &address, NULL);
    int folder_fd = -1;

    if (status == SMEW_OK)
        status = lock_folder(path, &folder_fd);
    if (status != SMEW_OK)
        return status;
    status = remove_dead(&address, type, NULL);
    unlock_folder(&folder_fd);
    return status;
}

enum smew_status smew__address_connect(const char *path, int type, int *fd,
                                       struct smew_error *error)
{
    struct sockaddr_un address;
    enum smew_status status = make_address(path, &address, error);
    int made;

    if (status != SMEW_OK)
        return status;
    made = make_socket(type);
    if (made < 0)
        return smew__os_fail(error, errno, "cannot make a socket");
    if (socket_connect(made, &address) != 0) {
        status = smew__os_fail(error, errno, "cannot connect to %s", path);
        smew__fd_close(&made);
        return status;
    }
    *fd = made;
    return SMEW_OK;
}

enum smew_status smew__address_pair(int type, int fds[2])
{
    int made[2];

    if (SMEW__SYS(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, made)) != 0)
        return smew__os_status(errno);
    memcpy(fds, made, sizeof made);
    return SMEW_OK;
}
