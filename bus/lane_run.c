/* SPDX-License-Identifier: MIT */
/*
 * Running messages where they are read.
 *
 * Happy path: a loop over one lane: header, private copy, check, handler.
 *
 * Failure modes: whatever is not as usual (a damaged record, one that is not plain, an id that has
 * no handler here, no memory) ends the run with the record unread, and the general way (lane_in.c)
 * deals with it.
 */

#include "bus/lane_run.h"

#include <string.h>

#include "base/alloc.h"
#include "bus/handler.h"
#include "bus/handover.h"
#include "bus/intake.h"
#include "bus/outbox.h"
#include "serialization/record_plain.h"

enum outcome {
    RAN,
    NOTHING, /* there is none */
    OTHER,   /* the record is not for us */
    OVER,    /* it ran, but the run is over, and the lane may be gone */
};

enum {
    STREAM = 4, /* records of a turn that are one */
    PAUSES = 16,
};

enum smew_status smew__lane_run_init(struct smew__lane_run *run)
{
    const struct smew__envelope nothing = {.kind = SMEW_KIND_EVENT};

    run->message = smew__message_create(&nothing);
    return run->message ? SMEW_OK : SMEW_NO_MEMORY;
}

void smew__lane_run_fini(struct smew__lane_run *run)
{
    smew__message_unref(run->message);
    smew__free(run->copy);
}

/* ---- beginning and ending ------------------------------------------------------------- */

/* Room for a record's body and a zero byte. */
static bool make_room(struct smew__lane_run *run, size_t size)
{
    uint8_t *copy;

    if (run->copy_size >= size)
        return true;
    copy = smew__alloc(size);
    if (!copy)
        return false;
    smew__free(run->copy);
    run->copy = copy;
    run->copy_size = size;
    return true;
}

bool smew__lane_run_begin(struct smew__lane_in *lane)
{
    struct smew_bus *bus = lane->bus;
    struct smew__lane_run *run = &bus->run;
    struct smew__envelope *envelope = &run->message->envelope;

    if (!smew__list_empty(&bus->due) || bus->closing || smew__outbox_pauses(bus) ||
        lane->chain->barriers.targets.count > 0 || !lane->inbound ||
        !make_room(run, (size_t)lane->memory.ring_bytes / 2 + 1))
        return false;
    run->lane = lane;
    run->working = false;
    run->settled = run->next = lane->reader.next_number;
    run->position = lane->reader.next_position;
    run->bytes = 0;
    run->in_place = 0;
    run->most = smew__lane_reader_room(&lane->reader);
    run->source_size = strlen(lane->sender->address);
    memcpy(run->source, lane->sender->address, run->source_size + 1);
    envelope->id.node = lane->sender->node;
    envelope->id.stream = lane->stream;
    return true;
}

/* What was handled so far is complete.  With the node's lock held. */
static void settle(struct smew_bus *bus)
{
    struct smew__lane_run *run = &bus->run;
    uint64_t count = run->next - run->settled;

    bus->stats.delivered += count;
    bus->stats.polled += count;
    bus->stats.bytes_received += run->bytes;
    bus->stats.in_place += run->in_place;
    run->bytes = run->in_place = 0;
    smew__lane_in_ran(run->lane, run->settled, count);
    run->settled = run->next;
}

/* The message at work becomes a delivery.  With the node's lock held. */
static void adopt(struct smew_bus *bus, struct smew_message *message)
{
    struct smew__lane_run *run = &bus->run;

    bus->stats.delivered++;
    bus->stats.polled++;
    smew__lane_in_admitted(run->lane, run->next);
    smew__intake_adopt(run->lane, run->next, message);
    run->current = message;
}

/* With the node's lock held. */
static void end(struct smew_bus *bus)
{
    bus->run.lane = NULL;
    if (bus->run.asked_for) {
        bus->run.asked_for = false;
        smew__handovers_check(bus);
    }
}

void smew__lane_run_stop(struct smew_bus *bus)
{
    struct smew__lane_run *run = &bus->run;

    if (!run->lane)
        return;
    settle(bus);
    if (run->working) {
        smew__message_ref(run->message); /* the intake's */
        adopt(bus, run->message);
    }
    end(bus);
}

/* A delivery that somebody else made of the message at work: a copy of it takes its place. */
static void replace(struct smew__lane_run *run, struct smew_message *copy)
{
    struct smew__delivery *old = &run->current->delivery;

    copy->delivery.bus = old->bus;
    copy->delivery.registration = old->registration;
    copy->delivery.sender = old->sender;
    copy->delivery.lane = old->lane;
    copy->delivery.number = old->number;
    copy->delivery.result = old->result;
    atomic_store_explicit(&copy->delivery.unsettled, 1, memory_order_relaxed);
    smew__list_append(&old->bus->deliveries, &copy->delivery.link);
    smew__list_remove(&old->link);
    old->bus = NULL;
    old->registration = NULL;
    smew__message_unref(run->current);
    run->current = copy;
}

struct smew_message *smew__lane_run_keep(struct smew_bus *bus)
{
    struct smew__lane_run *run = &bus->run;
    struct smew_message *copy = smew__message_create(&run->message->envelope);

    if (!copy)
        return NULL;
    smew__bus_lock(bus);
    if (run->lane) {
        settle(bus);
        adopt(bus, copy);
        copy->delivery.result = run->message->delivery.result;
        end(bus);
    } else {
        replace(run, copy);
    }
    smew__bus_unlock(bus);
    return copy;
}

/* ---- running -------------------------------------------------------------------------- */

/* The handler of an id's number; NULL: it has none, or one of another kind. */
static const struct smew__lane_taker *find_taker(struct smew__lane_in *lane, uint32_t number,
                                                 const struct smew__lane_name *target)
{
    struct smew__lane_taker *taker = &lane->takers[number % SMEW__LANE_TAKERS];
    struct smew_bus *bus = lane->bus;

    /* Relaxed: a change that is not seen yet is one that a running handler does not see either. */
    if (taker->number == number &&
        taker->registered == atomic_load_explicit(&bus->registered, memory_order_relaxed))
        return taker;
    smew__bus_lock(bus);
    taker->number = number;
    taker->registered = atomic_load_explicit(&bus->registered, memory_order_relaxed);
    smew__intake_find_handler(bus, (struct smew__text){target->text, target->size}, &taker->handler,
                              &taker->user);
    smew__bus_unlock(bus);
    return taker;
}

/* The record as a message that the handler may see; false: it is none of ours. */
static bool make_message(struct smew__lane_in *lane, const struct smew__lane_record *record)
{
    struct smew__lane_run *run = &lane->bus->run;
    struct smew__envelope *envelope = &run->message->envelope;
    const struct smew__record_header *header = &record->header;
    bool in_place = smew__lane_in_reads_in_place(lane->bus, header->payload_size);
    const struct smew__text implied = {run->source, run->source_size};
    const uint8_t *body = in_place ? record->body : run->copy;
    struct smew__record_plain plain;

    if (smew__lane_record_check(record, in_place ? NULL : run->copy) ||
        !smew__record_plain_read(header, body, implied, &plain) || (in_place && plain.source.size))
        return false; /* a text is never read where it lies */
    if (!in_place)
        run->copy[smew__record_plain_extension(&plain) + plain.payload_size] = '\0';
    run->in_place += in_place;
    run->bytes += plain.payload_size;
    envelope->id.sequence = record->number;
    envelope->source = plain.source.size ? plain.source : implied;
    envelope->content = plain.content;
    envelope->payload = plain.payload;
    envelope->payload_size = plain.payload_size;
    envelope->sent_ns = smew__record_sent_ns(header);
    return true;
}

/* `reading` is given back meanwhile.  False: the handler forked, and this is the child. */
static bool work(struct smew_bus *bus, const struct smew__lane_taker *taker)
{
    struct smew_message *message = bus->run.message;
    smew_handler_fn handler = taker->handler;
    void *user = taker->user;

    message->delivery.result = SMEW_OK;
    bus->run.working = true;
    smew__biased_leave(&bus->turns.reading);
    smew__handler_enter_run(bus, message);
    handler(bus, message, user);
    smew__handler_leave(bus);
    if (!smew__bus_ours(bus))
        return false;
    smew__biased_enter(&bus->turns.reading);
    return true;
}

/* What the message at work became is complete, as far as its handler goes. */
static enum outcome settle_current(struct smew_bus *bus)
{
    struct smew_message *current = bus->run.current;

    smew__bus_lock(bus);
    bus->run.current = NULL;
    smew__intake_settle(current);
    smew__bus_unlock(bus);
    return OVER;
}

static enum outcome run_record(struct smew__lane_in *lane)
{
    struct smew_bus *bus = lane->bus;
    struct smew__lane_run *run = &bus->run;
    const struct smew__lane_taker *taker;
    struct smew__lane_record record;
    const struct smew__lane_name *target, *event;

    if (!smew__lane_reader_look(&lane->reader, &record))
        return smew__lane_reader_peek(&lane->reader) ? OTHER : NOTHING;
    if (!smew__record_may_be_plain(&record.header))
        return OTHER;
    target = smew__lane_name_numbered(&lane->targets, record.header.target);
    event = smew__lane_name_numbered(&lane->events, record.header.event);
    if (!target || !event)
        return OTHER;
    taker = find_taker(lane, record.header.target, target);
    if (!taker->handler || !make_message(lane, &record))
        return OTHER;
    /* They are there for as long as the lane is, which has the message in flight. */
    run->message->envelope.target = (struct smew__text){target->text, target->size};
    run->message->envelope.event = (struct smew__text){event->text, event->size};
    smew__lane_reader_pass(&lane->reader, &record);
    run->position = lane->reader.next_position;
    if (!work(bus, taker))
        return OVER;
    if (!run->lane)
        return settle_current(bus);
    run->working = false;
    if (run->message->delivery.result == SMEW_OK) {
        run->next++;
        return RAN;
    }
    run->working = true;
    smew__bus_lock(bus);
    smew__lane_run_stop(bus);
    smew__bus_unlock(bus);
    return settle_current(bus);
}

/*
 * Who looks at once again where a producer writes takes the line from it for each record.  So in
 * the midst of a stream it is given time to get ahead.
 */
static bool comes_soon(const struct smew__lane_in *lane)
{
    for (int i = 0; i < PAUSES; i++)
        smew__spin_pause();
    return smew__lane_reader_peek(&lane->reader);
}

enum smew__lane_run_end smew__lane_run(struct smew__lane_in *lane, struct smew__lane_pass *pass)
{
    struct smew_bus *bus = lane->bus;
    uint64_t most = bus->run.most;
    enum outcome outcome = RAN;
    unsigned count = 0;

    if (most > pass->most)
        most = pass->most;
    if (pass->runs && most > pass->runs - pass->ran)
        most = pass->runs - pass->ran;
    while (count < most && outcome == RAN) {
        outcome = run_record(lane);
        count += outcome == RAN || outcome == OVER;
        if (outcome == NOTHING && count >= STREAM && comes_soon(lane))
            outcome = RAN;
        if (atomic_load_explicit(&bus->any_due, memory_order_relaxed))
            break;
    }
    pass->count += count;
    pass->ran += count;
    if (outcome == OVER)
        return SMEW__LANE_RUN_GONE;
    smew__bus_lock(bus);
    smew__lane_run_stop(bus);
    smew__bus_unlock(bus);
    if (outcome == NOTHING)
        return SMEW__LANE_RUN_EMPTY;
    return outcome == RAN ? SMEW__LANE_RUN_TURN : SMEW__LANE_RUN_OTHER;
}
