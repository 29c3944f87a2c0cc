/* SPDX-License-Identifier: MIT */
/* One side of a lane is killed at every instruction; the other side judges. */
#include "tests/shm/walk.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>

/* The longest operation. */
enum { INSTRUCTIONS_MAX = 1 << 18 };

/* Steps that the kills of one walk may take, edges aside. */
static const struct {
    uint64_t usual;
    uint64_t whole;
} budgets[] = {
    [WALK_EVERY] = {2000, SUPPORT_EVERY},
    [WALK_STORES] = {2000, 200000},
    [WALK_THIN] = {1000, 20000},
};

/* What the child says of itself. */
struct progress {
    _Atomic uint64_t begun;
    _Atomic uint64_t ended;
};

static struct progress *progress;
static bool whole;

void walk_arguments(int argc, char **argv)
{
    whole = argc > 1 && strcmp(argv[1], "whole") == 0;
}

uint64_t walk_budget(uint64_t usual, uint64_t of_whole)
{
    return whole ? of_whole : usual;
}

int walk_setup(void **state)
{
    progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return progress == MAP_FAILED ? -1 : support_step_setup(state);
}

int walk_teardown(void **state)
{
    (void)munmap(progress, sizeof *progress);
    return support_teardown(state);
}

void walk_begin(unsigned operation)
{
    atomic_fetch_or(&progress->begun, UINT64_C(1) << operation);
}

void walk_end(unsigned operation)
{
    atomic_fetch_or(&progress->ended, UINT64_C(1) << operation);
}

bool walk_has_begun(unsigned operation)
{
    return (atomic_load(&progress->begun) >> operation & 1) != 0;
}

bool walk_has_ended(unsigned operation)
{
    return (atomic_load(&progress->ended) >> operation & 1) != 0;
}

unsigned walk_begun(void)
{
    return (unsigned)__builtin_popcountll(atomic_load(&progress->begun));
}

unsigned walk_ended(void)
{
    return (unsigned)__builtin_popcountll(atomic_load(&progress->ended));
}

const char *walk_complain(const char *format, ...)
{
    static char sentence[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return sentence;
}

const char *walk_drain(struct stage *stage, unsigned *count, enum smew_status *last)
{
    struct smew__lane_record record;
    uint64_t number = stage->reader.next_number;

    for (*count = 0;; number++, *count += 1) {
        *last = stage_take(stage, false, &record);
        if (*last == SMEW_AGAIN || *last == SMEW_RESET)
            return NULL;
        if (*last != SMEW_OK)
            return walk_complain("record %+lld: %s", (long long)(number - stage->first_number),
                                 smew_status_name(*last));
        if (record.number != number)
            return walk_complain("record %llx came for %llx", (unsigned long long)record.number,
                                 (unsigned long long)number);
        if (!stage_is_intact(stage, number, &record.header, record.body))
            return walk_complain("record %+lld is torn", (long long)(number - stage->first_number));
        smew__lane_reader_complete(&stage->reader, number, SMEW_OK);
    }
}

void walk_answer_taken(struct stage *stage)
{
    for (uint64_t number = stage->reader.completed; number != stage->reader.next_number; number++)
        smew__lane_reader_complete(&stage->reader, number, SMEW_OK);
}

const char *walk_judge_end(struct stage *stage, enum smew_status last)
{
    if (stage->reader.losses.lost != 0 || stage->reader.quarantined)
        return "a loss was reported";
    (void)smew__lane_reader_publish(&stage->reader);
    if (stage->reader.completed != stage->reader.next_number)
        return "what was read does not count as complete";
    if (last == SMEW_AGAIN && atomic_load(&stage->consumer.header->ended) != 0)
        return "the end was said, and does not come";
    if (last == SMEW_AGAIN && smew__lane_reader_ready(&stage->reader))
        return "it is ready, and has nothing";
    if (last == SMEW_AGAIN && smew__lane_reader_arm(&stage->reader))
        return "it does not sleep, and has nothing";
    smew__lane_reader_disarm(&stage->reader);
    return NULL;
}

/* What the walk keeps beside the stages. */
struct notes {
    struct image_parts parts;
    uint8_t *initial;
    uint8_t *latest;
    uint64_t *digests; /* of the memory after so many instructions */
};

/* Where everything is, as it is now: what the walk begins with. */
static void note_beginning(struct walk *walk, struct notes *notes)
{
    notes->parts.count = 0;
    for (unsigned i = 0; i < walk->stage_count; i++)
        stage_describe(&walk->stages[i], &notes->parts);
    if (walk->describe != NULL)
        walk->describe(walk, &notes->parts);
    notes->initial = image_take(&notes->parts, notes->initial);
}

static int operate_run(void *argument)
{
    struct walk *walk = argument;

    walk->in_child = true;
    support_step_stop();
    if (!walk->operate(walk))
        return 1;
    support_step_stop();
    return 0;
}

/* A child where the walk begins. */
static pid_t start(struct walk *walk, struct notes *notes)
{
    image_put_back(&notes->parts, notes->initial);
    if (walk->renew != NULL) {
        walk->renew(walk);
        note_beginning(walk, notes);
    }
    atomic_store(&progress->begun, 0);
    atomic_store(&progress->ended, 0);
    walk->seen = 0;
    return support_step_start(operate_run, walk);
}

/* The first time binds symbols and touches pages. */
static void rehearse(struct walk *walk)
{
    walk->is_dead = true;
    assert_true(walk->operate(walk));
    (void)walk->judge(walk);
}

/* The complaint with its place; the judge's, or one about the walk itself. */
static const char *at_instruction(const char *complaint, const char *what, unsigned at)
{
    static char sentence[512];

    if (complaint == NULL)
        return NULL;
    (void)snprintf(sentence, sizeof sentence, "%s after %u instructions: %s", what, at, complaint);
    return sentence;
}

static const char *judge_standing(struct walk *walk, struct notes *notes)
{
    unsigned at = walk->points.total;
    bool changed = at == 0 || !image_is_unchanged(&notes->parts, notes->latest);
    const char *complaint;

    if (changed)
        notes->latest = image_take(&notes->parts, notes->latest);
    notes->digests[at] = changed ? image_digest(&notes->parts) : notes->digests[at - 1];
    complaint = walk->judge(walk);
    image_put_back(&notes->parts, notes->latest);
    return at_instruction(complaint, "standing", at);
}

static const char *stand_everywhere(struct walk *walk, struct notes *notes)
{
    pid_t pid = start(walk, notes);
    const char *complaint;

    walk->is_dead = false;
    complaint = judge_standing(walk, notes);
    while (complaint == NULL && support_step(pid, 1)) {
        support_points_note(&walk->points, !image_is_unchanged(&notes->parts, notes->latest));
        assert_true(walk->points.total < INSTRUCTIONS_MAX);
        complaint = judge_standing(walk, notes);
    }
    if (complaint == NULL)
        support_step_to_end(pid);
    else
        support_step_kill(pid);
    walk->stores = walk->points.edge_count;
    return complaint;
}

/* A judge that is told of a death; kills are visited in any order. */
static const char *judge_dead(struct walk *walk, const char *what, unsigned at)
{
    walk->kills++;
    walk->is_dead = true;
    return at_instruction(walk->judge(walk), what, at);
}

static const char *kill_at(struct walk *walk, struct notes *notes, unsigned at)
{
    pid_t pid = start(walk, notes);

    assert_true(support_step(pid, at));
    support_step_kill(pid);
    if (walk->renew == NULL && image_digest(&notes->parts) != notes->digests[at])
        return at_instruction("other memory than that of one that stood", "killed", at);
    return judge_dead(walk, "killed", at);
}

static const char *kill_at_points(struct walk *walk, struct notes *notes)
{
    const char *complaint = NULL;
    unsigned at;

    walk->points.after_only = true;
    if (walk->kind == WALK_THIN && !whole)
        walk->points.edge_count = 0;
    support_points_plan(&walk->points,
                        walk_budget(budgets[walk->kind].usual, budgets[walk->kind].whole));
    while (complaint == NULL && support_points_next(&walk->points, &at))
        complaint = kill_at(walk, notes, at);
    return complaint;
}

/* At each entry into and exit from a system call, those of the last stop included. */
static const char *kill_at_calls(struct walk *walk, struct notes *notes)
{
    const char *complaint = NULL;
    bool stands = true;

    for (walk->calls = 0; stands && complaint == NULL; walk->calls++) {
        pid_t pid = start(walk, notes);

        stands = support_step_calls(pid, walk->calls + 1);
        support_step_kill(pid);
        complaint = judge_dead(walk, "killed at a call", walk->calls);
    }
    return complaint;
}

const char *walk_run(struct walk *walk)
{
    struct notes notes = {.digests = calloc(INSTRUCTIONS_MAX, sizeof(uint64_t))};
    const char *complaint;

    assert_non_null(notes.digests);
    memset(&walk->points, 0, sizeof walk->points);
    walk->kills = 0;
    note_beginning(walk, &notes);
    rehearse(walk);
    complaint = stand_everywhere(walk, &notes);
    if (complaint == NULL)
        complaint = kill_at_points(walk, &notes);
    if (complaint == NULL)
        complaint = kill_at_calls(walk, &notes);
    image_put_back(&notes.parts, notes.initial);
    free(notes.initial);
    free(notes.latest);
    free(notes.digests);
    return complaint;
}

void walk_expect_survival(struct walk *walk, const char *name)
{
    const char *complaint = walk_run(walk);

    if (complaint != NULL)
        fail_msg("%s: %s", name, complaint);
    assert_true(walk->stores > 0);
    print_message("%s: judged at %u instructions, %u stores seen; killed %u times, %u at calls\n",
                  name, walk->points.total + 1, walk->stores, walk->kills, walk->calls);
}
