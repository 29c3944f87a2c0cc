/* SPDX-License-Identifier: MIT */
/* A node, seen and held from inside. */
#include "tests/bus/inside.h"

#include <sys/socket.h>

#include "bus/peer.h"
#include "bus/service.h"

/* ---- the service thread ---------------------------------------------------------------- */

bool inside_is_set(void *flag)
{
    return *(atomic_bool *)flag;
}

static void stand(struct smew_bus *bus, struct smew__timer *timer)
{
    struct inside_gate *gate = SMEW_CONTAINER(timer, struct inside_gate, timer);

    smew__bus_unlock(bus);
    gate->shut = true;
    (void)support_wait_until(inside_is_set, &gate->open, KIT_WAIT_MS);
    smew__bus_lock(bus);
}

void inside_gate_shut(struct inside_gate *gate, struct smew_bus *bus)
{
    *gate = (struct inside_gate){.timer = {.run = stand}};
    smew__bus_lock(bus);
    assert_true(smew__timer_set(bus, &gate->timer, smew_now_ns()));
    smew__bus_unlock(bus);
    assert_true(support_wait_until(inside_is_set, &gate->shut, KIT_WAIT_MS));
}

struct errand {
    struct smew__timer timer;
    inside_fn run;
    atomic_bool done;
};

static void do_errand(struct smew_bus *bus, struct smew__timer *timer)
{
    struct errand *errand = SMEW_CONTAINER(timer, struct errand, timer);

    errand->run(bus);
    errand->done = true;
}

bool inside_run(struct smew_bus *bus, inside_fn run)
{
    struct errand errand = {.timer = {.run = do_errand}, .run = run};
    bool set;

    smew__bus_lock(bus);
    set = smew__timer_set(bus, &errand.timer, smew_now_ns());
    smew__bus_unlock(bus);
    if (set)
        (void)support_wait_until(inside_is_set, &errand.done, KIT_WAIT_MS);
    smew__bus_lock(bus); /* and behind the end of do_errand() */
    if (set && !errand.done)
        smew__timer_cancel(bus, &errand.timer);
    smew__bus_unlock(bus);
    return errand.done;
}

static bool has_nobody_due(void *argument)
{
    struct smew_bus *bus = argument;
    bool nobody;

    smew__bus_lock(bus);
    nobody = smew__list_empty(&bus->peers_due);
    smew__bus_unlock(bus);
    return nobody;
}

static void do_nothing(struct smew_bus *bus)
{
    (void)bus;
}

/* The last one was taken off the list; when the thread does something else it was served. */
bool inside_serve(struct smew_bus *bus)
{
    return support_wait_until(has_nobody_due, bus, KIT_WAIT_MS) && inside_run(bus, do_nothing);
}

void inside_break_connections(struct smew_bus *bus)
{
    struct smew__peer *peer;
    size_t cursor = 0;

    while ((peer = smew__table_next(&bus->peers, &cursor)) != NULL) {
        if (peer->channel)
            (void)shutdown(peer->channel->ops->interest(peer->channel).fd, SHUT_RDWR);
    }
}

/* ---- lanes ----------------------------------------------------------------------------- */

struct smew__producer *inside_producer(struct smew_bus *bus)
{
    return SMEW_CONTAINER(bus->producers.next, struct smew__producer, link);
}

struct smew__lane_out *inside_lane(struct smew_bus *bus, unsigned index)
{
    struct smew__list *link = inside_producer(bus)->lanes.next;

    for (; index > 0; index--)
        link = link->next;
    return SMEW_CONTAINER(link, struct smew__lane_out, link);
}

bool inside_lost_all(void *bus)
{
    struct smew__producer *producer = inside_producer(bus);
    bool all = true;

    smew__producer_lock(producer);
    SMEW_LIST_EACH (link, &producer->lanes)
        all = all && SMEW_CONTAINER(link, struct smew__lane_out, link)->state == SMEW__LANE_LOST;
    smew__producer_unlock(producer);
    return all;
}
