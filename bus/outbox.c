/* SPDX-License-Identifier: MIT */
/*
 * The outbox.  A handler of one node may send through another node of the same program; its cause
 * then belongs to the other node, whose lock may not be taken under ours: it is put on `settled`,
 * and the service thread tells it with no lock held.
 */

#include "bus/outbox.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "bus/done.h"
#include "bus/handler.h"
#include "bus/intake.h"
#include "bus/letter.h"
#include "bus/parcel.h"
#include "bus/peer.h"
#include "bus/poll.h"
#include "bus/request.h"
#include "bus/send.h"
#include "bus/service.h"

/* A cause on another node that is to be told; made with the send, so that telling cannot fail. */
struct smew__settled {
    struct smew__list link;
    struct smew_message *cause;
    struct smew_bus *bus; /* the cause's, for the list of siblings only: it may be closed */
    uint64_t incarnation;
};

static bool full(const struct smew_bus *bus)
{
    return bus->outbox_count >= bus->options.outbox;
}

static void on_resume(struct smew_bus *bus, struct smew__timer *timer)
{
    (void)timer;
    smew__bus_tell(bus);
    smew__poll_again(bus);
}

void smew__outbox_attach(struct smew__parcel *parcel, struct smew_message *cause)
{
    parcel->waited_ns = smew_now_ns();
    parcel->cause = cause;
    if (!cause)
        return;
    smew__message_ref(cause);
    atomic_fetch_add_explicit(&cause->delivery.unsettled, 1, memory_order_relaxed);
}

enum smew_status smew__outbox_reserve(struct smew_bus *bus, struct smew__parcel *parcel,
                                      struct smew__handler_context *context)
{
    if (full(bus)) {
        bus->stats.refused++;
        return SMEW_FULL;
    }
    if (context->cause && context->bus != bus) {
        parcel->settled = smew__alloc(sizeof(*parcel->settled));
        if (!parcel->settled)
            return SMEW_NO_MEMORY;
        parcel->settled->bus = context->bus;
        parcel->settled->incarnation = context->bus->incarnation;
    }
    smew__outbox_attach(parcel, context->cause);
    bus->outbox_count++;
    if (full(bus)) {
        atomic_store_explicit(&bus->outbox_full, true, memory_order_relaxed);
        bus->outbox_full_ns = smew_now_ns();
        bus->outbox_timer.run = on_resume;
        (void)smew__timer_set(bus, &bus->outbox_timer, smew__outbox_resumes_ns(bus));
    }
    return SMEW_OK;
}

uint64_t smew__outbox_resumes_ns(const struct smew_bus *bus)
{
    return bus->outbox_full_ns + bus->options.outbox_wait_ms * SMEW_NS_PER_MS;
}

bool smew__outbox_pauses(struct smew_bus *bus)
{
    return full(bus) && smew_now_ns() < smew__outbox_resumes_ns(bus);
}

void smew__outbox_commit(struct smew_bus *bus, struct smew__list *sends)
{
    struct smew__list *link;

    while ((link = smew__list_take(sends)) != NULL)
        smew__list_append(&bus->outbox, link);
    bus->follow_up |= SMEW__FOLLOW_OUTBOX;
}

void smew__outbox_settle(struct smew_bus *bus, struct smew__parcel *parcel)
{
    struct smew_message *cause = parcel->cause;
    struct smew__settled *elsewhere = parcel->settled;

    parcel->cause = NULL;
    parcel->settled = NULL;
    if (!cause)
        return;
    if (!elsewhere) {
        if (cause->delivery.bus) /* else the bus is closing, and let go of it */
            smew__intake_settle(cause);
        smew__message_unref(cause);
        return;
    }
    elsewhere->cause = cause;
    smew__list_append(&bus->settled, &elsewhere->link);
    smew__service_kick(bus);
}

/* Sends that wait to be committed, in a window; they are in the order of their waiting. */
static void settle_late(struct smew__peer *peer, uint64_t since_ns)
{
    SMEW_LIST_EACH (link, &peer->window.parcels) {
        struct smew__parcel *parcel = SMEW_CONTAINER(link, struct smew__parcel, link);

        if (parcel->cause && parcel->waited_ns < since_ns)
            smew__outbox_settle(peer->bus, parcel);
    }
}

void smew__outbox_look(struct smew_bus *bus)
{
    struct smew__peer *peer;
    size_t cursor = 0;
    uint64_t wait_ns = bus->options.outbox_wait_ms * SMEW_NS_PER_MS;
    uint64_t now_ns = smew_now_ns();

    if (full(bus) && !smew__outbox_pauses(bus))
        on_resume(bus, &bus->outbox_timer); /* there was no memory for the timer */
    SMEW_LIST_EACH (link, &bus->outbox) {
        struct smew__parcel *parcel = SMEW_CONTAINER(link, struct smew__parcel, link);

        if (now_ns < parcel->waited_ns + wait_ns)
            break; /* those behind it are younger */
        smew__outbox_settle(bus, parcel);
    }
    while ((peer = smew__table_next(&bus->peers, &cursor)) != NULL)
        settle_late(peer, now_ns - wait_ns);
}

/* With the lock of the cause's node held. */
static void settle(struct smew_bus *bus, void *cause)
{
    if (((struct smew_message *)cause)->delivery.bus == bus) /* else it is closing, and let go */
        smew__intake_settle(cause);
}

static void tell(struct smew__list *link)
{
    struct smew__settled *settled = SMEW_CONTAINER(link, struct smew__settled, link);

    smew__sibling_visit(settled->bus, settled->incarnation, settle, settled->cause);
    smew__message_unref(settled->cause);
    smew__free(settled);
}

void smew__outbox_tell(struct smew_bus *bus)
{
    struct smew__list *link;

    do {
        smew__bus_lock(bus);
        link = smew__list_take(&bus->settled);
        smew__bus_unlock(bus);
        if (link)
            tell(link);
    } while (link);
}

/* A parcel leaves the outbox, into a window or to its end. */
static void leave(struct smew_bus *bus, struct smew__parcel *parcel)
{
    smew__list_remove(&parcel->link);
    if (parcel->route)
        parcel->route->outbox--;
    if (parcel->overflow) {
        bus->stats.overflow--;
    } else {
        if (full(bus)) { /* there is room again */
            smew__timer_cancel(bus, &bus->outbox_timer);
            on_resume(bus, &bus->outbox_timer);
        }
        bus->outbox_count--;
        atomic_store_explicit(&bus->outbox_full, false, memory_order_relaxed);
    }
    smew__behind_drop(&parcel->behind);
}

/* Where a parcel may go now: OK, FULL (later), or why never. */
static enum smew_status find_window(struct smew_bus *bus, struct smew__parcel *parcel,
                                    struct smew__peer **peer)
{
    enum smew_status status;

    if (!parcel->route) {
        status = smew__peer_get(bus, parcel->node, peer);
    } else {
        status = smew__route_resolve(bus, parcel->route);
        *peer = parcel->route->peer;
        if (!status && !smew__route_clear(parcel->route))
            return SMEW_FULL;
    }
    if (!status && !smew__behind_clear(&parcel->behind))
        return SMEW_FULL;
    if (!status && !smew__window_room(&(*peer)->window, parcel->message->envelope.payload_size))
        return SMEW_FULL;
    return status;
}

/*
 * One pass in order.  A route whose parcel has to stay is marked, and what follows on it stays
 * too: `stuck` is shared with limbo's passes, whose numbers it takes.
 */
void smew__outbox_pump(struct smew_bus *bus)
{
    bus->limbo_pass++;
    SMEW_LIST_EACH_SAFE (link, &bus->outbox) {
        struct smew__parcel *parcel = SMEW_CONTAINER(link, struct smew__parcel, link);
        struct smew__peer *peer = NULL;
        enum smew_status status;

        if (parcel->route && parcel->route->stuck == bus->limbo_pass)
            continue;
        status = find_window(bus, parcel, &peer);
        if (status == SMEW_FULL) {
            if (parcel->route)
                parcel->route->stuck = bus->limbo_pass;
            continue;
        }
        leave(bus, parcel);
        if (parcel->overflow && !status)
            smew__letter_accepted(bus, parcel->message);
        if (status || !smew__parcel_is_committed_later(peer))
            smew__outbox_settle(bus, parcel);
        smew__parcel_accept(bus, parcel, status ? NULL : peer);
        if (status)
            smew__parcel_finish(bus, parcel, status);
    }
    if (!smew__list_empty(&bus->outbox))
        (void)smew__done_want(bus); /* room, and whatever else they stay for */
}

/* ---- overflow ------------------------------------------------------------------------ */

/* The oldest message that was kept never gets accepted. */
static void drop_oldest(struct smew_bus *bus)
{
    SMEW_LIST_EACH (link, &bus->outbox) {
        struct smew__parcel *parcel = SMEW_CONTAINER(link, struct smew__parcel, link);

        if (!parcel->overflow)
            continue;
        leave(bus, parcel);
        if (parcel->message->envelope.kind == SMEW_KIND_REQUEST)
            smew__request_fail(bus, parcel->message->envelope.correlation, SMEW_FULL);
        smew__letter_post(bus, parcel->message, SMEW_FULL);
        smew__parcel_discard(bus, parcel);
        return;
    }
}

enum smew_status smew__overflow_put(struct smew_bus *bus, struct smew__parcel *parcel,
                                    enum smew_on_full on_full)
{
    if (bus->stats.overflow >= bus->options.overflow) {
        bus->stats.overflow_dropped++;
        if (on_full == SMEW_ON_FULL_KEEP_OLDEST)
            return SMEW_FULL;
        drop_oldest(bus);
    }
    parcel->overflow = true;
    parcel->waited_ns = smew_now_ns();
    if (parcel->route)
        parcel->route->outbox++;
    smew__list_append(&bus->outbox, &parcel->link);
    bus->stats.overflow++;
    bus->stats.overflow_queued++;
    return SMEW_QUEUED;
}

size_t smew__outbox_drop(struct smew_bus *bus)
{
    size_t count = 0;

    SMEW_LIST_EACH_SAFE (link, &bus->outbox) {
        struct smew__parcel *parcel = SMEW_CONTAINER(link, struct smew__parcel, link);

        leave(bus, parcel);
        smew__outbox_settle(bus, parcel);
        smew__parcel_accept(bus, parcel, NULL);
        smew__parcel_finish(bus, parcel, SMEW_CLOSED);
        count++;
    }
    return count;
}
