/* SPDX-License-Identifier: MIT */
/*
 * Either side is killed at every instruction of what it does with payloads in the pool.  A record
 * that was committed leads to its whole payload; what the consumer holds stays as it is until it is
 * answered; what has no answer can be read back and sent again; and a block is given back exactly
 * when its record has its answer.
 *
 * walk.h says why standing still at an instruction is as good as being killed there.
 */
#include "tests/shm/walk.h"

#include <string.h>

#include "base/crc32c/crc32c.h"
#include "tests/shm/sides.h"

enum {
    RING = SMEW__LANE_BYTES_MIN,
    HEADER = sizeof(struct smew__record_header),
    HANDLE = sizeof(struct smew__pool_handle),
    UNITS = 16,
    SIZE_MAX_HERE = 2000, /* below what is copied by one repeated instruction */
    MADE_MAX = 4,
};

/* Beside the walk's lanes, a pool for each. */
static struct sides pools[WALK_STAGES];

/* What the child sends, made before it is. */
static struct {
    uint64_t size;
    uint8_t data[SIZE_MAX_HERE];
} made[MADE_MAX];

static uint64_t size_of(uint64_t number)
{
    static const uint64_t sizes[] = {700, 1, 64, 1999, 300};

    return sizes[number % (sizeof sizes / sizeof *sizes)];
}

static bool is_payload(const uint8_t *data, uint64_t size, uint64_t number)
{
    static uint8_t expected[SIZE_MAX_HERE];

    if (size != size_of(number))
        return false;
    sides_fill(expected, size, number);
    return memcmp(data, expected, size) == 0;
}

/* Commits a record that carries the handle. */
static bool commit_handle(struct smew__lane_writer *writer, const struct smew__pool_handle *handle)
{
    struct smew__record_header header = {
        .payload_size = HANDLE,
        .kind = SMEW_KIND_EVENT | SMEW__RECORD_POOLED,
        .body_crc = smew__crc32c(0, handle, HANDLE),
    };
    uint8_t *record;

    if (smew__lane_writer_reserve(writer, HANDLE, &record) != SMEW_OK)
        return false;
    memcpy(record + HEADER, handle, HANDLE);
    (void)smew__lane_writer_commit(writer, &header);
    return true;
}

static bool put(struct stage *stage, struct sides *sides, const uint8_t *data, uint64_t size)
{
    struct smew__pool_handle handle;

    return sides_send(&sides->pool, data, size, stage->writer.head_number, &handle) == SMEW_OK &&
           commit_handle(&stage->writer, &handle);
}

/* ---- scenes -------------------------------------------------------------------------- */

enum { TAKEN = 2, AHEAD = 4 };

/*
 * Four records in flight, the consumer has taken two and `answered` of these; their blocks do not
 * lie in the order of their numbers, since one before them was given back.
 */
static void open_scene(struct walk *walk, unsigned answered)
{
    const struct stage_scene scene = {.number = 0, .position = 3 * RING - 160};
    struct stage *stage = &walk->stages[0];
    struct smew__pool_claim early;
    struct smew__lane_record record;

    stage_open(stage, &scene);
    sides_open(&pools[0], UNITS);
    assert_int_equal(smew__pool_claim(&pools[0].pool, 1, &early), SMEW_OK);
    for (uint64_t number = 0; number < AHEAD; number++) {
        uint8_t data[SIZE_MAX_HERE];

        sides_fill(data, size_of(number), number);
        assert_true(put(stage, &pools[0], data, size_of(number)));
        if (number == 1)
            assert_int_equal(smew__pool_release(&pools[0].pool, early.offset, early.generation),
                             SMEW_OK);
    }
    for (unsigned i = 0; i < TAKEN; i++)
        assert_int_equal(stage_take(stage, true, &record), SMEW_OK);
    for (unsigned i = 0; i < answered; i++)
        smew__lane_reader_complete(&stage->reader, i, SMEW_OK);
    (void)smew__lane_reader_publish(&stage->reader);
    for (unsigned i = 0; i < MADE_MAX; i++) {
        made[i].size = size_of(AHEAD + i);
        sides_fill(made[i].data, made[i].size, AHEAD + i);
    }
}

static void close_scene(struct walk *walk)
{
    for (unsigned i = walk->stage_count; i > 0; i--) {
        sides_close(&pools[i - 1]);
        stage_close(&walk->stages[i - 1]);
    }
}

static void describe(struct walk *walk, struct image_parts *parts)
{
    for (unsigned i = 0; i < walk->stage_count; i++) {
        const struct smew__memory *memory = &pools[i].consumer.memory;
        struct smew__pool *pool = &pools[i].pool;

        image_add(parts, memory->data, memory->size, true);
        image_add(parts, pool, sizeof *pool, false);
        image_add(parts, pool->used, pool->limit * sizeof *pool->used, false);
    }
}

/* ---- the surviving consumer ---------------------------------------------------------- */

static const char *judge_payload(const struct sides *sides, const struct smew__lane_record *record)
{
    static uint8_t copy[SIZE_MAX_HERE];
    struct smew__pool_handle handle;
    const uint8_t *payload;
    enum smew_status status;

    if ((record->header.kind & SMEW__RECORD_POOLED) == 0)
        return "a record that is no handle";
    status = smew__pool_handle_take(record->body, record->header.payload_size, &handle);
    if (status == SMEW_OK)
        status =
            smew__pool_resolve(&sides->consumer, &handle, SIDES_LANE, record->number, &payload);
    if (status == SMEW_OK && handle.size > sizeof copy)
        status = SMEW_TOO_BIG;
    if (status == SMEW_OK)
        status = smew__pool_check(&handle, payload, copy);
    if (status != SMEW_OK)
        return walk_complain("payload %u: %s", (unsigned)record->number, smew_status_name(status));
    return is_payload(copy, handle.size, record->number) ? NULL : "a payload is torn";
}

/* All that is there; each has its whole payload. */
static const char *drain(struct stage *stage, const struct sides *sides, unsigned *count)
{
    struct smew__lane_record record;
    enum smew_status status;
    const char *complaint;

    for (*count = 0; (status = stage_take(stage, true, &record)) == SMEW_OK; ++*count) {
        complaint = judge_payload(sides, &record);
        if (complaint != NULL)
            return complaint;
        smew__lane_reader_complete(&stage->reader, record.number, SMEW_OK);
    }
    return status == SMEW_AGAIN ? NULL : smew_status_name(status);
}

/* What was taken before and has no answer is as it was. */
static const char *judge_held(struct stage *stage, const struct sides *sides)
{
    struct smew__lane_record record;

    for (uint64_t number = stage->reader.completed; number != stage->reader.next_number; number++) {
        const char *complaint;

        if (smew__lane_writer_read(&stage->writer, number, &record.header, &record.body) != SMEW_OK)
            return "what is held was written over";
        record.number = number;
        complaint = judge_payload(sides, &record);
        if (complaint != NULL)
            return complaint;
    }
    return NULL;
}

static const char *judge_publishing(struct walk *walk)
{
    struct stage *stage = &walk->stages[0];
    const char *complaint = judge_held(stage, &pools[0]);
    unsigned count;

    walk_answer_taken(stage);
    if (complaint == NULL)
        complaint = drain(stage, &pools[0], &count);
    if (complaint != NULL)
        return complaint;
    if (count < AHEAD - TAKEN + walk_ended() || count < walk->seen)
        return walk_complain("%u records, of %u that were accepted", count,
                             AHEAD - TAKEN + walk_ended());
    if (count > AHEAD - TAKEN + walk_begun())
        return walk_complain("%u records, and %u were sent", count, AHEAD - TAKEN + walk_begun());
    walk->seen = count;
    return walk_judge_end(stage, SMEW_AGAIN);
}

/* ---- what the producer does ---------------------------------------------------------- */

static bool put_made(struct walk *walk, unsigned operation)
{
    bool fine;

    walk_begin(operation);
    fine = put(&walk->stages[0], &pools[0], made[operation].data, made[operation].size);
    walk_end(operation);
    return fine;
}

static bool publish_copied(struct walk *walk)
{
    return put_made(walk, 0);
}

/* More is claimed than is written; a claim before it is given back. */
static bool publish_in_place(struct walk *walk)
{
    struct smew__pool *pool = &pools[0].pool;
    struct smew__lane_writer *writer = &walk->stages[0].writer;
    struct smew__pool_handle handle;
    struct smew__pool_claim claim;
    bool fine;

    if (smew__pool_claim(pool, 100, &claim) != SMEW_OK)
        return false;
    memset(claim.payload, 0xa5, 100);
    if (smew__pool_release(pool, claim.offset, claim.generation) != SMEW_OK ||
        smew__pool_claim(pool, 3 * sides_page(), &claim) != SMEW_OK)
        return false;
    memcpy(claim.payload, made[0].data, made[0].size);
    if (smew__pool_seal(pool, &claim, NULL, made[0].size, SIDES_LANE, writer->head_number,
                        &handle) != SMEW_OK)
        return false;
    walk_begin(0);
    fine = commit_handle(writer, &handle);
    walk_end(0);
    return fine;
}

static bool is_settled(void *owner, uint64_t number)
{
    return smew__lane_writer_settled(owner, number);
}

static bool never(void *owner, uint64_t number, enum smew_status status)
{
    (void)owner;
    (void)number;
    (void)status;
    return false;
}

/* Gives back what was answered, and uses its place again. */
static bool reclaim_and_publish(struct walk *walk)
{
    struct smew__lane_writer *writer = &walk->stages[0].writer;

    if (smew__lane_writer_collect(writer, never, NULL) != SMEW_OK ||
        smew__pool_reclaim(&pools[0].pool, SIDES_LANE, is_settled, writer) != 1)
        return false;
    return put_made(walk, 0);
}

static void test_a_producer_of_payloads(void **state)
{
    static const struct {
        const char *name;
        bool (*operate)(struct walk *walk);
        unsigned answered;
    } ways[] = {
        {"payload, copied", publish_copied, 0},
        {"payload, in place", publish_in_place, 0},
        {"payload, in a place that was given back", reclaim_and_publish, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct walk walk = {.stage_count = 1,
                            .operate = ways[i].operate,
                            .judge = judge_publishing,
                            .describe = describe};

        open_scene(&walk, ways[i].answered);
        walk_expect_survival(&walk, ways[i].name);
        close_scene(&walk);
    }
}

/* ---- the surviving producer ---------------------------------------------------------- */

static const char *judge_read_back(const struct smew__pool *pool, uint64_t number)
{
    static uint8_t copy[SIZE_MAX_HERE];
    struct smew__pool_handle handle;
    enum smew_status status = smew__pool_find(pool, SIDES_LANE, number, &handle);

    if (status == SMEW_OK && handle.size > sizeof copy)
        status = SMEW_TOO_BIG;
    if (status == SMEW_OK)
        status = smew__pool_read(pool, &handle, copy);
    if (status != SMEW_OK)
        return walk_complain("payload %u cannot be sent again: %s", (unsigned)number,
                             smew_status_name(status));
    return is_payload(copy, handle.size, number) ? NULL : "a payload to be sent again is torn";
}

/*
 * What has no answer can be read back; what has one was given back; and when all was sent again
 * elsewhere, the whole pool is free.
 */
static const char *judge_taking(struct walk *walk)
{
    struct smew__lane_writer *writer = &walk->stages[0].writer;
    struct smew__pool *pool = &pools[0].pool;
    struct smew__record_header header;
    struct smew__pool_handle handle;
    struct smew__pool_claim claim;
    const uint8_t *body;
    uint64_t answered = 0;

    if (smew__lane_writer_collect(writer, never, NULL) != SMEW_OK)
        return "the answers are impossible";
    (void)smew__pool_reclaim(pool, SIDES_LANE, is_settled, writer);
    for (uint64_t number = 0; number < AHEAD; number++) {
        uint64_t found = number;
        bool again = smew__lane_writer_unanswered(writer, &found, &header, &body) == SMEW_OK &&
                     found == number;
        const char *complaint = again ? judge_read_back(pool, number) : NULL;

        if (complaint != NULL)
            return complaint;
        answered += !again;
        if (!again && smew__pool_find(pool, SIDES_LANE, number, &handle) != SMEW_NOT_FOUND)
            return "a payload was answered, and is kept";
        if (again ? walk_has_ended((unsigned)number) : !walk_has_begun((unsigned)number))
            return walk_complain("record %u is to be sent again, or not, against its answer",
                                 (unsigned)number);
    }
    (void)smew__pool_reclaim(pool, SIDES_LANE, NULL, NULL);
    if (smew__pool_claim(pool, smew__pool_payload_max(pool), &claim) != SMEW_OK)
        return "the pool is not free";
    if (answered < walk->seen)
        return "an answer was there, and is not";
    walk->seen = answered;
    return NULL;
}

/* What it holds, and then two more. */
static bool take_payloads(struct walk *walk)
{
    struct stage *stage = &walk->stages[0];
    struct smew__lane_record record;

    for (unsigned i = 0; i < AHEAD; i++) {
        if (i >= TAKEN) {
            static uint8_t copy[SIZE_MAX_HERE];
            struct smew__pool_handle handle;
            const uint8_t *payload;

            if (stage_take(stage, true, &record) != SMEW_OK ||
                smew__pool_handle_take(record.body, record.header.payload_size, &handle) !=
                    SMEW_OK ||
                smew__pool_resolve(&pools[0].consumer, &handle, SIDES_LANE, record.number,
                                   &payload) != SMEW_OK ||
                smew__pool_check(&handle, payload, copy) != SMEW_OK)
                return false;
        }
        walk_begin(i);
        smew__lane_reader_complete(&stage->reader, i, SMEW_OK);
        (void)smew__lane_reader_publish(&stage->reader);
        walk_end(i);
    }
    return true;
}

static void test_a_consumer_of_payloads(void **state)
{
    struct walk walk = {.stage_count = 1,
                        .operate = take_payloads,
                        .judge = judge_taking,
                        .describe = describe,
                        .kind = WALK_STORES};

    (void)state;
    open_scene(&walk, 0);
    walk_expect_survival(&walk, "payloads are taken");
    close_scene(&walk);
}

/* ---- sending again ------------------------------------------------------------------- */

/* The first of four was answered; the others go through another lane and pool, then all is free. */
static bool send_again(struct walk *walk)
{
    struct smew__lane_writer *old = &walk->stages[0].writer;
    uint64_t number = old->tail_number;
    struct smew__record_header header;
    const uint8_t *body;

    if (smew__lane_writer_collect(old, never, NULL) != SMEW_OK)
        return false;
    for (unsigned i = 0; smew__lane_writer_unanswered(old, &number, &header, &body) == SMEW_OK;
         i++, number++) {
        static uint8_t copy[SIZE_MAX_HERE];
        struct smew__pool_handle handle;

        if (smew__pool_find(&pools[0].pool, SIDES_LANE, number, &handle) != SMEW_OK ||
            smew__pool_read(&pools[0].pool, &handle, copy) != SMEW_OK)
            return false;
        walk_begin(i);
        if (!put(&walk->stages[1], &pools[1], copy, handle.size))
            return false;
        walk_end(i);
    }
    (void)smew__pool_reclaim(&pools[0].pool, SIDES_LANE, NULL, NULL);
    return true;
}

/* The second lane begins at the first number that is sent again, so that numbers are the same. */
static const char *judge_send_again(struct walk *walk)
{
    const char *complaint;
    unsigned count;

    complaint = drain(&walk->stages[1], &pools[1], &count);
    if (complaint != NULL)
        return complaint;
    if (count < walk_ended() || count > walk_begun() || count < walk->seen)
        return walk_complain("%u records, of %u", count, walk_ended());
    walk->seen = count;
    return walk_judge_end(&walk->stages[1], SMEW_AGAIN);
}

static void test_payloads_that_are_sent_again(void **state)
{
    const struct stage_scene scene = {.number = 1, .position = RING - 64};
    struct walk walk = {.stage_count = 2,
                        .operate = send_again,
                        .judge = judge_send_again,
                        .describe = describe,
                        .kind = WALK_THIN};

    (void)state;
    open_scene(&walk, 1);
    stage_open(&walk.stages[1], &scene);
    sides_open(&pools[1], UNITS);
    walk_expect_survival(&walk, "payloads are sent again");
    close_scene(&walk);
}

/* ---- the judges are judged ----------------------------------------------------------- */

/* The record is committed before its payload is there. */
static bool publish_too_early(struct walk *walk)
{
    struct smew__lane_writer *writer = &walk->stages[0].writer;
    struct smew__pool_handle handle;
    struct smew__pool_claim claim;
    bool fine;

    walk_begin(0);
    if (sides_send(&pools[0].pool, made[0].data, made[0].size, writer->head_number, &handle) !=
        SMEW_OK)
        return false;
    claim.payload = pools[0].producer.memory.data + handle.offset + SIDES_BLOCK;
    memset(claim.payload, 0, made[0].size);
    fine = commit_handle(writer, &handle);
    memcpy(claim.payload, made[0].data, made[0].size);
    walk_end(0);
    return fine;
}

/* What is held is given back before it has its answer. */
static bool reclaim_too_early(struct walk *walk)
{
    (void)smew__pool_reclaim(&pools[0].pool, SIDES_LANE, NULL, NULL);
    return put_made(walk, 0);
}

/* A payload that nobody has answered is written over by the consumer, which may not. */
static bool scribble(struct walk *walk)
{
    (void)walk;
    memset(pools[0].consumer.memory.data + pools[0].consumer.data + SIDES_BLOCK, 0xa5, 1);
    memset(pools[0].consumer.memory.data + pools[0].consumer.data + pools[0].consumer.unit +
               SIDES_BLOCK,
           0xa5, 1);
    return true;
}

static void test_the_judges_find_faults(void **state)
{
    static const struct {
        bool (*operate)(struct walk *walk);
        const char *(*judge)(struct walk *walk);
    } faults[] = {
        {publish_too_early, judge_publishing},
        {reclaim_too_early, judge_publishing},
        {scribble, judge_taking},
    };

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct walk walk = {.stage_count = 1,
                            .operate = faults[i].operate,
                            .judge = faults[i].judge,
                            .describe = describe};
        const char *complaint;

        open_scene(&walk, 0);
        complaint = walk_run(&walk);
        if (complaint == NULL)
            fail_msg("fault %zu was not found", i);
        print_message("fault %zu: %s\n", i, complaint);
        close_scene(&walk);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WALK_TEST(test_a_producer_of_payloads),
        WALK_TEST(test_a_consumer_of_payloads),
        WALK_TEST(test_payloads_that_are_sent_again),
        WALK_TEST(test_the_judges_find_faults),
    };

    if (SUPPORT_SANITIZED)
        return SUPPORT_SKIPPED;
    walk_arguments(argc, argv);
    return cmocka_run_group_tests_name("shm/kill_pool", tests, NULL, NULL);
}
