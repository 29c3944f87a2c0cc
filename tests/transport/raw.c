/* SPDX-License-Identifier: MIT */
/* Speaking to a `pipe` listener by hand. */
#include "tests/transport/raw.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct smew_endpoint raw_endpoint(void)
{
    return (struct smew_endpoint){.directory = support_runtime_dir(), .place = "bus/1.1"};
}

const char *raw_path(void)
{
    static char path[108];

    (void)snprintf(path, sizeof path, "%s/1.1.sock", support_runtime_dir());
    return path;
}

struct smew_listener *raw_listen(void)
{
    struct smew_endpoint endpoint = raw_endpoint();
    struct smew_listener *listener = NULL;
    struct smew_error error;

    if (smew_transport_find("pipe")->listen(&endpoint, &listener, &error) != SMEW_OK)
        fail_msg("cannot listen: %s", error.text);
    return listener;
}

struct smew_channel *raw_accept(struct smew_listener *listener)
{
    struct smew_interest interest = listener->ops->interest(listener);
    struct pollfd entry = {.fd = interest.fd, .events = interest.events};
    struct smew_channel *channel = NULL;

    assert_int_equal(poll(&entry, 1, RAW_WAIT_MS), 1);
    assert_int_equal(listener->ops->try_accept(listener, &channel), SMEW_OK);
    return channel;
}

int raw_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    memcpy(address.sun_path, raw_path(), strlen(raw_path()));
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void raw_write(int fd, const void *data, size_t size)
{
    assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
}

enum smew_status raw_receive(struct smew_channel *channel)
{
    struct smew_bytes frame;

    return smew_channel_receive(channel, &frame, RAW_WAIT_MS);
}
