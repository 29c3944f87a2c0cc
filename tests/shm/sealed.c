/* SPDX-License-Identifier: MIT */
/* The producer's side of a lane: records that are sealed, and published together later. */
#include "bus/shm/writer.h"

#include <string.h>

#include "tests/shm/lane.h"

enum { RING = SMEW__LANE_BYTES_MIN, WINDOW = 8, LINE = SMEW__RECORD_ALIGNMENT };

static void seal_many(struct lane *lane, unsigned count, uint32_t size)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(lane_seal(lane, size), SMEW_OK);
}

/* Neither side knows of what is sealed: it is not there, nor in flight, nor answered. */
static void expect_hidden(struct lane *lane, uint64_t number)
{
    struct smew__record_header header;
    const uint8_t *body;

    assert_true(smew__lane_writer_holds_sealed(&lane->writer));
    assert_false(smew__lane_reader_ready(&lane->reader));
    assert_int_equal(smew__lane_writer_read(&lane->writer, number, &header, &body), SMEW_NOT_FOUND);
    assert_false(smew__lane_writer_settled(&lane->writer, number));
    assert_false(smew__lane_writer_done(&lane->writer, number));
}

static void test_sealed(void **state)
{
    struct smew__lane_record record;
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    assert_false(smew__lane_reader_arm(&lane.reader));
    smew__lane_writer_publish(&lane.writer); /* nothing */
    for (uint64_t number = 0; number < 3; number++) {
        assert_int_equal(lane_seal(&lane, 60), SMEW_OK);
        expect_hidden(&lane, number);
        assert_int_equal(smew__lane_reader_next(&lane.reader, &record), SMEW_AGAIN);
    }
    assert_false(smew__lane_writer_idle(&lane.writer));
    assert_false(smew__lane_reader_arm(&lane.reader)); /* it may sleep */
    smew__lane_writer_refresh(&lane.writer);
    assert_false(smew__lane_reader_ready(&lane.reader));
    smew__lane_writer_publish(&lane.writer);
    assert_false(smew__lane_writer_holds_sealed(&lane.writer));
    assert_true(smew__lane_writer_must_ring(&lane.writer)); /* once for all of them */
    assert_false(smew__lane_writer_must_ring(&lane.writer));
    assert_int_equal(lane_drain(&lane), 3);
    lane_collect(&lane);
    assert_true(smew__lane_writer_idle(&lane.writer));
    lane_close(&lane);
}

/* A commit is of all that was sealed before it, too. */
static void test_commit_behind_sealed(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    seal_many(&lane, 2, 30);
    assert_int_equal(lane_put(&lane, 90), SMEW_OK);
    assert_false(smew__lane_writer_holds_sealed(&lane.writer));
    assert_int_equal(lane_drain(&lane), 3);
    lane_close(&lane);
}

/* What is in flight is answered while others are sealed behind it. */
static void test_answers_before_sealed(void **state)
{
    struct lane_answers answers = {0};
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 3, 40);
    seal_many(&lane, 3, 50);
    for (int i = 0; i < 3; i++)
        (void)lane_expect(&lane, false);
    smew__lane_reader_complete(&lane.reader, 1, SMEW_REJECTED);
    smew__lane_reader_complete(&lane.reader, 0, SMEW_OK);
    (void)smew__lane_reader_publish(&lane.reader);
    assert_int_equal(smew__lane_writer_collect(&lane.writer, lane_on_answer, &answers), SMEW_OK);
    assert_int_equal(answers.count, 1);
    assert_int_equal(answers.numbers[0], 1);
    smew__lane_reader_complete(&lane.reader, 2, SMEW_OK);
    (void)smew__lane_reader_publish(&lane.reader);
    lane_collect(&lane);
    assert_int_equal(lane.writer.tail_number, 3);
    assert_int_equal(lane.writer.tail_position, lane.writer.head_position);
    for (uint64_t number = 3; number < 6; number++)
        expect_hidden(&lane, number);
    smew__lane_writer_publish(&lane.writer);
    assert_int_equal(lane_drain(&lane), 3);
    lane_collect(&lane);
    lane_close(&lane);
}

static void test_sealed_take_the_window(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 3, 8);
    seal_many(&lane, WINDOW - 3, 8);
    assert_int_equal(lane_seal(&lane, 8), SMEW_FULL);
    assert_int_equal(lane_drain(&lane), 3);
    lane_collect(&lane);
    seal_many(&lane, 3, 8);
    assert_int_equal(lane_seal(&lane, 8), SMEW_FULL);
    smew__lane_writer_publish(&lane.writer);
    assert_int_equal(lane_seal(&lane, 8), SMEW_FULL);
    assert_int_equal(lane_drain(&lane), WINDOW);
    lane_collect(&lane);
    assert_int_equal(lane_put(&lane, 8), SMEW_OK);
    assert_int_equal(lane_drain(&lane), 1);
    lane_close(&lane);
}

static void test_sealed_take_the_ring(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    assert_int_equal(lane_seal(&lane, RING / 2 - LINE), SMEW_OK);
    /* As in test_what_fits: the empty word behind has to go somewhere. */
    assert_int_equal(lane_seal(&lane, RING / 2 - LINE), SMEW_FULL);
    assert_int_equal(lane_seal(&lane, RING / 2 - 2 * LINE), SMEW_OK);
    assert_int_equal(lane_seal(&lane, 0), SMEW_FULL);
    expect_hidden(&lane, 0);
    smew__lane_writer_publish(&lane.writer);
    assert_int_equal(lane_seal(&lane, 0), SMEW_FULL);
    assert_int_equal(lane_drain(&lane), 2);
    lane_collect(&lane);
    assert_int_equal(lane_put(&lane, RING / 2 - LINE), SMEW_OK);
    assert_int_equal(lane_drain(&lane), 1);
    lane_close(&lane);
}

/* Room that is given back is behind the last sealed one, and the next takes it. */
static void test_abort_behind_sealed(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned sealed = 0; sealed < 3; sealed++) {
            assert_int_equal(lane_seal(&lane, i % 90), SMEW_OK);
            memset(lane_reserve(&lane, 1000) + SMEW__RECORD_WORD, 0xA5, 1000);
            smew__lane_writer_abort(&lane.writer);
        }
        expect_hidden(&lane, lane.reader.next_number);
        smew__lane_writer_publish(&lane.writer);
        assert_int_equal(lane_drain(&lane), 3);
        lane_collect(&lane);
    }
    assert_int_equal(lane.reader.losses.lost, 0);
    lane_close(&lane);
}

/* One that is being written while others are published becomes nobody's. */
static void test_publish_beside_reserved(void **state)
{
    struct smew__record_header header;
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (unsigned i = 0; i < 200; i++) {
        seal_many(&lane, 2, i % 70);
        assert_int_equal(lane_write(&lane, i, &header), SMEW_OK);
        smew__lane_writer_publish(&lane.writer);
        assert_int_equal(lane_drain(&lane), 2);
        (void)smew__lane_writer_commit(&lane.writer, &header);
        assert_int_equal(lane_drain(&lane), 1);
        lane_collect(&lane);
    }
    assert_int_equal(lane.reader.losses.lost, 0);
    lane_close(&lane);
}

/* Several of every size, over every place of the ring's end. */
static void test_sealed_wrap(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (uint32_t size = 0; size <= RING / 4 - 2 * LINE; size += 3) {
        seal_many(&lane, 3, size);
        assert_int_equal(lane_seal(&lane, 0), SMEW_OK);
        expect_hidden(&lane, lane.reader.next_number);
        smew__lane_writer_publish(&lane.writer);
        assert_int_equal(lane_drain(&lane), 4);
        lane_collect(&lane);
    }
    assert_int_equal(lane.reader.losses.lost, 0);
    lane_close(&lane);
}

/* The ring is full of the commit words of numbers to come, but for the one at the head. */
static void litter(struct lane *lane)
{
    uint64_t head = lane->writer.head_position;

    for (uint64_t at = LINE; at < RING; at += SMEW__RECORD_WORD) {
        uint64_t word =
            smew__record_commit(lane->writer.head_number + 1 + at / LINE % 4, lane->memory.salt);

        memcpy(smew__ring_at(&lane->memory, head + at), &word, sizeof word);
    }
}

static void test_what_lies_where_sealed_ones_go(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (uint32_t i = 0; i < 200; i++) {
        litter(&lane);
        seal_many(&lane, 3, i % 70);
        expect_hidden(&lane, lane.reader.next_number);
        smew__lane_writer_publish(&lane.writer);
        assert_int_equal(atomic_load(smew__ring_word(&lane.memory, lane.writer.head_position)), 0);
        assert_int_equal(lane_drain(&lane), 3);
        lane_collect(&lane);
    }
    assert_int_equal(lane.reader.losses.lost, 0);
    lane_close(&lane);
}

/* Full to the last line, all of it published at once, at every place of the ring. */
static void test_sealed_exactly_full(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, 256);
    for (unsigned lap = 0; lap < 300; lap++) {
        seal_many(&lane, RING / LINE - 1, 0);
        assert_int_equal(lane_seal(&lane, 0), SMEW_FULL);
        expect_hidden(&lane, lane.reader.next_number);
        smew__lane_writer_publish(&lane.writer);
        assert_int_equal(lane_drain(&lane), RING / LINE - 1);
        lane_collect(&lane);
        assert_true(smew__lane_writer_idle(&lane.writer));
    }
    lane_close(&lane);
}

/* How many records are to be sent again. */
static unsigned to_be_sent(const struct lane *lane)
{
    struct smew__record_header header;
    const uint8_t *body;
    uint64_t number = 0;
    unsigned count = 0;

    while (smew__lane_writer_unanswered(&lane->writer, &number, &header, &body) == SMEW_OK) {
        number++;
        count++;
    }
    return count;
}

/* The consumer leaves: what is sealed is published all the same, and is to be sent again. */
static void test_sealed_and_closed(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    seal_many(&lane, 3, 8);
    smew__lane_reader_close(&lane.reader, SMEW__LANE_CLOSED);
    assert_int_equal(lane_seal(&lane, 8), SMEW_CLOSED);
    assert_int_equal(to_be_sent(&lane), 0);
    smew__lane_writer_publish(&lane.writer);
    assert_false(smew__lane_writer_is_read(&lane.writer));
    assert_int_equal(to_be_sent(&lane), 3);
    lane_close(&lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_sealed),
        SUPPORT_TEST(test_commit_behind_sealed),
        SUPPORT_TEST(test_answers_before_sealed),
        SUPPORT_TEST(test_sealed_take_the_window),
        SUPPORT_TEST(test_sealed_take_the_ring),
        SUPPORT_TEST(test_abort_behind_sealed),
        SUPPORT_TEST(test_publish_beside_reserved),
        SUPPORT_TEST(test_sealed_wrap),
        SUPPORT_TEST(test_what_lies_where_sealed_ones_go),
        SUPPORT_TEST(test_sealed_exactly_full),
        SUPPORT_TEST(test_sealed_and_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
