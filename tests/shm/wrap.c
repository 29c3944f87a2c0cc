/* SPDX-License-Identifier: MIT */
/*
 * R12: lanes whose numbers and positions begin just below where some word of theirs wraps around.
 * Everything is done while they wrap: sizes of all kinds, answers in any order, with OK and with
 * anything else, damage, records read back.
 */
#include "tests/shm/lane.h"

enum { RING = SMEW__LANE_BYTES_MIN, WINDOW = 16, LINE = SMEW__RECORD_ALIGNMENT, RECORDS = 400 };

/* What became of a record. */
enum fate { WELL, REJECTED, LOST };

struct run {
    struct lane lane;
    struct support_random random;
    uint64_t first;
    uint64_t told; /* answers other than OK */
    uint64_t rejected;
    uint64_t lost;
};

static enum fate fate_of(uint64_t index)
{
    if (index % 37 == 20)
        return LOST;
    return index % 11 == 3 ? REJECTED : WELL;
}

static bool on_answer(void *owner, uint64_t number, enum smew_status status)
{
    struct run *run = owner;
    enum fate fate = fate_of(number - run->first);

    assert_int_equal(status, fate == LOST ? SMEW_CORRUPT : SMEW_REJECTED);
    assert_int_not_equal(fate, WELL);
    run->told++;
    return true;
}

/* As many as there is room for; the ones that are to be lost are damaged. */
static void put_some(struct run *run)
{
    struct smew__lane_writer *writer = &run->lane.writer;

    for (;;) {
        uint64_t index = writer->head_number - run->first;
        uint64_t position = writer->head_position;
        uint32_t size = (uint32_t)support_random_below(&run->random, 400);

        if (index == RECORDS || lane_put(&run->lane, size) != SMEW_OK)
            return;
        if (fate_of(index) == LOST)
            smew__ring_at(&run->lane.memory, position)[index % 3 == 0 ? 0 : 20] ^= 1;
    }
}

/* All that are there; answers them from the last to the first. */
static void take_all(struct run *run)
{
    struct smew__lane_reader *reader = &run->lane.reader;
    uint64_t taken[WINDOW];
    unsigned count = 0;

    while (smew__lane_reader_ready(reader)) {
        uint64_t index = reader->next_number - run->first;
        struct smew__lane_record record;

        if (fate_of(index) == LOST) {
            assert_int_equal(lane_take(&run->lane, &record), SMEW_CORRUPT);
            assert_true(reader->losses.first_number - run->first == index);
            assert_int_equal(reader->losses.count, 1);
            run->lost++;
            continue;
        }
        taken[count++] = lane_expect(&run->lane, false);
    }
    while (count > 0) {
        uint64_t number = taken[--count];
        bool well = fate_of(number - run->first) == WELL;

        smew__lane_reader_complete(reader, number, well ? SMEW_OK : SMEW_REJECTED);
        run->rejected += !well;
        if (count % 2 == 0)
            (void)smew__lane_reader_publish(reader);
    }
    (void)smew__lane_reader_publish(reader);
}

/* What is in flight can be read back, but for what was damaged; nothing else can. */
static void check_in_flight(const struct run *run)
{
    const struct smew__lane_writer *writer = &run->lane.writer;

    for (uint64_t number = writer->tail_number - 2; number != writer->head_number + 2; number++) {
        bool in_flight = number - writer->tail_number < writer->head_number - writer->tail_number;
        struct smew__record_header header;
        const uint8_t *body;
        enum smew_status status = smew__lane_writer_read(writer, number, &header, &body);

        if (!in_flight)
            assert_int_equal(status, SMEW_NOT_FOUND);
        else
            assert_int_equal(status, fate_of(number - run->first) == LOST ? SMEW_CORRUPT : SMEW_OK);
        assert_true(smew__lane_writer_settled(writer, number) ==
                    ((int64_t)(number - writer->tail_number) < 0));
    }
}

static void run_over(uint64_t number, uint64_t position)
{
    const struct smew__lane_spec spec = {.ring_bytes = RING,
                                         .window = WINDOW,
                                         .first_number = number,
                                         .first_position = position / LINE * LINE};
    struct run run = {.random = {number ^ position}, .first = number};
    struct smew__lane_record record;

    lane_open_at(&run.lane, &spec);
    while (run.lane.writer.head_number - number != RECORDS) {
        put_some(&run);
        check_in_flight(&run);
        take_all(&run);
        assert_int_equal(smew__lane_writer_collect(&run.lane.writer, on_answer, &run), SMEW_OK);
        assert_true(smew__lane_writer_idle(&run.lane.writer));
    }
    assert_int_equal(run.lane.reader.losses.lost, run.lost);
    assert_int_equal(run.told, run.lost + run.rejected);
    assert_true(run.lost > 5 && run.rejected > 20);
    smew__lane_writer_end(&run.lane.writer);
    assert_int_equal(smew__lane_reader_next(&run.lane.reader, &record), SMEW_RESET);
    lane_close(&run.lane);
}

/* Where words wrap: the head's number (24 bits) and units (25 bits of position), the answer's
   number (56), the commit word's (60), and what people like to keep in 32 and 64. */
static const unsigned bits[] = {16, 20, 24, 25, 31, 32, 44, 56, 60, 63};

static uint64_t below(size_t which, uint64_t distance)
{
    const size_t count = sizeof bits / sizeof *bits;

    return (which == count ? 0 : UINT64_C(1) << bits[which]) - distance; /* the last one: 2^64 */
}

static void test_wraps(void **state)
{
    const size_t count = sizeof bits / sizeof *bits + 1;

    (void)state;
    for (size_t number = 0; number < count; number++)
        for (size_t position = 0; position < count; position++)
            run_over(below(number, 150), below(position, 20000));
}

/* Every distance to the end, one after the other. */
static void test_every_distance(void **state)
{
    const size_t last = sizeof bits / sizeof *bits;

    (void)state;
    for (uint64_t distance = 0; distance < 200; distance++) {
        run_over(below(last, distance), below(last, 200 * distance));
        run_over(below(5, distance), below(5, 200 * distance));
        run_over(below(2, distance), below(3, 200 * distance));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_wraps),
        SUPPORT_TEST(test_every_distance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
