/* SPDX-License-Identifier: MIT */
/*
 * Happy path: a busy producer switches it on, and a timer of the service thread keeps it going.
 *
 * Failure modes: no memory for the timer: it stays OFF, and is asked for again.  A service thread
 * that is late makes the time late; one that ends has nobody left who sends.
 */

#include "bus/tick.h"

#include "base/clock.h"
#include "bus/service.h"

enum { BUSY = 512, PERIOD_MS = 4 };

/* With the lock held. */
static void say(struct smew_bus *bus, bool on)
{
    const uint64_t now_ms = smew__clock_wall_coarse_ms();

    bus->tick.sent = smew__lanes_sent(bus);
    on = on && smew__timer_set(bus, &bus->tick.timer, smew__deadline_ns(PERIOD_MS));
    atomic_store_explicit(&bus->tick.now_ms, on ? now_ms : 0, memory_order_relaxed);
}

/* On the service thread, with the lock held. */
static void on_timer(struct smew_bus *bus, struct smew__timer *timer)
{
    (void)timer;
    say(bus, smew__lanes_sent(bus) - bus->tick.sent >= BUSY);
}

uint64_t smew__tick_ms(const struct smew_bus *bus)
{
    const uint64_t tick_ms = atomic_load_explicit(&bus->tick.now_ms, memory_order_relaxed);

    return tick_ms ? tick_ms : smew__clock_wall_coarse_ms();
}

uint64_t smew__tick_ask(struct smew__producer *producer)
{
    struct smew_bus *bus = producer->bus;
    const uint64_t now_ms = smew__clock_wall_coarse_ms();

    if (producer->asked_ms != now_ms) {
        producer->asked_ms = now_ms;
        producer->asked = 0;
    }
    if (++producer->asked < BUSY)
        return now_ms;
    producer->asked = 0;
    smew__bus_lock(bus);
    bus->tick.timer.run = on_timer;
    if (!bus->tick.timer.link.place) /* else another thread was faster */
        say(bus, true);
    smew__bus_unlock(bus);
    return now_ms;
}
