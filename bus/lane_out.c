/* SPDX-License-Identifier: MIT */
/*
 * Lanes of ours, seen by the service thread: asked for, granted, answered, lost.
 *
 * Happy path: a thread wants a lane, the next turn asks for it, the grant opens it; answers other
 * than OK, which are rare, are turned into parcels one by one.
 *
 * Failure modes: denied (the receiver's quota, its memory or its descriptors): the thread goes the
 * common way, and asks again after a while.  A consumer that claims the impossible, or closes or
 * quarantines the lane: it is lost, and what was not answered goes the common way, to the same node
 * if it lives; its ids tell that node what it has already.  No memory for a parcel: the record
 * stays where it is, in the lane, and is tried again with the next heartbeat.
 */

#include "bus/lane_out.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bus/lane_revive.h"
#include "bus/service.h"
#include "bus/trail.h"
#include "bus/transport/shm/lanes.h"
#include "diagnostics/log.h"

enum {
    ASK_AGAIN_MS = 1000,
    PATIENCE_MS = 200, /* a lane that takes longer to come is not waited for */
};

/* ---- what others wait for ------------------------------------------------------------ */

bool smew__behind_clear(const struct smew__behind *behind)
{
    uint64_t settled;

    if (!behind->lane)
        return true;
    /* Acquire pairs with publish_settled: who sees it sees the parcels that were made, too. */
    settled = atomic_load_explicit(&behind->lane->settled, memory_order_acquire);
    if ((int64_t)(settled - behind->number) > 0)
        return true;
    return behind->lane->state == SMEW__LANE_GRANTED &&
           smew__lane_writer_done(&behind->lane->writer, behind->number);
}

void smew__behind_watch(struct smew__behind *behind)
{
    if (!behind->lane || behind->watched)
        return;
    behind->watched = true;
    atomic_fetch_add_explicit(&behind->lane->watchers, 1, memory_order_relaxed);
    if (behind->lane->peer)
        smew__peer_wake(behind->lane->peer);
}

static void unref(struct smew__lane_out *lane)
{
    if (atomic_fetch_sub_explicit(&lane->references, 1, memory_order_acq_rel) == 1)
        smew__free(lane);
}

void smew__behind_drop(struct smew__behind *behind)
{
    if (!behind->lane)
        return;
    if (behind->watched)
        atomic_fetch_sub_explicit(&behind->lane->watchers, 1, memory_order_relaxed);
    unref(behind->lane);
    behind->lane = NULL;
}

/* ---- what a lane is ------------------------------------------------------------------- */

struct smew__lane_meaning smew__lane_out_meaning(struct smew__lane_out *lane)
{
    const struct smew_bus *bus = lane->producer->bus;

    return (struct smew__lane_meaning){.node = bus->incarnation,
                                       .stream = lane->stream,
                                       .source = {bus->address, strlen(bus->address)},
                                       .targets = &lane->targets,
                                       .events = &lane->events,
                                       .pool = lane->pool.memory ? &lane->pool : NULL};
}

/* ---- losing a lane ------------------------------------------------------------------- */

/* Its memory goes.  With the producer's lock held. */
static void release_memory(struct smew__lane_out *lane)
{
    smew__lane_writer_fini(&lane->writer);
    smew__pool_fini(&lane->pool);
    smew__lane_memory_fini(&lane->memory);
    smew__pool_memory_fini(&lane->pool_memory);
    smew__lane_names_fini(&lane->targets);
    smew__lane_names_fini(&lane->events);
    smew__free(lane->trails);
}

/* Nothing leads to it any more.  With both locks held. */
static void forget(struct smew__lane_out *lane)
{
    struct smew__producer *producer = lane->producer;
    struct smew__trail *trail;
    size_t cursor = 0;

    smew__producer_renew(producer);
    while ((trail = smew__table_next(&producer->trails, &cursor)) != NULL) {
        if (trail->lane == lane) {
            trail->lane = NULL;
            trail->detour = true;
        }
        if (trail->sent_on == lane)
            trail->sent_on = NULL;
        if (trail->named_for == lane)
            trail->named_for = NULL;
    }
    SMEW_LIST_EACH (link, &producer->lanes) {
        struct smew__lane_out *other = SMEW_CONTAINER(link, struct smew__lane_out, link);

        if (other->after == lane)
            other->after = NULL;
        if (other->larger == lane)
            other->larger = NULL;
    }
    lane->peer = NULL;
    lane->channel = NULL;
    smew__list_remove(&lane->at_peer);
    smew__list_remove(&lane->sealed);
    smew__list_remove(&lane->link);
    unref(lane);
}

static void settle_all(struct smew__lane_out *lane)
{
    atomic_store_explicit(&lane->ahead, 0, memory_order_relaxed);
    atomic_store_explicit(&lane->settled, lane->writer.head_number, memory_order_release);
}

void smew__lane_out_bury(struct smew__lane_out *lane)
{
    struct smew_bus *bus = lane->producer->bus;
    bool granted = lane->memory.header != NULL;
    bool done = !lane->after || lane->after->state != SMEW__LANE_LOST; /* it comes first */

    if (!done)
        return;
    if (granted) {
        smew__lane_writer_wake(&lane->writer);
        (void)!smew__lane_collect(lane); /* whatever it says: the lane is lost */
    }
    smew__bus_lock(bus);
    if (granted)
        done = smew__lane_revive_rest(lane);
    if (done && granted)
        settle_all(lane);
    if (done && !lane->sleeping && !lane->lent &&
        !(granted && smew__lane_writer_holds_sealed(&lane->writer))) {
        if (granted)
            release_memory(lane);
        forget(lane);
    }
    smew__condition_broadcast(&bus->changed);
    bus->follow_up |= SMEW__FOLLOW_OUTBOX | SMEW__FOLLOW_LIMBO;
    smew__bus_unlock(bus);
    if (!done)
        smew__log(SMEW_LOG_WARN, "%s: out of memory; a lost lane's messages wait", bus->address);
}

void smew__lane_out_free(struct smew__lane_out *lane)
{
    if (lane->memory.header)
        release_memory(lane);
    forget(lane);
}

void smew__lane_out_abandon(struct smew__lane_out *lane)
{
    struct smew_bus *bus = lane->producer->bus;

    lane->peer = NULL;
    smew__list_remove(&lane->at_peer);
    smew__list_append(&bus->lanes_lost, &lane->at_peer);
}

/* On the service thread, which alone takes lanes from a peer.  With the producer's lock held. */
static void lose(struct smew__lane_out *lane)
{
    struct smew_bus *bus = lane->producer->bus;

    smew__bus_lock(bus);
    lane->state = SMEW__LANE_LOST;
    lane->channel = NULL;
    smew__lane_out_abandon(lane);
    smew__condition_broadcast(&bus->changed);
    smew__bus_unlock(bus);
    smew__lane_out_bury(lane);
}

/* ---- asking -------------------------------------------------------------------------- */

struct smew__lane_out *smew__lane_out_to(struct smew__producer *producer, struct smew__peer *peer)
{
    struct smew__lane_out *lane;

    SMEW_LIST_EACH (link, &producer->lanes) {
        lane = SMEW_CONTAINER(link, struct smew__lane_out, link);
        if (lane->peer == peer && !lane->ended && !(lane->after && !lane->after->ended))
            return lane;
    }
    return smew__lane_out_create(producer, peer, producer->bus->options.lane_bytes, 0, NULL);
}

struct smew__lane_out *smew__lane_out_create(struct smew__producer *producer,
                                             struct smew__peer *peer, uint32_t ring_bytes,
                                             uint32_t pool_bytes, struct smew__lane_out *after)
{
    struct smew__lane_out *lane = smew__calloc(1, sizeof(*lane));

    if (!lane)
        return NULL;
    atomic_init(&lane->references, 1);
    smew__list_init(&lane->sealed);
    lane->producer = producer;
    lane->peer = peer;
    lane->state = SMEW__LANE_WANTED;
    lane->stream = smew__bus_next_stream(producer->bus);
    lane->after = after;
    lane->ring_bytes = ring_bytes;
    lane->pool_bytes = pool_bytes;
    lane->patience_ns = smew__deadline_ns(PATIENCE_MS);
    smew__list_append(&producer->lanes, &lane->link);
    smew__list_append(&peer->lanes, &lane->at_peer);
    smew__peer_wake(peer);
    return lane;
}

static enum smew_status ask(struct smew__lane_out *lane, struct smew_channel *channel)
{
    struct smew_bus *bus = lane->producer->bus;
    struct smew__lane_ask question = {.lane = lane->stream,
                                      .ring_bytes = lane->ring_bytes,
                                      .window = bus->options.window,
                                      .after = lane->after ? lane->after->stream : 0,
                                      .pool_bytes = lane->pool_bytes};
    enum smew_status status = smew__channel_ask(channel, &question);

    if (status)
        return status;
    smew__bus_lock(bus);
    lane->state = SMEW__LANE_ASKED;
    smew__bus_unlock(bus);
    return SMEW_OK;
}

/* Takes over the grant's memory, and gets ready to write; or leaves it. */
static enum smew_status take_memory(struct smew__lane_out *lane, struct smew__lane_grant *granted)
{
    enum smew_status status = SMEW_NO_MEMORY;

    lane->memory = granted->memory;
    lane->pool_memory = granted->pool;
    granted->memory = (struct smew__lane_memory){0};
    granted->pool = (struct smew__pool_memory){0};
    lane->trails = smew__calloc(lane->memory.window, sizeof(struct smew__trail *));
    if (lane->trails)
        status = smew__lane_writer_init(&lane->writer, &lane->memory);
    if (!status && lane->pool_bytes)
        status = smew__pool_init(&lane->pool, &lane->pool_memory);
    if (status) {
        granted->memory = lane->memory;
        granted->pool = lane->pool_memory;
        lane->memory = (struct smew__lane_memory){0};
        lane->pool_memory = (struct smew__pool_memory){0};
        release_memory(lane);
    }
    return status;
}

/* With the producer's lock held. */
static void grant(struct smew__lane_out *lane, struct smew_channel *channel,
                  struct smew__lane_grant *granted)
{
    struct smew_bus *bus = lane->producer->bus;
    enum smew_status status = granted->status;

    if (!status)
        status = take_memory(lane, granted);
    smew__bus_lock(bus);
    if (status) {
        lane->state = SMEW__LANE_DENIED;
        lane->denied_ns = smew_now_ns();
        bus->stats.lanes_denied++;
        smew__log(SMEW_LOG_WARN, "%s gave %s no lane: %s; its messages go the common way",
                  lane->peer->address, bus->address, smew_status_text(status));
    } else {
        lane->state = SMEW__LANE_GRANTED;
        lane->channel = channel;
        atomic_store_explicit(&lane->settled, lane->writer.tail_number, memory_order_relaxed);
        atomic_store_explicit(&lane->committed, lane->writer.head_number, memory_order_relaxed);
    }
    smew__condition_broadcast(&bus->changed);
    smew__bus_unlock(bus);
    if (!status && lane->ended)
        smew__lane_out_end(lane); /* its thread has ended meanwhile */
}

/* ---- the service thread -------------------------------------------------------------- */

/* The lane behind this one (NULL: the first), or NULL.  Only we take lanes from a peer. */
static struct smew__lane_out *next_lane(struct smew__peer *peer, struct smew__lane_out *lane)
{
    struct smew__list *link;

    smew__bus_lock(peer->bus);
    link = lane ? lane->at_peer.next : peer->lanes.next;
    smew__bus_unlock(peer->bus);
    return link == &peer->lanes ? NULL : SMEW_CONTAINER(link, struct smew__lane_out, at_peer);
}

static enum smew_status take_grants(struct smew__peer *peer)
{
    struct smew__lane_grant granted = {0};
    enum smew_status status;

    while (!(status = smew__channel_take_grant(peer->channel, &granted))) {
        struct smew__lane_out *lane = next_lane(peer, NULL);

        while (lane && (lane->stream != granted.lane || lane->state != SMEW__LANE_ASKED))
            lane = next_lane(peer, lane);
        if (lane) {
            smew__producer_lock(lane->producer);
            grant(lane, peer->channel, &granted);
            smew__producer_unlock(lane->producer);
        }
        smew__channel_return(peer->channel, &granted); /* of what nobody wants any more */
    }
    return status == SMEW_AGAIN ? SMEW_OK : status;
}

void smew__lane_out_collect(struct smew__lane_out *lane)
{
    if (smew__lane_collect(lane) || !smew__lane_writer_is_read(&lane->writer))
        lane->failed = true;
}

/* With the producer's lock held: tells those who wait, and asks for a bell if there are some. */
static void serve_granted(struct smew__lane_out *lane)
{
    struct smew_bus *bus = lane->producer->bus;
    uint64_t before = lane->writer.tail_number;
    bool watched = atomic_load_explicit(&lane->watchers, memory_order_relaxed) > 0 ||
                   atomic_load_explicit(&bus->quiet_waiters, memory_order_relaxed) > 0;

    smew__lane_writer_refresh(&lane->writer);
    watched = watched && !smew__lane_writer_idle(&lane->writer);
    smew__lane_writer_watch(&lane->writer, watched);
    smew__lane_out_collect(lane);
    if (lane->ended && smew__lane_writer_idle(&lane->writer))
        lane->failed = true; /* of no further use: there is nothing to lose */
    if (lane->writer.tail_number == before)
        return;
    smew__bus_lock(bus);
    smew__condition_broadcast(&bus->changed);
    bus->follow_up |= SMEW__FOLLOW_OUTBOX | SMEW__FOLLOW_LIMBO;
    smew__bus_unlock(bus);
}

/* Does it hold what was committed and not answered? */
static bool holds_some(const struct smew__lane_out *lane)
{
    return lane->memory.header && lane->writer.head_number != lane->writer.tail_number;
}

/*
 * What the lane before it still holds is older, and the receiver has read that to its end, or it
 * had not come to this one.  Where nothing is lost nothing else may be: what is sent again and was
 * not read in the lane before would be handled twice.
 */
static void lose_in_order(struct smew__lane_out *lane)
{
    if (holds_some(lane) && lane->after && lane->after->state == SMEW__LANE_GRANTED)
        lose_in_order(lane->after);
    lose(lane);
}

static enum smew_status serve(struct smew__lane_out *lane, struct smew_channel *channel)
{
    enum smew_status status = SMEW_OK;

    if (lane->state == SMEW__LANE_DENIED &&
        smew_now_ns() - lane->denied_ns > ASK_AGAIN_MS * SMEW_NS_PER_MS) {
        lane->stream =
            smew__bus_next_stream(lane->producer->bus); /* no number is asked for twice */
        lane->state = SMEW__LANE_WANTED;
    }
    if (lane->state == SMEW__LANE_WANTED)
        status = ask(lane, channel);
    else if (lane->state == SMEW__LANE_GRANTED)
        serve_granted(lane);
    if (lane->failed)
        lose_in_order(lane);
    return status;
}

enum smew_status smew__lanes_service(struct smew__peer *peer)
{
    enum smew_status status = take_grants(peer);
    struct smew__lane_out *lane = next_lane(peer, NULL);

    while (lane && !status) {
        struct smew__lane_out *next = next_lane(peer, lane);
        struct smew__producer *producer = lane->producer;

        smew__producer_lock(producer);
        status = serve(lane, peer->channel);
        smew__producer_unlock(producer);
        lane = next;
    }
    return status == SMEW_AGAIN ? SMEW_OK : status;
}

void smew__lanes_lose(struct smew__peer *peer)
{
    struct smew__lane_out *lane;

    while ((lane = next_lane(peer, NULL)) != NULL) {
        struct smew__producer *producer = lane->producer;

        smew__producer_lock(producer);
        lose(lane);
        smew__producer_unlock(producer);
    }
}

/* ---- committing ---------------------------------------------------------------------- */

void smew__lane_out_commit_lost(struct smew__lane_out *lane)
{
    struct smew_bus *bus = lane->producer->bus;

    smew__lane_writer_withhold(&lane->writer);
    atomic_store_explicit(&lane->committed, lane->writer.head_number, memory_order_release);
    smew__bus_lock(bus);
    bus->lost_grew = true;
    smew__service_kick(bus);
    smew__bus_unlock(bus);
}

/* ---- ending -------------------------------------------------------------------------- */

void smew__lane_out_end(struct smew__lane_out *lane)
{
    lane->ended = true;
    if (lane->state != SMEW__LANE_GRANTED)
        return;
    smew__lane_writer_end(&lane->writer);
    smew__channel_ring(lane->channel);
}
