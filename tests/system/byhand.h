/* SPDX-License-Identifier: MIT */
#ifndef SMEW_TESTS_SYSTEM_BYHAND_H
#define SMEW_TESTS_SYSTEM_BYHAND_H

/*
 * A connection to a node by hand, without the library's own transport: over pipe a byte stream,
 * over shm datagrams, of which the first passes the memory that the node answers in.  One at a
 * time.
 */

#include <stddef.h>

#include "serialization/item.h"

/* "pipe" or "shm"; before the first connection. */
void byhand_use(const char *scheme);
const char *byhand_url(const char *bus);

/* Connected with the node of that address; nothing was said. */
int byhand_dial(const char *bus, const char *address);

/* The other side may have closed already: that is what it is tested for. */
void byhand_put(int fd, const void *data, size_t size);
/* What comes before every frame: a preamble, or HELLO with a lane. */
void byhand_greet(int fd);
/* The same of a version that nobody speaks. */
void byhand_greet_strangely(int fd);
void byhand_put_frame(int fd, const void *data, size_t size);
void byhand_put_item(int fd, const struct smew__item *item);
/* More than a frame may have; and the beginning of one that never ends. */
void byhand_put_oversized(int fd);
void byhand_put_half(int fd);

/* Waits until the other side closes, and closes; true with the first item that it said, if any. */
bool byhand_hear_to_end(int fd, struct smew__item *item);

#endif
