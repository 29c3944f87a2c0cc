/* SPDX-License-Identifier: MIT */
/*
 * Lanes for the bus: asking, granting, ringing.
 *
 * Happy path: ASK goes out and is remembered; its GRANT is kept until the bus takes it, and mapped
 * then.  On the other side an ASK is kept until the bus has answered it.
 *
 * Failures: a GRANT or DENY that nobody asked for, a lane of another number or larger than asked
 * for, more questions at once than may be: CORRUPT, and the channel ends.  So it does when a grant
 * could not be mapped for want of memory (tests/models/attach.pml); when only its pool could not
 * be, the lane is given back, and the answer has that status.
 */
#include "bus/transport/shm/lanes.h"

#include "base/os/fd.h"
#include "bus/transport/shm/end.h"

bool smew__channel_has_lanes(const struct smew_channel *channel)
{
    return channel->ops == &smew__shm_ops &&
           ((const struct smew__shm_end *)(const void *)channel)->gives_lanes;
}

uint64_t smew__channel_shared_bytes(const struct smew_channel *channel)
{
    const struct smew__shm_end *end = (const struct smew__shm_end *)(const void *)channel;

    if (channel->ops != &smew__shm_ops)
        return 0;
    return end->in_memory.ring_memory.size + end->in_memory.cursor_memory.size;
}

/* ---- what was heard ------------------------------------------------------------------ */

enum smew_status smew__shm_heard_ask(struct smew__shm_end *end,
                                     const struct smew__shm_datagram *datagram)
{
    if (!end->gives_lanes || end->asked_count == SMEW__SHM_ASKS_MAX)
        return SMEW_CORRUPT;
    end->asked[(end->asked_first + end->asked_count++) % SMEW__SHM_ASKS_MAX] = *datagram;
    return SMEW_OK;
}

static struct smew__lane_ask *find_ask(struct smew__shm_end *end, uint64_t lane)
{
    for (size_t i = 0; i < end->ask_count; i++) {
        if (end->asks[i].lane == lane)
            return &end->asks[i];
    }
    return NULL;
}

static bool is_answered(const struct smew__shm_end *end, uint64_t lane)
{
    for (size_t i = 0; i < end->answer_count; i++) {
        if (end->answers[(end->answer_first + i) % SMEW__SHM_ASKS_MAX].lane == lane)
            return true;
    }
    return false;
}

static void close_fds(struct smew__shm_answer *answer)
{
    for (size_t i = 0; i < sizeof(answer->fds) / sizeof(*answer->fds); i++)
        smew__fd_close(&answer->fds[i]);
}

enum smew_status smew__shm_heard_answer(struct smew__shm_end *end,
                                        const struct smew__shm_datagram *datagram, const int *fds)
{
    struct smew__shm_answer answer = {
        .lane = datagram->lane, .status = datagram->status, .fds = {-1, -1, -1}};

    for (size_t i = 0; i < datagram->fd_count; i++)
        answer.fds[i] = fds[i];
    /* Each question is answered once, so there is room for the answer. */
    if (find_ask(end, answer.lane) == NULL || is_answered(end, answer.lane)) {
        close_fds(&answer);
        return SMEW_CORRUPT;
    }
    end->answers[(end->answer_first + end->answer_count++) % SMEW__SHM_ASKS_MAX] = answer;
    return SMEW_OK;
}

void smew__shm_lanes_fini(struct smew__shm_end *end)
{
    while (end->answer_count > 0) {
        close_fds(&end->answers[end->answer_first]);
        end->answer_first = (end->answer_first + 1) % SMEW__SHM_ASKS_MAX;
        end->answer_count--;
    }
}

/* ---- the end that asks --------------------------------------------------------------- */

enum smew_status smew__channel_ask(struct smew_channel *channel, const struct smew__lane_ask *ask)
{
    struct smew__shm_end *end = smew__shm_end_of(channel);
    const struct smew__shm_datagram datagram = {.type = SMEW__SHM_ASK,
                                                .lane = ask->lane,
                                                .ring_bytes = ask->ring_bytes,
                                                .window = ask->window,
                                                .after = ask->after,
                                                .pool_bytes = ask->pool_bytes};
    enum smew_status status;

    if (!smew__shm_ours(end))
        return SMEW_FORKED;
    if (ask->lane == 0 || find_ask(end, ask->lane) != NULL)
        return SMEW_INVALID;
    if (end->ask_count == SMEW__SHM_ASKS_MAX)
        return SMEW_AGAIN; /* the next answer makes the fd ready */
    end->has_bus = true;
    status = smew__shm_say(end, &datagram, NULL, 0);
    if (status == SMEW_OK)
        end->asks[end->ask_count++] = *ask;
    return status;
}

static uint64_t rounded(uint64_t size, uint64_t least)
{
    uint64_t power = least;

    while (power < size)
        power *= 2;
    return power;
}

/* A lane may be smaller than asked for, since the giver has a quota; it is never another one. */
static bool is_what_was_asked(const struct smew__lane_grant *grant,
                              const struct smew__lane_ask *ask)
{
    const struct smew__lane_memory *memory = &grant->memory;

    return memory->lane == ask->lane &&
           memory->ring_bytes <= rounded(ask->ring_bytes, SMEW__LANE_BYTES_MIN) &&
           memory->window <= rounded(ask->window, 1) &&
           (ask->pool_bytes == 0 ||
            (grant->pool.pool == ask->lane &&
             grant->pool.units * grant->pool.unit < ask->pool_bytes + grant->pool.unit));
}

/* Without telling its giver, who is told by the end of the connection, or of the lane. */
static void drop(struct smew__lane_grant *grant)
{
    smew__lane_memory_fini(&grant->memory);
    smew__pool_memory_fini(&grant->pool);
}

static void give_back(struct smew__shm_end *end, struct smew__lane_grant *grant)
{
    if (grant->memory.header != NULL) {
        /* Release, as smew__lane_writer_end(), whose place it takes: nothing was written. */
        atomic_store_explicit(&grant->memory.header->ended, 1, memory_order_release);
        smew__shm_ring_out(end);
    }
    drop(grant);
}

void smew__channel_return(struct smew_channel *channel, struct smew__lane_grant *grant)
{
    give_back(smew__shm_end_of(channel), grant);
}

static bool is_lie(enum smew_status status)
{
    return status == SMEW_CORRUPT || status == SMEW_VERSION || status == SMEW_PERMISSION;
}

/* Maps what came, and takes the fds over: a failure is final. */
static enum smew_status open_answer(struct smew__shm_end *end, struct smew__shm_answer *answer,
                                    const struct smew__lane_ask *ask,
                                    struct smew__lane_grant *grant)
{
    enum smew_status status;

    *grant = (struct smew__lane_grant){.lane = answer->lane, .status = answer->status};
    if (answer->status != SMEW_OK)
        return SMEW_OK;
    if ((answer->fds[2] != -1) != (ask->pool_bytes != 0)) {
        close_fds(answer);
        return SMEW_CORRUPT;
    }
    status = smew__lane_memory_attach(answer->fds[0], answer->fds[1], &grant->memory);
    if (status != SMEW_OK) {
        smew__fd_close(&answer->fds[2]);
        return is_lie(status) ? SMEW_CORRUPT : SMEW_NO_MEMORY;
    }
    if (ask->pool_bytes != 0)
        grant->status = smew__pool_memory_attach(answer->fds[2], &grant->pool);
    if (is_lie(grant->status) || (grant->status == SMEW_OK && !is_what_was_asked(grant, ask))) {
        drop(grant);
        return SMEW_CORRUPT;
    }
    if (grant->status != SMEW_OK)
        give_back(end, grant);
    return SMEW_OK;
}

enum smew_status smew__channel_take_grant(struct smew_channel *channel,
                                          struct smew__lane_grant *grant)
{
    struct smew__shm_end *end = smew__shm_end_of(channel);
    struct smew__shm_answer answer;
    struct smew__lane_ask *ask;
    enum smew_status status;

    if (!smew__shm_ours(end))
        return SMEW_FORKED;
    end->has_bus = true;
    status = end->answer_count > 0 ? SMEW_OK : smew__shm_hear(end);
    if (end->receiving != SMEW_OK)
        return end->receiving;
    if (end->answer_count == 0)
        return end->gone ? SMEW_RESET : status == SMEW_OK ? SMEW_AGAIN : status;
    answer = end->answers[end->answer_first];
    end->answer_first = (end->answer_first + 1) % SMEW__SHM_ASKS_MAX;
    end->answer_count--;
    ask = find_ask(end, answer.lane);
    status = open_answer(end, &answer, ask, grant);
    *ask = end->asks[--end->ask_count];
    if (status != SMEW_OK)
        smew__shm_stop(end, status);
    return status;
}

/* ---- the end that gives -------------------------------------------------------------- */

enum smew_status smew__channel_next_ask(struct smew_channel *channel, struct smew__lane_ask *ask)
{
    struct smew__shm_end *end = smew__shm_end_of(channel);
    const struct smew__shm_datagram *asked;
    enum smew_status status;

    if (!smew__shm_ours(end))
        return SMEW_FORKED;
    end->has_bus = true;
    status = end->asked_count > 0 ? SMEW_OK : smew__shm_hear(end);
    if (end->receiving != SMEW_OK)
        return end->receiving;
    if (end->asked_count == 0)
        return end->gone ? SMEW_RESET : status == SMEW_OK ? SMEW_AGAIN : status;
    asked = &end->asked[end->asked_first];
    *ask = (struct smew__lane_ask){.lane = asked->lane,
                                   .ring_bytes = asked->ring_bytes,
                                   .window = asked->window,
                                   .after = asked->after,
                                   .pool_bytes = asked->pool_bytes};
    return SMEW_OK;
}

/* Says the answer to the question that was given last, and only then forgets the question. */
static enum smew_status answer_ask(struct smew__shm_end *end,
                                   const struct smew__shm_datagram *answer, const int *fds,
                                   size_t fd_count)
{
    enum smew_status status;

    if (!smew__shm_ours(end))
        return SMEW_FORKED;
    if (end->asked_count == 0 || end->asked[end->asked_first].lane != answer->lane)
        return SMEW_INVALID;
    status = smew__shm_say(end, answer, fds, fd_count);
    if (status != SMEW_OK)
        return status;
    end->asked_first = (end->asked_first + 1) % SMEW__SHM_ASKS_MAX;
    end->asked_count--;
    return SMEW_OK;
}

enum smew_status smew__channel_give(struct smew_channel *channel, const struct smew__lane_ask *ask,
                                    struct smew__lane_memory *memory,
                                    const struct smew__pool_memory *pool)
{
    struct smew__shm_end *end = smew__shm_end_of(channel);
    const struct smew__shm_datagram datagram = {.type = SMEW__SHM_GRANT, .lane = ask->lane};
    const int fds[3] = {memory->ring_memory.fd, memory->cursor_memory.fd,
                        pool != NULL ? pool->memory.fd : -1};
    enum smew_status status = answer_ask(end, &datagram, fds, pool != NULL ? 3 : 2);

    if (status == SMEW_OK)
        smew__memory_close_fd(&memory->cursor_memory);
    return status;
}

enum smew_status smew__channel_deny(struct smew_channel *channel, const struct smew__lane_ask *ask,
                                    enum smew_status status)
{
    struct smew__shm_end *end = smew__shm_end_of(channel);
    const struct smew__shm_datagram datagram = {
        .type = SMEW__SHM_DENY, .lane = ask->lane, .status = status};

    return answer_ask(end, &datagram, NULL, 0);
}

/* ---- ringing ------------------------------------------------------------------------- */

void smew__channel_ring(struct smew_channel *channel)
{
    struct smew__shm_end *end = smew__shm_end_of(channel);

    /* Acquire: pairs with the HELLO, before which nothing may be said. */
    if (smew__shm_ours(end) && smew__flag_get(&end->greeted))
        smew__shm_ring_out(end);
}
