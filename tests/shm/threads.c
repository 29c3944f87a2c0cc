/* SPDX-License-Identifier: MIT */
/*
 * Producer and consumer as threads over one mapping, where ThreadSanitizer sees every access of
 * both: records of all sizes, written in place, aborted, shortened; copied or read in place;
 * answered in any order; both sides sleeping whenever they have nothing to do.
 *
 * The bell is a futex with relaxed counting, which orders nothing: what makes the bytes of a record
 * visible can only be the lane.  Nobody sleeps for ever: who has slept too long and finds something
 * has lost a wake, and that is a failure.
 *
 *     tests_shm_threads [RECORDS]      of a run; 100,000 by default
 */
#include "tests/shm/lane.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/os/thread.h"

enum { HELD_MOST = 32, TOO_LONG_MS = 30000, PRODUCERS_MOST = 3 };

static uint64_t records = 100000;

struct stage {
    struct lane lane;
    _Atomic uint32_t bell;
    unsigned producers;
    struct smew__mutex lock; /* of the writer, when several threads have it */
    uint64_t records;        /* to be sent */
    uint64_t sent;           /* with it */
    uint64_t rejected;       /* answers that came, with it */
    atomic_bool failed;
};

/* One of the threads. */
struct role {
    struct stage *stage;
    struct smew__thread thread;
    struct support_random random;
    uint64_t sleeps;
};

/* Threads of a test say what is wrong, and the test fails when they have ended. */
static void complain(struct stage *stage, const char *sentence)
{
    print_message("%s\n", sentence);
    atomic_store(&stage->failed, true);
}

static bool is_rejected(uint64_t number)
{
    return number % 97 == 5;
}

/* ---- the producer -------------------------------------------------------------------- */

static bool on_answer(void *owner, uint64_t number, enum smew_status status)
{
    struct stage *stage = owner;

    if (status != SMEW_REJECTED || !is_rejected(number))
        complain(stage, "an answer that was not given");
    stage->rejected++;
    return true;
}

static void collect(struct stage *stage)
{
    if (smew__lane_writer_collect(&stage->lane.writer, on_answer, stage) != SMEW_OK)
        complain(stage, "the consumer's cursors are impossible");
}

static void ring(struct stage *stage)
{
    atomic_fetch_add_explicit(&stage->bell, 1, memory_order_relaxed);
    smew__futex_wake(&stage->bell);
}

/* Reserved, and given back; or reserved larger than it becomes. */
static enum smew_status put_other(struct role *role, uint32_t size)
{
    struct lane *lane = &role->stage->lane;
    struct smew__record_header header;
    uint8_t *record;
    enum smew_status status;

    if (support_random_below(&role->random, 2) == 0) {
        status = smew__lane_writer_reserve(&lane->writer, size, &record);
        if (status == SMEW_OK)
            smew__lane_writer_abort(&lane->writer);
        return status == SMEW_OK ? lane_put(lane, size) : status;
    }
    status = lane_write(lane, size, &header);
    if (status == SMEW_OK)
        (void)smew__lane_writer_commit(&lane->writer, &header);
    return status;
}

/* With the lock held. */
static enum smew_status put(struct role *role, uint32_t size)
{
    struct stage *stage = role->stage;
    enum smew_status status = size % 5 == 0 ? put_other(role, size) : lane_put(&stage->lane, size);

    if (status == SMEW_OK) {
        stage->sent++;
        if (smew__lane_writer_must_ring(&stage->lane.writer))
            ring(stage);
    }
    return status;
}

/* With the lock held, which is given back meanwhile. */
static bool wait_for_room(struct role *role, uint32_t turn)
{
    struct stage *stage = role->stage;
    enum smew_status status;

    role->sleeps++;
    smew__mutex_unlock(&stage->lock);
    status = smew__lane_writer_wait(&stage->lane.writer, turn, smew__deadline_ns(TOO_LONG_MS));
    smew__mutex_lock(&stage->lock);
    collect(stage);
    return status == SMEW_OK;
}

/* With the lock held. */
static void put_one(struct role *role)
{
    struct stage *stage = role->stage;
    uint32_t limit = (uint32_t)smew__lane_writer_body_max(&stage->lane.writer);
    uint32_t most = support_random_below(&role->random, 16) == 0 ? limit : 300;
    uint32_t size = (uint32_t)support_random_below(&role->random, most + 1);
    enum smew_status status = put(role, size);

    while (status == SMEW_FULL && !atomic_load(&stage->failed)) {
        uint32_t turn = smew__lane_writer_turn(&stage->lane.writer);
        bool woken = true;

        collect(stage);
        status = put(role, size);
        if (status == SMEW_FULL) {
            woken = wait_for_room(role, turn);
            status = put(role, size);
        }
        if (!woken && status == SMEW_OK)
            complain(stage, "there was room, and nobody woke the producer");
    }
    if (status != SMEW_OK)
        complain(stage, "a record was not taken");
}

static void produce(void *argument)
{
    struct role *role = argument;
    struct stage *stage = role->stage;

    smew__mutex_lock(&stage->lock);
    while (stage->sent < stage->records && !atomic_load(&stage->failed)) {
        put_one(role);
        if (stage->producers > 1) { /* the others' turn */
            smew__mutex_unlock(&stage->lock);
            smew__mutex_lock(&stage->lock);
        }
    }
    if (--stage->producers == 0) {
        smew__lane_writer_end(&stage->lane.writer);
        ring(stage);
    }
    smew__mutex_unlock(&stage->lock);
}

/* ---- the consumer -------------------------------------------------------------------- */

struct held {
    uint64_t numbers[HELD_MOST];
    unsigned count;
};

static void complete_some(struct role *role, struct held *held, unsigned leave)
{
    struct smew__lane_reader *reader = &role->stage->lane.reader;

    while (held->count > leave) {
        unsigned which = (unsigned)support_random_below(&role->random, held->count);
        uint64_t number = held->numbers[which];

        smew__lane_reader_complete(reader, number, is_rejected(number) ? SMEW_REJECTED : SMEW_OK);
        held->numbers[which] = held->numbers[--held->count];
    }
    (void)smew__lane_reader_publish(reader);
}

static void consume_one(struct role *role, const struct smew__lane_record *record,
                        uint64_t expected)
{
    static uint8_t copy[64 * 1024];
    bool in_place = support_random_below(&role->random, 2) == 0;

    if (record->number != expected)
        complain(role->stage, "a record is not the next");
    if (smew__lane_record_check(record, in_place ? NULL : copy) != SMEW_OK ||
        !lane_is_intact(record, in_place ? record->body : copy))
        complain(role->stage, "a record is torn");
}

/* Nothing is there: until the bell. */
static void doze(struct role *role)
{
    struct stage *stage = role->stage;
    struct smew__lane_reader *reader = &stage->lane.reader;
    uint32_t bell = atomic_load_explicit(&stage->bell, memory_order_relaxed);

    if (!smew__lane_reader_arm(reader)) {
        role->sleeps++;
        if (smew__futex_wait(&stage->bell, bell, smew__deadline_ns(TOO_LONG_MS)) != SMEW_OK &&
            smew__lane_reader_ready(reader))
            complain(stage, "there was a record, and nobody woke the consumer");
    }
    smew__lane_reader_disarm(reader);
}

static void consume(void *argument)
{
    struct role *role = argument;
    struct stage *stage = role->stage;
    struct smew__lane_reader *reader = &stage->lane.reader;
    unsigned hold = stage->lane.memory.window < HELD_MOST ? 1 : HELD_MOST;
    struct held held = {.count = 0};
    uint64_t number = reader->next_number;

    while (!atomic_load(&stage->failed)) {
        struct smew__lane_record record;
        enum smew_status status = smew__lane_reader_next(reader, &record);

        if (status == SMEW_RESET)
            break;
        if (status == SMEW_AGAIN) {
            complete_some(role, &held, 0);
            doze(role);
            continue;
        }
        if (status != SMEW_OK) {
            complain(stage, "damage");
            break;
        }
        consume_one(role, &record, number++);
        held.numbers[held.count++] = record.number;
        if (held.count == hold)
            complete_some(role, &held, (unsigned)support_random_below(&role->random, hold));
    }
    complete_some(role, &held, 0);
}

/* ---- runs ---------------------------------------------------------------------------- */

static void start(struct role *role, struct stage *stage, const char *name, uint64_t seed,
                  void (*run)(void *argument))
{
    *role = (struct role){.stage = stage, .random = {seed}};
    assert_int_equal(smew__thread_start(&role->thread, name, run, role), SMEW_OK);
}

static void check_end(struct stage *stage)
{
    uint64_t rejected = 0;

    assert_false(atomic_load(&stage->failed));
    collect(stage);
    assert_true(smew__lane_writer_idle(&stage->lane.writer));
    for (uint64_t number = 0; number < stage->lane.writer.head_number; number++)
        rejected += is_rejected(number);
    assert_int_equal(stage->rejected, rejected);
    assert_true(stage->lane.reader.next_number == stage->lane.writer.head_number);
    assert_int_equal(stage->lane.reader.losses.lost, 0);
    assert_int_equal(atomic_load(&stage->lane.memory.header->waiting), 0);
}

static void run(uint64_t ring_bytes, uint32_t window, unsigned producers, uint64_t count)
{
    struct stage stage = {.producers = producers, .records = count};
    struct role roles[PRODUCERS_MOST];
    struct role consumer;
    uint64_t sleeps = 0;

    lane_open(&stage.lane, ring_bytes, window);
    assert_int_equal(smew__mutex_init(&stage.lock), SMEW_OK);
    start(&consumer, &stage, "consumer", 1, consume);
    for (unsigned i = 0; i < producers; i++)
        start(&roles[i], &stage, "producer", 2 + i, produce);
    for (unsigned i = 0; i < producers; i++) {
        smew__thread_join(&roles[i].thread);
        sleeps += roles[i].sleeps;
    }
    smew__thread_join(&consumer.thread);
    check_end(&stage);
    print_message("%llu records; the producer slept %llu times, the consumer %llu\n",
                  (unsigned long long)stage.sent, (unsigned long long)sleeps,
                  (unsigned long long)consumer.sleeps);
    smew__mutex_fini(&stage.lock);
    lane_close(&stage.lane);
}

static void test_small_ring(void **state)
{
    (void)state;
    run(SMEW__LANE_BYTES_MIN, 256, 1, records);
}

static void test_small_window(void **state)
{
    (void)state;
    run(SMEW__LANE_BYTES_DEFAULT, 2, 1, records / 4); /* a sleep for every second one */
}

static void test_usual(void **state)
{
    (void)state;
    run(SMEW__LANE_BYTES_DEFAULT, 1024, 1, records);
}

/* Threads that share a lane under a lock, and wait for room without it. */
static void test_several_producers(void **state)
{
    (void)state;
    run(SMEW__LANE_BYTES_MIN, 8, PRODUCERS_MOST, records / 4);
}

int main(int argument_count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_TEST(test_small_ring),
        SUPPORT_TEST(test_small_window),
        SUPPORT_TEST(test_usual),
        SUPPORT_TEST(test_several_producers),
    };

    if (argument_count > 1)
        records = strtoull(arguments[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
