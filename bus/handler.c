/* SPDX-License-Identifier: MIT */
/*
 * Handlers: entering, leaving, holding, completing.
 *
 * The context is the thread's own and needs no lock.  A handler that calls another bus of the
 * program is inside a handler there too: its sends wait for nothing anywhere.
 */

#include "bus/handler.h"

#include "base/clock.h"
#include "bus/intake.h"
#include "bus/lane_run.h"
#include "bus/outbox.h"
#include "bus/service.h"
#include "bus/speaker.h"

_Thread_local struct smew__handler_context smew__handling;

void smew__handler_enter(struct smew_bus *bus, struct smew_message *message)
{
    smew__handling.bus = bus;
    smew__handling.message = message;
    smew__handling.cause = message;
    smew__handling.sunk = false;
    smew__handling.speaker = NULL;
    smew__list_init(&smew__handling.sends);
}

struct smew__handler_context *smew__handler_prepare(void)
{
    smew__handler_enter(NULL, NULL);
    return &smew__handling;
}

bool smew__handler_keep(struct smew__handler_context *handler)
{
    if (handler->message && !handler->cause)
        handler->cause = smew__lane_run_keep(handler->bus);
    return !handler->message || handler->cause;
}

static void commit(struct smew_bus *bus)
{
    if (smew__handling.speaker)
        smew__speaker_commit(smew__handling.speaker);
    if (smew__list_empty(&smew__handling.sends))
        return;
    smew__bus_lock(bus);
    smew__outbox_commit(bus, &smew__handling.sends);
    smew__bus_unlock(bus);
}

void smew__handler_leave(struct smew_bus *bus)
{
    /* A child that the handler forked commits nothing. */
    if ((smew__handling.speaker || !smew__list_empty(&smew__handling.sends)) && smew__bus_ours(bus))
        commit(bus);
    smew__handling.bus = NULL;
    smew__handling.message = NULL;
}

void smew__bus_enter(struct smew_bus *bus, struct smew_message *message)
{
    /* Relaxed: it is for a while only that a full outbox holds us, and the lock says since when. */
    if (atomic_load_explicit(&bus->outbox_full, memory_order_relaxed)) {
        smew__bus_lock(bus);
        while (smew__outbox_pauses(bus) && smew__bus_wait(bus, smew__outbox_resumes_ns(bus)))
            ;
        smew__bus_unlock(bus);
    }
    smew__handler_enter(bus, message);
    smew__handling.sunk = true;
}

void smew__bus_leave(struct smew_bus *bus)
{
    smew__handler_leave(bus);
}

bool smew__bus_inside(void)
{
    return smew__handling.bus != NULL;
}

/* True when the message's own deadline has passed: its handler does not see it. */
static bool expired(const struct smew_message *message)
{
    uint64_t deadline_ns = message->envelope.deadline_ns;

    return deadline_ns && smew_now_ns() >= deadline_ns;
}

void smew__handler_run(struct smew_bus *bus, struct smew__due *due)
{
    struct smew_message *message = SMEW_CONTAINER(due, struct smew_message, delivery.due);
    struct smew__registration *registration = message->delivery.registration;

    if (!bus)
        return; /* closing: the intake gives it back */
    if (expired(message)) {
        message->delivery.result = SMEW_EXPIRED;
    } else {
        smew__handler_enter(bus, message);
        registration->handler(bus, message, registration->user);
        smew__handler_leave(bus);
    }
}

struct smew_message *smew_message_hold(const struct smew_message *message)
{
    struct smew_message *held;

    if (!smew__handling.bus || !message || smew__handling.message != message ||
        !smew__bus_ours(smew__handling.bus) || !smew__handler_keep(&smew__handling) ||
        smew__handling.cause->delivery.held)
        return NULL;
    held = smew__handling.cause;
    smew__message_ref(held);
    atomic_fetch_add_explicit(&held->delivery.unsettled, 1, memory_order_relaxed);
    held->delivery.held = true;
    atomic_fetch_add_explicit(&smew__handling.bus->held, 1, memory_order_relaxed);
    return held;
}

/* A number that is no status would not get through the codec: it is a refusal without a reason. */
static enum smew_status checked(enum smew_status result)
{
    switch (result) {
#define KNOWN(name, code, text) case SMEW_##name:
        SMEW_STATUS_LIST(KNOWN)
#undef KNOWN
        return result;
    default:
        return SMEW_REJECTED;
    }
}

void smew_message_complete(struct smew_message *message, enum smew_status result)
{
    struct smew_bus *bus = message ? message->delivery.bus : NULL;

    if (bus && smew__bus_ours(bus)) {
        smew__bus_lock(bus);
        message->delivery.result = checked(result);
        if (!message->delivery.registration || !message->delivery.registration->sunk)
            atomic_fetch_sub_explicit(&bus->held, 1, memory_order_relaxed);
        smew__intake_settle(message);
        smew__bus_unlock(bus);
    }
    smew__message_unref(message);
}

void smew_message_reject(const struct smew_message *message)
{
    if (smew__handling.message != message || !message)
        return;
    smew__handling.message->delivery.result = SMEW_REJECTED;
    if (smew__handling.cause)
        smew__handling.cause->delivery.result = SMEW_REJECTED;
}
