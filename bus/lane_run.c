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

/* Out of line, so that what each message does has the registers. */
#define APART __attribute__((noinline))

enum outcome {
    RAN,
    NOTHING, /* there is none */
    OTHER,   /* the record is not for us */
    OVER,    /* it ran, but the run is over, and the lane may be gone */
};

enum {
    STREAM = 4, /* records of a turn that are one */
    TELL_SHARE = 8,
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
        lane->chain->barriers.targets.count > 0 || !lane->inbound || lane->reader.searching ||
        !make_room(run, (size_t)lane->memory.ring_bytes / 2 + 1))
        return false;
    run->lane = lane;
    run->working = false;
    run->settled = run->next = lane->reader.next_number;
    run->bytes = 0;
    run->in_place = 0;
    run->most = smew__lane_reader_room(&lane->reader);
    run->source_size = strlen(lane->sender->address);
    memcpy(run->source, lane->sender->address, run->source_size + 1);
    envelope->id.node = lane->sender->node;
    envelope->id.stream = lane->stream;
    run->message->delivery.result = SMEW_OK; /* another one ends the run */
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

/*
 * What the header of a plain record says but for its body's CRC, and what follows from it.  Most
 * records say what the one before said: a message of the same size, to the same machine, in the
 * same millisecond.  Then the record's number and body are all that is new, and all that is left to
 * check.
 */
struct saying {
    struct smew__record_words words;
    uint64_t registered; /* the node's, as long as it is */
    smew_handler_fn handler;
    void *user;
    size_t extension_size; /* of the source's text; 0: it is implied */
    size_t payload_size;
    size_t body_size;
    bool in_place;
    bool easy; /* it is a payload alone, and small: smew__crc32c_take_few() is all there is to it */
};

static bool says_the_same(const struct saying *saying, struct smew__record_words words,
                          const struct smew_bus *bus)
{
    /* Relaxed: a change that is not seen yet is one that a running handler does not see either. */
    return saying->handler && words.sizes == saying->words.sizes &&
           words.meaning == saying->words.meaning &&
           saying->registered == atomic_load_explicit(&bus->registered, memory_order_relaxed);
}

/* The message is one of those that say this. */
static void fill(struct smew__lane_run *run, const struct saying *saying,
                 const struct smew__record_header *header)
{
    struct smew__envelope *envelope = &run->message->envelope;

    envelope->source = (struct smew__text){run->source, run->source_size};
    envelope->content = (enum smew_content)header->content;
    envelope->sent_ns = smew__record_sent_ns(header);
    envelope->payload = run->copy + saying->extension_size;
    envelope->payload_size = saying->payload_size;
    if (!saying->in_place) /* as the padding does it, if there is some */
        run->copy[saying->extension_size + saying->payload_size] = '\0';
}

/* False: the record is none of ours. */
APART static bool understand(struct smew__lane_in *lane, struct smew__record_words words,
                             struct saying *saying)
{
    struct smew__lane_run *run = &lane->bus->run;
    const struct smew__lane_taker *taker;
    const struct smew__lane_name *target, *event;
    struct smew__record_header header;
    bool in_place;

    if (!smew__ring_words(&lane->memory, words, &header) || !smew__record_may_be_plain(&header))
        return false;
    target = smew__lane_name_numbered(&lane->targets, header.target);
    event = smew__lane_name_numbered(&lane->events, header.event);
    if (!target || !event)
        return false;
    taker = find_taker(lane, header.target, target);
    in_place = smew__lane_in_reads_in_place(lane->bus, header.payload_size);
    if (!taker->handler || (in_place && header.extension_words))
        return false; /* a text is never read where it lies */
    *saying = (struct saying){
        .words = words,
        .registered = taker->registered,
        .handler = taker->handler,
        .user = taker->user,
        .extension_size = (size_t)header.extension_words * SMEW__RECORD_WORD,
        .payload_size = header.payload_size,
        .body_size = (size_t)smew__record_size(&header) - sizeof header,
        .in_place = in_place,
    };
    saying->easy = !in_place && saying->body_size == saying->payload_size &&
                   smew__crc32c_takes_few(saying->body_size);
    /* They are there for as long as the lane is, which has the message in flight. */
    run->message->envelope.target = (struct smew__text){target->text, target->size};
    run->message->envelope.event = (struct smew__text){event->text, event->size};
    fill(run, saying, &header);
    return true;
}

/* The source's text, which is the beginning of the copy.  False: it is no such text. */
static bool read_source(struct smew__lane_run *run, const struct saying *saying)
{
    const struct smew__text implied = {run->source, run->source_size};

    return smew__record_plain_read_source(run->copy, saying->extension_size, implied,
                                          &run->message->envelope.source);
}

/* The record's body, copied and checked; false: it is none of ours. */
APART static bool take_body(struct smew__lane_in *lane, uint32_t crc, const struct saying *saying)
{
    struct smew__lane_run *run = &lane->bus->run;
    const uint8_t *body = smew__lane_reader_body(&lane->reader);
    const uint8_t *checked = saying->in_place ? body : run->copy;
    const size_t used = saying->extension_size + saying->payload_size;

    if (smew__lane_body_check(body, saying->body_size, crc, saying->in_place ? NULL : run->copy) ||
        (saying->extension_size != 0 && !read_source(run, saying)) ||
        !smew__record_is_padded(checked, used, SMEW__RECORD_ALIGNMENT))
        return false;
    if (saying->in_place)
        run->message->envelope.payload = body;
    run->in_place += saying->in_place;
    return true;
}

/* The same when that is easy. */
static bool take_easy_body(struct smew__lane_in *lane, uint32_t crc, const struct saying *saying)
{
    return smew__crc32c_take_few(0, lane->bus->run.copy, smew__lane_reader_body(&lane->reader),
                                 saying->body_size) == crc;
}

/* `reading` is given back meanwhile.  False: the handler forked, and this is the child. */
static bool work(struct smew_bus *bus, const struct saying *saying,
                 struct smew__handler_context *context)
{
    struct smew_message *message = bus->run.message;

    bus->run.working = true;
    smew__biased_leave(&bus->turns.reading);
    smew__handler_enter_run(context, bus, message);
    saying->handler(bus, message, saying->user);
    smew__handler_leave_run(context, bus);
    if (!smew__bus_ours(bus))
        return false;
    smew__biased_enter(&bus->turns.reading);
    return true;
}

/* What the message at work became is complete, as far as its handler goes. */
APART static enum outcome settle_current(struct smew_bus *bus)
{
    struct smew_message *current = bus->run.current;

    smew__bus_lock(bus);
    bus->run.current = NULL;
    smew__intake_settle(current);
    smew__bus_unlock(bus);
    return OVER;
}

static enum outcome run_record(struct smew__lane_in *lane, struct saying *saying,
                               struct smew__handler_context *context)
{
    struct smew_bus *bus = lane->bus;
    struct smew__lane_run *run = &bus->run;
    struct smew__ring_line line;

    if (!smew__lane_reader_look(&lane->reader, &line))
        return smew__lane_reader_peek(&lane->reader) ? OTHER : NOTHING;
    if (!says_the_same(saying, line.words, bus) && !understand(lane, line.words, saying))
        return OTHER;
    if (!(saying->easy ? take_easy_body(lane, line.body_crc, saying)
                       : take_body(lane, line.body_crc, saying)))
        return OTHER;
    run->message->envelope.id.sequence = lane->reader.next_number;
    run->bytes += saying->payload_size;
    smew__lane_reader_pass(&lane->reader, saying->body_size);
    if (!work(bus, saying, context))
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

/* Is what was run since the last time as much as its sender should hear of? */
static bool is_much(const struct smew__lane_in *lane)
{
    return lane->reader.next_position - lane->reader.taken_position >=
           lane->memory.ring_bytes / TELL_SHARE;
}

/* A sender that waits for room goes on while the rest is run. */
APART static void tell(struct smew_bus *bus)
{
    smew__bus_lock(bus);
    settle(bus);
    smew__bus_unlock(bus);
}

enum smew__lane_run_end smew__lane_run(struct smew__lane_in *lane, struct smew__lane_pass *pass)
{
    struct smew_bus *bus = lane->bus;
    struct smew__handler_context *context = smew__handler_prepare();
    struct saying saying = {0}; /* so far nothing was said */
    uint64_t most = bus->run.most;
    enum outcome outcome = RAN;
    unsigned count = 0;

    if (most > pass->most)
        most = pass->most;
    if (pass->runs && most > pass->runs - pass->ran)
        most = pass->runs - pass->ran;
    while (count < most && outcome == RAN) {
        outcome = run_record(lane, &saying, context);
        count += outcome == RAN || outcome == OVER;
        if (outcome == NOTHING && count >= STREAM && comes_soon(lane))
            outcome = RAN;
        if (outcome == RAN && is_much(lane))
            tell(bus);
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
