/* SPDX-License-Identifier: MIT */
/*
 * Lanes of others in our memory.
 *
 * Happy path: whoever has his turn (lane_turn.h) takes records in turns of a lane each until the
 * lane is empty; then it is armed, and looked at once more.
 *
 * Failure modes: a damaged record costs that record, which is counted, logged with its number, and
 * answered CORRUPT; its producer sends it again if its own copy is whole.  A lane that goes on
 * being damaged is in quarantine: it is read no more, and its producer gives it up.  The quota, or
 * no memory, denies a lane: its thread goes the common way.
 */

#include "bus/lane_in.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bus/inbound.h"
#include "bus/intake.h"
#include "bus/lane_run.h"
#include "bus/lane_turn.h"
#include "bus/request.h"
#include "diagnostics/log.h"

enum {
    TURN = 64,     /* records of a lane before another one's turn */
    BUDGET = 1024, /* records before other channels' turn */
    TELL_SHARE = 8,
    SMALL = 4096, /* bytes of a body that are checked and copied with the lock held */
};

/* ---- answering ----------------------------------------------------------------------- */

/* Its channel hears of it if its thread wants to, or if it is something special. */
static void publish(struct smew__lane_in *lane)
{
    smew__list_remove(&lane->untold);
    lane->told_position = lane->reader.taken_position;
    if (smew__lane_reader_publish(&lane->reader) && lane->inbound)
        smew__channel_ring(lane->inbound->channel);
}

/*
 * While the poller has more to run, what was completed is told an eighth of the lane at a time: it
 * costs a fence, and maybe a system call.  It tells the rest when nothing is due any more or it
 * returns, and the guard does when a handler takes long.  A pool's blocks are needed at once.
 */
static void publish_soon(struct smew__lane_in *lane)
{
    const struct smew__lane_reader *reader = &lane->reader;

    if (!lane->bus->turns.taken || !lane->bus->running || lane->pooled ||
        smew__list_empty(&lane->bus->due) ||
        reader->completed - reader->published >= lane->window / TELL_SHARE ||
        reader->taken_position - lane->told_position >= lane->memory.ring_bytes / TELL_SHARE)
        publish(lane);
    else if (smew__list_empty(&lane->untold))
        smew__list_append(&lane->bus->turns.untold, &lane->untold);
}

void smew__lane_in_tell(struct smew__lane_in *lane)
{
    if (!smew__list_empty(&lane->untold))
        publish(lane);
}

void smew__lanes_tell(struct smew_bus *bus)
{
    while (!smew__list_empty(&bus->turns.untold))
        publish(SMEW_CONTAINER(bus->turns.untold.next, struct smew__lane_in, untold));
}

static struct smew__entry *entry_of(struct smew__lane_in *lane, uint64_t number)
{
    return &lane->entries[number & (lane->window - 1)];
}

static void give_up(struct smew__lane_in *lane);

/*
 * The lane behind this one may be read, when this one was read to its end; when it was given up,
 * what it still held comes again, and nothing may overtake it.  With the lock held.
 */
static void unblock(struct smew__lane_in *lane)
{
    SMEW_LIST_EACH (link, &lane->sender->lanes) {
        struct smew__lane_in *other = SMEW_CONTAINER(link, struct smew__lane_in, link);

        if (other->after != lane->stream)
            continue;
        if (lane->ended)
            other->after = 0;
        else if (!other->read_out)
            give_up(other);
    }
}

/* Records of it that come again are not known any more: nothing may follow the refused one. */
static void give_up(struct smew__lane_in *lane)
{
    smew__lane_reader_close(&lane->reader, SMEW__LANE_QUARANTINED);
    lane->read_out = true;
    lane->ended = false;
    unblock(lane);
}

/* What it had of the pool is the sender's again. */
static void release_pooled(struct smew__lane_in *lane, uint64_t number)
{
    uint32_t *bytes = lane->pooled ? &lane->pooled[number & (lane->window - 1)] : NULL;

    if (!bytes)
        return;
    lane->pooled_bytes -= *bytes;
    *bytes = 0;
}

void smew__lane_in_complete(struct smew__lane_in *lane, uint64_t number, struct smew__text target,
                            enum smew_status status)
{
    struct smew__entry *entry = entry_of(lane, number);

    entry->state = SMEW__ENTRY_DONE;
    entry->status = (int8_t)status;
    lane->in_flight--;
    lane->sender->in_flight--;
    if (lane->inbound) {
        if (status == SMEW_NO_MACHINE && !smew__barrier_raise(&lane->chain->barriers, target))
            give_up(lane);
        if (status == SMEW_NO_MACHINE) /* what the poller may be running ends */
            atomic_store_explicit(&lane->bus->any_due, true, memory_order_relaxed);
        release_pooled(lane, number);
        smew__lane_reader_complete(&lane->reader, number, status);
        publish_soon(lane);
    }
    /* It came again on the channel: its sender had given the lane up, whether or not we have. */
    if (entry->position && lane->sender->inbound)
        smew__inbound_answer(lane->sender->inbound, entry->position, target, status);
    if (!lane->inbound && lane->in_flight == 0)
        smew__lane_in_release(lane);
}

struct smew__entry *smew__lane_in_find(struct smew__sender *sender, struct smew_message_id id)
{
    SMEW_LIST_EACH (link, &sender->lanes) {
        struct smew__lane_in *lane = SMEW_CONTAINER(link, struct smew__lane_in, link);
        struct smew__entry *entry = entry_of(lane, id.sequence);

        if (lane->stream != id.stream)
            continue;
        if (entry->state != SMEW__ENTRY_FREE && entry->sequence == id.sequence &&
            !(entry->state == SMEW__ENTRY_DONE &&
              (entry->status == SMEW_NO_MACHINE || entry->status == SMEW_CORRUPT)))
            return entry;
    }
    return NULL;
}

/* ---- reading ------------------------------------------------------------------------- */

static struct smew__lane_meaning meaning_of(struct smew__lane_in *lane)
{
    return (struct smew__lane_meaning){
        .node = lane->sender->node,
        .stream = lane->stream,
        .source = {lane->sender->address, strlen(lane->sender->address)},
        .targets = &lane->targets,
        .events = &lane->events,
    };
}

/* With the lock held. */
static void note_losses(struct smew__lane_in *lane)
{
    const struct smew__lane_losses *losses = &lane->reader.losses;

    lane->bus->stats.lane_lost += losses->count;
    smew__log(SMEW_LOG_WARN, "%s: %llu records from number %llu on of lane %u of %s were damaged",
              lane->bus->address, (unsigned long long)losses->count,
              (unsigned long long)losses->first_number, lane->stream, lane->sender->address);
    publish(lane);
}

/* With the lock held: the next record's header.  As smew__lane_reader_next(). */
static enum smew_status next_record(struct smew__lane_in *lane, struct smew__lane_record *record)
{
    enum smew_status status = smew__lane_reader_next(&lane->reader, record);

    if (status == SMEW_CORRUPT)
        note_losses(lane);
    if (status == SMEW_RESET || status == SMEW_CLOSED)
        lane->read_out = true;
    lane->ended = status == SMEW_RESET;
    return status;
}

/* A record that is being taken. */
struct arrival {
    struct smew__lane_record record;
    struct smew__item item;
    const struct smew__envelope *envelope; /* the item's, or the message's own */
    struct smew_message *message;          /* NULL: no memory */
    bool in_place;
};

/* Blocks in flight do not overlap: they are never more than the pool. */
static bool reserve_pooled(struct smew__lane_in *lane, uint64_t number, uint64_t size)
{
    bool fits;

    smew__bus_lock(lane->bus);
    fits = lane->pooled && size <= lane->pool.units * lane->pool.unit - lane->pooled_bytes;
    if (fits) {
        lane->pooled[number & (lane->window - 1)] = (uint32_t)size;
        lane->pooled_bytes += size;
    }
    smew__bus_unlock(lane->bus);
    return fits;
}

/* The payload that the handle in a record stands for.  CORRUPT: there is none. */
static enum smew_status find_pooled(struct smew__lane_in *lane, const struct arrival *arrival,
                                    struct smew__pool_handle *handle, const uint8_t **payload)
{
    const struct smew__envelope *envelope = &arrival->item.envelope;
    enum smew_status status =
        smew__pool_handle_take(envelope->payload, envelope->payload_size, handle);

    if (!status)
        status =
            smew__pool_resolve(&lane->pool, handle, lane->stream, arrival->record.number, payload);
    if (!status && !reserve_pooled(lane, arrival->record.number, handle->size))
        status = SMEW_CORRUPT;
    return status;
}

static enum smew_status make_pooled(struct smew__lane_in *lane, struct arrival *arrival)
{
    struct smew__envelope *envelope = &arrival->item.envelope;
    struct smew__pool_handle handle;
    const uint8_t *payload;
    uint8_t *copy = NULL;
    enum smew_status status = find_pooled(lane, arrival, &handle, &payload);

    if (status)
        return status;
    arrival->in_place = smew__lane_in_reads_in_place(lane->bus, handle.size);
    envelope->payload = arrival->in_place ? payload : NULL;
    envelope->payload_size = (size_t)handle.size;
    arrival->message =
        arrival->in_place ? smew__message_create_view(envelope) : smew__message_create(envelope);
    if (!arrival->message)
        return SMEW_OK;
    if (!arrival->in_place)
        copy = (uint8_t *)(uintptr_t)arrival->message->envelope.payload;
    status = smew__pool_check(&handle, payload, copy);
    if (status)
        smew__message_unref(arrival->message);
    return status;
}

/*
 * Checks the record, and makes a message of it.  CORRUPT: it is lost.  With the lock held if it is
 * small.
 */
static enum smew_status make_message(struct smew__lane_in *lane, struct arrival *arrival,
                                     bool small)
{
    struct smew__lane_meaning meaning = meaning_of(lane);
    const struct smew__lane_record *record = &arrival->record;
    bool pooled = record->header.kind & SMEW__RECORD_POOLED;
    enum smew_status status = SMEW_NO_MACHINE;

    if (small && !smew__lane_in_reads_in_place(lane->bus, record->header.payload_size))
        status = smew__lane_take_plain(&meaning, record, &lane->bus->stock, &arrival->message);
    if (!status)
        arrival->envelope = &arrival->message->envelope;
    if (status != SMEW_NO_MACHINE)
        return status;
    arrival->in_place =
        !pooled && smew__lane_in_reads_in_place(lane->bus, record->header.payload_size);
    status = smew__lane_record_check(record, arrival->in_place ? NULL : lane->copy);
    if (!status)
        status =
            smew__lane_take(&meaning, record->number, &record->header,
                            arrival->in_place ? record->body : lane->copy, true, &arrival->item);
    if (status || pooled)
        return status ? status : make_pooled(lane, arrival);
    arrival->message = arrival->in_place ? smew__message_create_view(&arrival->item.envelope)
                                         : smew__message_create(&arrival->item.envelope);
    return SMEW_OK;
}

static void note_entry(struct smew__lane_in *lane, uint64_t number, enum smew__entry_state state)
{
    *entry_of(lane, number) =
        (struct smew__entry){.sequence = number, .stream = lane->stream, .state = (uint8_t)state};
}

/* So many in a row, with no address to be found for each. */
static void note_done(struct smew__lane_in *lane, uint64_t number, uint64_t count)
{
    const uint32_t stream = lane->stream;
    struct smew__entry *entry = entry_of(lane, number);

    for (; count > 0; count--) {
        *entry =
            (struct smew__entry){.sequence = number++, .stream = stream, .state = SMEW__ENTRY_DONE};
        entry = (number & (lane->window - 1)) == 0 ? lane->entries : entry + 1;
    }
}

static void note_in_flight(struct smew__lane_in *lane, uint64_t number)
{
    note_entry(lane, number, SMEW__ENTRY_IN_FLIGHT);
    lane->in_flight++;
    lane->sender->in_flight++;
}

void smew__lane_in_admitted(struct smew__lane_in *lane, uint64_t number)
{
    lane->chain->barriers.clock++;
    smew__lane_reader_note(&lane->reader, 1, lane->reader.next_position);
    note_in_flight(lane, number);
}

void smew__lane_in_ran(struct smew__lane_in *lane, uint64_t number, uint64_t count)
{
    if (count == 0)
        return;
    lane->chain->barriers.clock += count;
    smew__lane_reader_note(&lane->reader, count, lane->reader.next_position);
    note_done(lane, number, count);
    smew__lane_reader_complete_all(&lane->reader, number, count);
    publish(lane);
}

/* With the lock held: a record is in flight until it is completed, here or later. */
static void admit(struct smew__lane_in *lane, const struct arrival *arrival)
{
    const struct smew__envelope *envelope = arrival->envelope;
    uint64_t number = arrival->record.number;
    enum smew_status status = SMEW_NO_MACHINE;

    note_in_flight(lane, number);
    lane->bus->stats.bytes_received += envelope->payload_size;
    if (!arrival->message)
        status = SMEW_NO_MEMORY;
    else if (envelope->kind != SMEW_KIND_EVENT && envelope->kind != SMEW_KIND_REQUEST)
        status = SMEW_REJECTED;
    else if (!smew__barrier_stops(&lane->chain->barriers, envelope))
        status = smew__intake_admit_lane(lane, number, arrival->message);
    if (!status) {
        lane->bus->stats.in_place += arrival->in_place;
        return;
    }
    smew__lane_in_complete(lane, number, envelope->target, status);
    smew__message_unref(arrival->message);
}

/*
 * Takes one record, or finds damage: OK for both; else why there is none.  With the lock held,
 * which is given back for as long as a large one is checked and copied.
 */
static enum smew_status take(struct smew__lane_in *lane)
{
    struct smew_bus *bus = lane->bus;
    struct arrival arrival;
    enum smew_status status = next_record(lane, &arrival.record);
    bool small;

    if (status)
        return status == SMEW_CORRUPT ? SMEW_OK : status;
    arrival.item.memory = NULL;
    arrival.message = NULL;
    arrival.envelope = &arrival.item.envelope;
    arrival.in_place = false;
    small =
        arrival.record.body_size <= SMALL && !(arrival.record.header.kind & SMEW__RECORD_POOLED);
    if (!small)
        smew__bus_unlock(bus);
    status = make_message(lane, &arrival, small);
    if (!small)
        smew__bus_lock(bus);
    if (status) {
        release_pooled(lane, arrival.record.number);
        smew__lane_reader_lose(&lane->reader, &arrival.record);
        note_losses(lane);
    } else {
        admit(lane, &arrival);
    }
    smew__item_fini(&arrival.item);
    return SMEW_OK;
}

/* May its memory be touched?  Not before its producer has attached it, or if it made holes. */
static bool settle(struct smew__lane_in *lane)
{
    enum smew_status status = lane->settled ? SMEW_OK : smew__lane_memory_settle(&lane->memory);

    if (!status && !lane->settled && lane->pool.memory.data)
        status = smew__pool_memory_settle(&lane->pool);
    lane->settled = status == SMEW_OK;
    if (status && status != SMEW_AGAIN) {
        smew__bus_lock(lane->bus);
        give_up(lane);
        smew__bus_unlock(lane->bus);
    }
    return lane->settled;
}

/* With the lock held: up to as many as the pass may have; true when there is more. */
static bool take_some(struct smew__lane_in *lane, struct smew__lane_pass *pass)
{
    enum smew_status status = SMEW_OK;
    unsigned count = 0;

    while (count < pass->most && !status) {
        status = take(lane);
        count += !status;
    }
    pass->count += count;
    if (pass->polls)
        lane->bus->stats.polled += count;
    if (lane->read_out)
        unblock(lane);
    if (!status)
        return true;
    return status == SMEW_AGAIN && pass->arms && smew__lane_in_arm(lane);
}

/* Without the lock: does it look as if there was nothing? */
static bool looks_empty(const struct smew__lane_in *lane)
{
    return lane->settled && lane->memory.header && !smew__lane_reader_peek(&lane->reader);
}

/* Makes sure that it may be read.  With the lock held, which is given back meanwhile. */
static bool may_be_read(struct smew__lane_in *lane)
{
    if (!lane->read_out && !lane->settled) {
        smew__bus_unlock(lane->bus);
        (void)settle(lane);
        smew__bus_lock(lane->bus);
    }
    return !lane->read_out && lane->settled && !lane->after;
}

/* Runs what it can of a lane.  True: what is left of the turn is to be taken. */
static bool run(struct smew__lane_in *lane, struct smew__lane_pass *pass, bool *gone)
{
    enum smew__lane_run_end end = smew__lane_run(lane, pass);

    *gone = end == SMEW__LANE_RUN_GONE;
    if (end == SMEW__LANE_RUN_EMPTY && smew__lane_reader_peek(&lane->reader))
        end = SMEW__LANE_RUN_TURN; /* it was */
    pass->more |= end == SMEW__LANE_RUN_TURN;
    return end == SMEW__LANE_RUN_OTHER ||
           (end == SMEW__LANE_RUN_EMPTY && (pass->arms || !pass->hasty));
}

/* False: `reading` was given back, and the lane may be gone. */
static bool serve(struct smew__lane_in *lane, struct smew__lane_pass *pass)
{
    struct smew_bus *bus = lane->bus;
    bool gone = false, may;

    if (pass->hasty && looks_empty(lane))
        return true;
    smew__bus_lock(bus);
    may = may_be_read(lane);
    if (may && pass->polls && !pass->takes && smew__lane_run_begin(lane)) {
        smew__bus_unlock(bus);
        may = run(lane, pass, &gone);
        if (gone || !may)
            return !gone;
        smew__bus_lock(bus);
    }
    bus->gathering = pass->polls;
    if (may)
        pass->more |= take_some(lane, pass);
    bus->gathering = false;
    smew__bus_unlock(bus);
    return true;
}

bool smew__lanes_read(struct smew__inbound *inbound, struct smew__lane_pass *pass)
{
    struct smew__lane_in *lane = smew__lane_in_next(inbound, NULL);

    while (lane && serve(lane, pass))
        lane = smew__lane_in_next(inbound, lane);
    return !lane;
}

bool smew__lanes_serve(struct smew__inbound *inbound)
{
    struct smew__lane_pass pass = {.most = TURN, .arms = true, .more = true};

    for (unsigned turns = 0; pass.more && turns < BUDGET / TURN; turns++) {
        pass.more = false;
        if (!smew__lanes_are_mine(inbound->bus))
            break;
        (void)smew__lanes_read(inbound, &pass); /* it does not poll */
    }
    return pass.more;
}

/* ---- ending -------------------------------------------------------------------------- */

/* Reads a lane to its end, for the last time. */
static void read_out(struct smew__lane_in *lane)
{
    struct smew__lane_pass pass = {.most = TURN, .more = true};

    smew__bus_lock(lane->bus);
    lane->after = 0; /* those before it are read out: they come first in the list */
    smew__bus_unlock(lane->bus);
    smew__lane_reader_leave(&lane->reader);
    while (pass.more) {
        pass.more = false;
        (void)serve(lane, &pass); /* it does not poll */
    }
}

void smew__lanes_retire(struct smew__inbound *inbound)
{
    struct smew_bus *bus = inbound->bus;
    struct smew__lane_in *lane;

    while ((lane = smew__lane_in_next(inbound, NULL)) != NULL) {
        if (lane->memory.header)
            read_out(lane);
        smew__bus_lock(bus);
        smew__lane_in_tell(lane);
        if (lane->memory.header)
            smew__lane_reader_close(&lane->reader, SMEW__LANE_CLOSED);
        lane->inbound = NULL;
        lane->read_out = true;
        if (lane->in_flight == 0)
            smew__lane_in_release(lane);
        smew__bus_unlock(bus);
    }
}
