/* SPDX-License-Identifier: MIT */
/*
 * Speakers.  Happy path: the thread in smew_bus_poll() is the speaker, and what its handlers send
 * lies in the receivers' memory when they return.
 */

#include "bus/speaker.h"

#include <string.h>

#include "bus/direct.h"
#include "bus/poll.h"
#include "bus/route.h"
#include "bus/trail.h"

/* What the thread sent so far as itself, and what machines said the common way, are not told apart
 * by trails: each is looked at anew.  With the node's lock held. */
static void begin(struct smew__producer *producer)
{
    struct smew__trail *trail;
    size_t cursor = 0;

    while ((trail = smew__table_next(&producer->trails, &cursor)) != NULL)
        trail->detour = true;
}

static bool become(struct smew_bus *bus)
{
    struct smew__producer *producer = smew__producer_get(bus);
    bool mine;

    if (!producer)
        return false;
    smew__producer_lock(producer);
    smew__bus_lock(bus);
    mine = !bus->speaker;
    if (mine) {
        begin(producer);
        atomic_store_explicit(&bus->speaker, producer, memory_order_relaxed);
    }
    smew__bus_unlock(bus);
    smew__producer_unlock(producer);
    return mine;
}

bool smew__speaker_is_here(struct smew_bus *bus, const struct smew__handler_context *context)
{
    const struct smew__producer *speaker;

    if (context && (context->sunk || context->bus != bus))
        return false;
    /* Relaxed: a thread that is it has said so itself; any other only compares. */
    speaker = atomic_load_explicit(&bus->speaker, memory_order_relaxed);
    if (speaker)
        return speaker == smew__producer_find(bus);
    return smew__poll_is_mine(bus) && become(bus);
}

/*
 * From now on until smew__speaker_arrived() the target's route is not clear.  The speaker stays
 * while it is visited, though its thread may end.
 */
static struct smew__producer *announce(struct smew_bus *bus, const char *target,
                                       struct smew__route **route)
{
    struct smew__producer *speaker;

    smew__bus_lock(bus);
    *route = target[0] == '@' ? NULL : smew__route_get(bus, target, strlen(target));
    if (*route) {
        (*route)->users++;
        (*route)->coming++;
    }
    speaker = atomic_load_explicit(&bus->speaker, memory_order_relaxed);
    if (speaker)
        speaker->visitors++;
    smew__bus_unlock(bus);
    return speaker;
}

void smew__speaker_arrived(struct smew_bus *bus, struct smew__route *route)
{
    if (!route)
        return;
    smew__bus_lock(bus);
    route->users--;
    route->coming--;
    smew__bus_unlock(bus);
}

static void go(struct smew__producer *speaker)
{
    smew__bus_lock(speaker->bus);
    speaker->visitors--;
    smew__bus_unlock(speaker->bus);
}

struct smew__route *smew__speaker_leave(struct smew_bus *bus, const char *target,
                                        struct smew__behind *behind)
{
    struct smew__producer *own = smew__producer_find(bus);
    struct smew__route *route;
    struct smew__producer *speaker = announce(bus, target, &route);

    if (speaker && speaker != own)
        smew__direct_leave(speaker, target, behind);
    if (own)
        smew__direct_leave(own, target, behind);
    if (speaker)
        go(speaker);
    return route;
}

void smew__speaker_sealed(struct smew__producer *producer, struct smew__lane_out *lane)
{
    if (smew__list_empty(&lane->sealed))
        smew__list_append(&producer->sealed, &lane->sealed);
    smew__handler_current()->speaker = producer;
}

void smew__speaker_commit(struct smew__producer *producer)
{
    struct smew__list *link;

    smew__producer_lock(producer);
    while ((link = smew__list_take(&producer->sealed)) != NULL) {
        struct smew__lane_out *lane = SMEW_CONTAINER(link, struct smew__lane_out, sealed);

        smew__lane_out_commit(lane);
        if (lane->outgrown && !lane->ended)
            smew__lane_out_end(lane);
    }
    smew__producer_unlock(producer);
}
