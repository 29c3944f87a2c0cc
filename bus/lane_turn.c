/* SPDX-License-Identifier: MIT */
/*
 * Happy path: a busy poller takes the lanes, and reads them until they are empty for longer than it
 * spins; then it arms each of them, and sleeps.
 *
 * Failure modes: no memory for the guard's timer: the lanes stay SHARED.
 */

#include "bus/lane_turn.h"

#include "base/clock.h"
#include "bus/inbound.h"
#include "bus/lane_in.h"
#include "bus/lane_run.h"
#include "bus/service.h"

enum {
    TURN = 64, /* records of a lane before another one's turn */
    BUSY = 64,
    BUSY_NS = 640000, /* a message each 10 us: about what waking somebody takes */
    GUARD_MS = 5,
    THOROUGH = 16, /* one look in as many */
};

/* ---- taking and giving back ----------------------------------------------------------- */

/* With both locks held. */
static bool set_guard(struct smew_bus *bus)
{
    struct smew__lane_turns *turns = &bus->turns;

    turns->looks_seen = turns->looks;
    return smew__timer_set(bus, &turns->guard, smew__deadline_ns(GUARD_MS));
}

/* With `reading` held. */
static void take(struct smew_bus *bus)
{
    struct smew__lane_turns *turns = &bus->turns;

    smew__bus_lock(bus);
    /* One that is left from the last time will do. */
    turns->taken = turns->guard.link.place || set_guard(bus);
    smew__bus_unlock(bus);
}

/* On the service thread, with the node's lock held: so it may not wait for `reading`. */
static void on_guard(struct smew_bus *bus, struct smew__timer *timer)
{
    struct smew__lane_turns *turns = &bus->turns;

    if (!smew__biased_try(&turns->reading)) {
        smew__lanes_tell(bus);
        /* The poller is at it.  There is room for the timer: it has just left its place. */
        (void)smew__timer_set(bus, timer, smew__deadline_ns(GUARD_MS));
        return;
    }
    if (turns->taken && turns->looks - turns->looks_seen >= BUSY) {
        (void)set_guard(bus);
    } else if (turns->taken) {
        turns->taken = turns->ignored = false;
        smew__lane_run_stop(bus);
        smew__inbounds_look(bus);
    }
    smew__lanes_tell(bus);
    smew__biased_unlock(&turns->reading);
}

enum smew_status smew__lane_turns_init(struct smew__lane_turns *turns)
{
    turns->guard.run = on_guard;
    return smew__biased_init(&turns->reading);
}

void smew__lane_turns_fini(struct smew__lane_turns *turns)
{
    smew__biased_fini(&turns->reading);
}

void smew__reading_lock(struct smew_bus *bus)
{
    smew__biased_lock(&bus->turns.reading);
    smew__bus_lock(bus);
    smew__lane_run_stop(bus);
    smew__bus_unlock(bus);
}

void smew__reading_unlock(struct smew_bus *bus)
{
    smew__biased_unlock(&bus->turns.reading);
}

bool smew__lanes_are_mine(struct smew_bus *bus)
{
    struct smew__lane_turns *turns = &bus->turns;

    /* Once: who wants them and does not come would have them for ever. */
    if (!turns->taken && atomic_exchange_explicit(&turns->wanted, false, memory_order_relaxed))
        take(bus);
    turns->ignored |= turns->taken;
    return !turns->taken;
}

/* ---- the poller ----------------------------------------------------------------------- */

/* With `reading` held: is it worth taking the lanes? */
static bool is_busy(struct smew__lane_turns *turns, uint32_t count)
{
    uint64_t now_ns, before_ns = turns->recent_ns;

    turns->recent += 1 + count;
    if (turns->recent < BUSY)
        return false;
    now_ns = smew_now_ns();
    turns->recent = 0;
    turns->recent_ns = now_ns;
    return now_ns - before_ns < BUSY_NS;
}

bool smew__lanes_use_poll(const struct smew_bus *bus)
{
    return (bus->transport->flags & SMEW_TRANSPORT_LANES) &&
           !atomic_load_explicit(&bus->turns.own_loop, memory_order_relaxed);
}

/* With `reading` held: lanes of all channels, once each, unless it was given back meanwhile. */
static bool read_all(struct smew_bus *bus, struct smew__lane_pass *pass)
{
    SMEW_LIST_EACH (link, &bus->inbounds) {
        if (!smew__lanes_read(SMEW_CONTAINER(link, struct smew__inbound, link), pass))
            return false;
    }
    return true;
}

/* The same for what a poller that did not take the lanes may not leave. */
static void leave_to_service(struct smew_bus *bus)
{
    smew__bus_lock(bus);
    smew__inbounds_look(bus);
    smew__bus_unlock(bus);
}

uint32_t smew__lanes_poll(struct smew_bus *bus, size_t most, size_t *ran)
{
    struct smew__lane_turns *turns = &bus->turns;
    struct smew__lane_pass pass = {.most = TURN, .polls = true, .runs = most};

    if (!smew__lanes_use_poll(bus))
        return 0;
    if (!smew__biased_try_enter(&turns->reading)) {
        atomic_store_explicit(&turns->wanted, true, memory_order_relaxed);
        return 0;
    }
    atomic_store_explicit(&turns->wanted, false, memory_order_relaxed);
    turns->looks++;
    pass.arms = !turns->taken;
    /* Ends and damage: in lanes that are SHARED the service thread sees them. */
    pass.hasty = !turns->taken || turns->looks % THOROUGH != 0;
    pass.takes = turns->cut_short;
    turns->cut_short = !read_all(bus, &pass);
    *ran = pass.ran;
    if (!smew__bus_ours(bus))
        return pass.count;
    if (!turns->taken && (pass.more || is_busy(turns, pass.count)))
        take(bus);
    if (!turns->taken && pass.more)
        leave_to_service(bus);
    smew__biased_leave(&turns->reading);
    return pass.count;
}

bool smew__lanes_rest(struct smew_bus *bus)
{
    struct smew__lane_turns *turns = &bus->turns;
    bool more = false;

    if (!smew__lanes_use_poll(bus))
        return false;
    atomic_store_explicit(&turns->wanted, false, memory_order_relaxed);
    smew__biased_enter(&turns->reading);
    if (turns->taken) {
        SMEW_LIST_EACH (link, &bus->inbounds)
            more |= smew__lanes_arm(SMEW_CONTAINER(link, struct smew__inbound, link));
        smew__bus_lock(bus);
        turns->taken = more;
        /* The bell of a lane that ended, or waits for another one's end, is not rung twice. */
        if (!more && turns->ignored)
            smew__inbounds_look(bus);
        turns->ignored = turns->ignored && more;
        smew__lanes_tell(bus);
        smew__bus_unlock(bus);
    }
    smew__biased_leave(&turns->reading);
    return more;
}
