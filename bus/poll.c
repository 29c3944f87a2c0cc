/* SPDX-License-Identifier: MIT */
/*
 * Polling.  The fd is an eventfd that is readable exactly while `due` is not empty (or somebody
 * woke the poller), so a program's own loop sees the same as smew_bus_poll().
 *
 * While the outbox is full, deliveries stay in the list and only the rest runs; the eventfd is
 * drained meanwhile, so that a loop does not spin, and signalled again when the outbox has room.
 */

#include "bus/poll.h"

#include <poll.h>

#include "base/clock.h"
#include "base/os/fd.h"
#include "bus/handler.h"
#include "bus/outbox.h"

void smew__due_post(struct smew_bus *bus, struct smew__due *due,
                    void (*run)(struct smew_bus *bus, struct smew__due *due))
{
    /* While the intake rests the fd is drained though deliveries are in the list. */
    bool silent = smew__list_empty(&bus->due) || smew__outbox_pauses(bus);

    due->run = run;
    smew__list_append(&bus->due, &due->link);
    if (silent)
        smew__eventfd_signal(bus->wake_fd);
}

void smew__due_drop(struct smew_bus *bus)
{
    struct smew__list *link;

    while ((link = smew__list_take(&bus->due)) != NULL) {
        struct smew__due *due = SMEW_CONTAINER(link, struct smew__due, link);

        due->run(NULL, due);
    }
}

bool smew__poll_is_mine(struct smew_bus *bus)
{
    return atomic_load_explicit(&bus->poller, memory_order_relaxed) == smew__thread_self();
}

/* The first thing that may run now; NULL drains the fd. */
static struct smew__due *take(struct smew_bus *bus)
{
    struct smew__due *found = NULL;
    bool paused;

    smew__bus_lock(bus);
    paused = smew__outbox_pauses(bus);
    SMEW_LIST_EACH (link, &bus->due) {
        struct smew__due *due = SMEW_CONTAINER(link, struct smew__due, link);

        if (paused && due->run == smew__handler_run)
            continue;
        found = due;
        break;
    }
    if (found) {
        smew__list_remove(&found->link);
        if (found->run == smew__handler_run)
            SMEW_CONTAINER(found, struct smew_message, delivery.due)->delivery.queued = false;
    } else {
        smew__eventfd_drain(bus->wake_fd);
    }
    smew__bus_unlock(bus);
    return found;
}

static size_t run_due(struct smew_bus *bus, size_t most)
{
    struct smew__due *due;
    size_t count = 0;

    while ((most == 0 || count < most) && (due = take(bus)) != NULL) {
        due->run(bus, due);
        count++;
    }
    return count;
}

void smew__poll_rest(struct smew_bus *bus)
{
    (void)run_due(bus, 0);
}

enum smew_status smew_bus_poll(struct smew_bus *bus, uint32_t timeout_ms, size_t most)
{
    uint64_t deadline_ns = smew__deadline_ns(timeout_ms);
    enum smew_status status = SMEW_OK;
    size_t count = 0;

    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    if (smew__handler_current())
        return SMEW_WOULD_DEADLOCK;
    if (atomic_exchange(&bus->polling, true))
        return SMEW_BUSY;
    atomic_store_explicit(&bus->poller, smew__thread_self(), memory_order_relaxed);
    while (!status && count == 0) {
        count = run_due(bus, most);
        if (atomic_exchange(&bus->woken, false) || count)
            break;
        status = smew__fd_wait(bus->wake_fd, POLLIN, deadline_ns);
    }
    atomic_store(&bus->polling, false);
    return count ? SMEW_OK : SMEW_TIMEOUT;
}

int smew_bus_fd(const struct smew_bus *bus)
{
    return bus->wake_fd;
}

void smew_bus_wake(struct smew_bus *bus)
{
    atomic_store(&bus->woken, true);
    smew__eventfd_signal(bus->wake_fd);
}
