/* SPDX-License-Identifier: MIT */
/*
 * Happy path: a busy poller takes the lanes, and reads them until they are empty for longer than it
 * spins; then it arms each of them, and sleeps on all their words at once.
 *
 * Failure modes: no memory for the guard's timer: the lanes become SHARED, and the service thread
 * reads them at once.  No futex_waitv, or more lanes than it takes: bells, as for SHARED ones.
 */

#include "bus/lane_turn.h"

#include "base/clock.h"
#include "bus/inbound.h"
#include "bus/lane_in.h"
#include "bus/lane_run.h"
#include "bus/poll.h"
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
    turns->sleeps_seen = turns->sleeps;
    return smew__timer_set(bus, &turns->guard, smew__deadline_ns(GUARD_MS));
}

/* With both locks held. */
static void take_locked(struct smew_bus *bus)
{
    /* One that is left from the last time will do. */
    bus->turns.taken = bus->turns.guard.link.place || set_guard(bus);
}

/* With `reading` held. */
static void take(struct smew_bus *bus)
{
    smew__bus_lock(bus);
    take_locked(bus);
    smew__bus_unlock(bus);
}

/* Since the guard looked last: it polls as one does who is busy, or has slept as one who is not. */
static bool came_back(const struct smew__lane_turns *turns)
{
    return turns->looks - turns->looks_seen >= BUSY || turns->sleeps != turns->sleeps_seen;
}

/* With both locks held: is it to be set again? */
static bool goes_on(struct smew_bus *bus)
{
    const struct smew__lane_turns *turns = &bus->turns;

    if (!turns->asleep)
        return turns->taken && came_back(turns);
    /* The next wake is to come soon, and finds it set; or nothing comes, and nobody needs it. */
    return turns->looks != turns->looks_seen || (turns->guarded && !smew__poll_times_itself(bus));
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
    if (goes_on(bus)) {
        (void)set_guard(bus);
    } else if (turns->taken && !turns->asleep) {
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

/* Without lanes nobody is kept out: one thread at a time reads (loop_turn.h). */
static bool has_lanes(const struct smew_bus *bus)
{
    return bus->transport->flags & SMEW_TRANSPORT_LANES;
}

void smew__reading_lock(struct smew_bus *bus)
{
    if (!has_lanes(bus))
        return;
    smew__biased_lock(&bus->turns.reading);
    smew__bus_lock(bus);
    smew__lane_run_stop(bus);
    smew__bus_unlock(bus);
}

void smew__reading_unlock(struct smew_bus *bus)
{
    if (has_lanes(bus))
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
    return has_lanes(bus) && !atomic_load_explicit(&bus->turns.own_loop, memory_order_relaxed);
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

/* ---- the poller's sleep --------------------------------------------------------------- */

/* With both locks held: what there is is the poller's, or the service thread's. */
static void take_or_leave(struct smew_bus *bus)
{
    take_locked(bus);
    if (!bus->turns.taken)
        smew__inbounds_look(bus);
}

/* Each lane rings from now on, by one alarm.  False: those are more than can be slept on. */
static bool arm_all(struct smew_bus *bus, enum smew__lane_alarm alarm)
{
    bus->turns.word_count = 1; /* the node's */
    SMEW_LIST_EACH (link, &bus->inbounds) {
        if (!smew__lanes_arm(SMEW_CONTAINER(link, struct smew__inbound, link), alarm))
            return false;
    }
    return true;
}

static bool any_ready(struct smew_bus *bus)
{
    bool fences = false, ready = false;

    smew__fence_full();
    SMEW_LIST_EACH (link, &bus->inbounds)
        fences = fences || smew__lanes_fence(SMEW_CONTAINER(link, struct smew__inbound, link));
    if (fences)
        smew__fence_processes();
    SMEW_LIST_EACH (link, &bus->inbounds)
        ready = ready || smew__lanes_ready(SMEW_CONTAINER(link, struct smew__inbound, link));
    return ready;
}

/* With both locks held. */
static enum smew__lanes_rest give_back(struct smew_bus *bus)
{
    struct smew__lane_turns *turns = &bus->turns;
    bool words = !turns->wordless;

    turns->sleeps++;
    if (words && !arm_all(bus, SMEW__ALARM_WORD)) {
        words = false;
        (void)arm_all(bus, SMEW__ALARM_BELL);
    } else if (!words && turns->taken) {
        (void)arm_all(bus, SMEW__ALARM_BELL);
    } else if (!words || turns->word_count == 1) { /* SHARED: they are armed; or there are none */
        turns->taken = false;
        return SMEW__REST_ON_FD;
    }
    if (any_ready(bus)) {
        take_or_leave(bus);
        return SMEW__REST_NOT;
    }
    turns->taken = false;
    turns->asleep = words;
    turns->guarded = turns->guard.link.place != 0;
    return words ? SMEW__REST_ON_WORDS : SMEW__REST_ON_FD;
}

enum smew__lanes_rest smew__lanes_rest(struct smew_bus *bus)
{
    struct smew__lane_turns *turns = &bus->turns;
    enum smew__lanes_rest rest;

    if (!smew__lanes_use_poll(bus))
        return SMEW__REST_ON_FD;
    atomic_store_explicit(&turns->wanted, false, memory_order_relaxed);
    smew__biased_enter(&turns->reading);
    smew__bus_lock(bus);
    rest = give_back(bus);
    /* The bell of a lane that ended, or waits for another one's end, is not rung twice. */
    if (turns->ignored && !turns->taken) {
        turns->ignored = false;
        smew__inbounds_look(bus);
    }
    smew__lanes_tell(bus);
    smew__bus_unlock(bus);
    smew__biased_leave(&turns->reading);
    return rest;
}

void smew__lanes_sleep(struct smew_bus *bus, const _Atomic uint32_t *own, uint32_t seen,
                       uint64_t deadline_ns)
{
    struct smew__lane_turns *turns = &bus->turns;

    turns->words[0] = (struct smew__futex_word){.word = own, .seen = seen, .own = true};
    if (smew__futex_wait_any(turns->words, turns->word_count, deadline_ns) == SMEW_UNSUPPORTED)
        turns->wordless = true;
}

void smew__lanes_wake(struct smew_bus *bus)
{
    struct smew__lane_turns *turns = &bus->turns;

    /* The service thread may be reading, and leaves it after the turn that it is at. */
    atomic_store_explicit(&turns->wanted, true, memory_order_relaxed);
    smew__biased_enter(&turns->reading);
    atomic_store_explicit(&turns->wanted, false, memory_order_relaxed);
    smew__bus_lock(bus);
    turns->asleep = false;
    take_or_leave(bus);
    smew__bus_unlock(bus);
    smew__biased_leave(&turns->reading);
}
