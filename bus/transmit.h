/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_TRANSMIT_H
#define SMEW_BUS_TRANSMIT_H

/*
 * Items onto and off channels: what peers and inbound channels share.  On the service thread,
 * without the lock.
 */

#include "bus/peer.h"

/*
 * Puts what the window and the lossy queue hold onto the channel, while there is room, then
 * flushes.  AGAIN: the rest waits for the channel.
 */
enum smew_status smew__transmit(struct smew__peer *peer);

/* The HELLO is what the channel gets first.  TOO_BIG, NO_MEMORY. */
enum smew_status smew__say_hello(struct smew__peer *peer);

/* Drops what was taken for a channel that is gone. */
void smew__staged_clear(struct smew__peer *peer);

/* Drops the queue of published messages.  With the lock held. */
void smew__lossy_clear(struct smew__peer *peer);

/* The HELLO of this node. */
void smew__hello_fill(const struct smew_bus *bus, struct smew__item *item);

/*
 * Reads what a channel has and hands over each item: AGAIN when it has no more, OK after a full
 * turn, or the failure, the channel's or on_item's.  Of a stream that reads ahead AGAIN is the end
 * of a turn, and its fd is ready if there is more.
 */
enum smew_status smew__channel_drain(struct smew_channel *channel, const struct smew__codec *codec,
                                     enum smew_status (*on_item)(void *owner,
                                                                 const struct smew__item *item),
                                     void *owner);

/* "NAME/3.17": where a node listens. */
void smew__place(const struct smew_bus *bus, struct smew__node_ref ref, char *place, size_t size);

#endif
