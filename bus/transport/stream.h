/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_TRANSPORT_STREAM_H
#define SMEW_BUS_TRANSPORT_STREAM_H

/*
 * A channel over one connected stream socket, whatever its family: pipe and smew_channel_pair
 * use it.  The bytes on the socket are those of serialization/stream.h.
 *
 * It is made in two steps, so that whoever accepts or connects has everything that can fail
 * behind him before there is a connection to lose.
 */

#include <stdbool.h>

#include <smew/transport.h>

#include "serialization/stream.h"

/* A channel without a socket; close is all that may be done with it.  NO_MEMORY. */
enum smew_status smew__stream_channel_create(uint32_t frame_max, struct smew_channel **channel);

/* Takes over a connected, non-blocking socket and sends the preamble. */
void smew__stream_channel_start(struct smew_channel *channel, int fd);

/*
 * With `ahead`, each turn of reading takes what has arrived with one call, and ends with AGAIN: the
 * caller promises to receive until then before it looks at the fd, which does not know of the
 * frames that were read.  Without it, as a channel begins, AGAIN means that there is no more, and
 * whoever stops early finds the fd ready.  It may change at any time; nothing for other channels.
 */
void smew__stream_read_ahead(struct smew_channel *channel, bool ahead);
/*
 * As try_send, for a caller who promises that what was answered with AGAIN is what he sends next,
 * with its parts where they were, until it is taken or the channel is closed.  So a large frame is
 * written from where it lies to the end, and nothing of it is copied.  `known`, or NULL: what was
 * summed already.  Of another channel this is try_send.
 */
enum smew_status smew__stream_send(struct smew_channel *channel, const struct smew_bytes *parts,
                                   size_t count, const struct smew__stream_sum *known);
/* Does it read ahead, and was the turn begun and not ended yet? */
bool smew__stream_in_turn(const struct smew_channel *channel);

#endif
