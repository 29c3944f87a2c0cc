/* SPDX-License-Identifier: MIT */
/*
 * The nodes of this process, known to each other for one question: would a thread that waits for a
 * machine's handler wait for itself?  It would where the machine is handled by smew_bus_poll()
 * on a node that this very thread polls.  Lock order: the list's lock, then one node's.
 *
 * A child after fork() has its parent's nodes in its memory, with locks that threads held which it
 * does not have: its list begins empty, and it touches none of them.
 */

#include <pthread.h>
#include <string.h>

#include "bus/intake.h"
#include "bus/peer.h"
#include "bus/poll.h"
#include "bus/route.h"
#include "bus/send.h"

static struct smew__mutex list_lock = {PTHREAD_MUTEX_INITIALIZER};
static struct smew__list nodes = {&nodes, &nodes};

static void after_fork_in_child(void)
{
    list_lock = (struct smew__mutex){PTHREAD_MUTEX_INITIALIZER};
    smew__list_init(&nodes);
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, after_fork_in_child);
}

void smew__sibling_add(struct smew_bus *bus)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, watch_forks);
    smew__mutex_lock(&list_lock);
    smew__list_append(&nodes, &bus->siblings);
    smew__mutex_unlock(&list_lock);
}

void smew__sibling_remove(struct smew_bus *bus)
{
    smew__mutex_lock(&list_lock);
    smew__list_remove(&bus->siblings);
    smew__mutex_unlock(&list_lock);
}

void smew__sibling_visit(struct smew_bus *bus, uint64_t incarnation,
                         void (*visit)(struct smew_bus *bus, void *argument), void *argument)
{
    smew__mutex_lock(&list_lock); /* a node leaves the list before it closes */
    SMEW_LIST_EACH (link, &nodes) {
        /* Another node may have been given a closed one's memory. */
        if (SMEW_CONTAINER(link, struct smew_bus, siblings) != bus ||
            bus->incarnation != incarnation || !smew__bus_ours(bus))
            continue;
        smew__bus_lock(bus);
        visit(bus, argument);
        smew__bus_unlock(bus);
    }
    smew__mutex_unlock(&list_lock);
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
    uint64_t host;
    bool mine = false;

    if (strlen(target) > SMEW_ID_MAX || smew__address_parse(target, &node))
        return false; /* a node answers on its service thread */
    host = host_of(bus, target);
    if (!host)
        return false;
    smew__mutex_lock(&list_lock);
    SMEW_LIST_EACH (link, &nodes) {
        struct smew_bus *sibling = SMEW_CONTAINER(link, struct smew_bus, siblings);

        if (sibling->incarnation == host && smew__bus_ours(sibling)) /* not the parent's */
            mine |= polled_by_caller(sibling, target);
    }
    smew__mutex_unlock(&list_lock);
    return mine;
}
