/* SPDX-License-Identifier: MIT */
/*
 * A table by target.  It is empty but for the moments in which machines move; what is stale in it
 * is swept when it has grown to twice what can be alive, so a sweep is paid for by what it frees.
 */

#include "bus/barrier.h"

#include <string.h>

#include "base/alloc.h"

struct barrier {
    uint64_t used; /* the clock when it last refused something */
    size_t size;
    char target[];
};

void smew__barriers_init(struct smew__barriers *barriers, uint32_t span)
{
    smew__table_init(&barriers->targets);
    barriers->span = span;
    barriers->clock = 0;
}

static void drop(struct smew__barriers *barriers, struct barrier *barrier)
{
    smew__table_remove(&barriers->targets, barrier->target, barrier->size);
    smew__free(barrier);
}

/* Drops those that were not used since. */
static void sweep(struct smew__barriers *barriers, uint64_t since)
{
    struct barrier *barrier;
    size_t cursor = 0;

    while ((barrier = smew__table_next(&barriers->targets, &cursor)) != NULL) {
        if (barrier->used < since) {
            drop(barriers, barrier);
            cursor--;
        }
    }
}

void smew__barriers_fini(struct smew__barriers *barriers)
{
    sweep(barriers, UINT64_MAX);
    smew__table_fini(&barriers->targets);
}

static struct barrier *find(const struct smew__barriers *barriers, struct smew__text target)
{
    return smew__table_get(&barriers->targets, target.data, target.size);
}

bool smew__barrier_raise(struct smew__barriers *barriers, struct smew__text target)
{
    struct barrier *barrier = find(barriers, target);

    if (barrier) {
        barrier->used = barriers->clock;
        return true;
    }
    if (barriers->targets.count >= 2 * (size_t)barriers->span && barriers->clock > barriers->span)
        sweep(barriers, barriers->clock - barriers->span);
    barrier = smew__alloc(sizeof(*barrier) + target.size);
    if (!barrier)
        return false;
    barrier->used = barriers->clock;
    barrier->size = target.size;
    memcpy(barrier->target, target.data, target.size);
    if (smew__table_put(&barriers->targets, barrier->target, barrier->size, barrier))
        return true;
    smew__free(barrier);
    return false;
}

bool smew__barrier_stops(struct smew__barriers *barriers, const struct smew__envelope *envelope)
{
    struct barrier *barrier;

    barriers->clock++;
    barrier = barriers->targets.count ? find(barriers, envelope->target) : NULL;
    if (!barrier)
        return false;
    barrier->used = barriers->clock;
    if (!(envelope->flags & SMEW__ENVELOPE_ALONE))
        return true;
    drop(barriers, barrier);
    return false;
}
