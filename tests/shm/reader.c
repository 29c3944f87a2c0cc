/* SPDX-License-Identifier: MIT */
/*
 * The consumer's side of a lane: what is there, what was damaged, and a producer that lies or stops
 * between two of its stores.
 */
#include "bus/shm/reader.h"

#include <string.h>

#include "tests/shm/lane.h"

enum {
    RING = SMEW__LANE_BYTES_MIN,
    WINDOW = 32,
    HEADER = sizeof(struct smew__record_header),
    SIZE = 50, /* of payloads */
    STRIDE = HEADER + 64,
};

/* The header of the n-th record of a fresh lane, or what else lies there. */
static uint8_t *at(const struct lane *lane, uint64_t number, size_t offset)
{
    return smew__ring_at(&lane->memory, number * STRIDE + offset);
}

static void open_with(struct lane *lane, unsigned count)
{
    lane_open(lane, RING, WINDOW);
    lane_put_many(lane, count, SIZE);
}

/* The next call reports this loss, and nothing else. */
static void expect_loss(struct lane *lane, uint64_t first, uint64_t count)
{
    uint64_t lost = lane->reader.losses.lost;
    struct smew__lane_record record;

    assert_int_equal(lane_take(lane, &record), SMEW_CORRUPT);
    assert_true(lane->reader.losses.first_number == first);
    assert_int_equal(lane->reader.losses.count, count);
    assert_int_equal(lane->reader.losses.lost - lost, count);
}

static void expect_nothing(struct lane *lane)
{
    struct smew__lane_record record;

    assert_false(smew__lane_reader_ready(&lane->reader));
    assert_false(smew__lane_reader_arm(&lane->reader));
    smew__lane_reader_disarm(&lane->reader);
    assert_int_equal(smew__lane_reader_next(&lane->reader, &record), SMEW_AGAIN);
}

/* The producer hears that these were CORRUPT, and that all else was OK. */
static void expect_answered(struct lane *lane, uint64_t first, unsigned count)
{
    struct lane_answers answers = {0};

    (void)smew__lane_reader_publish(&lane->reader);
    assert_int_equal(smew__lane_writer_collect(&lane->writer, lane_on_answer, &answers), SMEW_OK);
    assert_int_equal(answers.count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_true(answers.numbers[i] == first + i);
        assert_int_equal(answers.statuses[i], SMEW_CORRUPT);
    }
    assert_true(smew__lane_writer_idle(&lane->writer));
}

static void expect_quarantine(struct lane *lane)
{
    struct smew__lane_record record;

    assert_int_equal(smew__lane_reader_next(&lane->reader, &record), SMEW_CLOSED);
    assert_int_equal(smew__lane_reader_next(&lane->reader, &record), SMEW_CLOSED);
    assert_false(smew__lane_reader_ready(&lane->reader));
    assert_int_equal(atomic_load(&lane->memory.cursors->state), SMEW__LANE_QUARANTINED);
    assert_int_equal(lane_put(lane, 8), SMEW_CLOSED);
}

/* ---- what is there ------------------------------------------------------------------- */

static void test_nothing(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    expect_nothing(&lane);
    lane_put_many(&lane, 3, SIZE);
    assert_true(smew__lane_reader_ready(&lane.reader));
    assert_int_equal(lane_drain(&lane), 3);
    expect_nothing(&lane);
    lane_close(&lane);
}

static void test_check(void **state)
{
    struct smew__lane_record record;
    struct lane lane;
    uint8_t copy[64];

    (void)state;
    open_with(&lane, 2);
    assert_int_equal(smew__lane_reader_next(&lane.reader, &record), SMEW_OK);
    assert_int_equal(record.body_size, sizeof copy);
    assert_int_equal(smew__lane_record_check(&record, copy), SMEW_OK);
    memset(at(&lane, 0, HEADER), 0xA5, 64); /* what was copied and checked stays so */
    assert_true(lane_is_intact(&record, copy));
    assert_int_equal(smew__lane_record_check(&record, NULL), SMEW_CORRUPT);
    assert_int_equal(smew__lane_record_check(&record, copy), SMEW_CORRUPT);
    smew__lane_reader_lose(&lane.reader, &record);
    assert_int_equal(lane.reader.losses.lost, 1);
    assert_int_equal(lane.reader.losses.first_number, 0);
    assert_int_equal(lane_drain(&lane), 1);
    expect_answered(&lane, 0, 1);
    lane_close(&lane);
}

/* A window in flight is all that a reader takes on, whatever else is there. */
static void test_window(void **state)
{
    struct smew__lane_record record;
    struct lane lane;

    (void)state;
    open_with(&lane, WINDOW);
    for (int i = 0; i < WINDOW; i++)
        (void)lane_expect(&lane, false);
    expect_nothing(&lane);
    lane.writer.tail_number = WINDOW; /* a producer that does not heed answers */
    lane.writer.tail_position = lane.writer.head_position;
    lane_put_many(&lane, 1, SIZE);
    expect_nothing(&lane);
    smew__lane_reader_complete(&lane.reader, 0, SMEW_OK);
    assert_int_equal(lane_take(&lane, &record), SMEW_OK);
    expect_nothing(&lane);
    lane_close(&lane);
}

static void test_close(void **state)
{
    struct smew__lane_record record;
    struct lane lane;

    (void)state;
    open_with(&lane, 3);
    (void)lane_expect(&lane, false);
    smew__lane_reader_close(&lane.reader, SMEW__LANE_CLOSED);
    assert_int_equal(smew__lane_reader_next(&lane.reader, &record), SMEW_CLOSED);
    assert_false(smew__lane_reader_ready(&lane.reader));
    smew__lane_reader_complete(&lane.reader, 0, SMEW_OK); /* what was read may still be answered */
    (void)smew__lane_reader_publish(&lane.reader);
    lane_collect(&lane);
    assert_int_equal(lane.writer.tail_number, 1);
    lane_close(&lane);
}

/* ---- damage -------------------------------------------------------------------------- */

/* Every byte of the first, a middle and the last of five records: that one is lost, no other. */
static void test_one_is_lost(void **state)
{
    static const uint64_t victims[] = {0, 2, 4};

    (void)state;
    for (size_t v = 0; v < sizeof victims / sizeof *victims; v++)
        for (size_t offset = 0; offset < STRIDE; offset++) {
            uint64_t victim = victims[v];
            struct lane lane;

            open_with(&lane, 5);
            *at(&lane, victim, offset) ^= 0x10;
            for (uint64_t i = 0; i < victim; i++)
                (void)lane_expect(&lane, true);
            assert_true(smew__lane_reader_ready(&lane.reader));
            expect_loss(&lane, victim, 1);
            assert_int_equal(lane_drain(&lane), 4 - victim);
            expect_nothing(&lane);
            expect_answered(&lane, victim, 1);
            lane_put_many(&lane, 2, SIZE);
            assert_int_equal(lane_drain(&lane), 2);
            lane_close(&lane);
        }
}

static void test_empty_commit_word(void **state)
{
    struct lane lane;

    (void)state;
    open_with(&lane, 5);
    memset(at(&lane, 2, 0), 0, SMEW__RECORD_WORD);
    (void)lane_expect(&lane, true);
    (void)lane_expect(&lane, true);
    expect_loss(&lane, 2, 1);
    assert_int_equal(lane_drain(&lane), 2);
    expect_answered(&lane, 2, 1);
    lane_close(&lane);
}

/* Headers of several in a row: where the first of them ends is not known, so one search finds all.
 */
static void test_several_are_lost(void **state)
{
    struct lane lane;

    (void)state;
    open_with(&lane, 8);
    for (uint64_t number = 2; number < 5; number++)
        *at(&lane, number, 9) ^= 1;
    (void)lane_expect(&lane, true);
    (void)lane_expect(&lane, true);
    expect_loss(&lane, 2, 3);
    assert_int_equal(lane_drain(&lane), 3);
    expect_answered(&lane, 2, 3);
    for (uint64_t number = 8; number < 12; number++) {
        lane_put_many(&lane, 1, SIZE);
        *at(&lane, number, 9) ^= 1;
    }
    expect_loss(&lane, 8, 4); /* up to the head */
    expect_nothing(&lane);
    expect_answered(&lane, 8, 4);
    lane_put_many(&lane, 1, SIZE);
    assert_int_equal(lane_drain(&lane), 1);
    lane_close(&lane);
}

/* The ring is full of older records, all of them whole: a search believes none of them. */
static void test_older_laps_are_not_found(void **state)
{
    struct lane lane;
    uint8_t *victim;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (unsigned i = 0; i < 500; i++) {
        uint64_t first = lane.reader.next_number;

        lane_put_many(&lane, 3, 8 * (i % 7));
        victim = smew__ring_at(&lane.memory, lane.reader.next_position);
        lane_put_many(&lane, 3, 0);
        if (i % 30 == 29) {
            victim[16] ^= 1;
            expect_loss(&lane, first, 1);
        }
        assert_int_equal(lane_drain(&lane), i % 30 == 29 ? 5 : 6);
        if (i % 30 == 29)
            expect_answered(&lane, first, 1);
        else
            lane_collect(&lane);
    }
    assert_false(lane.reader.quarantined);
    lane_close(&lane);
}

/* A header whose CRC is right, and whose size is not possible. */
static void test_impossible_size(void **state)
{
    struct smew__record_header header;
    struct lane lane;

    (void)state;
    open_with(&lane, 3);
    memcpy(&header, at(&lane, 1, 0), HEADER);
    header.payload_size = RING / 2;
    header.header_crc = smew__record_header_crc(&header);
    memcpy(at(&lane, 1, 0), &header, HEADER);
    (void)lane_expect(&lane, true);
    expect_loss(&lane, 1, 1);
    assert_int_equal(lane_drain(&lane), 1);
    lane_close(&lane);
}

/*
 * Five records of ten lines, and a forgery in one of their payloads; the headers of all from the
 * second up to there are wrong, so that it is what a search meets first.
 */
enum { FORGED_AMONG = 5, FORGED_LINES = 10, LINE = SMEW__RECORD_ALIGNMENT };

struct forgery {
    uint64_t number;
    unsigned line; /* of the lane */
    uint32_t payload_size;
    uint64_t word; /* its commit word is another one by this */
};

/* What a reader can know of it: would as many records as it says have room on both sides of it? */
static bool could_be(const struct forgery *forgery)
{
    const uint64_t end = FORGED_AMONG * FORGED_LINES;
    uint64_t size = 1 + (forgery->payload_size + LINE - 1) / LINE;

    return forgery->word == 0 && forgery->number > 1 && forgery->number < FORGED_AMONG &&
           forgery->line - FORGED_LINES >= forgery->number - 1 &&
           end - forgery->line >= FORGED_AMONG - forgery->number && end - forgery->line >= size;
}

static void check_forgery(const struct forgery *forgery)
{
    struct smew__record_header header = {.kind = SMEW_KIND_EVENT,
                                         .payload_size = forgery->payload_size};
    uint64_t around = forgery->line / FORGED_LINES; /* the record that it is in */
    struct smew__lane_record record;
    struct lane lane;

    lane_open(&lane, RING, WINDOW);
    lane_put_many(&lane, FORGED_AMONG, (FORGED_LINES - 1) * LINE);
    header.commit = smew__record_commit(forgery->number, lane.memory.salt) ^ forgery->word;
    header.header_crc = smew__record_header_crc(&header);
    memcpy(smew__ring_at(&lane.memory, forgery->line * LINE), &header, HEADER);
    for (uint64_t number = 1; number <= around; number++)
        smew__ring_at(&lane.memory, number * FORGED_LINES * LINE)[9] ^= 1;
    (void)lane_expect(&lane, true);
    if (could_be(forgery)) { /* its producer fools itself, and nobody else */
        expect_loss(&lane, 1, forgery->number - 1);
        assert_int_equal(smew__lane_reader_next(&lane.reader, &record), SMEW_OK);
        assert_true(record.number == forgery->number);
    } else {
        expect_loss(&lane, 1, around);
        assert_int_equal(lane_drain(&lane), FORGED_AMONG - 1 - around);
    }
    lane_close(&lane);
}

static void test_forged_records(void **state)
{
    static const uint64_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 10, WINDOW, WINDOW + 1, UINT64_MAX};
    static const uint32_t sizes[] = {0, 1, 200, 1000};
    static const uint64_t words[] = {0, UINT64_C(1) << 63, UINT64_C(1) << 60};

    (void)state;
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++)
        for (unsigned line = FORGED_LINES + 1; line < FORGED_AMONG * FORGED_LINES; line++)
            for (size_t i = 0; i < 12 && line % FORGED_LINES != 0; i++)
                check_forgery(&(struct forgery){numbers[n], line, sizes[i % 4], words[i / 4]});
}

static void test_damage_that_keeps_coming(void **state)
{
    struct smew__lane_record record;
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (unsigned i = 1; i < SMEW__LANE_LOSSES_MAX; i++) {
        lane_put_many(&lane, 1, SIZE);
        *smew__ring_at(&lane.memory, lane.reader.next_position) ^= 1;
        expect_loss(&lane, i - 1, 1);
        expect_answered(&lane, i - 1, 1);
    }
    assert_false(lane.reader.quarantined);
    lane_put_many(&lane, 2, SIZE);
    *smew__ring_at(&lane.memory, lane.reader.next_position) ^= 1;
    assert_int_equal(lane_take(&lane, &record), SMEW_CORRUPT); /* this one is still reported */
    expect_quarantine(&lane);
    lane_close(&lane);
}

/* The same damage among more records goes on for ever. */
static void test_damage_now_and_then(void **state)
{
    const unsigned among = SMEW__LANE_LOSSES_PERIOD / SMEW__LANE_LOSSES_MAX + 1;
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (unsigned i = 0; i < 4 * SMEW__LANE_LOSSES_MAX; i++) {
        lane_put_many(&lane, among, 0);
        *smew__ring_at(&lane.memory, lane.reader.next_position) ^= 1;
        expect_loss(&lane, i * (uint64_t)among, 1);
        assert_int_equal(lane_drain(&lane), among - 1);
        expect_answered(&lane, i * (uint64_t)among, 1);
    }
    lane_close(&lane);
}

/* ---- the head ------------------------------------------------------------------------ */

static void store_head(struct lane *lane, uint64_t number, uint64_t position)
{
    atomic_store(&lane->memory.header->head, smew__head_pack(number, position));
}

/* A damaged head costs nothing, and the next publish puts it right. */
static void test_damaged_head(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        struct lane lane;

        open_with(&lane, 3);
        atomic_fetch_xor(&lane.memory.header->head, UINT64_C(1) << bit);
        assert_int_equal(lane_drain(&lane), 3);
        expect_nothing(&lane);
        lane_put_many(&lane, 2, SIZE);
        atomic_fetch_xor(&lane.memory.header->head, UINT64_C(1) << bit);
        *at(&lane, 4, 0) ^= 1; /* and a commit word with it */
        assert_int_equal(lane_drain(&lane), 1);
        expect_nothing(&lane);
        lane_put_many(&lane, 1, SIZE);
        expect_loss(&lane, 4, 1);
        assert_int_equal(lane_drain(&lane), 1);
        expect_answered(&lane, 4, 1);
        lane_close(&lane);
    }
}

/* The producer stands, or died, between its stores 3 and 4. */
static void test_head_behind(void **state)
{
    struct lane lane;
    uint64_t head;

    (void)state;
    open_with(&lane, 2);
    head = atomic_load(&lane.memory.header->head);
    lane_put_many(&lane, 1, SIZE);
    atomic_store(&lane.memory.header->head, head);
    assert_int_equal(lane_drain(&lane), 3);
    expect_nothing(&lane);
    lane_close(&lane);
}

/* The same, with a header that is wrong: it waits for the head, awake for nothing else. */
static void test_head_behind_damage(void **state)
{
    struct smew__lane_record record;
    struct lane lane;
    uint64_t before;
    uint64_t after;

    (void)state;
    open_with(&lane, 2);
    before = atomic_load(&lane.memory.header->head);
    lane_put_many(&lane, 1, SIZE);
    after = atomic_load(&lane.memory.header->head);
    atomic_store(&lane.memory.header->head, before);
    *at(&lane, 2, 12) ^= 1;
    (void)lane_expect(&lane, true);
    (void)lane_expect(&lane, true);
    assert_int_equal(smew__lane_reader_next(&lane.reader, &record), SMEW_AGAIN);
    expect_nothing(&lane);
    (void)smew__lane_reader_publish(&lane.reader);
    lane_collect(&lane);
    assert_int_equal(lane.writer.tail_number,
                     2); /* it is not complete, so it is not written over */
    atomic_store(&lane.memory.header->head, after);
    assert_true(smew__lane_reader_ready(&lane.reader));
    expect_loss(&lane, 2, 1);
    expect_nothing(&lane);
    expect_answered(&lane, 2, 1);
    lane_close(&lane);
}

static void test_lying_head(void **state)
{
    const struct {
        uint64_t number;
        uint64_t position;
    } lies[] = {
        {4, 3 * STRIDE},                            /* a record without a byte */
        {WINDOW + 5, WINDOW * STRIDE},              /* more than may be in flight */
        {1000, RING},                               /* far more */
        {4, 3 * STRIDE + RING + 32},                /* more than a ring */
        {4, 3 * STRIDE - 32},                       /* backwards */
        {(UINT64_C(1) << 23) + 2, 3 * STRIDE + 32}, /* as far ahead as can be said */
    };

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct lane lane;

        open_with(&lane, 3);
        store_head(&lane, lies[i].number, lies[i].position);
        for (int n = 0; n < 3; n++)
            (void)lane_expect(&lane, true);
        assert_true(smew__lane_reader_ready(&lane.reader));
        expect_quarantine(&lane);
        lane_close(&lane);
    }
}

/* A head that could be right and is not: it costs what it made up. */
static void test_head_that_makes_up_records(void **state)
{
    struct lane lane;

    (void)state;
    open_with(&lane, 3);
    store_head(&lane, 5, 5 * STRIDE);
    for (int n = 0; n < 3; n++)
        (void)lane_expect(&lane, true);
    expect_loss(&lane, 3, 2);
    expect_nothing(&lane);
    lane_close(&lane);
}

/* ---- the end ------------------------------------------------------------------------- */

static void test_end(void **state)
{
    struct smew__lane_record record;
    struct lane lane;

    (void)state;
    open_with(&lane, 3);
    *at(&lane, 2, 20) ^= 1;
    atomic_fetch_xor(&lane.memory.header->head, 1);
    smew__lane_writer_end(&lane.writer); /* puts the head right */
    (void)lane_expect(&lane, true);
    (void)lane_expect(&lane, true);
    expect_loss(&lane, 2, 1);
    assert_int_equal(smew__lane_reader_next(&lane.reader, &record), SMEW_RESET);
    expect_answered(&lane, 2, 1);
    lane_close(&lane);
}

/* The end, and a head that nobody will put right: whether all was read cannot be known. */
static void test_end_with_damaged_head(void **state)
{
    struct lane lane;

    (void)state;
    open_with(&lane, 3);
    smew__lane_writer_end(&lane.writer);
    atomic_fetch_xor(&lane.memory.header->head, 1);
    assert_int_equal(lane_drain(&lane), 3);
    expect_quarantine(&lane);
    lane_close(&lane);
}

/* Only 1 says it. */
static void test_other_ends(void **state)
{
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    atomic_store(&lane.memory.header->ended, 2);
    expect_nothing(&lane);
    lane_close(&lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_nothing),
        SUPPORT_TEST(test_check),
        SUPPORT_TEST(test_window),
        SUPPORT_TEST(test_close),
        SUPPORT_TEST(test_one_is_lost),
        SUPPORT_TEST(test_empty_commit_word),
        SUPPORT_TEST(test_several_are_lost),
        SUPPORT_TEST(test_older_laps_are_not_found),
        SUPPORT_TEST(test_impossible_size),
        SUPPORT_TEST(test_forged_records),
        SUPPORT_TEST(test_damage_that_keeps_coming),
        SUPPORT_TEST(test_damage_now_and_then),
        SUPPORT_TEST(test_damaged_head),
        SUPPORT_TEST(test_head_behind),
        SUPPORT_TEST(test_head_behind_damage),
        SUPPORT_TEST(test_lying_head),
        SUPPORT_TEST(test_head_that_makes_up_records),
        SUPPORT_TEST(test_end),
        SUPPORT_TEST(test_end_with_damaged_head),
        SUPPORT_TEST(test_other_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
