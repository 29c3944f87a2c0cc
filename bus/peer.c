/* SPDX-License-Identifier: MIT */
/*
 * Peers: dialling, greeting, transmitting and the answers.
 *
 * Happy path: the first parcel wakes the service thread, which dials, says HELLO, waits for the
 * other's, and transmits the window in order; ACKs finish parcels.
 *
 * Failure modes: a refused dial or a lost channel rewinds the window and dials again after a
 * back-off, as long as the kernel says that the process lives; a dead one is buried and its
 * parcels go to limbo.  A HELLO of another node (its slot was taken anew) counts as lost.  What a
 * peer says is checked: an answer for a position that was never sent is ignored.
 */

#include "bus/peer.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bus/lane_out.h"
#include "bus/letter.h"
#include "bus/parcel.h"
#include "bus/topic.h"
#include "bus/transmit.h"
#include "bus/transport/shm/lanes.h"
#include "bus/transport/stream.h"
#include "diagnostics/log.h"

enum { RETRY_FIRST_MS = 2, RETRY_MOST_MS = 500 };

/* The allowed moves; everything else is a bug of ours. */
static const enum smew__peer_state moves[][6] = {
    [SMEW__PEER_IDLE] =
        {[SMEW__PEER_WANTED] = SMEW__PEER_DIALLING, [SMEW__PEER_BURIED] = SMEW__PEER_DEAD},
    [SMEW__PEER_DIALLING] =
        {[SMEW__PEER_DIALLED] = SMEW__PEER_GREETING, [SMEW__PEER_LOST] = SMEW__PEER_BACKOFF},
    [SMEW__PEER_GREETING] =
        {[SMEW__PEER_GREETED] = SMEW__PEER_OPEN, [SMEW__PEER_LOST] = SMEW__PEER_BACKOFF},
    [SMEW__PEER_OPEN] = {[SMEW__PEER_LOST] = SMEW__PEER_BACKOFF},
    [SMEW__PEER_BACKOFF] =
        {[SMEW__PEER_DUE] = SMEW__PEER_DIALLING, [SMEW__PEER_BURIED] = SMEW__PEER_DEAD},
    [SMEW__PEER_DEAD] = {[SMEW__PEER_NONE] = SMEW__PEER_NONE},
};

/* False, and no move, when the state does not know the event. */
static bool move(struct smew__peer *peer, enum smew__peer_event event)
{
    enum smew__peer_state to = moves[peer->state][event];

    if (to == SMEW__PEER_NONE)
        return false;
    peer->state = to;
    return true;
}

/* ---- coming and going ---------------------------------------------------------------- */

static void on_retry(struct smew_bus *bus, struct smew__timer *timer)
{
    struct smew__peer *peer = SMEW_CONTAINER(timer, struct smew__peer, retry);

    (void)bus;
    smew__peer_wake(peer);
}

static struct smew__peer *create(struct smew_bus *bus, struct smew__node_ref ref)
{
    struct smew__peer *peer = smew__calloc(1, sizeof(*peer));

    if (!peer)
        return NULL;
    peer->bus = bus;
    peer->ref = ref;
    peer->is_self = ref.slot == bus->self.slot && ref.generation == bus->self.generation;
    peer->state = peer->is_self ? SMEW__PEER_OPEN : SMEW__PEER_IDLE;
    peer->retry.run = on_retry;
    snprintf(peer->address, sizeof(peer->address), "@%u.%u", ref.slot, ref.generation);
    smew__list_init(&peer->due);
    smew__list_init(&peer->lanes);
    smew__list_init(&peer->lossy);
    smew__buffer_init(&peer->frame);
    smew__backoff_init(&peer->backoff, RETRY_FIRST_MS, RETRY_MOST_MS);
    smew__heartbeat_init(&peer->heart, 0, smew_now_ns());
    if (smew__window_init(&peer->window, bus->options.window) ||
        !smew__table_put(&bus->peers, &peer->ref, sizeof(peer->ref), peer)) {
        smew__window_fini(&peer->window);
        smew__free(peer);
        return NULL;
    }
    if (peer->is_self)
        bus->own = peer;
    return peer;
}

enum smew_status smew__peer_get(struct smew_bus *bus, struct smew__node_ref ref,
                                struct smew__peer **peer)
{
    struct smew__peer *found = smew__table_get(&bus->peers, &ref, sizeof(ref));

    if (found && found->state == SMEW__PEER_DEAD)
        return SMEW_PEER_DEAD;
    if (!found) {
        if (smew__directory_bury(bus->directory, ref))
            return SMEW_PEER_DEAD;
        found = create(bus, ref);
        if (!found)
            return SMEW_NO_MEMORY;
    }
    *peer = found;
    return SMEW_OK;
}

uint32_t smew__peer_parcels_of(const struct smew__peer *peer, const struct smew__route *route)
{
    uint32_t count = 0;

    SMEW_LIST_EACH (link, &peer->window.parcels) {
        const struct smew__parcel *parcel = SMEW_CONTAINER(link, struct smew__parcel, link);

        count += parcel->route == route;
    }
    return count;
}

void smew__peer_free(struct smew__peer *peer)
{
    struct smew_bus *bus = peer->bus;

    while (!smew__list_empty(&peer->window.parcels)) {
        struct smew__parcel *first =
            SMEW_CONTAINER(peer->window.parcels.next, struct smew__parcel, link);

        smew__parcel_finish(bus, first, SMEW_CLOSED);
    }
    SMEW_LIST_EACH_SAFE (link, &peer->lanes)
        smew__lane_out_abandon(SMEW_CONTAINER(link, struct smew__lane_out, at_peer));
    smew__lossy_clear(peer);
    smew__timer_cancel(bus, &peer->retry);
    smew__list_remove(&peer->due);
    smew__topic_forget_peer(bus, peer);
    smew__route_forget_peer(bus, peer);
    smew__table_remove(&bus->peers, &peer->ref, sizeof(peer->ref));
    if (bus->own == peer)
        bus->own = NULL;
    smew__window_fini(&peer->window);
    smew__staged_clear(peer);
    smew__buffer_fini(&peer->frame);
    smew__free(peer);
}

void smew__peer_wake(struct smew__peer *peer)
{
    struct smew_bus *bus = peer->bus;

    if (peer->is_self) {
        bus->follow_up |= SMEW__FOLLOW_SELF;
        return;
    }
    if (smew__list_empty(&peer->due))
        smew__list_append(&bus->peers_due, &peer->due);
    smew__service_kick(bus);
}

/* The node is dead: its parcels look for another host, and the peer goes.  With the lock held. */
static void die(struct smew__peer *peer)
{
    struct smew_bus *bus = peer->bus;

    move(peer, SMEW__PEER_BURIED);
    if (peer->left)
        smew__notice_post(bus, SMEW_NOTICE_PEER_LEFT, peer->address, NULL, "left the bus");
    else
        smew__notice_post(bus, SMEW_NOTICE_PEER_DEAD, peer->address, NULL, "its process is dead");
    while (!smew__list_empty(&peer->window.parcels)) {
        struct smew__parcel *first =
            SMEW_CONTAINER(peer->window.parcels.next, struct smew__parcel, link);

        if (first->route)
            smew__limbo_put(bus, first);
        else
            smew__parcel_finish(bus, first, SMEW_PEER_DEAD);
    }
    bus->follow_up |= SMEW__FOLLOW_LIMBO;
    smew__peer_free(peer);
}

/*
 * By the kernel's word, and for everybody.  A node that closed its bus has freed its slot; one that
 * died has not, unless somebody reaped it before we looked.
 */
static bool is_gone(struct smew__peer *peer)
{
    struct smew__directory *directory = peer->bus->directory;
    struct smew__node_record record;

    if (!smew__directory_bury(directory, peer->ref))
        return false;
    /* Asked only now: before, it may have been about to leave. */
    peer->left = smew__directory_node(directory, peer->ref, &record) == SMEW_NOT_FOUND;
    return true;
}

/* After a loss, with no channel any more: try again, or bury.  With the lock held. */
static void retry_or_die(struct smew__peer *peer)
{
    struct smew_bus *bus = peer->bus;

    if (bus->stopping)
        return;
    if (is_gone(peer)) {
        die(peer);
        return;
    }
    (void)smew__timer_set(
        bus, &peer->retry,
        smew__deadline_ns(smew__backoff_next_ms(&peer->backoff, smew__random64())));
}

static void on_closed(struct smew__watch *watch)
{
    struct smew__peer *peer = SMEW_CONTAINER(watch, struct smew__peer, watch);
    struct smew_bus *bus = peer->bus;
    uint64_t bytes = smew__channel_shared_bytes(peer->channel);

    peer->channel->ops->close(peer->channel);
    smew__bus_lock(bus);
    bus->lane_bytes -= bytes;
    peer->channel = NULL;
    bus->stats.connections--;
    retry_or_die(peer);
    smew__bus_unlock(bus);
}

/* The channel is of no further use.  On the service thread, without the lock. */
static void lose(struct smew__peer *peer, enum smew_status status)
{
    struct smew_bus *bus = peer->bus;
    bool was_open;

    smew__bus_lock(bus);
    was_open = peer->state == SMEW__PEER_OPEN;
    if (!move(peer, SMEW__PEER_LOST)) {
        smew__bus_unlock(bus); /* lost already, closing */
        return;
    }
    smew__window_rewind(&peer->window);
    smew__staged_clear(peer);
    if (status == SMEW_CORRUPT || status == SMEW_VERSION || status == SMEW_TOO_BIG)
        bus->stats.bad_frames++;
    if (was_open && !bus->stopping)
        smew__notice_post(bus, SMEW_NOTICE_PEER_DISCONNECTED, peer->address, NULL,
                          smew_status_text(status));
    smew__bus_unlock(bus);
    smew__lanes_lose(peer);
    smew__watch_stop(&peer->watch);
}

void smew__peer_hang_up(struct smew__peer *peer)
{
    if (peer->channel && move(peer, SMEW__PEER_LOST)) {
        (void)peer->channel->ops->flush(peer->channel);
        smew__watch_stop(&peer->watch);
    }
}

/* ---- answers ------------------------------------------------------------------------- */

/* With the lock held. */
static void on_ack(struct smew__peer *peer, const struct smew__ack *ack)
{
    struct smew_bus *bus = peer->bus;
    struct smew__window *window = &peer->window;
    uint64_t last = window->positions;
    struct smew__parcel *parcel;

    for (size_t i = 0; i < ack->result_count; i++) {
        parcel = smew__window_at(window, ack->results[i].position);
        if (parcel)
            smew__parcel_answered(bus, parcel, ack->results[i].status);
    }
    while (window->completed < ack->completed && window->completed < last) {
        parcel = smew__window_at(window, ++window->completed);
        if (parcel)
            smew__parcel_answered(bus, parcel, SMEW_OK);
    }
    while (window->received < ack->received && window->received < last) {
        parcel = smew__window_at(window, ++window->received);
        if (parcel)
            smew__parcel_received(bus, parcel);
    }
    smew__peer_wake(peer);
}

/* With the lock held.  Is this the node that we mean? */
static enum smew_status on_hello(struct smew__peer *peer, const struct smew__hello *hello)
{
    struct smew_bus *bus = peer->bus;

    if (hello->slot != peer->ref.slot || hello->generation != peer->ref.generation ||
        hello->bus.size != strlen(bus->name) ||
        memcmp(hello->bus.data, bus->name, hello->bus.size) != 0)
        return SMEW_RESET;
    if (!move(peer, SMEW__PEER_GREETED))
        return SMEW_CORRUPT; /* a second HELLO */
    smew__backoff_reset(&peer->backoff);
    if (peer->connected_once)
        bus->stats.reconnects++;
    peer->connected_once = true;
    smew__notice_post(bus, SMEW_NOTICE_PEER_CONNECTED, peer->address, NULL, "connected");
    smew__peer_wake(peer);
    return SMEW_OK;
}

static enum smew_status on_item(void *owner, const struct smew__item *item)
{
    struct smew__peer *peer = owner;
    struct smew_bus *bus = peer->bus;
    enum smew_status status = SMEW_OK;

    smew__bus_lock(bus);
    if (item->type == SMEW__ITEM_HELLO) {
        status = on_hello(peer, &item->hello);
    } else if (item->type == SMEW__ITEM_ACK && peer->state == SMEW__PEER_OPEN) {
        on_ack(peer, &item->ack);
    } else if (item->type == SMEW__ITEM_REFUSE) {
        smew__log(SMEW_LOG_ERROR, "%s refused us: %.*s", peer->address, (int)item->refuse.text.size,
                  item->refuse.text.data);
        status = SMEW_PERMISSION;
    } else {
        status = SMEW_CORRUPT;
    }
    smew__bus_unlock(bus);
    return status;
}

static void on_ready(struct smew__watch *watch)
{
    struct smew__peer *peer = SMEW_CONTAINER(watch, struct smew__peer, watch);
    struct smew_bus *bus = peer->bus;
    enum smew_status status = smew__channel_drain(peer->channel, bus->codec, on_item, peer);

    if (status && status != SMEW_AGAIN) {
        lose(peer, status);
        return;
    }
    smew__peer_service(peer);
}

/* ---- dialling and transmitting ------------------------------------------------------- */

/* On the service thread, without the lock: DIALLING becomes GREETING, or BACKOFF. */
static void dial(struct smew__peer *peer)
{
    struct smew_bus *bus = peer->bus;
    char place[SMEW__URL_NAME_MAX + SMEW__ADDRESS_SIZE];
    struct smew_endpoint endpoint = {.directory = smew__directory_path(bus->directory),
                                     .place = place};
    enum smew_status status;

    smew__place(bus, peer->ref, place, sizeof(place));
    status = bus->transport->dial(&endpoint, &peer->channel, NULL);
    smew__bus_lock(bus);
    if (status) {
        peer->channel = NULL;
        move(peer, SMEW__PEER_LOST);
        retry_or_die(peer);
        smew__bus_unlock(bus);
        return;
    }
    move(peer, SMEW__PEER_DIALLED);
    bus->stats.connections++;
    bus->lane_bytes += smew__channel_shared_bytes(peer->channel);
    smew__bus_unlock(bus);
    smew__stream_read_ahead(peer->channel, true);
    peer->watch.ready = on_ready;
    peer->watch.closed = on_closed;
    status = smew__watch_start(&peer->watch, bus, peer->channel->ops->interest(peer->channel));
    if (!status)
        status = smew__say_hello(peer);
    if (status)
        lose(peer, status);
    else
        smew__peer_service(peer);
}

/* With the lock held: does something wait to be dialled for? */
static bool wants_channel(const struct smew__peer *peer)
{
    return !smew__list_empty(&peer->window.parcels) || !smew__list_empty(&peer->lossy) ||
           !smew__list_empty(&peer->lanes);
}

void smew__peer_service(struct smew__peer *peer)
{
    struct smew_bus *bus = peer->bus;
    enum smew_status status;
    bool dialling = false;

    smew__bus_lock(bus);
    if (peer->gone && !peer->channel && !bus->stopping) {
        die(peer);
        smew__bus_unlock(bus);
        return;
    }
    if (!bus->stopping && !peer->channel && wants_channel(peer) &&
        (peer->state != SMEW__PEER_BACKOFF || !peer->retry.link.place))
        dialling = move(peer, SMEW__PEER_WANTED) || move(peer, SMEW__PEER_DUE);
    smew__bus_unlock(bus);
    if (dialling) {
        dial(peer);
        return;
    }
    if (!peer->channel || !peer->watch.started)
        return;
    status = smew__transmit(peer);
    if ((!status || status == SMEW_AGAIN) && peer->state == SMEW__PEER_OPEN &&
        smew__channel_has_lanes(peer->channel))
        status = smew__lanes_service(peer);
    if (!status || status == SMEW_AGAIN) {
        smew__watch_update(&peer->watch, peer->channel->ops->interest(peer->channel), false);
        return;
    }
    /* What it told before it went is still there: without it, it would be done again elsewhere. */
    smew__stream_read_ahead(peer->channel, false);
    (void)smew__channel_drain(peer->channel, bus->codec, on_item, peer);
    lose(peer, status);
}

/* ---- looking after ------------------------------------------------------------------- */

/* Parcels whose deadline passes while the peer cannot be reached.  With the lock held. */
static void expire(struct smew__peer *peer, uint64_t now_ns)
{
    struct smew__list *link = peer->window.parcels.next;

    while (link != &peer->window.parcels) {
        struct smew__parcel *parcel = SMEW_CONTAINER(link, struct smew__parcel, link);
        uint64_t deadline_ns = parcel->message->envelope.deadline_ns;
        bool late = parcel->state == SMEW__PARCEL_QUEUED && deadline_ns && now_ns >= deadline_ns;
        bool head = link->previous == &peer->window.parcels;

        link = link->next;
        if (!late)
            continue;
        smew__parcel_finish(peer->bus, parcel, SMEW_EXPIRED);
        if (head) /* with it went every DONE one behind it */
            link = peer->window.parcels.next;
    }
}

void smew__peer_look(struct smew__peer *peer, uint64_t now_ns)
{
    struct smew_bus *bus = peer->bus;
    struct smew__node_record record;
    enum smew__heartbeat_change change;

    if (peer->is_self)
        return;
    if (peer->state != SMEW__PEER_OPEN)
        expire(peer, now_ns);
    if (peer->state == SMEW__PEER_BACKOFF && !peer->retry.link.place)
        smew__peer_wake(peer); /* there was no memory for its timer */
    if (!peer->channel && is_gone(peer)) {
        peer->gone = true; /* the service thread lets it die */
        smew__peer_wake(peer);
        return;
    }
    if (smew__directory_node(bus->directory, peer->ref, &record))
        return; /* its channel is about to tell */
    change = smew__heartbeat_look(&peer->heart, record.beats, now_ns,
                                  bus->options.heartbeat_ms * SMEW_NS_PER_MS,
                                  bus->options.suspect_ms * SMEW_NS_PER_MS);
    if (change == SMEW__HEARTBEAT_SUSPECT)
        smew__notice_post(bus, SMEW_NOTICE_PEER_SUSPECT, peer->address, NULL,
                          "no heartbeat; it may be stopped or very busy");
    else if (change == SMEW__HEARTBEAT_RECOVERED)
        smew__notice_post(bus, SMEW_NOTICE_PEER_RECOVERED, peer->address, NULL,
                          "its heart beats again");
}
