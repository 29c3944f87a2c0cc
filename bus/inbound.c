/* SPDX-License-Identifier: MIT */
/*
 * Inbound channels.
 *
 * Happy path: HELLO is answered with ours; envelopes are admitted in order; when a turn of reading
 * is over, or handlers completed something, one ACK tells it.
 *
 * Failure modes: another user's process, another bus, a second HELLO, more in flight than the
 * window, a frame that does not decode: the channel is closed, where possible after a REFUSE with
 * a sentence, and counted.  What was admitted stays admitted; the sender dials again and re-sends,
 * and finds its ids known.
 */

#include "bus/inbound.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bus/intake.h"
#include "bus/lane_turn.h"
#include "bus/lane_in.h"
#include "bus/loop_turn.h"
#include "bus/request.h"
#include "bus/topic.h"
#include "bus/transmit.h"
#include "bus/transport/stream.h"
#include "diagnostics/log.h"

enum {
    RESULTS_MOST = 1024,
    WINDOW_MOST = 65536,
    LAST_TURNS = 1024, /* of reading what somebody left who is gone */
    LARGE = 4096,      /* bytes of a payload that are told at once */
};

/* ---- closing ------------------------------------------------------------------------- */

static void on_closed(struct smew__watch *watch)
{
    struct smew__inbound *inbound = SMEW_CONTAINER(watch, struct smew__inbound, watch);
    struct smew_bus *bus = inbound->bus;
    uint64_t bytes = smew__channel_shared_bytes(inbound->channel);

    inbound->channel->ops->close(inbound->channel);
    smew__reading_lock(bus);
    smew__bus_lock(bus);
    smew__list_remove(&inbound->link);
    bus->stats.connections--;
    bus->lane_bytes -= bytes;
    smew__bus_unlock(bus);
    smew__reading_unlock(bus);
    smew__buffer_fini(&inbound->out);
    smew__free(inbound->done);
    smew__free(inbound->results);
    smew__free(inbound);
}

/* On the service thread, with the lock held. */
static void close_inbound(struct smew__inbound *inbound, enum smew_status status)
{
    struct smew_bus *bus = inbound->bus;

    if (inbound->closing)
        return;
    inbound->closing = true;
    smew__list_remove(&inbound->due);
    smew__timer_cancel(bus, &inbound->delay);
    if (inbound->sender && inbound->sender->inbound == inbound)
        inbound->sender->inbound = NULL;
    inbound->sender = NULL;
    if (status == SMEW_CORRUPT || status == SMEW_VERSION || status == SMEW_TOO_BIG) {
        bus->stats.bad_frames++;
        smew__log(SMEW_LOG_WARN, "%s closes a connection: %s", bus->address,
                  smew_status_text(status));
    }
    smew__condition_broadcast(&bus->changed); /* nobody is left to be told */
    smew__watch_stop(&inbound->watch);
}

/* The same without the lock; what its lanes hold is read first. */
static void lose(struct smew__inbound *inbound, enum smew_status status)
{
    struct smew_bus *bus = inbound->bus;

    if (!inbound->closing)
        smew__lanes_retire(inbound);
    smew__bus_lock(bus);
    close_inbound(inbound, status);
    smew__bus_unlock(bus);
}

static enum smew_status on_item(void *owner, const struct smew__item *item);

/*
 * Writing, or looking for questions, has found the other side gone before everything that it said
 * was read.  It may be dead, and nobody sends that again.  Without the lock.
 */
static void hear_out(struct smew__inbound *inbound)
{
    struct smew_bus *bus = inbound->bus;
    enum smew_status status = inbound->closing || inbound->refusing ? SMEW_RESET : SMEW_OK;

    smew__bus_lock(bus);
    if (bus->stopping)
        status = SMEW_RESET;
    smew__bus_unlock(bus);
    smew__stream_read_ahead(inbound->channel, false);
    for (unsigned i = 0; i < LAST_TURNS && !status; i++)
        status = smew__channel_drain(inbound->channel, bus->codec, on_item, inbound);
}

/* ---- answering ----------------------------------------------------------------------- */

/* Puts `out` onto the channel and flushes: OK, AGAIN, or the channel's failure. */
static enum smew_status push(struct smew__inbound *inbound)
{
    struct smew_bytes part = {inbound->out.data, inbound->out.size};
    enum smew_status status = SMEW_OK;

    if (part.size) {
        status = inbound->channel->ops->try_send(inbound->channel, &part, 1);
        if (!status)
            smew__buffer_clear(&inbound->out);
    }
    if (!status)
        status = inbound->channel->ops->flush(inbound->channel);
    return status;
}

/* The service thread is to look at it.  With the lock held. */
static void make_due(struct smew__inbound *inbound)
{
    struct smew_bus *bus = inbound->bus;

    if (smew__list_empty(&inbound->due))
        smew__list_append(&bus->inbounds_due, &inbound->due);
    smew__service_kick(bus);
}

static void on_delay(struct smew_bus *bus, struct smew__timer *timer)
{
    struct smew__inbound *inbound = SMEW_CONTAINER(timer, struct smew__inbound, delay);

    (void)bus;
    inbound->late = true;
    make_due(inbound);
}

static void make_urgent(struct smew__inbound *inbound, uint64_t position)
{
    if (inbound->urgent < position)
        inbound->urgent = position;
}

/* Somebody waits for it, or it was refused. */
static void make_awaited(struct smew__inbound *inbound, uint64_t position)
{
    make_urgent(inbound, position);
    if (inbound->awaited < position)
        inbound->awaited = position;
}

/* May what there is to tell wait?  Sees to it that it does not for long.  With the lock held. */
static bool can_wait(struct smew__inbound *inbound)
{
    struct smew_bus *bus = inbound->bus;
    const struct smew_bus_options *options = &bus->options;

    if (bus->codec != &smew__codec_frame || !options->ack_delay_ms || bus->closing ||
        inbound->late || inbound->urgent > inbound->completed_told ||
        inbound->completed - inbound->completed_told >= options->ack_batch ||
        inbound->received - inbound->completed_told > inbound->window / 2)
        return false;
    return inbound->delay.link.place ||
           smew__timer_set(bus, &inbound->delay, smew__deadline_ns(options->ack_delay_ms));
}

/*
 * That something was received frees nothing at its sender, so unless he waits for that it is told
 * with what is complete: not an ACK for each turn of reading and another one for its handlers.
 * Records do not say who waits.
 */
static bool has_news(const struct smew__inbound *inbound)
{
    if (inbound->result_count || inbound->completed != inbound->completed_told)
        return true;
    return inbound->received != inbound->received_told &&
           (inbound->bus->codec != &smew__codec_frame || inbound->awaited > inbound->received_told);
}

/* The next ACK's item, or false when there is nothing to tell yet.  With the lock held. */
static bool next_ack(struct smew__inbound *inbound, struct smew__ack *ack,
                     struct smew__ack_result *results)
{
    size_t count = inbound->result_count < RESULTS_MOST ? inbound->result_count : RESULTS_MOST;

    if (!has_news(inbound)) {
        inbound->late = false;
        return false;
    }
    if (can_wait(inbound))
        return false;
    memcpy(results, inbound->results, count * sizeof(*results));
    inbound->result_count -= count;
    memmove(inbound->results, inbound->results + count, inbound->result_count * sizeof(*results));
    *ack = (struct smew__ack){
        .received = inbound->received, .results = results, .result_count = count};
    /* The prefix may not run ahead of a result that is not told yet. */
    ack->completed = inbound->completed;
    for (size_t i = 0; i < inbound->result_count; i++) {
        if (inbound->results[i].position <= ack->completed)
            ack->completed = inbound->results[i].position - 1;
    }
    inbound->received_told = ack->received;
    inbound->completed_told = ack->completed;
    return true;
}

static void acknowledge(struct smew__inbound *inbound)
{
    struct smew_bus *bus = inbound->bus;
    struct smew__ack_result results[RESULTS_MOST];
    struct smew__item item = {.type = SMEW__ITEM_ACK};
    enum smew_status status = SMEW_OK;
    bool more = !inbound->closing;

    while (more && !status) {
        if (inbound->out.size == 0) {
            smew__bus_lock(bus);
            more = inbound->done && next_ack(inbound, &item.ack, results);
            inbound->telling |= more;
            smew__bus_unlock(bus);
            if (more)
                status = bus->codec->encode(&item, &inbound->out);
        }
        if (!status)
            status = push(inbound);
    }
    if (inbound->closing)
        return;
    if (inbound->abandoned)
        status = SMEW_NO_MEMORY;
    if (!status && inbound->telling) {
        smew__bus_lock(bus);
        inbound->telling = false;
        smew__condition_broadcast(&bus->changed);
        smew__bus_unlock(bus);
    }
    if ((status && status != SMEW_AGAIN) || (inbound->refusing && !status)) {
        if (status == SMEW_RESET)
            hear_out(inbound);
        lose(inbound, status);
        return;
    }
    smew__watch_update(&inbound->watch, inbound->channel->ops->interest(inbound->channel), false);
}

void smew__inbound_complete(struct smew__inbound *inbound, uint64_t position,
                            enum smew_status status)
{
    inbound->done[position & inbound->mask] = 1;
    if (status || position != inbound->completed + 1)
        inbound->results[inbound->result_count++] = (struct smew__ack_result){position, status};
    while (inbound->done[(inbound->completed + 1) & inbound->mask])
        inbound->done[++inbound->completed & inbound->mask] = 0;
    if (status)
        make_awaited(inbound, position);
    if (!can_wait(inbound))
        make_due(inbound);
}

/* The service thread closes it; until then nothing of it is admitted.  With the lock held. */
static void abandon(struct smew__inbound *inbound)
{
    inbound->abandoned = true;
    make_due(inbound);
}

void smew__inbound_answer(struct smew__inbound *inbound, uint64_t position,
                          struct smew__text target, enum smew_status status)
{
    if (status != SMEW_NO_MACHINE || smew__barrier_raise(&inbound->sender->barriers, target))
        smew__inbound_complete(inbound, position, status);
    else /* what follows may not overtake it: its sender dials anew, and begins with it */
        abandon(inbound);
}

/* ---- reading ------------------------------------------------------------------------- */

static enum smew_status refuse(struct smew__inbound *inbound, enum smew_status status,
                               const char *text)
{
    struct smew__item item = {.type = SMEW__ITEM_REFUSE, .refuse = {status, {text, strlen(text)}}};

    inbound->refusing = true;
    return inbound->bus->codec->encode(&item, &inbound->out);
}

/* With the lock held: the sender's record, and the rings for its window. */
static enum smew_status greet(struct smew__inbound *inbound, const struct smew__hello *hello)
{
    struct smew_bus *bus = inbound->bus;
    struct smew__sender *sender = smew__sender_get(bus, hello);
    uint32_t size = 1;

    while (size <= hello->window)
        size *= 2;
    inbound->done = smew__calloc(size, 1);
    inbound->results = smew__calloc(size, sizeof(*inbound->results));
    if (!sender || !inbound->done || !inbound->results)
        return SMEW_NO_MEMORY;
    inbound->mask = size - 1;
    inbound->window = hello->window;
    inbound->sender = sender;
    sender->inbound = inbound;
    return smew__sender_resume(sender);
}

/*
 * Is this the node that the directory knows in that slot, and is it its process that speaks?  With
 * the lock held.
 */
static bool is_member(const struct smew__inbound *inbound, const struct smew__hello *hello)
{
    struct smew_peer_credentials who = inbound->channel->ops->credentials(inbound->channel);
    struct smew__node_ref ref = {hello->slot, hello->generation};
    struct smew__node_record record;

    return smew__directory_node(inbound->bus->directory, ref, &record) == SMEW_OK &&
           record.node == hello->node && (who.pid < 0 || who.pid == record.process.pid);
}

/* With the lock held. */
static enum smew_status on_hello(struct smew__inbound *inbound, const struct smew__hello *hello)
{
    struct smew_bus *bus = inbound->bus;
    struct smew__item answer;
    enum smew_status status;

    if (inbound->done || hello->window == 0 || hello->window > WINDOW_MOST ||
        hello->slot >= SMEW__DIRECTORY_NODES || hello->generation == 0)
        return SMEW_CORRUPT;
    if (hello->bus.size != strlen(bus->name) ||
        memcmp(hello->bus.data, bus->name, hello->bus.size) != 0)
        return refuse(inbound, SMEW_INVALID, "this node belongs to another bus");
    if (!is_member(inbound, hello)) {
        bus->stats.bad_frames++;
        return refuse(inbound, SMEW_PERMISSION, "the directory knows another node there");
    }
    status = greet(inbound, hello);
    if (status)
        return status;
    smew__hello_fill(bus, &answer);
    return bus->codec->encode(&answer, &inbound->out);
}

/* With the lock held. */
static enum smew_status on_envelope(struct smew__inbound *inbound,
                                    const struct smew__envelope *envelope)
{
    struct smew_bus *bus = inbound->bus;
    struct smew__sender *sender = inbound->sender;
    struct smew__entry *known = NULL;
    enum smew_status status;

    if (!sender || envelope->id.node != sender->node)
        return SMEW_CORRUPT;
    bus->stats.bytes_received += envelope->payload_size;
    bus->stats.polled += smew__loop_polls(bus);
    if (envelope->flags & SMEW__ENVELOPE_LOSSY) {
        smew__topic_receive(bus, envelope);
        return SMEW_OK;
    }
    /* An honest sender goes on only after an ACK; this bounds `done` and `results` too. */
    if (++inbound->received - inbound->completed_told > inbound->mask)
        return SMEW_CORRUPT;
    if (envelope->waits)
        make_awaited(inbound, inbound->received);
    else if (envelope->payload_size >= LARGE)
        make_urgent(inbound, inbound->received);
    if (envelope->kind == SMEW_KIND_REPLY) { /* complete at once; a second one finds no request */
        smew__request_answer(bus, envelope);
        smew__inbound_complete(inbound, inbound->received, SMEW_OK);
        return SMEW_OK;
    }
    if (envelope->flags & SMEW__ENVELOPE_REDELIVERED)
        known = smew__sender_find(sender, envelope->id);
    if (!known && (envelope->flags & SMEW__ENVELOPE_REDELIVERED))
        known = smew__lane_in_find(sender, envelope->id);
    if (!known && smew__barrier_stops(&sender->barriers, envelope)) {
        smew__inbound_complete(inbound, inbound->received, SMEW_NO_MACHINE);
        return SMEW_OK;
    }
    if (!known) {
        status = smew__intake_admit(bus, sender, envelope, inbound->received);
        if (status)
            smew__inbound_answer(inbound, inbound->received, envelope->target, status);
        return SMEW_OK;
    }
    bus->stats.duplicates++;
    known->position = inbound->received; /* its completion is told on this channel */
    if (known->state == SMEW__ENTRY_DONE)
        smew__inbound_complete(inbound, inbound->received, known->status);
    return SMEW_OK;
}

/* It dialled anew before we saw the loss. */
static void lose_former(struct smew__inbound *inbound, const struct smew__hello *hello)
{
    struct smew_bus *bus = inbound->bus;
    struct smew__inbound *former = NULL;
    struct smew__sender *sender;

    smew__bus_lock(bus);
    sender = smew__table_get(&bus->senders, &hello->node, sizeof(hello->node));
    if (sender && sender->inbound != inbound && is_member(inbound, hello))
        former = sender->inbound;
    smew__bus_unlock(bus);
    if (former)
        lose(former, SMEW_OK);
}

static enum smew_status on_item(void *owner, const struct smew__item *item)
{
    struct smew__inbound *inbound = owner;
    struct smew_bus *bus = inbound->bus;
    enum smew_status status = SMEW_CORRUPT;

    if (inbound->refusing)
        return SMEW_OK;
    if (item->type == SMEW__ITEM_HELLO)
        lose_former(inbound, &item->hello);
    smew__bus_lock(bus);
    if (inbound->closing || inbound->abandoned)
        status = SMEW_RESET;
    else if (item->type == SMEW__ITEM_HELLO)
        status = on_hello(inbound, &item->hello);
    else if (item->type == SMEW__ITEM_ENVELOPE)
        status = on_envelope(inbound, &item->envelope);
    smew__bus_unlock(bus);
    return status;
}

/* Questions for lanes, and what lies in those that were given.  OK, or the channel's failure. */
static enum smew_status serve_lanes(struct smew__inbound *inbound)
{
    enum smew_status status;

    if (!smew__channel_has_lanes(inbound->channel) || inbound->closing)
        return SMEW_OK;
    status = smew__lanes_give(inbound);
    if (!status && smew__lanes_serve(inbound)) {
        smew__bus_lock(inbound->bus);
        make_due(inbound);
        smew__bus_unlock(inbound->bus);
    }
    return status;
}

/*
 * The poller has read: handlers are next, and what they complete is told together with what was
 * received, unless somebody waits for that.
 */
static bool tells_later(struct smew__inbound *inbound)
{
    struct smew_bus *bus = inbound->bus;
    bool later;

    smew__bus_lock(bus);
    later = smew__loop_polls(bus) && inbound->out.size == 0 && !inbound->closing &&
            !inbound->abandoned && !inbound->refusing &&
            inbound->awaited <= inbound->completed_told;
    if (later)
        make_due(inbound);
    smew__bus_unlock(bus);
    return later;
}

static void serve(struct smew__inbound *inbound)
{
    enum smew_status status = serve_lanes(inbound);

    if (status == SMEW_RESET)
        hear_out(inbound);
    if (status)
        lose(inbound, status);
    else
        acknowledge(inbound);
}

void smew__inbound_service(struct smew__inbound *inbound)
{
    struct smew_bus *bus = inbound->bus;

    smew__reading_lock(bus);
    serve(inbound);
    smew__reading_unlock(bus);
}

static void on_ready(struct smew__watch *watch)
{
    struct smew__inbound *inbound = SMEW_CONTAINER(watch, struct smew__inbound, watch);
    struct smew_bus *bus = inbound->bus;
    enum smew_status status;

    smew__reading_lock(bus);
    status = smew__channel_drain(inbound->channel, bus->codec, on_item, inbound);
    if (status && status != SMEW_AGAIN)
        lose(inbound, status);
    else if (!tells_later(inbound))
        serve(inbound);
    smew__reading_unlock(bus);
}

void smew__inbounds_look(struct smew_bus *bus)
{
    SMEW_LIST_EACH (link, &bus->inbounds) {
        struct smew__inbound *inbound = SMEW_CONTAINER(link, struct smew__inbound, link);

        if (inbound->sender && !smew__list_empty(&inbound->sender->lanes))
            make_due(inbound);
    }
}

/* ---- opening ------------------------------------------------------------------------- */

void smew__inbound_open(struct smew_bus *bus, struct smew_channel *channel)
{
    struct smew_peer_credentials who = channel->ops->credentials(channel);
    struct smew__inbound *inbound = smew__calloc(1, sizeof(*inbound));

    if (!inbound) {
        channel->ops->close(channel);
        return;
    }
    inbound->bus = bus;
    inbound->channel = channel;
    inbound->watch.ready = on_ready;
    inbound->watch.closed = on_closed;
    inbound->delay.run = on_delay;
    smew__list_init(&inbound->due);
    smew__buffer_init(&inbound->out);
    smew__stream_read_ahead(channel, true);
    smew__reading_lock(bus);
    smew__bus_lock(bus);
    smew__list_append(&bus->inbounds, &inbound->link);
    bus->stats.connections++;
    bus->lane_bytes += smew__channel_shared_bytes(channel);
    smew__bus_unlock(bus);
    smew__reading_unlock(bus);
    if (smew__watch_start(&inbound->watch, bus, channel->ops->interest(channel))) {
        smew__watch_stop(&inbound->watch);
        return;
    }
    if (who.uid >= 0 && who.uid != smew__process_user() &&
        refuse(inbound, SMEW_PERMISSION, "this bus belongs to another user") == SMEW_OK)
        smew__inbound_service(inbound);
}

void smew__inbounds_tell(struct smew_bus *bus)
{
    SMEW_LIST_EACH (link, &bus->inbounds) {
        struct smew__inbound *inbound = SMEW_CONTAINER(link, struct smew__inbound, link);

        if (!inbound->closing)
            make_due(inbound);
    }
}

bool smew__inbound_all_told(const struct smew_bus *bus)
{
    SMEW_LIST_EACH (link, &bus->inbounds) {
        const struct smew__inbound *inbound = SMEW_CONTAINER(link, struct smew__inbound, link);

        if (!inbound->closing && (inbound->telling || inbound->result_count ||
                                  inbound->completed != inbound->completed_told))
            return false;
    }
    return true;
}

void smew__inbound_close_all(struct smew_bus *bus)
{
    smew__reading_lock(bus);
    SMEW_LIST_EACH_SAFE (link, &bus->inbounds) {
        struct smew__inbound *inbound = SMEW_CONTAINER(link, struct smew__inbound, link);

        acknowledge(inbound);
        lose(inbound, SMEW_OK);
    }
    smew__reading_unlock(bus);
}
