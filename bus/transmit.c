/* SPDX-License-Identifier: MIT */
/*
 * Transmission: some messages at a time are taken under the lock, and one after the other encoded
 * and given to the channel without it.  The channel gathers small frames into one write, and
 * writes a large payload from where it lies.  A frame that the channel has no room for stays in
 * peer->frame, what was taken behind it in peer->staged, and they go first next time, so no
 * position is ever given twice.
 */

#include "bus/transmit.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "bus/intake.h"
#include "bus/parcel.h"
#include "bus/topic.h"
#include "bus/transport/stream.h"

enum { READS_MOST = 256 }; /* frames read in one turn, or with one call; so channels take turns */

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

/* ---- taking the next items ----------------------------------------------------------- */

/* With the lock held: the next parcel, its message counted for `staged`. */
static bool take_parcel(struct smew__peer *peer, struct smew__staged *staged)
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
        *staged = (struct smew__staged){.message = parcel->message,
                                        .flags = parcel->message->envelope.flags,
                                        .waits = parcel->wait ? parcel->wait->level : 0,
                                        .missed = parcel->message->envelope.missed};
        if (parcel->doubtful) {
            staged->flags |= SMEW__ENVELOPE_REDELIVERED;
            peer->bus->stats.redelivered++;
        }
        if (parcel->alone)
            staged->flags |= SMEW__ENVELOPE_ALONE;
        smew__message_ref(parcel->message);
        smew__window_sent(&peer->window, parcel);
        staged->position = parcel->position;
        return true;
    }
    return false;
}

/* The queue is empty again, and what did not fit into it was not told yet. */
static bool take_missed(struct smew__peer *peer, struct smew__staged *staged)
{
    struct smew__envelope envelope;
    struct smew_message *message;

    if (!peer->lossy_missed)
        return false;
    envelope = smew__missed_envelope(peer->bus, peer->lossy_missed);
    message = smew__message_create(&envelope);
    if (!message)
        return false;
    *staged = (struct smew__staged){
        .message = message, .flags = SMEW__ENVELOPE_LOSSY, .missed = envelope.missed};
    peer->lossy_missed = 0;
    return true;
}

static bool take_lossy(struct smew__peer *peer, struct smew__staged *staged)
{
    struct smew__list *link = smew__list_take(&peer->lossy);
    struct smew__lossy *lossy;
    struct smew_message *message;

    if (!link)
        return take_missed(peer, staged);
    lossy = SMEW_CONTAINER(link, struct smew__lossy, link);
    message = lossy->message;
    *staged = (struct smew__staged){.message = message,
                                    .flags = message->envelope.flags | SMEW__ENVELOPE_LOSSY,
                                    .missed = lossy->missed};
    smew__message_ref(message);
    lossy_free(peer, lossy);
    return true;
}

/* Takes what is next; false when there is nothing. */
static bool take_some(struct smew__peer *peer)
{
    uint32_t count = 0;

    smew__bus_lock(peer->bus);
    if (peer->state == SMEW__PEER_OPEN) {
        while (count < SMEW__STAGED_MOST && take_parcel(peer, &peer->staged[count]))
            count++;
        while (count < SMEW__STAGED_MOST && take_lossy(peer, &peer->staged[count]))
            count++;
    }
    smew__bus_unlock(peer->bus);
    peer->staged_at = 0;
    peer->staged_count = count;
    return count > 0;
}

/* ---- onto the channel ---------------------------------------------------------------- */

enum smew_status smew__say_hello(struct smew__peer *peer)
{
    struct smew__item item;

    smew__hello_fill(peer->bus, &item);
    smew__staged_clear(peer);
    return peer->bus->codec->encode_around(&item, &peer->frame, &peer->payload, &peer->payload_at);
}

/* Encodes the next item into peer->frame: NOT_FOUND when there is none. */
static enum smew_status stage(struct smew__peer *peer)
{
    struct smew__item item = {.type = SMEW__ITEM_ENVELOPE};
    struct smew__staged *staged;

    if (peer->staged_at == peer->staged_count && !take_some(peer))
        return SMEW_NOT_FOUND;
    staged = &peer->staged[peer->staged_at];
    item.envelope = staged->message->envelope;
    item.envelope.flags = staged->flags;
    item.envelope.missed = staged->missed;
    item.envelope.waits = staged->waits;
    peer->summed = staged->message->summed;
    peer->payload_sum = staged->message->payload_sum;
    return peer->bus->codec->encode_around(&item, &peer->frame, &peer->payload, &peer->payload_at);
}

/* The channel has the frame: where memory is shared, it is with the receiver whatever we do. */
static void note_committed(struct smew__peer *peer, uint64_t position)
{
    struct smew__parcel *parcel;

    if (!position || !(peer->bus->transport->flags & SMEW_TRANSPORT_LANES))
        return;
    smew__bus_lock(peer->bus);
    parcel = smew__window_at(&peer->window, position);
    if (parcel)
        smew__parcel_committed(peer->bus, parcel);
    smew__bus_unlock(peer->bus);
}

/* What lies in peer->frame was of the first that is staged, but for a HELLO. */
static void unstage(struct smew__peer *peer)
{
    smew__buffer_clear(&peer->frame);
    peer->payload = (struct smew_bytes){NULL, 0};
    if (peer->staged_at == peer->staged_count)
        return;
    note_committed(peer, peer->staged[peer->staged_at].position);
    smew__message_unref(peer->staged[peer->staged_at++].message);
}

void smew__staged_clear(struct smew__peer *peer)
{
    while (peer->staged_at < peer->staged_count)
        smew__message_unref(peer->staged[peer->staged_at++].message);
    peer->payload = (struct smew_bytes){NULL, 0};
    smew__buffer_clear(&peer->frame);
}

/* Gives peer->frame, with the payload in its place, to the channel. */
static enum smew_status give(struct smew__peer *peer)
{
    const struct smew__buffer *frame = &peer->frame;
    const struct smew__stream_sum sum = {.part = 1, .crc = peer->payload_sum};
    struct smew_bytes parts[] = {
        {frame->data, peer->payload_at},
        peer->payload, /* 1 */
        {frame->data + peer->payload_at, frame->size - peer->payload_at},
    };

    return smew__stream_send(peer->channel, parts, sizeof(parts) / sizeof(parts[0]),
                             peer->payload.size && peer->summed ? &sum : NULL);
}

enum smew_status smew__transmit(struct smew__peer *peer)
{
    struct smew_channel *channel = peer->channel;
    enum smew_status status;

    for (;;) {
        if (peer->frame.size) {
            status = give(peer);
            if (status == SMEW_AGAIN)
                break;
            if (status)
                return status;
            unstage(peer);
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
    struct smew__peer *peer = bus->own;
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
    for (int i = 0; i < READS_MOST || smew__stream_in_turn(channel); i++) {
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
