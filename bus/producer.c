/* SPDX-License-Identifier: MIT */
/*
 * Producers: one for each thread and node.  A thread finds its own in a short table that only it
 * has; an entry is believed only for the incarnation that it was made for, so a node that was
 * closed (and freed its producers) leaves nothing that anybody follows.  A thread that sends
 * through more open nodes than the table has places sends the common way on the others.
 *
 * When a thread ends its producers are marked, and the service thread ends their lanes once they
 * are answered.  A program may end threads after it closed the bus, so the mark is set only where
 * the node is still among the open ones.
 */
#include <pthread.h>

#include "base/alloc.h"
#include "base/os/thread.h"
#include "bus/lane_out.h"
#include "bus/options.h"
#include "bus/route.h"
#include "bus/send.h"
#include "bus/trail.h"

_Thread_local struct smew__own_producer smew__own_producers[SMEW__PRODUCERS_MOST];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_exit;
static bool has_key;

static void mark_orphan(struct smew_bus *bus, void *argument)
{
    (void)bus;
    ((struct smew__producer *)argument)->orphan = true;
}

/* A destructor of the thread: its own variables still live. */
static void on_thread_exit(void *argument)
{
    struct smew__own_producer *entries = argument;

    for (unsigned i = 0; i < SMEW__PRODUCERS_MOST; i++) {
        if (entries[i].node)
            smew__sibling_visit(entries[i].bus, entries[i].node, mark_orphan, entries[i].producer);
        entries[i].node = 0;
    }
}

static void make_key(void)
{
    has_key = pthread_key_create(&at_exit, on_thread_exit) == 0;
}

static void note_open(struct smew_bus *bus, void *argument)
{
    (void)bus;
    *(bool *)argument = true;
}

/* A place that is free, or is of a node that was closed; NULL: none. */
static struct smew__own_producer *find_place(void)
{
    for (unsigned i = 0; i < SMEW__PRODUCERS_MOST; i++) {
        bool open = false;

        if (smew__own_producers[i].node)
            smew__sibling_visit(smew__own_producers[i].bus, smew__own_producers[i].node, note_open,
                                &open);
        if (!open)
            return &smew__own_producers[i];
    }
    return NULL;
}

void smew__producer_lock(struct smew__producer *producer)
{
    if (producer->thread == smew__thread_self())
        smew__biased_enter(&producer->lock);
    else
        smew__biased_lock(&producer->lock);
}

void smew__producer_unlock(struct smew__producer *producer)
{
    if (producer->thread == smew__thread_self())
        smew__biased_leave(&producer->lock);
    else
        smew__biased_unlock(&producer->lock);
}

void smew__producer_renew(struct smew__producer *producer)
{
    static atomic_uint_fast64_t stamps;

    producer->stamp = 1 + atomic_fetch_add_explicit(&stamps, 1, memory_order_relaxed);
}

static struct smew__producer *create(struct smew_bus *bus)
{
    struct smew__producer *producer = smew__calloc(1, sizeof(*producer));

    if (!producer)
        return NULL;
    producer->bus = bus;
    producer->spin.way = smew__spin_way_of(bus->options.waiting);
    smew__list_init(&producer->lanes);
    smew__list_init(&producer->sealed);
    smew__table_init(&producer->trails);
    producer->thread = smew__thread_self();
    smew__producer_renew(producer);
    if (smew__biased_init(&producer->lock)) {
        smew__free(producer);
        return NULL;
    }
    smew__bus_lock(bus);
    smew__list_append(&bus->producers, &producer->link);
    smew__bus_unlock(bus);
    return producer;
}

struct smew__producer *smew__producer_get(struct smew_bus *bus)
{
    struct smew__producer *producer = smew__producer_find(bus);
    struct smew__own_producer *entry;

    if (producer)
        return producer;
    (void)pthread_once(&once, make_key);
    if (!has_key || pthread_setspecific(at_exit, smew__own_producers))
        return NULL;
    entry = find_place();
    producer = entry ? create(bus) : NULL;
    if (producer)
        *entry = (struct smew__own_producer){bus->incarnation, bus, producer};
    return producer;
}

/* ---- now and then, on the service thread --------------------------------------------- */

/* The producer at or behind a place in the list; NULL at the end.  Only we take them out. */
static struct smew__producer *next_producer(struct smew_bus *bus, struct smew__producer *producer)
{
    struct smew__list *link;

    smew__bus_lock(bus);
    link = producer ? producer->link.next : bus->producers.next;
    smew__bus_unlock(bus);
    return link == &bus->producers ? NULL : SMEW_CONTAINER(link, struct smew__producer, link);
}

/* With the node's lock held; nothing refers to it any more. */
static void free_producer(struct smew__producer *producer)
{
    smew__list_remove(&producer->link);
    smew__trails_free(producer);
    smew__biased_fini(&producer->lock);
    smew__free(producer);
}

/* Its thread has ended: so do its lanes, and when they are gone it goes. */
static void retire(struct smew__producer *producer)
{
    struct smew_bus *bus = producer->bus;
    bool empty;

    smew__producer_lock(producer);
    SMEW_LIST_EACH (link, &producer->lanes) {
        struct smew__lane_out *lane = SMEW_CONTAINER(link, struct smew__lane_out, link);

        if (!lane->ended)
            smew__lane_out_end(lane);
        else if (lane->state == SMEW__LANE_GRANTED)
            smew__lane_out_collect(lane);
        if (lane->state != SMEW__LANE_GRANTED || smew__lane_writer_idle(&lane->writer))
            lane->failed = true; /* the peer's next turn takes it away */
        smew__bus_lock(bus);
        if (lane->peer)
            smew__peer_wake(lane->peer);
        smew__bus_unlock(bus);
    }
    empty = smew__list_empty(&producer->lanes);
    smew__producer_unlock(producer);
    if (!empty)
        return;
    smew__bus_lock(bus);
    if (producer->visitors) {
        smew__bus_unlock(bus);
        return;
    }
    if (atomic_load_explicit(&bus->speaker, memory_order_relaxed) == producer)
        atomic_store_explicit(&bus->speaker, NULL, memory_order_relaxed);
    bus->lanes_sent += atomic_load_explicit(&producer->sent, memory_order_relaxed);
    bus->stats.pooled += atomic_load_explicit(&producer->pooled, memory_order_relaxed);
    bus->stats.bytes_sent += atomic_load_explicit(&producer->bytes, memory_order_relaxed);
    bus->stats.refused += atomic_load_explicit(&producer->refused, memory_order_relaxed);
    free_producer(producer);
    smew__bus_unlock(bus);
}

/* Each of the lost lanes once; those that cannot go yet are at the list's end again. */
static void bury_lost(struct smew_bus *bus)
{
    struct smew__list lost;
    struct smew__list *link;

    smew__list_init(&lost);
    smew__bus_lock(bus);
    while ((link = smew__list_take(&bus->lanes_lost)) != NULL)
        smew__list_append(&lost, link);
    smew__bus_unlock(bus);
    while (!smew__list_empty(&lost)) {
        struct smew__lane_out *lane = SMEW_CONTAINER(lost.next, struct smew__lane_out, at_peer);
        struct smew__producer *producer = lane->producer;

        smew__producer_lock(producer);
        smew__bus_lock(bus);
        smew__lane_out_abandon(lane);
        smew__bus_unlock(bus);
        smew__lane_out_bury(lane);
        smew__producer_unlock(producer);
    }
}

void smew__lanes_look(struct smew_bus *bus)
{
    struct smew__producer *producer = next_producer(bus, NULL);

    bury_lost(bus);
    while (producer) {
        struct smew__producer *next = next_producer(bus, producer);
        bool orphan;

        smew__bus_lock(bus);
        orphan = producer->orphan;
        smew__bus_unlock(bus);
        if (orphan)
            retire(producer);
        producer = next;
    }
}

/* ---- looking ------------------------------------------------------------------------- */

uint64_t smew__lanes_in_flight(const struct smew_bus *bus)
{
    uint64_t count = 0;

    SMEW_LIST_EACH (at, &bus->producers) {
        const struct smew__producer *producer = SMEW_CONTAINER(at, struct smew__producer, link);

        SMEW_LIST_EACH (link, &producer->lanes) {
            const struct smew__lane_out *lane = SMEW_CONTAINER(link, struct smew__lane_out, link);
            uint64_t settled = atomic_load_explicit(&lane->settled, memory_order_acquire);

            count += atomic_load_explicit(&lane->committed, memory_order_acquire) - settled -
                     atomic_load_explicit(&lane->ahead, memory_order_relaxed);
        }
    }
    return count;
}

void smew__lanes_watch(struct smew_bus *bus)
{
    struct smew__peer *peer;
    size_t cursor = 0;

    while ((peer = smew__table_next(&bus->peers, &cursor)) != NULL) {
        if (!smew__list_empty(&peer->lanes))
            smew__peer_wake(peer);
    }
    /* A thread that collected for itself told nobody. */
    if (atomic_load_explicit(&bus->quiet_waiters, memory_order_relaxed) > 0)
        smew__condition_broadcast(&bus->changed);
}

uint64_t smew__lanes_sent(const struct smew_bus *bus)
{
    uint64_t sent = bus->lanes_sent;

    SMEW_LIST_EACH (link, &bus->producers)
        sent += atomic_load_explicit(&SMEW_CONTAINER(link, struct smew__producer, link)->sent,
                                     memory_order_relaxed);
    return sent;
}

void smew__lanes_stats(const struct smew_bus *bus, struct smew_bus_stats *stats)
{
    uint64_t in_flight = smew__lanes_in_flight(bus);
    uint64_t sent = smew__lanes_sent(bus);

    SMEW_LIST_EACH (at, &bus->producers) {
        const struct smew__producer *producer = SMEW_CONTAINER(at, struct smew__producer, link);

        stats->bytes_sent += atomic_load_explicit(&producer->bytes, memory_order_relaxed);
        stats->refused += atomic_load_explicit(&producer->refused, memory_order_relaxed);
        stats->pooled += atomic_load_explicit(&producer->pooled, memory_order_relaxed);
        SMEW_LIST_EACH (link, &producer->lanes)
            stats->lanes_out++;
    }
    stats->sent += sent;
    stats->lanes_sent = sent;
    stats->in_flight += (uint32_t)in_flight;
    stats->processed += sent - in_flight - bus->revived;
}

void smew__producers_free(struct smew_bus *bus)
{
    while (!smew__list_empty(&bus->producers)) {
        struct smew__producer *producer =
            SMEW_CONTAINER(bus->producers.next, struct smew__producer, link);

        SMEW_LIST_EACH_SAFE (link, &producer->lanes)
            smew__lane_out_free(SMEW_CONTAINER(link, struct smew__lane_out, link));
        free_producer(producer);
    }
}
