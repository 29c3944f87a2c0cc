/* SPDX-License-Identifier: MIT */
/*
 * The consumer is killed at every instruction of taking records and of answering them, in and out
 * of order, with OK and with anything else, over damage, over the end of the answers and of the
 * counters.  The producer learns the answer of each record that was said to be answered, still has
 * every other one, whole and in order, and has at most a window of them.
 *
 * walk.h says why standing still at an instruction is as good as being killed there.
 */
#include "tests/shm/walk.h"

#include <stdio.h>

enum { RING = SMEW__LANE_BYTES_MIN, WINDOW = 8 };

/* What a walk's consumer answers to the records in flight, in which order. */
struct answering {
    unsigned count;
    unsigned order[WINDOW]; /* the n-th in flight */
    enum smew_status statuses[WINDOW];
    unsigned damaged;    /* bit n: the n-th in flight is */
    bool publish_at_end; /* instead of after each */
};

/* ---- the survivor -------------------------------------------------------------------- */

enum seen { UNKNOWN, UNANSWERED, ANSWERED };

/* What the producer found out about a record in flight. */
struct finding {
    enum seen seen;
    enum smew_status status;
};

struct findings {
    uint64_t first; /* number of the oldest in flight */
    unsigned count;
    struct finding found[WINDOW];
    const char *complaint;
    unsigned calls;
};

static bool on_answer(void *owner, uint64_t number, enum smew_status status)
{
    struct findings *findings = owner;
    uint64_t offset = number - findings->first;

    findings->calls++;
    if (offset >= findings->count)
        findings->complaint = "an answer for what is not in flight";
    else if (findings->found[offset].seen != UNKNOWN)
        findings->complaint = walk_complain("record %u is answered twice", (unsigned)offset);
    else
        findings->found[offset] = (struct finding){ANSWERED, status};
    return true;
}

/* What is to be sent again: whole, in order, and nothing of it answered. */
static const char *find_unanswered(const struct stage *stage, struct findings *findings,
                                   unsigned damaged)
{
    uint64_t number = stage->writer.tail_number;
    struct smew__record_header header;
    const uint8_t *body;

    for (;; number++) {
        enum smew_status status =
            smew__lane_writer_unanswered(&stage->writer, &number, &header, &body);
        uint64_t offset = number - findings->first;

        if (status == SMEW_NOT_FOUND)
            return NULL;
        if (offset >= findings->count)
            return "to be sent again is what is not in flight";
        if (findings->found[offset].seen != UNKNOWN)
            return walk_complain("record %u is answered, and to be sent again", (unsigned)offset);
        if ((status == SMEW_CORRUPT) != (damaged >> offset & 1))
            return walk_complain("record %u: %s", (unsigned)offset, smew_status_name(status));
        if (status == SMEW_OK && !stage_is_intact(stage, number, &header, body))
            return walk_complain("record %u is torn", (unsigned)offset);
        findings->found[offset].seen = UNANSWERED;
    }
}

static enum smew_status answer_to(const struct answering *answering, unsigned offset)
{
    for (unsigned i = 0; i < answering->count; i++)
        if (answering->order[i] == offset)
            return answering->statuses[i];
    return SMEW_OK;
}

/* What was found of one record, against what the consumer says that it did. */
static const char *judge_record(const struct answering *answering, unsigned offset,
                                const struct finding *finding)
{
    enum smew_status given = answer_to(answering, offset);

    if (finding->seen == UNANSWERED)
        return walk_has_ended(offset)
                   ? walk_complain("record %u was answered, and comes again", offset)
                   : NULL;
    if (!walk_has_begun(offset))
        return walk_complain("record %u was not answered, and is lost", offset);
    if (finding->status != given)
        return walk_complain("record %u was answered %s, and that came as %s", offset,
                             smew_status_name(given), smew_status_name(finding->status));
    return NULL;
}

/* Known to be at its end, with everything older (settled) or before it (done)? */
static bool is_known(const struct stage *stage, uint64_t number)
{
    return smew__lane_writer_settled(&stage->writer, number) ||
           smew__lane_writer_done(&stage->writer, number);
}

/* Known is what is not to be sent again; looking again changes nothing. */
static const char *judge_again(struct stage *stage, struct findings *findings)
{
    unsigned calls = findings->calls;

    for (unsigned i = 0; i < findings->count; i++)
        if (is_known(stage, findings->first + i) != (findings->found[i].seen != UNANSWERED))
            return walk_complain("record %u is at its end, or not, against its answer", i);
    if (smew__lane_writer_has_answers(&stage->writer))
        return "there are answers after all were collected";
    if (smew__lane_writer_collect(&stage->writer, on_answer, findings) != SMEW_OK ||
        findings->calls != calls)
        return "an answer comes twice";
    return NULL;
}

static const char *judge(struct walk *walk)
{
    struct stage *stage = &walk->stages[0];
    const struct answering *answering = walk->argument;
    struct findings findings = {.first = stage->writer.tail_number};
    unsigned answered = 0;
    const char *complaint;

    findings.count = (unsigned)(stage->writer.head_number - findings.first);
    if (smew__lane_writer_collect(&stage->writer, on_answer, &findings) != SMEW_OK)
        return "the answers are impossible";
    complaint = findings.complaint;
    if (complaint == NULL)
        complaint = find_unanswered(stage, &findings, answering->damaged);
    for (unsigned i = 0; complaint == NULL && i < findings.count; i++) {
        complaint = judge_record(answering, i, &findings.found[i]);
        answered += findings.found[i].seen != UNANSWERED;
    }
    if (complaint == NULL)
        complaint = judge_again(stage, &findings);
    if (complaint == NULL && answered < walk->seen)
        complaint = "an answer was there, and is not";
    walk->seen = answered;
    return complaint;
}

/* ---- what the consumer does ---------------------------------------------------------- */

static void publish(struct walk *walk)
{
    (void)smew__lane_reader_publish(&walk->stages[0].reader);
}

/* All that are in flight were taken before: only the answers are walked over. */
static bool answer_all(struct walk *walk)
{
    struct stage *stage = &walk->stages[0];
    const struct answering *answering = walk->argument;
    uint64_t first = stage->writer.tail_number;

    for (unsigned i = 0; i < answering->count; i++) {
        unsigned offset = answering->order[i];

        walk_begin(offset);
        smew__lane_reader_complete(&stage->reader, first + offset, answering->statuses[i]);
        if (!answering->publish_at_end) {
            publish(walk);
            walk_end(offset);
        }
    }
    if (!answering->publish_at_end)
        return true;
    publish(walk);
    for (unsigned i = 0; i < answering->count; i++)
        walk_end(answering->order[i]);
    return true;
}

/* A consumer's whole turn: takes what is there, answers each, goes to sleep. */
static bool take_and_answer(struct walk *walk, bool in_place)
{
    struct stage *stage = &walk->stages[0];
    const struct answering *answering = walk->argument;
    uint64_t first = stage->writer.tail_number;
    struct smew__lane_record record;

    for (unsigned i = 0; i < answering->count; i++) {
        bool damaged = (answering->damaged >> i & 1) != 0;
        enum smew_status status;

        if (damaged)
            walk_begin(i); /* it is the reader that answers */
        status = stage_take(stage, in_place, &record);
        if (damaged ? status != SMEW_CORRUPT : status != SMEW_OK || record.number != first + i)
            return false;
        walk_begin(i);
        if (!damaged)
            smew__lane_reader_complete(&stage->reader, record.number, answering->statuses[i]);
        publish(walk);
        walk_end(i);
    }
    if (smew__lane_reader_next(&stage->reader, &record) != SMEW_AGAIN ||
        smew__lane_reader_arm(&stage->reader))
        return false;
    smew__lane_reader_disarm(&stage->reader);
    return true;
}

static bool take_copies(struct walk *walk)
{
    return take_and_answer(walk, false);
}

static bool take_in_place(struct walk *walk)
{
    return take_and_answer(walk, true);
}

static bool take_and_leave(struct walk *walk)
{
    if (!take_and_answer(walk, false))
        return false;
    smew__lane_reader_close(&walk->stages[0].reader, SMEW__LANE_CLOSED);
    return true;
}

/* ---- walks --------------------------------------------------------------------------- */

static const uint32_t sizes[] = {64, 1, 200, 0, 33, 120, 9};

static struct stage_scene scene_of(uint64_t number, uint64_t position, unsigned ahead,
                                   unsigned taken)
{
    return (struct stage_scene){.sizes = sizes,
                                .size_count = sizeof sizes / sizeof *sizes,
                                .window = WINDOW,
                                .number = number,
                                .position = position,
                                .laps = 61,
                                .ahead = ahead,
                                .taken = taken};
}

/* Where the walks are done: in the middle, over the ring's end, over the end of the counters. */
static const struct {
    const char *name;
    uint64_t number;
    uint64_t position;
} places[] = {
    {"in the middle", 1000, 7 * RING + 2048},
    {"at the end of the ring", 77, 7 * RING + 256},
    {"at 2^32", (UINT64_C(1) << 32) + 2, (UINT64_C(1) << 32) + 192},
    {"at 2^64", 2, 192},
};
enum { PLACES = sizeof places / sizeof *places };

static void walk_over(unsigned place, unsigned ahead, unsigned taken,
                      const struct answering *answering, bool (*operate)(struct walk *walk),
                      const char *what)
{
    struct stage_scene scene = scene_of(places[place].number, places[place].position, ahead, taken);
    struct walk walk = {.stage_count = 1,
                        .operate = operate,
                        .judge = judge,
                        .argument = answering,
                        .kind = place == 0 ? WALK_EVERY : WALK_THIN};
    char name[96];

    (void)snprintf(name, sizeof name, "%s, %s", places[place].name, what);
    stage_open(&walk.stages[0], &scene);
    walk_expect_survival(&walk, name);
    stage_close(&walk.stages[0]);
}

static void test_taking(void **state)
{
    static const struct answering two = {.count = 2, .order = {0, 1}};
    static const struct answering mixed = {
        .count = 2, .order = {0, 1}, .statuses = {SMEW_NO_MACHINE, SMEW_OK}};

    (void)state;
    for (unsigned i = 0; i < PLACES; i++) {
        walk_over(i, two.count, 0, &two, take_copies, "copies");
        walk_over(i, two.count, 0, &two, take_in_place, "in place");
        walk_over(i, mixed.count, 0, &mixed, take_and_leave, "another answer, and leaves");
    }
}

static void test_answers_in_any_order(void **state)
{
    static const struct {
        const char *name;
        struct answering answering;
    } cases[] = {
        {"in order", {.count = 4, .order = {0, 1, 2, 3}}},
        {"backwards", {.count = 4, .order = {3, 2, 1, 0}}},
        {"not the first",
         {.count = 3, .order = {2, 4, 1}, .statuses = {SMEW_OK, SMEW_NO_MACHINE, SMEW_OK}}},
        {"other than OK, in order",
         {.count = 3, .order = {0, 1, 2}, .statuses = {SMEW_NO_MACHINE, SMEW_OK, SMEW_REJECTED}}},
        {"other than OK, in any order",
         {.count = 5,
          .order = {2, 0, 4, 3, 1},
          .statuses = {SMEW_NO_MACHINE, SMEW_OK, SMEW_OK, SMEW_EXPIRED, SMEW_NO_MACHINE}}},
        {"all at once",
         {.count = 5,
          .order = {1, 2, 0, 4, 3},
          .statuses = {SMEW_OK, SMEW_NO_MACHINE, SMEW_OK, SMEW_OK, SMEW_EXPIRED},
          .publish_at_end = true}},
        {"a whole window",
         {.count = WINDOW,
          .order = {7, 6, 5, 4, 3, 2, 1, 0},
          .statuses = {SMEW_NO_MACHINE, SMEW_NO_MACHINE, SMEW_NO_MACHINE, SMEW_NO_MACHINE,
                       SMEW_NO_MACHINE, SMEW_NO_MACHINE, SMEW_NO_MACHINE, SMEW_NO_MACHINE}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned j = 0; j < PLACES; j++)
            walk_over(j, WINDOW, WINDOW, &cases[i].answering, answer_all, cases[i].name);
}

/* A record was damaged, in its commit word, its header or its body, before anybody looked. */
static void test_taking_over_damage(void **state)
{
    static const struct answering one_lost = {
        .count = 2, .order = {0, 1}, .statuses = {SMEW_CORRUPT, SMEW_OK}, .damaged = 1u << 0};
    static const unsigned offsets[] = {0, 20, 32};

    (void)state;
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        struct stage_scene scene =
            scene_of(places[0].number, places[0].position, one_lost.count, 0);
        struct walk walk = {
            .stage_count = 1, .operate = take_copies, .judge = judge, .argument = &one_lost};
        struct stage *stage = &walk.stages[0];
        char name[64];

        stage_open(stage, &scene);
        stage->producer.ring[(stage->reader.next_position + offsets[i]) % RING] ^= 1;
        (void)snprintf(name, sizeof name, "damage at %u", offsets[i]);
        walk_expect_survival(&walk, name);
        stage_close(stage);
    }
}

/* ---- the judge is judged ------------------------------------------------------------- */

static bool claim_too_early(struct walk *walk)
{
    atomic_fetch_add(&walk->stages[0].consumer.cursors->completed, 1);
    walk_begin(0);
    walk_end(0);
    return true;
}

static bool claim_without_an_end(struct walk *walk)
{
    walk_begin(0);
    smew__lane_reader_complete(&walk->stages[0].reader, walk->stages[0].writer.tail_number,
                               SMEW_OK);
    walk_end(0);
    publish(walk);
    return true;
}

/* `completed` first, the answer that is not OK only then. */
static bool claim_in_the_wrong_order(struct walk *walk)
{
    struct smew__cursors *cursors = walk->stages[0].consumer.cursors;
    uint64_t number = walk->stages[0].writer.tail_number;

    walk_begin(0);
    atomic_fetch_add(&cursors->completed, 1);
    atomic_store(&cursors->answers[number % WINDOW],
                 number << 8 | ((unsigned)SMEW_NO_MACHINE & 0xff));
    atomic_fetch_add(&cursors->specials, 1);
    walk_end(0);
    return true;
}

static bool claim_the_impossible(struct walk *walk)
{
    atomic_fetch_add(&walk->stages[0].consumer.cursors->completed, WINDOW + 1);
    return true;
}

static void test_the_judge_finds_faults(void **state)
{
    static bool (*const faults[])(struct walk * walk) = {
        claim_too_early, claim_without_an_end, claim_in_the_wrong_order, claim_the_impossible};
    static const struct answering moved = {.count = 1, .order = {0}, .statuses = {SMEW_NO_MACHINE}};
    static const struct answering well = {.count = 1, .order = {0}};
    struct stage_scene scene = scene_of(places[0].number, places[0].position, 3, 3);

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct walk walk = {
            .stage_count = 1,
            .operate = faults[i],
            .judge = judge,
            .argument = faults[i] == claim_in_the_wrong_order ? &moved : &well,
        };
        const char *complaint;

        stage_open(&walk.stages[0], &scene);
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
        WALK_TEST(test_taking),
        WALK_TEST(test_answers_in_any_order),
        WALK_TEST(test_taking_over_damage),
        WALK_TEST(test_the_judge_finds_faults),
    };

    if (SUPPORT_SANITIZED)
        return SUPPORT_SKIPPED;
    walk_arguments(argc, argv);
    return cmocka_run_group_tests_name("shm/kill_consumer", tests, NULL, NULL);
}
