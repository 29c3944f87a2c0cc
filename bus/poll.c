/* SPDX-License-Identifier: MIT */
/*
 * Polling.  The fd is an eventfd that is readable while `due` is not empty (or somebody woke the
 * poller), so a program's own loop sees the same as smew_bus_poll().  `rung` says that it is, so
 * that it is neither written nor read more often than that changes; what the poller itself finds in
 * its lanes makes it readable only if it stays behind.
 *
 *    from             to
 *    QUIET            RUNG     somebody rings: writes the fd
 *    RUNG             QUIET    nothing is due: the poller drains it
 *    QUIET            ASLEEP   the poller goes to sleep on the words of its lanes, and on this one
 *    ASLEEP, TIMING   RUNG     somebody rings: wakes the word, and leaves the fd alone
 *    ASLEEP           TIMING   the guard (lane_turn.h) goes: wakes the word
 *    TIMING           ASLEEP   the poller sleeps on, with its deadline
 *    any              QUIET    the poller that was ASLEEP is awake, and has seen who rang
 *
 * The last is an exchange, so that the poller sees what was done before any ring.
 *
 * While the outbox is full, deliveries stay in the list and only the rest runs; the eventfd is
 * drained meanwhile, so that a loop does not spin, and signalled again when the outbox has room.
 */

#include "bus/poll.h"

#include "base/clock.h"
#include "base/os/fd.h"
#include "bus/handler.h"
#include "bus/intake.h"
#include "bus/lane_in.h"
#include "bus/lane_turn.h"
#include "bus/loop_turn.h"
#include "bus/outbox.h"

/* What `rung` says. */
enum { QUIET, RUNG, ASLEEP, TIMING };

enum { FAR_MS = 20 }; /* a deadline that the guard (lane_turn.h) comes before, twice */

/*
 * Any thread, with or without the lock; safe in a signal handler.  All of it is sequentially
 * consistent: who finds it rung, and so does not write, did before that what the poller looks for
 * after quieten().
 */
static void ring(struct smew_bus *bus)
{
    uint32_t before = atomic_exchange(&bus->rung, RUNG);

    if (before == ASLEEP) /* one that is TIMING is being woken */
        smew__futex_wake_own(&bus->rung);
    else if (before == QUIET)
        smew__eventfd_signal(bus->wake_fd);
}

bool smew__poll_times_itself(struct smew_bus *bus)
{
    uint32_t asleep = ASLEEP;

    if (!atomic_compare_exchange_strong(&bus->rung, &asleep, TIMING))
        return false;
    smew__futex_wake_own(&bus->rung);
    return true;
}

/*
 * May there be something to run, or the fd to be drained?  Who wakes says that it is rung before it
 * is, and may be late: so where the program waits on the fd itself it is drained each time, and
 * smew_bus_poll() believes the fd, not the word.
 */
bool smew__poll_may_be_due(struct smew_bus *bus)
{
    return atomic_load_explicit(&bus->any_due, memory_order_relaxed) ||
           atomic_load_explicit(&bus->rung, memory_order_relaxed) != QUIET ||
           atomic_load_explicit(&bus->turns.own_loop, memory_order_relaxed);
}

/* Drained before it is said: a ring in between is of somebody who is seen below. */
static void quieten(struct smew_bus *bus)
{
    if (atomic_load(&bus->rung) == QUIET &&
        !atomic_load_explicit(&bus->turns.own_loop, memory_order_relaxed))
        return;
    smew__eventfd_drain(bus->wake_fd);
    atomic_store(&bus->rung, QUIET);
}

void smew__due_post(struct smew_bus *bus, struct smew__due *due,
                    void (*run)(struct smew_bus *bus, struct smew__due *due))
{
    due->run = run;
    smew__list_append(&bus->due, &due->link);
    atomic_store_explicit(&bus->any_due, true, memory_order_relaxed);
    /* While the intake rests the fd is drained though deliveries are in the list. */
    if (!bus->gathering && !smew__loop_polls(bus))
        ring(bus);
}

void smew__poll_again(struct smew_bus *bus)
{
    atomic_store_explicit(&bus->any_due, true, memory_order_relaxed);
    ring(bus);
}

void smew__due_drop(struct smew_bus *bus)
{
    struct smew__list *link;

    while ((link = smew__list_take(&bus->due)) != NULL) {
        struct smew__due *due = SMEW_CONTAINER(link, struct smew__due, link);

        due->run(NULL, due);
    }
}

void smew__poll_rung(struct smew_bus *bus)
{
    atomic_store(&bus->rung, RUNG);
}

bool smew__poll_is_mine(struct smew_bus *bus)
{
    return atomic_load_explicit(&bus->poller, memory_order_relaxed) == smew__thread_self();
}

/* The delivery that it is, or NULL. */
static struct smew_message *delivery_of(struct smew__due *due)
{
    if (due->run != smew__handler_run)
        return NULL;
    return SMEW_CONTAINER(due, struct smew_message, delivery.due);
}

/* The first thing that may run now; NULL drains the fd.  With the lock held. */
static struct smew__due *take(struct smew_bus *bus)
{
    struct smew__due *found = NULL;
    bool paused = smew__outbox_pauses(bus);

    SMEW_LIST_EACH (link, &bus->due) {
        struct smew__due *due = SMEW_CONTAINER(link, struct smew__due, link);

        if (paused && delivery_of(due))
            continue;
        found = due;
        break;
    }
    if (found) {
        smew__list_remove(&found->link);
    } else {
        /* Set again by who posts, under the same lock. */
        atomic_store_explicit(&bus->any_due, false, memory_order_relaxed);
        quieten(bus);
        smew__lanes_tell(bus);
    }
    return found;
}

/*
 * With the lock held, which is given back while it runs.  False: it forked, and this is the child,
 * in which nobody may know who held which lock.
 */
static bool run_one(struct smew_bus *bus, struct smew__due *due)
{
    struct smew_message *message = delivery_of(due);

    if (message)
        message->delivery.queued = false;
    smew__bus_unlock(bus);
    due->run(bus, due);
    if (!smew__bus_ours(bus))
        return false;
    smew__bus_lock(bus);
    if (message) /* not before: whoever holds it may be done long since */
        smew__intake_settle(message);
    return true;
}

static size_t run_due(struct smew_bus *bus, size_t most)
{
    struct smew__due *due;
    size_t count = 0;

    if (!smew__poll_may_be_due(bus))
        return 0;
    smew__bus_lock(bus);
    bus->running = true;
    for (; (most == 0 || count < most) && (due = take(bus)) != NULL; count++) {
        if (!run_one(bus, due))
            return count + 1;
    }
    bus->running = false;
    smew__bus_unlock(bus);
    return count;
}

void smew__poll_rest(struct smew_bus *bus)
{
    (void)run_due(bus, 0);
}

/* What stays behind makes the fd readable. */
static void leave(struct smew_bus *bus)
{
    if (!atomic_load_explicit(&bus->any_due, memory_order_relaxed))
        return;
    smew__bus_lock(bus);
    if (!smew__list_empty(&bus->due))
        ring(bus);
    smew__lanes_tell(bus);
    smew__bus_unlock(bus);
}

/*
 * Until a lane's word is rung, or the node's.  Whoever has rung before is seen here.  A timer of
 * the kernel's costs as much as a fifth of the sleep, so where the guard is awake and the deadline
 * far there is none, until the guard finds that nothing comes.
 */
static void sleep_on_words(struct smew_bus *bus, uint64_t now_ns, uint64_t deadline_ns)
{
    bool guarded = bus->turns.guarded && deadline_ns - now_ns > FAR_MS * SMEW_NS_PER_MS;
    uint32_t word = QUIET;

    if (atomic_compare_exchange_strong(&bus->rung, &word, ASLEEP)) {
        smew__lanes_sleep(bus, &bus->rung, ASLEEP, guarded ? SMEW_NEVER_NS : deadline_ns);
        word = TIMING;
        if (atomic_compare_exchange_strong(&bus->rung, &word, ASLEEP))
            smew__lanes_sleep(bus, &bus->rung, ASLEEP, deadline_ns);
        (void)atomic_exchange(&bus->rung, QUIET);
    }
    smew__lanes_wake(bus);
}

/* OK: look again, the deadline too; TIMEOUT. */
static enum smew_status sleep_until(struct smew_bus *bus, uint64_t now_ns, uint64_t deadline_ns)
{
    switch (smew__lanes_rest(bus)) {
    case SMEW__REST_NOT:
        break;
    case SMEW__REST_ON_WORDS:
        sleep_on_words(bus, now_ns, deadline_ns);
        break;
    case SMEW__REST_ON_FD:
        return smew__loop_rest(bus, deadline_ns);
    }
    return SMEW_OK;
}

/*
 * Nothing is due: runs what is in lanes, or waits.  OK: something ran, or look again; TIMEOUT: the
 * deadline has passed.
 */
static enum smew_status await(struct smew_bus *bus, uint64_t deadline_ns, size_t most, size_t *ran)
{
    bool found = smew__lanes_poll(bus, most, ran) > 0;
    uint64_t now_ns;

    if (found)
        smew__spin_paid(&bus->spin);
    if (*ran || (found && smew__poll_may_be_due(bus)))
        return SMEW_OK;
    now_ns = deadline_ns ? smew_now_ns() : 0;
    if (now_ns >= deadline_ns)
        return SMEW_TIMEOUT;
    if (found) /* what came was for others than handlers */
        return SMEW_OK;
    if (smew__lanes_use_poll(bus) && smew__spin_goes_on(&bus->spin, now_ns)) {
        smew__spin_pause();
        return SMEW_OK;
    }
    return sleep_until(bus, now_ns, deadline_ns);
}

/* Once for each smew_bus_wake(), or several. */
static bool was_woken(struct smew_bus *bus)
{
    /* Sequentially consistent, as quieten(): who found it rung before that writes no fd. */
    return atomic_load(&bus->woken) && atomic_exchange(&bus->woken, false);
}

enum smew_status smew_bus_poll(struct smew_bus *bus, uint32_t timeout_ms, size_t most)
{
    uint64_t deadline_ns = timeout_ms ? smew__deadline_ns(timeout_ms) : 0;
    enum smew_status status = SMEW_OK;
    size_t count = 0;

    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    if (smew__handler_current())
        return SMEW_WOULD_DEADLOCK;
    if (atomic_exchange(&bus->polling, true))
        return SMEW_BUSY;
    atomic_store_explicit(&bus->poller, smew__thread_self(), memory_order_relaxed);
    smew__spin_begin(&bus->spin);
    while (!status && count == 0) {
        count = run_due(bus, most);
        if (was_woken(bus) || count)
            break;
        status = await(bus, deadline_ns, most, &count);
    }
    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    leave(bus);
    smew__loop_leave(bus);
    /* Release pairs with the exchange of the next thread that polls. */
    atomic_store_explicit(&bus->polling, false, memory_order_release);
    return count ? SMEW_OK : SMEW_TIMEOUT;
}

int smew_bus_fd(const struct smew_bus *bus)
{
    struct smew_bus *own = (struct smew_bus *)(uintptr_t)bus;

    atomic_store_explicit(&own->turns.own_loop, true, memory_order_relaxed);
    return bus->wake_fd;
}

void smew_bus_wake(struct smew_bus *bus)
{
    if (!smew__bus_ours(bus))
        return; /* the parent's fd, too */
    atomic_store(&bus->woken, true);
    ring(bus);
}
