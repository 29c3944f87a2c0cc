/* SPDX-License-Identifier: MIT */
/*
 * The service thread.
 *
 * Happy path: it sleeps in the uv loop; a kick (something to transmit or to acknowledge), a ready
 * channel, the listener or a timer wakes it; it does that work and sleeps again.
 *
 * Failure modes: too few fds while accepting leaves the connection in the backlog, and the
 * listener rests until the next heartbeat, so that the loop does not spin.  A timer that finds no
 * memory is looked at with the next heartbeat.
 */

#include "bus/service.h"

#include <poll.h>

#include "base/block.h"
#include "base/clock.h"
#include "base/os/fd.h"
#include "base/status.h"
#include "bus/inbound.h"
#include "bus/lane_out.h"
#include "bus/lane_turn.h"
#include "bus/loop_turn.h"
#include "bus/outbox.h"
#include "bus/peer.h"
#include "bus/sender.h"
#include "bus/transmit.h"
#include "diagnostics/log.h"

enum {
    ACCEPTS_MOST = 64, /* connections taken in one turn */
    FDS_SPARE = 16,    /* what a loop and its first channels need, and some */
};

/* ---- timers -------------------------------------------------------------------------- */

static void on_clock(uv_timer_t *clock);

/* On the service thread, with the lock held. */
static void set_clock(struct smew_bus *bus)
{
    struct smew__heap_link *first = smew__heap_first(&bus->timers);
    int delay_ms;

    if (!first) {
        uv_timer_stop(&bus->clock);
        return;
    }
    delay_ms = smew__remaining_ms(first->key, smew_now_ns());
    uv_timer_start(&bus->clock, on_clock, (uint64_t)delay_ms, 0);
}

static void run_timers(struct smew_bus *bus)
{
    uint64_t now_ns = smew_now_ns();
    struct smew__heap_link *first;

    while ((first = smew__heap_first(&bus->timers)) != NULL && first->key <= now_ns) {
        struct smew__timer *timer = SMEW_CONTAINER(first, struct smew__timer, link);

        smew__heap_remove(&bus->timers, first);
        timer->run(bus, timer);
    }
}

static void on_clock(uv_timer_t *clock)
{
    struct smew_bus *bus = clock->data;

    uv_update_time(&bus->loop);
    smew__bus_lock(bus);
    run_timers(bus);
    smew__service_kick(bus); /* sets the clock again, after the follow-up work */
    smew__bus_unlock(bus);
}

bool smew__timer_set(struct smew_bus *bus, struct smew__timer *timer, uint64_t due_ns)
{
    struct smew__heap_link *first = smew__heap_first(&bus->timers);
    bool sooner = !first || due_ns < first->key;

    if (!smew__heap_put(&bus->timers, &timer->link, due_ns))
        return false;
    if (sooner)
        smew__service_kick(bus);
    return true;
}

void smew__timer_cancel(struct smew_bus *bus, struct smew__timer *timer)
{
    smew__heap_remove(&bus->timers, &timer->link);
}

/* ---- watches ------------------------------------------------------------------------- */

static int uv_events(short events)
{
    /* POLLIN and POLLOUT, as poll(2) and the transport contract call them. */
    return ((events & POLLIN) ? UV_READABLE : 0) | ((events & POLLOUT) ? UV_WRITABLE : 0);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct smew__watch *watch = poll->data;

    (void)events;
    /*
     * libuv stops what poll(2) calls an error: the other side closed with something unread.  The
     * channel's next operation tells that only when all that had come before is read, and one turn
     * need not reach it.
     */
    if (status)
        uv_poll_start(poll, uv_events(watch->events), on_ready);
    watch->ready(watch);
}

static void on_closed(uv_handle_t *handle)
{
    struct smew__watch *watch = handle->data;

    watch->closed(watch);
}

enum smew_status smew__watch_start(struct smew__watch *watch, struct smew_bus *bus,
                                   struct smew_interest interest)
{
    watch->bus = bus;
    if (uv_poll_init(&bus->loop, &watch->poll, interest.fd))
        return SMEW_IO;
    watch->poll.data = watch;
    watch->started = true;
    watch->events = 0;
    smew__watch_update(watch, interest, false);
    return SMEW_OK;
}

void smew__watch_update(struct smew__watch *watch, struct smew_interest interest, bool paused)
{
    short events = paused ? 0 : interest.events;

    if (!watch->started || uv_is_closing((uv_handle_t *)&watch->poll) || events == watch->events)
        return;
    watch->events = events;
    watch->bus->turn.changed = true;
    if (events)
        uv_poll_start(&watch->poll, uv_events(events), on_ready);
    else
        uv_poll_stop(&watch->poll);
}

void smew__watch_stop(struct smew__watch *watch)
{
    if (!watch->started) {
        watch->closed(watch);
        return;
    }
    watch->started = false;
    watch->bus->turn.changed = true;
    uv_close((uv_handle_t *)&watch->poll, on_closed);
}

/* ---- the loop ------------------------------------------------------------------------ */

void smew__service_kick(struct smew_bus *bus)
{
    if (bus->kicked || bus->stopping)
        return; /* the last turn of a stopping loop looks at everything */
    bus->kicked = true;
    smew__loop_kick(bus);
}

/* Takes the first entry off a due list, or NULL. */
static struct smew__list *take_due(struct smew_bus *bus, struct smew__list *list)
{
    struct smew__list *link;

    smew__bus_lock(bus);
    link = smew__list_take(list);
    smew__bus_unlock(bus);
    return link;
}

static void end(struct smew_bus *bus);

void smew__service_work(struct smew_bus *bus)
{
    struct smew__list *link;
    bool lost_grew;

    smew__bus_lock(bus);
    bus->kicked = false;
    lost_grew = bus->lost_grew;
    bus->lost_grew = false;
    smew__bus_unlock(bus);
    if (lost_grew)
        smew__lanes_look(bus);
    while ((link = take_due(bus, &bus->peers_due)) != NULL)
        smew__peer_service(SMEW_CONTAINER(link, struct smew__peer, due));
    while ((link = take_due(bus, &bus->inbounds_due)) != NULL)
        smew__inbound_service(SMEW_CONTAINER(link, struct smew__inbound, due));
    smew__outbox_tell(bus);
    uv_update_time(&bus->loop);
    smew__bus_lock(bus);
    if (!bus->stopping)
        set_clock(bus);
    smew__bus_unlock(bus);
}

static void on_kick(uv_async_t *kick)
{
    struct smew_bus *bus = kick->data;
    bool stopping;

    smew__bus_lock(bus);
    stopping = bus->stopping && smew__loop_is_service(bus);
    smew__bus_unlock(bus);
    smew__service_work(bus);
    if (stopping)
        end(bus);
    else
        smew__loop_turn_yield(bus);
}

static void on_accept(uv_poll_t *poll, int status, int events)
{
    struct smew_bus *bus = poll->data;
    struct smew_channel *channel;
    enum smew_status result = SMEW_OK;

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_MOST; i++) {
        result = bus->listener->ops->try_accept(bus->listener, &channel);
        if (result)
            break;
        smew__inbound_open(bus, channel);
    }
    if (result && result != SMEW_AGAIN) {
        smew__log(SMEW_LOG_WARN, "%s cannot accept a connection: %s; trying again", bus->address,
                  smew_status_text(result));
        uv_poll_stop(poll); /* the heartbeat starts it again */
    }
}

static void listen_again(struct smew_bus *bus)
{
    struct smew_interest interest = bus->listener->ops->interest(bus->listener);

    if (!uv_is_active((uv_handle_t *)&bus->listener_poll))
        uv_poll_start(&bus->listener_poll, uv_events(interest.events), on_accept);
}

static void on_heartbeat(uv_timer_t *heartbeat)
{
    struct smew_bus *bus = heartbeat->data;
    struct smew__peer *peer;
    uint64_t now_ns = smew_now_ns();
    size_t cursor = 0;

    smew__directory_beat(bus->directory);
    smew__blocks_trim();
    listen_again(bus);
    smew__lanes_look(bus);
    smew__reading_lock(bus);
    smew__bus_lock(bus);
    smew__sender_sweep(bus);
    smew__reading_unlock(bus);
    while ((peer = smew__table_next(&bus->peers, &cursor)) != NULL)
        smew__peer_look(peer, now_ns);
    smew__inbounds_look(bus);
    smew__lanes_watch(bus);
    smew__outbox_look(bus);
    if (!smew__list_empty(&bus->limbo))
        bus->follow_up |= SMEW__FOLLOW_LIMBO;
    smew__service_kick(bus);
    smew__bus_unlock(bus);
}

static void run(void *argument)
{
    smew__loop_turn_serve(argument);
}

/* ---- start and stop ------------------------------------------------------------------ */

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* On the service thread: closes everything, and so ends uv_run(). */
static void end(struct smew_bus *bus)
{
    struct smew__peer *peer;
    size_t cursor = 0;

    close_handle((uv_handle_t *)&bus->kick);
    close_handle((uv_handle_t *)&bus->clock);
    close_handle((uv_handle_t *)&bus->heartbeat);
    close_handle((uv_handle_t *)&bus->listener_poll);
    smew__loop_turn_close(bus);
    smew__inbound_close_all(bus);
    while ((peer = smew__table_next(&bus->peers, &cursor)) != NULL)
        smew__lanes_lose(peer);
    cursor = 0;
    smew__bus_lock(bus);
    while ((peer = smew__table_next(&bus->peers, &cursor)) != NULL)
        smew__peer_hang_up(peer);
    smew__bus_unlock(bus);
}

static enum smew_status start_handles(struct smew_bus *bus)
{
    struct smew_interest interest = bus->listener->ops->interest(bus->listener);

    bus->kick.data = bus;
    bus->clock.data = bus;
    bus->heartbeat.data = bus;
    bus->listener_poll.data = bus;
    if (uv_async_init(&bus->loop, &bus->kick, on_kick))
        return SMEW_NO_FDS;
    uv_timer_init(&bus->loop, &bus->clock);
    uv_timer_init(&bus->loop, &bus->heartbeat);
    uv_timer_start(&bus->heartbeat, on_heartbeat, 0, bus->options.heartbeat_ms);
    if (smew__loop_turn_open(bus)) {
        close_handle((uv_handle_t *)&bus->kick);
        close_handle((uv_handle_t *)&bus->clock);
        close_handle((uv_handle_t *)&bus->heartbeat);
        return SMEW_IO;
    }
    if (uv_poll_init(&bus->loop, &bus->listener_poll, interest.fd)) {
        smew__loop_turn_close(bus);
        close_handle((uv_handle_t *)&bus->kick);
        close_handle((uv_handle_t *)&bus->clock);
        close_handle((uv_handle_t *)&bus->heartbeat);
        return SMEW_IO;
    }
    uv_poll_start(&bus->listener_poll, uv_events(interest.events), on_accept);
    return SMEW_OK;
}

static enum smew_status open_listener(struct smew_bus *bus, struct smew_error *error)
{
    char place[SMEW__URL_NAME_MAX + SMEW__ADDRESS_SIZE];
    struct smew_endpoint endpoint = {.directory = smew__directory_path(bus->directory),
                                     .place = place};

    smew__place(bus, bus->self, place, sizeof(place));
    return bus->transport->listen(&endpoint, &bus->listener, error);
}

enum smew_status smew__service_start(struct smew_bus *bus, struct smew_error *error)
{
    enum smew_status status = open_listener(bus, error);

    if (status)
        return status;
    /* libuv aborts the process where its first loop finds no descriptors. */
    if (smew__fd_spare(FDS_SPARE) || uv_loop_init(&bus->loop)) {
        bus->listener->ops->close(bus->listener);
        return smew__fail(error, SMEW_NO_FDS,
                          "cannot make an event loop for %s: too few file descriptors", bus->name);
    }
    status = start_handles(bus);
    if (!status) {
        status = smew__thread_start(&bus->service, "smew-service", run, bus);
        if (!status)
            return SMEW_OK;
        end(bus);
    }
    uv_run(&bus->loop, UV_RUN_DEFAULT); /* closes the handles */
    smew__fd_closes_unseen();
    uv_loop_close(&bus->loop);
    bus->listener->ops->close(bus->listener);
    return smew__fail(error, status, "cannot start the service thread of %s: %s", bus->name,
                      smew_status_text(status));
}

void smew__service_stop(struct smew_bus *bus)
{
    smew__bus_lock(bus);
    smew__service_kick(bus);
    bus->stopping = true;
    uv_async_send(&bus->kick);
    smew__loop_call(bus);
    smew__bus_unlock(bus);
    smew__thread_join(&bus->service);
    smew__fd_closes_unseen();
    uv_loop_close(&bus->loop);
    bus->listener->ops->close(bus->listener);
}
