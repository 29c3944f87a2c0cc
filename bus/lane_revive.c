/* SPDX-License-Identifier: MIT */
/*
 * Records of a lane that become parcels.
 *
 * Happy path: there are none; what was answered OK is done, and its block of the pool free.
 *
 * Failure modes: no memory for a parcel: the record stays where it is, in the lane, and is tried
 * again.  A record that was damaged in memory on this side too cannot be sent again, and is
 * counted.
 */

#include "bus/lane_revive.h"

#include <string.h>

#include "base/alloc.h"
#include "bus/lane_record.h"
#include "bus/parcel.h"
#include "bus/trail.h"
#include "diagnostics/log.h"

/* With the producer's lock held: what was collected becomes known. */
static void publish_settled(struct smew__lane_out *lane)
{
    unsigned ahead = 0;

    if (lane->any_answered) {
        for (uint64_t i = lane->writer.tail_number; i != lane->writer.head_number; i++)
            ahead += lane->writer.flights[i & (lane->memory.window - 1)].answered;
        lane->any_answered = ahead > 0;
    }
    atomic_store_explicit(&lane->ahead, ahead, memory_order_relaxed);
    atomic_store_explicit(&lane->settled, lane->writer.tail_number, memory_order_release);
}

/* The same for a payload in the pool: a copy of it, instead of its handle. */
static enum smew_status read_pooled(struct smew__lane_out *lane, uint64_t number,
                                    struct smew__envelope *envelope, struct smew_message **message)
{
    struct smew__pool_handle handle;
    enum smew_status status = smew__pool_find(&lane->pool, lane->stream, number, &handle);

    if (status)
        return SMEW_CORRUPT; /* the record is not the one that was written */
    envelope->payload = NULL;
    envelope->payload_size = (size_t)handle.size;
    *message = smew__message_create(envelope);
    if (!*message)
        return SMEW_NO_MEMORY;
    status =
        smew__pool_read(&lane->pool, &handle, (uint8_t *)(uintptr_t)(*message)->envelope.payload);
    if (status)
        smew__message_unref(*message);
    return status;
}

/* The message that a record in flight holds.  CORRUPT: it was damaged in our own memory. */
static enum smew_status read_back(struct smew__lane_out *lane, uint64_t number,
                                  struct smew_message **message)
{
    struct smew__lane_meaning meaning = smew__lane_out_meaning(lane);
    struct smew__record_header header;
    struct smew__item item = {0};
    const uint8_t *body;
    enum smew_status status = smew__lane_writer_read(&lane->writer, number, &header, &body);

    if (!status)
        status = smew__lane_take(&meaning, number, &header, body, false, &item);
    if (status)
        return status;
    item.envelope.flags = 0;
    if (header.kind & SMEW__RECORD_POOLED) {
        status = read_pooled(lane, number, &item.envelope, message);
    } else {
        *message = smew__message_create(&item.envelope);
        status = *message ? SMEW_OK : SMEW_NO_MEMORY;
    }
    smew__item_fini(&item);
    return status;
}

/* What the lane knew of this pair no longer counts: it is on the common way. */
static void set_detour(struct smew__producer *producer, struct smew__text target)
{
    struct smew__trail *trail = smew__trail_find(producer, target);

    if (trail)
        trail->detour = true;
}

/* There is nothing left that could be sent, or buried: only who looks at us is told. */
static void count_lost(struct smew__lane_out *lane, uint64_t number)
{
    struct smew_bus *bus = lane->producer->bus;

    smew__log(SMEW_LOG_ERROR, "%s lost record %llu of its lane %u: its memory was damaged",
              bus->address, (unsigned long long)number, lane->stream);
    bus->stats.lane_lost++;
    bus->revived++;
}

/* The last record in flight of a pair, among those before a number: is there one at work? */
static bool find_at_work(struct smew__lane_out *lane, const struct smew__trail *trail,
                         uint64_t before, struct smew__behind *behind)
{
    const uint64_t mask = lane->memory.window - 1;

    for (uint64_t older = before - 1; older + 1 != lane->writer.tail_number; older--) {
        if (lane->trails[older & mask] != trail || lane->writer.flights[older & mask].answered)
            continue;
        if (!smew__lane_writer_done(&lane->writer, older))
            *behind = (struct smew__behind){.lane = lane, .number = older};
        return true; /* is it done, so is everything older of the pair */
    }
    return false;
}

/*
 * A younger record was refused, or is lost, while older ones of its pair are at work, in its lane
 * or in one whose place that took: its parcel waits for the last of those.
 */
static void keep_behind(struct smew__lane_out *lane, uint64_t number, struct smew__parcel *parcel)
{
    const struct smew__trail *trail = lane->trails[number & (lane->memory.window - 1)];
    bool found = find_at_work(lane, trail, number, &parcel->behind);

    for (lane = lane->after; lane && !found; lane = lane->after) {
        if (lane->state == SMEW__LANE_GRANTED)
            found = find_at_work(lane, trail, lane->writer.head_number, &parcel->behind);
    }
    if (!parcel->behind.lane)
        return;
    atomic_fetch_add_explicit(&parcel->behind.lane->references, 1, memory_order_relaxed);
    smew__behind_watch(&parcel->behind);
}

/* A parcel for a message that was read back; NULL when out of memory. */
static struct smew__parcel *parcel_of(struct smew_bus *bus, struct smew_message *message)
{
    struct smew__text target = message->envelope.target;
    struct smew__route *route = smew__route_get(bus, target.data, target.size);

    return route ? smew__parcel_create(bus, message, route, (struct smew__node_ref){0}) : NULL;
}

/*
 * A record becomes a parcel, which is then answered, or (doubtful) looks for its host again.  False
 * when out of memory: nothing was done.  With both locks held.
 */
static bool revive(struct smew__lane_out *lane, uint64_t number, enum smew_status answer,
                   bool doubtful)
{
    struct smew_bus *bus = lane->producer->bus;
    struct smew_message *message;
    struct smew__parcel *parcel;
    enum smew_status status = read_back(lane, number, &message);

    if (status == SMEW_NO_MEMORY)
        return false;
    if (status) {
        count_lost(lane, number);
        return true;
    }
    parcel = parcel_of(bus, message);
    if (!parcel) {
        smew__message_unref(message);
        return false;
    }
    set_detour(lane->producer, message->envelope.target);
    lane->any_answered = true;
    parcel->doubtful = doubtful;
    smew__parcel_revive(bus, parcel);
    keep_behind(lane, number, parcel);
    if (doubtful)
        smew__limbo_put(bus, parcel);
    else
        smew__parcel_answered(bus, parcel, answer);
    bus->follow_up |= SMEW__FOLLOW_LIMBO;
    return true;
}

static bool collect_before(struct smew__lane_out *lane);

static bool on_answer(void *owner, uint64_t number, enum smew_status status)
{
    struct smew__lane_out *lane = owner;
    struct smew__lane_meaning meaning = smew__lane_out_meaning(lane);

    if (!collect_before(lane))
        return false;
    if (status == SMEW_CORRUPT) { /* the receiver could not read it; perhaps we can */
        smew__lane_undefine(&meaning, number);
        status = SMEW_NO_MACHINE;
    }
    return revive(lane, number, status, false);
}

/*
 * What was refused in the lane before was so before this one was read, and becomes parcels first.
 * False when out of memory.  With both locks held.
 */
static bool collect_before(struct smew__lane_out *lane)
{
    struct smew__lane_out *before = lane->after;

    if (!before || before->state != SMEW__LANE_GRANTED)
        return true;
    if (smew__lane_writer_collect(&before->writer, on_answer, before))
        before->failed = true;
    publish_settled(before);
    return !smew__lane_writer_has_answers(&before->writer);
}

static bool not_now(void *owner, uint64_t number, enum smew_status status)
{
    (void)owner;
    (void)number;
    (void)status;
    return false;
}

static bool is_settled(void *owner, uint64_t number)
{
    const struct smew__lane_out *lane = owner;

    return smew__lane_writer_settled(&lane->writer, number);
}

/*
 * All answers under one lock of the node, or some parcels would leave limbo before others are
 * there; and without it where there are none, as nearly always.  With the producer's lock held.
 */
enum smew_status smew__lane_collect(struct smew__lane_out *lane)
{
    enum smew_status status = smew__lane_writer_collect(&lane->writer, not_now, NULL);

    if (!status && smew__lane_writer_has_answers(&lane->writer)) {
        smew__bus_lock(lane->producer->bus);
        status = smew__lane_writer_collect(&lane->writer, on_answer, lane);
        smew__bus_unlock(lane->producer->bus);
    }
    if (lane->pool.count > 0)
        smew__pool_reclaim(&lane->pool, lane->stream, is_settled, lane);
    publish_settled(lane);
    return status;
}

/* Out of memory half-way: the next try goes on behind it. */
static void note_revived(struct smew__lane_out *lane, uint64_t number)
{
    lane->writer.flights[number & (lane->memory.window - 1)].answered = true;
}

bool smew__lane_revive_rest(struct smew__lane_out *lane)
{
    uint64_t number = lane->writer.tail_number;
    struct smew__record_header header;
    const uint8_t *body;

    while (smew__lane_writer_unanswered(&lane->writer, &number, &header, &body) != SMEW_NOT_FOUND) {
        if (!revive(lane, number, SMEW_OK, true))
            return false;
        note_revived(lane, number++);
    }
    return true;
}
