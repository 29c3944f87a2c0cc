/* SPDX-License-Identifier: MIT */
/*
 * A channel by name: one process creates it, another attaches.
 *
 *     creator: fd set ──► listener      until somebody attaches; then
 *              fd set ──► end
 *     the other: end
 *
 * Happy path: the creator listens at RUNTIME/channels/NAME.sock, as the transport `shm` does
 * anywhere.  Whoever attaches dials, and is served with the creator's next call: the listener goes,
 * and the name with it, since a channel has two ends.  The channel's fd may not change in its life,
 * and what is behind it does; so the creator's is a set of one fd.
 *
 * Failures: EXISTS for a name that is in use (what a crash left is replaced); NOT_FOUND where there
 * is nothing to attach to, with the reason as far as it can be told; RESET for the second of two
 * that attach at the same moment.  The folder goes with the last name in it; somebody may remove it
 * between its making and its use, and then it is made again.
 */
#include <smew/transport.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/os/fd.h"
#include "base/os/path.h"
#include "base/os/process.h"
#include "base/status.h"
#include "bus/transport/builtin.h"
#include "bus/transport/owner.h"
#include "bus/transport/shm/end.h"

enum { NAME_MAX_SIZE = 64, CREATE_ATTEMPTS = 16 };

struct named {
    struct smew_channel channel;
    uint64_t token; /* of the process that may use it */
    int set;
    struct smew_listener *listener; /* NULL once somebody has attached */
    struct smew_channel *end;       /* NULL before; while there is a listener, who knocked */
    short watched;                  /* what the set waits for at the end's fd */
    char folder[SMEW_PATH_MAX];
};

static struct named *named_of(struct smew_channel *channel)
{
    return (struct named *)(void *)channel;
}

static void stop_listening(struct named *named)
{
    if (named->listener == NULL)
        return;
    /* Not left to its closing: a forked child may hold a copy of the fd. */
    if (named->set >= 0 && smew__token_is_ours(named->token))
        (void)smew__fdset_watch(named->set, named->listener->ops->interest(named->listener).fd, 0);
    named->listener->ops->close(named->listener);
    named->listener = NULL;
    if (smew__token_is_ours(named->token))
        (void)smew__folder_remove(named->folder); /* unless there are others in it */
}

/* What the end waits for, the set waits for: OK, NO_MEMORY, NO_SPACE. */
static enum smew_status watch(struct named *named)
{
    struct smew_interest interest = named->end->ops->interest(named->end);
    enum smew_status status = SMEW_OK;

    if (interest.events != named->watched)
        status = smew__fdset_watch(named->set, interest.fd, interest.events);
    if (status == SMEW_OK)
        named->watched = interest.events;
    named->channel.frame_max = named->end->frame_max;
    return status;
}

/* Somebody knocked and left, or was refused. */
static void forget_guest(struct named *named)
{
    smew_channel_close(named->end);
    named->end = NULL;
    named->watched = 0;
}

/*
 * The other end is who says HELLO: whoever tries the same name for a channel of his own knocks, to
 * see whether somebody is there.  OK, AGAIN (nobody yet), or what accepting answers.
 */
static enum smew_status await_guest(struct named *named)
{
    for (;;) {
        enum smew_status status = SMEW_OK;

        if (named->end == NULL)
            status = named->listener->ops->try_accept(named->listener, &named->end);
        if (status != SMEW_OK)
            return status;
        smew__shm_end_of(named->end)->gives_lanes = false;
        status = smew__shm_hear_hello(smew__shm_end_of(named->end));
        if (status == SMEW_OK)
            return watch(named);
        if (!smew__shm_is_over(smew__shm_end_of(named->end)))
            return status == SMEW_AGAIN && watch(named) != SMEW_OK ? SMEW_NO_MEMORY : status;
        forget_guest(named);
    }
}

/* OK when there is an end to use; AGAIN when nobody has attached yet. */
static enum smew_status meet(struct named *named)
{
    enum smew_status status;

    if (!smew__token_is_ours(named->token))
        return SMEW_FORKED;
    if (named->listener == NULL)
        return SMEW_OK;
    status = await_guest(named);
    if (status == SMEW_OK)
        stop_listening(named);
    return status;
}

static enum smew_status named_try_send(struct smew_channel *channel, const struct smew_bytes *parts,
                                       size_t count)
{
    struct named *named = named_of(channel);
    enum smew_status status = meet(named);

    if (status != SMEW_OK)
        return status;
    status = named->end->ops->try_send(named->end, parts, count);
    (void)watch(named);
    return status;
}

static enum smew_status named_flush(struct smew_channel *channel)
{
    struct named *named = named_of(channel);
    enum smew_status status = meet(named);

    if (status != SMEW_OK)
        return status == SMEW_AGAIN ? SMEW_OK : status; /* nothing was taken that could wait */
    status = named->end->ops->flush(named->end);
    (void)watch(named);
    return status;
}

static enum smew_status named_try_receive(struct smew_channel *channel, struct smew_bytes *frame)
{
    struct named *named = named_of(channel);
    enum smew_status status = meet(named);

    if (status != SMEW_OK)
        return status;
    status = named->end->ops->try_receive(named->end, frame);
    (void)watch(named);
    return status;
}

static struct smew_interest named_interest(const struct smew_channel *channel)
{
    return (struct smew_interest){((const struct named *)(const void *)channel)->set, POLLIN};
}

static struct smew_peer_credentials named_credentials(const struct smew_channel *channel)
{
    const struct named *named = (const struct named *)(const void *)channel;

    return named->listener == NULL ? named->end->ops->credentials(named->end)
                                   : (struct smew_peer_credentials){-1, -1};
}

static void named_close(struct smew_channel *channel)
{
    struct named *named = named_of(channel);

    stop_listening(named);
    smew_channel_close(named->end);
    smew__fd_close(&named->set);
    smew__free(named);
}

static const struct smew_channel_ops named_ops = {
    .try_send = named_try_send,
    .flush = named_flush,
    .try_receive = named_try_receive,
    .interest = named_interest,
    .credentials = named_credentials,
    .close = named_close,
};

/* ---- names --------------------------------------------------------------------------- */

/* The folder of all names, after a look at this one. */
static enum smew_status find_folder(const char *name, char folder[SMEW_PATH_MAX],
                                    struct smew_error *error)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t size = name == NULL ? 0 : strlen(name);
    enum smew_status status;
    size_t length;

    if (size == 0 || size > NAME_MAX_SIZE || name[0] == '.' || strspn(name, allowed) != size)
        return smew__fail(error, SMEW_INVALID,
                          "\"%.80s\" is no name of a channel: 1 to %d of A-Z a-z 0-9 . _ -, not "
                          "beginning with a dot",
                          name == NULL ? "" : name, NAME_MAX_SIZE);
    status = smew__runtime_dir(NULL, folder, error);
    if (status != SMEW_OK)
        return status;
    length = strlen(folder);
    if (snprintf(folder + length, SMEW_PATH_MAX - length, "/%s", SMEW__CHANNELS_FOLDER) >=
        (int)(SMEW_PATH_MAX - length))
        return smew__fail(error, SMEW_PATH_TOO_LONG, "the path %.256s... is too long", folder);
    return SMEW_OK;
}

static enum smew_status listen_at(struct named *named, const char *name, struct smew_error *error)
{
    const struct smew_endpoint endpoint = {.directory = named->folder, .place = name};
    enum smew_status status = SMEW_NOT_FOUND;

    for (int i = 0; i < CREATE_ATTEMPTS && status == SMEW_NOT_FOUND; i++) {
        int fd = -1;

        status = smew__folder_open(named->folder, true, &fd, error);
        smew__fd_close(&fd);
        if (status == SMEW_OK)
            status = smew__transport_shm.listen(&endpoint, &named->listener, error);
    }
    if (status == SMEW_EXISTS)
        return smew__fail(error, status, "there is a channel \"%s\" already", name);
    return status;
}

enum smew_status smew_channel_create(const char *name, struct smew_channel **channel,
                                     struct smew_error *error)
{
    struct named *named = smew__calloc(1, sizeof(*named));
    enum smew_status status;

    if (named == NULL)
        return smew__fail(error, SMEW_NO_MEMORY, "no memory for a channel");
    named->channel.ops = &named_ops;
    named->channel.frame_max = SMEW_FRAME_MAX;
    named->token = smew__process_token();
    named->set = -1;
    status = find_folder(name, named->folder, error);
    if (status == SMEW_OK)
        status = listen_at(named, name, error);
    if (status == SMEW_OK) {
        struct smew_interest interest = named->listener->ops->interest(named->listener);

        status = smew__fdset_open(&named->set);
        if (status == SMEW_OK)
            status = smew__fdset_watch(named->set, interest.fd, interest.events);
        if (status != SMEW_OK)
            (void)smew__fail(error, status, "cannot wait for the other end of channel \"%s\": %s",
                             name, smew_status_text(status));
    }
    if (status != SMEW_OK) {
        named_close(&named->channel);
        return status;
    }
    *channel = &named->channel;
    return SMEW_OK;
}

enum smew_status smew_channel_attach(const char *name, struct smew_channel **channel,
                                     struct smew_error *error)
{
    char folder[SMEW_PATH_MAX];
    const struct smew_endpoint endpoint = {.directory = folder, .place = name};
    enum smew_status status = find_folder(name, folder, error);

    if (status != SMEW_OK)
        return status;
    status = smew__transport_shm.dial(&endpoint, channel, error);
    if (status == SMEW_NOT_FOUND)
        return smew__fail(error, status,
                          "there is no channel \"%s\": nobody has created it, or somebody has "
                          "attached to it already",
                          name);
    if (status == SMEW_RESET)
        return smew__fail(error, SMEW_NOT_FOUND,
                          "there is no channel \"%s\" any more: who created it is gone", name);
    if (status == SMEW_OK)
        smew__shm_end_of(*channel)->gives_lanes = false;
    return status;
}
