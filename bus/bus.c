/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing a node.
 *
 * Happy path of opening: URL, directory (our slot), listener and service thread.  From the moment
 * the directory shows us others may dial; the listener's place is known by our slot, and a dial
 * that comes before it listens is refused and tried again.
 *
 * Closing: claims first, so that nothing new comes; then what was accepted is delivered until the
 * deadline; then the rest becomes dead letters, the service thread ends, the directory is left.
 *
 * Every failure of opening is one path: give_up(), which accepts a half-built node.
 */

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os/fd.h"
#include "base/os/process.h"
#include "base/status.h"
#include "bus/done.h"
#include "bus/handler.h"
#include "bus/inbound.h"
#include "bus/intake.h"
#include "bus/lane_out.h"
#include "bus/lane_run.h"
#include "bus/lane_turn.h"
#include "bus/loop_turn.h"
#include "bus/options.h"
#include "bus/outbox.h"
#include "bus/peer.h"
#include "bus/poll.h"
#include "bus/request.h"
#include "bus/route.h"
#include "bus/send.h"
#include "bus/serve.h"
#include "bus/service.h"
#include "bus/sink.h"
#include "bus/topic.h"

enum {
    OPEN_MS = 5000,
    WINDOW_MOST = 65536,
    PAYLOAD_MOST = 8 * 1024 * 1024,
    LANES_MAX_BYTES = 128 * 1024 * 1024,
};

/* ---- the lock ------------------------------------------------------------------------ */

void smew__bus_lock(struct smew_bus *bus)
{
    smew__mutex_lock(&bus->lock);
}

/* True when there was something to do. */
static bool follow_up(struct smew_bus *bus)
{
    bool worked = bus->follow_up != 0;

    while (bus->follow_up) {
        unsigned work = bus->follow_up;

        bus->follow_up = 0;
        if (work & SMEW__FOLLOW_LIMBO) {
            smew__limbo_run(bus);
            if (!smew__list_empty(&bus->limbo)) /* behind what a host of ours is done with */
                (void)smew__done_want(bus);
        }
        if (work & SMEW__FOLLOW_SELF)
            smew__peer_run_self(bus);
        if (work & SMEW__FOLLOW_OUTBOX)
            smew__outbox_pump(bus);
    }
    if (worked)
        smew__bus_tell(bus);
    return worked;
}

void smew__bus_unlock(struct smew_bus *bus)
{
    (void)follow_up(bus);
    smew__mutex_unlock(&bus->lock);
}

void smew__bus_tell(struct smew_bus *bus)
{
    if (!bus->waited)
        return;
    bus->waited = false;
    smew__condition_broadcast(&bus->changed);
}

bool smew__bus_may_spin(const struct smew_bus *bus)
{
    return bus->options.waiting != SMEW_WAITING_SLEEP;
}

bool smew__bus_wait(struct smew_bus *bus, uint64_t deadline_ns)
{
    smew__loop_call(bus);
    if (follow_up(bus) || smew__done_want(bus))
        return true; /* what the caller waits for may have come of it */
    bus->waited = true;
    return smew__condition_wait(&bus->changed, &bus->lock, deadline_ns);
}

uint32_t smew__bus_next_stream(const struct smew_bus *bus)
{
    return atomic_fetch_add_explicit((atomic_uint *)(uintptr_t)&bus->streams, 1,
                                     memory_order_relaxed) +
           1;
}

const char *smew_bus_address(const struct smew_bus *bus)
{
    return bus->address;
}

/* ---- opening ------------------------------------------------------------------------- */

static bool name_valid(const char *name)
{
    size_t size = strlen(name);

    return size && size <= SMEW__URL_NAME_MAX && name[0] != '.' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
               size;
}

static enum smew_status parse_url(struct smew_bus *bus, const char *url, struct smew_error *error)
{
    const char *colon = url ? strstr(url, "://") : NULL;
    char scheme[16] = "";

    if (!colon || (size_t)(colon - url) >= sizeof(scheme))
        return smew__fail(error, SMEW_INVALID, "\"%s\" is no bus URL; one looks like pipe://NAME",
                          url ? url : "");
    memcpy(scheme, url, (size_t)(colon - url));
    if (!name_valid(colon + 3))
        return smew__fail(error, SMEW_INVALID,
                          "%s: a bus name is 1 to %d of A-Z a-z 0-9 . _ - and begins with no dot",
                          url, SMEW__URL_NAME_MAX);
    strcpy(bus->name, colon + 3);
    bus->transport = smew_transport_find(scheme);
    if (!bus->transport)
        return smew__fail(error, SMEW_UNSUPPORTED,
                          "%s: there is no transport \"%s\"; pipe, shm and inproc are built in",
                          url, scheme);
    /* Both ends of a channel are on one machine where memory is shared: nothing needs packing. */
    bus->codec = bus->transport->flags & (SMEW_TRANSPORT_IN_PROCESS | SMEW_TRANSPORT_LANES)
                     ? &smew__codec_record
                     : &smew__codec_frame;
    return SMEW_OK;
}

static uint32_t otherwise(uint32_t value, uint32_t standard)
{
    return value ? value : standard;
}

static enum smew_status set_options(struct smew_bus *bus, const struct smew_bus_options *options,
                                    struct smew_error *error)
{
    struct smew_bus_options *own = &bus->options;
    char program[SMEW__NODE_NAME_SIZE];

    if (smew__options_copy(own, sizeof(*own), options))
        return smew__fail(error, SMEW_INVALID, "the bus options have a wrong size");
    own->window = otherwise(own->window, 1024);
    own->outbox = otherwise(own->outbox, 4096);
    own->outbox_wait_ms = smew__options_timeout(own->outbox_wait_ms, 1000);
    own->linger_ms = smew__options_timeout(own->linger_ms, 5000);
    own->heartbeat_ms = otherwise(own->heartbeat_ms, 100);
    own->suspect_ms = otherwise(own->suspect_ms, 1000);
    own->payload_max = otherwise(own->payload_max, 1024 * 1024);
    own->publish_queue = otherwise(own->publish_queue, 4096);
    own->overflow = otherwise(own->overflow, 1024);
    own->ack_batch = otherwise(own->ack_batch, 100);
    own->ack_delay_ms = smew__options_timeout(own->ack_delay_ms, 0);
    own->on_full = own->on_full ? own->on_full : SMEW_ON_FULL_WAIT;
    if (own->on_full > SMEW_ON_FULL_KEEP_OLDEST)
        return smew__fail(error, SMEW_INVALID, "on_full is one of enum smew_on_full");
    if (own->waiting > SMEW_WAITING_SLEEP)
        return smew__fail(error, SMEW_INVALID, "waiting is one of enum smew_waiting");
    bus->spin.way = smew__spin_way_of(own->waiting);
    own->lane_bytes = otherwise(own->lane_bytes, SMEW__LANE_BYTES_DEFAULT);
    own->lanes_max_bytes = own->lanes_max_bytes ? own->lanes_max_bytes : LANES_MAX_BYTES;
    if (own->lane_bytes < SMEW__LANE_BYTES_MIN || own->lane_bytes > SMEW__LANE_BYTES_MAX)
        return smew__fail(error, SMEW_INVALID, "lane_bytes is %d to %d", SMEW__LANE_BYTES_MIN,
                          SMEW__LANE_BYTES_MAX);
    if (own->window > WINDOW_MOST || own->payload_max > PAYLOAD_MOST)
        return smew__fail(error, SMEW_INVALID, "window is at most %d, payload_max at most %d bytes",
                          WINDOW_MOST, PAYLOAD_MOST);
    if (own->name && (strlen(own->name) >= SMEW__NODE_NAME_SIZE ||
                      !smew__text_is_name(own->name, strlen(own->name))))
        return smew__fail(error, SMEW_INVALID,
                          "a node's name is 1 to %d bytes of UTF-8 without control bytes",
                          SMEW__NODE_NAME_SIZE - 1);
    smew__process_name(program, sizeof(program));
    if (!smew__text_is_name(program, strlen(program)))
        strcpy(program, "program"); /* a process may call itself anything */
    bus->node_name = smew__strdup(own->name ? own->name : program);
    return bus->node_name ? SMEW_OK : smew__fail(error, SMEW_NO_MEMORY, "out of memory");
}

static void init_lists(struct smew_bus *bus)
{
    struct smew__list *lists[] = {&bus->siblings,  &bus->limbo,      &bus->outbox,
                                  &bus->settled,   &bus->inbounds,   &bus->deliveries,
                                  &bus->due,       &bus->peers_due,  &bus->inbounds_due,
                                  &bus->producers, &bus->lanes_lost, &bus->turns.untold};

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        smew__list_init(lists[i]);
    smew__heap_init(&bus->timers);
    smew__done_init(bus);
    smew__topic_init(bus);
}

static enum smew_status join_directory(struct smew_bus *bus, struct smew_error *error)
{
    struct smew__directory_options options = {
        .scheme = bus->transport->scheme,
        .bus = bus->name,
        .runtime_dir = bus->options.runtime_dir,
        .node_name = bus->node_name,
        .node = bus->incarnation,
        .in_process = bus->transport->flags & SMEW_TRANSPORT_IN_PROCESS,
        .deadline_ns = smew__deadline_ns(OPEN_MS),
    };
    enum smew_status status = smew__directory_open(&options, &bus->directory, error);

    if (status)
        return status;
    bus->epoch = smew__directory_epoch(bus->directory);
    bus->self = smew__directory_self(bus->directory);
    snprintf(bus->address, sizeof(bus->address), "@%u.%u", bus->self.slot, bus->self.generation);
    return SMEW_OK;
}

/* Frees a node whose service thread does not run (any more). */
static void give_up(struct smew_bus *bus)
{
    struct smew__peer *peer;
    struct smew__sender *sender;
    size_t cursor = 0;

    while ((peer = smew__table_next(&bus->peers, &cursor)) != NULL) {
        smew__peer_free(peer);
        cursor = 0;
    }
    cursor = 0;
    while ((sender = smew__table_next(&bus->senders, &cursor)) != NULL) {
        smew__sender_free(bus, sender);
        cursor = 0;
    }
    smew__due_drop(bus);
    smew__message_stock_fini(&bus->stock);
    smew__producers_free(bus);
    smew__topic_fini(bus);
    smew__serve_fini(bus);
    smew__route_fini(bus);
    smew__table_fini(&bus->peers);
    smew__table_fini(&bus->senders);
    smew__table_fini(&bus->registrations);
    smew__table_fini(&bus->requests);
    smew__heap_fini(&bus->timers);
    if (bus->directory)
        smew__directory_close(bus->directory);
    smew__fd_close(&bus->wake_fd);
    smew__condition_fini(&bus->changed);
    smew__loop_turn_fini(bus);
    smew__lane_turns_fini(&bus->turns);
    smew__lane_run_fini(&bus->run);
    smew__mutex_fini(&bus->lock);
    smew__free(bus->node_name);
    smew__free(bus);
}

static enum smew_status start(struct smew_bus *bus, const char *url,
                              const struct smew_bus_options *options, struct smew_error *error)
{
    enum smew_status status = parse_url(bus, url, error);

    if (!status)
        status = set_options(bus, options, error);
    if (!status && smew__eventfd_open(&bus->wake_fd))
        status = smew__fail(error, SMEW_NO_FDS, "cannot open %s: too few file descriptors", url);
    if (!status)
        status = join_directory(bus, error);
    if (!status)
        status = smew__service_start(bus, error);
    return status;
}

enum smew_status smew_bus_open(const char *url, const struct smew_bus_options *options,
                               struct smew_bus **out, struct smew_error *error)
{
    struct smew_error why = {0}; /* a step that failed and then succeeded leaves no trace outside */
    struct smew_bus *bus;
    enum smew_status status;

    if (!out)
        return smew__fail(error, SMEW_INVALID, "smew_bus_open() needs a place for the bus");
    if (smew__handler_current())
        return smew__fail(error, SMEW_WOULD_DEADLOCK, "a handler cannot open a bus");
    bus = smew__calloc(1, sizeof(*bus));
    if (!bus)
        return smew__fail(error, SMEW_NO_MEMORY, "out of memory");
    bus->wake_fd = -1;
    bus->process_token_now = smew__process_token_at();
    bus->process_token = smew__process_token();
    bus->incarnation = smew__random64();
    bus->opened_ns = smew_now_ns();
    init_lists(bus);
    status = smew__mutex_init(&bus->lock);
    if (!status)
        status = smew__lane_turns_init(&bus->turns);
    if (!status)
        status = smew__condition_init(&bus->changed);
    if (!status)
        status = smew__loop_turn_init(bus);
    if (!status)
        status = smew__lane_run_init(&bus->run);
    if (status) {
        smew__free(bus);
        return smew__fail(error, status, "%s", smew_status_text(status));
    }
    status = start(bus, url, options, &why);
    if (status) {
        give_up(bus);
        if (error)
            *error = why;
        return status;
    }
    smew__sibling_add(bus);
    *out = bus;
    return SMEW_OK;
}

/* ---- closing ------------------------------------------------------------------------- */

/* With the lock held: nothing that this node accepted is on its way. */
static bool quiet(const struct smew_bus *bus)
{
    return bus->in_flight == 0 && bus->outbox_count == 0 && bus->stats.overflow == 0 &&
           smew__lanes_in_flight(bus) == 0;
}

/* Somebody waits until it is quiet: lanes ring for each completion.  With the lock held. */
static void expect_quiet(struct smew_bus *bus)
{
    atomic_fetch_add_explicit(&bus->quiet_waiters, 1, memory_order_relaxed);
    smew__lanes_watch(bus);
}

static void expect_no_more(struct smew_bus *bus)
{
    atomic_fetch_sub_explicit(&bus->quiet_waiters, 1, memory_order_relaxed);
}

enum smew_status smew_bus_flush(struct smew_bus *bus, uint32_t timeout_ms)
{
    uint64_t deadline_ns = smew__deadline_ns(timeout_ms);
    enum smew_status status;

    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    if (smew__handler_current())
        return SMEW_WOULD_DEADLOCK;
    smew__bus_lock(bus);
    expect_quiet(bus);
    while (!quiet(bus) && smew__bus_wait(bus, deadline_ns))
        ;
    expect_no_more(bus);
    status = quiet(bus) ? SMEW_OK : SMEW_TIMEOUT;
    smew__bus_unlock(bus);
    return status;
}

/* With the lock held: gives every claim back.  What was queued is refused, and counted. */
static size_t drop_claims(struct smew_bus *bus)
{
    struct smew__registration *registration;
    size_t refused = 0;
    size_t cursor = 0;

    while ((registration = smew__table_next(&bus->registrations, &cursor)) != NULL) {
        (void)smew__directory_release(bus->directory, registration->id);
        refused += smew__registration_remove(bus, registration);
        cursor--;
    }
    return refused;
}

/* With the lock held: what is still held or runs elsewhere does not find us any more. */
static size_t orphan_deliveries(struct smew_bus *bus)
{
    size_t count = 0;
    struct smew__list *link;

    while ((link = smew__list_take(&bus->deliveries)) != NULL) {
        struct smew_message *message = SMEW_CONTAINER(link, struct smew_message, delivery.link);

        smew__list_remove(&message->delivery.due.link);
        message->delivery.bus = NULL;
        smew__registration_unref(message->delivery.registration);
        smew__message_unref(message);
        count++;
    }
    return count;
}

/* With the lock held: what was accepted and went nowhere. */
static size_t bury_parcels(struct smew_bus *bus)
{
    struct smew__peer *peer;
    size_t count = bus->in_flight + smew__outbox_drop(bus);
    size_t cursor = 0;

    smew__limbo_drop(bus);
    while ((peer = smew__table_next(&bus->peers, &cursor)) != NULL) {
        smew__peer_free(peer); /* each of its parcels ends with CLOSED */
        cursor = 0;
    }
    return count;
}

void smew_bus_close(struct smew_bus *bus, uint32_t timeout_ms, struct smew_left *left)
{
    uint64_t deadline_ns = smew__deadline_ns(timeout_ms);
    struct smew_left counts = {0};

    if (!smew__bus_ours(bus) || smew__handler_current())
        return;
    smew__bus_lock(bus);
    bus->closing = true;
    counts.unprocessed = drop_claims(bus);
    expect_quiet(bus);
    smew__inbounds_tell(bus);
    while (!(quiet(bus) && smew__inbound_all_told(bus)) && smew__bus_wait(bus, deadline_ns))
        ;
    smew__bus_unlock(bus);
    smew__service_stop(bus);
    smew__lanes_look(bus); /* what is in lost lanes becomes parcels, and those dead letters */
    smew__sibling_remove(bus);
    smew__bus_lock(bus);
    (void)smew__done_take(bus);
    counts.requests = smew__request_close_all(bus);
    counts.unprocessed += orphan_deliveries(bus);
    counts.unsent = bury_parcels(bus);
    smew__topic_silence(bus);
    bus->follow_up = 0;
    smew__bus_unlock(bus);
    smew__outbox_tell(bus);
    smew__poll_rest(bus); /* dead letters and the callbacks of requests */
    give_up(bus);
    if (left)
        *left = counts;
}
