/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BUS_TOPIC_H
#define SMEW_BUS_TOPIC_H

/*
 * Published messages.  Each node notes in the directory what it subscribed to; a publisher keeps a
 * copy of what others noted, made anew when the directory's topic epoch moves, and sends each
 * matching node one copy, which that node fans out to its own subscriptions.
 *
 * Delivery is at most once: queues on both sides are bounded (publish_queue), what does not fit
 * is dropped and counted, and the next message that gets through says how many were missed.
 *
 * With the node's lock held.
 */

#include "bus/node.h"

struct smew__peer;

/* A published envelope that a channel brought. */
void smew__topic_receive(struct smew_bus *bus, const struct smew__envelope *envelope);
/* The peer goes away. */
void smew__topic_forget_peer(struct smew_bus *bus, const struct smew__peer *peer);
/* No handler of a subscription runs any more: the bus is closing. */
void smew__topic_silence(struct smew_bus *bus);
/* What tells a subscriber how many it missed where no message follows that could say it. */
struct smew__envelope smew__missed_envelope(const struct smew_bus *bus, uint64_t missed);
void smew__topic_init(struct smew_bus *bus);
void smew__topic_fini(struct smew_bus *bus);

#endif
