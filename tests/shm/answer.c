/* SPDX-License-Identifier: MIT */
/*
 * Answers from the consumer to the producer: in order and out of it, counted, kept, waited for; and
 * a consumer that says what cannot be.
 */
#include "tests/shm/lane.h"

#include "base/clock.h"
#include "base/os/thread.h"

enum { RING = SMEW__LANE_BYTES_MIN, WINDOW = 16 };

static void take_many(struct lane *lane, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        (void)lane_expect(lane, false);
}

static void collect(struct lane *lane, struct lane_answers *answers)
{
    assert_int_equal(smew__lane_writer_collect(&lane->writer, lane_on_answer, answers), SMEW_OK);
}

static void test_in_order(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 10, 8);
    take_many(&lane, 10);
    for (uint64_t number = 0; number < 10; number++) {
        smew__lane_reader_complete(&lane.reader, number, SMEW_OK);
        lane_collect(&lane);
        assert_int_equal(lane.writer.tail_number, number); /* not published yet */
        assert_false(smew__lane_reader_publish(&lane.reader));
        lane_collect(&lane);
        assert_int_equal(lane.writer.tail_number, number + 1);
        assert_true(smew__lane_writer_settled(&lane.writer, number));
        assert_false(smew__lane_writer_settled(&lane.writer, number + 1));
    }
    assert_true(smew__lane_writer_idle(&lane.writer));
    assert_int_equal(lane.writer.tail_position, lane.writer.head_position);
    assert_false(smew__lane_writer_settled(&lane.writer, 10)); /* not sent yet */
    lane_close(&lane);
}

/* The tail follows the first that is not complete, in whatever order they end. */
static void test_out_of_order(void **state)
{
    struct support_random random = support_random_seeded();
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (int round = 0; round < 1000; round++) {
        uint64_t first = lane.writer.head_number;
        unsigned open = (1u << WINDOW) - 1;

        lane_put_many(&lane, WINDOW, 8);
        take_many(&lane, WINDOW);
        while (open != 0) {
            unsigned which = (unsigned)support_random_below(&random, WINDOW);

            if ((open >> which & 1) == 0)
                continue;
            open &= ~(1u << which);
            smew__lane_reader_complete(&lane.reader, first + which, SMEW_OK);
            (void)smew__lane_reader_publish(&lane.reader);
            lane_collect(&lane);
            assert_int_equal(lane.writer.tail_number - first,
                             open == 0 ? WINDOW : (unsigned)__builtin_ctz(open));
        }
    }
    lane_close(&lane);
}

/* Each answer that is not OK is told once, with its record still in place. */
static void test_other_than_ok(void **state)
{
    struct lane_answers answers = {0};
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 8, 8);
    take_many(&lane, 8);
    assert_false(smew__lane_writer_has_answers(&lane.writer));
    smew__lane_reader_complete(&lane.reader, 5, SMEW_NO_MACHINE);
    assert_true(smew__lane_writer_has_answers(&lane.writer));
    smew__lane_reader_complete(&lane.reader, 2, SMEW_REJECTED);
    collect(&lane, &answers);
    assert_false(smew__lane_writer_has_answers(&lane.writer));
    assert_int_equal(answers.count, 2);
    assert_int_equal(answers.numbers[0], 2);
    assert_int_equal(answers.statuses[0], SMEW_REJECTED);
    assert_int_equal(answers.numbers[1], 5);
    assert_int_equal(answers.statuses[1], SMEW_NO_MACHINE);
    assert_int_equal(lane.writer.tail_number, 0);
    assert_true(smew__lane_writer_settled(&lane.writer, 2));
    assert_false(smew__lane_writer_settled(&lane.writer, 3));
    for (uint64_t number = 0; number < 8; number++)
        if (number != 2 && number != 5)
            smew__lane_reader_complete(&lane.reader, number, SMEW_OK);
    assert_true(smew__lane_reader_publish(&lane.reader)); /* specials ring the bell */
    collect(&lane, &answers);
    assert_int_equal(answers.count, 2);
    assert_true(smew__lane_writer_idle(&lane.writer));
    assert_false(smew__lane_reader_publish(&lane.reader));
    lane_close(&lane);
}

/* Every status that there is, over many laps of the window. */
static void test_every_status(void **state)
{
    static const enum smew_status statuses[] = {
#define STATUS(name, code, text) SMEW_##name,
        SMEW_STATUS_LIST(STATUS)
#undef STATUS
    };
    enum { COUNT = sizeof statuses / sizeof *statuses };
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, 4);
    for (uint64_t number = 0; number < 10 * COUNT; number++) {
        enum smew_status status = statuses[number % COUNT];
        struct lane_answers answers = {0};

        lane_put_many(&lane, 1, 8);
        take_many(&lane, 1);
        smew__lane_reader_complete(&lane.reader, number, status);
        assert_true(smew__lane_reader_publish(&lane.reader) == (status != SMEW_OK));
        collect(&lane, &answers);
        assert_int_equal(answers.count, status != SMEW_OK);
        if (status != SMEW_OK)
            assert_int_equal(answers.statuses[0], status);
        assert_true(smew__lane_writer_idle(&lane.writer));
    }
    lane_close(&lane);
}

/* Who has no memory for an answer gets it again; what is behind it waits, and keeps its bytes. */
static void test_answers_that_wait(void **state)
{
    struct lane_answers all = {0};
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 6, 8);
    take_many(&lane, 6);
    for (uint64_t number = 0; number < 6; number++)
        smew__lane_reader_complete(&lane.reader, number, number % 2 ? SMEW_EXPIRED : SMEW_OK);
    (void)smew__lane_reader_publish(&lane.reader);
    for (unsigned i = 0; i < 3; i++) {
        struct lane_answers none = {.refuse = 1};

        collect(&lane, &none);
        assert_int_equal(none.count, 0);
        assert_int_equal(lane.writer.tail_number, 1); /* 0 was OK */
        assert_true(smew__lane_writer_has_answers(&lane.writer));
    }
    collect(&lane, &all);
    assert_int_equal(all.count, 3);
    assert_int_equal(all.numbers[0], 1);
    assert_true(smew__lane_writer_idle(&lane.writer));
    assert_false(smew__lane_writer_has_answers(&lane.writer));
    lane_close(&lane);
}

/* What ended OK before everything older did is known, and told to nobody. */
static void test_done_before_others(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, 4);
    for (uint64_t first = 0; first < 40; first += 4) {
        lane_put_many(&lane, 4, 8);
        take_many(&lane, 4);
        for (uint64_t number = first; number < first + 4; number++)
            assert_false(smew__lane_writer_done(&lane.writer, number));
        smew__lane_reader_complete(&lane.reader, first + 2, SMEW_OK);
        smew__lane_reader_complete(&lane.reader, first + 1, SMEW_OK);
        (void)smew__lane_reader_publish(&lane.reader);
        lane_collect(&lane);
        for (uint64_t number = first; number < first + 4; number++)
            assert_true(smew__lane_writer_done(&lane.writer, number) ==
                        (number == first + 1 || number == first + 2));
        assert_int_equal(lane.writer.tail_number, first);
        smew__lane_reader_complete(&lane.reader, first, SMEW_OK);
        smew__lane_reader_complete(&lane.reader, first + 3, SMEW_OK);
        (void)smew__lane_reader_publish(&lane.reader);
        lane_collect(&lane);
        assert_true(smew__lane_writer_idle(&lane.writer));
    }
    lane_close(&lane);
}

/* Between the answer and its count a consumer was stopped: it is told, and not told again. */
static void test_answer_that_does_not_count_yet(void **state)
{
    struct lane_answers answers = {0};
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 4, 8);
    take_many(&lane, 4);
    smew__lane_reader_complete(&lane.reader, 0, SMEW_REJECTED);
    atomic_store(smew__ring_answer(&lane.memory, 2), 2 << 8 | (uint8_t)SMEW_EXPIRED);
    collect(&lane, &answers);
    assert_int_equal(answers.count, 2);
    assert_false(smew__lane_writer_has_answers(&lane.writer));
    smew__lane_reader_complete(&lane.reader, 2, SMEW_EXPIRED);
    assert_true(smew__lane_writer_has_answers(&lane.writer));
    collect(&lane, &answers);
    assert_int_equal(answers.count, 2);
    assert_false(smew__lane_writer_has_answers(&lane.writer));
    lane_close(&lane);
}

static void test_received(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 4, 8);
    take_many(&lane, 3);
    smew__lane_reader_complete(&lane.reader, 0, SMEW_OK);
    (void)smew__lane_reader_publish(&lane.reader);
    assert_int_equal(atomic_load(&lane.memory.cursors->received), 3);
    assert_int_equal(atomic_load(&lane.memory.cursors->completed), 1);
    lane_close(&lane);
}

/* ---- waiting ------------------------------------------------------------------------- */

static void complete_one(struct lane *lane)
{
    (void)lane_expect(lane, true);
}

static void test_wait(void **state)
{
    struct lane lane;
    uint32_t seen;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 4, 8);
    seen = smew__lane_writer_turn(&lane.writer);
    assert_int_equal(smew__lane_writer_wait(&lane.writer, seen, smew__deadline_ns(1)),
                     SMEW_TIMEOUT);
    complete_one(&lane);
    assert_int_equal(smew__lane_writer_wait(&lane.writer, seen, smew__deadline_ns(1)),
                     SMEW_TIMEOUT);
    (void)smew__lane_reader_publish(&lane.reader);
    assert_int_equal(smew__lane_writer_wait(&lane.writer, seen, SMEW_NEVER_NS), SMEW_OK);
    seen = smew__lane_writer_turn(&lane.writer);
    smew__lane_reader_close(&lane.reader, SMEW__LANE_CLOSED);
    assert_int_equal(smew__lane_writer_wait(&lane.writer, seen, SMEW_NEVER_NS), SMEW_OK);
    assert_int_equal(atomic_load(&lane.memory.header->waiting), 0);
    lane_close(&lane);
}

static void test_watch(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 4, 8);
    complete_one(&lane);
    assert_false(smew__lane_reader_publish(&lane.reader));
    smew__lane_writer_watch(&lane.writer, true);
    smew__lane_writer_watch(&lane.writer, true);
    complete_one(&lane);
    assert_true(smew__lane_reader_publish(&lane.reader));
    assert_false(smew__lane_reader_publish(&lane.reader)); /* nothing new */
    complete_one(&lane);
    assert_true(smew__lane_reader_publish(&lane.reader));
    smew__lane_writer_watch(&lane.writer, false);
    complete_one(&lane);
    assert_false(smew__lane_reader_publish(&lane.reader));
    lane_close(&lane);
}

struct sleeper {
    struct lane *lane;
    struct smew__thread thread;
    uint32_t seen;
    uint64_t until_ns;
    enum smew_status status;
};

static void sleep_in_lane(void *argument)
{
    struct sleeper *sleeper = argument;

    sleeper->status =
        smew__lane_writer_wait(&sleeper->lane->writer, sleeper->seen, sleeper->until_ns);
}

static bool all_wait(void *argument)
{
    const struct lane *lane = argument;

    return atomic_load(&lane->memory.header->waiting) == 3 * SMEW__WAITING_THREAD;
}

/* Three threads sleep; what ends it is a publish, a close, or somebody of their own. */
static void expect_awake(void (*end)(struct lane *lane))
{
    struct sleeper sleepers[3];
    struct lane lane;

    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 4, 8);
    for (int i = 0; i < 3; i++) {
        sleepers[i] = (struct sleeper){.lane = &lane,
                                       .seen = smew__lane_writer_turn(&lane.writer),
                                       .until_ns = smew__deadline_ns(60000),
                                       .status = SMEW_IO};
        assert_int_equal(
            smew__thread_start(&sleepers[i].thread, "sleeper", sleep_in_lane, &sleepers[i]),
            SMEW_OK);
    }
    assert_true(support_wait_until(all_wait, &lane, 30000));
    end(&lane);
    for (int i = 0; i < 3; i++) {
        smew__thread_join(&sleepers[i].thread);
        assert_int_equal(sleepers[i].status, SMEW_OK);
    }
    assert_int_equal(atomic_load(&lane.memory.header->waiting), 0);
    lane_close(&lane);
}

static void publish_one(struct lane *lane)
{
    complete_one(lane);
    (void)smew__lane_reader_publish(&lane->reader);
}

static void close_it(struct lane *lane)
{
    smew__lane_reader_close(&lane->reader, SMEW__LANE_CLOSED);
}

static bool nobody_waits(void *argument)
{
    struct lane *lane = argument;

    smew__lane_writer_wake(&lane->writer); /* again: who goes to sleep only now misses one */
    return atomic_load(&lane->memory.header->waiting) == 0;
}

static void wake_them(struct lane *lane)
{
    assert_true(support_wait_until(nobody_waits, lane, 30000));
}

static void test_sleepers_wake(void **state)
{
    (void)state;
    expect_awake(publish_one);
    expect_awake(close_it);
    expect_awake(wake_them);
}

/* ---- a consumer that lies ------------------------------------------------------------ */

enum { SENT = 20, LEFT = 8 };

/* A lane with a past: 12 of 20 records are settled, 8 in flight. */
static void open_with_past(struct lane *lane)
{
    lane_open(lane, RING, WINDOW);
    lane_put_many(lane, SENT - LEFT, 8);
    assert_int_equal(lane_drain(lane), SENT - LEFT);
    lane_collect(lane);
    lane_put_many(lane, LEFT, 8);
    take_many(lane, LEFT);
}

static void expect_broken(struct lane *lane)
{
    struct lane_answers answers = {0};
    struct smew__record_header header;
    const uint8_t *body;
    uint64_t number = 0;
    unsigned left = 0;

    assert_int_equal(smew__lane_writer_collect(&lane->writer, lane_on_answer, &answers),
                     SMEW_CORRUPT);
    assert_int_equal(smew__lane_writer_collect(&lane->writer, lane_on_answer, &answers),
                     SMEW_CORRUPT);
    assert_int_equal(lane_put(lane, 8), SMEW_CLOSED);
    /* What was in flight and was not told is there, to be sent again. */
    for (;; number++, left++)
        if (smew__lane_writer_unanswered(&lane->writer, &number, &header, &body) != SMEW_OK)
            break;
    assert_int_equal(left + answers.count, LEFT);
    lane_close(lane);
}

static void test_impossible_cursors(void **state)
{
    static const uint64_t claims[] = {0,          SENT - LEFT - 1,  SENT + 1, SENT + WINDOW,
                                      UINT64_MAX, UINT64_C(1) << 63};
    struct lane lane;

    (void)state;
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        open_with_past(&lane);
        atomic_store(&lane.memory.cursors->completed, claims[i]);
        expect_broken(&lane);
    }
    for (uint64_t claim = SENT - LEFT; claim <= SENT; claim++) { /* these are possible */
        open_with_past(&lane);
        atomic_store(&lane.memory.cursors->completed, claim);
        lane_collect(&lane);
        assert_int_equal(lane.writer.tail_number, claim);
        lane_close(&lane);
    }
}

/* Answers that are counted and not there. */
static void test_impossible_counts(void **state)
{
    static const uint64_t counts[] = {1, 2, LEFT + 1, UINT64_MAX / 2};
    struct lane lane;

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        open_with_past(&lane);
        atomic_store(&lane.memory.cursors->specials, counts[i]);
        expect_broken(&lane);
        open_with_past(&lane);
        smew__lane_reader_complete(&lane.reader, SENT - 1, SMEW_REJECTED);
        atomic_fetch_add(&lane.memory.cursors->specials, counts[i]);
        expect_broken(&lane);
    }
}

/* Statuses that there are not; and answers for others, which are none. */
static void test_impossible_answers(void **state)
{
    static const uint8_t statuses[] = {2, 3, 127, 128, 200, (uint8_t)-100};
    static const uint64_t others[] = {SENT - LEFT - 1, SENT, SENT - LEFT + WINDOW,
                                      (SENT - LEFT) ^ UINT64_C(1) << 55};
    struct lane lane;

    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        open_with_past(&lane);
        atomic_store(smew__ring_answer(&lane.memory, SENT - 1),
                     (uint64_t)(SENT - 1) << 8 | statuses[i]);
        atomic_store(&lane.memory.cursors->specials, 1);
        expect_broken(&lane);
    }
    open_with_past(&lane); /* one that is none among those that count */
    smew__lane_reader_complete(&lane.reader, SENT - 1, SMEW_REJECTED);
    atomic_store(smew__ring_answer(&lane.memory, SENT - 2), (uint64_t)(SENT - 2) << 8 | 99);
    expect_broken(&lane);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        open_with_past(&lane);
        atomic_store(smew__ring_answer(&lane.memory, SENT - LEFT),
                     others[i] << 8 | (uint8_t)SMEW_REJECTED);
        atomic_store(&lane.memory.cursors->specials, 1);
        expect_broken(&lane);
    }
}

/* Any bytes in its words: each time broken, or something that could be; never anything else. */
static void test_any_claims(void **state)
{
    struct support_random random = support_random_seeded();
    unsigned broken = 0;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct lane_answers answers = {0};
        enum smew_status status;
        struct lane lane;

        open_with_past(&lane);
        if (support_random_below(&random, 2) == 0)
            atomic_store(&lane.memory.cursors->completed,
                         SENT - LEFT - 2 + support_random_below(&random, LEFT + 4));
        atomic_store(&lane.memory.cursors->specials, support_random_below(&random, 4));
        for (int i = 0; i < 4; i++) {
            uint64_t number = SENT - LEFT + support_random_below(&random, LEFT);

            atomic_store(smew__ring_answer(&lane.memory, number),
                         number << 8 | (support_random_next(&random) & 0xff));
        }
        status = smew__lane_writer_collect(&lane.writer, lane_on_answer, &answers);
        assert_true(status == SMEW_OK || status == SMEW_CORRUPT);
        assert_true(answers.count <= 4);
        broken += status == SMEW_CORRUPT;
        assert_true(lane.writer.tail_number - (SENT - LEFT) <= LEFT);
        lane_close(&lane);
    }
    assert_in_range(broken, 500, 1990);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_in_order),
        SUPPORT_TEST(test_out_of_order),
        SUPPORT_TEST(test_other_than_ok),
        SUPPORT_TEST(test_every_status),
        SUPPORT_TEST(test_answers_that_wait),
        SUPPORT_TEST(test_done_before_others),
        SUPPORT_TEST(test_answer_that_does_not_count_yet),
        SUPPORT_TEST(test_received),
        SUPPORT_TEST(test_wait),
        SUPPORT_TEST(test_watch),
        SUPPORT_TEST(test_sleepers_wake),
        SUPPORT_TEST(test_impossible_cursors),
        SUPPORT_TEST(test_impossible_counts),
        SUPPORT_TEST(test_impossible_answers),
        SUPPORT_TEST(test_any_claims),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
