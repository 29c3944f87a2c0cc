/* SPDX-License-Identifier: MIT */
/*
 * The producer is killed at every instruction of publishing: copied and in place, from an empty
 * lane to one that it fills to the last byte, over the end of the ring and of the counters.  The
 * consumer finds what was committed, whole and in order, and nothing else, and is done then.
 *
 * walk.h says why standing still at an instruction is as good as being killed there.
 */
#include "tests/shm/walk.h"

#include <stdio.h>
#include <string.h>

#include "base/crc32c/crc32c.h"

enum { RING = SMEW__LANE_BYTES_MIN, HEADER = sizeof(struct smew__record_header), MADE_MAX = 4 };

/* Made before the child is, so that the walk is over what the lane does. */
static struct stage_record made[MADE_MAX];

/* ---- the survivor -------------------------------------------------------------------- */

/*
 * Records that were committed before, and of the child's those whose commit has returned, are
 * there; those that it has not begun are not; what was there an instruction ago still is.
 */
static const char *judge(struct walk *walk)
{
    struct stage *stage = &walk->stages[0];
    unsigned before = (unsigned)(stage->writer.head_number - stage->reader.next_number);
    bool armed = smew__lane_reader_arm(&stage->reader);
    enum smew_status last;
    const char *complaint;
    unsigned count;

    smew__lane_reader_disarm(&stage->reader);
    walk_answer_taken(stage);
    complaint = walk_drain(stage, &count, &last);
    if (complaint != NULL)
        return complaint;
    if (count < before + walk_ended() || count < walk->seen)
        return walk_complain("%u records, of %u that were accepted", count, before + walk_ended());
    if (count > before + walk_begun())
        return walk_complain("%u records, of %u that were sent", count, before + walk_begun());
    if (count > 0 && !armed)
        return "it sleeps, and has something";
    walk->seen = count;
    return walk_judge_end(stage, last);
}

/* ---- what the producer does ---------------------------------------------------------- */

static bool put(struct walk *walk, unsigned operation)
{
    enum smew_status status;

    walk_begin(operation);
    status = stage_put(&walk->stages[0], &made[operation]);
    walk_end(operation);
    (void)smew__lane_writer_must_ring(&walk->stages[0].writer);
    return status == SMEW_OK;
}

static bool publish_copied(struct walk *walk)
{
    return put(walk, 0);
}

static bool publish_in_place(struct walk *walk)
{
    enum smew_status status;

    walk_begin(0);
    status = stage_put_in_place(&walk->stages[0], &made[0]);
    walk_end(0);
    (void)smew__lane_writer_must_ring(&walk->stages[0].writer);
    return status == SMEW_OK;
}

/* Room is taken, filled with anything and given back; then a record takes it. */
static bool publish_after_abort(struct walk *walk)
{
    struct smew__lane_writer *writer = &walk->stages[0].writer;
    uint8_t *record;

    if (smew__lane_writer_reserve(writer, made[0].body_size + 64, &record) != SMEW_OK)
        return false;
    memset(record + HEADER, 0xa5, made[0].body_size + 64);
    smew__lane_writer_abort(writer);
    return put(walk, 0);
}

/* Written for nobody to see yet. */
static bool seal(struct walk *walk, unsigned operation)
{
    struct smew__lane_writer *writer = &walk->stages[0].writer;
    uint8_t *record;

    if (smew__lane_writer_reserve(writer, made[operation].body_size, &record) != SMEW_OK)
        return false;
    memcpy(record + HEADER, made[operation].body, made[operation].body_size);
    (void)smew__lane_writer_seal(writer, &made[operation].header);
    return true;
}

/* Three are sealed, room is taken and given back between them, and they are published at once. */
static bool publish_sealed(struct walk *walk)
{
    struct smew__lane_writer *writer = &walk->stages[0].writer;
    uint8_t *record;

    for (unsigned i = 0; i < 3; i++) {
        if (smew__lane_writer_reserve(writer, made[i].body_size + 64, &record) == SMEW_OK) {
            memset(record + HEADER, 0xa5, made[i].body_size + 64);
            smew__lane_writer_abort(writer);
        }
        if (!seal(walk, i))
            return false;
    }
    for (unsigned i = 0; i < 3; i++)
        walk_begin(i);
    smew__lane_writer_publish(writer);
    for (unsigned i = 0; i < 3; i++)
        walk_end(i);
    (void)smew__lane_writer_must_ring(writer);
    return true;
}

static bool publish_three_and_end(struct walk *walk)
{
    for (unsigned i = 0; i < 3; i++)
        if (!put(walk, i))
            return false;
    smew__lane_writer_end(&walk->stages[0].writer);
    return true;
}

static bool expect_none(void *owner, uint64_t number, enum smew_status status)
{
    (void)number;
    (void)status;
    *(bool *)owner = false;
    return true;
}

/* The lane is full; the producer sleeps for no time, looks for answers, and finds room. */
static bool publish_when_there_is_room(struct walk *walk)
{
    struct smew__lane_writer *writer = &walk->stages[0].writer;
    uint32_t seen = smew__lane_writer_turn(writer);
    bool fine = stage_put(&walk->stages[0], &made[0]) == SMEW_FULL;

    (void)smew__lane_writer_wait(writer, seen, 1);
    return smew__lane_writer_collect(writer, expect_none, &fine) == SMEW_OK && fine && put(walk, 0);
}

/* ---- walks --------------------------------------------------------------------------- */

static void make_all(struct stage *stage)
{
    for (unsigned i = 0; i < MADE_MAX; i++)
        stage_make(stage, stage->writer.head_number + i, &made[i]);
}

static void walk_over(const struct stage_scene *scene, bool (*operate)(struct walk *walk),
                      enum walk_kind kind, const char *name)
{
    struct walk walk = {.stage_count = 1, .operate = operate, .judge = judge, .kind = kind};

    stage_open(&walk.stages[0], scene);
    make_all(&walk.stages[0]);
    walk_expect_survival(&walk, name);
    stage_close(&walk.stages[0]);
}

/* Publishes in all ways. */
static void walk_over_all(const struct stage_scene *scene, enum walk_kind kind, const char *where)
{
    static const struct {
        const char *name;
        bool (*operate)(struct walk *walk);
    } ways[] = {
        {"copied", publish_copied},
        {"in place", publish_in_place},
        {"after an abort", publish_after_abort},
        {"three sealed", publish_sealed},
        {"three and the end", publish_three_and_end},
    };

    enum { WAYS_OF_ONE = sizeof ways / sizeof *ways - 1 };

    for (size_t i = 0; i <= WAYS_OF_ONE; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "%s, %s", where, ways[i].name);
        walk_over(scene, ways[i].operate, i == WAYS_OF_ONE ? WALK_THIN : kind, name);
    }
}

static void test_the_first_records(void **state)
{
    const struct stage_scene scene = {.number = 0, .position = 0};

    (void)state;
    walk_over_all(&scene, WALK_EVERY, "first");
}

static const uint32_t sizes[] = {64, 1, 200, 0, 33, 120};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void test_among_others(void **state)
{
    const struct stage_scene scene = {.sizes = sizes,
                                      .size_count = SIZES,
                                      .number = 100,
                                      .position = 5 * RING + 1024,
                                      .laps = 60,
                                      .ahead = 5,
                                      .taken = 2};

    (void)state;
    walk_over_all(&scene, WALK_EVERY, "among others");
}

/* The body behind the end, the next commit word behind it, that word the last in front of it. */
static void test_over_the_end_of_the_ring(void **state)
{
    struct stage_scene scene = {.sizes = sizes,
                                .size_count = SIZES,
                                .number = 61,
                                .position = 6 * RING - HEADER,
                                .laps = 60,
                                .ahead = 1};

    (void)state;
    walk_over_all(&scene, WALK_EVERY, "body behind the end");
    scene.position = 6 * RING - 2 * HEADER;
    walk_over_all(&scene, WALK_THIN, "up to the end");
    scene.position = 6 * RING - 3 * HEADER;
    walk_over_all(&scene, WALK_THIN, "a word before the end");
}

static void test_over_the_end_of_the_counters(void **state)
{
    struct stage_scene scene = {.sizes = sizes,
                                .size_count = SIZES,
                                .number = UINT64_C(1) << 32,
                                .position = (UINT64_C(1) << 32) - HEADER,
                                .laps = 60,
                                .ahead = 2};

    (void)state;
    scene.number -= 1;
    walk_over_all(&scene, WALK_THIN, "2^32");
    scene.number = UINT64_MAX;
    scene.position = 0 - (uint64_t)HEADER;
    walk_over_all(&scene, WALK_EVERY, "2^64");
}

/* What fits exactly: the word behind it is the last free one. */
static void test_the_last_room(void **state)
{
    static const uint32_t thirds[] = {1312, 1312, 1304, 0};
    const struct stage_scene scene = {.sizes = thirds,
                                      .size_count = 4,
                                      .number = 10,
                                      .position = 3 * RING + 2048,
                                      .laps = 8,
                                      .ahead = 2,
                                      .taken = 1};
    struct stage stage;
    uint64_t in_flight;

    (void)state;
    stage_open(&stage, &scene);
    in_flight = stage.writer.head_position - stage.writer.tail_position;
    assert_int_equal(in_flight + stage_record_bytes(&stage, 10) + HEADER, RING);
    stage_close(&stage);
    walk_over(&scene, publish_copied, WALK_EVERY, "last room");
}

/* Everything was answered, but the producer has not looked yet. */
static void walk_over_a_full_lane(const struct stage_scene *scene, const char *name)
{
    struct walk walk = {.stage_count = 1, .operate = publish_when_there_is_room, .judge = judge};
    struct stage *stage = &walk.stages[0];

    stage_open(stage, scene);
    make_all(stage);
    walk_answer_taken(stage);
    (void)smew__lane_reader_publish(&stage->reader);
    walk_expect_survival(&walk, name);
    stage_close(stage);
}

/* By its window; and by its ring, in which only the word behind the next record has no room. */
static void test_a_lane_that_was_full(void **state)
{
    static const uint32_t thirds[] = {1312, 1312, 1336, 0};
    const struct stage_scene window = {
        .number = 48, .position = 9 * RING + 64, .laps = 40, .ahead = 8, .taken = 8};
    const struct stage_scene ring = {.sizes = thirds,
                                     .size_count = 4,
                                     .number = 10,
                                     .position = 3 * RING + 2048,
                                     .laps = 8,
                                     .ahead = 2,
                                     .taken = 2};

    (void)state;
    walk_over_a_full_lane(&window, "full window");
    walk_over_a_full_lane(&ring, "full ring");
}

/* ---- the judge is judged ------------------------------------------------------------- */

/* Where the next record goes, by hand. */
static uint8_t *place(const struct smew__lane_writer *writer)
{
    return writer->memory->ring + writer->head_position % writer->memory->ring_bytes;
}

static struct smew__record_header sealed(const struct smew__lane_writer *writer)
{
    struct smew__record_header header = made[0].header;

    header.commit = smew__record_commit(writer->head_number, writer->memory->salt);
    header.header_crc = smew__record_header_crc(&header);
    return header;
}

static void store_head(const struct smew__lane_writer *writer)
{
    atomic_store(&writer->memory->header->head,
                 smew__head_pack(writer->head_number + 1,
                                 writer->head_position + HEADER + made[0].body_size));
}

/* The commit word comes before the body. */
static bool publish_too_early(struct walk *walk)
{
    const struct smew__lane_writer *writer = &walk->stages[0].writer;
    struct smew__record_header header = sealed(writer);

    walk_begin(0);
    memcpy(place(writer), &header, sizeof header);
    memcpy(place(writer) + HEADER, made[0].body, made[0].body_size);
    store_head(writer);
    walk_end(0);
    return true;
}

/* Head tells of a record whose commit word is not there yet. */
static bool publish_head_first(struct walk *walk)
{
    const struct smew__lane_writer *writer = &walk->stages[0].writer;
    struct smew__record_header header = sealed(writer);

    walk_begin(0);
    memcpy(place(writer) + HEADER, made[0].body, made[0].body_size);
    memcpy(place(writer) + 8, (uint8_t *)&header + 8, sizeof header - 8);
    store_head(writer);
    memcpy(place(writer), &header, 8);
    walk_end(0);
    return true;
}

/* Accepted before it is committed. */
static bool publish_too_late(struct walk *walk)
{
    walk_begin(0);
    walk_end(0);
    return put(walk, 1);
}

/* Accepted when it is sealed. */
static bool publish_never(struct walk *walk)
{
    walk_begin(0);
    if (!seal(walk, 0))
        return false;
    walk_end(0);
    return true;
}

/* Published before its handler returned. */
static bool publish_before_its_time(struct walk *walk)
{
    if (!seal(walk, 0))
        return false;
    smew__lane_writer_publish(&walk->stages[0].writer);
    walk_begin(0);
    walk_end(0);
    return true;
}

/* Two records where one was said to be sent. */
static bool publish_twice(struct walk *walk)
{
    return put(walk, 0) && stage_put(&walk->stages[0], &made[1]) == SMEW_OK;
}

/* An old record's place is used while it is still wanted. */
static bool publish_over_others(struct walk *walk)
{
    memset(walk->stages[0].producer.ring + 1024 - 64, 0, 8);
    return put(walk, 0);
}

static void test_the_judge_finds_faults(void **state)
{
    static bool (*const faults[])(struct walk * walk) = {
        publish_too_early,       publish_head_first, publish_too_late,    publish_never,
        publish_before_its_time, publish_twice,      publish_over_others,
    };
    const struct stage_scene scene = {.sizes = sizes,
                                      .size_count = SIZES,
                                      .number = 100,
                                      .position = 5 * RING + 1024,
                                      .laps = 60,
                                      .ahead = 5,
                                      .taken = 2};

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct walk walk = {.stage_count = 1, .operate = faults[i], .judge = judge};
        const char *complaint;

        stage_open(&walk.stages[0], &scene);
        make_all(&walk.stages[0]);
        complaint = walk_run(&walk);
        if (complaint == NULL)
            fail_msg("fault %zu was not found", i);
        print_message("fault %zu: %s\n", i, complaint);
        stage_close(&walk.stages[0]);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WALK_TEST(test_the_first_records),
        WALK_TEST(test_among_others),
        WALK_TEST(test_over_the_end_of_the_ring),
        WALK_TEST(test_over_the_end_of_the_counters),
        WALK_TEST(test_the_last_room),
        WALK_TEST(test_a_lane_that_was_full),
        WALK_TEST(test_the_judge_finds_faults),
    };

    if (SUPPORT_SANITIZED)
        return SUPPORT_SKIPPED;
    walk_arguments(argc, argv);
    return cmocka_run_group_tests_name("shm/kill_producer", tests, NULL, NULL);
}
