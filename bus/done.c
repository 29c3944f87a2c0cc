/* SPDX-License-Identifier: MIT */
/*
 * Completions that gather.  Only what nobody can be waiting for somewhere else gathers: an event
 * that this node sent to itself, and that went well.  A sender of another process is told by an
 * acknowledgement of its own, and a request's failure by its callback; those are not kept.
 *
 * Failure modes: none of its own; nothing here allocates.
 */

#include "bus/done.h"

#include "bus/intake.h"
#include "bus/sink.h"

enum { MOST = 32 };

void smew__done_init(struct smew_bus *bus)
{
    smew__list_init(&bus->done.messages);
}

static bool may_gather(const struct smew_message *message, enum smew_status result)
{
    return !result && message->delivery.parcel && message->envelope.kind == SMEW_KIND_EVENT;
}

/* True: they are to be told now. */
static bool put(struct smew__done *done, struct smew_message *message)
{
    bool now;

    smew__spinlock_lock(&done->lock);
    smew__list_append(&done->messages, &message->delivery.due.link);
    now = ++done->count >= MOST || done->wanted;
    smew__spinlock_unlock(&done->lock);
    return now;
}

/* Ends a message for its sink, which gives up its reference.  With the node's lock held. */
static void end(struct smew_message *message)
{
    const unsigned all = 3; /* parcel, intake, sink: theirs change under this lock */

    if (message->delivery.parcel &&
        atomic_load_explicit(&message->references, memory_order_acquire) == all) {
        /* Nobody else is there to see it go. */
        atomic_store_explicit(&message->references, all - 1, memory_order_relaxed);
        smew__intake_settle(message);
    } else {
        smew__intake_settle(message);
        smew__message_unref(message);
    }
}

bool smew__sink_complete(struct smew_bus *bus, struct smew_message *message,
                         enum smew_status result)
{
    bool gathers = may_gather(message, result);

    /* Ours alone: whoever else settles a part of it only reads this, and not before the last. */
    message->delivery.result = result;
    if (gathers && !put(&bus->done, message))
        return false;
    smew__bus_lock(bus);
    (void)smew__done_take(bus);
    if (!gathers)
        end(message);
    smew__bus_unlock(bus);
    return true;
}

void smew__sink_tell(struct smew_bus *bus)
{
    smew__bus_lock(bus);
    (void)smew__done_take(bus);
    smew__bus_unlock(bus);
}

/* Takes what is there; who waits is told, and will say so again. */
static bool take(struct smew_bus *bus, bool want)
{
    struct smew__done *done = &bus->done;
    struct smew__list taken;
    struct smew__list *link;
    bool wanted;

    smew__list_init(&taken);
    smew__spinlock_lock(&done->lock);
    done->wanted |= want;
    wanted = done->wanted;
    if (done->count) {
        smew__list_move_all(&taken, &done->messages);
        done->count = 0;
        done->wanted = false;
    }
    smew__spinlock_unlock(&done->lock);
    if (smew__list_empty(&taken))
        return false;
    while ((link = smew__list_take(&taken)) != NULL)
        end(SMEW_CONTAINER(link, struct smew_message, delivery.due.link));
    if (wanted) { /* also where a message is not complete yet */
        smew__bus_tell(bus);
        /* What waits without a thread says so again, if it still does. */
        if (!smew__list_empty(&bus->outbox))
            bus->follow_up |= SMEW__FOLLOW_OUTBOX;
        if (!smew__list_empty(&bus->limbo))
            bus->follow_up |= SMEW__FOLLOW_LIMBO;
    }
    return true;
}

bool smew__done_take(struct smew_bus *bus)
{
    return take(bus, false);
}

bool smew__done_want(struct smew_bus *bus)
{
    return take(bus, true);
}
