/* SPDX-License-Identifier: MIT */
/*
 * Making and freeing the lanes that we give to others.
 *
 * Happy path: the quota is asked, the memory is made without the node's lock, since it may be much,
 * and goes out with the answer.
 *
 * Failure modes: the quota is used up, or there is no memory or no descriptor: the question is
 * denied with that status.  A lane that is to take the place of one which is not read any more is
 * denied too (CLOSED): what that one still held comes again, and nothing may overtake it.  A number
 * that is in use, or none, ends the connection.
 */

#include "bus/lane_in.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "bus/inbound.h"
#include "diagnostics/log.h"

enum {
    KNOWN_MS = 60000,    /* how long the ids of a lane that is over are known */
    RETIRED_MOST = 1024, /* of one sender; an honest one's are few */
};

/* What is to be made for a question. */
struct order {
    struct smew__lane_spec lane;
    struct smew__pool_spec pool; /* no bytes: none */
};

/* ---- freeing ------------------------------------------------------------------------- */

static void leave_chain(struct smew__lane_in *lane)
{
    if (lane->chain && --lane->chain->lanes == 0) {
        smew__barriers_fini(&lane->chain->barriers);
        smew__free(lane->chain);
    }
    lane->chain = NULL;
}

void smew__lane_in_release(struct smew__lane_in *lane)
{
    smew__lane_in_tell(lane);
    if (lane->bytes) {
        lane->bus->lane_bytes -= lane->bytes;
        lane->bus->stats.lanes_in--;
        lane->bytes = 0;
        lane->over_ns = smew_now_ns();
    }
    smew__lane_reader_fini(&lane->reader);
    smew__lane_memory_fini(&lane->memory);
    smew__pool_memory_fini(&lane->pool);
    leave_chain(lane);
    smew__lane_names_fini(&lane->targets);
    smew__lane_names_fini(&lane->events);
    smew__free(lane->copy);
    smew__free(lane->pooled);
    lane->memory = (struct smew__lane_memory){0};
    lane->copy = NULL;
    lane->pooled = NULL;
}

void smew__lane_in_free(struct smew__lane_in *lane)
{
    smew__list_remove(&lane->link);
    smew__lane_in_release(lane);
    smew__free(lane->entries);
    smew__free(lane);
}

void smew__lanes_in_forget_channel(struct smew__sender *sender)
{
    SMEW_LIST_EACH (link, &sender->lanes) {
        struct smew__lane_in *lane = SMEW_CONTAINER(link, struct smew__lane_in, link);

        for (uint64_t i = 0; lane->in_flight > 0 && i < lane->window; i++)
            lane->entries[i].position = 0;
    }
}

static bool is_over(const struct smew__lane_in *lane)
{
    return lane->read_out && lane->in_flight == 0;
}

void smew__lanes_in_sweep(struct smew__sender *sender)
{
    unsigned over = 0;

    SMEW_LIST_EACH (link, &sender->lanes)
        over += is_over(SMEW_CONTAINER(link, struct smew__lane_in, link));
    SMEW_LIST_EACH_SAFE (link, &sender->lanes) {
        struct smew__lane_in *lane = SMEW_CONTAINER(link, struct smew__lane_in, link);

        if (!is_over(lane))
            continue;
        smew__lane_in_release(lane);
        /* The oldest come first. */
        if (over > RETIRED_MOST || smew_now_ns() - lane->over_ns > KNOWN_MS * SMEW_NS_PER_MS) {
            smew__lane_in_free(lane);
            over--;
        }
    }
}

void smew__lanes_in_free(struct smew__sender *sender)
{
    SMEW_LIST_EACH_SAFE (link, &sender->lanes)
        smew__lane_in_free(SMEW_CONTAINER(link, struct smew__lane_in, link));
}

/* ---- making -------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct order *order)
{
    return smew__lane_memory_bytes(&order->lane) +
           (order->pool.bytes ? smew__pool_memory_bytes(&order->pool) : 0);
}

/* With the lock held. */
static bool reserve(struct smew__lane_in *lane, const struct order *order)
{
    struct smew_bus *bus = lane->bus;

    if (bus->lane_bytes + bytes_of(order) <= bus->options.lanes_max_bytes) {
        lane->bytes = bytes_of(order);
        bus->lane_bytes += lane->bytes;
        bus->stats.lanes_in++;
        return true;
    }
    bus->stats.lanes_refused++;
    smew__log(SMEW_LOG_WARN,
              "%s gives no further lane: %llu of %llu bytes are given (lanes_max_bytes)",
              bus->address, (unsigned long long)bus->lane_bytes,
              (unsigned long long)bus->options.lanes_max_bytes);
    return false;
}

/* Without the lock: nobody else knows it yet. */
static enum smew_status make_parts(struct smew__lane_in *lane, struct order *order)
{
    enum smew_status status = smew__lane_memory_create(&order->lane, &lane->memory);

    order->pool.salt = lane->memory.salt;
    if (!status && order->pool.bytes)
        status = smew__pool_memory_create(&order->pool, &lane->pool);
    if (!status)
        status = smew__lane_reader_init(&lane->reader, &lane->memory);
    if (status)
        return status;
    lane->window = lane->memory.window;
    lane->entries = smew__calloc(lane->window, sizeof(*lane->entries));
    lane->copy = smew__alloc(lane->memory.ring_bytes / 2);
    if (order->pool.bytes)
        lane->pooled = smew__calloc(lane->window, sizeof(*lane->pooled));
    if (!lane->entries || !lane->copy || (order->pool.bytes && !lane->pooled))
        return SMEW_NO_MEMORY;
    (void)smew__lane_reader_arm(&lane->reader); /* its first record rings: nobody looks before */
    return SMEW_OK;
}

static struct smew__lane_in *find_lane(const struct smew__sender *sender, uint64_t stream)
{
    SMEW_LIST_EACH (link, &sender->lanes) {
        struct smew__lane_in *lane = SMEW_CONTAINER(link, struct smew__lane_in, link);

        if (lane->stream == stream)
            return lane;
    }
    return NULL;
}

/* Barriers of its own, or those of the lane whose place it takes.  With the lock held. */
static enum smew_status join_chain(struct smew__lane_in *lane, uint64_t after, uint32_t window)
{
    struct smew__lane_in *before = after ? find_lane(lane->sender, after) : NULL;

    if (after && (!before || before->read_out || !before->chain))
        return SMEW_CLOSED;
    lane->chain = before ? before->chain : smew__calloc(1, sizeof(*lane->chain));
    if (!lane->chain)
        return SMEW_NO_MEMORY;
    if (lane->chain->lanes++ == 0)
        smew__barriers_init(&lane->chain->barriers, window);
    return SMEW_OK;
}

/* CORRUPT: it is none that an honest sender asks. */
static enum smew_status make_lane(struct smew__inbound *inbound, const struct smew__lane_ask *ask,
                                  struct smew__lane_in **out)
{
    struct smew_bus *bus = inbound->bus;
    struct order order = {
        .lane = {.lane = ask->lane,
                 .ring_bytes = ask->ring_bytes,
                 .window = ask->window,
                 .first_number = 1}, /* as a stream's ids begin */
        .pool = {.pool = ask->lane, .bytes = ask->pool_bytes},
    };
    struct smew__lane_in *lane;
    enum smew_status status;

    /* A number that the sender uses already would make two records one. */
    if (!inbound->sender || ask->lane == 0 || ask->lane > UINT32_MAX ||
        find_lane(inbound->sender, ask->lane))
        return SMEW_CORRUPT;
    lane = smew__calloc(1, sizeof(*lane));
    if (!lane)
        return SMEW_NO_MEMORY;
    lane->bus = bus;
    lane->sender = inbound->sender;
    lane->inbound = inbound;
    lane->stream = (uint32_t)ask->lane;
    lane->after = ask->after;
    smew__list_init(&lane->link);
    smew__list_init(&lane->untold);
    smew__bus_lock(bus);
    status = join_chain(lane, ask->after, ask->window);
    if (!status && !reserve(lane, &order))
        status = SMEW_LIMIT;
    smew__bus_unlock(bus);
    if (!status)
        status = make_parts(lane, &order);
    smew__bus_lock(bus);
    if (status)
        smew__lane_in_free(lane);
    else
        smew__list_append(&inbound->sender->lanes, &lane->link);
    smew__bus_unlock(bus);
    *out = status ? NULL : lane;
    return status;
}

enum smew_status smew__lanes_give(struct smew__inbound *inbound)
{
    struct smew_bus *bus = inbound->bus;
    struct smew__lane_ask ask;
    enum smew_status status;

    while (!(status = smew__channel_next_ask(inbound->channel, &ask))) {
        struct smew__lane_in *lane = NULL;

        status = make_lane(inbound, &ask, &lane);
        if (status == SMEW_CORRUPT)
            return status;
        status = status ? smew__channel_deny(inbound->channel, &ask, status)
                        : smew__channel_give(inbound->channel, &ask, &lane->memory,
                                             ask.pool_bytes ? &lane->pool : NULL);
        if (!status)
            continue;
        if (lane) {
            smew__bus_lock(bus);
            smew__lane_in_free(lane);
            smew__bus_unlock(bus);
        }
        break; /* AGAIN: the question is asked again when the socket has room */
    }
    return status == SMEW_AGAIN ? SMEW_OK : status;
}
