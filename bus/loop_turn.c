/* SPDX-License-Identifier: MIT */
/*
 * Happy path: a poller whose sleeps end soon asks for the loop.  From then on its sleep is the
 * loop's, which ends with each turn of events; what they left due it does before the next one.
 * Before it sleeps it looks for a while, where that pays: a wake from one core to another costs
 * several times what a message does.
 *
 * Failure modes: a poller that stays away, for a long handler or for good: the guard takes the loop
 * back.  A program that waits on the fd itself, or polls without sleeping, never asks.
 */

#include "bus/loop_turn.h"

#include <poll.h>

#include "base/clock.h"
#include "base/os/fd.h"
#include "bus/poll.h"
#include "bus/service.h"

enum {
    BUSY = 16,
    BUSY_NS = 16000000, /* a message each ms */
    GUARD_MS = 2,
    DEEP_MS = 1000,  /* the same, beside a poller that sleeps in the loop */
    FEW = 8,         /* messages in flight: one more is written by who sends it */
    ROUNDS_MOST = 4, /* of work that others make, before the service thread has to */
};

enum { SERVICE, FREE, HELD };

static bool usable(const struct smew_bus *bus)
{
    return !(bus->transport->flags & SMEW_TRANSPORT_LANES) &&
           !atomic_load_explicit(&bus->turns.own_loop, memory_order_relaxed);
}

/* ---- with the lock held --------------------------------------------------------------- */

void smew__loop_call(struct smew_bus *bus)
{
    struct smew__loop_turn *turn = &bus->turn;

    turn->promised = 0;
    if (turn->whose != FREE || turn->called)
        return;
    turn->called = true;
    smew__condition_broadcast(&turn->guard);
}

void smew__loop_kick(struct smew_bus *bus)
{
    struct smew__loop_turn *turn = &bus->turn;
    uint64_t self = smew__thread_self();

    if (turn->runner == self)
        return; /* before it sleeps */
    if (turn->whose != FREE)
        uv_async_send(&bus->kick);
    else if (turn->promised == self || (smew__poll_is_mine(bus) && atomic_load(&bus->polling)))
        atomic_store_explicit(&turn->owed, true, memory_order_relaxed);
    else
        smew__loop_call(bus);
}

bool smew__loop_polls(const struct smew_bus *bus)
{
    return bus->turn.polls && bus->turn.runner == smew__thread_self();
}

bool smew__loop_is_service(const struct smew_bus *bus)
{
    return bus->turn.whose == SERVICE;
}

bool smew__loop_promise(struct smew_bus *bus)
{
    if (bus->turn.whose != FREE || bus->in_flight >= FEW)
        return false;
    bus->turn.promised = smew__thread_self();
    return true;
}

/* False: it is somebody else's. */
static bool hold(struct smew_bus *bus, bool polls)
{
    struct smew__loop_turn *turn = &bus->turn;

    if (turn->whose != FREE || turn->called || bus->stopping)
        return false;
    turn->whose = HELD;
    turn->runner = smew__thread_self();
    turn->polls = polls;
    atomic_store_explicit(&turn->owed, false, memory_order_relaxed);
    return true;
}

/* Does what is due; the lock is given back meanwhile. */
static void work(struct smew_bus *bus)
{
    smew__bus_unlock(bus);
    smew__service_work(bus);
    smew__bus_lock(bus);
}

/* It is nobody's.  With a guard that sleeps for long it would be nobody's for as long. */
static void set_free(struct smew_bus *bus)
{
    struct smew__loop_turn *turn = &bus->turn;

    turn->whose = FREE;
    turn->runner = 0;
    turn->polls = false;
    if (turn->wanted)
        smew__poll_again(bus); /* it sleeps on the fd, where nothing comes while it is FREE */
    turn->wanted = false;
    if (bus->stopping)
        smew__loop_call(bus);
    if (!turn->deep)
        return;
    turn->deep = false;
    smew__condition_broadcast(&turn->guard);
}

/* Nothing of ours is left behind.  What others go on making due is the service thread's. */
static void release(struct smew_bus *bus)
{
    for (int i = 0; i < ROUNDS_MOST && bus->kicked; i++)
        work(bus);
    set_free(bus);
    if (bus->kicked)
        smew__loop_call(bus);
}

/* ---- senders and pollers -------------------------------------------------------------- */

/* What was made due while it was FREE. */
static void settle(struct smew_bus *bus)
{
    struct smew__loop_turn *turn = &bus->turn;

    if (!atomic_load_explicit(&turn->owed, memory_order_relaxed))
        return;
    smew__bus_lock(bus);
    atomic_store_explicit(&turn->owed, false, memory_order_relaxed);
    if (bus->kicked && hold(bus, false)) {
        turn->changed = false;
        release(bus);
        if (turn->changed) /* only in a turn of the loop is that waited for */
            smew__loop_call(bus);
    }
    smew__bus_unlock(bus);
}

void smew__loop_keep(struct smew_bus *bus)
{
    smew__bus_lock(bus);
    if (bus->turn.promised == smew__thread_self())
        bus->turn.promised = 0;
    smew__bus_unlock(bus);
    settle(bus);
}

void smew__loop_leave(struct smew_bus *bus)
{
    settle(bus);
}

static void on_wake(uv_poll_t *wake, int status, int events)
{
    (void)status;
    (void)events;
    smew__poll_rung(wake->data);
}

/*
 * Before the loop sleeps: what its own turns made due.  It does not where that, or a timer, left
 * something for the poller, whom nobody rings for in here.
 */
static void on_prepare(uv_prepare_t *prepare)
{
    struct smew_bus *bus = prepare->data;
    bool any_due;

    smew__bus_lock(bus);
    for (int i = 0; i < ROUNDS_MOST && bus->kicked; i++)
        work(bus);
    any_due = smew__loop_polls(bus) && atomic_load_explicit(&bus->any_due, memory_order_relaxed);
    if (bus->kicked || any_due)
        uv_async_send(&bus->kick); /* the others' turn */
    smew__bus_unlock(bus);
}

static void on_rest(uv_timer_t *rest)
{
    (void)rest; /* it ends the loop's turn */
}

/* With the loop HELD, without the lock: one turn of it. */
static void run(struct smew_bus *bus, uint64_t deadline_ns)
{
    struct smew__loop_turn *turn = &bus->turn;

    if (!turn->waking) {
        turn->waking = true;
        uv_poll_start(&turn->wake, UV_READABLE, on_wake);
    }
    uv_update_time(&bus->loop);
    uv_timer_start(&turn->rest, on_rest, (uint64_t)smew__remaining_ms(deadline_ns, smew_now_ns()),
                   0);
    uv_run(&bus->loop, UV_RUN_ONCE);
}

/*
 * With the loop HELD, without the lock: turns of it that wait for nothing, for as long as looking
 * pays.  False: something else has to be waited for.  What the first look finds lay there before:
 * a sleep would not have cost a wake.
 */
static bool look(struct smew_bus *bus, uint64_t deadline_ns)
{
    uint64_t now_ns = smew_now_ns();
    bool again = false;

    for (; smew__spin_goes_on(&bus->spin, now_ns); again = true) {
        uv_run(&bus->loop, UV_RUN_NOWAIT);
        if (smew__poll_may_be_due(bus)) {
            if (again)
                smew__spin_paid(&bus->spin);
            else
                smew__spin_begin(&bus->spin);
            return true;
        }
        now_ns = smew_now_ns();
        if (now_ns >= deadline_ns)
            return true;
        smew__spin_pause();
    }
    return false;
}

/* A sleep of the poller paid: is it busy enough to ask? */
static bool is_busy(struct smew__loop_turn *turn)
{
    uint64_t now_ns, before_ns = turn->recent_ns;

    if (++turn->recent < BUSY)
        return false;
    now_ns = smew_now_ns();
    turn->recent = 0;
    turn->recent_ns = now_ns;
    return now_ns - before_ns < BUSY_NS;
}

/* The service thread is to give the loop away, now or as soon as it has it. */
static void ask(struct smew_bus *bus)
{
    struct smew__loop_turn *turn = &bus->turn;

    smew__bus_lock(bus);
    turn->asked |= (turn->whose == SERVICE || turn->called) && !bus->stopping;
    if (turn->asked && turn->whose == SERVICE)
        uv_async_send(&bus->kick);
    smew__bus_unlock(bus);
}

/*
 * The loop is somebody else's.  Who is never to sleep does so while it is given away: next to whom
 * looks, the service thread may have to wait for a processor.
 */
static enum smew_status sleep_on_fd(struct smew_bus *bus, uint64_t deadline_ns)
{
    bool at_once = usable(bus) && bus->spin.way == SMEW__SPIN_ALWAYS;
    enum smew_status status;

    if (at_once)
        ask(bus);
    status = smew__fd_wait(bus->wake_fd, POLLIN, deadline_ns);
    if (status)
        return status;
    smew__poll_rung(bus);
    if (usable(bus) && is_busy(&bus->turn) && !at_once)
        ask(bus);
    return SMEW_OK;
}

enum smew_status smew__loop_rest(struct smew_bus *bus, uint64_t deadline_ns)
{
    bool held;

    if (!usable(bus))
        return sleep_on_fd(bus, deadline_ns);
    smew__bus_lock(bus);
    held = hold(bus, true);
    bus->turn.looks += held;
    bus->turn.wanted = !held && bus->turn.whose == HELD;
    smew__bus_unlock(bus);
    if (!held)
        return sleep_on_fd(bus, deadline_ns);
    if (!look(bus, deadline_ns))
        run(bus, deadline_ns);
    smew__bus_lock(bus);
    set_free(bus);
    if (bus->kicked) /* what the turn made due goes with what handlers will */
        atomic_store_explicit(&bus->turn.owed, true, memory_order_relaxed);
    smew__bus_unlock(bus);
    return SMEW_OK;
}

/* ---- the service thread --------------------------------------------------------------- */

enum smew_status smew__loop_turn_init(struct smew_bus *bus)
{
    return smew__condition_init(&bus->turn.guard);
}

void smew__loop_turn_fini(struct smew_bus *bus)
{
    smew__condition_fini(&bus->turn.guard);
}

enum smew_status smew__loop_turn_open(struct smew_bus *bus)
{
    struct smew__loop_turn *turn = &bus->turn;

    if (uv_poll_init(&bus->loop, &turn->wake, bus->wake_fd))
        return SMEW_IO;
    turn->wake.data = bus;
    uv_timer_init(&bus->loop, &turn->rest);
    uv_prepare_init(&bus->loop, &turn->prepare);
    turn->prepare.data = bus;
    uv_prepare_start(&turn->prepare, on_prepare);
    return SMEW_OK;
}

void smew__loop_turn_close(struct smew_bus *bus)
{
    uv_close((uv_handle_t *)&bus->turn.wake, NULL);
    uv_close((uv_handle_t *)&bus->turn.rest, NULL);
    uv_close((uv_handle_t *)&bus->turn.prepare, NULL);
    bus->turn.over = true;
}

void smew__loop_turn_yield(struct smew_bus *bus)
{
    struct smew__loop_turn *turn = &bus->turn;

    smew__bus_lock(bus);
    if (turn->asked && turn->whose == SERVICE && !bus->stopping)
        uv_stop(&bus->loop);
    turn->asked = false;
    smew__bus_unlock(bus);
}

/* Lets others have the loop until it is ours again. */
static void stand_by(struct smew_bus *bus)
{
    struct smew__loop_turn *turn = &bus->turn;
    uint64_t looks;
    bool came_back;

    smew__bus_lock(bus);
    turn->whose = FREE;
    turn->runner = 0;
    turn->called = bus->kicked || bus->stopping;
    smew__poll_again(bus); /* it may sleep on the fd since it asked */
    do {
        bool deep = turn->deep;
        uint64_t deadline_ns = smew__deadline_ns(deep ? DEEP_MS : GUARD_MS);

        looks = turn->looks;
        while (!turn->called && turn->deep == deep &&
               smew__condition_wait(&turn->guard, &bus->lock, deadline_ns))
            ;
        came_back = turn->looks != looks || turn->deep != deep;
        turn->deep = turn->whose == HELD && turn->looks == looks;
    } while (turn->whose == HELD || (!turn->called && came_back));
    turn->whose = SERVICE;
    turn->runner = smew__thread_self();
    turn->called = turn->deep = false;
    smew__bus_unlock(bus);
    if (turn->waking)
        uv_poll_stop(&turn->wake);
    turn->waking = false;
    uv_timer_stop(&turn->rest);
    uv_async_send(&bus->kick); /* what is due, and the time */
}

void smew__loop_turn_serve(struct smew_bus *bus)
{
    smew__bus_lock(bus);
    bus->turn.runner = smew__thread_self();
    smew__bus_unlock(bus);
    for (;;) {
        uv_run(&bus->loop, UV_RUN_DEFAULT);
        if (bus->turn.over)
            return;
        stand_by(bus);
    }
}
