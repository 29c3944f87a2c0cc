/* SPDX-License-Identifier: MIT */
/*
 * The intake.  Failure modes: out of memory refuses the envelope with NO_MEMORY, which its sender
 * sees as a dead letter with that reason; a message whose own deadline has passed is answered
 * EXPIRED without a handler seeing it; a handler that never completes what it holds keeps at most
 * its sender's window.
 */

#include "bus/intake.h"

#include <string.h>

#include "base/alloc.h"
#include "bus/handler.h"
#include "bus/handover.h"
#include "bus/lane_in.h"
#include "bus/parcel.h"
#include "bus/poll.h"
#include "bus/request.h"
#include "bus/serve.h"

/* ---- registrations ------------------------------------------------------------------- */

struct smew__registration *smew__registration_create(const char *id, bool pattern)
{
    struct smew__registration *registration = smew__calloc(1, sizeof(*registration));

    if (!registration)
        return NULL;
    registration->id = smew__strdup(id);
    if (!registration->id) {
        smew__free(registration);
        return NULL;
    }
    registration->size = strlen(id);
    registration->pattern = pattern;
    registration->references = 1;
    smew__table_init(&registration->released);
    return registration;
}

void smew__registration_unref(struct smew__registration *registration)
{
    if (!registration || --registration->references > 0)
        return;
    smew__handover_forget(registration);
    smew__table_fini(&registration->released);
    smew__free(registration->id);
    smew__free(registration);
}

bool smew__registration_add(struct smew_bus *bus, struct smew__registration *registration)
{
    if (!smew__table_put(&bus->registrations, registration->id, registration->size, registration))
        return false;
    if (registration->pattern)
        bus->pattern_lengths[registration->size]++;
    smew__intake_changed(bus);
    return true;
}

void smew__intake_changed(struct smew_bus *bus)
{
    atomic_fetch_add_explicit(&bus->registered, 1, memory_order_relaxed);
}

static bool is_for(const struct smew_message *message,
                   const struct smew__registration *registration, struct smew__text id)
{
    struct smew__text target = message->envelope.target;
    bool pattern = id.size && id.data[id.size - 1] == '*';
    size_t size = id.size - pattern;

    return message->delivery.registration == registration &&
           (pattern ? target.size >= size : target.size == size) &&
           memcmp(target.data, id.data, size) == 0;
}

/*
 * Refuses what is queued of a registration for an id, or a pattern.  In two steps: completing a
 * message may answer a handover, and so end another delivery than the one at hand.
 */
static size_t refuse_queued(struct smew_bus *bus, const struct smew__registration *registration,
                            struct smew__text id)
{
    struct smew__list refused;
    struct smew__list *first;
    size_t count = 0;

    smew__list_init(&refused);
    if (registration->references == 1)
        return 0; /* no delivery refers to it: 100,000 ids end without 100,000 walks */
    SMEW_LIST_EACH_SAFE (link, &bus->deliveries) {
        struct smew_message *message = SMEW_CONTAINER(link, struct smew_message, delivery.link);

        if (message->delivery.queued && is_for(message, registration, id)) {
            smew__list_remove(link);
            smew__list_append(&refused, link);
        }
    }
    while ((first = smew__list_take(&refused)) != NULL) {
        smew__intake_complete(SMEW_CONTAINER(first, struct smew_message, delivery.link),
                              SMEW_NO_MACHINE);
        count++;
    }
    return count;
}

size_t smew__registration_remove(struct smew_bus *bus, struct smew__registration *registration)
{
    size_t refused;

    registration->ending = true;
    smew__intake_changed(bus);
    smew__table_remove(&bus->registrations, registration->id, registration->size);
    if (registration->pattern)
        bus->pattern_lengths[registration->size]--;
    refused = refuse_queued(bus, registration, (struct smew__text){"*", 1});
    smew__registration_unref(registration);
    return refused;
}

struct smew__registration *smew__registration_find(struct smew_bus *bus, struct smew__text id)
{
    char pattern[SMEW_ID_MAX + 1];
    struct smew__registration *found = smew__table_get(&bus->registrations, id.data, id.size);

    if (found || id.size > SMEW_ID_MAX)
        return found;
    /* The longest prefix wins; a pattern's key is its prefix and the '*'. */
    for (size_t size = id.size < SMEW_ID_MAX ? id.size + 1 : SMEW_ID_MAX; !found && size; size--) {
        if (!bus->pattern_lengths[size])
            continue;
        memcpy(pattern, id.data, size - 1);
        pattern[size - 1] = '*';
        found = smew__table_get(&bus->registrations, pattern, size);
    }
    return found;
}

/* ---- admission ----------------------------------------------------------------------- */

static void refer(struct smew_message *message, struct smew__registration *registration)
{
    message->delivery.registration = registration;
    if (registration)
        registration->references++;
}

/* Hands an admitted message to whom it is for. */
static void dispatch(struct smew_bus *bus, struct smew_message *message)
{
    struct smew__registration *registration = message->delivery.registration;

    bus->stats.delivered++;
    if (!registration) {
        smew__serve(bus, message);
    } else if (registration->sunk) {
        message->delivery.held = true; /* and referred to, until the sink completes it */
        registration->sink.deliver(message, registration->sink.user);
    } else {
        message->delivery.queued = true;
        smew__due_post(bus, &message->delivery.due, smew__handler_run);
    }
}

/* Who takes this envelope?  OK with NULL: the node itself. */
static enum smew_status find_taker(struct smew_bus *bus, const struct smew__envelope *envelope,
                                   struct smew__registration **taker)
{
    struct smew__text target = envelope->target;

    *taker = NULL;
    if (envelope->deadline_ns && smew_now_ns() >= envelope->deadline_ns)
        return SMEW_EXPIRED;
    if (target.size == strlen(bus->address) && memcmp(target.data, bus->address, target.size) == 0)
        return SMEW_OK;
    *taker = smew__registration_find(bus, target);
    if (!*taker || smew__handover_gone(bus, *taker, target))
        return SMEW_NO_MACHINE;
    return SMEW_OK;
}

/* The same for what this node sends to itself: a route remembers. */
static enum smew_status find_own_taker(struct smew_bus *bus, struct smew__parcel *parcel,
                                       struct smew__registration **taker)
{
    const struct smew__envelope *envelope = &parcel->message->envelope;
    uint64_t registered = atomic_load_explicit(&bus->registered, memory_order_relaxed);
    struct smew__route *route = parcel->route;
    enum smew_status status;

    if (route && route->taker && route->registered == registered && !envelope->deadline_ns) {
        *taker = route->taker;
        return SMEW_OK;
    }
    status = find_taker(bus, envelope, taker);
    if (!status && route) {
        /* What is handed over may be taken back without a word: it is asked for each time. */
        route->taker = *taker && (*taker)->released.count == 0 ? *taker : NULL;
        route->registered = registered;
    }
    return status;
}

/* `shared`: the sender keeps its reference. */
static void begin(struct smew_bus *bus, struct smew_message *message,
                  struct smew__registration *taker, bool shared)
{
    bool sunk = taker && taker->sunk;

    if (shared || sunk)
        smew__message_refs(message, (unsigned)shared + (unsigned)sunk);
    message->delivery.bus = bus;
    atomic_store_explicit(&message->delivery.unsettled, 1, memory_order_relaxed);
    refer(message, taker);
    smew__list_append(&bus->deliveries, &message->delivery.link);
}

enum smew_status smew__intake_admit(struct smew_bus *bus, struct smew__sender *sender,
                                    const struct smew__envelope *envelope, uint64_t position)
{
    struct smew__registration *taker;
    struct smew__entry *entry;
    struct smew_message *message;
    enum smew_status status;

    status = find_taker(bus, envelope, &taker);
    if (status)
        return status;
    message = smew__message_create(envelope);
    if (!message)
        return SMEW_NO_MEMORY;
    entry = smew__sender_admit(sender, envelope->id, position);
    if (!entry) {
        smew__message_unref(message);
        return SMEW_LIMIT;
    }
    message->delivery.sender = sender;
    message->delivery.entry = (uint32_t)(entry - sender->entries);
    begin(bus, message, taker, false);
    dispatch(bus, message);
    return SMEW_OK;
}

enum smew_status smew__intake_admit_lane(struct smew__lane_in *lane, uint64_t number,
                                         struct smew_message *message)
{
    struct smew_bus *bus = lane->bus;
    struct smew__registration *taker;
    enum smew_status status = find_taker(bus, &message->envelope, &taker);

    if (status)
        return status;
    message->delivery.sender = lane->sender;
    message->delivery.lane = lane;
    message->delivery.number = number;
    begin(bus, message, taker, false);
    dispatch(bus, message);
    return SMEW_OK;
}

void smew__intake_adopt(struct smew__lane_in *lane, uint64_t number, struct smew_message *message)
{
    struct smew__registration *taker = smew__registration_find(lane->bus, message->envelope.target);
    struct smew__delivery *delivery = &message->delivery;

    delivery->sender = lane->sender;
    delivery->lane = lane;
    delivery->number = number;
    delivery->held = false;
    /* One with a sink is another one by now. */
    begin(lane->bus, message, taker && taker->sunk ? NULL : taker, false);
}

void smew__intake_find_handler(struct smew_bus *bus, struct smew__text target,
                               smew_handler_fn *handler, void **user)
{
    const struct smew__envelope envelope = {.target = target};
    struct smew__registration *taker;

    *handler = NULL;
    if (find_taker(bus, &envelope, &taker) || !taker || taker->sunk)
        return;
    *handler = taker->handler;
    *user = taker->user;
}

enum smew_status smew__intake_admit_own(struct smew_bus *bus, struct smew__parcel *parcel)
{
    struct smew_message *message = parcel->message;
    struct smew__registration *taker;
    enum smew_status status;

    if (message->envelope.kind == SMEW_KIND_REPLY) {
        smew__request_answer(bus, &message->envelope);
        smew__parcel_finish(bus, parcel, SMEW_OK);
        return SMEW_OK;
    }
    status = find_own_taker(bus, parcel, &taker);
    if (status)
        return status;
    message->delivery.parcel = parcel;
    message->delivery.result = SMEW_OK;
    message->delivery.held = false;
    message->delivery.replied = false;
    begin(bus, message, taker, true);
    dispatch(bus, message);
    return SMEW_OK;
}

/* ---- completion ---------------------------------------------------------------------- */

void smew__intake_complete(struct smew_message *message, enum smew_status status)
{
    struct smew__delivery *delivery = &message->delivery;
    struct smew_bus *bus = delivery->bus;
    struct smew__parcel *parcel = delivery->parcel;

    smew__list_remove(&delivery->link);
    smew__list_remove(&delivery->due.link);
    delivery->queued = false;
    delivery->bus = NULL;
    delivery->parcel = NULL;
    if (parcel)
        smew__parcel_answered(bus, parcel, status);
    else if (delivery->lane)
        smew__lane_in_complete(delivery->lane, delivery->number, message->envelope.target, status);
    else
        smew__sender_complete(delivery->sender, delivery->entry, message->envelope.target, status);
    smew__handover_check(bus, message);
    smew__registration_unref(delivery->registration);
    delivery->registration = NULL;
    smew__bus_tell(bus);
    smew__message_stock_unref(&bus->stock, message);
}

void smew__intake_settle(struct smew_message *message)
{
    struct smew__delivery *delivery = &message->delivery;

    /* Acquire pairs with the others' release; the last one sees that it is. */
    if (atomic_load_explicit(&delivery->unsettled, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&delivery->unsettled, 1, memory_order_acq_rel) == 1)
        smew__intake_complete(message, delivery->result);
}

/* ---- looking ------------------------------------------------------------------------- */

bool smew__intake_busy(struct smew_bus *bus, const struct smew__registration *registration,
                       struct smew__text id)
{
    bus->run.asked_for = bus->run.lane;
    if (bus->run.lane)
        return true;
    SMEW_LIST_EACH (link, &bus->deliveries) {
        if (is_for(SMEW_CONTAINER(link, struct smew_message, delivery.link), registration, id))
            return true;
    }
    return false;
}

void smew__intake_refuse(struct smew_bus *bus, const struct smew__registration *registration,
                         struct smew__text id)
{
    (void)refuse_queued(bus, registration, id);
}
