/* SPDX-License-Identifier: MIT */
/*
 * R5: one, two or three random bits are flipped in a record, in every field of it, in the empty
 * word behind the last, in the head.  Each is found; exactly that record is lost, by its number;
 * every other one is delivered, whole and in order, the next one too; the producer hears the same.
 *
 *     tests_shm_damage [HOW MANY]      50000 by default
 */
#include "tests/shm/lane.h"

#include <stdlib.h>

enum {
    RING = 16 * 1024,
    WINDOW = 32,
    HEADER = sizeof(struct smew__record_header),
    BATCH = 18, /* records around one that is damaged: fewer, and the lane were given up */
};

/* What is hit: bytes of the record, or what is behind the last, or the head; or several. */
struct target {
    const char *name;
    size_t offset;
    size_t size; /* 0: up to the record's end */
    bool record;
    bool empty;
    bool head;
};

static const struct target targets[] = {
    {"commit word", 0, 8, true, false, false},
    {"payload size", 8, 4, true, false, false},
    {"target", 12, 4, true, false, false},
    {"source", 16, 4, true, false, false},
    {"event", 20, 2, true, false, false},
    {"kind", 22, 1, true, false, false},
    {"extension size", 23, 1, true, false, false},
    {"body CRC", 24, 4, true, false, false},
    {"header CRC", 28, 4, true, false, false},
    {"header", 8, HEADER - 8, true, false, false},
    {"commit word and header", 0, HEADER, true, false, false},
    {"body", HEADER, 0, true, false, false},
    {"padding", SIZE_MAX, 0, true, false, false},
    {"record", 0, 0, true, false, false},
    {"empty word", 0, 0, false, true, false},
    {"head", 0, 0, false, false, true},
    {"record and head", 0, 0, true, false, true},
    {"all of them", 0, 0, true, true, true},
};
enum { TARGETS = sizeof targets / sizeof *targets };

struct trial {
    struct lane *lane;
    struct support_random *random;
    uint64_t first;
    uint64_t positions[BATCH + 1];
    uint32_t sizes[BATCH];
    uint64_t victim;
    uint64_t lost;      /* as it was before */
    uint64_t delivered; /* in this trial */
    bool in_place;
};

static unsigned below(struct trial *trial, unsigned limit)
{
    return (unsigned)support_random_below(trial->random, limit);
}

/* One in eight is large; each has some padding. */
static uint32_t size_of(struct trial *trial)
{
    uint32_t size = below(trial, below(trial, 8) == 0 ? 700 : 120);

    return size % SMEW__RECORD_ALIGNMENT == 0 ? size + 1 : size;
}

static void put_batch(struct trial *trial)
{
    trial->first = trial->lane->writer.head_number;
    for (unsigned i = 0; i < BATCH; i++) {
        trial->positions[i] = trial->lane->writer.head_position;
        trial->sizes[i] = size_of(trial);
        assert_int_equal(lane_put(trial->lane, trial->sizes[i]), SMEW_OK);
    }
    trial->positions[BATCH] = trial->lane->writer.head_position;
}

/* ---- damage -------------------------------------------------------------------------- */

/* A bit of one of the regions that the target has; the same one twice would be none. */
static void flip(struct trial *trial, const struct target *target, uint64_t *flipped,
                 unsigned which)
{
    const struct smew__lane_memory *memory = &trial->lane->memory;
    unsigned index = (unsigned)(trial->victim - trial->first);
    uint64_t bytes = trial->positions[index + 1] - trial->positions[index];
    uint64_t start = target->offset == SIZE_MAX ? HEADER + trial->sizes[index] : target->offset;
    uint64_t size = target->size == 0 ? bytes - start : target->size;
    uint64_t record_bits = target->record ? size * 8 : 0;
    uint64_t empty_bits = target->empty ? 64 : 0;
    uint64_t head_bits = target->head ? 64 : 0;
    uint64_t all_bits = record_bits + empty_bits + head_bits;
    uint64_t bit;

    do /* something of the record at least, where it has a part */
        bit = support_random_below(trial->random,
                                   which == 0 && record_bits != 0 ? record_bits : all_bits);
    while ((which > 0 && flipped[0] == bit) || (which > 1 && flipped[1] == bit));
    flipped[which] = bit;
    if (bit < record_bits)
        *smew__ring_at(memory, trial->positions[index] + start + bit / 8) ^=
            (uint8_t)(1u << bit % 8);
    else if (bit < record_bits + empty_bits)
        atomic_fetch_xor(smew__ring_word(memory, trial->positions[BATCH]),
                         UINT64_C(1) << (bit - record_bits));
    else
        atomic_fetch_xor(&memory->header->head, UINT64_C(1) << (bit - record_bits - empty_bits));
}

static void damage(struct trial *trial, const struct target *target)
{
    unsigned count = 1 + below(trial, 3);
    uint64_t flipped[3];

    for (unsigned i = 0; i < count; i++)
        flip(trial, target, flipped, i);
}

/* ---- what comes of it ---------------------------------------------------------------- */

static void expect_victim(const struct trial *trial, const struct target *target)
{
    const struct smew__lane_losses *losses = &trial->lane->reader.losses;

    if (!target->record || losses->first_number != trial->victim || losses->count != 1 ||
        losses->lost != trial->lost + 1)
        fail_msg("damage in the %s of record %llu cost %llu records from %llu on, %llu in all",
                 target->name, (unsigned long long)trial->victim, (unsigned long long)losses->count,
                 (unsigned long long)losses->first_number,
                 (unsigned long long)(losses->lost - trial->lost));
}

static enum smew_status take(struct trial *trial, struct smew__lane_record *record)
{
    static uint8_t copy[RING / 2];
    struct smew__lane_reader *reader = &trial->lane->reader;
    enum smew_status status = smew__lane_reader_next(reader, record);

    if (status != SMEW_OK)
        return status;
    status = smew__lane_record_check(record, trial->in_place ? NULL : copy);
    if (status != SMEW_OK)
        smew__lane_reader_lose(reader, record);
    else if (!lane_is_intact(record, trial->in_place ? record->body : copy))
        fail_msg("record %llu is not what was sent", (unsigned long long)record->number);
    return status;
}

/* Up to `most` of what is there; a loss is the victim's. */
static void read_on(struct trial *trial, const struct target *target, unsigned most)
{
    struct smew__lane_reader *reader = &trial->lane->reader;

    for (unsigned i = 0; i < most && smew__lane_reader_ready(reader); i++) {
        uint64_t expected = trial->first + trial->delivered +
                            (reader->losses.lost != trial->lost && target->record ? 1 : 0);
        struct smew__lane_record record;
        enum smew_status status = take(trial, &record);

        if (status == SMEW_AGAIN) /* the head does not say yet where the damage ends */
            return;
        if (status == SMEW_CORRUPT) {
            expect_victim(trial, target);
            continue;
        }
        assert_int_equal(status, SMEW_OK);
        assert_true(record.number == expected);
        smew__lane_reader_complete(reader, record.number, SMEW_OK);
        trial->delivered++;
    }
}

static void expect_answers(struct trial *trial, const struct target *target)
{
    struct lane_answers answers = {0};

    (void)smew__lane_reader_publish(&trial->lane->reader);
    assert_int_equal(smew__lane_writer_collect(&trial->lane->writer, lane_on_answer, &answers),
                     SMEW_OK);
    assert_true(smew__lane_writer_idle(&trial->lane->writer));
    assert_int_equal(answers.count, target->record ? 1 : 0);
    if (target->record) {
        assert_true(answers.numbers[0] == trial->victim);
        assert_int_equal(answers.statuses[0], SMEW_CORRUPT);
    }
}

static void try_once(struct lane *lane, struct support_random *random, const struct target *target)
{
    struct trial trial = {.lane = lane, .random = random, .lost = lane->reader.losses.lost};
    unsigned before;

    trial.in_place = below(&trial, 2) == 0;
    put_batch(&trial);
    before = below(&trial, BATCH);
    trial.victim = trial.first + before + below(&trial, BATCH - before);
    read_on(&trial, target, before);
    assert_int_equal(trial.delivered, before);
    damage(&trial, target);
    read_on(&trial, target, UINT32_MAX);
    assert_int_equal(lane_put(lane, 40), SMEW_OK); /* puts the head right */
    read_on(&trial, target, UINT32_MAX);
    assert_int_equal(lane->reader.losses.lost - trial.lost, target->record ? 1 : 0);
    assert_int_equal(trial.delivered, BATCH + 1 - (target->record ? 1 : 0));
    expect_answers(&trial, target);
}

static unsigned trials = 50000;

static void test_damage(void **state)
{
    struct support_random random = support_random_seeded();
    unsigned done[TARGETS] = {0};
    struct lane lane;

    (void)state;
    lane_open(&lane, RING, WINDOW);
    for (unsigned i = 0; i < trials; i++) {
        try_once(&lane, &random, &targets[i % TARGETS]);
        done[i % TARGETS]++;
    }
    assert_false(lane.reader.quarantined);
    for (size_t i = 0; i < TARGETS; i++)
        print_message("%7u times in the %s\n", done[i], targets[i].name);
    print_message("%7llu records, %llu lost\n", (unsigned long long)lane.reader.next_number,
                  (unsigned long long)lane.reader.losses.lost);
    lane_close(&lane);
}

int main(int argument_count, char **arguments)
{
    const struct CMUnitTest tests[] = {SUPPORT_TEST(test_damage)};

    if (argument_count > 1)
        trials = (unsigned)strtoul(arguments[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
