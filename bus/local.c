/* SPDX-License-Identifier: MIT */
/*
 * Happy path: the names are looked at once and copied into a block for message and parcel; under
 * the lock the route is there, leads to this node, and its window has room.  Unlocking delivers.
 *
 * Failure modes: no route yet (so nobody has checked the target), one that leads elsewhere, older
 * parcels on their way elsewhere, no room, no memory: the block goes back, and the common way is
 * taken.  Where sends go elsewhere it is not even tried, until one of the common way came here.
 */

#include "bus/local.h"

#include <string.h>

#include "bus/handler.h"
#include "bus/options.h"
#include "bus/parcel.h"
#include "bus/peer.h"
#include "bus/send.h"

static bool may_try(struct smew_bus *bus, const struct smew_outgoing *message,
                    const struct smew_send_options *options)
{
    return smew__bus_ours(bus) && atomic_load_explicit(&bus->sends_locally, memory_order_relaxed) &&
           !(bus->transport->flags & SMEW_TRANSPORT_LANES) && !smew__handler_current() &&
           smew__options_are_plain(options) && message->target && message->event &&
           (!message->size_bytes || message->payload) &&
           message->size_bytes <= bus->options.payload_max;
}

/* NULL: not plain after all, or no memory. */
static struct smew_message *create(struct smew_bus *bus, const struct smew_outgoing *outgoing,
                                   const struct smew_send_options *options)
{
    const char *given = options ? options->source : NULL;
    struct smew__text source = {given ? given : bus->address, strlen(given ? given : bus->address)};
    struct smew__text target = {outgoing->target, strlen(outgoing->target)};
    struct smew__text event = {outgoing->event, strlen(outgoing->event)};
    struct smew_message *message;

    if (!smew__text_is_name(event.data, event.size) ||
        (given && !smew__text_is_name(source.data, source.size)))
        return NULL;
    message =
        smew__message_create_event(source, target, event, outgoing->payload, outgoing->size_bytes);
    if (!message)
        return NULL;
    message->envelope.content = options ? options->content : SMEW_CONTENT_RAW;
    smew__send_stamp(bus, &message->envelope);
    return message;
}

/* The route of a target, if there is one; most senders have more than one event for it. */
static struct smew__route *route_of(struct smew_bus *bus, struct smew__text target)
{
    struct smew__route *route = bus->latest;

    if (!route || route->size != target.size ||
        memcmp(route->target, target.data, target.size) != 0)
        route = smew__table_get(&bus->routes, target.data, target.size);
    bus->latest = route;
    return route;
}

/* Would the common way accept it now, in our own window? */
static bool is_open(struct smew_bus *bus, struct smew__route *route, size_t bytes)
{
    return route && !bus->closing && smew__route_resolve(bus, route) == SMEW_OK &&
           route->peer->is_self && smew__route_clear(route) && !route->outbox &&
           smew__window_room(&route->peer->window, bytes);
}

/* With the lock held.  Takes the message over when it is true. */
static bool try_accept(struct smew_bus *bus, struct smew_message *message)
{
    struct smew__route *route = route_of(bus, message->envelope.target);
    struct smew__parcel *parcel = NULL;

    if (is_open(bus, route, message->envelope.payload_size))
        parcel = smew__parcel_create(bus, message, route, (struct smew__node_ref){0});
    if (!parcel)
        return false;
    smew__parcel_accept(bus, parcel, route->peer);
    return true;
}

bool smew__local_send(struct smew_bus *bus, const struct smew_outgoing *outgoing,
                      const struct smew_send_options *options)
{
    struct smew_message *message;
    bool accepted;

    if (!may_try(bus, outgoing, options))
        return false;
    message = create(bus, outgoing, options);
    if (!message)
        return false;
    smew__bus_lock(bus);
    accepted = try_accept(bus, message);
    if (!accepted)
        smew__local_note(bus, false);
    smew__bus_unlock(bus);
    if (!accepted)
        smew__message_unref(message);
    return accepted;
}
