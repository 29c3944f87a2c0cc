/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_TRANSPORT_RAW_H
#define SMEW_TESTS_TRANSPORT_RAW_H

/*
 * A `pipe` listener with somebody at the other end who writes bytes by hand: what the tests of the
 * wire and of the socket share.
 */

#include <smew/transport.h>

#include "tests/support/support.h"

enum { RAW_WAIT_MS = 10000 };

/* Where "bus/1.1" listens in the running test's directory. */
struct smew_endpoint raw_endpoint(void);
/* The path of its socket; lives until the next call. */
const char *raw_path(void);

struct smew_listener *raw_listen(void);
/* Waits for the next connection. */
struct smew_channel *raw_accept(struct smew_listener *listener);

/* A blocking socket, connected by hand to raw_path(). */
int raw_connect(void);
void raw_write(int fd, const void *data, size_t size);

/* The status of the next receive, which must come in time. */
enum smew_status raw_receive(struct smew_channel *channel);

#endif
