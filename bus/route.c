/* SPDX-License-Identifier: MIT */
/*
 * Happy path: resolve finds its epoch unchanged and answers at once.  Otherwise it asks the
 * directory; a node that is named there but dead by the kernel's word is buried and the question
 * asked again, so a route never leads to a corpse that somebody could have known of.
 */

#include "bus/route.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bus/parcel.h"
#include "bus/peer.h"
#include "bus/service.h"

enum {
    ROUTES_MOST = 65536, /* idle ones are dropped beyond */
    BURIALS_MOST = 16,   /* dead nodes met in one look-up */
    LIMBO_TICK_MS = 2,   /* how soon a takeover is noticed */
};

/* Not again before their number has doubled, however many are in use. */
static void drop_idle(struct smew_bus *bus)
{
    struct smew__table kept;
    struct smew__route *route;
    size_t cursor = 0;

    bus->latest = NULL;
    bus->routes_most = bus->routes.count * 2;
    smew__table_init(&kept);
    while ((route = smew__table_next(&bus->routes, &cursor)) != NULL) {
        /* A failed put would lose a route that somebody points to: keep the old table then. */
        if (route->users && !smew__table_put(&kept, route->target, route->size, route)) {
            smew__table_fini(&kept);
            return;
        }
    }
    cursor = 0;
    while ((route = smew__table_next(&bus->routes, &cursor)) != NULL) {
        if (!route->users)
            smew__free(route);
    }
    smew__table_fini(&bus->routes);
    bus->routes = kept;
    bus->routes_most = kept.count * 2;
}

struct smew__route *smew__route_get(struct smew_bus *bus, const char *target, size_t size)
{
    struct smew__route *route = smew__table_get(&bus->routes, target, size);

    if (route)
        return route;
    if (bus->routes.count >= ROUTES_MOST && bus->routes.count >= bus->routes_most)
        drop_idle(bus);
    route = smew__calloc(1, sizeof(*route) + size + 1);
    if (!route)
        return NULL;
    memcpy(route->target, target, size);
    route->size = (uint32_t)size;
    if (!smew__table_put(&bus->routes, route->target, size, route)) {
        smew__free(route);
        return NULL;
    }
    return route;
}

/* Asks the directory until it names a living node. */
static enum smew_status look_up(struct smew_bus *bus, const char *target, struct smew__peer **peer)
{
    struct smew__node_ref owner;
    enum smew_status status;

    for (int i = 0; i < BURIALS_MOST; i++) {
        status = smew__directory_lookup(bus->directory, target, &owner);
        if (status)
            return status;
        status = smew__peer_get(bus, owner, peer);
        if (status != SMEW_PEER_DEAD)
            return status;
    }
    return SMEW_NO_MACHINE;
}

enum smew_status smew__route_resolve(struct smew_bus *bus, struct smew__route *route)
{
    uint64_t epoch = smew__bus_epoch(bus);
    struct smew__peer *peer = NULL;
    enum smew_status status;

    if (route->peer && route->epoch == epoch)
        return SMEW_OK;
    status = look_up(bus, route->target, &peer);
    if (status) {
        route->peer = NULL;
        route->at_peer = 0;
        return status;
    }
    if (peer != route->peer)
        route->at_peer = smew__peer_parcels_of(peer, route);
    route->peer = peer;
    route->epoch = epoch;
    return SMEW_OK;
}

void smew__route_forget_peer(struct smew_bus *bus, const struct smew__peer *peer)
{
    struct smew__route *route;
    size_t cursor = 0;

    while ((route = smew__table_next(&bus->routes, &cursor)) != NULL) {
        if (route->peer == peer) {
            route->peer = NULL;
            route->at_peer = 0;
        }
    }
}

bool smew__route_clear(const struct smew__route *route)
{
    return route->accepted == route->at_peer;
}

void smew__route_fini(struct smew_bus *bus)
{
    struct smew__route *route;
    size_t cursor = 0;

    while ((route = smew__table_next(&bus->routes, &cursor)) != NULL)
        smew__free(route);
    smew__table_fini(&bus->routes);
}

static void limbo_due(struct smew_bus *bus, struct smew__timer *timer)
{
    (void)timer;
    bus->follow_up |= SMEW__FOLLOW_LIMBO;
}

/* Both were records of one lane, in this order, whenever they became parcels. */
static bool is_older(const struct smew__parcel *parcel, const struct smew__parcel *other)
{
    struct smew_message_id id = parcel->message->envelope.id;
    struct smew_message_id than = other->message->envelope.id;

    return id.stream == than.stream && id.sequence < than.sequence;
}

/* Limbo is kept in the order of acceptance: a refusal may come after those of younger parcels. */
static void insert(struct smew__list *limbo, struct smew__parcel *parcel)
{
    struct smew__list *place = limbo;

    for (struct smew__list *link = limbo->previous; link != limbo; link = link->previous) {
        const struct smew__parcel *other = SMEW_CONTAINER(link, struct smew__parcel, link);

        if (other->order > parcel->order || is_older(parcel, other))
            place = link;
    }
    smew__list_append(place, &parcel->link);
}

bool smew__limbo_is_over(const struct smew_bus *bus, uint64_t lingered_ns)
{
    return lingered_ns >= bus->options.linger_ms * SMEW_NS_PER_MS;
}

void smew__limbo_put(struct smew_bus *bus, struct smew__parcel *parcel)
{
    smew__parcel_withdraw(parcel);
    parcel->state = SMEW__PARCEL_LIMBO;
    parcel->route->limbo++;
    parcel->limbo_ns = smew_now_ns();
    insert(&bus->limbo, parcel);
    bus->limbo_timer.run = limbo_due;
    (void)smew__timer_set(bus, &bus->limbo_timer, smew__deadline_ns(LIMBO_TICK_MS));
}

/* Out of limbo: into the new host's window, or to its end. */
static void leave_limbo(struct smew_bus *bus, struct smew__parcel *parcel, enum smew_status status,
                        uint64_t now_ns)
{
    parcel->route->limbo--;
    parcel->lingered_ns += now_ns - parcel->limbo_ns;
    if (!status)
        smew__parcel_place(bus, parcel, parcel->route->peer);
    else
        smew__parcel_finish(bus, parcel, parcel->doubtful ? SMEW_PEER_DEAD : SMEW_NO_MACHINE);
}

/*
 * May this parcel leave?  Not before an older one of its route that had to stay in this pass, and
 * to a host only once all of its route are here, or are older and went to that very host: another
 * one, alive, may still work on some, and what it is about to refuse is older than what would go
 * ahead.
 */
static bool must_stay(const struct smew_bus *bus, const struct smew__parcel *parcel,
                      enum smew_status status, uint64_t now_ns)
{
    struct smew__route *route = parcel->route;

    if (route->stuck == bus->limbo_pass)
        return true;
    if (status)
        return !bus->closing &&
               !smew__limbo_is_over(bus, parcel->lingered_ns + (now_ns - parcel->limbo_ns));
    if (!smew__behind_clear(&parcel->behind))
        return true;
    if (route->leaving == bus->limbo_pass)
        return route->peer != route->leaving_to; /* the host changed under this pass */
    if (route->accepted != route->limbo + route->at_peer ||
        (route->at_peer && parcel->order < route->placed))
        return true;
    route->leaving = bus->limbo_pass;
    route->leaving_to = route->peer;
    return false;
}

void smew__limbo_run(struct smew_bus *bus)
{
    uint64_t now_ns = smew_now_ns();
    struct smew__list staying;
    struct smew__list *link;

    smew__list_init(&staying);
    bus->limbo_pass++;
    while ((link = smew__list_take(&bus->limbo)) != NULL) {
        struct smew__parcel *parcel = SMEW_CONTAINER(link, struct smew__parcel, link);
        enum smew_status status = smew__route_resolve(bus, parcel->route);

        if (must_stay(bus, parcel, status, now_ns)) {
            parcel->route->stuck = bus->limbo_pass;
            smew__list_append(&staying, &parcel->link);
        } else {
            leave_limbo(bus, parcel, status, now_ns);
        }
    }
    while ((link = smew__list_take(&staying)) != NULL)
        smew__list_append(&bus->limbo, link);
    if (!smew__list_empty(&bus->limbo))
        (void)smew__timer_set(bus, &bus->limbo_timer, smew__deadline_ns(LIMBO_TICK_MS));
}

void smew__limbo_drop(struct smew_bus *bus)
{
    struct smew__list *link;

    while ((link = smew__list_take(&bus->limbo)) != NULL) {
        struct smew__parcel *parcel = SMEW_CONTAINER(link, struct smew__parcel, link);
        enum smew_status status = smew__route_resolve(bus, parcel->route);

        parcel->route->limbo--;
        if (status)
            status = parcel->doubtful ? SMEW_PEER_DEAD : SMEW_NO_MACHINE;
        smew__parcel_finish(bus, parcel, status ? status : SMEW_CLOSED);
    }
}
