/* SPDX-License-Identifier: MIT */
/* Trails.  Out of memory for one, its target's messages go the common way. */

#include "bus/trail.h"

#include <string.h>

#include "base/alloc.h"
#include "bus/route.h"

enum { TRAILS_MOST = 65536 }; /* idle ones are dropped beyond */

struct smew__trail *smew__trail_find(struct smew__producer *producer, struct smew__text target)
{
    return smew__table_get(&producer->trails, target.data, target.size);
}

/* Are all its records answered?  Then a new one would know as much. */
static bool is_idle(const struct smew__trail *trail)
{
    const struct smew__lane_out *lane = trail->sent_on;

    return !lane || (lane->state == SMEW__LANE_GRANTED && !lane->after &&
                     (int64_t)(lane->writer.tail_number - trail->last) > 0);
}

/* With both locks held.  Not before their number has doubled, however many are in use. */
static void drop_idle(struct smew__producer *producer)
{
    struct smew__trail *trail;
    size_t cursor = 0;

    smew__producer_renew(producer);
    while ((trail = smew__table_next(&producer->trails, &cursor)) != NULL) {
        if (!is_idle(trail))
            continue;
        (void)smew__table_remove(&producer->trails, trail->target, trail->size);
        if (producer->latest == trail)
            producer->latest = NULL;
        trail->route->users--;
        smew__free(trail);
    }
    producer->trails_most = producer->trails.count * 2;
    if (producer->trails_most < TRAILS_MOST)
        producer->trails_most = TRAILS_MOST;
}

struct smew__trail *smew__trail_make(struct smew__producer *producer, struct smew__text target)
{
    struct smew__trail *trail;

    if (producer->trails.count >= TRAILS_MOST && producer->trails.count >= producer->trails_most)
        drop_idle(producer);
    trail = smew__calloc(1, sizeof(*trail) + target.size + 1);
    if (!trail)
        return NULL;
    memcpy(trail->target, target.data, target.size);
    trail->size = (uint32_t)target.size;
    trail->route = smew__route_get(producer->bus, trail->target, trail->size);
    if (!trail->route || !smew__table_put(&producer->trails, trail->target, trail->size, trail)) {
        smew__free(trail);
        return NULL;
    }
    trail->route->users++;
    trail->detour = true; /* until the route is seen to be clear */
    return trail;
}

void smew__trails_free(struct smew__producer *producer)
{
    struct smew__trail *trail;
    size_t cursor = 0;

    while ((trail = smew__table_next(&producer->trails, &cursor)) != NULL) {
        if (trail->route)
            trail->route->users--;
        smew__free(trail);
    }
    smew__table_fini(&producer->trails);
}
