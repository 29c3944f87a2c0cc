/* SPDX-License-Identifier: MIT */
/*
 * A lane's producer, or its consumer, is killed while it attaches, is followed by a larger lane, is
 * sent again or is given up: what was committed is there once and in order, the other side is told,
 * and another lane works.
 *
 * walk.h says why standing still at an instruction is as good as being killed there.
 */
#include "tests/shm/walk.h"

#include <string.h>

#include <fcntl.h>

enum { RING = SMEW__LANE_BYTES_MIN, HEADER = sizeof(struct smew__record_header), MADE_MAX = 4 };

static const uint32_t sizes[] = {64, 1, 200, 0, 33, 120, 9};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* Made before the child is, so that the walk is over what the lane does. */
static struct stage_record made[MADE_MAX];

/* ---- attach -------------------------------------------------------------------------- */

static enum smew_status attach_again(const struct stage *stage, struct smew__lane_memory *memory)
{
    int ring = fcntl(stage->consumer.ring_memory.fd, F_DUPFD_CLOEXEC, 0);
    int cursors = fcntl(stage->consumer.cursor_memory.fd, F_DUPFD_CLOEXEC, 0);

    return smew__lane_memory_attach(ring, cursors, memory);
}

/* A producer's whole life on a lane that it was given. */
static bool attach_and_publish(struct walk *walk)
{
    struct stage producer = {.first_number = walk->stages[0].first_number};
    enum smew_status status = attach_again(&walk->stages[0], &producer.producer);

    if (status == SMEW_OK)
        status = smew__lane_writer_init(&producer.writer, &producer.producer);
    walk_begin(0);
    if (status == SMEW_OK)
        status = stage_put(&producer, &made[0]);
    walk_end(0);
    if (status == SMEW_OK)
        smew__lane_writer_end(&producer.writer);
    smew__lane_writer_fini(&producer.writer);
    smew__lane_memory_fini(&producer.producer);
    return status == SMEW_OK;
}

/*
 * Nothing is read before the producer has attached, and nothing is there then; after a death the
 * lane is given up, and another one works.
 */
static const char *judge_attach(struct walk *walk)
{
    struct stage *stage = &walk->stages[0];
    unsigned fds = support_count_fds();
    enum smew_status last = smew__lane_memory_settle(&stage->consumer);
    const char *complaint = NULL;
    unsigned count = 0;

    if (last == SMEW_OK)
        complaint = walk_drain(stage, &count, &last);
    else if (last != SMEW_AGAIN)
        complaint = walk_complain("half a lane: %s", smew_status_name(last));
    else if (walk_has_begun(0))
        complaint = "it is not attached, and written to";
    if (complaint != NULL)
        return complaint;
    if (count < walk_ended() || count > walk_begun() || count < walk->seen)
        return walk_complain("%u records, of %u", count, walk_ended());
    walk->seen = count;
    complaint = walk_judge_end(stage, last);
    if (walk->is_dead)
        stage_expect_another();
    return complaint == NULL && support_count_fds() > fds ? "fds were leaked" : complaint;
}

static const struct stage_scene to_attach = {
    .number = 5, .position = 5 * RING - 64, .unattached = true};

static void renew_attach(struct walk *walk)
{
    stage_close(&walk->stages[0]);
    stage_open(&walk->stages[0], &to_attach);
}

static void test_a_producer_that_attaches(void **state)
{
    struct walk walk = {.stage_count = 1,
                        .kind = WALK_STORES,

                        .operate = attach_and_publish,
                        .judge = judge_attach,
                        .renew = renew_attach};

    (void)state;
    stage_open(&walk.stages[0], &to_attach);
    stage_make(&walk.stages[0], 5, &made[0]);
    walk_expect_survival(&walk, "attach");
    stage_close(&walk.stages[0]);
}

/* ---- grow ---------------------------------------------------------------------------- */

/* The last record into the small lane, and its end; two into the large one, attached now. */
static bool grow(struct walk *walk)
{
    struct stage large = walk->stages[1];
    enum smew_status status;

    walk_begin(0);
    status = stage_put(&walk->stages[0], &made[0]);
    walk_end(0);
    smew__lane_writer_end(&walk->stages[0].writer);
    if (status == SMEW_OK)
        status = attach_again(&walk->stages[1], &large.producer);
    if (status == SMEW_OK)
        status = smew__lane_writer_init(&large.writer, &large.producer);
    for (unsigned i = 1; status == SMEW_OK && i < 3; i++) {
        walk_begin(i);
        status = stage_put(&large, &made[i]);
        walk_end(i);
    }
    smew__lane_writer_fini(&large.writer);
    smew__lane_memory_fini(&large.producer);
    return status == SMEW_OK;
}

/* What there is in a lane that may not be attached yet. */
static const char *drain_when_settled(struct stage *stage, unsigned *count, enum smew_status *last)
{
    *count = 0;
    *last = smew__lane_memory_settle(&stage->consumer);
    if (*last == SMEW_AGAIN)
        return NULL;
    return *last == SMEW_OK ? walk_drain(stage, count, last) : smew_status_name(*last);
}

/* Both are drained in their order.  Nothing may be in the large one before the small one's end. */
static const char *judge_grow(struct walk *walk)
{
    struct stage *small = &walk->stages[0];
    struct stage *large = &walk->stages[1];
    unsigned before = (unsigned)(small->writer.head_number - small->reader.next_number);
    enum smew_status last[2];
    unsigned counts[2];
    const char *complaint;

    walk_answer_taken(small);
    complaint = walk_drain(small, &counts[0], &last[0]);
    if (complaint == NULL)
        complaint = walk_judge_end(small, last[0]);
    if (complaint == NULL)
        complaint = drain_when_settled(large, &counts[1], &last[1]);
    if (complaint == NULL)
        complaint = walk_judge_end(large, last[1]);
    if (complaint != NULL)
        return complaint;
    if (counts[1] > 0 && (last[0] != SMEW_RESET || counts[0] != before + 1))
        return "the large lane is ahead of the small one";
    counts[0] += counts[1];
    if (counts[0] < before + walk_ended() || counts[0] < walk->seen)
        return walk_complain("%u records of %u", counts[0], before + walk_ended());
    if (counts[0] > before + walk_begun())
        return walk_complain("%u records, and %u were sent", counts[0], before + walk_begun());
    walk->seen = counts[0];
    return NULL;
}

static const struct stage_scene larger = {.ring_bytes = 4 * RING, .window = 16, .unattached = true};

static void renew_larger(struct walk *walk)
{
    stage_close(&walk->stages[1]);
    stage_open(&walk->stages[1], &larger);
}

static void test_a_larger_lane_takes_over(void **state)
{
    const struct stage_scene small = {.sizes = sizes,
                                      .size_count = SIZES,
                                      .number = 70,
                                      .position = 8 * RING + 512,
                                      .laps = 60,
                                      .ahead = 6,
                                      .taken = 2};
    struct walk walk = {.stage_count = 2,
                        .kind = WALK_STORES,
                        .operate = grow,
                        .judge = judge_grow,
                        .renew = renew_larger};

    (void)state;
    stage_open(&walk.stages[0], &small);
    stage_open(&walk.stages[1], &larger);
    stage_make(&walk.stages[0], 70, &made[0]);
    stage_make(&walk.stages[1], 0, &made[1]);
    stage_make(&walk.stages[1], 1, &made[2]);
    walk_expect_survival(&walk, "grow");
    stage_close(&walk.stages[1]);
    stage_close(&walk.stages[0]);
}

/* ---- re-send ------------------------------------------------------------------------- */

/*
 * A consumer that died had answered OK to the first of six, and to the third before the second, and
 * something else to the fourth.
 */
static const unsigned unanswered[] = {1, 4, 5};
enum { IN_FLIGHT = 6, UNANSWERED = sizeof unanswered / sizeof *unanswered, MOVED = 3 };

static bool expect_moved(void *owner, uint64_t number, enum smew_status status)
{
    const struct stage *stage = owner;

    if (number != stage->writer.head_number - IN_FLIGHT + MOVED || status != SMEW_NO_MACHINE)
        walk_begin(63); /* which the judge knows for a mistake */
    return true;
}

/* Looks at the answers, and sends what has none again, in another lane. */
static bool send_again(struct walk *walk)
{
    const struct smew__lane_writer *old = &walk->stages[0].writer;
    struct smew__record_header header;
    const uint8_t *body;
    uint64_t number;

    if (smew__lane_writer_collect(&walk->stages[0].writer, expect_moved, &walk->stages[0]) !=
        SMEW_OK)
        return false;
    number = old->tail_number;
    for (unsigned i = 0; smew__lane_writer_unanswered(old, &number, &header, &body) == SMEW_OK;
         i++, number++) {
        uint64_t size = smew__record_size(&header) - HEADER;
        uint8_t *record;

        if (smew__lane_writer_reserve(&walk->stages[1].writer, size, &record) != SMEW_OK)
            return false;
        memcpy(record + HEADER, body, size);
        walk_begin(i);
        (void)smew__lane_writer_commit(&walk->stages[1].writer, &header);
        walk_end(i);
    }
    return true;
}

/* The new consumer has a beginning of what was sent again, whole and in order. */
static const char *judge_send_again(struct walk *walk)
{
    const struct stage *old = &walk->stages[0];
    struct stage *stage = &walk->stages[1];
    uint64_t first = old->writer.head_number - IN_FLIGHT;
    struct smew__lane_record record;
    enum smew_status status;
    unsigned count = 0;

    while ((status = stage_take(stage, false, &record)) == SMEW_OK) {
        if (count == UNANSWERED)
            return "more is sent again than had no answer";
        if (!stage_is_intact(old, first + unanswered[count], &record.header, record.body))
            return walk_complain("record %u is not what was sent before", count);
        smew__lane_reader_complete(&stage->reader, record.number, SMEW_OK);
        count++;
    }
    if (status != SMEW_AGAIN)
        return smew_status_name(status);
    if (walk_has_begun(63))
        return "a wrong answer was collected";
    if (count < walk_ended() || count > walk_begun() || count < walk->seen)
        return walk_complain("%u records, of %u", count, walk_ended());
    walk->seen = count;
    return walk_judge_end(stage, status);
}

static void test_a_producer_that_sends_again(void **state)
{
    const struct stage_scene old = {.sizes = sizes,
                                    .size_count = SIZES,
                                    .number = 70,
                                    .position = 8 * RING + 512,
                                    .laps = 60,
                                    .ahead = IN_FLIGHT,
                                    .taken = IN_FLIGHT};
    const struct stage_scene new = {.number = 9, .position = RING - 64};
    struct walk walk = {
        .stage_count = 2, .kind = WALK_STORES, .operate = send_again, .judge = judge_send_again};
    struct stage *stage = &walk.stages[0];
    uint64_t first = 70 - IN_FLIGHT;

    (void)state;
    stage_open(stage, &old);
    stage_open(&walk.stages[1], &new);
    smew__lane_reader_complete(&stage->reader, first, SMEW_OK);
    smew__lane_reader_complete(&stage->reader, first + 2, SMEW_OK);
    smew__lane_reader_complete(&stage->reader, first + MOVED, SMEW_NO_MACHINE);
    (void)smew__lane_reader_publish(&stage->reader);
    walk_expect_survival(&walk, "re-send");
    assert_int_equal(walk.points.edge_count > UNANSWERED, true);
    stage_close(&walk.stages[1]);
    stage_close(stage);
}

/* ---- reclaim ------------------------------------------------------------------------- */

/* A producer collects, says that nothing follows, and lets go of its lane. */
static bool leave_as_producer(struct walk *walk)
{
    struct stage stage = walk->stages[0];
    enum smew_status status =
        smew__lane_writer_collect(&stage.writer, expect_moved, &walk->stages[0]);

    smew__lane_writer_end(&stage.writer);
    if (walk->in_child) {
        smew__lane_writer_fini(&stage.writer);
        smew__lane_memory_fini(&stage.producer);
    }
    return status == SMEW_OK;
}

/* The consumer has what it had: it answers the rest, and finds the end, if that was said. */
static const char *judge_left_consumer(struct walk *walk)
{
    struct stage *stage = &walk->stages[0];
    enum smew_status last;
    const char *complaint;
    unsigned count;

    smew__lane_reader_complete(&stage->reader, stage->reader.completed, SMEW_OK);
    complaint = walk_drain(stage, &count, &last);
    if (complaint == NULL && count != 2)
        complaint = walk_complain("%u records of 2", count);
    return complaint == NULL ? walk_judge_end(stage, last) : complaint;
}

static void test_a_producer_that_leaves(void **state)
{
    const struct stage_scene scene = {.sizes = sizes,
                                      .size_count = SIZES,
                                      .number = 70,
                                      .position = 8 * RING + 512,
                                      .laps = 60,
                                      .ahead = IN_FLIGHT,
                                      .taken = 4};
    struct walk walk = {.stage_count = 1,
                        .kind = WALK_STORES,
                        .operate = leave_as_producer,
                        .judge = judge_left_consumer};
    struct stage *stage = &walk.stages[0];

    (void)state;
    stage_open(stage, &scene);
    for (unsigned i = 0; i < 4; i++)
        if (i != 2)
            smew__lane_reader_complete(&stage->reader, 64 + i,
                                       i == MOVED ? SMEW_NO_MACHINE : SMEW_OK);
    (void)smew__lane_reader_publish(&stage->reader);
    walk_expect_survival(&walk, "a producer leaves");
    stage_close(stage);
}

/* A consumer says that it reads no further, and lets go of its lane. */
static bool leave_as_consumer(struct walk *walk)
{
    struct stage *stage = &walk->stages[0];

    walk_begin(0);
    smew__lane_reader_close(&stage->reader, SMEW__LANE_CLOSED);
    walk_end(0);
    if (walk->in_child) {
        smew__lane_reader_fini(&stage->reader);
        smew__lane_memory_fini(&stage->consumer);
    }
    return true;
}

/* The producer is told, and has all that was not answered. */
static const char *judge_left_producer(struct walk *walk)
{
    struct stage *stage = &walk->stages[0];
    struct smew__record_header header;
    enum smew_status status;
    uint64_t number;
    const uint8_t *body;
    uint8_t *record;

    if (smew__lane_writer_collect(&stage->writer, expect_moved, stage) != SMEW_OK)
        return "the answers are impossible";
    number = stage->writer.tail_number;
    for (unsigned i = 0; i < IN_FLIGHT; i++, number++)
        if (smew__lane_writer_unanswered(&stage->writer, &number, &header, &body) != SMEW_OK ||
            !stage_is_intact(stage, number, &header, body))
            return walk_complain("record %u is lost", i);
    if (smew__lane_writer_unanswered(&stage->writer, &number, &header, &body) != SMEW_NOT_FOUND)
        return "there is more than was sent";
    if (smew__lane_writer_wait(&stage->writer, smew__lane_writer_turn(&stage->writer), 1) ==
        SMEW_INVALID)
        return "waiting is refused";
    status = smew__lane_writer_reserve(&stage->writer, 64, &record);
    if (walk_has_ended(0) && status != SMEW_CLOSED)
        return walk_complain("the lane is closed, and says %s", smew_status_name(status));
    if (!walk_has_begun(0) && status != SMEW_OK)
        return walk_complain("the lane is open, and says %s", smew_status_name(status));
    return NULL;
}

static void test_a_consumer_that_leaves(void **state)
{
    const struct stage_scene scene = {.sizes = sizes,
                                      .size_count = SIZES,
                                      .number = 70,
                                      .position = 8 * RING + 512,
                                      .laps = 60,
                                      .ahead = IN_FLIGHT,
                                      .taken = 4};
    struct walk walk = {.stage_count = 1,
                        .kind = WALK_STORES,
                        .operate = leave_as_consumer,
                        .judge = judge_left_producer};

    (void)state;
    stage_open(&walk.stages[0], &scene);
    walk_expect_survival(&walk, "a consumer leaves");
    stage_close(&walk.stages[0]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WALK_TEST(test_a_producer_that_attaches),    WALK_TEST(test_a_larger_lane_takes_over),
        WALK_TEST(test_a_producer_that_sends_again), WALK_TEST(test_a_producer_that_leaves),
        WALK_TEST(test_a_consumer_that_leaves),
    };

    if (SUPPORT_SANITIZED)
        return SUPPORT_SKIPPED;
    walk_arguments(argc, argv);
    return cmocka_run_group_tests_name("shm/kill_life", tests, NULL, NULL);
}
