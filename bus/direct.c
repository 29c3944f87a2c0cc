/* SPDX-License-Identifier: MIT */
/*
 * Happy path: the trail of the target knows the lane, the directory's epoch is the one that it was
 * found in, and the record is written and committed under the producer's own lock, which only the
 * service thread ever takes besides.
 *
 * Otherwise the send is *prepared*: the route is looked up, a lane is asked for and waited for
 * until the deadline, or it passes to the common way.  A full lane is waited for on its futex.  The
 * first payload above half a lane asks for a lane with a payload pool, which takes over like a
 * larger one.
 */

#include "bus/direct.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "bus/handler.h"
#include "bus/options.h"
#include "bus/route.h"
#include "bus/service.h"
#include "bus/speaker.h"
#include "bus/trail.h"
#include "bus/transport/shm/lanes.h"

enum {
    CHECK_MS = 50,       /* a full lane's thread looks up from its sleep this often */
    TRY_AGAIN_MS = 1000, /* how often it does */
    SWITCH_MS = 20,      /* how long a send waits so that its pair may take the lane again */
    POOL_PAYLOADS = 4,   /* of the largest size, that a pool has room for */
};

enum outcome {
    DONE,  /* the status says how */
    PASS,  /* the common way */
    AGAIN, /* from the beginning */
    LOOK,  /* the same, but the lane is not ready before it was looked at */
};

struct attempt {
    struct smew_bus *bus;
    struct smew__producer *producer;
    const struct smew__envelope *envelope;
    const struct smew__post *post;
    const struct smew_send_options *options;
    struct smew__behind *behind;
    struct smew__direct_loan *loan; /* NULL: it is sent at once */
    enum smew_status status;
    bool poolable;      /* it is for a lane that has a pool */
    uint64_t switch_ns; /* until when it waits for the common way to be clear; 0: not yet asked */
    uint32_t turn;      /* of the full lane */
};

/* ---- trails -------------------------------------------------------------------------- */

static void set_behind(const struct smew__trail *trail, struct smew__behind *behind)
{
    struct smew__behind last = {.lane = trail->sent_on, .number = trail->last};

    if (behind->lane || smew__behind_clear(&last))
        return;
    atomic_fetch_add_explicit(&last.lane->references, 1, memory_order_relaxed);
    *behind = last;
}

void smew__direct_leave(struct smew__producer *producer, const char *target,
                        struct smew__behind *behind)
{
    struct smew__trail *trail;

    smew__producer_lock(producer);
    trail = smew__trail_find(producer, (struct smew__text){target, strlen(target)});
    if (trail) {
        trail->detour = true;
        set_behind(trail, behind);
    }
    smew__producer_unlock(producer);
}

/* ---- writing ------------------------------------------------------------------------- */

static uint64_t finish(struct smew__producer *producer, struct smew__lane_out *lane,
                       const struct smew__envelope *envelope, struct smew__lane_draft *draft)
{
    struct smew__lane_meaning meaning = smew__lane_out_meaning(lane);
    uint64_t number = smew__lane_finish(&lane->writer, &meaning, envelope, draft);

    if (draft->pooled)
        atomic_fetch_add_explicit(&producer->pooled, 1, memory_order_relaxed);
    return number;
}

static void lend(struct attempt *attempt, struct smew__lane_out *lane,
                 const struct smew__envelope *envelope, const struct smew__lane_draft *draft)
{
    lane->lent = true;
    attempt->loan->lane = lane;
    attempt->loan->draft = *draft;
    attempt->loan->alone = envelope->flags & SMEW__ENVELOPE_ALONE;
}

/*
 * Writes it, once; a loan's record is finished later.  A request with a callback starts its timer
 * with its commit, under one lock, or it might end before it began.  With the producer's lock held.
 */
static enum smew_status put(struct attempt *attempt, struct smew__lane_out *lane,
                            struct smew__envelope *envelope, uint64_t *number)
{
    struct smew_bus *bus = attempt->bus;
    struct smew__timer *timer = attempt->post->request_timer;
    struct smew__lane_meaning meaning = smew__lane_out_meaning(lane);
    struct smew__lane_draft draft;
    enum smew_status status = smew__lane_begin(&lane->writer, &meaning, envelope, &draft);

    attempt->poolable = draft.poolable;
    if (status)
        return status;
    if (attempt->loan) {
        lend(attempt, lane, envelope, &draft);
        return SMEW_OK;
    }
    if (timer) {
        smew__lane_fill(&lane->writer, &meaning, envelope, &draft);
        smew__bus_lock(bus);
        if (!smew__timer_set(bus, timer, attempt->post->deadline_ns))
            status = SMEW_NO_MEMORY;
    }
    if (status)
        smew__lane_cancel(&lane->writer, &meaning, &draft);
    else
        *number = finish(attempt->producer, lane, envelope, &draft);
    if (timer)
        smew__bus_unlock(bus);
    return status;
}

static uint32_t pool_bytes(const struct smew_bus *bus)
{
    uint64_t each = bus->options.payload_max + smew__memory_page(); /* with a block's head */
    uint64_t bytes = each * POOL_PAYLOADS;

    if (bytes < SMEW__POOL_BYTES_MIN)
        return SMEW__POOL_BYTES_MIN;
    return bytes < SMEW__POOL_BYTES_MAX ? (uint32_t)bytes : SMEW__POOL_BYTES_MAX;
}

/*
 * A lane is asked for that takes this one's place: larger, or with a pool.  One that was denied is
 * asked for anew as it is wanted now.  When it was granted this one ends.  With both locks held.
 */
static void replace(struct attempt *attempt, struct smew__lane_out *lane, uint32_t ring_bytes,
                    uint32_t pool_bytes)
{
    struct smew__lane_out *larger = lane->larger;

    if (!larger && lane->peer) {
        lane->larger =
            smew__lane_out_create(attempt->producer, lane->peer, ring_bytes, pool_bytes, lane);
    } else if (larger && larger->state == SMEW__LANE_DENIED) {
        larger->ring_bytes = ring_bytes;
        larger->pool_bytes = pool_bytes;
    } else if (larger && larger->state == SMEW__LANE_GRANTED &&
               smew__lane_writer_holds_sealed(&lane->writer)) {
        attempt->bus->stats.lanes_grown += !lane->outgrown && larger->ring_bytes > lane->ring_bytes;
        lane->outgrown = true;
    } else if (larger && larger->state == SMEW__LANE_GRANTED) {
        smew__lane_out_end(lane);
        attempt->bus->stats.lanes_grown += larger->ring_bytes > lane->ring_bytes;
    }
}

/* The payload is above half a lane.  With the producer's lock held. */
static enum outcome want_pool(struct attempt *attempt, struct smew__trail *trail)
{
    struct smew_bus *bus = attempt->bus;
    struct smew__lane_out *lane = trail->lane;
    bool possible = attempt->poolable && !lane->pool_bytes;

    smew__bus_lock(bus);
    if (possible)
        replace(attempt, lane, lane->ring_bytes, pool_bytes(bus));
    possible = possible && lane->larger && lane->larger->state != SMEW__LANE_DENIED;
    smew__bus_unlock(bus);
    if (possible && !smew__lane_writer_holds_sealed(&lane->writer))
        return LOOK;
    trail->detour = true;
    set_behind(trail, attempt->behind);
    return PASS;
}

/* With the producer's lock held. */
static enum outcome write_record(struct attempt *attempt, struct smew__trail *trail)
{
    struct smew__lane_out *lane = trail->lane;
    struct smew__envelope envelope = *attempt->envelope;
    uint64_t number;

    if (trail->alone)
        envelope.flags |= SMEW__ENVELOPE_ALONE;
    attempt->status = put(attempt, lane, &envelope, &number);
    if (attempt->status == SMEW_FULL) {
        attempt->turn = smew__lane_writer_turn(&lane->writer);
        smew__lane_out_collect(lane);
        if (trail->detour) /* an answer concerned this very pair */
            return AGAIN;
        attempt->status = put(attempt, lane, &envelope, &number);
    }
    switch (attempt->status) {
    case SMEW_OK:
        if (attempt->loan)
            return DONE;
        smew__trail_note(attempt->producer, trail, envelope.payload_size, number);
        smew__direct_sent(attempt->producer, lane, smew__handler_current());
        return DONE;
    case SMEW_TOO_BIG:
        return want_pool(attempt, trail);
    case SMEW_CLOSED:
        lane->failed = true;
        return AGAIN;
    default:
        return DONE;
    }
}

/* ---- preparing ----------------------------------------------------------------------- */

/* It goes the common way rather than wait for room: into the outbox, or the overflow queue. */
static bool keeps(const struct attempt *attempt)
{
    return smew__handler_current() || smew__send_keeps(attempt->options);
}

static bool may_wait(const struct attempt *attempt, uint64_t until_ns)
{
    return !keeps(attempt) && smew_now_ns() < until_ns;
}

/* Is it read behind this one? */
static bool follows(const struct smew__lane_out *lane, const struct smew__lane_out *older)
{
    while (lane && lane != older)
        lane = lane->after;
    return lane;
}

/* The lane that leads to the route's host, for this trail.  With both locks held. */
static enum outcome choose_lane(struct attempt *attempt, struct smew__trail *trail)
{
    struct smew__peer *peer = trail->route->peer;
    struct smew__behind last = {.lane = trail->sent_on, .number = trail->last};
    struct smew__lane_out *lane = trail->lane;
    bool clear;

    if (lane && lane->peer == peer && !lane->ended)
        return AGAIN;
    clear = smew__behind_clear(&last);
    if (!clear && trail->sent_on->peer != peer)
        return PASS; /* the host changed; what the old one has is dealt with first */
    lane = smew__lane_out_to(attempt->producer, peer);
    if (!lane || (!clear && !follows(lane, trail->sent_on)))
        return PASS;
    trail->lane = lane;
    trail->alone = clear;
    return AGAIN;
}

/* May the pair's next message take the lane?  With both locks held. */
static enum outcome check_detour(struct attempt *attempt, struct smew__trail *trail)
{
    const struct smew__route *route = trail->route;
    struct smew__behind last = {.lane = trail->sent_on, .number = trail->last};

    if (!trail->detour)
        return DONE;
    if (route->accepted == 0 && route->outbox == 0 && route->coming == 0) {
        trail->detour = false;
        trail->alone = smew__behind_clear(&last);
        return DONE;
    }
    if (!attempt->switch_ns) {
        attempt->switch_ns = smew__deadline_ns(SWITCH_MS);
        if (attempt->switch_ns > attempt->post->deadline_ns)
            attempt->switch_ns = attempt->post->deadline_ns;
        if (smew_now_ns() < trail->tried_ns + TRY_AGAIN_MS * SMEW_NS_PER_MS)
            attempt->switch_ns = 1; /* it did not come to pass a moment ago */
    }
    if (may_wait(attempt, attempt->switch_ns))
        return AGAIN;
    if (attempt->switch_ns > 1)
        trail->tried_ns = smew_now_ns();
    return PASS;
}

/* A lane that is to take over with a pool, and is waited for; NULL: none. */
static const struct smew__lane_out *pool_to_come(const struct attempt *attempt,
                                                 const struct smew__trail *trail)
{
    const struct smew__lane_out *larger = attempt->poolable ? trail->lane->larger : NULL;

    if (!larger || (larger->state != SMEW__LANE_WANTED && larger->state != SMEW__LANE_ASKED))
        return NULL;
    return larger;
}

/*
 * One look, with both locks held.  AGAIN: the bus's `changed` says when to look again, until
 * *until_ns.  DONE: the record may be written.
 */
static enum outcome look(struct attempt *attempt, struct smew__trail *trail, uint64_t *until_ns)
{
    struct smew_bus *bus = attempt->bus;
    uint64_t epoch = smew__bus_epoch(bus);
    const struct smew__lane_out *to_come;
    enum outcome outcome;

    *until_ns = attempt->post->deadline_ns;
    if (bus->closing || smew__route_resolve(bus, trail->route) || trail->route->peer->is_self)
        return PASS; /* the common way says, or waits for, what is wrong */
    outcome = choose_lane(attempt, trail);
    if (outcome == PASS || trail->lane->state == SMEW__LANE_DENIED)
        return PASS;
    to_come = trail->lane;
    if (!trail->lane->failed && trail->lane->state == SMEW__LANE_GRANTED)
        to_come = pool_to_come(attempt, trail);
    if (to_come) {
        if (*until_ns > to_come->patience_ns)
            *until_ns = to_come->patience_ns;
        return may_wait(attempt, *until_ns) ? AGAIN : PASS;
    }
    outcome = check_detour(attempt, trail);
    if (outcome == DONE)
        trail->epoch = epoch;
    else if (outcome == AGAIN)
        *until_ns = attempt->switch_ns;
    return outcome;
}

/* Without a lock: AGAIN when the lane may be tried. */
static enum outcome prepare(struct attempt *attempt)
{
    struct smew__producer *producer = attempt->producer;
    struct smew_bus *bus = attempt->bus;
    enum outcome outcome;

    do {
        struct smew__trail *trail;
        uint64_t until_ns = 0;

        smew__producer_lock(producer);
        smew__bus_lock(bus);
        trail = smew__trail_find(producer, attempt->envelope->target);
        if (!trail)
            trail = smew__trail_make(producer, attempt->envelope->target);
        outcome = trail ? look(attempt, trail, &until_ns) : PASS;
        if (trail && outcome == PASS) {
            trail->detour = true;
            set_behind(trail, attempt->behind);
        }
        smew__producer_unlock(producer);
        if (outcome == AGAIN)
            (void)smew__bus_wait(bus, until_ns);
        smew__bus_unlock(bus);
    } while (outcome == AGAIN);
    return outcome == DONE ? AGAIN : PASS;
}

/* ---- waiting for room ---------------------------------------------------------------- */

/* Looks for as long as that pays: true when the receiver has made room. */
static bool look_for_room(const struct attempt *attempt, struct smew__lane_out *lane,
                          uint64_t until_ns)
{
    struct smew__spin *spin = &attempt->producer->spin;
    uint64_t now_ns = smew_now_ns();

    for (; now_ns < until_ns && smew__spin_goes_on(spin, now_ns); now_ns = smew_now_ns()) {
        if (smew__lane_writer_turn(&lane->writer) != attempt->turn) {
            smew__spin_paid(spin);
            return true;
        }
        smew__spin_pause();
    }
    return false;
}

/* The lane is full.  With the producer's lock held, which is given back meanwhile. */
static enum outcome wait_for_room(struct attempt *attempt, struct smew__lane_out *lane)
{
    struct smew__producer *producer = attempt->producer;
    uint64_t now_ns = smew_now_ns();
    uint64_t until_ns = now_ns + CHECK_MS * SMEW_NS_PER_MS;

    if (now_ns >= attempt->post->deadline_ns) {
        atomic_fetch_add_explicit(&producer->refused, 1, memory_order_relaxed);
        attempt->status = SMEW_FULL;
        return DONE;
    }
    if (until_ns > attempt->post->deadline_ns)
        until_ns = attempt->post->deadline_ns;
    smew__lane_writer_refresh(&lane->writer);
    lane->sleeping = true; /* keeps its memory */
    smew__producer_unlock(producer);
    if (!look_for_room(attempt, lane, until_ns))
        (void)smew__lane_writer_wait(&lane->writer, attempt->turn, until_ns);
    smew__producer_lock(producer);
    lane->sleeping = false;
    if (lane->state == SMEW__LANE_GRANTED)
        smew__lane_out_collect(lane);
    return AGAIN;
}

/* The lane has no room.  With the producer's lock held. */
static enum outcome on_full(struct attempt *attempt, struct smew__trail *trail)
{
    struct smew__lane_out *lane = trail->lane;

    bool grows =
        attempt->options->on_full == SMEW_ON_FULL_GROW && lane->ring_bytes < SMEW__LANE_BYTES_MAX;

    if (grows) {
        smew__bus_lock(attempt->bus);
        replace(attempt, lane, lane->ring_bytes * 2, lane->pool_bytes);
        smew__bus_unlock(attempt->bus);
    }
    if (keeps(attempt)) {
        trail->detour = true;
        set_behind(trail, attempt->behind);
        return PASS;
    }
    return lane->ended ? AGAIN : wait_for_room(attempt, lane);
}

/* ---- sending ------------------------------------------------------------------------- */

static enum outcome try_lane(struct attempt *attempt)
{
    struct smew__producer *producer = attempt->producer;
    struct smew__trail *trail;
    enum outcome outcome = PASS;
    bool ready;

    smew__producer_lock(producer);
    trail = smew__trail_find(producer, attempt->envelope->target);
    ready = trail && smew__trail_is_ready(attempt->bus, trail);
    if (ready) {
        outcome = write_record(attempt, trail);
        if (outcome == DONE && attempt->status == SMEW_FULL)
            outcome = on_full(attempt, trail);
    }
    smew__producer_unlock(producer);
    return ready && outcome != LOOK ? outcome : prepare(attempt);
}

static enum smew_status run(struct attempt *attempt, bool *passed)
{
    enum outcome outcome;

    attempt->producer = smew__producer_get(attempt->bus);
    outcome = attempt->producer ? AGAIN : PASS;
    while (outcome == AGAIN)
        outcome = try_lane(attempt);
    *passed = outcome == PASS;
    return attempt->status;
}

enum smew_status smew__direct_send(struct smew_bus *bus, const struct smew__post *post,
                                   const struct smew_send_options *options,
                                   const struct smew__envelope *envelope, bool *passed,
                                   struct smew__behind *behind)
{
    struct attempt attempt = {
        .bus = bus, .envelope = envelope, .post = post, .options = options, .behind = behind};

    return run(&attempt, passed);
}

/* ---- loans --------------------------------------------------------------------------- */

enum smew_status smew__direct_lend(struct smew_bus *bus, const struct smew__post *post,
                                   const struct smew_send_options *options,
                                   const struct smew__envelope *envelope, bool *passed,
                                   struct smew__behind *behind, struct smew__direct_loan *loan)
{
    struct attempt attempt = {.bus = bus,
                              .envelope = envelope,
                              .post = post,
                              .options = options,
                              .behind = behind,
                              .loan = loan};
    enum smew_status status = run(&attempt, passed);

    loan->producer = attempt.producer;
    return status;
}

/* Is everything as it was when the record was begun?  With the producer's lock held. */
static bool still_leads(const struct smew__direct_loan *loan, const struct smew__trail *trail)
{
    const struct smew__lane_out *lane = loan->lane;

    return trail && trail->lane == lane && !trail->detour && !lane->failed && !lane->ended &&
           lane->state == SMEW__LANE_GRANTED;
}

bool smew__direct_return(struct smew__direct_loan *loan, struct smew__envelope *envelope,
                         struct smew__behind *behind)
{
    struct smew__producer *producer = loan->producer;
    struct smew__lane_out *lane = loan->lane;
    struct smew__trail *trail;
    bool sent = false;

    smew__producer_lock(producer);
    trail = envelope ? smew__trail_find(producer, envelope->target) : NULL;
    if (envelope && still_leads(loan, trail)) {
        envelope->flags = loan->alone ? SMEW__ENVELOPE_ALONE : 0;
        smew__trail_note(producer, trail, envelope->payload_size,
                         finish(producer, lane, envelope, &loan->draft));
        smew__direct_sent(producer, lane, smew__handler_current());
        sent = true;
    } else if (trail) {
        trail->detour = true;
        set_behind(trail, behind);
    }
    if (sent)
        lane->lent = false;
    smew__producer_unlock(producer);
    return sent;
}

void smew__direct_release(struct smew__direct_loan *loan)
{
    struct smew__producer *producer = loan->producer;

    smew__producer_lock(producer);
    if (loan->lane->state == SMEW__LANE_GRANTED) {
        struct smew__lane_meaning meaning = smew__lane_out_meaning(loan->lane);

        smew__lane_cancel(&loan->lane->writer, &meaning, &loan->draft);
    }
    loan->lane->lent = false; /* a lost lane may go now */
    smew__producer_unlock(producer);
}
