/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets below the bus's directory, between processes of one user on one computer.
 *
 * The place "BUS/SLOT.GENERATION" is the socket DIRECTORY/SLOT.GENERATION.sock.  The directory is
 * the bus's own; it is checked (ours, closed to others, no symlink) each time, so that nobody can
 * put a socket of theirs in the way.  A listener keeps the directory's fd and removes its socket
 * through it, even when no further fd can be had.
 *
 * Failures: EXISTS where somebody alive listens (the socket of a crash is replaced), NOT_FOUND
 * or RESET where nobody does, AGAIN for a full backlog, PATH_TOO_LONG, PERMISSION, NO_FDS, IO,
 * each with a sentence.  A connection that cannot be accepted for want of fds or memory stays in
 * the backlog.
 */

#include "bus/transport/local.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/os/fd.h"
#include "base/os/path.h"
#include "base/os/socket.h"
#include "base/status.h"
#include "bus/transport/builtin.h"
#include "bus/transport/owner.h"

enum { BACKLOG = 128 };

static const char suffix[] = ".sock";

struct listener {
    struct smew_listener listener;
    const struct smew__local_scheme *scheme;
    uint64_t token; /* of the process that may use it */
    uint32_t frame_max;
    int fd;
    int folder_fd;
    char path[SMEW_PATH_MAX];
};

static struct listener *listener_of(struct smew_listener *listener)
{
    return (struct listener *)(void *)listener;
}

/* The last part of a path. */
static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static enum smew_status make_path(const struct smew__local_scheme *scheme,
                                  const struct smew_endpoint *endpoint, char path[SMEW_PATH_MAX],
                                  struct smew_error *error)
{
    enum smew_status status = smew__endpoint_check(endpoint, error);
    const char *name;
    int length;

    if (status != SMEW_OK)
        return status;
    name = name_of(endpoint->place);
    if (name[0] == '\0' || name[0] == '.')
        return smew__fail(error, SMEW_INVALID, "\"%.128s\" names no place for a socket",
                          endpoint->place);
    if (endpoint->directory == NULL || endpoint->directory[0] != '/')
        return smew__fail(error, SMEW_INVALID, "the transport %s needs an absolute directory",
                          scheme->name);
    length = snprintf(path, SMEW_PATH_MAX, "%s/%s%s", endpoint->directory, name, suffix);
    if (length < 0 || length >= SMEW_PATH_MAX)
        return smew__fail(error, SMEW_PATH_TOO_LONG,
                          "the socket path %.256s... is too long: set SMEW_RUNTIME_DIR to a "
                          "shorter path",
                          path);
    return SMEW_OK;
}

static enum smew_status local_try_accept(struct smew_listener *base, struct smew_channel **channel)
{
    struct listener *listener = listener_of(base);
    struct smew_channel *made;
    int fd = -1;
    enum smew_status status;

    if (!smew__token_is_ours(listener->token))
        return SMEW_FORKED;
    /* The channel comes first: what was accepted could not be put back. */
    status = listener->scheme->create(listener->frame_max, &made);
    if (status != SMEW_OK)
        return status;
    status = smew__socket_accept(listener->fd, &fd);
    if (status == SMEW_OK && listener->scheme->start(made, fd) != SMEW_OK)
        status = SMEW_AGAIN; /* the next one in the backlog keeps the listener ready */
    if (status != SMEW_OK) {
        smew_channel_close(made);
        return status;
    }
    *channel = made;
    return SMEW_OK;
}

static struct smew_interest local_interest(const struct smew_listener *base)
{
    const struct listener *listener = (const struct listener *)(const void *)base;

    return (struct smew_interest){listener->fd, POLLIN};
}

static void listener_free(struct listener *listener)
{
    smew__fd_close(&listener->fd);
    smew__fd_close(&listener->folder_fd);
    smew__free(listener);
}

/*
 * Removes the name while the socket still listens, so that it cannot be the name of a successor.
 * That the name has gone already is fine.
 */
static void local_close(struct smew_listener *base)
{
    struct listener *listener = listener_of(base);

    if (smew__token_is_ours(listener->token))
        (void)smew__folder_unlink(listener->folder_fd, name_of(listener->path));
    listener_free(listener);
}

static const struct smew_listener_ops listener_ops = {
    .try_accept = local_try_accept,
    .interest = local_interest,
    .close = local_close,
};

enum smew_status smew__local_listen(const struct smew__local_scheme *scheme,
                                    const struct smew_endpoint *endpoint,
                                    struct smew_listener **listener, struct smew_error *error)
{
    struct listener *created = smew__calloc(1, sizeof(*created));
    enum smew_status status;

    if (created == NULL)
        return smew__fail(error, SMEW_NO_MEMORY, "no memory to listen with");
    created->listener.ops = &listener_ops;
    created->scheme = scheme;
    created->token = smew__process_token();
    created->fd = -1;
    created->folder_fd = -1;
    status = make_path(scheme, endpoint, created->path, error);
    if (status == SMEW_OK)
        status = smew__folder_open(endpoint->directory, false, &created->folder_fd, error);
    if (status == SMEW_OK)
        status = scheme->listen(created->path, BACKLOG, &created->fd, error);
    if (status != SMEW_OK) {
        listener_free(created);
        return status;
    }
    created->frame_max = smew__endpoint_frame_max(endpoint);
    *listener = &created->listener;
    return SMEW_OK;
}

/* A connection to the path, once its directory proved to be ours. */
static enum smew_status connect_to(const struct smew__local_scheme *scheme, const char *directory,
                                   const char *path, int *fd, struct smew_error *error)
{
    int folder_fd = -1;
    enum smew_status status = smew__folder_open(directory, false, &folder_fd, error);

    if (status != SMEW_OK)
        return status;
    smew__fd_close(&folder_fd);
    return scheme->connect(path, fd, error);
}

enum smew_status smew__local_dial(const struct smew__local_scheme *scheme,
                                  const struct smew_endpoint *endpoint,
                                  struct smew_channel **channel, struct smew_error *error)
{
    char path[SMEW_PATH_MAX];
    struct smew_channel *made;
    int fd = -1;
    enum smew_status status = make_path(scheme, endpoint, path, error);

    if (status != SMEW_OK)
        return status;
    status = scheme->create(smew__endpoint_frame_max(endpoint), &made);
    if (status != SMEW_OK)
        return smew__fail(error, status, "cannot make a channel to %s: %s", path,
                          smew_status_text(status));
    status = connect_to(scheme, endpoint->directory, path, &fd, error);
    if (status == SMEW_OK) {
        status = scheme->start(made, fd);
        if (status != SMEW_OK)
            (void)smew__fail(error, status, "cannot begin with %s: %s", path,
                             smew_status_text(status));
    }
    if (status != SMEW_OK) {
        smew_channel_close(made);
        return status;
    }
    *channel = made;
    return SMEW_OK;
}
