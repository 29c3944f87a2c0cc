/* SPDX-License-Identifier: MIT */
/*
 * The life of parcels.  Every accepted parcel ends in smew__parcel_finish(), exactly once: that is
 * where "nothing is dropped in silence" (G6) is kept.
 */

#include "bus/parcel.h"

#include <smew/transport.h>

#include "base/block.h"
#include "bus/letter.h"
#include "bus/outbox.h"
#include "bus/peer.h"
#include "bus/request.h"

struct smew__parcel *smew__parcel_create(struct smew_bus *bus, struct smew_message *message,
                                         struct smew__route *route, struct smew__node_ref node)
{
    struct smew__parcel *parcel = message->room;
    bool within = parcel != NULL;

    (void)bus;
    if (!within)
        parcel = smew__block_alloc(sizeof(*parcel));
    if (!parcel)
        return NULL;
    message->room = NULL;
    *parcel =
        (struct smew__parcel){.within = within, .message = message, .route = route, .node = node};
    smew__list_init(&parcel->link);
    if (route)
        route->users++;
    return parcel;
}

/* Its memory, and its reference of the message, which may be the same block. */
static void drop(struct smew__parcel *parcel)
{
    struct smew_message *message = parcel->message;

    if (!parcel->within)
        smew__block_free(parcel);
    smew__message_unref(message);
}

void smew__parcel_discard(struct smew_bus *bus, struct smew__parcel *parcel)
{
    (void)bus;
    if (parcel->route)
        parcel->route->users--;
    drop(parcel);
}

static void enter(struct smew_bus *bus, struct smew__parcel *parcel)
{
    if (parcel->route)
        parcel->route->accepted++;
    bus->in_flight++;
    parcel->order = ++bus->orders;
}

void smew__parcel_accept(struct smew_bus *bus, struct smew__parcel *parcel, struct smew__peer *peer)
{
    bus->stats.sent++;
    bus->stats.bytes_sent += parcel->message->envelope.payload_size;
    enter(bus, parcel);
    if (peer)
        smew__parcel_place(bus, parcel, peer);
}

void smew__parcel_revive(struct smew_bus *bus, struct smew__parcel *parcel)
{
    bus->revived++;
    enter(bus, parcel);
}

void smew__parcel_place(struct smew_bus *bus, struct smew__parcel *parcel, struct smew__peer *peer)
{
    (void)bus;
    parcel->peer = peer;
    parcel->alone = parcel->route && parcel->route->at_peer == 0;
    if (parcel->route && parcel->route->peer == peer)
        parcel->route->at_peer++;
    if (parcel->route && parcel->route->placed < parcel->order)
        parcel->route->placed = parcel->order;
    smew__window_append(&peer->window, parcel);
    smew__peer_wake(peer);
}

/* The route's count of parcels in its present peer's window. */
static void uncount(struct smew__parcel *parcel)
{
    if (parcel->route && parcel->peer && parcel->route->peer == parcel->peer)
        parcel->route->at_peer--;
}

static void release(struct smew__parcel *parcel)
{
    smew__behind_drop(&parcel->behind);
    drop(parcel);
}

static void release_all(struct smew__list *popped)
{
    struct smew__list *link;

    while ((link = smew__list_take(popped)) != NULL)
        release(SMEW_CONTAINER(link, struct smew__parcel, link));
}

void smew__parcel_withdraw(struct smew__parcel *parcel)
{
    struct smew__list popped;

    if (!parcel->peer)
        return;
    uncount(parcel);
    smew__list_init(&popped);
    smew__window_take(&parcel->peer->window, parcel, &popped);
    parcel->peer = NULL;
    release_all(&popped);
}

static void tell_waiter(struct smew_bus *bus, struct smew__parcel *parcel, enum smew_status status)
{
    if (!parcel->wait)
        return;
    parcel->wait->over = true;
    parcel->wait->status = status;
    parcel->wait = NULL;
    smew__bus_tell(bus);
}

void smew__parcel_finish(struct smew_bus *bus, struct smew__parcel *parcel, enum smew_status status)
{
    struct smew_message *message = parcel->message;
    struct smew__list popped;

    smew__outbox_settle(bus, parcel); /* where that waited for a commit */
    uncount(parcel);
    if (parcel->route) {
        parcel->route->accepted--;
        parcel->route->users--;
        parcel->route = NULL;
    }
    bus->in_flight--;
    tell_waiter(bus, parcel, status);
    if (!status)
        bus->stats.processed++;
    else if (message->envelope.kind == SMEW_KIND_REQUEST)
        smew__request_fail(bus, message->envelope.correlation, status);
    if (status)
        smew__letter_post(bus, message, status);
    smew__list_init(&popped);
    if (parcel->peer)
        smew__window_done(&parcel->peer->window, parcel, &popped);
    else
        release(parcel);
    release_all(&popped);
    smew__bus_tell(bus);
    bus->follow_up |= SMEW__FOLLOW_OUTBOX;
}

void smew__parcel_answered(struct smew_bus *bus, struct smew__parcel *parcel,
                           enum smew_status status)
{
    struct smew__peer *peer = parcel->peer;
    bool late = parcel->limbo_ns && smew__limbo_is_over(bus, parcel->lingered_ns);

    if (status != SMEW_NO_MACHINE || !parcel->route || late) {
        smew__parcel_finish(bus, parcel, status);
        return;
    }
    parcel->route->epoch = 0; /* what we remembered was wrong */
    smew__limbo_put(bus, parcel);
    /* Refused by the node that still has the claim: it is about to let go.  The timer tries. */
    if (smew__route_resolve(bus, parcel->route) || parcel->route->peer != peer)
        bus->follow_up |= SMEW__FOLLOW_LIMBO;
}

bool smew__parcel_is_committed_later(const struct smew__peer *peer)
{
    return (peer->bus->transport->flags & SMEW_TRANSPORT_LANES) && !peer->is_self;
}

void smew__parcel_committed(struct smew_bus *bus, struct smew__parcel *parcel)
{
    smew__outbox_settle(bus, parcel);
    if (parcel->wait && parcel->wait->level == SMEW_LEVEL_ACCEPTED)
        tell_waiter(bus, parcel, SMEW_OK);
}

void smew__parcel_received(struct smew_bus *bus, struct smew__parcel *parcel)
{
    if (parcel->wait && parcel->wait->level == SMEW_LEVEL_RECEIVED)
        tell_waiter(bus, parcel, SMEW_OK);
}
