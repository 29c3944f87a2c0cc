/* SPDX-License-Identifier: MIT */
/*
 * Transmission: one item at a time is taken under the lock, encoded and given to the channel
 * without it.  The channel gathers small frames into one write.  A frame that the channel has no
 * room for stays in peer->frame and goes first next time, so no position is ever given twice.
 */

#include "bus/transmit.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "bus/intake.h"
#include "bus/parcel.h"
#include "bus/topic.h"

enum { READS_MOST = 256 }; /* frames read in one turn, so that channels take turns */

/* A published message on its way to one node. */
struct smew__lossy {
    struct smew__list link;
    struct smew_message *message;
    uint64_t missed;
};

void smew__place(const struct smew_bus *bus, struct smew__node_ref ref, char *place, size_t size)
{
    snprintf(place, size, "%s/%u.%u", bus->name, ref.slot, ref.generation);
}

void smew__hello_fill(const struct smew_bus *bus, struct smew__item *item)
{
    struct smew__process process = {0};

    (void)smew__process_self(&process); /* a pid of 0 only costs a nicer log line */
    *item = (struct smew__item){
        .type = SMEW__ITEM_HELLO,
        .hello = {.bus = {bus->name, strlen(bus->name)},
                  .name = {bus->node_name, strlen(bus->node_name)},
                  .node = bus->incarnation,
                  .slot = bus->self.slot,
                  .generation = bus->self.generation,
                  .window = bus->options.window,
                  .pid = process.pid},
    };
}

/* ---- published messages -------------------------------------------------------------- */

void smew__peer_publish(struct smew__peer *peer, struct smew_message *message)
{
    struct smew_bus *bus = peer->bus;
    struct smew__lossy *lossy = NULL;

    if (peer->lossy_count < bus->options.publish_queue)
        lossy = smew__alloc(sizeof(*lossy));
    if (!lossy) {
        peer->lossy_missed++;
        bus->stats.publish_missed++;
        return;
    }
    smew__message_ref(message);
    *lossy = (struct smew__lossy){.message = message, .missed = peer->lossy_missed};
    peer->lossy_missed = 0;
    smew__list_append(&peer->lossy, &lossy->link);
    peer->lossy_count++;
    smew__peer_wake(peer);
}

static void lossy_free(struct smew__peer *peer, struct smew__lossy *lossy)
{
    peer->lossy_count--;
    smew__message_unref(lossy->message);
    smew__free(lossy);
}

void smew__lossy_clear(struct smew__peer *peer)
{
    struct smew__list *link;

    while ((link = smew__list_take(&peer->lossy)) != NULL)
        lossy_free(peer, SMEW_CONTAINER(link, struct smew__lossy, link));
}

/* ---- taking the next item ------------------------------------------------------------ */

/* With the lock held: the next parcel's envelope, its message counted for the caller. */
static struct smew_message *take_parcel(struct smew__peer *peer, struct smew__envelope *envelope)
{
    uint64_t now_ns = 0;
    struct smew__parcel *parcel;

    while ((parcel = smew__window_next(&peer->window)) != NULL) {
        uint64_t deadline_ns = parcel->message->envelope.deadline_ns;

        if (deadline_ns && !now_ns)
            now_ns = smew_now_ns();
        if (deadline_ns && now_ns >= deadline_ns) {
            smew__parcel_finish(peer->bus, parcel, SMEW_EXPIRED);
            continue;
        }
        *envelope = parcel->message->envelope;
        if (parcel->doubtful) {
            envelope->flags |= SMEW__ENVELOPE_REDELIVERED;
            peer->bus->stats.redelivered++;
        }
        if (parcel->alone)
            envelope->flags |= SMEW__ENVELOPE_ALONE;
        smew__message_ref(parcel->message);
        smew__window_sent(&peer->window, parcel);
        return parcel->message;
    }
    return NULL;
}

/* The queue is empty again, and what did not fit into it was not told yet. */
static struct smew_message *take_missed(struct smew__peer *peer, struct smew__envelope *envelope)
{
    struct smew_message *message;

    if (!peer->lossy_missed)
        return NULL;
    *envelope = smew__missed_envelope(peer->bus, peer->lossy_missed);
    envelope->flags = SMEW__ENVELOPE_LOSSY;
    message = smew__message_create(envelope);
    if (message)
        peer->lossy_missed = 0;
    return message;
}

static struct smew_message *take_lossy(struct smew__peer *peer, struct smew__envelope *envelope)
{
    struct smew__list *link = smew__list_take(&peer->lossy);
    struct smew__lossy *lossy;
    struct smew_message *message;

    if (!link)
        return take_missed(peer, envelope);
    lossy = SMEW_CONTAINER(link, struct smew__lossy, link);
    message = lossy->message;
    *envelope = message->envelope;
    envelope->flags |= SMEW__ENVELOPE_LOSSY;
    envelope->missed = lossy->missed;
    smew__message_ref(message);
    lossy_free(peer, lossy);
    return message;
}

/* Encodes the next item into peer->frame: NOT_FOUND when there is none. */
static enum smew_status stage(struct smew__peer *peer)
{
    struct smew__item item = {.type = SMEW__ITEM_ENVELOPE};
    struct smew_message *message = NULL;
    enum smew_status status;

    smew__bus_lock(peer->bus);
    if (peer->state == SMEW__PEER_OPEN) {
        peer->staged = 0;
        message = take_parcel(peer, &item.envelope);
        if (message)
            peer->staged = peer->window.positions;
        else
            message = take_lossy(peer, &item.envelope);
    }
    smew__bus_unlock(peer->bus);
    if (!message)
        return SMEW_NOT_FOUND;
    status = peer->bus->codec->encode(&item, &peer->frame);
    smew__message_unref(message);
    return status;
}

/* The channel has the frame: where memory is shared, it is with the receiver whatever we do. */
static void note_committed(struct smew__peer *peer)
{
    struct smew__parcel *parcel;

    if (!peer->staged || !(peer->bus->transport->flags & SMEW_TRANSPORT_LANES))
        return;
    smew__bus_lock(peer->bus);
    parcel = smew__window_at(&peer->window, peer->staged);
    if (parcel)
        smew__parcel_committed(peer->bus, parcel);
    smew__bus_unlock(peer->bus);
}

enum smew_status smew__transmit(struct smew__peer *peer)
{
    struct smew_channel *channel = peer->channel;
    enum smew_status status;

    for (;;) {
        struct smew_bytes part = {peer->frame.data, peer->frame.size};

        if (part.size) {
            status = channel->ops->try_send(channel, &part, 1);
            if (status == SMEW_AGAIN)
                break;
            if (status)
                return status;
            smew__buffer_clear(&peer->frame);
            note_committed(peer);
        }
        status = stage(peer);
        if (status == SMEW_NOT_FOUND)
            break;
        if (status)
            return status;
    }
    return channel->ops->flush(channel);
}

void smew__peer_run_self(struct smew_bus *bus)
{
    struct smew__peer *peer = smew__table_get(&bus->peers, &bus->self, sizeof(bus->self));
    struct smew__parcel *parcel;

    while (peer && (parcel = smew__window_next(&peer->window)) != NULL) {
        enum smew_status status;

        if (parcel->doubtful)
            parcel->message->envelope.flags |= SMEW__ENVELOPE_REDELIVERED;
        smew__window_sent(&peer->window, parcel);
        peer->window.completed = peer->window.positions; /* no ACK tells it */
        smew__parcel_received(bus, parcel);
        status = smew__intake_admit_own(bus, parcel);
        if (status)
            smew__parcel_answered(bus, parcel, status);
    }
}

/* ---- reading ------------------------------------------------------------------------- */

enum smew_status smew__channel_drain(struct smew_channel *channel, const struct smew__codec *codec,
                                     enum smew_status (*on_item)(void *owner,
                                                                 const struct smew__item *item),
                                     void *owner)
{
    for (int i = 0; i < READS_MOST; i++) {
        struct smew__item item = {0};
        struct smew_bytes frame;
        enum smew_status status = channel->ops->try_receive(channel, &frame);

        if (!status)
            status = codec->decode(frame.data, frame.size, &item);
        if (status)
            return status;
        status = on_item(owner, &item);
        smew__item_fini(&item);
        if (status)
            return status;
    }
    return SMEW_OK;
}
