/* SPDX-License-Identifier: MIT */
/*
 * One side of a lane stands still between any two instructions while the other does all that it has
 * to do; then it goes on.  Nobody is left asleep: who is about to sleep looks again, or is rung;
 * and records and answers come once and whole, whoever was slow.
 *
 * A walk over one side's instructions is a walk over the schedules in which it is interrupted once.
 * What only weaker processors reorder is not seen here; tests/shm/models has that.
 */
#include "tests/shm/walk.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <sys/mman.h>

#include <smew/transport.h>

#include "base/clock.h"

enum { RING = SMEW__LANE_BYTES_MIN, BUDGET = 10000 };

/* A sleep that is seen among steps that are not, and one that nobody waits for. */
enum { SHORT_MS = 2000, LONG_MS = 20000 };

static struct stage stage;
static struct stage_record made;
static uint64_t deadline_ns; /* of a child that sleeps; the clock is not read in steps */

/* What the child came to, in memory that it shares. */
static _Atomic int *outcome;

/* The child's part and the parent's; each answers something for the judge. */
struct meeting {
    const char *name;
    int (*child)(void);
    int (*parent)(void);
    const char *(*judge)(int child, int parent);
    bool sleeps; /* the child, when nobody comes */
};

static int child_run(void *argument)
{
    const struct meeting *meeting = argument;

    support_step_stop();
    atomic_store(outcome, meeting->child());
    support_step_stop();
    return 0;
}

static pid_t start(const struct meeting *meeting, unsigned sleep_ms)
{
    deadline_ns = smew__deadline_ns(sleep_ms);
    return support_step_start(child_run, (void *)meeting);
}

/* The child stands after `at` instructions, the parent acts, the child goes on. */
static const char *meet_at(const struct meeting *meeting, unsigned at)
{
    pid_t pid = start(meeting, LONG_MS);
    const char *complaint;
    int own;

    assert_true(support_step(pid, at));
    own = meeting->parent();
    support_step_to_stop(pid);
    complaint = meeting->judge(atomic_load(outcome), own);
    support_step_kill(pid);
    return complaint;
}

/* Finds what there is to visit: nothing behind a sleep, from which the child would not return. */
static void note_points(const struct meeting *meeting, const struct image_parts *parts,
                        struct support_points *points)
{
    pid_t pid = start(meeting, SHORT_MS);
    uint64_t digest = image_digest(parts);
    bool asleep = false;

    while (!asleep) {
        uint64_t before_ns = smew_now_ns();
        uint64_t now;

        if (!support_step(pid, 1))
            break;
        now = image_digest(parts);
        asleep = meeting->sleeps && smew_now_ns() - before_ns >= SHORT_MS * SMEW_NS_PER_MS / 2;
        if (!asleep)
            support_points_note(points, now != digest);
        digest = now;
    }
    assert_int_equal(asleep, meeting->sleeps);
    support_step_kill(pid);
    support_points_plan(points, walk_budget(BUDGET, SUPPORT_EVERY));
}

static void meet_everywhere(const struct meeting *meeting, const struct stage_scene *scene)
{
    struct image_parts parts = {.count = 0};
    uint8_t *image;
    struct support_points points = {0};
    const char *complaint;
    unsigned at;

    stage_open(&stage, scene);
    stage_make(&stage, stage.writer.head_number, &made);
    stage_describe(&stage, &parts);
    image = image_take(&parts, NULL);
    deadline_ns = 1;
    (void)meeting->child(); /* the first time binds symbols and touches pages */
    (void)meeting->parent();
    image_put_back(&parts, image);
    note_points(meeting, &parts, &points);
    image_put_back(&parts, image);
    while (support_points_next(&points, &at)) {
        complaint = meet_at(meeting, at);
        if (complaint != NULL)
            fail_msg("%s, after %u of %u instructions: %s", meeting->name, at, points.total,
                     complaint);
        image_put_back(&parts, image);
    }
    print_message("%s: met at %u of %u instructions\n", meeting->name, points.taken, points.total);
    free(image);
    stage_close(&stage);
}

/* ---- the doorbell -------------------------------------------------------------------- */

/* Rings? */
static int publish(void)
{
    return stage_put(&stage, &made) == SMEW_OK ? smew__lane_writer_must_ring(&stage.writer) : -1;
}

/* Stays awake? */
static int arm(void)
{
    return smew__lane_reader_arm(&stage.reader);
}

static const char *judge_bell(int rings, int awake)
{
    if (rings < 0)
        return "no room";
    return rings == 0 && awake == 0 ? "it sleeps, and nobody rings" : NULL;
}

static const char *judge_bell_again(int awake, int rings)
{
    return judge_bell(rings, awake);
}

static void test_a_consumer_that_goes_to_sleep_is_woken(void **state)
{
    static const struct meeting meetings[] = {
        {"publish meets arm", publish, arm, judge_bell, false},
        {"arm meets publish", arm, publish, judge_bell_again, false},
    };
    const struct stage_scene scene = {.number = 50, .position = 3 * RING - 96, .laps = 40};

    (void)state;
    for (size_t i = 0; i < sizeof meetings / sizeof *meetings; i++)
        meet_everywhere(&meetings[i], &scene);
}

/* ---- room ---------------------------------------------------------------------------- */

enum { WINDOW = 8 };
static const struct stage_scene full = {
    .number = 48, .position = 9 * RING + 64, .laps = 40, .ahead = WINDOW, .taken = WINDOW};

/* Rings? */
static int complete(void)
{
    smew__lane_reader_complete(&stage.reader, stage.reader.completed, SMEW_OK);
    return smew__lane_reader_publish(&stage.reader);
}

static bool note_answer(void *owner, uint64_t number, enum smew_status status)
{
    (void)owner;
    (void)number;
    (void)status;
    return true;
}

/* The lane was full: looks once more, and sleeps until there is room. */
static int wait_for_room(void)
{
    uint32_t seen = smew__lane_writer_turn(&stage.writer);
    enum smew_status status = smew__lane_writer_collect(&stage.writer, note_answer, NULL);

    if (status == SMEW_OK)
        status = stage_put(&stage, &made);
    if (status != SMEW_FULL)
        return (int)status;
    return (int)smew__lane_writer_wait(&stage.writer, seen, deadline_ns);
}

static const char *judge_room(int waited, int rings)
{
    (void)rings;
    return waited == SMEW_OK ? NULL : "it slept through, and there was room";
}

/* A service thread cannot sleep on a futex: it asks for a bell, and looks once more. */
static int watch(void)
{
    smew__lane_writer_watch(&stage.writer, true);
    return smew__lane_writer_collect(&stage.writer, note_answer, NULL) != SMEW_OK ? -1
           : smew__lane_writer_idle(&stage.writer)                                ? 1
                                                                                  : 0;
}

static const char *judge_watch(int collected, int rings)
{
    if (collected < 0)
        return "the answers are impossible";
    return collected == 0 && rings == 0 ? "nobody rings, and there was room" : NULL;
}

static const char *judge_watch_again(int rings, int collected)
{
    return judge_watch(collected, rings);
}

static void test_a_producer_that_waits_is_woken(void **state)
{
    static const struct meeting waits = {"wait meets complete", wait_for_room, complete, judge_room,
                                         true};
    static const struct meeting watches[] = {
        {"watch meets complete", watch, complete, judge_watch, false},
        {"complete meets watch", complete, watch, judge_watch_again, false},
    };
    struct stage_scene one = full;

    (void)state;
    meet_everywhere(&waits, &full);
    one.ahead = 1;
    one.taken = 1;
    one.number = 41;
    for (size_t i = 0; i < sizeof watches / sizeof *watches; i++)
        meet_everywhere(&watches[i], &one);
}

/* ---- records and answers ------------------------------------------------------------- */

/* Takes and answers what is there: how many, or -1 when that is not as it was sent. */
static int take_all(void)
{
    enum smew_status last;
    unsigned count;

    if (walk_drain(&stage, &count, &last) != NULL || last != SMEW_AGAIN)
        return -1;
    (void)smew__lane_reader_publish(&stage.reader);
    return stage.reader.losses.lost == 0 ? (int)count : -1;
}

/* The producer has gone on: what was not taken before is taken now. */
static const char *judge_taken(int rings, int taken)
{
    int more = taken < 0 ? -1 : take_all();

    (void)rings;
    return more < 0 || taken + more != 1 ? "the record does not come once and whole" : NULL;
}

/* The consumer has gone on, or is thought to begin only now. */
static const char *judge_took(int taken, int rings)
{
    if (rings < 0 || taken < 0 || taken > 1)
        return "the record does not come whole";
    if (taken == 1)
        return smew__lane_writer_collect(&stage.writer, note_answer, NULL) == SMEW_OK &&
                       smew__lane_writer_idle(&stage.writer)
                   ? NULL
                   : "the record was answered, and that is not known";
    return take_all() == 1 ? NULL : "the record does not come";
}

static void test_records_come_once_whoever_is_slow(void **state)
{
    static const struct meeting meetings[] = {
        {"publish meets take", publish, take_all, judge_taken, false},
        {"take meets publish", take_all, publish, judge_took, false},
    };
    const struct stage_scene scene = {.number = 50, .position = 3 * RING - 64, .laps = 40};

    (void)state;
    for (size_t i = 0; i < sizeof meetings / sizeof *meetings; i++)
        meet_everywhere(&meetings[i], &scene);
}

/* Answers that it moved; rings? */
static int answer(void)
{
    smew__lane_reader_complete(&stage.reader, stage.reader.completed, SMEW_NO_MACHINE);
    return smew__lane_reader_publish(&stage.reader);
}

static bool count_moved(void *owner, uint64_t number, enum smew_status status)
{
    (void)number;
    *(int *)owner += status == SMEW_NO_MACHINE ? 1 : 100;
    return true;
}

/* How many answers; -1 for what cannot be. */
static int collect(void)
{
    int count = 0;

    return smew__lane_writer_collect(&stage.writer, count_moved, &count) == SMEW_OK ? count : -1;
}

static const char *judge_collected(int rings, int collected)
{
    int more = collect();

    (void)rings;
    return collected >= 0 && more >= 0 && collected + more == 1 &&
                   smew__lane_writer_idle(&stage.writer)
               ? NULL
               : "the answer does not come once";
}

static const char *judge_collecting(int collected, int rings)
{
    (void)rings;
    return collected == 0 || collected == 1 ? NULL : "the answer is not what was answered";
}

static void test_answers_come_once_whoever_is_slow(void **state)
{
    static const struct meeting meetings[] = {
        {"answer meets collect", answer, collect, judge_collected, false},
        {"collect meets answer", collect, answer, judge_collecting, false},
    };
    const struct stage_scene scene = {
        .number = 50, .position = 3 * RING - 64, .laps = 40, .ahead = 1, .taken = 1};

    (void)state;
    for (size_t i = 0; i < sizeof meetings / sizeof *meetings; i++)
        meet_everywhere(&meetings[i], &scene);
}

static int setup(void **state)
{
    outcome =
        mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return outcome == MAP_FAILED ? -1 : support_step_setup(state);
}

static int teardown(void **state)
{
    (void)munmap((void *)outcome, sizeof *outcome);
    return support_teardown(state);
}

#define STEPS_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        STEPS_TEST(test_a_consumer_that_goes_to_sleep_is_woken),
        STEPS_TEST(test_a_producer_that_waits_is_woken),
        STEPS_TEST(test_records_come_once_whoever_is_slow),
        STEPS_TEST(test_answers_come_once_whoever_is_slow),
    };

    if (SUPPORT_SANITIZED)
        return SUPPORT_SKIPPED;
    walk_arguments(argc, argv);
    return cmocka_run_group_tests_name("shm/steps", tests, NULL, NULL);
}
