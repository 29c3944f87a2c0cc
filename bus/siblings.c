/* SPDX-License-Identifier: MIT */
/*
 * The nodes of this process, known to each other for one question: would a thread that waits for a
 * machine's handler wait for itself?  It would where the machine is handled by smew_bus_poll()
 * on a node that this very thread polls.  Lock order: a family's lock, then one node's.
 *
 * Nodes are kept in families, by incarnation: each has a lock of its own, which is held while the
 * node's is waited for.  So who asks about one node does not wait for the lock of another, unless
 * they happen to be of one family.
 *
 * A child after fork() has its parent's nodes in its memory, with locks that threads held which it
 * does not have: its families begin empty, and it touches none of them.
 */

#include <pthread.h>
#include <stdalign.h>
#include <string.h>

#include "base/sync/sharded.h"
#include "bus/intake.h"
#include "bus/peer.h"
#include "bus/poll.h"
#include "bus/route.h"
#include "bus/send.h"

enum { FAMILIES = 16 };

static struct family {
    alignas(64) struct smew__shard lock;
    struct smew__list nodes; /* zeros are an empty one, until the first node comes */
} families[FAMILIES];

static struct family *family_of(uint64_t incarnation)
{
    return &families[smew__shard_index(incarnation, FAMILIES)];
}

static void after_fork_in_child(void)
{
    memset(families, 0, sizeof(families));
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, after_fork_in_child);
}

void smew__sibling_add(struct smew_bus *bus)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct family *family = family_of(bus->incarnation);

    (void)pthread_once(&once, watch_forks);
    smew__shard_lock(&family->lock);
    if (!family->nodes.next)
        smew__list_init(&family->nodes);
    smew__list_append(&family->nodes, &bus->siblings);
    smew__shard_unlock(&family->lock);
}

void smew__sibling_remove(struct smew_bus *bus)
{
    struct family *family = family_of(bus->incarnation);

    smew__shard_lock(&family->lock);
    smew__list_remove(&bus->siblings);
    smew__shard_unlock(&family->lock);
}

/* The node of this incarnation, if it is this process's; with its family's lock held. */
static struct smew_bus *find(const struct family *family, uint64_t incarnation)
{
    if (!family->nodes.next)
        return NULL;
    SMEW_LIST_EACH (link, &family->nodes) {
        struct smew_bus *bus = SMEW_CONTAINER(link, struct smew_bus, siblings);

        if (bus->incarnation == incarnation && smew__bus_ours(bus)) /* not the parent's */
            return bus;
    }
    return NULL;
}

void smew__sibling_visit(struct smew_bus *bus, uint64_t incarnation,
                         void (*visit)(struct smew_bus *bus, void *argument), void *argument)
{
    struct family *family = family_of(incarnation);

    smew__shard_lock(&family->lock); /* a node leaves its family before it closes */
    /* Another node may have been given a closed one's memory. */
    if (find(family, incarnation) == bus) {
        smew__bus_lock(bus);
        visit(bus, argument);
        smew__bus_unlock(bus);
    }
    smew__shard_unlock(&family->lock);
}

/* The incarnation of the node that hosts the target, 0 for none. */
static uint64_t host_of(struct smew_bus *bus, const char *target)
{
    struct smew__node_record record = {0};
    struct smew__route *route;

    smew__bus_lock(bus);
    route = smew__route_get(bus, target, strlen(target));
    if (route && smew__route_resolve(bus, route) == SMEW_OK &&
        smew__directory_node(bus->directory, route->peer->ref, &record))
        record.node = 0;
    smew__bus_unlock(bus);
    return record.node;
}

static bool polled_by_caller(struct smew_bus *host, const char *target)
{
    struct smew__text id = {target, strlen(target)};
    const struct smew__registration *registration;
    bool mine;

    smew__bus_lock(host);
    registration = smew__registration_find(host, id);
    mine = registration && !registration->sunk && smew__poll_is_mine(host);
    smew__bus_unlock(host);
    return mine;
}

bool smew__send_would_deadlock(struct smew_bus *bus, const char *target)
{
    struct smew__node_ref node;
    struct smew_bus *sibling;
    struct family *family;
    uint64_t host;
    bool mine;

    if (strlen(target) > SMEW_ID_MAX || smew__address_parse(target, &node))
        return false; /* a node answers on its service thread */
    host = host_of(bus, target);
    if (!host)
        return false;
    family = family_of(host);
    smew__shard_lock(&family->lock);
    sibling = find(family, host);
    mine = sibling && polled_by_caller(sibling, target);
    smew__shard_unlock(&family->lock);
    return mine;
}
