/* SPDX-License-Identifier: MIT */
/*
 * Lanes over an shm channel: asked for, given, denied, rung for; by two ends that are honest, and
 * by one that is not.
 */
#include "tests/transport/shm_raw.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "base/os/fd.h"
#include "bus/shm/reader.h"
#include "bus/transport/shm/lanes.h"

enum { ASKS_MAX = 64, RINGERS = 4, RINGS = 2000 };

struct pair {
    struct smew_listener *listener;
    struct smew_channel *dialled;
    struct smew_channel *accepted;
};

static struct pair pair_open(void)
{
    struct smew_endpoint endpoint = shm_raw_endpoint();
    struct pair pair = {.listener = shm_raw_listen()};

    assert_int_equal(smew_transport_find("shm")->dial(&endpoint, &pair.dialled, NULL), SMEW_OK);
    pair.accepted = shm_raw_accept(pair.listener);
    return pair;
}

static void pair_close(struct pair *pair)
{
    smew_channel_close(pair->dialled);
    smew_channel_close(pair->accepted);
    pair->listener->ops->close(pair->listener);
}

static bool ready(const struct smew_channel *channel)
{
    struct smew_interest interest = channel->ops->interest(channel);

    return smew__fd_wait(interest.fd, interest.events, 0) == SMEW_OK;
}

static void expect_nothing(struct smew_channel *channel)
{
    struct smew_bytes frame;

    assert_int_equal(channel->ops->try_receive(channel, &frame), SMEW_AGAIN);
}

static struct smew__lane_ask an_ask(uint64_t lane)
{
    return (struct smew__lane_ask){
        .lane = lane, .ring_bytes = 16 * 1024, .window = 64, .after = lane - 1};
}

static struct smew__lane_memory a_lane(const struct smew__lane_ask *ask)
{
    const struct smew__lane_spec spec = {
        .lane = ask->lane, .ring_bytes = ask->ring_bytes, .window = ask->window};
    struct smew__lane_memory memory = {0};

    assert_int_equal(smew__lane_memory_create(&spec, &memory), SMEW_OK);
    return memory;
}

static void ask_for(struct smew_channel *channel, uint64_t lane)
{
    struct smew__lane_ask ask = an_ask(lane);

    assert_int_equal(smew__channel_ask(channel, &ask), SMEW_OK);
}

static struct smew__lane_ask expect_ask(struct smew_channel *channel, uint64_t lane)
{
    struct smew__lane_ask expected = an_ask(lane);
    struct smew__lane_ask ask = {0};

    assert_int_equal(smew__channel_next_ask(channel, &ask), SMEW_OK);
    assert_int_equal(ask.lane, expected.lane);
    assert_int_equal(ask.ring_bytes, expected.ring_bytes);
    assert_int_equal(ask.window, expected.window);
    assert_int_equal(ask.after, expected.after);
    return ask;
}

static void expect_no_ask(struct smew_channel *channel)
{
    struct smew__lane_ask ask;

    assert_int_equal(smew__channel_next_ask(channel, &ask), SMEW_AGAIN);
}

static struct smew__lane_grant expect_grant(struct smew_channel *channel, uint64_t lane,
                                            enum smew_status status)
{
    struct smew__lane_grant grant = {0};

    assert_int_equal(smew__channel_take_grant(channel, &grant), SMEW_OK);
    assert_int_equal(grant.lane, lane);
    assert_int_equal(grant.status, status);
    return grant;
}

static void expect_no_grant(struct smew_channel *channel)
{
    struct smew__lane_grant grant;

    assert_int_equal(smew__channel_take_grant(channel, &grant), SMEW_AGAIN);
}

static void only_shm_has_lanes(void **state)
{
    struct pair pair = pair_open();
    struct smew_channel *ends[2];

    (void)state;
    assert_int_equal(smew_channel_pair(ends, NULL), SMEW_OK);
    assert_false(smew__channel_has_lanes(ends[0]));
    assert_true(smew__channel_has_lanes(pair.dialled));
    assert_true(smew__channel_has_lanes(pair.accepted));
    smew_channel_close(ends[0]);
    smew_channel_close(ends[1]);
    pair_close(&pair);
}

/* A record through a lane that was given, and the bell for it. */
static void use_lane(struct pair *pair, struct smew__lane_memory *out, struct smew__lane_memory *in)
{
    const struct smew__record_header header = {.kind = SMEW_KIND_EVENT};
    struct smew__lane_writer writer;
    struct smew__lane_reader reader;
    struct smew__lane_record record;
    uint8_t *place = NULL;

    assert_int_equal(smew__lane_writer_init(&writer, out), SMEW_OK);
    assert_int_equal(smew__lane_reader_init(&reader, in), SMEW_OK);
    expect_nothing(pair->accepted);
    assert_false(smew__lane_reader_arm(&reader));
    assert_false(ready(pair->accepted));
    assert_int_equal(smew__lane_writer_reserve(&writer, 0, &place), SMEW_OK);
    (void)smew__lane_writer_commit(&writer, &header);
    assert_true(smew__lane_writer_must_ring(&writer));
    smew__channel_ring(pair->dialled);
    assert_true(ready(pair->accepted));
    expect_nothing(pair->accepted);
    assert_false(ready(pair->accepted));
    assert_int_equal(smew__lane_reader_next(&reader, &record), SMEW_OK);
    assert_int_equal(record.header.kind, SMEW_KIND_EVENT);
    smew__lane_reader_fini(&reader);
    smew__lane_writer_fini(&writer);
}

static void a_lane_is_given_and_used(void **state)
{
    struct pair pair = pair_open();
    struct smew__lane_grant grant;
    struct smew__lane_memory memory;
    struct smew__lane_ask ask;

    (void)state;
    expect_no_ask(pair.accepted);
    expect_no_grant(pair.dialled);
    ask_for(pair.dialled, 7);
    assert_true(ready(pair.accepted));
    expect_nothing(pair.accepted);
    assert_true(ready(pair.accepted)); /* heard, and not answered */
    ask = expect_ask(pair.accepted, 7);
    memory = a_lane(&ask);
    assert_int_equal(smew__channel_give(pair.accepted, &ask, &memory, NULL), SMEW_OK);
    expect_no_ask(pair.accepted);
    expect_nothing(pair.dialled);
    assert_true(ready(pair.dialled)); /* heard, and not taken */
    assert_int_equal(smew__lane_memory_settle(&memory), SMEW_AGAIN);
    grant = expect_grant(pair.dialled, 7, SMEW_OK);
    assert_int_equal(smew__lane_memory_settle(&memory), SMEW_OK);
    expect_no_grant(pair.dialled);
    assert_int_equal(grant.memory.lane, 7);
    use_lane(&pair, &grant.memory, &memory);
    smew__lane_memory_fini(&grant.memory);
    smew__lane_memory_fini(&memory);
    pair_close(&pair);
}

static void a_lane_may_be_denied(void **state)
{
    struct pair pair = pair_open();
    struct smew__lane_ask ask;

    (void)state;
    ask_for(pair.dialled, 1);
    ask_for(pair.dialled, 2);
    ask = expect_ask(pair.accepted, 1);
    (void)expect_ask(pair.accepted, 1); /* until it is answered */
    assert_int_equal(smew__channel_deny(pair.accepted, &ask, SMEW_LIMIT), SMEW_OK);
    assert_int_equal(smew__channel_deny(pair.accepted, &ask, SMEW_LIMIT), SMEW_INVALID);
    ask = expect_ask(pair.accepted, 2);
    assert_int_equal(smew__channel_deny(pair.accepted, &ask, SMEW_NO_FDS), SMEW_OK);
    (void)expect_grant(pair.dialled, 1, SMEW_LIMIT);
    (void)expect_grant(pair.dialled, 2, SMEW_NO_FDS);
    ask_for(pair.dialled, 3); /* and the channel goes on */
    (void)expect_ask(pair.accepted, 3);
    pair_close(&pair);
}

static void questions_are_bounded(void **state)
{
    struct pair pair = pair_open();
    struct smew__lane_ask ask = an_ask(ASKS_MAX + 1);
    struct smew__lane_ask asked;

    (void)state;
    for (uint64_t lane = 1; lane <= ASKS_MAX; lane++)
        ask_for(pair.dialled, lane);
    assert_int_equal(smew__channel_ask(pair.dialled, &ask), SMEW_AGAIN);
    ask.lane = 5; /* is asked for already */
    assert_int_equal(smew__channel_ask(pair.dialled, &ask), SMEW_INVALID);
    ask.lane = 0;
    assert_int_equal(smew__channel_ask(pair.dialled, &ask), SMEW_INVALID);
    for (uint64_t lane = 1; lane <= ASKS_MAX; lane++) {
        asked = expect_ask(pair.accepted, lane);
        assert_int_equal(smew__channel_deny(pair.accepted, &asked, SMEW_LIMIT), SMEW_OK);
    }
    for (uint64_t lane = 1; lane <= ASKS_MAX; lane++)
        (void)expect_grant(pair.dialled, lane, SMEW_LIMIT);
    ask_for(pair.dialled, ASKS_MAX + 1);
    pair_close(&pair);
}

/* The socket takes no more; the answer waits, and is the next one when there is room. */
static void a_full_socket_delays_answers(void **state)
{
    struct pair pair = pair_open();
    struct smew__lane_memory memory;
    struct smew__lane_grant grant;
    struct smew__lane_ask ask;

    (void)state;
    ask_for(pair.dialled, 7);
    ask = expect_ask(pair.accepted, 7);
    for (int i = 0; i < 5000; i++)
        smew__channel_ring(pair.accepted);
    memory = a_lane(&ask);
    assert_int_equal(smew__channel_give(pair.accepted, &ask, &memory, NULL), SMEW_AGAIN);
    assert_int_equal(smew__channel_deny(pair.accepted, &ask, SMEW_LIMIT), SMEW_AGAIN);
    assert_false(ready(pair.accepted)); /* it waits for room */
    for (int i = 0; i < 5000 && !ready(pair.accepted); i++)
        expect_no_grant(pair.dialled);
    (void)expect_ask(pair.accepted, 7);
    assert_int_equal(smew__channel_give(pair.accepted, &ask, &memory, NULL), SMEW_OK);
    while (smew__channel_take_grant(pair.dialled, &grant) == SMEW_AGAIN)
        ;
    assert_int_equal(grant.status, SMEW_OK);
    smew__lane_memory_fini(&grant.memory);
    smew__lane_memory_fini(&memory);
    pair_close(&pair);
}

static void frames_and_lanes_share_the_channel(void **state)
{
    struct pair pair = pair_open();
    struct smew_bytes frame;

    (void)state;
    for (uint64_t lane = 1; lane <= 10; lane++) {
        assert_int_equal(smew_channel_send(pair.dialled, &lane, sizeof lane, 0), SMEW_OK);
        ask_for(pair.dialled, lane);
    }
    for (uint64_t lane = 1; lane <= 10; lane++) {
        struct smew__lane_ask ask = expect_ask(pair.accepted, lane);

        assert_true(
            ready(pair.accepted)); /* questions took the bells: the frames are still there */
        assert_int_equal(smew__channel_deny(pair.accepted, &ask, SMEW_LIMIT), SMEW_OK);
        assert_int_equal(pair.accepted->ops->try_receive(pair.accepted, &frame), SMEW_OK);
        assert_memory_equal(frame.data, &lane, sizeof lane);
    }
    pair_close(&pair);
}

static void an_early_frame_comes_before_questions(void **state)
{
    struct smew_endpoint endpoint = shm_raw_endpoint();
    struct pair pair = {.listener = shm_raw_listen()};
    struct smew_bytes frame;

    (void)state;
    assert_int_equal(smew_transport_find("shm")->dial(&endpoint, &pair.dialled, NULL), SMEW_OK);
    assert_int_equal(smew_channel_send(pair.dialled, "early", 5, 0), SMEW_OK);
    ask_for(pair.dialled, 1);
    pair.accepted = shm_raw_accept(pair.listener);
    expect_no_ask(pair.accepted);
    assert_true(ready(pair.accepted));
    assert_int_equal(pair.accepted->ops->try_receive(pair.accepted, &frame), SMEW_OK);
    assert_memory_equal(frame.data, "early", 5);
    (void)expect_ask(pair.accepted, 1);
    pair_close(&pair);
}

static void an_end_that_left_is_a_reset(void **state)
{
    struct pair pair = pair_open();
    struct smew__lane_memory memory;
    struct smew__lane_grant grant = {0};
    struct smew__lane_ask ask;

    (void)state;
    ask_for(pair.dialled, 1);
    ask_for(pair.dialled, 2);
    ask = expect_ask(pair.accepted, 1);
    memory = a_lane(&ask);
    assert_int_equal(smew__channel_give(pair.accepted, &ask, &memory, NULL), SMEW_OK);
    smew__lane_memory_fini(&memory);
    smew_channel_close(pair.accepted);
    pair.accepted = NULL;
    /* What was given before is given; more never comes. */
    grant = expect_grant(pair.dialled, 1, SMEW_OK);
    smew__lane_memory_fini(&grant.memory);
    assert_int_equal(smew__channel_take_grant(pair.dialled, &grant), SMEW_RESET);
    ask = an_ask(3);
    assert_int_equal(smew__channel_ask(pair.dialled, &ask), SMEW_RESET);
    smew__channel_ring(pair.dialled);
    pair_close(&pair);
}

/* ---- a giver that lies --------------------------------------------------------------- */

/* Asked for `ask`, the other gives `given`. */
static void refuse_grant(const struct smew__lane_ask *given)
{
    const struct smew__shm_datagram grant = {.type = SMEW__SHM_GRANT, .lane = 7};
    struct smew__lane_ask ask = an_ask(7);
    struct shm_raw raw = shm_raw_open();
    struct smew__lane_grant taken;
    struct smew__lane_memory memory = a_lane(given);
    int fds[2] = {memory.ring_memory.fd, memory.cursor_memory.fd};

    shm_raw_greet(&raw);
    assert_int_equal(smew__channel_ask(raw.channel, &ask), SMEW_OK);
    shm_raw_say_datagram(&raw, &grant, fds, 2);
    assert_int_equal(smew__channel_take_grant(raw.channel, &taken), SMEW_CORRUPT);
    shm_raw_expect_end(&raw, SMEW_CORRUPT);
    smew__lane_memory_fini(&memory);
    shm_raw_close(&raw);
}

static void a_grant_is_what_was_asked_for(void **state)
{
    struct smew__lane_ask given = an_ask(8);

    (void)state;
    refuse_grant(&given);
    given = an_ask(7);
    given.ring_bytes *= 2;
    refuse_grant(&given);
    given = an_ask(7);
    given.window *= 2;
    refuse_grant(&given);
}

static void a_grant_without_memory_is_corrupt(void **state)
{
    const struct smew__shm_datagram grant = {.type = SMEW__SHM_GRANT, .lane = 7};
    struct smew__lane_ask ask = an_ask(7);
    struct shm_raw raw = shm_raw_open();
    struct smew__lane_grant taken;
    int fds[2] = {0, 0};

    (void)state;
    shm_raw_greet(&raw);
    assert_int_equal(smew__channel_ask(raw.channel, &ask), SMEW_OK);
    shm_raw_say_datagram(&raw, &grant, fds, 2);
    assert_int_equal(smew__channel_take_grant(raw.channel, &taken), SMEW_CORRUPT);
    shm_raw_close(&raw);
}

static void a_question_is_answered_once(void **state)
{
    const struct smew__shm_datagram deny = {
        .type = SMEW__SHM_DENY, .lane = 7, .status = SMEW_LIMIT};
    struct smew__lane_ask ask = an_ask(7);
    struct shm_raw raw = shm_raw_open();
    struct smew_bytes frame;

    (void)state;
    shm_raw_greet(&raw);
    assert_int_equal(smew__channel_ask(raw.channel, &ask), SMEW_OK);
    shm_raw_say_datagram(&raw, &deny, NULL, 0);
    assert_int_equal(raw.channel->ops->try_receive(raw.channel, &frame), SMEW_AGAIN);
    shm_raw_say_datagram(&raw, &deny, NULL, 0);
    shm_raw_expect_end(&raw, SMEW_CORRUPT);
    shm_raw_close(&raw);
}

/* Grants that nobody took any more leave no fd behind: the teardown counts. */
static void what_is_not_taken_is_given_back(void **state)
{
    struct pair pair = pair_open();

    (void)state;
    for (uint64_t lane = 1; lane <= 10; lane++) {
        struct smew__lane_memory memory;
        struct smew__lane_ask ask;

        ask_for(pair.dialled, lane);
        ask = expect_ask(pair.accepted, lane);
        memory = a_lane(&ask);
        assert_int_equal(smew__channel_give(pair.accepted, &ask, &memory, NULL), SMEW_OK);
        smew__lane_memory_fini(&memory);
        expect_nothing(pair.dialled);
    }
    pair_close(&pair);
}

/* ---- threads, faults, forks ---------------------------------------------------------- */

static void *ring_often(void *argument)
{
    for (int i = 0; i < RINGS; i++)
        smew__channel_ring(argument);
    return NULL;
}

/* Ringing goes on while the channel's own thread works. */
static void any_thread_may_ring(void **state)
{
    struct pair pair = pair_open();
    pthread_t threads[RINGERS];
    struct smew_bytes frame;

    (void)state;
    for (int i = 0; i < RINGERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ring_often, pair.dialled), 0);
    for (uint64_t i = 0; i < 2000; i++) {
        assert_int_equal(smew_channel_send(pair.dialled, &i, sizeof i, SHM_RAW_WAIT_MS), SMEW_OK);
        assert_int_equal(smew_channel_receive(pair.accepted, &frame, SHM_RAW_WAIT_MS), SMEW_OK);
        assert_memory_equal(frame.data, &i, sizeof i);
    }
    for (int i = 0; i < RINGERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    while (ready(pair.accepted))
        expect_nothing(pair.accepted);
    pair_close(&pair);
}

/* Everything once; whatever fails on the way is a status. */
static void try_everything(void *argument)
{
    struct smew_endpoint endpoint = shm_raw_endpoint();
    const struct smew_transport_ops *shm = smew_transport_find("shm");
    struct pair pair = {0};
    struct smew__lane_memory memory = {0};
    struct smew__lane_grant grant = {0};
    struct smew__lane_ask ask = an_ask(7);
    const struct smew__lane_spec spec = {.lane = 7, .ring_bytes = 4096, .window = 16};

    if (shm->listen(&endpoint, &pair.listener, NULL) != SMEW_OK)
        return;
    if (shm->dial(&endpoint, &pair.dialled, NULL) == SMEW_OK &&
        pair.listener->ops->try_accept(pair.listener, &pair.accepted) == SMEW_OK &&
        smew__channel_ask(pair.dialled, &ask) == SMEW_OK &&
        smew__channel_next_ask(pair.accepted, &ask) == SMEW_OK &&
        smew__lane_memory_create(&spec, &memory) == SMEW_OK &&
        smew__channel_give(pair.accepted, &ask, &memory, NULL) == SMEW_OK &&
        smew__channel_take_grant(pair.dialled, &grant) == SMEW_OK && grant.status == SMEW_OK) {
        smew__lane_memory_fini(&grant.memory);
        ++*(unsigned *)argument;
    }
    smew__lane_memory_fini(&memory);
    pair_close(&pair);
}

static void every_failure_is_a_status(void **state)
{
    static const int errors[] = {EMFILE, ENOMEM, EACCES, EINTR};
    unsigned succeeded = 0;

    (void)state;
    assert_in_range(support_walk_allocations(try_everything, &succeeded), 2, 1000);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        assert_in_range(support_walk_calls(errors[i], try_everything, &succeeded), 20, 1000);
        try_everything(&succeeded); /* removes what could not be removed */
    }
    assert_true(succeeded >= 2 * sizeof errors / sizeof errors[0]);
}

static int use_as_child(void *argument)
{
    struct pair *pair = argument;
    struct smew__lane_memory memory = {0};
    struct smew__lane_grant grant;
    struct smew__lane_ask ask = an_ask(9);

    smew__channel_ring(pair->dialled);
    return smew__channel_ask(pair->dialled, &ask) == SMEW_FORKED &&
                   smew__channel_take_grant(pair->dialled, &grant) == SMEW_FORKED &&
                   smew__channel_next_ask(pair->accepted, &ask) == SMEW_FORKED &&
                   smew__channel_give(pair->accepted, &ask, &memory, NULL) == SMEW_FORKED &&
                   smew__channel_deny(pair->accepted, &ask, SMEW_LIMIT) == SMEW_FORKED
               ? 0
               : 1;
}

static void a_forked_child_is_refused(void **state)
{
    struct pair pair = pair_open();

    (void)state;
    expect_nothing(pair.accepted);
    assert_int_equal(support_reap(support_fork(use_as_child, &pair), SHM_RAW_WAIT_MS), 0);
    assert_false(ready(pair.accepted));
    ask_for(pair.dialled, 1);
    (void)expect_ask(pair.accepted, 1);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(only_shm_has_lanes),
        SUPPORT_TEST(a_lane_is_given_and_used),
        SUPPORT_TEST(a_lane_may_be_denied),
        SUPPORT_TEST(questions_are_bounded),
        SUPPORT_TEST(a_full_socket_delays_answers),
        SUPPORT_TEST(frames_and_lanes_share_the_channel),
        SUPPORT_TEST(an_early_frame_comes_before_questions),
        SUPPORT_TEST(an_end_that_left_is_a_reset),
        SUPPORT_TEST(a_grant_is_what_was_asked_for),
        SUPPORT_TEST(a_grant_without_memory_is_corrupt),
        SUPPORT_TEST(a_question_is_answered_once),
        SUPPORT_TEST(what_is_not_taken_is_given_back),
        SUPPORT_TEST(any_thread_may_ring),
        SUPPORT_TEST(every_failure_is_a_status),
        SUPPORT_TEST(a_forked_child_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
