/* SPDX-License-Identifier: MIT */
/* The producer's side of a lane: room, commits, bells, and reading back what is in flight. */
#include "bus/shm/writer.h"

#include <string.h>

#include "base/clock.h"

#include "tests/shm/lane.h"

enum { RING = SMEW__LANE_BYTES_MIN, WINDOW = 8, LINE = SMEW__RECORD_ALIGNMENT };

static void test_what_fits(void **state)
{
    struct lane lane;
    uint8_t *record = NULL;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    assert_int_equal(smew__lane_writer_body_max(&lane.writer), RING / 2 - LINE);
    assert_int_equal(smew__lane_writer_reserve(&lane.writer, RING / 2 - LINE + 1, &record),
                     SMEW_TOO_BIG);
    assert_int_equal(smew__lane_writer_reserve(&lane.writer, UINT64_MAX, &record), SMEW_TOO_BIG);
    assert_int_equal(lane_put(&lane, RING / 2 - LINE), SMEW_OK);
    /* The other half is one line short: the empty word behind has to go somewhere. */
    assert_int_equal(lane_put(&lane, RING / 2 - LINE), SMEW_FULL);
    assert_int_equal(lane_put(&lane, RING / 2 - 2 * LINE), SMEW_OK);
    assert_int_equal(lane_put(&lane, 0), SMEW_FULL);
    assert_int_equal(lane_drain(&lane), 2);
    assert_int_equal(lane_put(&lane, 0), SMEW_FULL); /* nobody has looked yet */
    lane_collect(&lane);
    assert_int_equal(lane_put(&lane, RING / 2 - LINE), SMEW_OK);
    assert_int_equal(lane_drain(&lane), 1);
    lane_close(&lane);
}

/* Full to the last line, again and again, at every place of the ring; it never reads as empty. */
static void test_exactly_full(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, 256);
    for (unsigned lap = 0; lap < 300; lap++) {
        for (unsigned i = 0; i < RING / LINE - 1; i++)
            assert_int_equal(lane_put(&lane, 0), SMEW_OK);
        assert_int_equal(lane_put(&lane, 0), SMEW_FULL);
        assert_int_equal(lane_drain(&lane), RING / LINE - 1);
        lane_collect(&lane);
        assert_true(smew__lane_writer_idle(&lane.writer));
    }
    lane_close(&lane);
}

/* Records of every size, over every place of the ring's end. */
static void test_wrap(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (uint32_t size = 0; size <= RING / 2 - LINE; size += 3) {
        assert_int_equal(lane_put(&lane, size), SMEW_OK);
        assert_int_equal(lane_drain(&lane), 1);
        lane_collect(&lane);
    }
    lane_close(&lane);
}

static void test_window(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, WINDOW, 8);
    assert_int_equal(lane_put(&lane, 8), SMEW_FULL);
    (void)lane_expect(&lane, true);
    (void)smew__lane_reader_publish(&lane.reader);
    lane_collect(&lane);
    assert_int_equal(lane_put(&lane, 8), SMEW_OK);
    assert_int_equal(lane_put(&lane, 8), SMEW_FULL);
    assert_int_equal(lane_drain(&lane), WINDOW);
    lane_close(&lane);
}

/* Every window that there is, down to one record. */
static void test_windows(void **state)
{
    (void)state;
    for (uint32_t window = 1; window <= 256; window *= 2) {
        struct lane lane;

        lane_open(&lane, 64 * 1024, window);
        for (unsigned i = 0; i < 600; i++) {
            enum smew_status status = lane_put(&lane, i % 40);

            assert_int_equal(status, i % (window + 1) == window ? SMEW_FULL : SMEW_OK);
            if (status != SMEW_FULL)
                continue;
            assert_int_equal(lane_drain(&lane), window);
            lane_collect(&lane);
        }
        lane_close(&lane);
    }
}

static void test_one_at_a_time(void **state)
{
    struct smew__record_header header;
    struct lane lane;
    uint8_t *record = NULL;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    assert_int_equal(lane_write(&lane, 100, &header), SMEW_OK);
    assert_int_equal(smew__lane_writer_reserve(&lane.writer, 0, &record), SMEW_BUSY);
    assert_int_equal(smew__lane_writer_commit(&lane.writer, &header), 0);
    assert_int_equal(lane_put(&lane, 100), SMEW_OK);
    assert_int_equal(lane_drain(&lane), 2);
    lane_close(&lane);
}

/* Room that was given back holds garbage, and nobody ever sees it. */
static void test_abort(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (unsigned i = 0; i < 200; i++) {
        memset(lane_reserve(&lane, 1000) + SMEW__RECORD_WORD, 0xA5, 1000);
        smew__lane_writer_abort(&lane.writer);
        assert_false(smew__lane_reader_ready(&lane.reader));
        assert_int_equal(lane_put(&lane, i), SMEW_OK);
        assert_int_equal(lane_drain(&lane), 1);
        lane_collect(&lane);
    }
    assert_int_equal(lane.reader.losses.lost, 0);
    lane_close(&lane);
}

/* Reserved large, committed small: what follows begins where the small one ends. */
static void test_shortened(void **state)
{
    struct smew__record_header header;
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(lane_write(&lane, i % 50, &header), SMEW_OK);
        smew__lane_writer_abort(&lane.writer);
        memset(lane_reserve(&lane, 1500) + lane_record_bytes(i % 50), 0xA5, 1000);
        assert_int_equal(smew__lane_writer_commit(&lane.writer, &header), 2 * i);
        assert_int_equal(lane.writer.head_position - lane.writer.tail_position,
                         lane_record_bytes(i % 50));
        assert_int_equal(lane_put(&lane, 16), SMEW_OK);
        assert_int_equal(lane_drain(&lane), 2);
        lane_collect(&lane);
    }
    lane_close(&lane);
}

/*
 * A payload that is full of the commit words of numbers to come (it would have to know the lane's
 * salt): where it lay, nothing is found before it is committed.
 */
static void test_what_payloads_leave_behind(void **state)
{
    struct lane lane;
    uint8_t *record = NULL;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (uint64_t i = 0; i < 200; i++) {
        for (uint64_t at = LINE; at < RING; at += SMEW__RECORD_WORD) {
            uint64_t word =
                smew__record_commit(lane.writer.head_number + 1 + at / 8 % 2, lane.memory.salt);

            memcpy(smew__ring_at(&lane.memory, lane.writer.head_position + at), &word, sizeof word);
        }
        assert_int_equal(lane_put(&lane, (uint32_t)(i % 70)), SMEW_OK);
        assert_int_equal(atomic_load(smew__ring_word(&lane.memory, lane.writer.head_position)), 0);
        assert_int_equal(lane_drain(&lane), 1);
        lane_collect(&lane);
        assert_int_equal(smew__lane_writer_reserve(&lane.writer, 500, &record), SMEW_OK);
        smew__lane_writer_abort(&lane.writer);
        assert_false(smew__lane_reader_ready(&lane.reader));
    }
    assert_int_equal(lane.reader.losses.lost, 0);
    lane_close(&lane);
}

static void test_bell(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    assert_int_equal(lane_put(&lane, 8), SMEW_OK);
    assert_false(smew__lane_writer_must_ring(&lane.writer)); /* it is awake */
    assert_true(smew__lane_reader_arm(&lane.reader));        /* there is something */
    assert_int_equal(lane_drain(&lane), 1);
    assert_false(smew__lane_reader_arm(&lane.reader));
    assert_int_equal(lane_put(&lane, 8), SMEW_OK);
    assert_true(smew__lane_writer_must_ring(&lane.writer));
    assert_int_equal(lane_put(&lane, 8), SMEW_OK);
    assert_false(smew__lane_writer_must_ring(&lane.writer)); /* once for a sleep */
    smew__lane_reader_disarm(&lane.reader);
    assert_int_equal(lane_drain(&lane), 2);
    assert_int_equal(lane_put(&lane, 8), SMEW_OK);
    assert_false(smew__lane_writer_must_ring(&lane.writer));
    assert_int_equal(lane_drain(&lane), 1);
    assert_false(smew__lane_reader_arm(&lane.reader)); /* another sleep */
    assert_int_equal(lane_put(&lane, 8), SMEW_OK);
    assert_true(smew__lane_writer_must_ring(&lane.writer));
    lane_close(&lane);
}

/* The number of a sleep is never that of being awake, nor that of the sleep before. */
static void test_bells_after_many_sleeps(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane.reader.sleeps = UINT32_MAX - 3;
    for (int i = 0; i < 8; i++) {
        assert_false(smew__lane_reader_arm(&lane.reader));
        assert_int_equal(lane_put(&lane, 8), SMEW_OK);
        assert_true(smew__lane_writer_must_ring(&lane.writer));
        assert_int_equal(lane_drain(&lane), 1);
        lane_collect(&lane);
    }
    lane_close(&lane);
}

/* A consumer that sleeps on the lane's word is woken by the writer, which then needs no bell. */
static void test_words(void **state)
{
    struct lane lane;
    uint32_t rings;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (int i = 0; i < 8; i++) {
        rings = smew__lane_reader_say(&lane.reader, SMEW__ALARM_WORD);
        assert_false(smew__lane_reader_ready(&lane.reader));
        assert_int_equal(lane_put(&lane, 8), SMEW_OK);
        assert_false(smew__lane_writer_must_ring(&lane.writer));
        assert_int_equal(lane.memory.header->rings, rings + 1);
        assert_int_equal(smew__futex_wait(&lane.memory.header->rings, rings, SMEW_NEVER_NS),
                         SMEW_OK);
        assert_int_equal(lane_put(&lane, 8), SMEW_OK);
        assert_false(smew__lane_writer_must_ring(&lane.writer)); /* once for a sleep */
        assert_int_equal(lane.memory.header->rings, rings + 1);
        assert_true(smew__lane_reader_arm(&lane.reader)); /* another alarm is another sleep */
        assert_int_equal(lane_put(&lane, 8), SMEW_OK);
        assert_true(smew__lane_writer_must_ring(&lane.writer));
        assert_int_equal(lane_drain(&lane), 3);
        lane_collect(&lane);
    }
    lane_close(&lane);
}

static void put_and_drain(struct lane *lane, bool asleep)
{
    if (asleep)
        assert_false(smew__lane_reader_arm(&lane->reader));
    assert_int_equal(lane_put(lane, 8), SMEW_OK);
    assert_true(smew__lane_writer_must_ring(&lane->writer) == asleep);
    assert_int_equal(lane_drain(lane), 1);
    lane_collect(lane);
}

/* Who rings for each record fences; who does not leaves it to the reader, where that can. */
static void test_who_fences(void **state)
{
    struct lane lane;
    bool reaches;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    reaches = lane.memory.cursors->reaches;
    assert_true(smew__lane_reader_fences(&lane.reader) == reaches);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 16; i++)
            put_and_drain(&lane, true);
        assert_false(smew__lane_reader_fences(&lane.reader));
        for (int i = 0; i < 64; i++)
            put_and_drain(&lane, false);
        assert_false(smew__lane_reader_fences(&lane.reader)); /* not at once */
        for (int i = 0; i < 1024; i++)
            put_and_drain(&lane, false);
        assert_true(smew__lane_reader_fences(&lane.reader) == reaches);
    }
    lane_close(&lane);
}

static void test_closed(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 3, 8);
    smew__lane_reader_close(&lane.reader, SMEW__LANE_CLOSED);
    assert_int_equal(lane_put(&lane, 8), SMEW_CLOSED);
    lane_collect(&lane);
    assert_false(smew__lane_writer_idle(&lane.writer)); /* they are to be sent again */
    lane_close(&lane);
}

static void test_end(void **state)
{
    struct smew__lane_record record;
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 2, 8);
    smew__lane_writer_end(&lane.writer);
    assert_int_equal(lane_put(&lane, 8), SMEW_CLOSED);
    assert_int_equal(lane_drain(&lane), 2);
    assert_int_equal(smew__lane_reader_next(&lane.reader, &record), SMEW_RESET);
    assert_int_equal(smew__lane_reader_next(&lane.reader, &record), SMEW_RESET);
    assert_false(smew__lane_reader_arm(&lane.reader));
    lane_collect(&lane);
    assert_true(smew__lane_writer_idle(&lane.writer));
    lane_close(&lane);
}

/* ---- reading back -------------------------------------------------------------------- */

static bool read_back(const struct lane *lane, uint64_t number)
{
    struct smew__lane_record record = {.number = number};

    if (smew__lane_writer_read(&lane->writer, number, &record.header, &record.body) != SMEW_OK)
        return false;
    record.body_size = smew__record_size(&record.header) - sizeof record.header;
    return lane_is_intact(&record, record.body);
}

static void test_read(void **state)
{
    struct smew__record_header header;
    const uint8_t *body;
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 5, 100);
    lane_drain(&lane);
    lane_collect(&lane);
    lane_put_many(&lane, 3, 700); /* one of them over the ring's end */
    lane_put_many(&lane, 1, 0);
    for (uint64_t number = 0; number < 12; number++)
        assert_true(read_back(&lane, number) == (number >= 5 && number < 9));
    assert_int_equal(smew__lane_writer_read(&lane.writer, 4, &header, &body), SMEW_NOT_FOUND);
    assert_int_equal(smew__lane_writer_read(&lane.writer, 9, &header, &body), SMEW_NOT_FOUND);
    lane_close(&lane);
}

/* Every byte of a record that somebody else changes. */
static void test_read_damage(void **state)
{
    struct smew__record_header header;
    const uint8_t *body;
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, 3, 50);
    for (uint64_t at = 0; at < lane_record_bytes(50); at++) {
        uint8_t *byte = lane.memory.ring + lane_record_bytes(50) + at;

        *byte ^= 4;
        assert_int_equal(smew__lane_writer_read(&lane.writer, 1, &header, &body), SMEW_CORRUPT);
        assert_true(read_back(&lane, 0) && read_back(&lane, 2));
        *byte ^= 4;
    }
    assert_true(read_back(&lane, 1));
    lane_close(&lane);
}

/* Which numbers are to be sent again, from this one on; a bit each. */
static unsigned to_be_sent(const struct lane *lane, uint64_t number)
{
    struct smew__record_header header;
    const uint8_t *body;
    unsigned numbers = 0;
    enum smew_status status;

    for (;; number++) {
        status = smew__lane_writer_unanswered(&lane->writer, &number, &header, &body);
        if (status == SMEW_NOT_FOUND)
            return numbers;
        assert_int_equal(status, SMEW_OK);
        assert_true(read_back(lane, number));
        numbers |= 1u << number;
    }
}

static void test_unanswered(void **state)
{
    struct lane_answers answers = {0};
    struct smew__record_header header;
    struct lane lane;
    const uint8_t *body;
    uint64_t number = 0;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    assert_int_equal(to_be_sent(&lane, 0), 0);
    lane_put_many(&lane, 7, 60);
    assert_int_equal(to_be_sent(&lane, 0), 0x7f);
    for (int i = 0; i < 6; i++)
        (void)lane_expect(&lane, false);
    smew__lane_reader_complete(&lane.reader, 0, SMEW_OK);
    smew__lane_reader_complete(&lane.reader, 3, SMEW_OK); /* behind others, and done all the same */
    smew__lane_reader_complete(&lane.reader, 4, SMEW_REJECTED);
    (void)smew__lane_reader_publish(&lane.reader);
    assert_int_equal(smew__lane_writer_collect(&lane.writer, lane_on_answer, &answers), SMEW_OK);
    assert_int_equal(answers.count, 1);
    assert_int_equal(to_be_sent(&lane, 0), 0x66);
    assert_false(smew__lane_writer_settled(&lane.writer, 3));
    assert_int_equal(to_be_sent(&lane, 4), 0x60);
    lane.memory.ring[2 * lane_record_bytes(60) + 40] ^= 1;
    assert_int_equal(smew__lane_writer_unanswered(&lane.writer, &number, &header, &body), SMEW_OK);
    assert_int_equal(number++, 1);
    assert_int_equal(smew__lane_writer_unanswered(&lane.writer, &number, &header, &body),
                     SMEW_CORRUPT);
    assert_int_equal(number++, 2);
    assert_int_equal(smew__lane_writer_unanswered(&lane.writer, &number, &header, &body), SMEW_OK);
    assert_int_equal(number, 5);
    lane_close(&lane);
}

static void attempt_init(void *argument)
{
    struct lane *lane = argument;
    struct smew__lane_writer writer = {0};
    struct smew__lane_reader reader = {0};
    enum smew_status status = smew__lane_writer_init(&writer, &lane->memory);

    if (status == SMEW_OK)
        status = smew__lane_reader_init(&reader, &lane->memory);
    assert_true(status == SMEW_OK || status == SMEW_NO_MEMORY);
    smew__lane_reader_fini(&reader);
    smew__lane_writer_fini(&writer);
}

static void test_no_memory(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    assert_int_equal(support_walk_allocations(attempt_init, &lane), 2);
    lane_close(&lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_what_fits),
        SUPPORT_TEST(test_exactly_full),
        SUPPORT_TEST(test_wrap),
        SUPPORT_TEST(test_window),
        SUPPORT_TEST(test_windows),
        SUPPORT_TEST(test_one_at_a_time),
        SUPPORT_TEST(test_abort),
        SUPPORT_TEST(test_shortened),
        SUPPORT_TEST(test_what_payloads_leave_behind),
        SUPPORT_TEST(test_bell),
        SUPPORT_TEST(test_bells_after_many_sleeps),
        SUPPORT_TEST(test_words),
        SUPPORT_TEST(test_who_fences),
        SUPPORT_TEST(test_closed),
        SUPPORT_TEST(test_end),
        SUPPORT_TEST(test_read),
        SUPPORT_TEST(test_read_damage),
        SUPPORT_TEST(test_unanswered),
        SUPPORT_TEST(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
